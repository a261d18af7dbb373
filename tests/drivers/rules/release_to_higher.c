/* release_to_higher.c - releases a spin lock to an IRQL that is higher than DISPATCH_LEVEL.
 *
 * fault: 0x31 LOWER_TO_HIGHER
 * log: is released, and the IRQL is to become 5 */
#include "rule.h"

static KSPIN_LOCK Lock;

static VOID Run(VOID)
{
    KIRQL OldIrql;

    KeInitializeSpinLock(&Lock);
    KeAcquireSpinLock(&Lock, &OldIrql);
#ifdef FAULT
    OldIrql = 5;
#endif
    KeReleaseSpinLock(&Lock, OldIrql);
}
