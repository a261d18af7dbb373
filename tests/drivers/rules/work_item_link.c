/* work_item_link.c - queues a work item whose link is whatever lay there.
 *
 * fault: 0x130 WORK_ITEM_LINK
 * log: work item .* has link 5555555555555555 and is in no queue */
#include "rule.h"

static WORK_QUEUE_ITEM Item;
static KEVENT Done;

static __attribute__((unused)) VOID NTAPI Work(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    KeSetEvent(&Done, 0, FALSE);
}

static VOID Run(VOID)
{
    KeInitializeEvent(&Done, NotificationEvent, FALSE);
    RtlFillMemory(&Item, sizeof Item, 0x55);
#ifdef FAULT
    Item.WorkerRoutine = Work;
#else
    ExInitializeWorkItem(&Item, Work, NULL);
#endif
    ExQueueWorkItem(&Item, DelayedWorkQueue);
    KeWaitForSingleObject(&Done, Executive, KernelMode, FALSE, NULL);
}
