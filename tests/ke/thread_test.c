/* thread_test.c - threads and the scheduler: who runs, where, in what order, for how long. */
#include <arch/arch.h>
#include <ke/apc.h>
#include <ke/clock.h>
#include <ke/event.h>
#include <ke/init.h>
#include <ke/irql.h>
#include <ke/thread.h>
#include <ktest.h>
#include <mm/mm.h>
#include <ob/object.h>
#include <ps/process.h>
#include <ps/system_thread.h>
#include <rtl/status.h>

enum { MILLISECOND = 10000 };

static ULONG64 Now(void)
{
    ULONG64 Counter;

    return KeQueryInterruptTimePrecise(&Counter);
}

typedef struct _RUNNER {
    volatile LONG Started, Stop, Done;
    volatile ULONG64 Rounds;
    ULONG Processor;
} RUNNER;

static VOID RunUntilStopped(PVOID Context)
{
    RUNNER *Runner = Context;

    Runner->Started = 1;
    while (!Runner->Stop) {
        Runner->Rounds++;
        Runner->Processor = KeGetCurrentProcessorNumber();
    }
    Runner->Done = 1;
}

/* ---- Priorities ---- */

/* covers KeSetPriorityThread.2 */
TEST(ke_thread, better_thread_preempts_at_once)
{
    RUNNER Runner = { .Stop = 1 };
    PKTHREAD Thread;

    KeSetSystemAffinityThread(1);
    Thread = KtestThread(RunUntilStopped, &Runner, 7);
    KeSetAffinityThread(Thread, 1);
    EXPECT_FALSE(Runner.Done);
    KeSetPriorityThread(Thread, 9);
    EXPECT_TRUE(Runner.Done);
    KtestJoin(Thread);
    KeRevertToUserAffinityThread();
}

static VOID WaitOnce(PVOID Event) { KeWaitForSingleObject(Event, Executive, KernelMode, FALSE, NULL); }

/* Displaced in KeSetEvent, and by the dispatch interrupt: the rest of the quantum is not lost to an equal. */
TEST(ke_thread, preempted_thread_goes_on_before_its_equals)
{
    for (KIRQL Level = PASSIVE_LEVEL; Level <= DISPATCH_LEVEL; Level++) {
        RUNNER Equal = { .Stop = 1 };
        PKTHREAD Better, Other;
        KIRQL OldIrql;
        KEVENT Event;

        KeInitializeEvent(&Event, SynchronizationEvent, FALSE);
        KeSetSystemAffinityThread(1);
        Better = KtestThread(WaitOnce, &Event, 10);
        KtestWaitBlocked(Better, &Event);
        Other = KtestThread(RunUntilStopped, &Equal, KeQueryPriorityThread(KeGetCurrentThread()));
        KeSetPriorityThread(KeGetCurrentThread(), KeQueryPriorityThread(KeGetCurrentThread()));    /* a fresh quantum */
        EXPECT_EQ(Other->State, Ready);
        KeRaiseIrql(Level, &OldIrql);
        KeSetEvent(&Event, 0, FALSE);
        KeLowerIrql(OldIrql);
        EXPECT_EQ(Better->State, Terminated);
        EXPECT_EQ(Other->State, Ready);
        EXPECT_FALSE(Equal.Started);
        KtestJoin(Better);
        KtestJoin(Other);
        KeRevertToUserAffinityThread();
    }
}

/* covers KeSetPriorityThread.2 */
/* ---- In Standby: chosen to run next on a processor whose IRQL does not let it yet ---- */

typedef struct _CHOSEN { KEVENT Event; volatile LONG Ran; volatile ULONG Processor; PKTHREAD Thread; } CHOSEN;

static VOID WaitAndRun(PVOID Context)
{
    CHOSEN *Chosen = Context;

    KeWaitForSingleObject(&Chosen->Event, Executive, KernelMode, FALSE, NULL);
    Chosen->Processor = KeGetCurrentProcessorNumber();
    Chosen->Ran = 1;
}

static void StartChosen(CHOSEN *Chosen, KPRIORITY Priority)
{
    *Chosen = (CHOSEN){ .Processor = ~0u };
    KeInitializeEvent(&Chosen->Event, NotificationEvent, FALSE);
    Chosen->Thread = KtestThread(WaitAndRun, Chosen, Priority);
    KtestWaitBlocked(Chosen->Thread, &Chosen->Event);
}

TEST(ke_thread, standby_thread_that_is_made_weaker_waits)
{
    CHOSEN Chosen;
    KIRQL OldIrql;

    KeSetSystemAffinityThread(1);
    StartChosen(&Chosen, 12);
    KeRaiseIrql(DISPATCH_LEVEL, &OldIrql);
    KeSetEvent(&Chosen.Event, 0, FALSE);
    EXPECT_EQ(Chosen.Thread->State, Standby);
    EXPECT_EQ(KeSetPriorityThread(Chosen.Thread, 14), 12);
    EXPECT_EQ(Chosen.Thread->State, Standby);
    EXPECT_EQ(KeSetPriorityThread(Chosen.Thread, 3), 14);
    EXPECT_EQ(Chosen.Thread->State, Ready);
    KeLowerIrql(OldIrql);
    EXPECT_EQ(Chosen.Ran, 0);
    EXPECT_EQ(KeSetPriorityThread(Chosen.Thread, 12), 3);
    EXPECT_EQ(Chosen.Ran, 1);
    KtestJoin(Chosen.Thread);
    KeRevertToUserAffinityThread();
}

/* The one that is the best now takes its place. */
TEST(ke_thread, standby_thread_that_is_made_weaker_makes_way)
{
    CHOSEN Chosen, Other;
    KIRQL OldIrql;

    KeSetSystemAffinityThread(1);
    StartChosen(&Chosen, 12);
    StartChosen(&Other, 10);
    KeRaiseIrql(DISPATCH_LEVEL, &OldIrql);
    KeSetEvent(&Other.Event, 0, FALSE);
    EXPECT_EQ(Other.Thread->State, Standby);
    KeSetEvent(&Chosen.Event, 0, FALSE);
    EXPECT_EQ(Chosen.Thread->State, Standby);
    EXPECT_EQ(Other.Thread->State, Ready);
    KeSetPriorityThread(Chosen.Thread, 3);
    EXPECT_EQ(Chosen.Thread->State, Ready);
    EXPECT_EQ(Other.Thread->State, Standby);
    KeLowerIrql(OldIrql);
    EXPECT_EQ(Other.Ran, 1);
    EXPECT_EQ(Chosen.Ran, 0);
    KtestJoin(Other.Thread);
    KtestJoin(Chosen.Thread);
    KeRevertToUserAffinityThread();
}

/* One that may not run here any more goes where it may, although this processor's IRQL has not fallen yet; and back. */
TEST(ke_thread, standby_thread_goes_where_its_affinity_sends_it)
{
    for (int Back = 0; Back <= 1; Back++) {
        CHOSEN Chosen, Other;
        KIRQL OldIrql;

        if (KeQueryActiveProcessorCount(NULL) == 1) {
            KtestSkip("one processor");
            return;
        }
        KeSetSystemAffinityThread(1);
        StartChosen(&Chosen, 12);
        StartChosen(&Other, 10);
        KeRaiseIrql(DISPATCH_LEVEL, &OldIrql);
        KeSetEvent(&Chosen.Event, 0, FALSE);
        KeSetEvent(&Other.Event, 0, FALSE);
        EXPECT_EQ(Chosen.Thread->State, Standby);
        EXPECT_EQ(KeSetAffinityThread(Chosen.Thread, Back ? 1 : 2), 1);
        if (Back) {
            EXPECT_EQ(Chosen.Thread->State, Standby);
            EXPECT_EQ(Other.Thread->State, Ready);
        } else {
            KtestWaitFor(&Chosen.Ran);
            EXPECT_EQ(Chosen.Processor, 1);
            EXPECT_EQ(Other.Thread->State, Standby);
            EXPECT_EQ(Other.Ran, 0);
        }
        KeLowerIrql(OldIrql);
        EXPECT_EQ(Other.Ran, 1);
        EXPECT_EQ(Chosen.Ran, 1);
        EXPECT_EQ(Chosen.Processor, Back ? 0 : 1);
        KtestJoin(Chosen.Thread);
        KtestJoin(Other.Thread);
        KeRevertToUserAffinityThread();
    }
}

TEST(ke_thread, lowering_oneself_lets_the_better_run_at_once)
{
    RUNNER Runner = { .Stop = 1 };
    PKTHREAD Thread;
    KPRIORITY Old;

    KeSetSystemAffinityThread(1);
    Thread = KtestThread(RunUntilStopped, &Runner, 6);
    KeSetAffinityThread(Thread, 1);
    EXPECT_FALSE(Runner.Done);
    Old = KeSetPriorityThread(KeGetCurrentThread(), 5);
    EXPECT_TRUE(Runner.Done);
    KeSetPriorityThread(KeGetCurrentThread(), Old);
    KtestJoin(Thread);
    KeRevertToUserAffinityThread();
}

/* covers KeSetPriorityThread.1, KeQueryPriorityThread.1 */
TEST(ke_thread, set_priority_gives_the_old_current_one)
{
    PKTHREAD Self = KeGetCurrentThread();
    KPRIORITY Start = KeQueryPriorityThread(Self);

    EXPECT_EQ(KeSetPriorityThread(Self, 20), Start);
    EXPECT_EQ(KeQueryPriorityThread(Self), 20);
    EXPECT_EQ(Self->BasePriority, 8);
    EXPECT_EQ(KeSetPriorityThread(Self, 0), 20);
    EXPECT_EQ(KeQueryPriorityThread(Self), 1);
    EXPECT_EQ(KeSetPriorityThread(Self, Start), 1);
}

/* covers KeSetBasePriorityThread.1 */
TEST(ke_thread, base_priority_increments_and_saturation)
{
    PKTHREAD Self = KeGetCurrentThread();

    EXPECT_EQ(KeSetBasePriorityThread(Self, 2), 0);
    EXPECT_EQ(Self->BasePriority, 10);
    EXPECT_EQ(KeSetBasePriorityThread(Self, -2), 2);
    EXPECT_EQ(Self->BasePriority, 6);
    EXPECT_EQ(KeSetBasePriorityThread(Self, 16), -2);
    EXPECT_EQ(Self->BasePriority, 15);
    EXPECT_EQ(KeSetBasePriorityThread(Self, -16), 16);
    EXPECT_EQ(Self->BasePriority, 1);
    EXPECT_EQ(KeSetBasePriorityThread(Self, 0), -16);
    EXPECT_EQ(Self->BasePriority, 8);
    EXPECT_EQ(KeQueryPriorityThread(Self), 8);
}

/* A boost fades by one per quantum; one set into the real-time range does not (trap 47). */
static void Spin(ULONG64 Units)
{
    for (ULONG64 Start = Now(); Now() - Start < Units;)
        ;
}

/* covers KeQueryPriorityThread.1, trap 47 */
TEST(ke_thread, boost_fades_by_one_per_quantum_down_to_the_base)
{
    PKTHREAD Self = KeGetCurrentThread();
    ULONG64 Quantum = 2ull * KeQueryTimeIncrement();

    /* In real time a tick may come late, and late ticks are not made up for: then look again. */
    KeSetPriorityThread(Self, 11);
    Spin(Quantum + Quantum / 2);
    if (KtestVirtualTime())
        EXPECT_EQ(KeQueryPriorityThread(Self), 10);
    for (ULONG Looks = 0; Looks < 200 && KeQueryPriorityThread(Self) != 8; Looks++)
        Spin(4 * Quantum);
    EXPECT_EQ(KeQueryPriorityThread(Self), 8);
    KeSetPriorityThread(Self, 16);
    Spin(3 * Quantum);
    EXPECT_EQ(KeQueryPriorityThread(Self), 16);
    KeSetPriorityThread(Self, 8);
}

TEST(ke_thread, equals_take_turns)
{
    enum { COUNT = 3 };
    RUNNER Runners[COUNT] = { { 0 } };
    LARGE_INTEGER Interval = { .QuadPart = -500 * MILLISECOND };
    PKTHREAD Threads[COUNT];
    ULONG64 Least = ~0ull, Most = 0;

    KeSetSystemAffinityThread(1);       /* so are the helpers: none has a processor to itself meanwhile */
    for (int At = 0; At < COUNT; At++)
        Threads[At] = KtestThread(RunUntilStopped, &Runners[At], 7);
    KeDelayExecutionThread(KernelMode, FALSE, &Interval);
    for (int Look = 0;
         Look < 60 && (Runners[0].Rounds == 0 || Runners[1].Rounds == 0 || Runners[2].Rounds == 0); Look++)
        KeDelayExecutionThread(KernelMode, FALSE, &Interval);   /* a busy host may have kept their time to itself */
    KeRevertToUserAffinityThread();
    for (int At = 0; At < COUNT; At++) {
        Runners[At].Stop = 1;
        Least = Runners[At].Rounds < Least ? Runners[At].Rounds : Least;
        Most = Runners[At].Rounds > Most ? Runners[At].Rounds : Most;
    }
    EXPECT_GT(Least, 0);
    if (KtestVirtualTime())
        EXPECT_LE(Most, 2 * Least);
    for (int At = 0; At < COUNT; At++)
        KtestJoin(Threads[At]);
}

/* ---- Processors ---- */

TEST(ke_thread, affinity_moves_the_current_thread_at_once)
{
    ULONG Processors = KeQueryActiveProcessorCount(NULL);

    for (ULONG Number = 0; Number < Processors; Number++) {
        KeSetSystemAffinityThread(1ull << Number);
        EXPECT_EQ(KeGetCurrentProcessorNumber(), Number);
    }
    KeRevertToUserAffinityThread();
}

/* A few of many: each spinning thread slows an emulator down. */
static ULONG SomeProcessors(void)
{
    ULONG Processors = KeQueryActiveProcessorCount(NULL);

    return Processors < 8 ? Processors : 8;
}

TEST(ke_thread, affinity_moves_a_running_thread)
{
    LARGE_INTEGER Moment = { .QuadPart = -MILLISECOND };
    RUNNER Runner = { .Stop = 0 };
    PKTHREAD Thread = KtestThread(RunUntilStopped, &Runner, 7);

    KtestWaitFor(&Runner.Started);
    for (ULONG Number = 0; Number < SomeProcessors(); Number++) {
        ULONG64 Rounds;

        KeSetAffinityThread(Thread, 1ull << Number);
        for (int Look = 0; Look < 30000 && *(volatile ULONG *)&Runner.Processor != Number; Look++)
            KeDelayExecutionThread(KernelMode, FALSE, &Moment);
        EXPECT_EQ(Runner.Processor, Number);
        Rounds = Runner.Rounds;
        for (int Look = 0; Look < 30000 && Runner.Rounds == Rounds; Look++)
            KeDelayExecutionThread(KernelMode, FALSE, &Moment);
        EXPECT_GT(Runner.Rounds, Rounds);
        EXPECT_EQ(Runner.Processor, Number);
    }
    Runner.Stop = 1;
    KtestJoin(Thread);
}

/* Not at its next tick, but because the other processor is told. */
TEST(ke_thread, affinity_of_a_running_thread_counts_at_once)
{
    LARGE_INTEGER Moment = { .QuadPart = -MILLISECOND / 20 };
    RUNNER Runner = { .Stop = 0 };
    ULONG64 Start;
    PKTHREAD Thread;

    if (SomeProcessors() < 2 || !KtestVirtualTime()) {
        KtestSkip("needs two processors and virtual time");
        return;
    }
    KeSetSystemAffinityThread(1);
    Thread = KtestThread(RunUntilStopped, &Runner, 7);
    for (int Round = 0; Round < 10; Round++) {
        KeSetAffinityThread(Thread, 2);
        while (*(volatile ULONG *)&Runner.Processor != 1)
            KeDelayExecutionThread(KernelMode, FALSE, &Moment);
        Start = Now();
        KeSetAffinityThread(Thread, 1);
        while (*(volatile ULONG *)&Runner.Processor != 0)
            KeDelayExecutionThread(KernelMode, FALSE, &Moment);
        EXPECT_LE(Now() - Start, MILLISECOND);
    }
    Runner.Stop = 1;
    KtestJoin(Thread);
    KeRevertToUserAffinityThread();
}

typedef struct _TASK { RUNNER Runner; KEVENT Event; } TASK;

static VOID RunAfterEvent(PVOID Context)
{
    TASK *Task = Context;

    KeWaitForSingleObject(&Task->Event, Executive, KernelMode, FALSE, NULL);
    RunUntilStopped(&Task->Runner);
}

/* A thread queues for the busy processor where it ran last, since the others are busier; the first that falls idle
 * takes it from there. */
TEST(ke_thread, processor_that_falls_idle_looks_into_the_queues_of_others)
{
    TASK Task = { .Runner = { .Stop = 1 } };
    RUNNER Busy = { .Stop = 0 };
    PKTHREAD Queued, Spinner;

    if (KeQueryActiveProcessorCount(NULL) != 2) {
        KtestSkip("needs two processors");
        return;
    }
    KeInitializeEvent(&Task.Event, NotificationEvent, FALSE);
    KeSetSystemAffinityThread(2);
    Queued = KtestThread(RunAfterEvent, &Task, 7);
    KtestWaitBlocked(Queued, &Task.Event);
    Spinner = KtestThread(RunUntilStopped, &Busy, 12);
    KeSetSystemAffinityThread(1);
    KtestWaitFor(&Busy.Started);
    KeSetAffinityThread(Queued, 3);
    KeSetEvent(&Task.Event, 0, FALSE);
    EXPECT_EQ(Queued->State, Ready);
    KtestWaitFor(&Task.Runner.Done);
    EXPECT_FALSE(Busy.Done);
    Busy.Stop = 1;
    KtestJoin(Queued);
    KtestJoin(Spinner);
    KeRevertToUserAffinityThread();
}

TEST(ke_thread, idle_processors_take_ready_threads)
{
    ULONG Count = SomeProcessors() - 1;
    RUNNER Runners[8] = { { 0 } };
    PKTHREAD Threads[8];

    if (Count == 0) {
        KtestSkip("one processor");
        return;
    }
    for (ULONG At = 0; At < Count; At++)
        Threads[At] = KtestThread(RunUntilStopped, &Runners[At], 7);
    for (ULONG At = 0; At < Count; At++)
        KtestWaitFor(&Runners[At].Started);
    for (ULONG At = 0; At < Count; At++)
        Runners[At].Stop = 1;
    for (ULONG At = 0; At < Count; At++)
        KtestJoin(Threads[At]);
}

/* ---- Handles, ends, resources ---- */

static VOID ReturnAtOnce(PVOID Context) { ++*(volatile LONG *)Context; }

static VOID EndWithStatus(PVOID Context)
{
    ++*(volatile LONG *)Context;
    PsTerminateSystemThread(STATUS_PENDING + 1);
}

static VOID CheckStart(PVOID Context)
{
    EXPECT_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
    EXPECT_TRUE(KeAreApcsDisabled());
    EXPECT_FALSE(KeAreAllApcsDisabled());
    EXPECT_EQ(KeQueryPriorityThread(KeGetCurrentThread()), 8);
    ++*(volatile LONG *)Context;
}

/* covers PsCreateSystemThread.1, PsCreateSystemThread.3, KeWaitForSingleObject.3, ZwClose.1 */
TEST(ps_thread, starts_at_passive_in_a_critical_region_at_priority_8)
{
    volatile LONG Ran = 0;
    CLIENT_ID Id = { NULL, NULL };
    HANDLE Handle = NULL;
    PVOID Thread;

    REQUIRE_EQ(PsCreateSystemThread(&Handle, 0, NULL, NULL, &Id, CheckStart, (PVOID)&Ran), STATUS_SUCCESS);
    EXPECT_EQ(Id.UniqueProcess, (HANDLE)4);
    EXPECT_NE(Id.UniqueThread, NULL);
    REQUIRE_EQ(ObReferenceObjectByHandle(Handle, 0, PsThreadType, KernelMode, &Thread, NULL), STATUS_SUCCESS);
    EXPECT_EQ(PsGetThreadId(Thread), Id.UniqueThread);
    EXPECT_TRUE(PsIsSystemThread(Thread));
    EXPECT_EQ(KeWaitForSingleObject(Thread, Executive, KernelMode, FALSE, NULL), STATUS_SUCCESS);
    EXPECT_EQ(KeWaitForSingleObject(Thread, Executive, KernelMode, FALSE, NULL), STATUS_SUCCESS);
    EXPECT_EQ(PsGetThreadExitStatus(Thread), STATUS_SUCCESS);
    EXPECT_EQ(Ran, 1);
    ObfDereferenceObject(Thread);
    EXPECT_EQ(ZwClose(Handle), STATUS_SUCCESS);
    EXPECT_EQ(ZwClose(Handle), STATUS_INVALID_HANDLE);
}

/* covers PsTerminateSystemThread.1 */
TEST(ps_thread, exit_status_is_kept)
{
    volatile LONG Ran = 0;
    HANDLE Handle;
    PVOID Thread;

    REQUIRE_EQ(PsCreateSystemThread(&Handle, 0, NULL, (HANDLE)-1ll, NULL, EndWithStatus, (PVOID)&Ran), STATUS_SUCCESS);
    REQUIRE_EQ(ObReferenceObjectByHandle(Handle, 0, PsThreadType, KernelMode, &Thread, NULL), STATUS_SUCCESS);
    KeWaitForSingleObject(Thread, Executive, KernelMode, FALSE, NULL);
    EXPECT_EQ(PsGetThreadExitStatus(Thread), STATUS_PENDING + 1);
    ObfDereferenceObject(Thread);
    ZwClose(Handle);
}

/* covers PsCreateSystemThread.2 */
TEST(ps_thread, process_handle_must_be_the_system_process)
{
    volatile LONG Ran = 0;
    HANDLE Handle;

    EXPECT_EQ(PsCreateSystemThread(&Handle, 0, NULL, (HANDLE)0x1234, NULL, ReturnAtOnce, (PVOID)&Ran),
              STATUS_INVALID_HANDLE);
    EXPECT_EQ(PsCreateSystemThread(&Handle, 0, NULL, (HANDLE)-2ll, NULL, ReturnAtOnce, (PVOID)&Ran),
              STATUS_OBJECT_TYPE_MISMATCH);
    EXPECT_EQ(Ran, 0);
}

/* What a thread took is back when its last reference is gone, however often one comes and goes.
 * covers PsTerminateSystemThread.3, ObDereferenceObject.1 */
TEST(ps_thread, stacks_and_objects_are_freed)
{
    enum { WARM_UP = 40, THREADS = 400 };
    LARGE_INTEGER Moment = { .QuadPart = -5 * MILLISECOND };
    volatile LONG Ran = 0;
    ULONG64 Before = 0;

    for (int At = 0; At < WARM_UP + THREADS; At++) {
        HANDLE Handle;
        PVOID Thread;

        if (At == WARM_UP)
            Before = MmFreeFrameCount();
        REQUIRE_EQ(PsCreateSystemThread(&Handle, 0, NULL, NULL, NULL, ReturnAtOnce, (PVOID)&Ran), STATUS_SUCCESS);
        REQUIRE_EQ(ObReferenceObjectByHandle(Handle, 0, NULL, KernelMode, &Thread, NULL), STATUS_SUCCESS);
        ZwClose(Handle);
        KeWaitForSingleObject(Thread, Executive, KernelMode, FALSE, NULL);
        ObfDereferenceObject(Thread);
    }
    KeDelayExecutionThread(KernelMode, FALSE, &Moment);
    EXPECT_EQ(Ran, WARM_UP + THREADS);
    EXPECT_GE(MmFreeFrameCount() + 40, Before);     /* 400 leaked stacks would be 2400 frames */
}

/* Trap 53, the MSVC side: the type itself, and what its first qword holds.
 * covers trap 53 */
TEST(ob_handle, type_pointer_and_its_first_qword_are_the_same)
{
    EXPECT_EQ(*(PVOID *)PsThreadType, PsThreadType);
    EXPECT_EQ(*(PVOID *)PsProcessType, PsProcessType);
    EXPECT_EQ(*(PVOID *)ExEventObjectType, ExEventObjectType);
    EXPECT_EQ(*(PVOID *)ExSemaphoreObjectType, ExSemaphoreObjectType);
    EXPECT_EQ(*(PVOID *)IoFileObjectType, IoFileObjectType);
}

/* covers ObReferenceObjectByHandle.1, ObReferenceObjectByHandle.3, ZwClose.1 */
TEST(ob_handle, pseudo_handles_and_what_is_no_handle)
{
    static const ULONG64 Bad[] = {
        0, 3, 0x7FFFFFF0, 0x100000004ull, 0xFFFFFFFF80000000ull, 0xFFFFFFFF80000001ull, 0xFFFFFFFFFFFFFFF0ull, ~0ull - 2
    };
    PVOID Object;

    REQUIRE_EQ(ObReferenceObjectByHandle((HANDLE)-2ll, 0, PsThreadType, KernelMode, &Object, NULL), STATUS_SUCCESS);
    EXPECT_EQ(Object, KeGetCurrentThread());
    ObfDereferenceObject(Object);
    REQUIRE_EQ(ObReferenceObjectByHandle((HANDLE)-1ll, 0, PsProcessType, KernelMode, &Object, NULL), STATUS_SUCCESS);
    EXPECT_EQ(Object, IoGetCurrentProcess());
    ObfDereferenceObject(Object);
    EXPECT_EQ(ObReferenceObjectByHandle((HANDLE)-1ll, 0, PsThreadType, KernelMode, &Object, NULL),
              STATUS_OBJECT_TYPE_MISMATCH);
    EXPECT_EQ(Object, NULL);
    for (ULONG At = 0; At < RTL_NUMBER_OF(Bad); At++) {
        Object = &Object;
        EXPECT_EQ(ObReferenceObjectByHandle((HANDLE)Bad[At], 0, NULL, KernelMode, &Object, NULL),
                  STATUS_INVALID_HANDLE);
        EXPECT_EQ(Object, NULL);
        EXPECT_EQ(ZwClose((HANDLE)Bad[At]), STATUS_INVALID_HANDLE);
    }
}

/* covers ObReferenceObjectByHandle.2 */
TEST(ob_handle, access_is_checked_for_user_mode_only)
{
    OBJECT_HANDLE_INFORMATION Information = { 1, 1 };
    volatile LONG Ran = 0;
    HANDLE Handle, Own;
    PVOID Thread;

    REQUIRE_EQ(PsCreateSystemThread(&Handle, 0x100000, NULL, NULL, NULL, ReturnAtOnce, (PVOID)&Ran), STATUS_SUCCESS);
    REQUIRE_EQ(ObReferenceObjectByHandle(Handle, 0x20, PsThreadType, KernelMode, &Thread, &Information),
               STATUS_SUCCESS);
    EXPECT_EQ(Information.GrantedAccess, 0x100000);
    KeWaitForSingleObject(Thread, Executive, KernelMode, FALSE, NULL);
    REQUIRE_EQ(ObOpenObjectByPointer(Thread, 0, NULL, 0x100000, NULL, KernelMode, &Own), STATUS_SUCCESS);
    ObfDereferenceObject(Thread);
    EXPECT_EQ(ObReferenceObjectByHandle(Handle, 0x100000, PsThreadType, UserMode, &Thread, NULL),
              STATUS_INVALID_HANDLE);  /* a kernel handle */
    EXPECT_EQ(ObReferenceObjectByHandle(Own, 0x20, PsThreadType, UserMode, &Thread, NULL), STATUS_ACCESS_DENIED);
    EXPECT_EQ(Thread, NULL);
    REQUIRE_EQ(ObReferenceObjectByHandle(Own, 0x100000, PsThreadType, UserMode, &Thread, NULL), STATUS_SUCCESS);
    ObfDereferenceObject(Thread);
    ZwClose(Own);
    ZwClose(Handle);
}

/* covers ObReferenceObjectByHandle.1 */
TEST(ob_handle, many_handles_stay_apart)
{
    enum { COUNT = 600 };
    static HANDLE Handles[COUNT];
    volatile LONG Ran = 0;

    for (int At = 0; At < COUNT; At++)
        REQUIRE_EQ(PsCreateSystemThread(&Handles[At], 0, NULL, NULL, NULL, ReturnAtOnce, (PVOID)&Ran), STATUS_SUCCESS);
    for (int At = 0; At < COUNT; At++) {
        PVOID Thread;

        REQUIRE_EQ(ObReferenceObjectByHandle(Handles[At], 0, PsThreadType, KernelMode, &Thread, NULL), STATUS_SUCCESS);
        KeWaitForSingleObject(Thread, Executive, KernelMode, FALSE, NULL);
        ObfDereferenceObject(Thread);
        EXPECT_EQ(ZwClose(Handles[At]), STATUS_SUCCESS);
    }
    EXPECT_EQ(Ran, COUNT);
}
