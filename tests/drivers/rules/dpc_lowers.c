/* dpc_lowers.c - its DPC routine lowers the IRQL inline; the next call into the kernel sees it.
 *
 * fault: 0x30 RAISE_TO_LOWER
 * log: DPC routine .*dpc_lowers_fault.*, runs at DISPATCH_LEVEL and has changed the IRQL to 1 */
#include "rule.h"

static KDPC Dpc;
static KEVENT Event;

static VOID NTAPI LoweringDpc(PKDPC D, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(D);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
#ifdef FAULT
    KeLowerIrql(APC_LEVEL);
#endif
    KeSetEvent(&Event, IO_NO_INCREMENT, FALSE);
}

static VOID Run(VOID)
{
    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    KeInitializeDpc(&Dpc, LoweringDpc, NULL);
    KeInsertQueueDpc(&Dpc, NULL, NULL);
    KeWaitForSingleObject(&Event, Executive, KernelMode, FALSE, NULL);
}
