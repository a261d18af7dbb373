/* leaks_handle.c - its thread has ended, and the handle to it is still open.
 *
 * expect: status 1
 * expect: log leak: leaks_handle\.sys: handle [0-9A-Fa-fx]+ to Thread [0-9A-Fa-fx]+, opened at leaks_handle\.sys.*DriverEntry
 * expect: log leaks_handle\.sys: left 1 thing behind */
#include <ntddk.h>

DRIVER_INITIALIZE DriverEntry;

static VOID NTAPI Thread(PVOID Context) { UNREFERENCED_PARAMETER(Context); }

static VOID NTAPI Unload(PDRIVER_OBJECT DriverObject) { UNREFERENCED_PARAMETER(DriverObject); }

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    HANDLE Handle;

    UNREFERENCED_PARAMETER(RegistryPath);
    DriverObject->DriverUnload = Unload;
    return PsCreateSystemThread(&Handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, Thread, NULL);
}
