/* lock_order_tried.c - takes two spin locks in two orders, once by waiting and not by trying.
 *
 * fault: 0x1001 LOCK_ORDER
 * log: now: +spin lock */
#include "rule.h"

static KSPIN_LOCK First, Second;

static VOID Run(VOID)
{
    KIRQL OldIrql;

    KeInitializeSpinLock(&First);
    KeInitializeSpinLock(&Second);
    KeAcquireSpinLock(&First, &OldIrql);
    KeAcquireSpinLockAtDpcLevel(&Second);
    KeReleaseSpinLockFromDpcLevel(&Second);
    KeReleaseSpinLock(&First, OldIrql);
    KeAcquireSpinLock(&Second, &OldIrql);
#ifdef FAULT
    KeAcquireSpinLockAtDpcLevel(&First);
    KeReleaseSpinLockFromDpcLevel(&First);
#else
    if (KeTryToAcquireSpinLockAtDpcLevel(&First))
        KeReleaseSpinLockFromDpcLevel(&First);
#endif
    KeReleaseSpinLock(&Second, OldIrql);
}
