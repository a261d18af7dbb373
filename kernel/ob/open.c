/* open.c - objects with names: made, opened, made temporary again.
 *
 * Whoever opens by name counts his handle under the lock of the directory that has the name, and only while the name is
 * still there: otherwise the last handle was closed since the look-up, and he looks again (directory.c, the columns).
 * Whoever makes an object counts his handle before anybody can find it, so it is not taken for unused in between. */
#include "obp.h"

#include <ex/mode.h>
#include <ke/thread.h>
#include <ob/names.h>
#include <rtl/status.h>

/* ---- Attributes ---- */

/* Given is in memory of our own now. */
static NTSTATUS TakeAttributes(KPROCESSOR_MODE Mode, const OBJECT_ATTRIBUTES *Given, OB_ATTRIBUTES *Attributes)
{
    NTSTATUS Status = STATUS_SUCCESS;

    if (Given->Length != sizeof *Given || (Given->Attributes & ~(ULONG)OBJ_VALID_ATTRIBUTES) != 0)
        return STATUS_INVALID_PARAMETER;
    if (Mode != KernelMode && (Given->Attributes & OBJ_PERMANENT))
        return STATUS_PRIVILEGE_NOT_HELD;
    Attributes->Attributes = Given->Attributes;
    if (Mode != KernelMode)
        Attributes->Attributes &= ~(ULONG)OBJ_KERNEL_HANDLE;
    Attributes->NameGiven = Given->ObjectName != NULL;
    if (Given->ObjectName != NULL)
        Status = ExCaptureString(Mode, Given->ObjectName, &Attributes->Name);
    if (NT_SUCCESS(Status) && (Attributes->Name.Length % sizeof(WCHAR) != 0 ||
                               (Attributes->Name.Length != 0 && Attributes->Name.Buffer == NULL)))
        Status = STATUS_OBJECT_NAME_INVALID;
    if (NT_SUCCESS(Status) && Given->RootDirectory != NULL)
        Status = ObReferenceObjectByHandle(Given->RootDirectory, 0, NULL, Mode, &Attributes->Root, NULL);
    return Status;
}

NTSTATUS ObCaptureAttributes(KPROCESSOR_MODE Mode, POBJECT_ATTRIBUTES Given, OB_ATTRIBUTES *Attributes)
{
    OBJECT_ATTRIBUTES Copy;
    NTSTATUS Status;

    *Attributes = (OB_ATTRIBUTES){ .Mode = Mode };
    if (Given == NULL)
        return STATUS_SUCCESS;
    Status = ExCapture(Mode, &Copy, Given, sizeof Copy, sizeof(PVOID));
    if (NT_SUCCESS(Status))
        Status = TakeAttributes(Mode, &Copy, Attributes);
    if (!NT_SUCCESS(Status))
        ObReleaseAttributes(Attributes);
    return Status;
}

void ObReleaseAttributes(OB_ATTRIBUTES *Attributes)
{
    ExReleaseString(Attributes->Mode, &Attributes->Name);
    if (Attributes->Root != NULL)
        ObfDereferenceObject(Attributes->Root);
    *Attributes = (OB_ATTRIBUTES){ 0 };
}

/* ---- Exclusive objects ---- */

/* May the current process have one more handle to Object? An exclusive object is opened as such, and by one process at
 * a time. */
static NTSTATUS CheckExclusive(POBJECT_HEADER Header, ULONG Attributes)
{
    ULONG Id = (ULONG)KeGetCurrentThread()->ApcState.Process->Id;

    if ((Header->Flags & OB_EXCLUSIVE) == 0)
        return Attributes & OBJ_EXCLUSIVE ? STATUS_INVALID_PARAMETER : STATUS_SUCCESS;
    if ((Attributes & OBJ_EXCLUSIVE) == 0)
        return STATUS_ACCESS_DENIED;
    if (Header->HandleCount == 0)
        Header->ExclusiveId = Id;
    return Header->ExclusiveId == Id ? STATUS_SUCCESS : STATUS_ACCESS_DENIED;
}

/* Count a handle to Object, which somebody was just found to have the name of (ByName) or which is known otherwise.
 * Returns: STATUS_REPARSE if the name is lost again. */
static NTSTATUS CountOpen(PVOID Object, ULONG Attributes, BOOLEAN ByName)
{
    POBJECT_HEADER Header = OBJECT_TO_HEADER(Object);
    OBJECT_NAME *Name = Header->Name;
    PKSPIN_LOCK Lock = Name != NULL ? &Name->Directory->Lock : NULL;
    KIRQL OldIrql = PASSIVE_LEVEL;
    NTSTATUS Status;

    if (Lock != NULL)
        OldIrql = KeAcquireSpinLockRaiseToDpc(Lock);
    Status = ByName && !Name->Linked ? STATUS_REPARSE : CheckExclusive(Header, Attributes);
    if (Status == STATUS_SUCCESS)
        ObpCountHandle(Header);
    if (Lock != NULL)
        KeReleaseSpinLock(Lock, OldIrql);
    return Status;
}

/* ---- Handles ---- */

/* The kernel may ask to be looked at as user mode is. */
static NTSTATUS Grant(const OB_ATTRIBUTES *Attributes, PVOID Object, ACCESS_MASK DesiredAccess, ACCESS_MASK *Granted)
{
    KPROCESSOR_MODE Mode = Attributes->Attributes & OBJ_FORCE_ACCESS_CHECK ? UserMode : Attributes->Mode;

    return ObpGrantAccess(Mode, OBJECT_TO_HEADER(Object)->Type, DesiredAccess, Granted);
}

/* A handle to Object, counted and referenced, for the current process; if it fails, neither is left. */
static NTSTATUS MakeHandle(PVOID Object, const OB_ATTRIBUTES *Attributes, ACCESS_MASK Granted, PVOID Caller,
                           PHANDLE Handle)
{
    OBP_HANDLE Content = { Object, Granted, Attributes->Attributes, Caller };
    HANDLE New;
    NTSTATUS Status = ObpMakeHandle(KeGetCurrentThread()->ApcState.Process, &Content, &New);

    if (!NT_SUCCESS(Status)) {
        ObpDropHandle(Object);
        ObfDereferenceObject(Object);
        return Status;
    }
    return ExDeliver(Attributes->Mode, Handle, &New, sizeof New, sizeof New);
}

/* Object has what its creator asked for before anybody can find it. */
static void SetFlags(PVOID Object, ULONG Attributes)
{
    POBJECT_HEADER Header = OBJECT_TO_HEADER(Object);

    if (Attributes & OBJ_EXCLUSIVE) {
        Header->Flags |= OB_EXCLUSIVE;
        Header->ExclusiveId = (ULONG)KeGetCurrentThread()->ApcState.Process->Id;
    }
    if (Attributes & OBJ_PERMANENT) {
        Header->Flags |= OB_PERMANENT;
        ObfReferenceObject(Object);
    }
}

static void ClearPermanent(PVOID Object)
{
    if (__atomic_fetch_and(&OBJECT_TO_HEADER(Object)->Flags, ~(ULONG)OB_PERMANENT, __ATOMIC_ACQ_REL) & OB_PERMANENT)
        ObfDereferenceObject(Object);
}

/* Name Object, or find who has the name and, with OBJ_OPENIF, count a handle to him: STATUS_OBJECT_NAME_EXISTS. */
static NTSTATUS NameOrOpen(PVOID Object, const OB_ATTRIBUTES *Attributes, PVOID *Existing)
{
    POBJECT_TYPE Type = OBJECT_TO_HEADER(Object)->Type;
    NTSTATUS Status;

    do {
        Status = ObpNameObject(Object, Attributes->Root, &Attributes->Name, Attributes->Attributes, Existing);
        if (Status != STATUS_OBJECT_NAME_COLLISION || (Attributes->Attributes & OBJ_OPENIF) == 0)
            break;
        if (OBJECT_TO_HEADER(*Existing)->Type != Type)
            Status = STATUS_OBJECT_TYPE_MISMATCH;
        else
            Status = CountOpen(*Existing, Attributes->Attributes, OBJECT_TO_HEADER(*Existing)->Name != NULL);
        if (Status == STATUS_SUCCESS)
            return STATUS_OBJECT_NAME_EXISTS;
        ObfDereferenceObject(*Existing);
        *Existing = NULL;
    } while (Status == STATUS_REPARSE);
    if (*Existing != NULL)
        ObfDereferenceObject(*Existing);
    *Existing = NULL;
    return Status;
}

NTSTATUS ObInsertObject(PVOID Object, const OB_ATTRIBUTES *Attributes, ACCESS_MASK DesiredAccess, PVOID Caller,
                        PHANDLE Handle)
{
    ACCESS_MASK Granted;
    PVOID Existing = NULL;
    NTSTATUS Status = Grant(Attributes, Object, DesiredAccess, &Granted), Made;

    if (NT_SUCCESS(Status))
        Status = ExCheckOutput(Attributes->Mode, Handle, sizeof *Handle, sizeof *Handle);
    if (!NT_SUCCESS(Status)) {
        ObfDereferenceObject(Object);
        return Status;
    }
    ObpCountHandle(OBJECT_TO_HEADER(Object));
    if (Attributes->Name.Length != 0) {
        SetFlags(Object, Attributes->Attributes);
        Status = NameOrOpen(Object, Attributes, &Existing);
    }
    if (Status == STATUS_SUCCESS)
        return MakeHandle(Object, Attributes, Granted, Caller, Handle);
    ClearPermanent(Object);
    ObpDropHandle(Object);
    ObfDereferenceObject(Object);
    if (Existing == NULL)
        return Status;
    Made = MakeHandle(Existing, Attributes, Granted, Caller, Handle);
    return NT_SUCCESS(Made) ? Status : Made;
}

NTSTATUS ObOpenByAttributes(const OB_ATTRIBUTES *Attributes, POBJECT_TYPE Type, ACCESS_MASK DesiredAccess,
                            PVOID Context, PVOID Caller, PHANDLE Handle)
{
    NTSTATUS Status = ExCheckOutput(Attributes->Mode, Handle, sizeof *Handle, sizeof *Handle);
    ACCESS_MASK Granted = 0;
    PVOID Object = NULL;
    BOOLEAN ByName;

    if (!NT_SUCCESS(Status))
        return Status;
    do {
        Status = ObpLookUp(Attributes->Root, &Attributes->Name, Attributes->Attributes, Type, Context, &Object,
                           &ByName);
        if (!NT_SUCCESS(Status))
            return Status;
        Status = Grant(Attributes, Object, DesiredAccess, &Granted);
        if (NT_SUCCESS(Status))
            Status = CountOpen(Object, Attributes->Attributes, ByName);
        if (Status != STATUS_SUCCESS)
            ObfDereferenceObject(Object);
    } while (Status == STATUS_REPARSE);
    return Status == STATUS_SUCCESS ? MakeHandle(Object, Attributes, Granted, Caller, Handle) : Status;
}

NTSTATUS ObpCreateService(PVOID Caller, PVOID Object, PHANDLE Handle, ACCESS_MASK DesiredAccess,
                          POBJECT_ATTRIBUTES ObjectAttributes)
{
    OB_ATTRIBUTES Attributes;
    NTSTATUS Status;

    if (Object == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    Status = ObCaptureAttributes(ExGetPreviousMode(), ObjectAttributes, &Attributes);
    if (!NT_SUCCESS(Status)) {
        ObfDereferenceObject(Object);
        return Status;
    }
    Status = ObInsertObject(Object, &Attributes, DesiredAccess, Caller, Handle);
    ObReleaseAttributes(&Attributes);
    return Status;
}

NTSTATUS ObpOpenService(PVOID Caller, POBJECT_TYPE Type, ULONG Flags, PHANDLE Handle, ACCESS_MASK DesiredAccess,
                        POBJECT_ATTRIBUTES ObjectAttributes)
{
    OB_ATTRIBUTES Attributes;
    NTSTATUS Status;

    if (ObjectAttributes == NULL)
        return STATUS_INVALID_PARAMETER;
    Status = ObCaptureAttributes(ExGetPreviousMode(), ObjectAttributes, &Attributes);
    if (!NT_SUCCESS(Status))
        return Status;
    Attributes.Attributes |= Flags;
    Status = ObOpenByAttributes(&Attributes, Type, DesiredAccess, NULL, Caller, Handle);
    ObReleaseAttributes(&Attributes);
    return Status;
}

/* ---- For the floors above ---- */

NTSTATUS ObNameObject(PVOID Object, PVOID Root, PCUNICODE_STRING Name, ULONG Attributes)
{
    PVOID Existing;
    NTSTATUS Status;

    SetFlags(Object, Attributes);
    Status = ObpNameObject(Object, Root, Name, Attributes, &Existing);
    if (Existing != NULL)
        ObfDereferenceObject(Existing);
    if (!NT_SUCCESS(Status))
        ClearPermanent(Object);
    return Status;
}

NTSTATUS ObLookupObject(PVOID Root, PCUNICODE_STRING Name, ULONG Attributes, POBJECT_TYPE Type, PVOID Context,
                        PVOID *Object)
{
    BOOLEAN ByName;

    return ObpLookUp(Root, Name, Attributes, Type, Context, Object, &ByName);
}

/* ---- Public: by name ---- */

/* ObReferenceObjectByName - reference the object of that path and type. Attributes: OBJ_CASE_INSENSITIVE, ...;
 * ParseContext: for a type that reads the rest of the path. PassedAccessState and DesiredAccess are not looked at.
 * IRQL: PASSIVE_LEVEL. Returns: STATUS_SUCCESS, STATUS_OBJECT_NAME_INVALID, STATUS_OBJECT_PATH_SYNTAX_BAD,
 * STATUS_OBJECT_PATH_NOT_FOUND, STATUS_OBJECT_NAME_NOT_FOUND, STATUS_OBJECT_TYPE_MISMATCH; *Object is NULL then.
 * Undocumented; ntifs.h. */
NTSTATUS ObReferenceObjectByName(PUNICODE_STRING ObjectName, ULONG Attributes, struct _ACCESS_STATE *PassedAccessState,
                                 ACCESS_MASK DesiredAccess, POBJECT_TYPE ObjectType, KPROCESSOR_MODE AccessMode,
                                 PVOID ParseContext, PVOID *Object)
{
    UNICODE_STRING Name;
    NTSTATUS Status = ExCaptureString(AccessMode, ObjectName, &Name);

    UNREFERENCED_PARAMETER(PassedAccessState);
    UNREFERENCED_PARAMETER(DesiredAccess);
    *Object = NULL;
    if (!NT_SUCCESS(Status))
        return Status;
    Status = ObLookupObject(NULL, &Name, Attributes, ObjectType, ParseContext, Object);
    ExReleaseString(AccessMode, &Name);
    return Status;
}

/* ObOpenObjectByName - a handle to the object that ObjectAttributes name, of ObjectType. IRQL: PASSIVE_LEVEL.
 * Returns: as ZwOpenEvent. Undocumented; ntifs.h. */
NTSTATUS ObOpenObjectByName(POBJECT_ATTRIBUTES ObjectAttributes, POBJECT_TYPE ObjectType, KPROCESSOR_MODE AccessMode,
                            struct _ACCESS_STATE *PassedAccessState, ACCESS_MASK DesiredAccess, PVOID ParseContext,
                            PHANDLE Handle)
{
    OB_ATTRIBUTES Attributes;
    NTSTATUS Status;

    UNREFERENCED_PARAMETER(PassedAccessState);
    if (ObjectAttributes == NULL)
        return STATUS_INVALID_PARAMETER;
    Status = ObCaptureAttributes(AccessMode, ObjectAttributes, &Attributes);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = ObOpenByAttributes(&Attributes, ObjectType, DesiredAccess, ParseContext, __builtin_return_address(0),
                                Handle);
    ObReleaseAttributes(&Attributes);
    return Status;
}

/* ---- Public: permanent and temporary ---- */

/* ObMakeTemporaryObject - Object is no longer permanent: its name goes with its last handle, at once if it has none.
 * IRQL: PASSIVE_LEVEL. Source: WDK nf-ntifs-obmaketemporaryobject. */
VOID ObMakeTemporaryObject(PVOID Object)
{
    POBJECT_HEADER Header = OBJECT_TO_HEADER(Object);
    ULONG Flags = __atomic_fetch_and(&Header->Flags, ~(ULONG)OB_PERMANENT, __ATOMIC_ACQ_REL);

    if (Header->Name != NULL)
        ObpUnlinkName(Object, TRUE);
    if (Flags & OB_PERMANENT)
        ObfDereferenceObject(Object);
}

/* ZwMakeTemporaryObject - the same, by a handle that grants DELETE; the handle itself keeps the name until it is
 * closed. IRQL: PASSIVE_LEVEL. Returns: STATUS_SUCCESS, and what is wrong with Handle.
 * Source: WDK nf-wdm-zwmaketemporaryobject. */
NTSTATUS ZwMakeTemporaryObject(HANDLE Handle)
{
    PVOID Object;
    NTSTATUS Status = ObReferenceObjectByHandle(Handle, DELETE, NULL, KernelMode, &Object, NULL);

    if (!NT_SUCCESS(Status))
        return Status;
    ObMakeTemporaryObject(Object);
    ObfDereferenceObject(Object);
    return Status;
}

/* NtMakePermanentObject - the object of Handle keeps its name until it is made temporary. A privilege that user mode
 * does not have. IRQL: PASSIVE_LEVEL. Returns: STATUS_SUCCESS, STATUS_PRIVILEGE_NOT_HELD, and what is wrong with
 * Handle. Undocumented; exported since Windows Vista. */
NTSTATUS NtMakePermanentObject(HANDLE Handle)
{
    KPROCESSOR_MODE Mode = ExGetPreviousMode();
    PVOID Object;
    NTSTATUS Status;

    if (Mode != KernelMode)
        return STATUS_PRIVILEGE_NOT_HELD;
    Status = ObReferenceObjectByHandle(Handle, 0, NULL, Mode, &Object, NULL);
    if (!NT_SUCCESS(Status))
        return Status;
    if ((__atomic_fetch_or(&OBJECT_TO_HEADER(Object)->Flags, OB_PERMANENT, __ATOMIC_ACQ_REL) & OB_PERMANENT) == 0)
        ObfReferenceObject(Object);
    ObfDereferenceObject(Object);
    return Status;
}
