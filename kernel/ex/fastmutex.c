/* fastmutex.c - fast mutexes and guarded mutexes.
 *
 * Promise: taking a free one is one locked instruction, giving back one nobody waits for another; a sleeping waiter
 * costs nothing. Method: Count is the lock bit (set: free), a bit that says that a waiter has been woken and has not
 * run yet, and the number of waiters. Whoever releases frees the lock and wakes one waiter, unless one is on its way
 * already:
 *
 *   release                free, and if somebody waits and none is woken: mark WOKEN, set the event
 *   woken, lock is free    take it; one waiter fewer, WOKEN cleared, in the same step
 *   woken, lock was taken  clear WOKEN and sleep again: the new owner sees the waiter when it releases
 *
 * So a lock that is free while threads wait has one of them on its way, and no wake-up is lost or doubled. A thread
 * that takes the lock again at once is not made to wait for a switch (rejected: handing it over, which makes every
 * acquisition of a busy lock a switch); waiters come in FIFO order among themselves, and a woken one that finds the
 * lock taken begins at the end.
 * The releaser touches the mutex after freeing it only while a waiter is counted, and a counted waiter cannot have
 * been through: memory that the last user frees is never written to.
 * A guarded mutex is the same memory and the same lock; it enters a guarded region where the other raises to
 * APC_LEVEL. */
#include <ex/fastmutex.h>
#include <ke/apc.h>
#include <ke/irql_inline.h>
#include <ke/thread.h>

FORCEINLINE PKTHREAD Self(void) { return (PKTHREAD)ARCH_THIS_CPU->CurrentThread; }

/* One more bit test than a compare-and-swap, and no loop: the lock bit goes whatever the others are. */
FORCEINLINE BOOLEAN TryLock(PFAST_MUTEX Mutex)
{
    return (__atomic_fetch_and(&Mutex->Count, ~FM_LOCK_BIT, __ATOMIC_ACQUIRE) & FM_LOCK_BIT) != 0;
}

static BOOLEAN Change(PFAST_MUTEX Mutex, LONG *Seen, LONG New)
{
    return __atomic_compare_exchange_n(&Mutex->Count, Seen, New, FALSE, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

/* Take the lock if it is free, as a counted waiter or as a newcomer; otherwise be a waiter that is not woken.
 * Returns: TRUE if taken. */
static BOOLEAN TakeOrQueue(PFAST_MUTEX Mutex, BOOLEAN Counted)
{
    LONG Seen = __atomic_load_n(&Mutex->Count, __ATOMIC_RELAXED), Left;
    BOOLEAN Free;

    do {
        Left = Counted ? Seen & ~FM_LOCK_WAITER_WOKEN : Seen;
        Free = (Seen & FM_LOCK_BIT) != 0;
        if (Free)
            Left -= FM_LOCK_BIT + (Counted ? FM_LOCK_WAITER_INC : 0);
        else if (!Counted)
            Left += FM_LOCK_WAITER_INC;
    } while (!Change(Mutex, &Seen, Left));
    return Free;
}

static NOINLINE void LockSlowly(PFAST_MUTEX Mutex, KWAIT_REASON Reason)
{
    BOOLEAN Counted = FALSE;

    __atomic_fetch_add(&Mutex->Contention, 1, __ATOMIC_RELAXED);
    while (!TakeOrQueue(Mutex, Counted)) {
        Counted = TRUE;
        KeWaitForSingleObject(&Mutex->Event, Reason, KernelMode, FALSE, NULL);
    }
}

/* The slow ways of the two routines that change the IRQL, whole: calls at the end, so that the short way keeps nothing
 * on the stack. */
static NOINLINE void AcquireSlowly(PFAST_MUTEX Mutex, ULONG OldIrql)
{
    LockSlowly(Mutex, WrFastMutex);
    Mutex->Owner = Self();
    Mutex->OldIrql = OldIrql;
}

static NOINLINE void UnlockSlowly(PFAST_MUTEX Mutex)
{
    LONG Seen = __atomic_load_n(&Mutex->Count, __ATOMIC_RELAXED), New;
    BOOLEAN Wake;

    do {
        Wake = Seen >= FM_LOCK_WAITER_INC && !(Seen & FM_LOCK_WAITER_WOKEN);
        New = Seen | FM_LOCK_BIT | (Wake ? FM_LOCK_WAITER_WOKEN : 0);
    } while (!Change(Mutex, &Seen, New));
    if (Wake)
        KeSetEvent(&Mutex->Event, EVENT_INCREMENT, FALSE);
}

FORCEINLINE void Lock(PFAST_MUTEX Mutex, KWAIT_REASON Reason)
{
    if (UNLIKELY(!TryLock(Mutex)))
        LockSlowly(Mutex, Reason);
    Mutex->Owner = Self();
}

static NOINLINE void ReleaseSlowly(PFAST_MUTEX Mutex, ULONG OldIrql)
{
    UnlockSlowly(Mutex);
    ArchWriteIrql((KIRQL)OldIrql);
}

/* Nobody waits: the lock bit comes back. */
FORCEINLINE BOOLEAN TryUnlock(PFAST_MUTEX Mutex)
{
    LONG Held = 0;

    Mutex->Owner = NULL;
    return __atomic_compare_exchange_n(&Mutex->Count, &Held, FM_LOCK_BIT, FALSE, __ATOMIC_RELEASE, __ATOMIC_RELAXED);
}

FORCEINLINE void Unlock(PFAST_MUTEX Mutex)
{
    if (UNLIKELY(!TryUnlock(Mutex)))
        UnlockSlowly(Mutex);
}

/* ---- Public: fast mutexes ---- */

/* ExAcquireFastMutex - go to APC_LEVEL, then take FastMutex, waiting for it if need be. Not recursive.
 * IRQL: <= APC_LEVEL; APC_LEVEL on return. Source: WDK nf-wdm-exacquirefastmutex. */
VOID ExAcquireFastMutex(PFAST_MUTEX FastMutex)
{
    KIRQL OldIrql = ArchReadIrql();

    ArchWriteIrql(APC_LEVEL);
    if (UNLIKELY(!TryLock(FastMutex))) {
        AcquireSlowly(FastMutex, OldIrql);
        return;
    }
    FastMutex->Owner = Self();
    FastMutex->OldIrql = OldIrql;
}

/* ExTryToAcquireFastMutex - ExAcquireFastMutex if that needs no wait. IRQL: <= APC_LEVEL; APC_LEVEL on return if taken.
 * Returns: FALSE if somebody, the caller included, owns it; nothing has changed then.
 * Source: WDK nf-wdm-extrytoacquirefastmutex. */
BOOLEAN ExTryToAcquireFastMutex(PFAST_MUTEX FastMutex)
{
    KIRQL OldIrql = ArchReadIrql();

    ArchWriteIrql(APC_LEVEL);
    if (!TryLock(FastMutex)) {
        ArchWriteIrql(OldIrql);
        return FALSE;
    }
    FastMutex->Owner = Self();
    FastMutex->OldIrql = OldIrql;
    return TRUE;
}

/* ExReleaseFastMutex - give FastMutex back and return to the IRQL before its acquisition; APCs that waited run before
 * the return. IRQL: APC_LEVEL. Source: WDK nf-wdm-exreleasefastmutex. */
VOID ExReleaseFastMutex(PFAST_MUTEX FastMutex)
{
    ULONG OldIrql = FastMutex->OldIrql;         /* the next owner overwrites it */

    if (UNLIKELY(!TryUnlock(FastMutex))) {
        ReleaseSlowly(FastMutex, OldIrql);
        return;
    }
    ArchWriteIrql((KIRQL)OldIrql);
}

/* ExAcquireFastMutexUnsafe - take FastMutex without touching the IRQL. IRQL: APC_LEVEL, or any below in a critical or
 * guarded region. Source: WDK nf-wdm-exacquirefastmutexunsafe. */
VOID ExAcquireFastMutexUnsafe(PFAST_MUTEX FastMutex) { Lock(FastMutex, WrFastMutex); }

/* ExReleaseFastMutexUnsafe - give back what ExAcquireFastMutexUnsafe took. Source: WDK
 * nf-wdm-exreleasefastmutexunsafe. */
VOID ExReleaseFastMutexUnsafe(PFAST_MUTEX FastMutex) { Unlock(FastMutex); }

/* ExEnterCriticalRegionAndAcquireFastMutexUnsafe - KeEnterCriticalRegion, then take FastMutex. IRQL: <= APC_LEVEL. */
VOID ExEnterCriticalRegionAndAcquireFastMutexUnsafe(PFAST_MUTEX FastMutex)
{
    KeEnterCriticalRegion();
    Lock(FastMutex, WrFastMutex);
}

/* ExReleaseFastMutexUnsafeAndLeaveCriticalRegion - give FastMutex back, then KeLeaveCriticalRegion. */
VOID ExReleaseFastMutexUnsafeAndLeaveCriticalRegion(PFAST_MUTEX FastMutex)
{
    Unlock(FastMutex);
    KeLeaveCriticalRegion();
}

/* ---- Public: guarded mutexes ---- */

FORCEINLINE PFAST_MUTEX Inner(PKGUARDED_MUTEX Mutex) { return (PFAST_MUTEX)Mutex; }

/* KeInitializeGuardedMutex - Mutex is free. IRQL: any. Source: WDK nf-wdm-keinitializeguardedmutex. */
VOID KeInitializeGuardedMutex(PKGUARDED_MUTEX Mutex)
{
    ExInitializeFastMutex(Inner(Mutex));
    Mutex->CombinedApcDisable = 0;
}

/* KeAcquireGuardedMutex - enter a guarded region and take Mutex. IRQL: <= APC_LEVEL, unchanged. Not recursive.
 * Source: WDK nf-wdm-keacquireguardedmutex. */
VOID KeAcquireGuardedMutex(PKGUARDED_MUTEX Mutex)
{
    KeEnterGuardedRegion();
    Lock(Inner(Mutex), WrGuardedMutex);
}

/* KeTryToAcquireGuardedMutex - KeAcquireGuardedMutex if that needs no wait. Returns: FALSE if it is owned; the region
 * has been left again then. IRQL: <= APC_LEVEL. Source: WDK nf-wdm-ketrytoacquireguardedmutex. */
BOOLEAN KeTryToAcquireGuardedMutex(PKGUARDED_MUTEX Mutex)
{
    KeEnterGuardedRegion();
    if (!TryLock(Inner(Mutex))) {
        KeLeaveGuardedRegion();
        return FALSE;
    }
    Mutex->Owner = Self();
    return TRUE;
}

/* KeReleaseGuardedMutex - give Mutex back and leave the guarded region. IRQL: <= APC_LEVEL.
 * Source: WDK nf-wdm-kereleaseguardedmutex. */
VOID KeReleaseGuardedMutex(PKGUARDED_MUTEX Mutex)
{
    Unlock(Inner(Mutex));
    KeLeaveGuardedRegion();
}

/* KeAcquireGuardedMutexUnsafe - take Mutex; the caller is in a guarded region or at APC_LEVEL.
 * Source: WDK nf-wdm-keacquireguardedmutexunsafe. */
VOID KeAcquireGuardedMutexUnsafe(PKGUARDED_MUTEX Mutex) { Lock(Inner(Mutex), WrGuardedMutex); }

/* KeReleaseGuardedMutexUnsafe - give back what KeAcquireGuardedMutexUnsafe took. */
VOID KeReleaseGuardedMutexUnsafe(PKGUARDED_MUTEX Mutex) { Unlock(Inner(Mutex)); }
