/* release_above_dispatch.c - releases a spin lock above DISPATCH_LEVEL.
 *
 * fault: 0x32 RELEASE_NOT_AT_DISPATCH
 * log: a spin lock is released \(twice\?\) at IRQL 5 */
#include "rule.h"

static KSPIN_LOCK Lock;

static VOID Run(VOID)
{
    KIRQL OldIrql;

    KeInitializeSpinLock(&Lock);
    KeAcquireSpinLock(&Lock, &OldIrql);
#ifdef FAULT
    KfRaiseIrql(5);
#endif
    KeReleaseSpinLock(&Lock, OldIrql);
}
