/* reads_missing.c - reads a variable that Kedge does not have: no value is made up for it.
 *
 * expect: status 4
 * expect: log reads_missing\.sys imports ntoskrnl\.exe!NtBuildNumber, a variable that Kedge does not have
 * expect: log was read: reads_missing\.sys used ntoskrnl\.exe!NtBuildNumber, which Kedge does not have
 * expect: log reads_missing\.sys.*DriverEntry */
#include <ntddk.h>

DRIVER_INITIALIZE DriverEntry;

extern __declspec(dllimport) PULONG NtBuildNumber;

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNREFERENCED_PARAMETER(DriverObject);
    UNREFERENCED_PARAMETER(RegistryPath);
    DbgPrint("reads_missing: build %u\n", *NtBuildNumber & 0xFFFF);
    return STATUS_SUCCESS;
}
