/* rundown_waits_at_dispatch.c - runs an object down at DISPATCH_LEVEL, where nobody happens to use it.
 *
 * fault: 0x3B WAIT_AT_WRONG_IRQL
 * log: run-down protection .* is waited for at IRQL 2 */
#include "rule.h"

static EX_RUNDOWN_REF Ref;

static VOID Run(VOID)
{
    KIRQL OldIrql;

    ExInitializeRundownProtection(&Ref);
#ifdef FAULT
    KeRaiseIrql(DISPATCH_LEVEL, &OldIrql);
#else
    KeRaiseIrql(APC_LEVEL, &OldIrql);
#endif
    ExWaitForRundownProtectionRelease(&Ref);
    KeLowerIrql(OldIrql);
}
