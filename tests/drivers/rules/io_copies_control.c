/* io_copies_control.c - it copies its whole stack location for the driver below, pending mark and all.
 *
 * fault: io 0x206 CONTROL_COPIED */
#include "io_rule.h"

static NTSTATUS NTAPI Dispatch(PDEVICE_OBJECT Device, PIRP Irp)
{
    if (Device == Lower) {
        IoMarkIrpPending(Irp);
        Complete(Irp, STATUS_SUCCESS);
        return STATUS_PENDING;
    }
    IoMarkIrpPending(Irp);
#ifdef FAULT
    *IoGetNextIrpStackLocation(Irp) = *IoGetCurrentIrpStackLocation(Irp);
    IoGetNextIrpStackLocation(Irp)->CompletionRoutine = NULL;
#else
    IoCopyCurrentIrpStackLocationToNext(Irp);
#endif
    IoCallDriver(Lower, Irp);
    return STATUS_PENDING;
}

static VOID Run(VOID)
{
    Send(Upper);
}
