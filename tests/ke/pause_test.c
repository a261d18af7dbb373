/* pause_test.c - signals with many waiters: interrupts come in between, and nothing else does.
 *
 * Three processors meet. Processor 0 signals an object that many wait for; processor 1 sends generic calls until one
 * comes in the middle of that, and processor 0 is held there, until a thread of processor 2 has done what the test is
 * about. On fewer processors only the rest is tested. */
#include <arch/arch.h>
#include <ke/apc.h>
#include <ke/dpc.h>
#include <ke/event.h>
#include <ke/ipi.h>
#include <ke/irql.h>
#include <ke/processor.h>
#include <ke/semaphore.h>
#include <ke/thread.h>
#include <ktest.h>
#include <rtl/status.h>
#include <rtl/string.h>

enum { WAITERS = 60, ATTEMPTS = 8, HOLD_ROUNDS = 2000000 };

static union { DISPATCHER_HEADER Header; KEVENT Event; KSEMAPHORE Semaphore; } Object;
static PKTHREAD Waiter[WAITERS], Intruder;
static volatile NTSTATUS Status[WAITERS];
static volatile LONG Ran[WAITERS], RunCount;
static volatile LONG Calls;
static volatile LONG Met, Settled, Over;        /* in the middle; the intruder may be left alone; the signal is over */
static volatile ULONG ClaimedThen;              /* waiters that no longer waited when we met */
static volatile ULONG ClaimedInDpc;             /* the same when a DPC ran that had come in with it */
static KDPC Dpc;
static NTSTATUS IntruderStatus;

static VOID WaitOnce(PVOID Context)
{
    ULONG_PTR At = (ULONG_PTR)Context;

    Status[At] = KeWaitForSingleObject(&Object, Executive, KernelMode, TRUE, NULL);
    Ran[At] = __atomic_add_fetch(&RunCount, 1, __ATOMIC_SEQ_CST);
}

static void StartWaiters(KPRIORITY Priority)
{
    RunCount = 0;
    for (ULONG At = 0; At < WAITERS; At++) {
        Status[At] = STATUS_PENDING;
        Ran[At] = 0;
        Waiter[At] = KtestThread(WaitOnce, (PVOID)(ULONG_PTR)At, Priority);
        KtestWaitBlocked(Waiter[At], &Object);
    }
}

static void JoinWaiters(void)
{
    for (ULONG At = 0; At < WAITERS; At++)
        KtestJoin(Waiter[At]);
}

/* ---- Without company ---- */

/* How a signal of Object is given: by what kind of caller. */
static void SignalAt(KIRQL Level, BOOLEAN Interrupts, KPRIORITY Increment)
{
    ULONG64 Flags = 0;
    KIRQL Irql;

    KeRaiseIrql(Level, &Irql);
    if (!Interrupts)
        Flags = ArchDisableInterrupts();
    if (KeObjectType(&Object.Header) == SemaphoreObject)
        EXPECT_EQ(KeReleaseSemaphore(&Object.Semaphore, Increment, WAITERS, FALSE), 0);
    else
        EXPECT_EQ(KeSetEvent(&Object.Event, Increment, FALSE), 0);
    EXPECT_EQ(KeGetCurrentIrql(), Level);
    EXPECT_EQ(ArchInterruptsAreOn(), Interrupts);
    if (Level == DISPATCH_LEVEL && KeQueryActiveProcessorCount(NULL) == 1)
        EXPECT_EQ(RunCount, 0);
    if (!Interrupts)
        ArchRestoreInterrupts(Flags);
    KeLowerIrql(Irql);
}

static void CheckAllRan(LONG StateAfter)
{
    JoinWaiters();
    for (ULONG At = 0; At < WAITERS; At++)
        EXPECT_EQ(Status[At], STATUS_SUCCESS);
    if (KeQueryActiveProcessorCount(NULL) == 1)
        for (ULONG At = 0; At < WAITERS; At++)
            EXPECT_EQ(Ran[At], (LONG)At + 1);
    EXPECT_EQ(Object.Header.SignalState, StateAfter);
    EXPECT_EQ(Object.Header.WaitListHead.Flink, &Object.Header.WaitListHead);
}

static const struct { KIRQL Irql; BOOLEAN Interrupts; KPRIORITY Increment; } Callers[] = {
    { PASSIVE_LEVEL, TRUE, 0 }, { PASSIVE_LEVEL, TRUE, 1 }, { APC_LEVEL, TRUE, 0 }, { DISPATCH_LEVEL, TRUE, 0 },
    { DISPATCH_LEVEL, TRUE, 1 }, { DISPATCH_LEVEL, FALSE, 0 }, { PASSIVE_LEVEL, FALSE, 1 },
};

TEST(ke_pause, a_set_wakes_many_in_order_whoever_gives_it)
{
    for (ULONG At = 0; At < RTL_NUMBER_OF(Callers); At++) {
        memset(&Object, 0x5A, sizeof Object);
        KeInitializeEvent(&Object.Event, NotificationEvent, FALSE);
        StartWaiters(10);
        SignalAt(Callers[At].Irql, Callers[At].Interrupts, Callers[At].Increment);
        CheckAllRan(1);
    }
}

TEST(ke_pause, a_release_wakes_many_in_order_whoever_gives_it)
{
    for (ULONG At = 0; At < RTL_NUMBER_OF(Callers); At++) {
        memset(&Object, 0x5A, sizeof Object);
        KeInitializeSemaphore(&Object.Semaphore, 0, WAITERS);
        StartWaiters(10);
        SignalAt(Callers[At].Irql, Callers[At].Interrupts, Callers[At].Increment);
        CheckAllRan(0);
    }
}

/* ---- In the middle ---- */

static ULONG CountClaimed(void)
{
    ULONG Claimed = 0;

    for (ULONG At = 0; At < WAITERS; At++)
        Claimed += Waiter[At]->State != Waiting;
    return Claimed;
}

static VOID CountInDpc(PKDPC Self, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Self);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    ClaimedInDpc = CountClaimed();
}

static ULONG_PTR HoldInTheMiddle(ULONG_PTR Argument)
{
    ULONG Claimed;

    UNREFERENCED_PARAMETER(Argument);
    if (KeGetCurrentProcessorNumberEx(NULL) != 0 || Met || Over)
        return 0;
    Claimed = CountClaimed();
    if (Claimed == 0 || Claimed == WAITERS)
        return 0;
    ClaimedThen = Claimed;
    KeInsertQueueDpc(&Dpc, NULL, NULL);
    Met = TRUE;
    for (ULONG Round = 0; Round < HOLD_ROUNDS && !Settled && Intruder->State != Waiting; Round++)
        ArchPause();
    return 0;
}

static VOID SendCalls(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    KeSetSystemAffinityThread(2);
    while (!Met && !Over) {
        KeIpiGenericCall(HoldInTheMiddle, 0);
        Calls++;
    }
}

static VOID Intrude(PVOID Context)
{
    void (*Routine)(void) = Context;

    KeSetSystemAffinityThread(4);
    while (!Met && !Over)
        ArchPause();
    if (Met)
        Routine();
    Settled = TRUE;
}

/* Prepare, signal, and Routine in the middle of it; until they have met. */
static BOOLEAN Meet(void (*Prepare)(void), void (*Signal)(void), void (*Routine)(void))
{
    if (KeQueryActiveProcessorCount(NULL) < 3) {
        KtestSkip("fewer than three processors");
        return FALSE;
    }
    KeSetSystemAffinityThread(1);
    KeInitializeDpc(&Dpc, CountInDpc, NULL);
    ClaimedInDpc = 0;
    Met = FALSE;
    for (ULONG Attempt = 0; Attempt < ATTEMPTS && !Met; Attempt++) {
        PKTHREAD Sender;

        Settled = Over = Calls = FALSE;
        memset(&Object, 0x5A, sizeof Object);
        Prepare();
        StartWaiters(10);
        Intruder = KtestThread(Intrude, (PVOID)Routine, 10);
        Sender = KtestThread(SendCalls, NULL, 10);
        while (Calls < 10)
            ArchPause();
        Signal();
        Over = TRUE;
        KtestJoin(Sender);
        KtestJoin(Intruder);
        if (!Met)
            JoinWaiters();
    }
    KeRevertToUserAffinityThread();
    if (!Met && !KtestVirtualTime()) {
        KtestSkip("no call came in the middle");
        return FALSE;
    }
    REQUIRE_TRUE(Met);
    EXPECT_GT(ClaimedThen, 0);
    EXPECT_LT(ClaimedThen, WAITERS);
    EXPECT_EQ(ClaimedInDpc, WAITERS);
    return TRUE;
}

static void PrepareEvent(void) { KeInitializeEvent(&Object.Event, NotificationEvent, FALSE); }
static void SetEvent(void) { KeSetEvent(&Object.Event, 0, FALSE); }
static void PulseEvent(void) { KePulseEvent(&Object.Event, 0, FALSE); }

static NTSTATUS WaitAWhile(void)
{
    LARGE_INTEGER Timeout = { .QuadPart = -10000ll * 20 };

    return KeWaitForSingleObject(&Object, Executive, KernelMode, FALSE, &Timeout);
}

static void ClearAndWait(void)
{
    KeClearEvent(&Object.Event);
    IntruderStatus = WaitAWhile();
}

/* Who comes after the set is not woken by it when the event has been cleared; all who came before are. */
TEST(ke_pause, a_set_that_is_cleared_in_the_middle_is_for_those_who_came_before)
{
    if (!Meet(PrepareEvent, SetEvent, ClearAndWait))
        return;
    EXPECT_EQ(IntruderStatus, STATUS_TIMEOUT);
    CheckAllRan(0);
}

TEST(ke_pause, a_pulse_ends_cleared)
{
    if (!Meet(PrepareEvent, PulseEvent, ClearAndWait))
        return;
    EXPECT_EQ(IntruderStatus, STATUS_TIMEOUT);
    CheckAllRan(0);
}

static void SetAgain(void)
{
    KeClearEvent(&Object.Event);
    Settled = TRUE;
    EXPECT_EQ(KeSetEvent(&Object.Event, 0, FALSE), 0);
}

/* Two walks through one list, each passing over the other's markers. */
TEST(ke_pause, a_second_set_in_the_middle_finds_the_rest)
{
    if (!Meet(PrepareEvent, SetEvent, SetAgain))
        return;
    CheckAllRan(1);
}

static void AlertLast(void)
{
    EXPECT_TRUE(KeAlertThread(Waiter[WAITERS - 1], KernelMode) == FALSE);
}

TEST(ke_pause, a_wait_that_ends_otherwise_in_the_middle_is_left_alone)
{
    if (!Meet(PrepareEvent, SetEvent, AlertLast))
        return;
    JoinWaiters();
    EXPECT_EQ(Status[WAITERS - 1], STATUS_ALERTED);
    for (ULONG At = 0; At < WAITERS - 1; At++)
        EXPECT_EQ(Status[At], STATUS_SUCCESS);
    EXPECT_EQ(Object.Header.WaitListHead.Flink, &Object.Header.WaitListHead);
}

/* ---- Semaphores ---- */

static void PrepareSemaphore(void) { KeInitializeSemaphore(&Object.Semaphore, 0, WAITERS); }
static void ReleaseForAll(void) { EXPECT_EQ(KeReleaseSemaphore(&Object.Semaphore, 0, WAITERS, FALSE), 0); }

static void TryToTake(void)
{
    LARGE_INTEGER Zero = { .QuadPart = 0 };

    EXPECT_EQ(KeReadStateSemaphore(&Object.Semaphore), 0);
    EXPECT_EQ(KeWaitForSingleObject(&Object, Executive, KernelMode, FALSE, &Zero), STATUS_TIMEOUT);
    IntruderStatus = WaitAWhile();
}

TEST(ke_pause, units_go_to_those_who_were_in_line)
{
    if (!Meet(PrepareSemaphore, ReleaseForAll, TryToTake))
        return;
    EXPECT_EQ(IntruderStatus, STATUS_TIMEOUT);
    CheckAllRan(0);
}

static void AlertAndTake(void)
{
    AlertLast();
    IntruderStatus = WaitAWhile();
}

/* The unit of one who left the line is for the next who came. */
TEST(ke_pause, a_unit_that_is_left_goes_to_who_came_in_the_middle)
{
    if (!Meet(PrepareSemaphore, ReleaseForAll, AlertAndTake))
        return;
    JoinWaiters();
    EXPECT_EQ(Status[WAITERS - 1], STATUS_ALERTED);
    EXPECT_EQ(IntruderStatus, STATUS_SUCCESS);
    EXPECT_EQ(KeReadStateSemaphore(&Object.Semaphore), 0);
}

static void ReleaseAgain(void)
{
    Settled = TRUE;
    EXPECT_EQ(KeReleaseSemaphore(&Object.Semaphore, 0, WAITERS, FALSE), 0);
}

/* Both reach the limit; the second is one after the first, and none of its units is lost. */
TEST(ke_pause, a_second_release_waits_for_the_first)
{
    if (!Meet(PrepareSemaphore, ReleaseForAll, ReleaseAgain))
        return;
    CheckAllRan(WAITERS);
}

/* ---- A wait for all that is completed in the middle ---- */

static KEVENT Second;
static PKTHREAD ForAll;
static volatile NTSTATUS ForAllStatus;

static VOID WaitForAll(PVOID Context)
{
    PVOID Objects[] = { &Object, &Second };

    UNREFERENCED_PARAMETER(Context);
    ForAllStatus = KeWaitForMultipleObjects(2, Objects, WaitAll, Executive, KernelMode, FALSE, NULL, NULL);
}

static void PrepareForAll(void)
{
    KeInitializeSemaphore(&Object.Semaphore, 0, WAITERS + 1);
    KeInitializeEvent(&Second, NotificationEvent, FALSE);
    ForAllStatus = STATUS_PENDING;
    ForAll = KtestThread(WaitForAll, NULL, 10);
    KtestWaitBlocked(ForAll, &Object);
}

static void ReleaseOneMore(void)
{
    KeReleaseSemaphore(&Object.Semaphore, 0, WAITERS + 1, FALSE);
    if (!Met) {                         /* another attempt: this one's wait ends here */
        KeSetEvent(&Second, 0, FALSE);
        KtestJoin(ForAll);
    }
}

static void SetSecond(void) { KeSetEvent(&Second, 0, FALSE); }

/* It is first in line and lacks the event; when that is set, the units are hidden; one is left for it. */
TEST(ke_pause, a_wait_for_all_is_tested_again_when_units_are_left)
{
    if (!Meet(PrepareForAll, ReleaseOneMore, SetSecond))
        return;
    JoinWaiters();
    KtestJoin(ForAll);
    EXPECT_EQ(ForAllStatus, STATUS_SUCCESS);
    EXPECT_EQ(KeReadStateSemaphore(&Object.Semaphore), 0);
}
