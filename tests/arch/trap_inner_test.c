/* trap_inner_test.c - the ways in: registers kept, CR8, counted strays, stacks of their own, the walk out.
 *
 * A row of the client table is replaced for a moment and passes on what it is not about, so that the
 * kernel that runs these tests misses nothing. */
#include "ktest.h"

#include <mm/mm.h>
#include <rtl/stacktrace.h>
#include <rtl/string.h>
#include "x86.h"

BOOLEAN TestInterrupt(void);            /* registers.S */
BOOLEAN TestException(void);
ULONG64 TestInterruptCost(void);
void TestOverflowStack(PVOID Bottom);
extern const char TestInterruptEnd[], TestExceptionEnd[], TestOverflowLanding[];

enum { STRAY_VECTOR = 0x55 };

static ARCH_CLIENT Saved;

static struct {
    ULONG64 From, To;                   /* code that the walk should meet */
    ULONG Frames;
    BOOLEAN Met;
    UNWIND_RESULT Result;
    KIRQL Irql;
    BOOLEAN InterruptsOn, Backwards;
    UCHAR Depth;
    ARCH_TRAP_FRAME *Frame;
    ULONG64 Vector, Address, Cr2;
} Seen;

static BOOLEAN VisitFrame(PVOID Cookie, const UNWIND_CONTEXT *Frame)
{
    UNREFERENCED_PARAMETER(Cookie);
    Seen.Met |= Frame->Rip >= Seen.From && Frame->Rip < Seen.To;
    return ++Seen.Frames < 64;
}

static void Record(void)
{
    ULONG64 Flags;

    __asm__ volatile("pushfq\n\tpopq %0" : "=r"(Flags));
    Seen.Irql = ArchReadIrql();
    Seen.InterruptsOn = ArchInterruptsWereOn(Flags);
    Seen.Backwards = Flags >> 10 & 1;   /* the direction flag, which TestInterrupt sets and C needs clear */
    Seen.Depth = ARCH_THIS_CPU->InInterrupt;
}

static NOINLINE void RecordWalk(void)
{
    UNWIND_CONTEXT Context;

    RtlCaptureCaller(&Context);
    Seen.Result = RtlWalkStack(&Context, ArchProbe, VisitFrame, NULL);
}

static void ExpectWalkThrough(const void *From, const void *To)
{
    memset(&Seen, 0, sizeof Seen);
    Seen.From = (ULONG64)From;
    Seen.To = (ULONG64)To;
}

/* ---- Interrupts ---- */

static void WatchIpi(void)
{
    Record();
    RecordWalk();
    Saved.Ipi();
}

static volatile KIRQL InterruptedIrql;

static BOOLEAN WatchClock(KIRQL Interrupted)
{
    Record();
    InterruptedIrql = Interrupted;
    return Saved.Clock(Interrupted);
}

static void EmptyIpi(void) { }

/* covers trap 2 */
TEST(arch_trap, interrupt_keeps_registers_and_runs_at_its_irql)
{
    BOOLEAN Kept;
    KIRQL After;
    ULONG64 Flags = ArchDisableInterrupts();

    Saved = TrapClient;
    ExpectWalkThrough(TestInterrupt, TestInterruptEnd);
    TrapClient.Ipi = WatchIpi;
    Kept = TestInterrupt();
    TrapClient.Ipi = Saved.Ipi;
    After = ArchReadIrql();
    ArchRestoreInterrupts(Flags);
    EXPECT_TRUE(Kept);
    EXPECT_EQ(Seen.Irql, IPI_LEVEL);
    EXPECT_FALSE(Seen.InterruptsOn);
    EXPECT_FALSE(Seen.Backwards);
    EXPECT_EQ(Seen.Depth, 1);
    EXPECT_EQ(After, PASSIVE_LEVEL);
}

TEST(arch_trap, unwinder_walks_through_an_interrupt)
{
    ULONG64 Flags = ArchDisableInterrupts();

    Saved = TrapClient;
    ExpectWalkThrough(TestInterrupt, TestInterruptEnd);
    TrapClient.Ipi = WatchIpi;
    TestInterrupt();
    TrapClient.Ipi = Saved.Ipi;
    ArchRestoreInterrupts(Flags);
    EXPECT_TRUE(Seen.Met);
    EXPECT_EQ(Seen.Result, UnwindEnd);
}

TEST(arch_trap, clock_interrupts_at_clock_level)
{
    Saved = TrapClient;
    ExpectWalkThrough(NULL, NULL);
    ArchWriteIrql(DISPATCH_LEVEL);      /* to stay on this processor */
    TrapClient.Clock = WatchClock;
    ArchArmClock(ArchReadCounter());    /* ke finds nothing due and arms what it wants */
    while (*(volatile KIRQL *)&Seen.Irql == 0)
        ArchPause();
    TrapClient.Clock = Saved.Clock;
    ArchWriteIrql(PASSIVE_LEVEL);
    EXPECT_EQ(Seen.Irql, CLOCK_LEVEL);
    EXPECT_EQ(InterruptedIrql, DISPATCH_LEVEL);
    EXPECT_FALSE(Seen.InterruptsOn);
}

TEST(arch_trap, stray_vector_is_counted_and_forgotten)
{
    ULONG64 Flags = ArchDisableInterrupts(), Before = ARCH_THIS_CPU->UnexpectedCount, After;

    __asm__ volatile("int %0" : : "i"(STRAY_VECTOR) : "memory");
    After = ARCH_THIS_CPU->UnexpectedCount;
    ArchRestoreInterrupts(Flags);
    EXPECT_EQ(After, Before + 1);
    EXPECT_EQ(ArchReadIrql(), PASSIVE_LEVEL);
}

TEST(arch_trap, spurious_vector_is_counted_apart)
{
    ULONG64 Flags = ArchDisableInterrupts(), Before = ARCH_THIS_CPU->SpuriousCount;
    ULONG64 Unexpected = ARCH_THIS_CPU->UnexpectedCount, After, UnexpectedAfter;

    __asm__ volatile("int %0" : : "i"(VECTOR_SPURIOUS) : "memory");
    After = ARCH_THIS_CPU->SpuriousCount;
    UnexpectedAfter = ARCH_THIS_CPU->UnexpectedCount;
    ArchRestoreInterrupts(Flags);
    EXPECT_EQ(After, Before + 1);
    EXPECT_EQ(UnexpectedAfter, Unexpected);
}

TEST(arch_trap, interrupt_path_is_short)
{
    ULONG64 Cost, Flags;

    if (!KtestVirtualTime()) {
        KtestSkip("instructions are counted in virtual time only");
        return;
    }
    Flags = ArchDisableInterrupts();
    Saved = TrapClient;
    TrapClient.Ipi = EmptyIpi;
    Cost = TestInterruptCost();
    TrapClient.Ipi = Saved.Ipi;
    ArchRestoreInterrupts(Flags);
    EXPECT_LE(Cost, 45);                /* performance.md, row "interrupt": the aim */
    EXPECT_GE(Cost, 20);                /* else it has not been taken */
}

/* ---- Exceptions ---- */

static void WatchFault(ARCH_TRAP_FRAME *Frame)
{
    Seen.Frame = Frame;
    Seen.Vector = Frame->Vector;
    Seen.Address = (ULONG64)&Frame;
    Seen.Cr2 = ArchFaultAddress();
    Record();
    if (Frame->Vector == TRAP_DOUBLE_FAULT)
        Frame->Rip = (ULONG64)TestOverflowLanding;
    else
        RecordWalk();
}

TEST(arch_trap, exception_keeps_registers_and_the_unwinder_walks_through)
{
    ULONG64 Flags = ArchDisableInterrupts();
    BOOLEAN Kept;

    Saved = TrapClient;
    ExpectWalkThrough(TestException, TestExceptionEnd);
    TrapClient.Fault = WatchFault;
    Kept = TestException();
    TrapClient.Fault = Saved.Fault;
    ArchRestoreInterrupts(Flags);
    EXPECT_TRUE(Kept);
    EXPECT_EQ(Seen.Vector, TRAP_BREAKPOINT);
    EXPECT_EQ(Seen.Irql, PASSIVE_LEVEL);
    EXPECT_TRUE(Seen.Met);
    EXPECT_EQ(Seen.Result, UnwindEnd);
}

TEST(arch_trap, stack_overflow_is_a_double_fault_on_a_stack_of_its_own)
{
    ULONG64 Bottom = (ULONG64)MmAllocateStack() - MM_STACK_SIZE, Flags, Tables, End;

    REQUIRE_TRUE(Bottom != 0ull - MM_STACK_SIZE);
    EXPECT_TRUE(MmIsStackGuard(Bottom - 8));
    EXPECT_FALSE(ArchProbe((PVOID)(Bottom - 8), 8));
    Flags = ArchDisableInterrupts();
    Saved = TrapClient;
    ExpectWalkThrough(NULL, NULL);
    TrapClient.Fault = WatchFault;
    TestOverflowStack((PVOID)Bottom);
    TrapClient.Fault = Saved.Fault;
    Tables = (ULONG64)ARCH_THIS_CPU->Tables;
    End = Tables + ArchCpuTablesSize();
    ArchRestoreInterrupts(Flags);
    MmFreeStack((PVOID)(Bottom + MM_STACK_SIZE));
    EXPECT_EQ(Seen.Vector, TRAP_DOUBLE_FAULT);
    EXPECT_EQ(Seen.Cr2, Bottom - 8);
    EXPECT_TRUE((ULONG64)Seen.Frame >= Tables && (ULONG64)(Seen.Frame + 1) <= End);
}

TEST(arch_trap, nmi_and_machine_check_have_stacks_of_their_own)
{
    const UCHAR *Tss = ARCH_THIS_CPU->TssBase;
    ULONG64 Stacks[3];

    memcpy(Stacks, Tss + 36, sizeof Stacks);
    for (ULONG Index = 0; Index < 3; Index++) {
        EXPECT_TRUE(ProbeWrite((PVOID)(Stacks[Index] - 8)));
        EXPECT_EQ(Stacks[Index] & 15, 0);
        EXPECT_NE(Stacks[Index], Stacks[(Index + 1) % 3]);
    }
}

/* ---- Probes ---- */

TEST(arch_probe, reads_what_is_mapped_and_survives_what_is_not)
{
    ULONG Local = 0;
    ULONG64 Stack = (ULONG64)MmAllocateStack();

    REQUIRE_TRUE(Stack);
    EXPECT_TRUE(ArchProbe(&Local, sizeof Local));
    EXPECT_TRUE(ArchProbe(NULL, 0));
    EXPECT_FALSE(ArchProbe(NULL, 1));
    EXPECT_FALSE(ArchProbe((PVOID)0xFFF, 1));
    EXPECT_FALSE(ArchProbe((PVOID)0x8000000000000000, 8));      /* not canonical: another exception */
    EXPECT_FALSE(ArchProbe((PVOID)~0ull, 2));                   /* wraps around */
    EXPECT_TRUE(ArchProbe((PVOID)(Stack - MM_STACK_SIZE), MM_STACK_SIZE));
    EXPECT_FALSE(ArchProbe((PVOID)(Stack - MM_STACK_SIZE - 1), MM_STACK_SIZE));
    MmFreeStack((PVOID)Stack);
}

TEST(arch_probe, works_at_high_level_with_interrupts_off)
{
    ULONG64 Flags = ArchDisableInterrupts();
    BOOLEAN Null, Text;

    ArchWriteIrql(HIGH_LEVEL);
    Null = ArchProbe(NULL, 8);
    Text = ArchProbe(KernelTextStart, 8);
    ArchWriteIrql(PASSIVE_LEVEL);
    ArchRestoreInterrupts(Flags);
    EXPECT_FALSE(Null);
    EXPECT_TRUE(Text);
}
