/* leaks_device.c - its device, the link to it, an IRP and an I/O work item are still there when DriverUnload has returned.
 *
 * expect: status 1
 * expect: log leak: leaks_device\.sys: device [0-9A-F]+ \(\\Device\\KedgeForgotten\) was not deleted
 * expect: log leak: leaks_device\.sys: symbolic link \\DosDevices\\KedgeForgotten was not deleted, created at leaks_device
 * expect: log leak: leaks_device\.sys: IRP [0-9A-F]+ was not freed, allocated at leaks_device\.sys.*DriverEntry
 * expect: log leak: leaks_device\.sys: I/O work item [0-9A-F]+ was not freed, allocated at leaks_device
 * expect: log left 4 things behind */
#include <ntddk.h>

DRIVER_INITIALIZE DriverEntry;

static UNICODE_STRING Link = RTL_CONSTANT_STRING(L"\\DosDevices\\KedgeForgotten");
static UNICODE_STRING Name = RTL_CONSTANT_STRING(L"\\Device\\KedgeForgotten");

static VOID NTAPI Unload(PDRIVER_OBJECT DriverObject)
{
    UNREFERENCED_PARAMETER(DriverObject);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    PDEVICE_OBJECT Device;
    NTSTATUS Status;

    UNREFERENCED_PARAMETER(RegistryPath);
    DriverObject->DriverUnload = Unload;
    Status = IoCreateDevice(DriverObject, 0, &Name, FILE_DEVICE_UNKNOWN, 0, FALSE, &Device);
    if (!NT_SUCCESS(Status))
        return Status;
    IoCreateSymbolicLink(&Link, &Name);
    if (IoAllocateIrp(1, FALSE) == NULL || IoAllocateWorkItem(Device) == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    return STATUS_SUCCESS;
}
