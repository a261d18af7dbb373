/* apc_test.c - kernel APCs: who holds them back, and when they run. */
#include <arch/arch.h>
#include <ke/apc.h>
#include <ke/clock.h>
#include <ke/event.h>
#include <ke/init.h>
#include <ke/irql.h>
#include <ke/thread.h>
#include <ktest.h>
#include <rtl/status.h>
#include <rtl/string.h>

typedef struct _LOG {
    volatile LONG Special, Kernel, Normal;
    KIRQL KernelIrql, NormalIrql;
    PVOID Context, Argument1, Argument2;
    char Order[32];
    volatile LONG Length;
} LOG;

static LOG *Log;

static void Append(char What) { Log->Order[__atomic_fetch_add(&Log->Length, 1, __ATOMIC_SEQ_CST) % 31] = What; }

static VOID SpecialRoutine(PKAPC Apc, PKNORMAL_ROUTINE *Normal, PVOID *Context, PVOID *Argument1, PVOID *Argument2)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    EXPECT_EQ(*Normal, NULL);
    memset(Apc, 0xAA, sizeof *Apc);     /* it is the routine's from here on */
    Log->KernelIrql = KeGetCurrentIrql();
    Append('s');
    Log->Special++;
}

static VOID KernelRoutine(PKAPC Apc, PKNORMAL_ROUTINE *Normal, PVOID *Context, PVOID *Argument1, PVOID *Argument2)
{
    UNREFERENCED_PARAMETER(Apc);
    UNREFERENCED_PARAMETER(Normal);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    Log->KernelIrql = KeGetCurrentIrql();
    Append('k');
    Log->Kernel++;
}

static VOID NormalRoutine(PVOID Context, PVOID Argument1, PVOID Argument2)
{
    Log->NormalIrql = KeGetCurrentIrql();
    Log->Context = Context;
    Log->Argument1 = Argument1;
    Log->Argument2 = Argument2;
    Append('n');
    Log->Normal++;
}

static void Special(PKAPC Apc, PKTHREAD Thread)
{
    KeInitializeApc(Apc, Thread, OriginalApcEnvironment, SpecialRoutine, NULL, NULL, UserMode, NULL);
}

static void Normal(PKAPC Apc, PKTHREAD Thread, PVOID Context)
{
    KeInitializeApc(Apc, Thread, OriginalApcEnvironment, KernelRoutine, NULL, NormalRoutine, KernelMode, Context);
}

/* covers KeInitializeApc.1, KeInsertQueueApc.2, KeInsertQueueApc.3, trap 2 */
TEST(ke_apc, special_runs_at_apc_level_before_the_insert_returns)
{
    LOG Here = { .Special = 0 };
    KAPC Apc;

    Log = &Here;
    Special(&Apc, KeGetCurrentThread());
    EXPECT_EQ(Apc.ApcMode, KernelMode);
    EXPECT_TRUE(KeInsertQueueApc(&Apc, NULL, NULL, 0));
    EXPECT_EQ(Here.Special, 1);
    EXPECT_EQ(Here.KernelIrql, APC_LEVEL);
    EXPECT_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
}

/* Trap 1, its second half.
 * covers trap 1 */
TEST(ke_apc, runs_when_cr8_is_written_by_hand)
{
    static const KIRQL Levels[] = { APC_LEVEL, DISPATCH_LEVEL, HIGH_LEVEL };

    for (ULONG At = 0; At < RTL_NUMBER_OF(Levels); At++) {
        LOG Here = { .Special = 0 };
        KAPC Apc;

        Log = &Here;
        Special(&Apc, KeGetCurrentThread());
        ArchWriteIrql(APC_LEVEL);
        KeInsertQueueApc(&Apc, NULL, NULL, 0);
        ArchWriteIrql(Levels[At]);
        EXPECT_EQ(Here.Special, 0);
        ArchWriteIrql(PASSIVE_LEVEL);
        EXPECT_EQ(Here.Special, 1);
    }
}

/* covers KeInsertQueueApc.2 */
TEST(ke_apc, normal_runs_at_passive_with_its_arguments)
{
    LOG Here = { .Normal = 0 };
    KAPC Apc;

    Log = &Here;
    Normal(&Apc, KeGetCurrentThread(), &Here);
    EXPECT_TRUE(KeInsertQueueApc(&Apc, &Apc, Log, 0));
    EXPECT_EQ(Here.Kernel, 1);
    EXPECT_EQ(Here.Normal, 1);
    EXPECT_EQ(Here.KernelIrql, APC_LEVEL);
    EXPECT_EQ(Here.NormalIrql, PASSIVE_LEVEL);
    EXPECT_EQ(Here.Context, &Here);
    EXPECT_EQ(Here.Argument1, &Apc);
    EXPECT_EQ(Here.Argument2, &Here);
}

/* ---- The kernel routine has the last word on what runs next, and with what ---- */

static PVOID Wanted[3];                 /* context and arguments; Wanted[0] NULL: nothing is to run */

static VOID Redirect(PKAPC Apc, PKNORMAL_ROUTINE *Routine, PVOID *Context, PVOID *Argument1, PVOID *Argument2)
{
    EXPECT_EQ(*Routine, NormalRoutine);
    EXPECT_EQ(*Context, Log);
    EXPECT_EQ((ULONG_PTR)*Argument1, 1);
    EXPECT_EQ((ULONG_PTR)*Argument2, 2);
    memset(Apc, 0xAA, sizeof *Apc);
    if (Wanted[0] == NULL)
        *Routine = NULL;
    *Context = Wanted[0];
    *Argument1 = Wanted[1];
    *Argument2 = Wanted[2];
}

TEST(ke_apc, kernel_routine_decides_what_runs)
{
    for (ULONG_PTR Runs = 0; Runs <= 1; Runs++) {
        LOG Here = { .Normal = 0 };
        KAPC Apc;

        Log = &Here;
        Wanted[0] = (PVOID)(Runs * 3);
        Wanted[1] = (PVOID)4;
        Wanted[2] = (PVOID)5;
        KeInitializeApc(&Apc, KeGetCurrentThread(), OriginalApcEnvironment, Redirect, NULL, NormalRoutine, KernelMode,
                        Log);
        EXPECT_TRUE(KeInsertQueueApc(&Apc, (PVOID)1, (PVOID)2, 0));
        EXPECT_EQ(Here.Normal, Runs);
        EXPECT_EQ((ULONG_PTR)Here.Context, Runs * 3);
        EXPECT_EQ((ULONG_PTR)Here.Argument1, Runs * 4);
        EXPECT_EQ((ULONG_PTR)Here.Argument2, Runs * 5);
        EXPECT_FALSE(KeGetCurrentThread()->ApcState.KernelApcInProgress);
        EXPECT_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
    }
}

static VOID InsertFromNormal(PVOID Next, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    Append('(');
    EXPECT_TRUE(KeInsertQueueApc(Next, NULL, NULL, 0));
    Append(')');
}

/* A normal one waits for the end of the one under way, a special one does not.
 * covers KeInsertQueueApc.2 */
TEST(ke_apc, normals_do_not_nest)
{
    LOG Here = { .Normal = 0 };
    KAPC First, Second;

    Log = &Here;
    KeInitializeApc(&First, KeGetCurrentThread(), OriginalApcEnvironment, KernelRoutine, NULL, InsertFromNormal,
                    KernelMode, &Second);
    Normal(&Second, KeGetCurrentThread(), NULL);
    EXPECT_TRUE(KeInsertQueueApc(&First, NULL, NULL, 0));
    EXPECT_EQ(strcmp(Here.Order, "k()kn"), 0);
    memset(Here.Order, 0, sizeof Here.Order);
    Here.Length = 0;
    Special(&Second, KeGetCurrentThread());
    EXPECT_TRUE(KeInsertQueueApc(&First, NULL, NULL, 0));
    EXPECT_EQ(strcmp(Here.Order, "k(s)"), 0);
}

/* covers KeEnterCriticalRegion.1, KeEnterCriticalRegion.2, KeLeaveCriticalRegion.1, KeAreApcsDisabled.1,
 * KeInsertQueueApc.1 */
TEST(ke_apc, critical_region_holds_back_normals_only)
{
    LOG Here = { .Normal = 0 };
    KAPC First, Second;

    Log = &Here;
    Normal(&First, KeGetCurrentThread(), NULL);
    Special(&Second, KeGetCurrentThread());
    KeEnterCriticalRegion();
    KeEnterCriticalRegion();
    EXPECT_TRUE(KeAreApcsDisabled());
    EXPECT_FALSE(KeAreAllApcsDisabled());
    EXPECT_TRUE(KeInsertQueueApc(&First, NULL, NULL, 0));
    EXPECT_FALSE(KeInsertQueueApc(&First, NULL, NULL, 0));
    KeInsertQueueApc(&Second, NULL, NULL, 0);
    EXPECT_EQ(Here.Special, 1);
    KeLeaveCriticalRegion();
    EXPECT_EQ(Here.Normal, 0);
    KeLeaveCriticalRegion();
    EXPECT_EQ(Here.Normal, 1);
    EXPECT_FALSE(KeAreApcsDisabled());
}

/* covers KeLeaveCriticalRegion.2, trap 50 */
TEST(ke_apc, leaving_the_region_at_apc_level_waits_for_passive)
{
    LOG Here = { .Normal = 0 };
    KIRQL OldIrql;
    KAPC Apc;

    Log = &Here;
    Normal(&Apc, KeGetCurrentThread(), NULL);
    KeEnterCriticalRegion();
    KeInsertQueueApc(&Apc, NULL, NULL, 0);
    KeRaiseIrql(APC_LEVEL, &OldIrql);
    KeLeaveCriticalRegion();
    EXPECT_EQ(Here.Normal, 0);
    ArchWriteIrql(OldIrql);
    EXPECT_EQ(Here.Normal, 1);
}

/* covers KeEnterGuardedRegion.1, KeAreApcsDisabled.1, KeAreAllApcsDisabled.1 */
TEST(ke_apc, guarded_region_holds_back_everything)
{
    LOG Here = { .Normal = 0 };
    KAPC First, Second;

    Log = &Here;
    Normal(&First, KeGetCurrentThread(), NULL);
    Special(&Second, KeGetCurrentThread());
    KeEnterGuardedRegion();
    EXPECT_TRUE(KeAreApcsDisabled());
    EXPECT_TRUE(KeAreAllApcsDisabled());
    KeInsertQueueApc(&First, NULL, NULL, 0);
    KeInsertQueueApc(&Second, NULL, NULL, 0);
    EXPECT_EQ(Here.Length, 0);
    KeLeaveGuardedRegion();
    EXPECT_EQ(strcmp(Here.Order, "skn"), 0);        /* the special first, though it came second */
}

/* covers KeLeaveCriticalRegion.3 */
TEST(ke_apc, over_leaving_counts_as_disabled_too)
{
    KeLeaveCriticalRegion();
    EXPECT_TRUE(KeAreApcsDisabled());
    KeEnterCriticalRegion();
    EXPECT_FALSE(KeAreApcsDisabled());
}

/* ---- APCs and waits ---- */

typedef struct _SLEEPER { KEVENT Event; LONGLONG Timeout; NTSTATUS Status; ULONG64 Woke; } SLEEPER;

static VOID Sleep(PVOID Context)
{
    LARGE_INTEGER Timeout;
    SLEEPER *Sleeper = Context;
    ULONG64 Counter;

    Timeout.QuadPart = Sleeper->Timeout;
    Sleeper->Status =
        KeWaitForSingleObject(&Sleeper->Event, Executive, KernelMode, FALSE, Timeout.QuadPart ? &Timeout : NULL);
    Sleeper->Woke = KeQueryInterruptTimePrecise(&Counter);
}

/* The wait goes on after the APC. Trap 54: at the tail of the list.
 * covers Wait.6, Wait.7, trap 54 */
TEST(ke_apc, interrupted_waiter_goes_to_the_tail)
{
    LOG Here = { .Special = 0 };
    SLEEPER First = { .Status = -1 };
    PKTHREAD Threads[2];
    KAPC Apc;

    Log = &Here;
    KeInitializeEvent(&First.Event, SynchronizationEvent, FALSE);
    Threads[0] = KtestThread(Sleep, &First, 9);
    KtestWaitBlocked(Threads[0], &First.Event);
    Threads[1] = KtestThread(Sleep, &First, 9);
    KtestWaitBlocked(Threads[1], &First.Event);
    Special(&Apc, Threads[0]);
    KeInsertQueueApc(&Apc, NULL, NULL, 0);
    KtestWaitFor(&Here.Special);
    KtestWaitBlocked(Threads[0], &First.Event);
    KeSetEvent(&First.Event, 0, FALSE);
    KtestJoin(Threads[1]);
    EXPECT_EQ(Threads[0]->State, Waiting);
    KeSetEvent(&First.Event, 0, FALSE);
    KtestJoin(Threads[0]);
    EXPECT_EQ(First.Status, STATUS_SUCCESS);
}

static volatile LONG InApc, LeaveApc;

static VOID StayAWhile(PKAPC Apc, PKNORMAL_ROUTINE *Routine, PVOID *Context, PVOID *Argument1, PVOID *Argument2)
{
    UNREFERENCED_PARAMETER(Apc);
    UNREFERENCED_PARAMETER(Routine);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    InApc = 1;
    KtestWaitFor(&LeaveApc);
}

/* Trap 54, the other half: a pulse while the waiter is away in an APC is lost to it.
 * covers Wait.7, trap 54 */
TEST(ke_apc, pulse_misses_a_waiter_that_is_away)
{
    SLEEPER Sleeper = { .Status = -1 };
    PKTHREAD Thread;
    KAPC Apc;

    InApc = LeaveApc = 0;
    KeInitializeEvent(&Sleeper.Event, NotificationEvent, FALSE);
    Thread = KtestThread(Sleep, &Sleeper, 9);
    KtestWaitBlocked(Thread, &Sleeper.Event);
    KeInitializeApc(&Apc, Thread, OriginalApcEnvironment, StayAWhile, NULL, NULL, KernelMode, NULL);
    KeInsertQueueApc(&Apc, NULL, NULL, 0);
    KtestWaitFor(&InApc);
    KePulseEvent(&Sleeper.Event, 0, FALSE);
    LeaveApc = 1;
    KtestWaitBlocked(Thread, &Sleeper.Event);
    KeSetEvent(&Sleeper.Event, 0, FALSE);
    KtestJoin(Thread);
    EXPECT_EQ(Sleeper.Status, STATUS_SUCCESS);
}

/* covers Wait.6, trap 32 */
TEST(ke_apc, does_not_restart_a_relative_timeout)
{
    LARGE_INTEGER Half = { .QuadPart = -500000 };
    LOG Here = { .Special = 0 };
    SLEEPER Sleeper = { .Timeout = -1000000 };
    ULONG64 Start, Counter;
    BOOLEAN Inserted;
    PKTHREAD Thread;
    KAPC Apc;

    Log = &Here;
    KeInitializeEvent(&Sleeper.Event, NotificationEvent, FALSE);
    Start = KeQueryInterruptTimePrecise(&Counter);
    Thread = KtestThread(Sleep, &Sleeper, 9);
    KtestWaitBlocked(Thread, &Sleeper.Event);
    KeDelayExecutionThread(KernelMode, FALSE, &Half);
    Special(&Apc, Thread);
    Inserted = KeInsertQueueApc(&Apc, NULL, NULL, 0);
    KtestJoin(Thread);
    if (KtestVirtualTime())             /* a busy host may have let the time pass: then it came too late */
        EXPECT_TRUE(Inserted);
    EXPECT_EQ(Here.Special, Inserted);
    EXPECT_EQ(Sleeper.Status, STATUS_TIMEOUT);
    EXPECT_GE(Sleeper.Woke - Start, 1000000);
    if (KtestVirtualTime())
        EXPECT_LE(Sleeper.Woke - Start, 1010000);
}

static VOID RunAndCount(PVOID Context)
{
    volatile LONG *Stop = Context;

    Append('r');
    while (!*Stop)
        ArchPause();
}

/* covers KeInsertQueueApc.4 */
TEST(ke_apc, reaches_a_thread_that_runs_elsewhere_or_is_ready)
{
    LOG Here = { .Special = 0 };
    volatile LONG Stop = 0;
    PKTHREAD Thread;
    KAPC Apc;

    Log = &Here;
    Thread = KtestThread(RunAndCount, (PVOID)&Stop, 7);
    KtestWaitFor(&Here.Length);
    Special(&Apc, Thread);
    KeInsertQueueApc(&Apc, NULL, NULL, 0);
    KtestWaitFor(&Here.Special);
    Stop = 1;
    KtestJoin(Thread);
}

/* covers KeInsertQueueApc.1 */
TEST(ke_apc, ended_thread_takes_none)
{
    LOG Here = { .Special = 0 };
    volatile LONG Stop = 1;
    PKTHREAD Thread;
    KAPC Apc;

    Log = &Here;
    Thread = KtestThread(RunAndCount, (PVOID)&Stop, 9);
    KeWaitForSingleObject(Thread, Executive, KernelMode, FALSE, NULL);
    Special(&Apc, Thread);
    EXPECT_FALSE(KeInsertQueueApc(&Apc, NULL, NULL, 0));
    KtestJoin(Thread);
}

/* ---- APCs that come just before a sleep, or just before the end ---- */

static VOID SetIt(PKAPC Apc, PKNORMAL_ROUTINE *Routine, PVOID *Context, PVOID *Argument1, PVOID *Argument2)
{
    UNREFERENCED_PARAMETER(Apc);
    UNREFERENCED_PARAMETER(Routine);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument2);
    KeSetEvent(*Argument1, 0, FALSE);
}

/* The IRQL of a Wait=TRUE held it up; the sleep must not.
 * covers KeInsertQueueApc.4 */
TEST(ke_apc, held_up_by_wait_true_it_runs_before_the_sleep)
{
    LARGE_INTEGER Second = { .QuadPart = -10000000 };
    KEVENT Signalled, Awaited;
    KAPC Apc;

    KeInitializeEvent(&Signalled, NotificationEvent, FALSE);
    KeInitializeEvent(&Awaited, NotificationEvent, FALSE);
    KeInitializeApc(&Apc, KeGetCurrentThread(), OriginalApcEnvironment, SetIt, NULL, NULL, KernelMode, NULL);
    KeSetEvent(&Signalled, 0, TRUE);
    KeInsertQueueApc(&Apc, &Awaited, NULL, 0);
    EXPECT_TRUE(Apc.Inserted);
    EXPECT_EQ(KeWaitForSingleObject(&Awaited, Executive, KernelMode, FALSE, &Second), STATUS_SUCCESS);
    EXPECT_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
    KeSetEvent(&Signalled, 0, TRUE);
    KeInsertQueueApc(&Apc, &Awaited, NULL, 0);
    EXPECT_EQ(KeDelayExecutionThread(KernelMode, FALSE, &Second), STATUS_SUCCESS);
    EXPECT_FALSE(Apc.Inserted);
}

enum { MEETINGS = 3000 };
typedef struct _MEETING { KEVENT Event; volatile LONG Round, Lost, Stop; } MEETING;

static VOID Meet(PVOID Context)
{
    LARGE_INTEGER Patience = { .QuadPart = -300000000 };
    MEETING *Meeting = Context;

    for (LONG Round = 1; !Meeting->Stop && Meeting->Lost == 0; Round++) {
        Meeting->Round = Round;
        if (KeWaitForSingleObject(&Meeting->Event, Executive, KernelMode, FALSE, &Patience) != STATUS_SUCCESS)
            Meeting->Lost = Round;
    }
    Meeting->Round = MAXLONG;
}

/* Another processor queues it while the thread is on its way into the wait.
 * covers KeInsertQueueApc.4 */
TEST(ke_apc, none_is_lost_to_a_thread_about_to_sleep)
{
    MEETING Meeting = { .Round = 0 };
    PKTHREAD Thread;
    KAPC Apc;

    if (KeQueryActiveProcessorCount(NULL) == 1) {
        KtestSkip("one processor");
        return;
    }
    KeInitializeEvent(&Meeting.Event, SynchronizationEvent, FALSE);
    Thread = KtestThread(Meet, &Meeting, 8);
    KeInitializeApc(&Apc, Thread, OriginalApcEnvironment, SetIt, NULL, NULL, KernelMode, NULL);
    for (LONG Round = 1; Meeting.Round != MAXLONG; Round++) {
        while (Meeting.Round < Round)
            ArchPause();
        Meeting.Stop = Round >= MEETINGS || !KtestHasTime();
        KeInsertQueueApc(&Apc, &Meeting.Event, NULL, 0);
        while (*(volatile BOOLEAN *)&Apc.Inserted && Meeting.Round != MAXLONG)
            ArchPause();
        if (Meeting.Stop)
            break;
    }
    KtestJoin(Thread);
    EXPECT_EQ(Meeting.Lost, 0);
}

static VOID EndAtOnce(PVOID Context) { *(volatile LONG *)Context = 1; }

/* It is taken and runs, or it is refused; a thread that ends with one on its way is no bug check.
 * covers KeInsertQueueApc.1, KeInsertQueueApc.4 */
TEST(ke_apc, one_that_meets_the_end_runs_or_is_refused)
{
    if (KeQueryActiveProcessorCount(NULL) == 1) {
        KtestSkip("one processor");
        return;
    }
    for (LONG Round = 0; Round < 300 && KtestHasTime(); Round++) {
        LOG Here = { .Special = 0 };
        volatile LONG Started = 0;
        LONG Taken = 0;
        PKTHREAD Thread;
        KAPC Apc;

        Log = &Here;
        Thread = KtestThread(EndAtOnce, (PVOID)&Started, 8);
        while (!Started)
            ArchPause();
        for (;;) {
            Special(&Apc, Thread);
            if (!KeInsertQueueApc(&Apc, NULL, NULL, 0))
                break;
            Taken++;
            while (__atomic_load_n(&Here.Special, __ATOMIC_ACQUIRE) < Taken)
                ArchPause();
        }
        KtestJoin(Thread);
        EXPECT_EQ(Here.Special, Taken);
    }
}
