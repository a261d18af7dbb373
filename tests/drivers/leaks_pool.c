/* leaks_pool.c - frees one of its two blocks.
 *
 * expect: status 1
 * expect: log leak: leaks_pool\.sys: pool block [0-9A-Fa-fx]+, 100 bytes, tag .Leak., allocated at leaks_pool\.sys.*DriverEntry
 * expect: log leaks_pool\.sys: left 1 thing behind */
#include <ntddk.h>

DRIVER_INITIALIZE DriverEntry;

static PVOID Blocks[2];

static VOID NTAPI Unload(PDRIVER_OBJECT DriverObject)
{
    UNREFERENCED_PARAMETER(DriverObject);
    ExFreePoolWithTag(Blocks[0], 'kaeL');
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNREFERENCED_PARAMETER(RegistryPath);
    DriverObject->DriverUnload = Unload;
    Blocks[0] = ExAllocatePoolWithTag(NonPagedPool, 5000, 'kaeL');
    Blocks[1] = ExAllocatePoolWithTag(NonPagedPool, 100, 'kaeL');
    return Blocks[0] != NULL && Blocks[1] != NULL ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
}
