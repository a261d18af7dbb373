/* work_item_without_routine.c - queues a work item that has no routine.
 *
 * fault: stop 0x000000E4 WORKER_INVALID
 * log: P1 0000000000000007 
 * log: work item .* has no routine */
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
#ifdef FAULT
    ExInitializeWorkItem(&Item, NULL, NULL);
#else
    ExInitializeWorkItem(&Item, Work, NULL);
#endif
    ExQueueWorkItem(&Item, NormalWorkQueue);
    KeWaitForSingleObject(&Done, Executive, KernelMode, FALSE, NULL);
}
