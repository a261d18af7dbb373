/* activity.h - what code of one address range still has going on: its threads, timers and DPCs.
 *
 * The loader asks this to learn when a driver has come to rest, and what it has left behind.
 * Owned by [Start, End) are:
 *   a thread    whose start routine lies in the range, or its creator's, or that of the work item it runs
 *   a timer     whose KTIMER, or whose DPC's routine, lies in the range
 *   a DPC       (queued, or its routine running) whose KDPC, or whose routine, lies in the range
 * A thread that has ended (its object is signalled) is not counted, even before it is reaped. */
#pragma once

#include <rtl/ntdef.h>

typedef struct _KE_ACTIVITY {
    ULONG Threads;              /* all that have not ended: the sum of the next three */
    ULONG ThreadsRunnable;      /* ready, standby or running */
    ULONG ThreadsTimed;         /* in a wait that time ends: a timeout, or an armed timer object */
    ULONG ThreadsBlocked;       /* in a wait that only somebody else can end */
    ULONG TimersOneShot;        /* armed */
    ULONG TimersPeriodic;       /* armed */
    ULONG Dpcs;                 /* queued or running */
    ULONG64 LastDue;            /* interrupt time at which the last timed wait or one-shot timer above
                                 * ends, 0: none */
    ULONG64 Expiries;           /* timers and timeouts of anybody that have expired since boot */
} KE_ACTIVITY;

/* Count what [Start, End) owns at one instant. <= DISPATCH_LEVEL.
 * Returns: TRUE if there is anything at all (Threads, timers or Dpcs not all zero). */
BOOLEAN KeQueryActivity(ULONG64 Start, ULONG64 End, KE_ACTIVITY *Out);

typedef enum _KE_OWNED_KIND { KeOwnedThread, KeOwnedTimer, KeOwnedDpc } KE_OWNED_KIND;

typedef struct _KE_OWNED {
    KE_OWNED_KIND Kind;
    PVOID Object;               /* PKTHREAD, PKTIMER or PKDPC; may be gone by the time it is printed */
    PVOID Routine;              /* start routine, or the DPC's routine; NULL: a timer without a DPC */
} KE_OWNED;

/* The same things one by one, up to Capacity. Returns how many there are in all. <= DISPATCH_LEVEL. */
ULONG KeListActivity(ULONG64 Start, ULONG64 End, KE_OWNED *Items, ULONG Capacity);
