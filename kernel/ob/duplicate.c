/* duplicate.c - handles from one process to another.
 *
 * The source is read as somebody in the source process would read it, the new handle is made in the target's table;
 * the thread need not be in either. NtCurrentThread and NtCurrentProcess as a source are those of the caller, except
 * that the process is the source process. Closing the source is done whatever became of the rest. */
#include "obp.h"

#include <ex/mode.h>
#include <ke/process.h>
#include <ob/duplicate.h>
#include <rtl/status.h>

typedef struct _DUPLICATE {
    PKPROCESS Source, Target;           /* referenced; Target NULL: no new handle */
    HANDLE Handle;
    ACCESS_MASK DesiredAccess;
    ULONG Attributes, Options;
    PVOID Caller;
} DUPLICATE;

static BOOLEAN ReadSource(const DUPLICATE *D, KPROCESSOR_MODE Mode, OBP_HANDLE *Content)
{
    if (D->Handle != NtCurrentProcess() && D->Handle != NtCurrentThread())
        return ObpReadHandle(D->Source, D->Handle, Mode, Content);
    *Content = (OBP_HANDLE){ .Object = D->Source };
    if (D->Handle == NtCurrentThread())
        Content->Object = KeGetCurrentThread();
    Content->GrantedAccess = OBJECT_TO_HEADER(Content->Object)->Type->ValidAccess;
    ObfReferenceObject(Content->Object);
    return TRUE;
}

/* User mode is given no more than the source grants. */
static NTSTATUS ChooseAccess(const DUPLICATE *D, KPROCESSOR_MODE Mode, OBP_HANDLE *Content)
{
    ACCESS_MASK Granted;
    NTSTATUS Status;

    if (D->Options & DUPLICATE_SAME_ACCESS)
        return STATUS_SUCCESS;
    Status = ObpGrantAccess(Mode, OBJECT_TO_HEADER(Content->Object)->Type, D->DesiredAccess, &Granted);
    if (NT_SUCCESS(Status) && Mode == UserMode && (Granted & ~Content->GrantedAccess) != 0)
        Status = STATUS_ACCESS_DENIED;
    Content->GrantedAccess = Granted;
    return Status;
}

static NTSTATUS MakeTarget(const DUPLICATE *D, KPROCESSOR_MODE Mode, PHANDLE New)
{
    OBP_HANDLE Content;
    NTSTATUS Status;

    if (!ReadSource(D, Mode, &Content))
        return STATUS_INVALID_HANDLE;
    Status = ChooseAccess(D, Mode, &Content);
    if ((D->Options & DUPLICATE_SAME_ATTRIBUTES) == 0)
        Content.Attributes = D->Attributes & ~(ULONG)OBJ_KERNEL_HANDLE;
    if (Mode == KernelMode)
        Content.Attributes |= D->Attributes & OBJ_KERNEL_HANDLE;
    Content.Caller = D->Caller;
    if (NT_SUCCESS(Status)) {
        ObpCountHandle(OBJECT_TO_HEADER(Content.Object));
        Status = ObpMakeHandle(D->Target, &Content, New);
        if (NT_SUCCESS(Status))
            return Status;
        ObpDropHandle(Content.Object);
    }
    ObfDereferenceObject(Content.Object);
    return Status;
}

static NTSTATUS FindProcess(HANDLE Handle, KPROCESSOR_MODE Mode, PKPROCESS *Process)
{
    PVOID Object;
    NTSTATUS Status = ObReferenceObjectByHandle(Handle, PROCESS_DUP_HANDLE, PsProcessType, Mode, &Object, NULL);

    *Process = Object;
    return Status;
}

static NTSTATUS Duplicate(DUPLICATE *D, HANDLE SourceProcess, HANDLE TargetProcess, PHANDLE TargetHandle)
{
    KPROCESSOR_MODE Mode = ExGetPreviousMode();
    NTSTATUS Status = STATUS_SUCCESS;
    HANDLE New = NULL;

    if (TargetHandle != NULL)
        Status = ExCheckOutput(Mode, TargetHandle, sizeof(HANDLE), sizeof(HANDLE));
    if (NT_SUCCESS(Status))
        Status = FindProcess(SourceProcess, Mode, &D->Source);
    if (!NT_SUCCESS(Status))
        return Status;
    if (TargetProcess != NULL)
        Status = FindProcess(TargetProcess, Mode, &D->Target);
    else if ((D->Options & DUPLICATE_CLOSE_SOURCE) == 0)
        Status = STATUS_INVALID_PARAMETER;
    if (D->Target != NULL) {
        Status = MakeTarget(D, Mode, &New);
        ObfDereferenceObject(D->Target);
    }
    if (D->Options & DUPLICATE_CLOSE_SOURCE)
        ObpCloseHandle(D->Source, D->Handle, Mode);
    ObfDereferenceObject(D->Source);
    if (NT_SUCCESS(Status) && TargetHandle != NULL)
        Status = ExDeliver(Mode, TargetHandle, &New, sizeof New, sizeof New);
    return Status;
}

/* ---- Public ---- */

/* NtDuplicateObject - a handle in TargetProcessHandle's process to what SourceHandle is in SourceProcessHandle's. It
 * grants DesiredAccess, or as the source with DUPLICATE_SAME_ACCESS; has HandleAttributes (OBJ_INHERIT,
 * OBJ_PROTECT_CLOSE, OBJ_KERNEL_HANDLE: a kernel handle), or as the source with DUPLICATE_SAME_ATTRIBUTES. With
 * DUPLICATE_CLOSE_SOURCE the source is closed, whatever is returned; then the target may be NULL. TargetHandle: may be
 * NULL. IRQL: PASSIVE_LEVEL. Returns: STATUS_SUCCESS, STATUS_INVALID_HANDLE, STATUS_OBJECT_TYPE_MISMATCH where a
 * process is no process, STATUS_INVALID_PARAMETER without a target, STATUS_PROCESS_IS_TERMINATING,
 * STATUS_INSUFFICIENT_RESOURCES; for user mode STATUS_ACCESS_DENIED, STATUS_ACCESS_VIOLATION.
 * Source: WDK nf-ntifs-zwduplicateobject. */
NTSTATUS NtDuplicateObject(HANDLE SourceProcessHandle, HANDLE SourceHandle, HANDLE TargetProcessHandle,
                           PHANDLE TargetHandle, ACCESS_MASK DesiredAccess, ULONG HandleAttributes, ULONG Options)
{
    DUPLICATE D = { NULL, NULL, SourceHandle, DesiredAccess, HandleAttributes, Options, __builtin_return_address(0) };

    return Duplicate(&D, SourceProcessHandle, TargetProcessHandle, TargetHandle);
}

/* ZwDuplicateObject - the same for the kernel. */
NTSTATUS ZwDuplicateObject(HANDLE SourceProcessHandle, HANDLE SourceHandle, HANDLE TargetProcessHandle,
                           PHANDLE TargetHandle, ACCESS_MASK DesiredAccess, ULONG HandleAttributes, ULONG Options)
{
    DUPLICATE D = { NULL, NULL, SourceHandle, DesiredAccess, HandleAttributes, Options, __builtin_return_address(0) };
    KPROCESSOR_MODE Outer = ExEnterService();
    NTSTATUS Status = Duplicate(&D, SourceProcessHandle, TargetProcessHandle, TargetHandle);

    ExLeaveService(Outer);
    return Status;
}
