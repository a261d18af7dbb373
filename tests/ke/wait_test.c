/* wait_test.c - one thread, one object: how a wait ends and at which IRQL it returns. */
#include <ke/apc.h>
#include <ke/clock.h>
#include <ke/dpc.h>
#include <ke/event.h>
#include <ke/init.h>
#include <ke/irql.h>
#include <ke/mutant.h>
#include <ke/semaphore.h>
#include <ke/thread.h>
#include <ke/timer.h>
#include <ktest.h>
#include <rtl/status.h>
#include <rtl/string.h>

enum { MILLISECOND = 10000 };

static ULONG64 Now(void)
{
    ULONG64 Counter;

    return KeQueryInterruptTimePrecise(&Counter);
}

/* covers Wait.3, KeWaitForSingleObject.1, KeWaitForSingleObject.2, trap 14 */
TEST(ke_wait, zero_timeout_tests_without_blocking_at_any_irql)
{
    static const KIRQL Levels[] = { PASSIVE_LEVEL, APC_LEVEL, DISPATCH_LEVEL };
    LARGE_INTEGER Zero = { .QuadPart = 0 };

    for (ULONG At = 0; At < RTL_NUMBER_OF(Levels); At++) {
        KIRQL OldIrql;
        KEVENT Event;

        KeInitializeEvent(&Event, SynchronizationEvent, TRUE);
        KeRaiseIrql(Levels[At], &OldIrql);
        EXPECT_EQ(KeWaitForSingleObject(&Event, Executive, KernelMode, FALSE, &Zero), STATUS_SUCCESS);
        EXPECT_EQ(KeGetCurrentIrql(), Levels[At]);
        EXPECT_EQ(KeWaitForSingleObject(&Event, Executive, KernelMode, FALSE, &Zero), STATUS_TIMEOUT);
        EXPECT_EQ(KeGetCurrentIrql(), Levels[At]);
        KeLowerIrql(OldIrql);
    }
}

static VOID WaitInDpc(PKDPC Dpc, PVOID Context, PVOID Event, PVOID Result)
{
    LARGE_INTEGER Zero = { .QuadPart = 0 };

    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Context);
    *(NTSTATUS *)Result = KeWaitForSingleObject(Event, Executive, KernelMode, FALSE, &Zero);
    EXPECT_EQ(KeGetCurrentIrql(), DISPATCH_LEVEL);
}

/* covers Wait.3, trap 14 */
TEST(ke_wait, zero_timeout_works_inside_a_dpc)
{
    NTSTATUS First = -1, Second = -1;
    KEVENT Event;
    KDPC Dpc;

    KeInitializeEvent(&Event, SynchronizationEvent, TRUE);
    KeInitializeDpc(&Dpc, WaitInDpc, NULL);
    KeInsertQueueDpc(&Dpc, &Event, &First);
    KeInsertQueueDpc(&Dpc, &Event, &Second);
    EXPECT_EQ(First, STATUS_SUCCESS);
    EXPECT_EQ(Second, STATUS_TIMEOUT);
}

/* covers KeWaitForSingleObject.4 */
TEST(ke_wait, relative_timeout_ends_the_wait_on_time)
{
    static const LONGLONG Intervals[] = { 1, 10, 5 * MILLISECOND, 1000 * MILLISECOND + 7 };

    for (ULONG At = 0; At < RTL_NUMBER_OF(Intervals); At++) {
        LARGE_INTEGER Timeout = { .QuadPart = -Intervals[At] };
        ULONG64 Start, End;
        KEVENT Event;

        KeInitializeEvent(&Event, NotificationEvent, FALSE);
        Start = Now();
        EXPECT_EQ(KeWaitForSingleObject(&Event, Executive, KernelMode, FALSE, &Timeout), STATUS_TIMEOUT);
        End = Now();
        EXPECT_GE(End - Start, (ULONG64)Intervals[At]);
        if (KtestVirtualTime())
            EXPECT_LE(End - Start, (ULONG64)Intervals[At] + 500);      /* 50 us of instructions */
        EXPECT_EQ(KeReadStateEvent(&Event), 0);
    }
}

/* covers Wait.5 */
TEST(ke_wait, absolute_timeout_is_system_time)
{
    LARGE_INTEGER Timeout, Past = { .QuadPart = 1 };
    LARGE_INTEGER After;
    KEVENT Event;

    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    KeQuerySystemTimePrecise(&Timeout);
    Timeout.QuadPart += 20 * MILLISECOND;
    EXPECT_EQ(KeWaitForSingleObject(&Event, Executive, KernelMode, FALSE, &Timeout), STATUS_TIMEOUT);
    KeQuerySystemTimePrecise(&After);
    EXPECT_GE(After.QuadPart, Timeout.QuadPart);
    EXPECT_EQ(KeWaitForSingleObject(&Event, Executive, KernelMode, FALSE, &Past), STATUS_TIMEOUT);
    KeSetEvent(&Event, 0, FALSE);
    EXPECT_EQ(KeWaitForSingleObject(&Event, Executive, KernelMode, FALSE, &Past), STATUS_SUCCESS);
}

/* ---- Alerts ---- */

/* Trap 13: the object is looked at before the alert, and the alert before the timeout.
 * covers Wait.1, Wait.2, trap 13 */
TEST(ke_wait, object_before_alert_before_zero_timeout)
{
    LARGE_INTEGER Zero = { .QuadPart = 0 };
    PKTHREAD Self = KeGetCurrentThread();
    KEVENT Event;

    KeInitializeEvent(&Event, SynchronizationEvent, TRUE);
    EXPECT_FALSE(KeAlertThread(Self, KernelMode));
    EXPECT_TRUE(KeAlertThread(Self, KernelMode));
    EXPECT_EQ(KeWaitForSingleObject(&Event, Executive, KernelMode, TRUE, &Zero), STATUS_SUCCESS);
    EXPECT_EQ(KeWaitForSingleObject(&Event, Executive, KernelMode, FALSE, &Zero), STATUS_TIMEOUT);
    EXPECT_EQ(KeWaitForSingleObject(&Event, Executive, KernelMode, TRUE, &Zero), STATUS_ALERTED);
    EXPECT_EQ(KeWaitForSingleObject(&Event, Executive, KernelMode, TRUE, &Zero), STATUS_TIMEOUT);
    EXPECT_FALSE(KeTestAlertThread(KernelMode));
}

typedef struct _ALERTED { KEVENT Event; KPROCESSOR_MODE Mode; BOOLEAN Alertable; NTSTATUS Status; } ALERTED;

static VOID WaitForAlert(PVOID Context)
{
    ALERTED *Wait = Context;

    Wait->Status = KeWaitForSingleObject(&Wait->Event, Executive, Wait->Mode, Wait->Alertable, NULL);
}

/* covers Wait.9 */
TEST(ke_wait, alert_ends_an_alertable_wait_of_its_mode)
{
    static const struct { KPROCESSOR_MODE Wait, Alert; BOOLEAN Alertable, Ends;
    } Cases[] = {
        { KernelMode, KernelMode, TRUE, TRUE },   { UserMode, KernelMode, TRUE, TRUE },
        { UserMode, UserMode, TRUE, TRUE },       { KernelMode, UserMode, TRUE, FALSE },
        { KernelMode, KernelMode, FALSE, FALSE },
    };

    for (ULONG At = 0; At < RTL_NUMBER_OF(Cases); At++) {
        ALERTED Wait = { .Mode = Cases[At].Wait, .Alertable = Cases[At].Alertable, .Status = -1 };
        PKTHREAD Thread;

        KeInitializeEvent(&Wait.Event, NotificationEvent, FALSE);
        Thread = KtestThread(WaitForAlert, &Wait, 9);
        KtestWaitBlocked(Thread, &Wait.Event);
        EXPECT_FALSE(KeAlertThread(Thread, Cases[At].Alert));
        EXPECT_EQ(Thread->Alerted[(int)Cases[At].Alert], !Cases[At].Ends);
        if (!Cases[At].Ends)
            KeSetEvent(&Wait.Event, 0, FALSE);
        KtestJoin(Thread);
        EXPECT_EQ(Wait.Status, Cases[At].Ends ? STATUS_ALERTED : STATUS_SUCCESS);
    }
}

/* ---- Delays ---- */

/* Trap 31: success, not a timeout, and never early.
 * covers KeDelayExecutionThread.1, KeDelayExecutionThread.2, trap 31 */
TEST(ke_wait, delay_is_never_early_and_succeeds)
{
    static const LONGLONG Intervals[] = { 1, 100, MILLISECOND, 15 * MILLISECOND, 123 * MILLISECOND };

    for (ULONG At = 0; At < RTL_NUMBER_OF(Intervals); At++) {
        LARGE_INTEGER Interval = { .QuadPart = -Intervals[At] };
        ULONG64 Start = Now();

        EXPECT_EQ(KeDelayExecutionThread(KernelMode, FALSE, &Interval), STATUS_SUCCESS);
        EXPECT_GE(Now() - Start, (ULONG64)Intervals[At]);
    }
}

/* Or of a minute where the emulator has many processors to look after at each jump. */
TEST(ke_wait, delay_of_an_hour_costs_no_time_in_virtual_time)
{
    LONGLONG Length = KeQueryActiveProcessorCount(NULL) <= 8 ? 36000000000ll : 600000000ll;
    LARGE_INTEGER Hour = { .QuadPart = -Length };
    ULONG64 Start = Now();

    if (!KtestVirtualTime()) {
        KtestSkip("an hour of real time");
        return;
    }
    EXPECT_EQ(KeDelayExecutionThread(KernelMode, FALSE, &Hour), STATUS_SUCCESS);
    EXPECT_GE(Now() - Start, (ULONG64)Length);
    EXPECT_LE(Now() - Start, (ULONG64)Length + 1000);
}

/* covers Wait.2, KeDelayExecutionThread.5, KeDelayExecutionThread.6 */
TEST(ke_wait, delay_alert_comes_before_the_due_test)
{
    LARGE_INTEGER Zero = { .QuadPart = 0 };

    KeAlertThread(KeGetCurrentThread(), KernelMode);
    EXPECT_EQ(KeDelayExecutionThread(KernelMode, TRUE, &Zero), STATUS_ALERTED);
    EXPECT_EQ(KeDelayExecutionThread(KernelMode, TRUE, &Zero), STATUS_SUCCESS);
}

static VOID Count(PVOID Context) { __atomic_add_fetch((volatile LONG *)Context, 1, __ATOMIC_SEQ_CST); }

/* covers KeDelayExecutionThread.4 */
TEST(ke_wait, delay_of_zero_lets_an_equal_run)
{
    LARGE_INTEGER Zero = { .QuadPart = 0 };
    volatile LONG Ran = 0;
    PKTHREAD Thread;

    KeSetSystemAffinityThread(1);
    Thread = KtestThread(Count, (PVOID)&Ran, 8);
    KeSetAffinityThread(Thread, 1);
    EXPECT_EQ(KeDelayExecutionThread(KernelMode, FALSE, &Zero), STATUS_SUCCESS);
    EXPECT_EQ(Ran, 1);
    KtestJoin(Thread);
    KeRevertToUserAffinityThread();
}

/* Trap 31, second half: setting the clock moves absolute waits and leaves relative ones alone. */
typedef struct _CLOCKED { LARGE_INTEGER Timeout; KEVENT Never; volatile LONG Began, Done; } CLOCKED;

/* An hour that a test need not wait for: its event ends it. */
static VOID WaitSoLong(PVOID Context)
{
    CLOCKED *Wait = Context;

    EXPECT_EQ(KeWaitForSingleObject(&Wait->Never, Executive, KernelMode, FALSE, &Wait->Timeout), STATUS_SUCCESS);
    Wait->Done = TRUE;
}

static VOID WaitUntil(PVOID Context)
{
    CLOCKED *Wait = Context;

    Wait->Began = TRUE;
    EXPECT_EQ(KeWaitForSingleObject(&Wait->Never, Executive, KernelMode, FALSE, &Wait->Timeout), STATUS_TIMEOUT);
    Wait->Done = TRUE;
}

/* covers Wait.4, Wait.5, trap 31 */
TEST(ke_wait, setting_the_system_time_moves_absolute_waits_only)
{
    const LONGLONG Hour = 36000000000ll;
    CLOCKED Absolute = { .Done = FALSE }, Short = { .Done = FALSE }, Long = { .Done = FALSE };
    LARGE_INTEGER Time, Old, Back;
    PKTHREAD Threads[3];

    KeInitializeEvent(&Absolute.Never, NotificationEvent, FALSE);
    KeInitializeEvent(&Short.Never, NotificationEvent, FALSE);
    KeInitializeEvent(&Long.Never, NotificationEvent, FALSE);
    KeQuerySystemTimePrecise(&Time);
    Absolute.Timeout.QuadPart = Time.QuadPart + Hour;
    Short.Timeout.QuadPart = -300 * MILLISECOND;
    Long.Timeout.QuadPart = -Hour / 2;
    Threads[0] = KtestThread(WaitUntil, &Absolute, 9);
    Threads[1] = KtestThread(WaitSoLong, &Long, 9);
    KtestWaitBlocked(Threads[0], &Absolute.Never);
    KtestWaitBlocked(Threads[1], &Long.Never);
    Time.QuadPart += Hour;
    KeSetSystemTime(&Time, &Old);
    KtestJoin(Threads[0]);
    EXPECT_TRUE(Absolute.Done);
    EXPECT_FALSE(Long.Done);
    EXPECT_EQ(Threads[1]->State, Waiting);
    Threads[2] = KtestThread(WaitUntil, &Short, 9);
    KtestWaitFor(&Short.Began);
    KeQuerySystemTimePrecise(&Back);
    Back.QuadPart -= Hour;
    KeSetSystemTime(&Back, &Old);
    KtestJoin(Threads[2]);
    KeSetEvent(&Long.Never, 0, FALSE);
    KtestJoin(Threads[1]);
}

static VOID Nothing(PKAPC Apc, PKNORMAL_ROUTINE *Normal, PVOID *Context, PVOID *Argument1, PVOID *Argument2)
{
    UNREFERENCED_PARAMETER(Apc);
    UNREFERENCED_PARAMETER(Normal);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
}

/* The wait is taken up again after the APC with the due time that the clock's setting gave it.
 * covers Wait.5, Wait.6 */
TEST(ke_wait, absolute_wait_keeps_to_the_set_time_after_an_apc)
{
    CLOCKED Wait = { .Done = FALSE };
    LARGE_INTEGER Time, Old, Back;
    PKTHREAD Thread;
    ULONG64 Start;
    KAPC Apc;

    KeInitializeEvent(&Wait.Never, NotificationEvent, FALSE);
    KeQuerySystemTimePrecise(&Time);
    Start = Now();
    Wait.Timeout.QuadPart = Time.QuadPart + 20000 * MILLISECOND;
    Thread = KtestThread(WaitUntil, &Wait, 9);
    KtestWaitBlocked(Thread, &Wait.Never);
    Time.QuadPart += 19500 * MILLISECOND;
    KeSetSystemTime(&Time, &Old);
    KeInitializeApc(&Apc, Thread, OriginalApcEnvironment, Nothing, NULL, NULL, KernelMode, NULL);
    EXPECT_TRUE(KeInsertQueueApc(&Apc, NULL, NULL, 0));
    KtestJoin(Thread);
    EXPECT_TRUE(Wait.Done);
    EXPECT_LT(Now() - Start, 15000 * MILLISECOND);
    KeQuerySystemTimePrecise(&Back);
    Back.QuadPart -= 19500 * MILLISECOND;
    KeSetSystemTime(&Back, &Old);
}

/* Timer queues sort by digits to the base 64 of the interrupt time. */
static ULONG64 AtDigit(ULONG64 Page, ULONG64 Digit) { return Page << 12 | Digit << 6; }

/* The clock fires at Due, and nothing is due then. */
static void SetInVain(PKTIMER Timer, ULONG64 Due)
{
    LARGE_INTEGER Left = { .QuadPart = (LONGLONG)(Now() - Due) };

    KeSetTimer(Timer, Left, NULL);
    KeCancelTimer(Timer);
}

static void SpinTo(ULONG64 Time)
{
    while (Now() <= Time)
        ;
}

/* A wait's timeout lies where one lay that has expired, one round of the digit later, and the clock fires before it.
 * covers Wait.3 */
TEST(ke_wait, timeout_is_not_taken_for_one_that_was_due_in_the_same_place)
{
    ULONG64 Page = (Now() >> 12) + 1;
    KTIMER Cancelled;
    KEVENT Never;

    KeInitializeTimer(&Cancelled);
    KeInitializeEvent(&Never, NotificationEvent, FALSE);
    for (ULONG Turn = 0; Turn < 3; Turn++, Page++) {
        LARGE_INTEGER Left;

        SetInVain(&Cancelled, AtDigit(Page, 2));
        SpinTo(AtDigit(Page, 3));
        SetInVain(&Cancelled, AtDigit(Page, 10));
        Left.QuadPart = (LONGLONG)(Now() - AtDigit(Page, 40));
        EXPECT_EQ(KeWaitForSingleObject(&Never, Executive, KernelMode, FALSE, &Left), STATUS_TIMEOUT);
        EXPECT_GE(Now(), AtDigit(Page, 40));
    }
}

/* ---- Yielding ---- */

typedef struct _TURN { PKTHREAD First; KAPC Apc; volatile LONG Ran, RanBefore; } TURN;

static VOID CountRun(PKAPC Apc, PKNORMAL_ROUTINE *Normal, PVOID *Context, PVOID *Argument1, PVOID *Argument2)
{
    UNREFERENCED_PARAMETER(Apc);
    UNREFERENCED_PARAMETER(Normal);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument2);
    (*(volatile LONG *)*Argument1)++;
}

static VOID QueueToFirst(PVOID Context)
{
    TURN *Turn = Context;

    KeInitializeApc(&Turn->Apc, Turn->First, OriginalApcEnvironment, CountRun, NULL, NULL, KernelMode, NULL);
    EXPECT_TRUE(KeInsertQueueApc(&Turn->Apc, (PVOID)&Turn->Ran, NULL, 0));
    Turn->RanBefore = Turn->Ran;
}

/* covers KeDelayExecutionThread.2 */
TEST(ke_wait, yield_to_an_equal_and_back_with_an_apc_on_the_way)
{
    TURN Turn = { .First = KeGetCurrentThread() };
    LARGE_INTEGER Zero = { .QuadPart = 0 };
    PKTHREAD Equal;

    KeSetSystemAffinityThread(1);
    Equal = KtestThread(QueueToFirst, &Turn, KeQueryPriorityThread(Turn.First));
    KeSetAffinityThread(Equal, 1);
    EXPECT_EQ(Equal->State, Ready);
    KeDelayExecutionThread(KernelMode, FALSE, &Zero);
    EXPECT_EQ(Turn.RanBefore, 0);
    EXPECT_EQ(Turn.Ran, 1);
    KtestJoin(Equal);
    KeRevertToUserAffinityThread();
}

/* ---- An equal that a signal wakes does not run before its turn ---- */

static VOID WaitForOne(PVOID Object) { KeWaitForSingleObject(Object, Executive, KernelMode, FALSE, NULL); }

TEST(ke_wait, signal_does_not_displace_the_signaller_by_an_equal)
{
    for (EVENT_TYPE Type = NotificationEvent; Type <= SynchronizationEvent; Type++) {
        PKTHREAD Equal;
        KEVENT Event;

        KeSetSystemAffinityThread(1);
        KeInitializeEvent(&Event, Type, FALSE);
        Equal = KtestThread(WaitForOne, &Event, KeQueryPriorityThread(KeGetCurrentThread()));
        KeSetAffinityThread(Equal, 1);
        KtestWaitBlocked(Equal, &Event);
        KeSetPriorityThread(KeGetCurrentThread(), KeQueryPriorityThread(KeGetCurrentThread()));    /* a fresh quantum */
        KeSetEvent(&Event, 0, FALSE);
        EXPECT_EQ(Equal->State, Ready);
        KtestJoin(Equal);
        KeRevertToUserAffinityThread();
    }
}

/* ---- What a driver reads in the header ---- */

typedef union _WAITABLE {
    DISPATCHER_HEADER Header;
    KEVENT Event;
    KSEMAPHORE Semaphore;
    KMUTANT Mutex;
    KTIMER Timer;
} WAITABLE;

static VOID WaitForIt(PVOID Object) { KeWaitForSingleObject(Object, Executive, KernelMode, FALSE, NULL); }

static void InitializeKind(WAITABLE *Object, UCHAR Type)
{
    memset(Object, 0x55, sizeof *Object);
    switch (Type) {
    case SemaphoreObject: KeInitializeSemaphore(&Object->Semaphore, 0, 9); break;
    case MutantObject: KeInitializeMutant(&Object->Mutex, TRUE); break;
    case TimerNotificationObject: KeInitializeTimerEx(&Object->Timer, NotificationTimer); break;
    case TimerSynchronizationObject: KeInitializeTimerEx(&Object->Timer, SynchronizationTimer); break;
    default: KeInitializeEvent(&Object->Event, (EVENT_TYPE)Type, FALSE); break;
    }
}

static void SignalKind(WAITABLE *Object, UCHAR Type)
{
    LARGE_INTEGER Now = { .QuadPart = 0 };

    switch (Type) {
    case SemaphoreObject: KeReleaseSemaphore(&Object->Semaphore, 0, 2, FALSE); break;
    case MutantObject: KeReleaseMutant(&Object->Mutex, 0, TRUE, FALSE); break;
    case TimerNotificationObject:
    case TimerSynchronizationObject: KeSetTimer(&Object->Timer, Now, NULL); break;
    default: KeSetEvent(&Object->Event, 0, FALSE); break;
    }
}

/* Drivers compare these bytes. Whatever locks and marks the kernel keeps, they read as initialised between its
 * calls. */
TEST(ke_wait, header_reads_plain_while_threads_wait)
{
    static const UCHAR Types[] = { EventNotificationObject, EventSynchronizationObject, SemaphoreObject, MutantObject,
                                   TimerNotificationObject, TimerSynchronizationObject };

    for (ULONG At = 0; At < RTL_NUMBER_OF(Types); At++) {
        static WAITABLE Object;
        LONG Bytes;
        PKTHREAD First, Second;

        InitializeKind(&Object, Types[At]);
        Bytes = Object.Header.Lock;
        EXPECT_EQ(Object.Header.Type, Types[At]);
        First = KtestThread(WaitForIt, &Object, 9);
        KtestWaitBlocked(First, &Object);
        EXPECT_EQ(Object.Header.Lock, Bytes);
        Second = KtestThread(WaitForIt, &Object, 9);
        KtestWaitBlocked(Second, &Object);
        EXPECT_EQ(Object.Header.Lock, Bytes);
        EXPECT_EQ(Object.Header.SignalState, 0);
        SignalKind(&Object, Types[At]);
        if (Types[At] == MutantObject)
            KtestJoin(First);           /* leaves it behind, and so to the second */
        else if (Types[At] == EventSynchronizationObject || Types[At] == TimerSynchronizationObject)
            SignalKind(&Object, Types[At]);
        if (Types[At] != MutantObject)
            KtestJoin(First);
        KtestJoin(Second);
        EXPECT_EQ(Object.Header.Type, Types[At]);
        EXPECT_EQ(Object.Header.Size, ((PUCHAR)&Bytes)[2]);
    }
}
