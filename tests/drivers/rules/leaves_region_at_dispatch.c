/* leaves_region_at_dispatch.c - leaves a critical region at DISPATCH_LEVEL.
 *
 * fault: 0x11B LEAVE_REGION_IRQL
 * log: KeLeaveCriticalRegion is called at IRQL 2 */
#include "rule.h"

static VOID Run(VOID)
{
    KIRQL OldIrql;

    KeEnterCriticalRegion();
#ifdef FAULT
    KeRaiseIrql(DISPATCH_LEVEL, &OldIrql);
#else
    KeRaiseIrql(APC_LEVEL, &OldIrql);
#endif
    KeLeaveCriticalRegion();
    KeLowerIrql(OldIrql);
}
