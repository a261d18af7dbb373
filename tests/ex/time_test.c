/* time_test.c - the time zone's time: east and west of Greenwich, and where there is no bias; shorter ticks on request.
 * */
#include <arch/arch.h>
#include <ex/time.h>
#include <ke/clock.h>
#include <ke/event.h>
#include <ke/irql.h>
#include <ke/processor.h>
#include <ke/thread.h>
#include <ktest.h>

TEST(ex_time, local_time_is_system_time_less_the_bias)
{
    static const LONGLONG Biases[] = { 0, -36000000000, 5 * 36000000000, -150 * 600000000ll };
    LONGLONG Before = *(volatile LONGLONG *)&SharedUserData->TimeZoneBias;

    for (ULONG Row = 0; Row < RTL_NUMBER_OF(Biases); Row++) {
        LARGE_INTEGER System = { .QuadPart = 0x01DA000000000000 }, Local = { .QuadPart = -1 }, Again;

        *(volatile LONGLONG *)&SharedUserData->TimeZoneBias = Biases[Row];
        ExSystemTimeToLocalTime(&System, &Local);
        EXPECT_EQ(Local.QuadPart, System.QuadPart - Biases[Row]);
        ExLocalTimeToSystemTime(&Local, &Again);
        EXPECT_EQ(Again.QuadPart, System.QuadPart);
        ExLocalTimeToSystemTime(&Local, &Local);                /* in place */
        EXPECT_EQ(Local.QuadPart, System.QuadPart);
    }
    *(volatile LONGLONG *)&SharedUserData->TimeZoneBias = Before;
}

/* ---- The clock's interval ---- */

enum { USUAL = 156250, SHORTEST = 10000, SLACK = 1000 };

static ULONG64 Now(void)
{
    ULONG64 Counter;

    return KeQueryInterruptTimePrecise(&Counter);
}

/* This thread runs for Span: by how much does the page that drivers read go on at most, at once? */
static ULONG64 LongestStep(ULONG64 Span)
{
    ULONG64 End = Now() + Span, Seen = KeQueryInterruptTime(), Longest = 0;

    while (Now() < End) {
        ULONG64 Page = KeQueryInterruptTime();

        Longest = Page - Seen > Longest ? Page - Seen : Longest;
        Seen = Page;
    }
    return Longest;
}

static ULONG CurrentInterval(void)
{
    ULONG Maximum = 0x55555555, Minimum = 0x55555555, Current = 0x55555555;

    ExQueryTimerResolution(&Maximum, &Minimum, &Current);
    EXPECT_EQ(Maximum, KeQueryTimeIncrement());
    EXPECT_EQ(Minimum, SHORTEST);
    return Current;
}

/* covers ExSetTimerResolution.2, ExSetTimerResolution.3, ExQueryTimerResolution.1 */
TEST(ex_time, requests_for_shorter_ticks_are_counted)
{
    KIRQL OldIrql;

    EXPECT_EQ(CurrentInterval(), USUAL);
    EXPECT_EQ(ExSetTimerResolution(SHORTEST, FALSE), USUAL);            /* nothing to take back */
    EXPECT_EQ(ExSetTimerResolution(2 * USUAL, TRUE), USUAL);            /* one */
    EXPECT_EQ(ExSetTimerResolution(50000, TRUE), 50000);
    EXPECT_EQ(CurrentInterval(), 50000);
    EXPECT_EQ(ExSetTimerResolution(60000, TRUE), 50000);                /* no longer again */
    EXPECT_EQ(ExSetTimerResolution(1, TRUE), SHORTEST);                 /* four */
    EXPECT_EQ(ExSetTimerResolution(0, TRUE), SHORTEST);
    EXPECT_EQ(ExSetTimerResolution(0, FALSE), SHORTEST);
    KeRaiseIrql(APC_LEVEL, &OldIrql);
    for (int Left = 3; Left > 0; Left--)
        EXPECT_EQ(ExSetTimerResolution(0, FALSE), SHORTEST);
    EXPECT_EQ(CurrentInterval(), SHORTEST);
    EXPECT_EQ(ExSetTimerResolution(0, FALSE), USUAL);
    EXPECT_EQ(KeGetCurrentIrql(), APC_LEVEL);
    KeRaiseIrql(HIGH_LEVEL, &OldIrql);
    EXPECT_EQ(CurrentInterval(), USUAL);
    KeLowerIrql(PASSIVE_LEVEL);
}

/* covers ExSetTimerResolution.1, ExSetTimerResolution.3, ExSetTimerResolution.4 */
TEST(ex_time, page_goes_on_with_each_tick)
{
    ULONG User, Ran;

    if (!KtestVirtualTime()) {
        KtestSkip("a host that runs other things in between makes ticks late");
        return;
    }
    EXPECT_GE(LongestStep(3 * USUAL), USUAL / 2);
    ExSetTimerResolution(SHORTEST, TRUE);
    EXPECT_LE(LongestStep(10 * SHORTEST), SHORTEST + SLACK);
    EXPECT_EQ(KeQueryTimeIncrement(), USUAL);
    Ran = KeQueryRuntimeThread(KeGetCurrentThread(), &User);
    EXPECT_GE(LongestStep(10 * USUAL), SHORTEST - SLACK);
    Ran = KeQueryRuntimeThread(KeGetCurrentThread(), &User) - Ran;
    EXPECT_GE(Ran, 9);
    EXPECT_LE(Ran, 11);
    ExSetTimerResolution(0, FALSE);
    EXPECT_GE(LongestStep(3 * USUAL), USUAL / 2);
}

typedef struct _WATCH { volatile LONG Runs, Go; ULONG64 Longest; } WATCH;

static VOID WatchThere(PVOID Context)
{
    WATCH *Watch = Context;

    KeSetSystemAffinityThread(2);
    Watch->Runs = 1;
    while (!Watch->Go)
        ArchPause();
    Watch->Longest = LongestStep(10 * SHORTEST);
}

/* covers ExSetTimerResolution.1 */
TEST(ex_time, processor_that_runs_a_thread_already_follows)
{
    WATCH Watch = { 0 };
    PKTHREAD Thread;

    if (!KtestVirtualTime() || KeQueryActiveProcessorCount(NULL) < 2) {
        KtestSkip("needs two processors in virtual time");
        return;
    }
    KeSetSystemAffinityThread(1);
    Thread = KtestThread(WatchThere, &Watch, 8);
    KtestWaitFor(&Watch.Runs);
    ExSetTimerResolution(SHORTEST, TRUE);
    Watch.Go = 1;
    KtestJoin(Thread);
    EXPECT_GE(Watch.Longest, SHORTEST - SLACK);
    EXPECT_LE(Watch.Longest, SHORTEST + SLACK);
    EXPECT_EQ(ExSetTimerResolution(0, FALSE), USUAL);
    KeRevertToUserAffinityThread();
}
