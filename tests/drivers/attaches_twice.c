/* attaches_twice.c - attaches with KeAttachProcess, which does not nest, while attached elsewhere.
 *
 * expect: status 2
 * expect: log INVALID_PROCESS_ATTACH_ATTEMPT
 * expect: log attached it to another process already */
#include <ntifs.h>

NTKERNELAPI NTSTATUS NTAPI PsCreateSystemProcess(PHANDLE, ULONG, POBJECT_ATTRIBUTES);

DRIVER_INITIALIZE DriverEntry;

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    PVOID Host;
    HANDLE Handle;

    UNREFERENCED_PARAMETER(DriverObject);
    UNREFERENCED_PARAMETER(RegistryPath);
    PsCreateSystemProcess(&Handle, PROCESS_ALL_ACCESS, NULL);
    ObReferenceObjectByHandle(Handle, 0, *PsProcessType, KernelMode, &Host, NULL);
    ZwClose(Handle);
    KeAttachProcess((PKPROCESS)Host);
    KeAttachProcess((PKPROCESS)PsInitialSystemProcess);
    KeDetachProcess();
    return STATUS_SUCCESS;
}
