/* enters_region_at_dispatch.c - enters a critical region at DISPATCH_LEVEL.
 *
 * fault: 0x11A ENTER_REGION_IRQL
 * log: KeEnterCriticalRegion is called at IRQL 2 */
#include "rule.h"

static VOID Run(VOID)
{
    KIRQL OldIrql;

#ifdef FAULT
    KeRaiseIrql(DISPATCH_LEVEL, &OldIrql);
#else
    KeRaiseIrql(APC_LEVEL, &OldIrql);
#endif
    KeEnterCriticalRegion();
    KeLowerIrql(OldIrql);
    KeLeaveCriticalRegion();
}
