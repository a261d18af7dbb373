/* resource.c - ERESOURCE: shared and exclusive ownership, counted per owner.
 *
 * Method: State is one word (its bits RESOURCE_... are in exp.h), and who owns the resource alone comes and goes by one
 * compare-and-swap on it:
 *
 *   0                      free
 *   OWNED                  OwnerEntry's thread owns it, shared, and nobody else does
 *   OWNED | EXCLUSIVE      OwnerEntry's thread owns it exclusively
 *   any, with FROZEN       there is more to it (waiters, owners in the table), or somebody holds SpinLock
 *
 * Everything but the first level and the last one of a lone owner happens under SpinLock, with FROZEN set first: from
 * then on no compare-and-swap succeeds, and State is the lock holder's. FROZEN stays while there are waiters or table
 * entries. OWNED says that OwnerEntry is occupied; whose it is may be on its way:
 *
 *   CPU 0 acquires                        CPU 1 releases its last level
 *   State: 0 -> OWNED                     OwnerEntry.OwnerThread = 0
 *   (others see an owner without name:    State: OWNED -> 0, or it is FROZEN: finish under SpinLock; until then
 *    it is not them, which is all they    the entry is occupied by nobody's name
 *    ask)
 *   OwnerEntry.OwnerThread = itself
 *
 * Who unlocks sets State free before SpinLock, so somebody else may own the resource, give it up and want it gone while
 * the first is still inside: deleting and beginning anew take the lock once more.
 * So "is it me" is a plain comparison, and OwnerEntry is filled only when the resource goes from free to owned. Further
 * shared owners stand in OwnerTable. A level that is not the last is added or taken away under the lock: another thread
 * may be releasing one for us at that moment.
 *
 * Ownership is handed over by the releaser: the waiter finds itself entered when it wakes. Waiters are records on
 * their own stacks, in order of arrival. A shared waiter makes sure before it sleeps that the table has room for it,
 * so that handing over never allocates: when waiting shared threads are let in, the table is empty.
 * Who goes next: after an exclusive owner all shared waiters, even before older exclusive ones, else the first
 * exclusive one; after the last shared owner the first exclusive one.
 * Owners are not boosted. The lock, the table, owner pointers and the questions are in resource_owner.c; initialising,
 * deleting and the system's list in resource_list.c. */
#include "exp.h"

#include <ex/resource.h>
#include <ke/apc.h>
#include <ke/event.h>
#include <ke/thread.h>

enum { MEMORY_DELAY = 100000 };         /* 10 ms between two tries when memory is out */

typedef enum _ACCESS { Exclusive, Shared, SharedStarve, SharedWait } ACCESS;
typedef enum _ANSWER { Granted, MustWait, NeedsRoom } ANSWER;

FORCEINLINE BOOLEAN Swap(PERESOURCE Resource, ULONG From, ULONG To)
{
    return __atomic_compare_exchange_n(&Resource->State, &From, To, FALSE, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

/* ---- Waiters, lock held ---- */

static void AddWaiter(RESOURCE_WAITER **Last, RESOURCE_WAITER *Waiter)
{
    Waiter->Thread = ExpSelf();
    KeInitializeEvent(&Waiter->Event, SynchronizationEvent, FALSE);
    Waiter->Next = Waiter;
    if (*Last != NULL) {
        Waiter->Next = (*Last)->Next;
        (*Last)->Next = Waiter;
    }
    *Last = Waiter;
}

/* All of a ring, as a list in order of arrival. */
static RESOURCE_WAITER *TakeAllWaiters(RESOURCE_WAITER **Last)
{
    RESOURCE_WAITER *First = *Last;

    if (First == NULL)
        return NULL;
    First = First->Next;
    (*Last)->Next = NULL;
    *Last = NULL;
    return First;
}

static RESOURCE_WAITER *TakeFirstWaiter(RESOURCE_WAITER **Last)
{
    RESOURCE_WAITER *First = (*Last)->Next;

    if (First == *Last)
        *Last = NULL;
    else
        (*Last)->Next = First->Next;
    First->Next = NULL;
    return First;
}

/* All shared waiters become owners; nobody stands in the table. Returns them, to be woken. */
static RESOURCE_WAITER *AdmitShared(PERESOURCE Resource)
{
    RESOURCE_WAITER *First = TakeAllWaiters(&Resource->SharedWaiters), *Waiter = First;
    ULONG At = 1;

    Resource->NumberOfSharedWaiters = 0;
    if (Waiter != NULL && !(Resource->State & RESOURCE_OWNED)) {
        Resource->State |= RESOURCE_OWNED;
        ExpEnterOwner(&Resource->OwnerEntry, (ERESOURCE_THREAD)Waiter->Thread);
        Waiter = Waiter->Next;
    }
    for (; Waiter != NULL; Waiter = Waiter->Next)
        ExpFillSlot(Resource, At++, Waiter->Thread);
    return First;
}

static RESOURCE_WAITER *AdmitExclusive(PERESOURCE Resource)
{
    RESOURCE_WAITER *Waiter = TakeFirstWaiter(&Resource->ExclusiveWaiters);

    Resource->NumberOfExclusiveWaiters--;
    Resource->State |= RESOURCE_OWNED | RESOURCE_EXCLUSIVE;
    ExpEnterOwner(&Resource->OwnerEntry, (ERESOURCE_THREAD)Waiter->Thread);
    return Waiter;
}

/* A last level of an owner is gone. Returns: who owns the resource now and is to be woken; NULL: nobody. */
static RESOURCE_WAITER *HandOver(PERESOURCE Resource)
{
    BOOLEAN WasExclusive = (Resource->State & RESOURCE_EXCLUSIVE) != 0;

    if (!ExpIsFree(Resource))
        return NULL;
    Resource->State &= ~RESOURCE_EXCLUSIVE;
    if (Resource->NumberOfExclusiveWaiters != 0 && (!WasExclusive || Resource->NumberOfSharedWaiters == 0))
        return AdmitExclusive(Resource);
    return AdmitShared(Resource);
}

/* Not under the lock. A woken waiter's record is gone as soon as its event is set. */
static void Wake(RESOURCE_WAITER *Waiter)
{
    while (Waiter != NULL) {
        RESOURCE_WAITER *Next = Waiter->Next;

        KeSetEvent(&Waiter->Event, IO_NO_INCREMENT, FALSE);
        Waiter = Next;
    }
}

/* ---- Acquiring ---- */

/* Who is granted what: the table of tests/ex/resource_test.c. Lock held. */
static ANSWER TryGrant(PERESOURCE Resource, ACCESS Access, PKTHREAD Thread)
{
    BOOLEAN Contended = Resource->NumberOfExclusiveWaiters != 0;
    POWNER_ENTRY Entry;

    if (ExpIsFree(Resource)) {
        Resource->State |= Access == Exclusive ? RESOURCE_OWNED | RESOURCE_EXCLUSIVE : RESOURCE_OWNED;
        ExpEnterOwner(&Resource->OwnerEntry, (ERESOURCE_THREAD)Thread);
        return Granted;
    }
    if (Resource->State & RESOURCE_EXCLUSIVE) {
        if (Resource->OwnerEntry.OwnerThread != (ERESOURCE_THREAD)Thread)
            return MustWait;
        Resource->OwnerEntry.OwnerCount++;
        return Granted;
    }
    if (Access == Exclusive || (Access == SharedWait && Contended))
        return MustWait;
    Entry = ExpFindOwner(Resource, (ERESOURCE_THREAD)Thread);
    if (Entry != NULL) {
        Entry->OwnerCount++;
        return Granted;
    }
    if (Access == Shared && Contended)
        return MustWait;
    return ExpAddOwner(Resource, Thread) ? Granted : NeedsRoom;
}

/* Lock held: stand in line, unless a place among the shared owners is not assured. */
static BOOLEAN Queue(PERESOURCE Resource, ACCESS Access, RESOURCE_WAITER *Waiter)
{
    if (Access == Exclusive) {
        Resource->NumberOfExclusiveWaiters++;
        AddWaiter(&Resource->ExclusiveWaiters, Waiter);
    } else {
        if (Resource->NumberOfSharedWaiters >= ExpTableRoom(Resource))
            return FALSE;
        Resource->NumberOfSharedWaiters++;
        AddWaiter(&Resource->SharedWaiters, Waiter);
    }
    Resource->ContentionCount++;
    return TRUE;
}

static void AwaitMemory(void)
{
    LARGE_INTEGER Interval = { .QuadPart = -MEMORY_DELAY };

    KeDelayExecutionThread(KernelMode, FALSE, &Interval);
}

static NOINLINE BOOLEAN AcquireSlowly(PERESOURCE Resource, ACCESS Access, BOOLEAN Wait)
{
    for (;;) {
        KIRQL OldIrql = ExpLockResource(Resource);
        ANSWER Answer = TryGrant(Resource, Access, ExpSelf());
        ULONG Size = ExpTableSize(Resource);
        RESOURCE_WAITER Waiter;

        if (Answer == MustWait && Wait && !Queue(Resource, Access, &Waiter))
            Answer = NeedsRoom;
        ExpUnlockResource(Resource, OldIrql);
        if (Answer == MustWait && Wait)
            KeWaitForSingleObject(&Waiter.Event, WrResource, KernelMode, FALSE, NULL);
        if (Answer != NeedsRoom)
            return Answer == Granted || Wait;
        if (ExpGrowTable(Resource, Size))
            continue;
        if (!Wait)
            return FALSE;
        AwaitMemory();
    }
}

FORCEINLINE BOOLEAN Acquire(PERESOURCE Resource, ACCESS Access, BOOLEAN Wait)
{
    if (UNLIKELY(!Swap(Resource, 0, Access == Exclusive ? RESOURCE_OWNED | RESOURCE_EXCLUSIVE : RESOURCE_OWNED)))
        return AcquireSlowly(Resource, Access, Wait);
    ExpEnterOwner(&Resource->OwnerEntry, ExGetCurrentResourceThread());
    return TRUE;
}

/* ---- Releasing ---- */

/* Lock held: Owner gives one level back. */
static RESOURCE_WAITER *ReleaseLevel(PERESOURCE Resource, ERESOURCE_THREAD Owner)
{
    POWNER_ENTRY Entry = ExpFindOwner(Resource, Owner);

    if (Entry == NULL || Owner == 0)
        ExpStopNotOwned(Resource, Owner, "a release");
    if (--Entry->OwnerCount != 0)
        return NULL;
    ExpVacate(Resource, Entry);
    return HandOver(Resource);
}

static NOINLINE void ReleaseSlowly(PERESOURCE Resource, ERESOURCE_THREAD Owner)
{
    KIRQL OldIrql = ExpLockResource(Resource);
    RESOURCE_WAITER *Next = ReleaseLevel(Resource, Owner);

    ExpUnlockResource(Resource, OldIrql);
    Wake(Next);
}

/* The name is already out of OwnerEntry, but State was frozen before it could follow. */
static NOINLINE void FinishRelease(PERESOURCE Resource)
{
    KIRQL OldIrql = ExpLockResource(Resource);
    RESOURCE_WAITER *Next;

    ExpVacate(Resource, &Resource->OwnerEntry);
    Next = HandOver(Resource);
    ExpUnlockResource(Resource, OldIrql);
    Wake(Next);
}

FORCEINLINE void Release(PERESOURCE Resource, ERESOURCE_THREAD Owner)
{
    ULONG State = Resource->State;

    if (UNLIKELY(Resource->OwnerEntry.OwnerThread != Owner || Resource->OwnerEntry.TableSize != ONE_LEVEL ||
                 (State & RESOURCE_FROZEN))) {
        ReleaseSlowly(Resource, Owner);
        return;
    }
    *(volatile ERESOURCE_THREAD *)&Resource->OwnerEntry.OwnerThread = 0;
    if (UNLIKELY(!Swap(Resource, State, 0)))
        FinishRelease(Resource);
}

/* ---- Public: acquire and release. Normal kernel APCs are off from before the one until after the other. ---- */

/* ExAcquireResourceExclusiveLite - own Resource alone; one level more if the caller does already. Wait: FALSE to be
 * refused rather than wait. No upgrade: a shared owner waits for itself. IRQL: <= APC_LEVEL.
 * Returns: TRUE if acquired. Source: WDK nf-wdm-exacquireresourceexclusivelite. */
BOOLEAN ExAcquireResourceExclusiveLite(PERESOURCE Resource, BOOLEAN Wait) { return Acquire(Resource, Exclusive, Wait); }

/* ExTryToAcquireResourceExclusiveLite - the same without waiting. */
BOOLEAN ExTryToAcquireResourceExclusiveLite(PERESOURCE Resource) { return Acquire(Resource, Exclusive, FALSE); }

/* ExAcquireResourceSharedLite - be one of Resource's owners; a newcomer stands behind those who want it exclusively,
 * who shares or owns it already gets one level more. IRQL, Wait, Returns: as above.
 * Source: WDK nf-wdm-exacquireresourcesharedlite. */
BOOLEAN ExAcquireResourceSharedLite(PERESOURCE Resource, BOOLEAN Wait) { return Acquire(Resource, Shared, Wait); }

/* ExAcquireSharedStarveExclusive - the same, before those who wait for it exclusively.
 * Source: WDK nf-wdm-exacquiresharedstarveexclusive. */
BOOLEAN ExAcquireSharedStarveExclusive(PERESOURCE Resource, BOOLEAN Wait)
{
    return Acquire(Resource, SharedStarve, Wait);
}

/* ExAcquireSharedWaitForExclusive - the same, behind those who wait for it exclusively even for who shares it already.
 * Source: WDK nf-wdm-exacquiresharedwaitforexclusive. */
BOOLEAN ExAcquireSharedWaitForExclusive(PERESOURCE Resource, BOOLEAN Wait)
{
    return Acquire(Resource, SharedWait, Wait);
}

/* ExReleaseResourceLite - give back one level of the current thread; after the last, whoever is next owns Resource.
 * IRQL: <= DISPATCH_LEVEL. Errors: a caller without a level is 0xE3. Source: WDK nf-wdm-exreleaseresourcelite. */
VOID ExReleaseResourceLite(PERESOURCE Resource) { Release(Resource, ExGetCurrentResourceThread()); }

/* ExReleaseResourceForThreadLite - the same for the owner ResourceThreadId: a thread, or the pointer that
 * ExSetResourceOwnerPointer was given. Neither is looked into. Source: WDK nf-wdm-exreleaseresourceforthreadlite. */
VOID ExReleaseResourceForThreadLite(PERESOURCE Resource, ERESOURCE_THREAD ResourceThreadId)
{
    ReleaseSlowly(Resource, ResourceThreadId);
}

/* ExConvertExclusiveToSharedLite - the exclusive owner's levels become shared ones, and all who wait to share own it
 * too. Of a resource that the caller does not own exclusively nothing changes. IRQL: <= APC_LEVEL.
 * Source: WDK nf-wdm-exconvertexclusivetosharedlite. */
VOID ExConvertExclusiveToSharedLite(PERESOURCE Resource)
{
    KIRQL OldIrql = ExpLockResource(Resource);
    RESOURCE_WAITER *Admitted = NULL;

    if ((Resource->State & RESOURCE_EXCLUSIVE) && Resource->OwnerEntry.OwnerThread == ExGetCurrentResourceThread()) {
        Resource->State &= ~RESOURCE_EXCLUSIVE;
        Admitted = AdmitShared(Resource);
    }
    ExpUnlockResource(Resource, OldIrql);
    Wake(Admitted);
}

/* ExEnterCriticalRegionAndAcquireResourceExclusive - KeEnterCriticalRegion, then acquire, waiting. IRQL: <= APC_LEVEL.
 * Returns: nothing of use. Source: WDK nf-wdm-exentercriticalregionandacquireresourceexclusive. */
PVOID ExEnterCriticalRegionAndAcquireResourceExclusive(PERESOURCE Resource)
{
    KeEnterCriticalRegion();
    Acquire(Resource, Exclusive, TRUE);
    return NULL;
}

/* ExEnterCriticalRegionAndAcquireResourceShared - the same, as ExAcquireResourceSharedLite. */
PVOID ExEnterCriticalRegionAndAcquireResourceShared(PERESOURCE Resource)
{
    KeEnterCriticalRegion();
    Acquire(Resource, Shared, TRUE);
    return NULL;
}

/* ExEnterCriticalRegionAndAcquireSharedWaitForExclusive - the same, as ExAcquireSharedWaitForExclusive. */
PVOID ExEnterCriticalRegionAndAcquireSharedWaitForExclusive(PERESOURCE Resource)
{
    KeEnterCriticalRegion();
    Acquire(Resource, SharedWait, TRUE);
    return NULL;
}

/* ExReleaseResourceAndLeaveCriticalRegion - ExReleaseResourceLite, then KeLeaveCriticalRegion. IRQL: <= APC_LEVEL. */
VOID ExReleaseResourceAndLeaveCriticalRegion(PERESOURCE Resource)
{
    Release(Resource, ExGetCurrentResourceThread());
    KeLeaveCriticalRegion();
}
