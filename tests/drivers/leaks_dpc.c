/* leaks_dpc.c - its DPC goes back and forth between two processors, also after DriverUnload.
 *
 * expect: status 1
 * expect: log leak: leaks_dpc\.sys: DPC [0-9A-Fa-fx]+ is still queued or running, its routine is leaks_dpc\.sys.*Again
 * run: SMP=2 */
#include <ntddk.h>

DRIVER_INITIALIZE DriverEntry;

static KDPC Dpc;

static VOID NTAPI Again(PKDPC D, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    KeSetTargetProcessorDpc(D, (CCHAR)(1 - KeGetCurrentProcessorNumber()));
    KeInsertQueueDpc(D, NULL, NULL);
}

static VOID NTAPI Unload(PDRIVER_OBJECT DriverObject)
{
    UNREFERENCED_PARAMETER(DriverObject);
    KeInitializeDpc(&Dpc, Again, NULL);
    KeSetImportanceDpc(&Dpc, HighImportance);
    KeInsertQueueDpc(&Dpc, NULL, NULL);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNREFERENCED_PARAMETER(RegistryPath);
    DriverObject->DriverUnload = Unload;
    return STATUS_SUCCESS;
}
