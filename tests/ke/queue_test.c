/* queue_test.c - the queue object: order, the bound on running threads, rundown. */
#include <ke/apc.h>
#include <ke/clock.h>
#include <ke/event.h>
#include <ke/init.h>
#include <ke/irql.h>
#include <ke/queue.h>
#include <ke/thread.h>
#include <ktest.h>
#include <rtl/list.h>
#include <rtl/status.h>
#include <rtl/string.h>

typedef struct _ITEM { LIST_ENTRY Entry; LONG Number; } ITEM;

static LARGE_INTEGER AtOnce(void) { return (LARGE_INTEGER){ .QuadPart = 0 }; }

/* covers KeInitializeQueue.1 */
TEST(ke_queue, initialize_over_poison)
{
    KQUEUE Queue;

    memset(&Queue, 0x55, sizeof Queue);
    KeInitializeQueue(&Queue, 0);
    EXPECT_EQ(Queue.Header.Type, QueueObject);
    EXPECT_EQ(Queue.Header.Size, 16);
    EXPECT_EQ(KeReadStateQueue(&Queue), 0);
    EXPECT_EQ(Queue.CurrentCount, 0);
    EXPECT_EQ(Queue.MaximumCount, KeQueryActiveProcessorCount(NULL));
    KeInitializeQueue(&Queue, 7);
    EXPECT_EQ(Queue.MaximumCount, 7);
}

/* covers KeInsertQueue.1, KeRemoveQueue.3, KeRemoveQueue.4 */
TEST(ke_queue, entries_come_out_in_order_and_the_head_first)
{
    LARGE_INTEGER Zero = AtOnce();
    ITEM Items[4];
    KQUEUE Queue;

    KeInitializeQueue(&Queue, 1);
    EXPECT_EQ(KeInsertQueue(&Queue, &Items[1].Entry), 0);
    EXPECT_EQ(KeInsertQueue(&Queue, &Items[2].Entry), 1);
    EXPECT_EQ(KeInsertHeadQueue(&Queue, &Items[0].Entry), 2);
    EXPECT_EQ(KeReadStateQueue(&Queue), 3);
    for (int At = 0; At < 3; At++) {
        EXPECT_EQ(KeRemoveQueue(&Queue, KernelMode, &Zero), &Items[At].Entry);
        EXPECT_EQ(Items[At].Entry.Flink, NULL);
        EXPECT_EQ(Queue.CurrentCount, 1);
    }
    EXPECT_EQ((LONG_PTR)KeRemoveQueue(&Queue, KernelMode, &Zero), STATUS_TIMEOUT);
    EXPECT_EQ(KeRundownQueue(&Queue), NULL);
    EXPECT_EQ(Queue.CurrentCount, 0);
}

/* Inserts and, with a timeout of zero, removals up to DISPATCH_LEVEL. */
TEST(ke_queue, every_operation_at_every_irql)
{
    static const KIRQL Levels[] = { PASSIVE_LEVEL, APC_LEVEL, DISPATCH_LEVEL };
    LARGE_INTEGER Zero = AtOnce();

    for (ULONG At = 0; At < RTL_NUMBER_OF(Levels); At++) {
        ITEM Items[3];
        KIRQL OldIrql;
        KQUEUE Queue;

        memset(&Queue, 0x55, sizeof Queue);
        memset(Items, 0x55, sizeof Items);
        KeInitializeQueue(&Queue, 1);
        KeRaiseIrql(Levels[At], &OldIrql);
        EXPECT_EQ(KeInsertQueue(&Queue, &Items[0].Entry), 0);
        EXPECT_EQ(KeInsertQueue(&Queue, &Items[1].Entry), 1);
        EXPECT_EQ(KeRemoveQueue(&Queue, KernelMode, &Zero), &Items[0].Entry);
        EXPECT_EQ(KeInsertHeadQueue(&Queue, &Items[2].Entry), 1);
        EXPECT_EQ(KeRemoveQueue(&Queue, KernelMode, &Zero), &Items[2].Entry);
        EXPECT_EQ(KeReadStateQueue(&Queue), 1);
        EXPECT_EQ(KeGetCurrentIrql(), Levels[At]);
        EXPECT_EQ(KeRundownQueue(&Queue), &Items[1].Entry);
        EXPECT_EQ((LONG_PTR)KeRemoveQueue(&Queue, KernelMode, &Zero), STATUS_ABANDONED);
        EXPECT_EQ(KeGetCurrentIrql(), Levels[At]);
        KeLowerIrql(OldIrql);
    }
}

typedef struct _SERVER { KQUEUE *Queue; KEVENT *Block; volatile LONG_PTR Got; volatile LONG Took; } SERVER;

static VOID Serve(PVOID Context)
{
    SERVER *Server = Context;

    Server->Got = (LONG_PTR)KeRemoveQueue(Server->Queue, KernelMode, NULL);
    Server->Took = 1;
    if (Server->Block != NULL)
        KeWaitForSingleObject(Server->Block, Executive, KernelMode, FALSE, NULL);
}

/* covers KeRemoveQueue.1 */
TEST(ke_queue, last_waiter_is_served_first)
{
    SERVER Servers[3];
    PKTHREAD Threads[3];
    ITEM Items[3];
    KQUEUE Queue;

    KeInitializeQueue(&Queue, 8);
    for (int At = 0; At < 3; At++) {
        Servers[At] = (SERVER){ .Queue = &Queue };
        Threads[At] = KtestThread(Serve, &Servers[At], 9);
        KtestWaitBlocked(Threads[At], &Queue);
    }
    for (int At = 2; At >= 0; At--) {
        EXPECT_EQ(KeInsertQueue(&Queue, &Items[At].Entry), 0);
        KtestJoin(Threads[At]);
        EXPECT_EQ(Servers[At].Got, (LONG_PTR)&Items[At].Entry);
    }
    EXPECT_EQ(Queue.CurrentCount, 0);
}

/* covers KeRemoveQueue.2, trap 55 */
TEST(ke_queue, second_worker_goes_only_when_the_first_blocks)
{
    SERVER Servers[2];
    PKTHREAD Threads[2];
    ITEM Items[3];
    KQUEUE Queue;
    KEVENT Block;

    KeSetSystemAffinityThread(1);       /* the workers' too: as the weaker ones they run when we wait */
    KeInitializeQueue(&Queue, 1);
    KeInitializeEvent(&Block, NotificationEvent, FALSE);
    for (int At = 0; At < 2; At++) {
        Servers[At] = (SERVER){ .Queue = &Queue, .Block = At == 1 ? &Block : NULL };
        Threads[At] = KtestThread(Serve, &Servers[At], 7);
        KtestWaitBlocked(Threads[At], &Queue);
    }
    KeInsertQueue(&Queue, &Items[0].Entry);
    EXPECT_EQ(Queue.CurrentCount, 1);
    EXPECT_EQ(KeInsertQueue(&Queue, &Items[1].Entry), 0);
    EXPECT_EQ(KeInsertHeadQueue(&Queue, &Items[2].Entry), 1);
    EXPECT_EQ(KeReadStateQueue(&Queue), 2);         /* the bound holds them back */
    EXPECT_EQ(Servers[0].Took, 0);
    KtestWaitBlocked(Threads[1], &Block);           /* and lets one go when the first one waits */
    KtestWaitFor(&Servers[0].Took);
    EXPECT_EQ(Servers[0].Got, (LONG_PTR)&Items[2].Entry);
    KeSetEvent(&Block, 0, FALSE);
    KtestJoin(Threads[0]);
    KtestJoin(Threads[1]);
    EXPECT_EQ(Queue.CurrentCount, 0);
    EXPECT_EQ(KeRundownQueue(&Queue), &Items[1].Entry);
    KeRevertToUserAffinityThread();
}

static VOID Nothing(PKAPC Apc, PKNORMAL_ROUTINE *Normal, PVOID *Context, PVOID *Argument1, PVOID *Argument2)
{
    UNREFERENCED_PARAMETER(Apc);
    UNREFERENCED_PARAMETER(Normal);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
}

/* The thread counts while it runs the APC, and no longer when it waits again. */
TEST(ke_queue, apc_in_the_wait_leaves_the_count_as_it_was)
{
    SERVER Server = { .Got = 0 };
    PKTHREAD Thread;
    KQUEUE Queue;
    ITEM Item;
    KAPC Apc;

    KeInitializeQueue(&Queue, 1);
    Server.Queue = &Queue;
    Thread = KtestThread(Serve, &Server, 9);
    KtestWaitBlocked(Thread, &Queue);
    for (int At = 0; At < 3; At++) {
        KeInitializeApc(&Apc, Thread, OriginalApcEnvironment, Nothing, NULL, NULL, KernelMode, NULL);
        EXPECT_TRUE(KeInsertQueueApc(&Apc, NULL, NULL, 0));
        KtestWaitBlocked(Thread, &Queue);
        EXPECT_FALSE(Apc.Inserted);
        EXPECT_EQ(Queue.CurrentCount, 0);
    }
    EXPECT_EQ(KeInsertQueue(&Queue, &Item.Entry), 0);
    KtestJoin(Thread);
    EXPECT_EQ(Server.Got, (LONG_PTR)&Item.Entry);
    EXPECT_EQ(Queue.CurrentCount, 0);
}

typedef struct _REGULAR { KQUEUE *Queue; volatile LONG Count; LONG_PTR Got[6]; } REGULAR;

static VOID ServeForEver(PVOID Context)
{
    REGULAR *Server = Context;
    LONG_PTR Got;

    do {
        Got = (LONG_PTR)KeRemoveQueue(Server->Queue, KernelMode, NULL);
        if (Server->Count < (LONG)RTL_NUMBER_OF(Server->Got))
            Server->Got[Server->Count++] = Got;
    } while (Got != STATUS_ABANDONED);
}

static void ExpectGot(const REGULAR *Server, LONG At, LONG_PTR Got)
{
    EXPECT_EQ(Server->Count, At + 1);
    EXPECT_EQ(Server->Got[At], Got);
}

/* A thread that serves the queue already sleeps the short way: the same order, count, APCs and rundown.
 * covers KeRemoveQueue.1, KeRemoveQueue.3, KeInsertQueue.1 */
TEST(ke_queue, server_that_comes_back_waits_as_on_the_first_time)
{
    REGULAR Servers[2] = { 0 };
    PKTHREAD Threads[2];
    ITEM Items[5];
    KIRQL OldIrql;
    KQUEUE Queue;

    KeSetSystemAffinityThread(1);
    memset(Items, 0x55, sizeof Items);
    KeInitializeQueue(&Queue, 2);
    for (int At = 0; At < 2; At++) {
        Servers[At].Queue = &Queue;
        Threads[At] = KtestThread(ServeForEver, &Servers[At], 12);
        KtestWaitBlocked(Threads[At], &Queue);
    }
    for (int At = 0; At < 2; At++) {            /* the last one comes back, and is the last one again */
        EXPECT_EQ(KeInsertQueue(&Queue, &Items[At].Entry), 0);
        KtestWaitBlocked(Threads[1], &Queue);
        ExpectGot(&Servers[1], At, (LONG_PTR)&Items[At].Entry);
        EXPECT_EQ(Items[At].Entry.Flink, NULL);
        EXPECT_EQ(Queue.CurrentCount, 0);
    }
    KeRaiseIrql(DISPATCH_LEVEL, &OldIrql);
    for (ULONG At = 2; At < 5; At++) {          /* one for each, and one beyond the bound */
        EXPECT_EQ(KeInsertQueue(&Queue, &Items[At].Entry), 0);
        EXPECT_EQ(Queue.CurrentCount, At - 1 < 2 ? At - 1 : 2);
    }
    EXPECT_EQ(KeReadStateQueue(&Queue), 1);
    EXPECT_EQ(Servers[0].Count + Servers[1].Count, 2);
    KeLowerIrql(OldIrql);
    for (int At = 0; At < 2; At++)
        KtestWaitBlocked(Threads[At], &Queue);
    EXPECT_EQ(Servers[1].Got[2], (LONG_PTR)&Items[2].Entry);
    EXPECT_EQ(Servers[0].Got[0], (LONG_PTR)&Items[3].Entry);
    EXPECT_EQ(Servers[0].Count + Servers[1].Count, 5);
    EXPECT_EQ(Queue.CurrentCount, 0);
    for (int At = 0; At < 2; At++) {
        KAPC Apc;

        KeInitializeApc(&Apc, Threads[At], OriginalApcEnvironment, Nothing, NULL, NULL, KernelMode, NULL);
        EXPECT_TRUE(KeInsertQueueApc(&Apc, NULL, NULL, 0));
        KtestWaitBlocked(Threads[At], &Queue);
        EXPECT_FALSE(Apc.Inserted);
        EXPECT_EQ(Queue.CurrentCount, 0);
    }
    EXPECT_EQ(KeRundownQueue(&Queue), NULL);
    for (int At = 0; At < 2; At++) {
        KtestJoin(Threads[At]);
        EXPECT_EQ(Servers[At].Got[Servers[At].Count - 1], STATUS_ABANDONED);
    }
    KeRevertToUserAffinityThread();
}

static ULONG64 Now(void)
{
    ULONG64 Counter;

    return KeQueryInterruptTimePrecise(&Counter);
}

typedef struct _TIMED { KQUEUE *Queue; ULONG64 Began; volatile LONG Waits; LONG_PTR Got[3]; ULONG64 Took[3]; } TIMED;

/* Three times, of which only the first may be the wait of one that does not serve the queue yet. */
static VOID ServeWithTimeout(PVOID Context)
{
    LARGE_INTEGER Timeout = { .QuadPart = -500000 };
    TIMED *Server = Context;

    for (int At = 0; At < 3; At++) {
        Server->Began = Now();
        Server->Waits = At + 1;
        Server->Got[At] = (LONG_PTR)KeRemoveQueue(Server->Queue, KernelMode, &Timeout);
        Server->Took[At] = Now() - Server->Began;
    }
}

/* Who waits in vain counts again. An APC does not begin the time anew.
 * covers KeRemoveQueue.3 */
TEST(ke_queue, timeout_ends_the_wait_of_a_server)
{
    TIMED Server = { 0 };
    PKTHREAD Thread;
    KQUEUE Queue;
    ITEM Item;

    if (!KtestVirtualTime()) {
        KtestSkip("a host that runs other things in between lets the time pass");
        return;
    }
    KeInitializeQueue(&Queue, 1);
    Server.Queue = &Queue;
    Thread = KtestThread(ServeWithTimeout, &Server, 9);
    for (LONG Wait = 1; Wait <= 2; Wait++) {
        LARGE_INTEGER Part = { .QuadPart = -200000 };
        KAPC Apc;

        while (Server.Waits < Wait)
            KeDelayExecutionThread(KernelMode, FALSE, &(LARGE_INTEGER){ .QuadPart = -10000 });
        KtestWaitBlocked(Thread, &Queue);
        EXPECT_EQ(Queue.CurrentCount, 0);
        KeDelayExecutionThread(KernelMode, FALSE, &Part);
        KeInitializeApc(&Apc, Thread, OriginalApcEnvironment, Nothing, NULL, NULL, KernelMode, NULL);
        EXPECT_TRUE(KeInsertQueueApc(&Apc, NULL, NULL, 0));
    }
    while (Server.Waits < 3)
        KeDelayExecutionThread(KernelMode, FALSE, &(LARGE_INTEGER){ .QuadPart = -10000 });
    KtestWaitBlocked(Thread, &Queue);
    EXPECT_EQ(KeInsertQueue(&Queue, &Item.Entry), 0);
    KtestJoin(Thread);
    for (int At = 0; At < 2; At++) {
        EXPECT_EQ(Server.Got[At], STATUS_TIMEOUT);
        EXPECT_GE(Server.Took[At], 500000);
        EXPECT_LT(Server.Took[At], 600000);
    }
    EXPECT_EQ(Server.Got[2], (LONG_PTR)&Item.Entry);
    EXPECT_EQ(Queue.CurrentCount, 0);
}

/* covers KeRundownQueue.1, KeRemoveQueue.3 */
TEST(ke_queue, rundown_returns_the_ring_and_abandons_the_waiters)
{
    SERVER Server = { .Got = 0 };
    ITEM Items[3];
    PLIST_ENTRY First;
    PKTHREAD Thread;
    KQUEUE Queue;

    KeInitializeQueue(&Queue, 1);
    Server.Queue = &Queue;
    Thread = KtestThread(Serve, &Server, 9);
    KtestWaitBlocked(Thread, &Queue);
    EXPECT_EQ(KeRundownQueue(&Queue), NULL);
    KtestJoin(Thread);
    EXPECT_EQ(Server.Got, STATUS_ABANDONED);
    for (int At = 0; At < 3; At++)
        KeInsertQueue(&Queue, &Items[At].Entry);
    First = KeRundownQueue(&Queue);
    EXPECT_EQ(First, &Items[0].Entry);
    EXPECT_EQ(First->Flink, &Items[1].Entry);
    EXPECT_EQ(First->Blink, &Items[2].Entry);
    EXPECT_EQ(Items[2].Entry.Flink, First);
}

/* Entries are neither lost nor served twice, and the threads at work never exceed the bound while none blocks. */
enum { WORKERS = 5, ENTRIES = 1500 };
static KQUEUE Shared;
static ITEM Work[ENTRIES];
static volatile LONG Served[ENTRIES], Done;

static VOID Worker(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    for (;;) {
        PLIST_ENTRY Entry = KeRemoveQueue(&Shared, KernelMode, NULL);

        if ((LONG_PTR)Entry == STATUS_ABANDONED)
            break;
        __atomic_add_fetch(&Served[CONTAINING_RECORD(Entry, ITEM, Entry)->Number], 1, __ATOMIC_SEQ_CST);
        __atomic_add_fetch(&Done, 1, __ATOMIC_SEQ_CST);
    }
}

TEST(ke_queue, entries_are_conserved_under_contention)
{
    PKTHREAD Threads[WORKERS];
    LARGE_INTEGER Moment = { .QuadPart = -10000 };

    Done = 0;
    memset((void *)Served, 0, sizeof Served);
    KeInitializeQueue(&Shared, 2);
    for (int At = 0; At < WORKERS; At++)
        Threads[At] = KtestThread(Worker, NULL, 8);
    for (LONG At = 0; At < ENTRIES; At++) {
        Work[At].Number = At;
        KeInsertQueue(&Shared, &Work[At].Entry);
    }
    for (int Round = 0; Round < 10000 && Done < ENTRIES; Round++)
        KeDelayExecutionThread(KernelMode, FALSE, &Moment);
    for (int At = 0; At < WORKERS; At++)
        KtestWaitBlocked(Threads[At], &Shared);
    EXPECT_EQ(KeRundownQueue(&Shared), NULL);
    for (int At = 0; At < WORKERS; At++)
        KtestJoin(Threads[At]);
    EXPECT_EQ(Done, ENTRIES);
    for (LONG At = 0; At < ENTRIES; At++)
        EXPECT_EQ(Served[At], 1);
}

static volatile LONG Away, ComeBack;

static VOID StayAway(PKAPC Apc, PKNORMAL_ROUTINE *Normal, PVOID *Context, PVOID *Argument1, PVOID *Argument2)
{
    Nothing(Apc, Normal, Context, Argument1, Argument2);
    Away = 1;
    KtestWaitFor(&ComeBack);
}

/* A server that runs an APC during the rundown is told afterwards, and so is one that comes too late.
 * covers KeRundownQueue.1 */
TEST(ke_queue, rundown_reaches_a_server_that_is_away_and_one_that_comes_later)
{
    SERVER Server = { .Got = 0 };
    LARGE_INTEGER Patience = { .QuadPart = -300000000 };
    PKTHREAD Thread;
    KQUEUE Queue;
    KAPC Apc;

    Away = ComeBack = 0;
    KeInitializeQueue(&Queue, 1);
    Server.Queue = &Queue;
    Thread = KtestThread(Serve, &Server, 9);
    KtestWaitBlocked(Thread, &Queue);
    KeInitializeApc(&Apc, Thread, OriginalApcEnvironment, StayAway, NULL, NULL, KernelMode, NULL);
    EXPECT_TRUE(KeInsertQueueApc(&Apc, NULL, NULL, 0));
    KtestWaitFor(&Away);
    EXPECT_EQ(KeRundownQueue(&Queue), NULL);
    ComeBack = 1;
    EXPECT_EQ(KeWaitForSingleObject(Thread, Executive, KernelMode, FALSE, &Patience), STATUS_SUCCESS);
    KtestJoin(Thread);
    EXPECT_EQ(Server.Got, STATUS_ABANDONED);
    EXPECT_EQ((LONG_PTR)KeRemoveQueue(&Queue, KernelMode, &Patience), STATUS_ABANDONED);
    EXPECT_TRUE(IsListEmpty(&Queue.ThreadListHead));
}

/* The reason of a wait is only told: that of KeRemoveQueue, given by a driver, does not make it one. */
TEST(ke_queue, wait_reason_does_not_count)
{
    LARGE_INTEGER Zero = AtOnce();
    KEVENT Never;
    KQUEUE Queue;

    KeInitializeQueue(&Queue, 1);
    KeInitializeEvent(&Never, NotificationEvent, FALSE);
    EXPECT_EQ((LONG_PTR)KeRemoveQueue(&Queue, KernelMode, &Zero), STATUS_TIMEOUT);
    EXPECT_EQ(Queue.CurrentCount, 1);
    EXPECT_EQ(KeWaitForSingleObject(&Never, WrQueue, KernelMode, FALSE, &Zero), STATUS_TIMEOUT);
    EXPECT_EQ(Queue.CurrentCount, 1);
    KeRundownQueue(&Queue);
}

static VOID TakeFromOld(PVOID Context)
{
    SERVER *Server = Context;

    Server->Got = (LONG_PTR)KeRemoveQueue(Server->Queue, KernelMode, NULL);
    Server->Took = 1;
}

static VOID NoteWhetherTaken(PKAPC Apc, PKNORMAL_ROUTINE *Normal, PVOID *Context, PVOID *Argument1, PVOID *Argument2)
{
    Nothing(Apc, Normal, Context, Argument1, Argument2);
    *(LONG *)*Argument2 = ((SERVER *)*Argument1)->Took;
}

/* Who leaves a queue for another gives its place to a waiter of the old one. If that is better it runs at once; where a
 * Wait=TRUE holds the switch up, when the IRQL falls, and so before an APC. */
TEST(ke_queue, change_of_queues_lets_the_old_ones_waiter_run)
{
    LARGE_INTEGER Zero = AtOnce();

    for (int Raised = 0; Raised <= 1; Raised++) {
        SERVER Server = { .Got = 0 };
        LONG TakenBefore = -1;
        KQUEUE Old, New;
        PKTHREAD Thread;
        ITEM Items[2];
        KEVENT Event;
        KAPC Apc;

        KeSetSystemAffinityThread(1);
        KeInitializeEvent(&Event, NotificationEvent, FALSE);
        KeInitializeQueue(&Old, 1);
        KeInitializeQueue(&New, 1);
        KeInsertQueue(&Old, &Items[0].Entry);
        EXPECT_EQ(KeRemoveQueue(&Old, KernelMode, &Zero), &Items[0].Entry);
        Server.Queue = &Old;
        Thread = KtestThread(TakeFromOld, &Server, 12);
        KtestWaitBlocked(Thread, &Old);         /* our sleeps meanwhile leave it without an entry, there is none */
        EXPECT_EQ(KeInsertQueue(&Old, &Items[1].Entry), 0);
        EXPECT_EQ(Server.Took, 0);
        KeInitializeApc(&Apc, KeGetCurrentThread(), OriginalApcEnvironment, NoteWhetherTaken, NULL, NULL, KernelMode,
                        NULL);
        if (Raised) {
            KeSetEvent(&Event, 0, TRUE);
            KeInsertQueueApc(&Apc, &Server, &TakenBefore, 0);
        }
        EXPECT_EQ((LONG_PTR)KeRemoveQueue(&New, KernelMode, &Zero), STATUS_TIMEOUT);
        EXPECT_EQ(Server.Took, 1);
        EXPECT_EQ(Server.Got, (LONG_PTR)&Items[1].Entry);
        if (Raised)
            EXPECT_EQ(TakenBefore, 1);
        EXPECT_EQ(New.CurrentCount, 1);
        KtestJoin(Thread);
        EXPECT_EQ(Old.CurrentCount, 0);
        KeRundownQueue(&New);
        KeRundownQueue(&Old);
        KeRevertToUserAffinityThread();
    }
}
