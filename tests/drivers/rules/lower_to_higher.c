/* lower_to_higher.c - lowers the IRQL, by the exported routine, to a higher one.
 *
 * fault: 0x31 LOWER_TO_HIGHER
 * log: KeLowerIrql is called at IRQL 1 for 2 */
#include "rule.h"

typedef VOID (NTAPI *LOWER)(KIRQL NewIrql);

static VOID Run(VOID)
{
    LOWER Lower = (LOWER)Exported(L"KeLowerIrql");
    KIRQL OldIrql;

    KeRaiseIrql(APC_LEVEL, &OldIrql);
#ifdef FAULT
    Lower(DISPATCH_LEVEL);
#else
    Lower(APC_LEVEL);
#endif
    KeLowerIrql(OldIrql);
}
