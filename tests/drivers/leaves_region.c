/* leaves_region.c - returns from DriverEntry inside a critical region.
 *
 * expect: status 2
 * expect: log DRIVER_VERIFIER_DETECTED_VIOLATION
 * expect: log DriverEntry of leaves_region\.sys left a critical or guarded region entered */
#include <ntddk.h>

DRIVER_INITIALIZE DriverEntry;

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNREFERENCED_PARAMETER(DriverObject);
    UNREFERENCED_PARAMETER(RegistryPath);
    KeEnterCriticalRegion();
    return STATUS_SUCCESS;
}
