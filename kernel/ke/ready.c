/* ready.c - the ready queues: which processor a ready thread gets, and what a processor runs next.
 *
 * Promise: a thread that becomes ready takes an idle processor, or displaces a weaker thread on one where it
 * may run, at once, or queues; equals queue in order. A processor without a choice made for it runs the best of
 * its own queue, and takes from another's before it sleeps.
 * Method: each processor has 32 FIFO queues and a bit per queue. A thread chosen to run next on a processor is
 * parked in its NextThread (Standby) and the processor is told by the dispatch interrupt; the switch is
 * sched.c's.
 *
 *   Initialized   -> DeferredReady KeStartThread
 *   DeferredReady -> Ready         KiReadyThread: no processor for it now
 *   DeferredReady -> Standby       KiReadyThread: it has a processor
 *   Ready         -> Standby       an equal or better one of a queue is moved up
 *   Ready         -> Running       KiSelectThread: its processor looked for work
 *   Standby       -> Running       the same
 *   Standby       -> DeferredReady displaced by a better one, or its priority or affinity changed
 *   Ready         -> DeferredReady its priority or affinity changed, or an idle processor can have it
 *   Running       -> Ready         preempted, quantum over, or it yielded: into the same queue
 *   Running       -> DeferredReady the same, where another processor might take it
 *   Running       -> Waiting       wait.c
 *   Running       -> Terminated    KeTerminateThread
 *   Waiting       -> DeferredReady wake.c: whoever ends the wait
 *   Waiting       -> Ready, Standby wake.c: the two steps in one, where there is one processor
 *
 * Locks. A processor's ready lock guards its queue and NextThread, and the states Ready, Standby and Running of the
 * threads that are there: NextProcessor says where. A DeferredReady thread belongs to who made it that, but its
 * priority and affinity may be changed under him: so it leaves that state by one step on its whole StateWord, which
 * fails if anything has changed.
 *
 *   CPU 0 places T                         CPU 1 KeSetPriorityThread(T)
 *   reads the word: DeferredReady, 8       lock of T's NextProcessor; word: DeferredReady, 8
 *   lock of its choice                     exchange: DeferredReady, 12
 *   exchange for Ready, 8 fails: again     unlock
 *
 * IdleProcessors is a mask that changes in atomic steps: a processor sets its bit when it runs out of work, who gives
 * it a thread takes the bit. Work is not overlooked:
 *
 *   CPU 0 queues T                         CPU 1 runs out of work
 *   T in the queue; fence                  sets its bit (a fence)
 *   a bit? then T out again, and placed    a queue with a thread? then takes it, and places it
 *
 * BestPriority lets all compare without a lock; the decision is made again under it.
 * Rejected: one global ready queue (its lock would be shared by all); looking at all processors' queues at every switch
 * (a walk for the rare case that another has a better one). */
#include "ki.h"

static volatile KAFFINITY IdleProcessors;       /* run their idle thread and have no NextThread */

const USHORT KiAllowedNext[] = {
    [Initialized] = STATE_BIT(DeferredReady),
    [Ready] = STATE_BIT(Standby) | STATE_BIT(Running) | STATE_BIT(DeferredReady),
    [Standby] = STATE_BIT(Running) | STATE_BIT(DeferredReady),
    [Running] = STATE_BIT(Ready) | STATE_BIT(DeferredReady) | STATE_BIT(Waiting) | STATE_BIT(Terminated),
    [Waiting] = STATE_BIT(DeferredReady) | STATE_BIT(Ready) | STATE_BIT(Standby),
    [DeferredReady] = STATE_BIT(Ready) | STATE_BIT(Standby) | STATE_BIT(Running),
    [Terminated] = 0,
};

C_ASSERT(offsetof(KTHREAD, Changes) == offsetof(KTHREAD, StateWord) + 3);

/* ---- Queues, ready lock held ---- */

static void Dequeue(PKPCR Pcr, PKTHREAD Thread)
{
    if (RemoveEntryList(&Thread->ReadyEntry))
        Pcr->ReadySummary &= ~(1u << Thread->Priority);
}

static void TellProcessor(PKPCR Pcr)
{
    if (Pcr == KiCurrentPcr())
        return;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    KiTellProcessor(Pcr);
}

/* Thread, of Pcr's queue, is to run next on Pcr, which has nobody else to run next. */
static void MoveUp(PKPCR Pcr, KPRIORITY Priority)
{
    PKTHREAD Thread = KiDequeueFirst(Pcr, (ULONG)Priority);

    KiSetThreadState(Thread, Standby);
    Pcr->NextThread = Thread;
    Pcr->BestPriority = Priority;
    TellProcessor(Pcr);
}

/* Pcr's running thread became weaker: a queued one that is better now goes first. */
static void Promote(PKPCR Pcr)
{
    KPRIORITY Best = KiHighestReady(Pcr);

    if (Pcr->NextThread == NULL && Best > Pcr->BestPriority)
        MoveUp(Pcr, Best);
}

void KiLetEqualRun(PKPCR Pcr, PKTHREAD Thread)
{
    KPRIORITY Best = KiHighestReady(Pcr);

    if (Pcr->NextThread == NULL && Best >= Thread->Priority)
        MoveUp(Pcr, Best);
}

static void SetIdle(PKPCR Pcr)
{
    __atomic_fetch_or(&IdleProcessors, KiProcessorBit(Pcr->Cpu.Number), __ATOMIC_SEQ_CST);
}

/* Returns: whether Pcr was idle and nobody's, and is the caller's to give a thread. */
static BOOLEAN TakeIdle(PKPCR Pcr)
{
    KAFFINITY Bit = KiProcessorBit(Pcr->Cpu.Number);

    return (__atomic_fetch_and(&IdleProcessors, ~Bit, __ATOMIC_SEQ_CST) & Bit) != 0;
}

BOOLEAN KiEndOnlyIdle(PKPCR Pcr)
{
    TakeIdle(Pcr);
    return TRUE;
}

/* For KiSelectThread, which has found nobody. */
NOINLINE PKTHREAD KiFindIdleThread(PKPCR Pcr)
{
    Pcr->Looking = TRUE;                /* it comes to KeIdleLoop next */
    SetIdle(Pcr);
    return Pcr->IdleThread;
}

/* ---- Placing a ready thread ---- */

/* Last processor first (its caches may be warm), then the ideal one, then this one, then any. */
static PKPCR PreferredProcessor(PKTHREAD Thread, KAFFINITY Candidates)
{
    if (Candidates & KiProcessorBit(Thread->NextProcessor))
        return KiProcessorBlock[Thread->NextProcessor];
    if (Candidates & KiProcessorBit(Thread->IdealProcessor))
        return KiProcessorBlock[Thread->IdealProcessor];
    if (Candidates & KiProcessorBit(ARCH_THIS_CPU->Number))
        return KiCurrentPcr();
    return KiProcessorBlock[__builtin_ctzll(Candidates)];
}

/* Of those that idle the ideal one comes first: that is what it is for. */
static PKPCR PreferredIdleProcessor(PKTHREAD Thread, KAFFINITY Idle)
{
    if (Idle & KiProcessorBit(Thread->IdealProcessor))
        return KiProcessorBlock[Thread->IdealProcessor];
    return PreferredProcessor(Thread, Idle);
}

static PKPCR WeakestProcessor(KAFFINITY Candidates)
{
    PKPCR Weakest = KiProcessorBlock[__builtin_ctzll(Candidates)];

    for (KAFFINITY Left = Candidates; Left != 0; Left &= Left - 1) {
        PKPCR Pcr = KiProcessorBlock[__builtin_ctzll(Left)];

        if (Pcr->BestPriority < Weakest->BestPriority)
            Weakest = Pcr;
    }
    return Weakest;
}

/* Where there is more than one processor. */
static NOINLINE PKPCR ChooseAmongMany(PKTHREAD Thread, KPRIORITY Priority)
{
    KAFFINITY Allowed = Thread->Affinity & KiActiveProcessors, Idle;
    PKPCR Preferred, Weakest;

    while ((Idle = IdleProcessors & Allowed) != 0) {
        PKPCR Pcr = PreferredIdleProcessor(Thread, Idle);

        if (TakeIdle(Pcr))
            return Pcr;
    }
    RtlAssert(Allowed != 0);
    Preferred = PreferredProcessor(Thread, Allowed);
    if (Priority > Preferred->BestPriority)
        return Preferred;
    Weakest = WeakestProcessor(Allowed);
    return Priority > Weakest->BestPriority ? Weakest : Preferred;
}

FORCEINLINE PKPCR ChooseProcessor(PKTHREAD Thread, KPRIORITY Priority)
{
    if (LIKELY(KiProcessorCount == 1)) {
        if (UNLIKELY(IdleProcessors != 0))
            TakeIdle(KiCurrentPcr());
        return KiCurrentPcr();
    }
    return ChooseAmongMany(Thread, Priority);
}

BOOLEAN KiAlone(PKPCR Pcr, PKTHREAD Thread)
{
    return KiProcessorCount == 1 || (Thread->Affinity & KiActiveProcessors) == KiProcessorBit(Pcr->Cpu.Number);
}

/* One step from DeferredReady, as Word had it, to State. */
FORCEINLINE BOOLEAN Settle(PKTHREAD Thread, ULONG Word, KTHREAD_STATE State)
{
    return LIKELY(__atomic_compare_exchange_n(&Thread->StateWord, &Word, Word ^ (DeferredReady ^ State), FALSE,
                                              __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
}

/* Thread is in Pcr's queue, whose lock is held. If a processor has become idle that it could have, it is out again. */
static NOINLINE BOOLEAN TakeBackForIdle(PKPCR Pcr, PKTHREAD Thread)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (LIKELY((IdleProcessors & Thread->Affinity) == 0))
        return FALSE;
    Dequeue(Pcr, Thread);
    KiSetThreadState(Thread, DeferredReady);
    return TRUE;
}

/* Pcr's lock is held, and free afterwards: Thread runs next there. Returns: whom it displaced, DeferredReady. */
static PKTHREAD GiveProcessor(PKPCR Pcr, PKTHREAD Thread, KPRIORITY Priority)
{
    PKTHREAD Displaced = Pcr->NextThread;

    if (Displaced != NULL)
        KiSetThreadState(Displaced, DeferredReady);
    Pcr->NextThread = Thread;
    Pcr->BestPriority = Priority;
    if (UNLIKELY((IdleProcessors & KiProcessorBit(Pcr->Cpu.Number)) != 0))
        TakeIdle(Pcr);
    KiReleaseRawLock(&Pcr->ReadyLock);
    TellProcessor(Pcr);
    return Displaced;
}

/* Thread has changed since its processor was chosen. If that one is idle, it is anybody's again. */
static NOINLINE PKTHREAD TryAgain(PKPCR Pcr, PKTHREAD Thread)
{
    if ((PKTHREAD)Pcr->Cpu.CurrentThread == Pcr->IdleThread && Pcr->NextThread == NULL)
        SetIdle(Pcr);
    return Thread;
}

/* Thread is DeferredReady and in no queue. Returns the thread that is now in the same situation: one that was
 * displaced, or Thread itself, for another attempt. */
FORCEINLINE PKTHREAD PlaceOne(PKTHREAD Thread, BOOLEAN AtHead)
{
    ULONG Word = __atomic_load_n(&Thread->StateWord, __ATOMIC_ACQUIRE);
    KPRIORITY Priority = (SCHAR)(Word >> 8);
    PKPCR Pcr = ChooseProcessor(Thread, Priority);
    PKTHREAD Again = NULL;

    KiAcquireRawLock(&Pcr->ReadyLock);
    Thread->NextProcessor = Pcr->Cpu.Number;
    if (Priority > Pcr->BestPriority) {
        if (Settle(Thread, Word, Standby))
            return GiveProcessor(Pcr, Thread, Priority);
        Again = TryAgain(Pcr, Thread);
    } else if (LIKELY(Settle(Thread, Word, Ready))) {
        KiEnqueue(Pcr, Thread, AtHead);
        if (UNLIKELY(KiProcessorCount > 1) && TakeBackForIdle(Pcr, Thread))
            Again = Thread;
    } else {
        Again = TryAgain(Pcr, Thread);
    }
    KiReleaseRawLock(&Pcr->ReadyLock);
    return Again;
}

/* The short way, with one processor that is not idle and has nobody to run next: no choice to make. */
FORCEINLINE BOOLEAN PlaceHere(PKTHREAD Thread, BOOLEAN AtHead)
{
    ULONG Word = __atomic_load_n(&Thread->StateWord, __ATOMIC_ACQUIRE);
    KPRIORITY Priority = (SCHAR)(Word >> 8);
    PKPCR Pcr = KiCurrentPcr();
    BOOLEAN Placed;

    if (UNLIKELY(KiProcessorCount != 1) || UNLIKELY(AtHead) || UNLIKELY(IdleProcessors != 0))
        return FALSE;
    KiAcquireRawLock(&Pcr->ReadyLock);
    if (Priority <= Pcr->BestPriority) {
        Placed = Settle(Thread, Word, Ready);
        if (LIKELY(Placed))
            KiEnqueue(Pcr, Thread, FALSE);
    } else {
        Placed = Pcr->NextThread == NULL && Settle(Thread, Word, Standby);
        if (LIKELY(Placed)) {
            Pcr->NextThread = Thread;
            Pcr->BestPriority = Priority;
        }
    }
    KiReleaseRawLock(&Pcr->ReadyLock);
    return Placed;
}

/* Each displaced thread is weaker than the one before, so this ends. */
static NOINLINE void PlaceThread(PKTHREAD Thread, BOOLEAN AtHead)
{
    while (UNLIKELY((Thread = PlaceOne(Thread, AtHead)) != NULL))
        AtHead = TRUE;
}

void KiReadyThread(PKTHREAD Thread, BOOLEAN AtHead)
{
    if (UNLIKELY(!PlaceHere(Thread, AtHead)))
        PlaceThread(Thread, AtHead);
}

/* ---- An idle processor looks for work ---- */

/* Pcr's lock is held. The best thread of its queue that may run on Bit's processor. */
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

/* The best one of Pcr's queue that may run on Self, out of the queue. */
static PKTHREAD TakeFrom(PKPCR Pcr, PKPCR Self)
{
    PKTHREAD Thread;

    KiAcquireRawLock(&Pcr->ReadyLock);
    Thread = BestOf(Pcr, KiProcessorBit(Self->Cpu.Number));
    if (Thread != NULL) {
        Dequeue(Pcr, Thread);
        KiSetThreadState(Thread, DeferredReady);
    }
    KiReleaseRawLock(&Pcr->ReadyLock);
    return Thread;
}

/* One lock at a time: of the others that have threads queued, the one with the best goes first. */
BOOLEAN KiStealThread(PKPCR Self)
{
    KAFFINITY Left = KiActiveProcessors & ~KiProcessorBit(Self->Cpu.Number);

    for (;;) {
        PKPCR Best = NULL;
        PKTHREAD Thread;

        for (KAFFINITY Rest = Left; Rest != 0; Rest &= Rest - 1) {
            PKPCR Pcr = KiProcessorBlock[__builtin_ctzll(Rest)];

            if (Pcr->ReadySummary != 0 && (Best == NULL || KiHighestReady(Pcr) > KiHighestReady(Best)))
                Best = Pcr;
        }
        if (Best == NULL)
            return FALSE;
        Thread = TakeFrom(Best, Self);
        if (Thread != NULL) {
            KiReadyThread(Thread, TRUE);
            return TRUE;
        }
        Left &= ~KiProcessorBit(Best->Cpu.Number);
    }
}

/* ---- Priority and affinity ---- */

PKPCR KiLockProcessorOf(PKTHREAD Thread)
{
    for (;;) {
        PKPCR Pcr = KiProcessorBlock[*(volatile ULONG *)&Thread->NextProcessor];

        KiAcquireRawLock(&Pcr->ReadyLock);
        if (LIKELY(*(volatile ULONG *)&Thread->NextProcessor == Pcr->Cpu.Number))
            return Pcr;
        KiReleaseRawLock(&Pcr->ReadyLock);
    }
}

/* Lock the processor that Thread belongs to, and tell its StateWord as of a moment at which it belonged there. */
static PKPCR LockAndRead(PKTHREAD Thread, ULONG *Word)
{
    for (;;) {
        PKPCR Pcr = KiLockProcessorOf(Thread);

        *Word = __atomic_load_n(&Thread->StateWord, __ATOMIC_ACQUIRE);
        if (LIKELY(*(volatile ULONG *)&Thread->NextProcessor == Pcr->Cpu.Number))
            return Pcr;
        KiReleaseRawLock(&Pcr->ReadyLock);
    }
}

/* Take a Ready or Standby thread out of wherever it was placed; it is DeferredReady then. */
static void Unplace(PKPCR Pcr, PKTHREAD Thread)
{
    if (Thread->State == Ready) {
        Dequeue(Pcr, Thread);
    } else {
        PKTHREAD Current = (PKTHREAD)Pcr->Cpu.CurrentThread;

        Pcr->NextThread = NULL;
        Pcr->BestPriority = Current->Priority;
        if (Current == Pcr->IdleThread && Pcr->ReadySummary == 0)
            SetIdle(Pcr);
        else
            Promote(Pcr);
    }
    KiSetThreadState(Thread, DeferredReady);
}

static BOOLEAN IsPlaced(ULONG Word) { return (UCHAR)Word == Ready || (UCHAR)Word == Standby; }

void KiSetPriority(PKTHREAD Thread, KPRIORITY Priority)
{
    for (;;) {
        ULONG Word, New;
        PKPCR Pcr = LockAndRead(Thread, &Word);

        if (IsPlaced(Word)) {
            Unplace(Pcr, Thread);
            Thread->Priority = (SCHAR)Priority;
            Thread->Boosted = FALSE;
            KiReleaseRawLock(&Pcr->ReadyLock);
            KiReadyThread(Thread, FALSE);
            return;
        }
        New = (Word & 0xFF0000FF) | (ULONG)(UCHAR)Priority << 8;
        if (__atomic_compare_exchange_n(&Thread->StateWord, &Word, New, FALSE, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
            if ((UCHAR)New == Running && Pcr->NextThread == NULL && Pcr->Cpu.CurrentThread == Thread) {
                Pcr->BestPriority = Priority;
                Promote(Pcr);
            }
            KiReleaseRawLock(&Pcr->ReadyLock);
            return;
        }
        KiReleaseRawLock(&Pcr->ReadyLock);
    }
}

/* It runs where it may not. The dispatch interrupt of that processor sees it and gives the thread away. */
static void SendAway(PKTHREAD Thread)
{
    if (Thread == KiCurrentThread())
        ArchRequestDispatch();
    else
        ArchSendDispatch(Thread->NextProcessor);
}

/* Changes goes up after the store: a placement that read the old mask fails. */
void KiSetAffinity(PKTHREAD Thread, KAFFINITY Affinity)
{
    BOOLEAN Leaves;
    ULONG Word;
    PKPCR Pcr;

    *(volatile KAFFINITY *)&Thread->Affinity = Affinity;
    __atomic_fetch_add(&Thread->Changes, 1, __ATOMIC_SEQ_CST);
    Pcr = LockAndRead(Thread, &Word);
    Leaves = !(Affinity & KiProcessorBit(Pcr->Cpu.Number));
    if (Leaves && IsPlaced(Word)) {
        Unplace(Pcr, Thread);
        KiReleaseRawLock(&Pcr->ReadyLock);
        KiReadyThread(Thread, FALSE);
        return;
    }
    KiReleaseRawLock(&Pcr->ReadyLock);
    if (Leaves && (UCHAR)Word == Running)
        SendAway(Thread);
}

/* ---- Bring-up ---- */

void KiInitializeReadyQueues(PKPCR Pcr)
{
    for (ULONG Priority = 0; Priority < MAXIMUM_PRIORITY; Priority++)
        InitializeListHead(&Pcr->ReadyQueue[Priority]);
}

void KiAddProcessor(PKPCR Pcr)
{
    Pcr->BestPriority = Pcr->IdleThread->Priority;
    __atomic_fetch_or(&KiActiveProcessors, KiProcessorBit(Pcr->Cpu.Number), __ATOMIC_SEQ_CST);
    SetIdle(Pcr);
}
