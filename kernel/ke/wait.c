/* wait.c - how a thread sleeps on dispatcher objects and is woken.
 *
 * A wait links a wait block into the object's list, then blocks. Whoever signals an object walks its blocks in
 * FIFO order and hands the signal over BEFORE the sleeper runs, so a woken thread never re-checks and never
 * loses a race for what it was given.
 * Caller's duty: hold the dispatcher lock across "change SignalState, wake".
 * So: a signalled object with a satisfiable waiter exists only under that lock.
 *
 * A wait ends by exactly one of: its object's signal, its timeout, an alert, a kernel APC (which is delivered and
 * the wait taken up again with what is left of the timeout). Each of them takes the lock and looks whether the
 * thread still is Waiting; the first one unlinks everything, so the others find nothing:
 *
 *   CPU 0 KeSetEvent                       CPU 1 timer expiry
 *   lock; first waiter A; unlink A's       spins on the lock
 *   blocks and its timeout; A Ready
 *   unlock                                 lock; the queue no longer has A's timeout
 *
 * Wait=TRUE: the signalling routine left this processor at DISPATCH_LEVEL with the mark WaitNext in the thread.
 * The next wait takes the IRQL to return to from the mark; until it blocks, nobody else runs here.
 * Order of tests: kernel APC, object, alert, timeout already due, block.
 * Rejected: wake all and let them retry; it breaks wait-all and FIFO. */
#include "ki.h"

/* What satisfying a wait does to the object: the one place that asks an object's type. */
typedef enum _SIGNAL_RULE { NotWaitable, TakeNothing, TakeAll, TakeOne, TakeOwnership, TakeEntry } SIGNAL_RULE;

static const UCHAR Rules[MaximumDispatcherObject] = {
    [EventNotificationObject] = TakeNothing, [EventSynchronizationObject] = TakeAll,
    [TimerNotificationObject] = TakeNothing, [TimerSynchronizationObject] = TakeAll,
    [ThreadObject] = TakeNothing,            [ProcessObject] = TakeNothing,
    [SemaphoreObject] = TakeOne,             [MutantObject] = TakeOwnership,
    [QueueObject] = TakeEntry,
};

/* One call to a wait routine. */
typedef struct _WAIT_CALL {
    ULONG Count;                        /* 0: a delay */
    PVOID *Objects;
    PKWAIT_BLOCK Blocks;                /* Count of them */
    WAIT_TYPE Type;
    KWAIT_REASON Reason;
    KPROCESSOR_MODE Mode;
    BOOLEAN Alertable;
    BOOLEAN ForEntry;                   /* KeRemoveQueue's; Reason does not tell, a driver may give any */
    BOOLEAN Timed;                      /* Due is valid */
    BOOLEAN Absolute;
    BOOLEAN Blocked;                    /* the thread has slept */
    BOOLEAN Raised;                     /* CR8 is above Irql, from a Wait=TRUE */
    KIRQL Irql;                         /* where the caller wants to be afterwards */
    ULONG64 Due;                        /* interrupt time; 0: already due */
    LONGLONG SystemDue;                 /* if Absolute: system time */
} WAIT_CALL;

static SIGNAL_RULE RuleOf(PDISPATCHER_HEADER Object)
{
    SIGNAL_RULE Rule = Object->Type < MaximumDispatcherObject ? (SIGNAL_RULE)Rules[Object->Type] : NotWaitable;

    if (UNLIKELY(Rule == NotWaitable))
        KeBugCheckWith(DRIVER_VERIFIER_DETECTED_VIOLATION, 0xED01, (ULONG_PTR)Object, Object->Type, 0,
                       "object %p has type %u: not an object that this wait knows, or never initialised",
                       Object, Object->Type);
    return Rule;
}

static BOOLEAN IsAvailable(PDISPATCHER_HEADER Object, PKTHREAD Thread)
{
    switch (RuleOf(Object)) {
    case TakeOwnership:
        return Object->SignalState > 0 || CONTAINING_RECORD(Object, KMUTANT, Header)->OwnerThread == Thread;
    case TakeEntry:
        return KiQueueHasEntry(Object);
    default:
        return Object->SignalState > 0;
    }
}

/* One more level for Thread; with the first one it is the owner, and inside a critical region if it is a KMUTEX. */
static NTSTATUS TakeMutant(PKMUTANT Mutant, PKTHREAD Thread)
{
    if (--Mutant->Header.SignalState != 0)
        return STATUS_SUCCESS;
    Mutant->OwnerThread = Thread;
    InsertTailList(&Thread->MutantListHead, &Mutant->MutantListEntry);
    Thread->KernelApcDisable -= Mutant->ApcDisable;
    if (!Mutant->Abandoned)
        return STATUS_SUCCESS;
    Mutant->Abandoned = FALSE;
    return STATUS_ABANDONED;
}

/* Object is available to Thread, which gets it. Returns: STATUS_SUCCESS, or STATUS_ABANDONED for a mutant left behind
 * or a queue that is run down. */
static NTSTATUS Satisfy(PDISPATCHER_HEADER Object, PKTHREAD Thread)
{
    switch (RuleOf(Object)) {
    case TakeAll:
        Object->SignalState = 0;
        return STATUS_SUCCESS;
    case TakeOne:
        Object->SignalState--;
        return STATUS_SUCCESS;
    case TakeOwnership:
        return TakeMutant(CONTAINING_RECORD(Object, KMUTANT, Header), Thread);
    case TakeEntry:
        return KiTakeQueueEntry(Object, Thread);
    default:
        return STATUS_SUCCESS;
    }
}

/* ---- Ending a wait, lock held ---- */

static void UnlinkWaitBlocks(PKTHREAD Thread)
{
    for (PKWAIT_BLOCK Block = Thread->WaitBlockList; Block != NULL; Block = Block->NextWaitBlock)
        RemoveEntryList(&Block->WaitListEntry);
    Thread->WaitBlockList = NULL;
}

/* Only dynamic threads are boosted, only one boost at a time, and never into the real-time range. */
static void BoostThread(PKTHREAD Thread, KPRIORITY Increment)
{
    KPRIORITY Priority = Thread->BasePriority + Increment;

    if (Increment <= 0 || Thread->Priority >= LOW_REALTIME_PRIORITY || Thread->DisableBoost || Thread->Boosted ||
        Priority <= Thread->Priority)
        return;
    Thread->Boosted = TRUE;
    Thread->Priority = (SCHAR)(Priority < LOW_REALTIME_PRIORITY ? Priority : LOW_REALTIME_PRIORITY - 1);
}

BOOLEAN KiUnwaitThread(PKTHREAD Thread, NTSTATUS Status, KPRIORITY Increment)
{
    KiAssertDispatcherHeld();
    if (Thread->State != Waiting)
        return FALSE;
    UnlinkWaitBlocks(Thread);
    if (Thread->TimeoutQueued) {
        KiRemoveTimerEntry(&Thread->Timeout);
        Thread->TimeoutQueued = FALSE;
    }
    Thread->WaitStatus = Status;
    if (UNLIKELY(Thread->Queue != NULL))
        KiResumeQueue(Thread);
    BoostThread(Thread, Increment);
    KiReadyThread(Thread);
    return TRUE;
}

/* Are all objects of Thread's wait available to it? Signalled counts as available, whatever its state says now. */
static BOOLEAN AllAvailable(PKTHREAD Thread, PDISPATCHER_HEADER Signalled)
{
    for (PKWAIT_BLOCK Block = Thread->WaitBlockList; Block != NULL; Block = Block->NextWaitBlock)
        if (Block->Object != (PVOID)Signalled && !IsAvailable(Block->Object, Thread))
            return FALSE;
    return TRUE;
}

static NTSTATUS SatisfyAll(PKTHREAD Thread)
{
    NTSTATUS Status = STATUS_SUCCESS;

    for (PKWAIT_BLOCK Block = Thread->WaitBlockList; Block != NULL; Block = Block->NextWaitBlock)
        Status |= Satisfy(Block->Object, Thread);
    return Status;
}

/* Hand Object, which is available, to the thread of Block if that ends its wait. */
static BOOLEAN GiveTo(PKWAIT_BLOCK Block, PDISPATCHER_HEADER Object, KPRIORITY Increment)
{
    PKTHREAD Thread = Block->Thread;
    NTSTATUS Status;

    if (Block->WaitType == WaitAny)
        Status = Block->WaitKey | Satisfy(Object, Thread);
    else if (AllAvailable(Thread, Object))
        Status = SatisfyAll(Thread);
    else
        return FALSE;
    return KiUnwaitThread(Thread, Status, Increment);
}

/* The state is not looked at again for an object that gives itself to all: KeClearEvent stores without the lock,
 * and a set that came before it still owes every waiter its wake-up. A wait-all that lacks another object is passed
 * over and stays where it is. After a thread is woken the walk begins anew, since all its blocks are gone. */
void KiWakeWaiters(PDISPATCHER_HEADER Object, KPRIORITY Increment)
{
    BOOLEAN ForAll = RuleOf(Object) == TakeNothing;
    PLIST_ENTRY Head = &Object->WaitListHead, Entry = Head->Flink;

    KiAssertDispatcherHeld();
    while (Entry != Head) {
        PKWAIT_BLOCK Block = CONTAINING_RECORD(Entry, KWAIT_BLOCK, WaitListEntry);

        if (!GiveTo(Block, Object, Increment)) {
            Entry = Entry->Flink;
            continue;
        }
        if (!ForAll && Object->SignalState <= 0)
            break;
        Entry = Head->Flink;
    }
}

/* For a queue, which has an entry: the thread that came last takes it. */
void KiWakeLastWaiter(PDISPATCHER_HEADER Object)
{
    PKWAIT_BLOCK Block = CONTAINING_RECORD(Object->WaitListHead.Blink, KWAIT_BLOCK, WaitListEntry);

    GiveTo(Block, Object, 0);
}

void KiWaitTimedOut(KTIMER_ENTRY *Entry)
{
    PKTHREAD Thread = CONTAINING_RECORD(Entry, KTHREAD, Timeout);

    Thread->TimeoutQueued = FALSE;
    KiUnwaitThread(Thread, STATUS_TIMEOUT, 0);
}

/* ---- Beginning a wait ---- */

/* A relative timeout as interrupt time, once: a wait that is taken up again must not start it anew. An absolute one
 * follows the system time until it is queued, and then the queue sees to it. */
static void ReadTimeout(WAIT_CALL *Call, PLARGE_INTEGER Timeout)
{
    LONGLONG Value;

    Call->Timed = Timeout != NULL;
    if (!Call->Timed)
        return;
    Value = Timeout->QuadPart;
    Call->Absolute = Value > 0;
    Call->SystemDue = Value;
    if (Value < 0)
        Call->Due = KiQueryTime() - (ULONG64)Value;
}

/* Lock held, so that the system time stands still. */
static void FollowSystemTime(WAIT_CALL *Call)
{
    if (Call->Absolute)
        Call->Due = KiInterruptTimeOf(Call->SystemDue);
}

static void ReadIrql(WAIT_CALL *Call, PKTHREAD Thread)
{
    Call->Irql = ArchReadIrql();
    Call->Raised = Thread->WaitNext;
    if (Call->Raised) {
        Thread->WaitNext = FALSE;
        Call->Irql = Thread->WaitIrql;
    }
}

/* Lock for a wait. A kernel APC that was sent to the running thread and is held up, by interrupts that are off or by
 * the IRQL of a Wait=TRUE, runs first: once the thread sleeps, nobody would wake it for that one. */
static ULONG64 LockForWait(PKTHREAD Thread, WAIT_CALL *Call)
{
    for (;;) {
        ULONG64 Flags = KiLockDispatcher();

        if (LIKELY(!Thread->ApcState.KernelApcPending) || Call->Irql != PASSIVE_LEVEL ||
            Thread->SpecialApcDisable != 0 || !ArchInterruptsWereOn(Flags))
            return Flags;
        KiUnlockDispatcher(Flags);
        if (Call->Raised)
            ArchWriteIrql(PASSIVE_LEVEL);
        Call->Raised = FALSE;
        ArchPause();
    }
}

/* Is there a reason other than the object to return at once? */
static NTSTATUS TestAlert(PKTHREAD Thread, const WAIT_CALL *Call)
{
    KPROCESSOR_MODE Mode = Call->Mode;

    if (!Call->Alertable)
        return Mode == UserMode && Thread->ApcState.UserApcPending ? STATUS_USER_APC : STATUS_SUCCESS;
    if (Thread->Alerted[(int)Mode]) {
        Thread->Alerted[(int)Mode] = FALSE;
        return STATUS_ALERTED;
    }
    if (Mode == UserMode && !IsListEmpty(&Thread->ApcState.ApcListHead[UserMode])) {
        Thread->ApcState.UserApcPending = TRUE;
        return STATUS_USER_APC;
    }
    if (Thread->Alerted[KernelMode]) {
        Thread->Alerted[KernelMode] = FALSE;
        return STATUS_ALERTED;
    }
    return STATUS_SUCCESS;
}

static void RequireBlockingLegal(PKTHREAD Thread, const WAIT_CALL *Call)
{
    PKPCR Pcr = KiCurrentPcr();
    PVOID Object = Call->Count != 0 ? Call->Objects[0] : NULL;

    if (LIKELY(Call->Irql <= APC_LEVEL))
        return;
    if (Pcr->DpcRoutineActive)
        KeBugCheckWith(ATTEMPTED_SWITCH_FROM_DPC, (ULONG_PTR)Thread, (ULONG_PTR)Pcr->NextThread,
                       (ULONG_PTR)Thread->StackBase, 0, "a DPC routine waits on object %p", Object);
    KeBugCheckWith(IRQL_NOT_LESS_OR_EQUAL, (ULONG_PTR)Object, Call->Irql, 0, 0,
                   "a wait on object %p would block at IRQL %u", Object, Call->Irql);
}

/* Back to front, so that the list of the thread's blocks is in the order of the objects. */
static void LinkBlocks(PKTHREAD Thread, const WAIT_CALL *Call)
{
    PKWAIT_BLOCK Next = NULL;

    for (ULONG At = Call->Count; At-- > 0;) {
        PKWAIT_BLOCK Block = &Call->Blocks[At];
        PDISPATCHER_HEADER Object = Call->Objects[At];

        Block->Thread = Thread;
        Block->Object = Object;
        Block->WaitKey = (USHORT)At;
        Block->WaitType = (UCHAR)Call->Type;
        Block->NextWaitBlock = Next;
        InsertTailList(&Object->WaitListHead, &Block->WaitListEntry);
        Next = Block;
    }
    Thread->WaitBlockList = Next;
}

static void LinkWait(PKTHREAD Thread, const WAIT_CALL *Call)
{
    Thread->WaitMode = (UCHAR)Call->Mode;
    Thread->Alertable = Call->Alertable;
    Thread->WaitReason = (UCHAR)Call->Reason;
    Thread->WaitIrql = Call->Irql;
    LinkBlocks(Thread, Call);
    if (Call->Timed) {
        Thread->Timeout.DueTime = Call->Due;
        Thread->Timeout.Processor = TIMER_ENTRY_TIMEOUT | (Call->Absolute ? TIMER_ENTRY_ABSOLUTE : 0);
        Thread->TimeoutQueued = TRUE;
        KiInsertTimerEntry(&Thread->Timeout);
    }
}

/* The wait ends without (further) sleep. */
static NTSTATUS LeaveWait(const WAIT_CALL *Call, ULONG64 Flags, NTSTATUS Status)
{
    if (UNLIKELY(Call->ForEntry) && KiCurrentThread()->Queue != NULL)
        KiResumeQueue(KiCurrentThread());
    KiExitDispatcher(Flags);
    if (Call->Raised)
        ArchWriteIrql(Call->Irql);
    return Status;
}

/* A mutant that its owner has taken as often as can be counted: nothing changes, and the owner is told by a raise. */
static void RequireLevelLeft(PDISPATCHER_HEADER Object, const WAIT_CALL *Call, ULONG64 Flags)
{
    if (LIKELY(Object->SignalState != MINLONG) || RuleOf(Object) != TakeOwnership)
        return;
    LeaveWait(Call, Flags, STATUS_SUCCESS);
    KiRaiseStatus(STATUS_MUTANT_LIMIT_EXCEEDED);
}

/* A queue's entries are for KeRemoveQueue alone: another wait would take one and lose it. */
static void RefuseQueue(PDISPATCHER_HEADER Object, const WAIT_CALL *Call)
{
    if (UNLIKELY(Object->Type == QueueObject) && Call->Reason != WrQueue)
        KeBugCheckWith(DRIVER_VERIFIER_DETECTED_VIOLATION, 0xED01, (ULONG_PTR)Object, Object->Type, 0,
                       "object %p is a KQUEUE: it is waited for by KeRemoveQueue", Object);
}

/* End the wait before it begins if what it needs is there: any: the first that is; all: everything in one step. */
static BOOLEAN TakeNow(PKTHREAD Thread, const WAIT_CALL *Call, ULONG64 Flags, NTSTATUS *Status)
{
    ULONG Available = 0;

    for (ULONG At = 0; At < Call->Count; At++) {
        PDISPATCHER_HEADER Object = Call->Objects[At];

        RefuseQueue(Object, Call);
        if (!IsAvailable(Object, Thread))
            continue;
        RequireLevelLeft(Object, Call, Flags);
        Available++;
        if (Call->Type == WaitAny) {
            *Status = (NTSTATUS)At | Satisfy(Object, Thread);
            return TRUE;
        }
    }
    if (Call->Count == 0 || Available < Call->Count)
        return FALSE;
    *Status = STATUS_SUCCESS;
    for (ULONG At = 0; At < Call->Count; At++)
        *Status |= Satisfy(Call->Objects[At], Thread);
    return TRUE;
}

/* Lock held on entry and gone at the end; the thread is back at the IRQL it came with. */
static NTSTATUS WaitSlowly(PKTHREAD Thread, WAIT_CALL *Call, ULONG64 Flags)
{
    NTSTATUS Status;

    for (;;) {
        FollowSystemTime(Call);
        Status = TestAlert(Thread, Call);
        if (Status == STATUS_SUCCESS && Call->Timed && (Call->Due == 0 || Call->Due <= KiQueryTime()))
            Status = STATUS_TIMEOUT;
        if (Status != STATUS_SUCCESS)
            return LeaveWait(Call, Flags, Status);
        RequireBlockingLegal(Thread, Call);
        LinkWait(Thread, Call);
        Call->Blocked = TRUE;
        if (UNLIKELY(Thread->Queue != NULL) && !Call->ForEntry)
            KiLeaveQueue(Thread);
        KiSetThreadState(Thread, Waiting);
        KiBlockThread();
        Status = Thread->WaitStatus;
        if (ArchReadIrql() != Call->Irql)
            ArchWriteIrql(Call->Irql);
        ArchRestoreInterrupts(Flags);
        if (LIKELY(Status != STATUS_KERNEL_APC))
            return Status;
        /* The APC ran when interrupts came on. Wait again, at the tail of the object's list. */
        Call->Raised = FALSE;
        Flags = LockForWait(Thread, Call);
        if (UNLIKELY(Call->ForEntry) && Thread->Queue != NULL)
            KiAskQueueAgain(Thread);
        if (TakeNow(Thread, Call, Flags, &Status))
            return LeaveWait(Call, Flags, Status);
    }
}

static NTSTATUS Wait(PKTHREAD Thread, WAIT_CALL *Call, PLARGE_INTEGER Timeout)
{
    NTSTATUS Status;
    ULONG64 Flags;

    ReadTimeout(Call, Timeout);
    ReadIrql(Call, Thread);
    Flags = LockForWait(Thread, Call);
    if (TakeNow(Thread, Call, Flags, &Status))
        return LeaveWait(Call, Flags, Status);
    return WaitSlowly(Thread, Call, Flags);
}

/* For KeRemoveQueue: the entry is in Thread->QueueEntry when the result is STATUS_SUCCESS. */
NTSTATUS KiWaitOnQueue(PDISPATCHER_HEADER Queue, KPROCESSOR_MODE WaitMode, PLARGE_INTEGER Timeout)
{
    PKTHREAD Thread = KiCurrentThread();
    PVOID Object = Queue;
    WAIT_CALL Call = { .Count = 1, .Objects = &Object, .Blocks = Thread->WaitBlock, .Type = WaitAny,
                       .Reason = WrQueue, .Mode = WaitMode, .ForEntry = TRUE };

    return Wait(Thread, &Call, Timeout);
}

static NOINLINE NTSTATUS WaitForOne(PKTHREAD Thread, PVOID Object, KWAIT_REASON WaitReason, KPROCESSOR_MODE WaitMode,
                                   BOOLEAN Alertable, PLARGE_INTEGER Timeout)
{
    WAIT_CALL Call = { .Count = 1, .Objects = &Object, .Blocks = Thread->WaitBlock, .Type = WaitAny,
                       .Reason = WaitReason, .Mode = WaitMode, .Alertable = Alertable };

    return Wait(Thread, &Call, Timeout);
}

/* The short way: an event, timer, thread, process or semaphore that is signalled, and no Wait=TRUE before. The first
 * look is without the lock, only to tell whether the lock is worth taking. */
FORCEINLINE BOOLEAN TakeSimpleObject(PDISPATCHER_HEADER Object, PKTHREAD Thread)
{
    BOOLEAN Taken = FALSE;
    SIGNAL_RULE Rule;
    ULONG64 Flags;

    if (Object->SignalState <= 0 || Thread->WaitNext)
        return FALSE;
    Rule = RuleOf(Object);
    if (Rule > TakeOne)
        return FALSE;
    Flags = KiLockDispatcher();
    if (LIKELY(Object->SignalState > 0)) {
        Taken = TRUE;
        if (Rule != TakeNothing)
            Object->SignalState = Rule == TakeOne ? Object->SignalState - 1 : 0;
    }
    KiUnlockDispatcher(Flags);
    return Taken;
}

/* ---- Public: KeWaitForSingleObject, KeWaitForMultipleObjects, KeDelayExecutionThread ---- */

/* KeWaitForSingleObject - wait until Object is signalled, and take what its type gives to a waiter.
 * Timeout: 100 ns, negative relative, positive absolute since 1601, 0 test only, NULL for ever.
 * IRQL: <= APC_LEVEL; DISPATCH_LEVEL with a zero timeout.
 * Returns: STATUS_SUCCESS, STATUS_ABANDONED_WAIT_0, STATUS_TIMEOUT, STATUS_ALERTED, STATUS_USER_APC.
 * Raises: STATUS_MUTANT_LIMIT_EXCEEDED when the owner of a mutant has taken it 2^31 times.
 * Errors: blocking at DISPATCH_LEVEL is 0xB8 in a DPC, else 0xA; an object of no known type is 0xC4.
 * Source: WDK nf-wdm-kewaitforsingleobject, Return value and Remarks. */
NTSTATUS KeWaitForSingleObject(PVOID Object, KWAIT_REASON WaitReason, KPROCESSOR_MODE WaitMode,
                               BOOLEAN Alertable, PLARGE_INTEGER Timeout)
{
    PKTHREAD Thread = KiCurrentThread();

    if (TakeSimpleObject(Object, Thread))
        return STATUS_SUCCESS;
    return WaitForOne(Thread, Object, WaitReason, WaitMode, Alertable, Timeout);
}

/* KeWaitForMultipleObjects - wait for one of Count objects (WaitAny), or for all of them at the same moment
 * (WaitAll). WaitBlockArray: Count blocks, the caller's until the return; NULL if Count <= 3. Timeout, IRQL: as
 * KeWaitForSingleObject. Returns: any: STATUS_WAIT_0 + index, or STATUS_ABANDONED_WAIT_0 + index; all:
 * STATUS_SUCCESS or STATUS_ABANDONED_WAIT_0; STATUS_TIMEOUT, STATUS_ALERTED, STATUS_USER_APC. Errors: more
 * objects than blocks, more than 64, or none: 0xC. Raises: STATUS_MUTANT_LIMIT_EXCEEDED. Source: WDK
 * nf-wdm-kewaitformultipleobjects. */
NTSTATUS KeWaitForMultipleObjects(ULONG Count, PVOID Object[], WAIT_TYPE WaitType, KWAIT_REASON WaitReason,
                                  KPROCESSOR_MODE WaitMode, BOOLEAN Alertable, PLARGE_INTEGER Timeout,
                                  PKWAIT_BLOCK WaitBlockArray)
{
    PKTHREAD Thread = KiCurrentThread();
    ULONG Limit = WaitBlockArray != NULL ? MAXIMUM_WAIT_OBJECTS : THREAD_WAIT_OBJECTS;
    WAIT_CALL Call = { .Count = Count, .Objects = Object, .Type = WaitType, .Reason = WaitReason, .Mode = WaitMode,
                       .Alertable = Alertable, .Blocks = WaitBlockArray != NULL ? WaitBlockArray : Thread->WaitBlock };

    if (Count == 0 || Count > Limit)
        KeBugCheckWith(MAXIMUM_WAIT_OBJECTS_EXCEEDED, 0, 0, 0, 0, "a wait for %u objects; %u are possible %s", Count,
                       Limit, WaitBlockArray != NULL ? "at most" : "without an array of wait blocks");
    return Wait(Thread, &Call, Timeout);
}

/* KeDelayExecutionThread - sleep for Interval (100 ns, negative relative, positive absolute); never early when
 * relative. A zero or past interval lets an equal run and returns. IRQL: <= APC_LEVEL.
 * Returns: STATUS_SUCCESS when the time is over, STATUS_ALERTED, STATUS_USER_APC.
 * Source: WDK nf-wdm-kedelayexecutionthread. */
NTSTATUS KeDelayExecutionThread(KPROCESSOR_MODE WaitMode, BOOLEAN Alertable, PLARGE_INTEGER Interval)
{
    PKTHREAD Thread = KiCurrentThread();
    WAIT_CALL Call = { .Reason = DelayExecution, .Mode = WaitMode, .Alertable = Alertable };
    LARGE_INTEGER Time = *(volatile LARGE_INTEGER *)Interval;   /* no time is a fault, not for ever */
    ULONG64 Flags;
    NTSTATUS Status;

    ReadTimeout(&Call, &Time);
    ReadIrql(&Call, Thread);
    RequireBlockingLegal(Thread, &Call);
    Flags = LockForWait(Thread, &Call);
    Status = WaitSlowly(Thread, &Call, Flags);
    if (Status != STATUS_TIMEOUT)
        return Status;
    if (!Call.Blocked)
        KiYield();
    return STATUS_SUCCESS;
}
