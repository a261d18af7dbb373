/* pool_test.c - tagged pool by its contract. */
#include <ktest.h>

#include <ex/pool.h>
#include <ke/dpc.h>
#include <ke/irql.h>
#include <ke/thread.h>
#include <ke/timer.h>
#include <mm/mm.h>
#include <rtl/string.h>

enum { TAG = 0x74736554 /* 'Test' */, SLOTS = 512, SHARED = 64, SHARED_ROUNDS = 20000 };

typedef struct _HELD { UCHAR *Block; SIZE_T Size; UCHAR Mark; } HELD;

static ULONG Seed;

static ULONG NextRandom(void)
{
    Seed = Seed * 1664525 + 1013904223;
    return Seed >> 8;
}

static ULONG CountOther(const UCHAR *Bytes, SIZE_T Length, UCHAR Value)
{
    ULONG Count = 0;

    for (SIZE_T i = 0; i < Length; i++)
        Count += Bytes[i] != Value;
    return Count;
}

/* covers ExAllocatePoolWithTag.1 */
TEST(ex_pool, every_size_has_its_alignment_and_keeps_to_its_page)
{
    ULONG Wrong = 0;

    for (SIZE_T Size = 0; Size <= 70000; Size += Size < 9000 ? 1 : 61) {
        UCHAR *Block = ExAllocatePoolWithTag(Size & 1 ? PagedPool : NonPagedPoolNx, Size, TAG);

        REQUIRE_TRUE(Block != NULL);
        Wrong += (ULONG64)Block % 16 != 0;
        if (Size >= PAGE_SIZE)
            Wrong += (ULONG64)Block % PAGE_SIZE != 0;
        else if (Size != 0)
            Wrong += (ULONG64)Block / PAGE_SIZE != (ULONG64)(Block + Size - 1) / PAGE_SIZE;
        if (Size != 0)
            Block[0] = Block[Size - 1] = 0x5A;
        ExFreePoolWithTag(Block, Size & 2 ? TAG : 0);
    }
    EXPECT_EQ(Wrong, 0);
}

TEST(ex_pool, zero_bytes_give_blocks_of_their_own)
{
    PVOID A = ExAllocatePoolWithTag(NonPagedPoolNx, 0, TAG), B = ExAllocatePoolWithTag(NonPagedPoolNx, 0, TAG);

    EXPECT_TRUE(A != NULL && B != NULL);
    EXPECT_NE((ULONG64)A, (ULONG64)B);
    ExFreePool(A);
    ExFreePool(B);
}

static void Exchange(HELD *Held, ULONG *Wrong)
{
    SIZE_T Size = NextRandom() % 16 == 0 ? NextRandom() % 40000 : NextRandom() % 700;

    if (Held->Block != NULL) {
        *Wrong += CountOther(Held->Block, Held->Size, Held->Mark);
        ExFreePoolWithTag(Held->Block, TAG);
        Held->Block = NULL;
        return;
    }
    *Held = (HELD){ ExAllocatePoolWithTag(NonPagedPool, Size, TAG), Size, (UCHAR)NextRandom() };
    REQUIRE_TRUE(Held->Block != NULL);
    memset(Held->Block, Held->Mark, Size);
}

TEST(ex_pool, contents_survive_what_happens_to_others)
{
    static HELD Held[SLOTS];
    ULONG Wrong = 0;

    Seed = 4711;
    for (ULONG Round = 0; Round < 12000; Round++)
        Exchange(&Held[NextRandom() % SLOTS], &Wrong);
    for (ULONG i = 0; i < SLOTS; i++)
        if (Held[i].Block != NULL)
            Exchange(&Held[i], &Wrong);
    EXPECT_EQ(Wrong, 0);
}

TEST(ex_pool, pool2_is_zeroed_unless_asked_otherwise)
{
    static const SIZE_T Sizes[] = { 1, 16, 100, 2000, 4080, 4095, 4096, 50000 };

    for (ULONG i = 0; i < RTL_NUMBER_OF(Sizes); i++) {
        UCHAR *Block = ExAllocatePoolWithTag(NonPagedPoolNx, Sizes[i], TAG);

        REQUIRE_TRUE(Block != NULL);
        memset(Block, 0xEE, Sizes[i]);
        ExFreePool(Block);
        Block = ExAllocatePool2(POOL_FLAG_NON_PAGED, Sizes[i], TAG);
        REQUIRE_TRUE(Block != NULL);
        EXPECT_EQ(CountOther(Block, Sizes[i], 0), 0);
        ExFreePoolWithTag(Block, TAG);
        Block = ExAllocatePool2(POOL_FLAG_PAGED | POOL_FLAG_UNINITIALIZED, Sizes[i], TAG);
        EXPECT_TRUE(Block != NULL);
        ExFreePoolWithTag(Block, TAG);
    }
}

TEST(ex_pool, pool2_refuses_bad_flags_and_no_tag)
{
    PVOID Block;

    EXPECT_TRUE(ExAllocatePool2(POOL_FLAG_NON_PAGED, 16, 0) == NULL);
    EXPECT_TRUE(ExAllocatePool2(0, 16, TAG) == NULL);
    EXPECT_TRUE(ExAllocatePool2(POOL_FLAG_NON_PAGED | POOL_FLAG_PAGED, 16, TAG) == NULL);
    EXPECT_TRUE(ExAllocatePool2(POOL_FLAG_NON_PAGED | 0x80000000, 16, TAG) == NULL);
    EXPECT_TRUE(ExAllocatePool2(0x80, 16, TAG) == NULL);        /* executable */
    Block = ExAllocatePool2(POOL_FLAG_NON_PAGED | 1ull << 63, 16, TAG);         /* an optional one */
    EXPECT_TRUE(Block != NULL);
    ExFreePool(Block);
}

TEST(ex_pool, cache_aligned_and_untagged_pool)
{
    PVOID Block = ExAllocatePoolWithTag(NonPagedPoolCacheAligned, 24, TAG);

    REQUIRE_TRUE(Block != NULL);
    EXPECT_EQ((ULONG64)Block % 64, 0);
    ExFreePoolWithTag(Block, TAG);
    Block = ExAllocatePool(PagedPool, 24);
    REQUIRE_TRUE(Block != NULL);
    ExFreePoolWithTag(Block, 0x656E6F4E);       /* 'None' */
}

/* covers ExAllocatePoolWithTag.2 */
TEST(ex_pool, may_be_used_at_dispatch_level)
{
    KIRQL Irql = KeRaiseIrqlToDpcLevel();
    static PVOID Blocks[200];

    for (ULONG i = 0; i < RTL_NUMBER_OF(Blocks); i++)
        EXPECT_TRUE((Blocks[i] = ExAllocatePoolWithTag(NonPagedPoolNx, i * 57, TAG)) != NULL);
    for (ULONG i = 0; i < RTL_NUMBER_OF(Blocks); i++)
        ExFreePoolWithTag(Blocks[i], TAG);
    EXPECT_EQ(KeGetCurrentIrql(), DISPATCH_LEVEL);
    KeLowerIrql(Irql);
}

typedef struct _LINK { struct _LINK *Next; } LINK;

static LINK *TakeAll(SIZE_T Size, LINK *Held)
{
    LINK *Block;

    while ((Block = ExAllocatePoolWithTag(NonPagedPoolNx, Size, TAG)) != NULL) {
        Block->Next = Held;
        Held = Block;
    }
    return Held;
}

/* covers ExAllocatePoolWithTag.1 */
TEST(ex_pool, exhaustion_gives_null_and_is_got_over)
{
    ULONG64 Before;
    LINK *Held;

    KeSetSystemAffinityThread(1);               /* other processors keep some free blocks of their own */
    Before = MmFreeFrameCount();
    Held = TakeAll(0x40000, NULL);
    Held = TakeAll(5 * PAGE_SIZE, Held);        /* leaves no eight frames in a row for a slab */
    Held = TakeAll(300, Held);
    Held = TakeAll(3000, Held);                 /* slots of a slab that another processor holds a part of */
    EXPECT_LE(MmFreeFrameCount(), 64);
    EXPECT_TRUE(ExAllocatePoolWithTag(NonPagedPoolNx, 300, TAG) == NULL);
    EXPECT_TRUE(ExAllocatePoolWithTag(NonPagedPoolNx, 3000, TAG) == NULL);
    EXPECT_TRUE(ExAllocatePool2(POOL_FLAG_NON_PAGED, 0x40000, TAG) == NULL);
    for (LINK *Next; Held != NULL; Held = Next) {
        Next = Held->Next;
        ExFreePoolWithTag(Held, TAG);
    }
    EXPECT_GE(MmFreeFrameCount() + Before / 16, Before);        /* page tables and idle slabs stay */
    EXPECT_TRUE(ExAllocatePoolWithTag(NonPagedPoolNx, ~0ull, TAG) == NULL);
    EXPECT_TRUE(ExAllocatePoolWithTag(NonPagedPoolNx, ~0ull - 4096, TAG) == NULL);
    KeRevertToUserAffinityThread();
}

/* ---- Several processors ---- */

static PULONG64 volatile Shared[SHARED];
static volatile LONG SharedWrong;

/* Blocks wander between threads: one allocates, another checks and frees. */
static void Wander(PVOID Context)
{
    ULONG Random = (ULONG)(ULONG64)Context;

    for (ULONG Round = 0; Round < SHARED_ROUNDS; Round++) {
        SIZE_T Words = 2 + ((Random = Random * 1664525 + 1013904223) >> 10) % 120;
        PULONG64 Block = ExAllocatePoolWithTag(NonPagedPoolNx, Words * 8, TAG);

        if (Block == NULL) {
            __atomic_add_fetch(&SharedWrong, 1, __ATOMIC_RELAXED);
            return;
        }
        Block[0] = Words;
        Block[1] = Block[Words - 1] = (ULONG64)Block ^ Words;
        Block = __atomic_exchange_n(&Shared[Random >> 26], Block, __ATOMIC_ACQ_REL);
        if (Block == NULL)
            continue;
        if (Block[Block[0] - 1] != ((ULONG64)Block ^ Block[0]))
            __atomic_add_fetch(&SharedWrong, 1, __ATOMIC_RELAXED);
        ExFreePoolWithTag(Block, TAG);
    }
}

TEST(ex_pool, blocks_may_be_freed_on_other_processors)
{
    struct _KTHREAD *Threads[4];

    SharedWrong = 0;
    for (ULONG i = 0; i < RTL_NUMBER_OF(Threads); i++)
        Threads[i] = KtestThread(Wander, (PVOID)(ULONG64)(i * 7919 + 1), 8);
    for (ULONG i = 0; i < RTL_NUMBER_OF(Threads); i++)
        KtestJoin(Threads[i]);
    for (ULONG i = 0; i < SHARED; i++)
        if (Shared[i] != NULL) {
            ExFreePoolWithTag(Shared[i], TAG);
            Shared[i] = NULL;
        }
    EXPECT_EQ(SharedWrong, 0);
}

/* A DPC comes between any two instructions of an allocation or a free. It keeps its block until it comes again, so if
 * the thread gets the same one, one of the two finds the other's mark. */
typedef struct _INTRUDER {
    KTIMER Timer;
    KDPC Dpc;
    PULONG64 Kept;
    volatile LONG Left, Wrong;
} INTRUDER;

/* The new one before the old one goes: else it would be the same again. */
static void Renew(INTRUDER *Intruder, PULONG64 *Block, ULONG64 Mark)
{
    PULONG64 New = ExAllocatePoolWithTag(NonPagedPoolNx, 48, TAG);

    if (New != NULL)
        New[0] = New[5] = Mark;
    if (*Block != NULL) {
        if ((*Block)[0] != Mark || (*Block)[5] != Mark)
            Intruder->Wrong++;
        ExFreePoolWithTag(*Block, TAG);
    }
    *Block = New;
}

static VOID Intrude(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    INTRUDER *Intruder = Context;

    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    Renew(Intruder, &Intruder->Kept, 0xD9C);
    if (--Intruder->Left > 0)
        KeSetTimer(&Intruder->Timer, (LARGE_INTEGER){ .QuadPart = -8 - Intruder->Left % 11 }, Dpc);
}

TEST(ex_pool, dpc_may_interrupt_an_allocation)
{
    INTRUDER Intruder = { .Left = 4000 };
    PULONG64 Block = NULL;

    KeSetSystemAffinityThread(1);
    KeInitializeTimer(&Intruder.Timer);
    KeInitializeDpc(&Intruder.Dpc, Intrude, &Intruder);
    KeSetTimer(&Intruder.Timer, (LARGE_INTEGER){ .QuadPart = -1 }, &Intruder.Dpc);
    while (Intruder.Left > 0) {
        for (LONG Turns = Intruder.Left % 17; Turns > 0; Turns--)       /* the time is in steps of many instructions */
            (void)Intruder.Wrong;
        Renew(&Intruder, &Block, 0x7EAD);
    }
    KeFlushQueuedDpcs();
    EXPECT_EQ(Intruder.Wrong, 0);
    ExFreePoolWithTag(Block, TAG);
    ExFreePoolWithTag(Intruder.Kept, TAG);
    KeRevertToUserAffinityThread();
}

/* ---- Leaks ---- */

typedef struct _REPORT { ULONG Count; SIZE_T Sizes; ULONG WrongTag; PVOID Caller; } REPORT;

static void NoteBlock(PVOID Context, PVOID Block, SIZE_T Size, ULONG Tag, PVOID Caller)
{
    REPORT *Report = Context;

    UNREFERENCED_PARAMETER(Block);
    Report->Count++;
    Report->Sizes += Size;
    Report->WrongTag += Tag != TAG;
    Report->Caller = Caller;
}

static NOINLINE PVOID AllocateHere(SIZE_T Size)
{
    PVOID Block = ExAllocatePoolWithTag(NonPagedPoolNx, Size, TAG);

    __asm__ volatile("" : "+r"(Block));         /* no tail call: the caller is this routine */
    return Block;
}

TEST(ex_pool, live_blocks_of_a_caller_are_reported)
{
    POOL_OWNER_RANGE Range = { (ULONG64)AllocateHere, (ULONG64)AllocateHere + 48 };
    static PVOID Blocks[40];
    REPORT Report = { 0 };
    SIZE_T Sizes = 0;

    EXPECT_EQ(ExForEachPoolBlockOf(Range, NoteBlock, &Report), 0);
    for (ULONG i = 0; i < RTL_NUMBER_OF(Blocks); i++) {
        Blocks[i] = AllocateHere(i * 200);
        Sizes += i * 200;
    }
    EXPECT_EQ(ExForEachPoolBlockOf(Range, NoteBlock, &Report), 40);
    EXPECT_EQ(Report.Count, 40);
    EXPECT_EQ(Report.Sizes, Sizes);
    EXPECT_EQ(Report.WrongTag, 0);
    EXPECT_GE((ULONG64)Report.Caller, Range.Start);
    for (ULONG i = 0; i < RTL_NUMBER_OF(Blocks); i++)
        ExFreePool(Blocks[i]);
    EXPECT_EQ(ExForEachPoolBlockOf(Range, NoteBlock, &Report), 0);
}
