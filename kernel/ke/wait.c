/* wait.c - how a thread sleeps on dispatcher objects, and the protocol by which it is woken.
 *
 * A wait links a wait block into the list of each object, then blocks. Whoever signals an object walks its blocks in
 * FIFO order and hands the signal over BEFORE the sleeper runs, so a woken thread never re-checks and never loses a
 * race for what it was given (wake.c).
 *
 * Locks. There is none that unrelated objects share. An object's lock is a bit of its type: it guards the state, the
 * list of waiters and what the kind of object adds. It is held with interrupts off, for a bounded time: a walk past
 * many waiters pauses (wake.c). Whoever only takes from the state need not lock: the first quadword of the header,
 * with lock and state, can be changed by one compare-and-exchange that expects the lock free. That is the whole of a
 * wait that is satisfied at once.
 *   Order: objects, by address  ->  a thread's locks  ->  a timer queue's  ->  a processor's ready lock, a DPC queue's
 *   Against the order a lock is only tried, and on failure all is let go of: timer_queue.c, queue.c, mutant.c.
 *
 * One step ends a wait. The thread's StateWord is Waiting from the commit on; signal, timeout, alert and APC each hold
 * the lock of the way they came by, and compare-and-exchange it to DeferredReady. One of them wins: the thread is his
 * until he places it in a ready queue, after all locks. The losers drop the block or the entry they came by.
 *
 *   CPU 0 KeSetEvent(A)                    CPU 1 KeSetEvent(B)              the thread, which waits for A or B
 *   lock A; claim: won; A := 0             lock B; claim: lost;             (asleep)
 *   unlock A; ready it                     drop its block; B stays 1
 *                                          unlock B                         runs; B's block is gone, or it takes it out
 *
 * The blocks lie on the thread's stack, its array or in itself. The block that a claim came by is out of its list
 * before the thread can run; the thread takes out the others, and its timeout, before it returns, each under its lock,
 * so nobody is left who looks at them.
 *
 *   The waiter                             A signaller
 *   lock A; not signalled; link            spins on A
 *   State := Waiting; unlock A             lock A; signal; claim: won; unlock A; ready: in a queue
 *   takes its processor's ready lock       another processor takes the thread and waits for its Busy mark
 *   switches away: Busy := 0               goes on with the thread
 *
 *   The waiter                             Who queues an APC to it
 *   State := Waiting (exchange: a fence)   KernelApcPending := 1; fence
 *   KernelApcPending? then take the wait   State is Running: interrupt its processor
 *   back, let the APC come, begin again    State is Waiting: claim it with STATUS_KERNEL_APC
 * Either sees the other. A timeout is queued before the commit, but in this processor's own queue, which does not
 * expire anything while interrupts are off here. An alertable wait need not be so clever: it commits with its own lock
 * held, as alerts do, and takes it again at its end (CloseToAlerts), so that a claim that was meant for it is over.
 *
 * Wait=TRUE: the signalling routine left this processor at DISPATCH_LEVEL with the mark WaitNext in the thread. The
 * next wait takes the IRQL to return to from the mark; until it blocks, nobody else runs here.
 * Order of tests: kernel APC, object, alert, timeout already due, block.
 * This file serves every kind of wait; wait_one.c is the straight way of the commonest.
 * Rejected: a lock of the whole database (all objects would pay for each); wake all and let them retry (it breaks
 * wait-all and FIFO). */
#include "ki.h"

enum { BLOCKS_AT_ONCE = 16 };           /* are taken out with interrupts off */

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

/* ---- The time a wait may take ---- */

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

static void FollowSystemTime(WAIT_CALL *Call)
{
    if (Call->Absolute)
        Call->Due = KiInterruptTimeOf(Call->SystemDue);
}

/* ---- Before the wait ---- */

static void ReadIrql(WAIT_CALL *Call, PKTHREAD Thread)
{
    Call->Irql = ArchReadIrql();
    Call->Raised = Thread->WaitNext;
    if (Call->Raised) {
        Thread->WaitNext = FALSE;
        Call->Irql = Thread->WaitIrql;
    }
}

static BOOLEAN ApcComesFirst(PKTHREAD Thread, KIRQL Irql, ULONG64 Flags)
{
    return UNLIKELY(Thread->ApcState.KernelApcPending) && Irql == PASSIVE_LEVEL && Thread->SpecialApcDisable == 0 &&
           ArchInterruptsWereOn(Flags);
}

/* Interrupts off for a wait. A kernel APC that was sent to the running thread and is held up, by interrupts that are
 * off or by the IRQL of a Wait=TRUE, runs first: once the thread sleeps, nobody would wake it for that one. */
static ULONG64 BeginWait(PKTHREAD Thread, WAIT_CALL *Call)
{
    for (;;) {
        ULONG64 Flags = ArchDisableInterrupts();

        if (LIKELY(!ApcComesFirst(Thread, Call->Irql, Flags)))
            return Flags;
        ArchRestoreInterrupts(Flags);
        if (Call->Raised)
            ArchWriteIrql(PASSIVE_LEVEL);
        Call->Raised = FALSE;
        ArchPause();
    }
}

/* The blocks know their objects, and in which order to lock them. */
static void PrepareBlocks(const WAIT_CALL *Call)
{
    PKWAIT_BLOCK Blocks = Call->Blocks;

    for (ULONG At = 0; At < Call->Count; At++) {
        PVOID Object = Call->Objects[At];
        ULONG Rank = At;

        Blocks[At].Object = Object;
        Blocks[At].BlockState = BlockFree;
        for (; Rank > 0 && Blocks[Blocks[Rank - 1].InOrder].Object > Object; Rank--)
            Blocks[Rank].InOrder = Blocks[Rank - 1].InOrder;
        Blocks[Rank].InOrder = At;
    }
}

static void UnlockObjects(const WAIT_CALL *Call) { KiUnlockAllBut(Call->Blocks, Call->Count, NULL); }

/* The wait ends without (further) sleep. No lock is held. */
static NTSTATUS LeaveWait(const WAIT_CALL *Call, ULONG64 Flags, NTSTATUS Status)
{
    KiLeave(Flags);
    if (Call->Raised)
        ArchWriteIrql(Call->Irql);
    return Status;
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

/* ---- Objects that are there already, all locked ---- */

/* A mutant that its owner has taken as often as can be counted: nothing changes, and the owner is told by a raise. */
static void RequireLevelLeft(PDISPATCHER_HEADER Object, const WAIT_CALL *Call, ULONG64 Flags)
{
    if (LIKELY(Object->SignalState != MINLONG) || !KiIsMutant(Object))
        return;
    UnlockObjects(Call);
    LeaveWait(Call, Flags, STATUS_SUCCESS);
    KiRaiseStatus(STATUS_MUTANT_LIMIT_EXCEEDED);
}

/* A queue's entries are for KeRemoveQueue alone: another wait would take one and lose it. */
static void RefuseQueue(PDISPATCHER_HEADER Object, const WAIT_CALL *Call)
{
    if (UNLIKELY(KeObjectType(Object) == QueueObject) && Call->Reason != WrQueue)
        KeBugCheckWith(DRIVER_VERIFIER_DETECTED_VIOLATION, 0xED01, (ULONG_PTR)Object, QueueObject, 0,
                       "object %p is a KQUEUE: it is waited for by KeRemoveQueue", Object);
}

/* End the wait before it begins if what it needs is there: any: the first that is; all: everything in one step. */
static BOOLEAN TakeNow(PKTHREAD Thread, const WAIT_CALL *Call, ULONG64 Flags, NTSTATUS *Status)
{
    ULONG Available = 0;

    for (ULONG At = 0; At < Call->Count; At++) {
        PDISPATCHER_HEADER Object = Call->Objects[At];

        RefuseQueue(Object, Call);
        if (!KiIsAvailable(Object, Thread))
            continue;
        RequireLevelLeft(Object, Call, Flags);
        Available++;
        if (Call->Type == WaitAny) {
            *Status = (NTSTATUS)At | KiSatisfy(Object, Thread);
            return TRUE;
        }
    }
    if (Call->Count == 0 || Available < Call->Count)
        return FALSE;
    *Status = STATUS_SUCCESS;
    for (ULONG At = 0; At < Call->Count; At++)
        *Status |= KiSatisfy(Call->Objects[At], Thread);
    return TRUE;
}

/* ---- Sleeping ---- */

FORCEINLINE void LinkBlock(PKTHREAD Thread, PKWAIT_BLOCK Block, PDISPATCHER_HEADER Object)
{
    Block->Thread = Thread;
    Block->BlockState = BlockLinked;
    InsertTailList(&Object->WaitListHead, &Block->WaitListEntry);
}

static void LinkBlocks(PKTHREAD Thread, const WAIT_CALL *Call)
{
    for (ULONG At = 0; At < Call->Count; At++) {
        PKWAIT_BLOCK Block = &Call->Blocks[At];

        Block->WaitKey = (USHORT)At;
        Block->WaitType = (UCHAR)Call->Type;
        Block->NextWaitBlock = At + 1 < Call->Count ? Block + 1 : NULL;
        LinkBlock(Thread, Block, Call->Objects[At]);
    }
    Thread->WaitBlockList = Call->Count != 0 ? Call->Blocks : NULL;
    Thread->WaitCount = Call->Count;
}

/* An APC came before the commit, or just after it. Returns: whether the thread has its wait back; else another has
 * ended it. Who queued the APC may have found the thread Waiting and lost the claim to us: then he sends no
 * interrupt. */
static NOINLINE BOOLEAN TakeWaitBack(PKTHREAD Thread)
{
    if (!KiClaimWait(Thread, STATUS_KERNEL_APC, 0))
        return FALSE;
    KiSetThreadState(Thread, Running);
    ArchRequestApc();
    if (UNLIKELY(Thread->Queue != NULL))
        KiResumeQueue(Thread);
    return TRUE;
}

FORCEINLINE NTSTATUS Sleep(PKTHREAD Thread, KIRQL Irql, ULONG64 Flags)
{
    if (LIKELY(!ApcComesFirst(Thread, Irql, Flags)) || !TakeWaitBack(Thread))
        KiBlockThread(Thread);
    return Thread->WaitStatus;
}

/* A wait that alerts or user APCs might have ended has ended. Who found the thread in it under its lock has tried his
 * claim when we get that lock; a later one finds that nothing of the kind is waited for. Else his claim could end the
 * next wait, which is of another kind. */
static NOINLINE void CloseToAlerts(PKTHREAD Thread)
{
    KiLockThread(Thread);
    Thread->WaitMode = KernelMode;
    Thread->Alertable = FALSE;
    KiUnlockThread(Thread);
}

/* The wait has ended, the thread runs: what of it is still in anybody's list comes out. Interrupts were as Flags say;
 * they are let in between blocks, since each is taken out by itself. */
static NOINLINE void CleanUp(PKTHREAD Thread, ULONG64 Flags)
{
    PKWAIT_BLOCK Blocks = Thread->WaitBlockList;

    if (Thread->TimeoutQueued)
        KiRemoveTimeout(Thread);
    for (ULONG At = 0; At < Thread->WaitCount; At++) {
        PDISPATCHER_HEADER Object = Blocks[At].Object;

        if (UNLIKELY(At % BLOCKS_AT_ONCE == BLOCKS_AT_ONCE - 1) && ArchInterruptsWereOn(Flags))
            KiLetInterruptsIn();
        if (__atomic_load_n(&Blocks[At].BlockState, __ATOMIC_ACQUIRE) == BlockFree)
            continue;
        KiLockObject(Object);
        if (Blocks[At].BlockState == BlockLinked)
            KiUnlinkBlock(&Blocks[At]);
        KiUnlockObject(Object);
    }
    if (UNLIKELY(Thread->Alertable) || UNLIKELY(Thread->WaitMode != KernelMode))
        CloseToAlerts(Thread);
    KiInitializeWaitBlock(Thread);
}

/* All objects locked on entry and none at the end. Returns: why the wait does not begin, STATUS_SUCCESS: it has
 * begun. */
static NTSTATUS Begin(PKTHREAD Thread, WAIT_CALL *Call)
{
    BOOLEAN Guarded = Call->Alertable || Call->Mode == UserMode;
    NTSTATUS Status;

    FollowSystemTime(Call);
    if (Guarded)
        KiLockThread(Thread);
    Status = TestAlert(Thread, Call);
    if (Status == STATUS_SUCCESS && Call->Timed && (Call->Due == 0 || Call->Due <= KiQueryTime()))
        Status = STATUS_TIMEOUT;
    if (Status == STATUS_SUCCESS) {
        RequireBlockingLegal(Thread, Call);
        Thread->WaitTerms = KiWaitTerms(Call->Mode, Call->Reason, Call->Alertable, Call->Irql);
        LinkBlocks(Thread, Call);
        if (Call->Absolute)
            KiQueueTimeout(Thread, (ULONG64)Call->SystemDue, TIMER_ENTRY_ABSOLUTE);
        else if (Call->Timed)
            KiQueueTimeout(Thread, Call->Due, 0);
        KiCommitWait(Thread);
    }
    if (Guarded)
        KiUnlockThread(Thread);
    UnlockObjects(Call);
    return Status;
}

/* Any wait. Call knows its timeout and its IRQL. A kernel APC ends the sleep, not the wait: it runs when interrupts
 * come on, and the thread waits again, at the tail of the objects' lists. */
static NTSTATUS WaitAsCalled(PKTHREAD Thread, WAIT_CALL *Call)
{
    BOOLEAN OwnBlocks = Call->Blocks == Thread->WaitBlock;      /* which an APC would use, too */
    NTSTATUS Status;

    if (!OwnBlocks)
        PrepareBlocks(Call);
    for (;;) {
        ULONG64 Flags = BeginWait(Thread, Call);

        if (OwnBlocks)
            PrepareBlocks(Call);
        KiLockInOrder(Call->Blocks, Call->Count);
        if (TakeNow(Thread, Call, Flags, &Status)) {
            UnlockObjects(Call);
            return LeaveWait(Call, Flags, Status);
        }
        Status = Begin(Thread, Call);
        if (Status != STATUS_SUCCESS) {
            if (UNLIKELY(Call->ForEntry) && Thread->Queue != NULL)
                KiResumeQueue(Thread);
            return LeaveWait(Call, Flags, Status);
        }
        Call->Blocked = TRUE;
        if (UNLIKELY(Thread->Queue != NULL) && !Call->ForEntry)
            KiLeaveQueue(Thread);
        Status = Sleep(Thread, Call->Irql, Flags);
        CleanUp(Thread, Flags);
        if (ArchReadIrql() != Call->Irql)
            ArchWriteIrql(Call->Irql);
        ArchRestoreInterrupts(Flags);
        if (LIKELY(Status != STATUS_KERNEL_APC))
            return Status;
        Call->Raised = FALSE;
        if (UNLIKELY(Call->ForEntry))
            KiAskQueueAgain(Thread);
    }
}

static NTSTATUS Wait(PKTHREAD Thread, WAIT_CALL *Call, PLARGE_INTEGER Timeout)
{
    ReadTimeout(Call, Timeout);
    ReadIrql(Call, Thread);
    return WaitAsCalled(Thread, Call);
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

static NOINLINE NTSTATUS Delay(KPROCESSOR_MODE WaitMode, BOOLEAN Alertable, LONGLONG Interval)
{
    PKTHREAD Thread = KiCurrentThread();
    WAIT_CALL Call = { .Reason = DelayExecution, .Mode = WaitMode, .Alertable = Alertable, .Type = WaitAny,
                       .Blocks = Thread->WaitBlock };
    LARGE_INTEGER Time = { .QuadPart = Interval };
    NTSTATUS Status;

    ReadTimeout(&Call, &Time);
    ReadIrql(&Call, Thread);
    RequireBlockingLegal(Thread, &Call);
    Status = WaitAsCalled(Thread, &Call);
    if (Status != STATUS_TIMEOUT)
        return Status;
    return Call.Blocked ? STATUS_SUCCESS : KiYield(Call.Irql);
}

/* ---- For wait_one.c ---- */

/* KeWaitForSingleObject in general. The parameters are KeWaitForSingleObject's, in the same places. */
NTSTATUS KiWaitForOne(PVOID Object, KWAIT_REASON WaitReason, KPROCESSOR_MODE WaitMode, BOOLEAN Alertable,
                      PLARGE_INTEGER Timeout)
{
    PKTHREAD Thread = KiCurrentThread();
    WAIT_CALL Call = { .Count = 1, .Objects = &Object, .Blocks = Thread->WaitBlock, .Type = WaitAny,
                       .Reason = WaitReason, .Mode = WaitMode, .Alertable = Alertable };

    return Wait(Thread, &Call, Timeout);
}

/* Thread has slept in wait_one.c, and something is not as usual. It is Running again; interrupts are off, and were
 * on. */
NTSTATUS KiFinishOne(PKTHREAD Thread, BOOLEAN Timed)
{
    PVOID Object = Thread->WaitBlock->Object;
    WAIT_CALL Call = { .Count = 1, .Objects = &Object, .Blocks = Thread->WaitBlock, .Type = WaitAny,
                       .Reason = Thread->WaitReason, .Irql = Thread->WaitIrql, .Timed = Timed,
                       .Due = Timed ? Thread->Timeout.DueTime : 0 };
    NTSTATUS Status = Thread->WaitStatus;

    CleanUp(Thread, ~0ull);
    if (ArchReadIrql() != Call.Irql)
        ArchWriteIrql(Call.Irql);
    ArchEnableInterrupts();
    if (LIKELY(Status != STATUS_KERNEL_APC))
        return Status;
    Call.ForEntry = KeObjectType(Object) == QueueObject;
    if (UNLIKELY(Call.ForEntry))
        KiAskQueueAgain(Thread);
    return WaitAsCalled(Thread, &Call);
}

/* The wait is committed, the thread still runs. */
NTSTATUS KiSleepAsUsual(PKTHREAD Thread, BOOLEAN Timed)
{
    Sleep(Thread, Thread->WaitIrql, ~0ull);
    return KiFinishOne(Thread, Timed);
}

/* ---- Public: KeWaitForMultipleObjects, KeDelayExecutionThread ---- */

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
    if (Count == 1)
        Call.Type = WaitAny;
    return Wait(Thread, &Call, Timeout);
}

/* KeDelayExecutionThread - sleep for Interval (100 ns, negative relative, positive absolute); never early when
 * relative. A zero or past interval lets an equal run and returns. IRQL: <= APC_LEVEL.
 * Returns: STATUS_SUCCESS when the time is over, STATUS_ALERTED, STATUS_USER_APC.
 * Source: WDK nf-wdm-kedelayexecutionthread. */
NTSTATUS KeDelayExecutionThread(KPROCESSOR_MODE WaitMode, BOOLEAN Alertable, PLARGE_INTEGER Interval)
{
    LONGLONG Time = ((volatile LARGE_INTEGER *)Interval)->QuadPart;     /* no time is a fault, not for ever */
    KIRQL Irql = ArchReadIrql();

    /* The short way of one that only yields. */
    if (Time == 0 && ((UCHAR)WaitMode | Alertable | KiCurrentThread()->WaitNext) == 0 && Irql <= APC_LEVEL)
        return KiYield(Irql);
    return Delay(WaitMode, Alertable, Time);
}
