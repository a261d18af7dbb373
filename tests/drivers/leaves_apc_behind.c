/* leaves_apc_behind.c - leaves a process with an APC that still waits there.
 *
 * expect: status 2
 * expect: log INVALID_PROCESS_DETACH_ATTEMPT
 * expect: log with APCs queued or running there */
#include <ntifs.h>

NTKERNELAPI NTSTATUS NTAPI PsCreateSystemProcess(PHANDLE, ULONG, POBJECT_ATTRIBUTES);
NTKERNELAPI VOID NTAPI KeInitializeApc(PKAPC, PKTHREAD, ULONG, PVOID, PVOID, PVOID, KPROCESSOR_MODE, PVOID);
NTKERNELAPI BOOLEAN NTAPI KeInsertQueueApc(PKAPC, PVOID, PVOID, KPRIORITY);

DRIVER_INITIALIZE DriverEntry;

static VOID NTAPI ApcRoutine(PKAPC Apc, PVOID *Normal, PVOID *Context, PVOID *Argument1, PVOID *Argument2)
{
    UNREFERENCED_PARAMETER(Apc);
    UNREFERENCED_PARAMETER(Normal);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
}

static VOID NTAPI ApcNormal(PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    static KAPC Apc;
    KAPC_STATE State;
    PVOID Host;
    HANDLE Handle;

    UNREFERENCED_PARAMETER(DriverObject);
    UNREFERENCED_PARAMETER(RegistryPath);
    PsCreateSystemProcess(&Handle, PROCESS_ALL_ACCESS, NULL);
    ObReferenceObjectByHandle(Handle, 0, *PsProcessType, KernelMode, &Host, NULL);
    ZwClose(Handle);
    KeStackAttachProcess((PKPROCESS)Host, &State);
    KeEnterCriticalRegion();
    KeInitializeApc(&Apc, KeGetCurrentThread(), 1, ApcRoutine, NULL, ApcNormal, KernelMode, NULL);
    KeInsertQueueApc(&Apc, NULL, NULL, IO_NO_INCREMENT);
    KeUnstackDetachProcess(&State);
    return STATUS_SUCCESS;
}
