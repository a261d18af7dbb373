/* exception.c - SSE state in contexts, and the frames of this floor that exception handling must know. */
#include "x86.h"
#include <rtl/status.h>
#include <rtl/string.h>

enum { MXCSR_DEFINED = 0xFFFF };        /* another bit makes fxrstor fault */

C_ASSERT(sizeof(ARCH_FPU) == sizeof(XSAVE_FORMAT));

/* The registers that a call keeps, as a setjmp stored them. The control words come along, the rest of Context stays. */
static void TakeJump(PCONTEXT Context, const JUMP_BUFFER *Jump)
{
    Context->Rbx = Jump->Rbx;
    Context->Rsp = Jump->Rsp;
    Context->Rbp = Jump->Rbp;
    Context->Rsi = Jump->Rsi;
    Context->Rdi = Jump->Rdi;
    Context->R12 = Jump->R12;
    Context->R13 = Jump->R13;
    Context->R14 = Jump->R14;
    Context->R15 = Jump->R15;
    Context->Rip = Jump->Rip;
    Context->MxCsr = Jump->MxCsr;
    Context->FltSave.ControlWord = Jump->FpCsr;
    memcpy(&Context->FltSave.XmmRegisters[6], Jump->Xmm, sizeof Jump->Xmm);
}

/* ---- Public: ArchCaptureFpu, ArchRestoreFpu, ArchFrameKind, ArchFrameDispatcher ---- */

/* ArchCaptureFpu - the current SSE state into Context, without making it live. Any IRQL. */
void ArchCaptureFpu(PCONTEXT Context)
{
    ARCH_FPU *State = (ARCH_FPU *)&Context->FltSave;
    ULONG64 Flags = ArchDisableInterrupts();

    if (ARCH_THIS_CPU->FpuLive)
        __asm__ volatile("fxsave64 %0" : "=m"(*State));
    else if (ARCH_THIS_CPU->FpuArea)
        memcpy(State, ARCH_THIS_CPU->FpuArea, sizeof *State);
    else
        ArchInitializeFpu(State);
    ArchRestoreInterrupts(Flags);
    Context->MxCsr = Context->FltSave.MxCsr;
}

/* ArchRestoreFpu - Context's SSE state, if it has one, becomes the current one. Any IRQL. */
void ArchRestoreFpu(PCONTEXT Context)
{
    ARCH_FPU *State = (ARCH_FPU *)&Context->FltSave;
    ULONG64 Flags;

    if ((Context->ContextFlags & CONTEXT_FLOATING_POINT) != CONTEXT_FLOATING_POINT)
        return;
    Context->FltSave.MxCsr = Context->MxCsr & MXCSR_DEFINED;
    Flags = ArchDisableInterrupts();
    if (ARCH_THIS_CPU->FpuArea)
        memcpy(ARCH_THIS_CPU->FpuArea, State, sizeof *State);
    if (ARCH_THIS_CPU->FpuLive)
        __asm__ volatile("fxrstor64 %0" : : "m"(*ARCH_THIS_CPU->FpuArea));
    ArchRestoreInterrupts(Flags);
}

/* For RtlRestoreContext. */
void ArchPrepareContext(PCONTEXT Context, PEXCEPTION_RECORD Record)
{
    if (Record != NULL && Record->ExceptionCode == STATUS_LONGJUMP && Record->NumberParameters != 0)
        TakeJump(Context, (const JUMP_BUFFER *)Record->ExceptionInformation[0]);
    ArchRestoreFpu(Context);
}

/* ArchFrameKind - what the frame of the function at Start is to a search for handlers. Signal: it is an interrupt's
 * or a trap's. Code that an exception interrupted caused it; code that an interrupt came upon has no part in what
 * the interrupt's routines do, no more than code that lent them its processor for a while on another stack. */
ARCH_FRAME ArchFrameKind(ULONG64 Start, BOOLEAN Signal)
{
    if (Start == (ULONG64)ArchCallHandler)
        return ArchFrameHandler;
    if (Start == (ULONG64)ArchCallUnwindHandler)
        return ArchFrameUnwindHandler;
    if (Start == (ULONG64)ArchCallOnOwnStack)
        return ArchFrameOwnStack;
    if (Start == (ULONG64)ArchCallOnStack || Start == (ULONG64)ArchCallRoutineOnStack)
        return ArchFrameBarrier;
    if (Signal && Start != (ULONG64)TrapEnterException)
        return ArchFrameBarrier;
    return ArchFrameOrdinary;
}

/* ArchFrameDispatcher - what ArchCallHandler or ArchCallUnwindHandler was called with, by its frame's CFA. */
PDISPATCHER_CONTEXT ArchFrameDispatcher(ULONG64 FrameAddress)
{
    return *(PDISPATCHER_CONTEXT *)(FrameAddress - HANDLER_SLOT);
}
