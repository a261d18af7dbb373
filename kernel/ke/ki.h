/* ki.h - what ke's files share with one another and with nobody else, grouped by the file that owns it. */
#pragma once

#include <arch/arch.h>
#include <ke/apc.h>
#include <ke/bugcheck.h>
#include <ke/clock.h>
#include <ke/dpc.h>
#include <ke/event.h>
#include <ke/exception.h>
#include <ke/init.h>
#include <ke/ipi.h>
#include <ke/irql.h>
#include <ke/mutant.h>
#include <ke/semaphore.h>
#include <ke/spinlock.h>
#include <ke/thread.h>
#include <ke/timer.h>
#include <rtl/bits.h>
#include <rtl/debug.h>
#include <rtl/list.h>
#include <rtl/print.h>
#include <rtl/status.h>
#include <rtl/unwind.h>

/* ---- timer_queue.c: its per-processor state ---- */

enum { TIMER_LEVEL_BITS = 6, TIMER_SLOTS = 1 << TIMER_LEVEL_BITS, TIMER_LEVELS = 11 };
enum { TIMERS_HELD = TIMER_LEVELS * TIMER_SLOTS, TIMERS_KEPT, TIMERS_MOVED, TIMER_LISTS };

/* Letters: (c) only its processor, interrupts off; the rest: Lock, interrupts off */
typedef struct _KI_TIMER_QUEUE {
    KSPIN_LOCK Lock;
    ULONG64 Current;                    /* (c) every entry is due at or after this */
    ULONG64 NextDue;                    /* (c) interrupt time of the first entry, or before; ~0: none */
    LONG64 Bias;                        /* (c) system time - interrupt time, as its absolute entries have it */
    ULONG64 Expiries;                   /* (c) since boot; read by all */
    ULONG Levels;                       /* (c) bit per level that may have an entry */
    ULONG64 Occupied[TIMER_LEVELS];     /* (c) bit per slot that may have an entry */
    PLIST_ENTRY Opened;                 /* (c) the slot that has come due and is being emptied */
    BOOLEAN Sorted;                     /* (c) all that is in it is due at one time, which has come */
    LIST_ENTRY List[TIMER_LISTS];       /* the slots, level by level, and what is on its way: Deal, FollowSystemTime */
} KI_TIMER_QUEUE;

/* ---- dpc.c: its per-processor state ---- */

typedef struct _KI_DPC_QUEUE {
    KSPIN_LOCK Lock;                    /* taken with interrupts off */
    LIST_ENTRY Head;
    PKDEFERRED_ROUTINE Running;         /* NULL: none */
} KI_DPC_QUEUE;

/* ---- The processor's block. gs: points here. ----
 * Letters: (r) ReadyLock  (c) only this processor, interrupts off or IRQL >= DISPATCH_LEVEL */
typedef struct _KPCR {
    ARCH_CPU Cpu;
    KSPIN_LOCK ReadyLock;               /* interrupts off; the last lock of any order */
    PKTHREAD NextThread;                /* (r) Standby here: it runs at the next chance */
    PKTHREAD IdleThread;
    ULONG ReadySummary;                 /* (r) bit per priority with a ready thread */
    volatile LONG BestPriority; /* (r) of NextThread, or of the thread that runs: what one must exceed to run here
                                         * soon; read by all */
    BOOLEAN InDispatch;                 /* (c) KiDispatchInterrupt is running and will look again */
    BOOLEAN DispatchRequested;          /* (c) its interrupt is on its way for a DPC */
    BOOLEAN DpcRoutineActive;           /* (c) a DPC routine is on the stack, or another was and will be */
    BOOLEAN QuantumEnd;                 /* (c) set by the tick */
    BOOLEAN Idle;                       /* (c) the tick is stopped */
    BOOLEAN Looking;                    /* its idle thread will see what work there is: written here, read by all */
    BOOLEAN TimersDue;                  /* some may be: set by the clock, and by who moves due times, who also sends the
                                         * interrupt; cleared here */
    ULONG64 TickDue;                    /* (c) interrupt time of this processor's next tick */
    ULONG64 TickUnitsDue;               /* (c) when a tick is to be counted, that is, once in a tick's usual time */
    ULONG64 ArmedDue;                   /* (c) interrupt time the clock is armed for */
    ULONG64 ContextSwitches;            /* (c) */
    PKTHREAD ReapList;                  /* (c) ended threads whose stack nobody runs on any more */
    LONG ApcsBefore;                    /* (c) CombinedApcDisable of the thread that the routines interrupt */
    KI_DPC_QUEUE DpcQueue;
    LIST_ENTRY ReadyQueue[MAXIMUM_PRIORITY];    /* (r) */
    KI_TIMER_QUEUE TimerQueue;
    LONG ObjectsLocked;                 /* (c) counted by debug builds alone */
} KPCR, *PKPCR;

C_ASSERT(offsetof(KPCR, Cpu) == 0);

#define KiThisPcr ((__seg_gs KPCR *)0)

FORCEINLINE PKPCR KiCurrentPcr(void) { return (PKPCR)ARCH_THIS_CPU->Self; }
FORCEINLINE PKTHREAD KiCurrentThread(void) { return (PKTHREAD)ARCH_THIS_CPU->CurrentThread; }

/* ---- init.c ---- */
extern PKPCR KiProcessorBlock[ARCH_MAX_CPUS];   /* by number; NULL until that processor is online */
extern ULONG KiProcessorCount;
extern KAFFINITY KiActiveProcessors;

/* ---- spinlock.c: locks taken with interrupts off, IRQL untouched; the uncontended way is inline ---- */
enum { LOCK_FREE = 0, LOCK_HELD = 1 };

BOOLEAN KiSpinsInVain(ULONG64 Rounds);          /* has one that spun so often nobody to wait for? */

void KiSpinUntilAcquired(PKSPIN_LOCK Lock);

FORCEINLINE BOOLEAN KiTryRawLock(PKSPIN_LOCK Lock)
{
    return (__atomic_fetch_or(Lock, LOCK_HELD, __ATOMIC_ACQUIRE) & LOCK_HELD) == LOCK_FREE;    /* bts, jc */
}

FORCEINLINE void KiAcquireRawLock(PKSPIN_LOCK Lock)
{
    if (UNLIKELY(!KiTryRawLock(Lock)))
        KiSpinUntilAcquired(Lock);
}

FORCEINLINE void KiReleaseRawLock(PKSPIN_LOCK Lock) { __atomic_store_n(Lock, LOCK_FREE, __ATOMIC_RELEASE); }

/* ---- wake.c: an object's lock, the top bit of its type; interrupts off. A processor has one of them at a time, or
 * those of one wait, which KiLockInOrder takes by address; beside that, another is only tried. ---- */
void KiSpinForObject(PDISPATCHER_HEADER Object);

#if DEBUG
FORCEINLINE void KiCountLocked(LONG Change) { KiThisPcr->ObjectsLocked += Change; }
#else
FORCEINLINE void KiCountLocked(LONG Change) { UNREFERENCED_PARAMETER(Change); }
#endif

FORCEINLINE BOOLEAN KiTryLockObject(PDISPATCHER_HEADER Object)
{
    BOOLEAN Taken = !(__atomic_fetch_or(&Object->Lock, HEADER_LOCKED, __ATOMIC_ACQUIRE) & HEADER_LOCKED);

    KiCountLocked(Taken);
    return Taken;
}

FORCEINLINE void KiLockOneMore(PDISPATCHER_HEADER Object)
{
    if (UNLIKELY(!KiTryLockObject(Object)))
        KiSpinForObject(Object);
}

FORCEINLINE void KiLockObject(PDISPATCHER_HEADER Object)
{
    RtlAssert(KiThisPcr->ObjectsLocked == 0);
    KiLockOneMore(Object);
}

/* No atomic step: while the lock is held all others only set the bit that is set. */
FORCEINLINE void KiUnlockObject(PDISPATCHER_HEADER Object)
{
    RtlAssert(Object->Type & HEADER_LOCKED);
    KiCountLocked(-1);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    Object->Type &= (UCHAR)~HEADER_LOCKED;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

FORCEINLINE void KiAssertObjectLocked(PDISPATCHER_HEADER Object) { RtlAssert(Object->Type & HEADER_LOCKED); }

/* Unlock, where nobody was readied, and leave. */
#define KiUnlockAndLeave(Object, Wait, Flags)               \
    do {                                                    \
        KiUnlockObject(Object);                             \
        if (UNLIKELY(Wait))                                 \
            KiLeaveRaised((Flags), KiCurrentThread());      \
        else                                                \
            ArchRestoreInterrupts(Flags);                   \
    } while (0)

/* ---- A thread's lock, below every object's ---- */
FORCEINLINE void KiLockThread(PKTHREAD Thread) { KiAcquireRawLock(&Thread->Lock); }
FORCEINLINE void KiUnlockThread(PKTHREAD Thread) { KiReleaseRawLock(&Thread->Lock); }

/* ---- sched.c, engine ---- */
extern ULONG64 KiLookTime;                      /* 100 ns: how long an idle processor looks for work; 0: it does not */
void KiLeaveSlowly(ULONG64 Flags);
/* Interrupts are off, and were on; no lock is held that one of them could want: those that wait come in. Nobody else
 * runs here meanwhile. */
void KiLetInterruptsIn(void);

/* The end of what may have readied somebody: switch to him if he is to run here, now or when the IRQL falls. No lock is
 * held; interrupts are off, and were as Flags say. */
FORCEINLINE void KiLeave(ULONG64 Flags)
{
    if (LIKELY(KiThisPcr->NextThread == NULL))
        ArchRestoreInterrupts(Flags);
    else
        KiLeaveSlowly(Flags);
}

void KiLeaveRaised(ULONG64 Flags, PKTHREAD Thread);     /* Wait=TRUE: go on at DISPATCH_LEVEL, switch later */
void KiBlockThread(PKTHREAD Self);              /* it is Waiting or has ended: run others until it is readied */
void KiDispatchInterrupt(void);                 /* DISPATCH_LEVEL: timers, DPCs, quantum end, preemption */
NTSTATUS KiYield(KIRQL Irql);                   /* equals in the queue go first; the current IRQL, <= APC_LEVEL */
void KiTickThread(PKPCR Pcr);                   /* one tick of the running thread's quantum is over */
DECLSPEC_NORETURN void KiThreadStartup(PVOID Thread);
void KiRetireThread(PKTHREAD Thread);           /* interrupts off: on to this processor's reap list */

/* Pcr, another processor, has got a thread or a DPC to see to, and a fence has followed. */
FORCEINLINE void KiTellProcessor(PKPCR Pcr)
{
    if (!__atomic_load_n(&Pcr->Looking, __ATOMIC_RELAXED))
        ArchSendDispatch(Pcr->Cpu.Number);
}

/* ---- ready.c, interrupts off ---- */
#define STATE_BIT(State) (1u << (State))
extern const USHORT KiAllowedNext[];

/* For who alone may change it: its processor, who holds it DeferredReady, or under the ready lock of where it is. */
FORCEINLINE void KiSetThreadState(PKTHREAD Thread, KTHREAD_STATE State)
{
    RtlAssert(KiAllowedNext[Thread->State] & STATE_BIT(State));
    Thread->State = (UCHAR)State;
}

FORCEINLINE BOOLEAN KiIsWaiting(UCHAR State) { return State == Waiting || State == WaitTested || State == WaitLooked; }

void KiReadyThread(PKTHREAD Thread, BOOLEAN AtHead); /* DeferredReady, no lock held: give it a processor, or queue it */
PKTHREAD KiFindIdleThread(PKPCR Pcr);
void KiLetEqualRun(PKPCR Pcr, PKTHREAD Thread); /* ready lock held: an equal or better that waits becomes NextThread */
void KiSetPriority(PKTHREAD Thread, KPRIORITY Priority);        /* no lock held */
void KiSetAffinity(PKTHREAD Thread, KAFFINITY Affinity); /* the same; leaves a forbidden processor with KiLeave */
PKPCR KiLockProcessorOf(PKTHREAD Thread);       /* its ready lock */
BOOLEAN KiEndOnlyIdle(PKPCR Pcr);               /* interrupts off: the only processor has a NextThread; TRUE */
BOOLEAN KiStealThread(PKPCR Self);              /* no lock held, idle: somebody's queued thread was placed anew */
BOOLEAN KiAlone(PKPCR Pcr, PKTHREAD Thread);    /* is there no other processor that could take Thread? */
void KiInitializeReadyQueues(PKPCR Pcr);
void KiAddProcessor(PKPCR Pcr);                 /* it idles, and may be given threads */

FORCEINLINE KAFFINITY KiProcessorBit(ULONG Number) { return 1ull << Number; }

FORCEINLINE KPRIORITY KiHighestReady(PKPCR Pcr)
{
    return Pcr->ReadySummary == 0 ? -1 : 31 - __builtin_clz(Pcr->ReadySummary);
}

/* As a sum: as an element of an array it would be computed anew for each of its fields. */
FORCEINLINE PLIST_ENTRY KiReadyQueueOf(PKPCR Pcr, ULONG Priority)
{
    return (PLIST_ENTRY)((ULONG_PTR)Pcr->ReadyQueue + (ULONG_PTR)Priority * sizeof(LIST_ENTRY));
}

/* Ready lock held, Thread's state is the caller's. */
FORCEINLINE void KiEnqueue(PKPCR Pcr, PKTHREAD Thread, BOOLEAN AtHead)
{
    ULONG Priority = (UCHAR)Thread->Priority;
    PLIST_ENTRY Queue = KiReadyQueueOf(Pcr, Priority);

    if (AtHead)
        InsertHeadList(Queue, &Thread->ReadyEntry);
    else
        InsertTailList(Queue, &Thread->ReadyEntry);
    Pcr->ReadySummary |= 1u << Priority;
}

/* Ready lock held, the queue of Priority is not empty. */
FORCEINLINE PKTHREAD KiDequeueFirst(PKPCR Pcr, ULONG Priority)
{
    PLIST_ENTRY Head = KiReadyQueueOf(Pcr, Priority), First = Head->Flink, Second = First->Flink;

    Head->Flink = Second;
    Second->Blink = Head;
    if (Second == Head)
        Pcr->ReadySummary &= ~(1u << Priority);
    return CONTAINING_RECORD(First, KTHREAD, ReadyEntry);
}

/* Ready lock held: what this processor runs next, out of its queue. */
FORCEINLINE PKTHREAD KiSelectThread(PKPCR Pcr)
{
    PKTHREAD Thread = Pcr->NextThread;

    if (LIKELY(Thread == NULL)) {
        if (UNLIKELY(Pcr->ReadySummary == 0))
            return KiFindIdleThread(Pcr);
        return KiDequeueFirst(Pcr, 31u - (ULONG)__builtin_clz(Pcr->ReadySummary));
    }
    Pcr->NextThread = NULL;
    return Thread;
}

/* ---- sched.c: the switch, inline ---- */

/* Ready lock held, and free afterwards: Next is what this processor runs. */
FORCEINLINE void KiAdopt(PKPCR Pcr, PKTHREAD Next)
{
    Next->State = Running;
    Pcr->Cpu.CurrentThread = Next;
    Pcr->BestPriority = Next->Priority;
    KiReleaseRawLock(&Pcr->ReadyLock);
}

void KiSwitchSpace(PKTHREAD Self, PKTHREAD Next);
void KiStartTick(PKPCR Pcr);                    /* clock.c: this processor leaves idle */

/* From Self, whose state is settled and which may be anybody's already, to Next, which this processor has adopted.
 * Comes back when Self runs again, maybe on another processor. */
FORCEINLINE void KiSwitchTo(PKPCR Pcr, PKTHREAD Self, PKTHREAD Next)
{
    Pcr->ContextSwitches++;
    Next->ContextSwitches++;
    if (UNLIKELY(Self == Pcr->IdleThread))
        KiStartTick(Pcr);
    if (UNLIKELY(Next->ApcState.Process != Self->ApcState.Process))
        KiSwitchSpace(Self, Next);
    ArchSwitchFpu(Next->Context.Fpu);
    ArchSwitchContext(&Self->Context, &Next->Context);
    /* An APC that was queued while Self was away wants its interrupt here. */
    if (UNLIKELY(Self->ApcState.KernelApcPending))
        ArchRequestApc();
}

/* The same for who knows that Self is not idle, both live in one process and SSE is settled. Nothing is kept over the
 * switch, so that no register is saved but by the switch. Returns: Self, which runs again. */
FORCEINLINE PKTHREAD KiSwitchStraight(PKPCR Pcr, PKTHREAD Self, PKTHREAD Next)
{
    Pcr->ContextSwitches++;
    Next->ContextSwitches++;
    Pcr->Cpu.FpuArea = Next->Context.Fpu;
    ArchSwitchContext(&Self->Context, &Next->Context);
    Self = KiCurrentThread();
    if (UNLIKELY(Self->ApcState.KernelApcPending))
        ArchRequestApc();
    return Self;
}

/* ---- wake.c ---- */
typedef enum _KI_CLAIM { KiClaimLost, KiClaimWon, KiClaimBusy } KI_CLAIM;

/* End Thread's wait with Status, if it has one that has not ended. Won: it is the caller's, DeferredReady, for
 * KiReadyWoken when no lock is held. Busy: ask again, but first let go of what an object's holder may want. */
KI_CLAIM KiTryClaimWait(PKTHREAD Thread, NTSTATUS Status, KPRIORITY Increment);
/* The same, spinning while it is busy: for who holds no lock that an object's holder wants, but the thread's own. */
BOOLEAN KiClaimWait(PKTHREAD Thread, NTSTATUS Status, KPRIORITY Increment);
/* Object is locked and signalled: who is satisfied gets it. Returns: those, by WakeNext, for KiReadyWoken after the
 * unlock. The lock is let go of in between if there are waits for all, and, if Flags say that interrupts were on, to
 * let them in when there are many waiters: then no other lock may be held. */
PKTHREAD KiWakeWaiters(PDISPATCHER_HEADER Object, KPRIORITY Increment, ULONG64 Flags);
void KiReadyWoken(PKTHREAD First, ULONG64 Flags);       /* no lock held: all of them go on; Flags: the same */

FORCEINLINE void KiReadyOne(PKTHREAD Thread)    /* the same for one that was claimed by itself */
{
    Thread->WakeNext = NULL;
    KiReadyWoken(Thread, 0);
}

/* A timer is locked and signalled, and has waiters; interrupts are off, and are let in as KiWakeWaiters does: wake,
 * unlock. TRUE. */
BOOLEAN KiWakeAndUnlock(PDISPATCHER_HEADER Timer, ULONG64 Flags);
/* Object is locked and has become signalled, and has waiters; interrupts were as Flags say: wake, unlock, leave. */
void KiWakeAndLeave(PDISPATCHER_HEADER Object, KPRIORITY Increment, BOOLEAN Wait, ULONG64 Flags);
/* KeSetEvent of an event that is locked, not signalled and waited for. */
LONG KiSetAwaitedEvent(PKEVENT Event, KPRIORITY Increment, ULONG64 Flags);
BOOLEAN KiWaitTimedOut(KI_TIMER_QUEUE *Queue, KTIMER_ENTRY *Entry);
NTSTATUS KiTakeMutant(PKMUTANT Mutant, PKTHREAD Thread);        /* locked and free, or Thread's */
BOOLEAN KiIsAvailable(PDISPATCHER_HEADER Object, PKTHREAD Thread);      /* locked */
NTSTATUS KiSatisfy(PDISPATCHER_HEADER Object, PKTHREAD Thread);         /* locked and available */
BOOLEAN KiIsMutant(PDISPATCHER_HEADER Object);                          /* stops for what is no object */
void KiLockInOrder(PKWAIT_BLOCK Blocks, ULONG Count);   /* the objects of all these */
void KiUnlockAllBut(PKWAIT_BLOCK Blocks, ULONG Count, PVOID Object);

/* Block's object is locked, Block in its list. */
FORCEINLINE void KiUnlinkBlock(PKWAIT_BLOCK Block)
{
    RemoveEntryList(&Block->WaitListEntry);
    __atomic_store_n(&Block->BlockState, BlockFree, __ATOMIC_RELEASE);
}

/* ---- clock.c: the time ---- */
enum { CLOCK_SCALE_SHIFT = 40 };
extern ULONG64 KiCounterStart;                  /* the counter at interrupt time 0; fixed once the clock runs, as is */
extern ULONG64 KiUnitsPerCount;                 /* 100 ns per count, 24.40 fixed point */

/* Interrupt time now, 100 ns, exact. */
FORCEINLINE ULONG64 KiQueryTime(void)
{
    return (ULONG64)((unsigned __int128)(ArchReadCounter() - KiCounterStart) * KiUnitsPerCount >> CLOCK_SCALE_SHIFT);
}

/* ---- wait.c ---- */

/* Between waits, and in most of them: one block, the thread's own. (And KernelMode, not alertable: CloseToAlerts.) */
FORCEINLINE void KiInitializeWaitBlock(PKTHREAD Thread)
{
    Thread->WaitCount = 1;
    Thread->WaitBlockList = Thread->WaitBlock;
    Thread->WaitBlock[0].Thread = Thread;
    Thread->WaitBlock[0].NextWaitBlock = NULL;
    Thread->WaitBlock[0].WaitKey = 0;
    Thread->WaitBlock[0].WaitType = WaitAny;
    Thread->WaitBlock[0].InOrder = 0;
}

FORCEINLINE ULONG KiWaitTerms(KPROCESSOR_MODE Mode, KWAIT_REASON Reason, BOOLEAN Alertable, KIRQL Irql)
{
    return (UCHAR)Mode | (ULONG)(UCHAR)Reason << 8 | (ULONG)Alertable << 16 | (ULONG)Irql << 24;
}

/* From here on others may end the wait. */
FORCEINLINE void KiCommitWait(PKTHREAD Thread)
{
    RtlAssert(Thread->State == Running);
    (void)__atomic_exchange_n(&Thread->State, Waiting, __ATOMIC_SEQ_CST);
}

NTSTATUS KiWaitOnQueue(PDISPATCHER_HEADER Queue, KPROCESSOR_MODE WaitMode, PLARGE_INTEGER Timeout);
/* For wait_one.c. */
NTSTATUS KiWaitForOne(PVOID Object, KWAIT_REASON WaitReason, KPROCESSOR_MODE WaitMode, BOOLEAN Alertable,
                      PLARGE_INTEGER Timeout);
NTSTATUS KiSleepAsUsual(PKTHREAD Thread, BOOLEAN Timed);
NTSTATUS KiFinishOne(PKTHREAD Thread, BOOLEAN Timed);
/* wait_one.c */
NTSTATUS KiSleepOnQueue(PKTHREAD Thread, PDISPATCHER_HEADER Queue);
NTSTATUS KiSleepOnQueueTimed(PKTHREAD Thread, PDISPATCHER_HEADER Queue, PLARGE_INTEGER Timeout);

/* ---- queue.c ---- */
BOOLEAN KiQueueHasEntry(PDISPATCHER_HEADER Queue);              /* locked */
NTSTATUS KiTakeQueueEntry(PDISPATCHER_HEADER Queue, PKTHREAD Thread);    /* locked; STATUS_ABANDONED: it is run down */
/* No lock held: */
void KiLeaveQueue(PKTHREAD Thread);             /* it blocks on something else */
void KiResumeQueue(PKTHREAD Thread);            /* it goes on */
void KiAskQueueAgain(PKTHREAD Thread);          /* it went on for an APC only and waits for an entry again */
void KiForgetQueue(PKTHREAD Thread);            /* it ends, or serves another queue */

/* ---- timer_queue.c, interrupts off ---- */
void KiInitializeTimerQueue(KI_TIMER_QUEUE *Queue, ULONG64 Now);
void KiInsertTimerEntry(KTIMER_ENTRY *Entry);   /* into this processor's queue; arms the clock if first */
void KiRemoveTimerEntry(KTIMER_ENTRY *Entry);   /* a timer's, which is Inserted and locked */
void KiRemoveTimeout(PKTHREAD Thread);          /* the current thread's, if it is still queued */
ULONG64 KiTimerExpiries(void);
void KiExpireTimers(PKPCR Pcr);                 /* DISPATCH_LEVEL, interrupts on, on the dispatch stack */
/* What an entry that is due calls: with Queue locked, which is unlocked at the end, and Entry taken out of it. FALSE:
 * nothing was done, somebody who holds up this queue needs it first. */
typedef BOOLEAN KI_TIMER_CLIENT(KI_TIMER_QUEUE *Queue, KTIMER_ENTRY *Entry);
void KiSetTimerClients(KI_TIMER_CLIENT *Timer, KI_TIMER_CLIENT *Timeout);
void KiForEachTimer(void (*Visit)(PVOID Context, KTIMER_ENTRY *Entry), PVOID Context);

FORCEINLINE KI_TIMER_QUEUE *KiTimerQueueOf(KTIMER_ENTRY *Entry)
{
    return &KiProcessorBlock[Entry->Processor & TIMER_ENTRY_PROCESSOR]->TimerQueue;
}

/* The number of the highest digit of Difference that is not 0: a sixth of its binary logarithm, without a division. */
FORCEINLINE ULONG KiTimerLevel(ULONG64 Difference) { return (63u ^ (ULONG)__builtin_clzll(Difference | 1)) * 43 >> 8; }

/* The entries from First to Last, which are linked and all due at Due, become the last ones of its slot. This
 * processor's queue, locked; Due is not before Current. */
FORCEINLINE void KiLinkTimers(KI_TIMER_QUEUE *Queue, PLIST_ENTRY First, PLIST_ENTRY Last, ULONG64 Due)
{
    ULONG Level = KiTimerLevel(Due ^ Queue->Current);
    ULONG Slot = (ULONG)(Due >> (Level * TIMER_LEVEL_BITS)) % TIMER_SLOTS;
    PLIST_ENTRY Head = &Queue->List[Level * TIMER_SLOTS + Slot], Before = Head->Blink;

    RtlAssert(Due >= Queue->Current);
    Last->Flink = Head;
    First->Blink = Before;
    Before->Flink = First;
    Head->Blink = Last;
    Queue->Occupied[Level] |= 1ull << Slot;
    Queue->Levels |= 1u << Level;
}

/* Entry's queue is locked. Its slot's mark stays. */
FORCEINLINE void KiUnlinkTimer(KTIMER_ENTRY *Entry) { RemoveEntryList(&Entry->TimerListEntry); }

/* KiInsertTimerEntry for a relative one, which so lies ahead, and without the clock. Pcr's queue is locked, and at the
 * end unlocked. Returns: TRUE if it comes before all others: KiArmClockEarlier must follow. */
FORCEINLINE BOOLEAN KiInsertAhead(PKPCR Pcr, KTIMER_ENTRY *Entry, ULONG64 Due, ULONG Marks)
{
    KI_TIMER_QUEUE *Queue = &Pcr->TimerQueue;
    BOOLEAN First;

    Entry->DueTime = Due;
    Entry->Processor = Marks | Pcr->Cpu.Number;
    KiLinkTimers(Queue, &Entry->TimerListEntry, &Entry->TimerListEntry, Due);
    First = Due < Queue->NextDue;
    if (UNLIKELY(First))
        Queue->NextDue = Due;
    KiReleaseRawLock(&Queue->Lock);
    return First;
}

/* KiRemoveTimeout, straight. FALSE: somebody holds the queue up, nothing is done. */
FORCEINLINE BOOLEAN KiTryRemoveTimeout(PKTHREAD Thread)
{
    KI_TIMER_QUEUE *Queue = KiTimerQueueOf(&Thread->Timeout);

    if (UNLIKELY(!KiTryRawLock(&Queue->Lock)))
        return FALSE;
    if (LIKELY(Thread->TimeoutQueued))
        KiUnlinkTimer(&Thread->Timeout);
    Thread->TimeoutQueued = FALSE;
    KiReleaseRawLock(&Queue->Lock);
    return TRUE;
}

/* The timeout of the current thread's wait; interrupts off. */
FORCEINLINE void KiQueueTimeout(PKTHREAD Thread, ULONG64 Due, ULONG Marks)
{
    Thread->Timeout.DueTime = Due;
    Thread->Timeout.Processor = TIMER_ENTRY_TIMEOUT | Marks;
    Thread->TimeoutQueued = TRUE;
    KiInsertTimerEntry(&Thread->Timeout);
}

/* ---- mutant.c ---- */
/* The list of what Thread owns; Mutant is locked, and Thread is the current one, or was claimed, or does not matter. */
void KiLinkMutant(PKTHREAD Thread, PKMUTANT Mutant);
void KiAbandonMutants(PKTHREAD Thread);         /* the current one ends; no lock held */

/* ---- timer.c ---- */
BOOLEAN KiTimerExpired(KI_TIMER_QUEUE *Queue, KTIMER_ENTRY *Entry);

/* ---- dpc.c ---- */
void KiInitializeDpcQueue(PKPCR Pcr);
void KiRetireDpcs(PKPCR Pcr);                   /* DISPATCH_LEVEL, interrupts on, on the dispatch stack */
/* Timer, if not NULL, is unlocked before the routine could run, and after Dpc is queued. Interrupts off. */
void KiQueueTimerDpc(PKDPC Dpc, PDISPATCHER_HEADER Timer);
BOOLEAN KiRunTimerDpc(PKDPC Dpc, PDISPATCHER_HEADER Timer);     /* within KiExpireTimers, where KiMayRunTimerDpc */
void KiEndRoutines(PKPCR Pcr);                  /* no DPC routine is on the stack any more */

FORCEINLINE BOOLEAN KiDpcsPending(PKPCR Pcr)
{
    return Pcr->DpcQueue.Head.Flink != &Pcr->DpcQueue.Head;     /* after a barrier */
}

/* As KeInitializeDpc made it: Type, Importance and Number as one word. */
enum { DPC_ORDINARY = DpcObject | MediumImportance << 8 };

FORCEINLINE BOOLEAN KiIsOrdinaryDpc(PKDPC Dpc) { return *(volatile ULONG *)Dpc == DPC_ORDINARY; }

/* Would Dpc, queued by an expiry on this processor, be the next one to run? */
FORCEINLINE BOOLEAN KiMayRunTimerDpc(PKDPC Dpc) { return KiIsOrdinaryDpc(Dpc) && !KiDpcsPending(KiCurrentPcr()); }

/* ---- clock.c ---- */
void KiInitializeClock(void);
extern LONG64 KiSystemBias;
FORCEINLINE LONG64 KiSystemTimeBias(void) { return __atomic_load_n(&KiSystemBias, __ATOMIC_RELAXED); }  /* to add */
ULONG64 KiInterruptTimeOf(LONG64 SystemTime);   /* 0: it has passed; at most MAXLONGLONG */
BOOLEAN KiClockInterrupt(KIRQL Interrupted);
void KiKeepTime(PKPCR Pcr);                     /* no tick is on its way, and driver code is about to run */
void KiArmClock(PKPCR Pcr);                     /* for its next timer or tick, interrupts off */
void KiArmClockEarlier(PKPCR Pcr, ULONG64 Due); /* if Due is before what it is armed for */

/* ---- apc.c ---- */
void KiDeliverApcs(void);                       /* APC_LEVEL: run what may run in the current thread */
void KiInitializeApcState(PKTHREAD Thread, PKPROCESS Process);
void KiDeliverHeldBack(PKTHREAD Thread);        /* a region of the current thread ended */
ULONG64 KiLockPastApcs(PKTHREAD Thread);        /* lock it; APCs on their way to this, the current thread ran first */
void KiCloseApcQueue(PKTHREAD Thread);          /* locked: it ends, nothing may be queued to it any more */
void KiLeaveRegionsOf(PKTHREAD Thread, ULONG Count);    /* another thread ended critical regions of it */

/* ---- process.c, interrupts off ---- */
BOOLEAN KiJoinProcess(PKTHREAD Thread);         /* FALSE: its process has ended */
void KiLeaveProcess(PKTHREAD Thread);           /* it ends; its process, too, if it is the last one */
void KiForEachThread(void (*Visit)(PVOID Context, PKTHREAD Thread), PVOID Context);     /* started and not ended */

/* ---- processor.c ---- */
void KiCountProcessor(void);                    /* one more is active */

/* ---- generic_call.c ---- */
void KiInitializeGenericCall(void);

/* ---- ipi.c ---- */
void KiProcessorRequest(void);

/* ---- exception.c ---- */
DECLSPEC_NORETURN void KiRaiseStatus(NTSTATUS Status);
DECLSPEC_NORETURN void KiRaiseInstead(NTSTATUS Status, PEXCEPTION_RECORD Record);
DECLSPEC_NORETURN void KiStopUnhandled(PEXCEPTION_RECORD Record, PCONTEXT Context);
BOOLEAN KiDispatchException(PEXCEPTION_RECORD Record, PCONTEXT Context, BOOLEAN Exact);

/* ---- unwind_frame.c ---- */
typedef struct _KI_FRAME {
    ARCH_FRAME Kind;
    BOOLEAN InDriver;
    UCHAR HandlerFlags;                 /* UNW_FLAG_EHANDLER, UNW_FLAG_UHANDLER: what its language handler is for */
    PDISPATCHER_CONTEXT Handled;        /* a handler's call: what it was called with */
    DISPATCHER_CONTEXT Dispatcher;      /* Fill0: ControlPc is exact */
} KI_FRAME;

BOOLEAN KiStepFrame(PCONTEXT Context, BOOLEAN *Exact, KI_FRAME *Frame);
BOOLEAN KiCollide(PCONTEXT Context, BOOLEAN *Exact, KI_FRAME *Frame);

/* ---- fault.c ---- */
NTSTATUS KiFaultStatus(ULONG64 Vector, const char **Text);      /* STATUS_UNSUCCESSFUL: one that no handler gets */
void KiDispatchFault(ARCH_TRAP_FRAME *Frame, ULONG64 Address);

/* ---- bugcheck.c ---- */
void KiHandleFault(ARCH_TRAP_FRAME *Frame);
void KiFreezeProcessor(ARCH_TRAP_FRAME *Frame);
void KiInitializeBugCheck(void);
BOOLEAN KiIsSystemThread(KIRQL Irql);           /* what happens now, at Irql, happens in a thread of its own */
/* The stop of KeBugCheckWith, with a trace from Throw on. */
DECLSPEC_NORETURN void KiStopAt(ULONG Code, ULONG_PTR P1, ULONG_PTR P2, ULONG_PTR P3, ULONG_PTR P4, const char *Detail,
                                const UNWIND_CONTEXT *Throw);
