/* queue.c - the queue object: work for threads, with a bound on how many of them run at once.
 *
 * A thread that calls KeRemoveQueue serves that queue from then on. CurrentCount is the number of its serving
 * threads that are not blocked, wherever they would block: when one of them waits for something else, another
 * may take the next entry; when it wakes again there may be one too many for a while, and nobody is held back
 * for it. An entry is handed out only while CurrentCount < MaximumCount, to the thread that came last (its
 * stack and caches are warm).
 * Where the count changes, all under the queue's lock:
 *   a serving thread blocks, or asks for the next entry      -1    KiLeaveQueue, KeRemoveQueue
 *   it goes on without an entry                              +1    KiResumeQueue, by who ends its wait
 *   it is given an entry                                     +1    KiTakeQueueEntry, GiveToLast
 * Nearly always an entry comes where nobody may take it, and is appended; or to an empty queue where somebody waits,
 * and is given to him without being queued. And nearly always a server comes back to the queue that it serves: to the
 * next entry, which it takes without giving its place away in between, or to none, and sleeps. Each of these four is
 * straight; what is rare is passed on to a routine that does not come back.
 * Thread->Queue changes under both locks, the queue's and then the thread's. Who comes from the thread holds its lock,
 * so that the queue cannot be run down and vanish, and only tries the queue's.
 * Waits and wake-ups are wait.c's; this file decides who gets which entry. */
#include "ki.h"

#include <ke/queue.h>

/* The queue that Thread serves, locked; NULL: none. */
static PKQUEUE LockQueueOf(PKTHREAD Thread)
{
    for (;;) {
        PKQUEUE Queue;

        KiLockThread(Thread);
        Queue = Thread->Queue;
        if (Queue == NULL || KiTryLockObject(&Queue->Header)) {
            KiUnlockThread(Thread);
            return Queue;
        }
        KiUnlockThread(Thread);
        ArchPause();
    }
}

static void SetQueue(PKTHREAD Thread, PKQUEUE Queue)
{
    KiLockThread(Thread);
    Thread->Queue = Queue;
    KiUnlockThread(Thread);
}

static NOINLINE DECLSPEC_NORETURN void StopOverwritten(PKQUEUE Queue, PLIST_ENTRY Entry)
{
    KeBugCheckWith(INVALID_WORK_QUEUE_ITEM, (ULONG_PTR)Entry, (ULONG_PTR)Queue, 0, ((ULONG_PTR *)(Entry + 1))[0],
                   "entry %p of queue %p was overwritten while it was queued: its links are gone", Entry, Queue);
}

/* Lock held, an entry there. Returns: the first one, out of the queue. */
FORCEINLINE PLIST_ENTRY TakeEntry(PKQUEUE Queue)
{
    PLIST_ENTRY Head = &Queue->EntryListHead, Entry = Head->Flink, Next = Entry->Flink;

    if (UNLIKELY(Next == NULL || Entry->Blink == NULL))
        StopOverwritten(Queue, Entry);
    Head->Flink = Next;
    Next->Blink = Head;
    Entry->Flink = NULL;
    Queue->Header.SignalState--;
    return Entry;
}

NTSTATUS KiTakeQueueEntry(PDISPATCHER_HEADER Header, PKTHREAD Thread)
{
    PKQUEUE Queue = CONTAINING_RECORD(Header, KQUEUE, Header);

    if (UNLIKELY(Queue->Header.Abandoned))
        return STATUS_ABANDONED;
    Thread->QueueEntry = TakeEntry(Queue);
    if (Thread->Queue == Queue)
        Queue->CurrentCount++;
    return STATUS_SUCCESS;
}

/* Lock held: end the wait of the thread that came last. Returns: that thread, NULL if its wait had ended. */
static PKTHREAD ClaimLast(PKQUEUE Queue, NTSTATUS Status)
{
    PKWAIT_BLOCK Block = CONTAINING_RECORD(Queue->Header.WaitListHead.Blink, KWAIT_BLOCK, WaitListEntry);
    PKTHREAD Thread = Block->Thread;
    BOOLEAN Won = KiClaimWait(Thread, Status, 0);

    KiUnlinkBlock(Block);
    return Won ? Thread : NULL;
}

/* Lock held: entries go to waiting threads as far as the bound allows. Returns: those, by WakeNext, for ReadyServed. */
static PKTHREAD HandOut(PKQUEUE Queue)
{
    PKTHREAD First = NULL, *Last = &First;

    while (Queue->Header.SignalState > 0 && Queue->CurrentCount < Queue->MaximumCount &&
           !IsListEmpty(&Queue->Header.WaitListHead)) {
        PKTHREAD Thread = ClaimLast(Queue, STATUS_SUCCESS);

        if (Thread == NULL)
            continue;
        KiTakeQueueEntry(&Queue->Header, Thread);
        *Last = Thread;
        Last = &Thread->WakeNext;
    }
    *Last = NULL;
    return First;
}

/* No lock held. They count already. */
static void ReadyServed(PKTHREAD Thread)
{
    while (Thread != NULL) {
        PKTHREAD Next = Thread->WakeNext;

        KiReadyThread(Thread, FALSE);
        Thread = Next;
    }
}

/* ---- For wait.c ---- */

/* Or the word that there will be none. */
BOOLEAN KiQueueHasEntry(PDISPATCHER_HEADER Header)
{
    PKQUEUE Queue = CONTAINING_RECORD(Header, KQUEUE, Header);

    return Queue->Header.Abandoned || (Queue->Header.SignalState > 0 && Queue->CurrentCount < Queue->MaximumCount);
}

static void AddToCount(PKTHREAD Thread, LONG Change)
{
    PKQUEUE Queue = LockQueueOf(Thread);

    if (Queue == NULL)
        return;
    Queue->CurrentCount += (ULONG)Change;
    KiUnlockObject(&Queue->Header);
}

void KiResumeQueue(PKTHREAD Thread) { AddToCount(Thread, 1); }

/* It ran an APC in the middle of its KeRemoveQueue, and counted meanwhile. It goes for an entry itself, so the freed
 * place is not handed to another. */
void KiAskQueueAgain(PKTHREAD Thread)
{
    ULONG64 Flags = ArchDisableInterrupts();

    AddToCount(Thread, -1);
    ArchRestoreInterrupts(Flags);
}

void KiLeaveQueue(PKTHREAD Thread)
{
    PKQUEUE Queue = LockQueueOf(Thread);
    PKTHREAD Served;

    if (Queue == NULL)
        return;
    Queue->CurrentCount--;
    Served = HandOut(Queue);
    KiUnlockObject(&Queue->Header);
    ReadyServed(Served);
}

/* Interrupts off. */
void KiForgetQueue(PKTHREAD Thread)
{
    PKQUEUE Queue = LockQueueOf(Thread);
    PKTHREAD Served;

    if (Queue == NULL)
        return;
    RemoveEntryList(&Thread->QueueListEntry);
    SetQueue(Thread, NULL);
    Queue->CurrentCount--;
    Served = HandOut(Queue);
    KiUnlockObject(&Queue->Header);
    ReadyServed(Served);
}

/* ---- Inserting: interrupts off, Queue locked; unlocked at the end, interrupts as they were ---- */

static NOINLINE LONG InsertAndHandOut(PKQUEUE Queue, PLIST_ENTRY Entry, BOOLEAN AtHead, ULONG64 Flags)
{
    LONG Previous = Queue->Header.SignalState++;
    PKTHREAD Served;

    if (AtHead)
        InsertHeadList(&Queue->EntryListHead, Entry);
    else
        InsertTailList(&Queue->EntryListHead, Entry);
    Served = HandOut(Queue);
    KiUnlockObject(&Queue->Header);
    ReadyServed(Served);
    KiLeave(Flags);
    return Previous;
}

/* A thread waits, and there is a place: it gets Entry, if none is before that. */
static NOINLINE LONG GiveToLast(PKQUEUE Queue, PLIST_ENTRY Entry, ULONG64 Flags)
{
    PKTHREAD Thread = Queue->Header.SignalState == 0 ? ClaimLast(Queue, STATUS_SUCCESS) : NULL;

    if (UNLIKELY(Thread == NULL))
        return InsertAndHandOut(Queue, Entry, FALSE, Flags);
    RtlAssert(Thread->Queue == Queue);
    Queue->CurrentCount++;
    Entry->Flink = NULL;
    Thread->QueueEntry = Entry;
    KiUnlockObject(&Queue->Header);
    KiReadyThread(Thread, FALSE);
    KiLeave(Flags);
    return 0;
}

/* Not locked yet. */
static NOINLINE LONG InsertInTurn(PKQUEUE Queue, PLIST_ENTRY Entry, BOOLEAN AtHead, ULONG64 Flags)
{
    KiLockObject(&Queue->Header);
    return InsertAndHandOut(Queue, Entry, AtHead, Flags);
}

/* ---- Removing: the same ---- */

/* What KeRemoveQueue returns after a wait. */
FORCEINLINE PLIST_ENTRY EntryOrStatus(PKTHREAD Thread, NTSTATUS Status)
{
    return LIKELY(Status == STATUS_SUCCESS) ? Thread->QueueEntry : (PLIST_ENTRY)(LONG_PTR)Status;
}

/* Serve Queue from now on, and wait. */
static NOINLINE PLIST_ENTRY RemoveSlowly(PKQUEUE Queue, KPROCESSOR_MODE WaitMode, PLARGE_INTEGER Timeout, ULONG64 Flags)
{
    PKTHREAD Thread = KiCurrentThread();

    if (Thread->Queue == Queue) {
        /* It goes for an entry itself, so the freed place is not handed to another. */
        Queue->CurrentCount--;
    } else {
        KiUnlockObject(&Queue->Header);
        KiForgetQueue(Thread);
        KiLockObject(&Queue->Header);
        if (LIKELY(!Queue->Header.Abandoned)) {
            SetQueue(Thread, Queue);
            InsertTailList(&Queue->ThreadListHead, &Thread->QueueListEntry);
        }
    }
    KiUnlockObject(&Queue->Header);
    KiLeave(Flags);             /* the queue that it left may have given its place to another thread */
    return EntryOrStatus(Thread, KiWaitOnQueue(&Queue->Header, WaitMode, Timeout));
}

/* One that serves Queue already finds it empty. */
static NOINLINE PLIST_ENTRY SleepUntilServed(PKQUEUE Queue, KPROCESSOR_MODE WaitMode, PLARGE_INTEGER Timeout,
                                             ULONG64 Flags)
{
    PKTHREAD Thread = KiCurrentThread();

    if (UNLIKELY(Timeout != NULL && Timeout->QuadPart >= 0) || UNLIKELY(WaitMode != KernelMode) ||
        UNLIKELY(Thread->WaitNext) || UNLIKELY(ArchReadIrql() > APC_LEVEL) || UNLIKELY(!ArchInterruptsWereOn(Flags)))
        return RemoveSlowly(Queue, WaitMode, Timeout, Flags);
    Queue->CurrentCount--;
    if (Timeout != NULL)
        return EntryOrStatus(Thread, KiSleepOnQueueTimed(Thread, &Queue->Header, Timeout));
    return EntryOrStatus(Thread, KiSleepOnQueue(Thread, &Queue->Header));
}

/* A busy server takes the next entry in the place that it has. */
FORCEINLINE PLIST_ENTRY RemoveNext(PKQUEUE Queue, KPROCESSOR_MODE WaitMode, PLARGE_INTEGER Timeout, ULONG64 Flags)
{
    PKTHREAD Thread = KiCurrentThread();
    PLIST_ENTRY Entry;

    if (UNLIKELY(Thread->Queue != Queue))
        return RemoveSlowly(Queue, WaitMode, Timeout, Flags);
    if (Queue->Header.SignalState <= 0)
        return SleepUntilServed(Queue, WaitMode, Timeout, Flags);
    if (UNLIKELY(Queue->CurrentCount > Queue->MaximumCount) || UNLIKELY(Thread->WaitNext))
        return RemoveSlowly(Queue, WaitMode, Timeout, Flags);
    Entry = TakeEntry(Queue);
    KiUnlockObject(&Queue->Header);
    ArchRestoreInterrupts(Flags);
    return Entry;
}

/* Not locked yet. */
static NOINLINE PLIST_ENTRY RemoveInTurn(PKQUEUE Queue, KPROCESSOR_MODE WaitMode, PLARGE_INTEGER Timeout, ULONG64 Flags)
{
    KiLockObject(&Queue->Header);
    return RemoveNext(Queue, WaitMode, Timeout, Flags);
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
LONG KeInsertQueue(PRKQUEUE Queue, PLIST_ENTRY Entry)
{
    ULONG64 Flags = ArchDisableInterrupts();
    LONG Previous;

    if (UNLIKELY(!KiTryLockObject(&Queue->Header)))
        return InsertInTurn(Queue, Entry, FALSE, Flags);
    if (Queue->CurrentCount < Queue->MaximumCount && !IsListEmpty(&Queue->Header.WaitListHead))
        return GiveToLast(Queue, Entry, Flags);
    Previous = Queue->Header.SignalState;
    Queue->Header.SignalState = Previous + 1;
    InsertTailList(&Queue->EntryListHead, Entry);
    KiUnlockObject(&Queue->Header);
    ArchRestoreInterrupts(Flags);
    return Previous;
}

/* KeInsertHeadQueue - the same, to the head. */
LONG KeInsertHeadQueue(PRKQUEUE Queue, PLIST_ENTRY Entry)
{
    return InsertInTurn(Queue, Entry, TRUE, ArchDisableInterrupts());
}

/* KeRemoveQueue - wait for an entry of Queue, which the current thread serves from now on. Timeout, WaitMode: as
 * KeWaitForSingleObject. IRQL: <= APC_LEVEL; DISPATCH_LEVEL with a zero timeout. Returns: the entry, its Flink NULL; or
 * STATUS_TIMEOUT, STATUS_USER_APC or STATUS_ABANDONED as a pointer; never NULL. Source: WDK nf-ntifs-keremovequeue. */
PLIST_ENTRY KeRemoveQueue(PRKQUEUE Queue, KPROCESSOR_MODE WaitMode, PLARGE_INTEGER Timeout)
{
    ULONG64 Flags = ArchDisableInterrupts();

    if (UNLIKELY(!KiTryLockObject(&Queue->Header)))
        return RemoveInTurn(Queue, WaitMode, Timeout, Flags);
    return RemoveNext(Queue, WaitMode, Timeout, Flags);
}

/* KeRundownQueue - Queue is given up: threads that wait for an entry, now or later, get STATUS_ABANDONED, and none
 * serves it any more. IRQL: <= DISPATCH_LEVEL. Returns: the first of the ring of entries left, without a head; NULL if
 * there is none. */
PLIST_ENTRY KeRundownQueue(PRKQUEUE Queue)
{
    ULONG64 Flags = ArchDisableInterrupts();
    PKTHREAD Woken = NULL, *Last = &Woken;
    PLIST_ENTRY First = NULL;

    KiLockObject(&Queue->Header);
    Queue->Header.Abandoned = TRUE;     /* for a server that is away in an APC */
    if (!IsListEmpty(&Queue->EntryListHead)) {
        First = Queue->EntryListHead.Flink;
        RemoveEntryList(&Queue->EntryListHead);
        InitializeListHead(&Queue->EntryListHead);
        Queue->Header.SignalState = 0;
    }
    while (!IsListEmpty(&Queue->Header.WaitListHead)) {
        PKTHREAD Thread = ClaimLast(Queue, STATUS_ABANDONED);

        if (Thread == NULL)
            continue;
        *Last = Thread;
        Last = &Thread->WakeNext;
    }
    *Last = NULL;
    while (!IsListEmpty(&Queue->ThreadListHead)) {
        PLIST_ENTRY Link = RemoveHeadList(&Queue->ThreadListHead);

        SetQueue(CONTAINING_RECORD(Link, KTHREAD, QueueListEntry), NULL);
    }
    Queue->CurrentCount = 0;
    KiUnlockObject(&Queue->Header);
    ReadyServed(Woken);
    KiLeave(Flags);
    return First;
}

/* KeReadStateQueue - the number of entries queued. IRQL: <= DISPATCH_LEVEL. */
LONG KeReadStateQueue(PRKQUEUE Queue) { return Queue->Header.SignalState; }

/* ---- For the floors above: what a queue holds ---- */

void KeInspectQueue(PRKQUEUE Queue, void (*Entry)(PVOID Context, PLIST_ENTRY Entry),
                    void (*Server)(PVOID Context, PKTHREAD Thread), PVOID Context)
{
    ULONG64 Flags = ArchDisableInterrupts();

    KiLockObject(&Queue->Header);
    for (PLIST_ENTRY Link = Queue->EntryListHead.Flink; Link != &Queue->EntryListHead; Link = Link->Flink)
        Entry(Context, Link);
    for (PLIST_ENTRY Link = Queue->ThreadListHead.Flink; Link != &Queue->ThreadListHead; Link = Link->Flink)
        Server(Context, CONTAINING_RECORD(Link, KTHREAD, QueueListEntry));
    KiUnlockObject(&Queue->Header);
    ArchRestoreInterrupts(Flags);
}
