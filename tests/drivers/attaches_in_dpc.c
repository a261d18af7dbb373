/* attaches_in_dpc.c - a DPC routine attaches to a process: the thread below is anybody's.
 * covers KeStackAttachProcess.3
 *
 * expect: status 2
 * expect: log INVALID_PROCESS_ATTACH_ATTEMPT
 * expect: log a DPC routine attaches thread */
#include <ntifs.h>

DRIVER_INITIALIZE DriverEntry;
static KDEFERRED_ROUTINE Attach;

static VOID NTAPI Attach(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    KAPC_STATE State;

    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    KeStackAttachProcess((PKPROCESS)PsInitialSystemProcess, &State);
    KeUnstackDetachProcess(&State);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    KDPC Dpc;

    UNREFERENCED_PARAMETER(DriverObject);
    UNREFERENCED_PARAMETER(RegistryPath);
    KeInitializeDpc(&Dpc, Attach, NULL);
    KeInsertQueueDpc(&Dpc, NULL, NULL);
    return STATUS_SUCCESS;
}
