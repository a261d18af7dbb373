/* event.c - the event object: a flag that threads wait for.
 *
 * A notification event stays signalled until it is reset and lets every waiter through; a synchronization event
 * lets one waiter through and resets itself. Which waiters, and what they take, is wait.c's business. */
#include "ki.h"

/* Interrupts are off. */
static NOINLINE LONG SetAsUsual(PRKEVENT Event, KPRIORITY Increment, BOOLEAN Wait, ULONG64 Flags)
{
    LONG Previous;

    KiLockObject(&Event->Header);
    Previous = Event->Header.SignalState;
    Event->Header.SignalState = 1;
    if (!IsListEmpty(&Event->Header.WaitListHead) && Previous <= 0)
        KiWakeAndLeave(&Event->Header, Increment, Wait, Flags);
    else
        KiUnlockAndLeave(&Event->Header, Wait, Flags);
    return Previous;
}

/* ---- Public: KeInitializeEvent, KeSetEvent, KePulseEvent, KeResetEvent, KeClearEvent, KeReadStateEvent ---- */

/* KeInitializeEvent - Event becomes an event of Type, signalled if State. IRQL: any.
 * Header bytes 1 and 3 stay as found. Source: WDK nf-wdm-keinitializeevent. */
VOID KeInitializeEvent(PRKEVENT Event, EVENT_TYPE Type, BOOLEAN State)
{
    Event->Header.Type = (UCHAR)Type;
    Event->Header.Size = sizeof(KEVENT) / sizeof(ULONG);
    Event->Header.SignalState = State;
    InitializeListHead(&Event->Header.WaitListHead);
}

/* KeSetEvent - signal Event, waking one waiter (synchronization) or all (notification).
 * Increment: boost of the woken, in priority levels. Wait: TRUE returns at DISPATCH_LEVEL without a switch; a
 * KeWait must follow and returns at the caller's IRQL. IRQL: <= DISPATCH_LEVEL; <= APC_LEVEL if Wait.
 * Returns: the previous state, not 0 if it was signalled. Source: WDK nf-wdm-kesetevent, Returns and Remarks. */
LONG KeSetEvent(PRKEVENT Event, KPRIORITY Increment, BOOLEAN Wait)
{
    ULONG64 Flags = ArchDisableInterrupts();
    LONG Previous;

    if (UNLIKELY(Wait) || UNLIKELY(!KiTryLockObject(&Event->Header)))
        return SetAsUsual(Event, Increment, Wait, Flags);
    Previous = Event->Header.SignalState;
    if (UNLIKELY(!IsListEmpty(&Event->Header.WaitListHead)) && Previous <= 0)
        return KiSetAwaitedEvent(Event, Increment, Flags);
    Event->Header.SignalState = 1;
    KiUnlockObject(&Event->Header);
    ArchRestoreInterrupts(Flags);
    return Previous;
}

/* KePulseEvent - wake who waits now as KeSetEvent does, then leave Event not signalled. A waiter that is away in
 * a kernel APC misses it. Parameters, IRQL and result: as KeSetEvent. Source: WDK nf-ntddk-kepulseevent. */
LONG KePulseEvent(PRKEVENT Event, KPRIORITY Increment, BOOLEAN Wait)
{
    ULONG64 Flags = ArchDisableInterrupts();
    PKTHREAD Woken = NULL;
    LONG Previous;

    KiLockObject(&Event->Header);
    Previous = Event->Header.SignalState;
    if (Previous <= 0 && !IsListEmpty(&Event->Header.WaitListHead)) {
        Event->Header.SignalState = 1;
        Woken = KiWakeWaiters(&Event->Header, Increment, Flags);
    }
    Event->Header.SignalState = 0;
    KiUnlockObject(&Event->Header);
    KiReadyWoken(Woken, Flags);
    if (Wait)
        KiLeaveRaised(Flags, KiCurrentThread());
    else
        KiLeave(Flags);
    return Previous;
}

/* KeResetEvent - Event becomes not signalled. IRQL: <= DISPATCH_LEVEL. Returns: the previous state.
 * Source: WDK nf-wdm-keresetevent. */
LONG KeResetEvent(PRKEVENT Event)
{
    ULONG64 Flags = ArchDisableInterrupts();
    LONG Previous;

    KiLockObject(&Event->Header);
    Previous = Event->Header.SignalState;
    Event->Header.SignalState = 0;
    KiUnlockObject(&Event->Header);
    ArchRestoreInterrupts(Flags);
    return Previous;
}

/* KeClearEvent - Event becomes not signalled: one store, no lock, since nobody is woken by it.
 * IRQL: <= DISPATCH_LEVEL. Source: WDK nf-wdm-keclearevent. */
VOID KeClearEvent(PRKEVENT Event) { Event->Header.SignalState = 0; }

/* KeReadStateEvent - not 0 if Event is signalled. IRQL: any, if Event is resident. */
LONG KeReadStateEvent(PRKEVENT Event) { return Event->Header.SignalState; }
