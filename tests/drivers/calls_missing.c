/* calls_missing.c - calls a routine that Kedge does not have.
 *
 * expect: status 4
 * expect: log calls_missing\.sys imports ntoskrnl\.exe!KdDisableDebugger, which Kedge does not have
 * expect: log calls_missing\.sys called ntoskrnl\.exe!KdDisableDebugger, which Kedge does not have
 * expect: log calls_missing\.sys.*DriverEntry */
#include <ntddk.h>

DRIVER_INITIALIZE DriverEntry;

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNREFERENCED_PARAMETER(DriverObject);
    UNREFERENCED_PARAMETER(RegistryPath);
    KdDisableDebugger();
    return STATUS_SUCCESS;
}
