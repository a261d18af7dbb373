/* rundown_test.c - run-down protection, of one word and of one for each processor: counts, refusals, waiting, races. */
#include <ex/pool.h>
#include <ex/rundown.h>
#include <ke/clock.h>
#include <ke/event.h>
#include <ke/init.h>
#include <ke/irql.h>
#include <ke/processor.h>
#include <ke/thread.h>
#include <ktest.h>
#include <rtl/string.h>

enum { TAG = 'nuRT' };

static EX_RUNDOWN_REF Ref;

static void Start(void)
{
    memset(&Ref, 0x55, sizeof Ref);
    ExInitializeRundownProtection(&Ref);
}

TEST(ex_rundown, uses_are_counted)
{
    KIRQL Old;

    Start();
    EXPECT_EQ(Ref.Count, 0);
    KeRaiseIrql(DISPATCH_LEVEL, &Old);
    EXPECT_TRUE(ExAcquireRundownProtection(&Ref));
    EXPECT_EQ(Ref.Count, EX_RUNDOWN_COUNT_INC);
    EXPECT_TRUE(ExAcquireRundownProtectionEx(&Ref, 5));
    EXPECT_EQ(Ref.Count, 6 * EX_RUNDOWN_COUNT_INC);
    ExReleaseRundownProtectionEx(&Ref, 3);
    ExReleaseRundownProtection(&Ref);
    EXPECT_EQ(Ref.Count, 2 * EX_RUNDOWN_COUNT_INC);
    ExReleaseRundownProtectionEx(&Ref, 2);
    KeLowerIrql(Old);
    EXPECT_EQ(Ref.Count, 0);
}

TEST(ex_rundown, unused_it_is_run_down_at_once_and_as_often_as_asked)
{
    Start();
    ExWaitForRundownProtectionRelease(&Ref);
    EXPECT_EQ(Ref.Count, EX_RUNDOWN_ACTIVE);
    EXPECT_FALSE(ExAcquireRundownProtection(&Ref));
    EXPECT_FALSE(ExAcquireRundownProtectionEx(&Ref, 2));
    EXPECT_EQ(Ref.Count, EX_RUNDOWN_ACTIVE);
    ExWaitForRundownProtectionRelease(&Ref);
    ExRundownCompleted(&Ref);
    ExWaitForRundownProtectionRelease(&Ref);
    EXPECT_FALSE(ExAcquireRundownProtection(&Ref));
    ExReInitializeRundownProtection(&Ref);
    EXPECT_TRUE(ExAcquireRundownProtection(&Ref));
    EXPECT_EQ(Ref.Count, EX_RUNDOWN_COUNT_INC);
    ExReleaseRundownProtection(&Ref);
}

/* Completed without a wait: uses are refused from now on. */
TEST(ex_rundown, completed_it_refuses)
{
    Start();
    ExRundownCompleted(&Ref);
    EXPECT_FALSE(ExAcquireRundownProtection(&Ref));
    ExWaitForRundownProtectionRelease(&Ref);
}

static volatile LONG Finished;

static void RunDown(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    ExWaitForRundownProtectionRelease(&Ref);
    EXPECT_EQ(Ref.Count, EX_RUNDOWN_ACTIVE);
    __atomic_fetch_add(&Finished, 1, __ATOMIC_SEQ_CST);
}

TEST(ex_rundown, the_owner_waits_for_the_last_use)
{
    PKTHREAD Owner;
    KIRQL Old;

    Start();
    Finished = 0;
    EXPECT_TRUE(ExAcquireRundownProtectionEx(&Ref, 3));
    Owner = KtestThread(RunDown, NULL, 9);
    KtestWaitBlocked(Owner, NULL);
    EXPECT_EQ(Owner->WaitReason, WrRundown);
    EXPECT_FALSE(ExAcquireRundownProtection(&Ref));
    ExReleaseRundownProtection(&Ref);
    ExReleaseRundownProtection(&Ref);
    EXPECT_EQ(Finished, 0);
    EXPECT_EQ(Owner->State, Waiting);
    KeRaiseIrql(DISPATCH_LEVEL, &Old);
    ExReleaseRundownProtection(&Ref);
    KeLowerIrql(Old);
    KtestJoin(Owner);
    EXPECT_EQ(Finished, 1);
}

TEST(ex_rundown, several_may_wait)
{
    PKTHREAD Owners[3];

    Start();
    Finished = 0;
    EXPECT_TRUE(ExAcquireRundownProtectionEx(&Ref, 2));
    for (int At = 0; At < 3; At++) {
        Owners[At] = KtestThread(RunDown, NULL, 9);
        KtestWaitBlocked(Owners[At], NULL);
    }
    ExReleaseRundownProtection(&Ref);
    EXPECT_EQ(Finished, 0);
    ExReleaseRundownProtection(&Ref);
    for (int At = 0; At < 3; At++)
        KtestJoin(Owners[At]);
    EXPECT_EQ(Finished, 3);
}

/* ---- One slot for each processor ---- */

static PEX_RUNDOWN_REF_CACHE_AWARE Aware;

TEST(ex_rundown, cache_aware_forms_do_the_same)
{
    Aware = ExAllocateCacheAwareRundownProtection(NonPagedPool, TAG);
    REQUIRE_TRUE(Aware != NULL);
    EXPECT_TRUE(ExAcquireRundownProtectionCacheAware(Aware));
    EXPECT_TRUE(ExAcquireRundownProtectionCacheAwareEx(Aware, 4));
    ExReleaseRundownProtectionCacheAwareEx(Aware, 2);
    ExReleaseRundownProtectionCacheAwareEx(Aware, 2);
    ExReleaseRundownProtectionCacheAware(Aware);
    ExWaitForRundownProtectionReleaseCacheAware(Aware);
    EXPECT_FALSE(ExAcquireRundownProtectionCacheAware(Aware));
    EXPECT_FALSE(ExAcquireRundownProtectionCacheAwareEx(Aware, 2));
    ExWaitForRundownProtectionReleaseCacheAware(Aware);
    ExRundownCompletedCacheAware(Aware);
    ExWaitForRundownProtectionReleaseCacheAware(Aware);
    EXPECT_FALSE(ExAcquireRundownProtectionCacheAware(Aware));
    ExReInitializeRundownProtectionCacheAware(Aware);
    EXPECT_TRUE(ExAcquireRundownProtectionCacheAware(Aware));
    ExReleaseRundownProtectionCacheAware(Aware);
    ExWaitForRundownProtectionReleaseCacheAware(Aware);
    ExFreeCacheAwareRundownProtection(Aware);
}

TEST(ex_rundown, cache_aware_in_memory_of_the_callers)
{
    static UCHAR Memory[8192] __attribute__((aligned(16)));
    SIZE_T Size = ExSizeOfRundownProtectionCacheAware();

    REQUIRE_TRUE(Size + 1 < sizeof Memory);
    EXPECT_GE(Size, (SIZE_T)KeNumberProcessors * 64);
    for (ULONG Offset = 0; Offset < 64; Offset += 8) {
        memset(Memory, 0x55, sizeof Memory);
        Aware = (PEX_RUNDOWN_REF_CACHE_AWARE)(Memory + Offset);
        ExInitializeRundownProtectionCacheAware(Aware, Size);
        EXPECT_TRUE(ExAcquireRundownProtectionCacheAware(Aware));
        ExReleaseRundownProtectionCacheAware(Aware);
        ExWaitForRundownProtectionReleaseCacheAware(Aware);
        ExRundownCompletedCacheAware(Aware);
        ExReInitializeRundownProtectionCacheAware(Aware);
        EXPECT_TRUE(ExAcquireRundownProtectionCacheAware(Aware));
        for (SIZE_T At = Offset + Size; At < sizeof Memory; At++)
            REQUIRE_EQ(Memory[At], 0x55);
    }
}

static void RunDownAware(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    ExWaitForRundownProtectionReleaseCacheAware(Aware);
    EXPECT_FALSE(ExAcquireRundownProtectionCacheAware(Aware));
    __atomic_fetch_add(&Finished, 1, __ATOMIC_SEQ_CST);
}

/* Begun on one processor, ended on another, before and during the wait. */
TEST(ex_rundown, cache_aware_uses_may_end_on_another_processor)
{
    KAFFINITY Last = 1ull << (KeNumberProcessors - 1);
    PKTHREAD Owners[2];

    Finished = 0;
    Aware = ExAllocateCacheAwareRundownProtection(NonPagedPool, TAG);
    REQUIRE_TRUE(Aware != NULL);
    KeSetSystemAffinityThread(1);
    EXPECT_TRUE(ExAcquireRundownProtectionCacheAwareEx(Aware, 3));
    KeSetSystemAffinityThread(Last);
    ExReleaseRundownProtectionCacheAware(Aware);
    for (int At = 0; At < 2; At++) {
        Owners[At] = KtestThread(RunDownAware, NULL, 9);
        KtestWaitBlocked(Owners[At], NULL);
        EXPECT_EQ(Owners[At]->WaitReason, WrRundown);
    }
    ExReleaseRundownProtectionCacheAware(Aware);
    EXPECT_EQ(Finished, 0);
    KeSetSystemAffinityThread(1);
    ExReleaseRundownProtectionCacheAware(Aware);
    KeRevertToUserAffinityThread();
    for (int At = 0; At < 2; At++)
        KtestJoin(Owners[At]);
    EXPECT_EQ(Finished, 2);
    ExFreeCacheAwareRundownProtection(Aware);
}

/* ---- Races: users against an owner who takes the object away, again and again ---- */

enum { USERS = 4, LIVES = 50 };

static volatile LONG Alive, Corpses, Stop;
static volatile LONG64 Uses;
static BOOLEAN PerProcessor;
static KEVENT Go;

static BOOLEAN Begin(ULONG Count)
{
    return PerProcessor ? ExAcquireRundownProtectionCacheAwareEx(Aware, Count)
                        : ExAcquireRundownProtectionEx(&Ref, Count);
}

static void End(ULONG Count)
{
    if (PerProcessor)
        ExReleaseRundownProtectionCacheAwareEx(Aware, Count);
    else
        ExReleaseRundownProtectionEx(&Ref, Count);
}

static void UseOften(PVOID Context)
{
    ULONG64 Seed = (ULONG64)(ULONG_PTR)Context;
    LARGE_INTEGER Zero = { .QuadPart = 0 }, Shortly = { .QuadPart = -300 };

    KeWaitForSingleObject(&Go, Executive, KernelMode, FALSE, NULL);
    while (!Stop) {
        ULONG Count;

        Seed = Seed * 6364136223846793005 + 1442695040888963407;
        Count = 1 + (Seed >> 40) % 3;
        if (Begin(Count)) {
            for (ULONG At = 0; At < Count; At++) {
                if (!Alive)
                    __atomic_fetch_add(&Corpses, 1, __ATOMIC_RELAXED);
                if (Seed >> 33 & 1)
                    KeDelayExecutionThread(KernelMode, FALSE, &Zero);
                if (!Alive)
                    __atomic_fetch_add(&Corpses, 1, __ATOMIC_RELAXED);
                End(1);
            }
            __atomic_fetch_add(&Uses, 1, __ATOMIC_RELAXED);
        } else {
            KeDelayExecutionThread(KernelMode, FALSE, &Shortly);
        }
    }
}

static void LiveAndDie(void)
{
    LARGE_INTEGER Interval = { .QuadPart = -500 };

    KeDelayExecutionThread(KernelMode, FALSE, &Interval);
    if (PerProcessor)
        ExWaitForRundownProtectionReleaseCacheAware(Aware);
    else
        ExWaitForRundownProtectionRelease(&Ref);
    Alive = FALSE;
    KeDelayExecutionThread(KernelMode, FALSE, &Interval);
    Alive = TRUE;
    if (PerProcessor) {
        ExRundownCompletedCacheAware(Aware);
        ExReInitializeRundownProtectionCacheAware(Aware);
    } else {
        ExRundownCompleted(&Ref);
        ExReInitializeRundownProtection(&Ref);
    }
}

static void Race(void)
{
    ULONG64 Seed = KtestNumber("seed", 1) * 1000003;
    PKTHREAD Threads[USERS];

    Alive = TRUE;
    Corpses = Stop = 0;
    Uses = 0;
    KeInitializeEvent(&Go, NotificationEvent, FALSE);
    for (ULONG64 At = 0; At < USERS; At++)
        Threads[At] = KtestThread(UseOften, (PVOID)(Seed + At), 8);
    KeSetPriorityThread(KeGetCurrentThread(), 9);
    KeSetEvent(&Go, 0, FALSE);
    for (int Life = 0; Life < LIVES; Life++)
        LiveAndDie();
    Stop = TRUE;
    for (int At = 0; At < USERS; At++)
        KtestJoin(Threads[At]);
    EXPECT_EQ(Corpses, 0);
    EXPECT_GT(Uses, LIVES);
}

TEST(ex_rundown, nobody_uses_what_is_run_down)
{
    Start();
    PerProcessor = FALSE;
    Race();
    EXPECT_EQ(Ref.Count, 0);
}

TEST(ex_rundown, nobody_uses_what_is_run_down_per_processor)
{
    Aware = ExAllocateCacheAwareRundownProtection(NonPagedPool, TAG);
    REQUIRE_TRUE(Aware != NULL);
    PerProcessor = TRUE;
    Race();
    ExWaitForRundownProtectionReleaseCacheAware(Aware);     /* at once: nothing is left */
    ExFreeCacheAwareRundownProtection(Aware);
}
