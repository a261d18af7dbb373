/* release_below_dispatch.c - lowers the IRQL inline and then releases the spin lock.
 *
 * fault: 0x41 RELEASE_BELOW_DISPATCH
 * log: released without lowering at IRQL 0 */
#include "rule.h"

static KSPIN_LOCK Lock;

static VOID Run(VOID)
{
    KIRQL OldIrql;

    KeInitializeSpinLock(&Lock);
    KeRaiseIrql(DISPATCH_LEVEL, &OldIrql);
    KeAcquireSpinLockAtDpcLevel(&Lock);
#ifdef FAULT
    KeLowerIrql(OldIrql);
#endif
    KeReleaseSpinLockFromDpcLevel(&Lock);
    KeLowerIrql(OldIrql);
}
