/* frees_twice.c - frees a block again.
 * covers ExFreePoolWithTag.1
 *
 * expect: status 2
 * expect: log BAD_POOL_CALLER
 * expect: log frees_twice\.sys.*DriverEntry */
#include <ntddk.h>

DRIVER_INITIALIZE DriverEntry;

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    PVOID Block = ExAllocatePoolWithTag(NonPagedPool, 64, 'eciT');

    UNREFERENCED_PARAMETER(DriverObject);
    UNREFERENCED_PARAMETER(RegistryPath);
    ExFreePoolWithTag(Block, 'eciT');
    ExFreePoolWithTag(Block, 'eciT');
    return STATUS_SUCCESS;
}
