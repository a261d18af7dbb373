/* resource_owner.c - who owns a resource: its lock, its table of owners, owner pointers, questions.
 *
 * The first owner stands in OwnerEntry, further shared ones in OwnerTable, in any order and with gaps; entry 0 of the
 * table is its size. A thread remembers where it was last put, in whichever resource, and is looked for there first.
 * The table only grows, by doubling, and outside the lock: allocate, lock, look whether somebody else has, exchange.
 * Everything here is under the lock, but for ExpGrowTable and the unsynchronised counts; how the lock and the state
 * word go together is told in resource.c. */
#include "exp.h"

#include <ex/resource.h>
#include <ke/bugcheck.h>
#include <ke/spinlock.h>
#include <rtl/string.h>

enum { FIRST_TABLE_SIZE = 4, POINTER_TAG = 3 };

/* ---- The lock ---- */

KIRQL ExpLockResource(PERESOURCE Resource)
{
    KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&Resource->SpinLock);

    __atomic_fetch_or(&Resource->State, RESOURCE_FROZEN, __ATOMIC_ACQ_REL);
    return OldIrql;
}

void ExpUnlockResource(PERESOURCE Resource, KIRQL OldIrql)
{
    if (Resource->ActiveEntries == 0 && Resource->NumberOfSharedWaiters == 0 && Resource->NumberOfExclusiveWaiters == 0)
        __atomic_store_n(&Resource->State, Resource->State & ~RESOURCE_FROZEN, __ATOMIC_RELEASE);
    KeReleaseSpinLock(&Resource->SpinLock, OldIrql);
}

void ExpStopNotOwned(PERESOURCE Resource, ERESOURCE_THREAD Owner, const char *What)
{
    KeBugCheckWith(RESOURCE_NOT_OWNED, (ULONG_PTR)Resource, Owner, (ULONG_PTR)Resource->OwnerTable, 0,
                   "%s of resource %p for %p, which does not own it", What, Resource, Owner);
}

/* ---- The owner table, lock held ---- */

ULONG ExpTableSize(PERESOURCE Resource)
{
    return Resource->OwnerTable != NULL ? Resource->OwnerTable[0].TableSize : 0;
}

/* How many shared owners the table can hold: its first entry tells the size. */
ULONG ExpTableRoom(PERESOURCE Resource)
{
    ULONG Size = ExpTableSize(Resource);

    return Size != 0 ? Size - 1 : 0;
}

/* Owner's entry, or NULL. The current thread looks first where it was last. */
POWNER_ENTRY ExpFindOwner(PERESOURCE Resource, ERESOURCE_THREAD Owner)
{
    ULONG Size = ExpTableSize(Resource), Hint = Owner == ExGetCurrentResourceThread() ? ExpSelf()->ResourceIndex : 0;

    if (Resource->OwnerEntry.OwnerThread == Owner)
        return &Resource->OwnerEntry;
    if (Resource->ActiveEntries == 0)
        return NULL;
    if (Hint != 0 && Hint < Size && Resource->OwnerTable[Hint].OwnerThread == Owner)
        return &Resource->OwnerTable[Hint];
    for (ULONG At = 1, Left = Resource->ActiveEntries; At < Size && Left != 0; At++) {
        if (Resource->OwnerTable[At].OwnerThread == Owner)
            return &Resource->OwnerTable[At];
        Left -= Resource->OwnerTable[At].OwnerThread != 0;
    }
    return NULL;
}

void ExpFillSlot(PERESOURCE Resource, ULONG At, PKTHREAD Thread)
{
    ExpEnterOwner(&Resource->OwnerTable[At], (ERESOURCE_THREAD)Thread);
    Thread->ResourceIndex = At;
    Resource->ActiveEntries++;
}

BOOLEAN ExpAddOwner(PERESOURCE Resource, PKTHREAD Thread)
{
    ULONG Size = ExpTableSize(Resource);

    if (Resource->ActiveEntries == ExpTableRoom(Resource))
        return FALSE;
    for (ULONG At = 1; At < Size; At++) {
        if (Resource->OwnerTable[At].OwnerThread == 0) {
            ExpFillSlot(Resource, At, Thread);
            return TRUE;
        }
    }
    return FALSE;
}

void ExpVacate(PERESOURCE Resource, POWNER_ENTRY Entry)
{
    Entry->OwnerThread = 0;
    if (Entry == &Resource->OwnerEntry)
        Resource->State &= ~RESOURCE_OWNED;
    else
        Resource->ActiveEntries--;
}

/* Not under the lock. The table that had OldSize entries gets more, unless somebody else saw to it. */
BOOLEAN ExpGrowTable(PERESOURCE Resource, ULONG OldSize)
{
    ULONG Size = OldSize != 0 ? OldSize * 2 : FIRST_TABLE_SIZE;
    POWNER_ENTRY Table = ExAllocatePoolWithTag(NonPagedPoolNx, Size * sizeof *Table, RESOURCE_TAG), Unused = Table;
    KIRQL OldIrql;

    if (Table == NULL)
        return FALSE;
    memset(Table, 0, Size * sizeof *Table);
    OldIrql = ExpLockResource(Resource);
    if (ExpTableSize(Resource) == OldSize) {
        Unused = Resource->OwnerTable;
        if (OldSize != 0)
            memcpy(Table, Unused, OldSize * sizeof *Table);
        Table[0].TableSize = Size;
        Resource->OwnerTable = Table;
    }
    ExpUnlockResource(Resource, OldIrql);
    if (Unused != NULL)
        ExFreePoolWithTag(Unused, RESOURCE_TAG);
    return TRUE;
}

/* ---- Public: a new beginning ---- */

/* ExReinitializeResourceLite - an initialised Resource that nobody owns or waits for is as new; it keeps its place on
 * the list and its table. IRQL: <= DISPATCH_LEVEL. Returns: STATUS_SUCCESS. Source: WDK
 * nf-wdm-exreinitializeresourcelite. */
NTSTATUS ExReinitializeResourceLite(PERESOURCE Resource)
{
    KIRQL OldIrql = ExpLockResource(Resource);
    ULONG Size = ExpTableSize(Resource);

    if (Size != 0) {
        memset(Resource->OwnerTable, 0, Size * sizeof(OWNER_ENTRY));
        Resource->OwnerTable[0].TableSize = Size;
    }
    Resource->SharedWaiters = Resource->ExclusiveWaiters = NULL;
    Resource->OwnerEntry = (OWNER_ENTRY){ 0 };
    Resource->ActiveEntries = Resource->ContentionCount = 0;
    Resource->NumberOfSharedWaiters = Resource->NumberOfExclusiveWaiters = 0;
    Resource->State = RESOURCE_FROZEN;
    ExpUnlockResource(Resource, OldIrql);
    return STATUS_SUCCESS;
}

/* ---- Public: owner pointers ---- */

/* ExSetResourceOwnerPointer - the caller's levels belong to OwnerPointer from now on: an address in the caller's memory
 * with 3 in its low two bits, as which ExReleaseResourceForThreadLite gives them back. Levels of a shared owner
 * are added to those the pointer has. IRQL: <= DISPATCH_LEVEL. Errors: another pointer is 0x132, a caller that owns
 * nothing 0xE3. Source: WDK nf-wdm-exsetresourceownerpointer. */
VOID ExSetResourceOwnerPointer(PERESOURCE Resource, PVOID OwnerPointer)
{
    POWNER_ENTRY Mine, Theirs;
    KIRQL OldIrql;

    if (((ULONG_PTR)OwnerPointer & POINTER_TAG) != POINTER_TAG)
        KeBugCheckWith(RESOURCE_OWNER_POINTER_INVALID, (ULONG_PTR)Resource, (ULONG_PTR)Resource->OwnerTable,
                       ExGetCurrentResourceThread(), (ULONG_PTR)OwnerPointer,
                       "owner pointer %p of resource %p does not have 3 in its low two bits", OwnerPointer, Resource);
    OldIrql = ExpLockResource(Resource);
    Mine = ExpFindOwner(Resource, ExGetCurrentResourceThread());
    if (Mine == NULL)
        ExpStopNotOwned(Resource, ExGetCurrentResourceThread(), "a change of owner");
    Theirs = ExpFindOwner(Resource, (ERESOURCE_THREAD)OwnerPointer);
    if (Theirs != NULL) {
        Theirs->OwnerCount += Mine->OwnerCount;
        ExpVacate(Resource, Mine);
    } else {
        Mine->OwnerThread = (ERESOURCE_THREAD)OwnerPointer;
    }
    ExpUnlockResource(Resource, OldIrql);
}

/* ExSetResourceOwnerPointerEx - the same. Flags: FLAG_OWNER_POINTER_IS_THREAD if the pointer is a thread's address;
 * since owners are not boosted, it is looked into in neither case. Source: WDK nf-wdm-exsetresourceownerpointerex. */
VOID ExSetResourceOwnerPointerEx(PERESOURCE Resource, PVOID OwnerPointer, ULONG Flags)
{
    UNREFERENCED_PARAMETER(Flags);
    ExSetResourceOwnerPointer(Resource, OwnerPointer);
}

/* ExDisableResourceBoostLite - owners of Resource are not boosted. Here none ever are. IRQL: <= DISPATCH_LEVEL. */
VOID ExDisableResourceBoostLite(PERESOURCE Resource) { UNREFERENCED_PARAMETER(Resource); }

/* ---- Public: questions ---- */

/* ExIsResourceAcquiredExclusiveLite - does the current thread own Resource exclusively? IRQL: <= DISPATCH_LEVEL.
 * Source: WDK nf-wdm-exisresourceacquiredexclusivelite. */
BOOLEAN ExIsResourceAcquiredExclusiveLite(PERESOURCE Resource)
{
    return (Resource->State & RESOURCE_EXCLUSIVE) && Resource->OwnerEntry.OwnerThread == ExGetCurrentResourceThread();
}

/* ExIsResourceAcquiredSharedLite - how many levels, shared or exclusive, the current thread has. IRQL: <=
 * DISPATCH_LEVEL. Source: WDK nf-wdm-exisresourceacquiredsharedlite. */
ULONG ExIsResourceAcquiredSharedLite(PERESOURCE Resource)
{
    return ExQueryResourceLevels(Resource, ExGetCurrentResourceThread());
}

/* ExGetExclusiveWaiterCount - how many threads wait to own Resource exclusively, a moment ago. IRQL: <=
 * DISPATCH_LEVEL. */
ULONG ExGetExclusiveWaiterCount(PERESOURCE Resource) { return *(volatile ULONG *)&Resource->NumberOfExclusiveWaiters; }

/* ExGetSharedWaiterCount - how many wait to share it. */
ULONG ExGetSharedWaiterCount(PERESOURCE Resource) { return *(volatile ULONG *)&Resource->NumberOfSharedWaiters; }

/* ---- For the verifier ---- */

ULONG ExQueryResourceLevels(PERESOURCE Resource, ERESOURCE_THREAD Owner)
{
    KIRQL OldIrql = ExpLockResource(Resource);
    POWNER_ENTRY Entry = Owner != 0 ? ExpFindOwner(Resource, Owner) : NULL;
    ULONG Levels = Entry != NULL ? Entry->OwnerCount : 0;

    ExpUnlockResource(Resource, OldIrql);
    return Levels;
}

BOOLEAN ExIsResourceUnowned(PERESOURCE Resource)
{
    KIRQL OldIrql = ExpLockResource(Resource);
    BOOLEAN Unowned = ExpIsFree(Resource);

    ExpUnlockResource(Resource, OldIrql);
    return Unowned;
}
