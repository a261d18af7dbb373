/* mutant.c - the mutex object.
 *
 * SignalState 1 is free; 0, -1, -2 ... is owned once, twice, three times by OwnerThread, in whose list the
 * mutant then is. Taking it is part of a wait's satisfaction (wait.c does it for whoever gets it, running or
 * not); giving it back hands it to the first waiter at once, so a releaser cannot take it again before that
 * one.
 * A KMUTEX differs from a KMUTANT only in ApcDisable: its owner is in a critical region, and must not end. */
#include "ki.h"

/* The owner has no level left: free it, and wake. Returns: what the owner's KernelApcDisable is to be raised by. */
static UCHAR Free(PKMUTANT Mutant, KPRIORITY Increment)
{
    if (Mutant->OwnerThread != NULL)
        RemoveEntryList(&Mutant->MutantListEntry);
    Mutant->OwnerThread = NULL;
    Mutant->Header.SignalState = 1;
    if (!IsListEmpty(&Mutant->Header.WaitListHead))
        KiWakeWaiters(&Mutant->Header, Increment);
    return Mutant->ApcDisable;
}

/* For thread.c, lock held: Thread ends. */
void KiAbandonMutants(PKTHREAD Thread)
{
    while (!IsListEmpty(&Thread->MutantListHead)) {
        PKMUTANT Mutant = CONTAINING_RECORD(Thread->MutantListHead.Flink, KMUTANT, MutantListEntry);

        if (Mutant->ApcDisable != 0)
            KeBugCheckWith(THREAD_TERMINATE_HELD_MUTEX, (ULONG_PTR)Thread, (ULONG_PTR)Mutant, 0, 0,
                           "thread %p ends and still owns mutex %p", Thread, Mutant);
        Mutant->Abandoned = TRUE;
        Free(Mutant, MUTANT_INCREMENT);
    }
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
    ULONG64 Flags = KiLockDispatcher();
    PKTHREAD Owner = Mutant->OwnerThread;
    LONG Previous = Mutant->Header.SignalState;
    UCHAR Enable = 0;

    if (!Abandoned && Owner != KiCurrentThread()) {
        NTSTATUS Status = Mutant->Abandoned ? STATUS_ABANDONED : STATUS_MUTANT_NOT_OWNED;

        KiUnlockDispatcher(Flags);
        KiRaiseStatus(Status);
    }
    if (Abandoned)
        Mutant->Abandoned = TRUE;
    if (Abandoned || Previous == 0)
        Enable = Free(Mutant, Increment);
    else
        Mutant->Header.SignalState = Previous + 1;
    if (Enable != 0 && Owner == KiCurrentThread())
        Owner->KernelApcDisable += Enable;
    else if (Enable != 0 && Owner != NULL)
        KiLeaveRegionsOf(Owner, Enable);
    if (Wait)
        KiExitDispatcherRaised(Flags, KiCurrentThread());
    else
        KiExitDispatcher(Flags);
    if (Enable != 0 && Owner == KiCurrentThread() && Owner->KernelApcDisable == 0)
        KiDeliverHeldBack(Owner);
    return Previous;
}

/* KeReleaseMutex - KeReleaseMutant with an increment of 1, by the owner. Source: WDK nf-wdm-kereleasemutex. */
LONG KeReleaseMutex(PRKMUTEX Mutex, BOOLEAN Wait) { return KeReleaseMutant(Mutex, MUTANT_INCREMENT, FALSE, Wait); }

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
