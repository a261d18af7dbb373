/* promises_test.c - lines of tests/conformance.txt that lie between the objects: who is woken for an APC, whose boost
 * is how great, what may be asked at any IRQL, what a timer does with what it finds. */
#include <ke/apc.h>
#include <ke/clock.h>
#include <ke/dpc.h>
#include <ke/event.h>
#include <ke/irql.h>
#include <ke/mutant.h>
#include <ke/process.h>
#include <ke/semaphore.h>
#include <ke/thread.h>
#include <ke/timer.h>
#include <ktest.h>
#include <ob/create.h>
#include <ps/process.h>
#include <rtl/list.h>
#include <rtl/status.h>
#include <rtl/string.h>

enum { MILLISECOND = 10000, HOUR = 3600 * 1000 };

static LARGE_INTEGER In(LONGLONG Units) { return (LARGE_INTEGER){ .QuadPart = -Units }; }

static void Sleep(LONGLONG Units)
{
    LARGE_INTEGER Interval = In(Units);

    KeDelayExecutionThread(KernelMode, FALSE, &Interval);
}

/* ---- Who is woken for an APC ---- */

static volatile LONG ApcsRan;

static VOID Special(PKAPC Apc, PKNORMAL_ROUTINE *Normal, PVOID *Context, PVOID *Argument1, PVOID *Argument2)
{
    UNREFERENCED_PARAMETER(Apc), UNREFERENCED_PARAMETER(Normal), UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1), UNREFERENCED_PARAMETER(Argument2);
    if (*Normal == NULL)
        __atomic_add_fetch(&ApcsRan, 1, __ATOMIC_SEQ_CST);
}

static VOID Normal(PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Context), UNREFERENCED_PARAMETER(Argument1), UNREFERENCED_PARAMETER(Argument2);
    __atomic_add_fetch(&ApcsRan, 1, __ATOMIC_SEQ_CST);
}

typedef enum _SHIELD { NoShield, AtApcLevel, InGuardedRegion, InCriticalRegion, UnderMutex, Shields } SHIELD;

typedef struct _SHIELDED { SHIELD Shield; KEVENT Event; KMUTEX Mutex; } SHIELDED;

static VOID SleepShielded(PVOID Context)
{
    SHIELDED *Here = Context;
    KIRQL OldIrql = KeGetCurrentIrql();

    if (Here->Shield == AtApcLevel)
        KeRaiseIrql(APC_LEVEL, &OldIrql);
    if (Here->Shield == InGuardedRegion)
        KeEnterGuardedRegion();
    if (Here->Shield == InCriticalRegion)
        KeEnterCriticalRegion();
    if (Here->Shield == UnderMutex)
        KeWaitForSingleObject(&Here->Mutex, Executive, KernelMode, FALSE, NULL);
    KeWaitForSingleObject(&Here->Event, Executive, KernelMode, FALSE, NULL);
    if (Here->Shield == UnderMutex)
        KeReleaseMutex(&Here->Mutex, FALSE);
    if (Here->Shield == InCriticalRegion)
        KeLeaveCriticalRegion();
    if (Here->Shield == InGuardedRegion)
        KeLeaveGuardedRegion();
    KeLowerIrql(OldIrql);
}

static VOID SleepBehind(PVOID Event) { KeWaitForSingleObject(Event, Executive, KernelMode, FALSE, NULL); }

/* Who is woken for the APC goes to the end of the line; who is not keeps its place before the one behind. */
static void CheckShield(SHIELD Shield, BOOLEAN IsSpecial, BOOLEAN Woken)
{
    SHIELDED Here = { .Shield = Shield };
    PKTHREAD Thread, Behind;
    KAPC Apc;

    ApcsRan = 0;
    KeInitializeEvent(&Here.Event, SynchronizationEvent, FALSE);
    KeInitializeMutex(&Here.Mutex, 0);
    Thread = KtestThread(SleepShielded, &Here, 9);
    KtestWaitBlocked(Thread, &Here.Event);
    Behind = KtestThread(SleepBehind, &Here.Event, 9);
    KtestWaitBlocked(Behind, &Here.Event);
    KeInitializeApc(&Apc, Thread, OriginalApcEnvironment, Special, NULL, IsSpecial ? NULL : Normal, KernelMode, NULL);
    EXPECT_TRUE(KeInsertQueueApc(&Apc, NULL, NULL, 0));
    if (Woken)
        KtestWaitFor(&ApcsRan);
    Sleep(5 * MILLISECOND);
    KtestWaitBlocked(Thread, &Here.Event);
    EXPECT_EQ(ApcsRan, Woken);
    KeSetEvent(&Here.Event, 0, FALSE);
    KtestJoin(Woken ? Behind : Thread);
    KeSetEvent(&Here.Event, 0, FALSE);
    KtestJoin(Woken ? Thread : Behind);
    EXPECT_EQ(ApcsRan, 1);              /* held back, and run when the shield was lowered */
}

/* covers Wait.6, Wait.7, Wait.8 */
TEST(ke_promises, sleeper_is_woken_for_the_apcs_that_it_may_run)
{
    static const BOOLEAN Wakes[Shields][2] = {
        /*                       normal special */
        [NoShield] =           { TRUE,  TRUE },
        [AtApcLevel] =         { FALSE, FALSE },
        [InGuardedRegion] =    { FALSE, FALSE },
        [InCriticalRegion] =   { FALSE, TRUE },
        [UnderMutex] =         { FALSE, TRUE },
    };

    for (SHIELD Shield = NoShield; Shield < Shields; Shield++)
        for (int IsSpecial = FALSE; IsSpecial <= TRUE; IsSpecial++)
            CheckShield(Shield, (BOOLEAN)IsSpecial, Wakes[Shield][IsSpecial]);
}

/* In whatever order they are released.
 * covers KeWaitForSingleObject.9 */
TEST(ke_promises, apcs_come_back_with_the_last_of_two_mutexes)
{
    SHORT Start = KeGetCurrentThread()->KernelApcDisable;
    KMUTEX Mutexes[2];
    KAPC Apc;

    for (int First = 0; First < 2; First++) {
        ApcsRan = 0;
        for (int At = 0; At < 2; At++) {
            KeInitializeMutex(&Mutexes[At], 0);
            KeWaitForSingleObject(&Mutexes[At], Executive, KernelMode, FALSE, NULL);
        }
        EXPECT_EQ(KeGetCurrentThread()->KernelApcDisable, Start - 2);
        KeInitializeApc(&Apc, KeGetCurrentThread(), OriginalApcEnvironment, Special, NULL, Normal, KernelMode, NULL);
        EXPECT_TRUE(KeInsertQueueApc(&Apc, NULL, NULL, 0));
        EXPECT_EQ(KeReleaseMutex(&Mutexes[First], FALSE), 0);
        EXPECT_EQ(ApcsRan, 0);
        EXPECT_EQ(KeReleaseMutex(&Mutexes[1 - First], FALSE), 0);
        EXPECT_EQ(ApcsRan, 1);
        EXPECT_EQ(KeGetCurrentThread()->KernelApcDisable, Start);
    }
}

/* ---- Wait blocks ---- */

typedef struct _PAIR { KEVENT Events[2]; KWAIT_BLOCK Blocks[2]; NTSTATUS Status; } PAIR;

static VOID WaitForPair(PVOID Context)
{
    PAIR *Pair = Context;
    PVOID Objects[] = { &Pair->Events[0], &Pair->Events[1] };

    memset(Pair->Blocks, 0x55, sizeof Pair->Blocks);
    Pair->Status = KeWaitForMultipleObjects(2, Objects, WaitAny, Executive, KernelMode, FALSE, NULL, Pair->Blocks);
    memset(Pair->Blocks, 0xAA, sizeof Pair->Blocks);        /* the caller's again */
}

/* covers KeWaitForMultipleObjects.5, KeWaitForMultipleObjects.12 */
TEST(ke_promises, callers_blocks_are_used_for_two_objects_too)
{
    PAIR Pair = { .Status = -1 };
    PKTHREAD Thread;

    for (int At = 0; At < 2; At++)
        KeInitializeEvent(&Pair.Events[At], SynchronizationEvent, FALSE);
    Thread = KtestThread(WaitForPair, &Pair, 9);
    KtestWaitBlocked(Thread, &Pair.Events[0]);
    for (int At = 0; At < 2; At++)
        EXPECT_EQ(Pair.Events[At].Header.WaitListHead.Flink, &Pair.Blocks[At].WaitListEntry);
    KeSetEvent(&Pair.Events[1], 0, FALSE);
    KtestJoin(Thread);
    EXPECT_EQ(Pair.Status, STATUS_WAIT_0 + 1);
    EXPECT_TRUE(IsListEmpty(&Pair.Events[0].Header.WaitListHead));
}

/* ---- Boosts and order ---- */

static KSEMAPHORE Semaphore;
static volatile LONG Order[3], Came;

static VOID Pass(PVOID Context)
{
    KeWaitForSingleObject(&Semaphore, Executive, KernelMode, FALSE, NULL);
    Order[__atomic_fetch_add(&Came, 1, __ATOMIC_SEQ_CST)] = (LONG)(LONG_PTR)Context;
}

/* On one processor, and with the weakest at the head of the line: who is let through runs at its own time.
 * covers KeReleaseSemaphore.4, KeReleaseSemaphore.6, Wait.11, Wait.12 */
TEST(ke_promises, semaphore_serves_in_order_and_boosts_whom_it_serves)
{
    PKTHREAD Threads[3];
    KIRQL OldIrql;

    Came = 0;
    KeInitializeSemaphore(&Semaphore, 0, 5);
    KeSetSystemAffinityThread(1);
    for (LONG_PTR At = 0; At < 3; At++) {
        Threads[At] = KtestThread(Pass, (PVOID)At, 9);
        KtestWaitBlocked(Threads[At], &Semaphore);
    }
    for (int At = 0; At < 3; At++) {
        KeRaiseIrql(DISPATCH_LEVEL, &OldIrql);
        EXPECT_EQ(KeReleaseSemaphore(&Semaphore, 3 + At, 1, FALSE), 0);
        EXPECT_EQ(KeQueryPriorityThread(Threads[At]), 8 + 3 + At);      /* base and increment */
        KeLowerIrql(OldIrql);
        KtestJoin(Threads[At]);
        EXPECT_EQ(Came, At + 1);
        EXPECT_EQ(Order[At], At);
    }
    KeRevertToUserAffinityThread();
}

static VOID TakeAndRelease(PVOID Mutex)
{
    KeWaitForSingleObject(Mutex, Executive, KernelMode, FALSE, NULL);
    KeReleaseMutex(Mutex, FALSE);
}

/* covers KeReleaseMutex.7, Wait.12 */
TEST(ke_promises, mutex_boosts_its_next_owner_by_one)
{
    PKTHREAD Thread;
    KIRQL OldIrql;
    KMUTEX Mutex;

    KeInitializeMutex(&Mutex, 0);
    KeSetSystemAffinityThread(1);
    KeWaitForSingleObject(&Mutex, Executive, KernelMode, FALSE, NULL);
    Thread = KtestThread(TakeAndRelease, &Mutex, 8);
    KtestWaitBlocked(Thread, &Mutex);
    KeRaiseIrql(DISPATCH_LEVEL, &OldIrql);
    KeReleaseMutex(&Mutex, FALSE);
    EXPECT_EQ(KeQueryPriorityThread(Thread), 9);
    KeLowerIrql(OldIrql);
    KtestJoin(Thread);
    KeRevertToUserAffinityThread();
}

/* ---- Asked at any IRQL ---- */

/* covers KeReadStateEvent.1, KeReadStateSemaphore.1 */
TEST(ke_promises, states_are_read_at_any_irql_and_stay)
{
    KEVENT Event;

    KeInitializeEvent(&Event, SynchronizationEvent, TRUE);
    KeInitializeSemaphore(&Semaphore, 3, 5);
    for (KIRQL Level = PASSIVE_LEVEL; Level <= HIGH_LEVEL; Level++) {
        KIRQL OldIrql;

        KeRaiseIrql(Level, &OldIrql);
        EXPECT_EQ(KeReadStateEvent(&Event), 1);
        EXPECT_EQ(KeReadStateSemaphore(&Semaphore), 3);
        EXPECT_EQ(KeGetCurrentIrql(), Level);
        KeLowerIrql(OldIrql);
    }
    KeClearEvent(&Event);
    EXPECT_EQ(KeReadStateEvent(&Event), 0);
}

/* covers IoGetCurrentProcess.1, IoGetCurrentProcess.3, PsGetCurrentProcess.1 */
TEST(ke_promises, current_process_is_a_pointer_without_a_reference)
{
    PKPROCESS Process = PsCreateProcess();
    LONG64 Before;
    KAPC_STATE State;

    REQUIRE_TRUE(Process != NULL);
    EXPECT_EQ(IoGetCurrentProcess(), PsInitialSystemProcess);
    KeStackAttachProcess(Process, &State);
    Before = OBJECT_TO_HEADER(Process)->PointerCount;
    EXPECT_EQ(IoGetCurrentProcess(), Process);
    EXPECT_EQ(PsGetCurrentProcess(), Process);
    EXPECT_EQ(OBJECT_TO_HEADER(Process)->PointerCount, Before);
    KeUnstackDetachProcess(&State);
    EXPECT_EQ(IoGetCurrentProcess(), PsInitialSystemProcess);
    ObfDereferenceObject(Process);
}

/* ---- The system time is set ---- */

typedef struct _APPOINTMENT { LARGE_INTEGER Due; KTIMER Timer; NTSTATUS Status; } APPOINTMENT;

static VOID DelayUntil(PVOID Context)
{
    APPOINTMENT *Here = Context;

    Here->Status = KeDelayExecutionThread(KernelMode, FALSE, &Here->Due);
}

static VOID WaitForTimer(PVOID Context)
{
    APPOINTMENT *Here = Context;

    Here->Status = KeWaitForSingleObject(&Here->Timer, Executive, KernelMode, FALSE, NULL);
}

/* One hour ahead, and then the clock goes ahead by an hour: both come at once.
 * covers KeDelayExecutionThread.3, KeSetTimerEx.11 */
TEST(ke_promises, absolute_delays_and_timers_follow_the_system_time)
{
    APPOINTMENT Delay = { .Status = -1 }, Timed = { .Status = -1 };
    LARGE_INTEGER Time, Old;
    PKTHREAD Delayed, Waiting;
    ULONG64 Start, Counter;

    KeQuerySystemTimePrecise(&Time);
    Start = KeQueryInterruptTimePrecise(&Counter);
    Delay.Due.QuadPart = Timed.Due.QuadPart = Time.QuadPart + (LONGLONG)HOUR * MILLISECOND;
    KeInitializeTimer(&Timed.Timer);
    EXPECT_FALSE(KeSetTimer(&Timed.Timer, Timed.Due, NULL));
    Delayed = KtestThread(DelayUntil, &Delay, 9);
    Waiting = KtestThread(WaitForTimer, &Timed, 9);
    KtestWaitBlocked(Delayed, NULL);
    KtestWaitBlocked(Waiting, &Timed.Timer);
    EXPECT_FALSE(KeReadStateTimer(&Timed.Timer));
    Time.QuadPart += (LONGLONG)HOUR * MILLISECOND;
    KeSetSystemTime(&Time, &Old);
    KtestJoin(Delayed);
    KtestJoin(Waiting);
    EXPECT_LT(KeQueryInterruptTimePrecise(&Counter) - Start, 60ull * 1000 * MILLISECOND);
    KeQuerySystemTimePrecise(&Time);
    Time.QuadPart -= (LONGLONG)HOUR * MILLISECOND;
    KeSetSystemTime(&Time, &Old);
    EXPECT_EQ(Delay.Status, STATUS_SUCCESS);
    EXPECT_EQ(Timed.Status, STATUS_SUCCESS);
}

/* ---- Timers ---- */

static KTIMER Timer;
static volatile LONG Through;

static VOID GoThrough(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    KeWaitForSingleObject(&Timer, Executive, KernelMode, FALSE, NULL);
    __atomic_add_fetch(&Through, 1, __ATOMIC_SEQ_CST);
}

/* covers KeSetTimerEx.6, KeSetTimerEx.7, KeWaitForSingleObject.2 */
TEST(ke_promises, expiry_lets_all_or_one_through)
{
    for (int Type = NotificationTimer; Type <= SynchronizationTimer; Type++) {
        LONG Expected = Type == NotificationTimer ? 3 : 1;
        PKTHREAD Threads[3];

        Through = 0;
        KeInitializeTimerEx(&Timer, Type);
        for (int At = 0; At < 3; At++) {
            Threads[At] = KtestThread(GoThrough, NULL, 9);
            KtestWaitBlocked(Threads[At], &Timer);
        }
        KeSetTimer(&Timer, In(2 * MILLISECOND), NULL);
        for (int At = 0; At < Expected; At++)
            KtestJoin(Threads[At]);
        Sleep(5 * MILLISECOND);
        EXPECT_EQ(Through, Expected);
        EXPECT_EQ(KeReadStateTimer(&Timer), Type == NotificationTimer);
        for (int At = Expected; At < 3; At++) {
            EXPECT_EQ(Threads[At]->State, Waiting);
            KeSetTimer(&Timer, In(0), NULL);
            KtestJoin(Threads[At]);
            EXPECT_FALSE(KeReadStateTimer(&Timer));
        }
    }
}

/* In the call that expires it, at DISPATCH_LEVEL: nobody can run in between.
 * covers KeSetTimerEx.4, KeSetTimerEx.13 */
TEST(ke_promises, expiry_does_not_boost)
{
    PKTHREAD Thread;
    KIRQL OldIrql;

    Through = 0;
    KeInitializeTimer(&Timer);
    KeSetSystemAffinityThread(1);
    Thread = KtestThread(GoThrough, NULL, 8);
    KtestWaitBlocked(Thread, &Timer);
    KeRaiseIrql(DISPATCH_LEVEL, &OldIrql);
    KeSetTimer(&Timer, In(0), NULL);
    EXPECT_NE(Thread->State, Waiting);
    EXPECT_EQ(KeQueryPriorityThread(Thread), 8);
    KeLowerIrql(OldIrql);
    KtestJoin(Thread);
    KeRevertToUserAffinityThread();
}

static volatile LONG FirstRan, SecondRan;

static VOID CountCall(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc), UNREFERENCED_PARAMETER(Argument1), UNREFERENCED_PARAMETER(Argument2);
    __atomic_add_fetch((volatile LONG *)Context, 1, __ATOMIC_SEQ_CST);
}

/* The expiry's DPC waits for the IRQL to fall while the timer is set to something else.
 * covers KeSetTimerEx.1, KeSetTimerEx.2, KeSetTimerEx.10 */
TEST(ke_promises, dpc_of_an_expiry_survives_a_new_setting)
{
    KDPC First, Second;
    KIRQL OldIrql;

    FirstRan = SecondRan = 0;
    KeInitializeTimer(&Timer);
    KeInitializeDpc(&First, CountCall, (PVOID)&FirstRan);
    KeInitializeDpc(&Second, CountCall, (PVOID)&SecondRan);
    KeRaiseIrql(DISPATCH_LEVEL, &OldIrql);
    EXPECT_FALSE(KeSetTimer(&Timer, In(0), &First));
    EXPECT_FALSE(KeSetTimer(&Timer, In(2 * MILLISECOND), &Second));
    EXPECT_EQ(FirstRan, 0);
    KeLowerIrql(OldIrql);
    EXPECT_EQ(FirstRan, 1);
    EXPECT_EQ(SecondRan, 0);
    EXPECT_EQ(KeWaitForSingleObject(&Timer, Executive, KernelMode, FALSE, NULL), STATUS_SUCCESS);
    KeFlushQueuedDpcs();
    EXPECT_EQ(FirstRan, 1);
    EXPECT_EQ(SecondRan, 1);
}

typedef struct _ONE_SHOT { KTIMER Timer; KDPC Dpc; volatile LONG *Gone; } ONE_SHOT;

static VOID WipeTimer(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    ONE_SHOT *Shot = Context;
    volatile LONG *Gone = Shot->Gone;

    UNREFERENCED_PARAMETER(Dpc), UNREFERENCED_PARAMETER(Argument1), UNREFERENCED_PARAMETER(Argument2);
    memset(Shot, 0xDD, sizeof *Shot);
    __atomic_add_fetch(Gone, 1, __ATOMIC_SEQ_CST);
}

/* covers KeSetTimerEx.12, KeInsertQueueDpc.4 */
TEST(ke_promises, dpc_of_a_one_shot_may_free_the_timer)
{
    enum { SHOTS = 50 };
    static ONE_SHOT Shots[SHOTS];
    volatile LONG Gone = 0;

    for (int At = 0; At < SHOTS; At++) {
        Shots[At].Gone = &Gone;
        KeInitializeTimer(&Shots[At].Timer);
        KeInitializeDpc(&Shots[At].Dpc, WipeTimer, &Shots[At]);
        KeSetTargetProcessorDpc(&Shots[At].Dpc, (CCHAR)(At % 2));       /* beside the expiry, if there are two */
        KeSetImportanceDpc(&Shots[At].Dpc, HighImportance);
        KeSetTimer(&Shots[At].Timer, In(At % 5 == 0 ? 0 : MILLISECOND + At / 3 * 100), &Shots[At].Dpc);
    }
    for (int Look = 0; Look < 1000 && Gone < SHOTS; Look++)
        Sleep(MILLISECOND);
    EXPECT_EQ(Gone, SHOTS);
    for (int At = 0; At < SHOTS; At++)
        for (SIZE_T Byte = 0; Byte < sizeof Shots[At]; Byte++)
            REQUIRE_EQ(((PUCHAR)&Shots[At])[Byte], 0xDD);
}
