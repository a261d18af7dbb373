/* dpc.c - deferred procedure calls: one queue per processor, run at DISPATCH_LEVEL on its dispatch stack.
 *
 * A KDPC is in at most one queue; DpcData names it and is written under that queue's lock, so inserting twice and
 * removing agree on one winner. The routine's arguments are copied out and DpcData is cleared before the call:
 * from then on the object is the routine's, to queue again or to free.
 * Who runs the queue: the dispatch interrupt of its processor. An insert from below DISPATCH_LEVEL on the same
 * processor runs it directly before it returns; at or above DISPATCH_LEVEL it requests the self-interrupt, which a
 * driver's bare write to CR8 lets through. Low importance asks for nothing until LOW_DEPTH are queued; the next
 * tick, dispatch interrupt or idle loop runs them.
 * The short ways are for the ordinary DPC: as KeInitializeDpc made it, nobody's target, of medium importance. From
 * PASSIVE_LEVEL, with nothing queued before it, it is not queued at all: it is claimed with PASSING in place of
 * a queue, as long as it takes to copy it, and called. One that is removed or queued by another processor in between
 * has been taken by its run already, or has not been claimed: nobody can tell the difference to a queue. The same goes
 * for a timer's, which is run within the expiry; what it queues, and what others queued before, comes in its turn.
 * Lock: the queue's own, below those of objects, interrupts off. */
#include "ki.h"

#include <rtl/stacktrace.h>

enum { LOW_DEPTH = 4, TARGETED = 0x500 };

#define PASSING ((PVOID)1)              /* DpcData of one that is run without being queued */

static PKPCR TargetOf(PKDPC Dpc)
{
    ULONG Number = Dpc->Number;

    return Number >= TARGETED ? KiProcessorBlock[Number - TARGETED] : KiCurrentPcr();
}

/* Dpc belongs to Owner now. FALSE: it is queued already. */
FORCEINLINE BOOLEAN Claim(PKDPC Dpc, PVOID Owner)
{
    PVOID NotQueued = NULL;

    return __atomic_compare_exchange_n(&Dpc->DpcData, &NotQueued, Owner, FALSE, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

/* Lock held, Dpc claimed. */
FORCEINLINE void Link(KI_DPC_QUEUE *Queue, PKDPC Dpc, PVOID Argument1, PVOID Argument2)
{
    Dpc->SystemArgument1 = Argument1;
    Dpc->SystemArgument2 = Argument2;
    InsertTailList(&Queue->Head, &Dpc->DpcListEntry);
}

/* Unlock, if not NULL, is let go of while nobody can take the DPC out yet. */
static BOOLEAN Insert(KI_DPC_QUEUE *Queue, PKDPC Dpc, PVOID Argument1, PVOID Argument2, PDISPATCHER_HEADER Unlock)
{
    BOOLEAN Inserted;

    KiAcquireRawLock(&Queue->Lock);
    Inserted = Claim(Dpc, Queue);
    if (Inserted) {
        Link(Queue, Dpc, Argument1, Argument2);
        if (Dpc->Importance == HighImportance) {
            RemoveEntryList(&Dpc->DpcListEntry);
            InsertHeadList(&Queue->Head, &Dpc->DpcListEntry);
        }
    }
    if (Unlock != NULL)
        KiUnlockObject(Unlock);
    KiReleaseRawLock(&Queue->Lock);
    return Inserted;
}

/* Interrupts are off. Whoever runs the queue looks again before it stops, and until it starts one request is enough. */
FORCEINLINE BOOLEAN MustRequest(PKPCR Pcr) { return !Pcr->InDispatch && !Pcr->DispatchRequested; }

static NOINLINE BOOLEAN RequestHere(PKPCR Pcr, ULONG64 Flags)
{
    Pcr->DispatchRequested = TRUE;
    ArchRequestDispatch();
    ArchRestoreInterrupts(Flags);
    return TRUE;
}

/* Counted when somebody asks, which is rare: inserting and running pay nothing for it. */
static BOOLEAN IsDeep(KI_DPC_QUEUE *Queue)
{
    ULONG Depth = 0;

    KiAcquireRawLock(&Queue->Lock);
    for (PLIST_ENTRY Entry = Queue->Head.Flink; Entry != &Queue->Head && Depth < LOW_DEPTH; Entry = Entry->Flink)
        Depth++;
    KiReleaseRawLock(&Queue->Lock);
    return Depth == LOW_DEPTH;
}

static BOOLEAN IsUrgent(PKPCR Pcr, PKDPC Dpc)
{
    if (Dpc->Importance != HighImportance && IsDeep(&Pcr->DpcQueue))
        return TRUE;
    if (Pcr == KiCurrentPcr())
        return Dpc->Importance != LowImportance;
    return Dpc->Importance == HighImportance || Dpc->Importance == MediumHighImportance;
}

/* Interrupts are off, and Flags what they were. A remote processor that idles has no tick that would find the DPC:
 * it is told whatever the importance. */
static void RequestRun(PKPCR Pcr, PKDPC Dpc, ULONG64 Flags)
{
    KIRQL Irql;

    if (Pcr != KiCurrentPcr()) {
        /* Against KeIdleLoop: one of us sees the other's store, the DPC or Idle and Looking. */
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        if (IsUrgent(Pcr, Dpc) || Pcr->Idle)
            KiTellProcessor(Pcr);
        ArchRestoreInterrupts(Flags);
        return;
    }
    if (Pcr->InDispatch || !IsUrgent(Pcr, Dpc)) {
        ArchRestoreInterrupts(Flags);
        return;
    }
    Irql = ArchReadIrql();
    if (Irql >= DISPATCH_LEVEL || !ArchInterruptsWereOn(Flags)) {
        if (MustRequest(Pcr))
            RequestHere(Pcr, Flags);
        else
            ArchRestoreInterrupts(Flags);
        return;
    }
    ArchWriteIrql(DISPATCH_LEVEL);
    ArchEnableInterrupts();
    KiDispatchInterrupt();
    ArchWriteIrql(Irql);
}

static NOINLINE BOOLEAN InsertAndRequest(PKDPC Dpc, PVOID Argument1, PVOID Argument2)
{
    ULONG64 Flags = ArchDisableInterrupts();
    PKPCR Pcr = TargetOf(Dpc);

    if (!Insert(&Pcr->DpcQueue, Dpc, Argument1, Argument2, NULL)) {
        ArchRestoreInterrupts(Flags);
        return FALSE;
    }
    RequestRun(Pcr, Dpc, Flags);
    return TRUE;
}

/* The short way of an ordinary DPC at DISPATCH_LEVEL or above, by an insert or a timer. What is rare is called last
 * and has nothing to come back to, so that this saves no register. */
FORCEINLINE BOOLEAN InsertHere(PKDPC Dpc, PVOID Argument1, PVOID Argument2)
{
    ULONG64 Flags = ArchDisableInterrupts();
    PKPCR Pcr = KiCurrentPcr();
    KI_DPC_QUEUE *Queue = &Pcr->DpcQueue;

    if (UNLIKELY(!KiTryRawLock(&Queue->Lock))) {
        ArchRestoreInterrupts(Flags);
        return InsertAndRequest(Dpc, Argument1, Argument2);
    }
    if (UNLIKELY(!Claim(Dpc, Queue))) {
        KiReleaseRawLock(&Queue->Lock);
        ArchRestoreInterrupts(Flags);
        return FALSE;
    }
    Link(Queue, Dpc, Argument1, Argument2);
    KiReleaseRawLock(&Queue->Lock);
    if (UNLIKELY(MustRequest(Pcr)))
        return RequestHere(Pcr, Flags);
    ArchRestoreInterrupts(Flags);
    return TRUE;
}

/* ---- Running ---- */

static NOINLINE DECLSPEC_NORETURN void StopAtBadReturn(PKDEFERRED_ROUTINE Routine, PKDPC Dpc, LONG ApcsBefore)
{
    KIRQL Irql = ArchReadIrql();
    char Name[96];

    RtlDescribeAddress((ULONG64)Routine, Name, sizeof Name);
    if (Irql != DISPATCH_LEVEL)
        KeBugCheckWith(IRQL_UNEXPECTED_VALUE, (ULONG_PTR)Irql << 16 | DISPATCH_LEVEL << 8, (ULONG_PTR)Routine,
                       (ULONG_PTR)Dpc, 0, "DPC routine %p, %s, returned at IRQL %u", Routine, Name, Irql);
    KeBugCheckWith(TIMER_OR_DPC_INVALID, 4, (ULONG_PTR)Routine, (ULONG)ApcsBefore,
                   (ULONG)KiCurrentThread()->CombinedApcDisable,
                   "DPC routine %p, %s, changed the APC-disable count", Routine, Name);
}

FORCEINLINE BOOLEAN ReturnedAsCalled(PKTHREAD Thread, LONG ApcsBefore)
{
    return LIKELY(ArchReadIrql() == DISPATCH_LEVEL && Thread->CombinedApcDisable == ApcsBefore);
}

/* At DISPATCH_LEVEL, on the dispatch stack. */
static NOINLINE void BeginRoutines(PKPCR Pcr)
{
    Pcr->ApcsBefore = KiCurrentThread()->CombinedApcDisable;
    Pcr->DpcRoutineActive = TRUE;
    if (Pcr->Idle || Pcr->ArmedDue == ~0ull)
        KiKeepTime(Pcr);
}

void KiEndRoutines(PKPCR Pcr)
{
    Pcr->DpcQueue.Running = NULL;
    Pcr->DpcRoutineActive = FALSE;
}

void KiRetireDpcs(PKPCR Pcr)
{
    KI_DPC_QUEUE *Queue = &Pcr->DpcQueue;
    PKTHREAD Thread = KiCurrentThread();
    LONG ApcsBefore = Thread->CombinedApcDisable;

    BeginRoutines(Pcr);
    while (KiDpcsPending(Pcr)) {
        PKDEFERRED_ROUTINE Routine;
        PVOID Context, Argument1, Argument2;
        PLIST_ENTRY First;
        PKDPC Dpc;

        ArchMaskInterrupts();
        KiAcquireRawLock(&Queue->Lock);
        First = Queue->Head.Flink;
        if (UNLIKELY(First == &Queue->Head)) {          /* removed since we looked */
            KiReleaseRawLock(&Queue->Lock);
            ArchEnableInterrupts();
            break;
        }
        RemoveEntryList(First);
        Dpc = CONTAINING_RECORD(First, KDPC, DpcListEntry);
        Routine = Dpc->DeferredRoutine;
        Context = Dpc->DeferredContext;
        Argument1 = Dpc->SystemArgument1;
        Argument2 = Dpc->SystemArgument2;
        Queue->Running = Routine;
        __atomic_store_n(&Dpc->DpcData, NULL, __ATOMIC_RELEASE);
        KiReleaseRawLock(&Queue->Lock);
        ArchEnableInterrupts();

        Routine(Dpc, Context, Argument1, Argument2);

        if (!ReturnedAsCalled(Thread, ApcsBefore))
            StopAtBadReturn(Routine, Dpc, ApcsBefore);
    }
    KiEndRoutines(Pcr);
}

/* The short way of an ordinary DPC from PASSIVE_LEVEL; at DISPATCH_LEVEL now, Dpc is claimed. What its routine asks
 * for (InDispatch: nobody is to interrupt us for it) is looked for at the end. The clock asks by interrupt.
 * What only a stop needs after the call is kept in memory: no register has to be saved for it. */
FORCEINLINE void RunHere(PKPCR Pcr, PKDPC Dpc, PVOID Argument1, PVOID Argument2)
{
    LONG ApcsBefore = KiCurrentThread()->CombinedApcDisable;
    PKDEFERRED_ROUTINE Routine = Dpc->DeferredRoutine;
    ARCH_FPU *ThreadArea = Pcr->Cpu.FpuArea;
    PKDPC volatile Kept = Dpc;

    Dpc->SystemArgument1 = Argument1;
    Dpc->SystemArgument2 = Argument2;
    Pcr->InDispatch = TRUE;
    Pcr->DpcRoutineActive = TRUE;
    Pcr->DpcQueue.Running = Routine;
    if (UNLIKELY(Pcr->Cpu.FpuLive))
        ArchFpuSave();
    Pcr->Cpu.FpuArea = Pcr->Cpu.DispatchFpu;
    __atomic_store_n(&Dpc->DpcData, NULL, __ATOMIC_RELEASE);

    ArchCallRoutineOnStack(Dpc, Dpc->DeferredContext, Argument1, Argument2, (PVOID)Routine, Pcr->Cpu.DispatchStack);

    if (!ReturnedAsCalled(KiCurrentThread(), ApcsBefore))
        StopAtBadReturn(Pcr->DpcQueue.Running, Kept, ApcsBefore);
    if (UNLIKELY(Pcr->Cpu.FpuLive))
        ArchFpuDiscard();
    Pcr->Cpu.FpuArea = ThreadArea;
    Pcr->DpcQueue.Running = NULL;
    Pcr->DpcRoutineActive = FALSE;
    /* From here on a request is an interrupt again; what came before is looked for. */
    Pcr->InDispatch = FALSE;
    if (UNLIKELY(KiDpcsPending(Pcr) || Pcr->NextThread != NULL))
        KiDispatchInterrupt();
}

static NOINLINE BOOLEAN RunOrInsert(PKDPC Dpc, PVOID Argument1, PVOID Argument2)
{
    PKPCR Pcr;

    if (UNLIKELY(!ArchInterruptsAreOn()))
        return InsertAndRequest(Dpc, Argument1, Argument2);
    ArchWriteIrql(DISPATCH_LEVEL);      /* on this processor, from now on */
    Pcr = KiCurrentPcr();
    if (UNLIKELY(KiDpcsPending(Pcr) || !Claim(Dpc, PASSING))) {
        ArchWriteIrql(PASSIVE_LEVEL);
        return InsertAndRequest(Dpc, Argument1, Argument2);
    }
    RunHere(Pcr, Dpc, Argument1, Argument2);
    ArchWriteIrql(PASSIVE_LEVEL);
    return TRUE;
}

/* ---- For sched.c and timer.c ---- */

void KiInitializeDpcQueue(PKPCR Pcr)
{
    KeInitializeSpinLock(&Pcr->DpcQueue.Lock);
    InitializeListHead(&Pcr->DpcQueue.Head);
}

/* A timer's DPC, at DISPATCH_LEVEL or with interrupts off. Arguments: the system time as of the last clock interrupt,
 * low and high. A remote processor is always told. Timer, if not NULL, is unlocked when Dpc is queued and before its
 * routine could run. */
void KiQueueTimerDpc(PKDPC Dpc, PDISPATCHER_HEADER Timer)
{
    ULONG64 Time = *(volatile ULONG64 *)&SharedUserData->SystemTime;
    PVOID Low = (PVOID)(Time & MAXULONG), High = (PVOID)(Time >> 32);
    ULONG64 Flags;
    PKPCR Pcr;

    if (LIKELY(KiIsOrdinaryDpc(Dpc))) {
        InsertHere(Dpc, Low, High);
        if (Timer != NULL)
            KiUnlockObject(Timer);
        return;
    }
    Flags = ArchDisableInterrupts();
    Pcr = TargetOf(Dpc);
    if (!Insert(&Pcr->DpcQueue, Dpc, Low, High, Timer))
        ArchRestoreInterrupts(Flags);
    else if (Pcr == KiCurrentPcr() && MustRequest(Pcr))
        RequestHere(Pcr, Flags);
    else {
        if (Pcr != KiCurrentPcr()) {
            __atomic_thread_fence(__ATOMIC_SEQ_CST);
            KiTellProcessor(Pcr);
        }
        ArchRestoreInterrupts(Flags);
    }
}

static NOINLINE BOOLEAN BeginWithTimerDpc(PKDPC Dpc, PDISPATCHER_HEADER Timer)
{
    BeginRoutines(KiCurrentPcr());
    return KiRunTimerDpc(Dpc, Timer);
}

/* What KiQueueTimerDpc and KiRetireDpcs do with a DPC that is ordinary and would be the first, without the queue. It
 * need not be claimed, for it is not written to: one that another processor queues meanwhile is queued after this run
 * began. Interrupts are off, and on meanwhile. KiEndRoutines follows, after this one or several. Returns: TRUE. */
BOOLEAN KiRunTimerDpc(PKDPC Dpc, PDISPATCHER_HEADER Timer)
{
    ULONG64 Time = *(volatile ULONG64 *)&SharedUserData->SystemTime;
    PVOID Low = (PVOID)(Time & MAXULONG), High = (PVOID)(Time >> 32), Context;
    PKDPC volatile Kept = Dpc;          /* as in RunHere */
    PKDEFERRED_ROUTINE Routine;

    if (UNLIKELY(!KiThisPcr->DpcRoutineActive))
        return BeginWithTimerDpc(Dpc, Timer);
    if (UNLIKELY(__atomic_load_n(&Dpc->DpcData, __ATOMIC_ACQUIRE) != NULL)) {   /* queued, on another processor */
        KiUnlockObject(Timer);
        return TRUE;
    }
    Routine = Dpc->DeferredRoutine;
    Context = Dpc->DeferredContext;
    KiThisPcr->DpcQueue.Running = Routine;
    KiUnlockObject(Timer);
    ArchEnableInterrupts();

    Routine(Dpc, Context, Low, High);

    if (!ReturnedAsCalled(KiCurrentThread(), KiThisPcr->ApcsBefore))
        StopAtBadReturn(KiThisPcr->DpcQueue.Running, Kept, KiThisPcr->ApcsBefore);
    ArchMaskInterrupts();
    return TRUE;
}

/* ---- Public: KeInitializeDpc, KeInsertQueueDpc, KeRemoveQueueDpc, KeSetImportanceDpc,
 *      KeSetTargetProcessorDpc(Ex), KeQueryDpcWatchdogInformation, KeFlushQueuedDpcs ---- */

/* KeInitializeDpc - Dpc calls DeferredRoutine(Dpc, DeferredContext, ...) on the processor that queues it, at
 * medium importance. The system arguments are left alone. IRQL: any. Source: WDK nf-wdm-keinitializedpc. */
VOID KeInitializeDpc(PRKDPC Dpc, PKDEFERRED_ROUTINE DeferredRoutine, PVOID DeferredContext)
{
    Dpc->Type = DpcObject;
    Dpc->Importance = MediumImportance;
    Dpc->Number = 0;
    Dpc->DeferredRoutine = DeferredRoutine;
    Dpc->DeferredContext = DeferredContext;
    Dpc->DpcData = NULL;
}

/* KeInsertQueueDpc - have Dpc's routine called at DISPATCH_LEVEL with these arguments. From below DISPATCH_LEVEL
 * on the target processor, medium importance or higher, it has run before the return. IRQL: any.
 * Returns: FALSE, and nothing changes, if Dpc is queued already. Source: WDK nf-wdm-keinsertqueuedpc. */
BOOLEAN KeInsertQueueDpc(PRKDPC Dpc, PVOID SystemArgument1, PVOID SystemArgument2)
{
    KIRQL Irql = ArchReadIrql();

    if (LIKELY(KiIsOrdinaryDpc(Dpc))) {
        if (Irql >= DISPATCH_LEVEL)
            return InsertHere(Dpc, SystemArgument1, SystemArgument2);
        if (Irql == PASSIVE_LEVEL)
            return RunOrInsert(Dpc, SystemArgument1, SystemArgument2);
    }
    return InsertAndRequest(Dpc, SystemArgument1, SystemArgument2);
}

/* KeRemoveQueueDpc - take Dpc out of its queue. IRQL: any. Returns: TRUE if it was queued and will not run.
 * Source: WDK nf-wdm-keremovequeuedpc. */
BOOLEAN KeRemoveQueueDpc(PRKDPC Dpc)
{
    ULONG64 Flags = ArchDisableInterrupts();
    KI_DPC_QUEUE *Queue = __atomic_load_n(&Dpc->DpcData, __ATOMIC_ACQUIRE);
    BOOLEAN Removed = FALSE;

    if (Queue != NULL && Queue != PASSING) {
        KiAcquireRawLock(&Queue->Lock);
        Removed = Dpc->DpcData == (PVOID)Queue;
        if (Removed) {
            RemoveEntryList(&Dpc->DpcListEntry);
            __atomic_store_n(&Dpc->DpcData, NULL, __ATOMIC_RELEASE);
        }
        KiReleaseRawLock(&Queue->Lock);
    }
    ArchRestoreInterrupts(Flags);
    return Removed;
}

/* KeSetImportanceDpc - where Dpc goes in its queue (High: the head) and how soon it is run, from the next insert
 * on. IRQL: any. Source: WDK nf-wdm-kesetimportancedpc. */
VOID KeSetImportanceDpc(PRKDPC Dpc, KDPC_IMPORTANCE Importance) { Dpc->Importance = (UCHAR)Importance; }

/* KeSetTargetProcessorDpc - run Dpc on processor Number from the next insert on; a number that is not active
 * changes nothing. IRQL: any. Source: WDK nf-wdm-kesettargetprocessordpc. */
VOID KeSetTargetProcessorDpc(PRKDPC Dpc, CCHAR Number)
{
    if (Number >= 0 && Number < ARCH_MAX_CPUS && (KiActiveProcessors >> Number & 1))
        Dpc->Number = (USHORT)(TARGETED + Number);
}

/* KeSetTargetProcessorDpcEx - KeSetTargetProcessorDpc by group and number. IRQL: any. Returns: STATUS_SUCCESS,
 * STATUS_INVALID_PARAMETER for a processor that is not active. Source: WDK nf-wdm-kesettargetprocessordpcex. */
NTSTATUS KeSetTargetProcessorDpcEx(PKDPC Dpc, PPROCESSOR_NUMBER ProcNumber)
{
    ULONG Number = KeGetProcessorIndexFromNumber(ProcNumber);

    if (Number == INVALID_PROCESSOR_INDEX)
        return STATUS_INVALID_PARAMETER;
    Dpc->Number = (USHORT)(TARGETED + Number);
    return STATUS_SUCCESS;
}

/* KeQueryDpcWatchdogInformation - how long DPC routines may run. There is no limit, which NT's form says with zeros.
 * IRQL: any. Returns: STATUS_SUCCESS. Source: WDK nf-wdm-kequerydpcwatchdoginformation. */
NTSTATUS KeQueryDpcWatchdogInformation(PKDPC_WATCHDOG_INFORMATION WatchdogInformation)
{
    *WatchdogInformation = (KDPC_WATCHDOG_INFORMATION){ .DpcTimeLimit = 0 };
    return STATUS_SUCCESS;
}

static VOID SignalFlushed(PKDPC Dpc, PVOID Event, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    KeSetEvent(Event, 0, FALSE);
}

/* KeFlushQueuedDpcs - return once every DPC that was queued before the call, on any processor, has run: each queue
 * is FIFO from the tail, so a DPC of our own comes out last. IRQL: PASSIVE_LEVEL.
 * Source: WDK nf-wdm-keflushqueueddpcs. */
VOID KeFlushQueuedDpcs(VOID)
{
    for (ULONG Number = 0; Number < KiProcessorCount; Number++) {
        KEVENT Flushed;
        KDPC Dpc;

        if (!(KiActiveProcessors >> Number & 1))
            continue;
        KeInitializeEvent(&Flushed, NotificationEvent, FALSE);
        KeInitializeDpc(&Dpc, SignalFlushed, &Flushed);
        Dpc.Importance = MediumHighImportance;
        KeSetTargetProcessorDpc(&Dpc, (CCHAR)Number);
        KeInsertQueueDpc(&Dpc, NULL, NULL);
        KeWaitForSingleObject(&Flushed, Executive, KernelMode, FALSE, NULL);
    }
}

PKDEFERRED_ROUTINE KeQueryRunningDpc(void) { return KiCurrentPcr()->DpcQueue.Running; }
