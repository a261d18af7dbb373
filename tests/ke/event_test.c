/* event_test.c - the event object, at every IRQL where its routines are legal. */
#include <arch/arch.h>
#include <ke/event.h>
#include <ke/init.h>
#include <ke/irql.h>
#include <ke/thread.h>
#include <ktest.h>
#include <rtl/list.h>
#include <rtl/status.h>
#include <rtl/string.h>

enum { WAITERS = 3 };

typedef struct _SCENE {
    KEVENT Event;
    volatile LONG Order[8], Woken;
} SCENE;

typedef struct _WAITER {
    SCENE *Scene;
    LONG Number;
    NTSTATUS Status;
} WAITER;

static void CheckHeader(const KEVENT *Event, EVENT_TYPE Type, LONG State)
{
    EXPECT_EQ(Event->Header.Type, Type);
    EXPECT_EQ(Event->Header.Size, 6);
    EXPECT_EQ(Event->Header.SignalState, State);
    EXPECT_TRUE(IsListEmpty(&Event->Header.WaitListHead));
}

static VOID WaitOnce(PVOID Context)
{
    WAITER *Waiter = Context;
    LONG Place;

    Waiter->Status = KeWaitForSingleObject(&Waiter->Scene->Event, Executive, KernelMode, FALSE, NULL);
    Place = __atomic_fetch_add(&Waiter->Scene->Woken, 1, __ATOMIC_SEQ_CST);
    Waiter->Scene->Order[Place] = Waiter->Number;
}

/* Count threads blocked on Scene's event one behind the other, at a priority above the test's. */
static void StartWaiters(SCENE *Scene, WAITER *Waiters, PKTHREAD *Threads, LONG Count)
{
    for (LONG At = 0; At < Count; At++) {
        Waiters[At] = (WAITER){ .Scene = Scene, .Number = At + 1, .Status = -1 };
        Threads[At] = KtestThread(WaitOnce, &Waiters[At], 9);
        KtestWaitBlocked(Threads[At], &Scene->Event);
    }
}

static void JoinAll(PKTHREAD *Threads, LONG Count)
{
    for (LONG At = 0; At < Count; At++)
        KtestJoin(Threads[At]);
}

/* covers KeInitializeEvent.1 */
TEST(ke_event, initialize_leaves_bytes_1_and_3_as_found)
{
    for (int Type = NotificationEvent; Type <= SynchronizationEvent; Type++) {
        for (int State = 0; State <= 1; State++) {
            KEVENT Event;

            memset(&Event, 0x55, sizeof Event);
            KeInitializeEvent(&Event, Type, (BOOLEAN)State);
            CheckHeader(&Event, Type, State);
            EXPECT_EQ(Event.Header.Signalling, 0x55);
            EXPECT_EQ(Event.Header.DebugActive, 0x55);
        }
    }
}

/* covers KeSetEvent.1, KeSetEvent.4, KeSetEvent.8, KeClearEvent.1, KeResetEvent.1 */
TEST(ke_event, every_operation_at_every_irql)
{
    static const KIRQL Levels[] = { PASSIVE_LEVEL, APC_LEVEL, DISPATCH_LEVEL };

    for (ULONG At = 0; At < RTL_NUMBER_OF(Levels); At++) {
        for (int Type = NotificationEvent; Type <= SynchronizationEvent; Type++) {
            KIRQL OldIrql;
            KEVENT Event;

            memset(&Event, 0x55, sizeof Event);
            KeInitializeEvent(&Event, Type, FALSE);
            KeRaiseIrql(Levels[At], &OldIrql);
            EXPECT_EQ(KeSetEvent(&Event, 0, FALSE), 0);
            EXPECT_EQ(KeGetCurrentIrql(), Levels[At]);
            CheckHeader(&Event, Type, 1);
            EXPECT_EQ(KeSetEvent(&Event, 5, FALSE), 1);
            EXPECT_EQ(KeReadStateEvent(&Event), 1);
            EXPECT_EQ(KeResetEvent(&Event), 1);
            EXPECT_EQ(KeResetEvent(&Event), 0);
            CheckHeader(&Event, Type, 0);
            KeSetEvent(&Event, 0, FALSE);
            KeClearEvent(&Event);
            CheckHeader(&Event, Type, 0);
            EXPECT_EQ(KePulseEvent(&Event, 0, FALSE), 0);
            CheckHeader(&Event, Type, 0);
            KeSetEvent(&Event, 0, FALSE);
            EXPECT_EQ(KePulseEvent(&Event, 0, FALSE), 1);
            CheckHeader(&Event, Type, 0);
            EXPECT_EQ(KeGetCurrentIrql(), Levels[At]);
            KeLowerIrql(OldIrql);
        }
    }
}

/* The state becomes exactly 1, whatever it was; the result is what it was.
 * covers KeSetEvent.1 */
TEST(ke_event, set_makes_any_state_exactly_one)
{
    static const LONG States[] = { MINLONG, -1, 0, 1, 2, MAXLONG };

    for (ULONG At = 0; At < RTL_NUMBER_OF(States); At++) {
        KEVENT Event;

        KeInitializeEvent(&Event, NotificationEvent, FALSE);
        Event.Header.SignalState = States[At];
        EXPECT_EQ(KeSetEvent(&Event, 0, FALSE), States[At]);
        EXPECT_EQ(Event.Header.SignalState, 1);
    }
}

/* covers KeSetEvent.3, KeSetEvent.4, trap 7 */
TEST(ke_event, one_set_of_a_sync_event_wakes_only_the_first_waiter)
{
    SCENE Scene = { .Woken = 0 };
    PKTHREAD Threads[WAITERS];
    WAITER Waiters[WAITERS];

    KeInitializeEvent(&Scene.Event, SynchronizationEvent, FALSE);
    StartWaiters(&Scene, Waiters, Threads, WAITERS);
    for (LONG Turn = 1; Turn <= WAITERS; Turn++) {
        EXPECT_EQ(KeSetEvent(&Scene.Event, 0, FALSE), 0);
        EXPECT_EQ(Scene.Event.Header.SignalState, 0);
        KtestJoin(Threads[Turn - 1]);
        EXPECT_EQ(Scene.Woken, Turn);
        EXPECT_EQ(Scene.Order[Turn - 1], Turn);
        EXPECT_EQ(Waiters[Turn - 1].Status, STATUS_SUCCESS);
    }
    EXPECT_EQ(KeSetEvent(&Scene.Event, 0, FALSE), 0);
    CheckHeader(&Scene.Event, SynchronizationEvent, 1);
}

/* FIFO does not ask for priorities: the weakest came first and is woken first.
 * covers Wait.11 */
TEST(ke_event, fifo_is_independent_of_priority)
{
    static const KPRIORITY Priorities[WAITERS] = { 2, 12, 9 };
    SCENE Scene = { .Woken = 0 };
    PKTHREAD Threads[WAITERS];
    WAITER Waiters[WAITERS];

    KeInitializeEvent(&Scene.Event, SynchronizationEvent, FALSE);
    StartWaiters(&Scene, Waiters, Threads, WAITERS);
    for (LONG At = 0; At < WAITERS; At++)
        KeSetPriorityThread(Threads[At], Priorities[At]);
    for (LONG At = 0; At < WAITERS; At++) {
        KeSetEvent(&Scene.Event, 0, FALSE);
        KtestJoin(Threads[At]);
        EXPECT_EQ(Scene.Order[At], At + 1);
    }
}

/* covers KeSetEvent.2, KeWaitForSingleObject.2 */
TEST(ke_event, notification_wakes_all_and_stays_signalled)
{
    SCENE Scene = { .Woken = 0 };
    PKTHREAD Threads[WAITERS];
    WAITER Waiters[WAITERS];

    KeInitializeEvent(&Scene.Event, NotificationEvent, FALSE);
    StartWaiters(&Scene, Waiters, Threads, WAITERS);
    EXPECT_EQ(KeSetEvent(&Scene.Event, 0, FALSE), 0);
    JoinAll(Threads, WAITERS);
    EXPECT_EQ(Scene.Woken, WAITERS);
    CheckHeader(&Scene.Event, NotificationEvent, 1);
}

/* covers KePulseEvent.1 */
TEST(ke_event, pulse_wakes_who_waits_and_leaves_the_event_reset)
{
    for (int Type = NotificationEvent; Type <= SynchronizationEvent; Type++) {
        LONG Expected = Type == NotificationEvent ? WAITERS : 1;
        SCENE Scene = { .Woken = 0 };
        PKTHREAD Threads[WAITERS];
        WAITER Waiters[WAITERS];

        KeInitializeEvent(&Scene.Event, Type, FALSE);
        StartWaiters(&Scene, Waiters, Threads, WAITERS);
        EXPECT_EQ(KePulseEvent(&Scene.Event, 0, FALSE), 0);
        EXPECT_EQ(Scene.Event.Header.SignalState, 0);
        JoinAll(Threads, Expected);
        EXPECT_EQ(Scene.Woken, Expected);
        for (LONG At = Expected; At < WAITERS; At++) {
            EXPECT_EQ(Threads[At]->State, Waiting);
            KeSetEvent(&Scene.Event, 0, FALSE);
            KtestJoin(Threads[At]);
        }
    }
}

/* A set at DISPATCH_LEVEL wakes at once but the switch waits for the IRQL to fall, even by a bare CR8 write.
 * covers KeSetEvent.8 */
TEST(ke_event, set_at_dispatch_switches_when_cr8_falls)
{
    SCENE Scene = { .Woken = 0 };
    PKTHREAD Thread;
    WAITER Waiter;
    KIRQL OldIrql;

    if (KeQueryActiveProcessorCount(NULL) > 1)
        KeSetSystemAffinityThread(1);
    KeInitializeEvent(&Scene.Event, SynchronizationEvent, FALSE);
    StartWaiters(&Scene, &Waiter, &Thread, 1);
    KeSetAffinityThread(Thread, 1);
    KeRaiseIrql(DISPATCH_LEVEL, &OldIrql);
    KeSetEvent(&Scene.Event, 0, FALSE);
    EXPECT_EQ(Scene.Woken, 0);
    ArchWriteIrql(OldIrql);
    EXPECT_EQ(Scene.Woken, 1);
    KtestJoin(Thread);
    KeRevertToUserAffinityThread();
}

/* Trap 48, and trap 6 for the event that is set already.
 * covers KeSetEvent.7, Wait.12, trap 48 */
TEST(ke_event, increment_boosts_the_woken_up_to_15)
{
    static const struct { KPRIORITY Base, Increment, Expected; } Cases[] = {
        { 8, 0, 8 }, { 8, 1, 9 }, { 8, 20, 15 }, { 8, -3, 8 }, { 15, 5, 15 }, { 16, 5, 16 }, { 31, 1, 31 },
    };

    for (ULONG At = 0; At < RTL_NUMBER_OF(Cases); At++) {
        SCENE Scene = { .Woken = 0 };
        PKTHREAD Thread;
        WAITER Waiter;
        KIRQL OldIrql;

        KeInitializeEvent(&Scene.Event, SynchronizationEvent, FALSE);
        StartWaiters(&Scene, &Waiter, &Thread, 1);
        KeSetPriorityThread(Thread, Cases[At].Base);
        if (Cases[At].Base < 16)
            KeSetBasePriorityThread(Thread, Cases[At].Base - 8);
        KeSetAffinityThread(Thread, 1ull << KeGetCurrentProcessorNumber());
        KeRaiseIrql(DISPATCH_LEVEL, &OldIrql);
        KeSetEvent(&Scene.Event, Cases[At].Increment, FALSE);
        EXPECT_EQ(KeQueryPriorityThread(Thread), Cases[At].Expected);
        KeLowerIrql(OldIrql);
        KtestJoin(Thread);
    }
}

static VOID WaitTwice(PVOID Event)
{
    KeWaitForSingleObject(Event, Executive, KernelMode, FALSE, NULL);
    KeWaitForSingleObject(Event, Executive, KernelMode, FALSE, NULL);
}

/* covers Wait.12 */
TEST(ke_event, boosts_do_not_add_up)
{
    PKTHREAD Thread;
    KEVENT Event;
    KIRQL OldIrql;

    KeInitializeEvent(&Event, SynchronizationEvent, FALSE);
    KeSetSystemAffinityThread(1);
    Thread = KtestThread(WaitTwice, &Event, 8);
    KtestWaitBlocked(Thread, &Event);
    KeSetEvent(&Event, 2, FALSE);
    EXPECT_EQ(KeQueryPriorityThread(Thread), 10);
    KtestWaitBlocked(Thread, &Event);
    KeRaiseIrql(DISPATCH_LEVEL, &OldIrql);
    KeSetEvent(&Event, 5, FALSE);
    EXPECT_EQ(KeQueryPriorityThread(Thread), 10);
    KeLowerIrql(OldIrql);
    KtestJoin(Thread);
    KeRevertToUserAffinityThread();
}

static VOID WaitForTwo(PVOID Context)
{
    SCENE *Scenes = Context;
    PVOID Both[] = { &Scenes[0].Event, &Scenes[1].Event };

    KeWaitForMultipleObjects(2, Both, WaitAll, Executive, KernelMode, FALSE, NULL, NULL);
}

/* Trap 6: setting what is set wakes nobody and boosts nobody, not even one who waits for something else as well.
 * covers KeSetEvent.5, trap 6 */
TEST(ke_event, setting_a_set_event_boosts_nobody)
{
    for (int Type = NotificationEvent; Type <= SynchronizationEvent; Type++) {
        SCENE Scenes[2] = { { .Woken = 0 }, { .Woken = 0 } };
        PKTHREAD Thread;

        KeInitializeEvent(&Scenes[0].Event, Type, TRUE);
        KeInitializeEvent(&Scenes[1].Event, Type, FALSE);
        Thread = KtestThread(WaitForTwo, Scenes, 9);
        KtestWaitBlocked(Thread, &Scenes[0].Event);
        EXPECT_NE(KeSetEvent(&Scenes[0].Event, 5, FALSE), 0);
        EXPECT_EQ(Thread->State, Waiting);
        EXPECT_EQ(KeQueryPriorityThread(Thread), 9);
        EXPECT_EQ(KeSetEvent(&Scenes[1].Event, 0, FALSE), 0);
        KtestJoin(Thread);
    }
}

/* ---- Wait=TRUE ---- */

/* Trap 3: raised after the set; the wait returns at the IRQL from before it, however it ends.
 * covers Wait.13, Wait.14, KeSetEvent.9, KeDelayExecutionThread.7, trap 3, trap 4 */
TEST(ke_event, wait_true_gives_back_the_irql_from_before)
{
    static const KIRQL Levels[] = { PASSIVE_LEVEL, APC_LEVEL };
    LARGE_INTEGER Zero = { .QuadPart = 0 }, Short = { .QuadPart = -1000 };

    for (ULONG At = 0; At < RTL_NUMBER_OF(Levels); At++) {
        KEVENT Set, Awaited;
        KIRQL OldIrql;

        KeInitializeEvent(&Set, NotificationEvent, FALSE);
        KeInitializeEvent(&Awaited, SynchronizationEvent, TRUE);
        KeRaiseIrql(Levels[At], &OldIrql);

        KeSetEvent(&Set, 0, TRUE);
        EXPECT_GE(KeGetCurrentIrql(), DISPATCH_LEVEL);
        EXPECT_EQ(KeWaitForSingleObject(&Awaited, Executive, KernelMode, FALSE, NULL), STATUS_SUCCESS);
        EXPECT_EQ(KeGetCurrentIrql(), Levels[At]);

        KeSetEvent(&Set, 0, TRUE);
        EXPECT_EQ(KeWaitForSingleObject(&Awaited, Executive, KernelMode, FALSE, &Zero), STATUS_TIMEOUT);
        EXPECT_EQ(KeGetCurrentIrql(), Levels[At]);

        KePulseEvent(&Set, 0, TRUE);
        EXPECT_GE(KeGetCurrentIrql(), DISPATCH_LEVEL);
        EXPECT_EQ(KeWaitForSingleObject(&Awaited, Executive, KernelMode, FALSE, &Short), STATUS_TIMEOUT);
        EXPECT_EQ(KeGetCurrentIrql(), Levels[At]);

        KeSetEvent(&Set, 0, TRUE);
        EXPECT_EQ(KeDelayExecutionThread(KernelMode, FALSE, &Short), STATUS_SUCCESS);
        EXPECT_EQ(KeGetCurrentIrql(), Levels[At]);

        /* Trap 4: the mark was for one wait only. */
        EXPECT_EQ(KeWaitForSingleObject(&Awaited, Executive, KernelMode, FALSE, &Zero), STATUS_TIMEOUT);
        EXPECT_EQ(KeGetCurrentIrql(), Levels[At]);
        KeLowerIrql(OldIrql);
    }
}

/* covers Wait.13, trap 5 */
TEST(ke_event, wait_true_lets_nobody_run_before_the_wait)
{
    LARGE_INTEGER Zero = { .QuadPart = 0 };
    SCENE Scene = { .Woken = 0 };
    PKTHREAD Thread;
    WAITER Waiter;

    KeSetSystemAffinityThread(1);
    KeInitializeEvent(&Scene.Event, SynchronizationEvent, FALSE);
    StartWaiters(&Scene, &Waiter, &Thread, 1);
    KeSetAffinityThread(Thread, 1);
    KeSetPriorityThread(Thread, 14);
    KeSetEvent(&Scene.Event, 0, TRUE);
    for (int Round = 0; Round < 1000; Round++)
        EXPECT_EQ(Scene.Woken, 0);
    KeWaitForSingleObject(&Scene.Event, Executive, KernelMode, FALSE, &Zero);
    EXPECT_EQ(Scene.Woken, 1);
    KtestJoin(Thread);
    KeRevertToUserAffinityThread();
}

static KEVENT Both[2];

static VOID WaitForBoth(PVOID Context)
{
    PVOID Objects[2] = { &Both[0], &Both[1] };

    UNREFERENCED_PARAMETER(Context);
    KeWaitForMultipleObjects(2, Objects, WaitAll, Executive, KernelMode, FALSE, NULL, NULL);
}

/* Only the step from not signalled to signalled looks for waiters. The second event is made to look signalled behind
 * the kernel's back, so that a set that looks for them all the same gives itself away. */
TEST(ke_event, set_of_a_set_event_looks_for_nobody)
{
    PKTHREAD Thread;

    KeInitializeEvent(&Both[0], NotificationEvent, TRUE);
    KeInitializeEvent(&Both[1], SynchronizationEvent, FALSE);
    Thread = KtestThread(WaitForBoth, NULL, 9);
    KtestWaitBlocked(Thread, NULL);
    Both[1].Header.SignalState = 1;
    EXPECT_EQ(KeSetEvent(&Both[0], 0, FALSE), 1);
    EXPECT_EQ(Thread->State, Waiting);
    EXPECT_EQ(KeSetEvent(&Both[1], 0, FALSE), 1);
    EXPECT_EQ(Thread->State, Waiting);
    KeClearEvent(&Both[1]);
    EXPECT_EQ(KeSetEvent(&Both[1], 0, FALSE), 0);
    KtestJoin(Thread);
    EXPECT_EQ(Both[1].Header.SignalState, 0);
}
