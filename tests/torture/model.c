/* model.c - the objects of a torture round, and what is known about them from outside.
 *
 * Counting: whoever signals learns from the return value whether a unit came into being (a set that found the
 * event reset, a release), and whoever returns from a wait knows what it was given. In sum: units given = units
 * taken + what the object still holds. A wait-all that takes a unit and does not complete, a wake-up that
 * consumes and does not arrive, a signal that two threads get: each breaks the sum of some object.
 * Foreseeing: on one processor, at DISPATCH_LEVEL, the world stands still. Every wait has drawn a ticket when
 * it began, so the model knows who must be woken by a signal, before it is made: the lowest ticket of those
 * whom it satisfies. It looks afterwards whether this one, and as many as there were units, have left the state
 * Waiting. And before: an object that is signalled already has no waiter whom it would satisfy. */
#include "torture.h"

#include <ke/irql.h>
#include <ktest.h>
#include <rtl/status.h>
#include <rtl/string.h>

ROUND TortureRound;
OBJECT TortureObjects[TORTURE_OBJECTS];
ACTOR TortureActors[TORTURE_ACTORS];

ULONG64 TortureMix(ULONG64 Value)
{
    Value += 0x9E3779B97F4A7C15ull;
    Value = (Value ^ Value >> 30) * 0xBF58476D1CE4E5B9ull;
    Value = (Value ^ Value >> 27) * 0x94D049BB133111EBull;
    return Value ^ Value >> 31;
}

ULONG64 TortureRandom(ULONG64 *State)
{
    *State += 0x9E3779B97F4A7C15ull;
    return TortureMix(*State);
}

/* ---- Foreseeing who is woken ---- */

typedef struct _FORECAST {
    ACTOR *First;                       /* who is due first; NULL: nobody can be satisfied */
    ULONG Eligible;                     /* whom the object would satisfy */
    BOOLEAN Certain;                    /* no ticket is stale */
    BOOLEAN Counted;                    /* no wait-all: one unit wakes one */
} FORECAST;

static BOOLEAN IsWaiting(const ACTOR *Actor) { return Actor->Wait.Count != 0 && Actor->Thread->State == Waiting; }

static BOOLEAN WaitsFor(const ACTOR *Actor, const OBJECT *Object)
{
    for (ULONG At = 0; At < Actor->Wait.Count; At++)
        if (Actor->Wait.Objects[At] == Object)
            return TRUE;
    return FALSE;
}

/* Would Actor, which waits for Object, be satisfied if Object were signalled? */
static BOOLEAN IsEligible(const ACTOR *Actor, const OBJECT *Object)
{
    if (Actor->Wait.Type == WaitAny)
        return TRUE;
    for (ULONG At = 0; At < Actor->Wait.Count; At++)
        if (Actor->Wait.Objects[At] != Object && Actor->Wait.Objects[At]->Header.SignalState <= 0)
            return FALSE;
    return TRUE;
}

static FORECAST Foresee(const OBJECT *Object)
{
    FORECAST Forecast = { .Certain = TRUE, .Counted = TRUE };

    for (ULONG At = 0; At < TortureRound.Actors; At++) {
        ACTOR *Actor = &TortureActors[At];

        if (!IsWaiting(Actor) || !WaitsFor(Actor, Object))
            continue;
        Forecast.Certain &= !Actor->Wait.Moved;
        Forecast.Counted &= Actor->Wait.Type == WaitAny;
        if (!IsEligible(Actor, Object))
            continue;
        Forecast.Eligible++;
        if (Forecast.First == NULL || Actor->Wait.Ticket < Forecast.First->Wait.Ticket)
            Forecast.First = Actor;
    }
    return Forecast;
}

/* Object had Before in its state and has been given Units. */
static void CheckForecast(const OBJECT *Object, const FORECAST *Forecast, LONG Before, LONG Units)
{
    ULONG Woken, Expected;

    if (Before > 0)
        EXPECT_EQ(Forecast->Eligible, 0);
    if (Before > 0 || Units == 0 || Forecast->First == NULL)
        return;
    if (Forecast->Certain)
        EXPECT_NE(Forecast->First->Thread->State, Waiting);
    if (!Forecast->Counted)
        return;
    Woken = Forecast->Eligible - Foresee(Object).Eligible;
    Expected =
        Object->Kind == NotificationKind || (ULONG)Units > Forecast->Eligible ? Forecast->Eligible : (ULONG)Units;
    EXPECT_EQ(Woken, Expected);
}

/* ---- Giving ---- */

/* Returns: the units that have come into being, or 0. */
static LONG GiveEvent(OBJECT *Object, ULONG64 Random)
{
    LONG Previous;

    switch (Random % 8) {
    case 0:
        if (Object->Kind == PulsedKind)
            KeClearEvent(&Object->Event);
        else if (KeResetEvent(&Object->Event) > 0)
            TORTURE_COUNT(Object->Taken, 1);
        return 0;
    case 1:
        if (Object->Kind != SyncKind) {
            Previous = KePulseEvent(&Object->Event, (KPRIORITY)(Random >> 8) % 3, FALSE);
            break;
        }
        /* fall through */
    default:
        Previous = KeSetEvent(&Object->Event, (KPRIORITY)(Random >> 8) % 3, FALSE);
        break;
    }
    if (Previous == 0)
        TORTURE_COUNT(Object->Given, 1);
    return Previous == 0;
}

static LONG GiveSemaphore(OBJECT *Object, ULONG64 Random)
{
    LONG Units = 1 + (Random % 8 == 0 ? (LONG)(Random >> 8) % 5 & 3 : 0);

    KeReleaseSemaphore(&Object->Semaphore, 1, Units, FALSE);
    TORTURE_COUNT(Object->Given, Units);
    return Units;
}

static void GiveTimer(OBJECT *Object, ULONG64 Random)
{
    LARGE_INTEGER Due = { .QuadPart = -(LONGLONG)((Random >> 8) % (2 * TORTURE_MILLISECOND)) };

    switch (Random % 8) {
    case 0:
        KeCancelTimer(&Object->Timer);
        return;
    case 1:
        KeSetTimerEx(&Object->Timer, Due, 1 + (LONG)(Random >> 40) % 3, &Object->Dpc);
        return;
    case 2:
        Due.QuadPart = 0;
        /* fall through */
    default:
        KeSetTimerEx(&Object->Timer, Due, 0, Random >> 60 & 1 ? &Object->Dpc : NULL);
    }
}

static LONG Give(OBJECT *Object, ULONG64 Random)
{
    switch (Object->Kind) {
    case NotificationKind:
    case SyncKind:
    case PulsedKind:
        return GiveEvent(Object, Random);
    case SemaphoreKind:
        return GiveSemaphore(Object, Random);
    case TimerKind:
    case SyncTimerKind:
        GiveTimer(Object, Random);
        return 0;
    default:
        return 0;                       /* a mutant is its owner's to give */
    }
}

void TortureGive(OBJECT *Object, ULONG64 Random)
{
    KIRQL Irql = KeGetCurrentIrql();
    FORECAST Forecast;
    LONG Before;

    if (!TortureRound.OneProcessor) {
        Give(Object, Random);
        return;
    }
    KfRaiseIrql(DISPATCH_LEVEL);
    Before = Object->Header.SignalState;
    Forecast = Foresee(Object);
    CheckForecast(Object, &Forecast, Before, Give(Object, Random));
    KeLowerIrql(Irql);
}

void TortureFeed(OBJECT *Object) { TortureGive(Object, 0x0F02 | 7); }

/* ---- Taking ---- */

void TortureTook(ACTOR *Self, OBJECT *Object)
{
    TORTURE_COUNT(Object->Taken, 1);
    if (Object->Kind != MutantKind && Object->Kind != MutexKind)
        return;
    EXPECT_EQ(__atomic_exchange_n(&Object->Holder, Self, __ATOMIC_ACQ_REL), NULL);
    EXPECT_EQ(Object->Mutant.OwnerThread, Self->Thread);
}

void TortureRelease(ACTOR *Self, OBJECT *Object)
{
    KIRQL Irql = KeGetCurrentIrql();
    FORECAST Forecast;

    EXPECT_EQ(__atomic_exchange_n(&Object->Holder, NULL, __ATOMIC_ACQ_REL), Self);
    if (!TortureRound.OneProcessor) {
        KeReleaseMutant(&Object->Mutant, MUTANT_INCREMENT, FALSE, FALSE);
        return;
    }
    KfRaiseIrql(DISPATCH_LEVEL);
    Forecast = Foresee(Object);
    EXPECT_EQ(KeReleaseMutant(&Object->Mutant, MUTANT_INCREMENT, FALSE, FALSE), 0);
    if (Forecast.Certain)
        EXPECT_EQ(Object->Mutant.OwnerThread, Forecast.First != NULL ? Forecast.First->Thread : NULL);
    KeLowerIrql(Irql);
}

/* ---- The beginning and the end of a round ---- */

static VOID CountTimer(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    OBJECT *Object = Context;

    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    TORTURE_COUNT(Object->DpcRuns, 1);
}

static void Initialize(OBJECT *Object, OBJECT_KIND Kind, LONG Units)
{
    memset(Object, 0x55, sizeof *Object);
    Object->Kind = Kind;
    Object->Holder = NULL;
    Object->Given = Object->Taken = 0;
    Object->DpcRuns = 0;
    KeInitializeDpc(&Object->Dpc, CountTimer, Object);
    switch (Kind) {
    case SemaphoreKind:
        KeInitializeSemaphore(&Object->Semaphore, Units, MAXLONG);
        Object->Given = Units;
        break;
    case MutantKind:
        KeInitializeMutant(&Object->Mutant, FALSE);
        break;
    case MutexKind:
        KeInitializeMutex(&Object->Mutant, 0);
        break;
    case TimerKind:
    case SyncTimerKind:
        KeInitializeTimerEx(&Object->Timer, Kind == TimerKind ? NotificationTimer : SynchronizationTimer);
        break;
    default:
        KeInitializeEvent(&Object->Event, Kind == NotificationKind ? NotificationEvent : SynchronizationEvent,
                          Units & 1);
        Object->Given = Units & 1;
    }
}

/* Each kind once, the rest as it comes. */
void TortureInitializeObjects(ULONG64 *Random)
{
    for (ULONG At = 0; At < TortureRound.Objects; At++) {
        OBJECT_KIND Kind = At < ObjectKinds ? (OBJECT_KIND)At : (OBJECT_KIND)TorturePick(Random, ObjectKinds);

        Initialize(&TortureObjects[At], Kind, (LONG)TorturePick(Random, 4));
    }
}

/* The caller takes each mutant and leaves it owned: nobody comes after. */
static void CheckMutant(OBJECT *Object)
{
    LARGE_INTEGER Zero = { .QuadPart = 0 };
    NTSTATUS Status;

    EXPECT_EQ(Object->Mutant.Header.SignalState, 1);
    EXPECT_EQ(Object->Mutant.OwnerThread, NULL);
    Status = KeWaitForSingleObject(&Object->Mutant, Executive, KernelMode, FALSE, &Zero);
    EXPECT_TRUE(Status == STATUS_SUCCESS || Status == STATUS_ABANDONED);
    if (Status == STATUS_ABANDONED)
        TORTURE_COUNT(TortureRound.AbandonsTaken, 1);
    if (Status != STATUS_TIMEOUT)
        KeReleaseMutant(&Object->Mutant, 0, FALSE, FALSE);
}

static void CheckObject(OBJECT *Object)
{
    LONG64 Held = Object->Header.SignalState;

    EXPECT_EQ(Object->Header.WaitListHead.Flink, &Object->Header.WaitListHead);
    EXPECT_EQ(Object->Header.WaitListHead.Blink, &Object->Header.WaitListHead);
    switch (Object->Kind) {
    case SyncKind:
    case SemaphoreKind:
        EXPECT_EQ(Object->Given, Object->Taken + Held);
        break;
    case PulsedKind:
        EXPECT_LE(Object->Taken + Held, Object->Given);
        break;
    case MutantKind:
    case MutexKind:
        CheckMutant(Object);
        break;
    default:
        EXPECT_TRUE(Held == 0 || Held == 1);
    }
}

static BOOLEAN IsTimer(const OBJECT *Object) { return Object->Kind == TimerKind || Object->Kind == SyncTimerKind; }

/* A cancelled timer is not heard of again. */
static void CheckTimers(void)
{
    LARGE_INTEGER Interval = { .QuadPart = -5 * TORTURE_MILLISECOND };
    LONG Runs = 0, Later = 0;

    for (ULONG At = 0; At < TortureRound.Objects; At++)
        if (IsTimer(&TortureObjects[At])) {
            KeCancelTimer(&TortureObjects[At].Timer);
            EXPECT_FALSE(KeCancelTimer(&TortureObjects[At].Timer));
        }
    KeFlushQueuedDpcs();
    for (ULONG At = 0; At < TortureRound.Objects; At++)
        Runs += TortureObjects[At].DpcRuns;
    KeDelayExecutionThread(KernelMode, FALSE, &Interval);
    for (ULONG At = 0; At < TortureRound.Objects; At++)
        Later += TortureObjects[At].DpcRuns;
    EXPECT_EQ(Later, Runs);
}

void TortureCheckObjects(void)
{
    CheckTimers();
    for (ULONG At = 0; At < TortureRound.Objects; At++)
        CheckObject(&TortureObjects[At]);
}
