/* io_completes_as_pending.c - it completes an IRP with STATUS_PENDING.
 *
 * fault: io 0x06 COMPLETED_AS_PENDING */
#include "io_rule.h"

static NTSTATUS NTAPI Dispatch(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
#ifdef FAULT
    IoMarkIrpPending(Irp);
    return Complete(Irp, STATUS_PENDING);
#else
    return Complete(Irp, STATUS_SUCCESS);
#endif
}

static VOID Run(VOID)
{
    Send(Lower);
}
