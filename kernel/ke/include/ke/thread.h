/* thread.h - the thread object as ke keeps it, and the process it runs in. */
#pragma once

#include <arch/port.h>
#include <ke/dispatch.h>
#include <ke/processor.h>
#include <ke/timer.h>

typedef VOID (*PKSTART_ROUTINE)(PVOID StartContext);

enum { LOW_PRIORITY = 0, LOW_REALTIME_PRIORITY = 16, HIGH_PRIORITY = 31, MAXIMUM_PRIORITY = 32 };

typedef enum _KTHREAD_STATE {
    Initialized, Ready, Running, Standby, Terminated, Waiting
} KTHREAD_STATE;

typedef struct _KPROCESS {
    DISPATCHER_HEADER Header;           /* signalled, for ever, when its last thread has ended */
    ARCH_SPACE Space;                   /* (i) */
    ULONG64 Id;                         /* (i) given by ps */
    LIST_ENTRY ThreadListHead;          /* (d) threads that were started and have not ended */
    LIST_ENTRY ProcessListEntry;        /* (d) while it has such threads */
    ULONG AttachCount;                  /* (d) attachments to it that have not ended */
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

/* Lock letters: (d) dispatcher database  (o) the thread itself  (i) fixed before it first runs */
typedef struct _KTHREAD {
    DISPATCHER_HEADER Header;

    ARCH_CONTEXT Context;               /* (d) while it is not running */

    volatile UCHAR State;               /* (d) KTHREAD_STATE, written by sched.c only */
    SCHAR Priority;                     /* (d) current, 0..31 */
    SCHAR BasePriority;                 /* (d) */
    BOOLEAN Boosted;                    /* (d) a wake-up boost has not decayed yet */
    BOOLEAN DisableBoost;               /* (d) */
    BOOLEAN WaitNext;                   /* (o) the Wait=TRUE mark: the next wait returns at WaitIrql */
    KIRQL WaitIrql;                     /* (d) IRQL that the wait in progress, or the marked next one, returns to */
    BOOLEAN ApcsClosed;                 /* (d) it is ending: no APC may be queued */
    LONG Quantum;                       /* (d) ticks left */

    /* One load of 4 bytes tells whether any APC may be delivered. */
    union {
        struct { SHORT KernelApcDisable, SpecialApcDisable; };  /* (o) */
        volatile LONG CombinedApcDisable;
    };
    SHORT RegionsEnded;                 /* (d) to be added to KernelApcDisable by its next APC interrupt */

    LIST_ENTRY ReadyEntry;              /* (d) in a ready queue */
    KAFFINITY Affinity;                 /* (d) */
    KAFFINITY UserAffinity;             /* (o) while SystemAffinity: what to go back to */
    BOOLEAN SystemAffinity;             /* (o) */
    SCHAR Saturation;                   /* (d) base priority pushed to the end of its range: 1, -1, or 0 */
    ULONG IdealProcessor;               /* (d) */
    ULONG NextProcessor;                /* (d) where it runs, or ran last */

    NTSTATUS WaitStatus;                /* (d) */
    UCHAR WaitMode;                     /* (d) KPROCESSOR_MODE */
    KPROCESSOR_MODE PreviousMode;       /* (o) ex: on whose behalf it runs a service */
    UCHAR WaitReason;
    BOOLEAN Alertable;                  /* (d) */
    BOOLEAN Alerted[MaximumMode];       /* (d) */
    PKWAIT_BLOCK WaitBlockList;         /* (d) first block of the wait in progress */
    KWAIT_BLOCK WaitBlock[THREAD_WAIT_OBJECTS];
    KTIMER_ENTRY Timeout;               /* (d) of the wait in progress */
    BOOLEAN TimeoutQueued;              /* (d) */

    struct _KQUEUE *Queue;              /* (d) the queue it serves, or NULL */
    LIST_ENTRY QueueListEntry;          /* (d) in Queue's ThreadListHead */
    PLIST_ENTRY QueueEntry;             /* (d) what its last KeRemoveQueue got */

    KAPC_STATE ApcState;                /* (d) of the process it is in now */
    KAPC_STATE SavedApcState;           /* (d) while attached: of its own process */
    PKAPC_STATE ApcStatePointer[2];     /* (d) by environment, Original and Attached; NULL: not attached */
    UCHAR ApcStateIndex;                /* (d) AttachedApcEnvironment while attached, else OriginalApcEnvironment */
    PKPROCESS Process;                  /* (i) the one it belongs to; ApcState.Process: attached to */
    ULONG64 Id;                         /* (i) given by ps; 0: an idle thread */
    LIST_ENTRY ThreadListEntry;         /* (d) in Process */
    LIST_ENTRY MutantListHead;          /* (d) mutants it owns */

    PKSTART_ROUTINE CreatorRoutine;     /* (i) start routine of the thread that created it */
    PVOID StackBase, StackLimit;        /* (i) top and bottom */
    PKSTART_ROUTINE StartRoutine;       /* (i) */
    PVOID StartContext;                 /* (i) */
    void (*SystemRoutine)(PKSTART_ROUTINE, PVOID);      /* (i) first C code that the thread runs */
    ULONG64 ContextSwitches;            /* (d) */
    ULONG KernelTime;                   /* ticks that found it running; written where it runs */
    BOOLEAN StackSwapDisabled;          /* (o) */
    struct _TIMER_OBJECT *Timers;       /* ob's: timers by handle whose APC is for it */
    ULONG ResourceIndex;                /* (o) ex: where in an owner table it was last entered */
    PVOID volatile WorkRoutine;         /* (o) ex: routine of the work item that it runs, or NULL */
    struct _KTHREAD *ReapNext;          /* (d) */
} KTHREAD, *PKTHREAD, *PRKTHREAD;

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

PKTHREAD KeGetCurrentThread(VOID);
KPRIORITY KeSetPriorityThread(PKTHREAD Thread, KPRIORITY Priority);
KPRIORITY KeQueryPriorityThread(PKTHREAD Thread);
LONG KeSetBasePriorityThread(PKTHREAD Thread, LONG Increment);
BOOLEAN KeSetDisableBoostThread(PKTHREAD Thread, BOOLEAN Disable);      /* returns what it was */
BOOLEAN KeSetKernelStackSwapEnable(BOOLEAN Enable);
ULONG KeQueryRuntimeThread(PKTHREAD Thread, PULONG UserTime);
