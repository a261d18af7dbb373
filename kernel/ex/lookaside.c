/* lookaside.c - lookaside lists.
 *
 * What a list does is inline in the driver: take an entry off the sequenced list (slist.c), or call the allocation
 * routine; put one back while there are fewer than Depth, or call the free routine. The default routines are the
 * pool's own, called by the driver's code: so its entries are its blocks, to the verifier and to the report of leaks.
 * Here is the rest. All lists are on one list from their initialisation to their deletion, with who initialised
 * them. While there are any, their depths are adjusted once a second to how often they were found empty.
 * Under the verifier no entry is ever kept (Depth is 0): each free is one, and what is used after it, or freed twice,
 * or left behind, is found as with any other block.
 * Lock order: ListLock, then the dispatcher's. */
#include "exp.h"

#include <ex/lookaside.h>
#include <ke/bugcheck.h>
#include <ke/dpc.h>
#include <ke/spinlock.h>
#include <ke/timer.h>
#include <rtl/list.h>
#include <rtl/status.h>
#include <rtl/string.h>

enum { POOL_QUOTA_FAIL_INSTEAD_OF_RAISE = 8, FAST_FAIL_CORRUPT_LIST_ENTRY = 3 };
enum { ADJUST_PERIOD = 1000 /* ms */, QUIET = 32 /* allocations */, GROWTH = 4, MISSES_ALLOWED = 128 /* one in 128 */ };

static KSPIN_LOCK ListLock;
static LIST_ENTRY Lists = { &Lists, &Lists };           /* ListLock */
static KTIMER AdjustTimer;                              /* armed while Lists is not empty and entries are kept */
static KDPC AdjustDpc;

#define CALLER __builtin_return_address(0)

static BOOLEAN EntriesAreKept(void) { return ExpFastLimit != 0; }

/* ---- The depth ---- */

USHORT ExNextLookasideDepth(const GENERAL_LOOKASIDE_POOL *List)
{
    ULONG Allocates = List->TotalAllocates - List->LastTotalAllocates;
    ULONG Misses = List->AllocateMisses - List->LastAllocateMisses;
    ULONG Depth = List->Depth;

    if (List->MaximumDepth == 0)
        return 0;
    if (Misses > Allocates)             /* nobody counts exactly */
        Misses = Allocates;
    if (Allocates < QUIET)
        Depth /= 2;
    else if (Misses < Allocates / MISSES_ALLOWED)
        Depth--;
    else if (Misses != 0 && Depth < List->MaximumDepth)
        Depth += GROWTH + (ULONG)((ULONG64)(List->MaximumDepth - Depth) * Misses / Allocates / 2);
    if (Depth < LOOKASIDE_MINIMUM_DEPTH)
        Depth = LOOKASIDE_MINIMUM_DEPTH;
    return (USHORT)(Depth < List->MaximumDepth ? Depth : List->MaximumDepth);
}

static VOID AdjustAll(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    KeAcquireSpinLockAtDpcLevel(&ListLock);
    for (PLIST_ENTRY Entry = Lists.Flink; Entry != &Lists; Entry = Entry->Flink) {
        PGENERAL_LOOKASIDE List = CONTAINING_RECORD(Entry, GENERAL_LOOKASIDE_POOL, ListEntry);

        List->Depth = ExNextLookasideDepth(List);
        List->LastTotalAllocates = List->TotalAllocates;
        List->LastAllocateMisses = List->AllocateMisses;
    }
    KeReleaseSpinLockFromDpcLevel(&ListLock);
}

/* ---- The list of all ---- */

/* The DPC of a timer that was cancelled may still be queued: neither is initialised twice. */
static void Enlist(PGENERAL_LOOKASIDE List)
{
    KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&ListLock);

    if (IsListEmpty(&Lists) && EntriesAreKept()) {
        if (AdjustDpc.DeferredRoutine == NULL) {
            KeInitializeTimer(&AdjustTimer);
            KeInitializeDpc(&AdjustDpc, AdjustAll, NULL);
        }
        KeSetTimerEx(&AdjustTimer, (LARGE_INTEGER){ .QuadPart = -10000ll * ADJUST_PERIOD }, ADJUST_PERIOD, &AdjustDpc);
    }
    InsertTailList(&Lists, &List->ListEntry);
    KeReleaseSpinLock(&ListLock, OldIrql);
}

/* Under ListLock. */
static void Unlink(PLIST_ENTRY Entry)
{
    if (RemoveEntryList(Entry))
        KeCancelTimer(&AdjustTimer);
    Entry->Flink = Entry->Blink = NULL;
}

static void Delist(PGENERAL_LOOKASIDE List)
{
    KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&ListLock);
    PLIST_ENTRY Entry = &List->ListEntry;

    if (Entry->Flink == NULL || Entry->Flink->Blink != Entry || Entry->Blink->Flink != Entry)
        KeBugCheckAtIrql(OldIrql, KERNEL_SECURITY_CHECK_FAILURE, FAST_FAIL_CORRUPT_LIST_ENTRY, 0, 0, (ULONG_PTR)List,
                         "a lookaside list is deleted that is not initialised, or has been deleted before");
    Unlink(Entry);
    KeReleaseSpinLock(&ListLock, OldIrql);
}

/* ---- One list ---- */

static void Initialize(PGENERAL_LOOKASIDE List, ULONG Type, SIZE_T Size, ULONG Tag, USHORT Depth, PVOID Creator)
{
    USHORT Maximum = EX_MAXIMUM_LOOKASIDE_DEPTH_BASE;

    if (Depth >= EX_MAXIMUM_LOOKASIDE_DEPTH_BASE && Depth <= EX_MAXIMUM_LOOKASIDE_DEPTH_LIMIT)
        Maximum = Depth;
    memset(List, 0, sizeof *List);
    InitializeSListHead(&List->ListHead);
    List->MaximumDepth = EntriesAreKept() ? Maximum : 0;
    List->Depth = EntriesAreKept() ? LOOKASIDE_MINIMUM_DEPTH : 0;
    List->Type = (POOL_TYPE)Type;
    List->Tag = Tag;
    List->Size = (ULONG)(Size < LOOKASIDE_MINIMUM_BLOCK_SIZE ? LOOKASIDE_MINIMUM_BLOCK_SIZE : Size);
    List->Creator = Creator;
}

/* The pool's routines have fewer parameters than the Ex forms pass, in registers that nobody misses. */
static void SetRoutines(PGENERAL_LOOKASIDE List, PVOID Allocate, PVOID Free)
{
    List->AllocateEx = (PALLOCATE_FUNCTION_EX)(Allocate != NULL ? Allocate : (PVOID)ExAllocatePoolWithTag);
    List->FreeEx = (PFREE_FUNCTION_EX)(Free != NULL ? Free : (PVOID)ExFreePool);
}

/* A free routine without the second parameter does not look at it. */
static void FreeAll(PGENERAL_LOOKASIDE List)
{
    PSLIST_ENTRY Entry = ExpInterlockedFlushSList(&List->ListHead), Next;

    for (; Entry != NULL; Entry = Next) {
        Next = Entry->Next;
        List->FreeEx(Entry, (PLOOKASIDE_LIST_EX)List);
    }
}

static void Delete(PGENERAL_LOOKASIDE List)
{
    Delist(List);
    FreeAll(List);
}

static PVOID Allocate(PGENERAL_LOOKASIDE List)
{
    PVOID Entry = ExpInterlockedPopEntrySList(&List->ListHead);

    List->TotalAllocates++;
    if (Entry == NULL) {
        List->AllocateMisses++;
        Entry = List->AllocateEx(List->Type, List->Size, List->Tag, (PLOOKASIDE_LIST_EX)List);
    }
    return Entry;
}

static void Free(PGENERAL_LOOKASIDE List, PVOID Entry)
{
    List->TotalFrees++;
    if (ExQueryDepthSList(&List->ListHead) >= List->Depth) {
        List->FreeMisses++;
        List->FreeEx(Entry, (PLOOKASIDE_LIST_EX)List);
    } else {
        ExpInterlockedPushEntrySList(&List->ListHead, Entry);
    }
}

/* ---- Who has which ---- */

ULONG ExForEachLookasideOf(ULONG64 Start, ULONG64 End, void (*Report)(PVOID Context, PGENERAL_LOOKASIDE List),
                           PVOID Context)
{
    KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&ListLock);
    ULONG Count = 0;

    for (PLIST_ENTRY Entry = Lists.Flink; Entry != &Lists; Entry = Entry->Flink) {
        PGENERAL_LOOKASIDE List = CONTAINING_RECORD(Entry, GENERAL_LOOKASIDE_POOL, ListEntry);

        if ((ULONG64)List - Start >= End - Start && (ULONG64)List->Creator - Start >= End - Start)
            continue;
        Report(Context, List);
        Count++;
    }
    KeReleaseSpinLock(&ListLock, OldIrql);
    return Count;
}

/* The driver's memory goes away with them; what they keep is lost with it. */
void ExForgetLookasides(const void *Start, SIZE_T Size)
{
    KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&ListLock);
    PLIST_ENTRY Next;

    for (PLIST_ENTRY Entry = Lists.Flink; Entry != &Lists; Entry = Next) {
        Next = Entry->Flink;
        if ((ULONG64)Entry - (ULONG64)Start < Size)
            Unlink(Entry);
    }
    KeReleaseSpinLock(&ListLock, OldIrql);
}

/* ---- Public: nonpaged and paged entries ---- */

/* ExInitializeNPagedLookasideList - Lookaside, of nonpaged memory, is an empty list of entries of Size bytes (at least
 * LOOKASIDE_MINIMUM_BLOCK_SIZE) with Tag. Allocate, Free: NULL: the pool's. Flags: POOL_NX_ALLOCATION,
 * POOL_RAISE_IF_ALLOCATION_FAILURE; they go to Allocate with its pool type. Depth: 0, or how many entries may be kept
 * at most. IRQL: <= DISPATCH_LEVEL. Errors: a list that is not aligned to 16 bytes raises STATUS_DATATYPE_MISALIGNMENT.
 * Source: WDK nf-wdm-exinitializenpagedlookasidelist. */
VOID ExInitializeNPagedLookasideList(PNPAGED_LOOKASIDE_LIST Lookaside, PALLOCATE_FUNCTION Allocate, PFREE_FUNCTION Free,
                                     ULONG Flags, SIZE_T Size, ULONG Tag, USHORT Depth)
{
    Initialize(&Lookaside->L, NonPagedPool | Flags, Size, Tag, Depth, CALLER);
    SetRoutines(&Lookaside->L, (PVOID)Allocate, (PVOID)Free);
    Enlist(&Lookaside->L);
}

/* ExDeleteNPagedLookasideList - Lookaside, which nobody uses any more, is taken out of the system, and the entries it
 * has kept are freed. IRQL: <= DISPATCH_LEVEL. Errors: one that is not initialised stops with
 * KERNEL_SECURITY_CHECK_FAILURE. Source: WDK nf-wdm-exdeletenpagedlookasidelist. */
VOID ExDeleteNPagedLookasideList(PNPAGED_LOOKASIDE_LIST Lookaside) { Delete(&Lookaside->L); }

/* ExInitializePagedLookasideList - the same for entries of paged pool, which is used at IRQL <= APC_LEVEL.
 * Source: WDK nf-wdm-exinitializepagedlookasidelist. */
VOID ExInitializePagedLookasideList(PPAGED_LOOKASIDE_LIST Lookaside, PALLOCATE_FUNCTION Allocate, PFREE_FUNCTION Free,
                                    ULONG Flags, SIZE_T Size, ULONG Tag, USHORT Depth)
{
    Initialize(&Lookaside->L, PagedPool | Flags, Size, Tag, Depth, CALLER);
    SetRoutines(&Lookaside->L, (PVOID)Allocate, (PVOID)Free);
    Enlist(&Lookaside->L);
}

/* ExDeletePagedLookasideList - as ExDeleteNPagedLookasideList. IRQL: <= APC_LEVEL.
 * Source: WDK nf-wdm-exdeletepagedlookasidelist. */
VOID ExDeletePagedLookasideList(PPAGED_LOOKASIDE_LIST Lookaside) { Delete(&Lookaside->L); }

/* ExAllocateFromPagedLookasideList - an entry, kept or new. Returns: NULL if Allocate has none. IRQL: <= APC_LEVEL.
 * Source: WDK nf-wdm-exallocatefrompagedlookasidelist. */
PVOID ExAllocateFromPagedLookasideList(PPAGED_LOOKASIDE_LIST Lookaside) { return Allocate(&Lookaside->L); }

/* ExFreeToPagedLookasideList - an entry of the list is kept, or freed. IRQL: <= APC_LEVEL.
 * Source: WDK nf-wdm-exfreetopagedlookasidelist. */
VOID ExFreeToPagedLookasideList(PPAGED_LOOKASIDE_LIST Lookaside, PVOID Entry) { Free(&Lookaside->L, Entry); }

/* The same for nonpaged entries, IRQL <= DISPATCH_LEVEL. */
PVOID ExAllocateFromNPagedLookasideList(PNPAGED_LOOKASIDE_LIST Lookaside) { return Allocate(&Lookaside->L); }
VOID ExFreeToNPagedLookasideList(PNPAGED_LOOKASIDE_LIST Lookaside, PVOID Entry) { Free(&Lookaside->L, Entry); }

/* ---- Public: either, with routines that know their list ---- */

static BOOLEAN IsPoolType(ULONG Type)
{
    return (Type & ~(ULONG)(PagedPool | NonPagedPoolCacheAligned | NonPagedPoolNx)) == 0 &&
           (Type & (PagedPool | NonPagedPoolNx)) != (PagedPool | NonPagedPoolNx);
}

/* ExInitializeLookasideListEx - Lookaside is an empty list of entries of Size bytes with Tag, of PoolType's pool, which
 * goes to Allocate with what Flags ask for: EX_LOOKASIDE_LIST_EX_FLAGS_RAISE_ON_FAIL, or ..._FAIL_NO_RAISE. Otherwise
 * as ExInitializeNPagedLookasideList. Returns: STATUS_INVALID_PARAMETER_4 for a pool type that is none,
 * STATUS_INVALID_PARAMETER_5 for flags that are unknown or exclude each other. Source: WDK
 * nf-wdm-exinitializelookasidelistex. */
NTSTATUS ExInitializeLookasideListEx(PLOOKASIDE_LIST_EX Lookaside, PALLOCATE_FUNCTION_EX Allocate,
                                     PFREE_FUNCTION_EX Free, POOL_TYPE PoolType, ULONG Flags, SIZE_T Size, ULONG Tag,
                                     USHORT Depth)
{
    static const ULONG TypeOfFlags[] = { 0, POOL_RAISE_IF_ALLOCATION_FAILURE, POOL_QUOTA_FAIL_INSTEAD_OF_RAISE };

    if (!IsPoolType(PoolType))
        return STATUS_INVALID_PARAMETER_4;
    if (Flags >= RTL_NUMBER_OF(TypeOfFlags))
        return STATUS_INVALID_PARAMETER_5;
    Initialize(&Lookaside->L, PoolType | TypeOfFlags[Flags], Size, Tag, Depth, CALLER);
    SetRoutines(&Lookaside->L, (PVOID)Allocate, (PVOID)Free);
    Enlist(&Lookaside->L);
    return STATUS_SUCCESS;
}

/* ExDeleteLookasideListEx - as ExDeleteNPagedLookasideList. Source: WDK nf-wdm-exdeletelookasidelistex. */
VOID ExDeleteLookasideListEx(PLOOKASIDE_LIST_EX Lookaside) { Delete(&Lookaside->L); }

/* ExFlushLookasideListEx - the entries that are kept are freed; the list is used on. IRQL: <= DISPATCH_LEVEL; <=
 * APC_LEVEL for paged entries. Source: WDK nf-wdm-exflushlookasidelistex. */
VOID ExFlushLookasideListEx(PLOOKASIDE_LIST_EX Lookaside) { FreeAll(&Lookaside->L); }

PVOID ExAllocateFromLookasideListEx(PLOOKASIDE_LIST_EX Lookaside) { return Allocate(&Lookaside->L); }
VOID ExFreeToLookasideListEx(PLOOKASIDE_LIST_EX Lookaside, PVOID Entry) { Free(&Lookaside->L, Entry); }
