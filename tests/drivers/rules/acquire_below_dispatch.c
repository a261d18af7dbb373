/* acquire_below_dispatch.c - acquires a spin lock at APC_LEVEL as if at DISPATCH_LEVEL.
 *
 * fault: 0x40 ACQUIRE_BELOW_DISPATCH
 * log: acquired without raising at IRQL 1 */
#include "rule.h"

static KSPIN_LOCK Lock;

static VOID Run(VOID)
{
    KIRQL OldIrql;

    KeInitializeSpinLock(&Lock);
#ifdef FAULT
    KeRaiseIrql(APC_LEVEL, &OldIrql);
#else
    KeRaiseIrql(DISPATCH_LEVEL, &OldIrql);
#endif
    KeAcquireSpinLockAtDpcLevel(&Lock);
    KeReleaseSpinLockFromDpcLevel(&Lock);
    KeLowerIrql(OldIrql);
}
