/* object.c - reference counts and types of kernel objects.
 *
 * An object lives from ObCreateObject to its last dereference; its name is then taken out of its directory, its type's
 * Delete takes it apart, and the memory goes back to the pool. The header lies right before the body, so a pointer to
 * the body is all that travels. Each handle holds a reference (handle.c), a name does not (directory.c).
 * Who gives back the last reference runs Delete, at his IRQL and under his locks. Who cannot have that defers it: the
 * object is put on a list without a lock, and whoever found the list empty queues the work item that empties it. */
#include "obp.h"

#include <ex/pool.h>
#include <ex/work.h>
#include <ke/bugcheck.h>
#include <rtl/status.h>
#include <rtl/string.h>

enum { OBJECT_TAG = 'jbOK' };

POBJECT_TYPE PsThreadType, PsProcessType;       /* set by ps, before the first of either */

static POBJECT_HEADER volatile DeletedList;     /* pushed and taken whole, by exchange */
static WORK_QUEUE_ITEM DeleteItem;

static DECLSPEC_NORETURN void StopAtBadCount(PVOID Object, LONG64 Count)
{
    POBJECT_HEADER Header = OBJECT_TO_HEADER(Object);

    KeBugCheckWith(REFERENCE_BY_POINTER, (ULONG_PTR)Header->Type, (ULONG_PTR)Object, 0x10, (ULONG_PTR)Count,
                   "object %p was dereferenced more often than referenced: its count is %I64d", Object, Count);
}

PVOID ObCreateObject(POBJECT_TYPE Type, SIZE_T Size)
{
    POBJECT_HEADER Header = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof *Header + Size, OBJECT_TAG);

    if (Header == NULL)
        return NULL;
    memset(Header, 0, sizeof *Header + Size);
    Header->PointerCount = 1;
    Header->Type = Type;
    __atomic_add_fetch(&Type->Objects, 1, __ATOMIC_RELAXED);
    return Header + 1;
}

/* ObInitializeStaticObject - make Object, which has room for a header before it, an object that is never freed. */
void ObInitializeStaticObject(PVOID Object, POBJECT_TYPE Type)
{
    *OBJECT_TO_HEADER(Object) = (OBJECT_HEADER){ .PointerCount = 1, .Type = Type, .Flags = OB_STATIC };
    __atomic_add_fetch(&Type->Objects, 1, __ATOMIC_RELAXED);
}

/* ObReferenceObjectSafe - reference Object, whose memory is there for another reason, unless its last reference is
 * already gone. IRQL: <= DISPATCH_LEVEL. Returns: FALSE if it is. Undocumented. */
BOOLEAN ObReferenceObjectSafe(PVOID Object)
{
    POBJECT_HEADER Header = OBJECT_TO_HEADER(Object);
    LONG64 Count = __atomic_load_n(&Header->PointerCount, __ATOMIC_RELAXED);

    while (Count > 0)
        if (__atomic_compare_exchange_n(&Header->PointerCount, &Count, Count + 1, TRUE, __ATOMIC_ACQ_REL,
                                        __ATOMIC_RELAXED))
            return TRUE;
    return FALSE;
}

/* The last reference is gone. */
static void Delete(POBJECT_HEADER Header)
{
    if (Header->Name != NULL)
        ObpUnlinkName(Header + 1, FALSE);
    if (Header->Type->Delete != NULL)
        Header->Type->Delete(Header + 1);
    if (Header->Name != NULL)
        ObpDeleteName(Header->Name);
    __atomic_sub_fetch(&Header->Type->Objects, 1, __ATOMIC_RELAXED);
    ExFreePoolWithTag(Header, OBJECT_TAG);
}

static LONG64 DropReference(POBJECT_HEADER Header)
{
    LONG64 Count = __atomic_sub_fetch(&Header->PointerCount, 1, __ATOMIC_ACQ_REL);

    if (Count < 0 || (Count == 0 && (Header->Flags & OB_STATIC)))
        StopAtBadCount(Header + 1, Count);
    return Count;
}

/* The work item: empties the list. An object that is put on it meanwhile finds it empty and queues the item again. */
static VOID DeleteListed(PVOID Parameter)
{
    POBJECT_HEADER Header = __atomic_exchange_n(&DeletedList, NULL, __ATOMIC_ACQ_REL), Next;

    UNREFERENCED_PARAMETER(Parameter);
    for (; Header != NULL; Header = Next) {
        Next = Header->NextDeleted;
        Delete(Header);
    }
}

static void DeleteLater(POBJECT_HEADER Header)
{
    POBJECT_HEADER First = __atomic_load_n(&DeletedList, __ATOMIC_RELAXED);

    do
        Header->NextDeleted = First;
    while (!__atomic_compare_exchange_n(&DeletedList, &First, Header, TRUE, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
    if (First == NULL) {
        ExInitializeWorkItem(&DeleteItem, DeleteListed, NULL);
        ExQueueWorkItem(&DeleteItem, CriticalWorkQueue);
    }
}

/* ---- Public: references ---- */

/* ObfReferenceObject - Object lives at least until one more dereference. IRQL: <= DISPATCH_LEVEL.
 * Returns: the new count. Source: WDK nf-wdm-obfreferenceobject. */
LONG_PTR ObfReferenceObject(PVOID Object)
{
    LONG64 Count = __atomic_add_fetch(&OBJECT_TO_HEADER(Object)->PointerCount, 1, __ATOMIC_ACQ_REL);

    if (Count <= 1)
        StopAtBadCount(Object, Count);
    return Count;
}

/* ObfReferenceObjectWithTag - the same; Tag is for NT's tracing of references, which nothing here reads.
 * Source: WDK nf-wdm-obreferenceobjectwithtag. */
LONG_PTR ObfReferenceObjectWithTag(PVOID Object, ULONG Tag)
{
    UNREFERENCED_PARAMETER(Tag);
    return ObfReferenceObject(Object);
}

/* ObReferenceObjectByPointer - reference Object, which the caller knows by other means to be there, if it is of
 * ObjectType. NULL: any, for KernelMode. DesiredAccess is not looked at. IRQL: <= DISPATCH_LEVEL.
 * Returns: STATUS_SUCCESS, STATUS_OBJECT_TYPE_MISMATCH. Source: WDK nf-wdm-obreferenceobjectbypointer. */
NTSTATUS ObReferenceObjectByPointer(PVOID Object, ACCESS_MASK DesiredAccess, POBJECT_TYPE ObjectType,
                                    KPROCESSOR_MODE AccessMode)
{
    UNREFERENCED_PARAMETER(DesiredAccess);
    if (ObjectType == NULL ? AccessMode != KernelMode : OBJECT_TO_HEADER(Object)->Type != ObjectType)
        return STATUS_OBJECT_TYPE_MISMATCH;
    ObfReferenceObject(Object);
    return STATUS_SUCCESS;
}

/* ObReferenceObjectByPointerWithTag - the same. Source: WDK nf-wdm-obreferenceobjectbypointerwithtag. */
NTSTATUS ObReferenceObjectByPointerWithTag(PVOID Object, ACCESS_MASK DesiredAccess, POBJECT_TYPE ObjectType,
                                           KPROCESSOR_MODE AccessMode, ULONG Tag)
{
    UNREFERENCED_PARAMETER(Tag);
    return ObReferenceObjectByPointer(Object, DesiredAccess, ObjectType, AccessMode);
}

/* ObfDereferenceObject - give one reference back; the last one deletes Object. IRQL: <= DISPATCH_LEVEL.
 * Returns: the new count. Errors: below zero is 0x18. Source: WDK nf-wdm-obdereferenceobject. */
LONG_PTR ObfDereferenceObject(PVOID Object)
{
    POBJECT_HEADER Header = OBJECT_TO_HEADER(Object);
    LONG64 Count = DropReference(Header);

    if (Count == 0 && Header->Type->DeleteAtPassive)
        DeleteLater(Header);
    else if (Count == 0)
        Delete(Header);
    return Count;
}

/* ObDereferenceObject - the function of that name in import libraries; the headers make it ObfDereferenceObject. */
LONG_PTR ObDereferenceObject(PVOID Object) { return ObfDereferenceObject(Object); }

/* ObfDereferenceObjectWithTag - the same with a tag. Source: WDK nf-wdm-obdereferenceobjectwithtag. */
LONG_PTR ObfDereferenceObjectWithTag(PVOID Object, ULONG Tag)
{
    UNREFERENCED_PARAMETER(Tag);
    return ObfDereferenceObject(Object);
}

/* ObDereferenceObjectDeferDelete - give one reference back; should it be the last, a worker thread deletes Object at
 * PASSIVE_LEVEL, later. For callers whose locks the deletion may want. IRQL: <= DISPATCH_LEVEL. Errors: as
 * ObfDereferenceObject. Source: WDK nf-wdm-obdereferenceobjectdeferdelete. */
VOID ObDereferenceObjectDeferDelete(PVOID Object)
{
    POBJECT_HEADER Header = OBJECT_TO_HEADER(Object);

    if (DropReference(Header) == 0)
        DeleteLater(Header);
}

/* ObDereferenceObjectDeferDeleteWithTag - the same. Source: WDK nf-wdm-obdereferenceobjectdeferdeletewithtag. */
VOID ObDereferenceObjectDeferDeleteWithTag(PVOID Object, ULONG Tag)
{
    UNREFERENCED_PARAMETER(Tag);
    ObDereferenceObjectDeferDelete(Object);
}

/* ---- Public: types ---- */

/* ObGetObjectType - the type of Object, comparable with *PsThreadType and its like. IRQL: any. Undocumented; exported
 * since Windows 7. */
POBJECT_TYPE ObGetObjectType(PVOID Object) { return OBJECT_TO_HEADER(Object)->Type; }
