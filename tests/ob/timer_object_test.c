/* timer_object_test.c - timers by handle: as a KTIMER, and with an APC for who sets them. */
#include <ke/apc.h>
#include <ke/clock.h>
#include <ke/event.h>
#include <ke/irql.h>
#include <ke/thread.h>
#include <ktest.h>
#include <ob/create.h>
#include <ob/timer_object.h>
#include <ob/wait.h>
#include <ps/system_thread.h>
#include <rtl/nt_string.h>
#include <rtl/random.h>
#include <rtl/status.h>

enum { MILLISECOND = 10000 };

static LARGE_INTEGER AtOnce;

typedef struct _SEEN {
    volatile LONG Calls;
    PKTHREAD Thread;
    KIRQL Irql;
    LONGLONG Time;
    BOOLEAN InApc;
} SEEN;

static VOID Note(PVOID Context, ULONG Low, LONG High)
{
    SEEN *Seen = Context;

    Seen->Thread = KeGetCurrentThread();
    Seen->Irql = KeGetCurrentIrql();
    Seen->InApc = Seen->Thread->ApcState.KernelApcInProgress;
    Seen->Time = (LONGLONG)High << 32 | Low;
    Seen->Calls++;
}

static LARGE_INTEGER After(ULONG Milliseconds)
{
    return (LARGE_INTEGER){ .QuadPart = -(LONGLONG)Milliseconds * MILLISECOND };
}

static HANDLE NewTimer(TIMER_TYPE Type)
{
    HANDLE Handle;

    REQUIRE_EQ(ZwCreateTimer(&Handle, GENERIC_ALL, NULL, Type), STATUS_SUCCESS);
    return Handle;
}

static NTSTATUS Set(HANDLE Timer, ULONG Milliseconds, PTIMER_APC_ROUTINE Routine, PVOID Context, LONG Period)
{
    LARGE_INTEGER Due = After(Milliseconds);

    return ZwSetTimer(Timer, &Due, Routine, Context, FALSE, Period, NULL);
}

static void Sleep(ULONG Milliseconds)
{
    LARGE_INTEGER Interval = After(Milliseconds);

    KeDelayExecutionThread(KernelMode, FALSE, &Interval);
}

/* The wait for a timer may end before its APC is queued. In a region. */
static void WaitForQueuedApc(void)
{
    PLIST_ENTRY Head = &KeGetCurrentThread()->ApcState.ApcListHead[KernelMode];

    for (ULONG Look = 0; *(PLIST_ENTRY volatile *)&Head->Flink == Head && Look < 10000; Look++)
        Sleep(1);
    EXPECT_NE(Head->Flink, Head);
}

static PVOID ObjectOf(HANDLE Handle)
{
    PVOID Object;

    REQUIRE_EQ(ObReferenceObjectByHandle(Handle, 0, NULL, KernelMode, &Object, NULL), STATUS_SUCCESS);
    return Object;
}

/* covers ZwSetTimer.1 */
TEST(ob_timer, without_an_apc)
{
    HANDLE Timer = NewTimer(NotificationTimer), Auto = NewTimer(SynchronizationTimer);
    LARGE_INTEGER Due = After(1), Hour = After(3600000);
    BOOLEAN State = 0x55;

    EXPECT_EQ(ZwWaitForSingleObject(Timer, FALSE, &AtOnce), STATUS_TIMEOUT);
    EXPECT_EQ(ZwSetTimer(Timer, &Due, NULL, NULL, FALSE, 0, &State), STATUS_SUCCESS);
    EXPECT_EQ(State, FALSE);
    EXPECT_EQ(ZwWaitForSingleObject(Timer, FALSE, NULL), STATUS_SUCCESS);
    EXPECT_EQ(ZwWaitForSingleObject(Timer, FALSE, &AtOnce), STATUS_SUCCESS);
    EXPECT_EQ(ZwSetTimer(Timer, &Hour, NULL, NULL, FALSE, 0, &State), STATUS_SUCCESS);
    EXPECT_EQ(State, TRUE);
    EXPECT_EQ(ZwCancelTimer(Timer, &State), STATUS_SUCCESS);
    EXPECT_EQ(State, FALSE);
    EXPECT_EQ(ZwWaitForSingleObject(Timer, FALSE, &AtOnce), STATUS_TIMEOUT);
    EXPECT_EQ(Set(Auto, 1, NULL, NULL, 1), STATUS_SUCCESS);
    for (ULONG At = 0; At < 3; At++)
        EXPECT_EQ(ZwWaitForSingleObject(Auto, FALSE, NULL), STATUS_SUCCESS);
    EXPECT_EQ(ZwCancelTimer(Auto, NULL), STATUS_SUCCESS);
    ZwClose(Timer);
    ZwClose(Auto);
}

/* covers ZwCreateTimer.1 */
TEST(ob_timer, bad_parameters)
{
    HANDLE Timer = (HANDLE)1;
    LARGE_INTEGER Due = After(1000);
    TIMER_SET_COALESCABLE_TIMER_INFO Info = { .DueTime = Due };

    EXPECT_EQ(ZwCreateTimer(&Timer, 0, NULL, (TIMER_TYPE)2), STATUS_INVALID_PARAMETER_4);
    EXPECT_EQ(Timer, (HANDLE)1);
    Timer = NewTimer(NotificationTimer);
    EXPECT_EQ(ZwSetTimer(Timer, &Due, NULL, NULL, FALSE, -1, NULL), STATUS_INVALID_PARAMETER_6);
    EXPECT_EQ(ZwSetTimer(NULL, &Due, NULL, NULL, FALSE, 0, NULL), STATUS_INVALID_HANDLE);
    EXPECT_EQ(ZwSetTimer(NtCurrentThread(), &Due, NULL, NULL, FALSE, 0, NULL), STATUS_OBJECT_TYPE_MISMATCH);
    EXPECT_EQ(ZwCancelTimer(NULL, NULL), STATUS_INVALID_HANDLE);
    EXPECT_EQ(ZwCancelTimer(NtCurrentThread(), NULL), STATUS_OBJECT_TYPE_MISMATCH);
    EXPECT_EQ(ZwSetTimer(Timer, &Due, NULL, NULL, TRUE, 0, NULL), STATUS_TIMER_RESUME_IGNORED);
    EXPECT_EQ(ZwSetTimerEx(Timer, MaxTimerInfoClass, &Info, sizeof Info), STATUS_INVALID_INFO_CLASS);
    EXPECT_EQ(ZwSetTimerEx(Timer, TimerSetCoalescableTimer, &Info, sizeof Info - 1), STATUS_INFO_LENGTH_MISMATCH);
    Info.TolerableDelay = (ULONG)-1;
    EXPECT_EQ(ZwSetTimerEx(Timer, TimerSetCoalescableTimer, &Info, sizeof Info), STATUS_INVALID_PARAMETER);
    ZwCancelTimer(Timer, NULL);
    ZwClose(Timer);
}

TEST(ob_timer, is_shared_by_name)
{
    UNICODE_STRING Text;
    OBJECT_ATTRIBUTES Attributes = { sizeof Attributes, NULL, &Text, OBJ_KERNEL_HANDLE };
    HANDLE First, Second;

    RtlInitUnicodeString(&Text, L"\\BaseNamedObjects\\KtTimer");
    REQUIRE_EQ(ZwCreateTimer(&First, GENERIC_ALL, &Attributes, NotificationTimer), STATUS_SUCCESS);
    REQUIRE_EQ(ZwOpenTimer(&Second, GENERIC_ALL, &Attributes), STATUS_SUCCESS);
    EXPECT_EQ(Set(First, 0, NULL, NULL, 0), STATUS_SUCCESS);
    EXPECT_EQ(ZwWaitForSingleObject(Second, FALSE, &AtOnce), STATUS_SUCCESS);
    ZwClose(First);
    ZwClose(Second);
    EXPECT_EQ(ZwOpenTimer(&Second, GENERIC_ALL, &Attributes), STATUS_OBJECT_NAME_NOT_FOUND);
}

/* covers ZwSetTimer.2 */
TEST(ob_timer, apc_runs_in_the_setters_thread)
{
    HANDLE Timer = NewTimer(SynchronizationTimer);
    PVOID Object = ObjectOf(Timer);
    LARGE_INTEGER Before, Now;
    SEEN Seen = { 0 };

    KeQuerySystemTimePrecise(&Before);
    KeEnterCriticalRegion();
    EXPECT_EQ(Set(Timer, 5, Note, &Seen, 0), STATUS_SUCCESS);
    EXPECT_EQ(OBJECT_TO_HEADER(Object)->PointerCount, 3);       /* mine, the handle's, the tie's */
    KeLeaveCriticalRegion();
    KtestWaitFor(&Seen.Calls);
    KeQuerySystemTimePrecise(&Now);
    EXPECT_EQ(Seen.Calls, 1);
    EXPECT_EQ(Seen.Thread, KeGetCurrentThread());
    EXPECT_EQ(Seen.Irql, PASSIVE_LEVEL);
    EXPECT_TRUE(Seen.InApc);
    EXPECT_GE(Seen.Time, Before.QuadPart + 5 * MILLISECOND);
    EXPECT_LE(Seen.Time, Now.QuadPart);
    EXPECT_EQ(KeGetCurrentThread()->Timers, NULL);
    EXPECT_EQ(OBJECT_TO_HEADER(Object)->PointerCount, 2);
    EXPECT_EQ(ZwWaitForSingleObject(Timer, FALSE, &AtOnce), STATUS_SUCCESS);
    Seen.Calls = 0;
    EXPECT_EQ(Set(Timer, 0, Note, &Seen, 0), STATUS_SUCCESS);   /* due already */
    KtestWaitFor(&Seen.Calls);
    ObfDereferenceObject(Object);
    ZwClose(Timer);
}

TEST(ob_timer, absolute_due_time_brings_its_apc)
{
    HANDLE Timer = NewTimer(NotificationTimer);
    LARGE_INTEGER Due;
    SEEN Seen = { 0 };

    KeQuerySystemTimePrecise(&Due);
    Due.QuadPart += 5 * MILLISECOND;
    EXPECT_EQ(ZwSetTimer(Timer, &Due, Note, &Seen, FALSE, 0, NULL), STATUS_SUCCESS);
    KtestWaitFor(&Seen.Calls);
    EXPECT_EQ(Seen.Calls, 1);
    EXPECT_GE(Seen.Time, Due.QuadPart);
    ZwClose(Timer);
}

/* covers ZwSetTimer.2, ZwSetTimer.3 */
TEST(ob_timer, apc_waits_for_the_end_of_a_region_and_can_be_taken_back)
{
    HANDLE Timer = NewTimer(NotificationTimer);
    SEEN Seen = { 0 };

    KeEnterCriticalRegion();
    EXPECT_EQ(Set(Timer, 1, Note, &Seen, 0), STATUS_SUCCESS);
    WaitForQueuedApc();
    EXPECT_EQ(Seen.Calls, 0);
    KeLeaveCriticalRegion();
    EXPECT_EQ(Seen.Calls, 1);
    KeEnterCriticalRegion();
    EXPECT_EQ(Set(Timer, 1, Note, &Seen, 0), STATUS_SUCCESS);
    WaitForQueuedApc();
    EXPECT_EQ(ZwCancelTimer(Timer, NULL), STATUS_SUCCESS);
    KeLeaveCriticalRegion();
    EXPECT_EQ(Seen.Calls, 1);
    EXPECT_EQ(KeGetCurrentThread()->Timers, NULL);
    ZwClose(Timer);
}

/* An APC that has left its queue is nobody's to take back, and may be about to run when the timer is cancelled, closed
 * and let go: so it is the APC that holds the timer. */
/* covers ZwSetTimer.4 */
TEST(ob_timer, queued_apc_holds_its_timer)
{
    HANDLE Timer = NewTimer(NotificationTimer);
    PVOID Object = ObjectOf(Timer);
    SEEN Seen = { 0 };

    KeEnterCriticalRegion();
    EXPECT_EQ(Set(Timer, 1, Note, &Seen, 0), STATUS_SUCCESS);
    WaitForQueuedApc();
    EXPECT_EQ(OBJECT_TO_HEADER(Object)->PointerCount, 4);       /* mine, the handle's, the tie's, the APC's */
    EXPECT_EQ(ZwCancelTimer(Timer, NULL), STATUS_SUCCESS);
    EXPECT_EQ(OBJECT_TO_HEADER(Object)->PointerCount, 2);
    EXPECT_EQ(Set(Timer, 1, Note, &Seen, 1), STATUS_SUCCESS);
    WaitForQueuedApc();
    ZwClose(Timer);
    EXPECT_EQ(OBJECT_TO_HEADER(Object)->PointerCount, 3);
    EXPECT_EQ(ObOpenObjectByPointer(Object, OBJ_KERNEL_HANDLE, NULL, GENERIC_ALL, NULL, KernelMode, &Timer),
              STATUS_SUCCESS);
    KeLeaveCriticalRegion();
    EXPECT_GE(Seen.Calls, 1);
    EXPECT_EQ(ZwCancelTimer(Timer, NULL), STATUS_SUCCESS);
    EXPECT_EQ(OBJECT_TO_HEADER(Object)->PointerCount, 2);
    ObfDereferenceObject(Object);
    ZwClose(Timer);
}

/* covers ZwSetTimer.3 */
TEST(ob_timer, new_setting_takes_the_old_one_back)
{
    HANDLE Timer = NewTimer(NotificationTimer);
    SEEN First = { 0 }, Second = { 0 };

    KeEnterCriticalRegion();
    EXPECT_EQ(Set(Timer, 1, Note, &First, 0), STATUS_SUCCESS);
    WaitForQueuedApc();
    EXPECT_EQ(Set(Timer, 3600000, Note, &Second, 0), STATUS_SUCCESS);
    KeLeaveCriticalRegion();
    EXPECT_EQ(First.Calls, 0);
    EXPECT_EQ(Second.Calls, 0);
    EXPECT_EQ(Set(Timer, 1, Note, &Second, 0), STATUS_SUCCESS);
    KtestWaitFor(&Second.Calls);
    EXPECT_EQ(First.Calls, 0);
    EXPECT_EQ(Second.Calls, 1);
    EXPECT_EQ(Set(Timer, 3600000, Note, &First, 0), STATUS_SUCCESS);
    EXPECT_EQ(Set(Timer, 1, NULL, NULL, 0), STATUS_SUCCESS);
    Sleep(10);
    EXPECT_EQ(First.Calls, 0);
    EXPECT_EQ(KeGetCurrentThread()->Timers, NULL);
    ZwClose(Timer);
}

/* covers ZwSetTimer.2 */
TEST(ob_timer, periodic_apc_comes_until_it_is_cancelled)
{
    HANDLE Timer = NewTimer(SynchronizationTimer);
    TIMER_SET_COALESCABLE_TIMER_INFO Info = { After(5), Note, NULL, NULL, 5, 100, NULL };
    BOOLEAN State = 0x55;
    SEEN Seen = { 0 };

    Info.TimerContext = &Seen;
    Info.PreviousState = &State;
    EXPECT_EQ(ZwSetTimerEx(Timer, TimerSetCoalescableTimer, &Info, sizeof Info), STATUS_SUCCESS);
    EXPECT_EQ(State, FALSE);
    while (Seen.Calls < 4)
        Sleep(1);
    EXPECT_EQ(ZwCancelTimer(Timer, NULL), STATUS_SUCCESS);
    Seen.Calls = 0;
    Sleep(30);
    EXPECT_EQ(Seen.Calls, 0);
    ZwClose(Timer);
}

/* covers ZwSetTimer.4 */
TEST(ob_timer, lives_without_its_handle_until_the_apc)
{
    HANDLE Timer = NewTimer(NotificationTimer);
    PVOID Object = ObjectOf(Timer);
    SEEN Seen = { 0 };

    KeEnterCriticalRegion();
    EXPECT_EQ(Set(Timer, 5, Note, &Seen, 0), STATUS_SUCCESS);
    ZwClose(Timer);
    EXPECT_EQ(OBJECT_TO_HEADER(Object)->PointerCount, 2);
    ObfDereferenceObject(Object);
    KeLeaveCriticalRegion();
    KtestWaitFor(&Seen.Calls);
    EXPECT_EQ(Seen.Calls, 1);
}

typedef struct _ENDING { HANDLE Timers[3]; SEEN Seen; } ENDING;

/* One not due, one whose APC is queued, a periodic one. The thread is in the critical region that it began in. */
static void SetAndEnd(PVOID Context)
{
    ENDING *Ending = Context;

    Set(Ending->Timers[0], 3600000, Note, &Ending->Seen, 0);
    Set(Ending->Timers[1], 1, Note, &Ending->Seen, 0);
    Set(Ending->Timers[2], 1, Note, &Ending->Seen, 1);
    WaitForQueuedApc();
    ZwWaitForSingleObject(Ending->Timers[2], FALSE, NULL);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

/* covers ZwSetTimer.3 */
TEST(ob_timer, ending_thread_takes_its_timers_back)
{
    ENDING Ending = { 0 };
    PVOID Objects[3], Thread;
    HANDLE Handle;

    for (ULONG At = 0; At < 3; At++) {
        Ending.Timers[At] = NewTimer(NotificationTimer);
        Objects[At] = ObjectOf(Ending.Timers[At]);
    }
    REQUIRE_EQ(PsCreateSystemThread(&Handle, 0, NULL, NULL, NULL, SetAndEnd, &Ending), STATUS_SUCCESS);
    Thread = ObjectOf(Handle);
    KeWaitForSingleObject(Thread, Executive, KernelMode, FALSE, NULL);
    Sleep(30);
    EXPECT_EQ(Ending.Seen.Calls, 0);
    EXPECT_EQ(ZwWaitForSingleObject(Ending.Timers[0], FALSE, &AtOnce), STATUS_TIMEOUT);
    for (ULONG At = 0; At < 3; At++) {
        EXPECT_EQ(OBJECT_TO_HEADER(Objects[At])->PointerCount, 2);
        ObfDereferenceObject(Objects[At]);
        ZwClose(Ending.Timers[At]);
    }
    ObfDereferenceObject(Thread);
    ZwClose(Handle);
}

/* ---- Races: threads set and cancel timers that are not theirs ---- */

enum { TIMERS = 4, RACERS = 4 };

static HANDLE RaceTimers[TIMERS];
static volatile LONG Astray, Arrived;

/* Context: the thread that set it. */
static VOID Arrive(PVOID Context, ULONG Low, LONG High)
{
    UNREFERENCED_PARAMETER(Low);
    UNREFERENCED_PARAMETER(High);
    __atomic_add_fetch(Context == KeGetCurrentThread() ? &Arrived : &Astray, 1, __ATOMIC_RELAXED);
}

static void Race(PVOID Context)
{
    ULONG Seed = (ULONG)(ULONG64)Context, Rounds = (ULONG)KtestNumber("torture", 8000) / RACERS;

    for (ULONG At = 0; At < Rounds; At++) {
        ULONG Dice = RtlRandomEx(&Seed);
        HANDLE Timer = RaceTimers[Dice % TIMERS];
        LARGE_INTEGER Due = { .QuadPart = -(LONGLONG)(Dice / 64 % 300) };

        if (Dice / 16 % 4 == 0)
            ZwCancelTimer(Timer, NULL);
        else
            ZwSetTimer(Timer, &Due, Arrive, KeGetCurrentThread(), FALSE, Dice / 32768 % 8 == 0, NULL);
        if (Dice / 1024 % 16 == 0)
            Sleep(1);
    }
}

TEST(ob_timer, setting_races_expiry_and_cancelling)
{
    PKTHREAD Threads[RACERS];
    PVOID Objects[TIMERS];

    Astray = Arrived = 0;
    for (ULONG At = 0; At < TIMERS; At++) {
        RaceTimers[At] = NewTimer(NotificationTimer);
        Objects[At] = ObjectOf(RaceTimers[At]);
    }
    for (ULONG64 At = 0; At < RACERS; At++)
        Threads[At] = KtestThread(Race, (PVOID)(At + KtestNumber("seed", 1)), 8);
    for (ULONG At = 0; At < RACERS; At++)
        KtestJoin(Threads[At]);
    EXPECT_EQ(Astray, 0);
    EXPECT_GT(Arrived, 100);
    for (ULONG At = 0; At < TIMERS; At++) {
        EXPECT_EQ(ZwCancelTimer(RaceTimers[At], NULL), STATUS_SUCCESS);
        EXPECT_EQ(OBJECT_TO_HEADER(Objects[At])->PointerCount, 2);
        ObfDereferenceObject(Objects[At]);
        ZwClose(RaceTimers[At]);
    }
}
