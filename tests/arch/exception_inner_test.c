/* exception_inner_test.c - contexts: what is captured is what is restored, and SSE state stays lazy; and which frames
 * of arch's own a search for handlers knows. */
#include "ktest.h"
#include "x86.h"

#include <rtl/string.h>

void TestSseFill(ULONG64 Seed);         /* registers.S */
ULONG TestSseCheck(ULONG64 Seed);

enum { SEED = 0x6001, OTHER_SEED = 0x7002, DEFAULT_MXCSR = 0x1F80 };

static CONTEXT Context;
static volatile ULONG Rounds;

TEST(arch_exception, capture_and_restore_come_back_to_the_same_place)
{
    volatile ULONG64 Marks[] = { 1, 2, 3 };

    Rounds = 0;
    RtlCaptureContext(&Context);
    EXPECT_EQ(Context.ContextFlags, CONTEXT_FULL | CONTEXT_SEGMENTS);
    EXPECT_EQ(Context.SegCs, SELECTOR_CODE);
    EXPECT_TRUE(ArchInterruptsWereOn(Context.EFlags));
    if (Rounds++ < 5)
        RtlRestoreContext(&Context, NULL);
    EXPECT_EQ(Rounds, 6);
    EXPECT_EQ(Marks[0] + Marks[1] + Marks[2], 6);
}

/* A fresh thread has touched no SSE register, and a context of it does not change that. */
TEST(arch_exception, capture_leaves_sse_asleep)
{
    memset(&Context, 0xCC, sizeof Context);
    EXPECT_EQ(ARCH_THIS_CPU->FpuLive, 0);
    RtlCaptureContext(&Context);
    EXPECT_EQ(ARCH_THIS_CPU->FpuLive, 0);
    EXPECT_EQ(Context.MxCsr, DEFAULT_MXCSR);
    EXPECT_EQ(Context.FltSave.MxCsr, DEFAULT_MXCSR);
    EXPECT_EQ(Context.FltSave.XmmRegisters[6].Low, 0);
}

TEST(arch_exception, sse_registers_are_those_of_the_capture)
{
    ULONG Changed;

    TestSseFill(SEED);
    Rounds = 0;
    RtlCaptureContext(&Context);
    Changed = TestSseCheck(SEED);       /* also after the restore, although the fill is another by then */
    if (Rounds++ == 0) {
        TestSseFill(OTHER_SEED);
        RtlRestoreContext(&Context, NULL);
    }
    TestSseFill(0);
    EXPECT_EQ(Changed, 0);
    EXPECT_EQ(Rounds, 2);
}

TEST(arch_exception, context_without_floating_point_restores_none)
{
    ULONG Changed;

    TestSseFill(SEED);
    Rounds = 0;
    RtlCaptureContext(&Context);
    if (Rounds++ == 0) {
        Context.ContextFlags &= ~(ULONG)(CONTEXT_FLOATING_POINT & ~CONTEXT_AMD64);
        TestSseFill(OTHER_SEED);
        RtlRestoreContext(&Context, NULL);
    }
    Changed = TestSseCheck(OTHER_SEED);
    TestSseFill(0);
    EXPECT_EQ(Changed, 0);
}

/* Flags that would make iretq or the code behind it misbehave are dropped, undefined bits of MXCSR too. */
TEST(arch_exception, restore_survives_flags_that_a_driver_made_up)
{
    ULONG64 Flags;

    Rounds = 0;
    RtlCaptureContext(&Context);
    if (Rounds++ == 0) {
        Context.EFlags |= 0x20000 | 0x4000 | 0x3000 | 0x100;    /* VM, NT, IOPL, TF */
        Context.MxCsr |= 0xFFFF0000;
        RtlRestoreContext(&Context, NULL);
    }
    Flags = ArchDisableInterrupts();
    ArchRestoreInterrupts(Flags);
    EXPECT_EQ(Flags & (0x20000 | 0x4000 | 0x3000 | 0x100), 0);
    EXPECT_EQ(Rounds, 2);
}

TEST(arch_exception, frames_are_told_apart)
{
    EXPECT_EQ(ArchFrameKind((ULONG64)ArchCallHandler, FALSE), ArchFrameHandler);
    EXPECT_EQ(ArchFrameKind((ULONG64)ArchCallUnwindHandler, FALSE), ArchFrameUnwindHandler);
    EXPECT_EQ(ArchFrameKind((ULONG64)ArchCallOnStack, FALSE), ArchFrameBarrier);
    EXPECT_EQ(ArchFrameKind((ULONG64)TrapEnterApc, TRUE), ArchFrameBarrier);
    EXPECT_EQ(ArchFrameKind((ULONG64)TrapEnterDispatch, TRUE), ArchFrameBarrier);
    EXPECT_EQ(ArchFrameKind((ULONG64)TrapEnterException, TRUE), ArchFrameOrdinary);
    EXPECT_EQ(ArchFrameKind((ULONG64)RtlCaptureContext, FALSE), ArchFrameOrdinary);
}
