/* dpc_test.c - deferred procedure calls: when they run, where, in what order, and once. */
#include <arch/arch.h>
#include <ke/apc.h>
#include <ke/clock.h>
#include <ke/dpc.h>
#include <ke/event.h>
#include <ke/init.h>
#include <ke/irql.h>
#include <ke/thread.h>
#include <ktest.h>
#include <rtl/status.h>
#include <rtl/string.h>

typedef struct _CALLS {
    volatile LONG Count;
    PVOID Argument1, Argument2;
    ULONG Processor;
    KIRQL Irql;
    PKDPC Order[16];
} CALLS;

static VOID Note(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    CALLS *Calls = Context;

    Calls->Argument1 = Argument1;
    Calls->Argument2 = Argument2;
    Calls->Irql = KeGetCurrentIrql();
    Calls->Processor = KeGetCurrentProcessorNumber();
    Calls->Order[Calls->Count % 16] = Dpc;
    __atomic_add_fetch(&Calls->Count, 1, __ATOMIC_SEQ_CST);
}

/* covers KeInitializeDpc.1 */
TEST(ke_dpc, initialize_leaves_the_arguments)
{
    KDPC Dpc;

    memset(&Dpc, 0x55, sizeof Dpc);
    KeInitializeDpc(&Dpc, Note, &Dpc);
    EXPECT_EQ(Dpc.Type, DpcObject);
    EXPECT_EQ(Dpc.Importance, MediumImportance);
    EXPECT_EQ(Dpc.Number, 0);
    EXPECT_EQ(Dpc.DeferredRoutine, Note);
    EXPECT_EQ(Dpc.DeferredContext, &Dpc);
    EXPECT_EQ((ULONG64)Dpc.SystemArgument1, 0x5555555555555555ull);
    EXPECT_EQ((ULONG64)Dpc.SystemArgument2, 0x5555555555555555ull);
    EXPECT_EQ(Dpc.DpcData, NULL);
}

/* covers KeInsertQueueDpc.1, KeInsertQueueDpc.2, trap 2 */
TEST(ke_dpc, from_passive_it_has_run_before_the_insert_returns)
{
    static const KIRQL Levels[] = { PASSIVE_LEVEL, APC_LEVEL };

    for (ULONG At = 0; At < RTL_NUMBER_OF(Levels); At++) {
        CALLS Calls = { .Count = 0 };
        KIRQL OldIrql;
        KDPC Dpc;

        KeInitializeDpc(&Dpc, Note, &Calls);
        KeRaiseIrql(Levels[At], &OldIrql);
        EXPECT_TRUE(KeInsertQueueDpc(&Dpc, &Calls, &Dpc));
        EXPECT_EQ(Calls.Count, 1);
        EXPECT_EQ(Calls.Irql, DISPATCH_LEVEL);
        EXPECT_EQ(Calls.Argument1, &Calls);
        EXPECT_EQ(Calls.Argument2, &Dpc);
        EXPECT_EQ(KeGetCurrentIrql(), Levels[At]);
        KeLowerIrql(OldIrql);
    }
}

/* Trap 1: the driver's inlined KeLowerIrql is a bare write to CR8.
 * covers KeInsertQueueDpc.3, trap 1 */
TEST(ke_dpc, runs_when_cr8_is_written_by_hand)
{
    static const KIRQL Levels[] = { DISPATCH_LEVEL, SYNCH_LEVEL, HIGH_LEVEL };

    for (ULONG At = 0; At < RTL_NUMBER_OF(Levels); At++) {
        CALLS Calls = { .Count = 0 };
        KDPC Dpc;

        KeInitializeDpc(&Dpc, Note, &Calls);
        ArchWriteIrql(Levels[At]);
        EXPECT_TRUE(KeInsertQueueDpc(&Dpc, NULL, NULL));
        EXPECT_EQ(Calls.Count, 0);
        ArchWriteIrql(PASSIVE_LEVEL);
        EXPECT_EQ(Calls.Count, 1);
    }
}

/* covers KeInsertQueueDpc.1, trap 30 */
TEST(ke_dpc, second_insert_fails_and_the_first_arguments_survive)
{
    CALLS Calls = { .Count = 0 };
    KIRQL OldIrql;
    KDPC Dpc;

    KeInitializeDpc(&Dpc, Note, &Calls);
    KeRaiseIrql(DISPATCH_LEVEL, &OldIrql);
    EXPECT_TRUE(KeInsertQueueDpc(&Dpc, (PVOID)1, (PVOID)2));
    EXPECT_FALSE(KeInsertQueueDpc(&Dpc, (PVOID)3, (PVOID)4));
    KeLowerIrql(OldIrql);
    EXPECT_EQ(Calls.Count, 1);
    EXPECT_EQ(Calls.Argument1, (PVOID)1);
    EXPECT_EQ(Calls.Argument2, (PVOID)2);
    EXPECT_TRUE(KeInsertQueueDpc(&Dpc, NULL, NULL));
    EXPECT_EQ(Calls.Count, 2);
}

static VOID Requeue(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    CALLS *Calls = Context;

    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    if (++Calls->Count < 100)
        EXPECT_TRUE(KeInsertQueueDpc(Dpc, NULL, NULL));
}

/* covers KeInsertQueueDpc.4, trap 30 */
TEST(ke_dpc, may_queue_itself_from_its_routine)
{
    CALLS Calls = { .Count = 0 };
    KDPC Dpc;

    KeInitializeDpc(&Dpc, Requeue, &Calls);
    KeInsertQueueDpc(&Dpc, NULL, NULL);
    EXPECT_EQ(Calls.Count, 100);
}

static VOID Poison(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    memset(Dpc, 0xAA, sizeof *Dpc);
    ++*(LONG *)Context;
}

/* covers KeInsertQueueDpc.4 */
TEST(ke_dpc, object_is_the_routines_once_it_starts)
{
    LONG Count = 0;
    KIRQL OldIrql;
    KDPC Dpc[2];

    KeRaiseIrql(DISPATCH_LEVEL, &OldIrql);
    for (int At = 0; At < 2; At++) {
        KeInitializeDpc(&Dpc[At], Poison, &Count);
        KeInsertQueueDpc(&Dpc[At], NULL, NULL);
    }
    KeLowerIrql(OldIrql);
    EXPECT_EQ(Count, 2);
    EXPECT_EQ(Dpc[1].Type, 0xAA);
}

/* covers KeRemoveQueueDpc.1 */
TEST(ke_dpc, remove_keeps_it_from_running)
{
    CALLS Calls = { .Count = 0 };
    KIRQL OldIrql;
    KDPC Dpc;

    KeInitializeDpc(&Dpc, Note, &Calls);
    EXPECT_FALSE(KeRemoveQueueDpc(&Dpc));
    KeRaiseIrql(DISPATCH_LEVEL, &OldIrql);
    KeInsertQueueDpc(&Dpc, NULL, NULL);
    EXPECT_TRUE(KeRemoveQueueDpc(&Dpc));
    EXPECT_FALSE(KeRemoveQueueDpc(&Dpc));
    KeLowerIrql(OldIrql);
    EXPECT_EQ(Calls.Count, 0);
}

/* The interrupt that was asked for finds nothing; the next DPC must ask again. */
TEST(ke_dpc, one_after_a_removed_one_is_run)
{
    CALLS Calls = { .Count = 0 };
    KIRQL OldIrql;
    KDPC Dpc;

    KeInitializeDpc(&Dpc, Note, &Calls);
    for (LONG Turn = 1; Turn <= 3; Turn++) {
        KeRaiseIrql(DISPATCH_LEVEL, &OldIrql);
        KeInsertQueueDpc(&Dpc, NULL, NULL);
        KeRemoveQueueDpc(&Dpc);
        KeLowerIrql(OldIrql);
        KeRaiseIrql(DISPATCH_LEVEL, &OldIrql);
        KeInsertQueueDpc(&Dpc, NULL, NULL);
        KeLowerIrql(OldIrql);
        EXPECT_EQ(Calls.Count, Turn);
    }
}

TEST(ke_dpc, from_passive_it_does_not_overtake_a_queued_one)
{
    for (ULONG Turn = 0; Turn < 10; Turn++) {
        CALLS Calls = { .Count = 0 };
        KDPC Low, Dpc;

        KeSetSystemAffinityThread(1);
        KeInitializeDpc(&Low, Note, &Calls);
        KeSetImportanceDpc(&Low, LowImportance);
        KeInitializeDpc(&Dpc, Note, &Calls);
        KeInsertQueueDpc(&Low, NULL, NULL);
        KeInsertQueueDpc(&Dpc, NULL, NULL);
        KeRevertToUserAffinityThread();
        EXPECT_EQ(Calls.Count, 2);
        EXPECT_EQ(Calls.Order[0], &Low);
        EXPECT_EQ(Calls.Order[1], &Dpc);
    }
}

/* Who turned interrupts off does not expect anybody in between. */
TEST(ke_dpc, with_interrupts_off_it_runs_when_they_are_on_again)
{
    CALLS Calls = { .Count = 0 };
    BOOLEAN Inserted, Twice;
    LONG Early;
    KDPC Dpc;

    KeInitializeDpc(&Dpc, Note, &Calls);
    ArchDisableInterrupts();
    Inserted = KeInsertQueueDpc(&Dpc, &Calls, &Dpc);
    Twice = KeInsertQueueDpc(&Dpc, NULL, NULL);
    Early = Calls.Count;
    ArchEnableInterrupts();
    ArchPause();                                /* interrupts come after the instruction behind sti */
    EXPECT_TRUE(Inserted);
    EXPECT_FALSE(Twice);
    EXPECT_EQ(Early, 0);
    EXPECT_EQ(Calls.Count, 1);
    EXPECT_EQ(Calls.Argument2, &Dpc);
}

/* covers KeSetImportanceDpc.1 */
TEST(ke_dpc, high_goes_to_the_head_others_to_the_tail)
{
    static const KDPC_IMPORTANCE Importances[] = { MediumImportance, LowImportance, HighImportance,
                                                   MediumHighImportance };
    CALLS Calls = { .Count = 0 };
    KIRQL OldIrql;
    KDPC Dpc[4];

    KeRaiseIrql(DISPATCH_LEVEL, &OldIrql);
    for (int At = 0; At < 4; At++) {
        KeInitializeDpc(&Dpc[At], Note, &Calls);
        KeSetImportanceDpc(&Dpc[At], Importances[At]);
        KeInsertQueueDpc(&Dpc[At], NULL, NULL);
    }
    KeLowerIrql(OldIrql);
    EXPECT_EQ(Calls.Count, 4);
    EXPECT_EQ(Calls.Order[0], &Dpc[2]);
    EXPECT_EQ(Calls.Order[1], &Dpc[0]);
    EXPECT_EQ(Calls.Order[2], &Dpc[1]);
    EXPECT_EQ(Calls.Order[3], &Dpc[3]);
}

/* Low asks for no interrupt, but it runs: with the next one, when the processor idles, or at a tick.
 * covers KeSetImportanceDpc.2 */
TEST(ke_dpc, low_importance_runs_before_long)
{
    CALLS Calls = { .Count = 0 };
    KDPC Dpc;

    KeInitializeDpc(&Dpc, Note, &Calls);
    KeSetImportanceDpc(&Dpc, LowImportance);
    EXPECT_TRUE(KeInsertQueueDpc(&Dpc, NULL, NULL));
    KtestWaitFor(&Calls.Count);
    EXPECT_EQ(Calls.Count, 1);
}

/* covers KeSetImportanceDpc.2 */
TEST(ke_dpc, low_importance_runs_under_a_busy_thread)
{
    ULONG64 Start, Counter;
    CALLS Calls = { .Count = 0 };
    KDPC Dpc;

    KeSetSystemAffinityThread(1);
    KeInitializeDpc(&Dpc, Note, &Calls);
    KeSetImportanceDpc(&Dpc, LowImportance);
    KeInsertQueueDpc(&Dpc, NULL, NULL);
    Start = KeQueryInterruptTimePrecise(&Counter);
    while (Calls.Count == 0 && KeQueryInterruptTimePrecise(&Counter) - Start < 300000000)
        ;
    EXPECT_EQ(Calls.Count, 1);
    KeRevertToUserAffinityThread();
}

/* covers KeSetTargetProcessorDpc.1 */
TEST(ke_dpc, target_processor_is_where_it_runs)
{
    ULONG Processors = KeQueryActiveProcessorCount(NULL);

    for (ULONG Number = 0; Number < Processors; Number++) {
        CALLS Calls = { .Count = 0, .Processor = ~0u };
        KIRQL OldIrql;
        KDPC Dpc;

        KeInitializeDpc(&Dpc, Note, &Calls);
        KeSetTargetProcessorDpc(&Dpc, (CCHAR)Number);
        KeRaiseIrql(DISPATCH_LEVEL, &OldIrql);
        KeInsertQueueDpc(&Dpc, NULL, NULL);
        KeSetTargetProcessorDpc(&Dpc, 0);          /* no effect on a queued one */
        KeLowerIrql(OldIrql);
        KtestWaitFor(&Calls.Count);
        EXPECT_EQ(Calls.Processor, Number);
    }
}

/* covers KeSetTargetProcessorDpc.1 */
TEST(ke_dpc, target_beyond_the_processors_is_ignored)
{
    CALLS Calls = { .Count = 0 };
    KDPC Dpc;

    KeInitializeDpc(&Dpc, Note, &Calls);
    KeSetTargetProcessorDpc(&Dpc, 63);
    KeSetTargetProcessorDpc(&Dpc, 64);
    KeSetTargetProcessorDpc(&Dpc, -1);
    if (KeQueryActiveProcessorCount(NULL) < 64)
        EXPECT_EQ(Dpc.Number, 0);
    KeInsertQueueDpc(&Dpc, NULL, NULL);
    KtestWaitFor(&Calls.Count);
}

/* covers KeFlushQueuedDpcs.1 */
TEST(ke_dpc, flush_waits_for_all_queued_before)
{
    ULONG Processors = KeQueryActiveProcessorCount(NULL);
    CALLS Calls = { .Count = 0 };
    KDPC Dpc[64];

    for (ULONG Number = 0; Number < Processors; Number++) {
        KeInitializeDpc(&Dpc[Number], Note, &Calls);
        KeSetImportanceDpc(&Dpc[Number], LowImportance);
        KeSetTargetProcessorDpc(&Dpc[Number], (CCHAR)Number);
        KeInsertQueueDpc(&Dpc[Number], NULL, NULL);
    }
    KeFlushQueuedDpcs();
    EXPECT_EQ(Calls.Count, Processors);
}

typedef struct _LONG_RUN { KEVENT Go; volatile LONG Running, Stop, Over, Flushed; } LONG_RUN;

static VOID RunLong(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    LONG_RUN *Run = Context;

    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    __atomic_store_n(&Run->Running, 1, __ATOMIC_RELEASE);
    while (!__atomic_load_n(&Run->Stop, __ATOMIC_ACQUIRE))
        ArchPause();
    __atomic_store_n(&Run->Over, 1, __ATOMIC_RELEASE);
}

static VOID Flush(PVOID Context)
{
    LONG_RUN *Run = Context;

    KeWaitForSingleObject(&Run->Go, Executive, KernelMode, FALSE, NULL);
    KeFlushQueuedDpcs();
    __atomic_store_n(&Run->Flushed, 1 + __atomic_load_n(&Run->Over, __ATOMIC_ACQUIRE), __ATOMIC_RELEASE);
}

/* It was queued before the call, and it has not run as long as it runs.
 * covers KeFlushQueuedDpcs.1 */
TEST(ke_dpc, flush_waits_for_one_that_runs_elsewhere)
{
    LONG_RUN Run = { .Running = 0 };
    PKTHREAD Thread;
    KDPC Dpc;

    if (KeQueryActiveProcessorCount(NULL) == 1) {
        KtestSkip("one processor");
        return;
    }
    KeSetSystemAffinityThread(1);
    KeInitializeEvent(&Run.Go, NotificationEvent, FALSE);
    Thread = KtestThread(Flush, &Run, 9);
    KtestWaitBlocked(Thread, &Run.Go);
    KeInitializeDpc(&Dpc, RunLong, &Run);
    KeSetTargetProcessorDpc(&Dpc, 1);
    KeSetImportanceDpc(&Dpc, HighImportance);
    EXPECT_TRUE(KeInsertQueueDpc(&Dpc, NULL, NULL));
    KtestWaitFor(&Run.Running);
    KeSetEvent(&Run.Go, 0, FALSE);
    KtestWaitBlocked(Thread, NULL);
    EXPECT_EQ(Run.Flushed, 0);
    __atomic_store_n(&Run.Stop, 1, __ATOMIC_RELEASE);
    KtestJoin(Thread);
    EXPECT_EQ(Run.Flushed, 2);
    KeRevertToUserAffinityThread();
}

/* A processor goes idle while a DPC of low importance is queued to it, about at the same moment. Nobody else tells it:
 * one that is overlooked stays in the queue. */
enum { GOODNIGHTS = 400 };
typedef struct _SLEEPY { KEVENT Wake; volatile LONG Stop, Rounds; } SLEEPY;

static VOID GoToSleep(PVOID Context)
{
    SLEEPY *Sleepy = Context;

    while (!Sleepy->Stop) {
        KeWaitForSingleObject(&Sleepy->Wake, Executive, KernelMode, FALSE, NULL);
        __atomic_add_fetch(&Sleepy->Rounds, 1, __ATOMIC_RELEASE);
    }
}

TEST(ke_dpc, low_importance_is_not_overlooked_by_a_processor_that_goes_idle)
{
    SLEEPY Sleepy = { .Stop = 0 };
    CALLS Calls = { .Count = 0 };
    PKTHREAD Thread;
    KDPC Dpc;

    if (KeQueryActiveProcessorCount(NULL) == 1) {
        KtestSkip("one processor");
        return;
    }
    KeInitializeEvent(&Sleepy.Wake, SynchronizationEvent, FALSE);
    KeSetSystemAffinityThread(2);
    Thread = KtestThread(GoToSleep, &Sleepy, 9);
    KeSetSystemAffinityThread(1);
    KeInitializeDpc(&Dpc, Note, &Calls);
    KeSetTargetProcessorDpc(&Dpc, 1);
    KeSetImportanceDpc(&Dpc, LowImportance);
    for (LONG Round = 1; Round <= GOODNIGHTS && KtestHasTime(); Round++) {
        KeSetEvent(&Sleepy.Wake, 0, FALSE);
        while (__atomic_load_n(&Sleepy.Rounds, __ATOMIC_ACQUIRE) < Round)
            ArchPause();
        for (LONG Steps = Round % 97 * 5; Steps > 0; Steps--)
            __atomic_load_n(&Sleepy.Rounds, __ATOMIC_ACQUIRE);
        Calls.Count = 0;
        EXPECT_TRUE(KeInsertQueueDpc(&Dpc, NULL, NULL));
        if (!KtestWaitFor(&Calls.Count))
            break;
        EXPECT_EQ(Calls.Processor, 1);
    }
    Sleepy.Stop = 1;
    KeSetEvent(&Sleepy.Wake, 0, FALSE);
    KtestJoin(Thread);
    KeRevertToUserAffinityThread();
}

/* A DPC that readies a better thread: the switch happens when the DPC is over, before the insert returns. */
static VOID SetFromDpc(PKDPC Dpc, PVOID Event, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    KeSetEvent(Event, 0, FALSE);
}

typedef struct _FOLLOWER { KEVENT Event; volatile LONG Ran; } FOLLOWER;

static VOID Follow(PVOID Context)
{
    FOLLOWER *Follower = Context;

    KeWaitForSingleObject(&Follower->Event, Executive, KernelMode, FALSE, NULL);
    Follower->Ran = 1;
}

/* covers KeInsertQueueDpc.5 */
TEST(ke_dpc, thread_readied_in_a_dpc_preempts_after_it)
{
    FOLLOWER Follower = { .Ran = 0 };
    PKTHREAD Thread;
    KDPC Dpc;

    KeSetSystemAffinityThread(1);
    KeInitializeEvent(&Follower.Event, SynchronizationEvent, FALSE);
    KeInitializeDpc(&Dpc, SetFromDpc, &Follower.Event);
    Thread = KtestThread(Follow, &Follower, 12);
    KeSetAffinityThread(Thread, 1);
    KtestWaitBlocked(Thread, &Follower.Event);
    KeInsertQueueDpc(&Dpc, NULL, NULL);
    EXPECT_EQ(Follower.Ran, 1);
    KtestJoin(Thread);
    KeRevertToUserAffinityThread();
}

/* Every processor queues and removes the same DPC: each success of an insert ends in one run or one removal. */
enum { ROUNDS = 2000 };
static KDPC Contended;
static volatile LONG Inserts, Removals, Runs, Finished;

static VOID CountRun(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    __atomic_add_fetch(&Runs, 1, __ATOMIC_SEQ_CST);
}

static VOID Contend(PVOID Context)
{
    ULONG Seed = (ULONG)(ULONG_PTR)Context;

    for (int Round = 0; Round < ROUNDS; Round++) {
        KIRQL OldIrql = KeRaiseIrqlToDpcLevel();

        if (KeInsertQueueDpc(&Contended, NULL, NULL))
            __atomic_add_fetch(&Inserts, 1, __ATOMIC_SEQ_CST);
        Seed = Seed * 1664525 + 1013904223;
        if ((Seed >> 16) % 3 == 0 && KeRemoveQueueDpc(&Contended))
            __atomic_add_fetch(&Removals, 1, __ATOMIC_SEQ_CST);
        KeLowerIrql(OldIrql);
    }
    __atomic_add_fetch(&Finished, 1, __ATOMIC_SEQ_CST);
}

/* covers KeInsertQueueDpc.6 */
TEST(ke_dpc, inserts_are_conserved_under_contention)
{
    PKTHREAD Threads[4];

    Inserts = Removals = Runs = Finished = 0;
    KeInitializeDpc(&Contended, CountRun, NULL);
    for (ULONG At = 0; At < 4; At++)
        Threads[At] = KtestThread(Contend, (PVOID)(ULONG_PTR)(At + 1), 8);
    for (ULONG At = 0; At < 4; At++)
        KtestJoin(Threads[At]);
    KeFlushQueuedDpcs();
    EXPECT_EQ(Finished, 4);
    EXPECT_EQ(Inserts, Removals + Runs);
    EXPECT_GT(Runs, 0);
}
