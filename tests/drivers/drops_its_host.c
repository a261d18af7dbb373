/* drops_its_host.c - gives back the last reference to the process that it is attached to.
 *
 * expect: status 2
 * expect: log REFERENCE_BY_POINTER
 * expect: log threads are attached to it */
#include <ntifs.h>

NTKERNELAPI NTSTATUS NTAPI PsCreateSystemProcess(PHANDLE, ULONG, POBJECT_ATTRIBUTES);

DRIVER_INITIALIZE DriverEntry;

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    KAPC_STATE State;
    PVOID Host;
    HANDLE Handle;

    UNREFERENCED_PARAMETER(DriverObject);
    UNREFERENCED_PARAMETER(RegistryPath);
    PsCreateSystemProcess(&Handle, PROCESS_ALL_ACCESS, NULL);
    ObReferenceObjectByHandle(Handle, 0, *PsProcessType, KernelMode, &Host, NULL);
    ZwClose(Handle);
    KeStackAttachProcess((PKPROCESS)Host, &State);
    ObDereferenceObject(Host);
    KeUnstackDetachProcess(&State);
    return STATUS_SUCCESS;
}
