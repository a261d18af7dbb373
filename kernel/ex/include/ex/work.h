/* work.h - work items: routines that system worker threads call at PASSIVE_LEVEL. */
#pragma once

#include <ke/thread.h>

typedef VOID (*PWORKER_THREAD_ROUTINE)(PVOID Parameter);

typedef struct _WORK_QUEUE_ITEM {
    LIST_ENTRY List;                    /* Flink NULL: not queued */
    PWORKER_THREAD_ROUTINE WorkerRoutine;
    PVOID Parameter;
} WORK_QUEUE_ITEM, *PWORK_QUEUE_ITEM;

C_ASSERT(sizeof(WORK_QUEUE_ITEM) == 0x20 && offsetof(WORK_QUEUE_ITEM, WorkerRoutine) == 0x10);
C_ASSERT(offsetof(WORK_QUEUE_ITEM, Parameter) == 0x18);

typedef enum _WORK_QUEUE_TYPE {
    CriticalWorkQueue, DelayedWorkQueue, HyperCriticalWorkQueue, NormalWorkQueue, BackgroundWorkQueue,
    RealTimeWorkQueue, SuperCriticalWorkQueue, MaximumWorkQueue,
    CustomPriorityWorkQueue = 32        /* and the priority, 1..31, added to it */
} WORK_QUEUE_TYPE;

/* Work items of one priority have so many threads at most: that many may block and the next one still runs. */
enum { EX_WORKERS_MAX = 128 };

VOID ExInitializeWorkItem(PWORK_QUEUE_ITEM Item, PWORKER_THREAD_ROUTINE Routine, PVOID Context);
VOID ExQueueWorkItem(PWORK_QUEUE_ITEM WorkItem, WORK_QUEUE_TYPE QueueType);

/* Work items may be queued from now on. Create starts a thread at Routine(Context) and Priority; FALSE when memory is
 * out. Once, when all processors run. PASSIVE_LEVEL. */
typedef BOOLEAN (*EX_CREATE_WORKER)(PKSTART_ROUTINE Routine, PVOID Context, KPRIORITY Priority);
void ExStartWorkers(EX_CREATE_WORKER Create);

ULONG ExQueryWorkerCount(WORK_QUEUE_TYPE QueueType);   /* threads that serve its priority now */

/* Items whose WorkerRoutine is Wrapper are owned by whom RoutineOf(Item) says: for the floors above that wrap items. */
void ExSetWorkItemOwner(PWORKER_THREAD_ROUTINE Wrapper, PVOID (*RoutineOf)(PWORK_QUEUE_ITEM Item));

/* What work of [Start, End) there is: items that lie there or whose routine does. <= DISPATCH_LEVEL. */
typedef struct _EX_WORK_ACTIVITY {
    ULONG Queued;
    ULONG Running;              /* their threads are in KE_ACTIVITY, too */
    ULONG Between;              /* workers that are about to run or end an item that nobody can name now */
} EX_WORK_ACTIVITY;

typedef struct _EX_OWNED_ITEM { PWORK_QUEUE_ITEM Item; PVOID Routine; } EX_OWNED_ITEM;

void ExQueryWorkActivity(ULONG64 Start, ULONG64 End, EX_WORK_ACTIVITY *Out);
/* The queued ones, up to Capacity. Returns: how many there are. */
ULONG ExListWorkItems(ULONG64 Start, ULONG64 End, EX_OWNED_ITEM *Items, ULONG Capacity);
