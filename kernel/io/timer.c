/* timer.c - device timers.
 *
 * One kernel timer ticks each second while any device's timer is started; its DPC calls the routine of each. A device
 * is referenced while its routine runs, and the list's lock is not held: a routine may stop its own timer or another's,
 * or delete its device. A stopped one that the walk has already come to is still called once, on another processor at
 * the same time; one that is not started when the walk comes to it is not.
 * Rounds are numbered: a walk that a slow routine holds up is overtaken by the next second's on another processor, and
 * does not call again what that one has called. */
#include <io/timer.h>

#include "iop.h"

#include <ex/pool.h>
#include <ke/spinlock.h>
#include <ke/timer.h>
#include <ob/object.h>

#define SECOND 10000000ll
enum { MILLISECONDS = 1000 };

typedef struct _IO_TIMER {
    CSHORT Type;
    LIST_ENTRY Link;                    /* ListLock */
    PIO_TIMER_ROUTINE Routine;
    PVOID Context;
    PDEVICE_OBJECT Device;
    BOOLEAN Started;                    /* ListLock */
    ULONG64 Round;                      /* ListLock: the last one that it was called in */
} IO_TIMER;

static KSPIN_LOCK ListLock;
static LIST_ENTRY All = { &All, &All };
static ULONG StartedCount;              /* ListLock */
static ULONG64 Round;                   /* ListLock */
static KTIMER Clock;
static KDPC ClockDpc;

/* The next one that is started and was not called in this round or later, with its device referenced. Lock held. */
static IO_TIMER *NextOf(ULONG64 This)
{
    for (PLIST_ENTRY Link = All.Flink; Link != &All; Link = Link->Flink) {
        IO_TIMER *Timer = CONTAINING_RECORD(Link, IO_TIMER, Link);

        if (Timer->Started && Timer->Round < This && ObReferenceObjectSafe(Timer->Device)) {
            Timer->Round = This;
            return Timer;
        }
    }
    return NULL;
}

static VOID Tick(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    IO_TIMER *Timer;
    ULONG64 This;

    UNREFERENCED_PARAMETER(Dpc), UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1), UNREFERENCED_PARAMETER(Argument2);
    KeAcquireSpinLockAtDpcLevel(&ListLock);
    This = ++Round;
    while ((Timer = NextOf(This)) != NULL) {
        PDEVICE_OBJECT Device = Timer->Device;

        KeReleaseSpinLockFromDpcLevel(&ListLock);
        Timer->Routine(Device, Timer->Context);
        ObfDereferenceObject(Device);
        KeAcquireSpinLockAtDpcLevel(&ListLock);
    }
    KeReleaseSpinLockFromDpcLevel(&ListLock);
}

static void Switch(PDEVICE_OBJECT Device, BOOLEAN On)
{
    LARGE_INTEGER Second = { .QuadPart = -SECOND };
    KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&ListLock);
    IO_TIMER *Timer = Device->Timer;

    if (Timer->Started != On) {
        Timer->Started = On;
        StartedCount += On ? 1u : ~0u;
        if (On && StartedCount == 1)
            KeSetTimerEx(&Clock, Second, MILLISECONDS, &ClockDpc);
        if (!On && StartedCount == 0)
            KeCancelTimer(&Clock);
    }
    KeReleaseSpinLock(&ListLock, OldIrql);
}

/* ---- Inside io ---- */

void IopInitializeTimers(void)
{
    KeInitializeTimer(&Clock);
    KeInitializeDpc(&ClockDpc, Tick, NULL);
}

void IopStopTimerOf(PDEVICE_OBJECT Device)
{
    if (Device->Timer != NULL)
        Switch(Device, FALSE);
}

void IopFreeTimerOf(PDEVICE_OBJECT Device)
{
    KIRQL OldIrql;

    if (Device->Timer == NULL)
        return;
    OldIrql = KeAcquireSpinLockRaiseToDpc(&ListLock);
    RemoveEntryList(&Device->Timer->Link);
    KeReleaseSpinLock(&ListLock, OldIrql);
    ExFreePoolWithTag(Device->Timer, IO_TAG);
}

/* ---- Public ---- */

/* IoInitializeTimer - DeviceObject has a timer that calls TimerRoutine(DeviceObject, Context); it is stopped. Once more
 * for the same device replaces the routine. IRQL: PASSIVE_LEVEL. Returns: STATUS_SUCCESS,
 * STATUS_INSUFFICIENT_RESOURCES. Source: WDK nf-wdm-ioinitializetimer. */
NTSTATUS IoInitializeTimer(PDEVICE_OBJECT DeviceObject, PIO_TIMER_ROUTINE TimerRoutine, PVOID Context)
{
    IO_TIMER *Timer = DeviceObject->Timer;
    KIRQL OldIrql;

    if (Timer == NULL) {
        Timer = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof *Timer, IO_TAG);
        if (Timer == NULL)
            return STATUS_INSUFFICIENT_RESOURCES;
        *Timer = (IO_TIMER){ .Type = IO_TYPE_TIMER, .Device = DeviceObject };
        DeviceObject->Timer = Timer;
        OldIrql = KeAcquireSpinLockRaiseToDpc(&ListLock);
        InsertTailList(&All, &Timer->Link);
        KeReleaseSpinLock(&ListLock, OldIrql);
    }
    Timer->Routine = TimerRoutine;
    Timer->Context = Context;
    return STATUS_SUCCESS;
}

/* IoStartTimer - from now on the device's routine is called once a second, at DISPATCH_LEVEL in a DPC; the first time
 * within a second. IRQL: <= DISPATCH_LEVEL. Source: WDK nf-ntifs-iostarttimer. */
VOID IoStartTimer(PDEVICE_OBJECT DeviceObject) { Switch(DeviceObject, TRUE); }

/* IoStopTimer - and not any more, until it is started again; the routine itself may say so. A call that is under way on
 * another processor is not waited for. IRQL: <= DISPATCH_LEVEL. Source: WDK nf-ntifs-iostoptimer. */
VOID IoStopTimer(PDEVICE_OBJECT DeviceObject) { Switch(DeviceObject, FALSE); }

ULONG IoCountTimersOf(ULONG64 Start, ULONG64 End)
{
    KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&ListLock);
    ULONG Count = 0;

    for (PLIST_ENTRY Link = All.Flink; Link != &All; Link = Link->Flink) {
        IO_TIMER *Timer = CONTAINING_RECORD(Link, IO_TIMER, Link);

        Count += Timer->Started && (ULONG64)Timer->Routine >= Start && (ULONG64)Timer->Routine < End;
    }
    KeReleaseSpinLock(&ListLock, OldIrql);
    return Count;
}
