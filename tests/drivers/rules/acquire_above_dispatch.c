/* acquire_above_dispatch.c - acquires a spin lock above DISPATCH_LEVEL.
 *
 * fault: 0x42 ACQUIRE_ABOVE_DISPATCH
 * log: a spin lock is acquired at IRQL 5 */
#include "rule.h"

static KSPIN_LOCK Lock;

static VOID Run(VOID)
{
    KIRQL OldIrql;

    KeInitializeSpinLock(&Lock);
#ifdef FAULT
    KfRaiseIrql(5);
#endif
    KeAcquireSpinLock(&Lock, &OldIrql);
    KeReleaseSpinLock(&Lock, OldIrql);
}
