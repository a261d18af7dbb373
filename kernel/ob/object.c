/* object.c - reference counts and types of kernel objects.
 *
 * An object lives from ObCreateObject to its last dereference; its type's Delete then takes it apart and the
 * memory goes back to the pool. The header lies right before the body, so a pointer to the body is all that
 * travels. Handles are handle.c's; all handles to an object together hold one reference. */
#include <ex/pool.h>
#include <ke/bugcheck.h>
#include <ob/create.h>
#include <rtl/status.h>
#include <rtl/string.h>

enum { OBJECT_TAG = 'jbOK' };

#define STANDARD_RIGHTS_ALL 0x001F0000

static OBJECT_TYPE EventType = { &EventType, "Event", NULL, STANDARD_RIGHTS_ALL | 3 };
static OBJECT_TYPE SemaphoreType = { &SemaphoreType, "Semaphore", NULL, STANDARD_RIGHTS_ALL | 3 };
static OBJECT_TYPE FileType = { &FileType, "File", NULL, STANDARD_RIGHTS_ALL | 0x1FF };

POBJECT_TYPE ExEventObjectType = &EventType;
POBJECT_TYPE ExSemaphoreObjectType = &SemaphoreType;
POBJECT_TYPE IoFileObjectType = &FileType;

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
    return Header + 1;
}

/* ObInitializeStaticObject - make Object, which has room for a header before it, an object that is never freed. */
void ObInitializeStaticObject(PVOID Object, POBJECT_TYPE Type)
{
    *OBJECT_TO_HEADER(Object) = (OBJECT_HEADER){ .PointerCount = 1, .Type = Type, .Static = TRUE };
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

/* ---- Public: ObfReferenceObject, ObfDereferenceObject ---- */

/* ObfReferenceObject - Object lives at least until one more dereference. IRQL: <= DISPATCH_LEVEL.
 * Returns: the new count. Source: WDK nf-wdm-obfreferenceobject. */
LONG_PTR ObfReferenceObject(PVOID Object)
{
    LONG64 Count = __atomic_add_fetch(&OBJECT_TO_HEADER(Object)->PointerCount, 1, __ATOMIC_ACQ_REL);

    if (Count <= 1)
        StopAtBadCount(Object, Count);
    return Count;
}

/* ObfDereferenceObject - give one reference back; the last one deletes Object. IRQL: <= DISPATCH_LEVEL.
 * Returns: the new count. Errors: below zero is 0x18. Source: WDK nf-wdm-obdereferenceobject. */
LONG_PTR ObfDereferenceObject(PVOID Object)
{
    POBJECT_HEADER Header = OBJECT_TO_HEADER(Object);
    LONG64 Count = __atomic_sub_fetch(&Header->PointerCount, 1, __ATOMIC_ACQ_REL);

    if (Count > 0)
        return Count;
    if (Count < 0 || Header->Static)
        StopAtBadCount(Object, Count);
    if (Header->Type->Delete != NULL)
        Header->Type->Delete(Object);
    ExFreePoolWithTag(Header, OBJECT_TAG);
    return 0;
}

/* ObDereferenceObject - the function of that name in import libraries; the headers make it ObfDereferenceObject. */
LONG_PTR ObDereferenceObject(PVOID Object) { return ObfDereferenceObject(Object); }
