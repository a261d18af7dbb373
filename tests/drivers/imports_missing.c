/* imports_missing.c - imports a routine that Kedge does not have, and never calls it.
 *
 * expect: status 0
 * expect: log imports_missing\.sys imports ntoskrnl\.exe!KdDisableDebugger, which Kedge does not have
 * expect: log imports_missing\.sys: loaded at .* 1 unresolved */
#include <ntddk.h>

DRIVER_INITIALIZE DriverEntry;

static volatile BOOLEAN Wanted;

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNREFERENCED_PARAMETER(DriverObject);
    UNREFERENCED_PARAMETER(RegistryPath);
    if (Wanted)
        KdDisableDebugger();
    DbgPrint("imports_missing: went another way\n");
    return STATUS_SUCCESS;
}
