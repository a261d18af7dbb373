/* spinlock_test.c - spin locks, and the IRQL routines they stand on. */
#include <arch/arch.h>
#include <ke/clock.h>
#include <ke/dpc.h>
#include <ke/init.h>
#include <ke/event.h>
#include <ke/irql.h>
#include <ke/spinlock.h>
#include <ke/thread.h>
#include <ktest.h>
#include <rtl/string.h>

TEST(ke_irql, is_cr8_and_nothing_else)
{
    for (KIRQL Level = PASSIVE_LEVEL; Level <= HIGH_LEVEL; Level++) {
        KIRQL OldIrql = KfRaiseIrql(Level);

        EXPECT_EQ(OldIrql, PASSIVE_LEVEL);
        EXPECT_EQ(KeGetCurrentIrql(), Level);
        EXPECT_EQ(ArchReadIrql(), Level);
        KeLowerIrql(OldIrql);
    }
    ArchWriteIrql(APC_LEVEL);
    EXPECT_EQ(KeGetCurrentIrql(), APC_LEVEL);
    EXPECT_EQ(KeRaiseIrqlToDpcLevel(), APC_LEVEL);
    EXPECT_EQ(KeGetCurrentIrql(), DISPATCH_LEVEL);
    EXPECT_EQ(KeRaiseIrqlToSynchLevel(), DISPATCH_LEVEL);
    EXPECT_EQ(KeGetCurrentIrql(), SYNCH_LEVEL);
    ArchWriteIrql(PASSIVE_LEVEL);
}

/* covers KeAcquireSpinLockRaiseToDpc.1, KeTryToAcquireSpinLockAtDpcLevel.1, KeTestSpinLock.1 */
TEST(ke_spinlock, plain_lock_is_0_free_and_1_held)
{
    KSPIN_LOCK Lock = 0x5555;
    KIRQL OldIrql;

    KeInitializeSpinLock(&Lock);
    EXPECT_EQ(Lock, 0);
    EXPECT_TRUE(KeTestSpinLock(&Lock));
    OldIrql = KeAcquireSpinLockRaiseToDpc(&Lock);
    EXPECT_EQ(OldIrql, PASSIVE_LEVEL);
    EXPECT_EQ(Lock, 1);
    EXPECT_EQ(KeGetCurrentIrql(), DISPATCH_LEVEL);
    EXPECT_FALSE(KeTestSpinLock(&Lock));
    EXPECT_FALSE(KeTryToAcquireSpinLockAtDpcLevel(&Lock));
    KeReleaseSpinLockFromDpcLevel(&Lock);
    EXPECT_TRUE(KeTryToAcquireSpinLockAtDpcLevel(&Lock));
    EXPECT_EQ(KeGetCurrentIrql(), DISPATCH_LEVEL);
    KeReleaseSpinLock(&Lock, OldIrql);
    EXPECT_EQ(Lock, 0);
    EXPECT_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
}

/* covers KeAcquireInStackQueuedSpinLock.1, KeAcquireInStackQueuedSpinLock.3 */
TEST(ke_spinlock, queued_lock_keeps_the_irql_in_the_handle)
{
    KLOCK_QUEUE_HANDLE Handle;
    KSPIN_LOCK Lock = 0;
    KIRQL OldIrql;

    memset(&Handle, 0x55, sizeof Handle);
    KeRaiseIrql(APC_LEVEL, &OldIrql);
    KeAcquireInStackQueuedSpinLock(&Lock, &Handle);
    EXPECT_EQ(Handle.OldIrql, APC_LEVEL);
    EXPECT_EQ(KeGetCurrentIrql(), DISPATCH_LEVEL);
    EXPECT_FALSE(KeTestSpinLock(&Lock));
    KeReleaseInStackQueuedSpinLock(&Handle);
    EXPECT_EQ(KeGetCurrentIrql(), APC_LEVEL);
    EXPECT_EQ(Lock, 0);
    KeRaiseIrqlToDpcLevel();
    KeAcquireInStackQueuedSpinLockAtDpcLevel(&Lock, &Handle);
    KeReleaseInStackQueuedSpinLockFromDpcLevel(&Handle);
    EXPECT_EQ(KeGetCurrentIrql(), DISPATCH_LEVEL);
    KeLowerIrql(OldIrql);
}

/* Threads add to an unguarded counter under one lock: none of the additions is lost. */
enum { THREADS = 4, ROUNDS = 3000 };
static KSPIN_LOCK Shared;
static volatile ULONG64 Counter;

static VOID AddPlain(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    for (int Round = 0; Round < ROUNDS; Round++) {
        KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&Shared);

        Counter = Counter + 1;
        KeReleaseSpinLock(&Shared, OldIrql);
    }
}

static VOID AddQueued(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    for (int Round = 0; Round < ROUNDS; Round++) {
        KLOCK_QUEUE_HANDLE Handle;

        KeAcquireInStackQueuedSpinLock(&Shared, &Handle);
        Counter = Counter + 1;
        KeReleaseInStackQueuedSpinLock(&Handle);
    }
}

typedef struct _IN_LINE { KSPIN_LOCK Lock; KEVENT Go; volatile LONG Got; } IN_LINE;

static VOID StandInLine(PVOID Context)
{
    IN_LINE *Line = Context;
    KLOCK_QUEUE_HANDLE Handle;

    KeWaitForSingleObject(&Line->Go, Executive, KernelMode, FALSE, NULL);
    KeAcquireInStackQueuedSpinLock(&Line->Lock, &Handle);
    Line->Got = 1;
    KeReleaseInStackQueuedSpinLock(&Handle);
}

/* covers KeAcquireInStackQueuedSpinLock.2 */
TEST(ke_spinlock, queued_lock_goes_to_the_next_in_line)
{
    IN_LINE Line = { .Lock = 0 };
    KLOCK_QUEUE_HANDLE Handle;
    PKTHREAD Thread;

    if (KeQueryActiveProcessorCount(NULL) < 2) {
        KtestSkip("one processor");
        return;
    }
    KeInitializeEvent(&Line.Go, NotificationEvent, FALSE);
    KeSetSystemAffinityThread(2);
    Thread = KtestThread(StandInLine, &Line, 9);
    KtestWaitBlocked(Thread, &Line.Go);
    KeSetSystemAffinityThread(1);
    KeAcquireInStackQueuedSpinLock(&Line.Lock, &Handle);
    KeSetEvent(&Line.Go, 0, FALSE);
    while (*(volatile KSPIN_LOCK *)&Line.Lock == (KSPIN_LOCK)&Handle)
        ArchPause();
    EXPECT_FALSE(Line.Got);
    KeReleaseInStackQueuedSpinLock(&Handle);
    KtestWaitFor(&Line.Got);
    KtestJoin(Thread);
    EXPECT_EQ(Line.Lock, 0);
    KeRevertToUserAffinityThread();
}

/* covers KeAcquireSpinLockRaiseToDpc.2 */
TEST(ke_spinlock, excludes_under_contention)
{
    static void (*const Routines[])(PVOID) = { AddPlain, AddQueued };

    for (ULONG Kind = 0; Kind < RTL_NUMBER_OF(Routines); Kind++) {
        PKTHREAD Threads[THREADS];

        Counter = 0;
        KeInitializeSpinLock(&Shared);
        for (int At = 0; At < THREADS; At++)
            Threads[At] = KtestThread(Routines[Kind], NULL, 8);
        for (int At = 0; At < THREADS; At++)
            KtestJoin(Threads[At]);
        EXPECT_EQ(Counter, THREADS * ROUNDS);
        EXPECT_EQ(Shared, 0);
    }
}

/* ---- In a DPC, by the names that are for it: nothing is raised there ---- */

typedef struct _IN_DPC { KSPIN_LOCK Plain, Queued; volatile LONG Ran; } IN_DPC;

static VOID LockInDpc(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    KLOCK_QUEUE_HANDLE Handle;
    IN_DPC *Here = Context;
    KIRQL Irql;

    UNREFERENCED_PARAMETER(Dpc), UNREFERENCED_PARAMETER(Argument1), UNREFERENCED_PARAMETER(Argument2);
    memset(&Handle, 0x55, sizeof Handle);
    Irql = KeAcquireSpinLockForDpc(&Here->Plain);
    EXPECT_EQ(Irql, DISPATCH_LEVEL);
    EXPECT_EQ(Here->Plain, 1);
    EXPECT_FALSE(KeTestSpinLock(&Here->Plain));
    KeAcquireInStackQueuedSpinLockForDpc(&Here->Queued, &Handle);
    EXPECT_EQ(Handle.OldIrql, DISPATCH_LEVEL);
    EXPECT_NE(Here->Queued, 0);
    KeReleaseInStackQueuedSpinLockForDpc(&Handle);
    EXPECT_EQ(Here->Queued, 0);
    EXPECT_EQ(KeGetCurrentIrql(), DISPATCH_LEVEL);
    KeReleaseSpinLockForDpc(&Here->Plain, Irql);
    EXPECT_EQ(Here->Plain, 0);
    EXPECT_EQ(KeGetCurrentIrql(), DISPATCH_LEVEL);
    Here->Ran = 1;
}

TEST(ke_spinlock, forms_for_dpcs_leave_the_irql)
{
    IN_DPC Here = { .Ran = 0 };
    KDPC Dpc;

    KeInitializeSpinLock(&Here.Plain);
    KeInitializeSpinLock(&Here.Queued);
    KeInitializeDpc(&Dpc, LockInDpc, &Here);
    KeInsertQueueDpc(&Dpc, NULL, NULL);
    EXPECT_EQ(Here.Ran, 1);
}

static VOID AddForDpc(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc), UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1), UNREFERENCED_PARAMETER(Argument2);
    for (int Round = 0; Round < 20; Round++) {
        KLOCK_QUEUE_HANDLE Handle;

        KeAcquireInStackQueuedSpinLockForDpc(&Shared, &Handle);
        Counter = Counter + 1;
        KeReleaseInStackQueuedSpinLockForDpc(&Handle);
    }
}

/* A DPC and a thread of another processor exclude each other by it. */
TEST(ke_spinlock, forms_for_dpcs_exclude)
{
    PKTHREAD Thread;
    KDPC Dpc;

    Counter = 0;
    KeInitializeSpinLock(&Shared);
    KeInitializeDpc(&Dpc, AddForDpc, NULL);
    Thread = KtestThread(AddQueued, NULL, 8);
    for (int Round = 0; Round < 100; Round++)
        EXPECT_TRUE(KeInsertQueueDpc(&Dpc, NULL, NULL));
    KtestJoin(Thread);
    EXPECT_EQ(Counter, ROUNDS + 100 * 20);
    EXPECT_EQ(Shared, 0);
}
