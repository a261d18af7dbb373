/* spinlock.c - spin locks.
 *
 * Promise: a plain lock is one qword, 0 free and 1 held; a queued lock's qword points to the last waiter
 * instead, so that waiters are served in order and each spins on its own cache line. The two kinds are
 * not mixed on one lock.
 * Method: take with one atomic exchange; spin reading, not writing, until the lock looks free. `pause`
 * in the spin hands the emulator's turn to the holder.
 * Caller's duty: never acquire a lock that this processor holds. A processor that spins while it is the
 * only one, behind itself, or for as many rounds as its patience lasts, stops with SPIN_LOCK_ALREADY_OWNED: nobody can
 * be coming to free the lock.
 * Raw locks are the kernel's own: interrupts are off, IRQL is left alone. */
#include "ki.h"

/* Some seconds of spinning, ten times as many in an emulator: longer than any legal hold, short of a hang. */
static ULONG64 Patience = 1ull << 26;

BOOLEAN KiSpinsInVain(ULONG64 Rounds) { return KiProcessorCount == 1 || Rounds > Patience; }

NOINLINE void KiSpinUntilAcquired(PKSPIN_LOCK Lock)
{
    for (ULONG64 Rounds = 0; !KiTryRawLock(Lock);) {
        do {
            if (KiSpinsInVain(++Rounds))
                KeBugCheckWith(SPIN_LOCK_ALREADY_OWNED, (ULONG_PTR)Lock, *Lock, 0, 0,
                               "spin lock %p is held and nobody is left to release it", Lock);
            ArchPause();
        } while (__atomic_load_n(Lock, __ATOMIC_RELAXED) != LOCK_FREE);
    }
}

static DECLSPEC_NORETURN void StopNotHeld(PKSPIN_LOCK Lock)
{
    KeBugCheckWith(SPIN_LOCK_NOT_OWNED, (ULONG_PTR)Lock, *Lock, 0, 0, "spin lock %p is released and was not held",
                   Lock);
}

/* One subtraction instead of a store, so that the flags tell whether the lock was held: no load, no second access.
 * It need not be atomic. The others only ever write LOCK_HELD, and what they write before our store is undone by it, as
 * they know since they read LOCK_HELD. Stores are seen in order, so all that was done under the lock is seen before.
 * (Raw locks go without: a processor that stops the machine lets go of what it did not wait for.) */
FORCEINLINE void Release(PKSPIN_LOCK Lock)
{
    __atomic_signal_fence(__ATOMIC_RELEASE);
    if (UNLIKELY(--*(volatile KSPIN_LOCK *)Lock != LOCK_FREE))
        StopNotHeld(Lock);
}

static BOOLEAN IsOnStackOf(PKTHREAD Thread, const void *Address)
{
    return (PUCHAR)Address >= (PUCHAR)Thread->StackLimit && (PUCHAR)Address < (PUCHAR)Thread->StackBase;
}

/* Does Handle lie on a stack of this processor? Who queued it is then below us on that stack, and does not go on
 * before we do. */
static BOOLEAN IsOwnHandle(PKSPIN_LOCK_QUEUE Handle)
{
    PVOID Here = __builtin_frame_address(0);

    if (IsOnStackOf(KiCurrentThread(), Handle))
        return TRUE;
    return !IsOnStackOf(KiCurrentThread(), Here) && (PVOID)Handle >= Here &&
           (PVOID)Handle < KiThisPcr->Cpu.DispatchStack;
}

/* In line behind Before. */
static NOINLINE void SpinInLine(PKSPIN_LOCK SpinLock, PKSPIN_LOCK_QUEUE Before, PKSPIN_LOCK_QUEUE Self)
{
    ULONG64 Rounds = 0;

    if (KiProcessorCount == 1 || IsOwnHandle(Before))
        KeBugCheckWith(SPIN_LOCK_ALREADY_OWNED, (ULONG_PTR)SpinLock, (ULONG_PTR)Before, 0, 0,
                       "queued spin lock %p is held by this processor itself, or waited for", SpinLock);
    Self->Lock = (PKSPIN_LOCK)((ULONG_PTR)SpinLock | 1);
    __atomic_store_n(&Before->Next, Self, __ATOMIC_RELEASE);
    while ((ULONG_PTR)__atomic_load_n(&Self->Lock, __ATOMIC_ACQUIRE) & 1) {
        if (++Rounds > Patience)
            KeBugCheckWith(SPIN_LOCK_ALREADY_OWNED, (ULONG_PTR)SpinLock, (ULONG_PTR)Before, 0, 0,
                           "queued spin lock %p is held and nobody is left to release it", SpinLock);
        ArchPause();
    }
}

/* The tail swings to us. If somebody was there before, our Lock field carries a 1 until he takes it away:
 * that is how the lock is handed over, and each waiter spins on its own handle. */
static void AcquireQueued(PKSPIN_LOCK SpinLock, PKSPIN_LOCK_QUEUE Self)
{
    PKSPIN_LOCK_QUEUE Before;

    Self->Next = NULL;
    Self->Lock = SpinLock;
    Before = (PKSPIN_LOCK_QUEUE)__atomic_exchange_n(SpinLock, (KSPIN_LOCK)Self, __ATOMIC_ACQ_REL);
    if (Before != NULL)
        SpinInLine(SpinLock, Before, Self);
}

static void ReleaseQueued(PKSPIN_LOCK_QUEUE Self)
{
    PKSPIN_LOCK SpinLock = Self->Lock;
    KSPIN_LOCK Expected = (KSPIN_LOCK)Self;
    PKSPIN_LOCK_QUEUE After = __atomic_load_n(&Self->Next, __ATOMIC_ACQUIRE);

    if (After == NULL) {
        if (__atomic_compare_exchange_n(SpinLock, &Expected, 0, FALSE, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
            return;
        /* Somebody has swung the tail and is about to link itself behind us. */
        while ((After = __atomic_load_n(&Self->Next, __ATOMIC_ACQUIRE)) == NULL)
            ArchPause();
    }
    __atomic_store_n(&After->Lock, SpinLock, __ATOMIC_RELEASE);
}

/* KeSetSpinPatience - by the roof: a processor that has looked Rounds times for a lock is waiting for nobody. */
void KeSetSpinPatience(ULONG64 Rounds) { Patience = Rounds; }

/* ---- Public: plain locks ---- */

/* KeInitializeSpinLock - make SpinLock free. IRQL: any. Source: WDK nf-wdm-keinitializespinlock. */
VOID KeInitializeSpinLock(PKSPIN_LOCK SpinLock) { *SpinLock = LOCK_FREE; }

/* KeAcquireSpinLockRaiseToDpc - raise to DISPATCH_LEVEL and take SpinLock.
 * IRQL: <= DISPATCH_LEVEL. Returns: the IRQL before. Not recursive.
 * Source: WDK nf-wdm-keacquirespinlockraisetodpc. */
KIRQL KeAcquireSpinLockRaiseToDpc(PKSPIN_LOCK SpinLock)
{
    KIRQL OldIrql = ArchReadIrql();

    ArchWriteIrql(DISPATCH_LEVEL);
    KiAcquireRawLock(SpinLock);
    return OldIrql;
}

/* KeReleaseSpinLock - free SpinLock, then go to OldIrql; what waited for the lower IRQL runs before the
 * return. IRQL: DISPATCH_LEVEL. Source: WDK nf-wdm-kereleasespinlock. */
VOID KeReleaseSpinLock(PKSPIN_LOCK SpinLock, KIRQL OldIrql)
{
    Release(SpinLock);
    ArchWriteIrql(OldIrql);
}

/* KeAcquireSpinLockAtDpcLevel - take SpinLock without touching the IRQL, which is >= DISPATCH_LEVEL. */
VOID KeAcquireSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock) { KiAcquireRawLock(SpinLock); }

/* KeReleaseSpinLockFromDpcLevel - free SpinLock without touching the IRQL, which is >= DISPATCH_LEVEL. */
VOID KeReleaseSpinLockFromDpcLevel(PKSPIN_LOCK SpinLock) { Release(SpinLock); }

/* KeTryToAcquireSpinLockAtDpcLevel - take SpinLock if it is free now. IRQL: >= DISPATCH_LEVEL, unchanged.
 * Returns: TRUE if taken. Source: WDK nf-wdm-ketrytoacquirespinlockatdpclevel. */
BOOLEAN KeTryToAcquireSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock)
{
    return KeTestSpinLock(SpinLock) && KiTryRawLock(SpinLock);
}

/* KeTestSpinLock - does SpinLock look free? Never acquires. IRQL: any. Source: WDK nf-wdm-ketestspinlock. */
BOOLEAN KeTestSpinLock(PKSPIN_LOCK SpinLock)
{
    return __atomic_load_n(SpinLock, __ATOMIC_RELAXED) == LOCK_FREE;
}

/* KeAcquireSpinLockForDpc - take SpinLock in a DPC routine, which here always runs at DISPATCH_LEVEL: there
 * are no threaded DPCs, so nothing is raised. Returns: the current IRQL. Source: WDK nf-wdm-keacquirespinlockfordpc. */
KIRQL KeAcquireSpinLockForDpc(PKSPIN_LOCK SpinLock)
{
    KiAcquireRawLock(SpinLock);
    return ArchReadIrql();
}

/* KeReleaseSpinLockForDpc - free SpinLock; OldIrql is what KeAcquireSpinLockForDpc gave, and in force still. */
VOID KeReleaseSpinLockForDpc(PKSPIN_LOCK SpinLock, KIRQL OldIrql)
{
    UNREFERENCED_PARAMETER(OldIrql);
    Release(SpinLock);
}

/* ---- Public: locks queued on the caller's stack, first come first served ---- */

/* KeAcquireInStackQueuedSpinLock - raise to DISPATCH_LEVEL and take SpinLock in order of arrival. LockHandle is
 * the caller's, untouched until the release; it keeps the old IRQL. IRQL: <= DISPATCH_LEVEL.
 * Source: WDK nf-wdm-keacquireinstackqueuedspinlock. */
VOID KeAcquireInStackQueuedSpinLock(PKSPIN_LOCK SpinLock, PKLOCK_QUEUE_HANDLE LockHandle)
{
    LockHandle->OldIrql = ArchReadIrql();
    ArchWriteIrql(DISPATCH_LEVEL);
    AcquireQueued(SpinLock, &LockHandle->LockQueue);
}

/* KeReleaseInStackQueuedSpinLock - pass the lock on, then go back to the IRQL in LockHandle. */
VOID KeReleaseInStackQueuedSpinLock(PKLOCK_QUEUE_HANDLE LockHandle)
{
    ReleaseQueued(&LockHandle->LockQueue);
    ArchWriteIrql(LockHandle->OldIrql);
}

/* KeAcquireInStackQueuedSpinLockAtDpcLevel - the same, IRQL >= DISPATCH_LEVEL and unchanged. */
VOID KeAcquireInStackQueuedSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock, PKLOCK_QUEUE_HANDLE LockHandle)
{
    AcquireQueued(SpinLock, &LockHandle->LockQueue);
}

/* KeReleaseInStackQueuedSpinLockFromDpcLevel - pass the lock on, IRQL unchanged. */
VOID KeReleaseInStackQueuedSpinLockFromDpcLevel(PKLOCK_QUEUE_HANDLE LockHandle)
{
    ReleaseQueued(&LockHandle->LockQueue);
}

/* KeAcquireInStackQueuedSpinLockForDpc - the same in a DPC routine: see KeAcquireSpinLockForDpc. */
VOID KeAcquireInStackQueuedSpinLockForDpc(PKSPIN_LOCK SpinLock, PKLOCK_QUEUE_HANDLE LockHandle)
{
    LockHandle->OldIrql = ArchReadIrql();
    AcquireQueued(SpinLock, &LockHandle->LockQueue);
}

/* KeReleaseInStackQueuedSpinLockForDpc - pass the lock on, IRQL unchanged. */
VOID KeReleaseInStackQueuedSpinLockForDpc(PKLOCK_QUEUE_HANDLE LockHandle)
{
    ReleaseQueued(&LockHandle->LockQueue);
}
