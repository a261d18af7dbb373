/* io_completes_cancelable.c - it completes an IRP and forgets to take the cancel routine out.
 *
 * fault: io 0x07 COMPLETED_CANCELABLE
 * log: with the cancel routine .*Cancel */
#include "io_rule.h"

static VOID NTAPI Cancel(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    IoReleaseCancelSpinLock(Irp->CancelIrql);
}

static NTSTATUS NTAPI Dispatch(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    IoSetCancelRoutine(Irp, Cancel);
#ifndef FAULT
    IoSetCancelRoutine(Irp, NULL);
#endif
    return Complete(Irp, STATUS_SUCCESS);
}

static VOID Run(VOID)
{
    Send(Lower);
}
