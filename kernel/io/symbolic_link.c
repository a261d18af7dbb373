/* symbolic_link.c - the names that drivers give their devices for others.
 *
 * A link is ob's, permanent, and so nobody's. Who made it is kept here: a link that its driver forgets leads the next
 * one astray, and is named when the driver is unloaded. It is known by the object: the directory that its name is in
 * has several names itself. */
#include <io/symbolic_link.h>

#include "iop.h"

#include <ex/pool.h>
#include <ke/spinlock.h>
#include <ob/names.h>
#include <rtl/string.h>

typedef struct _MADE_LINK {
    LIST_ENTRY Link;                    /* ListLock */
    PVOID Caller;
    PVOID Object;                       /* referenced */
    UNICODE_STRING Name;                /* as its maker calls it */
    WCHAR Buffer[];
} MADE_LINK;

static KSPIN_LOCK ListLock;
static LIST_ENTRY All = { &All, &All };

static MADE_LINK *MakeEntry(PCUNICODE_STRING Name, PVOID Caller)
{
    MADE_LINK *Made = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof *Made + Name->Length, IO_TAG);

    if (Made == NULL)
        return NULL;
    memcpy(Made->Buffer, Name->Buffer, Name->Length);
    Made->Name = (UNICODE_STRING){ Name->Length, Name->Length, Made->Buffer };
    Made->Caller = Caller;
    return Made;
}

/* The entry of the link that Object is, out of the list; NULL: there is none. */
static MADE_LINK *TakeEntry(PVOID Object)
{
    KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&ListLock);
    MADE_LINK *Found = NULL;

    for (PLIST_ENTRY Link = All.Flink; Link != &All && Found == NULL; Link = Link->Flink) {
        MADE_LINK *Made = CONTAINING_RECORD(Link, MADE_LINK, Link);

        if (Made->Object == Object) {
            RemoveEntryList(Link);
            Found = Made;
        }
    }
    KeReleaseSpinLock(&ListLock, OldIrql);
    return Found;
}

static OBJECT_ATTRIBUTES AttributesOf(PUNICODE_STRING Name, ULONG Flags)
{
    return (OBJECT_ATTRIBUTES){ .Length = sizeof(OBJECT_ATTRIBUTES), .ObjectName = Name,
                                .Attributes = Flags | OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE };
}

static NTSTATUS CreateLink(PUNICODE_STRING Name, PUNICODE_STRING Target, PVOID Caller)
{
    OBJECT_ATTRIBUTES Attributes = AttributesOf(Name, OBJ_PERMANENT);
    MADE_LINK *Made = MakeEntry(Name, Caller);
    NTSTATUS Status;
    HANDLE Handle;
    KIRQL OldIrql;

    if (Made == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    Status = ZwCreateSymbolicLinkObject(&Handle, 0, &Attributes, Target);
    if (!NT_SUCCESS(Status)) {
        ExFreePoolWithTag(Made, IO_TAG);
        return Status;
    }
    ObReferenceObjectByHandle(Handle, 0, NULL, KernelMode, &Made->Object, NULL);
    OldIrql = KeAcquireSpinLockRaiseToDpc(&ListLock);
    InsertTailList(&All, &Made->Link);
    KeReleaseSpinLock(&ListLock, OldIrql);
    ZwClose(Handle);
    return STATUS_SUCCESS;
}

/* ---- Public ---- */

/* IoCreateSymbolicLink - SymbolicLinkName is another name of DeviceName, which need not be there yet, until
 * IoDeleteSymbolicLink. IRQL: PASSIVE_LEVEL. Returns: STATUS_SUCCESS, STATUS_OBJECT_NAME_COLLISION,
 * STATUS_INSUFFICIENT_RESOURCES, or what is wrong with the name. Source: WDK nf-wdm-iocreatesymboliclink. */
NTSTATUS IoCreateSymbolicLink(PUNICODE_STRING SymbolicLinkName, PUNICODE_STRING DeviceName)
{
    return CreateLink(SymbolicLinkName, DeviceName, __builtin_return_address(0));
}

/* IoCreateUnprotectedSymbolicLink - the same: nobody is refused access here.
 * Source: WDK nf-wdm-iocreateunprotectedsymboliclink. */
NTSTATUS IoCreateUnprotectedSymbolicLink(PUNICODE_STRING SymbolicLinkName, PUNICODE_STRING DeviceName)
{
    return CreateLink(SymbolicLinkName, DeviceName, __builtin_return_address(0));
}

/* IoDeleteSymbolicLink - the name is no more. IRQL: PASSIVE_LEVEL. Returns: STATUS_SUCCESS,
 * STATUS_OBJECT_NAME_NOT_FOUND, STATUS_OBJECT_TYPE_MISMATCH if it is no link's.
 * Source: WDK nf-wdm-iodeletesymboliclink. */
NTSTATUS IoDeleteSymbolicLink(PUNICODE_STRING SymbolicLinkName)
{
    OBJECT_ATTRIBUTES Attributes = AttributesOf(SymbolicLinkName, 0);
    MADE_LINK *Made;
    NTSTATUS Status;
    HANDLE Handle;
    PVOID Object;

    Status = ZwOpenSymbolicLinkObject(&Handle, DELETE, &Attributes);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = ObReferenceObjectByHandle(Handle, DELETE, NULL, KernelMode, &Object, NULL);
    ZwClose(Handle);
    if (!NT_SUCCESS(Status))
        return Status;
    ObMakeTemporaryObject(Object);
    Made = TakeEntry(Object);
    if (Made != NULL) {
        ObfDereferenceObject(Made->Object);
        ExFreePoolWithTag(Made, IO_TAG);
    }
    ObfDereferenceObject(Object);
    return Status;
}

/* Calls Report for each, under the list's lock: it may print. <= DISPATCH_LEVEL. Returns: their number. */
ULONG IoForEachSymbolicLinkOf(ULONG64 Start, ULONG64 End,
                              void (*Report)(PVOID Context, PCUNICODE_STRING Name, PVOID Caller), PVOID Context)
{
    KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&ListLock);
    ULONG Found = 0;

    for (PLIST_ENTRY Link = All.Flink; Link != &All; Link = Link->Flink) {
        MADE_LINK *Made = CONTAINING_RECORD(Link, MADE_LINK, Link);

        if ((ULONG64)Made->Caller < Start || (ULONG64)Made->Caller >= End)
            continue;
        Found++;
        Report(Context, &Made->Name, Made->Caller);
    }
    KeReleaseSpinLock(&ListLock, OldIrql);
    return Found;
}
