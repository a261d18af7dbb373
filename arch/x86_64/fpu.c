/* fpu.c - SSE state, moved only when somebody uses it.
 *
 * Kernel code has no floating point, most threads neither. So a switch moves no SSE state: it sets
 * FpuArea to the new owner's save area and leaves CR0.TS set. The first SSE instruction then traps
 * (TrapEnterNoFpu in trap.S), loads FpuArea and sets FpuLive. Only an owner whose state is live pays for
 * a save when it loses the processor. Rejected: saving always, 200 cycles and 512 bytes for nothing;
 * leaving the state in the registers until another thread wants them, which needs an interrupt to the
 * processor that has it when the thread moves.
 * Caller's duty: no switch may come between (interrupts off, or DISPATCH_LEVEL). */
#include "x86.h"
#include <rtl/string.h>

enum { FX_CONTROL = 0, FX_MXCSR = 24 };     /* byte offsets in an ARCH_FPU */
enum { INITIAL_CONTROL = 0x27F, INITIAL_MXCSR = 0x1F80 };       /* NT's: 53 bits, all exceptions masked */

static void TrapNextUse(void)
{
    ARCH_THIS_CPU->FpuLive = FALSE;
    X86WriteCr0(X86ReadCr0() | CR0_TS);
}

/* ---- Public: ArchInitializeFpu, ArchFpuSave, ArchFpuLoad, ArchFpuDiscard ---- */

/* ArchInitializeFpu - Area becomes the state of one that has not used SSE yet. Any IRQL. */
void ArchInitializeFpu(ARCH_FPU *Area)
{
    memset(Area, 0, sizeof *Area);
    *(USHORT *)(Area->Bytes + FX_CONTROL) = INITIAL_CONTROL;
    *(ULONG *)(Area->Bytes + FX_MXCSR) = INITIAL_MXCSR;
}

/* ArchFpuSave - the live state goes to FpuArea. Only while FpuLive. */
void ArchFpuSave(void)
{
    __asm__ volatile("fxsave64 %0" : "=m"(*ARCH_THIS_CPU->FpuArea));
    TrapNextUse();
}

/* ArchFpuLoad - the state in FpuArea becomes live without waiting for its first use. Only while not FpuLive. */
void ArchFpuLoad(void)
{
    __asm__ volatile("clts\n\tfxrstor64 %0" : : "m"(*ARCH_THIS_CPU->FpuArea));
    ARCH_THIS_CPU->FpuLive = TRUE;
}

/* ArchFpuDiscard - the live state, if any, is of no more use: its owner ends, or was a DPC routine. */
void ArchFpuDiscard(void)
{
    if (ARCH_THIS_CPU->FpuLive)
        TrapNextUse();
}
