/* io_deletes_twice.c - it deletes a device twice.
 *
 * fault: io 0x240 DELETED_TWICE */
#include "io_rule.h"

static NTSTATUS NTAPI Dispatch(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    return Complete(Irp, STATUS_SUCCESS);
}

static VOID Run(VOID)
{
    PDEVICE_OBJECT Third;

    if (!NT_SUCCESS(IoCreateDevice(Lower->DriverObject, 0, NULL, FILE_DEVICE_UNKNOWN, 0, FALSE, &Third)))
        return;
    ObReferenceObject(Third);
    IoDeleteDevice(Third);
#ifdef FAULT
    IoDeleteDevice(Third);
#endif
    ObDereferenceObject(Third);
}
