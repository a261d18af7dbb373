/* timer_test.c - the timer object and the queue below it. */
#include <arch/arch.h>
#include <ke/clock.h>
#include <ke/dpc.h>
#include <ke/event.h>
#include <ke/init.h>
#include <ke/irql.h>
#include <ke/timer.h>
#include <ktest.h>
#include <rtl/list.h>
#include <rtl/status.h>
#include <rtl/string.h>

enum { MILLISECOND = 10000 };

/* What is to come comes sooner, even on a busy host; what is to stay away would come later. */
#define LONG_ENOUGH (30000ll * MILLISECOND)
#define HOUR (3600000ll * MILLISECOND)

typedef struct _TICKS {
    KDPC Dpc;
    volatile LONG Count;
    ULONG64 LastTime;
    KEVENT Event;
} TICKS;

static ULONG64 Now(void)
{
    ULONG64 Counter;

    return KeQueryInterruptTimePrecise(&Counter);
}

static LARGE_INTEGER In(LONGLONG Units) { return (LARGE_INTEGER){ .QuadPart = -Units }; }

static VOID Tick(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    TICKS *Ticks = Context;

    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    EXPECT_EQ(Dpc, &Ticks->Dpc);
    EXPECT_EQ(KeGetCurrentIrql(), DISPATCH_LEVEL);
    Ticks->LastTime = Now();
    Ticks->Count++;
    KeSetEvent(&Ticks->Event, 0, FALSE);
}

static void InitializeTicks(TICKS *Ticks)
{
    memset(Ticks, 0, sizeof *Ticks);
    KeInitializeDpc(&Ticks->Dpc, Tick, Ticks);
    KeInitializeEvent(&Ticks->Event, SynchronizationEvent, FALSE);
}

static NTSTATUS WaitFor(PVOID Object, LONGLONG Units)
{
    LARGE_INTEGER Timeout = In(Units);

    return KeWaitForSingleObject(Object, Executive, KernelMode, FALSE, &Timeout);
}

/* covers KeInitializeTimer.1, KeInitializeTimerEx.1 */
TEST(ke_timer, initialize_over_poison)
{
    for (int Type = NotificationTimer; Type <= SynchronizationTimer; Type++) {
        KTIMER Timer;

        memset(&Timer, 0x55, sizeof Timer);
        KeInitializeTimerEx(&Timer, Type);
        EXPECT_EQ(Timer.Header.Type, TimerNotificationObject + Type);
        EXPECT_EQ(Timer.Header.Size, 16);
        EXPECT_EQ(Timer.Header.SignalState, 0);
        EXPECT_EQ(Timer.Header.Inserted, 0);
        EXPECT_EQ(Timer.Period, 0);
        EXPECT_TRUE(IsListEmpty(&Timer.Header.WaitListHead));
        EXPECT_FALSE(KeReadStateTimer(&Timer));
        EXPECT_FALSE(KeCancelTimer(&Timer));
    }
}

/* covers KeSetTimer.1, KeSetTimerEx.5 */
TEST(ke_timer, fires_at_its_due_time_not_before)
{
    static const LONGLONG Intervals[] = { 2000, MILLISECOND, 15 * MILLISECOND + 3, 700 * MILLISECOND };

    for (ULONG At = 0; At < RTL_NUMBER_OF(Intervals); At++) {
        ULONG64 Start;
        KTIMER Timer;
        TICKS Ticks;

        InitializeTicks(&Ticks);
        KeInitializeTimer(&Timer);
        Start = Now();
        EXPECT_FALSE(KeSetTimer(&Timer, In(Intervals[At]), &Ticks.Dpc));
        EXPECT_GE(Timer.DueTime, Start + (ULONG64)Intervals[At]);   /* not even by less than an interrupt takes */
        if (KeReadStateTimer(&Timer))       /* in real time this thread may have stood still meanwhile */
            EXPECT_GE(Now() - Start, (ULONG64)Intervals[At]);
        EXPECT_EQ(KeWaitForSingleObject(&Timer, Executive, KernelMode, FALSE, NULL), STATUS_SUCCESS);
        EXPECT_GE(Now() - Start, (ULONG64)Intervals[At]);
        EXPECT_TRUE(KeReadStateTimer(&Timer));
        EXPECT_EQ(WaitFor(&Ticks.Event, LONG_ENOUGH), STATUS_SUCCESS);
        EXPECT_EQ(Ticks.Count, 1);
        EXPECT_GE(Ticks.LastTime - Start, (ULONG64)Intervals[At]);
        if (KtestVirtualTime())         /* late by the instructions of the interrupt only: a tick is 156250 */
            EXPECT_LE(Ticks.LastTime - Start, (ULONG64)Intervals[At] + 500);
    }
}

/* Set, set again, cancelled and read at any level; due at once, it expires inside the call there as well, and its DPC
 * waits for the level to fall. */
TEST(ke_timer, every_operation_at_every_irql)
{
    static const KIRQL Levels[] = { PASSIVE_LEVEL, APC_LEVEL, DISPATCH_LEVEL };

    for (ULONG At = 0; At < RTL_NUMBER_OF(Levels); At++) {
        for (int Type = NotificationTimer; Type <= SynchronizationTimer; Type++) {
            KIRQL OldIrql;
            KTIMER Timer;
            TICKS Ticks;

            InitializeTicks(&Ticks);
            memset(&Timer, 0x55, sizeof Timer);
            KeInitializeTimerEx(&Timer, Type);
            KeRaiseIrql(Levels[At], &OldIrql);
            EXPECT_FALSE(KeSetTimerEx(&Timer, In(HOUR), 5, &Ticks.Dpc));
            EXPECT_TRUE(KeSetTimer(&Timer, In(2 * HOUR), NULL));
            EXPECT_EQ(Timer.Period, 0);
            EXPECT_FALSE(KeReadStateTimer(&Timer));
            EXPECT_TRUE(KeCancelTimer(&Timer));
            EXPECT_FALSE(KeCancelTimer(&Timer));
            EXPECT_FALSE(KeSetTimer(&Timer, In(0), &Ticks.Dpc));
            EXPECT_TRUE(KeReadStateTimer(&Timer));
            EXPECT_EQ(WaitFor(&Timer, 0), STATUS_SUCCESS);
            EXPECT_EQ(KeReadStateTimer(&Timer), Type == NotificationTimer);
            EXPECT_EQ(KeGetCurrentIrql(), Levels[At]);
            EXPECT_EQ(Ticks.Count, Levels[At] < DISPATCH_LEVEL);
            KeLowerIrql(OldIrql);
            EXPECT_EQ(Ticks.Count, 1);
        }
    }
}

/* covers KeSetTimer.1, KeSetTimerEx.4, trap 25 */
TEST(ke_timer, due_at_once_expires_inside_the_call)
{
    static const LONGLONG Due[] = { 0, 1 };

    for (ULONG At = 0; At < RTL_NUMBER_OF(Due); At++) {
        KTIMER Timer;
        TICKS Ticks;

        InitializeTicks(&Ticks);
        KeInitializeTimer(&Timer);
        EXPECT_FALSE(KeSetTimer(&Timer, (LARGE_INTEGER){ .QuadPart = Due[At] }, &Ticks.Dpc));
        EXPECT_TRUE(KeReadStateTimer(&Timer));
        EXPECT_EQ(Ticks.Count, 1);
        EXPECT_FALSE(KeCancelTimer(&Timer));
    }
}

/* covers KeSetTimerEx.1, KeSetTimerEx.2, trap 26 */
TEST(ke_timer, setting_again_replaces_due_time_and_dpc)
{
    TICKS First, Second;
    KIRQL OldIrql;
    KTIMER Timer;

    InitializeTicks(&First);
    InitializeTicks(&Second);
    KeInitializeTimer(&Timer);
    OldIrql = KfRaiseIrql(DISPATCH_LEVEL);      /* however long that takes, it does not come due in between */
    EXPECT_FALSE(KeSetTimer(&Timer, In(5 * MILLISECOND), &First.Dpc));
    EXPECT_TRUE(KeSetTimer(&Timer, In(HOUR), &Second.Dpc));
    KeLowerIrql(OldIrql);
    EXPECT_EQ(WaitFor(&Timer, 20 * MILLISECOND), STATUS_TIMEOUT);
    EXPECT_TRUE(KeSetTimer(&Timer, In(20 * MILLISECOND), &Second.Dpc));
    EXPECT_EQ(WaitFor(&Second.Event, LONG_ENOUGH), STATUS_SUCCESS);
    EXPECT_EQ(First.Count, 0);
    EXPECT_EQ(Second.Count, 1);
    OldIrql = KfRaiseIrql(DISPATCH_LEVEL);
    KeSetTimer(&Timer, In(5 * MILLISECOND), &First.Dpc);
    EXPECT_TRUE(KeSetTimer(&Timer, In(6 * MILLISECOND), NULL));
    KeLowerIrql(OldIrql);
    EXPECT_EQ(WaitFor(&Timer, LONG_ENOUGH), STATUS_SUCCESS);
    EXPECT_EQ(First.Count, 0);
}

/* covers KeSetTimerEx.1, KeSetTimerEx.3 */
TEST(ke_timer, set_clears_the_state_and_a_later_set_returns_false_after_expiry)
{
    KTIMER Timer;

    KeInitializeTimer(&Timer);
    KeSetTimer(&Timer, In(0), NULL);
    EXPECT_TRUE(KeReadStateTimer(&Timer));
    EXPECT_FALSE(KeSetTimer(&Timer, In(HOUR), NULL));
    EXPECT_FALSE(KeReadStateTimer(&Timer));
    EXPECT_TRUE(KeCancelTimer(&Timer));
    EXPECT_FALSE(KeCancelTimer(&Timer));
}

/* covers KeCancelTimer.2, trap 27 */
TEST(ke_timer, cancel_leaves_a_queued_dpc)
{
    KTIMER Timer;
    KIRQL OldIrql;
    TICKS Ticks;

    InitializeTicks(&Ticks);
    KeInitializeTimer(&Timer);
    KeRaiseIrql(DISPATCH_LEVEL, &OldIrql);
    KeSetTimer(&Timer, In(0), &Ticks.Dpc);
    EXPECT_EQ(Ticks.Count, 0);
    EXPECT_FALSE(KeCancelTimer(&Timer));
    KeLowerIrql(OldIrql);
    EXPECT_EQ(Ticks.Count, 1);
}

static VOID WaitOnTimer(PVOID Timer) { KeWaitForSingleObject(Timer, Executive, KernelMode, FALSE, NULL); }

/* covers KeCancelTimer.3, KeCancelTimer.4, trap 28 */
TEST(ke_timer, cancel_wakes_nobody_and_keeps_the_state)
{
    PKTHREAD Thread;
    KTIMER Timer;

    KeInitializeTimer(&Timer);
    KeSetTimer(&Timer, In(HOUR), NULL);
    Thread = KtestThread(WaitOnTimer, &Timer, 9);
    KtestWaitBlocked(Thread, &Timer);
    EXPECT_TRUE(KeCancelTimer(&Timer));
    EXPECT_FALSE(KeReadStateTimer(&Timer));
    EXPECT_EQ(WaitFor(Thread, 100 * MILLISECOND), STATUS_TIMEOUT);
    KeSetTimer(&Timer, In(0), NULL);
    KtestJoin(Thread);
}

/* covers KeSetTimerEx.8, KeCancelTimer.1, KeReadStateTimer.1, trap 23 */
TEST(ke_timer, periodic_is_signalled_and_queued_at_the_same_time)
{
    KTIMER Timer;
    TICKS Ticks;

    InitializeTicks(&Ticks);
    KeInitializeTimer(&Timer);
    KeSetTimerEx(&Timer, In(10 * MILLISECOND), 10, &Ticks.Dpc);
    EXPECT_EQ(WaitFor(&Ticks.Event, LONG_ENOUGH), STATUS_SUCCESS);
    EXPECT_TRUE(KeReadStateTimer(&Timer));
    EXPECT_TRUE(KeCancelTimer(&Timer));
    EXPECT_TRUE(KeReadStateTimer(&Timer));
}

/* covers KeSetTimerEx.8, KeSetTimerEx.9 */
/* A period is kept as unsigned milliseconds: a negative one is weeks, neither at once nor in the past. */
TEST(ke_timer, negative_period_is_a_long_one)
{
    static const LONG Periods[] = { -1, MINLONG, MINLONG + 1, -1000 };

    for (ULONG At = 0; At < RTL_NUMBER_OF(Periods); At++) {
        ULONG64 First;
        KTIMER Timer;
        TICKS Ticks;

        InitializeTicks(&Ticks);
        KeInitializeTimer(&Timer);
        EXPECT_FALSE(KeSetTimerEx(&Timer, In(MILLISECOND), Periods[At], &Ticks.Dpc));
        First = Timer.DueTime;
        EXPECT_EQ(WaitFor(&Ticks.Event, LONG_ENOUGH), STATUS_SUCCESS);
        EXPECT_EQ(WaitFor(&Ticks.Event, 50 * MILLISECOND), STATUS_TIMEOUT);
        EXPECT_EQ(Ticks.Count, 1);
        EXPECT_EQ(Timer.DueTime, First + (ULONG64)(ULONG)Periods[At] * MILLISECOND);
        EXPECT_TRUE(KeReadStateTimer(&Timer));
        EXPECT_TRUE(KeCancelTimer(&Timer));
        /* Due at once: the first expiry is inside the call. */
        EXPECT_FALSE(KeSetTimerEx(&Timer, In(0), Periods[At], &Ticks.Dpc));
        EXPECT_EQ(WaitFor(&Ticks.Event, LONG_ENOUGH), STATUS_SUCCESS);
        EXPECT_TRUE(KeCancelTimer(&Timer));
    }
}

TEST(ke_timer, periods_do_not_drift)
{
    enum { PERIODS = 100, PERIOD = 3 };
    ULONG64 Start;
    KTIMER Timer;
    TICKS Ticks;

    InitializeTicks(&Ticks);
    KeInitializeTimer(&Timer);
    Start = Now();
    KeSetTimerEx(&Timer, In(PERIOD * MILLISECOND), PERIOD, &Ticks.Dpc);
    while (Ticks.Count < PERIODS)
        if (WaitFor(&Ticks.Event, LONG_ENOUGH) != STATUS_SUCCESS)
            break;
    EXPECT_TRUE(KeCancelTimer(&Timer));
    EXPECT_GE(Ticks.LastTime - Start, (ULONG64)PERIODS * PERIOD * MILLISECOND);
    if (KtestVirtualTime()) {
        EXPECT_EQ(Ticks.Count, PERIODS);
        EXPECT_LE(Ticks.LastTime - Start, (ULONG64)PERIODS * PERIOD * MILLISECOND + 500);
    }
}

typedef struct _RELEASED { KTIMER Timer; volatile LONG Count; volatile LONG Stop; } RELEASED;

static VOID CountPeriods(PVOID Context)
{
    RELEASED *Released = Context;

    while (!Released->Stop)
        if (WaitFor(&Released->Timer, 200 * MILLISECOND) == STATUS_SUCCESS)
            __atomic_add_fetch(&Released->Count, 1, __ATOMIC_SEQ_CST);
}

/* Trap 24: two waiters, one is released per period.
 * covers KeSetTimerEx.7, KeWaitForSingleObject.2, trap 24 */
TEST(ke_timer, periodic_sync_timer_releases_one_waiter_a_period)
{
    RELEASED Released = { .Count = 0 };
    PKTHREAD Threads[2];
    LARGE_INTEGER Interval = In(105 * MILLISECOND);

    KeInitializeTimerEx(&Released.Timer, SynchronizationTimer);
    for (int At = 0; At < 2; At++)
        Threads[At] = KtestThread(CountPeriods, &Released, 9);
    KtestWaitBlocked(Threads[0], &Released.Timer);
    KtestWaitBlocked(Threads[1], &Released.Timer);
    KeSetTimerEx(&Released.Timer, In(10 * MILLISECOND), 10, NULL);
    KeDelayExecutionThread(KernelMode, FALSE, &Interval);
    if (KtestVirtualTime())
        EXPECT_EQ(Released.Count, 10);
    EXPECT_GE(Released.Count, 1);
    KeCancelTimer(&Released.Timer);
    Released.Stop = TRUE;
    for (int At = 0; At < 2; At++)
        KtestJoin(Threads[At]);
}

/* covers KeSetTimerEx.9, trap 29 */
TEST(ke_timer, slow_dpc_coalesces_ticks)
{
    KTIMER Timer;
    KIRQL OldIrql;
    TICKS Ticks;
    LONG Before, After;
    ULONG64 Lowered;

    InitializeTicks(&Ticks);
    KeInitializeTimer(&Timer);
    KeSetSystemAffinityThread(1);
    KeSetTimerEx(&Timer, In(MILLISECOND), 1, &Ticks.Dpc);
    WaitFor(&Ticks.Event, LONG_ENOUGH);
    KeRaiseIrql(DISPATCH_LEVEL, &OldIrql);
    Before = Ticks.Count;
    KeStallExecutionProcessor(10 * 1000);
    Lowered = Now();
    KeLowerIrql(OldIrql);
    while (!KtestVirtualTime() && Ticks.Count == Before && Now() - Lowered < LONG_ENOUGH)
        ;                               /* a busy host may hold the clock's interrupt back */
    After = Ticks.Count;
    EXPECT_GE(After, Before + 1);
    EXPECT_LE(After, Before + 2 + (Now() - Lowered) / MILLISECOND);     /* and those that came since */
    KeCancelTimer(&Timer);
    KeFlushQueuedDpcs();
    KeRevertToUserAffinityThread();
}

/* Many timers, every due time distinct and random, some cancelled: each fires once, in order, not early. */
enum { MANY = 600 };

static struct { KTIMER Timer; KDPC Dpc; ULONG64 Due, Fired; BOOLEAN Cancelled; } Many[MANY];
static volatile LONG ManyFired, ManyMisordered;
static ULONG64 ManyLastDue;

static VOID NoteFired(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    ULONG_PTR At = (ULONG_PTR)Context;

    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    EXPECT_EQ(Many[At].Fired, 0);
    Many[At].Fired = Now();
    if (Many[At].Due < ManyLastDue)
        ManyMisordered++;
    ManyLastDue = Many[At].Due;
    ManyFired++;
}

/* covers KeSetTimerEx.5, KeCancelTimer.4 */
TEST(ke_timer, hundreds_fire_once_each_in_order_and_on_time)
{
    ULONG64 Seed = 88172645463325252ull;
    LONG Expected = 0;
    LARGE_INTEGER Long = In(70000 * MILLISECOND);
    KIRQL OldIrql;

    if (!KtestVirtualTime())
        Long = In(700 * MILLISECOND);
    ManyFired = ManyMisordered = 0;
    ManyLastDue = 0;
    memset(Many, 0, sizeof Many);
    KeSetSystemAffinityThread(1);
    OldIrql = KfRaiseIrql(DISPATCH_LEVEL);      /* none of them is due before all are set, and some cancelled */
    for (ULONG At = 0; At < MANY; At++) {
        Seed ^= Seed << 13, Seed ^= Seed >> 7, Seed ^= Seed << 17;
        KeInitializeTimer(&Many[At].Timer);
        KeInitializeDpc(&Many[At].Dpc, NoteFired, (PVOID)(ULONG_PTR)At);
        Many[At].Due = Now() + 20 * MILLISECOND + (Seed >> 8) % (KtestVirtualTime() ? 600000000 : 6000000);
        KeSetTimer(&Many[At].Timer, In((LONGLONG)(Many[At].Due - Now())), &Many[At].Dpc);
        Many[At].Due = Many[At].Timer.DueTime;
    }
    for (ULONG At = 0; At < MANY; At++) {
        Many[At].Cancelled = At % 3 == 0;
        if (Many[At].Cancelled)
            EXPECT_TRUE(KeCancelTimer(&Many[At].Timer));
        else
            Expected++;
    }
    KeLowerIrql(OldIrql);
    KeDelayExecutionThread(KernelMode, FALSE, &Long);
    EXPECT_EQ(ManyFired, Expected);
    EXPECT_EQ(ManyMisordered, 0);
    for (ULONG At = 0; At < MANY; At++) {
        EXPECT_EQ(Many[At].Fired == 0, Many[At].Cancelled);
        if (Many[At].Cancelled)
            continue;
        EXPECT_GE(Many[At].Fired, Many[At].Due);
        if (KtestVirtualTime())
            EXPECT_LE(Many[At].Fired, Many[At].Due + 1000);
    }
    KeRevertToUserAffinityThread();
}

TEST(ke_timer, burst_at_one_due_time_fires_all)
{
    LARGE_INTEGER Due;

    ManyFired = 0;
    memset(Many, 0, sizeof Many);
    KeQuerySystemTimePrecise(&Due);
    Due.QuadPart += 50 * MILLISECOND;
    KeSetSystemAffinityThread(1);
    for (ULONG At = 0; At < MANY; At++) {
        KeInitializeTimer(&Many[At].Timer);
        KeInitializeDpc(&Many[At].Dpc, NoteFired, (PVOID)(ULONG_PTR)At);
        KeSetTimer(&Many[At].Timer, Due, &Many[At].Dpc);
    }
    for (int Round = 0; Round < 3000 && ManyFired < MANY; Round++) {
        LARGE_INTEGER Step = In(10 * MILLISECOND);

        KeDelayExecutionThread(KernelMode, FALSE, &Step);
    }
    EXPECT_EQ(ManyFired, MANY);
    KeRevertToUserAffinityThread();
}

TEST(ke_timer, extreme_due_times_stay_queued)
{
    static const LONGLONG Due[] = { MAXLONG * 10000ll, 0x7FFFFFFFFFFFFFFFll, -0x7FFFFFFFFFFFFFFFll };

    for (ULONG At = 0; At < RTL_NUMBER_OF(Due); At++) {
        LARGE_INTEGER Time = { .QuadPart = Due[At] };
        KTIMER Timer;

        if (At == 0) {                  /* just ahead of now, as an absolute time */
            KeQuerySystemTimePrecise(&Time);
            Time.QuadPart += Due[0];
        }
        KeInitializeTimer(&Timer);
        EXPECT_FALSE(KeSetTimer(&Timer, Time, NULL));
        EXPECT_EQ(WaitFor(&Timer, MILLISECOND), STATUS_TIMEOUT);
        EXPECT_TRUE(KeCancelTimer(&Timer));
    }
}

/* An idle processor whose first timer is due in thousands of years sleeps meanwhile. Both are tried: on one of them the
 * runner's watch over this test may be the first. One that takes its clock for due all the time has an interrupt every
 * few microseconds; a sleep that a busy host stretches has a few ticks. */
enum { FEW = 1000 };

static void SleepBeside(LONGLONG Due, KAFFINITY Idle)
{
    LARGE_INTEGER Interval = { .QuadPart = -200 * MILLISECOND }, Time = { .QuadPart = Due };
    ULONG64 Interrupts;
    KTIMER Timer;

    KeInitializeTimer(&Timer);
    KeSetSystemAffinityThread(Idle);
    EXPECT_FALSE(KeSetTimer(&Timer, Time, NULL));
    EXPECT_EQ(1ull << KeGetCurrentProcessorNumber(), Idle);
    Interrupts = ARCH_THIS_CPU->InterruptCount;
    KeSetSystemAffinityThread(Idle ^ 3);
    KeDelayExecutionThread(KernelMode, FALSE, &Interval);
    KeSetSystemAffinityThread(Idle);
    EXPECT_EQ(1ull << KeGetCurrentProcessorNumber(), Idle);
    EXPECT_LT(ARCH_THIS_CPU->InterruptCount - Interrupts, FEW);
    EXPECT_TRUE(KeCancelTimer(&Timer));
}

TEST(ke_timer, extreme_due_time_does_not_keep_a_processor_awake)
{
    static const LONGLONG Due[] = { 0x7FFFFFFFFFFFFFFFll, -0x7FFFFFFFFFFFFFFFll - 1, -0x1000000000000000ll };

    if (KeQueryActiveProcessorCount(NULL) == 1) {
        KtestSkip("one processor");
        return;
    }
    for (ULONG At = 0; At < RTL_NUMBER_OF(Due); At++) {
        SleepBeside(Due[At], 1);
        SleepBeside(Due[At], 2);
    }
    KeRevertToUserAffinityThread();
}

static volatile LONG Gone;

static VOID TakeAway(PKDPC Dpc, PVOID Timer, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    memset(Timer, 0x55, sizeof(KTIMER));
    Gone = TRUE;
}

/* A one-shot's routine may free the timer, and it runs before KeSetTimer returns when the time has passed already. */
TEST(ke_timer, is_not_written_to_after_its_dpc)
{
    LARGE_INTEGER AtOnce = { .QuadPart = 0 };
    static UCHAR Memory[sizeof(KTIMER)] __attribute__((aligned(16)));
    KDPC Dpc;

    Gone = FALSE;
    KeInitializeTimer((PKTIMER)Memory);
    KeInitializeDpc(&Dpc, TakeAway, Memory);
    EXPECT_FALSE(KeSetTimer((PKTIMER)Memory, AtOnce, &Dpc));
    KtestWaitFor(&Gone);
    for (ULONG At = 0; At < sizeof Memory; At++)
        EXPECT_EQ(Memory[At], 0x55);
}
