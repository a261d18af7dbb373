/* actor.c - a thread of a torture round: draws one operation after the other and checks what it can see of
 * each.
 *
 * An actor may wait for ever: the round's keeper feeds the objects when nobody moves. While it owns mutants it
 * waits for nothing but time, so no circle can close. When its budget is used up it arrives at the gate; from
 * then on nobody is alerted or interrupted any more, and what is left over from before is taken behind the gate
 * and counted. */
#include "torture.h"

#include <ke/clock.h>
#include <ke/init.h>
#include <ke/irql.h>
#include <ktest.h>
#include <ps/system_thread.h>
#include <rtl/status.h>

static ULONG64 Now(void)
{
    ULONG64 Counter;

    return KeQueryInterruptTimePrecise(&Counter);
}

static ULONG Pick(ACTOR *Self, ULONG Below) { return TorturePick(&Self->Random, Below); }
static OBJECT *PickObject(ACTOR *Self) { return &TortureObjects[Pick(Self, TortureRound.Objects)]; }
static ACTOR *PickActor(ACTOR *Self) { return &TortureActors[Pick(Self, TortureRound.Actors)]; }

/* ---- Waiting ---- */

/* For ever, not at all, up to 2 ms, or a second; relative or absolute. */
static void DrawTimeout(ACTOR *Self, WAIT *Wait)
{
    LONGLONG Interval = 1 + Pick(Self, 2 * TORTURE_MILLISECOND);
    LARGE_INTEGER Absolute;

    Wait->Timed = TRUE;
    Wait->Due = 0;
    switch (Pick(Self, 8)) {
    case 0:
    case 1:
        Wait->Timed = FALSE;
        return;
    case 2:
        Wait->Timeout.QuadPart = 0;
        return;
    case 3:
        if (!TortureRound.RealTime)
            Interval *= 500;
        break;
    case 4:
        Wait->Due = Now() + (ULONG64)Interval - 1;      /* two readings of the clock, maybe some time apart */
        KeQuerySystemTimePrecise(&Absolute);
        Wait->Timeout.QuadPart = Absolute.QuadPart + Interval;
        return;
    }
    Wait->Due = Now() + (ULONG64)Interval;
    Wait->Timeout.QuadPart = -Interval;
}

static void DrawObjects(ACTOR *Self, ULONG Count)
{
    WAIT *Wait = &Self->Wait;

    for (ULONG At = 0; At < Count; At++) {
    Again:
        Wait->Objects[At] = PickObject(Self);
        for (ULONG Before = 0; Before < At; Before++)
            if (Wait->Objects[Before] == Wait->Objects[At])
                goto Again;
    }
}

/* On one processor the wait begins at DISPATCH_LEVEL, as the second half of a Wait=TRUE: between the ticket and the
 * place in the queues nobody runs. */
static NTSTATUS WaitForDrawn(ACTOR *Self, ULONG Count)
{
    WAIT *Wait = &Self->Wait;
    PLARGE_INTEGER Timeout = Wait->Timed ? &Wait->Timeout : NULL;
    PVOID Objects[TORTURE_WAIT];
    NTSTATUS Status;

    for (ULONG At = 0; At < Count; At++)
        Objects[At] = Wait->Objects[At];
    if (TortureRound.OneProcessor || Pick(Self, 4) == 0)
        KeSetEvent(&Self->Scratch, 0, TRUE);
    if (TortureRound.OneProcessor) {
        Wait->Moved = FALSE;
        Wait->Ticket = ++TortureRound.Tickets;
        Wait->Count = Count;
    }
    if (Count == 1 && Pick(Self, 2))
        Status = KeWaitForSingleObject(Objects[0], Executive, KernelMode, Wait->Alertable, Timeout);
    else
        Status = KeWaitForMultipleObjects(Count, Objects, Wait->Type, Executive, KernelMode, Wait->Alertable, Timeout,
                                          Self->Blocks);
    Wait->Count = 0;
    return Status;
}

/* ---- What a wait has brought ---- */

static BOOLEAN IsMutant(const OBJECT *Object) { return Object->Kind == MutantKind || Object->Kind == MutexKind; }

/* An owner gets in again at once, as often as it likes, and stays the owner until the last level is given back. */
static void Recur(OBJECT *Object)
{
    LARGE_INTEGER Zero = { .QuadPart = 0 };

    EXPECT_EQ(KeWaitForSingleObject(&Object->Mutant, Executive, KernelMode, FALSE, &Zero), STATUS_SUCCESS);
    EXPECT_EQ(KeReadStateMutant(&Object->Mutant), -1);
    EXPECT_EQ(KeReleaseMutex(&Object->Mutant, FALSE), -1);
    EXPECT_EQ(KeReadStateMutant(&Object->Mutant), 0);
}

static void DelayShortly(ACTOR *Self)
{
    LARGE_INTEGER Interval = { .QuadPart = -(LONGLONG)Pick(Self, TORTURE_MILLISECOND / 2) };
    ULONG64 Due = Now() + (ULONG64)-Interval.QuadPart;

    EXPECT_EQ(KeDelayExecutionThread(KernelMode, FALSE, &Interval), STATUS_SUCCESS);
    EXPECT_GE(Now(), Due);
}

static void Accept(ACTOR *Self, OBJECT *Object)
{
    TortureTook(Self, Object);
    if (!IsMutant(Object))
        return;
    switch (Pick(Self, 4)) {
    case 0:
        Recur(Object);
        break;
    case 1:
        DelayShortly(Self);
        break;
    }
}

static void AcceptAll(ACTOR *Self, ULONG Count, NTSTATUS Status)
{
    OBJECT *Taken[TORTURE_WAIT];

    EXPECT_EQ(Status, STATUS_SUCCESS);  /* mutants are left behind at the end only */
    for (ULONG At = 0; At < Count; At++)
        Taken[At] = Self->Wait.Objects[At];
    for (ULONG At = 0; At < Count; At++)
        Accept(Self, Taken[At]);
    for (ULONG At = 0; At < Count; At++)
        if (IsMutant(Taken[At]))
            TortureRelease(Self, Taken[At]);
}

static void AcceptAny(ACTOR *Self, ULONG Count, NTSTATUS Status)
{
    OBJECT *Object;

    EXPECT_LT((ULONG)Status, Count);
    if ((ULONG)Status >= Count)
        return;
    Object = Self->Wait.Objects[Status];
    Accept(Self, Object);
    if (IsMutant(Object))
        TortureRelease(Self, Object);
}

static void WaitForObjects(ACTOR *Self, ULONG Count, WAIT_TYPE Type)
{
    KIRQL Level = Pick(Self, 8) == 0 ? APC_LEVEL : PASSIVE_LEVEL;
    WAIT *Wait = &Self->Wait;
    NTSTATUS Status;
    KIRQL OldIrql;

    Wait->Type = Type;
    Wait->Alertable = Pick(Self, 4) == 0;
    DrawObjects(Self, Count);
    KeRaiseIrql(Level, &OldIrql);
    DrawTimeout(Self, Wait);
    Status = WaitForDrawn(Self, Count);
    EXPECT_EQ(KeGetCurrentIrql(), Level);
    KeLowerIrql(OldIrql);
    if (Status == STATUS_TIMEOUT) {
        EXPECT_TRUE(Wait->Timed);
        EXPECT_GE(Now(), Wait->Due);
    } else if (Status == STATUS_ALERTED) {
        EXPECT_TRUE(Wait->Alertable);
        TORTURE_COUNT(TortureRound.AlertsTaken, 1);
    } else if (Type == WaitAll) {
        AcceptAll(Self, Count, Status);
    } else {
        AcceptAny(Self, Count, Status);
    }
}

static void WaitOne(ACTOR *Self) { WaitForObjects(Self, 1, WaitAny); }
static void WaitForAny(ACTOR *Self) { WaitForObjects(Self, 2 + Pick(Self, TORTURE_WAIT - 1), WaitAny); }
static void WaitForAll(ACTOR *Self) { WaitForObjects(Self, 2 + Pick(Self, 2), WaitAll); }

/* ---- Signalling, from everywhere ---- */

static void GiveHere(ACTOR *Self)
{
    KIRQL OldIrql;

    KeRaiseIrql((KIRQL)Pick(Self, DISPATCH_LEVEL + 1), &OldIrql);
    TortureGive(PickObject(Self), TortureRandom(&Self->Random));
    KeLowerIrql(OldIrql);
}

/* The random number is split over the arguments, one of which must survive the queue unchanged. */
static VOID GiveInDpc(PKDPC Dpc, PVOID Context, PVOID Object, PVOID Random)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Context);
    EXPECT_EQ(KeGetCurrentIrql(), DISPATCH_LEVEL);
    TORTURE_COUNT(TortureRound.DpcsTaken, 1);
    TortureGive(Object, (ULONG64)(ULONG_PTR)Random);
}

static void GiveByDpc(ACTOR *Self)
{
    KIRQL OldIrql;

    KeRaiseIrql((KIRQL)Pick(Self, DISPATCH_LEVEL + 1), &OldIrql);
    if (KeInsertQueueDpc(&Self->Dpc, PickObject(Self), (PVOID)(ULONG_PTR)TortureRandom(&Self->Random)))
        TORTURE_COUNT(TortureRound.DpcsGiven, 1);
    if (Pick(Self, 8) == 0 && KeRemoveQueueDpc(&Self->Dpc))
        TORTURE_COUNT(TortureRound.DpcsGiven, -1);
    KeLowerIrql(OldIrql);
}

static ACTOR *CurrentActor(void)
{
    PKTHREAD Thread = KeGetCurrentThread();

    for (ULONG At = 0; At < TortureRound.Actors; At++)
        if (TortureActors[At].Thread == Thread)
            return &TortureActors[At];
    return NULL;
}

static VOID KernelRoutine(PKAPC Apc, PKNORMAL_ROUTINE *Normal, PVOID *Context, PVOID *Argument1, PVOID *Argument2)
{
    ACTOR *Owner = CONTAINING_RECORD(Apc, ACTOR, Apc), *Target = CurrentActor();
    OBJECT *Object = *Argument1;
    ULONG64 Random = (ULONG64)(ULONG_PTR)*Argument2;

    UNREFERENCED_PARAMETER(Context);
    EXPECT_EQ(KeGetCurrentIrql(), APC_LEVEL);
    EXPECT_EQ(KeGetCurrentThread(), Apc->Thread);
    if (Target != NULL)
        Target->Wait.Moved = TRUE;
    TORTURE_COUNT(TortureRound.ApcsTaken, 1);
    if (*Normal == NULL)
        __atomic_store_n(&Owner->ApcBusy, 0, __ATOMIC_RELEASE);
    TortureGive(Object, Random);
}

static VOID NormalRoutine(PVOID Context, PVOID Argument1, PVOID Argument2)
{
    ACTOR *Owner = Context;

    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    EXPECT_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
    EXPECT_EQ(KeGetCurrentThread()->KernelApcDisable, 0);
    __atomic_store_n(&Owner->ApcBusy, 0, __ATOMIC_RELEASE);
}

static void GiveByApc(ACTOR *Self)
{
    LONG Free = 0;

    if (!__atomic_compare_exchange_n(&Self->ApcBusy, &Free, 1, FALSE, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
        return;
    KeInitializeApc(&Self->Apc, PickActor(Self)->Thread, OriginalApcEnvironment, KernelRoutine, NULL,
                    Pick(Self, 2) ? NormalRoutine : NULL, KernelMode, Self);
    TORTURE_COUNT(TortureRound.ApcsGiven, 1);
    if (!KeInsertQueueApc(&Self->Apc, PickObject(Self), (PVOID)(ULONG_PTR)TortureRandom(&Self->Random), 1))
        EXPECT_TRUE(FALSE);
}

static void Alert(ACTOR *Self)
{
    if (!KeAlertThread(PickActor(Self)->Thread, KernelMode))
        TORTURE_COUNT(TortureRound.AlertsGiven, 1);
}

static void TestAlert(void)
{
    if (KeTestAlertThread(KernelMode))
        TORTURE_COUNT(TortureRound.AlertsTaken, 1);
}

/* ---- The queue ---- */

static void InsertToken(ACTOR *Self)
{
    LONG Free = 0;

    if (!__atomic_compare_exchange_n(&Self->Token.Queued, &Free, 1, FALSE, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
        return;
    TORTURE_COUNT(TortureRound.EntriesGiven, 1);
    if (Pick(Self, 2))
        KeInsertQueue(&TortureRound.Queue, &Self->Token.Entry);
    else
        KeInsertHeadQueue(&TortureRound.Queue, &Self->Token.Entry);
}

static void RemoveToken(ACTOR *Self)
{
    LARGE_INTEGER Timeout = { .QuadPart = -(LONGLONG)Pick(Self, TORTURE_MILLISECOND) };
    PLIST_ENTRY Entry =
        KeRemoveQueue(&TortureRound.Queue, KernelMode, Pick(Self, 4) ? &Timeout : &(LARGE_INTEGER){ 0 });

    if (Entry == (PLIST_ENTRY)(LONG_PTR)STATUS_TIMEOUT)
        return;
    TORTURE_COUNT(TortureRound.EntriesTaken, 1);
    EXPECT_EQ(__atomic_exchange_n(&CONTAINING_RECORD(Entry, TOKEN, Entry)->Queued, 0, __ATOMIC_ACQ_REL), 1);
}

/* ---- Who runs where ---- */

static void ChangePriority(ACTOR *Self)
{
    KPRIORITY Priority = 1 + (KPRIORITY)Pick(Self, Pick(Self, 8) == 0 ? 18 : 15);
    ACTOR *Target = PickActor(Self);

    if (Pick(Self, 4) == 0)
        KeSetBasePriorityThread(Target->Thread, (LONG)Pick(Self, 9) - 4);
    else
        KeSetPriorityThread(Target->Thread, Priority);
}

static void ChangeAffinity(ACTOR *Self)
{
    KAFFINITY Active = KeQueryActiveProcessors(), Mask = TortureRandom(&Self->Random) & Active;

    if (TortureRound.OneProcessor)
        return;
    if (Mask == 0)
        Mask = Active;
    if (Pick(Self, 2)) {
        KeSetAffinityThread(PickActor(Self)->Thread, Mask);
        return;
    }
    KeSetSystemAffinityThread(Mask);
    GiveHere(Self);
    KeRevertToUserAffinityThread();
}

static void HoldApcsBack(ACTOR *Self)
{
    if (Pick(Self, 2)) {
        KeEnterCriticalRegion();
        WaitOne(Self);
        KeLeaveCriticalRegion();
    } else {
        KeEnterGuardedRegion();
        WaitOne(Self);
        KeLeaveGuardedRegion();
    }
}

static void Pause(ACTOR *Self)
{
    LARGE_INTEGER Zero = { .QuadPart = 0 };

    if (Pick(Self, 2))
        EXPECT_EQ(KeDelayExecutionThread(KernelMode, FALSE, &Zero), STATUS_SUCCESS);
    else
        DelayShortly(Self);
}

/* ---- A life ---- */

static void Act(ACTOR *Self)
{
    static const struct { ULONG Weight; void (*Operation)(ACTOR *); } Table[] = {
        { 30, GiveHere }, { 8, GiveByDpc }, { 5, GiveByApc }, { 18, WaitOne }, { 12, WaitForAny }, { 8, WaitForAll },
        { 4, InsertToken }, { 4, RemoveToken }, { 3, Alert }, { 3, ChangePriority }, { 2, ChangeAffinity },
        { 1, HoldApcsBack }, { 2, Pause },
    };
    ULONG Draw = Pick(Self, 100), At = 0;

    while (Draw >= Table[At].Weight)
        Draw -= Table[At++].Weight;
    Table[At].Operation(Self);
    EXPECT_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
    EXPECT_EQ(KeGetCurrentThread()->CombinedApcDisable, 0);
    TORTURE_COUNT(TortureRound.Operations, 1);
}

/* End as the owner of a mutant now and then: whoever gets it next is told. */
static void LeaveMutantBehind(ACTOR *Self)
{
    LARGE_INTEGER Zero = { .QuadPart = 0 };
    OBJECT *Object = PickObject(Self);
    NTSTATUS Status;

    if (Object->Kind != MutantKind)
        return;
    Status = KeWaitForSingleObject(&Object->Mutant, Executive, KernelMode, FALSE, &Zero);
    if (Status == STATUS_TIMEOUT)
        return;
    if (Status == STATUS_ABANDONED)
        TORTURE_COUNT(TortureRound.AbandonsTaken, 1);
    TORTURE_COUNT(TortureRound.AbandonsGiven, 1);
}

void TortureActor(PVOID Context)
{
    ACTOR *Self = Context;

    KeLeaveCriticalRegion();            /* every system thread starts in one */
    KeInitializeEvent(&Self->Scratch, NotificationEvent, FALSE);
    KeInitializeDpc(&Self->Dpc, GiveInDpc, Self);
    KeSetImportanceDpc(&Self->Dpc, (KDPC_IMPORTANCE)Pick(Self, 4));
    KeWaitForSingleObject(&TortureRound.Start, Executive, KernelMode, FALSE, NULL);
    for (ULONG Done = 0; Done < TortureRound.Budget; Done++)
        Act(Self);
    __atomic_fetch_add(&TortureRound.Arrived, 1, __ATOMIC_ACQ_REL);
    KeWaitForSingleObject(&TortureRound.Gate, Executive, KernelMode, FALSE, NULL);
    TestAlert();
    LeaveMutantBehind(Self);
    PsTerminateSystemThread(STATUS_SUCCESS);
}
