/* thread.h - the thread object as ke keeps it, and the process it runs in. */
#pragma once

#include <arch/port.h>
#include <ke/dispatch.h>
#include <ke/processor.h>
#include <ke/timer.h>

typedef VOID (*PKSTART_ROUTINE)(PVOID StartContext);

enum { LOW_PRIORITY = 0, LOW_REALTIME_PRIORITY = 16, HIGH_PRIORITY = 31, MAXIMUM_PRIORITY = 32 };

typedef enum _KTHREAD_STATE {
    Initialized, Ready, Running, Standby, Terminated, Waiting,
    DeferredReady = 7,          /* to be placed by whoever made it that: it belongs to him alone */
    WaitTested,                 /* it waits, and a signaller looks whether all its objects are there */
    WaitLooked                  /* it waits, and activity.c reads its blocks */
} KTHREAD_STATE;

typedef struct _KPROCESS {
    DISPATCHER_HEADER Header;           /* signalled, for ever, when its last thread has ended */
    ARCH_SPACE Space;                   /* (i) */
    ULONG64 Id;                         /* (i) given by ps */
    LIST_ENTRY ThreadListHead;          /* (p) threads that were started and have not ended */
    LIST_ENTRY ProcessListEntry;        /* (p) while it has such threads */
    ULONG AttachCount;                  /* (a) attachments to it that have not ended */
    struct _HANDLE_TABLE *volatile ObjectTable;         /* ob's: its handles; NULL: it never had one */
    KAFFINITY Affinity;
    SCHAR BasePriority;
} KPROCESS, *PKPROCESS, *PRKPROCESS;

typedef struct _KAPC_STATE {
    LIST_ENTRY ApcListHead[MaximumMode];
    PKPROCESS Process;
    UCHAR KernelApcInProgress;
    UCHAR KernelApcPending;
    UCHAR UserApcPending;
} KAPC_STATE, *PKAPC_STATE, *PRKAPC_STATE;

C_ASSERT(sizeof(KAPC_STATE) == 0x30 && offsetof(KAPC_STATE, Process) == 0x20);

/* Lock letters: (o) the thread itself  (i) fixed before it first runs  (t) its Lock  (a) in atomic steps  (p)
 * process.c's lock  (r) the ready lock of NextProcessor  (w) the thread itself before it waits; while it is
 * DeferredReady, who made it that; read by those who may end the wait  (h) the lock of the object in question */
typedef struct _KTHREAD {
    DISPATCHER_HEADER Header;

    ARCH_CONTEXT Context;               /* who runs it, or takes it from or to a processor */

    /* Who ends a wait, and with which priority the thread comes out of it, is decided by one step on the whole word:
     * see wait.c. */
    union {
        struct {
            volatile UCHAR State;       /* KTHREAD_STATE: ready.c has the transitions */
            SCHAR Priority;             /* current, 0..31 */
            BOOLEAN Boosted;            /* a wake-up boost has not decayed yet */
            UCHAR Changes;              /* goes up with a change of Affinity, which a placement must not miss */
        };
        volatile ULONG StateWord;
    };
    union {
        struct {
            UCHAR WaitMode;             /* (w) KPROCESSOR_MODE; KernelMode between waits */
            UCHAR WaitReason;           /* (w) KWAIT_REASON */
            BOOLEAN Alertable;          /* (w) FALSE between waits */
            KIRQL WaitIrql;             /* (w) IRQL that the wait or yield in progress, or the marked next wait,
                                         * returns to */
        };
        ULONG WaitTerms;                /* the four in one store */
    };
    NTSTATUS WaitStatus;                /* (w) how the wait ended */
    SCHAR BasePriority;                 /* (r) */
    BOOLEAN DisableBoost;
    BOOLEAN WaitNext;                   /* (o) the Wait=TRUE mark: the next wait returns at WaitIrql */
    BOOLEAN ApcsClosed;                 /* (t) it is ending: no APC may be queued */
    LONG Quantum;                       /* ticks left; where it runs */
    ULONG NextProcessor;                /* (r) where it runs, or ran last; who holds it DeferredReady may change it */
    KSPIN_LOCK Lock;                    /* of its APC queues, its alerts, its queue; below every object's */
    KSPIN_LOCK MutantLock;              /* of MutantListHead; below every mutant's */
    struct _KTHREAD *WakeNext;          /* (w) next of those that one signal woke */

    /* One load of 4 bytes tells whether any APC may be delivered. */
    union {
        struct { SHORT KernelApcDisable, SpecialApcDisable; };  /* (o) */
        volatile LONG CombinedApcDisable;
    };
    SHORT RegionsEnded;                 /* (t) to be added to KernelApcDisable by its next APC interrupt */

    LIST_ENTRY ReadyEntry;              /* (r) in a ready queue */
    KAFFINITY Affinity;                 /* (r) then Changes goes up */
    KAFFINITY UserAffinity;             /* (o) while SystemAffinity: what to go back to */
    BOOLEAN SystemAffinity;             /* (o) */
    SCHAR Saturation;                   /* (r) base priority pushed to the end of its range: 1, -1, or 0 */
    ULONG IdealProcessor;
    ULONG WaitCount;                    /* (w) blocks of the wait in progress */

    BOOLEAN Alerted[MaximumMode];       /* (t) */
    KPROCESSOR_MODE PreviousMode;       /* (o) ex: on whose behalf it runs a service */
    volatile BOOLEAN TimeoutQueued;     /* the lock of the timer queue that Timeout is in */
    PKWAIT_BLOCK WaitBlockList;         /* (w) first block of the wait in progress; the others follow it in memory */
    KWAIT_BLOCK WaitBlock[THREAD_WAIT_OBJECTS];
    KTIMER_ENTRY Timeout;               /* of the wait in progress */

    struct _KQUEUE *Queue;              /* (t) and (h) of the queue it serves; NULL: of none */
    LIST_ENTRY QueueListEntry;          /* (h) in Queue's ThreadListHead */
    PLIST_ENTRY QueueEntry;             /* (w) what its last KeRemoveQueue got */

    KAPC_STATE ApcState;                /* (t) of the process it is in now */
    KAPC_STATE SavedApcState;           /* (t) while attached: of its own process */
    PKAPC_STATE ApcStatePointer[2];     /* (t) by environment, Original and Attached; NULL: not attached */
    UCHAR ApcStateIndex;                /* (t) AttachedApcEnvironment while attached, else OriginalApcEnvironment */
    PKPROCESS Process;                  /* (i) the one it belongs to; ApcState.Process: attached to */
    ULONG64 Id;                         /* (i) given by ps; 0: an idle thread */
    LIST_ENTRY ThreadListEntry;         /* (p) in Process */
    LIST_ENTRY MutantListHead;          /* MutantLock: mutants it owns, but for OneMutant */
    struct _KMUTANT *OneMutant; /* one that it owns, in no list, which spares most of them the list; (o), or (h) of
                                         * that mutant with MutantLock to take it away, or who claimed the wait */

    PKSTART_ROUTINE CreatorRoutine;     /* (i) start routine of the thread that created it */
    PVOID StackBase, StackLimit;        /* (o) top and bottom of the one it runs on */
    PVOID OwnStackBase, OwnStackLimit;  /* (i) of the one it began on */
    PVOID ExpandedStack;                /* (o) mm's: bottom of the second one, if it has one */
    PKSTART_ROUTINE StartRoutine;       /* (i) */
    PVOID StartContext;                 /* (i) */
    void (*SystemRoutine)(PKSTART_ROUTINE, PVOID);      /* (i) first C code that the thread runs */
    ULONG64 ContextSwitches;            /* where it runs */
    ULONG KernelTime;                   /* ticks that found it running; written where it runs */
    BOOLEAN StackSwapDisabled;          /* (o) */
    PUNICODE_STRING volatile Name;      /* ps's: NULL: it was given none */
    struct _TIMER_OBJECT *Timers;       /* ob's: timers by handle whose APC is for it */
    ULONG ResourceIndex;                /* (o) ex: where in an owner table it was last entered */
    PVOID volatile WorkRoutine;         /* (o) ex: routine of the work item that it runs, or NULL */
    struct _KTHREAD *ReapNext;          /* its processor, interrupts off */
} KTHREAD, *PKTHREAD, *PRKTHREAD;

C_ASSERT(offsetof(KTHREAD, StateWord) % 4 == 0);

/* All fields as of a thread that has not run. Stack is its top; SystemRoutine(StartRoutine, Context) is
 * the first C code on it, at PASSIVE_LEVEL, and must not return. */
void KeInitializeThread(PKTHREAD Thread, PKPROCESS Process, PVOID StackTop, SIZE_T StackSize,
                        void (*SystemRoutine)(PKSTART_ROUTINE, PVOID), PKSTART_ROUTINE StartRoutine, PVOID StartContext,
                        KPRIORITY Priority);
BOOLEAN KeStartThread(PKTHREAD Thread);         /* make it ready; FALSE, and it is not: its process has ended */

/* End the current thread: signal it for ever, never run again. Reap is called once nothing runs on its
 * stack any more, at DISPATCH_LEVEL on some processor, to release stack and reference. */
DECLSPEC_NORETURN void KeTerminateThread(void);
void KeSetThreadReaper(void (*Reap)(PKTHREAD Thread));

void KeEnterExpandedStack(PVOID Top, PVOID Bottom);
void KeLeaveExpandedStack(void);

PKTHREAD KeGetCurrentThread(VOID);
KPRIORITY KeSetPriorityThread(PKTHREAD Thread, KPRIORITY Priority);
KPRIORITY KeQueryPriorityThread(PKTHREAD Thread);
LONG KeSetBasePriorityThread(PKTHREAD Thread, LONG Increment);
BOOLEAN KeSetDisableBoostThread(PKTHREAD Thread, BOOLEAN Disable);      /* returns what it was */
BOOLEAN KeSetKernelStackSwapEnable(BOOLEAN Enable);
ULONG KeQueryRuntimeThread(PKTHREAD Thread, PULONG UserTime);
