/* thread_leaves_irql.c - its thread routine returns at a raised IRQL.
 *
 * fault: 0x31 LOWER_TO_HIGHER
 * log: ends at IRQL 2; its routine, thread_leaves_irql.*RaisingThread.*, was called at IRQL 0 */
#include "rule.h"

static VOID NTAPI RaisingThread(PVOID Context)
{
    KIRQL OldIrql;

    UNREFERENCED_PARAMETER(Context);
    KeRaiseIrql(DISPATCH_LEVEL, &OldIrql);
#ifndef FAULT
    KeLowerIrql(OldIrql);
#endif
}

static VOID Run(VOID) { InThread(RaisingThread, NULL); }
