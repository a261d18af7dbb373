/* stays_to_the_end.c - cannot be unloaded, and so is told when the machine stops.
 *
 * expect: status 0
 * expect: log ^ok 1 - told of the end
 * expect: log has no DriverUnload
 * expect: log 1 ok, 0 not ok */
#include <ntddk.h>

DRIVER_INITIALIZE DriverEntry;

static NTSTATUS NTAPI Shutdown(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    DbgPrint("%s 1 - told of the end\n", KeGetCurrentIrql() == PASSIVE_LEVEL ? "ok" : "not ok");
    Irp->IoStatus.Status = STATUS_SUCCESS;
    Irp->IoStatus.Information = 0;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    PDEVICE_OBJECT Device;
    NTSTATUS Status;

    UNREFERENCED_PARAMETER(RegistryPath);
    DbgPrint("1..1\n");
    DriverObject->MajorFunction[IRP_MJ_SHUTDOWN] = Shutdown;
    Status = IoCreateDevice(DriverObject, 0, NULL, FILE_DEVICE_UNKNOWN, 0, FALSE, &Device);
    if (NT_SUCCESS(Status))
        Status = IoRegisterShutdownNotification(Device);
    return Status;
}
