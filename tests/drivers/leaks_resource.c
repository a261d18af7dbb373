/* leaks_resource.c - does not delete its resources: one in its image, one of which it loses the memory as well.
 *
 * expect: status 1
 * expect: log leak: leaks_resource\.sys: resource [0-9A-Fa-fx]+ was not deleted, initialised at leaks_resource\.sys.*DriverEntry
 * expect: log leak: leaks_resource\.sys: pool block [0-9A-Fa-fx]+, 104 bytes, tag .Leak., allocated at leaks_resource\.sys
 * expect: log leaks_resource\.sys: left 3 things behind */
#include <ntddk.h>

DRIVER_INITIALIZE DriverEntry;

static ERESOURCE Mine;

static VOID NTAPI Unload(PDRIVER_OBJECT DriverObject) { UNREFERENCED_PARAMETER(DriverObject); }

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    PERESOURCE Lost = ExAllocatePoolWithTag(NonPagedPool, sizeof *Lost, 'kaeL');

    UNREFERENCED_PARAMETER(RegistryPath);
    DriverObject->DriverUnload = Unload;
    ExInitializeResourceLite(&Mine);
    if (Lost != NULL)
        ExInitializeResourceLite(Lost);
    return STATUS_SUCCESS;
}
