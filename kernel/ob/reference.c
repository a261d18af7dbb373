/* reference.c - from a handle to its object and back.
 *
 * A kernel handle means the same everywhere; any other is of the process whose address space the thread is in, be it
 * attached. Code from the kernel may do with an object whatever it likes; for code from user mode the handle grants
 * what was asked for when it was opened, and a kernel handle grants it nothing: it is no handle. There are no security
 * descriptors, so user mode is given what it asks for as far as the type knows such an access. */
#include "obp.h"

#include <arch/port.h>
#include <ex/mode.h>
#include <ke/thread.h>
#include <rtl/status.h>

#define GENERIC_BITS (GENERIC_READ | GENERIC_WRITE | GENERIC_EXECUTE | GENERIC_ALL)

/* NtCurrentProcess and NtCurrentThread are no entries of a table and grant everything. */
static BOOLEAN ReadHandle(HANDLE Handle, KPROCESSOR_MODE Mode, OBP_HANDLE *Content)
{
    PKTHREAD Thread = (PKTHREAD)ARCH_THIS_CPU->CurrentThread;

    if (Handle != NtCurrentProcess() && Handle != NtCurrentThread())
        return ObpReadHandle(Thread->ApcState.Process, Handle, Mode, Content);
    *Content = (OBP_HANDLE){ .Object = Thread };
    if (Handle == NtCurrentProcess())
        Content->Object = Thread->ApcState.Process;
    Content->GrantedAccess = OBJECT_TO_HEADER(Content->Object)->Type->ValidAccess;
    ObfReferenceObject(Content->Object);
    return TRUE;
}

/* ---- Shared ---- */

ACCESS_MASK ObMapGenericAccess(POBJECT_TYPE Type, ACCESS_MASK DesiredAccess)
{
    ACCESS_MASK Access = DesiredAccess & ~GENERIC_BITS;

    Access |= DesiredAccess & GENERIC_READ ? Type->Mapping.GenericRead : 0;
    Access |= DesiredAccess & GENERIC_WRITE ? Type->Mapping.GenericWrite : 0;
    Access |= DesiredAccess & GENERIC_EXECUTE ? Type->Mapping.GenericExecute : 0;
    Access |= DesiredAccess & GENERIC_ALL ? Type->Mapping.GenericAll : 0;
    return Access;
}

NTSTATUS ObpGrantAccess(KPROCESSOR_MODE Mode, POBJECT_TYPE Type, ACCESS_MASK DesiredAccess, ACCESS_MASK *Granted)
{
    ACCESS_MASK Access = ObMapGenericAccess(Type, DesiredAccess & ~MAXIMUM_ALLOWED);

    Access |= DesiredAccess & MAXIMUM_ALLOWED ? Type->ValidAccess : 0;
    *Granted = Access;
    return Mode == UserMode && (Access & ~Type->ValidAccess) != 0 ? STATUS_ACCESS_DENIED : STATUS_SUCCESS;
}

NTSTATUS ObpReferenceByHandle(HANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_TYPE ObjectType, KPROCESSOR_MODE Mode,
                              OBP_HANDLE *Content)
{
    NTSTATUS Status = STATUS_SUCCESS;

    if (!ReadHandle(Handle, Mode, Content)) {
        Content->Object = NULL;
        return STATUS_INVALID_HANDLE;
    }
    if (ObjectType != NULL && OBJECT_TO_HEADER(Content->Object)->Type != ObjectType)
        Status = STATUS_OBJECT_TYPE_MISMATCH;
    else if (Mode == UserMode && (DesiredAccess & ~Content->GrantedAccess) != 0)
        Status = STATUS_ACCESS_DENIED;
    if (Status != STATUS_SUCCESS) {
        ObfDereferenceObject(Content->Object);
        Content->Object = NULL;
    }
    return Status;
}

NTSTATUS ObCreateHandle(PVOID Object, ACCESS_MASK GrantedAccess, PVOID Caller, PHANDLE Handle)
{
    OBP_HANDLE Content = { Object, GrantedAccess, OBJ_KERNEL_HANDLE, Caller };
    NTSTATUS Status;

    ObfReferenceObject(Object);
    ObpCountHandle(OBJECT_TO_HEADER(Object));
    Status = ObpMakeHandle(NULL, &Content, Handle);
    if (!NT_SUCCESS(Status)) {
        ObpDropHandle(Object);
        ObfDereferenceObject(Object);
    }
    return Status;
}

/* ---- Public: ObReferenceObjectByHandle, ObOpenObjectByPointer ---- */

/* ObReferenceObjectByHandle - reference the object that Handle stands for: a kernel handle, a handle of the current
 * process, NtCurrentThread or NtCurrentProcess. ObjectType NULL: any. Access is checked for UserMode only, to which
 * kernel handles are none. HandleInformation: may be NULL. IRQL: PASSIVE_LEVEL. Returns: STATUS_SUCCESS,
 * STATUS_INVALID_HANDLE, STATUS_OBJECT_TYPE_MISMATCH, STATUS_ACCESS_DENIED; *Object is NULL then.
 * Source: WDK nf-wdm-obreferenceobjectbyhandle. */
NTSTATUS ObReferenceObjectByHandle(HANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_TYPE ObjectType,
                                   KPROCESSOR_MODE AccessMode, PVOID *Object,
                                   POBJECT_HANDLE_INFORMATION HandleInformation)
{
    OBP_HANDLE Content;
    NTSTATUS Status = ObpReferenceByHandle(Handle, DesiredAccess, ObjectType, AccessMode, &Content);

    *Object = Content.Object;
    if (NT_SUCCESS(Status) && HandleInformation != NULL)
        *HandleInformation = (OBJECT_HANDLE_INFORMATION){ Content.Attributes, Content.GrantedAccess };
    return Status;
}

/* ObReferenceObjectByHandleWithTag - the same; Tag is for NT's tracing of references.
 * Source: WDK nf-wdm-obreferenceobjectbyhandlewithtag. */
NTSTATUS ObReferenceObjectByHandleWithTag(HANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_TYPE ObjectType,
                                          KPROCESSOR_MODE AccessMode, ULONG Tag, PVOID *Object,
                                          POBJECT_HANDLE_INFORMATION HandleInformation)
{
    UNREFERENCED_PARAMETER(Tag);
    return ObReferenceObjectByHandle(Handle, DesiredAccess, ObjectType, AccessMode, Object, HandleInformation);
}

NTSTATUS ObOpenPointer(PVOID Caller, PVOID Object, ULONG Attributes, ACCESS_MASK DesiredAccess, POBJECT_TYPE ObjectType,
                       KPROCESSOR_MODE Mode, PHANDLE Handle)
{
    OBP_HANDLE Content = { Object, 0, Attributes, Caller };
    NTSTATUS Status;

    *Handle = NULL;
    Status = ObReferenceObjectByPointer(Object, 0, ObjectType, Mode);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = ObpGrantAccess(Mode, OBJECT_TO_HEADER(Object)->Type, DesiredAccess, &Content.GrantedAccess);
    if (NT_SUCCESS(Status)) {
        ObpCountHandle(OBJECT_TO_HEADER(Object));
        Status = ObpMakeHandle(KeGetCurrentThread()->ApcState.Process, &Content, Handle);
        if (NT_SUCCESS(Status))
            return Status;
        ObpDropHandle(Object);
    }
    ObfDereferenceObject(Object);
    return Status;
}

/* ObOpenObjectByPointer - a handle to Object, which grants DesiredAccess: a kernel handle if HandleAttributes have
 * OBJ_KERNEL_HANDLE, else one of the current process. ObjectType NULL: any, for KernelMode. PassedAccessState is not
 * looked at. IRQL: PASSIVE_LEVEL. Returns: STATUS_SUCCESS, STATUS_OBJECT_TYPE_MISMATCH, STATUS_ACCESS_DENIED for
 * UserMode and an access that the type does not know, STATUS_INSUFFICIENT_RESOURCES; *Handle is NULL then.
 * Source: WDK nf-ntifs-obopenobjectbypointer. */
NTSTATUS ObOpenObjectByPointer(PVOID Object, ULONG HandleAttributes, struct _ACCESS_STATE *PassedAccessState,
                               ACCESS_MASK DesiredAccess, POBJECT_TYPE ObjectType, KPROCESSOR_MODE AccessMode,
                               PHANDLE Handle)
{
    UNREFERENCED_PARAMETER(PassedAccessState);
    return ObOpenPointer(__builtin_return_address(0), Object, HandleAttributes, DesiredAccess, ObjectType, AccessMode,
                         Handle);
}

/* ObOpenObjectByPointerWithTag - the same. Source: WDK nf-ntifs-obopenobjectbypointerwithtag. */
NTSTATUS ObOpenObjectByPointerWithTag(PVOID Object, ULONG HandleAttributes, struct _ACCESS_STATE *PassedAccessState,
                                      ACCESS_MASK DesiredAccess, POBJECT_TYPE ObjectType, KPROCESSOR_MODE AccessMode,
                                      ULONG Tag, PHANDLE Handle)
{
    UNREFERENCED_PARAMETER(PassedAccessState);
    UNREFERENCED_PARAMETER(Tag);
    return ObOpenPointer(__builtin_return_address(0), Object, HandleAttributes, DesiredAccess, ObjectType, AccessMode,
                         Handle);
}

/* ---- Public: closing ---- */

/* ObIsKernelHandle - does Handle have the mark of a kernel handle, in use or not? IRQL: any. */
BOOLEAN ObIsKernelHandle(HANDLE Handle) { return ((ULONG64)Handle >> 31) == 0x1FFFFFFFFull && (LONG64)Handle < -2; }

/* ObCloseHandle - give Handle, of the current process or for KernelMode also a kernel handle, up; the object goes when
 * nothing else holds it. IRQL: PASSIVE_LEVEL. Returns: STATUS_SUCCESS, STATUS_INVALID_HANDLE,
 * STATUS_HANDLE_NOT_CLOSABLE if it is protected. Source: WDK nf-ntifs-obclosehandle. */
NTSTATUS ObCloseHandle(HANDLE Handle, KPROCESSOR_MODE PreviousMode)
{
    return ObpCloseHandle(KeGetCurrentThread()->ApcState.Process, Handle, PreviousMode);
}

/* NtClose - ObCloseHandle in the caller's previous mode. Source: WDK nf-ntifs-ntclose. */
NTSTATUS NtClose(HANDLE Handle) { return ObCloseHandle(Handle, ExGetPreviousMode()); }

/* ZwClose - the same for the kernel. Source: WDK nf-ntifs-ntclose. */
NTSTATUS ZwClose(HANDLE Handle) { return ObCloseHandle(Handle, KernelMode); }
