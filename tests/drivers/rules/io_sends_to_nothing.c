/* io_sends_to_nothing.c - it sends an IRP to what is no device object.
 *
 * fault: io 0x04 SENT_TO_NO_DEVICE */
#include "io_rule.h"

static NTSTATUS NTAPI Dispatch(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    return Complete(Irp, STATUS_SUCCESS);
}

static VOID Run(VOID)
{
    static DEVICE_OBJECT Copy;
    PIRP Irp = IoAllocateIrp(1, FALSE);

#ifdef FAULT
    Copy.DriverObject = Lower->DriverObject;
    SendKept(&Copy, Irp);
#else
    UNREFERENCED_PARAMETER(Copy);
    SendKept(Lower, Irp);
#endif
    IoFreeIrp(Irp);
}
