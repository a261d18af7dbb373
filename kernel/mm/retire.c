/* retire.c - ranges that are unmapped but that other processors may still translate.
 *
 * A processor keeps translations in its TLB until it is told to forget them, and only itself can do that.
 * Promise: neither the addresses nor the frames of a freed range are given to anybody before every
 * processor has flushed; until then a late access through a stale translation hurts nobody.
 * Method: unmapping flushes the processor that does it; the range then waits here. When enough has
 * gathered, a round begins: each active processor gets a DPC that flushes it, and the last one to finish
 * releases what had been retired before the round began. Freeing never waits, so it may happen at
 * DISPATCH_LEVEL. Whoever needs the certainty at once (a change of rights, memory that is short) waits for
 * the end of a round that began after his change, which needs <= APC_LEVEL.
 * With a single active processor there is nobody else to flush and nothing waits.
 * Caller's duty: a processor calls MmuActivate, which starts with an empty TLB, right before it goes active.
 * Lock order: RetireLock is never held across a call out of this file.
 * Rejected: a shootdown by interrupt on each free (64 processors stopped for each freed page; the sender
 * waits at DISPATCH_LEVEL with locks held, against processors that hold interrupts off). */
#include "mi.h"

#include <arch/mmu.h>
#include <arch/port.h>
#include <ke/dpc.h>
#include <ke/event.h>
#include <ke/init.h>
#include <ke/irql.h>
#include <ke/spinlock.h>
#include <rtl/bits.h>

enum { ROUND_PAGES = 1024, ROUND_RANGES = 64 };    /* what may gather before a round begins by itself */

typedef struct _WAITER {
    struct _WAITER *Next;
    KEVENT Done;
} WAITER;

/* What a round releases and whom it wakes. */
typedef struct _ROUND {
    MI_RANGE *Ranges;
    WAITER *Waiters;
    ULONG64 Pages;
    ULONG Count;
} ROUND;

static KSPIN_LOCK RetireLock;
static ROUND Gathering;                 /* RetireLock */
static ROUND Flushing;                  /* RetireLock; meaningful while RoundRuns */
static BOOLEAN RoundRuns;                 /* RetireLock */
static volatile LONG Pending;           /* processors that this round still waits for */
static KDPC FlushDpc[ARCH_MAX_CPUS];

static BOOLEAN OnlyProcessor(void) { return KeQueryActiveProcessorCount(NULL) <= 1; }

/* RetireLock held. TRUE: the caller must call LaunchRound once the lock is released. */
static BOOLEAN BeginRound(BOOLEAN Wanted)
{
    BOOLEAN Enough = Gathering.Pages >= ROUND_PAGES || Gathering.Count >= ROUND_RANGES;

    if (RoundRuns || !(Wanted || Enough || Gathering.Waiters != NULL))
        return FALSE;
    Flushing = Gathering;
    Gathering = (ROUND){ 0 };
    RoundRuns = TRUE;
    return TRUE;
}

/* IRQL is DISPATCH_LEVEL, so that this processor's own DPC waits until all are sent. */
static void LaunchRound(void)
{
    KAFFINITY Active = KeQueryActiveProcessors();

    __atomic_store_n(&Pending, RtlCountBits(Active), __ATOMIC_RELEASE);
    for (; Active != 0; Active &= Active - 1) {
        ULONG Number = (ULONG)__builtin_ctzll(Active);

        KeSetTargetProcessorDpc(&FlushDpc[Number], (CCHAR)Number);      /* which only an active one can be */
        RtlRequire(KeInsertQueueDpc(&FlushDpc[Number], NULL, NULL));
    }
}

static void FinishRound(void)
{
    BOOLEAN Again;
    ROUND Done;

    KeAcquireSpinLockAtDpcLevel(&RetireLock);
    Done = Flushing;
    RoundRuns = FALSE;
    Again = BeginRound(FALSE);
    KeReleaseSpinLockFromDpcLevel(&RetireLock);
    if (Again)
        LaunchRound();
    for (MI_RANGE *Range = Done.Ranges, *Next; Range != NULL; Range = Next) {
        Next = Range->Next;
        MiReleaseRange(Range);
    }
    for (WAITER *Waiter = Done.Waiters, *Next; Waiter != NULL; Waiter = Next) {
        Next = Waiter->Next;            /* the waiter's stack is gone once it is woken */
        KeSetEvent(&Waiter->Done, 0, FALSE);
    }
}

static VOID FlushThisProcessor(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    RtlRequire(Dpc == &FlushDpc[KeGetCurrentProcessorNumber()]);
    MmuFlush();
    if (__atomic_sub_fetch(&Pending, 1, __ATOMIC_ACQ_REL) == 0)
        FinishRound();
}

/* ---- Inside mm ---- */

void MiInitializeRetirement(void)
{
    for (ULONG i = 0; i < ARCH_MAX_CPUS; i++) {
        KeInitializeDpc(&FlushDpc[i], FlushThisProcessor, NULL);
        KeSetImportanceDpc(&FlushDpc[i], HighImportance);
    }
}

/* Release an unmapped range once nobody translates it any more. <= DISPATCH_LEVEL. */
void MiRetireRange(MI_RANGE *Range)
{
    BOOLEAN Launch;
    KIRQL Irql;

    if (OnlyProcessor()) {
        MiReleaseRange(Range);
        return;
    }
    Irql = KeAcquireSpinLockRaiseToDpc(&RetireLock);
    Range->Next = Gathering.Ranges;
    Gathering.Ranges = Range;
    Gathering.Pages += Range->Pages;
    Gathering.Count++;
    Launch = BeginRound(FALSE);
    KeReleaseSpinLockFromDpcLevel(&RetireLock);
    if (Launch)
        LaunchRound();
    KeLowerIrql(Irql);
}

/* Return when every processor has flushed since the call, and what was retired before it is released.
 * <= APC_LEVEL. */
void MiFlushEverywhere(void)
{
    WAITER Self;
    BOOLEAN Launch;
    KIRQL Irql;

    if (OnlyProcessor())
        return;
    KeInitializeEvent(&Self.Done, NotificationEvent, FALSE);
    Irql = KeAcquireSpinLockRaiseToDpc(&RetireLock);
    Self.Next = Gathering.Waiters;
    Gathering.Waiters = &Self;
    Launch = BeginRound(TRUE);
    KeReleaseSpinLockFromDpcLevel(&RetireLock);
    if (Launch)
        LaunchRound();
    KeLowerIrql(Irql);
    KeWaitForSingleObject(&Self.Done, Executive, KernelMode, FALSE, NULL);
}

/* Memory is short: get back what is only waiting for a round. FALSE when there is nothing, or when the
 * caller may not wait. */
BOOLEAN MiReclaimRetired(void)
{
    if (__atomic_load_n(&Gathering.Ranges, __ATOMIC_RELAXED) == NULL && !__atomic_load_n(&RoundRuns, __ATOMIC_RELAXED))
        return FALSE;
    if (KeGetCurrentIrql() >= DISPATCH_LEVEL)
        return FALSE;
    MiFlushEverywhere();
    return TRUE;
}
