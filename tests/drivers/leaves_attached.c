/* leaves_attached.c - DriverEntry returns while its thread is attached to another process.
 *
 * expect: status 2
 * expect: log INVALID_PROCESS_ATTACH_ATTEMPT
 * expect: log DriverEntry of leaves_attached.sys returned attached */
#include <ntifs.h>

NTKERNELAPI NTSTATUS NTAPI PsCreateSystemProcess(PHANDLE, ULONG, POBJECT_ATTRIBUTES);

DRIVER_INITIALIZE DriverEntry;

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    static KAPC_STATE State;
    PVOID Host;
    HANDLE Handle;

    UNREFERENCED_PARAMETER(DriverObject);
    UNREFERENCED_PARAMETER(RegistryPath);
    PsCreateSystemProcess(&Handle, PROCESS_ALL_ACCESS, NULL);
    ObReferenceObjectByHandle(Handle, 0, *PsProcessType, KernelMode, &Host, NULL);
    ZwClose(Handle);
    KeStackAttachProcess((PKPROCESS)Host, &State);
    return STATUS_SUCCESS;
}
