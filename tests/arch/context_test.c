/* context_test.c - ArchSwitchContext, ArchInitializeContext, ArchCallOnStack. */
#include "ktest.h"

#include <arch/arch.h>
#include <mm/mm.h>
#include <rtl/stacktrace.h>

ULONG TestSwitch(ARCH_CONTEXT *From, const ARCH_CONTEXT *To);      /* registers.S */
void TestSwitchPartner(PVOID Pair);

typedef struct _PAIR { ARCH_CONTEXT *From, *To; ULONG64 Fault; } PAIR;

TEST(arch_context, switch_keeps_every_register_of_a_callee)
{
    ARCH_CONTEXT Main, Partner;
    PAIR Pair = { &Partner, &Main, ~0ull };
    PVOID Stack = MmAllocateStack();
    ULONG Changed = 0;
    ULONG64 Flags;

    REQUIRE_TRUE(Stack);
    ArchInitializeContext(&Partner, Stack, TestSwitchPartner, &Pair);
    Flags = ArchDisableInterrupts();
    for (ULONG Round = 0; Round < 3; Round++)
        Changed += TestSwitch(&Main, &Partner);
    ArchRestoreInterrupts(Flags);
    MmFreeStack(Stack);
    EXPECT_EQ(Changed, 0);
    EXPECT_EQ(Pair.Fault, 0);
}

TEST(arch_context, new_context_lies_below_its_top_and_has_its_own_sse_area)
{
    ARCH_CONTEXT Context;
    ULONG64 Stack = (ULONG64)MmAllocateStack();

    REQUIRE_TRUE(Stack);
    ArchInitializeContext(&Context, (PVOID)Stack, TestSwitchPartner, NULL);
    EXPECT_EQ((ULONG64)Context.Fpu, Stack - sizeof(ARCH_FPU));
    EXPECT_EQ(Context.Rsp, Stack - sizeof(ARCH_FPU) - sizeof(ARCH_SWITCH_FRAME));
    MmFreeStack((PVOID)Stack);
}

/* ---- ArchCallOnStack ---- */

typedef struct _WALK { ULONG64 Seen; ULONG Frames; BOOLEAN OnTest; UNWIND_RESULT Result; } WALK;

static NOINLINE void CallThere(PVOID Top, WALK *Walk);

static BOOLEAN VisitFrame(PVOID Cookie, const UNWIND_CONTEXT *Frame)
{
    WALK *Walk = Cookie;

    Walk->Frames++;
    if (Frame->Rip > (ULONG64)CallThere && Frame->Rip < (ULONG64)CallThere + 0x80)
        Walk->OnTest = TRUE;
    return Walk->Frames < 64;
}

static void LookAround(PVOID Cookie)
{
    WALK *Walk = Cookie;
    UNWIND_CONTEXT Context;

    Walk->Seen = (ULONG64)&Context;
    RtlCaptureCaller(&Context);
    Walk->Result = RtlWalkStack(&Context, ArchProbe, VisitFrame, Walk);
}

static NOINLINE void CallThere(PVOID Top, WALK *Walk)
{
    ArchCallOnStack(Top, LookAround, Walk);
    Walk->Seen |= 1;                    /* not a tail call */
}

TEST(arch_context, call_on_stack_runs_there_and_the_unwinder_comes_back)
{
    ULONG64 Stack = (ULONG64)MmAllocateStack();
    WALK Walk = { 0 };

    REQUIRE_TRUE(Stack);
    CallThere((PVOID)Stack, &Walk);
    MmFreeStack((PVOID)Stack);
    EXPECT_TRUE(Walk.Seen < Stack && Walk.Seen >= Stack - MM_STACK_SIZE);
    EXPECT_TRUE(Walk.OnTest);
    EXPECT_EQ(Walk.Result, UnwindEnd);  /* at the start of this thread, not in the middle of nowhere */
}
