/* clock_test.c - the time that drivers read, by call and by inline. */
#include <arch/arch.h>
#include <ke/clock.h>
#include <ke/init.h>
#include <ke/event.h>
#include <ke/irql.h>
#include <ke/thread.h>
#include <ke/timer.h>
#include <ktest.h>
#include <rtl/status.h>

enum { MILLISECOND = 10000 };
#define YEAR_30827 0x7FFF35F4F06C7FFFll

/* What the inlines of the DDK read. */
static ULONG64 InlineInterruptTime(void) { return *(volatile ULONG64 *)0xFFFFF78000000008ull; }
static ULONG64 InlineSystemTime(void) { return *(volatile ULONG64 *)0xFFFFF78000000014ull; }
static ULONG64 InlineTickCount(void) { return *(volatile ULONG64 *)0xFFFFF78000000320ull; }

TEST(ke_clock, pcr_fields_that_inlines_load)
{
    KIRQL OldIrql = KeRaiseIrqlToDpcLevel();
    ULONG64 Self, Prcb, Thread;
    USHORT Number;

    __asm__ volatile("movq %%gs:0x18, %0" : "=r"(Self));
    __asm__ volatile("movq %%gs:0x20, %0" : "=r"(Prcb));
    __asm__ volatile("movq %%gs:0x188, %0" : "=r"(Thread));
    __asm__ volatile("movw %%gs:0x184, %0" : "=r"(Number));
    EXPECT_EQ(Prcb, Self + 0x180);
    EXPECT_EQ(Thread, (ULONG64)KeGetCurrentThread());
    EXPECT_EQ(Number, KeGetCurrentProcessorNumber());
    EXPECT_EQ(*(USHORT *)(Self + 0x60), 1);
    EXPECT_EQ(*(USHORT *)(Self + 0x62), 1);
    KeLowerIrql(OldIrql);
}

TEST(ke_clock, page_follows_time)
{
    LARGE_INTEGER Interval = { .QuadPart = -200 * MILLISECOND }, Time;
    ULONG64 Interrupt = InlineInterruptTime(), System = InlineSystemTime(), Ticks = InlineTickCount();

    KeDelayExecutionThread(KernelMode, FALSE, &Interval);
    EXPECT_GE(InlineInterruptTime() - Interrupt, 190 * MILLISECOND);
    EXPECT_GE(InlineSystemTime() - System, 190 * MILLISECOND);
    EXPECT_GE(InlineTickCount() - Ticks, 200ull * MILLISECOND / KeQueryTimeIncrement() - 1);
    EXPECT_GE(KeQueryInterruptTime(), Interrupt);
    KeQuerySystemTime(&Time);
    EXPECT_GE(Time.QuadPart, (LONGLONG)System);
    /* From this project's first year on, to the year 2100. */
    EXPECT_GT(Time.QuadPart, 134000000000000000ll);
    EXPECT_LT(Time.QuadPart, 157400000000000000ll);
}

/* A tick is what KeQueryTimeIncrement says, and the count of them is the interrupt time's. */
TEST(ke_clock, tick_count_is_the_interrupt_time_in_increments)
{
    LARGE_INTEGER Interval = { .QuadPart = -300 * MILLISECOND };

    for (int Look = 0; Look < 3; Look++) {
        LARGE_INTEGER Before, After;
        ULONG64 Time;

        KeQueryTickCount(&Before);
        Time = KeQueryInterruptTime();
        KeQueryTickCount(&After);
        EXPECT_GE(Time / KeQueryTimeIncrement() + 1, (ULONG64)Before.QuadPart);     /* the count goes first */
        EXPECT_LE(Time / KeQueryTimeIncrement(), (ULONG64)After.QuadPart);
        EXPECT_LE((ULONG64)After.QuadPart, InlineTickCount());
        KeDelayExecutionThread(KernelMode, FALSE, &Interval);
    }
}

/* Without any call into the kernel a busy thread sees the time go on; its processor has just idled, without a tick. */
TEST(ke_clock, page_moves_under_a_busy_thread)
{
    LARGE_INTEGER Moment = { .QuadPart = -MILLISECOND };
    ULONG64 Ticks, Start;

    KeDelayExecutionThread(KernelMode, FALSE, &Moment);
    Ticks = InlineTickCount();
    Start = ArchReadCounter();
    while (InlineTickCount() < Ticks + 3 && ArchReadCounter() - Start < 30 * ArchCounterFrequency())
        ;
    EXPECT_GE(InlineTickCount(), Ticks + 3);
}

/* Nor do a raised IRQL and a quantum that is over stop the time that is read. */
TEST(ke_clock, page_moves_at_dispatch_level)
{
    KIRQL OldIrql = KeRaiseIrqlToDpcLevel();
    ULONG64 Ticks = InlineTickCount(), Start = ArchReadCounter();

    while (InlineTickCount() < Ticks + 6 && ArchReadCounter() - Start < 30 * ArchCounterFrequency())
        ;
    EXPECT_GE(InlineTickCount(), Ticks + 6);
    KeLowerIrql(OldIrql);
}

static volatile LONG TimesMoved;

static VOID WatchTicks(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    ULONG64 Ticks = InlineTickCount(), Start = ArchReadCounter();

    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    while (InlineTickCount() < Ticks + 3 && ArchReadCounter() - Start < ArchCounterFrequency())
        ;
    *(LONG *)Context += InlineTickCount() >= Ticks + 3;
    TimesMoved++;
}

/* Nor does a DPC routine that the clock's own interrupt runs, or one on an idle processor, which has no tick. */
TEST(ke_clock, page_moves_in_a_dpc_of_an_idle_processor)
{
    LARGE_INTEGER Soon = { .QuadPart = -10000 };
    LONG Moved = 0;
    KTIMER Timer;
    KDPC Dpc;

    TimesMoved = 0;
    KeInitializeDpc(&Dpc, WatchTicks, &Moved);
    KeInitializeTimer(&Timer);
    KeSetTimer(&Timer, Soon, &Dpc);
    KtestWaitFor(&TimesMoved);
    KeSetTargetProcessorDpc(&Dpc, (CCHAR)(KeQueryActiveProcessorCount(NULL) - 1));
    KeInsertQueueDpc(&Dpc, NULL, NULL);
    while (TimesMoved < 2)
        KeDelayExecutionThread(KernelMode, FALSE, &Soon);
    EXPECT_EQ(Moved, 2);
}

static ULONG64 WokenAt;

static VOID SleepToAnHourFromNow(PVOID Context)
{
    LARGE_INTEGER Hour;
    ULONG64 Counter;

    KeSetSystemAffinityThread(2);
    KeQuerySystemTimePrecise(&Hour);
    Hour.QuadPart += 36000000000ll;
    KeSetEvent(Context, 0, FALSE);
    KeDelayExecutionThread(KernelMode, FALSE, &Hour);
    WokenAt = KeQueryInterruptTimePrecise(&Counter);
}

static volatile LONG StopSpinning;

static VOID SpinOnTheSecond(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    KeSetSystemAffinityThread(2);
    while (!StopSpinning)
        ;
}

/* The hour is over when the system time says so, also on a busy processor, whose clock is armed for its next tick. */
TEST(ke_clock, setting_the_time_reaches_a_busy_processor)
{
    LARGE_INTEGER Now, Old, Moment = { .QuadPart = -10000 };
    PKTHREAD Thread, Spinner;
    ULONG64 Start, Counter;
    KEVENT Ready;

    if (KeQueryActiveProcessorCount(NULL) == 1 || !KtestVirtualTime()) {
        KtestSkip("two processors and virtual time");
        return;
    }
    KeInitializeEvent(&Ready, NotificationEvent, FALSE);
    KeSetSystemAffinityThread(1);
    Thread = KtestThread(SleepToAnHourFromNow, &Ready, 9);
    KeWaitForSingleObject(&Ready, Executive, KernelMode, FALSE, NULL);
    while (Thread->State != Waiting)
        KeDelayExecutionThread(KernelMode, FALSE, &Moment);
    StopSpinning = 0;
    Spinner = KtestThread(SpinOnTheSecond, NULL, 8);
    KeDelayExecutionThread(KernelMode, FALSE, &Moment);
    KeQuerySystemTimePrecise(&Now);
    Now.QuadPart += 36000000000ll;
    Start = KeQueryInterruptTimePrecise(&Counter);
    KeSetSystemTime(&Now, &Old);
    KtestJoin(Thread);
    StopSpinning = 1;
    KtestJoin(Spinner);
    KeQuerySystemTimePrecise(&Now);
    Now.QuadPart -= 36000000000ll;
    KeSetSystemTime(&Now, &Old);
    KeRevertToUserAffinityThread();
    EXPECT_LT(WokenAt - Start, 2ull * MILLISECOND);
}

/* Interrupts taken so far by each processor. To look is to go there, which costs it one or two. */
static void CountInterrupts(ULONG64 *Counts)
{
    for (ULONG Number = 0; Number < KeQueryActiveProcessorCount(NULL); Number++) {
        KeSetSystemAffinityThread(1ull << Number);
        Counts[Number] = ARCH_THIS_CPU->InterruptCount;
    }
    KeRevertToUserAffinityThread();
}

/* The most interrupts that any processor took while this thread slept. */
static ULONG64 MostInterrupts(LONGLONG Seconds)
{
    LARGE_INTEGER Interval = { .QuadPart = -Seconds * 10000000 };
    ULONG64 Before[64], After[64], Most = 0;

    CountInterrupts(Before);
    KeDelayExecutionThread(KernelMode, FALSE, &Interval);
    CountInterrupts(After);
    for (ULONG Number = 0; Number < KeQueryActiveProcessorCount(NULL); Number++)
        if (After[Number] - Before[Number] > Most)
            Most = After[Number] - Before[Number];
    return Most;
}

/* Many ticks long nobody has anything to do: the interrupt that ends it is taken, and no tick on any processor. FEW is
 * for the looks at the counts. Threads of the system that go after a while without work may come in between, all in
 * the same second; a tick would come in each. */
TEST(ke_clock, no_tick_while_the_machine_idles)
{
    enum { FEW = 12, TICK_SECONDS = 64, ROUNDS = 10 };
    LONGLONG Seconds = KtestVirtualTime() ? 4 : 1;   /* the APIC counts no further in one go */
    ULONG64 Most = MostInterrupts(Seconds);

    for (ULONG Round = 1; Round < ROUNDS && Most > FEW; Round++)
        Most = MostInterrupts(Seconds);
    EXPECT_LE(Most, FEW);
    EXPECT_GT(Seconds * TICK_SECONDS, FEW);
}

/* Trap 52. */
static volatile LONG StopPolling;

static VOID PollTimes(PVOID Context)
{
    ULONG64 System = 0, Interrupt = 0, Ticks = 0;

    UNREFERENCED_PARAMETER(Context);
    while (!StopPolling) {
        ULONG64 NewTicks = InlineTickCount(), NewInterrupt = InlineInterruptTime(), NewSystem = InlineSystemTime();

        if (NewTicks < Ticks || NewInterrupt < Interrupt || NewSystem < System) {
            EXPECT_GE(NewTicks, Ticks);
            EXPECT_GE(NewInterrupt, Interrupt);
            EXPECT_GE(NewSystem, System);
            break;
        }
        Ticks = NewTicks, Interrupt = NewInterrupt, System = NewSystem;
    }
}

/* covers trap 52 */
TEST(ke_clock, times_never_step_back_on_any_processor)
{
    ULONG Processors = KeQueryActiveProcessorCount(NULL);
    LARGE_INTEGER Interval = { .QuadPart = -300 * MILLISECOND };
    PKTHREAD Threads[8];

    Processors = Processors > 8 ? 8 : Processors;
    StopPolling = 0;
    for (ULONG At = 0; At < Processors; At++)
        Threads[At] = KtestThread(PollTimes, NULL, 7);
    KeDelayExecutionThread(KernelMode, FALSE, &Interval);
    StopPolling = 1;
    for (ULONG At = 0; At < Processors; At++)
        KtestJoin(Threads[At]);
}

static volatile LONG64 LastSeen;
static volatile LONG StepsBack;

static VOID PollCounter(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    for (int Round = 0; Round < 20000; Round++) {
        LONG64 Before = __atomic_load_n(&LastSeen, __ATOMIC_SEQ_CST);
        LONG64 Now = KeQueryPerformanceCounter(NULL).QuadPart;

        if (Now < Before)
            __atomic_add_fetch(&StepsBack, 1, __ATOMIC_SEQ_CST);
        while (Now > Before &&
               !__atomic_compare_exchange_n(&LastSeen, &Before, Now, FALSE, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
            ;
    }
}

/* covers KeQueryPerformanceCounter.1 */
TEST(ke_clock, performance_counter_is_monotonic_over_processors)
{
    PKTHREAD Threads[4];
    LARGE_INTEGER First, Second;

    LastSeen = StepsBack = 0;
    for (ULONG At = 0; At < 4; At++)
        Threads[At] = KtestThread(PollCounter, NULL, 8);
    for (ULONG At = 0; At < 4; At++)
        KtestJoin(Threads[At]);
    EXPECT_EQ(StepsBack, 0);
    KeQueryPerformanceCounter(&First);
    KeQueryPerformanceCounter(&Second);
    EXPECT_EQ(First.QuadPart, Second.QuadPart);
    EXPECT_GT(First.QuadPart, 1000000);
}

/* covers KeStallExecutionProcessor.1 */
TEST(ke_clock, stall_takes_at_least_its_time)
{
    static const ULONG Microseconds[] = { 0, 1, 50, 1000 };

    for (ULONG At = 0; At < RTL_NUMBER_OF(Microseconds); At++) {
        LARGE_INTEGER Frequency, Start = KeQueryPerformanceCounter(&Frequency), End;

        KeStallExecutionProcessor(Microseconds[At]);
        End = KeQueryPerformanceCounter(NULL);
        EXPECT_GE((End.QuadPart - Start.QuadPart) * 1000000, Microseconds[At] * Frequency.QuadPart);
    }
}

/* ---- Setting the system time ---- */

static ULONG64 Now(void)
{
    ULONG64 Counter;

    return KeQueryInterruptTimePrecise(&Counter);
}

/* The system time becomes Time. Bias, if not NULL: added to the interrupt time it gives the old one back. */
static void SetSystemTime(LONGLONG Time, LONGLONG *Bias)
{
    LARGE_INTEGER New = { .QuadPart = Time }, Old;
    ULONG64 Before = Now();

    KeSetSystemTime(&New, &Old);
    if (Bias != NULL)
        *Bias = Old.QuadPart - (LONGLONG)Before;
}

static LONGLONG SystemTime(void)
{
    LARGE_INTEGER Time;

    KeQuerySystemTimePrecise(&Time);
    return Time.QuadPart;
}

TEST(ke_clock, system_time_can_be_set_from_1601_to_30827)
{
    static const struct { LONGLONG Set, Expected; } Rows[] = {
        { 0, 0 }, { 1, 1 }, { YEAR_30827, YEAR_30827 }, { 0, 0 }, { 0x7FFFFFFFFFFFFFFFll, YEAR_30827 },
        { -1, 0 }, { -0x7FFFFFFFFFFFFFFFll - 1, 0 },
    };
    LONGLONG Bias;

    SetSystemTime(SystemTime(), &Bias);
    for (ULONG At = 0; At < RTL_NUMBER_OF(Rows); At++) {
        ULONG64 Start = Now();

        SetSystemTime(Rows[At].Set, NULL);
        EXPECT_GE(InlineSystemTime(), (ULONG64)Rows[At].Expected);
        EXPECT_GE(SystemTime(), Rows[At].Expected);
        EXPECT_LE(SystemTime() - Rows[At].Expected, (LONGLONG)(Now() - Start));
    }
    SetSystemTime((LONGLONG)Now() + Bias, NULL);
}

/* No difference of system times brings a timer of the end of time due, nor makes one due that is years ahead. */
TEST(ke_clock, absurd_system_times_leave_far_timers_alone)
{
    static const LONGLONG Due[] = { 0x7FFFFFFFFFFFFFFFll, 0x7FFFFFFFFFFFFFFEll };
    static const LONGLONG Times[] = { 0, YEAR_30827, 0, 1, YEAR_30827, YEAR_30827 - 1 };
    KTIMER Timers[3];
    LONGLONG Bias;

    SetSystemTime(0, &Bias);            /* so that the interrupt time of what is due is even later */
    for (ULONG At = 0; At < RTL_NUMBER_OF(Timers); At++) {
        LARGE_INTEGER Time = { .QuadPart = Due[At % 2] };

        if (At == 2)
            SetSystemTime(YEAR_30827, NULL);
        KeInitializeTimer(&Timers[At]);
        EXPECT_FALSE(KeSetTimer(&Timers[At], Time, NULL));
    }
    for (ULONG Step = 0; Step < RTL_NUMBER_OF(Times); Step++) {
        LARGE_INTEGER Moment = { .QuadPart = -MILLISECOND };

        SetSystemTime(Times[Step], NULL);
        KeDelayExecutionThread(KernelMode, FALSE, &Moment);
        for (ULONG At = 0; At < RTL_NUMBER_OF(Timers); At++)
            EXPECT_FALSE(KeReadStateTimer(&Timers[At]));
    }
    SetSystemTime((LONGLONG)Now() + Bias, NULL);
    for (ULONG At = 0; At < RTL_NUMBER_OF(Timers); At++) {
        EXPECT_FALSE(KeReadStateTimer(&Timers[At]));
        EXPECT_TRUE(KeCancelTimer(&Timers[At]));
    }
}

/* At the beginning of 1601 the difference between the two times is negative. */
TEST(ke_clock, absolute_times_count_right_at_the_beginning_of_time)
{
    LARGE_INTEGER Until = { .QuadPart = 20 * MILLISECOND };
    ULONG64 Start = Now();
    LONGLONG Bias;
    KEVENT Never;

    KeInitializeEvent(&Never, NotificationEvent, FALSE);
    SetSystemTime(0, &Bias);
    EXPECT_EQ(KeWaitForSingleObject(&Never, Executive, KernelMode, FALSE, &Until), STATUS_TIMEOUT);
    EXPECT_GE(Now() - Start, 20 * MILLISECOND);
    if (KtestVirtualTime())
        EXPECT_LE(Now() - Start, 21 * MILLISECOND);
    EXPECT_GE(SystemTime(), Until.QuadPart);
    SetSystemTime((LONGLONG)Now() + Bias, NULL);
}

/* ---- The system time is set while threads with absolute waits go from processor to processor ---- */

enum { JOURNEYS = 60 };
typedef struct _JOURNEY { volatile LONG Stop, Rounds, Early, Wrong; KEVENT Never; } JOURNEY;

/* Each wait is for 3 ms of system time, which jumps 2 ms forth and back meanwhile: it lasts almost 1 ms at least, and
 * ends. */
static VOID Wander(PVOID Context)
{
    KAFFINITY Active = KeQueryActiveProcessors();
    JOURNEY *Journey = Context;

    for (LONG Round = 0; Round < JOURNEYS && KtestHasTime(); Round++) {
        LARGE_INTEGER Until;
        ULONG64 Start;

        KeSetSystemAffinityThread(Round % 2 == 0 ? Active & ~(Active - 1) : 1ull << (63 - __builtin_clzll(Active)));
        Start = Now();
        Until.QuadPart = SystemTime() + 3 * MILLISECOND;
        if (KeWaitForSingleObject(&Journey->Never, Executive, KernelMode, FALSE, &Until) != STATUS_TIMEOUT)
            Journey->Wrong++;
        if (Now() - Start < MILLISECOND / 2)
            Journey->Early++;
        Journey->Rounds++;
    }
    KeRevertToUserAffinityThread();
    Journey->Stop = 1;
}

TEST(ke_clock, set_under_wandering_waits_they_end_and_not_early)
{
    LARGE_INTEGER Step = { .QuadPart = -MILLISECOND / 3 };
    JOURNEY Journeys[3] = { { 0 } };
    PKTHREAD Threads[3];
    LONGLONG Bias, Jump = 0;
    BOOLEAN Stalled = FALSE;

    SetSystemTime(SystemTime(), &Bias);
    for (ULONG At = 0; At < 3; At++) {
        KeInitializeEvent(&Journeys[At].Never, NotificationEvent, FALSE);
        Threads[At] = KtestThread(Wander, &Journeys[At], 9);
    }
    while (!Journeys[0].Stop || !Journeys[1].Stop || !Journeys[2].Stop) {
        ULONG64 Before = Now();

        Jump = 2 * MILLISECOND - Jump;
        SetSystemTime((LONGLONG)Before + Bias + Jump, NULL);
        Stalled |= Now() - Before > MILLISECOND / 4;    /* by the host: so much further back was it set */
        KeDelayExecutionThread(KernelMode, FALSE, &Step);
    }
    SetSystemTime((LONGLONG)Now() + Bias, NULL);
    for (ULONG At = 0; At < 3; At++) {
        KtestJoin(Threads[At]);
        EXPECT_GT(Journeys[At].Rounds, 0);
        EXPECT_EQ(Journeys[At].Wrong, 0);
        if (!Stalled)
            EXPECT_EQ(Journeys[At].Early, 0);
    }
}

/* covers KeQueryUnbiasedInterruptTime.1 */
TEST(ke_clock, unbiased_time_is_the_interrupt_time)
{
    ULONG64 Before, After;
    KIRQL OldIrql;

    for (KIRQL Irql = PASSIVE_LEVEL; Irql <= HIGH_LEVEL; Irql++) {
        KeRaiseIrql(Irql, &OldIrql);
        Before = KeQueryInterruptTime();
        After = KeQueryUnbiasedInterruptTime();
        EXPECT_GE(After, Before);
        EXPECT_LE(After, KeQueryInterruptTime());
        KeLowerIrql(OldIrql);
    }
}
