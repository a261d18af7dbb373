/* multiple_test.c - waits for several objects: any of them, or all at the same moment. */
#include <ke/event.h>
#include <ke/irql.h>
#include <ke/mutant.h>
#include <ke/semaphore.h>
#include <ke/thread.h>
#include <ktest.h>
#include <rtl/list.h>
#include <rtl/status.h>
#include <rtl/string.h>

static NTSTATUS Try(ULONG Count, PVOID *Objects, WAIT_TYPE Type, PKWAIT_BLOCK Blocks)
{
    LARGE_INTEGER Zero = { .QuadPart = 0 };

    return KeWaitForMultipleObjects(Count, Objects, Type, Executive, KernelMode, FALSE, &Zero, Blocks);
}

typedef struct _WAITER {
    ULONG Count;
    PVOID Objects[8];
    WAIT_TYPE Type;
    volatile NTSTATUS Status;
    KWAIT_BLOCK Blocks[8];
} WAITER;

static VOID WaitMany(PVOID Context)
{
    WAITER *Waiter = Context;

    Waiter->Status = KeWaitForMultipleObjects(Waiter->Count, Waiter->Objects, Waiter->Type, Executive, KernelMode,
                                              FALSE, NULL, Waiter->Blocks);
}

/* covers KeWaitForMultipleObjects.4, KeWaitForMultipleObjects.12, trap 10 */
TEST(ke_multiple, any_takes_the_lowest_index_and_nothing_else)
{
    KWAIT_BLOCK Blocks[8];
    PVOID Objects[8];
    KEVENT Events[8];

    memset(Blocks, 0x55, sizeof Blocks);
    for (int At = 0; At < 8; At++) {
        KeInitializeEvent(&Events[At], SynchronizationEvent, At == 2 || At == 5);
        Objects[At] = &Events[At];
    }
    EXPECT_EQ(Try(8, Objects, WaitAny, Blocks), STATUS_WAIT_0 + 2);
    EXPECT_EQ(KeReadStateEvent(&Events[2]), 0);
    EXPECT_EQ(KeReadStateEvent(&Events[5]), 1);
    EXPECT_EQ(Try(8, Objects, WaitAny, Blocks), STATUS_WAIT_0 + 5);
    EXPECT_EQ(Try(8, Objects, WaitAny, Blocks), STATUS_TIMEOUT);
}

/* covers KeWaitForMultipleObjects.7, KeWaitForMultipleObjects.10, trap 9 */
TEST(ke_multiple, all_with_one_missing_touches_nothing)
{
    KSEMAPHORE Semaphore;
    KMUTEX Mutex;
    KEVENT Event;
    PVOID Objects[] = { &Mutex, &Semaphore, &Event };

    KeInitializeMutex(&Mutex, 0);
    KeInitializeSemaphore(&Semaphore, 2, 5);
    KeInitializeEvent(&Event, SynchronizationEvent, FALSE);
    EXPECT_EQ(Try(3, Objects, WaitAll, NULL), STATUS_TIMEOUT);
    EXPECT_EQ(KeReadStateSemaphore(&Semaphore), 2);
    EXPECT_EQ(KeReadStateMutex(&Mutex), 1);
    KeSetEvent(&Event, 0, FALSE);
    EXPECT_EQ(Try(3, Objects, WaitAll, NULL), STATUS_SUCCESS);
    EXPECT_EQ(KeReadStateSemaphore(&Semaphore), 1);
    EXPECT_EQ(KeReadStateMutex(&Mutex), 0);
    EXPECT_EQ(KeReadStateEvent(&Event), 0);
    KeReleaseMutex(&Mutex, FALSE);
}

/* With a timeout of zero up to DISPATCH_LEVEL, any and all. */
TEST(ke_multiple, tests_without_blocking_at_every_irql)
{
    static const KIRQL Levels[] = { PASSIVE_LEVEL, APC_LEVEL, DISPATCH_LEVEL };

    for (ULONG At = 0; At < RTL_NUMBER_OF(Levels); At++) {
        KSEMAPHORE Semaphore;
        KIRQL OldIrql;
        KEVENT Event;
        PVOID Objects[] = { &Event, &Semaphore };

        KeInitializeEvent(&Event, SynchronizationEvent, FALSE);
        KeInitializeSemaphore(&Semaphore, 1, 3);
        KeRaiseIrql(Levels[At], &OldIrql);
        EXPECT_EQ(Try(2, Objects, WaitAll, NULL), STATUS_TIMEOUT);
        EXPECT_EQ(KeReadStateSemaphore(&Semaphore), 1);
        EXPECT_EQ(Try(2, Objects, WaitAny, NULL), STATUS_WAIT_0 + 1);
        EXPECT_EQ(Try(2, Objects, WaitAny, NULL), STATUS_TIMEOUT);
        KeSetEvent(&Event, 0, FALSE);
        KeReleaseSemaphore(&Semaphore, 0, 2, FALSE);
        EXPECT_EQ(Try(2, Objects, WaitAll, NULL), STATUS_SUCCESS);
        EXPECT_EQ(KeReadStateEvent(&Event), 0);
        EXPECT_EQ(KeReadStateSemaphore(&Semaphore), 1);
        EXPECT_EQ(KeGetCurrentIrql(), Levels[At]);
        KeLowerIrql(OldIrql);
    }
}

/* Trap 12, the legal end of it.
 * covers KeWaitForMultipleObjects.3, trap 12 */
TEST(ke_multiple, sixty_four_objects)
{
    static KWAIT_BLOCK Blocks[MAXIMUM_WAIT_OBJECTS];
    static KEVENT Events[MAXIMUM_WAIT_OBJECTS];
    PVOID Objects[MAXIMUM_WAIT_OBJECTS];

    for (int At = 0; At < MAXIMUM_WAIT_OBJECTS; At++) {
        KeInitializeEvent(&Events[At], SynchronizationEvent, At == 63);
        Objects[At] = &Events[At];
    }
    EXPECT_EQ(Try(64, Objects, WaitAny, Blocks), STATUS_WAIT_0 + 63);
    for (int At = 0; At < MAXIMUM_WAIT_OBJECTS; At++)
        KeSetEvent(&Events[At], 0, FALSE);
    EXPECT_EQ(Try(64, Objects, WaitAll, Blocks), STATUS_SUCCESS);
    for (int At = 0; At < MAXIMUM_WAIT_OBJECTS; At++)
        EXPECT_EQ(KeReadStateEvent(&Events[At]), 0);
}

/* covers KeWaitForMultipleObjects.5 */
TEST(ke_multiple, blocked_any_gets_the_index_that_woke_it_and_unlinks_the_rest)
{
    for (ULONG Woken = 0; Woken < 8; Woken++) {
        WAITER Waiter = { .Count = 8, .Type = WaitAny, .Status = -1 };
        KEVENT Events[8];
        PKTHREAD Thread;

        for (int At = 0; At < 8; At++) {
            KeInitializeEvent(&Events[At], SynchronizationEvent, FALSE);
            Waiter.Objects[At] = &Events[At];
        }
        Thread = KtestThread(WaitMany, &Waiter, 9);
        KtestWaitBlocked(Thread, &Events[0]);
        KeSetEvent(&Events[Woken], 0, FALSE);
        KtestJoin(Thread);
        EXPECT_EQ(Waiter.Status, STATUS_WAIT_0 + (LONG)Woken);
        for (int At = 0; At < 8; At++)
            EXPECT_TRUE(IsListEmpty(&Events[At].Header.WaitListHead));
    }
}

/* A driver that leaves places of its array unused may fill them with any object. */
TEST(ke_multiple, blocked_any_may_name_one_twice)
{
    for (ULONG Woken = 0; Woken < 4; Woken++) {
        WAITER Waiter = { .Count = 8, .Type = WaitAny, .Status = -1 };
        KEVENT Own, All, Unused;
        KSEMAPHORE Semaphore;
        PVOID Kinds[] = { &Own, &All, &Semaphore, &Unused };
        PKTHREAD Thread;

        KeInitializeEvent(&Own, SynchronizationEvent, FALSE);
        KeInitializeEvent(&All, NotificationEvent, FALSE);
        KeInitializeEvent(&Unused, NotificationEvent, FALSE);
        KeInitializeSemaphore(&Semaphore, 0, 2);
        for (int At = 0; At < 8; At++)
            Waiter.Objects[At] = Kinds[At % 4];
        Thread = KtestThread(WaitMany, &Waiter, 9);
        KtestWaitBlocked(Thread, &Own);
        switch (Woken) {
        case 0: KeSetEvent(&Own, 0, FALSE); break;
        case 1: KeSetEvent(&All, 0, FALSE); break;
        case 2: KeReleaseSemaphore(&Semaphore, 0, 2, FALSE); break;
        default: KeSetEvent(&Unused, 1, FALSE);
        }
        KtestJoin(Thread);
        EXPECT_EQ(Waiter.Status, STATUS_WAIT_0 + (LONG)Woken);
        EXPECT_EQ(KeReadStateEvent(&Own), 0);
        EXPECT_EQ(KeReadStateSemaphore(&Semaphore), Woken == 2);
        EXPECT_TRUE(IsListEmpty(&Own.Header.WaitListHead));
        EXPECT_TRUE(IsListEmpty(&All.Header.WaitListHead));
        EXPECT_TRUE(IsListEmpty(&Unused.Header.WaitListHead));
        EXPECT_TRUE(IsListEmpty(&Semaphore.Header.WaitListHead));
    }
}

static VOID WaitFirst(PVOID Event) { KeWaitForSingleObject(Event, Executive, KernelMode, FALSE, NULL); }

/* Trap 8: a partial set consumes nothing, and one queued behind the wait-all gets it.
 * covers KeWaitForMultipleObjects.9, KeSetEvent.6, trap 8 */
TEST(ke_multiple, partial_all_leaves_the_signal_to_others)
{
    WAITER Waiter = { .Count = 2, .Type = WaitAll, .Status = -1 };
    LARGE_INTEGER Zero = { .QuadPart = 0 };
    PKTHREAD All, Behind;
    KEVENT A, B;

    KeInitializeEvent(&A, SynchronizationEvent, FALSE);
    KeInitializeEvent(&B, SynchronizationEvent, FALSE);
    Waiter.Objects[0] = &A;
    Waiter.Objects[1] = &B;
    All = KtestThread(WaitMany, &Waiter, 9);
    KtestWaitBlocked(All, &A);
    Behind = KtestThread(WaitFirst, &A, 9);
    KtestWaitBlocked(Behind, &A);
    KeSetEvent(&A, 0, FALSE);
    KtestJoin(Behind);
    EXPECT_EQ(All->State, Waiting);
    EXPECT_EQ(KeReadStateEvent(&A), 0);
    KeSetEvent(&B, 0, FALSE);
    EXPECT_EQ(All->State, Waiting);
    EXPECT_EQ(KeReadStateEvent(&B), 1);
    KeSetEvent(&A, 0, FALSE);
    KtestJoin(All);
    EXPECT_EQ(Waiter.Status, STATUS_SUCCESS);
    EXPECT_EQ(KeWaitForSingleObject(&A, Executive, KernelMode, FALSE, &Zero), STATUS_TIMEOUT);
    EXPECT_EQ(KeWaitForSingleObject(&B, Executive, KernelMode, FALSE, &Zero), STATUS_TIMEOUT);
}

static VOID TakeAndEnd(PVOID Mutant) { KeWaitForSingleObject(Mutant, Executive, KernelMode, FALSE, NULL); }

/* Trap 11, at entry and when blocked.
 * covers KeWaitForMultipleObjects.6, KeWaitForMultipleObjects.8, trap 11 */
TEST(ke_multiple, abandoned_status_has_the_index_for_any_and_none_for_all)
{
    KEVENT Events[2];
    KMUTANT Mutant;
    PVOID Objects[] = { &Events[0], &Events[1], &Mutant };

    for (WAIT_TYPE Type = WaitAll; Type <= WaitAny; Type++) {
        KeInitializeEvent(&Events[0], NotificationEvent, Type == WaitAll);
        KeInitializeEvent(&Events[1], NotificationEvent, Type == WaitAll);
        KeInitializeMutant(&Mutant, FALSE);
        KtestJoin(KtestThread(TakeAndEnd, &Mutant, 9));
        EXPECT_EQ(Try(3, Objects, Type, NULL), Type == WaitAny ? STATUS_ABANDONED_WAIT_0 + 2 : STATUS_ABANDONED_WAIT_0);
        KeReleaseMutant(&Mutant, 0, FALSE, FALSE);
    }
}

/* Trap 11, for one who slept: the mutant is free and marked all the while, the event comes later.
 * covers KeWaitForMultipleObjects.8, trap 11 */
TEST(ke_multiple, blocked_all_is_told_of_an_abandoned_mutant)
{
    WAITER Waiter = { .Count = 2, .Type = WaitAll, .Status = -1 };
    PKTHREAD Thread;
    KMUTANT Mutant;
    KEVENT Event;

    KeInitializeMutant(&Mutant, FALSE);
    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    Waiter.Objects[0] = &Mutant;
    Waiter.Objects[1] = &Event;
    KtestJoin(KtestThread(TakeAndEnd, &Mutant, 9));
    Thread = KtestThread(WaitMany, &Waiter, 9);
    KtestWaitBlocked(Thread, &Mutant);
    KeSetEvent(&Event, 0, FALSE);
    KtestJoin(Thread);
    EXPECT_EQ(Waiter.Status, STATUS_ABANDONED_WAIT_0);
}

/* ---- Many who are passed over ---- */

enum { PAIRS = 40 };
static struct {
    KSEMAPHORE Semaphore;
    KEVENT Event;
    LONG Order[2 * PAIRS];
    volatile LONG Count;
} Line;

/* Even numbers wait for the semaphore, odd ones for the event as well. */
static VOID StandInLine(PVOID Context)
{
    LONG Number = (LONG)(LONG_PTR)Context;
    PVOID Both[] = { &Line.Semaphore, &Line.Event };

    KeWaitForMultipleObjects(1 + Number % 2, Both, WaitAll, Executive, KernelMode, FALSE, NULL, NULL);
    Line.Order[Line.Count++] = Number;
}

/* Those who lack the event keep their places; the others behind them are served in their order, and so are they when
 * it comes. One processor and one priority: they run in the order in which they were woken. */
TEST(ke_multiple, those_passed_over_keep_their_places)
{
    PKTHREAD Threads[2 * PAIRS];

    Line.Count = 0;
    KeInitializeSemaphore(&Line.Semaphore, 0, PAIRS);
    KeInitializeEvent(&Line.Event, NotificationEvent, FALSE);
    KeSetSystemAffinityThread(1);
    for (LONG At = 0; At < 2 * PAIRS; At++) {
        Threads[At] = KtestThread(StandInLine, (PVOID)(LONG_PTR)(At ^ 1), 9);
        KtestWaitBlocked(Threads[At], &Line.Semaphore);
    }
    for (LONG At = 0; At < PAIRS; At += 10) {
        EXPECT_EQ(KeReleaseSemaphore(&Line.Semaphore, 0, 10, FALSE), 0);
        EXPECT_EQ(KeReadStateSemaphore(&Line.Semaphore), 0);
        EXPECT_EQ(Line.Count, At + 10);
    }
    EXPECT_EQ(KeReleaseSemaphore(&Line.Semaphore, 0, 3, FALSE), 0);
    EXPECT_EQ(KeReadStateSemaphore(&Line.Semaphore), 3);
    KeSetEvent(&Line.Event, 0, FALSE);
    EXPECT_EQ(Line.Count, PAIRS + 3);
    EXPECT_EQ(KeReleaseSemaphore(&Line.Semaphore, 0, PAIRS, FALSE), 0);
    EXPECT_EQ(Line.Count, 2 * PAIRS);
    EXPECT_EQ(KeReadStateSemaphore(&Line.Semaphore), 3);
    for (LONG At = 0; At < 2 * PAIRS; At++) {
        EXPECT_EQ(Line.Order[At], At < PAIRS ? 2 * At : 2 * (At - PAIRS) + 1);
        KtestJoin(Threads[At]);
    }
    KeRevertToUserAffinityThread();
}

/* ---- Wait-all is atomic ---- */

enum { PHILOSOPHERS = 5, MEALS = 300 };
static KSEMAPHORE Forks[PHILOSOPHERS];
static volatile LONG Using[PHILOSOPHERS];
static volatile LONG Eaten;

static VOID Dine(PVOID Context)
{
    ULONG Left = (ULONG)(ULONG_PTR)Context, Right = (Left + 1) % PHILOSOPHERS;
    PVOID Both[] = { &Forks[Left], &Forks[Right] };

    for (int Meal = 0; Meal < MEALS; Meal++) {
        EXPECT_EQ(KeWaitForMultipleObjects(2, Both, WaitAll, Executive, KernelMode, FALSE, NULL, NULL), STATUS_SUCCESS);
        EXPECT_EQ(__atomic_add_fetch(&Using[Left], 1, __ATOMIC_SEQ_CST), 1);
        EXPECT_EQ(__atomic_add_fetch(&Using[Right], 1, __ATOMIC_SEQ_CST), 1);
        __atomic_add_fetch(&Eaten, 1, __ATOMIC_SEQ_CST);
        __atomic_sub_fetch(&Using[Left], 1, __ATOMIC_SEQ_CST);
        __atomic_sub_fetch(&Using[Right], 1, __ATOMIC_SEQ_CST);
        KeReleaseSemaphore(&Forks[Left], 0, 1, FALSE);
        KeReleaseSemaphore(&Forks[Right], 0, 1, FALSE);
    }
}

/* covers KeWaitForMultipleObjects.7 */
TEST(ke_multiple, philosophers_neither_starve_nor_share_a_fork)
{
    PKTHREAD Threads[PHILOSOPHERS];

    Eaten = 0;
    for (int At = 0; At < PHILOSOPHERS; At++)
        KeInitializeSemaphore(&Forks[At], 1, 1);
    for (int At = 0; At < PHILOSOPHERS; At++)
        Threads[At] = KtestThread(Dine, (PVOID)(ULONG_PTR)At, 8);
    for (int At = 0; At < PHILOSOPHERS; At++)
        KtestJoin(Threads[At]);
    EXPECT_EQ(Eaten, PHILOSOPHERS * MEALS);
}
