/* timer_overwritten.c - zeroes an armed timer.
 *
 * fault: stop 0x000000C7 TIMER_OR_DPC_INVALID
 * log: timer .* has come due and is no timer any more */
#include "rule.h"

static KTIMER Timer;

static VOID Run(VOID)
{
    LARGE_INTEGER Due = { .QuadPart = -100000 }, Later = { .QuadPart = -1000000 };

    KeInitializeTimer(&Timer);
    KeSetTimer(&Timer, Due, NULL);
#ifdef FAULT
    Timer.Header.Type = 0xDD;
#endif
    KeDelayExecutionThread(KernelMode, FALSE, &Later);
}
