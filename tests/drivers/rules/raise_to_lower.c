/* raise_to_lower.c - raises the IRQL, by the exported routine, to a lower one.
 *
 * fault: 0x30 RAISE_TO_LOWER
 * log: KeRaiseIrql is called at IRQL 2 for 1
 * log: raise_to_lower.*\.sys.*(Run|DriverEntry) */
#include "rule.h"

typedef KIRQL (NTAPI *RAISE)(KIRQL NewIrql);

static VOID Run(VOID)
{
    RAISE Raise = (RAISE)Exported(L"KfRaiseIrql");
    KIRQL OldIrql;

    KeRaiseIrql(DISPATCH_LEVEL, &OldIrql);
#ifdef FAULT
    Raise(APC_LEVEL);
#else
    Raise(DISPATCH_LEVEL);
#endif
    KeLowerIrql(OldIrql);
}
