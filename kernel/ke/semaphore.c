/* semaphore.c - the semaphore object: SignalState is the count, a wait takes one. */
#include "ki.h"

/* Locked, interrupts off. Another release may be in one of its pauses (wake.c): the units that it hands out stand there
 * as a negative count; it is waited for, unlocked. Returns: how interrupts were. */
static ULONG64 LockSettled(PRKSEMAPHORE Semaphore)
{
    for (ULONG64 Rounds = 0;; ArchPause()) {
        ULONG64 Flags = ArchDisableInterrupts();
        LONG Count;

        KiLockObject(&Semaphore->Header);
        Count = Semaphore->Header.SignalState;
        if (LIKELY(Count >= 0))
            return Flags;
        KiUnlockObject(&Semaphore->Header);
        ArchRestoreInterrupts(Flags);
        if (KiSpinsInVain(++Rounds))
            KeBugCheckWith(DRIVER_VERIFIER_DETECTED_VIOLATION, 0xED01, (ULONG_PTR)Semaphore, SemaphoreObject, 0,
                           "semaphore %p counts %d: it was never initialised, or written over", Semaphore, Count);
    }
}

/* FALSE: beyond the limit, or below the old count. */
static NOINLINE BOOLEAN Release(PRKSEMAPHORE Semaphore, KPRIORITY Increment, LONG Adjustment, BOOLEAN Wait,
                                PLONG Old)
{
    ULONG64 Flags = LockSettled(Semaphore);
    LONG Previous = Semaphore->Header.SignalState;
    LONG64 Sum = (LONG64)Previous + Adjustment;

    if (UNLIKELY(Sum > Semaphore->Limit || Sum < Previous)) {
        KiUnlockObject(&Semaphore->Header);
        ArchRestoreInterrupts(Flags);
        return FALSE;
    }
    Semaphore->Header.SignalState = (LONG)Sum;
    *Old = Previous;
    if (!IsListEmpty(&Semaphore->Header.WaitListHead) && Previous == 0 && Sum > 0)
        KiWakeAndLeave(&Semaphore->Header, Increment, Wait, Flags);
    else
        KiUnlockAndLeave(&Semaphore->Header, Wait, Flags);
    return TRUE;
}

static NOINLINE LONG ReleaseOrRaise(PRKSEMAPHORE Semaphore, KPRIORITY Increment, LONG Adjustment, BOOLEAN Wait)
{
    LONG Previous;

    if (!Release(Semaphore, Increment, Adjustment, Wait, &Previous))
        KiRaiseStatus(STATUS_SEMAPHORE_LIMIT_EXCEEDED);
    return Previous;
}

/* ---- Public: KeInitializeSemaphore, KeReleaseSemaphore, KeReadStateSemaphore ---- */

/* KeInitializeSemaphore - Semaphore counts Count, and up to Limit. IRQL: any. Source: WDK
 * nf-wdm-keinitializesemaphore. */
VOID KeInitializeSemaphore(PRKSEMAPHORE Semaphore, LONG Count, LONG Limit)
{
    Semaphore->Header.Type = SemaphoreObject;
    Semaphore->Header.Size = sizeof(KSEMAPHORE) / sizeof(ULONG);
    Semaphore->Header.SignalState = Count;
    InitializeListHead(&Semaphore->Header.WaitListHead);
    Semaphore->Limit = Limit;
}

/* KeReleaseSemaphore - add Adjustment to the count and let that many waiters through, first come first served.
 * Increment: their boost. Wait: as KeSetEvent. IRQL: <= DISPATCH_LEVEL; PASSIVE_LEVEL if Wait. Returns: the
 * count before.
 * Raises: STATUS_SEMAPHORE_LIMIT_EXCEEDED beyond the limit or below the old count; nothing has changed then.
 * Source: WDK nf-wdm-kereleasesemaphore. */
LONG KeReleaseSemaphore(PRKSEMAPHORE Semaphore, KPRIORITY Increment, LONG Adjustment, BOOLEAN Wait)
{
    ULONG64 Flags = ArchDisableInterrupts();
    LONG Previous, Sum;

    /* The short way: nobody waits, and nothing is wrong. */
    if (UNLIKELY(!ArchInterruptsWereOn(Flags)))
        return ReleaseOrRaise(Semaphore, Increment, Adjustment, Wait);
    if (UNLIKELY(Wait) || UNLIKELY(!KiTryLockObject(&Semaphore->Header))) {
        ArchEnableInterrupts();
        return ReleaseOrRaise(Semaphore, Increment, Adjustment, Wait);
    }
    Previous = Semaphore->Header.SignalState;
    if (UNLIKELY(!IsListEmpty(&Semaphore->Header.WaitListHead)) || UNLIKELY(Adjustment < 0) ||
        UNLIKELY(__builtin_add_overflow(Previous, Adjustment, &Sum)) || UNLIKELY(Sum > Semaphore->Limit)) {
        KiUnlockObject(&Semaphore->Header);
        ArchEnableInterrupts();
        return ReleaseOrRaise(Semaphore, Increment, Adjustment, FALSE);
    }
    Semaphore->Header.SignalState = Sum;
    KiUnlockObject(&Semaphore->Header);
    ArchEnableInterrupts();
    return Previous;
}

/* KeTryToReleaseSemaphore - the same for a service, which returns the status instead. */
NTSTATUS KeTryToReleaseSemaphore(PRKSEMAPHORE Semaphore, KPRIORITY Increment, LONG Adjustment, PLONG Previous)
{
    BOOLEAN Done = Release(Semaphore, Increment, Adjustment, FALSE, Previous);

    return Done ? STATUS_SUCCESS : STATUS_SEMAPHORE_LIMIT_EXCEEDED;
}

/* KeReadStateSemaphore - the count. IRQL: any. Source: WDK nf-wdm-kereadstatesemaphore. */
LONG KeReadStateSemaphore(PRKSEMAPHORE Semaphore)
{
    LONG Count = Semaphore->Header.SignalState;

    return Count > 0 ? Count : 0;
}
