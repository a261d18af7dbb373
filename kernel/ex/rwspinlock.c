/* rwspinlock.c - spin locks that readers share.
 *
 * The sign bit says that a writer owns the lock or waits for its readers to leave, the rest counts the readers. A
 * writer sets the bit first and then waits: no reader enters after that, so a stream of readers cannot keep it
 * out. Among several writers it is a race for the bit. Everybody spins reading, and takes turns by `pause`.
 * As with the other spin locks, a processor that spins while it is the only one, or for LOCK_PATIENCE rounds, stops
 * with SPIN_LOCK_ALREADY_OWNED. */
#include <ex/rwspinlock.h>
#include <ke/bugcheck.h>
#include <ke/irql_inline.h>
#include <ke/processor.h>
#include <rtl/status.h>

enum { WRITER = MINLONG };

static const ULONG64 LOCK_PATIENCE = 1ull << 31;

/* Wait until what is in Mask is gone. */
static NOINLINE void SpinWhile(PEX_SPIN_LOCK SpinLock, ULONG Mask)
{
    for (ULONG64 Rounds = 0; (ULONG)__atomic_load_n(SpinLock, __ATOMIC_RELAXED) & Mask; Rounds++) {
        if (KeNumberProcessors == 1 || Rounds > LOCK_PATIENCE)
            KeBugCheckWith(SPIN_LOCK_ALREADY_OWNED, (ULONG_PTR)SpinLock, (ULONG)*SpinLock, 0, 0,
                           "spin lock %p (%x) is held and nobody is left to release it", SpinLock, *SpinLock);
        ArchPause();
    }
}

static DECLSPEC_NORETURN void StopNotHeld(PEX_SPIN_LOCK SpinLock, const char *How)
{
    KeBugCheckWith(SPIN_LOCK_NOT_OWNED, (ULONG_PTR)SpinLock, (ULONG)*SpinLock, 0, 0,
                   "spin lock %p (%x) is released and was not held %s", SpinLock, *SpinLock, How);
}

static BOOLEAN Change(PEX_SPIN_LOCK SpinLock, LONG From, LONG To)
{
    return __atomic_compare_exchange_n(SpinLock, &From, To, FALSE, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static void AcquireExclusive(PEX_SPIN_LOCK SpinLock)
{
    if (LIKELY(Change(SpinLock, 0, WRITER)))
        return;
    while (__atomic_fetch_or(SpinLock, WRITER, __ATOMIC_ACQUIRE) < 0)
        SpinWhile(SpinLock, (ULONG)WRITER);
    SpinWhile(SpinLock, MAXLONG);
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
}

/* Nobody else changes the value while a writer owns the lock: those who wait for the bit write it again. */
static void ReleaseExclusive(PEX_SPIN_LOCK SpinLock)
{
    if (UNLIKELY(*SpinLock != WRITER))
        StopNotHeld(SpinLock, "exclusively");
    __atomic_store_n(SpinLock, 0, __ATOMIC_RELEASE);
}

static BOOLEAN TryAcquireShared(PEX_SPIN_LOCK SpinLock)
{
    LONG Seen = __atomic_load_n(SpinLock, __ATOMIC_RELAXED);

    while (Seen >= 0)
        if (__atomic_compare_exchange_n(SpinLock, &Seen, Seen + 1, FALSE, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
            return TRUE;
    return FALSE;
}

static void AcquireShared(PEX_SPIN_LOCK SpinLock)
{
    while (!TryAcquireShared(SpinLock))
        SpinWhile(SpinLock, (ULONG)WRITER);
}

static void ReleaseShared(PEX_SPIN_LOCK SpinLock)
{
    if (UNLIKELY((__atomic_fetch_sub(SpinLock, 1, __ATOMIC_RELEASE) & MAXLONG) == 0))
        StopNotHeld(SpinLock, "for shared access");
}

/* ---- Public: for one writer ---- */

/* ExAcquireSpinLockExclusive - raise to DISPATCH_LEVEL and own SpinLock alone. Not recursive. IRQL: <= DISPATCH_LEVEL.
 * Returns: the IRQL before. Source: WDK nf-wdm-exacquirespinlockexclusive. */
KIRQL ExAcquireSpinLockExclusive(PEX_SPIN_LOCK SpinLock)
{
    KIRQL OldIrql = KxRaiseIrqlToDpcLevel();

    AcquireExclusive(SpinLock);
    return OldIrql;
}

/* ExReleaseSpinLockExclusive - free SpinLock, then go to OldIrql. IRQL: DISPATCH_LEVEL. Errors: one that is not owned
 * exclusively stops with SPIN_LOCK_NOT_OWNED. Source: WDK nf-wdm-exreleasespinlockexclusive. */
VOID ExReleaseSpinLockExclusive(PEX_SPIN_LOCK SpinLock, KIRQL OldIrql)
{
    ReleaseExclusive(SpinLock);
    KxLowerIrql(OldIrql);
}

/* ExAcquireSpinLockExclusiveAtDpcLevel - own SpinLock alone. IRQL: >= DISPATCH_LEVEL, unchanged, the same for all.
 * Source: WDK nf-wdm-exacquirespinlockexclusiveatdpclevel. */
VOID ExAcquireSpinLockExclusiveAtDpcLevel(PEX_SPIN_LOCK SpinLock) { AcquireExclusive(SpinLock); }

/* ExReleaseSpinLockExclusiveFromDpcLevel - free SpinLock, IRQL unchanged.
 * Source: WDK nf-wdm-exreleasespinlockexclusivefromdpclevel. */
VOID ExReleaseSpinLockExclusiveFromDpcLevel(PEX_SPIN_LOCK SpinLock) { ReleaseExclusive(SpinLock); }

/* ExTryAcquireSpinLockExclusiveAtDpcLevel - own SpinLock alone if nobody owns it. IRQL: >= DISPATCH_LEVEL, unchanged.
 * Returns: TRUE if acquired. */
BOOLEAN ExTryAcquireSpinLockExclusiveAtDpcLevel(PEX_SPIN_LOCK SpinLock) { return Change(SpinLock, 0, WRITER); }

/* ---- Public: for many readers ---- */

/* ExAcquireSpinLockShared - raise to DISPATCH_LEVEL and own SpinLock together with other readers. Waits for a writer
 * that owns it or waits for it. Not recursive. IRQL: <= DISPATCH_LEVEL. Returns: the IRQL before.
 * Source: WDK nf-wdm-exacquirespinlockshared. */
KIRQL ExAcquireSpinLockShared(PEX_SPIN_LOCK SpinLock)
{
    KIRQL OldIrql = KxRaiseIrqlToDpcLevel();

    AcquireShared(SpinLock);
    return OldIrql;
}

/* ExReleaseSpinLockShared - give up one share, then go to OldIrql. IRQL: DISPATCH_LEVEL. Errors: none is owned:
 * SPIN_LOCK_NOT_OWNED. Source: WDK nf-wdm-exreleasespinlockshared. */
VOID ExReleaseSpinLockShared(PEX_SPIN_LOCK SpinLock, KIRQL OldIrql)
{
    ReleaseShared(SpinLock);
    KxLowerIrql(OldIrql);
}

/* ExAcquireSpinLockSharedAtDpcLevel - the same, IRQL >= DISPATCH_LEVEL and unchanged.
 * Source: WDK nf-wdm-exacquirespinlocksharedatdpclevel. */
VOID ExAcquireSpinLockSharedAtDpcLevel(PEX_SPIN_LOCK SpinLock) { AcquireShared(SpinLock); }

/* ExReleaseSpinLockSharedFromDpcLevel - give up one share, IRQL unchanged.
 * Source: WDK nf-wdm-exreleasespinlocksharedfromdpclevel. */
VOID ExReleaseSpinLockSharedFromDpcLevel(PEX_SPIN_LOCK SpinLock) { ReleaseShared(SpinLock); }

/* ExTryAcquireSpinLockSharedAtDpcLevel - own a share of SpinLock if no writer owns it or waits. IRQL: >=
 * DISPATCH_LEVEL, unchanged. Returns: TRUE if acquired. */
BOOLEAN ExTryAcquireSpinLockSharedAtDpcLevel(PEX_SPIN_LOCK SpinLock) { return TryAcquireShared(SpinLock); }

/* ExTryConvertSharedSpinLockExclusive - the caller's share becomes exclusive ownership, if nobody else owns one and no
 * writer waits. IRQL: >= DISPATCH_LEVEL, unchanged. Returns: TRUE if converted; FALSE: the share is owned still.
 * Source: WDK nf-wdm-extryconvertsharedspinlockexclusive. */
LOGICAL ExTryConvertSharedSpinLockExclusive(PEX_SPIN_LOCK SpinLock) { return Change(SpinLock, 1, WRITER); }
