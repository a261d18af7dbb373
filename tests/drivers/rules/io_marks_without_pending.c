/* io_marks_without_pending.c - it marks an IRP pending and returns success.
 *
 * fault: io 0x23E MARKED_NOT_PENDING
 * log: Dispatch.* which was marked pending */
#include "io_rule.h"

static NTSTATUS NTAPI Dispatch(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    IoMarkIrpPending(Irp);
    Complete(Irp, STATUS_SUCCESS);
#ifdef FAULT
    return STATUS_SUCCESS;
#else
    return STATUS_PENDING;
#endif
}

static VOID Run(VOID)
{
    Send(Lower);
}
