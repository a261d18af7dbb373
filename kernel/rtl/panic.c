/* panic.c - where a broken assertion goes.
 *
 * Once ke has installed its hook, an assertion ends in the stop screen. Before that nothing can be
 * trusted but the log: the text is printed and the processor halted. An assertion that breaks while
 * one is being handled halts at once, so that a failing stop screen cannot loop. */
#include <rtl/debug.h>
#include <rtl/print.h>

static RTL_ASSERTION_HOOK AssertionHook;
static RTL_HALT_HOOK HaltHook;
static ULONG Depth;

DECLSPEC_NORETURN static void Halt(void)
{
    if (HaltHook)
        HaltHook();
    for (;;)
        ;
}

/* ---- Public ---- */

/* RtlSetAssertionHook - hand broken assertions to Hook, which does not return.  IRQL: any. */
void RtlSetAssertionHook(RTL_ASSERTION_HOOK Hook)
{
    AssertionHook = Hook;
}

/* RtlSetHaltHook - how to stop this processor while there is no assertion hook.  IRQL: any. */
void RtlSetHaltHook(RTL_HALT_HOOK Hook)
{
    HaltHook = Hook;
}

/* RtlAssertionFailed - report that Expression at File:Line does not hold, and stop.  IRQL: any. */
DECLSPEC_NORETURN void RtlAssertionFailed(const char *Expression, const char *File, int Line)
{
    ULONG Before = __atomic_fetch_add(&Depth, 1, __ATOMIC_RELAXED);

    if (AssertionHook && Before == 0)
        AssertionHook(Expression, File, Line);
    if (Before <= 1)
        LogPrint("\nassertion failed: %s\n  at %s:%d\n", Expression, File, Line);
    Halt();
}
