/* sched.c - the dispatcher lock, the switch, and the dispatch interrupt.
 *
 * Who is to run is decided in ready.c and stands in a processor's NextThread. The switch to it happens where
 * the current thread blocks, where it readied somebody better and leaves the dispatcher below DISPATCH_LEVEL,
 * or in the dispatch interrupt, which also runs timers and DPCs and ends quanta.
 *
 * The lock: one word, taken with interrupts off; the IRQL is not touched, so it costs no CR8 write. It is held
 * across the switch: the thread that departs takes it, the thread that arrives frees it. That is why nobody can
 * run a thread before its registers are saved:
 *
 *   CPU 0 blocks A                      CPU 1 signals what A waits for
 *   lock; A Waiting; switch A -> B      spins on the lock
 *   B frees the lock                    lock; A Ready, NextThread of CPU 1; switch to A: its frame is complete
 *
 * After a switch the arriving thread finds in CR8 what the departing one left and sets its own IRQL if it
 * differs. Lock order: dispatcher, then a DPC queue. Nothing is called with it held that could take it again.
 * Rejected: a switch request by CR8 alone: every signal would pay two CR8 writes. */
#include "ki.h"

enum { QUANTUM_TICKS = 2 };             /* about 31 ms */

KSPIN_LOCK KiDispatcherLock;
ULONG KiDispatcherOwner;
static void (*Reaper)(PKTHREAD Thread);

/* First thing on a thread's stack after a switch to it: the lock is this processor's now, and an APC that was queued
 * meanwhile wants its interrupt here. */
static void Arrive(PKTHREAD Self)
{
    KiNoteDispatcherOwner();
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
    SwapTo(Pcr, KiSelectThread(Pcr));
    KiReleaseDispatcher();
}

/* NextThread takes over; the current thread goes back to a queue. NextThread stays in place meanwhile, so that
 * the current thread cannot be placed right here again. */
static void Preempt(PKPCR Pcr, BOOLEAN AtHead)
{
    PKTHREAD Self = (PKTHREAD)Pcr->Cpu.CurrentThread;

    if (Self != Pcr->IdleThread) {
        KiSetThreadState(Self, Ready);
        KiPlaceThread(Self, AtHead);
    }
    SwapTo(Pcr, KiSelectThread(Pcr));
}

static void SettleIrql(KIRQL Irql)
{
    if (ArchReadIrql() != Irql)
        ArchWriteIrql(Irql);
}

/* NextThread is there. */
void KiExitDispatcherSlowly(ULONG64 Flags)
{
    KIRQL Irql = ArchReadIrql();

    if (Irql >= DISPATCH_LEVEL || !ArchInterruptsWereOn(Flags)) {
        if (!KiThisPcr->InDispatch)
            ArchRequestDispatch();
        KiUnlockDispatcher(Flags);
        return;
    }
    Preempt(KiCurrentPcr(), TRUE);
    KiReleaseDispatcher();
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
    if (KiTimersDue(Pcr))
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
    KiLetEqualRun(Pcr, Thread);
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
    else if (!(Thread->Affinity & KiProcessorBit(Pcr->Cpu.Number)))
        Preempt(Pcr, TRUE);
}

void KiDispatchInterrupt(void)
{
    PKPCR Pcr = KiCurrentPcr();

    Pcr->InDispatch = TRUE;
    Pcr->DispatchRequested = FALSE;
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
        !(((PKTHREAD)Pcr->Cpu.CurrentThread)->Affinity & KiProcessorBit(Pcr->Cpu.Number))) {
        KiAcquireRawLock(&KiDispatcherLock);
        KiNoteDispatcherOwner();
        Reschedule(Pcr);
        KiReleaseDispatcher();
        SettleIrql(DISPATCH_LEVEL);
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

void KiYield(void)
{
    ULONG64 Flags = KiLockDispatcher();
    PKPCR Pcr = KiCurrentPcr();
    PKTHREAD Thread = KiCurrentThread();
    KIRQL Irql = ArchReadIrql();

    KiLetEqualRun(Pcr, Thread);
    if (Pcr->NextThread != NULL) {
        Thread->Quantum = QUANTUM_TICKS;
        Preempt(Pcr, FALSE);
    }
    KiReleaseDispatcher();
    SettleIrql(Irql);
    ArchRestoreInterrupts(Flags);
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

/* First C code of every thread: the switch that brought us here left interrupts off and the lock held. */
void KiThreadStartup(PVOID Context)
{
    PKTHREAD Thread = Context;

    Arrive(Thread);
    KiReleaseDispatcher();
    SettleIrql(PASSIVE_LEVEL);
    ArchEnableInterrupts();
    Thread->SystemRoutine(Thread->StartRoutine, Thread->StartContext);
    KeBugCheckWith(KEDGE_INTERNAL_ERROR, (ULONG_PTR)Thread, 0, 0, 0, "a thread's system routine returned");
}

/* KeProcessorOnline - this processor, running its idle thread, may be given threads from now on. */
void KeProcessorOnline(void)
{
    ULONG64 Flags = KiLockDispatcher();

    KiAddProcessor(KiCurrentPcr());
    KiCountProcessor();
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
        __atomic_thread_fence(__ATOMIC_SEQ_CST);        /* with dpc.c, RequestRun */
        if (KiDpcsPending(Pcr) || Pcr->NextThread != NULL) {
            ArchRequestDispatch();
            ArchEnableInterrupts();
            continue;
        }
        KiArmClock(Pcr);
        ArchWaitForInterrupt();
    }
}
