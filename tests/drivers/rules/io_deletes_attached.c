/* io_deletes_attached.c - it deletes a device without detaching it.
 *
 * fault: io 0x201 DELETED_WHILE_ATTACHED */
#include "io_rule.h"

static NTSTATUS NTAPI Dispatch(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    return Complete(Irp, STATUS_SUCCESS);
}

static VOID Run(VOID)
{
    PDEVICE_OBJECT Third, Below;

    if (!NT_SUCCESS(IoCreateDevice(Lower->DriverObject, 0, NULL, FILE_DEVICE_UNKNOWN, 0, FALSE, &Third)))
        return;
    Upper->Flags &= ~(ULONG)DO_DEVICE_INITIALIZING;
    Below = IoAttachDeviceToDeviceStack(Third, Lower);
#ifndef FAULT
    IoDetachDevice(Below);
#else
    UNREFERENCED_PARAMETER(Below);
#endif
    IoDeleteDevice(Third);
}
