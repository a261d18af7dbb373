/* sched.c - who runs where: the dispatcher lock, ready queues, thread states, and the switch.
 *
 * Promise: on every processor runs the highest-priority ready thread that may run there, at once: a thread
 * that becomes ready takes an idle processor, or displaces a weaker thread, or queues. Equals take turns.
 * Method: each processor has 32 FIFO queues and a bit per queue. A thread chosen to run next on a processor
 * is parked in its NextThread (Standby) and the processor is told by the dispatch interrupt; the switch
 * itself happens there, or where the current thread blocks, or where it readied somebody better.
 *
 *   Initialized -> Ready       KeStartThread
 *   Ready       -> Standby     PlaceThread, Promote: it has a processor
 *   Ready       -> Running     SelectThread: its processor looked for work
 *   Standby     -> Running     SwapTo
 *   Standby     -> Ready       displaced by a better one, or its priority or affinity changed
 *   Running     -> Ready       preempted, quantum over, or it yielded
 *   Running     -> Waiting     wait.c
 *   Running     -> Terminated  KeTerminateThread
 *   Waiting     -> Ready       wait.c, KiUnwaitThread
 *
 * The lock: one word, taken with interrupts off; the IRQL is not touched, so it costs no CR8 write. It is held
 * across the switch: the thread that departs takes it, the thread that arrives frees it. That is why nobody
 * can run a thread before its registers are saved:
 *
 *   CPU 0 blocks A                      CPU 1 signals what A waits for
 *   lock; A Waiting; switch A -> B      spins on the lock
 *   B frees the lock                    lock; A Ready, NextThread of CPU 1; switch to A: its frame is complete
 *
 * After a switch the arriving thread finds in CR8 what the departing one left and sets its own IRQL if it
 * differs. Lock order: dispatcher, then a DPC queue. Nothing is called with it held that could take it again.
 * Rejected: a switch request by CR8 alone (every signal would pay two CR8 writes); a global ready queue. */
#include "ki.h"

enum { QUANTUM_TICKS = 2 };             /* about 31 ms */

static KSPIN_LOCK DispatcherLock;
static ULONG DispatcherOwner;           /* processor number + 1: tells whose it is, not only that it is taken */
static KAFFINITY IdleProcessors;        /* (d) run their idle thread and have no NextThread */
static ULONG QueuedThreads;             /* (d) in all ready queues: whether stealing is worth a look */
static void (*Reaper)(PKTHREAD Thread);

#define STATE_BIT(State) (1u << (State))
static const UCHAR AllowedNext[] = {
    [Initialized] = STATE_BIT(Ready),
    [Ready] = STATE_BIT(Standby) | STATE_BIT(Running),
    [Standby] = STATE_BIT(Running) | STATE_BIT(Ready),
    [Running] = STATE_BIT(Ready) | STATE_BIT(Waiting) | STATE_BIT(Terminated),
    [Waiting] = STATE_BIT(Ready),
    [Terminated] = 0,
};

/* ---- The lock ---- */

static void Lock(void)
{
    KiAcquireRawLock(&DispatcherLock);
    DispatcherOwner = ARCH_THIS_CPU->Number + 1;
}

static void Unlock(void)
{
    DispatcherOwner = 0;
    KiReleaseRawLock(&DispatcherLock);
}

ULONG64 KiLockDispatcher(void)
{
    ULONG64 Flags = ArchDisableInterrupts();

    Lock();
    return Flags;
}

void KiUnlockDispatcher(ULONG64 Flags)
{
    Unlock();
    ArchRestoreInterrupts(Flags);
}

void KiAssertDispatcherHeld(void) { RtlAssert(DispatcherOwner == ARCH_THIS_CPU->Number + 1u); }

/* ---- States and queues ---- */

void KiSetThreadState(PKTHREAD Thread, KTHREAD_STATE State)
{
    KiAssertDispatcherHeld();
    RtlAssert(AllowedNext[Thread->State] & STATE_BIT(State));
    Thread->State = (UCHAR)State;
}

static KAFFINITY ProcessorBit(ULONG Number) { return 1ull << Number; }

static KPRIORITY HighestReady(PKPCR Pcr)
{
    return Pcr->ReadySummary == 0 ? -1 : 31 - __builtin_clz(Pcr->ReadySummary);
}

static void Enqueue(PKPCR Pcr, PKTHREAD Thread, BOOLEAN AtHead)
{
    PLIST_ENTRY Queue = &Pcr->ReadyQueue[Thread->Priority];

    if (AtHead)
        InsertHeadList(Queue, &Thread->ReadyEntry);
    else
        InsertTailList(Queue, &Thread->ReadyEntry);
    Pcr->ReadySummary |= 1u << Thread->Priority;
    Thread->NextProcessor = Pcr->Cpu.Number;
    QueuedThreads++;
}

static void Dequeue(PKPCR Pcr, PKTHREAD Thread)
{
    if (RemoveEntryList(&Thread->ReadyEntry))
        Pcr->ReadySummary &= ~(1u << Thread->Priority);
    QueuedThreads--;
}

static PKTHREAD DequeueHighest(PKPCR Pcr)
{
    PKTHREAD Thread = CONTAINING_RECORD(Pcr->ReadyQueue[HighestReady(Pcr)].Flink, KTHREAD, ReadyEntry);

    Dequeue(Pcr, Thread);
    return Thread;
}

/* ---- Placing a ready thread ---- */

/* The priority that a thread must exceed to run on Pcr soon. */
static KPRIORITY PriorityToBeat(PKPCR Pcr)
{
    PKTHREAD Thread = Pcr->NextThread != NULL ? Pcr->NextThread : (PKTHREAD)Pcr->Cpu.CurrentThread;

    return Thread->Priority;
}

static void GiveProcessor(PKPCR Pcr, PKTHREAD Thread)
{
    KiSetThreadState(Thread, Standby);
    Thread->NextProcessor = Pcr->Cpu.Number;
    Pcr->NextThread = Thread;
    if (Pcr != KiCurrentPcr())
        ArchSendDispatch(Pcr->Cpu.Number);
}

/* Last processor first (its caches may be warm), then the ideal one, then this one, then any. */
static PKPCR PreferredProcessor(PKTHREAD Thread, KAFFINITY Candidates)
{
    if (Candidates & ProcessorBit(Thread->NextProcessor))
        return KiProcessorBlock[Thread->NextProcessor];
    if (Candidates & ProcessorBit(Thread->IdealProcessor))
        return KiProcessorBlock[Thread->IdealProcessor];
    if (Candidates & ProcessorBit(ARCH_THIS_CPU->Number))
        return KiCurrentPcr();
    return KiProcessorBlock[__builtin_ctzll(Candidates)];
}

static PKPCR WeakestProcessor(KAFFINITY Candidates)
{
    PKPCR Weakest = KiProcessorBlock[__builtin_ctzll(Candidates)];

    for (KAFFINITY Left = Candidates; Left != 0; Left &= Left - 1) {
        PKPCR Pcr = KiProcessorBlock[__builtin_ctzll(Left)];

        if (PriorityToBeat(Pcr) < PriorityToBeat(Weakest))
            Weakest = Pcr;
    }
    return Weakest;
}

/* Thread is Ready and in no queue. Returns the thread it displaced, which is now in the same situation. */
static PKTHREAD PlaceOne(PKTHREAD Thread, BOOLEAN AtHead)
{
    KAFFINITY Allowed = Thread->Affinity & KiActiveProcessors;
    KAFFINITY Idle = IdleProcessors & Allowed;
    PKTHREAD Displaced;
    PKPCR Pcr;

    RtlAssert(Allowed != 0);
    if (Idle != 0) {
        Pcr = PreferredProcessor(Thread, Idle);
        IdleProcessors &= ~ProcessorBit(Pcr->Cpu.Number);
        GiveProcessor(Pcr, Thread);
        return NULL;
    }
    Pcr = PreferredProcessor(Thread, Allowed);
    if (Thread->Priority <= PriorityToBeat(Pcr) && KiProcessorCount > 1)
        Pcr = WeakestProcessor(Allowed);
    if (Thread->Priority <= PriorityToBeat(Pcr)) {
        Enqueue(PreferredProcessor(Thread, Allowed), Thread, AtHead);
        return NULL;
    }
    Displaced = Pcr->NextThread;
    if (Displaced != NULL)
        KiSetThreadState(Displaced, Ready);
    GiveProcessor(Pcr, Thread);
    return Displaced;
}

/* Each displaced thread is weaker than the one before, so this ends. */
static void PlaceThread(PKTHREAD Thread, BOOLEAN AtHead)
{
    while ((Thread = PlaceOne(Thread, AtHead)) != NULL)
        AtHead = TRUE;
}

void KiReadyThread(PKTHREAD Thread)
{
    KiSetThreadState(Thread, Ready);
    PlaceThread(Thread, FALSE);
}

/* Pcr's running thread became weaker: a queued one that is better now goes first. */
static void Promote(PKPCR Pcr)
{
    if (HighestReady(Pcr) > PriorityToBeat(Pcr) && Pcr->NextThread == NULL)
        GiveProcessor(Pcr, DequeueHighest(Pcr));
}

/* ---- Choosing what this processor runs ---- */

static PKTHREAD BestOf(PKPCR Pcr, KAFFINITY Bit)
{
    for (ULONG Left = Pcr->ReadySummary; Left != 0;) {
        ULONG Priority = 31 - __builtin_clz(Left);
        PLIST_ENTRY Queue = &Pcr->ReadyQueue[Priority];

        for (PLIST_ENTRY Entry = Queue->Flink; Entry != Queue; Entry = Entry->Flink) {
            PKTHREAD Thread = CONTAINING_RECORD(Entry, KTHREAD, ReadyEntry);

            if (Thread->Affinity & Bit)
                return Thread;
        }
        Left &= ~(1u << Priority);
    }
    return NULL;
}

/* The best thread that waits in another processor's queue and may run here. */
static PKTHREAD StealThread(PKPCR Self)
{
    PKTHREAD Best = NULL;

    for (ULONG Number = 0; Number < KiProcessorCount; Number++) {
        PKPCR Pcr = KiProcessorBlock[Number];
        PKTHREAD Thread = Pcr == Self ? NULL : BestOf(Pcr, ProcessorBit(Self->Cpu.Number));

        if (Thread != NULL && (Best == NULL || Thread->Priority > Best->Priority))
            Best = Thread;
    }
    if (Best != NULL)
        Dequeue(KiProcessorBlock[Best->NextProcessor], Best);
    return Best;
}

static PKTHREAD SelectThread(PKPCR Pcr)
{
    PKTHREAD Thread = Pcr->NextThread;

    if (Thread != NULL) {
        Pcr->NextThread = NULL;
        return Thread;
    }
    if (Pcr->ReadySummary != 0)
        return DequeueHighest(Pcr);
    if (QueuedThreads != 0 && (Thread = StealThread(Pcr)) != NULL)
        return Thread;
    IdleProcessors |= ProcessorBit(Pcr->Cpu.Number);
    return Pcr->IdleThread;
}

/* First thing on a thread's stack after a switch to it: the lock is this processor's now, and an APC that was queued
 * meanwhile wants its interrupt here. */
static void Arrive(PKTHREAD Self)
{
    DispatcherOwner = ARCH_THIS_CPU->Number + 1;
    if (UNLIKELY(Self->ApcState.KernelApcPending))
        ArchRequestApc();
}

/* The current thread's state is settled. Comes back when it runs again, maybe on another processor; the lock
 * is held then as it is now. */
static void SwapTo(PKPCR Pcr, PKTHREAD Next)
{
    PKTHREAD Self = (PKTHREAD)Pcr->Cpu.CurrentThread;

    Next->NextProcessor = Pcr->Cpu.Number;
    if (Next != Pcr->IdleThread)
        KiSetThreadState(Next, Running);
    if (Next == Self)
        return;
    Pcr->Cpu.CurrentThread = Next;
    Pcr->ContextSwitches++;
    Next->ContextSwitches++;
    if (Self == Pcr->IdleThread)
        KiStartTick(Pcr);
    if (Next->ApcState.Process->Space != Self->ApcState.Process->Space)
        ArchSwitchSpace(Next->ApcState.Process->Space);
    ArchSwitchFpu(Next->Context.Fpu);
    ArchSwitchContext(&Self->Context, &Next->Context);
    Arrive(Self);
}

void KiBlockThread(void)
{
    PKPCR Pcr = KiCurrentPcr();

    KiAssertDispatcherHeld();
    SwapTo(Pcr, SelectThread(Pcr));
    Unlock();
}

/* NextThread takes over; the current thread goes back to a queue. NextThread stays in place meanwhile, so that
 * the current thread cannot be placed right here again. */
static void Preempt(PKPCR Pcr, BOOLEAN AtHead)
{
    PKTHREAD Self = (PKTHREAD)Pcr->Cpu.CurrentThread;

    if (Self != Pcr->IdleThread) {
        KiSetThreadState(Self, Ready);
        PlaceThread(Self, AtHead);
    }
    SwapTo(Pcr, SelectThread(Pcr));
}

static void SettleIrql(KIRQL Irql)
{
    if (ArchReadIrql() != Irql)
        ArchWriteIrql(Irql);
}

void KiExitDispatcher(ULONG64 Flags)
{
    KIRQL Irql;

    if (LIKELY(KiThisPcr->NextThread == NULL)) {
        KiUnlockDispatcher(Flags);
        return;
    }
    Irql = ArchReadIrql();
    if (Irql >= DISPATCH_LEVEL || !ArchInterruptsWereOn(Flags)) {
        if (!KiThisPcr->InDispatch)
            ArchRequestDispatch();
        KiUnlockDispatcher(Flags);
        return;
    }
    Preempt(KiCurrentPcr(), TRUE);
    Unlock();
    SettleIrql(Irql);
    ArchRestoreInterrupts(Flags);
}

void KiExitDispatcherRaised(ULONG64 Flags, PKTHREAD Thread)
{
    Thread->WaitIrql = ArchReadIrql();
    Thread->WaitNext = TRUE;
    if (Thread->WaitIrql < DISPATCH_LEVEL)
        ArchWriteIrql(DISPATCH_LEVEL);
    KiUnlockDispatcher(Flags);
}

/* ---- The dispatch interrupt ---- */

static BOOLEAN DispatchWorkPending(PKPCR Pcr)
{
    return KiDpcsPending(Pcr) || KiTimersDue(Pcr);
}

/* On the processor's dispatch stack. DPC routines have an SSE state of their own, clean at each start. */
static void RetireDispatchWork(PVOID Context)
{
    PKPCR Pcr = Context;
    ARCH_FPU *ThreadArea = Pcr->Cpu.FpuArea;

    ArchSwitchFpu(Pcr->Cpu.DispatchFpu);
    KiExpireTimers(Pcr);
    KiRetireDpcs(Pcr);
    ArchDisableInterrupts();
    if (Pcr->Cpu.FpuLive)
        ArchFpuDiscard();
    Pcr->Cpu.FpuArea = ThreadArea;
    ArchEnableInterrupts();
}

static void ReapThreads(PKPCR Pcr)
{
    ULONG64 Flags = KiLockDispatcher();
    PKTHREAD Thread = Pcr->ReapList;

    Pcr->ReapList = NULL;
    KiUnlockDispatcher(Flags);
    while (Thread != NULL) {
        PKTHREAD Next = Thread->ReapNext;

        Reaper(Thread);
        Thread = Next;
    }
}

/* Its ticks are used up: a boost fades by one, and an equal that waits gets its turn. */
static void EndQuantum(PKPCR Pcr, PKTHREAD Thread)
{
    Thread->Quantum = QUANTUM_TICKS;
    if (Thread->Priority < LOW_REALTIME_PRIORITY && Thread->Priority > Thread->BasePriority)
        Thread->Priority--;
    if (Thread->Priority <= Thread->BasePriority)
        Thread->Boosted = FALSE;
    if (Pcr->NextThread == NULL && HighestReady(Pcr) >= Thread->Priority)
        GiveProcessor(Pcr, DequeueHighest(Pcr));
}

/* Lock held. Gives the processor away if somebody else is to run. */
static void Reschedule(PKPCR Pcr)
{
    PKTHREAD Thread = (PKTHREAD)Pcr->Cpu.CurrentThread;
    BOOLEAN Expired = Pcr->QuantumEnd && Thread != Pcr->IdleThread;

    Pcr->QuantumEnd = FALSE;
    if (Expired)
        EndQuantum(Pcr, Thread);
    if (Pcr->NextThread != NULL)
        Preempt(Pcr, !Expired);
    else if (!(Thread->Affinity & ProcessorBit(Pcr->Cpu.Number)))
        Preempt(Pcr, TRUE);
}

void KiDispatchInterrupt(void)
{
    PKPCR Pcr = KiCurrentPcr();

    Pcr->InDispatch = TRUE;
    for (;;) {
        while (DispatchWorkPending(Pcr))
            ArchCallOnStack(Pcr->Cpu.DispatchStack, RetireDispatchWork, Pcr);
        if (Pcr->ReapList != NULL)
            ReapThreads(Pcr);
        ArchDisableInterrupts();
        if (!DispatchWorkPending(Pcr))
            break;
        ArchEnableInterrupts();
    }
    /* From here on a local request must send itself the interrupt again. */
    Pcr->InDispatch = FALSE;
    KiArmClock(Pcr);
    if (Pcr->NextThread != NULL || Pcr->QuantumEnd ||
        !(((PKTHREAD)Pcr->Cpu.CurrentThread)->Affinity & ProcessorBit(Pcr->Cpu.Number))) {
        Lock();
        Reschedule(Pcr);
        Unlock();
        SettleIrql(DISPATCH_LEVEL);
    }
    ArchEnableInterrupts();
}

void KiTickThread(PKPCR Pcr)
{
    PKTHREAD Thread = (PKTHREAD)Pcr->Cpu.CurrentThread;

    if (Thread != Pcr->IdleThread && --Thread->Quantum <= 0)
        Pcr->QuantumEnd = TRUE;
}

/* ---- Priority and affinity, lock held ---- */

/* Take a Ready or Standby thread out of wherever it was placed; it is Ready and in no queue then. */
static void Unplace(PKTHREAD Thread)
{
    PKPCR Pcr = KiProcessorBlock[Thread->NextProcessor];

    if (Thread->State == Ready) {
        Dequeue(Pcr, Thread);
        return;
    }
    Pcr->NextThread = NULL;
    KiSetThreadState(Thread, Ready);
    if (Pcr->Cpu.CurrentThread == Pcr->IdleThread && Pcr->ReadySummary == 0)
        IdleProcessors |= ProcessorBit(Pcr->Cpu.Number);
    Promote(Pcr);
}

void KiSetPriority(PKTHREAD Thread, KPRIORITY Priority)
{
    KiAssertDispatcherHeld();
    if (Thread->State == Ready || Thread->State == Standby) {
        Unplace(Thread);
        Thread->Priority = (SCHAR)Priority;
        PlaceThread(Thread, FALSE);
        return;
    }
    Thread->Priority = (SCHAR)Priority;
    if (Thread->State == Running)
        Promote(KiProcessorBlock[Thread->NextProcessor]);
}

void KiSetAffinity(PKTHREAD Thread, KAFFINITY Affinity)
{
    KiAssertDispatcherHeld();
    Thread->Affinity = Affinity;
    if (Affinity & ProcessorBit(Thread->NextProcessor))
        return;
    if (Thread->State == Ready || Thread->State == Standby) {
        Unplace(Thread);
        PlaceThread(Thread, FALSE);
    } else if (Thread->State == Running) {
        /* The dispatch interrupt of the forbidden processor sees it and gives the thread away. */
        if (Thread == KiCurrentThread())
            ArchRequestDispatch();
        else
            ArchSendDispatch(Thread->NextProcessor);
    }
}

void KiYield(void)
{
    ULONG64 Flags = KiLockDispatcher();
    PKPCR Pcr = KiCurrentPcr();
    PKTHREAD Thread = KiCurrentThread();
    KIRQL Irql = ArchReadIrql();

    if (Pcr->NextThread == NULL && HighestReady(Pcr) >= Thread->Priority)
        GiveProcessor(Pcr, DequeueHighest(Pcr));
    if (Pcr->NextThread != NULL) {
        Thread->Quantum = QUANTUM_TICKS;
        Preempt(Pcr, FALSE);
    }
    Unlock();
    SettleIrql(Irql);
    ArchRestoreInterrupts(Flags);
}

/* ---- Beginning and end of threads and processors ---- */

void KiInitializeScheduler(PKPCR Pcr)
{
    for (ULONG Priority = 0; Priority < MAXIMUM_PRIORITY; Priority++)
        InitializeListHead(&Pcr->ReadyQueue[Priority]);
}

void KiRetireThread(PKTHREAD Thread)
{
    PKPCR Pcr = KiCurrentPcr();

    KiSetThreadState(Thread, Terminated);
    Thread->ReapNext = Pcr->ReapList;
    Pcr->ReapList = Thread;
    /* Taken as soon as the next thread lets it: by then nobody is on this stack. */
    ArchRequestDispatch();
}

void KeSetThreadReaper(void (*Reap)(PKTHREAD Thread)) { Reaper = Reap; }

/* First C code of every thread: the switch that brought us here left interrupts off and the lock held. */
void KiThreadStartup(PVOID Context)
{
    PKTHREAD Thread = Context;

    Arrive(Thread);
    Unlock();
    SettleIrql(PASSIVE_LEVEL);
    ArchEnableInterrupts();
    Thread->SystemRoutine(Thread->StartRoutine, Thread->StartContext);
    KeBugCheckWith(KEDGE_INTERNAL_ERROR, (ULONG_PTR)Thread, 0, 0, 0, "a thread's system routine returned");
}

/* KeProcessorOnline - this processor, running its idle thread, may be given threads from now on. */
void KeProcessorOnline(void)
{
    ULONG64 Flags = KiLockDispatcher();
    ULONG Number = ARCH_THIS_CPU->Number;

    KiActiveProcessors |= ProcessorBit(Number);
    IdleProcessors |= ProcessorBit(Number);
    ARCH_THIS_CPU->Online = TRUE;
    KiUnlockDispatcher(Flags);
}

/* KeIdleLoop - the caller is this processor's idle thread from now on: it sleeps until an interrupt brings
 * work, which the interrupt itself switches to. Low-importance DPCs that nobody hurried are run here. */
void KeIdleLoop(void)
{
    for (;;) {
        PKPCR Pcr = KiCurrentPcr();

        ArchDisableInterrupts();
        Pcr->Idle = TRUE;
        if (KiDpcsPending(Pcr) || Pcr->NextThread != NULL) {
            ArchRequestDispatch();
            ArchEnableInterrupts();
            continue;
        }
        KiArmClock(Pcr);
        ArchWaitForInterrupt();
    }
}
