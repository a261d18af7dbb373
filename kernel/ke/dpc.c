/* dpc.c - deferred procedure calls: one queue per processor, run at DISPATCH_LEVEL on its dispatch stack.
 *
 * A KDPC is in at most one queue; DpcData names it and is written under that queue's lock, so inserting twice and
 * removing agree on one winner. The routine's arguments are copied out and DpcData is cleared before the call:
 * from then on the object is the routine's, to queue again or to free.
 * Who runs the queue: the dispatch interrupt of its processor. An insert from below DISPATCH_LEVEL on the same
 * processor runs it directly before it returns; at or above DISPATCH_LEVEL it requests the self-interrupt, which a
 * driver's bare write to CR8 lets through. Low importance asks for nothing until LOW_DEPTH are queued; the next
 * tick, dispatch interrupt or idle loop runs them.
 * Lock: the queue's own, below the dispatcher lock, interrupts off. */
#include "ki.h"

#include <rtl/stacktrace.h>

enum { LOW_DEPTH = 4, TARGETED = 0x500 };

static PKPCR TargetOf(PKDPC Dpc)
{
    ULONG Number = Dpc->Number;

    return Number >= TARGETED ? KiProcessorBlock[Number - TARGETED] : KiCurrentPcr();
}

static BOOLEAN Insert(KI_DPC_QUEUE *Queue, PKDPC Dpc, PVOID Argument1, PVOID Argument2)
{
    PVOID NotQueued = NULL;
    BOOLEAN Inserted;

    KiAcquireRawLock(&Queue->Lock);
    Inserted = __atomic_compare_exchange_n(&Dpc->DpcData, &NotQueued, (PVOID)Queue, FALSE, __ATOMIC_ACQ_REL,
                                           __ATOMIC_RELAXED);
    if (Inserted) {
        Dpc->SystemArgument1 = Argument1;
        Dpc->SystemArgument2 = Argument2;
        if (Dpc->Importance == HighImportance)
            InsertHeadList(&Queue->Head, &Dpc->DpcListEntry);
        else
            InsertTailList(&Queue->Head, &Dpc->DpcListEntry);
        Queue->Depth++;
    }
    KiReleaseRawLock(&Queue->Lock);
    return Inserted;
}

static BOOLEAN IsUrgent(PKPCR Pcr, PKDPC Dpc)
{
    if (Pcr->DpcQueue.Depth >= LOW_DEPTH)
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
        /* Against KeIdleLoop: one of us sees the other's store, the DPC or Idle. */
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        if (IsUrgent(Pcr, Dpc) || Pcr->Idle)
            ArchSendDispatch(Pcr->Cpu.Number);
        ArchRestoreInterrupts(Flags);
        return;
    }
    if (Pcr->InDispatch || !IsUrgent(Pcr, Dpc)) {
        ArchRestoreInterrupts(Flags);
        return;
    }
    Irql = ArchReadIrql();
    if (Irql >= DISPATCH_LEVEL || !ArchInterruptsWereOn(Flags)) {
        ArchRequestDispatch();
        ArchRestoreInterrupts(Flags);
        return;
    }
    ArchWriteIrql(DISPATCH_LEVEL);
    ArchEnableInterrupts();
    KiDispatchInterrupt();
    ArchWriteIrql(Irql);
}

/* ---- For sched.c and timer.c ---- */

void KiInitializeDpcQueue(PKPCR Pcr)
{
    KeInitializeSpinLock(&Pcr->DpcQueue.Lock);
    InitializeListHead(&Pcr->DpcQueue.Head);
}

BOOLEAN KiDpcsPending(PKPCR Pcr) { return Pcr->DpcQueue.Depth != 0; }

/* A timer's DPC, with the dispatcher lock held and interrupts off. Arguments: the system time, low and high. */
void KiQueueTimerDpc(PKDPC Dpc)
{
    ULONG64 Time = KiQueryTime() + (ULONG64)KiSystemTimeBias();
    PKPCR Pcr = TargetOf(Dpc);

    if (!Insert(&Pcr->DpcQueue, Dpc, (PVOID)(Time & MAXULONG), (PVOID)(Time >> 32)))
        return;
    if (Pcr != KiCurrentPcr())
        ArchSendDispatch(Pcr->Cpu.Number);
    else if (!Pcr->InDispatch)
        ArchRequestDispatch();
}

static void CheckRoutineReturn(PKDEFERRED_ROUTINE Routine, PKDPC Dpc, LONG ApcsBefore)
{
    LONG Apcs = KiCurrentThread()->CombinedApcDisable;
    KIRQL Irql = ArchReadIrql();
    char Name[96];

    if (LIKELY(Irql == DISPATCH_LEVEL && Apcs == ApcsBefore))
        return;
    RtlDescribeAddress((ULONG64)Routine, Name, sizeof Name);
    if (Irql != DISPATCH_LEVEL)
        KeBugCheckWith(IRQL_UNEXPECTED_VALUE, (ULONG_PTR)Irql << 16 | DISPATCH_LEVEL << 8, (ULONG_PTR)Routine,
                       (ULONG_PTR)Dpc, 0, "DPC routine %p, %s, returned at IRQL %u", Routine, Name, Irql);
    KeBugCheckWith(TIMER_OR_DPC_INVALID, 4, (ULONG_PTR)Routine, (ULONG)ApcsBefore, (ULONG)Apcs,
                   "DPC routine %p, %s, changed the APC-disable count", Routine, Name);
}

void KiRetireDpcs(PKPCR Pcr)
{
    KI_DPC_QUEUE *Queue = &Pcr->DpcQueue;
    LONG ApcsBefore = KiCurrentThread()->CombinedApcDisable;

    while (Queue->Depth != 0) {
        ULONG64 Flags = ArchDisableInterrupts();
        PKDEFERRED_ROUTINE Routine;
        PVOID Context, Argument1, Argument2;
        PKDPC Dpc;

        KiAcquireRawLock(&Queue->Lock);
        if (IsListEmpty(&Queue->Head)) {
            KiReleaseRawLock(&Queue->Lock);
            ArchRestoreInterrupts(Flags);
            break;
        }
        Dpc = CONTAINING_RECORD(RemoveHeadList(&Queue->Head), KDPC, DpcListEntry);
        Queue->Depth--;
        Queue->Count++;
        Routine = Dpc->DeferredRoutine;
        Context = Dpc->DeferredContext;
        Argument1 = Dpc->SystemArgument1;
        Argument2 = Dpc->SystemArgument2;
        __atomic_store_n(&Dpc->DpcData, NULL, __ATOMIC_RELEASE);
        Queue->Running = Routine;
        KiReleaseRawLock(&Queue->Lock);
        Pcr->DpcRoutineActive = TRUE;
        ArchRestoreInterrupts(Flags);

        Routine(Dpc, Context, Argument1, Argument2);

        CheckRoutineReturn(Routine, Dpc, ApcsBefore);
        Pcr->DpcRoutineActive = FALSE;
        Queue->Running = NULL;
    }
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
    ULONG64 Flags = ArchDisableInterrupts();
    PKPCR Pcr = TargetOf(Dpc);

    if (!Insert(&Pcr->DpcQueue, Dpc, SystemArgument1, SystemArgument2)) {
        ArchRestoreInterrupts(Flags);
        return FALSE;
    }
    RequestRun(Pcr, Dpc, Flags);
    return TRUE;
}

/* KeRemoveQueueDpc - take Dpc out of its queue. IRQL: any. Returns: TRUE if it was queued and will not run.
 * Source: WDK nf-wdm-keremovequeuedpc. */
BOOLEAN KeRemoveQueueDpc(PRKDPC Dpc)
{
    ULONG64 Flags = ArchDisableInterrupts();
    KI_DPC_QUEUE *Queue = __atomic_load_n(&Dpc->DpcData, __ATOMIC_ACQUIRE);
    BOOLEAN Removed = FALSE;

    if (Queue != NULL) {
        KiAcquireRawLock(&Queue->Lock);
        Removed = Dpc->DpcData == (PVOID)Queue;
        if (Removed) {
            RemoveEntryList(&Dpc->DpcListEntry);
            Queue->Depth--;
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
