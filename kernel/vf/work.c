/* work.c - the driver's side of the contract of work items: that they were initialised.
 *
 * ExInitializeWorkItem is inline, so a missing one shows in the item only: a link that says that it is queued while no
 * queue has it, or a routine that is an address of nothing. An item that is queued already, or whose routine is NULL,
 * is ExQueueWorkItem's own affair (0xE4). */
#include "vfp.h"
#include <vf/work.h>

#define KERNEL_SPACE 0xFFFF800000000000ull

BOOLEAN VfpIsQueued(PWORK_QUEUE_ITEM Item)
{
    EX_OWNED_ITEM Found;

    return ExListWorkItems((ULONG64)Item, (ULONG64)Item + sizeof(ULONG64), &Found, 1) != 0;
}

static void CheckItem(PWORK_QUEUE_ITEM Item)
{
    PLIST_ENTRY Link = *(PLIST_ENTRY volatile *)&Item->List.Flink;
    ULONG64 Routine = (ULONG64)(ULONG_PTR)Item->WorkerRoutine;

    if (UNLIKELY(Link != NULL && !VfpIsQueued(Item) && *(PLIST_ENTRY volatile *)&Item->List.Flink == Link))
        VfStop(VF_WORK_ITEM_LINK, (ULONG_PTR)Item, (ULONG_PTR)Link, Routine,
               "work item %p has link %p and is in no queue", Item, Link);
    if (UNLIKELY(Link == NULL && Routine != 0 && Routine < KERNEL_SPACE))
        VfStop(VF_WORK_ITEM_ROUTINE, (ULONG_PTR)Item, Routine, 0, "work item %p has routine %p", Item, (PVOID)Routine);
}

/* ---- Public ---- */

VOID VfExQueueWorkItem(PWORK_QUEUE_ITEM WorkItem, WORK_QUEUE_TYPE QueueType)
{
    VfpCheckCall();
    CheckItem(WorkItem);
    ExQueueWorkItem(WorkItem, QueueType);
}
