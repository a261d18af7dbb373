/* work_item_routine.c - queues a work item whose routine is whatever lay there.
 *
 * fault: 0x131 WORK_ITEM_ROUTINE
 * log: work item .* has routine 5555555555555555 */
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
    Item.List.Flink = NULL;
#else
    ExInitializeWorkItem(&Item, Work, NULL);
#endif
    ExQueueWorkItem(&Item, DelayedWorkQueue);
    KeWaitForSingleObject(&Done, Executive, KernelMode, FALSE, NULL);
}
