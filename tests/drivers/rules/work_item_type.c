/* work_item_type.c - queues a work item to a queue that does not exist.
 *
 * fault: stop 0x000000E4 WORKER_INVALID
 * log: P1 0000000000000006 
 * log: there is no queue type 7 */
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
    ExInitializeWorkItem(&Item, Work, NULL);
#ifdef FAULT
    ExQueueWorkItem(&Item, MaximumWorkQueue);
#else
    ExQueueWorkItem(&Item, SuperCriticalWorkQueue);
#endif
    KeWaitForSingleObject(&Done, Executive, KernelMode, FALSE, NULL);
}
