/* directory.c - directory objects: names, and which object has each.
 *
 * A directory is a hash of OBJECT_NAMEs. A name is made when its object is put into the directory and lives as long as
 * the object; while it is linked, a look-up finds the object by it. It is unlinked once and for ever, by the first of
 *   the last handle's close       unless the object is permanent
 *   ObMakeTemporaryObject         if it has no handles
 *   the last dereference          an object that never had a handle is known as long as somebody holds it
 * A name keeps nobody alive: a look-up that meets an object whose last reference is gone passes it over, as if the name
 * were free; its memory is there until the deletion has had the directory's lock.
 *
 * Lock: each directory has a spin lock over its buckets and over Linked of its names. It is held for one bucket; what
 * is compared is the hash, then as a rule one name. So names can be taken out at DISPATCH_LEVEL, where the last
 * dereference may be. A path is walked without holding more than one lock, by references. Nothing is freed or
 * dereferenced under it.
 *
 *   last close                             open by name
 *   HandleCount 1 -> 0                     lock; finds the name, references the object, HandleCount 0 -> 1; unlock
 *   lock; HandleCount is not 0: the        makes the handle
 *   name stays; unlock
 * Had the close come to the lock first, the opener would not have found the name. */
#include "obp.h"

#include <ex/pool.h>
#include <rtl/debug.h>
#include <rtl/nt_string.h>
#include <rtl/status.h>
#include <rtl/string.h>

enum { NAME_TAG = 'nbOK' };

static void DeleteDirectory(PVOID Object);

OBJECT_TYPE ObpDirectoryType = {
    &ObpDirectoryType, "Directory", DeleteDirectory, 0x000F000F, { 0x00020003, 0x0002000C, 0x00020003, 0x000F000F }
};

/* Each object in it holds it, so it is empty. */
static void DeleteDirectory(PVOID Object)
{
    OBJECT_DIRECTORY *Directory = Object;

    for (ULONG At = 0; At < DIRECTORY_BUCKETS; At++)
        RtlRequire(IsListEmpty(&Directory->Buckets[At]));
}

/* Case-blind whatever is asked for, so that one hash serves both kinds of look-up. */
static ULONG HashOf(PCUNICODE_STRING Text)
{
    ULONG Hash = 0;

    RtlHashUnicodeString(Text, TRUE, 0, &Hash);
    return Hash;
}

/* Lock held. The object is referenced. */
static PVOID FindLocked(OBJECT_DIRECTORY *Directory, PCUNICODE_STRING Text, ULONG Hash, BOOLEAN NoCase)
{
    PLIST_ENTRY Head = &Directory->Buckets[Hash % DIRECTORY_BUCKETS];

    for (PLIST_ENTRY At = Head->Flink; At != Head; At = At->Flink) {
        OBJECT_NAME *Name = CONTAINING_RECORD(At, OBJECT_NAME, Link);

        if (Name->Hash == Hash && RtlEqualUnicodeString(&Name->Text, Text, NoCase) &&
            ObReferenceObjectSafe(Name->Object))
            return Name->Object;
    }
    return NULL;
}

static OBJECT_NAME *CreateName(OBJECT_DIRECTORY *Directory, PCUNICODE_STRING Text, PVOID Object)
{
    OBJECT_NAME *Name = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof *Name + Text->Length, NAME_TAG);

    if (Name == NULL)
        return NULL;
    memcpy(Name->Buffer, Text->Buffer, Text->Length);
    Name->Text = (UNICODE_STRING){ Text->Length, Text->Length, Name->Buffer };
    Name->Hash = HashOf(Text);
    Name->Object = Object;
    Name->Directory = Directory;
    Name->Linked = FALSE;
    ObfReferenceObject(Directory);
    return Name;
}

/* ---- Shared ---- */

OBJECT_DIRECTORY *ObpCreateDirectory(void)
{
    OBJECT_DIRECTORY *Directory = ObCreateObject(&ObpDirectoryType, sizeof *Directory);

    for (ULONG At = 0; Directory != NULL && At < DIRECTORY_BUCKETS; At++)
        InitializeListHead(&Directory->Buckets[At]);
    return Directory;
}

PVOID ObpFindInDirectory(OBJECT_DIRECTORY *Directory, PCUNICODE_STRING Text, BOOLEAN NoCase)
{
    ULONG Hash = HashOf(Text);
    KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&Directory->Lock);
    PVOID Object = FindLocked(Directory, Text, Hash, NoCase);

    KeReleaseSpinLock(&Directory->Lock, OldIrql);
    return Object;
}

NTSTATUS ObpLinkInDirectory(OBJECT_DIRECTORY *Directory, PCUNICODE_STRING Text, BOOLEAN NoCase, PVOID Object,
                            PVOID *Existing)
{
    OBJECT_NAME *Name = CreateName(Directory, Text, Object);
    KIRQL OldIrql;

    *Existing = NULL;
    if (Name == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    OldIrql = KeAcquireSpinLockRaiseToDpc(&Directory->Lock);
    *Existing = FindLocked(Directory, Text, Name->Hash, NoCase);
    if (*Existing == NULL) {
        InsertHeadList(&Directory->Buckets[Name->Hash % DIRECTORY_BUCKETS], &Name->Link);
        Name->Linked = TRUE;
        OBJECT_TO_HEADER(Object)->Name = Name;
    }
    KeReleaseSpinLock(&Directory->Lock, OldIrql);
    if (*Existing == NULL)
        return STATUS_SUCCESS;
    ObpDeleteName(Name);
    return STATUS_OBJECT_NAME_COLLISION;
}

BOOLEAN ObpIsNamed(PVOID Object)
{
    OBJECT_NAME *Name = OBJECT_TO_HEADER(Object)->Name;

    return Name != NULL && Name->Linked;
}

void ObpUnlinkName(PVOID Object, BOOLEAN OnlyUnused)
{
    POBJECT_HEADER Header = OBJECT_TO_HEADER(Object);
    OBJECT_NAME *Name = Header->Name;
    KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&Name->Directory->Lock);

    if (Name->Linked && !(OnlyUnused && (Header->HandleCount != 0 || (Header->Flags & OB_PERMANENT)))) {
        RemoveEntryList(&Name->Link);
        Name->Linked = FALSE;
    }
    KeReleaseSpinLock(&Name->Directory->Lock, OldIrql);
}

void ObpDeleteName(OBJECT_NAME *Name)
{
    OBJECT_DIRECTORY *Directory = Name->Directory;

    ExFreePoolWithTag(Name, NAME_TAG);
    ObfDereferenceObject(Directory);
}
