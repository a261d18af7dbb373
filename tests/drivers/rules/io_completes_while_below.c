/* io_completes_while_below.c - it completes an IRP that the driver below has pending.
 *
 * fault: io 0x209 COMPLETED_WHILE_BELOW */
#include "io_rule.h"

static PIRP Pended;

static NTSTATUS NTAPI Dispatch(PDEVICE_OBJECT Device, PIRP Irp)
{
    if (Device == Lower) {
        IoMarkIrpPending(Irp);
        Pended = Irp;
        return STATUS_PENDING;
    }
    IoMarkIrpPending(Irp);
    IoCopyCurrentIrpStackLocationToNext(Irp);
    IoCallDriver(Lower, Irp);
#ifdef FAULT
    /* The current location is the lower driver's. So that it is this one's again: */
    IoSkipCurrentIrpStackLocation(Irp);
#endif
    Complete(Irp, STATUS_SUCCESS);
    return STATUS_PENDING;
}

static VOID Run(VOID)
{
    Send(Upper);
}
