/* lookaside_test.c - lookaside lists: what initialisation leaves for the drivers' inlines, which entries are kept,
 * routines of the caller's own, depths that follow the demand. */
#include <ex/lookaside.h>
#include <ke/clock.h>
#include <ke/event.h>
#include <ke/irql.h>
#include <ke/thread.h>
#include <ktest.h>
#include <rtl/status.h>
#include <rtl/string.h>

enum { TAG = 'kooL', SIZE = 0x48 };

static NPAGED_LOOKASIDE_LIST List;
static LOOKASIDE_LIST_EX Ex;

static void Ignore(PVOID Context, PGENERAL_LOOKASIDE Found)
{
    if (Found == Context)
        EXPECT_EQ(Found, Context);
}

static ULONG OnTheList(const void *Object)
{
    return ExForEachLookasideOf((ULONG64)Object, (ULONG64)Object + 1, Ignore, NULL);
}

static void CheckFresh(PGENERAL_LOOKASIDE L, ULONG Type, ULONG Size)
{
    EXPECT_EQ(L->ListHead.Alignment, 0);
    EXPECT_EQ(L->ListHead.Region, 0);
    EXPECT_EQ(L->Depth, LOOKASIDE_MINIMUM_DEPTH);
    EXPECT_EQ(L->MaximumDepth, EX_MAXIMUM_LOOKASIDE_DEPTH_BASE);
    EXPECT_EQ(L->TotalAllocates | L->AllocateMisses | L->TotalFrees | L->FreeMisses, 0);
    EXPECT_EQ(L->LastTotalAllocates | L->LastAllocateMisses, 0);
    EXPECT_EQ(L->Type, Type);
    EXPECT_EQ(L->Tag, TAG);
    EXPECT_EQ(L->Size, Size);
}

TEST(ex_lookaside, initialised_over_poison_it_has_the_pools_routines)
{
    memset(&List, 0x55, sizeof List);
    ExInitializeNPagedLookasideList(&List, NULL, NULL, 0, SIZE, TAG, 0);
    CheckFresh(&List.L, NonPagedPool, SIZE);
    EXPECT_EQ((PVOID)List.L.Allocate, (PVOID)ExAllocatePoolWithTag);
    EXPECT_EQ((PVOID)List.L.Free, (PVOID)ExFreePool);
    EXPECT_EQ(OnTheList(&List), 1);
    EXPECT_EQ(((PUCHAR)&List)[sizeof List - 1], 0x55);          /* not more than its own */
    ExDeleteNPagedLookasideList(&List);
    EXPECT_EQ(OnTheList(&List), 0);

    memset(&List, 0x55, sizeof List);
    ExInitializePagedLookasideList(&List, NULL, NULL, POOL_RAISE_IF_ALLOCATION_FAILURE, 3, TAG, 0);
    CheckFresh(&List.L, PagedPool | POOL_RAISE_IF_ALLOCATION_FAILURE, LOOKASIDE_MINIMUM_BLOCK_SIZE);
    ExDeletePagedLookasideList(&List);
    ExInitializeNPagedLookasideList(&List, NULL, NULL, NonPagedPoolNx, SIZE, TAG, 0);
    CheckFresh(&List.L, NonPagedPoolNx, SIZE);
    ExDeleteNPagedLookasideList(&List);
}

TEST(ex_lookaside, a_greater_depth_may_be_asked_for)
{
    static const struct { USHORT Asked, Maximum; } Rows[] = {
        { 10, 256 }, { 255, 256 }, { 256, 256 }, { 700, 700 }, { 1024, 1024 }, { 1025, 256 },
    };

    for (ULONG Row = 0; Row < RTL_NUMBER_OF(Rows); Row++) {
        EXPECT_EQ(ExInitializeLookasideListEx(&Ex, NULL, NULL, NonPagedPool, 0, SIZE, TAG, Rows[Row].Asked),
                  STATUS_SUCCESS);
        EXPECT_EQ(Ex.L.MaximumDepth, Rows[Row].Maximum);
        ExDeleteLookasideListEx(&Ex);
    }
}

/* Entries are kept, last in first out, as many as the depth; the others are the pool's again. */
TEST(ex_lookaside, entries_are_kept_as_deep_as_the_list)
{
    PUCHAR Entries[6];
    KIRQL Old;

    ExInitializeNPagedLookasideList(&List, NULL, NULL, 0, SIZE, TAG, 0);
    KeRaiseIrql(DISPATCH_LEVEL, &Old);
    for (int At = 0; At < 6; At++) {
        Entries[At] = ExAllocateFromNPagedLookasideList(&List);
        REQUIRE_TRUE(Entries[At] != NULL);
        memset(Entries[At], At, SIZE);
    }
    EXPECT_EQ(List.L.TotalAllocates, 6);
    EXPECT_EQ(List.L.AllocateMisses, 6);
    for (int At = 0; At < 6; At++)
        ExFreeToNPagedLookasideList(&List, Entries[At]);
    EXPECT_EQ(List.L.TotalFrees, 6);
    EXPECT_EQ(List.L.FreeMisses, 2);
    EXPECT_EQ(ExQueryDepthSList(&List.L.ListHead), 4);
    EXPECT_EQ(ExAllocateFromNPagedLookasideList(&List), Entries[3]);
    EXPECT_EQ(ExAllocateFromNPagedLookasideList(&List), Entries[2]);
    EXPECT_EQ(List.L.AllocateMisses, 6);
    ExFreeToNPagedLookasideList(&List, Entries[3]);
    ExFreeToNPagedLookasideList(&List, Entries[2]);
    KeLowerIrql(Old);
    ExDeleteNPagedLookasideList(&List);
    EXPECT_EQ(ExQueryDepthSList(&List.L.ListHead), 0);
}

/* ---- Routines of the caller's own ---- */

static LONG Allocated, Freed;
static UCHAR Stock[8][64] __attribute__((aligned(16)));

static PVOID AllocateOwn(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag)
{
    EXPECT_EQ(PoolType, PagedPool);
    EXPECT_EQ(NumberOfBytes, SIZE);
    EXPECT_EQ(Tag, TAG);
    return Allocated < 8 ? Stock[Allocated++] : NULL;
}

static VOID FreeOwn(PVOID Buffer)
{
    EXPECT_TRUE((PUCHAR)Buffer >= Stock[0] && (PUCHAR)Buffer <= Stock[7]);
    Freed++;
}

TEST(ex_lookaside, own_routines_allocate_and_free)
{
    PVOID Entries[8];

    Allocated = Freed = 0;
    ExInitializePagedLookasideList(&List, AllocateOwn, FreeOwn, 0, SIZE, TAG, 0);
    for (int At = 0; At < 8; At++)
        EXPECT_EQ(Entries[At] = ExAllocateFromPagedLookasideList(&List), Stock[At]);
    EXPECT_EQ(ExAllocateFromPagedLookasideList(&List), NULL);
    for (int At = 0; At < 8; At++)
        ExFreeToPagedLookasideList(&List, Entries[At]);
    EXPECT_EQ(Freed, 4);
    ExDeletePagedLookasideList(&List);
    EXPECT_EQ(Freed, 8);
}

static ULONG TypeSeen;

static PVOID AllocateEx(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag, PLOOKASIDE_LIST_EX Lookaside)
{
    EXPECT_EQ(Lookaside, &Ex);
    EXPECT_EQ(NumberOfBytes, SIZE);
    EXPECT_EQ(Tag, TAG);
    TypeSeen = PoolType;
    return Stock[Allocated++];
}

static VOID FreeEx(PVOID Buffer, PLOOKASIDE_LIST_EX Lookaside)
{
    EXPECT_EQ(Lookaside, &Ex);
    EXPECT_TRUE((PUCHAR)Buffer >= Stock[0] && (PUCHAR)Buffer <= Stock[7]);
    Freed++;
}

TEST(ex_lookaside, ex_routines_are_told_their_list)
{
    PVOID Entries[6];

    Allocated = Freed = 0;
    EXPECT_EQ(ExInitializeLookasideListEx(&Ex, AllocateEx, FreeEx, NonPagedPoolNx,
                                          EX_LOOKASIDE_LIST_EX_FLAGS_FAIL_NO_RAISE, SIZE, TAG, 0), STATUS_SUCCESS);
    for (int At = 0; At < 6; At++)
        Entries[At] = ExAllocateFromLookasideListEx(&Ex);
    EXPECT_EQ(TypeSeen, NonPagedPoolNx | 8);
    for (int At = 0; At < 6; At++)
        ExFreeToLookasideListEx(&Ex, Entries[At]);
    EXPECT_EQ(Freed, 2);
    ExFlushLookasideListEx(&Ex);
    EXPECT_EQ(Freed, 6);
    EXPECT_EQ(ExQueryDepthSList(&Ex.L.ListHead), 0);
    EXPECT_EQ(OnTheList(&Ex), 1);
    Entries[0] = ExAllocateFromLookasideListEx(&Ex);
    EXPECT_EQ(Entries[0], Stock[6]);
    ExFreeToLookasideListEx(&Ex, Entries[0]);
    ExDeleteLookasideListEx(&Ex);
    EXPECT_EQ(Freed, 7);
}

TEST(ex_lookaside, ex_refuses_what_there_is_not)
{
    static const struct { ULONG Type, Flags; NTSTATUS Status; } Rows[] = {
        { NonPagedPool, 0, STATUS_SUCCESS }, { PagedPool, 1, STATUS_SUCCESS }, { NonPagedPoolNx, 0, STATUS_SUCCESS },
        { NonPagedPoolCacheAligned, 0, STATUS_SUCCESS }, { PagedPoolCacheAligned, 0, STATUS_SUCCESS },
        { NonPagedPoolMustSucceed, 0, STATUS_INVALID_PARAMETER_4 }, { 7, 0, STATUS_INVALID_PARAMETER_4 },
        { NonPagedPoolNx | PagedPool, 0, STATUS_INVALID_PARAMETER_4 }, { 16, 0, STATUS_INVALID_PARAMETER_4 },
        { NonPagedPool, 3, STATUS_INVALID_PARAMETER_5 }, { NonPagedPool, 4, STATUS_INVALID_PARAMETER_5 },
    };

    for (ULONG Row = 0; Row < RTL_NUMBER_OF(Rows); Row++) {
        memset(&Ex, 0x55, sizeof Ex);
        EXPECT_EQ(ExInitializeLookasideListEx(&Ex, NULL, NULL, (POOL_TYPE)Rows[Row].Type, Rows[Row].Flags, SIZE, TAG,
                                              0), Rows[Row].Status);
        if (Rows[Row].Status == STATUS_SUCCESS) {
            EXPECT_EQ(Ex.L.Type, Rows[Row].Type | (Rows[Row].Flags == 1 ? POOL_RAISE_IF_ALLOCATION_FAILURE : 0));
            ExFreeToLookasideListEx(&Ex, ExAllocateFromLookasideListEx(&Ex));
            ExDeleteLookasideListEx(&Ex);
        } else {
            EXPECT_EQ(((PUCHAR)&Ex)[0], 0x55);
        }
    }
}

/* ---- Depths ---- */

TEST(ex_lookaside, depths_follow_the_demand)
{
    static const struct { USHORT Depth; ULONG Allocates, Misses; USHORT Next; } Rows[] = {
        { 100, 0, 0, 50 }, { 100, 31, 31, 50 }, { 4, 0, 0, 4 }, { 7, 5, 5, 4 },         /* hardly used */
        { 100, 1280, 0, 99 }, { 100, 1280, 9, 99 }, { 4, 1280, 0, 4 },                  /* deep enough */
        { 100, 1280, 1280, 182 }, { 100, 1000, 100, 111 }, { 100, 1280, 10, 104 },      /* found empty */
        { 4, 1000, 1000, 134 }, { 254, 1000, 1000, 256 }, { 256, 1000, 1000, 256 },
        { 100, 40, 50, 182 },                                                           /* counted badly */
    };
    GENERAL_LOOKASIDE_POOL Past = { .MaximumDepth = 256, .TotalAllocates = 5, .AllocateMisses = 3 };

    for (ULONG Row = 0; Row < RTL_NUMBER_OF(Rows); Row++) {
        Past.Depth = Rows[Row].Depth;
        Past.LastTotalAllocates = 5 - Rows[Row].Allocates;      /* the counters have wrapped around */
        Past.LastAllocateMisses = 3 - Rows[Row].Misses;
        EXPECT_EQ(ExNextLookasideDepth(&Past), Rows[Row].Next);
    }
    Past.MaximumDepth = 0;
    EXPECT_EQ(ExNextLookasideDepth(&Past), 0);
}

TEST(ex_lookaside, once_a_second_the_depth_is_adjusted)
{
    LARGE_INTEGER Interval = { .QuadPart = -500000 };
    PVOID Entries[64];
    ULONG64 Start = KeQueryInterruptTime();

    ExInitializeNPagedLookasideList(&List, NULL, NULL, 0, SIZE, TAG, 0);
    for (int At = 0; At < 64; At++)
        Entries[At] = ExAllocateFromNPagedLookasideList(&List);
    while (*(volatile USHORT *)&List.L.Depth == LOOKASIDE_MINIMUM_DEPTH && KeQueryInterruptTime() - Start < 300000000)
        KeDelayExecutionThread(KernelMode, FALSE, &Interval);
    EXPECT_GE(KeQueryInterruptTime() - Start, 9000000);
    EXPECT_EQ(List.L.Depth, 134);
    EXPECT_EQ(List.L.LastTotalAllocates, 64);
    EXPECT_EQ(List.L.LastAllocateMisses, 64);
    for (int At = 0; At < 64; At++)
        ExFreeToNPagedLookasideList(&List, Entries[At]);
    EXPECT_EQ(List.L.FreeMisses, 0);
    ExDeleteNPagedLookasideList(&List);
}

/* Memory that goes away takes its lists along; the adjustments end with the last one, and begin anew. */
TEST(ex_lookaside, forgotten_it_is_no_more)
{
    static NPAGED_LOOKASIDE_LIST Pair[2];

    for (int Round = 0; Round < 2; Round++) {
        for (int At = 0; At < 2; At++)
            ExInitializeNPagedLookasideList(&Pair[At], NULL, NULL, 0, SIZE, TAG, 0);
        ExForgetLookasides(&Pair[0], 1);                        /* not the place of its link */
        EXPECT_EQ(OnTheList(&Pair[0]), 1);
        ExForgetLookasides(&Pair[0], sizeof Pair[0]);
        EXPECT_EQ(OnTheList(&Pair[0]), 0);
        EXPECT_EQ(OnTheList(&Pair[1]), 1);
        ExForgetLookasides(Pair, sizeof Pair);
        EXPECT_EQ(OnTheList(&Pair[1]), 0);
        memset(Pair, 0xDD, sizeof Pair);
    }
}

/* ---- Many at once ---- */

enum { USERS = 4, ROUNDS = 1500, HELD = 6 };

static KEVENT Go;
static volatile LONG Live, Damaged;

static PVOID AllocateCounted(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag)
{
    __atomic_fetch_add(&Live, 1, __ATOMIC_RELAXED);
    return ExAllocatePoolWithTag(PoolType, NumberOfBytes, Tag);
}

static VOID FreeCounted(PVOID Buffer)
{
    __atomic_fetch_sub(&Live, 1, __ATOMIC_RELAXED);
    ExFreePoolWithTag(Buffer, TAG);
}

static void UseOften(PVOID Context)
{
    UCHAR Mark = (UCHAR)(ULONG_PTR)Context;

    KeWaitForSingleObject(&Go, Executive, KernelMode, FALSE, NULL);
    for (int Round = 0; Round < ROUNDS; Round++) {
        PUCHAR Held[HELD];
        int Count = 1 + (Round * 7 + Mark) % HELD;

        for (int At = 0; At < Count; At++)
            memset(Held[At] = ExAllocateFromNPagedLookasideList(&List), Mark, SIZE);
        for (int At = 0; At < Count; At++) {
            for (int Byte = 0; Byte < SIZE; Byte += 8)
                if (Held[At][Byte] != Mark)
                    __atomic_fetch_add(&Damaged, 1, __ATOMIC_RELAXED);
            ExFreeToNPagedLookasideList(&List, Held[At]);
        }
    }
}

TEST(ex_lookaside, entries_belong_to_one_at_a_time)
{
    PKTHREAD Threads[USERS];

    Live = Damaged = 0;
    KeInitializeEvent(&Go, NotificationEvent, FALSE);
    ExInitializeNPagedLookasideList(&List, AllocateCounted, FreeCounted, 0, SIZE, TAG, 0);
    for (LONG_PTR At = 0; At < USERS; At++)
        Threads[At] = KtestThread(UseOften, (PVOID)(At + 1), 8);
    KeSetEvent(&Go, 0, FALSE);
    for (int At = 0; At < USERS; At++)
        KtestJoin(Threads[At]);
    EXPECT_EQ(Damaged, 0);
    EXPECT_EQ(Live, ExQueryDepthSList(&List.L.ListHead));
    ExDeleteNPagedLookasideList(&List);
    EXPECT_EQ(Live, 0);
}
