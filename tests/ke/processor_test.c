/* processor_test.c - what drivers ask about processors, affinity with a way back, and routines on all of them. */
#include <arch/arch.h>
#include <ke/apc.h>
#include <ke/clock.h>
#include <ke/dpc.h>
#include <ke/event.h>
#include <ke/irql.h>
#include <ke/processor.h>
#include <ke/thread.h>
#include <ke/timer.h>
#include <ktest.h>
#include <rtl/bits.h>
#include <rtl/status.h>
#include <rtl/string.h>

static KAFFINITY Lowest(KAFFINITY Mask) { return Mask & ~(Mask - 1); }

static KAFFINITY Highest(KAFFINITY Mask) { return 1ull << (63 - __builtin_clzll(Mask)); }

static KAFFINITY HereBit(void) { return 1ull << KeGetCurrentProcessorNumber(); }

/* covers KeQueryActiveProcessorCount.1 */
TEST(ke_processor, counts_agree)
{
    KAFFINITY Mask = 0, Active = KeQueryActiveProcessors();
    ULONG Count = KeQueryActiveProcessorCount(&Mask);

    EXPECT_EQ(Mask, Active);
    EXPECT_EQ(RtlCountBits(Active), Count);
    EXPECT_EQ(KeNumberProcessors, Count);
    EXPECT_EQ(KeQueryActiveProcessorCountEx(0), Count);
    EXPECT_EQ(KeQueryActiveProcessorCountEx(ALL_PROCESSOR_GROUPS), Count);
    EXPECT_EQ(KeQueryActiveProcessorCountEx(1), 0);
    EXPECT_GE(KeQueryMaximumProcessorCount(), Count);
    EXPECT_EQ(KeQueryMaximumProcessorCountEx(0), KeQueryMaximumProcessorCount());
    EXPECT_EQ(KeQueryMaximumProcessorCountEx(ALL_PROCESSOR_GROUPS), KeQueryMaximumProcessorCount());
    EXPECT_EQ(KeQueryMaximumProcessorCountEx(1), 0);
    EXPECT_EQ(KeQueryActiveGroupCount(), 1);
    EXPECT_EQ(KeQueryMaximumGroupCount(), 1);
    EXPECT_EQ(KeQueryGroupAffinity(0), Active);
    EXPECT_EQ(KeQueryGroupAffinity(1), 0);
    EXPECT_EQ(KeQueryGroupAffinity(ALL_PROCESSOR_GROUPS), 0);
}

TEST(ke_processor, index_and_number_convert_both_ways)
{
    for (ULONG Index = 0; Index < 66; Index++) {
        PROCESSOR_NUMBER Number = { .Group = 7, .Number = 7, .Reserved = 7 };
        BOOLEAN Active = Index < 64 && (KeQueryActiveProcessors() >> Index & 1);

        EXPECT_EQ(KeGetProcessorNumberFromIndex(Index, &Number), Active ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER);
        if (Active) {
            EXPECT_EQ(Number.Group, 0);
            EXPECT_EQ(Number.Number, Index);
            EXPECT_EQ(Number.Reserved, 0);
        }
        Number = (PROCESSOR_NUMBER){ .Number = (UCHAR)Index };
        EXPECT_EQ(KeGetProcessorIndexFromNumber(&Number), Active ? Index : INVALID_PROCESSOR_INDEX);
        Number.Group = 1;
        EXPECT_EQ(KeGetProcessorIndexFromNumber(&Number), INVALID_PROCESSOR_INDEX);
    }
}

TEST(ke_processor, current_number_is_where_the_thread_runs)
{
    for (KAFFINITY Left = KeQueryActiveProcessors(); Left != 0; Left &= Left - 1) {
        PROCESSOR_NUMBER Number;

        memset(&Number, 0x55, sizeof Number);
        KeSetSystemAffinityThread(Lowest(Left));
        EXPECT_EQ(HereBit(), Lowest(Left));
        EXPECT_EQ(KeGetCurrentProcessorNumberEx(&Number), KeGetCurrentProcessorNumber());
        EXPECT_EQ(1ull << Number.Number, Lowest(Left));
        EXPECT_EQ(Number.Group, 0);
        EXPECT_EQ(Number.Reserved, 0);
        EXPECT_EQ(KeGetCurrentProcessorNumberEx(NULL), Number.Number);
    }
    KeRevertToUserAffinityThread();
}

/* ---- Affinity ---- */

TEST(ke_processor, system_affinity_nests_by_what_ex_returns)
{
    PKTHREAD Thread = KeGetCurrentThread();
    KAFFINITY User = Thread->Affinity, Active = KeQueryActiveProcessors(), First, Second;

    First = KeSetSystemAffinityThreadEx(Lowest(Active));
    EXPECT_EQ(First, 0);
    EXPECT_EQ(HereBit(), Lowest(Active));
    Second = KeSetSystemAffinityThreadEx(Highest(Active));
    EXPECT_EQ(Second, Lowest(Active));
    EXPECT_EQ(HereBit(), Highest(Active));
    EXPECT_EQ(KeSetSystemAffinityThreadEx(0), Highest(Active));         /* no processor: nothing changes */
    EXPECT_EQ(Thread->Affinity, Highest(Active));
    KeRevertToUserAffinityThreadEx(Second);
    EXPECT_EQ(HereBit(), Lowest(Active));
    EXPECT_TRUE(Thread->SystemAffinity);
    KeRevertToUserAffinityThreadEx(First);
    EXPECT_EQ(Thread->Affinity, User);
    EXPECT_FALSE(Thread->SystemAffinity);
    KeRevertToUserAffinityThreadEx(0);
    KeRevertToUserAffinityThread();
    EXPECT_EQ(Thread->Affinity, User);
}

/* The user's affinity, set meanwhile, takes effect with the way back and not before. */
TEST(ke_processor, user_affinity_set_under_the_systems_comes_with_the_revert)
{
    PKTHREAD Thread = KeGetCurrentThread();
    KAFFINITY User = Thread->Affinity, Active = KeQueryActiveProcessors(), Other = Active | 1ull << 63;

    KeSetSystemAffinityThread(Lowest(Active));
    EXPECT_EQ(KeSetAffinityThread(Thread, Other), User);
    EXPECT_EQ(Thread->Affinity, Lowest(Active));
    KeRevertToUserAffinityThread();
    EXPECT_EQ(Thread->Affinity, Other);
    EXPECT_EQ(KeSetAffinityThread(Thread, User), Other);
}

TEST(ke_processor, impossible_system_affinity_leaves_no_trace)
{
    PKTHREAD Thread = KeGetCurrentThread();
    KAFFINITY User = Thread->Affinity;

    EXPECT_EQ(KeSetSystemAffinityThreadEx(0), 0);
    KeSetSystemAffinityThread(0);
    EXPECT_FALSE(Thread->SystemAffinity);
    EXPECT_EQ(Thread->Affinity, User);
}

TEST(ke_processor, group_affinity_is_checked_and_reverted)
{
    PKTHREAD Thread = KeGetCurrentThread();
    KAFFINITY User = Thread->Affinity, Active = KeQueryActiveProcessors();
    GROUP_AFFINITY Wanted = { .Mask = Highest(Active) }, First, Second, Refused;

    memset(&First, 0x55, sizeof First);
    memset(&Refused, 0x55, sizeof Refused);
    KeSetSystemGroupAffinityThread(&Wanted, &First);
    EXPECT_EQ(First.Mask, 0);
    EXPECT_EQ(First.Group, 0);
    EXPECT_EQ(HereBit(), Highest(Active));
    Wanted.Mask = Lowest(Active);
    KeSetSystemGroupAffinityThread(&Wanted, &Second);
    EXPECT_EQ(Second.Mask, Highest(Active));
    EXPECT_EQ(HereBit(), Lowest(Active));
    Wanted.Group = 1;
    KeSetSystemGroupAffinityThread(&Wanted, &Refused);
    EXPECT_EQ(Refused.Mask, 0);
    EXPECT_EQ(Refused.Group, 0);
    Wanted = (GROUP_AFFINITY){ .Mask = ~Active != 0 ? Lowest(~Active) | Lowest(Active) : 0 };
    KeSetSystemGroupAffinityThread(&Wanted, NULL);
    EXPECT_EQ(Thread->Affinity, Lowest(Active));
    KeRevertToUserGroupAffinityThread(&Second);
    EXPECT_EQ(HereBit(), Highest(Active));
    KeRevertToUserGroupAffinityThread(&First);
    EXPECT_EQ(Thread->Affinity, User);
}

TEST(ke_processor, ideal_processor_is_kept_if_it_runs)
{
    PKTHREAD Thread = KeGetCurrentThread();
    UCHAR Before = (UCHAR)Thread->IdealProcessor, Last = (UCHAR)(63 - __builtin_clzll(KeQueryActiveProcessors()));

    EXPECT_EQ(KeSetIdealProcessorThread(Thread, Last), Before);
    EXPECT_EQ(Thread->IdealProcessor, Last);
    EXPECT_EQ(KeSetIdealProcessorThread(Thread, 64), Last);
    EXPECT_EQ(KeSetIdealProcessorThread(Thread, 255), Last);
    EXPECT_EQ(KeSetIdealProcessorThread(Thread, Before), Last);
}

typedef struct _HOMEBOUND { KTIMER Timer; KEVENT Awake; volatile LONG Stop; volatile KAFFINITY RanOn; } HOMEBOUND;

static VOID WakeByTimer(PVOID Context)
{
    HOMEBOUND *Thread = Context;

    while (!Thread->Stop) {
        KeWaitForSingleObject(&Thread->Timer, Executive, KernelMode, FALSE, NULL);
        Thread->RanOn = HereBit();
        KeSetEvent(&Thread->Awake, 0, FALSE);
    }
}

/* All processors idle when the timer comes due: where does the thread go that it wakes? */
static KAFFINITY WokenOn(HOMEBOUND *Woken, PKTHREAD Thread)
{
    LARGE_INTEGER Due = { .QuadPart = -10000 };

    KtestWaitBlocked(Thread, &Woken->Timer);
    KeSetTimer(&Woken->Timer, Due, NULL);
    KeWaitForSingleObject(&Woken->Awake, Executive, KernelMode, FALSE, NULL);
    return Woken->RanOn;
}

/* Where it ran last does not count when the ideal one idles. On a busy host a processor may not idle when asked. */
TEST(ke_processor, idle_ideal_processor_is_taken)
{
    KAFFINITY Active = KeQueryActiveProcessors();
    HOMEBOUND Woken = { .Stop = 0 };
    PKTHREAD Thread;

    if (Active == 1) {
        KtestSkip("one processor");
        return;
    }
    KeInitializeTimerEx(&Woken.Timer, SynchronizationTimer);
    KeInitializeEvent(&Woken.Awake, SynchronizationEvent, FALSE);
    Thread = KtestThread(WakeByTimer, &Woken, 9);
    for (ULONG Turn = 0; Turn < 6; Turn++) {
        KAFFINITY Ideal = Turn % 2 == 0 ? Lowest(Active) : Highest(Active);
        ULONG Looks = 0;

        KeSetAffinityThread(Thread, Lowest(Active) ^ Highest(Active) ^ Ideal);  /* it runs on the other one last */
        EXPECT_EQ(WokenOn(&Woken, Thread), Lowest(Active) ^ Highest(Active) ^ Ideal);
        KeSetIdealProcessorThread(Thread, (UCHAR)__builtin_ctzll(Ideal));
        KeSetAffinityThread(Thread, Active);
        while (WokenOn(&Woken, Thread) != Ideal && ++Looks < (KtestVirtualTime() ? 1 : 50))
            ;
        EXPECT_EQ(Woken.RanOn, Ideal);
    }
    Woken.Stop = 1;
    KeSetTimer(&Woken.Timer, (LARGE_INTEGER){ .QuadPart = 0 }, NULL);
    KtestJoin(Thread);
}

static VOID NoteIdeal(PVOID Context) { *(ULONG *)Context = KeGetCurrentThread()->IdealProcessor; }

TEST(ke_processor, new_threads_are_at_home_on_one_after_the_other)
{
    KAFFINITY Active = KeQueryActiveProcessors(), Seen = 0;

    for (ULONG At = 0; At < RtlCountBits(Active); At++) {
        ULONG Ideal = 64;

        KtestJoin(KtestThread(NoteIdeal, &Ideal, 8));
        EXPECT_TRUE(Ideal < 64 && (Active >> Ideal & 1));
        Seen |= 1ull << Ideal;
    }
    if (KtestVirtualTime())             /* nobody else makes threads meanwhile */
        EXPECT_EQ(Seen, Active);
}

TEST(ke_processor, stack_swap_mark_returns_the_one_before)
{
    EXPECT_EQ(KeSetKernelStackSwapEnable(FALSE), TRUE);
    EXPECT_EQ(KeSetKernelStackSwapEnable(FALSE), FALSE);
    EXPECT_EQ(KeSetKernelStackSwapEnable(TRUE), FALSE);
    EXPECT_EQ(KeSetKernelStackSwapEnable(TRUE), TRUE);
}

/* Ten ticks of work are seen as such; a sleep is not. */
TEST(ke_processor, run_time_counts_ticks_of_work)
{
    LARGE_INTEGER Sleep = { .QuadPart = -20 * (LONG64)KeQueryTimeIncrement() };
    ULONG User = 7, Start, Asleep;
    ULONG64 End;

    KeDelayExecutionThread(KernelMode, FALSE, &Sleep);
    Start = KeQueryRuntimeThread(KeGetCurrentThread(), &User);
    EXPECT_EQ(User, 0);
    KeDelayExecutionThread(KernelMode, FALSE, &Sleep);
    Asleep = KeQueryRuntimeThread(KeGetCurrentThread(), &User) - Start;
    EXPECT_LE(Asleep, 1);
    if (!KtestVirtualTime())
        return;                         /* on a busy host real time passes without us */
    End = KeQueryInterruptTime() + 10 * KeQueryTimeIncrement();
    while (KeQueryInterruptTime() < End)
        ;                               /* no pause: in an emulator it hands the turn to all processors */
    EXPECT_GE(KeQueryRuntimeThread(KeGetCurrentThread(), &User) - Start, 9);
    EXPECT_LE(KeQueryRuntimeThread(KeGetCurrentThread(), &User) - Start, 12);
}

/* ---- DPCs ---- */

static volatile LONG Ran;
static KAFFINITY RanOn;

static VOID NoteProcessor(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc), UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1), UNREFERENCED_PARAMETER(Argument2);
    RanOn = HereBit();
    __atomic_store_n(&Ran, 1, __ATOMIC_RELEASE);
}

TEST(ke_processor, dpc_goes_to_the_processor_of_its_number)
{
    for (KAFFINITY Left = KeQueryActiveProcessors(); Left != 0; Left &= Left - 1) {
        PROCESSOR_NUMBER Number = { .Number = (UCHAR)__builtin_ctzll(Left) };
        KDPC Dpc;

        KeInitializeDpc(&Dpc, NoteProcessor, NULL);
        EXPECT_EQ(KeSetTargetProcessorDpcEx(&Dpc, &Number), STATUS_SUCCESS);
        Number.Group = 1;
        EXPECT_EQ(KeSetTargetProcessorDpcEx(&Dpc, &Number), STATUS_INVALID_PARAMETER);
        Number = (PROCESSOR_NUMBER){ .Number = 64 };
        EXPECT_EQ(KeSetTargetProcessorDpcEx(&Dpc, &Number), STATUS_INVALID_PARAMETER);
        Number = (PROCESSOR_NUMBER){ .Reserved = 1 };
        EXPECT_EQ(KeSetTargetProcessorDpcEx(&Dpc, &Number), STATUS_INVALID_PARAMETER);
        Ran = 0;
        KeSetImportanceDpc(&Dpc, HighImportance);
        EXPECT_TRUE(KeInsertQueueDpc(&Dpc, NULL, NULL));
        KtestWaitFor(&Ran);
        EXPECT_EQ(RanOn, Lowest(Left));
    }
}

TEST(ke_processor, dpc_watchdog_is_off)
{
    KDPC_WATCHDOG_INFORMATION Information;

    memset(&Information, 0x55, sizeof Information);
    EXPECT_EQ(KeQueryDpcWatchdogInformation(&Information), STATUS_SUCCESS);
    EXPECT_EQ(Information.DpcTimeLimit | Information.DpcTimeCount | Information.DpcWatchdogLimit |
                  Information.DpcWatchdogCount, 0);
}

/* ---- KeGenericCallDpc ---- */

enum { ROUNDS = 50 };

typedef struct _CALL {
    volatile LONG Calls, WrongIrql, Late, Leaders[ROUNDS];
    volatile LONG Entered[ROUNDS];
    volatile ULONG64 Processors;
} CALL;

static VOID Everywhere(PKDPC Dpc, PVOID Context, PVOID Done, PVOID Together)
{
    CALL *Call = Context;
    LONG Expected = KeNumberProcessors;

    if (KeGetCurrentIrql() != DISPATCH_LEVEL || Dpc == NULL)
        Call->WrongIrql = 1;
    __atomic_fetch_or(&Call->Processors, HereBit(), __ATOMIC_SEQ_CST);
    __atomic_add_fetch(&Call->Calls, 1, __ATOMIC_SEQ_CST);
    for (ULONG Round = 0; Round < ROUNDS; Round++) {
        __atomic_add_fetch(&Call->Entered[Round], 1, __ATOMIC_SEQ_CST);
        if (KeSignalCallDpcSynchronize(Together))
            __atomic_add_fetch(&Call->Leaders[Round], 1, __ATOMIC_SEQ_CST);
        if (__atomic_load_n(&Call->Entered[Round], __ATOMIC_SEQ_CST) != Expected)
            Call->Late = 1;
    }
    KeSignalCallDpcDone(Done);
}

TEST(ke_processor, generic_call_runs_everywhere_and_gathers)
{
    static CALL Call;

    for (KIRQL Irql = PASSIVE_LEVEL; Irql <= APC_LEVEL; Irql++) {
        KIRQL OldIrql;

        memset(&Call, 0, sizeof Call);
        KeRaiseIrql(Irql, &OldIrql);
        KeGenericCallDpc(Everywhere, &Call);
        EXPECT_EQ(KeGetCurrentIrql(), Irql);
        KeLowerIrql(OldIrql);
        EXPECT_EQ(Call.Calls, KeNumberProcessors);
        EXPECT_EQ(Call.Processors, KeQueryActiveProcessors());
        EXPECT_FALSE(Call.WrongIrql);
        EXPECT_FALSE(Call.Late);
        for (ULONG Round = 0; Round < ROUNDS; Round++)
            EXPECT_EQ(Call.Leaders[Round], 1);
    }
}

static volatile LONG Busy, Overlaps;
enum { CALLS = 50 };                    /* each gathers thrice: a processor that its host does not run holds up all */
static KEVENT Together;                 /* all callers begin at the same moment */

static VOID Alone(PKDPC Dpc, PVOID Context, PVOID Done, PVOID Gathering)
{
    UNREFERENCED_PARAMETER(Dpc);
    if (KeSignalCallDpcSynchronize(Gathering) && __atomic_add_fetch(&Busy, 1, __ATOMIC_SEQ_CST) != 1)
        Overlaps = 1;
    if (KeSignalCallDpcSynchronize(Gathering))
        __atomic_add_fetch((volatile LONG *)Context, 1, __ATOMIC_SEQ_CST);
    KeSignalCallDpcSynchronize(Gathering);
    __atomic_store_n(&Busy, 0, __ATOMIC_SEQ_CST);
    KeSignalCallDpcDone(Done);
}

static VOID CallOften(PVOID Context)
{
    KeWaitForSingleObject(&Together, Executive, KernelMode, FALSE, NULL);
    for (int Times = 0; Times < CALLS; Times++)
        KeGenericCallDpc(Alone, Context);
}

TEST(ke_processor, generic_calls_take_turns)
{
    enum { CALLERS = 3 };
    KAFFINITY Active = KeQueryActiveProcessors();
    volatile LONG Counts[CALLERS] = { 0 };
    PKTHREAD Threads[CALLERS];

    Busy = Overlaps = 0;
    KeInitializeEvent(&Together, NotificationEvent, FALSE);
    for (int At = 0; At < CALLERS; At++) {
        KeSetSystemAffinityThread(At % 2 == 0 ? Lowest(Active) : Highest(Active));  /* which the caller inherits */
        Threads[At] = KtestThread(CallOften, (PVOID)&Counts[At], 8);
    }
    KeRevertToUserAffinityThread();
    for (int At = 0; At < CALLERS; At++)
        KtestWaitBlocked(Threads[At], &Together);
    KeSetEvent(&Together, 0, FALSE);
    for (int At = 0; At < CALLERS; At++) {
        KtestJoin(Threads[At]);
        EXPECT_EQ(Counts[At], CALLS);
    }
    EXPECT_EQ(Overlaps, 0);
}
