/* resource_list.c - the list of all resources: how they come on it and go, who owns them, and what the stop screen
 * shows.
 *
 * A resource is on the list from ExInitializeResourceLite to ExDeleteResourceLite; the list's lock is never held
 * together with a resource's own. Address in it remembers who initialised it, so that one left behind can be blamed
 * on somebody. At a stop the list is walked without its lock, and nothing in it is believed: what is not mapped ends
 * the walk. */
#include "exp.h"

#include <ex/resource.h>
#include <ke/bugcheck.h>
#include <ke/spinlock.h>
#include <mm/mm.h>
#include <rtl/print.h>
#include <rtl/stacktrace.h>
#include <rtl/string.h>

static KSPIN_LOCK ListLock;
static LIST_ENTRY SystemResources = { &SystemResources, &SystemResources };

/* Nothing is followed that is not mapped: what is asked about may be no resource, and at a stop the list may lie in
 * ruins. */
static BOOLEAN IsMapped(const void *Address, SIZE_T Length)
{
    return MmVirtualToPhysical(Address) != ~0ull && MmVirtualToPhysical((PUCHAR)Address + Length - 1) != ~0ull;
}

static BOOLEAN IsLinked(const LIST_ENTRY *Entry)
{
    return IsMapped(Entry, sizeof *Entry) && IsMapped(Entry->Flink, sizeof *Entry) &&
           IsMapped(Entry->Blink, sizeof *Entry) && Entry->Flink->Blink == Entry && Entry->Blink->Flink == Entry;
}

static void Unlink(PLIST_ENTRY Entry)
{
    RemoveEntryList(Entry);
    Entry->Flink = Entry->Blink = NULL;
}

/* Who owned it last may still be on his way out: State is free before SpinLock is (ExpUnlockResource). */
static void AwaitLastOwner(PERESOURCE Resource) { ExpUnlockResource(Resource, ExpLockResource(Resource)); }

NTSTATUS ExInitializeResourceFor(PERESOURCE Resource, PVOID Creator)
{
    KIRQL OldIrql;

    memset(Resource, 0, sizeof *Resource);
    Resource->Address = Creator;
    OldIrql = KeAcquireSpinLockRaiseToDpc(&ListLock);
    InsertTailList(&SystemResources, &Resource->SystemResourcesList);
    KeReleaseSpinLock(&ListLock, OldIrql);
    return STATUS_SUCCESS;
}

/* ---- Public: ExInitializeResourceLite, ExDeleteResourceLite ---- */

/* ExInitializeResourceLite - Resource, of the caller's nonpaged memory, is free and on the system's list until
 * ExDeleteResourceLite. IRQL: <= DISPATCH_LEVEL. Returns: STATUS_SUCCESS. Source: WDK
 * nf-wdm-exinitializeresourcelite. */
NTSTATUS ExInitializeResourceLite(PERESOURCE Resource)
{
    return ExInitializeResourceFor(Resource, __builtin_return_address(0));
}

/* ExDeleteResourceLite - take Resource, which nobody owns or waits for, off the system's list and free what belongs to
 * it; its memory is the caller's again. IRQL: <= APC_LEVEL. Returns: STATUS_SUCCESS. Errors: one that is not on the
 * list (deleted before, never initialised) is 0xC4. Source: WDK nf-wdm-exdeleteresourcelite. */
NTSTATUS ExDeleteResourceLite(PERESOURCE Resource)
{
    KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&ListLock);

    if (!IsLinked(&Resource->SystemResourcesList))
        KeBugCheckWith(DRIVER_VERIFIER_DETECTED_VIOLATION, 0xD1, (ULONG_PTR)Resource, 0, 0,
                       "resource %p is deleted, but it is not initialised, or has been deleted before", Resource);
    Unlink(&Resource->SystemResourcesList);
    KeReleaseSpinLock(&ListLock, OldIrql);
    AwaitLastOwner(Resource);
    if (Resource->OwnerTable != NULL)
        ExFreePoolWithTag(Resource->OwnerTable, RESOURCE_TAG);
    Resource->OwnerTable = NULL;
    return STATUS_SUCCESS;
}

/* ---- Who owns what ---- */

ULONG ExForEachResourceOf(ULONG64 Start, ULONG64 End, void (*Report)(PVOID Context, PERESOURCE Resource), PVOID Context)
{
    KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&ListLock);
    ULONG Count = 0;

    for (PLIST_ENTRY Entry = SystemResources.Flink; Entry != &SystemResources; Entry = Entry->Flink) {
        PERESOURCE Resource = CONTAINING_RECORD(Entry, ERESOURCE, SystemResourcesList);
        ULONG64 Here = (ULONG64)Resource, Creator = (ULONG64)Resource->Address;

        if ((Here < Start || Here >= End) && (Creator < Start || Creator >= End))
            continue;
        Report(Context, Resource);
        Count++;
    }
    KeReleaseSpinLock(&ListLock, OldIrql);
    return Count;
}

BOOLEAN ExIsResourceListed(PERESOURCE Resource)
{
    KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&ListLock);
    BOOLEAN Linked = IsLinked(&Resource->SystemResourcesList);

    KeReleaseSpinLock(&ListLock, OldIrql);
    return Linked;
}

PERESOURCE ExFindResourceIn(const void *Start, SIZE_T Size)
{
    KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&ListLock);
    PERESOURCE Found = NULL;

    for (PLIST_ENTRY Entry = SystemResources.Flink; Entry != &SystemResources && Found == NULL; Entry = Entry->Flink)
        if ((ULONG64)Entry - (ULONG64)Start < Size)
            Found = CONTAINING_RECORD(Entry, ERESOURCE, SystemResourcesList);
    KeReleaseSpinLock(&ListLock, OldIrql);
    return Found;
}

void ExForgetResources(const void *Start, SIZE_T Size)
{
    PERESOURCE Resource;

    while ((Resource = ExFindResourceIn(Start, Size)) != NULL) {
        KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&ListLock);

        Unlink(&Resource->SystemResourcesList);
        KeReleaseSpinLock(&ListLock, OldIrql);
    }
}

/* ---- The stop screen ---- */

enum { PRINTED = 32, VISITED = 4096, PRINTED_OWNERS = 8 };

static void PrintOwner(const OWNER_ENTRY *Entry, PCSTR How)
{
    ULONG Levels = Entry->OwnerCount;

    LogPrint("    %s %p, %u level%s\n", How, Entry->OwnerThread, Levels, Levels == 1 ? "" : "s");
}

static void PrintMore(ULONG Count, ULONG Printed, PCSTR What)
{
    if (Count > Printed)
        LogPrint("    and %u %s%s more\n", Count - Printed, What, Count - Printed == 1 ? "" : "s");
}

static void PrintSharedOwners(const ERESOURCE *Resource)
{
    const OWNER_ENTRY *Table = Resource->OwnerTable;
    ULONG Size = Table != NULL && IsMapped(Table, sizeof *Table) ? Table[0].TableSize : 0, Printed = 0;

    for (ULONG At = 1; At < Size && Printed < PRINTED_OWNERS; At++) {
        if (!IsMapped(&Table[At], sizeof Table[At]))
            break;
        if (Table[At].OwnerThread == 0)
            continue;
        PrintOwner(&Table[At], "shared owner");
        Printed++;
    }
    PrintMore(Resource->ActiveEntries, Printed, "shared owner");
}

static void PrintWaiters(const RESOURCE_WAITER *Last, ULONG Count, PCSTR How)
{
    const RESOURCE_WAITER *Waiter = Last;
    ULONG Printed = 0;

    for (; Waiter != NULL && Printed < Count && Printed < PRINTED_OWNERS; Printed++) {
        if (!IsMapped(Waiter, sizeof *Waiter) || !IsMapped(Waiter->Next, sizeof *Waiter))
            break;
        Waiter = Waiter->Next;
        LogPrint("    %s %p\n", How, Waiter->Thread);
    }
    PrintMore(Count, Printed, How);
}

static void PrintResource(const ERESOURCE *Resource)
{
    char Creator[96];

    RtlDescribeAddress((ULONG64)Resource->Address, Creator, sizeof Creator);
    LogPrint("  resource %p of %s: %u shared and %u exclusive waiters, contended %u times\n", Resource, Creator,
             Resource->NumberOfSharedWaiters, Resource->NumberOfExclusiveWaiters, Resource->ContentionCount);
    if (Resource->OwnerEntry.OwnerThread != 0)
        PrintOwner(&Resource->OwnerEntry,
                   (Resource->State & RESOURCE_EXCLUSIVE) ? "exclusive owner" : "shared owner");
    PrintSharedOwners(Resource);
    PrintWaiters(Resource->ExclusiveWaiters, Resource->NumberOfExclusiveWaiters, "exclusive waiter");
    PrintWaiters(Resource->SharedWaiters, Resource->NumberOfSharedWaiters, "shared waiter");
}

void ExPrintResources(void)
{
    ULONG InUse = 0, Visited = 0;

    for (PLIST_ENTRY Entry = SystemResources.Flink; Entry != &SystemResources; Entry = Entry->Flink) {
        PERESOURCE Resource = CONTAINING_RECORD(Entry, ERESOURCE, SystemResourcesList);

        if (!IsMapped(Resource, sizeof *Resource) || Visited++ == VISITED) {
            LogPrint("  the list of resources leads to %p, which is not mapped, or in a circle\n", Resource);
            break;
        }
        if ((Resource->State & (RESOURCE_OWNED | RESOURCE_FROZEN)) == 0)
            continue;
        if (InUse++ == 0)
            LogPrint("\n");
        if (InUse <= PRINTED)
            PrintResource(Resource);
    }
    if (InUse > PRINTED)
        LogPrint("  and %u more resources in use\n", InUse - PRINTED);
}

void ExInitializeResources(void)
{
    static BUGCHECK_SECTION Section = { .Print = ExPrintResources };

    KeRegisterBugCheckSection(&Section);
}
