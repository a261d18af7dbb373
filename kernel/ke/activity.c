/* activity.c - what code of an address range still has going on: threads, timers, DPCs.
 *
 * One walk under the dispatcher lock visits everything ke knows; counting and listing are two visitors of it. */
#include "ki.h"

#include <ke/activity.h>

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

        if ((Timer->Header.Type == TimerNotificationObject || Timer->Header.Type == TimerSynchronizationObject) &&
            Timer->Header.Inserted)
            return Timer;
    }
    return NULL;
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
    if (Thread->State != Waiting) {
        Walk->Count.ThreadsRunnable++;
    } else if (Thread->TimeoutQueued) {
        Walk->Count.ThreadsTimed++;
        NoteDue(Walk, Thread->Timeout.DueTime);
    } else if ((Timer = AwaitedTimer(Thread)) != NULL) {
        Walk->Count.ThreadsTimed++;
        if (Timer->Period == 0)
            NoteDue(Walk, Timer->DueTime);
    } else {
        Walk->Count.ThreadsBlocked++;
    }
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

static void VisitAll(WALK *Walk)
{
    ULONG64 Flags = KiLockDispatcher();

    KiForEachThread(VisitThread, Walk);
    KiForEachTimer(VisitTimer, Walk);
    for (ULONG Number = 0; Number < KiProcessorCount; Number++)
        VisitDpcs(Walk, KiProcessorBlock[Number]);
    Walk->Count.Expiries = KiTimerExpiries();
    KiUnlockDispatcher(Flags);
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
