/* cid.c - ids of processes and threads.
 *
 * Both are drawn from one row of multiples of 4, as on NT, and none is given twice: at a million a second the row lasts
 * longer than the machine. Driver code that keeps an id in 32 bits has room for a thousand million of them.
 * Found by a hash of lists. An object is in it from its creation to its deletion; a look-up that meets one whose last
 * reference is gone passes it over, and its memory is there until PspDropId has had the lock.
 * Lock: one spin lock; nothing is called with it held but the count of references. */
#include "psp.h"

#include <ke/spinlock.h>
#include <rtl/list.h>

enum { BUCKETS = 256, FIRST_ID = 4 };   /* the first is the system process's */

static KSPIN_LOCK CidLock;
static LIST_ENTRY Buckets[BUCKETS];     /* CidLock; all zero until first used */
static ULONG64 NextId = FIRST_ID;       /* CidLock */

static PLIST_ENTRY BucketOf(ULONG64 Id)
{
    PLIST_ENTRY Head = &Buckets[Id / 4 % BUCKETS];

    if (Head->Flink == NULL)
        InitializeListHead(Head);
    return Head;
}

/* ---- Shared ---- */

void PspGiveId(PSP_CID *Cid, PVOID Object)
{
    KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&CidLock);

    Cid->Object = Object;
    Cid->Id = NextId;
    NextId += 4;
    InsertHeadList(BucketOf(Cid->Id), &Cid->Link);
    KeReleaseSpinLock(&CidLock, OldIrql);
}

void PspDropId(PSP_CID *Cid)
{
    KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&CidLock);

    RemoveEntryList(&Cid->Link);
    KeReleaseSpinLock(&CidLock, OldIrql);
}

static PVOID FindLocked(ULONG64 Id, POBJECT_TYPE Type)
{
    PLIST_ENTRY Head = BucketOf(Id);

    for (PLIST_ENTRY At = Head->Flink; At != Head; At = At->Flink) {
        PSP_CID *Cid = CONTAINING_RECORD(At, PSP_CID, Link);

        if (Cid->Id == Id && OBJECT_TO_HEADER(Cid->Object)->Type == Type && ObReferenceObjectSafe(Cid->Object))
            return Cid->Object;
    }
    return NULL;
}

PVOID PspFindById(HANDLE Id, POBJECT_TYPE Type)
{
    KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&CidLock);
    PVOID Object = FindLocked((ULONG64)Id, Type);

    KeReleaseSpinLock(&CidLock, OldIrql);
    return Object;
}
