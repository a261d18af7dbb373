/* dpc_leaves_irql.c - its DPC routine returns at another IRQL.
 * covers KeInsertQueueDpc.7
 *
 * fault: stop 0x000000C8 IRQL_UNEXPECTED_VALUE
 * log: DPC routine .*dpc_leaves_irql.*ChangingDpc.* returned at IRQL 5 */
#include "rule.h"

static KDPC Dpc;

static VOID NTAPI ChangingDpc(PKDPC D, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(D);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
#ifdef FAULT
    KfRaiseIrql(5);
#endif
}

static VOID Run(VOID)
{
    KeInitializeDpc(&Dpc, ChangingDpc, NULL);
    KeInsertQueueDpc(&Dpc, NULL, NULL);
}
