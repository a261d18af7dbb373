/* dpc_enters_region.c - its DPC routine enters a critical region, and nobody verifies.
 * covers KeInsertQueueDpc.7
 *
 * fault: stop 0x000000C7 TIMER_OR_DPC_INVALID
 * log: DPC routine .*dpc_enters_region.*ChangingDpc.* changed the APC-disable count
 * log: P1 0*4 
 * run: APPEND=verifier=off */
#include "rule.h"

static KDPC Dpc;

static VOID NTAPI ChangingDpc(PKDPC D, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(D);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
#ifdef FAULT
    KeEnterCriticalRegion();
#endif
}

static VOID Run(VOID)
{
    KeInitializeDpc(&Dpc, ChangingDpc, NULL);
    KeInsertQueueDpc(&Dpc, NULL, NULL);
}
