/* mutant_test.c - mutexes and mutants: recursion, hand-over, abandonment, APC effects. */
#include <arch/arch.h>
#include <ke/apc.h>
#include <ke/event.h>
#include <ke/irql.h>
#include <ke/mutant.h>
#include <ke/thread.h>
#include <ktest.h>
#include <rtl/list.h>
#include <rtl/status.h>
#include <rtl/string.h>

static NTSTATUS Take(PKMUTANT Mutant)
{
    return KeWaitForMutexObject(Mutant, Executive, KernelMode, FALSE, NULL);
}

static NTSTATUS Try(PKMUTANT Mutant)
{
    LARGE_INTEGER Zero = { .QuadPart = 0 };

    return KeWaitForSingleObject(Mutant, Executive, KernelMode, FALSE, &Zero);
}

/* covers KeInitializeMutex.1, KeInitializeMutant.1 */
TEST(ke_mutant, initialize_over_poison)
{
    KMUTANT Mutant;

    memset(&Mutant, 0x55, sizeof Mutant);
    KeInitializeMutex(&Mutant, 123);
    EXPECT_EQ(Mutant.Header.Type, MutantObject);
    EXPECT_EQ(Mutant.Header.Signalling, 0x55);
    EXPECT_EQ(Mutant.Header.Size, 14);
    EXPECT_EQ(Mutant.Header.DebugActive, 0x55);
    EXPECT_EQ(Mutant.Header.SignalState, 1);
    EXPECT_EQ(Mutant.OwnerThread, NULL);
    EXPECT_EQ(Mutant.Abandoned, 0);
    EXPECT_EQ(Mutant.ApcDisable, 1);
    memset(&Mutant, 0x55, sizeof Mutant);
    KeInitializeMutant(&Mutant, FALSE);
    EXPECT_EQ(Mutant.ApcDisable, 0);
    EXPECT_EQ(Mutant.Header.SignalState, 1);
    KeInitializeMutant(&Mutant, TRUE);
    EXPECT_EQ(Mutant.Header.SignalState, 0);
    EXPECT_EQ(Mutant.OwnerThread, KeGetCurrentThread());
    EXPECT_EQ(KeReleaseMutant(&Mutant, 0, FALSE, FALSE), 0);
    EXPECT_TRUE(IsListEmpty(&KeGetCurrentThread()->MutantListHead));
}

/* covers KeWaitForSingleObject.6, KeWaitForSingleObject.8, KeWaitForMutexObject.1, KeReleaseMutex.1,
 * KeReadStateMutex.1, trap 15 */
TEST(ke_mutant, recursion_counts_down_and_the_apc_count_falls_once)
{
    enum { DEPTH = 5 };
    PKTHREAD Self = KeGetCurrentThread();
    SHORT Start = Self->KernelApcDisable;
    KMUTEX Mutex;

    KeInitializeMutex(&Mutex, 0);
    for (LONG Level = 1; Level <= DEPTH; Level++) {
        EXPECT_EQ(Take(&Mutex), STATUS_SUCCESS);
        EXPECT_EQ(KeReadStateMutex(&Mutex), 1 - Level);
        EXPECT_EQ(Self->KernelApcDisable, Start - 1);
    }
    for (LONG Level = DEPTH; Level >= 1; Level--) {
        EXPECT_EQ(Self->KernelApcDisable, Start - 1);
        EXPECT_EQ(KeReleaseMutex(&Mutex, FALSE), 1 - Level);
    }
    EXPECT_EQ(Self->KernelApcDisable, Start);
    EXPECT_EQ(KeReadStateMutex(&Mutex), 1);
}

/* Trap 16, up to the raise, which a driver's handler shows. */
TEST(ke_mutant, last_level_is_minlong)
{
    KMUTANT Mutant;

    KeInitializeMutant(&Mutant, TRUE);
    Mutant.Header.SignalState = MINLONG + 1;
    EXPECT_EQ(Try(&Mutant), STATUS_SUCCESS);
    EXPECT_EQ(Mutant.Header.SignalState, MINLONG);
    Mutant.Header.SignalState = 0;
    EXPECT_EQ(KeReleaseMutant(&Mutant, 0, FALSE, FALSE), 0);
}

typedef struct _OWNER { KMUTANT *Mutant; NTSTATUS Status; volatile LONG Has, Go; SHORT ApcDisable; } OWNER;

static VOID OwnUntilTold(PVOID Context)
{
    OWNER *Owner = Context;

    Owner->Status = Take(Owner->Mutant);
    Owner->ApcDisable = KeGetCurrentThread()->KernelApcDisable;
    Owner->Has = 1;
    KtestWaitFor(&Owner->Go);
    KeReleaseMutant(Owner->Mutant, 1, FALSE, FALSE);
}

/* covers KeWaitForSingleObject.2, KeReleaseMutex.5, trap 19 */
TEST(ke_mutant, release_hands_over_at_once)
{
    OWNER Owner = { .Status = -1 };
    PKTHREAD Thread;
    KMUTEX Mutex;

    KeInitializeMutex(&Mutex, 0);
    Owner.Mutant = &Mutex;
    Take(&Mutex);
    Thread = KtestThread(OwnUntilTold, &Owner, 7);
    KtestWaitBlocked(Thread, &Mutex);
    EXPECT_EQ(KeReleaseMutex(&Mutex, FALSE), 0);
    EXPECT_EQ(Mutex.OwnerThread, Thread);
    EXPECT_EQ(Try(&Mutex), STATUS_TIMEOUT);
    Owner.Go = 1;
    KtestJoin(Thread);
    EXPECT_EQ(Owner.Status, STATUS_SUCCESS);
    EXPECT_EQ(Owner.ApcDisable, -1);
    EXPECT_EQ(Try(&Mutex), STATUS_SUCCESS);
    KeReleaseMutex(&Mutex, FALSE);
}

static VOID TakeAndEnd(PVOID Mutant) { Take(Mutant); }

/* Trap 22, the mutant's half.
 * covers KeWaitForSingleObject.5, KeReleaseMutex.8, trap 22 */
TEST(ke_mutant, ending_owner_abandons_it_to_one_waiter)
{
    PKTHREAD Thread;
    KMUTANT Mutant;

    KeInitializeMutant(&Mutant, FALSE);
    Thread = KtestThread(TakeAndEnd, &Mutant, 9);
    KtestJoin(Thread);
    EXPECT_TRUE(Mutant.Abandoned);
    EXPECT_EQ(Mutant.OwnerThread, NULL);
    EXPECT_EQ(KeReadStateMutant(&Mutant), 1);
    EXPECT_EQ(Take(&Mutant), STATUS_ABANDONED);
    EXPECT_FALSE(Mutant.Abandoned);
    KeReleaseMutant(&Mutant, 0, FALSE, FALSE);
    EXPECT_EQ(Take(&Mutant), STATUS_SUCCESS);
    EXPECT_EQ(KeReleaseMutant(&Mutant, 0, FALSE, FALSE), 0);
}

/* covers KeReleaseMutant.1 */
TEST(ke_mutant, release_as_abandoned_by_anybody)
{
    OWNER Owner = { .Status = -1, .Go = 1 };
    PKTHREAD Thread;
    KMUTANT Mutant;

    KeInitializeMutant(&Mutant, TRUE);
    Owner.Mutant = &Mutant;
    Thread = KtestThread(OwnUntilTold, &Owner, 9);
    KtestWaitBlocked(Thread, &Mutant);
    EXPECT_EQ(KeReleaseMutant(&Mutant, 1, TRUE, FALSE), 0);
    KtestJoin(Thread);
    EXPECT_EQ(Owner.Status, STATUS_ABANDONED);
}

static volatile LONG SpecialRan, NormalRan;

static VOID CountSpecial(PKAPC Apc, PKNORMAL_ROUTINE *Normal, PVOID *Context, PVOID *Argument1, PVOID *Argument2)
{
    UNREFERENCED_PARAMETER(Apc);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    if (*Normal == NULL)
        SpecialRan++;
}

static VOID CountNormal(PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    NormalRan++;
}

/* covers KeWaitForSingleObject.8, KeReleaseMutex.6, trap 18, trap 49 */
TEST(ke_mutant, mutex_holds_back_normal_apcs_until_the_last_release)
{
    KAPC Special, Normal;
    KMUTEX Mutex;

    SpecialRan = NormalRan = 0;
    KeInitializeMutex(&Mutex, 0);
    Take(&Mutex);
    Take(&Mutex);
    EXPECT_TRUE(KeAreApcsDisabled());
    EXPECT_FALSE(KeAreAllApcsDisabled());
    KeInitializeApc(&Special, KeGetCurrentThread(), OriginalApcEnvironment, CountSpecial, NULL, NULL, KernelMode, NULL);
    KeInitializeApc(&Normal, KeGetCurrentThread(), OriginalApcEnvironment, CountSpecial, NULL, CountNormal, KernelMode,
                    NULL);
    KeInsertQueueApc(&Normal, NULL, NULL, 0);
    KeInsertQueueApc(&Special, NULL, NULL, 0);
    EXPECT_EQ(SpecialRan, 1);
    KeReleaseMutex(&Mutex, FALSE);
    EXPECT_EQ(NormalRan, 0);
    KeReleaseMutex(&Mutex, FALSE);
    EXPECT_EQ(NormalRan, 1);
    EXPECT_FALSE(KeAreApcsDisabled());
}

/* Taken and given back at any level where that is legal; what it held back waits for PASSIVE_LEVEL. */
TEST(ke_mutant, pairs_at_every_irql)
{
    static const KIRQL Levels[] = { PASSIVE_LEVEL, APC_LEVEL, DISPATCH_LEVEL };

    for (ULONG At = 0; At < RTL_NUMBER_OF(Levels); At++) {
        PKTHREAD Self = KeGetCurrentThread();
        KIRQL OldIrql;
        KMUTEX Mutex;
        KAPC Normal;

        NormalRan = 0;
        memset(&Mutex, 0x55, sizeof Mutex);
        KeInitializeMutex(&Mutex, 0);
        KeInitializeApc(&Normal, Self, OriginalApcEnvironment, CountSpecial, NULL, CountNormal, KernelMode, NULL);
        KeRaiseIrql(Levels[At], &OldIrql);
        EXPECT_EQ(Try(&Mutex), STATUS_SUCCESS);
        EXPECT_EQ(Try(&Mutex), STATUS_SUCCESS);
        EXPECT_EQ(KeReadStateMutex(&Mutex), -1);
        EXPECT_EQ(Mutex.OwnerThread, Self);
        EXPECT_EQ(Self->KernelApcDisable, -1);
        EXPECT_TRUE(KeInsertQueueApc(&Normal, NULL, NULL, 0));
        EXPECT_EQ(KeReleaseMutex(&Mutex, FALSE), -1);
        EXPECT_EQ(KeGetCurrentIrql(), Levels[At]);
        EXPECT_EQ(KeReleaseMutex(&Mutex, FALSE), 0);
        EXPECT_EQ(KeGetCurrentIrql(), Levels[At]);
        EXPECT_EQ(Self->KernelApcDisable, 0);
        EXPECT_EQ(NormalRan, Levels[At] == PASSIVE_LEVEL);
        KeLowerIrql(OldIrql);
        EXPECT_EQ(NormalRan, 1);
        EXPECT_EQ(KeReadStateMutex(&Mutex), 1);
    }
}

/* ---- Given up by another thread: the owner's critical region ends, and what it held back runs in the owner ---- */

typedef struct _LOSER {
    KMUTEX Mutex;
    KEVENT Never;
    BOOLEAN Sleeps, Guarded;
    volatile LONG Owns, Stop, Left;
    NTSTATUS Status;
} LOSER;

/* Owns the mutex and goes in and out of a region of its own, or sleeps. */
static VOID Lose(PVOID Context)
{
    LOSER *Loser = Context;
    LARGE_INTEGER Minute = { .QuadPart = -600000000 };

    Take(&Loser->Mutex);
    if (Loser->Guarded)
        KeEnterGuardedRegion();
    __atomic_store_n(&Loser->Owns, 1, __ATOMIC_RELEASE);
    if (Loser->Sleeps)
        Loser->Status = KeWaitForSingleObject(&Loser->Never, Executive, KernelMode, FALSE, &Minute);
    while (!__atomic_load_n(&Loser->Stop, __ATOMIC_ACQUIRE)) {
        KeEnterCriticalRegion();
        KeEnterCriticalRegion();
        KeLeaveCriticalRegion();
        KeLeaveCriticalRegion();
    }
    if (Loser->Guarded) {
        Loser->Left = NormalRan;
        KeLeaveGuardedRegion();
    }
    while (KeAreApcsDisabled())         /* the interrupt that says so is on its way */
        ArchPause();
}

static PKTHREAD StartLoser(LOSER *Loser, KAPC *Normal)
{
    PKTHREAD Thread;

    NormalRan = 0;
    KeInitializeMutex(&Loser->Mutex, 0);
    KeInitializeEvent(&Loser->Never, NotificationEvent, FALSE);
    Thread = KtestThread(Lose, Loser, 7);
    if (Loser->Sleeps)
        KtestWaitBlocked(Thread, &Loser->Never);
    else
        KtestWaitFor(&Loser->Owns);
    KeInitializeApc(Normal, Thread, OriginalApcEnvironment, CountSpecial, NULL, CountNormal, KernelMode, NULL);
    EXPECT_TRUE(KeInsertQueueApc(Normal, NULL, NULL, 0));
    EXPECT_EQ(NormalRan, 0);
    return Thread;
}

/* The helper's end looks at its APC-disable counts: they are back at zero. */
TEST(ke_mutant, abandoned_by_a_stranger_it_frees_the_sleeping_owners_apcs)
{
    for (int Guarded = 0; Guarded <= 1; Guarded++) {
        LOSER Loser = { .Sleeps = TRUE, .Guarded = (BOOLEAN)Guarded };
        PKTHREAD Thread;
        KAPC Normal;

        Thread = StartLoser(&Loser, &Normal);
        EXPECT_EQ(KeReleaseMutant(&Loser.Mutex, 1, TRUE, FALSE), 0);
        EXPECT_EQ(Loser.Mutex.OwnerThread, NULL);
        EXPECT_TRUE(IsListEmpty(&Thread->MutantListHead));
        if (!Guarded)
            KtestWaitFor(&NormalRan);
        KtestWaitBlocked(Thread, &Loser.Never);         /* the wait goes on */
        EXPECT_EQ(NormalRan, !Guarded);
        Loser.Stop = 1;
        KeSetEvent(&Loser.Never, 0, FALSE);
        KtestJoin(Thread);
        EXPECT_EQ(Loser.Status, STATUS_SUCCESS);
        EXPECT_EQ(NormalRan, 1);
        EXPECT_EQ(Loser.Left, 0);
        EXPECT_EQ(Take(&Loser.Mutex), STATUS_ABANDONED);
        KeReleaseMutex(&Loser.Mutex, FALSE);
    }
}

/* Ready, on this processor; or running, on another one, at any place of its own changes of the count. */
TEST(ke_mutant, abandoned_by_a_stranger_it_frees_the_busy_owners_apcs)
{
    for (int Round = 0; Round < 100 && KtestHasTime(); Round++) {
        LOSER Loser = { .Sleeps = FALSE };
        PKTHREAD Thread;
        KAPC Normal;

        Thread = StartLoser(&Loser, &Normal);
        EXPECT_EQ(KeReleaseMutant(&Loser.Mutex, 1, TRUE, FALSE), 0);
        KtestWaitFor(&NormalRan);
        Loser.Stop = 1;
        KtestJoin(Thread);
        EXPECT_EQ(NormalRan, 1);
    }
}

/* The owner changes its count all the while, and another processor frees it of a thousand mutexes: the sum is right. */
enum { MUTEXES = 1000 };
static KMUTEX Mutexes[MUTEXES];

static VOID OwnMany(PVOID Context)
{
    LOSER *Loser = Context;

    for (int At = 0; At < MUTEXES; At++)
        Take(&Mutexes[At]);
    EXPECT_EQ(KeGetCurrentThread()->KernelApcDisable, -MUTEXES);
    Lose(Loser);
}

TEST(ke_mutant, abandoned_by_a_stranger_no_level_of_the_busy_owner_is_lost)
{
    LOSER Loser = { .Sleeps = FALSE };
    PKTHREAD Thread;

    KeInitializeMutex(&Loser.Mutex, 0);
    for (int At = 0; At < MUTEXES; At++)
        KeInitializeMutex(&Mutexes[At], 0);
    Thread = KtestThread(OwnMany, &Loser, 7);
    KtestWaitFor(&Loser.Owns);
    for (int At = 0; At < MUTEXES; At++)
        KeReleaseMutant(&Mutexes[At], 1, TRUE, FALSE);
    KeReleaseMutant(&Loser.Mutex, 1, TRUE, FALSE);
    Loser.Stop = 1;
    KtestJoin(Thread);
}

/* covers KeReleaseMutex.9 */
TEST(ke_mutant, release_with_wait_true)
{
    KMUTEX Mutex;

    KeInitializeMutex(&Mutex, 0);
    Take(&Mutex);
    EXPECT_EQ(KeReleaseMutex(&Mutex, TRUE), 0);
    EXPECT_GE(KeGetCurrentIrql(), DISPATCH_LEVEL);
    EXPECT_EQ(Take(&Mutex), STATUS_SUCCESS);
    EXPECT_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
    KeReleaseMutex(&Mutex, FALSE);
}

/* Threads of one mutex never overlap, and each release is somebody's acquire. */
static KMUTEX Contended;
static volatile LONG Inside, Total;

static VOID Contend(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    for (int Round = 0; Round < 500; Round++) {
        Take(&Contended);
        EXPECT_EQ(__atomic_add_fetch(&Inside, 1, __ATOMIC_SEQ_CST), 1);
        Total++;
        __atomic_sub_fetch(&Inside, 1, __ATOMIC_SEQ_CST);
        KeReleaseMutex(&Contended, FALSE);
    }
}

TEST(ke_mutant, excludes_under_contention)
{
    PKTHREAD Threads[6];

    Inside = Total = 0;
    KeInitializeMutex(&Contended, 0);
    for (int At = 0; At < 6; At++)
        Threads[At] = KtestThread(Contend, NULL, 8);
    for (int At = 0; At < 6; At++)
        KtestJoin(Threads[At]);
    EXPECT_EQ(Total, 3000);
    EXPECT_EQ(KeReadStateMutex(&Contended), 1);
}

/* Each mutex held counts for itself, whichever is given back first. */
TEST(ke_mutant, two_mutexes_keep_apcs_out_until_both_are_released)
{
    LONG Before = KeGetCurrentThread()->KernelApcDisable;
    KMUTANT Mutexes[2];

    for (ULONG First = 0; First < 2; First++) {
        for (ULONG At = 0; At < 2; At++) {
            KeInitializeMutex(&Mutexes[At], 0);
            EXPECT_EQ(KeWaitForSingleObject(&Mutexes[At], Executive, KernelMode, FALSE, NULL), STATUS_SUCCESS);
        }
        EXPECT_EQ(KeGetCurrentThread()->KernelApcDisable, Before - 2);
        EXPECT_EQ(KeReleaseMutex(&Mutexes[First], FALSE), 0);
        EXPECT_EQ(KeGetCurrentThread()->KernelApcDisable, Before - 1);
        EXPECT_TRUE(KeAreApcsDisabled());
        EXPECT_EQ(KeReleaseMutex(&Mutexes[!First], FALSE), 0);
        EXPECT_EQ(KeGetCurrentThread()->KernelApcDisable, Before);
    }
}

/* ---- Held for a moment ---- */

typedef struct _MOMENT {
    KMUTANT Mutex;
    KEVENT Again;
    volatile LONG Held, Coming, Stop;
    volatile ULONG64 Released;          /* the counter, just before */
} MOMENT;

static VOID HoldForAMoment(PVOID Context)
{
    MOMENT *M = Context;

    for (;;) {
        ULONG64 End;

        KeWaitForSingleObject(&M->Again, Executive, KernelMode, FALSE, NULL);
        if (M->Stop)
            return;
        Take(&M->Mutex);
        M->Held = 1;
        while (!M->Coming)
            ArchPause();
        End = ArchReadCounter() + ArchCounterFrequency() / 140000;
        while (ArchReadCounter() < End)
            ;
        M->Released = ArchReadCounter();
        KeReleaseMutex(&M->Mutex, FALSE);
    }
}

/* A thread gets the mutex that another processor's thread held when it came, and has not slept: several times in a row,
 * because now and then the mutex is free before it is looked at. On a busy host the other one may not run just then. */
TEST(ke_mutant, one_that_is_held_for_a_moment_is_not_slept_for)
{
    PKTHREAD Self = KeGetCurrentThread(), Holder;
    MOMENT M = { .Stop = 0 };
    ULONG Row = 0;

    if (KeQueryActiveProcessors() == 1 || KtestVirtualTime()) {
        KtestSkip("needs two processors in real time");
        return;
    }
    KeInitializeMutex(&M.Mutex, 0);
    KeInitializeEvent(&M.Again, SynchronizationEvent, FALSE);
    KeSetSystemAffinityThread(2);
    Holder = KtestThread(HoldForAMoment, &M, 9);
    KeSetSystemAffinityThread(1);
    while (Row < 4 && KtestHasTime()) {
        ULONG64 Came, Switches;

        M.Held = M.Coming = 0;
        KeSetEvent(&M.Again, 0, FALSE);
        KtestWaitFor(&M.Held);
        M.Coming = 1;
        Switches = Self->ContextSwitches;
        Came = ArchReadCounter();
        EXPECT_EQ(Take(&M.Mutex), STATUS_SUCCESS);
        Row = Came < M.Released && Self->ContextSwitches == Switches ? Row + 1 : 0;
        KeReleaseMutex(&M.Mutex, FALSE);
    }
    EXPECT_EQ(Row, 4);
    M.Stop = 1;
    KeSetEvent(&M.Again, 0, FALSE);
    KtestJoin(Holder);
    KeRevertToUserAffinityThread();
}
