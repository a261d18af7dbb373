/* stack.c - what a driver asks about the stack that it runs on: the thread's, its second one (mm/callout.c), or the one
 * that DPCs have on each processor. The DDK makes IoGetRemainingStackSize of the first routine. */
#include <io/stack.h>

#include <arch/port.h>
#include <ke/irql.h>
#include <ke/thread.h>
#include <mm/mm.h>

/* ---- Public ---- */

/* IoGetStackLimits - the bottom and the top of the current stack. IRQL: any. Source: WDK nf-wdm-iogetstacklimits. */
VOID IoGetStackLimits(PULONG_PTR LowLimit, PULONG_PTR HighLimit)
{
    ULONG_PTR Here = (ULONG_PTR)__builtin_frame_address(0);
    PKTHREAD Thread = KeGetCurrentThread();

    *LowLimit = (ULONG_PTR)Thread->StackLimit;
    *HighLimit = (ULONG_PTR)Thread->StackBase;
    if (Here >= *LowLimit && Here < *HighLimit)
        return;
    *HighLimit = (ULONG_PTR)ARCH_THIS_CPU->DispatchStack;       /* what is not on a thread's stack does not move */
    *LowLimit = *HighLimit - MM_STACK_SIZE;
}

/* IoWithinStackLimits - do RegionSize bytes at RegionStart lie on the current stack, whole? IRQL: any.
 * Source: WDK nf-wdm-iowithinstacklimits. */
LOGICAL IoWithinStackLimits(ULONG_PTR RegionStart, SIZE_T RegionSize)
{
    ULONG_PTR Low, High;

    IoGetStackLimits(&Low, &High);
    return RegionStart >= Low && RegionStart <= High && RegionSize <= High - RegionStart;
}

/* IoGetInitialStack - the top of the stack that the current thread began on. IRQL: any.
 * Source: WDK nf-wdm-iogetinitialstack. */
PVOID IoGetInitialStack(VOID) { return KeGetCurrentThread()->OwnStackBase; }
