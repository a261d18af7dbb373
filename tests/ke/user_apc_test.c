/* user_apc_test.c - user APCs, as far as there are any without user mode: which waits they end, which alerts go where,
 * and what becomes of them when their thread ends. */
#include <ex/pool.h>
#include <ke/apc.h>
#include <ke/clock.h>
#include <ke/event.h>
#include <ke/irql.h>
#include <ke/process.h>
#include <ke/queue.h>
#include <ke/thread.h>
#include <ktest.h>
#include <ob/object.h>
#include <ps/process.h>
#include <ps/system_thread.h>
#include <rtl/list.h>
#include <rtl/status.h>
#include <rtl/string.h>

static volatile LONG Delivered;

static VOID Kernel(PKAPC Apc, PKNORMAL_ROUTINE *Normal, PVOID *Context, PVOID *Argument1, PVOID *Argument2)
{
    UNREFERENCED_PARAMETER(Apc), UNREFERENCED_PARAMETER(Normal), UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1), UNREFERENCED_PARAMETER(Argument2);
    Delivered++;
}

static VOID Normal(PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Context), UNREFERENCED_PARAMETER(Argument1), UNREFERENCED_PARAMETER(Argument2);
    Delivered++;
}

static volatile LONG RunDown;
static KIRQL RundownIrql;

static VOID Rundown(PKAPC Apc)
{
    EXPECT_FALSE(Apc->Inserted);
    RundownIrql = KeGetCurrentIrql();
    RunDown = RunDown * 10 + (LONG)(LONG_PTR)Apc->NormalContext;
    memset(Apc, 0xAA, sizeof *Apc);
}

static void InitializeUser(PKAPC Apc, PKTHREAD Thread, LONG Number)
{
    memset(Apc, 0x55, sizeof *Apc);
    KeInitializeApc(Apc, Thread, OriginalApcEnvironment, Kernel, Rundown, Normal, UserMode, (PVOID)(LONG_PTR)Number);
    EXPECT_EQ(Apc->ApcMode, UserMode);
}

/* ---- Waits ---- */

typedef struct _SLEEPER {
    KEVENT Event;
    KPROCESSOR_MODE Mode;
    BOOLEAN Alertable, Delay;
    NTSTATUS Status;
    BOOLEAN Pending;
} SLEEPER;

static VOID Sleep(PVOID Context)
{
    LARGE_INTEGER Hour = { .QuadPart = -36000000000ll };
    SLEEPER *Sleeper = Context;

    if (Sleeper->Delay)
        Sleeper->Status = KeDelayExecutionThread(Sleeper->Mode, Sleeper->Alertable, &Hour);
    else
        Sleeper->Status = KeWaitForSingleObject(&Sleeper->Event, Executive, Sleeper->Mode, Sleeper->Alertable, NULL);
    Sleeper->Pending = KeGetCurrentThread()->ApcState.UserApcPending;
}

static PKTHREAD Start(SLEEPER *Sleeper)
{
    PKTHREAD Thread;

    KeInitializeEvent(&Sleeper->Event, NotificationEvent, FALSE);
    Sleeper->Status = -1;
    Thread = KtestThread(Sleep, Sleeper, 9);
    KtestWaitBlocked(Thread, Sleeper->Delay ? NULL : &Sleeper->Event);
    return Thread;
}

static void ExpectEndedByApc(SLEEPER *Sleeper)
{
    PKTHREAD Thread = Start(Sleeper);
    KAPC Apc;

    Delivered = RunDown = 0;
    InitializeUser(&Apc, Thread, 1);
    EXPECT_TRUE(KeInsertQueueApc(&Apc, NULL, NULL, 0));
    KtestJoin(Thread);
    EXPECT_EQ(Sleeper->Status, STATUS_USER_APC);
    EXPECT_TRUE(Sleeper->Pending);
    EXPECT_EQ(Delivered, 0);            /* there is no user mode to deliver it to */
    EXPECT_EQ(RunDown, 1);
}

/* covers Wait.10, KeDelayExecutionThread.5 */
TEST(ke_user_apc, ends_an_alertable_user_mode_wait_and_delay)
{
    SLEEPER Sleeper = { .Mode = UserMode, .Alertable = TRUE };

    ExpectEndedByApc(&Sleeper);
    Sleeper.Delay = TRUE;
    ExpectEndedByApc(&Sleeper);
}

typedef struct _TWO_WAITS { KEVENT First, Second; NTSTATUS FirstStatus, SecondStatus; } TWO_WAITS;

static VOID WaitTwice(PVOID Context)
{
    TWO_WAITS *Two = Context;

    Two->FirstStatus = KeWaitForSingleObject(&Two->First, Executive, UserMode, TRUE, NULL);
    Two->SecondStatus = KeWaitForSingleObject(&Two->Second, Executive, KernelMode, FALSE, NULL);
}

/* What a wait may be ended by does not outlive it.
 * covers Wait.9, Wait.10 */
TEST(ke_user_apc, plain_wait_after_an_alertable_one_is_left_alone)
{
    TWO_WAITS Two = { .FirstStatus = -1, .SecondStatus = -1 };
    PKTHREAD Thread;
    KAPC Apc;

    Delivered = RunDown = 0;
    KeInitializeEvent(&Two.First, SynchronizationEvent, FALSE);
    KeInitializeEvent(&Two.Second, SynchronizationEvent, FALSE);
    Thread = KtestThread(WaitTwice, &Two, 9);
    KtestWaitBlocked(Thread, &Two.First);
    KeSetEvent(&Two.First, 0, FALSE);
    KtestWaitBlocked(Thread, &Two.Second);
    EXPECT_FALSE(KeAlertThread(Thread, KernelMode));
    InitializeUser(&Apc, Thread, 1);
    EXPECT_TRUE(KeInsertQueueApc(&Apc, NULL, NULL, 0));
    EXPECT_EQ(Thread->State, Waiting);
    KeSetEvent(&Two.Second, 0, FALSE);
    KtestJoin(Thread);
    EXPECT_EQ(Two.FirstStatus, STATUS_SUCCESS);
    EXPECT_EQ(Two.SecondStatus, STATUS_SUCCESS);
}

/* covers Wait.10 */
TEST(ke_user_apc, leaves_other_waits_alone)
{
    for (int Kind = 0; Kind < 3; Kind++) {
        SLEEPER Sleeper = { .Mode = Kind == 2 ? UserMode : KernelMode, .Alertable = Kind == 1 };
        PKTHREAD Thread = Start(&Sleeper);
        KAPC Apc;

        Delivered = RunDown = 0;
        InitializeUser(&Apc, Thread, 1);
        EXPECT_TRUE(KeInsertQueueApc(&Apc, NULL, NULL, 0));
        EXPECT_FALSE(KeInsertQueueApc(&Apc, NULL, NULL, 0));
        EXPECT_EQ(Thread->State, Waiting);
        EXPECT_FALSE(Thread->ApcState.UserApcPending);
        KeSetEvent(&Sleeper.Event, 0, FALSE);
        KtestJoin(Thread);
        EXPECT_EQ(Sleeper.Status, STATUS_SUCCESS);
        EXPECT_EQ(RunDown, 1);
    }
}

/* ---- At the beginning of a wait: in a thread of its own, whose end runs the APC down ---- */

static VOID BeginWaits(PVOID Context)
{
    LARGE_INTEGER Zero = { .QuadPart = 0 };
    PKTHREAD Thread = KeGetCurrentThread();
    KEVENT Event;
    KQUEUE Queue;
    PKAPC Apc = Context;

    KeInitializeEvent(&Event, NotificationEvent, TRUE);
    KeInitializeQueue(&Queue, 1);
    InitializeUser(Apc, Thread, 3);
    KeInsertQueueApc(Apc, NULL, NULL, 0);
    EXPECT_EQ(KeWaitForSingleObject(&Event, Executive, UserMode, TRUE, &Zero), STATUS_SUCCESS);
    EXPECT_FALSE(Thread->ApcState.UserApcPending);
    KeClearEvent(&Event);
    EXPECT_EQ(KeWaitForSingleObject(&Event, Executive, UserMode, FALSE, &Zero), STATUS_TIMEOUT);
    EXPECT_EQ(KeWaitForSingleObject(&Event, Executive, KernelMode, TRUE, &Zero), STATUS_TIMEOUT);
    EXPECT_FALSE(Thread->ApcState.UserApcPending);
    EXPECT_EQ(KeWaitForSingleObject(&Event, Executive, UserMode, TRUE, &Zero), STATUS_USER_APC);
    EXPECT_TRUE(Thread->ApcState.UserApcPending);
    /* Pending, it ends what is not alertable as well. */
    EXPECT_EQ(KeWaitForSingleObject(&Event, Executive, UserMode, FALSE, NULL), STATUS_USER_APC);
    EXPECT_EQ(KeDelayExecutionThread(UserMode, FALSE, &Zero), STATUS_USER_APC);
    EXPECT_EQ((LONG_PTR)KeRemoveQueue(&Queue, UserMode, NULL), STATUS_USER_APC);
    EXPECT_EQ(KeWaitForSingleObject(&Event, Executive, KernelMode, FALSE, &Zero), STATUS_TIMEOUT);
    KeRundownQueue(&Queue);
}

/* covers Wait.1, Wait.2, Wait.10, KeRemoveQueue.3 */
TEST(ke_user_apc, is_looked_at_when_a_wait_begins)
{
    KAPC Apc;

    RunDown = 0;
    KtestJoin(KtestThread(BeginWaits, &Apc, 9));
    EXPECT_EQ(RunDown, 3);
}

/* KeTestAlertThread marks queued APCs; an alert of the mode goes first, and is taken. */
static VOID TestAlerts(PVOID Context)
{
    PKTHREAD Thread = KeGetCurrentThread();

    InitializeUser(Context, Thread, 4);
    EXPECT_FALSE(KeTestAlertThread(UserMode));
    EXPECT_FALSE(Thread->ApcState.UserApcPending);
    KeInsertQueueApc(Context, NULL, NULL, 0);
    EXPECT_FALSE(KeAlertThread(Thread, UserMode));
    EXPECT_TRUE(KeAlertThread(Thread, UserMode));
    EXPECT_FALSE(KeTestAlertThread(KernelMode));
    EXPECT_TRUE(KeTestAlertThread(UserMode));
    EXPECT_FALSE(Thread->ApcState.UserApcPending);
    EXPECT_FALSE(KeTestAlertThread(UserMode));
    EXPECT_TRUE(Thread->ApcState.UserApcPending);
}

/* covers KeAlertThread.1, KeTestAlertThread.1 */
TEST(ke_user_apc, test_alert_takes_the_alert_before_it_marks_the_apc)
{
    KAPC Apc;

    RunDown = 0;
    KtestJoin(KtestThread(TestAlerts, &Apc, 9));
    EXPECT_EQ(RunDown, 4);
}

/* An alert of user mode goes before the APC, one of kernel mode after it; what was not taken is there still. */
static VOID OrderOfAlerts(PVOID Context)
{
    LARGE_INTEGER Zero = { .QuadPart = 0 };
    PKTHREAD Thread = KeGetCurrentThread();
    KEVENT Event;

    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    InitializeUser(Context, Thread, 5);
    KeAlertThread(Thread, KernelMode);
    KeAlertThread(Thread, UserMode);
    KeInsertQueueApc(Context, NULL, NULL, 0);
    EXPECT_EQ(KeWaitForSingleObject(&Event, Executive, UserMode, TRUE, &Zero), STATUS_ALERTED);
    EXPECT_FALSE(Thread->Alerted[UserMode]);
    EXPECT_TRUE(Thread->Alerted[KernelMode]);
    EXPECT_FALSE(Thread->ApcState.UserApcPending);
    EXPECT_EQ(KeWaitForSingleObject(&Event, Executive, UserMode, TRUE, &Zero), STATUS_USER_APC);
    EXPECT_TRUE(Thread->Alerted[KernelMode]);
    EXPECT_TRUE(Thread->ApcState.UserApcPending);
    EXPECT_EQ(KeWaitForSingleObject(&Event, Executive, KernelMode, TRUE, &Zero), STATUS_ALERTED);
    EXPECT_FALSE(Thread->Alerted[KernelMode]);
    EXPECT_EQ(KeWaitForSingleObject(&Event, Executive, KernelMode, TRUE, &Zero), STATUS_TIMEOUT);
}

TEST(ke_user_apc, alerts_and_apcs_have_their_order)
{
    KAPC Apc;

    RunDown = 0;
    KtestJoin(KtestThread(OrderOfAlerts, &Apc, 9));
    EXPECT_EQ(RunDown, 5);
}

/* ---- Alerts by mode ---- */

/* covers Wait.9, KeAlertThread.1 */
TEST(ke_user_apc, alerts_reach_waits_of_their_mode_or_above)
{
    static const struct { KPROCESSOR_MODE Wait, Alert; BOOLEAN Ends; } Rows[] = {
        { KernelMode, KernelMode, TRUE }, { UserMode, KernelMode, TRUE },
        { UserMode, UserMode, TRUE },     { KernelMode, UserMode, FALSE },
    };

    for (ULONG At = 0; At < RTL_NUMBER_OF(Rows); At++) {
        SLEEPER Sleeper = { .Mode = Rows[At].Wait, .Alertable = TRUE };
        PKTHREAD Thread = Start(&Sleeper);

        EXPECT_FALSE(KeAlertThread(Thread, Rows[At].Alert));
        EXPECT_EQ(Thread->Alerted[(int)Rows[At].Alert], !Rows[At].Ends);
        if (!Rows[At].Ends)
            KeSetEvent(&Sleeper.Event, 0, FALSE);
        KtestJoin(Thread);
        EXPECT_EQ(Sleeper.Status, Rows[At].Ends ? STATUS_ALERTED : STATUS_SUCCESS);
    }
}

/* ---- The end ---- */

static KAPC Left[3];

static VOID Leave(PVOID Context)
{
    KEVENT *Gate = Context;

    KeWaitForSingleObject(Gate, Executive, KernelMode, FALSE, NULL);
}

/* covers KeInsertQueueApc.1 */
TEST(ke_user_apc, end_runs_down_what_is_left_in_order)
{
    PKTHREAD Thread;
    KEVENT Gate;
    PKAPC Freed = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof *Freed, 'cpaU');

    REQUIRE_TRUE(Freed != NULL);
    Delivered = RunDown = 0;
    RundownIrql = HIGH_LEVEL;
    KeInitializeEvent(&Gate, NotificationEvent, FALSE);
    Thread = KtestThread(Leave, &Gate, 9);
    KtestWaitBlocked(Thread, &Gate);
    for (int At = 0; At < 3; At++) {
        InitializeUser(&Left[At], Thread, At + 1);
        EXPECT_TRUE(KeInsertQueueApc(&Left[At], NULL, NULL, 0));
    }
    KeInitializeApc(Freed, Thread, OriginalApcEnvironment, Kernel, NULL, Normal, UserMode, NULL);
    EXPECT_TRUE(KeInsertQueueApc(Freed, NULL, NULL, 0));        /* no rundown routine: it is the pool's again */
    KeSetEvent(&Gate, 0, FALSE);
    KtestJoin(Thread);
    EXPECT_EQ(RunDown, 123);
    EXPECT_EQ(RundownIrql, PASSIVE_LEVEL);
    EXPECT_EQ(Delivered, 0);
}

/* ---- Attached: the mark and the list belong to the process they were made in ---- */

static VOID Attached(PVOID Context)
{
    LARGE_INTEGER Zero = { .QuadPart = 0 };
    PKPROCESS Process = PsCreateProcess();
    PKTHREAD Thread = KeGetCurrentThread();
    KAPC_STATE State;
    KEVENT Event;

    REQUIRE_TRUE(Process != NULL);
    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    InitializeUser(Context, Thread, 6);
    KeInsertQueueApc(Context, NULL, NULL, 0);
    KeTestAlertThread(UserMode);
    EXPECT_TRUE(Thread->ApcState.UserApcPending);
    KeStackAttachProcess(Process, &State);
    EXPECT_FALSE(Thread->ApcState.UserApcPending);
    EXPECT_TRUE(IsListEmpty(&Thread->ApcState.ApcListHead[UserMode]));
    EXPECT_EQ(KeWaitForSingleObject(&Event, Executive, UserMode, TRUE, &Zero), STATUS_TIMEOUT);
    KeUnstackDetachProcess(&State);
    EXPECT_TRUE(Thread->ApcState.UserApcPending);
    EXPECT_FALSE(IsListEmpty(&Thread->ApcState.ApcListHead[UserMode]));
    EXPECT_EQ(KeWaitForSingleObject(&Event, Executive, UserMode, FALSE, &Zero), STATUS_USER_APC);
    ObfDereferenceObject(Process);
}

TEST(ke_user_apc, stays_with_its_process)
{
    KAPC Apc;

    RunDown = 0;
    KtestJoin(KtestThread(Attached, &Apc, 9));
    EXPECT_EQ(RunDown, 6);
}

static struct { PKPROCESS Process; KEVENT Event; NTSTATUS Status; } Abroad;

static VOID SleepAbroad(PVOID Context)
{
    KAPC_STATE State;

    UNREFERENCED_PARAMETER(Context);
    KeStackAttachProcess(Abroad.Process, &State);
    Abroad.Status = KeWaitForSingleObject(&Abroad.Event, Executive, UserMode, TRUE, NULL);
    KeUnstackDetachProcess(&State);
}

/* One for home ends no wait abroad, one for where the thread is does. */
TEST(ke_user_apc, of_home_ends_no_wait_abroad)
{
    PKTHREAD Thread;
    KAPC Apc;

    RunDown = 0;
    Abroad.Process = PsCreateProcess();
    REQUIRE_TRUE(Abroad.Process != NULL);
    KeInitializeEvent(&Abroad.Event, NotificationEvent, FALSE);
    Thread = KtestThread(SleepAbroad, NULL, 9);
    KtestWaitBlocked(Thread, &Abroad.Event);
    InitializeUser(&Apc, Thread, 8);
    EXPECT_TRUE(KeInsertQueueApc(&Apc, NULL, NULL, 0));
    EXPECT_EQ(Thread->State, Waiting);
    EXPECT_FALSE(Thread->ApcState.UserApcPending);
    KeSetEvent(&Abroad.Event, 0, FALSE);
    KtestJoin(Thread);
    EXPECT_EQ(Abroad.Status, STATUS_SUCCESS);
    EXPECT_EQ(RunDown, 8);
    ObfDereferenceObject(Abroad.Process);
}
