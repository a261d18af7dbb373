/* reads_null.c - follows a null pointer.
 *
 * expect: status 2
 * expect: log DRIVER_IRQL_NOT_LESS_OR_EQUAL
 * expect: log reads_null\.sys.*DriverEntry */
#include <ntddk.h>

DRIVER_INITIALIZE DriverEntry;

static int *volatile Pointer;

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNREFERENCED_PARAMETER(DriverObject);
    UNREFERENCED_PARAMETER(RegistryPath);
    return *Pointer;
}
