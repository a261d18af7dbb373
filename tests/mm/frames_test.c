/* frames_test.c - blocks of frames: aligned, apart from each other and from what is occupied, all coming back. */
#include <ktest.h>

#include <arch/mmu.h>
#include <mm/mm.h>

enum { ORDERS = 19, BLOCKS = 256 };

extern char KernelImageStart[], KernelImageEnd[];

/* What a test writes into the first bytes of a block that it holds. */
typedef struct _STAMP { struct _STAMP *Next; ULONG64 Physical; ULONG Order; } STAMP;

static STAMP *Hold(STAMP *Held, ULONG64 Physical, ULONG Order)
{
    STAMP *Stamp = MmPhysicalToVirtual(Physical);

    *Stamp = (STAMP){ Held, Physical, Order };
    return Stamp;
}

static void ReleaseAll(STAMP *Held)
{
    for (STAMP *Next; Held != NULL; Held = Next) {
        Next = Held->Next;
        MmFreeFrames(Held->Physical, Held->Order);
    }
}

static BOOLEAN Meets(ULONG64 Base, ULONG64 Length, ULONG64 OtherBase, ULONG64 OtherEnd)
{
    return Base < OtherEnd && OtherBase < Base + Length;
}

TEST(mm_frames, every_order_is_aligned_and_comes_back)
{
    ULONG64 Before = MmFreeFrameCount(), Physical;

    for (ULONG Order = 0; Order < ORDERS; Order++) {
        Physical = MmAllocateFrames(Order);
        if (Physical == 0)
            continue;                   /* this machine has no such block */
        EXPECT_EQ(Physical & (((ULONG64)PAGE_SIZE << Order) - 1), 0);
        EXPECT_EQ(MmFreeFrameCount(), Before - (1ull << Order));
        MmFreeFrames(Physical, Order);
        EXPECT_EQ(MmFreeFrameCount(), Before);
    }
    EXPECT_EQ(MmAllocateFrames(ORDERS), 0);
    EXPECT_EQ(MmAllocateFrames(MAXULONG), 0);
}

TEST(mm_frames, split_block_merges_again)
{
    ULONG64 Whole = MmAllocateFrames(6);

    REQUIRE_TRUE(Whole != 0);
    for (ULONG i = 0; i < 64; i++)      /* in parts and out of order */
        MmFreeFrames(Whole + (ULONG64)PAGE_SIZE * (i * 37 % 64), 0);
    EXPECT_EQ(MmAllocateFrames(6), Whole);
    MmFreeFrames(Whole, 5);
    MmFreeFrames(Whole + ((ULONG64)PAGE_SIZE << 5), 5);
}

TEST(mm_frames, runs_take_what_they_need_and_no_more)
{
    ULONG64 Before = MmFreeFrameCount(), Physical;

    for (ULONG64 Count = 1; Count < 300; Count += 7) {
        Physical = MmAllocateFrameRun(Count);
        REQUIRE_TRUE(Physical != 0);
        EXPECT_EQ(MmFreeFrameCount(), Before - Count);
        MmFreeFrameRun(Physical, Count);
        EXPECT_EQ(MmFreeFrameCount(), Before);
    }
    EXPECT_EQ(MmAllocateFrameRun(0), 0);
    EXPECT_EQ(MmAllocateFrameRun((1ull << 18) + 1), 0);
    EXPECT_EQ(MmAllocateFrameRun(~0ull), 0);
}

TEST(mm_frames, live_blocks_do_not_overlap)
{
    static struct { ULONG64 Physical; ULONG Order; } Blocks[BLOCKS];
    ULONG64 Before = MmFreeFrameCount();
    ULONG Random = 12345, Wrong = 0;

    for (ULONG Round = 0; Round < 20000; Round++) {
        ULONG i = (Random = Random * 1664525 + 1013904223) >> 24;
        ULONG64 *First;

        if (Blocks[i].Physical != 0) {
            First = MmPhysicalToVirtual(Blocks[i].Physical);
            Wrong += First[0] != i || First[((ULONG64)PAGE_SIZE << Blocks[i].Order) / 8 - 1] != i;
            MmFreeFrames(Blocks[i].Physical, Blocks[i].Order);
            Blocks[i].Physical = 0;
            continue;
        }
        Blocks[i].Order = Random >> 16 & 3;
        Blocks[i].Physical = MmAllocateFrames(Blocks[i].Order);
        REQUIRE_TRUE(Blocks[i].Physical != 0);
        First = MmPhysicalToVirtual(Blocks[i].Physical);
        First[0] = First[((ULONG64)PAGE_SIZE << Blocks[i].Order) / 8 - 1] = i;
    }
    EXPECT_EQ(Wrong, 0);
    for (ULONG i = 0; i < BLOCKS; i++)
        if (Blocks[i].Physical != 0) {
            MmFreeFrames(Blocks[i].Physical, Blocks[i].Order);
            Blocks[i].Physical = 0;
        }
    EXPECT_EQ(MmFreeFrameCount(), Before);
}

TEST(mm_frames, all_memory_can_be_taken_and_none_of_it_was_occupied)
{
    ULONG64 Image = (ULONG64)KernelImageStart - MMU_KERNEL_BASE, ImageEnd = (ULONG64)KernelImageEnd - MMU_KERNEL_BASE;
    ULONG64 Before = MmFreeFrameCount(), Physical, Frames = 0;
    enum { LATE = 16 };
    PVOID Late[LATE];
    STAMP *Held = NULL;
    ULONG Wrong = 0, Kept = 0;

    for (ULONG Order = ORDERS; Order-- > 0;)
        while ((Physical = MmAllocateFrames(Order)) != 0) {
            Wrong += Meets(Physical, (ULONG64)PAGE_SIZE << Order, Image, ImageEnd);
            Wrong += Meets(Physical, (ULONG64)PAGE_SIZE << Order, 0, 0x100000);
            Wrong += Physical + ((ULONG64)PAGE_SIZE << Order) > MmTopOfMemory();
            Held = Hold(Held, Physical, Order);
            Frames += 1ull << Order;
        }
    EXPECT_LE(MmFreeFrameCount(), 64);  /* other processors may have given some back meanwhile */
    /* Stacks of ended threads come back only now, when they are asked for. */
    while (Kept < LATE && (Late[Kept] = MmAllocatePages(0x100000)) != NULL)
        Kept++;
    EXPECT_LT(Kept, LATE);
    while (Kept > 0)
        MmFreePages(Late[--Kept], 0x100000);
    ReleaseAll(Held);
    EXPECT_EQ(Wrong, 0);
    EXPECT_GE(Frames + 64, Before);
    EXPECT_GE(MmFreeFrameCount() + 64, Before);
}
