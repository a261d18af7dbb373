/* queue.c - the queue object: work for threads, with a bound on how many of them run at once.
 *
 * A thread that calls KeRemoveQueue serves that queue from then on. CurrentCount is the number of its serving
 * threads that are not blocked, wherever they would block: when one of them waits for something else, another
 * may take the next entry; when it wakes again there may be one too many for a while, and nobody is held back
 * for it. An entry is handed out only while CurrentCount < MaximumCount, to the thread that came last (its
 * stack and caches are warm).
 * Where the count changes, all under the dispatcher lock:
 *   a serving thread blocks, or asks for the next entry      -1    KiLeaveQueue, KeRemoveQueue
 *   it goes on, for whatever reason                          +1    KiResumeQueue, from wait.c
 * Waits and wake-ups are wait.c's; this file decides who gets which entry. */
#include "ki.h"

#include <ke/queue.h>

/* Lock held: entries go to waiting threads as far as the bound allows. */
static void HandOut(PKQUEUE Queue)
{
    while (Queue->Header.SignalState > 0 && Queue->CurrentCount < Queue->MaximumCount &&
           !IsListEmpty(&Queue->Header.WaitListHead))
        KiWakeLastWaiter(&Queue->Header);
}

/* ---- For wait.c, lock held ---- */

/* Or the word that there will be none. */
BOOLEAN KiQueueHasEntry(PDISPATCHER_HEADER Header)
{
    PKQUEUE Queue = CONTAINING_RECORD(Header, KQUEUE, Header);

    return Queue->Header.Abandoned || (Queue->Header.SignalState > 0 && Queue->CurrentCount < Queue->MaximumCount);
}

/* The first entry becomes Thread's. Its count is settled by KiResumeQueue. */
NTSTATUS KiTakeQueueEntry(PDISPATCHER_HEADER Header, PKTHREAD Thread)
{
    PKQUEUE Queue = CONTAINING_RECORD(Header, KQUEUE, Header);
    PLIST_ENTRY Entry = Queue->EntryListHead.Flink;

    if (UNLIKELY(Queue->Header.Abandoned))
        return STATUS_ABANDONED;
    if (UNLIKELY(Entry->Flink == NULL || Entry->Blink == NULL))
        KeBugCheckWith(INVALID_WORK_QUEUE_ITEM, (ULONG_PTR)Entry, (ULONG_PTR)Queue, 0, ((ULONG_PTR *)(Entry + 1))[0],
                       "entry %p of queue %p was overwritten while it was queued: its links are gone", Entry, Queue);
    Thread->QueueEntry = RemoveHeadList(&Queue->EntryListHead);
    Thread->QueueEntry->Flink = NULL;
    Queue->Header.SignalState--;
    return STATUS_SUCCESS;
}

void KiResumeQueue(PKTHREAD Thread) { Thread->Queue->CurrentCount++; }

/* It ran an APC in the middle of its KeRemoveQueue, and counted meanwhile. It goes for an entry itself, so the freed
 * place is not handed to another. */
void KiAskQueueAgain(PKTHREAD Thread) { Thread->Queue->CurrentCount--; }

void KiLeaveQueue(PKTHREAD Thread)
{
    Thread->Queue->CurrentCount--;
    HandOut(Thread->Queue);
}

void KiForgetQueue(PKTHREAD Thread)
{
    if (Thread->Queue == NULL)
        return;
    RemoveEntryList(&Thread->QueueListEntry);
    KiLeaveQueue(Thread);
    Thread->Queue = NULL;
}

static LONG Insert(PKQUEUE Queue, PLIST_ENTRY Entry, BOOLEAN AtHead)
{
    ULONG64 Flags = KiLockDispatcher();
    LONG Previous = Queue->Header.SignalState++;

    if (AtHead)
        InsertHeadList(&Queue->EntryListHead, Entry);
    else
        InsertTailList(&Queue->EntryListHead, Entry);
    HandOut(Queue);
    KiExitDispatcher(Flags);
    return Previous;
}

/* ---- Public ---- */

/* KeInitializeQueue - Queue is empty; up to Count of its threads run at once, 0: as many as there are processors.
 * IRQL: PASSIVE_LEVEL by contract, any here. Source: WDK nf-ntifs-keinitializequeue. */
VOID KeInitializeQueue(PRKQUEUE Queue, ULONG Count)
{
    Queue->Header.Type = QueueObject;
    Queue->Header.Abandoned = FALSE;
    Queue->Header.Size = sizeof(KQUEUE) / sizeof(ULONG);
    Queue->Header.SignalState = 0;
    InitializeListHead(&Queue->Header.WaitListHead);
    InitializeListHead(&Queue->EntryListHead);
    InitializeListHead(&Queue->ThreadListHead);
    Queue->CurrentCount = 0;
    Queue->MaximumCount = Count != 0 ? Count : KeQueryActiveProcessorCount(NULL);
}

/* KeInsertQueue - Entry goes to a waiting thread, or to the tail. IRQL: <= DISPATCH_LEVEL. Returns: the number
 * of entries before. Source: WDK nf-ntifs-keinsertqueue. */
LONG KeInsertQueue(PRKQUEUE Queue, PLIST_ENTRY Entry) { return Insert(Queue, Entry, FALSE); }

/* KeInsertHeadQueue - the same, to the head. */
LONG KeInsertHeadQueue(PRKQUEUE Queue, PLIST_ENTRY Entry) { return Insert(Queue, Entry, TRUE); }

/* Lock held, and gone at the end: serve Queue from now on, and wait for an entry. */
static NOINLINE PLIST_ENTRY RemoveSlowly(PKQUEUE Queue, KPROCESSOR_MODE WaitMode, PLARGE_INTEGER Timeout, ULONG64 Flags)
{
    PKTHREAD Thread = KiCurrentThread();
    NTSTATUS Status;

    if (Thread->Queue != Queue) {
        KiForgetQueue(Thread);
        if (LIKELY(!Queue->Header.Abandoned)) {
            Thread->Queue = Queue;
            InsertTailList(&Queue->ThreadListHead, &Thread->QueueListEntry);
        }
    } else {
        /* It goes for an entry itself, so the freed place is not handed to another. */
        Queue->CurrentCount--;
    }
    KiExitDispatcher(Flags);            /* the queue that it left may have given its place to another thread */
    Status = KiWaitOnQueue(&Queue->Header, WaitMode, Timeout);
    return Status == STATUS_SUCCESS ? Thread->QueueEntry : (PLIST_ENTRY)(LONG_PTR)Status;
}

/* KeRemoveQueue - wait for an entry of Queue, which the current thread serves from now on. Timeout, WaitMode: as
 * KeWaitForSingleObject. IRQL: <= APC_LEVEL; DISPATCH_LEVEL with a zero timeout. Returns: the entry, its Flink NULL; or
 * STATUS_TIMEOUT, STATUS_USER_APC or STATUS_ABANDONED as a pointer; never NULL. Source: WDK nf-ntifs-keremovequeue. */
PLIST_ENTRY KeRemoveQueue(PRKQUEUE Queue, KPROCESSOR_MODE WaitMode, PLARGE_INTEGER Timeout)
{
    PKTHREAD Thread = KiCurrentThread();
    ULONG64 Flags = KiLockDispatcher();

    /* The short way of a busy server: it takes the next entry in the place that it has. */
    if (Thread->Queue != Queue || Queue->Header.SignalState <= 0 || Queue->CurrentCount > Queue->MaximumCount ||
        Thread->WaitNext)
        return RemoveSlowly(Queue, WaitMode, Timeout, Flags);
    KiTakeQueueEntry(&Queue->Header, Thread);
    KiUnlockDispatcher(Flags);
    return Thread->QueueEntry;
}

/* KeRundownQueue - Queue is given up: threads that wait for an entry, now or later, get STATUS_ABANDONED, and none
 * serves it any more. IRQL: <= DISPATCH_LEVEL. Returns: the first of the ring of entries left, without a head; NULL if
 * there is none. */
PLIST_ENTRY KeRundownQueue(PRKQUEUE Queue)
{
    ULONG64 Flags = KiLockDispatcher();
    PLIST_ENTRY First = NULL;

    Queue->Header.Abandoned = TRUE;     /* for a server that is away in an APC */
    if (!IsListEmpty(&Queue->EntryListHead)) {
        First = Queue->EntryListHead.Flink;
        RemoveEntryList(&Queue->EntryListHead);
        InitializeListHead(&Queue->EntryListHead);
        Queue->Header.SignalState = 0;
    }
    while (!IsListEmpty(&Queue->Header.WaitListHead))
        KiUnwaitThread(CONTAINING_RECORD(Queue->Header.WaitListHead.Flink, KWAIT_BLOCK, WaitListEntry)->Thread,
                       STATUS_ABANDONED, 0);
    while (!IsListEmpty(&Queue->ThreadListHead))
        KiForgetQueue(CONTAINING_RECORD(Queue->ThreadListHead.Flink, KTHREAD, QueueListEntry));
    KiExitDispatcher(Flags);
    return First;
}

/* KeReadStateQueue - the number of entries queued. IRQL: <= DISPATCH_LEVEL. */
LONG KeReadStateQueue(PRKQUEUE Queue) { return Queue->Header.SignalState; }

/* ---- For the floors above: what a queue holds ---- */

void KeInspectQueue(PRKQUEUE Queue, void (*Entry)(PVOID Context, PLIST_ENTRY Entry),
                    void (*Server)(PVOID Context, PKTHREAD Thread), PVOID Context)
{
    ULONG64 Flags = KiLockDispatcher();

    for (PLIST_ENTRY Link = Queue->EntryListHead.Flink; Link != &Queue->EntryListHead; Link = Link->Flink)
        Entry(Context, Link);
    for (PLIST_ENTRY Link = Queue->ThreadListHead.Flink; Link != &Queue->ThreadListHead; Link = Link->Flink)
        Server(Context, CONTAINING_RECORD(Link, KTHREAD, QueueListEntry));
    KiUnlockDispatcher(Flags);
}
