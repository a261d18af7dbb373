/* io_sends_cancelable.c - it passes an IRP on and forgets to take its cancel routine out.
 *
 * fault: io 0x203 SENT_CANCELABLE
 * log: with the cancel routine .*Cancel */
#include "io_rule.h"

static VOID NTAPI Cancel(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    IoReleaseCancelSpinLock(Irp->CancelIrql);
}

static NTSTATUS NTAPI Dispatch(PDEVICE_OBJECT Device, PIRP Irp)
{
    if (Device == Lower)
        return Complete(Irp, STATUS_SUCCESS);
    IoSetCancelRoutine(Irp, Cancel);
#ifndef FAULT
    IoSetCancelRoutine(Irp, NULL);
#endif
    IoSkipCurrentIrpStackLocation(Irp);
    return IoCallDriver(Lower, Irp);
}

static VOID Run(VOID)
{
    Send(Upper);
}
