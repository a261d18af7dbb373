/* mutant.c - the mutex object.
 *
 * SignalState 1 is free; 0, -1, -2 ... is owned once, twice, three times by OwnerThread, in whose list the
 * mutant then is. Taking it is part of a wait's satisfaction (wake.c does it for whoever gets it, running or
 * not); giving it back hands it to the first waiter at once, so a releaser cannot take it again before that
 * one.
 * Who owns it stands in three places: the state, OwnerThread and the owner's list. All three change under the mutant's
 * lock, in the short ways (wait_one.c, TakeMutant; KeReleaseMutex) as in the long ones, so whoever holds the lock finds
 * them agreed: an abandoner, a wait for all, a waiter about to sleep. The short ways leave out what they have looked
 * for under that lock and not found: a mark, other levels, other mutants of the thread, waiters. One step on the state
 * alone, as for an event, would save three instructions and leave a mutant that is taken and nobody's for a moment, in
 * which an abandoner could free it under its new owner.
 * A KMUTEX differs from a KMUTANT only in ApcDisable: its owner is in a critical region, and must not end. */
#include "ki.h"

void KiLinkMutant(PKTHREAD Thread, PKMUTANT Mutant)
{
    if (LIKELY(Thread->OneMutant == NULL)) {
        Thread->OneMutant = Mutant;
        return;
    }
    KiAcquireRawLock(&Thread->MutantLock);
    InsertTailList(&Thread->MutantListHead, &Mutant->MutantListEntry);
    KiReleaseRawLock(&Thread->MutantLock);
}

/* The owner itself looks at OneMutant without the lock: it fills that only when it is empty, and empties it only with
 * the mutant locked. */
static void Unlink(PKTHREAD Owner, PKMUTANT Mutant)
{
    KiAcquireRawLock(&Owner->MutantLock);
    if (Owner->OneMutant == Mutant)
        Owner->OneMutant = NULL;
    else
        RemoveEntryList(&Mutant->MutantListEntry);
    KiReleaseRawLock(&Owner->MutantLock);
}

/* Mutant is locked; its owner, if any, has no level left: free it, and wake. Returns: the woken. */
static PKTHREAD Free(PKMUTANT Mutant, KPRIORITY Increment, ULONG64 Flags)
{
    if (LIKELY(Mutant->OwnerThread != NULL))
        Unlink(Mutant->OwnerThread, Mutant);
    Mutant->OwnerThread = NULL;
    Mutant->Header.SignalState = 1;
    return IsListEmpty(&Mutant->Header.WaitListHead) ? NULL : KiWakeWaiters(&Mutant->Header, Increment, Flags);
}

/* Any of Thread's mutants, locked; NULL if it has none. Against the order, so the mutant's lock is only tried: while
 * the list's is held, nobody takes the mutant out of its list, and it cannot vanish. */
static PKMUTANT LockOneOf(PKTHREAD Thread)
{
    for (;;) {
        PKMUTANT Mutant;

        KiAcquireRawLock(&Thread->MutantLock);
        Mutant = Thread->OneMutant;
        if (Mutant == NULL && !IsListEmpty(&Thread->MutantListHead))
            Mutant = CONTAINING_RECORD(Thread->MutantListHead.Flink, KMUTANT, MutantListEntry);
        if (Mutant == NULL || KiTryLockObject(&Mutant->Header)) {
            KiReleaseRawLock(&Thread->MutantLock);
            return Mutant;
        }
        KiReleaseRawLock(&Thread->MutantLock);
        ArchPause();
    }
}

/* For thread.c: Thread, the current one, ends. */
void KiAbandonMutants(PKTHREAD Thread)
{
    PKMUTANT Mutant;

    while ((Mutant = LockOneOf(Thread)) != NULL) {
        PKTHREAD Woken;

        if (Mutant->ApcDisable != 0)
            KeBugCheckWith(THREAD_TERMINATE_HELD_MUTEX, (ULONG_PTR)Thread, (ULONG_PTR)Mutant, 0, 0,
                           "thread %p ends and still owns mutex %p", Thread, Mutant);
        Mutant->Abandoned = TRUE;
        Woken = Free(Mutant, MUTANT_INCREMENT, 0);
        KiUnlockObject(&Mutant->Header);
        KiReadyWoken(Woken, 0);
    }
}

/* Not the owner. */
static NOINLINE DECLSPEC_NORETURN void Refuse(PKMUTANT Mutant, ULONG64 Flags)
{
    NTSTATUS Status = Mutant->Abandoned ? STATUS_ABANDONED : STATUS_MUTANT_NOT_OWNED;

    KiUnlockObject(&Mutant->Header);
    ArchRestoreInterrupts(Flags);
    KiRaiseStatus(Status);
}

/* Interrupts are off, and were as Flags say. */
static NOINLINE LONG Release(PRKMUTANT Mutant, KPRIORITY Increment, BOOLEAN Abandoned, BOOLEAN Wait, ULONG64 Flags)
{
    PKTHREAD Thread = KiCurrentThread(), Owner, Woken = NULL;
    UCHAR Enable = 0;
    LONG Previous;

    KiLockObject(&Mutant->Header);
    Owner = Mutant->OwnerThread;
    Previous = Mutant->Header.SignalState;
    if (UNLIKELY(!Abandoned && Owner != Thread))
        Refuse(Mutant, Flags);
    if (Abandoned)
        Mutant->Abandoned = TRUE;
    if (Abandoned || LIKELY(Previous == 0)) {
        Enable = Mutant->ApcDisable;
        Woken = Free(Mutant, Increment, Flags);
    } else {
        Mutant->Header.SignalState = Previous + 1;
    }
    if (LIKELY(Owner == Thread))
        Thread->KernelApcDisable += Enable;
    KiUnlockObject(&Mutant->Header);
    if (UNLIKELY(Owner != Thread) && Owner != NULL && Enable != 0)
        KiLeaveRegionsOf(Owner, Enable);
    KiReadyWoken(Woken, 0);
    if (UNLIKELY(Wait))
        KiLeaveRaised(Flags, Thread);
    else
        KiLeave(Flags);
    if (Enable != 0 && Owner == Thread && Thread->KernelApcDisable == 0 &&
        UNLIKELY(!IsListEmpty(&Thread->ApcState.ApcListHead[KernelMode])))
        KiDeliverHeldBack(Thread);
    return Previous;
}

static NOINLINE LONG ReleaseMutex(PRKMUTEX Mutex, BOOLEAN Wait, ULONG64 Flags)
{
    return Release(Mutex, MUTANT_INCREMENT, FALSE, Wait, Flags);
}

static void Initialize(PKMUTANT Mutant, UCHAR ApcDisable)
{
    Mutant->Header.Type = MutantObject;
    Mutant->Header.Size = sizeof(KMUTANT) / sizeof(ULONG);
    Mutant->Header.SignalState = 1;
    InitializeListHead(&Mutant->Header.WaitListHead);
    Mutant->OwnerThread = NULL;
    Mutant->Abandoned = FALSE;
    Mutant->ApcDisable = ApcDisable;
}

PKMUTANT KeFindOwnedMutex(void)
{
    PKTHREAD Thread = KiCurrentThread();
    PLIST_ENTRY Head = &Thread->MutantListHead;

    if (Thread->OneMutant != NULL && Thread->OneMutant->ApcDisable != 0)
        return Thread->OneMutant;
    for (PLIST_ENTRY Link = Head->Flink; Link != Head; Link = Link->Flink) {
        PKMUTANT Mutant = CONTAINING_RECORD(Link, KMUTANT, MutantListEntry);

        if (Mutant->ApcDisable != 0)
            return Mutant;
    }
    return NULL;
}

/* ---- Public ---- */

/* KeInitializeMutex - Mutex becomes a free mutex; Level is ignored. Header bytes 1 and 3 stay as found. IRQL: any.
 * Source: WDK nf-wdm-keinitializemutex. */
VOID KeInitializeMutex(PRKMUTEX Mutex, ULONG Level)
{
    UNREFERENCED_PARAMETER(Level);
    Initialize(Mutex, 1);
}

/* KeInitializeMutant - Mutant becomes a mutant that does not disable APCs, owned by the caller if InitialOwner.
 * IRQL: <= DISPATCH_LEVEL. */
VOID KeInitializeMutant(PRKMUTANT Mutant, BOOLEAN InitialOwner)
{
    LARGE_INTEGER AtOnce = { .QuadPart = 0 };

    Initialize(Mutant, 0);
    if (InitialOwner)
        KeWaitForSingleObject(Mutant, Executive, KernelMode, FALSE, &AtOnce);
}

/* KeReleaseMutant - give one level back; after the last, the first waiter owns it. Increment: its boost.
 * Abandoned: give it up whoever owns it, and mark it; an owner that it held in a critical region leaves that, and what
 * that held back is delivered there. Wait: as KeSetEvent. IRQL: <= DISPATCH_LEVEL.
 * Returns: the SignalState before: 0 if this was the last level. Raises: STATUS_MUTANT_NOT_OWNED, or
 * STATUS_ABANDONED if the mutant is so marked, when the caller does not own it; nothing has changed then, the
 * IRQL neither. */
LONG KeReleaseMutant(PRKMUTANT Mutant, KPRIORITY Increment, BOOLEAN Abandoned, BOOLEAN Wait)
{
    return Release(Mutant, Increment, Abandoned, Wait, ArchDisableInterrupts());
}

/* KeReleaseMutex - KeReleaseMutant with an increment of 1, by the owner. Source: WDK nf-wdm-kereleasemutex. */
LONG KeReleaseMutex(PRKMUTEX Mutex, BOOLEAN Wait)
{
    ULONG64 Flags = ArchDisableInterrupts();
    PKTHREAD Thread = KiCurrentThread();

    /* The short way: the only mutex that the thread owns, its last level, and nobody waits. */
    if (UNLIKELY(Wait) || UNLIKELY(!KiTryLockObject(&Mutex->Header)))
        return ReleaseMutex(Mutex, Wait, Flags);
    if (UNLIKELY(Mutex->OwnerThread != Thread) || UNLIKELY(Mutex->Header.SignalState != 0) ||
        UNLIKELY(Thread->OneMutant != Mutex) || UNLIKELY(!IsListEmpty(&Mutex->Header.WaitListHead)) ||
        UNLIKELY(!IsListEmpty(&Thread->ApcState.ApcListHead[KernelMode]))) {
        KiUnlockObject(&Mutex->Header);
        return ReleaseMutex(Mutex, FALSE, Flags);
    }
    Thread->OneMutant = NULL;
    Mutex->OwnerThread = NULL;
    Mutex->Header.SignalState = 1;
    Thread->KernelApcDisable += Mutex->ApcDisable;
    KiUnlockObject(&Mutex->Header);
    ArchRestoreInterrupts(Flags);
    return 0;
}

/* KeReadStateMutant - 1: free; 0, -1 ...: owned. IRQL: <= DISPATCH_LEVEL. */
LONG KeReadStateMutant(PRKMUTANT Mutant) { return Mutant->Header.SignalState; }

/* KeReadStateMutex - the same. Source: WDK nf-wdm-kereadstatemutex. */
LONG KeReadStateMutex(PRKMUTEX Mutex) { return Mutex->Header.SignalState; }

/* KeWaitForMutexObject - KeWaitForSingleObject, by its older name. */
NTSTATUS KeWaitForMutexObject(PVOID Mutex, KWAIT_REASON WaitReason, KPROCESSOR_MODE WaitMode, BOOLEAN Alertable,
                              PLARGE_INTEGER Timeout)
{
    return KeWaitForSingleObject(Mutex, WaitReason, WaitMode, Alertable, Timeout);
}
