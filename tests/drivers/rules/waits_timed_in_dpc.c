/* waits_timed_in_dpc.c - its DPC routine waits with a timeout.
 *
 * fault: 0x122 TIMED_WAIT_AT_DISPATCH
 * log: with timeout -10000 at IRQL 2 */
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
    Timeout.QuadPart = -10000;
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
