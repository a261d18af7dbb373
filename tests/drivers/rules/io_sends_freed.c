/* io_sends_freed.c - it sends an IRP that it has freed.
 *
 * fault: io 0x03 SENT_NO_IRP */
#include "io_rule.h"

static NTSTATUS NTAPI Dispatch(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    return Complete(Irp, STATUS_SUCCESS);
}

static VOID Run(VOID)
{
    PIRP Irp = IoAllocateIrp(1, FALSE);

#ifdef FAULT
    IoFreeIrp(Irp);
    IoCallDriver(Lower, Irp);
#else
    SendKept(Lower, Irp);
    IoFreeIrp(Irp);
#endif
}
