/* io_cancel_keeps_lock.c - its cancel routine does not release the cancel spin lock, and nobody verifies.
 *
 * fault: stop 0x000000C8 IRQL_UNEXPECTED_VALUE
 * log: must release the cancel spin lock
 * run: APPEND=verifier=off */
#include "io_rule.h"

static VOID NTAPI Cancel(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
#ifndef FAULT
    IoReleaseCancelSpinLock(Irp->CancelIrql);
#else
    UNREFERENCED_PARAMETER(Irp);
#endif
}

static NTSTATUS NTAPI Dispatch(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    return Complete(Irp, STATUS_SUCCESS);
}

static VOID Run(VOID)
{
    PIRP Irp = IoAllocateIrp(1, FALSE);

    IoSetNextIrpStackLocation(Irp);
    IoSetCancelRoutine(Irp, Cancel);
    IoCancelIrp(Irp);
    IoFreeIrp(Irp);
}
