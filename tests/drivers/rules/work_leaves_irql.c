/* work_leaves_irql.c - its work routine returns at DISPATCH_LEVEL.
 *
 * fault: stop 0x000000E1 WORKER_THREAD_RETURNED_AT_BAD_IRQL
 * log: work routine .* returned at IRQL 2 */
#include "rule.h"

static WORK_QUEUE_ITEM Item;
static KEVENT Done;

static VOID NTAPI Work(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
#ifdef FAULT
    KfRaiseIrql(DISPATCH_LEVEL);
#else
    KeSetEvent(&Done, 0, FALSE);
#endif
}

static VOID Run(VOID)
{
    KeInitializeEvent(&Done, NotificationEvent, FALSE);
    ExInitializeWorkItem(&Item, Work, NULL);
    ExQueueWorkItem(&Item, CriticalWorkQueue);
    KeWaitForSingleObject(&Done, Executive, KernelMode, FALSE, NULL);
}
