/* detaches_unattached.c - leaves a process that it never attached to.
 *
 * expect: status 2
 * expect: log INVALID_PROCESS_DETACH_ATTEMPT
 * expect: log leaves a process that it is not attached to */
#include <ntifs.h>

DRIVER_INITIALIZE DriverEntry;

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    KAPC_STATE State;

    UNREFERENCED_PARAMETER(DriverObject);
    UNREFERENCED_PARAMETER(RegistryPath);
    RtlZeroMemory(&State, sizeof State);
    KeUnstackDetachProcess(&State);
    return STATUS_SUCCESS;
}
