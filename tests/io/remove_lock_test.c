/* remove_lock_test.c - remove locks, short and long: counts, refusals, the removal's wait, tracking, races. */
#include <ex/pool.h>
#include <io/remove_lock.h>
#include <ke/clock.h>
#include <ke/event.h>
#include <ke/irql.h>
#include <ke/thread.h>
#include <ktest.h>
#include <rtl/status.h>
#include <rtl/string.h>

enum { TAG = 'kcoL', PLAIN = sizeof(IO_REMOVE_LOCK_COMMON_BLOCK), TRACKING = sizeof(IO_REMOVE_LOCK) };

static IO_REMOVE_LOCK Lock;

static void Start(ULONG Size)
{
    memset(&Lock, 0x55, sizeof Lock);
    IoInitializeRemoveLockEx(&Lock, TAG, 1, 10, Size);
}

/* covers IoInitializeRemoveLockEx.1 */
TEST(io_remove_lock, initialised_over_poison_within_its_size)
{
    Start(PLAIN);
    EXPECT_FALSE(Lock.Common.Removed);
    EXPECT_EQ(Lock.Common.IoCount, 1);
    EXPECT_EQ(Lock.Common.RemoveEvent.Header.Type, EventSynchronizationObject);
    EXPECT_EQ(Lock.Common.RemoveEvent.Header.SignalState, 0);
    for (PUCHAR Byte = (PUCHAR)&Lock.Dbg; Byte < (PUCHAR)(&Lock + 1); Byte++)
        REQUIRE_EQ(*Byte, 0x55);
    Start(TRACKING);
    EXPECT_EQ(Lock.Common.IoCount, 1);
    EXPECT_EQ(Lock.Dbg.Signature, IO_REMOVE_LOCK_SIGNATURE);
    EXPECT_EQ(Lock.Dbg.HighWatermark, 10);
    EXPECT_EQ(Lock.Dbg.MaxLockedTicks, 600000000 / KeQueryTimeIncrement());
    EXPECT_EQ(Lock.Dbg.AllocateTag, TAG);
    EXPECT_EQ(Lock.Dbg.Spin, 0);
    EXPECT_EQ(Lock.Dbg.Blocks, NULL);
    EXPECT_EQ(Lock.Dbg.LowMemoryCount, 0);
}

/* covers IoAcquireRemoveLockEx.1 */
TEST(io_remove_lock, uses_are_counted)
{
    KIRQL Old;

    Start(PLAIN);
    KeRaiseIrql(DISPATCH_LEVEL, &Old);
    EXPECT_EQ(IoAcquireRemoveLockEx(&Lock, NULL, "", 1, PLAIN), STATUS_SUCCESS);
    EXPECT_EQ(IoAcquireRemoveLockEx(&Lock, &Lock, "", 1, PLAIN), STATUS_SUCCESS);
    EXPECT_EQ(Lock.Common.IoCount, 3);
    IoReleaseRemoveLockEx(&Lock, &Lock, PLAIN);
    IoReleaseRemoveLockEx(&Lock, NULL, PLAIN);
    KeLowerIrql(Old);
    EXPECT_EQ(Lock.Common.IoCount, 1);
    EXPECT_EQ(KeReadStateEvent(&Lock.Common.RemoveEvent), 0);
}

/* covers IoAcquireRemoveLockEx.1, IoReleaseRemoveLockAndWaitEx.1 */
TEST(io_remove_lock, the_last_one_removes_at_once)
{
    Start(PLAIN);
    EXPECT_EQ(IoAcquireRemoveLockEx(&Lock, &Lock, "", 1, PLAIN), STATUS_SUCCESS);
    IoReleaseRemoveLockAndWaitEx(&Lock, &Lock, PLAIN);
    EXPECT_TRUE(Lock.Common.Removed);
    EXPECT_EQ(Lock.Common.IoCount, 0);
    EXPECT_EQ(IoAcquireRemoveLockEx(&Lock, NULL, "", 1, PLAIN), STATUS_DELETE_PENDING);
    EXPECT_EQ(Lock.Common.IoCount, 0);
}

static volatile LONG Removed;
static ULONG SizeInUse;

static void Remove(PVOID Context)
{
    EXPECT_EQ(IoAcquireRemoveLockEx(&Lock, Context, __FILE__, __LINE__, SizeInUse), STATUS_SUCCESS);
    IoReleaseRemoveLockAndWaitEx(&Lock, Context, SizeInUse);
    Removed = TRUE;
}

/* covers IoAcquireRemoveLockEx.1, IoReleaseRemoveLockAndWaitEx.1 */
TEST(io_remove_lock, the_removal_waits_for_all_others)
{
    static const ULONG Sizes[] = { PLAIN, TRACKING };

    for (ULONG Row = 0; Row < RTL_NUMBER_OF(Sizes); Row++) {
        PKTHREAD Remover;

        SizeInUse = Sizes[Row];
        Removed = FALSE;
        Start(SizeInUse);
        for (ULONG_PTR Use = 1; Use <= 2; Use++)
            EXPECT_EQ(IoAcquireRemoveLockEx(&Lock, (PVOID)Use, "", 1, SizeInUse), STATUS_SUCCESS);
        Remover = KtestThread(Remove, &Lock, 9);
        KtestWaitBlocked(Remover, &Lock.Common.RemoveEvent);
        EXPECT_EQ(Lock.Common.IoCount, 2);
        EXPECT_EQ(IoAcquireRemoveLockEx(&Lock, NULL, "", 1, SizeInUse), STATUS_DELETE_PENDING);
        EXPECT_EQ(Lock.Common.IoCount, 2);
        IoReleaseRemoveLockEx(&Lock, (PVOID)1, SizeInUse);
        EXPECT_FALSE(Removed);
        IoReleaseRemoveLockEx(&Lock, (PVOID)2, SizeInUse);
        KtestJoin(Remover);
        EXPECT_TRUE(Removed);
    }
    EXPECT_EQ(Lock.Dbg.Blocks, NULL);
}

/* covers IoInitializeRemoveLockEx.1 */
TEST(io_remove_lock, the_longer_one_tracks_its_uses)
{
    IO_REMOVE_LOCK_TRACKING_BLOCK Use;

    Start(TRACKING);
    EXPECT_FALSE(IoFindRemoveLockUse(&Lock, &Lock, TRACKING, &Use));
    IoAcquireRemoveLockEx(&Lock, &Lock, "one.c", 11, TRACKING);
    IoAcquireRemoveLockEx(&Lock, &SizeInUse, "two.c", 22, TRACKING);
    IoAcquireRemoveLockEx(&Lock, &Lock, "three.c", 33, TRACKING);
    EXPECT_TRUE(IoFindRemoveLockUse(&Lock, &Lock, TRACKING, &Use));
    EXPECT_EQ(Use.Tag, &Lock);
    EXPECT_EQ(Use.Line, 33);
    EXPECT_EQ(strcmp(Use.File, "three.c"), 0);
    EXPECT_FALSE(IoFindRemoveLockUse(&Lock, &Lock, PLAIN, &Use));
    IoReleaseRemoveLockEx(&Lock, &Lock, TRACKING);
    EXPECT_TRUE(IoFindRemoveLockUse(&Lock, &Lock, TRACKING, &Use));
    EXPECT_EQ(Use.Line, 11);
    IoReleaseRemoveLockEx(&Lock, &Lock, TRACKING);
    EXPECT_FALSE(IoFindRemoveLockUse(&Lock, &Lock, TRACKING, &Use));
    IoReleaseRemoveLockAndWaitEx(&Lock, &SizeInUse, TRACKING);
    EXPECT_EQ(Lock.Dbg.Blocks, NULL);
}

/* ---- Races: users against one who removes the device, again and again ---- */

enum { USERS = 4, LIVES = 60 };

static volatile LONG Alive, Corpses, Stop;
static volatile LONG64 Uses, Refusals;
static KEVENT Go;

static void UseOften(PVOID Context)
{
    LARGE_INTEGER Zero = { .QuadPart = 0 }, Shortly = { .QuadPart = -300 };
    ULONG64 Seed = (ULONG64)(ULONG_PTR)Context;

    KeWaitForSingleObject(&Go, Executive, KernelMode, FALSE, NULL);
    while (!Stop) {
        Seed = Seed * 6364136223846793005 + 1442695040888963407;
        if (IoAcquireRemoveLockEx(&Lock, Context, "", 1, SizeInUse) != STATUS_SUCCESS) {
            __atomic_fetch_add(&Refusals, 1, __ATOMIC_RELAXED);
            KeDelayExecutionThread(KernelMode, FALSE, &Shortly);
            continue;
        }
        if (Seed >> 33 & 1)
            KeDelayExecutionThread(KernelMode, FALSE, &Zero);
        if (!Alive)
            __atomic_fetch_add(&Corpses, 1, __ATOMIC_RELAXED);
        __atomic_fetch_add(&Uses, 1, __ATOMIC_RELAXED);
        IoReleaseRemoveLockEx(&Lock, Context, SizeInUse);
    }
}

/* In a life of its own each time, with the users stopped between: a lock is removed once. */
static void LiveAndDie(ULONG64 Seed)
{
    LARGE_INTEGER Interval = { .QuadPart = -500 };
    PKTHREAD Threads[USERS];

    Start(SizeInUse);
    Alive = TRUE;
    Stop = FALSE;
    KeInitializeEvent(&Go, NotificationEvent, FALSE);
    for (ULONG64 At = 0; At < USERS; At++)
        Threads[At] = KtestThread(UseOften, (PVOID)(Seed + At), 8);
    KeSetEvent(&Go, 0, FALSE);
    KeDelayExecutionThread(KernelMode, FALSE, &Interval);
    EXPECT_EQ(IoAcquireRemoveLockEx(&Lock, &Lock, "", 1, SizeInUse), STATUS_SUCCESS);
    IoReleaseRemoveLockAndWaitEx(&Lock, &Lock, SizeInUse);
    Alive = FALSE;
    KeDelayExecutionThread(KernelMode, FALSE, &Interval);
    Stop = TRUE;
    for (int At = 0; At < USERS; At++)
        KtestJoin(Threads[At]);
    EXPECT_EQ(Lock.Common.IoCount, 0);
}

TEST(io_remove_lock, nobody_uses_what_is_removed)
{
    ULONG64 Seed = KtestNumber("seed", 1) * 1000003;

    Corpses = 0;
    Uses = Refusals = 0;
    KeSetPriorityThread(KeGetCurrentThread(), 9);
    for (ULONG Life = 0; Life < LIVES; Life++) {
        SizeInUse = Life % 2 == 0 ? PLAIN : TRACKING;
        LiveAndDie(Seed + Life * USERS);
    }
    EXPECT_EQ(Corpses, 0);
    EXPECT_GT(Uses, LIVES);
    EXPECT_GT(Refusals, 0);
    EXPECT_EQ(Lock.Dbg.Blocks, NULL);
}
