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
 * Order of tests, as contracts.md 2 has it: kernel APC, object, alert, timeout already due, block.
 * Rejected: wake all and let them retry; it breaks wait-all and FIFO. */
#include "ki.h"

/* What satisfying a wait does to the object: the one place that asks an object's type. */
typedef enum _SIGNAL_RULE { NotWaitable, TakeNothing, TakeAll } SIGNAL_RULE;

static const UCHAR Rules[MaximumDispatcherObject] = {
    [EventNotificationObject] = TakeNothing, [EventSynchronizationObject] = TakeAll,
    [TimerNotificationObject] = TakeNothing, [TimerSynchronizationObject] = TakeAll,
    [ThreadObject] = TakeNothing,            [ProcessObject] = TakeNothing,
};

/* One call to a wait routine, for the slow path. */
typedef struct _WAIT_CALL {
    PDISPATCHER_HEADER Object;          /* NULL: a delay */
    KWAIT_REASON Reason;
    KPROCESSOR_MODE Mode;
    BOOLEAN Alertable;
    BOOLEAN Timed;                      /* Due is valid */
    BOOLEAN Absolute;
    BOOLEAN Blocked;                    /* the thread has slept */
    BOOLEAN Raised;                     /* CR8 is above Irql, from a Wait=TRUE */
    KIRQL Irql;                         /* where the caller wants to be afterwards */
    ULONG64 Due;                        /* interrupt time; 0: already due */
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

static NTSTATUS Satisfy(PDISPATCHER_HEADER Object)
{
    if (RuleOf(Object) == TakeAll)
        Object->SignalState = 0;
    return STATUS_SUCCESS;
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
    BoostThread(Thread, Increment);
    KiReadyThread(Thread);
    return TRUE;
}

/* The state is not looked at again for an object that gives itself to all: KeClearEvent stores without the lock,
 * and a set that came before it still owes every waiter its wake-up. */
void KiWakeWaiters(PDISPATCHER_HEADER Object, KPRIORITY Increment)
{
    BOOLEAN ForAll = RuleOf(Object) == TakeNothing;

    KiAssertDispatcherHeld();
    while (!IsListEmpty(&Object->WaitListHead)) {
        PKWAIT_BLOCK Block = CONTAINING_RECORD(Object->WaitListHead.Flink, KWAIT_BLOCK, WaitListEntry);

        KiUnwaitThread(Block->Thread, Block->WaitKey | Satisfy(Object), Increment);
        if (!ForAll && Object->SignalState <= 0)
            break;
    }
}

void KiWaitTimedOut(KTIMER_ENTRY *Entry)
{
    PKTHREAD Thread = CONTAINING_RECORD(Entry, KTHREAD, Timeout);

    Thread->TimeoutQueued = FALSE;
    KiUnwaitThread(Thread, STATUS_TIMEOUT, 0);
}

/* ---- Beginning a wait ---- */

/* The timeout as interrupt time, once: a wait that is taken up again must not start it anew. */
static void ReadTimeout(WAIT_CALL *Call, PLARGE_INTEGER Timeout)
{
    LONGLONG Value;

    Call->Timed = Timeout != NULL;
    if (!Call->Timed)
        return;
    Value = Timeout->QuadPart;
    Call->Absolute = Value > 0;
    if (Value == 0)
        Call->Due = 0;
    else if (Value < 0)
        Call->Due = KiQueryTime() - (ULONG64)Value;
    else
        Call->Due = Value > KiSystemTimeBias() ? (ULONG64)(Value - KiSystemTimeBias()) : 0;
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

/* Is there a reason other than the object to return at once? contracts.md 2, "Alert test". */
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

    if (LIKELY(Call->Irql <= APC_LEVEL))
        return;
    if (Pcr->DpcRoutineActive)
        KeBugCheckWith(ATTEMPTED_SWITCH_FROM_DPC, (ULONG_PTR)Thread, (ULONG_PTR)Pcr->NextThread,
                       (ULONG_PTR)Thread->StackBase, 0, "a DPC routine waits on object %p", Call->Object);
    KeBugCheckWith(IRQL_NOT_LESS_OR_EQUAL, (ULONG_PTR)Call->Object, Call->Irql, 0, 0,
                   "a wait on object %p would block at IRQL %u", Call->Object, Call->Irql);
}

static void LinkWait(PKTHREAD Thread, const WAIT_CALL *Call)
{
    PKWAIT_BLOCK Block = &Thread->WaitBlock[0];

    Thread->WaitMode = (UCHAR)Call->Mode;
    Thread->Alertable = Call->Alertable;
    Thread->WaitReason = (UCHAR)Call->Reason;
    Thread->WaitIrql = Call->Irql;
    Thread->WaitBlockList = NULL;
    if (Call->Object != NULL) {
        Block->Thread = Thread;
        Block->Object = Call->Object;
        Block->WaitKey = STATUS_WAIT_0;
        Block->WaitType = WaitAny;
        Block->NextWaitBlock = NULL;
        InsertTailList(&Call->Object->WaitListHead, &Block->WaitListEntry);
        Thread->WaitBlockList = Block;
    }
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
    KiExitDispatcher(Flags);
    if (Call->Raised)
        ArchWriteIrql(Call->Irql);
    return Status;
}

/* Lock held on entry and gone at the end; the thread is back at the IRQL it came with. */
static NTSTATUS WaitSlowly(PKTHREAD Thread, WAIT_CALL *Call, ULONG64 Flags)
{
    NTSTATUS Status;

    for (;;) {
        Status = TestAlert(Thread, Call);
        if (Status == STATUS_SUCCESS && Call->Timed && (Call->Due == 0 || Call->Due <= KiQueryTime()))
            Status = STATUS_TIMEOUT;
        if (Status != STATUS_SUCCESS)
            return LeaveWait(Call, Flags, Status);
        RequireBlockingLegal(Thread, Call);
        LinkWait(Thread, Call);
        Call->Blocked = TRUE;
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
        Flags = KiLockDispatcher();
        if (Call->Object != NULL && Call->Object->SignalState > 0)
            return LeaveWait(Call, Flags, Satisfy(Call->Object));
    }
}

/* ---- Public: KeWaitForSingleObject, KeDelayExecutionThread ---- */

/* KeWaitForSingleObject - wait until Object is signalled, and take what its type gives to a waiter.
 * Timeout: 100 ns, negative relative, positive absolute since 1601, 0 test only, NULL for ever.
 * IRQL: <= APC_LEVEL; DISPATCH_LEVEL with a zero timeout.
 * Returns: STATUS_SUCCESS, STATUS_TIMEOUT, STATUS_ALERTED, STATUS_USER_APC.
 * Errors: blocking at DISPATCH_LEVEL is 0xB8 in a DPC, else 0xA; an object of no known type is 0xC4.
 * Source: WDK nf-wdm-kewaitforsingleobject, Return value and Remarks. */
NTSTATUS KeWaitForSingleObject(PVOID Object, KWAIT_REASON WaitReason, KPROCESSOR_MODE WaitMode,
                               BOOLEAN Alertable, PLARGE_INTEGER Timeout)
{
    PDISPATCHER_HEADER Header = Object;
    PKTHREAD Thread = KiCurrentThread();
    WAIT_CALL Call = { .Object = Header, .Reason = WaitReason, .Mode = WaitMode, .Alertable = Alertable };
    ULONG64 Flags;

    ReadTimeout(&Call, Timeout);
    ReadIrql(&Call, Thread);
    Flags = KiLockDispatcher();
    RuleOf(Header);
    if (Header->SignalState > 0)
        return LeaveWait(&Call, Flags, Satisfy(Header));
    return WaitSlowly(Thread, &Call, Flags);
}

/* KeDelayExecutionThread - sleep for Interval (100 ns, negative relative, positive absolute); never early when
 * relative. A zero or past interval lets an equal run and returns. IRQL: <= APC_LEVEL.
 * Returns: STATUS_SUCCESS when the time is over, STATUS_ALERTED, STATUS_USER_APC.
 * Source: WDK nf-wdm-kedelayexecutionthread. */
NTSTATUS KeDelayExecutionThread(KPROCESSOR_MODE WaitMode, BOOLEAN Alertable, PLARGE_INTEGER Interval)
{
    PKTHREAD Thread = KiCurrentThread();
    WAIT_CALL Call = { .Reason = DelayExecution, .Mode = WaitMode, .Alertable = Alertable };
    ULONG64 Flags;
    NTSTATUS Status;

    ReadTimeout(&Call, Interval);
    ReadIrql(&Call, Thread);
    RequireBlockingLegal(Thread, &Call);
    Flags = KiLockDispatcher();
    Status = WaitSlowly(Thread, &Call, Flags);
    if (Status != STATUS_TIMEOUT)
        return Status;
    if (!Call.Blocked)
        KiYield();
    return STATUS_SUCCESS;
}
