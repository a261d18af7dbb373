/* waits_for_ever_in_dpc.c - its DPC routine waits without a timeout, for an event that is set.
 *
 * fault: 0x121 BLOCK_AT_DISPATCH
 * log: for ever, at IRQL 2
 * log: waits_for_ever_in_dpc.*WaitingDpc
 * log: IRQL 2 in a DPC routine */
#include "rule.h"

static KDPC Dpc;
static KEVENT Event;
static volatile LONG Done;

static VOID NTAPI WaitingDpc(PKDPC D, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    LARGE_INTEGER Timeout = { .QuadPart = 0 };

    UNREFERENCED_PARAMETER(D);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
#ifdef FAULT
    KeWaitForSingleObject(&Event, Executive, KernelMode, FALSE, NULL);
#endif
    KeWaitForSingleObject(&Event, Executive, KernelMode, FALSE, &Timeout);
    Done = 1;
}

static VOID Run(VOID)
{
    KeInitializeEvent(&Event, NotificationEvent, TRUE);
    KeInitializeDpc(&Dpc, WaitingDpc, NULL);
    KeInsertQueueDpc(&Dpc, NULL, NULL);
}
