/* resource_owner_test.c - the table of a resource's owners: hundreds of them, in several resources at once; and what
 * the verifier asks about a resource. */
#include <arch/arch.h>
#include <ex/pool.h>
#include <ex/resource.h>
#include <ke/apc.h>
#include <ke/event.h>
#include <ke/irql.h>
#include <ke/processor.h>
#include <ke/spinlock.h>
#include <ke/thread.h>
#include <ktest.h>
#include <rtl/status.h>
#include <rtl/string.h>

/* ---- Hundreds of owners ---- */

enum { MANY = 400, RESOURCES = 3 };

static ERESOURCE Resources[RESOURCES];
static KEVENT Leave;
static volatile LONG Owners, Wrong;

static LONG LevelsOf(LONG Who, LONG Which) { return (Who * 7 + Which * 3) % 4; }

/* A thread remembers one place only, whichever resource that was in; here each has a place in up to three. */
static void Own(PVOID Context)
{
    LONG Who = (LONG)(LONG_PTR)Context;

    KeEnterCriticalRegion();
    for (LONG Which = 0; Which < RESOURCES; Which++)
        for (LONG Level = 0; Level < LevelsOf(Who, Which); Level++)
            ExAcquireResourceSharedLite(&Resources[Which], TRUE);
    __atomic_add_fetch(&Owners, 1, __ATOMIC_SEQ_CST);
    KeWaitForSingleObject(&Leave, Executive, KernelMode, FALSE, NULL);
    for (LONG Which = 0; Which < RESOURCES; Which++) {
        for (LONG Left = LevelsOf(Who, Which); Left > 0; Left--) {
            if (ExIsResourceAcquiredSharedLite(&Resources[Which]) != (ULONG)Left)
                __atomic_add_fetch(&Wrong, 1, __ATOMIC_SEQ_CST);
            ExReleaseResourceLite(&Resources[Which]);
        }
    }
    KeLeaveCriticalRegion();
}

static ULONG SharersOf(LONG Which)
{
    ULONG Count = 0;

    for (LONG Who = 0; Who < MANY; Who++)
        Count += LevelsOf(Who, Which) != 0;
    return Count;
}

static void Sleep(void)
{
    LARGE_INTEGER Moment = { .QuadPart = -10000 };

    KeDelayExecutionThread(KernelMode, FALSE, &Moment);
}

TEST(ex_resource, hundreds_of_threads_share_several)
{
    static PKTHREAD Threads[MANY];

    Owners = Wrong = 0;
    KeInitializeEvent(&Leave, NotificationEvent, FALSE);
    memset(Resources, 0x55, sizeof Resources);
    for (LONG Which = 0; Which < RESOURCES; Which++)
        ExInitializeResourceLite(&Resources[Which]);
    for (LONG_PTR Who = 0; Who < MANY; Who++)
        Threads[Who] = KtestThread(Own, (PVOID)Who, 8);
    for (int Look = 0; Look < 100000 && Owners < MANY; Look++)
        Sleep();
    for (LONG Which = 0; Which < RESOURCES; Which++) {
        EXPECT_EQ(Resources[Which].ActiveEntries + (ULONG)Resources[Which].ActiveCount, SharersOf(Which));
        EXPECT_GE(Resources[Which].OwnerTable[0].TableSize, SharersOf(Which));
        EXPECT_EQ(ExQueryResourceLevels(&Resources[Which], (ERESOURCE_THREAD)Threads[MANY - 1]),
                  LevelsOf(MANY - 1, Which));
    }
    KeSetEvent(&Leave, 0, FALSE);
    for (LONG Who = 0; Who < MANY; Who++)
        KtestJoin(Threads[Who]);
    EXPECT_EQ(Wrong, 0);
    for (LONG Which = 0; Which < RESOURCES; Which++) {
        EXPECT_EQ(Resources[Which].ActiveEntries, 0);
        EXPECT_EQ(Resources[Which].State, 0);
        EXPECT_TRUE(ExIsResourceUnowned(&Resources[Which]));
        EXPECT_EQ(ExDeleteResourceLite(&Resources[Which]), STATUS_SUCCESS);
        EXPECT_EQ(Resources[Which].OwnerTable, NULL);
    }
}

/* Owners are never boosted, so there is nothing that the call could change. */
TEST(ex_resource, disabling_boosts_changes_nothing)
{
    ERESOURCE R, Before;

    memset(&R, 0x55, sizeof R);
    ExInitializeResourceLite(&R);
    KeEnterCriticalRegion();
    ExAcquireResourceExclusiveLite(&R, TRUE);
    Before = R;
    ExDisableResourceBoostLite(&R);
    EXPECT_EQ(memcmp(&R, &Before, sizeof R), 0);
    EXPECT_TRUE(ExIsResourceAcquiredExclusiveLite(&R));
    ExReleaseResourceLite(&R);
    ExDisableResourceBoostLite(&R);
    EXPECT_TRUE(ExTryToAcquireResourceExclusiveLite(&R));
    ExReleaseResourceLite(&R);
    KeLeaveCriticalRegion();
    ExDeleteResourceLite(&R);
}

/* ---- Its end ---- */

static ERESOURCE Ending;
static volatile LONG Inside, Over, TooEarly;

/* The resource is free again, but who gave it up is still inside, and will write to its lock. */
static void StayInside(PVOID Context)
{
    KIRQL OldIrql;

    UNREFERENCED_PARAMETER(Context);
    KeSetSystemAffinityThread(2);
    OldIrql = KeAcquireSpinLockRaiseToDpc(&Ending.SpinLock);
    Inside = TRUE;
    for (ULONG Look = 0; Look < 20000 && !Over; Look++)
        ArchPause();
    TooEarly = Over;
    KeReleaseSpinLock(&Ending.SpinLock, OldIrql);
}

static void EndWhileInside(NTSTATUS (*End)(PERESOURCE Resource))
{
    PKTHREAD Thread;

    Inside = Over = TooEarly = FALSE;
    ExInitializeResourceLite(&Ending);
    KeSetSystemAffinityThread(1);
    Thread = KtestThread(StayInside, NULL, 9);
    KtestWaitFor(&Inside);
    EXPECT_EQ(End(&Ending), STATUS_SUCCESS);
    Over = TRUE;
    KtestJoin(Thread);
    KeRevertToUserAffinityThread();
    EXPECT_FALSE(TooEarly);
    EXPECT_EQ(Ending.SpinLock, 0);
    EXPECT_EQ(Ending.State, 0);
}

TEST(ex_resource, does_not_end_under_who_owned_it_last)
{
    if (KeNumberProcessors == 1) {
        KtestSkip("needs two processors");
        return;
    }
    EndWhileInside(ExDeleteResourceLite);
    EndWhileInside(ExReinitializeResourceLite);
    ExDeleteResourceLite(&Ending);
}

/* ---- What the verifier asks ---- */

TEST(ex_resource, is_known_to_be_one_by_the_list_only)
{
    PERESOURCE Block = ExAllocatePoolWithTag(NonPagedPoolNx, 2 * sizeof *Block, 'tseT');

    REQUIRE_TRUE(Block != NULL);
    memset(Block, 0xCD, 2 * sizeof *Block);
    EXPECT_FALSE(ExIsResourceListed(Block));
    EXPECT_EQ(ExFindResourceIn(Block, 2 * sizeof *Block), NULL);
    ExInitializeResourceLite(&Block[1]);
    EXPECT_TRUE(ExIsResourceListed(&Block[1]));
    EXPECT_EQ(ExFindResourceIn(Block, 2 * sizeof *Block), &Block[1]);
    EXPECT_EQ(ExFindResourceIn(Block, sizeof *Block), NULL);
    EXPECT_EQ(ExFindResourceIn(&Block[1], 1), &Block[1]);
    ExForgetResources(Block, 2 * sizeof *Block);
    EXPECT_FALSE(ExIsResourceListed(&Block[1]));
    EXPECT_EQ(ExFindResourceIn(Block, 2 * sizeof *Block), NULL);
    EXPECT_FALSE(ExIsResourceListed((PERESOURCE)0xFFFF8EAD00000000ull));
    ExFreePoolWithTag(Block, 'tseT');
}

TEST(ex_resource, levels_are_told_for_any_owner)
{
    ERESOURCE R;
    ULONG64 Storage = 0;
    ERESOURCE_THREAD Pointer = (ERESOURCE_THREAD)&Storage | 3, Me = (ERESOURCE_THREAD)KeGetCurrentThread();

    ExInitializeResourceLite(&R);
    EXPECT_EQ(ExQueryResourceLevels(&R, Me), 0);
    EXPECT_EQ(ExQueryResourceLevels(&R, 0), 0);
    EXPECT_TRUE(ExIsResourceUnowned(&R));
    KeEnterCriticalRegion();
    ExAcquireResourceSharedLite(&R, TRUE);
    ExAcquireResourceSharedLite(&R, TRUE);
    EXPECT_EQ(ExQueryResourceLevels(&R, Me), 2);
    EXPECT_FALSE(ExIsResourceUnowned(&R));
    ExSetResourceOwnerPointer(&R, (PVOID)Pointer);
    EXPECT_EQ(ExQueryResourceLevels(&R, Me), 0);
    EXPECT_EQ(ExQueryResourceLevels(&R, Pointer), 2);
    ExReleaseResourceForThreadLite(&R, Pointer);
    ExReleaseResourceForThreadLite(&R, Pointer);
    EXPECT_TRUE(ExIsResourceUnowned(&R));
    KeLeaveCriticalRegion();
    ExDeleteResourceLite(&R);
}
