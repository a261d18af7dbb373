/* activity.c - what code of an address range still has going on: threads, timers, DPCs.
 *
 * One walk visits everything ke knows; counting and listing are two visitors of it. Each kind is seen under its own
 * locks, so the walk is repeated when anything was switched, expired or run in between: what it tells was then true
 * at one moment. A thread that waits is held in its wait by the state WaitLooked while its blocks are read: nobody
 * ends the wait meanwhile, so they and their objects are there. */
#include "ki.h"

#include <ke/activity.h>

enum { ATTEMPTS = 16 };

typedef struct _WALK {
    ULONG64 Start, End;
    KE_ACTIVITY Count;
    KE_OWNED *Items;
    ULONG Capacity, Found;
} WALK;

static BOOLEAN Inside(const WALK *Walk, const volatile void *Address)
{
    return (ULONG64)Address >= Walk->Start && (ULONG64)Address < Walk->End;
}

static void Add(WALK *Walk, KE_OWNED_KIND Kind, PVOID Object, PVOID Routine)
{
    if (Walk->Found < Walk->Capacity)
        Walk->Items[Walk->Found] = (KE_OWNED){ .Kind = Kind, .Object = Object, .Routine = Routine };
    Walk->Found++;
}

static void NoteDue(WALK *Walk, ULONG64 Due)
{
    if (Due > Walk->Count.LastDue)
        Walk->Count.LastDue = Due;
}

/* The timer object that ends Thread's wait, or NULL. */
static PKTIMER AwaitedTimer(PKTHREAD Thread)
{
    for (PKWAIT_BLOCK Block = Thread->WaitBlockList; Block != NULL; Block = Block->NextWaitBlock) {
        PKTIMER Timer = Block->Object;

        if ((KeObjectType(&Timer->Header) & ~1) == TimerNotificationObject && Timer->Header.Inserted)
            return Timer;
    }
    return NULL;
}

/* Returns: FALSE if Thread does not wait. */
static BOOLEAN HoldInWait(PKTHREAD Thread)
{
    for (;;) {
        UCHAR State = Waiting;

        if (__atomic_compare_exchange_n(&Thread->State, &State, WaitLooked, FALSE, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
            return TRUE;
        if (State != WaitTested)
            return FALSE;
        ArchPause();
    }
}

static void VisitThread(PVOID Context, PKTHREAD Thread)
{
    WALK *Walk = Context;
    PKTIMER Timer;

    PVOID WorkRoutine = Thread->WorkRoutine;

    if (!Inside(Walk, Thread->StartRoutine) && !Inside(Walk, Thread->CreatorRoutine) && !Inside(Walk, WorkRoutine))
        return;
    Add(Walk, KeOwnedThread, Thread, WorkRoutine != NULL ? WorkRoutine : (PVOID)Thread->StartRoutine);
    Walk->Count.Threads++;
    if (!HoldInWait(Thread)) {
        Walk->Count.ThreadsRunnable++;
        return;
    }
    if (Thread->TimeoutQueued) {
        Walk->Count.ThreadsTimed++;
        NoteDue(Walk, Thread->Timeout.DueTime);
    } else if ((Timer = AwaitedTimer(Thread)) != NULL) {
        Walk->Count.ThreadsTimed++;
        if (Timer->Period == 0)
            NoteDue(Walk, Timer->DueTime);
    } else {
        Walk->Count.ThreadsBlocked++;
    }
    __atomic_store_n(&Thread->State, Waiting, __ATOMIC_RELEASE);
}

static void VisitTimer(PVOID Context, KTIMER_ENTRY *Entry)
{
    WALK *Walk = Context;

    if (Entry->Processor & TIMER_ENTRY_TIMEOUT)
        return;
    if (!Inside(Walk, Entry) && (Entry->Dpc == NULL || !Inside(Walk, Entry->Dpc->DeferredRoutine)))
        return;
    Add(Walk, KeOwnedTimer, CONTAINING_RECORD(Entry, KTIMER, DueTime),
        Entry->Dpc == NULL ? NULL : Entry->Dpc->DeferredRoutine);
    if (Entry->Period != 0) {
        Walk->Count.TimersPeriodic++;
    } else {
        Walk->Count.TimersOneShot++;
        NoteDue(Walk, Entry->DueTime);
    }
}

static void VisitDpcs(WALK *Walk, PKPCR Pcr)
{
    KI_DPC_QUEUE *Queue = &Pcr->DpcQueue;

    KiAcquireRawLock(&Queue->Lock);
    for (PLIST_ENTRY Link = Queue->Head.Flink; Link != &Queue->Head; Link = Link->Flink) {
        PKDPC Dpc = CONTAINING_RECORD(Link, KDPC, DpcListEntry);

        if (!Inside(Walk, Dpc) && !Inside(Walk, Dpc->DeferredRoutine))
            continue;
        Add(Walk, KeOwnedDpc, Dpc, Dpc->DeferredRoutine);
        Walk->Count.Dpcs++;
    }
    if (Queue->Running != NULL && Inside(Walk, Queue->Running)) {
        Add(Walk, KeOwnedDpc, NULL, Queue->Running);
        Walk->Count.Dpcs++;
    }
    KiReleaseRawLock(&Queue->Lock);
}

/* Goes up with everything that could move activity from where the walk has not been to where it has. */
static ULONG64 Stamp(void)
{
    ULONG64 Sum = KiTimerExpiries();

    for (ULONG Number = 0; Number < KiProcessorCount; Number++)
        Sum += KiProcessorBlock[Number]->ContextSwitches + KiProcessorBlock[Number]->Cpu.InterruptCount;
    return Sum;
}

static void WalkOnce(WALK *Walk)
{
    ULONG64 Flags = ArchDisableInterrupts();

    KiForEachThread(VisitThread, Walk);
    KiForEachTimer(VisitTimer, Walk);
    for (ULONG Number = 0; Number < KiProcessorCount; Number++)
        VisitDpcs(Walk, KiProcessorBlock[Number]);
    Walk->Count.Expiries = KiTimerExpiries();
    ArchRestoreInterrupts(Flags);
}

/* Where the others never pause, somebody is runnable, and the last walk has seen him. */
static void VisitAll(WALK *Walk)
{
    const WALK Empty = *Walk;

    for (ULONG Attempt = 0; Attempt < ATTEMPTS; Attempt++) {
        ULONG64 Before = Stamp();

        *Walk = Empty;
        WalkOnce(Walk);
        if (Stamp() == Before)
            return;
    }
}

BOOLEAN KeQueryActivity(ULONG64 Start, ULONG64 End, KE_ACTIVITY *Out)
{
    WALK Walk = { .Start = Start, .End = End };

    VisitAll(&Walk);
    *Out = Walk.Count;
    return Walk.Found != 0;
}

ULONG KeListActivity(ULONG64 Start, ULONG64 End, KE_OWNED *Items, ULONG Capacity)
{
    WALK Walk = { .Start = Start, .End = End, .Items = Items, .Capacity = Capacity };

    VisitAll(&Walk);
    return Walk.Found;
}
