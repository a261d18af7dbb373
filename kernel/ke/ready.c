/* ready.c - the ready queues: which processor a ready thread gets, and what a processor runs next.
 *
 * Promise: a thread that becomes ready takes an idle processor, or displaces a weaker thread on one where it
 * may run, at once, or queues; equals queue in order. A processor without a choice made for it runs the best of
 * its own queue, and takes from another's before it idles.
 * Method: each processor has 32 FIFO queues and a bit per queue. A thread chosen to run next on a processor is
 * parked in its NextThread (Standby) and the processor is told by the dispatch interrupt; the switch is
 * sched.c's.
 *
 *   Initialized -> Ready       KeStartThread
 *   Ready       -> Standby     GiveProcessor: it has a processor
 *   Ready       -> Running     KiSelectThread: its processor looked for work
 *   Standby     -> Running     sched.c, SwapTo
 *   Standby     -> Ready       displaced by a better one, or its priority or affinity changed
 *   Running     -> Ready       preempted, quantum over, or it yielded
 *   Running     -> Waiting     wait.c
 *   Running     -> Terminated  KeTerminateThread
 *   Waiting     -> Ready       wait.c, KiUnwaitThread
 *
 * Everything here is called with the dispatcher lock held. Rejected: one global ready queue (its lock would be
 * shared by all); looking at all processors' queues at every switch (a walk for the rare case that another has
 * a better one). */
#include "ki.h"

static KAFFINITY IdleProcessors;        /* (d) run their idle thread and have no NextThread */
static ULONG QueuedThreads;             /* (d) in all ready queues: whether stealing is worth a look */

#define STATE_BIT(State) (1u << (State))
static const UCHAR AllowedNext[] = {
    [Initialized] = STATE_BIT(Ready),
    [Ready] = STATE_BIT(Standby) | STATE_BIT(Running),
    [Standby] = STATE_BIT(Running) | STATE_BIT(Ready),
    [Running] = STATE_BIT(Ready) | STATE_BIT(Waiting) | STATE_BIT(Terminated),
    [Waiting] = STATE_BIT(Ready),
    [Terminated] = 0,
};

/* ---- States and queues ---- */

void KiSetThreadState(PKTHREAD Thread, KTHREAD_STATE State)
{
    KiAssertDispatcherHeld();
    RtlAssert(AllowedNext[Thread->State] & STATE_BIT(State));
    Thread->State = (UCHAR)State;
}

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

/* The last processor first (its caches may be warm), then the ideal one, then this one, then any. */
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
        Pcr = PreferredIdleProcessor(Thread, Idle);
        IdleProcessors &= ~KiProcessorBit(Pcr->Cpu.Number);
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

/* Thread is Ready and in no queue. Each displaced thread is weaker than the one before, so this ends. */
void KiPlaceThread(PKTHREAD Thread, BOOLEAN AtHead)
{
    while ((Thread = PlaceOne(Thread, AtHead)) != NULL)
        AtHead = TRUE;
}

void KiReadyThread(PKTHREAD Thread)
{
    KiSetThreadState(Thread, Ready);
    KiPlaceThread(Thread, FALSE);
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
        PKTHREAD Thread = Pcr == Self ? NULL : BestOf(Pcr, KiProcessorBit(Self->Cpu.Number));

        if (Thread != NULL && (Best == NULL || Thread->Priority > Best->Priority))
            Best = Thread;
    }
    if (Best != NULL)
        Dequeue(KiProcessorBlock[Best->NextProcessor], Best);
    return Best;
}

/* Pcr idles after all: it takes a thread that waits for another processor, or is noted as idle. */
static void LookElsewhere(PKPCR Pcr)
{
    PKTHREAD Thread = QueuedThreads != 0 ? StealThread(Pcr) : NULL;

    if (Thread != NULL)
        GiveProcessor(Pcr, Thread);
    else
        IdleProcessors |= KiProcessorBit(Pcr->Cpu.Number);
}

PKTHREAD KiSelectThread(PKPCR Pcr)
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
    IdleProcessors |= KiProcessorBit(Pcr->Cpu.Number);
    return Pcr->IdleThread;
}

void KiLetEqualRun(PKPCR Pcr, PKTHREAD Thread)
{
    if (Pcr->NextThread == NULL && HighestReady(Pcr) >= Thread->Priority)
        GiveProcessor(Pcr, DequeueHighest(Pcr));
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
    Promote(Pcr);
    if (Pcr->NextThread == NULL && Pcr->Cpu.CurrentThread == Pcr->IdleThread)
        LookElsewhere(Pcr);
}

void KiSetPriority(PKTHREAD Thread, KPRIORITY Priority)
{
    KiAssertDispatcherHeld();
    if (Thread->State == Ready || Thread->State == Standby) {
        Unplace(Thread);
        Thread->Priority = (SCHAR)Priority;
        KiPlaceThread(Thread, FALSE);
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
    if (Affinity & KiProcessorBit(Thread->NextProcessor))
        return;
    if (Thread->State == Ready || Thread->State == Standby) {
        Unplace(Thread);
        KiPlaceThread(Thread, FALSE);
    } else if (Thread->State == Running) {
        /* The dispatch interrupt of the forbidden processor sees it and gives the thread away. */
        if (Thread == KiCurrentThread())
            ArchRequestDispatch();
        else
            ArchSendDispatch(Thread->NextProcessor);
    }
}

/* ---- Bring-up ---- */

void KiInitializeReadyQueues(PKPCR Pcr)
{
    for (ULONG Priority = 0; Priority < MAXIMUM_PRIORITY; Priority++)
        InitializeListHead(&Pcr->ReadyQueue[Priority]);
}

void KiAddProcessor(PKPCR Pcr)
{
    KiActiveProcessors |= KiProcessorBit(Pcr->Cpu.Number);
    IdleProcessors |= KiProcessorBit(Pcr->Cpu.Number);
}
