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

typedef struct _KI_TIMER_QUEUE {
    ULONG64 Current;                    /* (d) every entry is due at or after this */
    volatile ULONG64 NextDue;           /* (d) interrupt time of the first entry, or before; ~0: none; read anywhere */
    ULONG LevelSummary;                 /* (d) bit per level that has an entry */
    ULONG64 Occupied[TIMER_LEVELS];     /* (d) bit per slot that has an entry */
    LIST_ENTRY Slot[TIMER_LEVELS][TIMER_SLOTS];
} KI_TIMER_QUEUE;

/* ---- dpc.c: its per-processor state ---- */

typedef struct _KI_DPC_QUEUE {
    KSPIN_LOCK Lock;                    /* taken with interrupts off */
    LIST_ENTRY Head;
    PKDEFERRED_ROUTINE Running;         /* NULL: none */
} KI_DPC_QUEUE;

/* ---- The processor's block. gs: points here. ----
 * Letters: (d) dispatcher lock  (c) only this processor, interrupts off or IRQL >= DISPATCH_LEVEL */
typedef struct _KPCR {
    ARCH_CPU Cpu;
    PKTHREAD NextThread;                /* (d) Standby here: it runs at the next chance */
    PKTHREAD IdleThread;
    ULONG ReadySummary;                 /* (d) bit per priority with a ready thread */
    BOOLEAN InDispatch;                 /* (c) KiDispatchInterrupt is running and will look again */
    BOOLEAN DispatchRequested;          /* (c) its interrupt is on its way for a DPC */
    BOOLEAN DpcRoutineActive;           /* (c) a DPC routine is on the stack */
    BOOLEAN QuantumEnd;                 /* (c) set by the tick */
    BOOLEAN Idle;                       /* (c) the tick is stopped */
    ULONG64 TickDue;                    /* (c) interrupt time of this processor's next tick */
    ULONG64 ArmedDue;                   /* (c) interrupt time the clock is armed for */
    ULONG64 ContextSwitches;            /* (c) */
    PKTHREAD ReapList;                  /* (d) ended threads whose stack nobody runs on any more */
    KI_DPC_QUEUE DpcQueue;
    LIST_ENTRY ReadyQueue[MAXIMUM_PRIORITY];    /* (d) */
    KI_TIMER_QUEUE TimerQueue;
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

/* ---- sched.c: the dispatcher lock. Who holds it is noted in the debug build, for KiAssertDispatcherHeld. ---- */
extern KSPIN_LOCK KiDispatcherLock;
extern ULONG KiDispatcherOwner;         /* processor number + 1 */

FORCEINLINE void KiAssertDispatcherHeld(void) { RtlAssert(KiDispatcherOwner == ARCH_THIS_CPU->Number + 1u); }

FORCEINLINE void KiNoteDispatcherOwner(void)
{
    if (DEBUG)
        KiDispatcherOwner = ARCH_THIS_CPU->Number + 1;
}

/* Interrupts off, database locked. Returns: the old flags. */
FORCEINLINE ULONG64 KiLockDispatcher(void)
{
    ULONG64 Flags = ArchDisableInterrupts();

    KiAcquireRawLock(&KiDispatcherLock);
    KiNoteDispatcherOwner();
    return Flags;
}

FORCEINLINE void KiReleaseDispatcher(void)
{
    if (DEBUG)
        KiDispatcherOwner = 0;
    KiReleaseRawLock(&KiDispatcherLock);
}

/* For a caller who has readied nobody. */
FORCEINLINE void KiUnlockDispatcher(ULONG64 Flags)
{
    KiReleaseDispatcher();
    ArchRestoreInterrupts(Flags);
}

void KiExitDispatcherSlowly(ULONG64 Flags);

/* Unlock; if somebody better was readied, switch to him, at once or when the IRQL falls. */
FORCEINLINE void KiExitDispatcher(ULONG64 Flags)
{
    if (LIKELY(KiThisPcr->NextThread == NULL))
        KiUnlockDispatcher(Flags);
    else
        KiExitDispatcherSlowly(Flags);
}

/* ---- sched.c, engine ---- */
void KiExitDispatcherRaised(ULONG64 Flags, PKTHREAD Thread);    /* Wait=TRUE: unlock at DISPATCH_LEVEL, switch later */
void KiBlockThread(void); /* lock held, current thread's state set: run others until readied; unlocks */
void KiDispatchInterrupt(void);                 /* DISPATCH_LEVEL: timers, DPCs, quantum end, preemption */
void KiYield(void);                             /* equals in the queue go first; current IRQL <= APC_LEVEL */
void KiTickThread(PKPCR Pcr);                   /* one tick of the running thread's quantum is over */
DECLSPEC_NORETURN void KiThreadStartup(PVOID Thread);
void KiRetireThread(PKTHREAD Thread);           /* lock held: on to this processor's reap list */

/* ---- ready.c, lock held ---- */
void KiSetThreadState(PKTHREAD Thread, KTHREAD_STATE State);
void KiReadyThread(PKTHREAD Thread);            /* give it a processor or queue it */
void KiPlaceThread(PKTHREAD Thread, BOOLEAN AtHead);    /* the same for one that is Ready already */
PKTHREAD KiSelectThread(PKPCR Pcr);             /* what this processor runs next, out of its queue */
void KiLetEqualRun(PKPCR Pcr, PKTHREAD Thread); /* an equal or better one that waits becomes NextThread */
void KiSetPriority(PKTHREAD Thread, KPRIORITY Priority);
void KiSetAffinity(PKTHREAD Thread, KAFFINITY Affinity);        /* leaves a forbidden processor at the unlock */
void KiInitializeReadyQueues(PKPCR Pcr);
void KiAddProcessor(PKPCR Pcr);                 /* it idles, and may be given threads */

FORCEINLINE KAFFINITY KiProcessorBit(ULONG Number) { return 1ull << Number; }

/* ---- wait.c, engine ---- */
void KiWakeWaiters(PDISPATCHER_HEADER Object, KPRIORITY Increment);     /* lock held, SignalState > 0 */
BOOLEAN KiUnwaitThread(PKTHREAD Thread, NTSTATUS Status, KPRIORITY Increment); /* lock held: end its wait now */
void KiWaitTimedOut(KTIMER_ENTRY *Entry);

ULONG64 KiQueryTime(void);                      /* clock.c: interrupt time now, 100 ns, exact */

void KiWakeLastWaiter(PDISPATCHER_HEADER Queue);        /* lock held: the youngest waiter takes what is there */
NTSTATUS KiWaitOnQueue(PDISPATCHER_HEADER Queue, KPROCESSOR_MODE WaitMode, PLARGE_INTEGER Timeout);

/* ---- queue.c: lock held ---- */
BOOLEAN KiQueueHasEntry(PDISPATCHER_HEADER Queue);
NTSTATUS KiTakeQueueEntry(PDISPATCHER_HEADER Queue, PKTHREAD Thread);    /* STATUS_ABANDONED: it is run down */
void KiLeaveQueue(PKTHREAD Thread);             /* it blocks on something else */
void KiResumeQueue(PKTHREAD Thread);            /* it goes on */
void KiAskQueueAgain(PKTHREAD Thread);          /* it went on for an APC only and waits for an entry again */
void KiForgetQueue(PKTHREAD Thread);            /* it ends, or serves another queue */

/* ---- timer_queue.c: lock held ---- */
void KiInitializeTimerQueue(KI_TIMER_QUEUE *Queue, ULONG64 Now);
void KiInsertTimerEntry(KTIMER_ENTRY *Entry);   /* into this processor's queue; arms the clock if first */
void KiRemoveTimerEntry(KTIMER_ENTRY *Entry);
ULONG64 KiTimerExpiries(void);
void KiExpireTimers(PKPCR Pcr);                 /* takes the lock itself; DISPATCH_LEVEL */
void KiShiftAbsoluteTimers(LONG64 Delta);       /* lock held: the system time moved by Delta */
void KiSetTimerClients(void (*Timer)(KTIMER_ENTRY *), void (*Timeout)(KTIMER_ENTRY *));
void KiForEachTimer(void (*Visit)(PVOID Context, KTIMER_ENTRY *Entry), PVOID Context);

FORCEINLINE BOOLEAN KiTimersDue(PKPCR Pcr)
{
    return Pcr->TimerQueue.NextDue != ~0ull && Pcr->TimerQueue.NextDue <= KiQueryTime();
}

/* ---- mutant.c ---- */
void KiAbandonMutants(PKTHREAD Thread);         /* lock held: it ends */

/* ---- timer.c ---- */
void KiTimerExpired(KTIMER_ENTRY *Entry);

/* ---- dpc.c ---- */
void KiInitializeDpcQueue(PKPCR Pcr);
void KiRetireDpcs(PKPCR Pcr);                   /* DISPATCH_LEVEL, interrupts on, on the dispatch stack */
void KiQueueTimerDpc(PKDPC Dpc);                /* interrupts off */

FORCEINLINE BOOLEAN KiDpcsPending(PKPCR Pcr)
{
    return Pcr->DpcQueue.Head.Flink != &Pcr->DpcQueue.Head;     /* after a barrier */
}

/* ---- clock.c ---- */
void KiInitializeClock(void);
LONG64 KiSystemTimeBias(void);                  /* system time - interrupt time */
ULONG64 KiInterruptTimeOf(LONG64 SystemTime);   /* 0: it has passed; at most MAXLONGLONG */
BOOLEAN KiClockInterrupt(KIRQL Interrupted);
void KiKeepTime(PKPCR Pcr);                     /* no tick is on its way, and driver code is about to run */
void KiArmClock(PKPCR Pcr);                     /* for its next timer or tick, interrupts off */
void KiArmClockEarlier(PKPCR Pcr, ULONG64 Due); /* if Due is before what it is armed for */
void KiStartTick(PKPCR Pcr);                    /* this processor leaves idle */

/* ---- apc.c ---- */
void KiDeliverApcs(void);                       /* APC_LEVEL: run what may run in the current thread */
void KiInitializeApcState(PKTHREAD Thread, PKPROCESS Process);
void KiDeliverHeldBack(PKTHREAD Thread);        /* a region of the current thread ended */
ULONG64 KiLockPastApcs(PKTHREAD Thread);        /* lock; APCs on their way to this, the current thread ran first */
void KiCloseApcQueue(PKTHREAD Thread);          /* lock held: it ends, nothing may be queued to it any more */
void KiLeaveRegionsOf(PKTHREAD Thread, ULONG Count);    /* lock held: another thread ended critical regions of it */

/* ---- process.c: lock held ---- */
BOOLEAN KiJoinProcess(PKTHREAD Thread);         /* FALSE: its process has ended */
void KiLeaveProcess(PKTHREAD Thread);           /* it ends; its process, too, if it is the last one */
void KiForEachThread(void (*Visit)(PVOID Context, PKTHREAD Thread), PVOID Context);     /* started and not ended */

/* ---- processor.c ---- */
void KiCountProcessor(void);                    /* lock held: one more is active */

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
