/* work.c - work items and the system's worker threads.
 *
 * There is a KQUEUE for each priority; a type of queue is a name for a priority, so items of one type run in the order
 * they came. A KQUEUE lets as many workers run as there are processors, and another one when one of them blocks: a
 * routine that waits does not hold up the items behind it.
 * For that there must be another one. The rule: a worker that takes an item while no other worker of its queue waits
 * for one starts a new thread before it calls the routine. So there is a spare wherever there is a worker, nobody needs
 * to watch, and an idle queue has no timer running. At EX_WORKERS_MAX threads the rule ends, and a further item
 * waits until a routine returns. Workers beyond one and its spare leave when they have been idle for a while.
 * The first worker of a queue is started by the worker of the one queue that has one from the beginning: who queues an
 * item may be at DISPATCH_LEVEL.
 * An item is claimed by one compare-and-swap of its Flink, so two who queue it at once cannot both succeed; taking it
 * clears Flink. Routine and parameter are copied then, and the item is the driver's again. */
#include <ex/work.h>
#include <ke/bugcheck.h>
#include <ke/irql.h>
#include <ke/irql_inline.h>
#include <ke/queue.h>
#include <rtl/debug.h>
#include <rtl/status.h>

enum { SPARES = 2 };
enum { BadItemQueued = 1, BadItemTooEarly = 5, BadItemType = 6, BadItemRoutine = 7 };      /* P1 of WORKER_INVALID */

#define IDLE_TIME    (-100000000ll)     /* 10 s */
#define MEMORY_DELAY (-100000ll)        /* 10 ms between two tries when memory is out */
#define KERNEL_HIGH  0xFFFF8000u        /* high half of the first address that a routine may have */
#define CLAIMED      ((PLIST_ENTRY)1)   /* Flink between the claim and the insertion */

typedef struct _WORK_QUEUE {
    KQUEUE Queue;
    KPRIORITY Priority;
    LONG Opened;                        /* a first worker exists or is on its way */
    volatile LONG Workers;
    volatile LONG Idle;                 /* workers without an item */
    WORK_QUEUE_ITEM Opener;
} WORK_QUEUE;

static WORK_QUEUE Queues[MAXIMUM_PRIORITY];
static EX_CREATE_WORKER CreateWorker;
static PWORKER_THREAD_ROUTINE OwnedWrapper;
static PVOID (*OwnedRoutineOf)(PWORK_QUEUE_ITEM Item);

static WORK_QUEUE *const Named[MaximumWorkQueue] = {
    [CriticalWorkQueue] = &Queues[13],  [DelayedWorkQueue] = &Queues[12],       [HyperCriticalWorkQueue] = &Queues[15],
    [NormalWorkQueue] = &Queues[8],     [BackgroundWorkQueue] = &Queues[7],     [RealTimeWorkQueue] = &Queues[18],
    [SuperCriticalWorkQueue] = &Queues[14],
};

FORCEINLINE PKTHREAD Self(void) { return (PKTHREAD)ARCH_THIS_CPU->CurrentThread; }

/* ---- Workers ---- */

static DECLSPEC_NORETURN void StopAtBadReturn(PVOID Routine, PVOID Parameter, PVOID Item)
{
    KIRQL Irql = KeGetCurrentIrql();

    if (Irql != PASSIVE_LEVEL)
        KeBugCheckWith(WORKER_THREAD_RETURNED_AT_BAD_IRQL, (ULONG_PTR)Routine, Irql, (ULONG_PTR)Parameter,
                       (ULONG_PTR)Item, "work routine %p returned at IRQL %u", Routine, Irql);
    KeBugCheckWith(APC_INDEX_MISMATCH, (ULONG_PTR)Routine, 0, (ULONG)Self()->CombinedApcDisable, 1,
                   "work routine %p returned with APC-disable counts kernel %d, special %d", Routine,
                   Self()->KernelApcDisable, Self()->SpecialApcDisable);
}

/* What runs may tell another routine for what it is: an owner's wrapper does. */
FORCEINLINE void RunItem(PKTHREAD Thread, PWORK_QUEUE_ITEM Item, LONG ApcDisable)
{
    PWORKER_THREAD_ROUTINE Routine = Item->WorkerRoutine;
    PVOID Parameter = Item->Parameter;

    Thread->WorkRoutine = (PVOID)Routine;
    Routine(Parameter);
    if (UNLIKELY(ArchReadIrql() != PASSIVE_LEVEL) || UNLIKELY(Thread->CombinedApcDisable != ApcDisable))
        StopAtBadReturn(Thread->WorkRoutine, Parameter, Item);
    Thread->WorkRoutine = NULL;
}

/* An idle worker leaves unless it is one of the last. Returns: TRUE if it may. */
static BOOLEAN Retire(WORK_QUEUE *Work)
{
    LONG Idle = Work->Idle;

    do {
        if (Idle <= SPARES)
            return FALSE;
    } while (!__atomic_compare_exchange_n(&Work->Idle, &Idle, Idle - 1, FALSE, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
    __atomic_sub_fetch(&Work->Workers, 1, __ATOMIC_RELAXED);
    return TRUE;
}

static VOID Worker(PVOID Context);

/* One more worker, which counts as idle at once. Returns: FALSE if there are as many as may be, or memory is out. */
static BOOLEAN AddWorker(WORK_QUEUE *Work)
{
    if (__atomic_add_fetch(&Work->Workers, 1, __ATOMIC_RELAXED) <= EX_WORKERS_MAX) {
        __atomic_add_fetch(&Work->Idle, 1, __ATOMIC_ACQ_REL);
        if (CreateWorker(Worker, Work, Work->Priority))
            return TRUE;
        __atomic_sub_fetch(&Work->Idle, 1, __ATOMIC_ACQ_REL);
    }
    __atomic_sub_fetch(&Work->Workers, 1, __ATOMIC_RELAXED);
    return FALSE;
}

static VOID Worker(PVOID Context)
{
    LARGE_INTEGER IdleTime = { .QuadPart = IDLE_TIME };
    WORK_QUEUE *Work = Context;
    PKTHREAD Thread = Self();
    LONG ApcDisable = Thread->CombinedApcDisable;

    for (;;) {
        PLIST_ENTRY Entry = KeRemoveQueue(&Work->Queue, KernelMode, Work->Idle > SPARES ? &IdleTime : NULL);

        if (UNLIKELY((LONG_PTR)Entry == STATUS_TIMEOUT)) {
            if (Retire(Work))
                return;
            continue;
        }
        if (__atomic_sub_fetch(&Work->Idle, 1, __ATOMIC_ACQ_REL) == 0)
            AddWorker(Work);
        RunItem(Thread, CONTAINING_RECORD(Entry, WORK_QUEUE_ITEM, List), ApcDisable);
        __atomic_add_fetch(&Work->Idle, 1, __ATOMIC_ACQ_REL);
    }
}

/* ---- Queues ---- */

static VOID OpenQueue(PVOID Context)
{
    LARGE_INTEGER Interval = { .QuadPart = MEMORY_DELAY };

    while (!AddWorker(Context))
        KeDelayExecutionThread(KernelMode, FALSE, &Interval);
}

static WORK_QUEUE *QueueOf(PWORK_QUEUE_ITEM Item, ULONG Type)
{
    ULONG Priority = Type - CustomPriorityWorkQueue;

    if (Type < MaximumWorkQueue)
        return Named[Type];
    if (Priority == LOW_PRIORITY || Priority > HIGH_PRIORITY)
        KeBugCheckWith(WORKER_INVALID, BadItemType, (ULONG_PTR)Item, Type, 0, "work item %p: there is no queue type %u",
                       Item, Type);
    return &Queues[Priority];
}

FORCEINLINE BOOLEAN HasRoutine(PWORK_QUEUE_ITEM Item)
{
    return (ULONG)((ULONG64)(ULONG_PTR)Item->WorkerRoutine >> 32) >= KERNEL_HIGH;
}

/* From here on the item is the caller's to insert. FALSE: it is queued already. */
FORCEINLINE BOOLEAN Claim(PWORK_QUEUE_ITEM Item)
{
    PLIST_ENTRY Unqueued = NULL;

    return __atomic_compare_exchange_n(&Item->List.Flink, &Unqueued, CLAIMED, FALSE, __ATOMIC_ACQ_REL,
                                       __ATOMIC_RELAXED);
}

static void Insert(WORK_QUEUE *Work, PWORK_QUEUE_ITEM Item)
{
    if (!Claim(Item))
        KeBugCheckWith(WORKER_INVALID, BadItemQueued, (ULONG_PTR)Item, (ULONG_PTR)&Work->Queue, 0,
                       "work item %p is queued already, or was never initialised: its link is %p", Item,
                       Item->List.Flink);
    KeInsertQueue(&Work->Queue, &Item->List);
}

/* A custom priority; the first item of its queue, which gets its first worker now; or one that cannot be queued. */
static NOINLINE void QueueSlowly(PWORK_QUEUE_ITEM Item, ULONG Type)
{
    WORK_QUEUE *Work = QueueOf(Item, Type);

    if (CreateWorker == NULL)
        KeBugCheckWith(WORKER_INVALID, BadItemTooEarly, (ULONG_PTR)Item, (ULONG_PTR)&Work->Queue, 0,
                       "work item %p is queued before there are workers", Item);
    if (!HasRoutine(Item))
        KeBugCheckWith(WORKER_INVALID, BadItemRoutine, (ULONG_PTR)Item, (ULONG_PTR)&Work->Queue,
                       (ULONG_PTR)Item->WorkerRoutine, "work item %p has no routine: %p is none", Item,
                       Item->WorkerRoutine);
    Insert(Work, Item);
    if (!Work->Opened && __atomic_exchange_n(&Work->Opened, TRUE, __ATOMIC_ACQ_REL) == FALSE)
        Insert(Named[HyperCriticalWorkQueue], &Work->Opener);
}

/* ---- Public: ExInitializeWorkItem, ExQueueWorkItem ---- */

/* ExInitializeWorkItem - Item, of nonpaged memory, will call Routine(Context). Its List.Blink stays as found. IRQL:
 * any. Source: WDK nf-wdm-exinitializeworkitem. */
VOID ExInitializeWorkItem(PWORK_QUEUE_ITEM Item, PWORKER_THREAD_ROUTINE Routine, PVOID Context)
{
    Item->WorkerRoutine = Routine;
    Item->Parameter = Context;
    Item->List.Flink = NULL;
}

/* ExQueueWorkItem - have a worker thread of the system process call WorkItem's routine at PASSIVE_LEVEL, inside a
 * critical region, at the priority of QueueType: one of the seven, or CustomPriorityWorkQueue + 1..31. Before the
 * routine starts the item is the caller's again: it may be freed or queued anew. IRQL: <= DISPATCH_LEVEL.
 * Errors: an item that is queued already, a bad type, no routine: 0xE4; a routine that returns at a raised IRQL: 0xE1,
 * with changed APC-disable counts: 0x1, that ends its thread: 0xE9. Source: WDK nf-wdm-exqueueworkitem. */
VOID ExQueueWorkItem(PWORK_QUEUE_ITEM WorkItem, WORK_QUEUE_TYPE QueueType)
{
    WORK_QUEUE *Work;

    if (UNLIKELY((ULONG)QueueType >= MaximumWorkQueue)) {
        QueueSlowly(WorkItem, (ULONG)QueueType);
        return;
    }
    Work = Named[QueueType];
    /* A queue is open only if there are workers. */
    if (UNLIKELY(!HasRoutine(WorkItem)) || UNLIKELY(!Work->Opened) || UNLIKELY(!Claim(WorkItem)))
        QueueSlowly(WorkItem, (ULONG)QueueType);
    else
        KeInsertQueue(&Work->Queue, &WorkItem->List);
}

/* ---- Bring-up ---- */

void ExStartWorkers(EX_CREATE_WORKER Create)
{
    WORK_QUEUE *First = Named[HyperCriticalWorkQueue];

    for (KPRIORITY Priority = LOW_PRIORITY; Priority < MAXIMUM_PRIORITY; Priority++) {
        WORK_QUEUE *Work = &Queues[Priority];

        KeInitializeQueue(&Work->Queue, 0);
        Work->Priority = Priority;
        ExInitializeWorkItem(&Work->Opener, OpenQueue, Work);
    }
    CreateWorker = Create;
    First->Opened = TRUE;
    RtlRequire(AddWorker(First));
}

ULONG ExQueryWorkerCount(WORK_QUEUE_TYPE QueueType) { return (ULONG)QueueOf(NULL, (ULONG)QueueType)->Workers; }

/* ---- Who owns what ---- */

void ExSetWorkItemOwner(PWORKER_THREAD_ROUTINE Wrapper, PVOID (*RoutineOf)(PWORK_QUEUE_ITEM Item))
{
    OwnedRoutineOf = RoutineOf;
    OwnedWrapper = Wrapper;
}

typedef struct _SEARCH {
    ULONG64 Start, End;
    EX_WORK_ACTIVITY Found;
    EX_OWNED_ITEM *Items;
    ULONG Capacity;
} SEARCH;

static BOOLEAN Inside(const SEARCH *Search, PVOID Address)
{
    return (ULONG64)Address >= Search->Start && (ULONG64)Address < Search->End;
}

/* Under the queue's lock, as the next one. */
static void VisitItem(PVOID Context, PLIST_ENTRY Entry)
{
    PWORK_QUEUE_ITEM Item = CONTAINING_RECORD(Entry, WORK_QUEUE_ITEM, List);
    PVOID Routine = Item->WorkerRoutine == OwnedWrapper ? OwnedRoutineOf(Item) : (PVOID)Item->WorkerRoutine;
    SEARCH *Search = Context;

    if (!Inside(Search, Item) && !Inside(Search, Routine))
        return;
    if (Search->Found.Queued < Search->Capacity)
        Search->Items[Search->Found.Queued] = (EX_OWNED_ITEM){ .Item = Item, .Routine = Routine };
    Search->Found.Queued++;
}

static void VisitWorker(PVOID Context, PKTHREAD Thread)
{
    PVOID Routine = Thread->WorkRoutine;
    SEARCH *Search = Context;

    if (Routine == NULL)
        Search->Found.Between += Thread->State != Waiting || Thread->WaitReason != WrQueue;
    else if (Inside(Search, Routine))
        Search->Found.Running++;
}

static void Look(SEARCH *Search)
{
    for (KPRIORITY Priority = LOW_PRIORITY; Priority < MAXIMUM_PRIORITY; Priority++)
        if (Queues[Priority].Opened)
            KeInspectQueue(&Queues[Priority].Queue, VisitItem, VisitWorker, Search);
}

void ExQueryWorkActivity(ULONG64 Start, ULONG64 End, EX_WORK_ACTIVITY *Out)
{
    SEARCH Search = { .Start = Start, .End = End };

    Look(&Search);
    *Out = Search.Found;
}

ULONG ExListWorkItems(ULONG64 Start, ULONG64 End, EX_OWNED_ITEM *Items, ULONG Capacity)
{
    SEARCH Search = { .Start = Start, .End = End, .Items = Items, .Capacity = Capacity };

    Look(&Search);
    return Search.Found.Queued;
}
