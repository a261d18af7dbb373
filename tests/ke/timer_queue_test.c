/* timer_queue_test.c - many timers at a time: their order, and what may come in between when they are moved. */
#include <arch/arch.h>
#include <ke/clock.h>
#include <ke/dpc.h>
#include <ke/event.h>
#include <ke/irql.h>
#include <ke/thread.h>
#include <ke/timer.h>
#include <ktest.h>
#include <rtl/status.h>
#include <rtl/status.h>
#include <rtl/string.h>

enum { MILLISECOND = 10000, CROWD = 1000, MOMENTS = 5 };

#define HOUR (3600000ll * MILLISECOND)

static struct { KTIMER Timer; KDPC Dpc; volatile LONG Fired; LONG Place; BOOLEAN Cancelled; } Crowd[CROWD];
static volatile LONG Fired;

static ULONG64 Now(void)
{
    ULONG64 Counter;

    return KeQueryInterruptTimePrecise(&Counter);
}

static LARGE_INTEGER In(LONGLONG Units) { return (LARGE_INTEGER){ .QuadPart = -Units }; }

static VOID NotePlace(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    ULONG_PTR At = (ULONG_PTR)Context;

    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    EXPECT_GE(Now(), Crowd[At].Timer.DueTime);
    Crowd[At].Fired++;
    Crowd[At].Place = Fired++;
}

static void InitializeCrowd(void)
{
    memset(Crowd, 0x55, sizeof Crowd);
    Fired = 0;
    for (ULONG At = 0; At < CROWD; At++) {
        KeInitializeTimer(&Crowd[At].Timer);
        KeInitializeDpc(&Crowd[At].Dpc, NotePlace, (PVOID)(ULONG_PTR)At);
        Crowd[At].Fired = 0;
        Crowd[At].Place = -1;
        Crowd[At].Cancelled = FALSE;
    }
}

static void Sleep(LONGLONG Units)
{
    LARGE_INTEGER Interval = In(Units);

    KeDelayExecutionThread(KernelMode, FALSE, &Interval);
}

/* Who was due before who, and if at the same time who was set first. */
static void ExpectOrder(const ULONG *SetAs)
{
    LONG Wrong = 0;

    for (ULONG A = 0; A < CROWD; A++)
        for (ULONG B = A % 7; B < CROWD; B += 7) {
            ULONG64 DueA = Crowd[A].Timer.DueTime, DueB = Crowd[B].Timer.DueTime;

            if (DueA < DueB || (DueA == DueB && SetAs[A] < SetAs[B]))
                Wrong += Crowd[A].Place >= Crowd[B].Place;
        }
    EXPECT_EQ(Wrong, 0);
}

/* A thousand at five moments, which lie in one slot at first and partly one step apart: set in turns and at different
 * times, a part of them again. More than one turn of the queue's lock moves, several times over. */
TEST(ke_timer, those_of_one_due_time_fire_in_the_order_of_setting)
{
    static const LONGLONG Offsets[MOMENTS] = { 3 * MILLISECOND, 0, 1, 3 * MILLISECOND + 64, 700 };
    static ULONG SetAs[CROWD];
    LARGE_INTEGER Start, Due;
    ULONG Turn = 0;

    InitializeCrowd();
    KeSetSystemAffinityThread(1);
    KeQuerySystemTimePrecise(&Start);
    for (ULONG Pass = 0; Pass < 3; Pass++) {
        for (ULONG At = Pass == 2 ? 0 : Pass; At < CROWD; At += Pass == 2 ? 9 : 2) {
            Due.QuadPart = Start.QuadPart + 900 * MILLISECOND + Offsets[At % MOMENTS];
            EXPECT_EQ(KeSetTimer(&Crowd[At].Timer, Due, &Crowd[At].Dpc), Pass == 2);
            SetAs[At] = Turn++;
        }
        Sleep(70 * MILLISECOND);        /* the queue goes on in time: the next ones may be set at another level */
    }
    for (int Round = 0; Round < 3000 && Fired < CROWD; Round++)
        Sleep(10 * MILLISECOND);
    EXPECT_EQ(Fired, CROWD);
    for (ULONG At = 0; At < CROWD; At++)
        EXPECT_EQ(Crowd[At].Fired, 1);
    ExpectOrder(SetAs);
    KeRevertToUserAffinityThread();
}

/* One expiry does not take those along that come due shortly after it (NotePlace). */
TEST(ke_timer, neighbours_in_time_fire_each_at_its_own_time)
{
    static const LONGLONG Offsets[] = { 95, 0, 47, 23, 1, 11, 5, 2 };

    InitializeCrowd();
    KeSetSystemAffinityThread(1);
    for (ULONG At = 0; At < RTL_NUMBER_OF(Offsets); At++) {
        LARGE_INTEGER Due;

        KeQuerySystemTimePrecise(&Due);
        for (ULONG Twin = 0; Twin < 2; Twin++) {
            LARGE_INTEGER Time = { .QuadPart = Due.QuadPart + MILLISECOND + Twin * Offsets[At] };

            KeSetTimer(&Crowd[2 * At + Twin].Timer, Time, &Crowd[2 * At + Twin].Dpc);
        }
        KtestWaitFor(&Crowd[2 * At].Fired);
        KtestWaitFor(&Crowd[2 * At + 1].Fired);
    }
    KeRevertToUserAffinityThread();
}

/* ---- A processor that does not idle is interrupted for the first timer ---- */

static void SpinUntil(volatile LONG *Flag)
{
    ULONG64 End = Now() + 30000ull * MILLISECOND;

    while (!*Flag && Now() < End)
        ;
    EXPECT_TRUE(*Flag);
}

TEST(ke_timer, fires_while_its_processor_is_busy)
{
    ULONG64 Due;

    InitializeCrowd();
    KeSetSystemAffinityThread(1);
    for (ULONG At = 0; At < 3; At++) {
        KeSetTimer(&Crowd[At].Timer, In(MILLISECOND), &Crowd[At].Dpc);
        Due = Crowd[At].Timer.DueTime;
        SpinUntil(&Crowd[At].Fired);
        if (KtestVirtualTime())         /* not with the next tick, which is up to 15 ms away */
            EXPECT_LE(Now(), Due + 1000);
    }
    KeRevertToUserAffinityThread();
}

static volatile LONG TimedOut;

static VOID WaitShortly(PVOID Never)
{
    LARGE_INTEGER Timeout = In(MILLISECOND);
    ULONG64 Begin = Now();

    EXPECT_EQ(KeWaitForSingleObject(Never, Executive, KernelMode, FALSE, &Timeout), STATUS_TIMEOUT);
    if (KtestVirtualTime())
        EXPECT_LE(Now(), Begin + MILLISECOND + 1000);
    TimedOut = TRUE;
}

TEST(ke_timer, timeout_ends_while_its_processor_is_busy)
{
    PKTHREAD Thread;
    KEVENT Never;

    TimedOut = FALSE;
    KeInitializeEvent(&Never, NotificationEvent, FALSE);
    KeSetSystemAffinityThread(1);
    Thread = KtestThread(WaitShortly, &Never, 12);
    SpinUntil(&TimedOut);
    KtestJoin(Thread);
    KeRevertToUserAffinityThread();
}

/* ---- A timer's DPC among others ---- */

static void StallPast(ULONG64 Due)
{
    while (Now() < Due + MILLISECOND)
        KeStallExecutionProcessor(100);
}

/* The timer comes due while its processor is held up; what was queued there meanwhile, and before, goes first. */
TEST(ke_timer, its_dpc_does_not_overtake_one_that_was_queued_first)
{
    KIRQL OldIrql;

    InitializeCrowd();
    KeSetSystemAffinityThread(1);
    for (ULONG Round = 0; Round < 2; Round++) {
        Fired = 0;
        OldIrql = KeRaiseIrqlToDpcLevel();
        KeSetTimer(&Crowd[0].Timer, In(MILLISECOND), &Crowd[0].Dpc);
        KeSetTimer(&Crowd[1].Timer, In(MILLISECOND + 3), &Crowd[1].Dpc);
        if (Round == 0)
            KeInsertQueueDpc(&Crowd[2].Dpc, NULL, NULL);
        StallPast(Crowd[1].Timer.DueTime);
        KeInsertQueueDpc(&Crowd[3].Dpc, NULL, NULL);
        KeLowerIrql(OldIrql);
        KtestWaitFor(&Crowd[1].Fired);
        KeFlushQueuedDpcs();
        EXPECT_EQ(Fired, Round == 0 ? 4 : 3);
        if (Round == 0)
            EXPECT_EQ(Crowd[2].Place, 0);
        EXPECT_LT(Crowd[3].Place, Crowd[0].Place);
        EXPECT_LT(Crowd[0].Place, Crowd[1].Place);
        Crowd[1].Fired = 0;
    }
    KeRevertToUserAffinityThread();
}

static volatile LONG Queued, Release;

static VOID QueueAndHold(PVOID Dpc)
{
    KIRQL OldIrql;

    KeSetSystemAffinityThread(2);
    OldIrql = KeRaiseIrqlToDpcLevel();
    KeInsertQueueDpc(Dpc, NULL, NULL);
    Queued = TRUE;
    while (!Release)
        ArchPause();
    KeLowerIrql(OldIrql);
    KeRevertToUserAffinityThread();
}

/* One that waits in another processor's queue is not run here as well: it is queued, and an expiry adds nothing. */
TEST(ke_timer, a_dpc_that_another_processor_has_queued_runs_once)
{
    PKTHREAD Thread;

    if (KeQueryActiveProcessorCount(NULL) == 1) {
        KtestSkip("one processor");
        return;
    }
    InitializeCrowd();
    Queued = Release = FALSE;
    KeSetSystemAffinityThread(1);
    Thread = KtestThread(QueueAndHold, &Crowd[0].Dpc, 9);
    KtestWaitFor(&Queued);
    KeSetTimer(&Crowd[0].Timer, In(MILLISECOND), &Crowd[0].Dpc);
    while (!KeReadStateTimer(&Crowd[0].Timer))          /* nobody waits for it: it is its DPC's alone */
        Sleep(MILLISECOND);
    EXPECT_EQ(Fired, 0);
    Release = TRUE;
    KtestJoin(Thread);
    KeFlushQueuedDpcs();
    EXPECT_EQ(Fired, 1);
    KeRevertToUserAffinityThread();
}

/* ---- Another processor takes timers out, or sets them anew, while they are dealt out and expire ---- */

static KEVENT Start;                   /* waited for: a processor that spins takes minutes in virtual time */

static VOID CancelSome(PVOID Context)
{
    ULONG Step = *(ULONG *)Context;

    KeSetSystemAffinityThread(2);
    KeWaitForSingleObject(&Start, Executive, KernelMode, FALSE, NULL);
    for (ULONG At = CROWD; At-- > 0;)
        if (At % Step == 0)
            Crowd[At].Cancelled = KeCancelTimer(&Crowd[At].Timer);
    KeRevertToUserAffinityThread();
}

static void Meet(ULONG Step, LONGLONG Spread)
{
    PKTHREAD Thread;
    LONG Wrong = 0;

    InitializeCrowd();
    KeInitializeEvent(&Start, NotificationEvent, FALSE);
    Thread = KtestThread(CancelSome, &Step, 9);
    for (ULONG At = 0; At < CROWD; At++) {
        LARGE_INTEGER Due = In(40 * MILLISECOND + (LONGLONG)At * Spread);

        KeSetTimer(&Crowd[At].Timer, Due, &Crowd[At].Dpc);
    }
    Sleep(39 * MILLISECOND + Step * 200);
    KeSetEvent(&Start, 0, FALSE);
    KtestJoin(Thread);
    for (ULONG At = 0; At < CROWD; At++)
        if (!Crowd[At].Cancelled)
            KtestWaitFor(&Crowd[At].Fired);
    Sleep(MILLISECOND);
    for (ULONG At = 0; At < CROWD; At++)
        Wrong += Crowd[At].Fired != !Crowd[At].Cancelled;
    EXPECT_EQ(Wrong, 0);
}

TEST(ke_timer, cancelled_from_another_processor_while_a_crowd_comes_due)
{
    if (KeQueryActiveProcessorCount(NULL) == 1) {
        KtestSkip("one processor");
        return;
    }
    KeSetSystemAffinityThread(1);
    for (ULONG Step = 1; Step <= 5; Step++) {
        Meet(Step, 0);
        Meet(Step, 1);
        Meet(Step, 13);
    }
    KeRevertToUserAffinityThread();
}

/* Hundreds of absolute timers follow the system time forth and back, and the relative ones among them do not; each
 * slot has more of them than one turn of the lock moves. */
TEST(ke_timer, a_crowd_follows_the_system_time)
{
    LARGE_INTEGER First, Due, Time, Old;
    LONG Absolute = 0, Misplaced = 0;
    ULONG64 Begin = Now();

    InitializeCrowd();
    KeSetSystemAffinityThread(1);
    KeQuerySystemTimePrecise(&First);
    for (ULONG At = 0; At < CROWD; At++) {
        Due = At % 3 == 0 ? In(2 * HOUR) : (LARGE_INTEGER){ .QuadPart = First.QuadPart + 2 * HOUR + At % 3 };
        KeSetTimer(&Crowd[At].Timer, Due, &Crowd[At].Dpc);
        Absolute += At % 3 != 0;
    }
    Time.QuadPart = First.QuadPart - HOUR;
    KeSetSystemTime(&Time, &Old);
    EXPECT_EQ(Fired, 0);
    Time.QuadPart = First.QuadPart + 2 * HOUR - 50 * MILLISECOND;
    KeSetSystemTime(&Time, &Old);
    if (KtestVirtualTime())
        EXPECT_EQ(Fired, 0);
    for (int Round = 0; Round < 3000 && Fired < Absolute; Round++)
        Sleep(10 * MILLISECOND);
    EXPECT_EQ(Fired, Absolute);
    for (ULONG At = 0; At < CROWD; At++) {
        EXPECT_EQ(Crowd[At].Fired, At % 3 != 0);
        EXPECT_EQ(KeCancelTimer(&Crowd[At].Timer), At % 3 == 0);
        if (At >= 3 && At % 3 != 0)     /* all of one moment in their order, and the moments in theirs */
            Misplaced += Crowd[At].Place <= Crowd[At - 3].Place;
    }
    EXPECT_EQ(Misplaced, 0);
    EXPECT_LT(Crowd[CROWD - 3].Place, Crowd[2].Place);
    Time.QuadPart = First.QuadPart + (LONGLONG)(Now() - Begin);
    KeSetSystemTime(&Time, &Old);
    KeRevertToUserAffinityThread();
}

/* ---- Timers that may be late ---- */

/* covers KeSetCoalescableTimer.1 */
TEST(ke_timer, coalescable_timer_comes_within_its_tolerance)
{
    enum { FIRST = 20, PERIOD = 30, TOLERANCE = 5, TIMES = 4 };
    LARGE_INTEGER Patience = In(HOUR);
    ULONG64 Start, Due;
    KTIMER Timer;

    InitializeCrowd();
    memset(&Timer, 0x55, sizeof Timer);
    KeInitializeTimerEx(&Timer, SynchronizationTimer);
    Crowd[0].Timer.DueTime = 0;
    Start = Now();
    EXPECT_FALSE(KeSetCoalescableTimer(&Timer, In(FIRST * MILLISECOND), PERIOD, TOLERANCE, &Crowd[0].Dpc));
    Due = Timer.DueTime;
    EXPECT_GE(Due, Start + FIRST * MILLISECOND);
    for (int At = 0; At < TIMES; At++, Due += PERIOD * MILLISECOND) {
        EXPECT_EQ(KeWaitForSingleObject(&Timer, Executive, KernelMode, FALSE, &Patience), STATUS_SUCCESS);
        EXPECT_GE(Now(), Due);
        if (KtestVirtualTime())
            EXPECT_LE(Now(), Due + TOLERANCE * MILLISECOND);
    }
    EXPECT_TRUE(KeSetCoalescableTimer(&Timer, In(MILLISECOND), 0, HOUR / MILLISECOND, NULL));
    EXPECT_EQ(KeWaitForSingleObject(&Timer, Executive, KernelMode, FALSE, &Patience), STATUS_SUCCESS);
    KeFlushQueuedDpcs();
    EXPECT_GE(Crowd[0].Fired, KtestVirtualTime() ? TIMES : 1);
    EXPECT_FALSE(KeCancelTimer(&Timer));
}
