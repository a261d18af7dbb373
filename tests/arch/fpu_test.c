/* fpu_test.c - SSE state: nobody's code loses it, and what nobody has used is clean. */
#include "ktest.h"

#include <arch/arch.h>
#include <ke/dispatch.h>
#include <ke/dpc.h>
#include <ke/init.h>
#include <ke/ipi.h>
#include <ke/thread.h>

void TestSseFill(ULONG64 Seed);         /* registers.S */
ULONG TestSseCheck(ULONG64 Seed);
void TestReadControls(ULONG *Mxcsr, USHORT *Control);

enum { ROUNDS = 50, PRIORITY = 8 };

typedef struct _USER { ULONG64 Seed; ULONG Changed; } USER;

static void UseSse(PVOID Cookie)
{
    LARGE_INTEGER GiveWay = { .QuadPart = 0 };
    USER *User = Cookie;

    TestSseFill(User->Seed);
    for (ULONG Round = 0; Round < ROUNDS; Round++) {
        KeDelayExecutionThread(KernelMode, FALSE, &GiveWay);
        User->Changed += TestSseCheck(User->Seed);
    }
}

/* covers trap 51 */
TEST(arch_fpu, registers_and_controls_survive_thread_switches)
{
    USER Users[] = { { 0x1000, 0 }, { 0x2001, 0 }, { 0x3002, 0 } };
    struct _KTHREAD *Threads[RTL_NUMBER_OF(Users)];

    for (ULONG Index = 0; Index < RTL_NUMBER_OF(Users); Index++)
        Threads[Index] = KtestThread(UseSse, &Users[Index], PRIORITY);
    for (ULONG Index = 0; Index < RTL_NUMBER_OF(Users); Index++)
        KtestJoin(Threads[Index]);
    for (ULONG Index = 0; Index < RTL_NUMBER_OF(Users); Index++)
        EXPECT_EQ(Users[Index].Changed, 0);
}

static ULONG DirtyControls;

static VOID SpoilRegisters(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    ULONG Mxcsr;
    USHORT Control;

    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    TestReadControls(&Mxcsr, &Control);
    DirtyControls += Mxcsr != 0x1F80 || Control != 0x27F;
    TestSseFill(0xDEAD0003);
    ++*(volatile LONG *)Context;
}

static void SpoilByDpc(BOOLEAN Targeted)
{
    volatile LONG Runs = 0;
    ULONG Changed = 0;
    KDPC Dpc;

    DirtyControls = 0;
    KeInitializeDpc(&Dpc, SpoilRegisters, (PVOID)&Runs);
    if (Targeted)
        KeSetTargetProcessorDpc(&Dpc, (CCHAR)ARCH_THIS_CPU->Number);
    TestSseFill(0x4001);
    for (LONG Round = 1; Round <= ROUNDS; Round++) {
        KeInsertQueueDpc(&Dpc, NULL, NULL);
        KtestWaitFor(&Runs);
        Changed += TestSseCheck(0x4001);
    }
    KeFlushQueuedDpcs();
    TestSseFill(0);
    EXPECT_EQ(Changed, 0);
    EXPECT_EQ(Runs, ROUNDS);
    EXPECT_EQ(DirtyControls, 0);        /* each run of a DPC starts from NT's controls, not from its last run's */
}

/* The DPC interrupts this thread between two instructions: even xmm0-5 must be kept.
 * covers trap 51 */
TEST(arch_fpu, registers_survive_a_dpc_that_uses_sse) { SpoilByDpc(TRUE); }

/* The short way: it is run by the insert itself. */
TEST(arch_fpu, registers_survive_a_dpc_that_is_not_queued) { SpoilByDpc(FALSE); }

static volatile LONG Computing, Spoilt;

static ULONG_PTR SpoilHere(ULONG_PTR Argument)
{
    TestSseFill(Argument);
    return 0;
}

static void ComputeOnSecond(PVOID Cookie)
{
    KeSetSystemAffinityThread(2);
    TestSseFill(0x5001);
    Computing = TRUE;
    while (!Spoilt)
        ArchPause();
    *(ULONG *)Cookie = TestSseCheck(0x5001);
}

TEST(arch_fpu, registers_survive_a_request_from_another_processor)
{
    ULONG Changed = ~0u;
    struct _KTHREAD *Thread;

    if (!(KeQueryActiveProcessors() & 2)) {
        KtestSkip("one processor");
        return;
    }
    Computing = Spoilt = FALSE;
    KeSetSystemAffinityThread(1);
    Thread = KtestThread(ComputeOnSecond, &Changed, PRIORITY);
    KtestWaitFor(&Computing);
    for (ULONG Round = 0; Round < ROUNDS; Round++)
        KeIpiGenericCall(SpoilHere, Round);
    Spoilt = TRUE;
    KtestJoin(Thread);
    TestSseFill(0);
    KeRevertToUserAffinityThread();
    EXPECT_EQ(Changed, 0);
}

static void ReadFresh(PVOID Cookie)
{
    ULONG Mxcsr;
    USHORT Control;

    TestReadControls(&Mxcsr, &Control);
    *(ULONG64 *)Cookie = (ULONG64)Control << 32 | Mxcsr;
}

TEST(arch_fpu, fresh_thread_has_the_controls_of_nt)
{
    ULONG64 Controls = 0;

    TestSseFill(3);                     /* another rounding mode must not leak into the new thread */
    KtestJoin(KtestThread(ReadFresh, &Controls, PRIORITY));
    TestSseFill(0);
    EXPECT_EQ(Controls, 0x27F00001F80ull);
}

static void Nothing(PVOID Cookie) { UNREFERENCED_PARAMETER(Cookie); }

TEST(arch_fpu, thread_that_never_used_sse_leaves_it_alone)
{
    TestSseFill(0x7002);
    KtestJoin(KtestThread(Nothing, NULL, PRIORITY));
    EXPECT_EQ(TestSseCheck(0x7002), 0);
    TestSseFill(0);
}
