/* slist_test.c - sequenced lists: order, depth, the header's layout, and pops that meet entries being freed. */
#include <ex/slist.h>
#include <ke/clock.h>
#include <ke/dpc.h>
#include <ke/event.h>
#include <ke/exception.h>
#include <ke/init.h>
#include <ke/irql.h>
#include <ke/timer.h>
#include <ktest.h>
#include <mm/mm.h>
#include <rtl/list.h>
#include <rtl/string.h>

typedef struct _ITEM {
    SLIST_ENTRY Entry;
    ULONG64 Number;
    volatile LONG InUse;
} ITEM;

static SLIST_HEADER List;

static void Start(void)
{
    memset(&List, 0x55, sizeof List);
    InitializeSListHead(&List);
}

TEST(ex_slist, initialised_over_poison_is_empty)
{
    Start();
    EXPECT_EQ(List.Alignment, 0);
    EXPECT_EQ(List.Region, 0);
    EXPECT_EQ(ExQueryDepthSList(&List), 0);
    EXPECT_EQ(FirstEntrySList(&List), NULL);
    EXPECT_EQ(ExpInterlockedPopEntrySList(&List), NULL);
    EXPECT_EQ(ExpInterlockedFlushSList(&List), NULL);
}

TEST(ex_slist, last_in_is_first_out)
{
    ITEM Items[5];

    Start();
    memset(Items, 0x55, sizeof Items);
    for (int At = 0; At < 5; At++) {
        EXPECT_EQ(ExpInterlockedPushEntrySList(&List, &Items[At].Entry), At == 0 ? NULL : &Items[At - 1].Entry);
        EXPECT_EQ(FirstEntrySList(&List), &Items[At].Entry);
        EXPECT_EQ(ExQueryDepthSList(&List), At + 1);
        EXPECT_EQ(List.HeaderX64.Depth, At + 1);
        EXPECT_EQ((ULONG64)List.HeaderX64.NextEntry << 4, (ULONG64)&Items[At]);
    }
    for (int At = 4; At >= 0; At--) {
        EXPECT_EQ(ExInterlockedPopEntrySList(&List, NULL), &Items[At].Entry);
        EXPECT_EQ(ExQueryDepthSList(&List), At);
    }
    EXPECT_EQ(FirstEntrySList(&List), NULL);
    EXPECT_EQ(ExpInterlockedPopEntrySList(&List), NULL);
}

TEST(ex_slist, flush_takes_all_in_one_step)
{
    ITEM Items[3];
    PSLIST_ENTRY Entry;

    Start();
    for (int At = 0; At < 3; At++)
        ExInterlockedPushEntrySList(&List, &Items[At].Entry, NULL);
    Entry = ExInterlockedFlushSList(&List);
    EXPECT_EQ(ExQueryDepthSList(&List), 0);
    EXPECT_EQ(FirstEntrySList(&List), NULL);
    for (int At = 2; At >= 0; At--, Entry = Entry->Next)
        REQUIRE_EQ(Entry, &Items[At].Entry);
    EXPECT_EQ(Entry, NULL);
}

/* Who read the header before can tell that it is another one now, though the same entry is the first again. */
TEST(ex_slist, each_change_leaves_another_header)
{
    SLIST_HEADER Before;
    ITEM Item;

    Start();
    ExpInterlockedPushEntrySList(&List, &Item.Entry);
    Before = List;
    ExpInterlockedPopEntrySList(&List);
    ExpInterlockedPushEntrySList(&List, &Item.Entry);
    EXPECT_EQ(List.Region, Before.Region);
    EXPECT_EQ(List.HeaderX64.Depth, Before.HeaderX64.Depth);
    EXPECT_NE(List.HeaderX64.Sequence, Before.HeaderX64.Sequence);
    Before = List;
    ExpInterlockedFlushSList(&List);
    ExpInterlockedPushEntrySList(&List, &Item.Entry);
    EXPECT_NE(List.HeaderX64.Sequence, Before.HeaderX64.Sequence);
}

TEST(ex_slist, works_at_high_level)
{
    ITEM Item;
    KIRQL Old;

    Start();
    KeRaiseIrql(HIGH_LEVEL, &Old);
    ExpInterlockedPushEntrySList(&List, &Item.Entry);
    EXPECT_EQ(ExpInterlockedPopEntrySList(&List), &Item.Entry);
    KeLowerIrql(Old);
}

/* ---- Many at once ---- */

enum { ITEMS = 64, ROBBERS = 6, ROUNDS = 4000 };

static ITEM Items[ITEMS];
static KEVENT Go;
static volatile LONG Doubled;

static void Claim(ITEM *Item)
{
    if (__atomic_exchange_n(&Item->InUse, 1, __ATOMIC_SEQ_CST) != 0)
        __atomic_fetch_add(&Doubled, 1, __ATOMIC_RELAXED);
}

static void GiveBack(ITEM *Item)
{
    Item->InUse = 0;
    ExpInterlockedPushEntrySList(&List, &Item->Entry);
}

static void Rob(PVOID Context)
{
    ULONG Seed = (ULONG)(ULONG_PTR)Context;
    LARGE_INTEGER Zero = { .QuadPart = 0 };

    KeWaitForSingleObject(&Go, Executive, KernelMode, FALSE, NULL);
    for (int Round = 0; Round < ROUNDS; Round++) {
        PSLIST_ENTRY Loot[4] = { NULL }, Next;
        ULONG Wanted = (Seed = Seed * 1664525 + 1013904223) >> 30;

        if (Seed % 64 == 0) {
            for (PSLIST_ENTRY All = ExpInterlockedFlushSList(&List); All != NULL; All = Next) {
                Next = All->Next;
                Claim((ITEM *)All);
                GiveBack((ITEM *)All);
            }
            continue;
        }
        for (ULONG At = 0; At <= Wanted; At++)
            if ((Loot[At] = ExpInterlockedPopEntrySList(&List)) != NULL)
                Claim((ITEM *)Loot[At]);
        if (Seed % 128 == 1)
            KeDelayExecutionThread(KernelMode, FALSE, &Zero);
        for (ULONG At = 0; At <= Wanted; At++)
            if (Loot[At] != NULL)
                GiveBack((ITEM *)Loot[At]);
    }
}

TEST(ex_slist, nothing_is_lost_or_doubled_by_many_at_once)
{
    PKTHREAD Threads[ROBBERS];
    PSLIST_ENTRY Entry;
    ULONG64 Seen = 0;

    Start();
    Doubled = 0;
    memset(Items, 0, sizeof Items);
    KeInitializeEvent(&Go, NotificationEvent, FALSE);
    for (ULONG At = 0; At < ITEMS; At++) {
        Items[At].Number = At;
        ExpInterlockedPushEntrySList(&List, &Items[At].Entry);
    }
    for (LONG_PTR At = 0; At < ROBBERS; At++)
        Threads[At] = KtestThread(Rob, (PVOID)(At + 1), 8);
    KeSetEvent(&Go, 0, FALSE);
    for (int At = 0; At < ROBBERS; At++)
        KtestJoin(Threads[At]);
    EXPECT_EQ(Doubled, 0);
    EXPECT_EQ(ExQueryDepthSList(&List), ITEMS);
    while ((Entry = ExpInterlockedPopEntrySList(&List)) != NULL)
        Seen ^= 1ull << ((ITEM *)Entry)->Number;
    EXPECT_EQ(Seen, ~0ull);
}

/* ---- Entries that are gone when a pop looks at them ----
 *
 * A DPC interrupts the pops anywhere, takes the first entry away and unmaps its page. A pop that had read the entry's
 * address, and not yet the entry, finds nothing there. */

static KTIMER Alarm;
static KDPC Thief;
static volatile LONG Thefts;

static void PushPage(void)
{
    PVOID Page = MmAllocatePages(PAGE_SIZE);

    REQUIRE_TRUE(Page != NULL);
    ExpInterlockedPushEntrySList(&List, Page);
}

static VOID TakeAndUnmap(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    PSLIST_ENTRY Entry = ExpInterlockedPopEntrySList(&List);

    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    if (Entry != NULL)
        MmFreePages(Entry, PAGE_SIZE);
    PushPage();
    Thefts++;
}

TEST(ex_slist, a_pop_survives_that_its_entry_is_freed_meanwhile)
{
    LARGE_INTEGER Soon = { .QuadPart = -1 };
    PSLIST_ENTRY Entry;

    Start();
    Thefts = 0;
    KeInitializeTimer(&Alarm);
    KeInitializeDpc(&Thief, TakeAndUnmap, NULL);
    KeSetTargetProcessorDpc(&Thief, 0);
    KeSetSystemAffinityThread(1);
    PushPage();
    PushPage();
    for (LONG Round = 0; Round < 1500; Round++) {
        LONG Before = Thefts;

        KeSetTimer(&Alarm, Soon, &Thief);
        for (LONG Offset = Round % 37; Offset > 0; Offset--)
            __asm__ volatile("");
        while (Thefts == Before)
            if ((Entry = ExpInterlockedPopEntrySList(&List)) != NULL)
                ExpInterlockedPushEntrySList(&List, Entry);
    }
    KeRevertToUserAffinityThread();
    KeFlushQueuedDpcs();
    EXPECT_EQ(Thefts, 1500);
    while ((Entry = ExpInterlockedPopEntrySList(&List)) != NULL)
        MmFreePages(Entry, PAGE_SIZE);
}
