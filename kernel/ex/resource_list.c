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

/* ---- Public: ExInitializeResourceLite, ExDeleteResourceLite ---- */

/* ExInitializeResourceLite - Resource, of the caller's nonpaged memory, is free and on the system's list until
 * ExDeleteResourceLite. IRQL: <= DISPATCH_LEVEL. Returns: STATUS_SUCCESS. Source: WDK
 * nf-wdm-exinitializeresourcelite. */
NTSTATUS ExInitializeResourceLite(PERESOURCE Resource)
{
    KIRQL OldIrql;

    memset(Resource, 0, sizeof *Resource);
    Resource->Address = __builtin_return_address(0);
    OldIrql = KeAcquireSpinLockRaiseToDpc(&ListLock);
    InsertTailList(&SystemResources, &Resource->SystemResourcesList);
    KeReleaseSpinLock(&ListLock, OldIrql);
    return STATUS_SUCCESS;
}

/* ExDeleteResourceLite - take Resource, which nobody owns or waits for, off the system's list and free what belongs to
 * it; its memory is the caller's again. IRQL: <= APC_LEVEL. Returns: STATUS_SUCCESS. Errors: one that is not on the
 * list (deleted before, never initialised) is 0xC4. Source: WDK nf-wdm-exdeleteresourcelite. */
NTSTATUS ExDeleteResourceLite(PERESOURCE Resource)
{
    PLIST_ENTRY Entry = &Resource->SystemResourcesList;
    KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&ListLock);

    if (Entry->Flink == NULL || Entry->Flink->Blink != Entry || Entry->Blink->Flink != Entry)
        KeBugCheckWith(DRIVER_VERIFIER_DETECTED_VIOLATION, 0xD1, (ULONG_PTR)Resource, 0, 0,
                       "resource %p is deleted, but it is not initialised, or has been deleted before", Resource);
    RemoveEntryList(Entry);
    Entry->Flink = Entry->Blink = NULL;
    KeReleaseSpinLock(&ListLock, OldIrql);
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

enum { PRINTED = 32, VISITED = 4096, PRINTED_OWNERS = 8 };

/* At a stop the list may lie in ruins: nothing is followed that is not mapped. */
static BOOLEAN IsMapped(const void *Address, SIZE_T Length)
{
    return MmVirtualToPhysical(Address) != ~0ull && MmVirtualToPhysical((PUCHAR)Address + Length - 1) != ~0ull;
}

static void PrintOwner(const OWNER_ENTRY *Entry, PCSTR How)
{
    if (Entry->OwnerThread != 0)
        LogPrint("    %s %p, %u levels\n", How, Entry->OwnerThread, Entry->OwnerCount);
}

static void PrintWaiters(const RESOURCE_WAITER *Last, ULONG Count, PCSTR How)
{
    const RESOURCE_WAITER *Waiter = Last;

    for (ULONG At = 0; Waiter != NULL && At < Count && At < PRINTED_OWNERS; At++) {
        if (!IsMapped(Waiter, sizeof *Waiter) || !IsMapped(Waiter->Next, sizeof *Waiter))
            break;
        Waiter = Waiter->Next;
        LogPrint("    %s %p\n", How, Waiter->Thread);
    }
}

static void PrintResource(PERESOURCE Resource)
{
    ULONG Size = Resource->OwnerTable != NULL && IsMapped(Resource->OwnerTable, sizeof(OWNER_ENTRY)) ?
                 Resource->OwnerTable[0].TableSize : 0, Printed = 0;
    char Creator[96];

    RtlDescribeAddress((ULONG64)Resource->Address, Creator, sizeof Creator);
    LogPrint("  resource %p of %s: %u shared and %u exclusive waiters, contended %u times\n", Resource, Creator,
             Resource->NumberOfSharedWaiters, Resource->NumberOfExclusiveWaiters, Resource->ContentionCount);
    PrintOwner(&Resource->OwnerEntry, (Resource->State & RESOURCE_EXCLUSIVE) ? "exclusive owner" : "shared owner");
    for (ULONG At = 1; At < Size && Printed < PRINTED_OWNERS; At++) {
        if (!IsMapped(&Resource->OwnerTable[At], sizeof(OWNER_ENTRY)))
            break;
        PrintOwner(&Resource->OwnerTable[At], "shared owner");
        Printed += Resource->OwnerTable[At].OwnerThread != 0;
    }
    PrintWaiters(Resource->ExclusiveWaiters, Resource->NumberOfExclusiveWaiters, "exclusive waiter");
    PrintWaiters(Resource->SharedWaiters, Resource->NumberOfSharedWaiters, "shared waiter");
}

void ExPrintResources(void)
{
    PLIST_ENTRY Entry = SystemResources.Flink;
    ULONG Printed = 0;

    for (ULONG At = 0; Entry != &SystemResources && At < VISITED && Printed < PRINTED; At++) {
        PERESOURCE Resource = CONTAINING_RECORD(Entry, ERESOURCE, SystemResourcesList);

        if (!IsMapped(Resource, sizeof *Resource)) {
            LogPrint("  the list of resources leads to %p, which is not mapped\n", Resource);
            return;
        }
        if ((Resource->State & (RESOURCE_OWNED | RESOURCE_FROZEN)) != 0) {
            if (Printed++ == 0)
                LogPrint("\n");
            PrintResource(Resource);
        }
        Entry = Entry->Flink;
    }
}

void ExInitializeResources(void)
{
    static BUGCHECK_SECTION Section = { .Print = ExPrintResources };

    KeRegisterBugCheckSection(&Section);
}
