/* timer_dpc_enters_region.c - the DPC of its timer returns with normal APCs disabled.
 *
 * fault: stop 0x000000C7 TIMER_OR_DPC_INVALID
 * log: P1 0*[45] 
 * log: timer_dpc_enters_region
 * run: APPEND=verifier=off */
#include "rule.h"

static KTIMER Timer;
static KDPC Dpc;

static VOID NTAPI Routine(PKDPC D, PVOID Context, PVOID Argument1, PVOID Argument2)
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
    LARGE_INTEGER Due = { .QuadPart = -10000 };

    KeInitializeTimer(&Timer);
    KeInitializeDpc(&Dpc, Routine, NULL);
    KeSetTimer(&Timer, Due, &Dpc);
    KeWaitForSingleObject(&Timer, Executive, KernelMode, FALSE, NULL);
}
