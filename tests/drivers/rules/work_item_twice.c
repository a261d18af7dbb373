/* work_item_twice.c - queues a work item that is queued.
 *
 * fault: stop 0x000000E4 WORKER_INVALID
 * log: P1 0000000000000001 
 * log: work item .* is queued already
 * run: SMP=1 */
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
    KIRQL OldIrql;

    KeInitializeEvent(&Done, NotificationEvent, FALSE);
    ExInitializeWorkItem(&Item, Work, NULL);
    KeRaiseIrql(DISPATCH_LEVEL, &OldIrql);              /* no worker runs here meanwhile */
    ExQueueWorkItem(&Item, DelayedWorkQueue);
#ifdef FAULT
    ExQueueWorkItem(&Item, CriticalWorkQueue);
#endif
    KeLowerIrql(OldIrql);
    KeWaitForSingleObject(&Done, Executive, KernelMode, FALSE, NULL);
}
