/* pool.c - tagged memory: the calls, and their short way.
 *
 * Promise: any size, aligned to 16 bytes, within one page below PAGE_SIZE and page aligned from there on;
 * a free needs no size, and one that is wrong stops the machine with what was wrong and whose block it was.
 * Method: sizes fall into classes; each processor keeps a list of free slots per class and takes from it and
 * gives to it without a lock: with interrupts off for one slot, at DISPATCH_LEVEL for a batch. The two exclude each
 * other, because code above DISPATCH_LEVEL uses no pool. Lists are filled and emptied in batches (pool_slab.c), so a
 * block that is freed on another processor than its own finds a list there, too. Whole pages go to pool_large.c,
 * everything under the verifier to pool_verify.c.
 * The header in front of a block has its tag, size, class and allocator, and a state that no other value
 * passes for: freeing twice or elsewhere is seen always, not only under the verifier.
 * Paged and nonpaged pool are the same memory, never paged out and never executable; the difference is
 * that the verifier holds paged pool to its IRQL.
 * Caller's duty: IRQL <= DISPATCH_LEVEL, and for paged pool <= APC_LEVEL.
 * Lock order: a class or table lock of ex, then mm's.
 * Rejected: a header-less slab (the size is one lookup away, but a double free is then silence). Raising the IRQL for
 * one slot: it is an instruction or two less, but a write of CR8 serialises, and costs an emulator its global lock. */
#include "exp.h"

#include <ke/bugcheck.h>
#include <ke/exception.h>
#include <ke/irql.h>
#include <ke/irql_inline.h>
#include <rtl/nt_string.h>
#include <rtl/string.h>

/* Its size is a power of two, so that finding one's own is a shift. */
typedef struct _POOL_PROCESSOR { POOL_CACHE Cache[POOL_CLASSES]; } __attribute__((aligned(512))) POOL_PROCESSOR;

C_ASSERT(sizeof(POOL_PROCESSOR) == 512);

enum {
    POOL_TYPE_PAGED = 1, POOL_TYPE_MUST_SUCCEED = 2, POOL_TYPE_CACHE_ALIGNED = 4,
    POOL_TYPE_PLAIN = POOL_TYPE_PAGED | NonPagedPoolNx, /* the bits that need no thought */
    TAG_NONE = 0x656E6F4E,                              /* 'None', of ExAllocatePool */
    TAG_STRING = 0x67727453                             /* 'Strg' */
};

/* The required half of POOL_FLAGS (the upper half may be ignored) and what of it means something here. */
#define POOL_FLAGS_REQUIRED 0x00000000FFFFFFFFull
#define POOL_FLAG_USE_QUOTA 0x0000000000000001ull   /* the system process has no quota to charge */
#define POOL_FLAG_CACHE_ALIGNED 0x0000000000000008ull
#define POOL_FLAGS_KNOWN (POOL_FLAG_USE_QUOTA | POOL_FLAG_UNINITIALIZED | POOL_FLAG_CACHE_ALIGNED | \
                          POOL_FLAG_RAISE_ON_FAILURE | POOL_FLAG_NON_PAGED | POOL_FLAG_PAGED)

SIZE_T ExpFastLimit = POOL_SMALL_MAX + 1;
POOL_FREE_BLOCK ExpNoSlot;
static POOL_PROCESSOR Processors[ARCH_MAX_CPUS];

#define CALLER __builtin_return_address(0)

/* ---- Slots ---- */

/* Reason is 8 for an allocation of SizeOrBlock bytes, 9 for a free of that block. */
static DECLSPEC_NORETURN NOINLINE void StopAtIrql(KIRQL Irql, ULONG Reason, ULONG_PTR SizeOrBlock, const char *What)
{
    KeBugCheckWith(BAD_POOL_CALLER, Reason, Irql, NonPagedPool, SizeOrBlock,
                   "pool was %s at IRQL %u; the highest allowed is 2", What, Irql);
}

static DECLSPEC_NORETURN NOINLINE void StopOnBadSlot(const POOL_FREE_BLOCK *Slot)
{
    KeBugCheckWith(BAD_POOL_CALLER, 2, (ULONG_PTR)Slot, *(const ULONG64 *)Slot, 0,
                   "the free block at %p was written to: its header is %I64x %I64x", Slot, *(const ULONG64 *)Slot,
                   Slot->Header.Owner);
}

/* At DISPATCH_LEVEL, or with interrupts off. */
FORCEINLINE POOL_CACHE *CacheOf(ULONG64 Class)
{
    return (POOL_CACHE *)((PCHAR)Processors + (ULONG64)ARCH_THIS_CPU->Number * sizeof(POOL_PROCESSOR)) + Class;
}

FORCEINLINE POOL_FREE_BLOCK *PopSlot(POOL_CACHE *Cache)
{
    POOL_FREE_BLOCK *Slot = Cache->Free;

    Cache->Free = Slot->Next;
    Cache->Room++;
    return Slot;
}

/* Returns: whether the list has grown too long. */
FORCEINLINE BOOLEAN PushSlot(POOL_CACHE *Cache, POOL_FREE_BLOCK *Slot)
{
    Slot->Next = Cache->Free;
    Cache->Free = Slot;
    return --Cache->Room < 0;
}

/* A slot, from the slabs if need be. Its header still says free; NULL when memory is out. */
static NOINLINE POOL_FREE_BLOCK *TakeSlot(ULONG Class)
{
    KIRQL Irql = KxRaiseIrqlToDpcLevel();
    POOL_FREE_BLOCK *Slot = NULL;

    if (ExpCount(CacheOf(Class)) != 0 || ExpRefill(Class, CacheOf(Class))) {
        Slot = PopSlot(CacheOf(Class));
        if (ExpState(Slot->Header.Owner) != POOL_FREE)
            StopOnBadSlot(Slot);
    }
    KxLowerIrql(Irql);
    return Slot;
}

/* This processor's list has grown too long. */
static NOINLINE void Shorten(ULONG Class)
{
    KIRQL Irql = KxRaiseIrqlToDpcLevel();
    POOL_CACHE *Cache = CacheOf(Class);

    if (Cache->Room < 0)
        ExpDrain(Class, Cache, Cache->Limit / 2);
    KxLowerIrql(Irql);
}

/* Memory is short: what lies idle goes back to the frames. FALSE when nothing did. */
static BOOLEAN Reclaim(void)
{
    BOOLEAN Freed = ExpEmptyQuarantine();
    KIRQL Irql = KxRaiseIrqlToDpcLevel();
    POOL_PROCESSOR *Processor = &Processors[ARCH_THIS_CPU->Number];

    for (ULONG Class = 0; Class < POOL_CLASSES; Class++)
        ExpDrain(Class, &Processor->Cache[Class], ExpCount(&Processor->Cache[Class]));
    Freed |= ExpReleaseEmptySlabs();
    KxLowerIrql(Irql);
    return Freed;
}

/* ---- Allocation ---- */

static PVOID AllocateSlowOnce(SIZE_T Size, ULONG Tag, ULONG Kind, PVOID Caller)
{
    return ExpFastLimit == 0 ? ExpAllocateGuarded(Size, Tag, Kind, Caller)
                             : ExpAllocateLarge(Size, Tag, Kind, FALSE, Caller);
}

static NOINLINE PVOID AllocateSlow(SIZE_T Size, ULONG Tag, ULONG Kind, PVOID Caller)
{
    PVOID Block;

    if (UNLIKELY(KeGetCurrentIrql() > DISPATCH_LEVEL))
        StopAtIrql(KeGetCurrentIrql(), 8, Size, "allocated");
    if (ExpFastLimit == 0)
        ExpCheckAllocation(Size, Tag, Kind, Caller);
    Block = AllocateSlowOnce(Size, Tag, Kind, Caller);
    if (Block == NULL && Reclaim())
        Block = AllocateSlowOnce(Size, Tag, Kind, Caller);
    return Block;
}

/* The first four fields of a header as one store. */
FORCEINLINE ULONG64 FirstFields(SIZE_T Size, ULONG Tag, ULONG64 Class, ULONG64 Kind)
{
    return Tag | Size << 32 | Class << 48 | Kind << 56;
}

FORCEINLINE PVOID PrepareBlock(POOL_FREE_BLOCK *Slot, ULONG64 First, PVOID Caller)
{
    *(ULONG64 *)Slot = First;
    Slot->Header.Owner = ExpOwnerCode(POOL_LIVE, Caller);
    return &Slot->Next;
}

/* This processor has no slot at hand: fetch some, take back what lies idle, or give a page instead. */
static NOINLINE PVOID AllocateSmallSlow(SIZE_T Size, ULONG Tag, ULONG Kind, PVOID Caller)
{
    ULONG Class = ExpClassOf[(Size + sizeof(POOL_HEADER) + 15) >> 4];
    POOL_FREE_BLOCK *Slot = TakeSlot(Class);

    if (Slot == NULL && Reclaim())
        Slot = TakeSlot(Class);
    if (Slot == NULL)
        return ExpAllocateLarge(Size, Tag, Kind, FALSE, Caller);
    return PrepareBlock(Slot, FirstFields(Size, Tag, Class, Kind), Caller);
}

/* The short way. What is out of the ordinary is looked at again by the routine that it ends in: a call at the
 * very end, so that this needs no stack frame. */
FORCEINLINE PVOID Allocate(SIZE_T Size, ULONG Tag, ULONG Kind, PVOID Caller)
{
    POOL_FREE_BLOCK *Slot;
    ULONG64 Class, Flags;
    POOL_CACHE *Cache;

    if (UNLIKELY(Size >= ExpFastLimit) || UNLIKELY(ArchReadIrql() > DISPATCH_LEVEL))
        return AllocateSlow(Size, Tag, Kind, Caller);
    Class = ExpClassOf[(Size + sizeof(POOL_HEADER) + 15) >> 4];
    Flags = ArchDisableInterrupts();
    Cache = CacheOf(Class);
    Slot = Cache->Free;
    if (UNLIKELY(ExpState(Slot->Header.Owner) != POOL_FREE)) {
        ArchRestoreInterrupts(Flags);
        return AllocateSmallSlow(Size, Tag, Kind, Caller);
    }
    PopSlot(Cache);
    ArchRestoreInterrupts(Flags);
    return PrepareBlock(Slot, FirstFields(Size, Tag, Class, Kind), Caller);
}

/* The pool types that mean more than paged or not. */
static NOINLINE PVOID AllocateUnusual(ULONG PoolType, SIZE_T Size, ULONG Tag, PVOID Caller)
{
    PVOID Block;

    if (PoolType & POOL_TYPE_MUST_SUCCEED)
        KeBugCheckWith(BAD_POOL_CALLER, 0x9A, PoolType, Size, Tag,
                       "must-succeed pool was asked for: NT has not had any since Windows XP");
    if (PoolType & POOL_TYPE_CACHE_ALIGNED && Size < PAGE_SIZE)
        Size = PAGE_SIZE;
    Block = Allocate(Size, Tag, PoolType & POOL_TYPE_PAGED, Caller);
    if (Block == NULL && PoolType & POOL_RAISE_IF_ALLOCATION_FAILURE)
        ExRaiseStatus(STATUS_INSUFFICIENT_RESOURCES);
    return Block;
}

FORCEINLINE PVOID AllocateTyped(ULONG PoolType, SIZE_T Size, ULONG Tag, PVOID Caller)
{
    if (UNLIKELY(PoolType & ~(ULONG)POOL_TYPE_PLAIN))
        return AllocateUnusual(PoolType, Size, Tag, Caller);
    return Allocate(Size, Tag, PoolType & POOL_TYPE_PAGED, Caller);
}

/* ---- Freeing ---- */

static POOL_FREE_HOOK FreeHook;

/* Whole pages, guarded blocks, slabs of one page, and everything that is wrong. */
static NOINLINE void FreeSlow(PVOID Block, ULONG Tag, PVOID Caller)
{
    POOL_FAULT Fault;

    if (KeGetCurrentIrql() > DISPATCH_LEVEL)
        StopAtIrql(KeGetCurrentIrql(), 9, (ULONG_PTR)Block, "freed");
    if (!ExpCheckBlock(Block, Tag, &Fault)) {
        Fault.Caller = (ULONG64)Caller;
        ExpStop(&Fault);
    }
    if (FreeHook != NULL)
        FreeHook(Block, Fault.Size, Caller);
    ExpFreeChecked(Block, Caller);
}

FORCEINLINE void Free(PVOID Block, ULONG Tag, PVOID Caller)
{
    POOL_FREE_BLOCK *Slot = (POOL_FREE_BLOCK *)((POOL_HEADER *)Block - 1);
    ULONG64 Class, Flags;
    POOL_CACHE *Cache;

    if (UNLIKELY((ULONG64)Block % PAGE_SIZE == 0 || (ULONG64)Block % 16 != 0) ||
        UNLIKELY(ExpSlabPlace(Block) != POOL_WHOLE_SLAB) || UNLIKELY(ExpState(Slot->Header.Owner) != POOL_LIVE) ||
        UNLIKELY(Tag != 0 && Tag != Slot->Header.Tag) ||
        UNLIKELY(Slot->Header.Class != ExpWholeSlabOf(Block)->Class) || UNLIKELY(ArchReadIrql() > DISPATCH_LEVEL)) {
        FreeSlow(Block, Tag, Caller);
        return;
    }
    Class = Slot->Header.Class;
    Slot->Header.Owner = ExpOwnerCode(POOL_FREE, Caller);
    Flags = ArchDisableInterrupts();
    Cache = CacheOf(Class);
    if (UNLIKELY(PushSlot(Cache, Slot))) {
        ArchRestoreInterrupts(Flags);
        Shorten((ULONG)Class);
        return;
    }
    ArchRestoreInterrupts(Flags);
}

/* ---- For the other files of the pool ---- */

PVOID ExpTakeSlot(ULONG Size)
{
    ULONG Class = ExpClassOf[(Size + sizeof(POOL_HEADER) + 15) >> 4];
    POOL_FREE_BLOCK *Slot = TakeSlot(Class);

    if (Slot != NULL)
        Slot->Header.Class = (UCHAR)Class;
    return Slot;
}

void ExpReturnSlot(POOL_FREE_BLOCK *Slot)
{
    ULONG Class = Slot->Header.Class;
    KIRQL Irql = KxRaiseIrqlToDpcLevel();

    if (PushSlot(CacheOf(Class), Slot))
        Shorten(Class);
    KxLowerIrql(Irql);
}

/* ---- The strings that rtl allocates: NT's pool and tag for them, in the name of whoever called rtl ---- */

static PVOID AllocateString(SIZE_T Bytes, PVOID Caller) { return Allocate(Bytes, TAG_STRING, POOL_KIND_PAGED, Caller); }
static void FreeString(PVOID Block, PVOID Caller) { Free(Block, 0, Caller); }

static const RTL_STRING_POOL StringPool = { AllocateString, FreeString };

/* ---- Shared: ExAllocatePoolFor, ExFreePoolFor ---- */

PVOID ExAllocatePoolFor(PVOID Caller, POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag)
{
    return AllocateTyped(PoolType, NumberOfBytes, Tag, Caller);
}

VOID ExFreePoolFor(PVOID Caller, PVOID P) { Free(P, 0, Caller); }

/* ---- Public ---- */

/* ExInitializePool - before the first allocation; boot processor only. */
void ExInitializePool(void)
{
    ExpInitializeSlabs();
    for (ULONG i = 0; i < ARCH_MAX_CPUS; i++)
        for (ULONG Class = 0; Class < POOL_CLASSES; Class++)
            Processors[i].Cache[Class] = (POOL_CACHE){ &ExpNoSlot, (LONG)ExpCacheLimit(Class), ExpCacheLimit(Class) };
    RtlSetStringPool(&StringPool);
}

/* ExAllocatePoolWithTag - NumberOfBytes of memory, content anything; 0 bytes give a block like any other.
 * PoolType: paged or nonpaged, cache aligned (page aligned here), POOL_RAISE_IF_ALLOCATION_FAILURE.
 * IRQL: <= DISPATCH_LEVEL. Returns: NULL when memory is out.
 * Errors: a higher IRQL or must-succeed pool stops with BAD_POOL_CALLER.
 * Source: WDK nf-wdm-exallocatepoolwithtag. */
PVOID ExAllocatePoolWithTag(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag)
{
    return AllocateTyped(PoolType, NumberOfBytes, Tag, CALLER);
}

/* ExAllocatePool - the same with the tag 'None'. Source: WDK nf-wdm-exallocatepool. */
PVOID ExAllocatePool(POOL_TYPE PoolType, SIZE_T NumberOfBytes)
{
    return AllocateTyped(PoolType, NumberOfBytes, TAG_NONE, CALLER);
}

/* ExAllocatePool2 - the same, zeroed unless POOL_FLAG_UNINITIALIZED. Returns: NULL when memory is out, for Tag
 * 0, and for flags that are unknown or name not exactly one of paged and nonpaged (executable pool is
 * refused); all of them raise with POOL_FLAG_RAISE_ON_FAILURE. Source: WDK nf-wdm-exallocatepool2. */
PVOID ExAllocatePool2(POOL_FLAGS Flags, SIZE_T NumberOfBytes, ULONG Tag)
{
    ULONG64 Kind = Flags & (POOL_FLAG_PAGED | POOL_FLAG_NON_PAGED);
    BOOLEAN Known = (Flags & POOL_FLAGS_REQUIRED & ~POOL_FLAGS_KNOWN) == 0;
    BOOLEAN Valid = Known && Tag != 0 && (Kind == POOL_FLAG_PAGED || Kind == POOL_FLAG_NON_PAGED);
    SIZE_T Size = Flags & POOL_FLAG_CACHE_ALIGNED && NumberOfBytes < PAGE_SIZE ? PAGE_SIZE : NumberOfBytes;
    PVOID Block = Valid ? Allocate(Size, Tag, Flags & POOL_FLAG_PAGED ? POOL_KIND_PAGED : 0, CALLER) : NULL;

    if (Block == NULL && Flags & POOL_FLAG_RAISE_ON_FAILURE)
        ExRaiseStatus(STATUS_INSUFFICIENT_RESOURCES);
    if (Block != NULL && !(Flags & POOL_FLAG_UNINITIALIZED))
        memset(Block, 0, NumberOfBytes);
    return Block;
}

/* ExFreePoolWithTag - give back a block; Tag 0 matches any. IRQL: <= DISPATCH_LEVEL, paged pool <= APC_LEVEL.
 * Errors: a block that is free, that never was one, whose header is damaged, or another tag stop with
 * BAD_POOL_CALLER. Source: WDK nf-wdm-exfreepoolwithtag; bug check 0xC2. */
VOID ExFreePoolWithTag(PVOID P, ULONG Tag) { Free(P, Tag, CALLER); }

/* ExFreePool - the same for any tag. Source: WDK nf-ntddk-exfreepool. */
VOID ExFreePool(PVOID P) { Free(P, 0, CALLER); }

void ExSetFreeHook(POOL_FREE_HOOK Hook) { FreeHook = Hook; }
