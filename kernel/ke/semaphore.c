/* semaphore.c - the semaphore object: SignalState is the count, a wait takes one. */
#include "ki.h"

/* FALSE: beyond the limit, or below the old count. */
FORCEINLINE BOOLEAN Release(PRKSEMAPHORE Semaphore, KPRIORITY Increment, LONG Adjustment, BOOLEAN Wait, PLONG Old)
{
    ULONG64 Flags = KiLockDispatcher();
    LONG Previous = Semaphore->Header.SignalState;
    LONG64 Sum = (LONG64)Previous + Adjustment;

    if (Sum > Semaphore->Limit || Sum < Previous) {
        KiUnlockDispatcher(Flags);
        return FALSE;
    }
    Semaphore->Header.SignalState = (LONG)Sum;
    if (Previous == 0 && Sum > 0 && !IsListEmpty(&Semaphore->Header.WaitListHead))
        KiWakeWaiters(&Semaphore->Header, Increment);
    if (Wait)
        KiExitDispatcherRaised(Flags, KiCurrentThread());
    else
        KiExitDispatcher(Flags);
    *Old = Previous;
    return TRUE;
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
    LONG Previous;

    if (!Release(Semaphore, Increment, Adjustment, Wait, &Previous))
        KiRaiseStatus(STATUS_SEMAPHORE_LIMIT_EXCEEDED);
    return Previous;
}

/* KeTryToReleaseSemaphore - the same for a service, which returns the status instead. */
NTSTATUS KeTryToReleaseSemaphore(PRKSEMAPHORE Semaphore, KPRIORITY Increment, LONG Adjustment, PLONG Previous)
{
    BOOLEAN Done = Release(Semaphore, Increment, Adjustment, FALSE, Previous);

    return Done ? STATUS_SUCCESS : STATUS_SEMAPHORE_LIMIT_EXCEEDED;
}

/* KeReadStateSemaphore - the count. IRQL: any. Source: WDK nf-wdm-kereadstatesemaphore. */
LONG KeReadStateSemaphore(PRKSEMAPHORE Semaphore) { return Semaphore->Header.SignalState; }
