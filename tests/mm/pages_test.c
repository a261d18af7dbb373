/* pages_test.c - pages between guards, their rights, device mappings, and what becomes of freed ranges. */
#include <ktest.h>

#include <arch/arch.h>
#include <arch/mmu.h>
#include <ke/init.h>
#include <ke/irql.h>
#include <ke/thread.h>
#include <mm/mm.h>
#include <rtl/string.h>

enum { SLOTS = 64, ROUNDS = 3000 };

static ULONG RightsAt(const void *Address)
{
    ULONG Rights = 0;

    EXPECT_NE(MmuQuery((ULONG64)Address, &Rights), ~0ull);
    return Rights;
}

static BOOLEAN IsZero(const UCHAR *Bytes, SIZE_T Length)
{
    while (Length != 0 && *Bytes == 0) {
        Bytes++;
        Length--;
    }
    return Length == 0;
}

TEST(mm_pages, lie_zeroed_between_unmapped_pages)
{
    static const SIZE_T Lengths[] = { 1, 4095, 4096, 4097, 7 * 4096, 8 * 4096, 9 * 4096, 100000, 0x200000, 3000001 };

    for (ULONG i = 0; i < RTL_NUMBER_OF(Lengths); i++) {
        SIZE_T Whole = (Lengths[i] + PAGE_SIZE - 1) & ~(SIZE_T)(PAGE_SIZE - 1);
        UCHAR *Pages = MmAllocatePages(Lengths[i]);

        REQUIRE_TRUE(Pages != NULL);
        EXPECT_EQ((ULONG64)Pages % PAGE_SIZE, 0);
        EXPECT_TRUE(ArchProbe(Pages, Whole));
        EXPECT_FALSE(ArchProbe(Pages - 1, 1));
        EXPECT_FALSE(ArchProbe(Pages - PAGE_SIZE, 1));
        EXPECT_FALSE(ArchProbe(Pages + Whole, 1));
        EXPECT_TRUE(IsZero(Pages, Whole));
        memset(Pages, 0xA5, Whole);
        MmFreePages(Pages, Lengths[i]);
        EXPECT_FALSE(ArchProbe(Pages, 1));
        EXPECT_FALSE(ArchProbe(Pages + Whole - 1, 1));
    }
}

TEST(mm_pages, impossible_lengths_give_null)
{
    EXPECT_TRUE(MmAllocatePages(0) == NULL);
    EXPECT_TRUE(MmAllocatePages(~0ull) == NULL);
    EXPECT_TRUE(MmAllocatePages(1ull << 40) == NULL);
    EXPECT_TRUE(MmAllocatePages((MmFreeFrameCount() + 1) * PAGE_SIZE) == NULL);
}

TEST(mm_pages, writable_and_executable_is_refused)
{
    UCHAR *Pages = MmAllocatePages(3 * PAGE_SIZE);

    REQUIRE_TRUE(Pages != NULL);
    EXPECT_EQ(RightsAt(Pages), MMU_WRITE);
    EXPECT_FALSE(MmProtectPages(Pages, PAGE_SIZE, MM_WRITE | MM_EXECUTE));
    EXPECT_FALSE(MmProtectPages(Pages, 100, MM_READ));
    EXPECT_FALSE(MmProtectPages(Pages + 8, PAGE_SIZE, MM_READ));
    EXPECT_FALSE(MmProtectPages(Pages, 4 * PAGE_SIZE, MM_READ));
    EXPECT_FALSE(MmProtectPages(Pages, PAGE_SIZE, 4));
    EXPECT_EQ(RightsAt(Pages), MMU_WRITE);
    EXPECT_TRUE(MmProtectPages(Pages, PAGE_SIZE, MM_READ));
    EXPECT_TRUE(MmProtectPages(Pages + PAGE_SIZE, PAGE_SIZE, MM_EXECUTE));
    EXPECT_EQ(RightsAt(Pages), 0);
    EXPECT_EQ(RightsAt(Pages + PAGE_SIZE), MMU_EXECUTE);
    EXPECT_EQ(RightsAt(Pages + 2 * PAGE_SIZE), MMU_WRITE);
    MmFreePages(Pages, 3 * PAGE_SIZE);
}

TEST(mm_pages, code_runs_once_it_is_executable)
{
    static const UCHAR AddArguments[] = { 0x8D, 0x04, 0x11, 0xC3 };     /* lea eax, [rcx + rdx]; ret */
    UCHAR *Page = MmAllocatePages(PAGE_SIZE);

    REQUIRE_TRUE(Page != NULL);
    memcpy(Page, AddArguments, sizeof AddArguments);
    REQUIRE_TRUE(MmProtectPages(Page, PAGE_SIZE, MM_EXECUTE));
    EXPECT_EQ(((ULONG (*)(ULONG, ULONG))(ULONG64)Page)(40, 2), 42);
    MmFreePages(Page, PAGE_SIZE);
}

TEST(mm_pages, keep_their_contents_while_others_come_and_go)
{
    static struct { ULONG *Base; SIZE_T Length; ULONG Mark; } Slots[SLOTS];
    ULONG Random = 99, Wrong = 0;

    for (ULONG Round = 0; Round < ROUNDS; Round++) {
        ULONG i = (Random = Random * 1664525 + 1013904223) >> 26;
        SIZE_T Last = Slots[i].Length / sizeof(ULONG) - 1;

        if (Slots[i].Base != NULL) {
            Wrong += Slots[i].Base[0] != Slots[i].Mark || Slots[i].Base[Last] != Slots[i].Mark;
            MmFreePages(Slots[i].Base, Slots[i].Length);
            Slots[i].Base = NULL;
            continue;
        }
        Slots[i].Length = (1 + (Random >> 10 & 0x1F)) * PAGE_SIZE;
        Slots[i].Mark = Random;
        Slots[i].Base = MmAllocatePages(Slots[i].Length);
        REQUIRE_TRUE(Slots[i].Base != NULL);
        Last = Slots[i].Length / sizeof(ULONG) - 1;
        Wrong += Slots[i].Base[0] != 0 || Slots[i].Base[Last] != 0;
        Slots[i].Base[0] = Slots[i].Base[Last] = Random;
    }
    for (ULONG i = 0; i < SLOTS; i++)
        if (Slots[i].Base != NULL) {
            MmFreePages(Slots[i].Base, Slots[i].Length);
            Slots[i].Base = NULL;
        }
    EXPECT_EQ(Wrong, 0);
}

/* A flush of all processors lets go of what was retired before it. */
static void FlushAll(void)
{
    PVOID Page = MmAllocatePages(PAGE_SIZE);

    REQUIRE_TRUE(Page != NULL);
    EXPECT_TRUE(MmProtectPages(Page, PAGE_SIZE, MM_READ));
    MmFreePages(Page, PAGE_SIZE);
}

TEST(mm_pages, freed_frames_come_back_once_all_processors_have_flushed)
{
    ULONG64 Before;

    FlushAll();
    Before = MmFreeFrameCount();
    for (ULONG i = 0; i < 500; i++) {
        PVOID Pages = MmAllocatePages(20 * PAGE_SIZE);

        REQUIRE_TRUE(Pages != NULL);
        MmFreePages(Pages, 20 * PAGE_SIZE);
    }
    FlushAll();
    /* Each 2 MiB of addresses used for the first time keeps a page table, each 128 ranges a frame of notes. */
    EXPECT_GE(MmFreeFrameCount() + 40, Before);
}

/* ---- What another processor remembers ---- */

static volatile LONG Watching, Forgotten, StopWatching;

static void WatchFromTheOther(PVOID Page)
{
    KeSetSystemAffinityThread(2);
    while (!StopWatching) {
        __atomic_store_n(&Forgotten, !ArchProbe(Page, 1), __ATOMIC_SEQ_CST);    /* loads its translation */
        __atomic_add_fetch(&Watching, 1, __ATOMIC_SEQ_CST);
        ArchPause();
    }
    KeRevertToUserAffinityThread();
}

TEST(mm_pages, other_processors_forget_a_freed_page)
{
    UCHAR *Page = MmAllocatePages(PAGE_SIZE);
    struct _KTHREAD *Watcher;
    LONG Seen;

    if (KeQueryActiveProcessorCount(NULL) < 2) {
        MmFreePages(Page, PAGE_SIZE);
        KtestSkip("one processor");
        return;
    }
    Watching = Forgotten = StopWatching = 0;
    KeSetSystemAffinityThread(1);
    Watcher = KtestThread(WatchFromTheOther, Page, 8);
    EXPECT_TRUE(KtestWaitFor(&Watching));
    EXPECT_FALSE(Forgotten);
    MmFreePages(Page, PAGE_SIZE);
    FlushAll();
    Seen = Watching;
    while (Watching < Seen + 2)         /* a look that began after the flush */
        ArchPause();
    EXPECT_TRUE(Forgotten);
    StopWatching = 1;
    KeRevertToUserAffinityThread();
    KtestJoin(Watcher);
}

TEST(mm_pages, freed_addresses_rest_before_they_are_used_again)
{
    UCHAR *First = MmAllocatePages(5 * PAGE_SIZE);

    REQUIRE_TRUE(First != NULL);
    MmFreePages(First, 5 * PAGE_SIZE);
    for (ULONG i = 0; i < 32; i++) {
        UCHAR *Other = MmAllocatePages(5 * PAGE_SIZE);

        REQUIRE_TRUE(Other != NULL);
        EXPECT_NE((ULONG64)Other, (ULONG64)First);
        MmFreePages(Other, 5 * PAGE_SIZE);
    }
    EXPECT_FALSE(ArchProbe(First, 1));
}

TEST(mm_pages, may_be_had_and_freed_at_dispatch_level)
{
    KIRQL Irql = KeRaiseIrqlToDpcLevel();

    for (ULONG i = 0; i < 200; i++) {
        UCHAR *Pages = MmAllocatePages(10000);

        REQUIRE_TRUE(Pages != NULL);
        Pages[9999] = 1;
        MmFreePages(Pages, 10000);
    }
    KeLowerIrql(Irql);
}

TEST(mm_pages, device_mapping_shows_the_physical_bytes_asked_for)
{
    ULONG64 Physical = MmAllocateFrames(1);
    UCHAR *Direct, *Mapped;

    REQUIRE_TRUE(Physical != 0);
    Direct = MmPhysicalToVirtual(Physical);
    Mapped = MmMapDevice(Physical + 0xFF0, 0x20, MmCached);     /* crosses into the second page */
    REQUIRE_TRUE(Mapped != NULL);
    EXPECT_EQ((ULONG64)Mapped & 0xFFF, 0xFF0);
    Direct[0xFF0] = 0x11;
    Direct[0x100F] = 0x22;
    EXPECT_EQ(Mapped[0], 0x11);
    EXPECT_EQ(Mapped[0x1F], 0x22);
    EXPECT_EQ(MmVirtualToPhysical(Mapped), Physical + 0xFF0);
    EXPECT_EQ(MmVirtualToPhysical(Direct), Physical);
    EXPECT_FALSE(ArchProbe(Mapped - 0x1000, 1));
    EXPECT_FALSE(ArchProbe(Mapped + 0x1010, 1));
    MmUnmapDevice(Mapped, 0x20);
    EXPECT_EQ(MmVirtualToPhysical(Mapped), ~0ull);
    MmFreeFrames(Physical, 1);
    EXPECT_TRUE(MmMapDevice(0x1000, 0, MmUncached) == NULL);
    EXPECT_TRUE(MmMapDevice(~0ull - 0x1000, 0x2000, MmUncached) == NULL);
}
