/* sched.c - the switch, and the dispatch interrupt.
 *
 * Who is to run is decided in ready.c and stands in a processor's NextThread, or in its queue. The switch happens where
 * the current thread blocks, where it readied somebody better and leaves the kernel below DISPATCH_LEVEL, or in the
 * dispatch interrupt, which also runs timers and DPCs and ends quanta.
 *
 * A processor's ready lock guards NextThread, its queue, and what CurrentThread is; it is free again before the
 * registers are saved. So a thread can be readied, and chosen by another processor, while it is still on its way off
 * its own. Its context says Busy until its last register is on its stack; who resumes it waits for that (switch.S). A
 * processor lets go of its old thread before it waits for the new one, so two that exchange theirs do not wait for
 * each other:
 *
 *   CPU 0 blocks A                      CPU 1 signals what A waits for, and idles then
 *   A Waiting; ready lock; choose B     claims A: DeferredReady, then Ready in CPU 1's queue
 *   A's registers saved; A not Busy     chooses A; waits while A is Busy
 *   waits while B is Busy; goes on      goes on with A
 *
 * Interrupts stay off from the commit of a wait to the switch. After it the arriving thread finds in CR8 what the
 * departing one left and sets its own IRQL if it differs; an APC that came while it was away has marked
 * KernelApcPending, which it looks at after the barrier of its own Busy mark.
 * A processor that has run out of work looks for some for a while before it halts: an interrupt and the way out of a
 * halt cost as much as many short waits. Looking says so in its block, from the choice of its idle thread on; whoever
 * has put work there need not interrupt it then. Nothing is overlooked, because each stores first and then reads:
 *
 *   who brings work (KiTellProcessor)          the processor (EndLook)
 *   NextThread or the DPC queue has it         Looking := FALSE
 *   fence                                      fence
 *   Looking? then no interrupt                 work there? then no halt
 *
 * Either the first sees Looking cleared, and interrupts, or the second sees the work. The idle thread leaves its
 * processor in one place only, GiveWay, which ends the look as well. The tick goes on during a look and stops with the
 * halt (Idle): who goes on within it pays for no clock.
 * Lock order: a ready lock is the last one, and nobody holds two.
 * Rejected: a switch request by CR8 alone: every signal would pay two CR8 writes. Holding a lock across the switch: its
 * holder would be whoever arrives, and the one who wants the departing thread would spin on it anyway. A look
 * as long as the last ones were worth: one halt too early would make all later ones too short. */
#include "ki.h"

enum { QUANTUM_TICKS = 2 };             /* about 31 ms */

static void (*Reaper)(PKTHREAD Thread);
ULONG64 KiLookTime = 200;         /* 20 us: what a halt and an interrupt cost, a few times over */

NOINLINE void KiSwitchSpace(PKTHREAD Self, PKTHREAD Next)
{
    if (Next->ApcState.Process->Space != Self->ApcState.Process->Space)
        ArchSwitchSpace(Next->ApcState.Process->Space);
}

/* The wait ended before the thread was off its processor, and this is where it goes on. */
static NOINLINE void GoOn(PKTHREAD Self)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (Self->ApcState.KernelApcPending)
        ArchRequestApc();
}

void KiBlockThread(PKTHREAD Self)
{
    PKPCR Pcr = KiCurrentPcr();
    PKTHREAD Next;

    KiAcquireRawLock(&Pcr->ReadyLock);
    Next = KiSelectThread(Pcr);
    KiAdopt(Pcr, Next);
    if (LIKELY(Next != Self))
        KiSwitchTo(Pcr, Self, Next);
    else
        GoOn(Self);
}

static BOOLEAN DispatchWorkPending(PKPCR Pcr)
{
    return KiDpcsPending(Pcr) || Pcr->TimersDue;
}

/* Looking's own half of the agreement: see the top. */
static void EndLook(PKPCR Pcr)
{
    Pcr->Looking = FALSE;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* Pcr's idle thread gives way. A DPC that came meanwhile has sent no interrupt; a thread that comes from now on waits
 * for the ready lock, and finds the look ended. */
static void LeaveIdle(PKPCR Pcr)
{
    EndLook(Pcr);
    if (UNLIKELY(DispatchWorkPending(Pcr)))
        ArchRequestDispatch();
}

/* Ready lock held, and free afterwards. Self gives the processor to Next and goes back to a queue: this one if there is
 * no other processor for it, else where it finds its place. */
static void GiveWay(PKPCR Pcr, PKTHREAD Self, PKTHREAD Next, BOOLEAN AtHead)
{
    if (Self == Pcr->IdleThread) {
        LeaveIdle(Pcr);
        KiAdopt(Pcr, Next);
    } else if (LIKELY(KiAlone(Pcr, Self))) {
        KiSetThreadState(Self, Ready);
        KiEnqueue(Pcr, Self, AtHead);
        KiAdopt(Pcr, Next);
    } else {
        KiSetThreadState(Self, DeferredReady);
        KiAdopt(Pcr, Next);
        KiReadyThread(Self, AtHead);
        if (UNLIKELY(Pcr->NextThread != NULL))
            ArchRequestDispatch();
    }
    KiSwitchTo(Pcr, Self, Next);
}

static void SettleIrql(KIRQL Irql)
{
    if (ArchReadIrql() != Irql)
        ArchWriteIrql(Irql);
}

/* NextThread is there, or was a moment ago. */
void KiLeaveSlowly(ULONG64 Flags)
{
    KIRQL Irql = ArchReadIrql();
    PKPCR Pcr;

    if (Irql >= DISPATCH_LEVEL || !ArchInterruptsWereOn(Flags)) {
        if (!KiThisPcr->InDispatch)
            ArchRequestDispatch();
        ArchRestoreInterrupts(Flags);
        return;
    }
    Pcr = KiCurrentPcr();
    KiAcquireRawLock(&Pcr->ReadyLock);
    if (LIKELY(Pcr->NextThread != NULL))
        GiveWay(Pcr, KiCurrentThread(), KiSelectThread(Pcr), TRUE);
    else
        KiReleaseRawLock(&Pcr->ReadyLock);
    SettleIrql(Irql);
    ArchRestoreInterrupts(Flags);
}

void KiLetInterruptsIn(void)
{
    KIRQL Irql = ArchReadIrql();

    if (Irql < DISPATCH_LEVEL)
        ArchWriteIrql(DISPATCH_LEVEL);
    ArchAdmitInterrupts();
    if (Irql < DISPATCH_LEVEL)
        ArchWriteIrql(Irql);
}

void KiLeaveRaised(ULONG64 Flags, PKTHREAD Thread)
{
    Thread->WaitIrql = ArchReadIrql();
    Thread->WaitNext = TRUE;
    if (Thread->WaitIrql < DISPATCH_LEVEL)
        ArchWriteIrql(DISPATCH_LEVEL);
    ArchRestoreInterrupts(Flags);
}

/* ---- The dispatch interrupt ---- */

/* On the processor's dispatch stack. DPC routines have an SSE state of their own, clean at each start. */
static void RetireDispatchWork(PVOID Context)
{
    PKPCR Pcr = Context;
    ARCH_FPU *ThreadArea = Pcr->Cpu.FpuArea;

    ArchSwitchFpu(Pcr->Cpu.DispatchFpu);
    if (Pcr->TimersDue) {
        /* What comes due from now on, or is moved, says so again: a barrier before its look. */
        __atomic_exchange_n(&Pcr->TimersDue, FALSE, __ATOMIC_SEQ_CST);
        KiExpireTimers(Pcr);
    }
    if (KiDpcsPending(Pcr))
        KiRetireDpcs(Pcr);
    ArchMaskInterrupts();
    if (Pcr->Cpu.FpuLive)
        ArchFpuDiscard();
    Pcr->Cpu.FpuArea = ThreadArea;
    ArchEnableInterrupts();
}

static void ReapThreads(PKPCR Pcr)
{
    ULONG64 Flags = ArchDisableInterrupts();
    PKTHREAD Thread = Pcr->ReapList;

    Pcr->ReapList = NULL;
    ArchRestoreInterrupts(Flags);
    while (Thread != NULL) {
        PKTHREAD Next = Thread->ReapNext;

        Reaper(Thread);
        Thread = Next;
    }
}

/* Its ticks are used up: a boost fades by one, and an equal that waits gets its turn. Ready lock held. */
static void EndQuantum(PKPCR Pcr, PKTHREAD Thread)
{
    Thread->Quantum = QUANTUM_TICKS;
    if (Thread->Priority < LOW_REALTIME_PRIORITY && Thread->Priority > Thread->BasePriority)
        Thread->Priority--;
    if (Thread->Priority <= Thread->BasePriority)
        Thread->Boosted = FALSE;
    if (Pcr->NextThread == NULL)
        Pcr->BestPriority = Thread->Priority;
    KiLetEqualRun(Pcr, Thread);
}

static BOOLEAN MayRunHere(PKPCR Pcr, PKTHREAD Thread)
{
    return (Thread->Affinity & KiProcessorBit(Pcr->Cpu.Number)) != 0;
}

/* Interrupts off. Gives the processor away if somebody else is to run. */
static void Reschedule(PKPCR Pcr)
{
    PKTHREAD Thread = (PKTHREAD)Pcr->Cpu.CurrentThread;
    BOOLEAN Expired = Pcr->QuantumEnd && Thread != Pcr->IdleThread;

    KiAcquireRawLock(&Pcr->ReadyLock);
    Pcr->QuantumEnd = FALSE;
    if (Expired)
        EndQuantum(Pcr, Thread);
    if (Pcr->NextThread != NULL)
        GiveWay(Pcr, Thread, KiSelectThread(Pcr), !Expired);
    else if (!MayRunHere(Pcr, Thread))
        GiveWay(Pcr, Thread, KiSelectThread(Pcr), TRUE);
    else {
        KiReleaseRawLock(&Pcr->ReadyLock);
        KiArmClock(Pcr);
    }
}

/* Interrupts are off, the work is done: arm the clock if it has fired, and run who is to run. Who ends idling arms it
 * himself (KiStartTick). */
static NOINLINE void FinishDispatch(PKPCR Pcr)
{
    if (!Pcr->Idle || Pcr->NextThread == NULL)
        KiArmClock(Pcr);
    if (Pcr->NextThread != NULL || Pcr->QuantumEnd || !MayRunHere(Pcr, (PKTHREAD)Pcr->Cpu.CurrentThread)) {
        Reschedule(Pcr);
        SettleIrql(DISPATCH_LEVEL);
    }
    ArchEnableInterrupts();
}

static NOINLINE void DoDispatchWork(PKPCR Pcr)
{
    Pcr->InDispatch = TRUE;
    for (;;) {
        while (DispatchWorkPending(Pcr))
            ArchCallOnStack(Pcr->Cpu.DispatchStack, RetireDispatchWork, Pcr);
        if (Pcr->ReapList != NULL)
            ReapThreads(Pcr);
        ArchMaskInterrupts();
        if (!DispatchWorkPending(Pcr))
            break;
        ArchEnableInterrupts();
    }
    /* From here on a local request must send itself the interrupt again. */
    Pcr->InDispatch = FALSE;
    FinishDispatch(Pcr);
}

/* What there may be to do is called last, so that an interrupt that finds nothing saves no register. */
void KiDispatchInterrupt(void)
{
    PKPCR Pcr = KiCurrentPcr();

    Pcr->DispatchRequested = FALSE;
    if (DispatchWorkPending(Pcr) || Pcr->ReapList != NULL) {
        DoDispatchWork(Pcr);
        return;
    }
    ArchMaskInterrupts();
    if (Pcr->ArmedDue == ~0ull || Pcr->NextThread != NULL || Pcr->QuantumEnd ||
        !MayRunHere(Pcr, (PKTHREAD)Pcr->Cpu.CurrentThread)) {
        FinishDispatch(Pcr);
        return;
    }
    ArchEnableInterrupts();
}

void KiTickThread(PKPCR Pcr)
{
    PKTHREAD Thread = (PKTHREAD)Pcr->Cpu.CurrentThread;

    Thread->KernelTime++;
    if (Thread != Pcr->IdleThread && --Thread->Quantum <= 0)
        Pcr->QuantumEnd = TRUE;
}

/* Interrupts are off, and were as Flags say. */
static NOINLINE NTSTATUS YieldAsUsual(KIRQL Irql, ULONG64 Flags)
{
    PKPCR Pcr = KiCurrentPcr();
    PKTHREAD Thread = KiCurrentThread();

    KiAcquireRawLock(&Pcr->ReadyLock);
    if (Pcr->NextThread != NULL || KiHighestReady(Pcr) >= Thread->Priority) {
        Thread->Quantum = QUANTUM_TICKS;
        GiveWay(Pcr, Thread, KiSelectThread(Pcr), FALSE);
    } else {
        KiReleaseRawLock(&Pcr->ReadyLock);
    }
    SettleIrql(Irql);
    ArchRestoreInterrupts(Flags);
    return STATUS_SUCCESS;
}

/* The straight way is that of one processor whose best ready thread is an equal of the same process: they take turns
 * in their queue, and the summary stays as it is. What is rare is called last; the IRQL to come back to is kept where
 * a wait keeps it. */
NTSTATUS KiYield(KIRQL Irql)
{
    ULONG64 Flags = ArchDisableInterrupts();
    PKPCR Pcr = KiCurrentPcr();
    PKTHREAD Thread = KiCurrentThread(), Next;
    ULONG Priority = (UCHAR)Thread->Priority;
    PLIST_ENTRY Queue = KiReadyQueueOf(Pcr, Priority), Second;

    if (UNLIKELY(KiProcessorCount != 1) || UNLIKELY(!ArchInterruptsWereOn(Flags)) || UNLIKELY(Pcr->Cpu.FpuLive) ||
        UNLIKELY(Pcr->ReadySummary >> Priority != 1) || UNLIKELY(!KiTryRawLock(&Pcr->ReadyLock)))
        return YieldAsUsual(Irql, Flags);
    Next = CONTAINING_RECORD(Queue->Flink, KTHREAD, ReadyEntry);
    if (UNLIKELY(Pcr->NextThread != NULL) || UNLIKELY(Next->ApcState.Process != Thread->ApcState.Process)) {
        KiReleaseRawLock(&Pcr->ReadyLock);
        return YieldAsUsual(Irql, Flags);
    }
    Thread->WaitIrql = Irql;
    Thread->Quantum = QUANTUM_TICKS;
    KiSetThreadState(Thread, Ready);
    InsertTailList(Queue, &Thread->ReadyEntry);
    Second = Next->ReadyEntry.Flink;
    Queue->Flink = Second;
    Second->Blink = Queue;
    Next->State = Running;
    Pcr->Cpu.CurrentThread = Next;      /* BestPriority stays, too */
    KiReleaseRawLock(&Pcr->ReadyLock);
    Thread = KiSwitchStraight(Pcr, Thread, Next);
    SettleIrql(Thread->WaitIrql);
    ArchEnableInterrupts();
    return STATUS_SUCCESS;
}

/* ---- Beginning and end of threads and processors ---- */

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

/* First C code of every thread: the switch that brought us here left interrupts off. */
void KiThreadStartup(PVOID Context)
{
    PKTHREAD Thread = Context;

    if (Thread->ApcState.KernelApcPending)
        ArchRequestApc();
    SettleIrql(PASSIVE_LEVEL);
    ArchEnableInterrupts();
    Thread->SystemRoutine(Thread->StartRoutine, Thread->StartContext);
    KeBugCheckWith(KEDGE_INTERNAL_ERROR, (ULONG_PTR)Thread, 0, 0, 0, "a thread's system routine returned");
}

/* KeProcessorOnline - this processor, running its idle thread, may be given threads from now on. */
void KeProcessorOnline(void)
{
    ULONG64 Flags = ArchDisableInterrupts();

    KiCountProcessor();
    ARCH_THIS_CPU->Online = TRUE;
    KiAddProcessor(KiCurrentPcr());
    ArchRestoreInterrupts(Flags);
}

/* ---- Idling ---- */

/* KeSetIdleLook - by the roof: how long an idle processor looks for work before it sleeps, in units of 100 ns. */
void KeSetIdleLook(ULONG64 Units) { KiLookTime = Units; }

/* Look for as long as KiLookTime, or until there is work. The only processor need not: what brings it work is an
 * interrupt. */
static void Look(PKPCR Pcr)
{
    ULONG64 End;

    if (KiProcessorCount == 1)
        return;
    Pcr->Looking = TRUE;
    End = KiQueryTime() + KiLookTime;
    while (Pcr->NextThread == NULL && !DispatchWorkPending(Pcr) && KiQueryTime() < End)
        ArchPause();
}

/* Interrupts off. Returns: whether there is nothing to do, and who brings work from now on interrupts. */
static BOOLEAN MaySleep(PKPCR Pcr)
{
    Pcr->Idle = TRUE;
    EndLook(Pcr);
    return Pcr->NextThread == NULL && !DispatchWorkPending(Pcr) && !KiStealThread(Pcr);
}

/* KeIdleLoop - the caller is this processor's idle thread from now on: it looks for work for a while, then sleeps until
 * an interrupt brings some. DPCs of low importance that nobody hurried are run here. Before it sleeps it looks for
 * threads that wait for another processor: whoever queues one looks for idle processors afterwards. */
void KeIdleLoop(void)
{
    for (;;) {
        PKPCR Pcr = KiCurrentPcr();

        Look(Pcr);
        ArchMaskInterrupts();
        if (Pcr->NextThread == NULL && MaySleep(Pcr)) {
            KiArmClock(Pcr);
            ArchWaitForInterrupt();
        } else {
            if (DispatchWorkPending(Pcr))
                ArchRequestDispatch();
            KiLeave(~0ull);
        }
    }
}
