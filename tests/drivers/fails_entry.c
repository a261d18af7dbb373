/* fails_entry.c - its DriverEntry fails, so DriverUnload is not called.
 *
 * expect: status 1
 * expect: log fails_entry\.sys: DriverEntry failed with status 0xc000009a
 * expect: no log fails_entry: unload */
#include <ntddk.h>

DRIVER_INITIALIZE DriverEntry;

static VOID NTAPI Unload(PDRIVER_OBJECT DriverObject)
{
    UNREFERENCED_PARAMETER(DriverObject);
    DbgPrint("fails_entry: unload\n");
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNREFERENCED_PARAMETER(RegistryPath);
    DriverObject->DriverUnload = Unload;
    return STATUS_INSUFFICIENT_RESOURCES;
}
