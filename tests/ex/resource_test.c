/* resource_test.c - ERESOURCE: each cell of the acquisition table, who is let in after whom, owner pointers, the
 * table of owners, conserved counts. Actors are threads that do what they are told, so that each state is made
 * exactly. */
#include <arch/arch.h>
#include <ex/resource.h>
#include <ke/apc.h>
#include <ke/clock.h>
#include <ke/event.h>
#include <ke/irql.h>
#include <ke/thread.h>
#include <ktest.h>
#include <rtl/list.h>
#include <rtl/status.h>
#include <rtl/string.h>

typedef enum _ACT {
    TakeExclusive, TakeShared, TakeStarve, TakeWait, GiveBack, AskLevels, AskExclusive, Convert, Leave
} ACT;

typedef struct _ACTOR {
    KEVENT Go, Done;
    PKTHREAD Thread;
    ACT Act;
    BOOLEAN Wait;
    ULONG Result;
    volatile LONG Turn;                 /* when its last blocking acquisition came back */
} ACTOR;

static ERESOURCE Resource;
static ACTOR Actors[4];
static volatile LONG Turns;

static ULONG Perform(ACT Act, BOOLEAN Wait)
{
    switch (Act) {
    case TakeExclusive: return ExAcquireResourceExclusiveLite(&Resource, Wait);
    case TakeShared: return ExAcquireResourceSharedLite(&Resource, Wait);
    case TakeStarve: return ExAcquireSharedStarveExclusive(&Resource, Wait);
    case TakeWait: return ExAcquireSharedWaitForExclusive(&Resource, Wait);
    case GiveBack: ExReleaseResourceLite(&Resource); return TRUE;
    case AskLevels: return ExIsResourceAcquiredSharedLite(&Resource);
    case AskExclusive: return ExIsResourceAcquiredExclusiveLite(&Resource);
    case Convert: ExConvertExclusiveToSharedLite(&Resource); return TRUE;
    default: return 0;
    }
}

static void ActorThread(PVOID Context)
{
    ACTOR *Actor = Context;

    KeEnterCriticalRegion();
    for (;;) {
        KeWaitForSingleObject(&Actor->Go, Executive, KernelMode, FALSE, NULL);
        if (Actor->Act == Leave)
            break;
        Actor->Result = Perform(Actor->Act, Actor->Wait);
        Actor->Turn = __atomic_add_fetch(&Turns, 1, __ATOMIC_SEQ_CST);
        KeSetEvent(&Actor->Done, 0, FALSE);
    }
    KeLeaveCriticalRegion();
}

static void Begin(ACTOR *Actor, ACT Act, BOOLEAN Wait)
{
    Actor->Act = Act;
    Actor->Wait = Wait;
    KeSetEvent(&Actor->Go, 0, FALSE);
}

static ULONG Finish(ACTOR *Actor)
{
    LARGE_INTEGER Patience = { .QuadPart = -300000000 };

    REQUIRE_EQ(KeWaitForSingleObject(&Actor->Done, Executive, KernelMode, FALSE, &Patience), STATUS_SUCCESS);
    return Actor->Result;
}

static ULONG Tell(ACTOR *Actor, ACT Act)
{
    Begin(Actor, Act, FALSE);
    return Finish(Actor);
}

static void Sleep(void)
{
    LARGE_INTEGER Moment = { .QuadPart = -1000 };

    KeDelayExecutionThread(KernelMode, FALSE, &Moment);
}

/* Actor begins an acquisition that has to wait, and does. */
static void TellToWait(ACTOR *Actor, ACT Act)
{
    ULONG Before = Resource.NumberOfSharedWaiters + Resource.NumberOfExclusiveWaiters;

    Begin(Actor, Act, TRUE);
    for (int Look = 0; Look < 100000 && Actor->Thread->WaitReason != WrResource; Look++)
        Sleep();
    KtestWaitBlocked(Actor->Thread, NULL);
    EXPECT_EQ(Actor->Thread->WaitReason, WrResource);
    EXPECT_EQ(Resource.NumberOfSharedWaiters + Resource.NumberOfExclusiveWaiters, Before + 1);
}

static BOOLEAN IsWaiting(ACTOR *Actor) { return KeReadStateEvent(&Actor->Done) == 0; }

static void Open(void)
{
    memset(&Resource, 0x55, sizeof Resource);
    EXPECT_EQ(ExInitializeResourceLite(&Resource), STATUS_SUCCESS);
    Turns = 0;
    for (ULONG At = 0; At < RTL_NUMBER_OF(Actors); At++) {
        KeInitializeEvent(&Actors[At].Go, SynchronizationEvent, FALSE);
        KeInitializeEvent(&Actors[At].Done, SynchronizationEvent, FALSE);
        Actors[At].Thread = KtestThread(ActorThread, &Actors[At], 9);
        KtestWaitBlocked(Actors[At].Thread, &Actors[At].Go);
    }
    KeEnterCriticalRegion();
}

static void CheckFree(void)
{
    EXPECT_EQ(Resource.State, 0);
    EXPECT_EQ(Resource.ActiveEntries, 0);
    EXPECT_EQ(Resource.OwnerEntry.OwnerThread, 0);
    EXPECT_EQ(ExGetSharedWaiterCount(&Resource), 0);
    EXPECT_EQ(ExGetExclusiveWaiterCount(&Resource), 0);
    EXPECT_EQ(Resource.SpinLock, 0);
}

static void Close(void)
{
    CheckFree();
    KeLeaveCriticalRegion();
    for (ULONG At = 0; At < RTL_NUMBER_OF(Actors); At++) {
        Begin(&Actors[At], Leave, FALSE);
        KtestJoin(Actors[At].Thread);
    }
    EXPECT_EQ(ExDeleteResourceLite(&Resource), STATUS_SUCCESS);
}

/* covers ExInitializeResourceLite.1 */
TEST(ex_resource, initialize_over_poison)
{
    ERESOURCE R;

    memset(&R, 0x55, sizeof R);
    EXPECT_EQ(ExInitializeResourceLite(&R), STATUS_SUCCESS);
    EXPECT_EQ(R.SystemResourcesList.Flink->Blink, &R.SystemResourcesList);
    EXPECT_EQ(R.SystemResourcesList.Blink->Flink, &R.SystemResourcesList);
    EXPECT_EQ(R.OwnerTable, NULL);
    EXPECT_EQ(R.ActiveCount, 0);
    EXPECT_EQ(R.Flag, 0);
    EXPECT_EQ(R.SharedWaiters, NULL);
    EXPECT_EQ(R.ExclusiveWaiters, NULL);
    EXPECT_EQ(R.OwnerEntry.OwnerThread, 0);
    EXPECT_EQ(R.OwnerEntry.TableSize, 0);
    EXPECT_EQ(R.ActiveEntries, 0);
    EXPECT_EQ(R.ContentionCount, 0);
    EXPECT_EQ(R.NumberOfSharedWaiters, 0);
    EXPECT_EQ(R.NumberOfExclusiveWaiters, 0);
    EXPECT_EQ(R.SpinLock, 0);
    EXPECT_EQ(ExDeleteResourceLite(&R), STATUS_SUCCESS);
}

/* ---- The acquisition table, cell by cell ---- */

/* What the subject, actor 0, finds. Actor 1 is another owner, actor 2 waits for exclusive ownership. */
typedef enum _STATE {
    Free, ExclusiveMine, ExclusiveOther, SharedMine, SharedMineContended, SharedOther, SharedOtherContended, States
} STATE;

static void Make(STATE State)
{
    if (State == ExclusiveMine)
        EXPECT_TRUE(Tell(&Actors[0], TakeExclusive));
    if (State == ExclusiveOther)
        EXPECT_TRUE(Tell(&Actors[1], TakeExclusive));
    if (State == SharedMine || State == SharedMineContended)
        EXPECT_TRUE(Tell(&Actors[0], TakeShared));
    if (State == SharedOther || State == SharedOtherContended)
        EXPECT_TRUE(Tell(&Actors[1], TakeShared));
    if (State == SharedMineContended || State == SharedOtherContended)
        TellToWait(&Actors[2], TakeExclusive);
}

static void Unmake(STATE State)
{
    if (State != Free)
        Tell(&Actors[State == ExclusiveOther || State == SharedOther || State == SharedOtherContended], GiveBack);
    if (State == SharedMineContended || State == SharedOtherContended) {
        EXPECT_TRUE(Finish(&Actors[2]));
        Tell(&Actors[2], GiveBack);
    }
}

static const BOOLEAN Grants[States][4] = {
    /*                          exclusive shared starve waits */
    [Free] =                  { TRUE,     TRUE,  TRUE,  TRUE },
    [ExclusiveMine] =         { TRUE,     TRUE,  TRUE,  TRUE },
    [ExclusiveOther] =        { FALSE,    FALSE, FALSE, FALSE },
    [SharedMine] =            { FALSE,    TRUE,  TRUE,  TRUE },
    [SharedMineContended] =   { FALSE,    TRUE,  TRUE,  FALSE },
    [SharedOther] =           { FALSE,    TRUE,  TRUE,  TRUE },
    [SharedOtherContended] =  { FALSE,    FALSE, TRUE,  FALSE },
};

static void CheckCell(STATE State, ACT Act)
{
    ULONG Held = State == ExclusiveMine || State == SharedMine || State == SharedMineContended;
    BOOLEAN Granted;

    Make(State);
    EXPECT_EQ(Tell(&Actors[0], AskLevels), Held);
    Granted = (BOOLEAN)Tell(&Actors[0], Act);
    if (Granted != Grants[State][Act])
        KtestFail(__FILE__, __LINE__, "the cell of this state, this routine", State, Act);
    EXPECT_EQ(Tell(&Actors[0], AskLevels), Held + Granted);
    EXPECT_EQ(Tell(&Actors[0], AskExclusive), State == ExclusiveMine || (State == Free && Act == TakeExclusive));
    if (Granted)
        Tell(&Actors[0], GiveBack);
    EXPECT_EQ(Tell(&Actors[0], AskLevels), Held);
    Unmake(State);
    CheckFree();
}

/* covers ExAcquireResourceExclusiveLite.1, ExAcquireResourceExclusiveLite.2, ExAcquireResourceExclusiveLite.3,
 * ExAcquireResourceSharedLite.1, ExAcquireResourceSharedLite.3, ExAcquireResourceSharedLite.4,
 * ExAcquireSharedStarveExclusive.1, ExAcquireSharedStarveExclusive.2, ExAcquireSharedWaitForExclusive.1,
 * ExAcquireSharedWaitForExclusive.2, ExIsResourceAcquiredExclusiveLite.1, ExIsResourceAcquiredSharedLite.1, trap 33 */
TEST(ex_resource, each_cell_of_the_acquisition_table)
{
    Open();
    for (STATE State = Free; State < States; State++)
        for (ACT Act = TakeExclusive; Act <= TakeWait; Act++)
            CheckCell(State, Act);
    Close();
}

/* The cells that say "wait", with Wait: the subject sleeps and is an owner when it wakes. A thread that waits for its
 * own shares needs somebody who releases them for it. */
static void CheckWaitingCell(STATE State, ACT Act)
{
    BOOLEAN Mine = State == SharedMine || State == SharedMineContended;

    Make(State);
    TellToWait(&Actors[0], Act);
    if (Mine)
        ExReleaseResourceForThreadLite(&Resource, (ERESOURCE_THREAD)Actors[0].Thread);
    else
        Tell(&Actors[1], GiveBack);
    if (State == SharedMineContended || State == SharedOtherContended) {
        EXPECT_TRUE(Finish(&Actors[2]));
        EXPECT_TRUE(IsWaiting(&Actors[0]));
        Tell(&Actors[2], GiveBack);
    }
    EXPECT_TRUE(Finish(&Actors[0]));
    EXPECT_EQ(Tell(&Actors[0], AskLevels), 1);
    EXPECT_EQ(Tell(&Actors[0], AskExclusive), Act == TakeExclusive);
    Tell(&Actors[0], GiveBack);
    CheckFree();
}

/* covers ExAcquireResourceExclusiveLite.2, ExAcquireResourceExclusiveLite.3, ExAcquireResourceSharedLite.4,
 * ExAcquireSharedStarveExclusive.2, ExAcquireSharedWaitForExclusive.1, ExAcquireSharedWaitForExclusive.2 */
TEST(ex_resource, each_waiting_cell_of_the_acquisition_table)
{
    Open();
    for (STATE State = Free; State < States; State++)
        for (ACT Act = TakeExclusive; Act <= TakeWait; Act++)
            if (!Grants[State][Act])
                CheckWaitingCell(State, Act);
    Close();
}

/* ---- Levels ---- */

/* covers ExTryToAcquireResourceExclusiveLite.1, ExTryToAcquireResourceExclusiveLite.2,
 * ExAcquireResourceExclusiveLite.1 */
TEST(ex_resource, try_is_exclusive_without_waiting)
{
    Open();
    EXPECT_TRUE(ExTryToAcquireResourceExclusiveLite(&Resource));
    EXPECT_TRUE(ExTryToAcquireResourceExclusiveLite(&Resource));
    EXPECT_EQ(ExIsResourceAcquiredSharedLite(&Resource), 2);
    EXPECT_EQ(Resource.Flag & ResourceOwnedExclusive, ResourceOwnedExclusive);
    EXPECT_EQ(Resource.OwnerEntry.OwnerThread, (ERESOURCE_THREAD)KeGetCurrentThread());
    EXPECT_EQ(Resource.OwnerEntry.OwnerCount, 2);
    ExReleaseResourceLite(&Resource);
    ExReleaseResourceLite(&Resource);
    EXPECT_TRUE(Tell(&Actors[0], TakeShared));
    EXPECT_FALSE(ExTryToAcquireResourceExclusiveLite(&Resource));
    Tell(&Actors[0], GiveBack);
    Close();
}

/* covers ExAcquireResourceSharedLite.2, ExIsResourceAcquiredExclusiveLite.1, ExIsResourceAcquiredSharedLite.1,
 * trap 34 */
TEST(ex_resource, shared_acquire_of_the_exclusive_owner_stays_exclusive)
{
    Open();
    EXPECT_TRUE(ExAcquireResourceExclusiveLite(&Resource, TRUE));
    EXPECT_TRUE(ExAcquireResourceSharedLite(&Resource, TRUE));
    EXPECT_TRUE(ExAcquireSharedStarveExclusive(&Resource, TRUE));
    EXPECT_TRUE(ExAcquireSharedWaitForExclusive(&Resource, TRUE));
    EXPECT_EQ(ExIsResourceAcquiredSharedLite(&Resource), 4);
    for (ULONG Left = 4; Left > 0; Left--) {
        EXPECT_TRUE(ExIsResourceAcquiredExclusiveLite(&Resource));
        EXPECT_FALSE(Tell(&Actors[0], TakeShared));
        ExReleaseResourceLite(&Resource);
        EXPECT_EQ(ExIsResourceAcquiredSharedLite(&Resource), Left - 1);
    }
    EXPECT_FALSE(ExIsResourceAcquiredExclusiveLite(&Resource));
    Close();
}

/* ---- Who is next ---- */

/* covers ExReleaseResourceForThreadLite.4, ExReleaseResourceForThreadLite.5, ExGetExclusiveWaiterCount.1,
 * ExGetSharedWaiterCount.1, trap 35 */
TEST(ex_resource, after_an_exclusive_owner_the_shared_waiters_come_before_an_older_exclusive_one)
{
    Open();
    EXPECT_TRUE(ExAcquireResourceExclusiveLite(&Resource, TRUE));
    TellToWait(&Actors[0], TakeExclusive);
    TellToWait(&Actors[1], TakeShared);
    TellToWait(&Actors[2], TakeShared);
    EXPECT_EQ(ExGetExclusiveWaiterCount(&Resource), 1);
    EXPECT_EQ(ExGetSharedWaiterCount(&Resource), 2);
    EXPECT_EQ(Resource.ContentionCount, 3);
    ExReleaseResourceLite(&Resource);
    EXPECT_EQ(ExGetSharedWaiterCount(&Resource), 0);        /* at that moment, not when they run */
    EXPECT_TRUE(Finish(&Actors[1]));
    EXPECT_TRUE(Finish(&Actors[2]));
    EXPECT_TRUE(IsWaiting(&Actors[0]));
    Tell(&Actors[1], GiveBack);
    EXPECT_TRUE(IsWaiting(&Actors[0]));
    Tell(&Actors[2], GiveBack);
    EXPECT_TRUE(Finish(&Actors[0]));
    Tell(&Actors[0], GiveBack);
    Close();
}

/* covers ExAcquireResourceExclusiveLite.4, ExReleaseResourceForThreadLite.5 */
TEST(ex_resource, exclusive_waiters_come_in_order_and_before_later_shared_ones)
{
    Open();
    EXPECT_TRUE(ExAcquireResourceSharedLite(&Resource, TRUE));
    TellToWait(&Actors[0], TakeExclusive);
    TellToWait(&Actors[1], TakeExclusive);
    TellToWait(&Actors[2], TakeShared);
    ExReleaseResourceLite(&Resource);
    EXPECT_TRUE(Finish(&Actors[0]));
    EXPECT_TRUE(IsWaiting(&Actors[1]));
    EXPECT_TRUE(IsWaiting(&Actors[2]));
    Tell(&Actors[0], GiveBack);                             /* exclusive: the shared waiter is next */
    EXPECT_TRUE(Finish(&Actors[2]));
    EXPECT_TRUE(IsWaiting(&Actors[1]));
    Tell(&Actors[2], GiveBack);
    EXPECT_TRUE(Finish(&Actors[1]));
    Tell(&Actors[1], GiveBack);
    Close();
}

/* The releaser hands over before the waiter runs: here it cannot run in between.
 * covers ExReleaseResourceForThreadLite.6, ExReleaseResourceForThreadLite.7, ExGetExclusiveWaiterCount.1 */
TEST(ex_resource, ownership_is_transferred_by_the_releaser)
{
    KIRQL Irql;

    Open();
    EXPECT_TRUE(ExAcquireResourceExclusiveLite(&Resource, TRUE));
    TellToWait(&Actors[0], TakeExclusive);
    KeRaiseIrql(DISPATCH_LEVEL, &Irql);
    ExReleaseResourceLite(&Resource);
    EXPECT_EQ(Resource.OwnerEntry.OwnerThread, (ERESOURCE_THREAD)Actors[0].Thread);
    EXPECT_EQ(ExGetExclusiveWaiterCount(&Resource), 0);
    EXPECT_FALSE(ExTryToAcquireResourceExclusiveLite(&Resource));
    KeLowerIrql(Irql);
    EXPECT_TRUE(Finish(&Actors[0]));
    Tell(&Actors[0], GiveBack);
    Close();
}

/* covers ExConvertExclusiveToSharedLite.1, ExConvertExclusiveToSharedLite.2, trap 36 */
TEST(ex_resource, convert_keeps_the_levels_and_lets_the_shared_waiters_in)
{
    Open();
    for (int Level = 0; Level < 3; Level++)
        EXPECT_TRUE(ExAcquireResourceExclusiveLite(&Resource, TRUE));
    TellToWait(&Actors[0], TakeExclusive);
    TellToWait(&Actors[1], TakeShared);
    TellToWait(&Actors[2], TakeShared);
    ExConvertExclusiveToSharedLite(&Resource);
    EXPECT_TRUE(Finish(&Actors[1]));
    EXPECT_TRUE(Finish(&Actors[2]));
    EXPECT_FALSE(ExIsResourceAcquiredExclusiveLite(&Resource));
    EXPECT_EQ(ExIsResourceAcquiredSharedLite(&Resource), 3);
    EXPECT_TRUE(IsWaiting(&Actors[0]));
    Tell(&Actors[1], GiveBack);
    Tell(&Actors[2], GiveBack);
    for (int Level = 0; Level < 3; Level++) {
        EXPECT_TRUE(IsWaiting(&Actors[0]));
        ExReleaseResourceLite(&Resource);
    }
    EXPECT_TRUE(Finish(&Actors[0]));
    Tell(&Actors[0], GiveBack);
    Close();
}

/* covers ExConvertExclusiveToSharedLite.3 */
TEST(ex_resource, convert_of_a_shared_resource_changes_nothing)
{
    Open();
    EXPECT_TRUE(ExAcquireResourceSharedLite(&Resource, TRUE));
    ExConvertExclusiveToSharedLite(&Resource);
    EXPECT_EQ(ExIsResourceAcquiredSharedLite(&Resource), 1);
    EXPECT_TRUE(Tell(&Actors[0], TakeShared));
    Tell(&Actors[0], GiveBack);
    ExReleaseResourceLite(&Resource);
    Close();
}

/* ---- Releasing for others, owner pointers ---- */

/* covers ExReleaseResourceForThreadLite.1 */
TEST(ex_resource, a_level_is_released_for_another_thread)
{
    Open();
    EXPECT_TRUE(Tell(&Actors[0], TakeShared));
    EXPECT_TRUE(Tell(&Actors[1], TakeShared));
    EXPECT_TRUE(Tell(&Actors[1], TakeShared));
    ExReleaseResourceForThreadLite(&Resource, (ERESOURCE_THREAD)Actors[1].Thread);
    EXPECT_EQ(Tell(&Actors[1], AskLevels), 1);
    ExReleaseResourceForThreadLite(&Resource, (ERESOURCE_THREAD)Actors[0].Thread);
    EXPECT_EQ(Tell(&Actors[0], AskLevels), 0);
    ExReleaseResourceForThreadLite(&Resource, (ERESOURCE_THREAD)Actors[1].Thread);
    Close();
}

/* covers ExReleaseResourceForThreadLite.2, ExSetResourceOwnerPointer.1, ExSetResourceOwnerPointer.3, trap 38 */
TEST(ex_resource, an_owner_pointer_is_never_looked_into)
{
    PVOID Nowhere = (PVOID)0xFFFF8EAD00000003ull;

    Open();
    EXPECT_TRUE(ExAcquireResourceExclusiveLite(&Resource, TRUE));
    ExSetResourceOwnerPointer(&Resource, Nowhere);
    EXPECT_FALSE(ExIsResourceAcquiredExclusiveLite(&Resource));
    EXPECT_EQ(ExIsResourceAcquiredSharedLite(&Resource), 0);
    TellToWait(&Actors[0], TakeShared);
    ExReleaseResourceForThreadLite(&Resource, (ERESOURCE_THREAD)Nowhere);
    EXPECT_TRUE(Finish(&Actors[0]));
    Tell(&Actors[0], GiveBack);

    EXPECT_TRUE(Tell(&Actors[0], TakeShared));
    EXPECT_TRUE(ExAcquireResourceSharedLite(&Resource, TRUE));
    ExSetResourceOwnerPointerEx(&Resource, Nowhere, 0);
    EXPECT_TRUE(ExAcquireResourceSharedLite(&Resource, TRUE));
    EXPECT_TRUE(ExAcquireResourceSharedLite(&Resource, TRUE));
    ExSetResourceOwnerPointerEx(&Resource, Nowhere, FLAG_OWNER_POINTER_IS_THREAD);  /* merged: three levels */
    Tell(&Actors[0], GiveBack);
    for (int Level = 0; Level < 3; Level++) {
        EXPECT_FALSE(ExTryToAcquireResourceExclusiveLite(&Resource));
        ExReleaseResourceForThreadLite(&Resource, (ERESOURCE_THREAD)Nowhere);
    }
    EXPECT_TRUE(ExTryToAcquireResourceExclusiveLite(&Resource));
    ExReleaseResourceLite(&Resource);
    Close();
}

/* covers ExEnterCriticalRegionAndAcquireResourceExclusive.1 */
TEST(ex_resource, regions_come_with_the_combined_routines)
{
    Open();
    KeLeaveCriticalRegion();
    ExEnterCriticalRegionAndAcquireResourceExclusive(&Resource);
    EXPECT_TRUE(KeAreApcsDisabled());
    EXPECT_TRUE(ExIsResourceAcquiredExclusiveLite(&Resource));
    ExReleaseResourceAndLeaveCriticalRegion(&Resource);
    EXPECT_FALSE(KeAreApcsDisabled());
    ExEnterCriticalRegionAndAcquireResourceShared(&Resource);
    ExEnterCriticalRegionAndAcquireSharedWaitForExclusive(&Resource);
    EXPECT_EQ(KeGetCurrentThread()->KernelApcDisable, -2);
    EXPECT_EQ(ExIsResourceAcquiredSharedLite(&Resource), 2);
    ExReleaseResourceAndLeaveCriticalRegion(&Resource);
    ExReleaseResourceAndLeaveCriticalRegion(&Resource);
    EXPECT_FALSE(KeAreApcsDisabled());
    KeEnterCriticalRegion();
    Close();
}

/* ---- The system's list ---- */

static ULONG Listed(PERESOURCE Which)
{
    ULONG Count = 0;
    PLIST_ENTRY Entry = &Which->SystemResourcesList;

    do {
        Count++;
        EXPECT_EQ(Entry->Flink->Blink, Entry);
        Entry = Entry->Flink;
    } while (Entry != &Which->SystemResourcesList);
    return Count;
}

/* covers ExReinitializeResourceLite.1, ExDeleteResourceLite.1, trap 39 */
TEST(ex_resource, reinitialize_does_not_link_again)
{
    ERESOURCE Other;
    ULONG Before;

    ExInitializeResourceLite(&Other);
    Before = Listed(&Other);
    Open();
    EXPECT_EQ(Listed(&Other), Before + 1);
    EXPECT_TRUE(Tell(&Actors[0], TakeShared));
    EXPECT_TRUE(ExAcquireResourceSharedLite(&Resource, TRUE));
    EXPECT_NE(Resource.OwnerTable, NULL);
    Tell(&Actors[0], GiveBack);
    ExReleaseResourceLite(&Resource);
    EXPECT_EQ(ExReinitializeResourceLite(&Resource), STATUS_SUCCESS);
    EXPECT_EQ(Listed(&Other), Before + 1);
    EXPECT_NE(Resource.OwnerTable, NULL);
    EXPECT_TRUE(ExTryToAcquireResourceExclusiveLite(&Resource));
    ExReleaseResourceLite(&Resource);
    Close();
    EXPECT_EQ(Listed(&Other), Before);
    EXPECT_EQ(ExDeleteResourceLite(&Other), STATUS_SUCCESS);
}

/* ---- Many owners, and many at once ---- */

enum { OWNERS = 100 };
static KEVENT AllLeave;
static volatile LONG Owners, WrongLevels;

static void OwnMany(PVOID Context)
{
    LONG Levels = (LONG)(LONG_PTR)Context % 5 + 1;

    KeEnterCriticalRegion();
    for (LONG Level = 0; Level < Levels; Level++)
        ExAcquireResourceSharedLite(&Resource, TRUE);
    __atomic_add_fetch(&Owners, 1, __ATOMIC_SEQ_CST);
    KeWaitForSingleObject(&AllLeave, Executive, KernelMode, FALSE, NULL);
    for (LONG Level = Levels; Level > 0; Level--) {
        if (ExIsResourceAcquiredSharedLite(&Resource) != (ULONG)Level)
            __atomic_add_fetch(&WrongLevels, 1, __ATOMIC_SEQ_CST);
        ExReleaseResourceLite(&Resource);
    }
    KeLeaveCriticalRegion();
}

static void CheckMany(BOOLEAN HandedOver)
{
    PKTHREAD Threads[OWNERS];

    Open();
    Owners = WrongLevels = 0;
    KeInitializeEvent(&AllLeave, NotificationEvent, FALSE);
    if (HandedOver)
        EXPECT_TRUE(ExAcquireResourceExclusiveLite(&Resource, TRUE));
    for (LONG_PTR At = 0; At < OWNERS; At++)
        Threads[At] = KtestThread(OwnMany, (PVOID)At, 8);
    if (HandedOver) {
        for (int Look = 0; Look < 100000 && ExGetSharedWaiterCount(&Resource) < OWNERS; Look++)
            Sleep();
        EXPECT_EQ(ExGetSharedWaiterCount(&Resource), OWNERS);
        ExReleaseResourceLite(&Resource);
        EXPECT_EQ(ExGetSharedWaiterCount(&Resource), 0);
    }
    for (int Look = 0; Look < 100000 && Owners < OWNERS; Look++)
        Sleep();
    EXPECT_EQ(Owners, OWNERS);
    EXPECT_EQ(Resource.ActiveEntries + (ULONG)Resource.ActiveCount, OWNERS);
    KeSetEvent(&AllLeave, 0, FALSE);
    for (int At = 0; At < OWNERS; At++)
        KtestJoin(Threads[At]);
    EXPECT_EQ(WrongLevels, 0);
    Close();
}

/* covers ExAcquireResourceSharedLite.5, trap 37 */
TEST(ex_resource, a_hundred_threads_share_it_each_with_its_own_levels) { CheckMany(FALSE); }

/* covers ExReleaseResourceForThreadLite.4, ExGetSharedWaiterCount.1 */
TEST(ex_resource, a_hundred_waiters_are_let_in_at_once) { CheckMany(TRUE); }

enum { FIGHTERS = 5, ROUNDS = 1500 };
static volatile LONG Readers, Writers, Clashes;
static LONG64 Written;                  /* guarded by the resource: a lost update shows */
static volatile LONG64 Expected;

static void WriteOnce(ULONG Seed, BOOLEAN Yield)
{
    LARGE_INTEGER Zero = { .QuadPart = 0 };

    if (__atomic_add_fetch(&Writers, 1, __ATOMIC_SEQ_CST) != 1 || Readers != 0)
        __atomic_add_fetch(&Clashes, 1, __ATOMIC_SEQ_CST);
    Written++;
    if (Yield)
        KeDelayExecutionThread(KernelMode, FALSE, &Zero);
    __atomic_add_fetch(&Expected, 1, __ATOMIC_SEQ_CST);
    __atomic_sub_fetch(&Writers, 1, __ATOMIC_SEQ_CST);
    if (Seed & 0x200000) {
        __atomic_add_fetch(&Readers, 1, __ATOMIC_SEQ_CST);
        ExConvertExclusiveToSharedLite(&Resource);
        if (Writers != 0)
            __atomic_add_fetch(&Clashes, 1, __ATOMIC_SEQ_CST);
        __atomic_sub_fetch(&Readers, 1, __ATOMIC_SEQ_CST);
    }
    ExReleaseResourceLite(&Resource);
}

static void ReadOnce(ULONG Seed, BOOLEAN Yield)
{
    LARGE_INTEGER Zero = { .QuadPart = 0 };
    ULONG Levels = 1 + (Seed >> 20) % 3;

    __atomic_add_fetch(&Readers, 1, __ATOMIC_SEQ_CST);
    for (ULONG Level = 1; Level < Levels; Level++)
        ExAcquireResourceSharedLite(&Resource, TRUE);
    if (Writers != 0)
        __atomic_add_fetch(&Clashes, 1, __ATOMIC_SEQ_CST);
    if (Yield)
        KeDelayExecutionThread(KernelMode, FALSE, &Zero);
    if (ExIsResourceAcquiredSharedLite(&Resource) != Levels)
        __atomic_add_fetch(&Clashes, 1, __ATOMIC_SEQ_CST);
    __atomic_sub_fetch(&Readers, 1, __ATOMIC_SEQ_CST);
    for (ULONG Level = 0; Level < Levels; Level++)
        ExReleaseResourceLite(&Resource);
}

static ULONG Waiters(void) { return ExGetExclusiveWaiterCount(&Resource) + ExGetSharedWaiterCount(&Resource); }

static void Fight(PVOID Context)
{
    ULONG Seed = (ULONG)(ULONG_PTR)Context * 77777;

    KeEnterCriticalRegion();
    for (int Round = 0; Round < ROUNDS; Round++) {
        ACT Act;
        BOOLEAN Wait;

        Seed = Seed * 1664525 + 1013904223;
        Act = (ACT)(Seed >> 28) % 4;
        Wait = (Seed >> 24) % 4 != 0;
        if (!Perform(Act, Wait))
            continue;
        if (Act == TakeExclusive)
            WriteOnce(Seed, (Seed >> 16) % 16 == 0);
        else
            ReadOnce(Seed, (Seed >> 16) % 16 == 0);
    }
    KeLeaveCriticalRegion();
}

/* covers ExAcquireResourceExclusiveLite.5 */
TEST(ex_resource, excludes_and_loses_nothing_under_contention)
{
    PKTHREAD Threads[FIGHTERS];

    Open();
    Readers = Writers = Clashes = 0;
    Written = Expected = 0;
    EXPECT_TRUE(ExAcquireResourceExclusiveLite(&Resource, TRUE));
    for (LONG_PTR At = 0; At < FIGHTERS; At++)
        Threads[At] = KtestThread(Fight, (PVOID)(At + 1), 8);
    for (int Look = 0; Look < 100000 && Waiters() < FIGHTERS; Look++)
        Sleep();
    EXPECT_EQ(Waiters(), FIGHTERS);     /* so that they begin in each other's way */
    ExReleaseResourceLite(&Resource);
    for (int At = 0; At < FIGHTERS; At++)
        KtestJoin(Threads[At]);
    EXPECT_EQ(Clashes, 0);
    EXPECT_EQ(Written, Expected);
    EXPECT_GT(Written, 0);
    EXPECT_GE(Resource.ContentionCount, FIGHTERS);
    Close();
}
