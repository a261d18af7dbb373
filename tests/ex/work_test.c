/* work_test.c - work items: where and as what they run, order, blocking, growth and its bound, ownership of the item.
 * */
#include <arch/arch.h>
#include <ex/pool.h>
#include <ex/work.h>
#include <ke/apc.h>
#include <ke/clock.h>
#include <ke/dpc.h>
#include <ke/event.h>
#include <ke/init.h>
#include <ke/irql.h>
#include <ke/semaphore.h>
#include <ktest.h>
#include <ob/object.h>
#include <ps/process.h>
#include <rtl/list.h>
#include <rtl/status.h>
#include <rtl/string.h>

static void Sleep(LONGLONG Time)
{
    LARGE_INTEGER Interval = { .QuadPart = -Time };

    KeDelayExecutionThread(KernelMode, FALSE, &Interval);
}

static void WaitForCount(volatile LONG *Counter, LONG Value)
{
    for (int Look = 0; Look < 30000 && *Counter < Value; Look++)
        Sleep(10000);
    EXPECT_EQ(*Counter, Value);
}

/* A type's item that never ran would leave its worker unfinished for the next test: wait until it is idle again. */
static void WaitForQuiet(void)
{
    EX_WORK_ACTIVITY Activity;

    for (int Look = 0; Look < 30000; Look++) {
        ExQueryWorkActivity(0, ~0ull, &Activity);
        if (Activity.Queued + Activity.Running + Activity.Between == 0)
            return;
        Sleep(10000);
    }
    EXPECT_EQ(Activity.Queued + Activity.Running + Activity.Between, 0);
}

/* ---- One item ---- */

typedef struct _SEEN {
    WORK_QUEUE_ITEM Item;
    KIRQL Irql;
    KPRIORITY Priority;
    BOOLEAN ApcsDisabled, Referenced;
    PKPROCESS Process;
    HANDLE Id;
    PLIST_ENTRY Flink;
    PKTHREAD Thread;
    KEVENT Done;
} SEEN;

static VOID See(PVOID Parameter)
{
    SEEN *Seen = Parameter;

    Seen->Irql = KeGetCurrentIrql();
    Seen->Thread = KeGetCurrentThread();
    Seen->Priority = Seen->Thread->BasePriority;
    Seen->ApcsDisabled = KeAreApcsDisabled();
    Seen->Process = PsGetCurrentProcess();
    Seen->Id = PsGetCurrentThreadId();
    Seen->Referenced = ObfReferenceObject(Seen->Thread) > 1;
    ObfDereferenceObject(Seen->Thread);
    Seen->Flink = Seen->Item.List.Flink;
    KeSetEvent(&Seen->Done, 0, FALSE);
}

static void RunOne(SEEN *Seen, WORK_QUEUE_TYPE Type)
{
    memset(Seen, 0x55, sizeof *Seen);
    KeInitializeEvent(&Seen->Done, SynchronizationEvent, FALSE);
    ExInitializeWorkItem(&Seen->Item, See, Seen);
    EXPECT_EQ(Seen->Item.List.Blink, 0x5555555555555555ull);
    ExQueueWorkItem(&Seen->Item, Type);
    KeWaitForSingleObject(&Seen->Done, Executive, KernelMode, FALSE, NULL);
}

/* covers ExInitializeWorkItem.1, ExQueueWorkItem.1, trap 2, trap 43 */
TEST(ex_work, routine_runs_in_a_system_thread_at_passive_level)
{
    SEEN Seen;

    RunOne(&Seen, DelayedWorkQueue);
    EXPECT_EQ(Seen.Irql, PASSIVE_LEVEL);
    EXPECT_EQ(Seen.Process, PsInitialSystemProcess);
    EXPECT_TRUE(PsIsSystemThread(Seen.Thread));
    EXPECT_TRUE(Seen.ApcsDisabled);                 /* as every system thread begins */
    EXPECT_TRUE(Seen.Referenced);
    EXPECT_NE(Seen.Id, NULL);
    EXPECT_NE(Seen.Id, PsGetCurrentThreadId());
    EXPECT_EQ(Seen.Flink, NULL);
    WaitForQuiet();
}

/* covers ExQueueWorkItem.5 */
TEST(ex_work, each_type_has_its_priority)
{
    static const KPRIORITY Priorities[MaximumWorkQueue] = { 13, 12, 15, 8, 7, 18, 14 };
    static const KPRIORITY Custom[] = { 1, 5, 12, 16, 31 };
    SEEN Seen;

    for (int Type = CriticalWorkQueue; Type < MaximumWorkQueue; Type++) {
        RunOne(&Seen, (WORK_QUEUE_TYPE)Type);
        EXPECT_EQ(Seen.Priority, Priorities[Type]);
    }
    for (ULONG At = 0; At < RTL_NUMBER_OF(Custom); At++) {
        RunOne(&Seen, (WORK_QUEUE_TYPE)(CustomPriorityWorkQueue + Custom[At]));
        EXPECT_EQ(Seen.Priority, Custom[At]);
    }
    WaitForQuiet();
}

/* ---- Many ---- */

enum { MANY = 200 };
static WORK_QUEUE_ITEM Items[MANY];
static volatile LONG Started, Ran, Order[MANY];

static VOID NoteOrder(PVOID Parameter)
{
    LONG At = __atomic_fetch_add(&Started, 1, __ATOMIC_SEQ_CST);

    Order[At] = (LONG)(LONG_PTR)Parameter;
    __atomic_add_fetch(&Ran, 1, __ATOMIC_SEQ_CST);
}

/* covers ExQueueWorkItem.2, ExQueueWorkItem.3 */
TEST(ex_work, items_of_a_type_run_in_order_and_are_queued_from_dispatch_level)
{
    KIRQL Irql;

    if (KeQueryActiveProcessorCount(NULL) > 1) {
        KtestSkip("workers on several processors overtake each other after they start");
        return;
    }
    Started = Ran = 0;
    KeRaiseIrql(DISPATCH_LEVEL, &Irql);
    for (LONG_PTR At = 0; At < MANY; At++) {
        ExInitializeWorkItem(&Items[At], NoteOrder, (PVOID)At);
        ExQueueWorkItem(&Items[At], NormalWorkQueue);
    }
    EXPECT_EQ(Started, 0);
    KeLowerIrql(Irql);
    WaitForCount(&Ran, MANY);
    for (LONG At = 0; At < MANY; At++)
        EXPECT_EQ(Order[At], At);
    WaitForQuiet();
}

static VOID QueueInDpc(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc), UNREFERENCED_PARAMETER(Argument1), UNREFERENCED_PARAMETER(Argument2);
    ExQueueWorkItem(Context, CriticalWorkQueue);
}

/* covers ExQueueWorkItem.3 */
TEST(ex_work, a_dpc_queues_an_item)
{
    static KDPC Dpc;

    Started = Ran = 0;
    ExInitializeWorkItem(&Items[0], NoteOrder, NULL);
    KeInitializeDpc(&Dpc, QueueInDpc, &Items[0]);
    KeInsertQueueDpc(&Dpc, NULL, NULL);
    WaitForCount(&Ran, 1);
    WaitForQuiet();
}

/* ---- Whose is the item? ---- */

static volatile LONG Freed;

static VOID FreeItself(PVOID Parameter)
{
    PWORK_QUEUE_ITEM Item = Parameter;

    memset(Item, 0xDD, sizeof *Item);
    ExFreePoolWithTag(Item, 'tseT');
    __atomic_add_fetch(&Freed, 1, __ATOMIC_SEQ_CST);
}

/* covers ExQueueWorkItem.4, trap 44 */
TEST(ex_work, a_routine_frees_its_item)
{
    Freed = 0;
    for (int At = 0; At < MANY; At++) {
        PWORK_QUEUE_ITEM Item = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof *Item, 'tseT');

        REQUIRE_TRUE(Item != NULL);
        ExInitializeWorkItem(Item, FreeItself, Item);
        ExQueueWorkItem(Item, (WORK_QUEUE_TYPE)(At % MaximumWorkQueue));
    }
    WaitForCount(&Freed, MANY);
    WaitForQuiet();
    ExCheckFreedPool();
}

enum { REQUEUES = 1000 };

static VOID QueueItselfAgain(PVOID Parameter)
{
    if (__atomic_add_fetch(&Ran, 1, __ATOMIC_SEQ_CST) < REQUEUES)
        ExQueueWorkItem(Parameter, DelayedWorkQueue);
}

/* covers ExQueueWorkItem.4, trap 44 */
TEST(ex_work, a_routine_queues_its_item_again)
{
    Ran = 0;
    ExInitializeWorkItem(&Items[0], QueueItselfAgain, &Items[0]);
    ExQueueWorkItem(&Items[0], DelayedWorkQueue);
    WaitForCount(&Ran, REQUEUES);
    WaitForQuiet();
    EXPECT_EQ(Ran, REQUEUES);
}

/* ---- Blocking and growth ---- */

static KSEMAPHORE Hold;
static volatile LONG Blocked;

static VOID Block(PVOID Parameter)
{
    UNREFERENCED_PARAMETER(Parameter);
    __atomic_add_fetch(&Blocked, 1, __ATOMIC_SEQ_CST);
    KeWaitForSingleObject(&Hold, Executive, KernelMode, FALSE, NULL);
    __atomic_add_fetch(&Ran, 1, __ATOMIC_SEQ_CST);
}

/* All threads that there may be are blocked; the item behind them waits until one comes back, and runs then. Idle
 * threads go again, but for one and its spare.
 * covers ExQueueWorkItem.6, trap 45 */
TEST(ex_work, blocked_items_hold_up_nobody_up_to_the_bound)
{
    KeInitializeSemaphore(&Hold, 0, MANY);
    Blocked = Ran = 0;
    for (LONG At = 0; At < EX_WORKERS_MAX; At++) {
        ExInitializeWorkItem(&Items[At], Block, NULL);
        ExQueueWorkItem(&Items[At], DelayedWorkQueue);
    }
    WaitForCount(&Blocked, EX_WORKERS_MAX);
    EXPECT_EQ(ExQueryWorkerCount(DelayedWorkQueue), EX_WORKERS_MAX);
    ExInitializeWorkItem(&Items[EX_WORKERS_MAX], Block, NULL);
    ExQueueWorkItem(&Items[EX_WORKERS_MAX], DelayedWorkQueue);
    Sleep(10000000);
    EXPECT_EQ(Blocked, EX_WORKERS_MAX);
    KeReleaseSemaphore(&Hold, 0, 1, FALSE);
    WaitForCount(&Blocked, EX_WORKERS_MAX + 1);
    EXPECT_EQ(Ran, 1);
    KeReleaseSemaphore(&Hold, 0, EX_WORKERS_MAX, FALSE);
    WaitForCount(&Ran, EX_WORKERS_MAX + 1);
    WaitForQuiet();
    if (KtestVirtualTime()) {
        Sleep(120000000);
        EXPECT_EQ(ExQueryWorkerCount(DelayedWorkQueue), 2);
    }
}

TEST(ex_work, what_is_queued_and_running_is_known)
{
    EX_WORK_ACTIVITY Activity;
    EX_OWNED_ITEM Owned[2];
    ULONG64 Here = (ULONG64)(ULONG_PTR)Block;
    KIRQL Irql;

    KeInitializeSemaphore(&Hold, 0, MANY);
    Blocked = Ran = 0;
    ExInitializeWorkItem(&Items[0], Block, NULL);
    KeRaiseIrql(DISPATCH_LEVEL, &Irql);
    ExQueueWorkItem(&Items[0], BackgroundWorkQueue);
    ExQueryWorkActivity(Here, Here + 1, &Activity);
    EXPECT_GE(Activity.Queued + Activity.Running + Activity.Between, 1);
    if (Activity.Queued == 1) {
        EXPECT_EQ(ExListWorkItems(Here, Here + 1, Owned, 2), 1);
        EXPECT_EQ(Owned[0].Item, &Items[0]);
        EXPECT_EQ(Owned[0].Routine, Block);
    }
    KeLowerIrql(Irql);
    WaitForCount(&Blocked, 1);
    ExQueryWorkActivity(Here, Here + 1, &Activity);
    EXPECT_EQ(Activity.Queued, 0);
    EXPECT_EQ(Activity.Running, 1);
    KeReleaseSemaphore(&Hold, 0, 1, FALSE);
    WaitForCount(&Ran, 1);
    WaitForQuiet();
}

/* ---- Conservation ---- */

enum { PRODUCERS = 4, EACH = 500, POOL = 16 };

typedef struct _PRODUCER { WORK_QUEUE_ITEM Items[POOL]; volatile LONG Busy[POOL]; LONG Made; ULONG Seed; } PRODUCER;
static PRODUCER Producers[PRODUCERS];
static volatile LONG Consumed;

static VOID Consume(PVOID Parameter)
{
    volatile LONG *Busy = Parameter;

    __atomic_add_fetch(&Consumed, 1, __ATOMIC_SEQ_CST);
    __atomic_store_n(Busy, 0, __ATOMIC_SEQ_CST);
}

static void Produce(PVOID Context)
{
    PRODUCER *Producer = Context;

    while (Producer->Made < EACH) {
        ULONG At;

        Producer->Seed = Producer->Seed * 1664525 + 1013904223;
        At = (Producer->Seed >> 20) % POOL;
        if (Producer->Busy[At] != 0) {
            Sleep(1000);
            continue;
        }
        Producer->Busy[At] = 1;
        ExInitializeWorkItem(&Producer->Items[At], Consume, (PVOID)&Producer->Busy[At]);
        ExQueueWorkItem(&Producer->Items[At], (WORK_QUEUE_TYPE)((Producer->Seed >> 10) % MaximumWorkQueue));
        Producer->Made++;
    }
}

/* covers ExQueueWorkItem.1 */
TEST(ex_work, each_item_runs_once_under_contention)
{
    PKTHREAD Threads[PRODUCERS];

    memset(Producers, 0, sizeof Producers);
    Consumed = 0;
    for (ULONG At = 0; At < PRODUCERS; At++) {
        Producers[At].Seed = At + 1;
        Threads[At] = KtestThread(Produce, &Producers[At], 8);
    }
    for (ULONG At = 0; At < PRODUCERS; At++)
        KtestJoin(Threads[At]);
    WaitForCount(&Consumed, PRODUCERS * EACH);
    WaitForQuiet();
    EXPECT_EQ(Consumed, PRODUCERS * EACH);
}
