/* work_item.c - I/O work items.
 *
 * A driver that queues an executive work item can be unloaded before its routine has returned, and nothing would
 * notice. An I/O work item therefore holds the device (or driver) object it was made for from the queueing until after
 * the routine's return; an object that is held keeps its driver in memory. The item is claimed by one exchange, so of
 * two that queue it at once one fails: IoTryQueueWorkItem says so, the others stop. Before the routine starts
 * everything is copied out of the item, which is the driver's again: it may be queued anew or freed by the routine
 * itself. Allocated ones stand in a list, with who asked for them, so that what is forgotten is named. */
#include <io/work_item.h>

#include "iop.h"

#include <ex/pool.h>
#include <ke/bugcheck.h>
#include <ke/spinlock.h>
#include <ob/object.h>

enum { FreedWhileActive = 0, QueuedTwice = 1 };         /* P1 of WORKER_INVALID */

typedef struct _IO_WORKITEM {
    WORK_QUEUE_ITEM Item;
    PVOID Routine;
    PVOID IoObject;
    PVOID Context;
    volatile LONG Queued;
    BOOLEAN WithItem;                   /* Routine is one of the Ex kind */
    BOOLEAN Allocated;
    PVOID Caller;
    LIST_ENTRY Link;                    /* ListLock, of allocated ones */
} IO_WORKITEM;

static KSPIN_LOCK ListLock;
static LIST_ENTRY All = { &All, &All };

static VOID RunItem(PVOID Parameter)
{
    PIO_WORKITEM Item = Parameter;
    PVOID Routine = Item->Routine, Object = Item->IoObject, Context = Item->Context;
    BOOLEAN WithItem = Item->WithItem;

    KeGetCurrentThread()->WorkRoutine = Routine;        /* whose work this is */
    __atomic_store_n(&Item->Queued, FALSE, __ATOMIC_RELEASE);
    if (WithItem)
        ((PIO_WORKITEM_ROUTINE_EX)Routine)(Object, Context, Item);
    else
        ((PIO_WORKITEM_ROUTINE)Routine)(Object, Context);
    ObfDereferenceObject(Object);
}

static PVOID RoutineOf(PWORK_QUEUE_ITEM Item) { return CONTAINING_RECORD(Item, IO_WORKITEM, Item)->Routine; }

static BOOLEAN TryQueue(PIO_WORKITEM Item, PVOID Routine, BOOLEAN WithItem, WORK_QUEUE_TYPE QueueType, PVOID Context)
{
    if (__atomic_exchange_n(&Item->Queued, TRUE, __ATOMIC_ACQ_REL))
        return FALSE;
    Item->Routine = Routine;
    Item->WithItem = WithItem;
    Item->Context = Context;
    ObfReferenceObject(Item->IoObject);
    ExQueueWorkItem(&Item->Item, QueueType);
    return TRUE;
}

static void Queue(PIO_WORKITEM Item, PVOID Routine, BOOLEAN WithItem, WORK_QUEUE_TYPE QueueType, PVOID Context)
{
    if (UNLIKELY(!TryQueue(Item, Routine, WithItem, QueueType, Context)))
        KeBugCheckWith(WORKER_INVALID, QueuedTwice, (ULONG_PTR)Item, (ULONG_PTR)Routine, 0,
                       "I/O work item %p is queued already", Item);
}

static void RequireIdle(PIO_WORKITEM Item)
{
    if (UNLIKELY(Item->Queued))
        KeBugCheckWith(WORKER_INVALID, FreedWhileActive, (ULONG_PTR)Item, (ULONG_PTR)Item->Routine, 0,
                       "I/O work item %p is given up while it is queued", Item);
}

void IopInitializeWorkItems(void) { ExSetWorkItemOwner(RunItem, RoutineOf); }

/* ---- Public ---- */

/* IoAllocateWorkItem - an item for DeviceObject. IRQL: <= DISPATCH_LEVEL. Returns: NULL when memory is out.
 * Source: WDK nf-wdm-ioallocateworkitem. */
PIO_WORKITEM IoAllocateWorkItem(PDEVICE_OBJECT DeviceObject)
{
    PIO_WORKITEM Item = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof *Item, IO_TAG);
    KIRQL OldIrql;

    if (Item == NULL)
        return NULL;
    IoInitializeWorkItem(DeviceObject, Item);
    Item->Allocated = TRUE;
    Item->Caller = __builtin_return_address(0);
    OldIrql = KeAcquireSpinLockRaiseToDpc(&ListLock);
    InsertTailList(&All, &Item->Link);
    KeReleaseSpinLock(&ListLock, OldIrql);
    return Item;
}

/* IoFreeWorkItem - give back an allocated item; its own routine may do it. IRQL: <= DISPATCH_LEVEL. Errors: one that is
 * queued, 0xE4; one that was not allocated, 0xC2. Source: WDK nf-wdm-iofreeworkitem. */
VOID IoFreeWorkItem(PIO_WORKITEM IoWorkItem)
{
    KIRQL OldIrql;

    RequireIdle(IoWorkItem);
    if (IoWorkItem->Allocated) {
        OldIrql = KeAcquireSpinLockRaiseToDpc(&ListLock);
        RemoveEntryList(&IoWorkItem->Link);
        KeReleaseSpinLock(&ListLock, OldIrql);
    }
    ExFreePoolWithTag(IoWorkItem, IO_TAG);
}

/* IoSizeofWorkItem - how many bytes an item of the driver's own needs. IRQL: any. Source: WDK
 * nf-wdm-iosizeofworkitem. */
ULONG IoSizeofWorkItem(VOID) { return sizeof(IO_WORKITEM); }

/* IoInitializeWorkItem - make nonpaged memory of IoSizeofWorkItem bytes an item for IoObject, a device or driver
 * object. IRQL: <= DISPATCH_LEVEL. Source: WDK nf-wdm-ioinitializeworkitem. */
VOID IoInitializeWorkItem(PVOID IoObject, PIO_WORKITEM IoWorkItem)
{
    *IoWorkItem = (IO_WORKITEM){ .IoObject = IoObject };
    ExInitializeWorkItem(&IoWorkItem->Item, RunItem, IoWorkItem);
}

/* IoUninitializeWorkItem - such memory is no item any more. IRQL: <= DISPATCH_LEVEL. Errors: it is queued, 0xE4.
 * Source: WDK nf-wdm-iouninitializeworkitem. */
VOID IoUninitializeWorkItem(PIO_WORKITEM IoWorkItem) { RequireIdle(IoWorkItem); }

/* IoQueueWorkItem - have a system thread call WorkerRoutine(object, Context) at PASSIVE_LEVEL, as ExQueueWorkItem; the
 * item's object lives until it has returned. IRQL: <= DISPATCH_LEVEL. Errors: it is queued already, 0xE4.
 * Source: WDK nf-wdm-ioqueueworkitem. */
VOID IoQueueWorkItem(PIO_WORKITEM IoWorkItem, PIO_WORKITEM_ROUTINE WorkerRoutine, WORK_QUEUE_TYPE QueueType,
                     PVOID Context)
{
    Queue(IoWorkItem, (PVOID)WorkerRoutine, FALSE, QueueType, Context);
}

/* IoQueueWorkItemEx - the same; WorkerRoutine gets the item, too. Source: WDK nf-wdm-ioqueueworkitemex. */
VOID IoQueueWorkItemEx(PIO_WORKITEM IoWorkItem, PIO_WORKITEM_ROUTINE_EX WorkerRoutine, WORK_QUEUE_TYPE QueueType,
                       PVOID Context)
{
    Queue(IoWorkItem, (PVOID)WorkerRoutine, TRUE, QueueType, Context);
}

/* IoTryQueueWorkItem - the same, unless it is queued already. Returns: whether it is now.
 * Source: WDK nf-wdm-iotryqueueworkitem. */
BOOLEAN IoTryQueueWorkItem(PIO_WORKITEM IoWorkItem, PIO_WORKITEM_ROUTINE_EX WorkerRoutine, WORK_QUEUE_TYPE QueueType,
                           PVOID Context)
{
    return TryQueue(IoWorkItem, (PVOID)WorkerRoutine, TRUE, QueueType, Context);
}

/* Calls Report for each, under the list's lock: it may print. <= DISPATCH_LEVEL. Returns: their number. */
ULONG IoForEachWorkItemOf(ULONG64 Start, ULONG64 End, void (*Report)(PVOID Context, PVOID Item, PVOID Caller),
                          PVOID Context)
{
    KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&ListLock);
    ULONG Found = 0;

    for (PLIST_ENTRY Link = All.Flink; Link != &All; Link = Link->Flink) {
        PIO_WORKITEM Item = CONTAINING_RECORD(Link, IO_WORKITEM, Link);

        if ((ULONG64)Item->Caller < Start || (ULONG64)Item->Caller >= End)
            continue;
        Found++;
        Report(Context, Item, Item->Caller);
    }
    KeReleaseSpinLock(&ListLock, OldIrql);
    return Found;
}
