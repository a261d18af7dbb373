/* timer.c - the timer object: a due time that signals, and may queue a DPC, once or periodically.
 *
 * Header.Inserted says whether the timer is in a queue; it is what KeSetTimer and KeCancelTimer return and is
 * separate from SignalState: a periodic timer is mostly both signalled and queued.
 * The timer's own lock guards all of it, membership in a queue included; the queue's lock is taken inside, except when
 * the timer comes due: the queue then tries the timer's lock, and lets go of its own where it fails. A timer leaves the
 * queue, signals and re-enters (periodic) in one turn of its lock; its DPC is queued before the unlock, so who finds
 * the timer out of the queue finds the DPC in its own, and the routine runs after the unlock: it may set, cancel or,
 * for a one-shot, free the timer. A DPC that would be the first of its queue is run instead (dpc.c): the timer's next
 * neighbours in time expire after it. */
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

/* Due: interrupt time; system time if so marked. */
static void Enqueue(PKTIMER Timer, ULONG64 Due, ULONG Marks)
{
    Timer->DueTime = Due;
    Timer->Processor = Marks;
    Timer->Header.Inserted = TRUE;
    KiInsertTimerEntry(EntryOf(Timer));
}

/* The time Due has come, the timer is locked: signal. Periods count from due time to due time, so they do not drift;
 * periods that were missed altogether are left out, and a DPC that is still queued from last time stays as it is: ticks
 * coalesce. The period begins before the waiters are woken, which may let go of the lock. */
static void Signal(PKTIMER Timer, ULONG64 Due)
{
    Timer->Header.SignalState = 1;
    if (Timer->Period != 0) {
        ULONG64 Period = (ULONG64)Timer->Period * UNITS_PER_MILLISECOND, Now = KiQueryTime();

        Enqueue(Timer, Due + Period > Now ? Due + Period : Now + Period, 0);
    }
}

/* Timer is signalled: queue the DPC, wake, unlock. Interrupts were as Flags say. */
static void Deliver(PKTIMER Timer, ULONG64 Flags)
{
    PDISPATCHER_HEADER Header = &Timer->Header;
    PKDPC Dpc = Timer->Dpc;

    if (IsListEmpty(&Header->WaitListHead)) {
        if (Dpc != NULL)
            KiQueueTimerDpc(Dpc, Header);
        else
            KiUnlockObject(Header);
        return;
    }
    if (Dpc != NULL)
        KiQueueTimerDpc(Dpc, NULL);
    KiWakeAndUnlock(Header, Flags);
}

/* The rest of an expiry, where it is more than one thing to do. Locked and out of its queue. */
static NOINLINE BOOLEAN ExpireAsUsual(PKTIMER Timer)
{
    Signal(Timer, Timer->DueTime);
    Deliver(Timer, ~0ull);
    return TRUE;
}

BOOLEAN KiTimerExpired(KI_TIMER_QUEUE *Queue, KTIMER_ENTRY *Entry)
{
    PKTIMER Timer = CONTAINING_RECORD(Entry, KTIMER, DueTime);
    PKDPC Dpc;

    if (UNLIKELY((Timer->Header.Type & HEADER_TYPE & ~1u) != TimerNotificationObject))
        KeBugCheckWith(TIMER_OR_DPC_INVALID, 0, (ULONG_PTR)Timer, KeObjectType(&Timer->Header), 0,
                       "timer %p has come due and is no timer any more: was its memory freed or written over?", Timer);
    if (UNLIKELY(!KiTryLockObject(&Timer->Header)))
        return FALSE;
    KiUnlinkTimer(Entry);
    KiReleaseRawLock(&Queue->Lock);
    Timer->Header.Inserted = FALSE;
    Dpc = Timer->Dpc;
    if (UNLIKELY(Timer->Period != 0))
        return ExpireAsUsual(Timer);
    if (IsListEmpty(&Timer->Header.WaitListHead)) {
        if (Dpc == NULL || UNLIKELY(!KiMayRunTimerDpc(Dpc)))
            return ExpireAsUsual(Timer);
        Timer->Header.SignalState = 1;
        return KiRunTimerDpc(Dpc, &Timer->Header);
    }
    if (Dpc != NULL)
        return ExpireAsUsual(Timer);
    Timer->Header.SignalState = 1;
    return KiWakeAndUnlock(&Timer->Header, ~0ull);
}

/* ---- Setting and cancelling: the general way, and the straight one ---- */

static NOINLINE BOOLEAN SetAsUsual(PKTIMER Timer, LARGE_INTEGER DueTime, LONG Period, PKDPC Dpc)
{
    BOOLEAN Absolute = DueTime.QuadPart >= 0;
    ULONG64 Now = KiQueryTime(), Flags = ArchDisableInterrupts(), Due;
    BOOLEAN WasQueued;

    KiLockObject(&Timer->Header);
    WasQueued = Dequeue(Timer);
    Timer->Header.SignalState = 0;
    Timer->Dpc = Dpc;
    Timer->Period = (ULONG)Period;
    if (!Absolute)
        Due = Now - (ULONG64)DueTime.QuadPart;
    else
        Due = KiInterruptTimeOf(DueTime.QuadPart);
    if (LIKELY(Due > Now)) {
        Enqueue(Timer, Absolute ? (ULONG64)DueTime.QuadPart : Due, Absolute ? TIMER_ENTRY_ABSOLUTE : 0);
        KiUnlockObject(&Timer->Header);
        ArchRestoreInterrupts(Flags);
        return WasQueued;
    }
    Signal(Timer, Now);
    Deliver(Timer, Flags);
    KiLeave(Flags);
    return WasQueued;
}

static NOINLINE BOOLEAN CancelAsUsual(PKTIMER Timer)
{
    ULONG64 Flags = ArchDisableInterrupts();
    BOOLEAN WasQueued;

    KiLockObject(&Timer->Header);
    WasQueued = Dequeue(Timer);
    KiUnlockObject(&Timer->Header);
    ArchRestoreInterrupts(Flags);
    return WasQueued;
}

/* Timer, which is locked, is the first one of this processor's queue now; interrupts were on. */
static NOINLINE BOOLEAN ArmAndLeave(PKTIMER Timer, BOOLEAN WasQueued)
{
    KiArmClockEarlier(KiCurrentPcr(), Timer->DueTime);
    KiUnlockObject(&Timer->Header);
    ArchEnableInterrupts();
    return WasQueued;
}

static NOINLINE BOOLEAN SetAgain(PKTIMER Timer, LARGE_INTEGER DueTime, LONG Period, PKDPC Dpc);

/* Straight: a relative due time, interrupts on, no lock held by another, no other processor's queue. What is different
 * is called last, so that no register is saved; WasQueued is a constant for the same reason. */
FORCEINLINE BOOLEAN Set(PKTIMER Timer, LARGE_INTEGER DueTime, LONG Period, PKDPC Dpc, const BOOLEAN WasQueued)
{
    ULONG64 Flags;
    PKPCR Pcr;

    if (UNLIKELY(DueTime.QuadPart >= 0))
        return SetAsUsual(Timer, DueTime, Period, Dpc);
    Flags = ArchDisableInterrupts();
    Pcr = KiCurrentPcr();
    if (UNLIKELY(!ArchInterruptsWereOn(Flags)))
        return SetAsUsual(Timer, DueTime, Period, Dpc);
    if (UNLIKELY(!KiTryLockObject(&Timer->Header))) {
        ArchEnableInterrupts();
        return SetAsUsual(Timer, DueTime, Period, Dpc);
    }
    if (UNLIKELY(Timer->Header.Inserted != WasQueued)) {
        KiUnlockObject(&Timer->Header);
        ArchEnableInterrupts();
        return WasQueued ? SetAsUsual(Timer, DueTime, Period, Dpc) : SetAgain(Timer, DueTime, Period, Dpc);
    }
    if (UNLIKELY(WasQueued && KiTimerQueueOf(EntryOf(Timer)) != &Pcr->TimerQueue) ||
        UNLIKELY(!KiTryRawLock(&Pcr->TimerQueue.Lock))) {
        KiUnlockObject(&Timer->Header);
        ArchEnableInterrupts();
        return SetAsUsual(Timer, DueTime, Period, Dpc);
    }
    if (WasQueued)
        KiUnlinkTimer(EntryOf(Timer));
    Timer->Header.Inserted = TRUE;
    Timer->Header.SignalState = 0;
    Timer->Dpc = Dpc;
    Timer->Period = (ULONG)Period;
    if (UNLIKELY(KiInsertAhead(Pcr, EntryOf(Timer), KiQueryTime() - (ULONG64)DueTime.QuadPart, 0)))
        return ArmAndLeave(Timer, WasQueued);
    KiUnlockObject(&Timer->Header);
    ArchEnableInterrupts();
    return WasQueued;
}

static NOINLINE BOOLEAN SetAgain(PKTIMER Timer, LARGE_INTEGER DueTime, LONG Period, PKDPC Dpc)
{
    return Set(Timer, DueTime, Period, Dpc, TRUE);
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
BOOLEAN KeSetTimer(PKTIMER Timer, LARGE_INTEGER DueTime, PKDPC Dpc) { return Set(Timer, DueTime, 0, Dpc, FALSE); }

/* KeSetTimerEx - (re)start Timer: not signalled until DueTime (100 ns, negative relative, else absolute since
 * 1601), then every Period ms if that is not 0; each expiry queues Dpc if not NULL. A due time that has passed
 * expires inside the call. A negative Period is what it is in the unsigned field: 25 to 50 days.
 * IRQL: <= DISPATCH_LEVEL. Returns: TRUE if it was queued before; that setting is cancelled.
 * Source: WDK nf-wdm-kesettimerex, Remarks. */
BOOLEAN KeSetTimerEx(PKTIMER Timer, LARGE_INTEGER DueTime, LONG Period, PKDPC Dpc)
{
    return Set(Timer, DueTime, Period, Dpc, FALSE);
}

/* KeSetCoalescableTimer - KeSetTimerEx; each expiry may come up to TolerableDelay ms late, to be one with others. Here
 * nothing is gained by that, since the clock interrupts for due times only, and all that are over expire together: none
 * is late. Period: at most MAXLONG. Source: WDK nf-wdm-kesetcoalescabletimer. */
BOOLEAN KeSetCoalescableTimer(PKTIMER Timer, LARGE_INTEGER DueTime, ULONG Period, ULONG TolerableDelay, PKDPC Dpc)
{
    UNREFERENCED_PARAMETER(TolerableDelay);
    return KeSetTimerEx(Timer, DueTime, (LONG)Period, Dpc);
}

/* KeCancelTimer - take Timer out of the queue. Its state and its waiters stay as they are, and so does a DPC that
 * an earlier expiry has queued. IRQL: <= DISPATCH_LEVEL. Returns: TRUE if it was queued.
 * Source: WDK nf-wdm-kecanceltimer, Return value. */
BOOLEAN KeCancelTimer(PKTIMER Timer)
{
    ULONG64 Flags = ArchDisableInterrupts();
    KI_TIMER_QUEUE *Queue;

    if (UNLIKELY(!ArchInterruptsWereOn(Flags)))
        return CancelAsUsual(Timer);
    if (UNLIKELY(!KiTryLockObject(&Timer->Header))) {
        ArchEnableInterrupts();
        return CancelAsUsual(Timer);
    }
    if (!Timer->Header.Inserted) {
        KiUnlockObject(&Timer->Header);
        ArchEnableInterrupts();
        return FALSE;
    }
    Queue = KiTimerQueueOf(EntryOf(Timer));
    if (UNLIKELY(!KiTryRawLock(&Queue->Lock))) {
        KiUnlockObject(&Timer->Header);
        ArchEnableInterrupts();
        return CancelAsUsual(Timer);
    }
    KiUnlinkTimer(EntryOf(Timer));
    KiReleaseRawLock(&Queue->Lock);
    Timer->Header.Inserted = FALSE;
    KiUnlockObject(&Timer->Header);
    ArchEnableInterrupts();
    return TRUE;
}

/* KeReadStateTimer - is Timer signalled? IRQL: <= DISPATCH_LEVEL. Source: WDK nf-wdm-kereadstatetimer. */
BOOLEAN KeReadStateTimer(PKTIMER Timer) { return Timer->Header.SignalState > 0; }
