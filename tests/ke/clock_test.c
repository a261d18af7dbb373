/* clock_test.c - the time that drivers read, by call and by inline. */
#include <arch/arch.h>
#include <ke/clock.h>
#include <ke/init.h>
#include <ke/irql.h>
#include <ke/thread.h>
#include <ktest.h>

enum { MILLISECOND = 10000 };

/* The inlines of contracts.md 1.2. */
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

/* Without any call into the kernel a busy thread sees the time go on. */
TEST(ke_clock, page_moves_under_a_busy_thread)
{
    ULONG64 Ticks = InlineTickCount(), Start = ArchReadCounter();

    while (InlineTickCount() < Ticks + 3 && ArchReadCounter() - Start < ArchCounterFrequency())
        ;
    EXPECT_GE(InlineTickCount(), Ticks + 3);
}

/* Nor do a raised IRQL and a quantum that is over stop the time that is read. */
TEST(ke_clock, page_moves_at_dispatch_level)
{
    KIRQL OldIrql = KeRaiseIrqlToDpcLevel();
    ULONG64 Ticks = InlineTickCount(), Start = ArchReadCounter();

    while (InlineTickCount() < Ticks + 6 && ArchReadCounter() - Start < ArchCounterFrequency())
        ;
    EXPECT_GE(InlineTickCount(), Ticks + 6);
    KeLowerIrql(OldIrql);
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
