/* context.c - a new thread's first frame. */
#include "x86.h"
#include <rtl/string.h>

/* ArchInitializeContext - lay out below StackTop (16-byte aligned) what ArchSwitchContext resumes: at the
 * top the SSE save area, under it a frame that returns to SwitchStartThread with Entry and Argument in
 * registers. The thread need not have run, and nothing of it runs here. Any IRQL. */
void ArchInitializeContext(ARCH_CONTEXT *Context, PVOID StackTop, void (*Entry)(PVOID), PVOID Argument)
{
    ARCH_FPU *Fpu = (ARCH_FPU *)StackTop - 1;
    ARCH_SWITCH_FRAME *Frame = (ARCH_SWITCH_FRAME *)Fpu - 1;

    ArchInitializeFpu(Fpu);
    memset(Frame, 0, sizeof *Frame);
    Frame->R12 = (ULONG64)Entry;
    Frame->R13 = (ULONG64)Argument;
    Frame->ReturnAddress = (ULONG64)SwitchStartThread;
    Context->Rsp = (ULONG64)Frame;
    Context->Fpu = Fpu;
    Context->Busy = 0;
}
