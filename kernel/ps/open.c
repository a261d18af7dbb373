/* open.c - handles to processes and threads by their ids. Neither has a name. */
#include "psp.h"

#include <ex/mode.h>
#include <rtl/status.h>

/* The object that an id stands for, referenced; NULL: none. */
typedef PVOID (*FIND)(const CLIENT_ID *Id);

static PVOID FindProcess(const CLIENT_ID *Id)
{
    CLIENT_ID Copy = *Id;
    PKPROCESS Process = NULL;
    PKTHREAD Thread;

    if (Id->UniqueThread == NULL)
        return PspFindById(Id->UniqueProcess, PsProcessType);
    if (NT_SUCCESS(PsLookupProcessThreadByCid(&Copy, &Process, &Thread)))
        ObfDereferenceObject(Thread);
    return Process;
}

static PVOID FindThread(const CLIENT_ID *Id)
{
    PVOID Thread = PspFindById(Id->UniqueThread, PsThreadType);

    if (Thread != NULL && Id->UniqueProcess != NULL && PsGetThreadProcessId(Thread) != Id->UniqueProcess) {
        ObfDereferenceObject(Thread);
        Thread = NULL;
    }
    return Thread;
}

/* Attributes and Id are in memory of our own. */
static NTSTATUS OpenFound(PVOID Caller, FIND Find, const CLIENT_ID *Id, ACCESS_MASK DesiredAccess,
                          const OB_ATTRIBUTES *Attributes, PHANDLE Handle)
{
    PVOID Object = Find(Id);
    HANDLE New;
    NTSTATUS Status;

    if (Object == NULL)
        return STATUS_INVALID_CID;
    Status = ObOpenPointer(Caller, Object, Attributes->Attributes, DesiredAccess, OBJECT_TO_HEADER(Object)->Type,
                           Attributes->Mode, &New);
    ObfDereferenceObject(Object);
    return NT_SUCCESS(Status) ? ExDeliver(Attributes->Mode, Handle, &New, sizeof New, sizeof New) : Status;
}

static NTSTATUS Open(PVOID Caller, FIND Find, PHANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES Given,
                     PCLIENT_ID ClientId)
{
    KPROCESSOR_MODE Mode = ExGetPreviousMode();
    NTSTATUS Status = ExCheckOutput(Mode, Handle, sizeof *Handle, sizeof *Handle);
    OB_ATTRIBUTES Attributes;
    CLIENT_ID Id;

    if (NT_SUCCESS(Status))
        Status = ObCaptureAttributes(Mode, Given, &Attributes);
    if (!NT_SUCCESS(Status))
        return Status;
    if (ClientId == NULL || Attributes.NameGiven)
        Status = STATUS_INVALID_PARAMETER_MIX;
    else
        Status = ExCapture(Mode, &Id, ClientId, sizeof Id, sizeof(ULONG));
    if (NT_SUCCESS(Status))
        Status = OpenFound(Caller, Find, &Id, DesiredAccess, &Attributes, Handle);
    ObReleaseAttributes(&Attributes);
    return Status;
}

static NTSTATUS OpenForKernel(PVOID Caller, FIND Find, PHANDLE Handle, ACCESS_MASK DesiredAccess,
                              POBJECT_ATTRIBUTES Given, PCLIENT_ID ClientId)
{
    KPROCESSOR_MODE Outer = ExEnterService();
    NTSTATUS Status = Open(Caller, Find, Handle, DesiredAccess, Given, ClientId);

    ExLeaveService(Outer);
    return Status;
}

/* ---- Public ---- */

/* NtOpenProcess - a handle to the process of that id, which grants DesiredAccess. ClientId: UniqueThread is zero or a
 * thread of that process. IRQL: PASSIVE_LEVEL. Returns: STATUS_SUCCESS, STATUS_INVALID_PARAMETER_MIX without a ClientId
 * or with a name, STATUS_INVALID_CID, STATUS_INVALID_PARAMETER for bad attributes, STATUS_INSUFFICIENT_RESOURCES; from
 * user mode STATUS_ACCESS_VIOLATION, STATUS_DATATYPE_MISALIGNMENT, STATUS_ACCESS_DENIED.
 * Source: WDK nf-ntddk-ntopenprocess. */
NTSTATUS NtOpenProcess(PHANDLE ProcessHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                       PCLIENT_ID ClientId)
{
    return Open(__builtin_return_address(0), FindProcess, ProcessHandle, DesiredAccess, ObjectAttributes, ClientId);
}

/* ZwOpenProcess - the same for the kernel. Source: WDK nf-ntddk-zwopenprocess. */
NTSTATUS ZwOpenProcess(PHANDLE ProcessHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                       PCLIENT_ID ClientId)
{
    return OpenForKernel(__builtin_return_address(0), FindProcess, ProcessHandle, DesiredAccess, ObjectAttributes,
                         ClientId);
}

/* NtOpenThread - a handle to the thread of that id. ClientId: UniqueProcess is zero or the thread's. Parameters, IRQL
 * and results: as NtOpenProcess. Undocumented; exported. */
NTSTATUS NtOpenThread(PHANDLE ThreadHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                      PCLIENT_ID ClientId)
{
    return Open(__builtin_return_address(0), FindThread, ThreadHandle, DesiredAccess, ObjectAttributes, ClientId);
}

/* ZwOpenThread - the same for the kernel. */
NTSTATUS ZwOpenThread(PHANDLE ThreadHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                      PCLIENT_ID ClientId)
{
    return OpenForKernel(__builtin_return_address(0), FindThread, ThreadHandle, DesiredAccess, ObjectAttributes,
                         ClientId);
}
