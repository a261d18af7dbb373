/* rwspinlock_test.c - spin locks that readers share: values, IRQLs, who keeps whom out, on several processors. */
#include <arch/arch.h>
#include <ex/rwspinlock.h>
#include <ke/dpc.h>
#include <ke/event.h>
#include <ke/init.h>
#include <ke/irql.h>
#include <ke/processor.h>
#include <ktest.h>

enum { WRITER = MINLONG };

static EX_SPIN_LOCK Lock;

TEST(ex_rwspinlock, exclusive_forms)
{
    KIRQL Old;

    Lock = 0;
    Old = ExAcquireSpinLockExclusive(&Lock);
    EXPECT_EQ(Old, PASSIVE_LEVEL);
    EXPECT_EQ(KeGetCurrentIrql(), DISPATCH_LEVEL);
    EXPECT_EQ(Lock, WRITER);
    EXPECT_FALSE(ExTryAcquireSpinLockExclusiveAtDpcLevel(&Lock));
    EXPECT_FALSE(ExTryAcquireSpinLockSharedAtDpcLevel(&Lock));
    EXPECT_EQ(Lock, WRITER);
    ExReleaseSpinLockExclusive(&Lock, Old);
    EXPECT_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
    EXPECT_EQ(Lock, 0);
    KeRaiseIrql(HIGH_LEVEL, &Old);
    ExAcquireSpinLockExclusiveAtDpcLevel(&Lock);
    EXPECT_EQ(KeGetCurrentIrql(), HIGH_LEVEL);
    EXPECT_EQ(Lock, WRITER);
    ExReleaseSpinLockExclusiveFromDpcLevel(&Lock);
    EXPECT_TRUE(ExTryAcquireSpinLockExclusiveAtDpcLevel(&Lock));
    ExReleaseSpinLockExclusiveFromDpcLevel(&Lock);
    EXPECT_EQ(KeGetCurrentIrql(), HIGH_LEVEL);
    KeLowerIrql(Old);
    EXPECT_EQ(Lock, 0);
}

TEST(ex_rwspinlock, shared_forms)
{
    KIRQL Old = APC_LEVEL, Inner;

    Lock = 0;
    KeRaiseIrql(APC_LEVEL, &Inner);
    Old = ExAcquireSpinLockShared(&Lock);
    EXPECT_EQ(Old, APC_LEVEL);
    EXPECT_EQ(KeGetCurrentIrql(), DISPATCH_LEVEL);
    EXPECT_EQ(Lock, 1);
    ExAcquireSpinLockSharedAtDpcLevel(&Lock);
    EXPECT_TRUE(ExTryAcquireSpinLockSharedAtDpcLevel(&Lock));
    EXPECT_EQ(Lock, 3);
    EXPECT_FALSE(ExTryAcquireSpinLockExclusiveAtDpcLevel(&Lock));
    EXPECT_EQ(Lock, 3);
    ExReleaseSpinLockSharedFromDpcLevel(&Lock);
    ExReleaseSpinLockSharedFromDpcLevel(&Lock);
    EXPECT_EQ(KeGetCurrentIrql(), DISPATCH_LEVEL);
    ExReleaseSpinLockShared(&Lock, Old);
    EXPECT_EQ(KeGetCurrentIrql(), APC_LEVEL);
    EXPECT_EQ(Lock, 0);
    KeLowerIrql(Inner);
}

TEST(ex_rwspinlock, conversion_needs_the_only_share)
{
    KIRQL Old;

    Lock = 0;
    Old = ExAcquireSpinLockShared(&Lock);
    ExAcquireSpinLockSharedAtDpcLevel(&Lock);
    EXPECT_FALSE(ExTryConvertSharedSpinLockExclusive(&Lock));
    EXPECT_EQ(Lock, 2);
    ExReleaseSpinLockSharedFromDpcLevel(&Lock);
    EXPECT_EQ(ExTryConvertSharedSpinLockExclusive(&Lock), TRUE);
    EXPECT_EQ(Lock, WRITER);
    ExReleaseSpinLockExclusive(&Lock, Old);
    EXPECT_EQ(Lock, 0);
}

/* ---- Another processor ---- */

static volatile LONG Phase, Wrote;

static VOID WriteInDpc(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    ExAcquireSpinLockExclusiveAtDpcLevel(&Lock);
    Wrote = Phase + 1;
    ExReleaseSpinLockExclusiveFromDpcLevel(&Lock);
}

TEST(ex_rwspinlock, a_waiting_writer_keeps_new_readers_out)
{
    static KDPC Dpc;
    KIRQL Old;

    if (KeNumberProcessors == 1) {
        KtestSkip("needs two processors");
        return;
    }
    Lock = 0;
    Phase = Wrote = 0;
    KeInitializeDpc(&Dpc, WriteInDpc, NULL);
    KeSetImportanceDpc(&Dpc, HighImportance);
    KeSetTargetProcessorDpc(&Dpc, 1);
    KeSetSystemAffinityThread(1);
    Old = ExAcquireSpinLockShared(&Lock);
    KeInsertQueueDpc(&Dpc, NULL, NULL);
    while (Lock >= 0)
        ArchPause();
    EXPECT_EQ(Lock, WRITER + 1);
    EXPECT_FALSE(ExTryAcquireSpinLockSharedAtDpcLevel(&Lock));
    EXPECT_FALSE(ExTryConvertSharedSpinLockExclusive(&Lock));
    EXPECT_EQ(Wrote, 0);
    Phase = 1;
    ExReleaseSpinLockShared(&Lock, Old);
    KeRevertToUserAffinityThread();
    KeFlushQueuedDpcs();
    EXPECT_EQ(Wrote, 2);
    EXPECT_EQ(Lock, 0);
}

/* ---- Contention, from a seed ---- */

enum { FIGHTERS = 6, BLOWS = 2000 };

static KEVENT Go;
static volatile LONG Readers, Writers, Intruders, Converted;
static volatile LONG64 Written, Counted;

static void Write(void)
{
    LONG64 Before = Written;

    if (__atomic_add_fetch(&Writers, 1, __ATOMIC_SEQ_CST) != 1 || Readers != 0)
        __atomic_fetch_add(&Intruders, 1, __ATOMIC_RELAXED);
    Written = Before + 1;
    __atomic_fetch_add(&Counted, 1, __ATOMIC_RELAXED);
    __atomic_fetch_sub(&Writers, 1, __ATOMIC_SEQ_CST);
}

static void Strike(ULONG Seed)
{
    KIRQL Old;

    if (Seed % 3 == 0) {
        Old = ExAcquireSpinLockExclusive(&Lock);
        Write();
        ExReleaseSpinLockExclusive(&Lock, Old);
        return;
    }
    Old = ExAcquireSpinLockShared(&Lock);
    __atomic_fetch_add(&Readers, 1, __ATOMIC_SEQ_CST);
    if (Writers != 0)
        __atomic_fetch_add(&Intruders, 1, __ATOMIC_RELAXED);
    __atomic_fetch_sub(&Readers, 1, __ATOMIC_SEQ_CST);
    if (Seed % 3 == 1 && ExTryConvertSharedSpinLockExclusive(&Lock)) {
        __atomic_fetch_add(&Converted, 1, __ATOMIC_RELAXED);
        Write();
        ExReleaseSpinLockExclusive(&Lock, Old);
        return;
    }
    ExReleaseSpinLockShared(&Lock, Old);
}

static void Fight(PVOID Context)
{
    ULONG64 Seed = (ULONG64)(ULONG_PTR)Context;

    KeWaitForSingleObject(&Go, Executive, KernelMode, FALSE, NULL);
    for (int At = 0; At < BLOWS; At++) {
        Seed = Seed * 6364136223846793005 + 1442695040888963407;
        Strike((ULONG)(Seed >> 40));
    }
}

TEST(ex_rwspinlock, readers_and_writers_keep_apart_under_contention)
{
    ULONG64 Seed = KtestNumber("seed", 1) * 1000003;
    PKTHREAD Threads[FIGHTERS];

    Lock = 0;
    Readers = Writers = Intruders = Converted = 0;
    Written = Counted = 0;
    KeInitializeEvent(&Go, NotificationEvent, FALSE);
    for (ULONG64 At = 0; At < FIGHTERS; At++)
        Threads[At] = KtestThread(Fight, (PVOID)(Seed + At), 8);
    KeSetEvent(&Go, 0, FALSE);
    for (int At = 0; At < FIGHTERS; At++)
        KtestJoin(Threads[At]);
    EXPECT_EQ(Intruders, 0);
    EXPECT_EQ(Written, Counted);
    EXPECT_GT(Converted, 0);
    EXPECT_EQ(Lock, 0);
}
