/* io_drops_mark.c - its completion routine does not pass the pending mark of the driver below on.
 *
 * fault: io 0x23D PENDING_UNMARKED
 * log: Dispatch.* which was not marked pending */
#include "io_rule.h"

static NTSTATUS NTAPI Forwarded(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    UNREFERENCED_PARAMETER(Device);
    UNREFERENCED_PARAMETER(Context);
#ifndef FAULT
    if (Irp->PendingReturned)
        IoMarkIrpPending(Irp);
#else
    UNREFERENCED_PARAMETER(Irp);
#endif
    return STATUS_CONTINUE_COMPLETION;
}

static NTSTATUS NTAPI Dispatch(PDEVICE_OBJECT Device, PIRP Irp)
{
    if (Device == Lower) {
        IoMarkIrpPending(Irp);
        Complete(Irp, STATUS_SUCCESS);
        return STATUS_PENDING;
    }
    IoCopyCurrentIrpStackLocationToNext(Irp);
    IoSetCompletionRoutine(Irp, Forwarded, NULL, TRUE, TRUE, TRUE);
    return IoCallDriver(Lower, Irp);
}

static VOID Run(VOID)
{
    Send(Upper);
}
