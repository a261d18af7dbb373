/* callout_test.c - calls on a second stack. */
#include <io/stack.h>
#include <ke/apc.h>
#include <ke/clock.h>
#include <ke/dpc.h>
#include <ke/event.h>
#include <ke/irql.h>
#include <ke/thread.h>
#include <ke/timer.h>
#include <ktest.h>
#include <mm/callout.h>
#include <mm/mm.h>
#include <rtl/stacktrace.h>
#include <rtl/status.h>
#include <rtl/string.h>

enum { LARGE = 0x10000 };

static struct {
    ULONG_PTR Low, High, Here;
    ULONG Calls;
    KEVENT Go, Arrived;
    NTSTATUS Nested[8];
    volatile LONG ApcRan;
} Seen;

static ULONG_PTR Left(void)
{
    ULONG_PTR Low, High;

    IoGetStackLimits(&Low, &High);
    return (ULONG_PTR)__builtin_frame_address(0) - Low;
}

static void Look(void)
{
    Seen.Calls++;
    Seen.Here = (ULONG_PTR)__builtin_frame_address(0);
    IoGetStackLimits(&Seen.Low, &Seen.High);
}

static VOID LookOnly(PVOID Parameter)
{
    EXPECT_EQ(Parameter, &Seen);
    Look();
}

/* Use what was promised, to the last byte. */
static VOID Fill(PVOID Parameter)
{
    volatile UCHAR Bytes[LARGE - 0x400];

    UNREFERENCED_PARAMETER(Parameter);
    for (ULONG i = 0; i < sizeof Bytes; i += 512)
        Bytes[i] = 0x5A;
    Look();
    EXPECT_EQ(Bytes[0], 0x5A);
}

static void Begin(void)
{
    memset(&Seen, 0xAA, sizeof Seen);
    Seen.Calls = 0;
    Seen.ApcRan = 0;
    KeInitializeEvent(&Seen.Go, NotificationEvent, FALSE);
    KeInitializeEvent(&Seen.Arrived, NotificationEvent, FALSE);
}

/* covers IoGetStackLimits.1 */
TEST(mm_callout, small_call_stays_on_the_stack)
{
    ULONG_PTR Low, High;

    Begin();
    IoGetStackLimits(&Low, &High);
    EXPECT_EQ(High - Low, MM_STACK_SIZE);
    EXPECT_EQ(High, IoGetInitialStack());
    EXPECT_EQ(KeExpandKernelStackAndCallout(LookOnly, &Seen, 0x1000), STATUS_SUCCESS);
    EXPECT_EQ(Seen.Calls, 1);
    EXPECT_EQ(Seen.Low, Low);
    EXPECT_EQ(Seen.High, High);
}

/* covers IoGetStackLimits.1 */
TEST(mm_callout, large_call_has_what_it_asks_for_and_comes_back)
{
    ULONG_PTR Low, High, NowLow, NowHigh;

    Begin();
    IoGetStackLimits(&Low, &High);
    EXPECT_EQ(KeExpandKernelStackAndCallout(Fill, NULL, LARGE), STATUS_SUCCESS);
    EXPECT_EQ(Seen.Calls, 1);
    EXPECT_NE(Seen.High, High);
    EXPECT_TRUE(Seen.Here > Seen.Low && Seen.Here < Seen.High);
    EXPECT_LT(Seen.High, Low);          /* addresses grow from callee to caller */
    EXPECT_EQ(IoGetInitialStack(), (PVOID)High);
    IoGetStackLimits(&NowLow, &NowHigh);
    EXPECT_EQ(NowLow, Low);
    EXPECT_EQ(NowHigh, High);
}

TEST(mm_callout, wrong_parameters)
{
    KIRQL OldIrql;

    Begin();
    EXPECT_EQ(KeExpandKernelStackAndCallout(LookOnly, &Seen, MAXIMUM_EXPANSION_SIZE + 1), STATUS_INVALID_PARAMETER_3);
    OldIrql = KfRaiseIrql(DISPATCH_LEVEL);
    EXPECT_EQ(KeExpandKernelStackAndCalloutEx(LookOnly, &Seen, 0x100, TRUE, NULL), STATUS_INVALID_PARAMETER_4);
    KeLowerIrql(OldIrql);
    EXPECT_EQ(Seen.Calls, 0);
    EXPECT_EQ(KeExpandKernelStackAndCallout(LookOnly, &Seen, MAXIMUM_EXPANSION_SIZE), STATUS_SUCCESS);
    EXPECT_EQ(Seen.Calls, 1);
}

TEST(mm_callout, at_every_irql_it_may_be)
{
    for (KIRQL Irql = PASSIVE_LEVEL; Irql <= DISPATCH_LEVEL; Irql++) {
        KIRQL OldIrql;

        Begin();
        OldIrql = KfRaiseIrql(Irql);
        EXPECT_EQ(KeExpandKernelStackAndCalloutEx(LookOnly, &Seen, LARGE, FALSE, NULL), STATUS_SUCCESS);
        EXPECT_EQ(KeGetCurrentIrql(), Irql);
        KeLowerIrql(OldIrql);
        EXPECT_EQ(Seen.Calls, 1);
    }
}

static VOID Nest(PVOID Parameter)
{
    ULONG Depth = (ULONG)(ULONG_PTR)Parameter;
    volatile UCHAR Used[0xC000];

    Used[0] = 1;
    Seen.Calls++;
    Seen.Nested[Depth] = Depth + 1 < RTL_NUMBER_OF(Seen.Nested) ?
                             KeExpandKernelStackAndCallout(Nest, (PVOID)(ULONG_PTR)(Depth + 1), LARGE) :
                             STATUS_SUCCESS;
    EXPECT_EQ(Used[0], 1);
}

TEST(mm_callout, nested_calls_share_the_second_stack_until_it_is_full)
{
    ULONG_PTR Before = Left();

    Begin();
    EXPECT_EQ(KeExpandKernelStackAndCallout(Nest, (PVOID)0, LARGE), STATUS_SUCCESS);
    EXPECT_GE(Seen.Calls, 3);
    EXPECT_LT(Seen.Calls, RTL_NUMBER_OF(Seen.Nested));
    for (ULONG i = 0; i + 1 < Seen.Calls; i++)
        EXPECT_EQ(Seen.Nested[i], STATUS_SUCCESS);
    EXPECT_EQ(Seen.Nested[Seen.Calls - 1], STATUS_STACK_OVERFLOW);
    EXPECT_EQ(Left(), Before);
}

static VOID ApcRoutine(PKAPC Apc, PKNORMAL_ROUTINE *Normal, PVOID *Context, PVOID *Argument1, PVOID *Argument2)
{
    UNREFERENCED_PARAMETER(Apc), UNREFERENCED_PARAMETER(Normal), UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1), UNREFERENCED_PARAMETER(Argument2);
    Seen.ApcRan = TRUE;
}

static VOID WaitInside(PVOID Parameter)
{
    UNREFERENCED_PARAMETER(Parameter);
    KeWaitForSingleObject(&Seen.Go, Executive, KernelMode, FALSE, NULL);
    Fill(NULL);
}

static void CallAndWait(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    EXPECT_EQ(KeExpandKernelStackAndCallout(WaitInside, NULL, LARGE), STATUS_SUCCESS);
}

TEST(mm_callout, waits_and_apcs_work_on_it)
{
    PKTHREAD Thread;
    KAPC Apc;

    Begin();
    Thread = KtestThread(CallAndWait, NULL, 9);
    KtestWaitBlocked(Thread, &Seen.Go);
    KeInitializeApc(&Apc, Thread, OriginalApcEnvironment, ApcRoutine, NULL, NULL, KernelMode, NULL);
    EXPECT_TRUE(KeInsertQueueApc(&Apc, NULL, NULL, 0));
    KtestWaitFor(&Seen.ApcRan);
    KtestWaitBlocked(Thread, &Seen.Go);
    EXPECT_EQ(KeExpandKernelStackAndCallout(Fill, NULL, LARGE), STATUS_SUCCESS);        /* another's, meanwhile */
    KeSetEvent(&Seen.Go, 0, FALSE);
    KtestJoin(Thread);
    EXPECT_EQ(Seen.Calls, 2);
}

/* ---- An APC that wants a second stack, too, at any moment of a call ---- */

enum { MOMENTS = 200 };

static struct {
    KTIMER Timer;
    KDPC Dpc;
    KAPC Apc;
    volatile LONG Ran;
    ULONG Calls, Refused;
} Intruder;

static VOID Count(PVOID Parameter)
{
    UNREFERENCED_PARAMETER(Parameter);
    Intruder.Calls++;
}

static VOID Intrude(PKAPC Apc, PKNORMAL_ROUTINE *Normal, PVOID *Context, PVOID *Argument1, PVOID *Argument2)
{
    UNREFERENCED_PARAMETER(Apc), UNREFERENCED_PARAMETER(Normal), UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1), UNREFERENCED_PARAMETER(Argument2);
    if (KeExpandKernelStackAndCallout(Count, NULL, LARGE) == STATUS_STACK_OVERFLOW)
        Intruder.Refused++;
    Intruder.Ran = TRUE;
}

static VOID SendIntruder(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc), UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1), UNREFERENCED_PARAMETER(Argument2);
    KeInsertQueueApc(&Intruder.Apc, NULL, NULL, 0);
}

TEST(mm_callout, an_apc_comes_at_any_moment_of_a_call)
{
    LARGE_INTEGER Due;
    ULONG64 Counter, Length;

    memset(&Intruder, 0, sizeof Intruder);
    KeInitializeTimer(&Intruder.Timer);
    KeInitializeDpc(&Intruder.Dpc, SendIntruder, NULL);
    KeInitializeApc(&Intruder.Apc, KeGetCurrentThread(), OriginalApcEnvironment, Intrude, NULL, NULL, KernelMode, NULL);
    Length = KeQueryInterruptTimePrecise(&Counter);
    EXPECT_EQ(KeExpandKernelStackAndCallout(Count, NULL, LARGE), STATUS_SUCCESS);
    Length = KeQueryInterruptTimePrecise(&Counter) - Length;
    for (ULONG64 Moment = 0; Moment < MOMENTS; Moment++) {
        Intruder.Ran = FALSE;
        Due.QuadPart = -(LONGLONG)(1 + Length * Moment / MOMENTS);
        KeSetTimer(&Intruder.Timer, Due, &Intruder.Dpc);
        EXPECT_EQ(KeExpandKernelStackAndCallout(Count, NULL, LARGE), STATUS_SUCCESS);
        KtestWaitFor(&Intruder.Ran);
    }
    EXPECT_EQ(Intruder.Calls + Intruder.Refused, 1 + 2 * MOMENTS);
    EXPECT_EQ(KeGetCurrentThread()->ExpandedStack, NULL);
}

/* ---- A trace leads from one stack to the other ---- */

static struct { ULONG64 Rsp[64]; ULONG Count; } Trace;

static BOOLEAN TakeFrame(PVOID Cookie, const UNWIND_CONTEXT *Frame)
{
    UNREFERENCED_PARAMETER(Cookie);
    Trace.Rsp[Trace.Count++] = Frame->Registers[UnwRsp];
    return Trace.Count < RTL_NUMBER_OF(Trace.Rsp);
}

static BOOLEAN Probe(const void *Address, SIZE_T Length)
{
    UNREFERENCED_PARAMETER(Address), UNREFERENCED_PARAMETER(Length);
    return TRUE;
}

static VOID WalkFromHere(PVOID Parameter)
{
    UNWIND_CONTEXT Context;

    UNREFERENCED_PARAMETER(Parameter);
    Look();
    RtlCaptureCaller(&Context);
    Trace.Count = 0;
    EXPECT_EQ(RtlWalkStack(&Context, Probe, TakeFrame, NULL), UnwindEnd);
}

TEST(mm_callout, trace_leads_back_to_the_first_stack)
{
    ULONG_PTR Low, High;
    ULONG Second = 0, First = 0;

    Begin();
    IoGetStackLimits(&Low, &High);
    EXPECT_EQ(KeExpandKernelStackAndCallout(WalkFromHere, NULL, LARGE), STATUS_SUCCESS);
    for (ULONG i = 0; i < Trace.Count; i++) {
        Second += Trace.Rsp[i] >= Seen.Low && Trace.Rsp[i] <= Seen.High;
        First += Trace.Rsp[i] > Low && Trace.Rsp[i] <= High;
    }
    EXPECT_GE(Second, 2);
    EXPECT_GE(First, 3);
    EXPECT_EQ(First + Second, Trace.Count);
}

/* ---- In a DPC ---- */

static VOID AskInDpc(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc), UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1), UNREFERENCED_PARAMETER(Argument2);
    Look();
    EXPECT_EQ(KeExpandKernelStackAndCalloutEx(LookOnly, &Seen, LARGE, FALSE, NULL), STATUS_STACK_OVERFLOW);
    KeSetEvent(&Seen.Arrived, 0, FALSE);
}

/* covers IoGetStackLimits.1 */
TEST(mm_callout, dpc_has_limits_of_its_own_and_no_second_stack)
{
    static KDPC Dpc;
    ULONG_PTR Low, High;

    Begin();
    IoGetStackLimits(&Low, &High);
    KeInitializeDpc(&Dpc, AskInDpc, NULL);
    KeInsertQueueDpc(&Dpc, NULL, NULL);
    KeWaitForSingleObject(&Seen.Arrived, Executive, KernelMode, FALSE, NULL);
    EXPECT_EQ(Seen.Calls, 1);
    EXPECT_NE(Seen.High, High);
    EXPECT_TRUE(Seen.Here > Seen.Low && Seen.Here < Seen.High);
}

/* covers IoWithinStackLimits.1 */
TEST(mm_callout, region_within_the_limits)
{
    ULONG_PTR Low, High;

    IoGetStackLimits(&Low, &High);
    EXPECT_TRUE(IoWithinStackLimits(Low, High - Low));
    EXPECT_FALSE(IoWithinStackLimits(Low, High - Low + 1));
    EXPECT_FALSE(IoWithinStackLimits(Low - 1, 1));
    EXPECT_TRUE(IoWithinStackLimits((ULONG_PTR)&Low, sizeof Low));
    EXPECT_FALSE(IoWithinStackLimits((ULONG_PTR)&Seen, sizeof Seen));
    EXPECT_FALSE(IoWithinStackLimits((ULONG_PTR)&Low, ~0ull));
}
