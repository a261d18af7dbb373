/* leaks_lookaside.c - does not delete its lookaside list, one of whose blocks it has not given back either.
 *
 * expect: status 1
 * expect: log leak: leaks_lookaside\.sys: lookaside list [0-9A-Fa-fx]+, tag .Leak., was not deleted, initialised at leaks_lookaside\.sys.*DriverEntry
 * expect: log leak: leaks_lookaside\.sys: pool block [0-9A-Fa-fx]+, 48 bytes, tag .Leak., allocated at
 * expect: log leaks_lookaside\.sys: left 2 things behind */
#include <ntddk.h>

DRIVER_INITIALIZE DriverEntry;

static NPAGED_LOOKASIDE_LIST List;

static VOID NTAPI Unload(PDRIVER_OBJECT DriverObject) { UNREFERENCED_PARAMETER(DriverObject); }

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNREFERENCED_PARAMETER(RegistryPath);
    DriverObject->DriverUnload = Unload;
    ExInitializeNPagedLookasideList(&List, NULL, NULL, 0, 48, 'kaeL', 0);
    return ExAllocateFromNPagedLookasideList(&List) != NULL ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
}
