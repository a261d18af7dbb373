/* lock_order_spin.c - takes two spin locks in one order and then in the other.
 *
 * fault: 0x1001 LOCK_ORDER
 * log: now: +spin lock .*, at lock_order_spin.*TakeBoth
 * log: before: spin lock .*, at lock_order_spin.*TakeBoth
 * log: while spin lock .* was held, from lock_order_spin.*TakeBoth */
#include "rule.h"

static KSPIN_LOCK First, Second;

static __attribute__((noinline)) VOID TakeBoth(PKSPIN_LOCK Outer, PKSPIN_LOCK Inner)
{
    KIRQL OldIrql;

    KeAcquireSpinLock(Outer, &OldIrql);
    KeAcquireSpinLockAtDpcLevel(Inner);
    KeReleaseSpinLockFromDpcLevel(Inner);
    KeReleaseSpinLock(Outer, OldIrql);
}

static VOID Run(VOID)
{
    KeInitializeSpinLock(&First);
    KeInitializeSpinLock(&Second);
    TakeBoth(&First, &Second);
#ifdef FAULT
    TakeBoth(&Second, &First);
#else
    TakeBoth(&First, &Second);
#endif
}
