/* timer.c - the timer object: a due time that signals, and may queue a DPC, once or periodically.
 *
 * Header.Inserted says whether the timer is in a queue; it is what KeSetTimer and KeCancelTimer return and is
 * separate from SignalState: a periodic timer is mostly both signalled and queued.
 * A timer leaves the queue, signals and re-enters (periodic) in one turn of the dispatcher lock; its DPC is queued
 * after that, so the DPC routine may set, cancel or, for a one-shot, free the timer. */
#include "ki.h"

enum { UNITS_PER_MILLISECOND = 10000 };

static KTIMER_ENTRY *EntryOf(PKTIMER Timer) { return (KTIMER_ENTRY *)&Timer->DueTime; }

static BOOLEAN Dequeue(PKTIMER Timer)
{
    if (!Timer->Header.Inserted)
        return FALSE;
    KiRemoveTimerEntry(EntryOf(Timer));
    Timer->Header.Inserted = FALSE;
    return TRUE;
}

static void Enqueue(PKTIMER Timer, ULONG64 Due, ULONG Marks)
{
    Timer->DueTime = Due;
    Timer->Processor = Marks;
    Timer->Header.Inserted = TRUE;
    KiInsertTimerEntry(EntryOf(Timer));
}

/* The time Due has come: signal, wake, start the next period, and queue the DPC. Periods count from due time to due
 * time, so they do not drift; periods that were missed altogether are left out, and a DPC that is still queued
 * from last time stays as it is: ticks coalesce. */
static void Expire(PKTIMER Timer, ULONG64 Due)
{
    PKDPC Dpc = Timer->Dpc;

    Timer->Header.SignalState = 1;
    KiWakeWaiters(&Timer->Header, 0);
    if (Timer->Period != 0) {
        ULONG64 Period = (ULONG64)Timer->Period * UNITS_PER_MILLISECOND, Now = KiQueryTime();

        Enqueue(Timer, Due + Period > Now ? Due + Period : Now + Period, 0);
    }
    if (Dpc != NULL)
        KiQueueTimerDpc(Dpc);
}

void KiTimerExpired(KTIMER_ENTRY *Entry)
{
    PKTIMER Timer = CONTAINING_RECORD(Entry, KTIMER, DueTime);

    if (UNLIKELY((Timer->Header.Type & ~1u) != TimerNotificationObject))
        KeBugCheckWith(TIMER_OR_DPC_INVALID, 0, (ULONG_PTR)Timer, Timer->Header.Type, 0,
                       "timer %p has come due and is no timer any more: was its memory freed or written over?", Timer);
    Timer->Header.Inserted = FALSE;
    Expire(Timer, Timer->DueTime);
}

/* ---- Public: KeInitializeTimer(Ex), KeSetTimer(Ex), KeCancelTimer, KeReadStateTimer ---- */

/* KeInitializeTimer - a notification timer: KeInitializeTimerEx(Timer, NotificationTimer). IRQL: any. */
VOID KeInitializeTimer(PKTIMER Timer) { KeInitializeTimerEx(Timer, NotificationTimer); }

/* KeInitializeTimerEx - Timer becomes a timer of Type: not signalled, not queued, not periodic.
 * IRQL: any. Re-initialising a queued timer is undefined. Source: WDK nf-wdm-keinitializetimerex. */
VOID KeInitializeTimerEx(PKTIMER Timer, TIMER_TYPE Type)
{
    Timer->Header.Type = (UCHAR)(TimerNotificationObject + Type);
    Timer->Header.TimerControlFlags = 0;
    Timer->Header.Size = sizeof(KTIMER) / sizeof(ULONG);
    Timer->Header.TimerMiscFlags = 0;
    Timer->Header.SignalState = 0;
    InitializeListHead(&Timer->Header.WaitListHead);
    InitializeListHead(&Timer->TimerListEntry);
    Timer->DueTime = 0;
    Timer->Dpc = NULL;
    Timer->Processor = 0;
    Timer->Period = 0;
}

/* KeSetTimer - KeSetTimerEx with no period. */
BOOLEAN KeSetTimer(PKTIMER Timer, LARGE_INTEGER DueTime, PKDPC Dpc) { return KeSetTimerEx(Timer, DueTime, 0, Dpc); }

/* KeSetTimerEx - (re)start Timer: not signalled until DueTime (100 ns, negative relative, else absolute since
 * 1601), then every Period ms if that is not 0; each expiry queues Dpc if not NULL. A due time that has passed
 * expires inside the call. A negative Period is what it is in the unsigned field: 25 to 50 days.
 * IRQL: <= DISPATCH_LEVEL. Returns: TRUE if it was queued before; that setting is cancelled.
 * Source: WDK nf-wdm-kesettimerex, Remarks. */
BOOLEAN KeSetTimerEx(PKTIMER Timer, LARGE_INTEGER DueTime, LONG Period, PKDPC Dpc)
{
    BOOLEAN Absolute = DueTime.QuadPart >= 0;
    ULONG64 Now = KiQueryTime(), Due;
    ULONG64 Flags = KiLockDispatcher();
    BOOLEAN WasQueued = Dequeue(Timer);

    Timer->Header.SignalState = 0;
    Timer->Dpc = Dpc;
    Timer->Period = (ULONG)Period;
    if (!Absolute)
        Due = Now - (ULONG64)DueTime.QuadPart;
    else
        Due = KiInterruptTimeOf(DueTime.QuadPart);
    if (Due > Now)
        Enqueue(Timer, Due, Absolute ? TIMER_ENTRY_ABSOLUTE : 0);
    else
        Expire(Timer, Now);
    KiExitDispatcher(Flags);
    return WasQueued;
}

/* KeCancelTimer - take Timer out of the queue. Its state and its waiters stay as they are, and so does a DPC that
 * an earlier expiry has queued. IRQL: <= DISPATCH_LEVEL. Returns: TRUE if it was queued.
 * Source: WDK nf-wdm-kecanceltimer, Return value. */
BOOLEAN KeCancelTimer(PKTIMER Timer)
{
    ULONG64 Flags = KiLockDispatcher();
    BOOLEAN WasQueued = Dequeue(Timer);

    KiUnlockDispatcher(Flags);
    return WasQueued;
}

/* KeReadStateTimer - is Timer signalled? IRQL: <= DISPATCH_LEVEL. Source: WDK nf-wdm-kereadstatetimer. */
BOOLEAN KeReadStateTimer(PKTIMER Timer) { return Timer->Header.SignalState > 0; }
