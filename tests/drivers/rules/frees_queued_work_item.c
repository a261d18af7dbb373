/* frees_queued_work_item.c - frees a work item that is queued.
 *
 * fault: stop 0x000000E4 WORKER_INVALID
 * log: P1 0000000000000000 
 * log: work item .* of routine frees_queued_work_item.*Work.* is queued and lies in the .* bytes
 * run: SMP=1 */
#include "rule.h"

static KEVENT Done;

static VOID NTAPI Work(PVOID Item)
{
#ifndef FAULT
    ExFreePoolWithTag(Item, 'txEK');            /* the item is the driver's again as soon as its routine runs */
#else
    UNREFERENCED_PARAMETER(Item);
#endif
    KeSetEvent(&Done, 0, FALSE);
}

static VOID Run(VOID)
{
    PWORK_QUEUE_ITEM Item = ExAllocatePoolWithTag(NonPagedPool, sizeof *Item, 'txEK');
    KIRQL OldIrql;

    if (Item == NULL)
        return;
    KeInitializeEvent(&Done, NotificationEvent, FALSE);
    ExInitializeWorkItem(Item, Work, Item);
    KeRaiseIrql(DISPATCH_LEVEL, &OldIrql);              /* no worker runs here meanwhile */
    ExQueueWorkItem(Item, DelayedWorkQueue);
#ifdef FAULT
    ExFreePoolWithTag(Item, 'txEK');
#endif
    KeLowerIrql(OldIrql);
    KeWaitForSingleObject(&Done, Executive, KernelMode, FALSE, NULL);
}
