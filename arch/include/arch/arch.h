/* arch.h - what ke asks of a processor, and the one table through which the processor calls up.
 *
 * Everything a port must offer is declared here; one-instruction calls are in <arch/ops.h>:
 *   ArchReadIrql ArchWriteIrql ArchDisableInterrupts ArchRestoreInterrupts ArchInterruptsWereOn
 *   ArchInterruptsAreOn ArchMaskInterrupts ArchEnableInterrupts ArchAdmitInterrupts ArchPause ArchWaitForInterrupt
 *   ArchReadCounter  */
#pragma once

#include <arch/port.h>
#include <arch/ops.h>
#include <rtl/exception.h>

/* Calls up. Filled in by ke, handed over with ArchSetClient before the first interrupt.
 *
 *   row       IRQL        interrupts  meaning
 *   Clock     CLOCK 13    off         the armed deadline passed, at IRQL Interrupted; TRUE: run Dispatch soon
 *   Dispatch  DISPATCH 2  on          requested by ArchRequestDispatch, another processor, or Clock
 *   Apc       APC 1       on          requested by ArchRequestApc
 *   Ipi       IPI 14      off         requested by ArchSendIpi
 *   Fault     as it was   off         an exception arch does not handle itself; returning resumes Frame
 *   Freeze    any (NMI)   off         another processor called ArchFreezeOthers; must not return
 * Dispatch and Apc run on the interrupted thread's stack and may switch threads. */
typedef struct _ARCH_CLIENT {
    BOOLEAN (*Clock)(KIRQL Interrupted);
    void (*Dispatch)(void);
    void (*Apc)(void);
    void (*Ipi)(void);
    void (*Fault)(ARCH_TRAP_FRAME *Frame);
    void (*Freeze)(ARCH_TRAP_FRAME *Frame);
} ARCH_CLIENT;

void ArchSetClient(const ARCH_CLIENT *Client);

/* ---- Interrupt requests. To this processor, or to another by its number. ---- */
void ArchRequestDispatch(void);         /* self-interrupt at DISPATCH_LEVEL: taken when CR8 allows */
void ArchRequestApc(void);
void ArchSendDispatch(ULONG Processor);
void ArchSendApc(ULONG Processor);
void ArchSendIpi(KAFFINITY Processors);
void ArchFreezeOthers(void);            /* NMI to all others; each ends in Client.Freeze */

/* ---- Time. Counter units are ArchReadCounter's. ---- */
ULONG64 ArchCounterFrequency(void);     /* Hz, fixed once calibrated */
void ArchArmClock(ULONG64 Deadline);    /* this processor's one shot; a past deadline fires at once */
void ArchStopClock(void);
ULONG64 ArchReadWallClock(void);        /* seconds since 1601-01-01 UTC from the battery clock */

/* ---- Threads. ---- */

/* Lay out a new thread's first frame below StackTop so that the first switch to it calls
 * Entry(Argument) with interrupts off. The top 512 bytes become its SSE save area. */
void ArchInitializeContext(ARCH_CONTEXT *Context, PVOID StackTop, void (*Entry)(PVOID), PVOID Argument);

/* Save the caller in From, resume To as soon as no processor runs it any more. Interrupts off; the caller has
 * settled SSE (ArchSwitchFpu). */
void ArchSwitchContext(ARCH_CONTEXT *From, ARCH_CONTEXT *To);

/* Run Routine(Argument) on the stack whose top is StackTop, then come back. */
void ArchCallOnStack(PVOID StackTop, void (*Routine)(PVOID), PVOID Argument);
/* The same for a stack of the thread's own, below its first one: exceptions find the way back, and an unwind, too. */
void ArchCallOnOwnStack(PVOID StackTop, void (*Routine)(PVOID), PVOID Argument);

/* The same with four arguments. Routine: void (*)(PVOID, PVOID, PVOID, PVOID). */
void ArchCallRoutineOnStack(PVOID Argument1, PVOID Argument2, PVOID Argument3, PVOID Argument4, PVOID Routine,
                            PVOID StackTop);

/* SSE state is lazy: while FpuLive is clear CR0.TS is set, and the first SSE instruction traps and
 * loads FpuArea. A thread that never uses SSE pays one test per switch. */
void ArchFpuSave(void);                 /* live state goes to FpuArea; TS is set */
void ArchFpuLoad(void);                 /* FpuArea's state becomes live at once; TS is clear */
void ArchFpuDiscard(void);              /* live state is forgotten; TS is set */
void ArchInitializeFpu(ARCH_FPU *Area); /* a thread's first state: registers zero, NT's default controls */

FORCEINLINE void ArchSwitchFpu(ARCH_FPU *Area)
{
    if (UNLIKELY(ARCH_THIS_CPU->FpuLive))
        ArchFpuSave();
    ARCH_THIS_CPU->FpuArea = Area;
}

/* ---- Exceptions. RtlCaptureContext and RtlRestoreContext are arch's, too. ---- */
typedef enum _ARCH_FRAME {
    ArchFrameOrdinary,
    ArchFrameBarrier,                   /* who waits behind it did not cause what happens before it */
    ArchFrameHandler,                   /* ArchCallHandler */
    ArchFrameUnwindHandler,             /* ArchCallUnwindHandler */
    ArchFrameOwnStack                   /* ArchCallOnOwnStack */
} ARCH_FRAME;

VOID RtlCaptureContext(PCONTEXT ContextRecord);
DECLSPEC_NORETURN VOID RtlRestoreContext(PCONTEXT ContextRecord, PEXCEPTION_RECORD ExceptionRecord);
void ArchCaptureFpu(PCONTEXT Context);
void ArchRestoreFpu(PCONTEXT Context);
ARCH_FRAME ArchFrameKind(ULONG64 FunctionStart, BOOLEAN Signal);
/* Call Dispatcher->LanguageHandler; a walk over the stack recognises the frame and what it was called with. */
EXCEPTION_DISPOSITION ArchCallHandler(PEXCEPTION_RECORD Record, PVOID EstablisherFrame, PCONTEXT Context,
                                      PDISPATCHER_CONTEXT Dispatcher);
EXCEPTION_DISPOSITION ArchCallUnwindHandler(PEXCEPTION_RECORD Record, PVOID EstablisherFrame, PCONTEXT Context,
                                            PDISPATCHER_CONTEXT Dispatcher);
PDISPATCHER_CONTEXT ArchFrameDispatcher(ULONG64 FrameAddress);

/* ---- Address spaces (the lower half; the kernel half is common). ---- */
void ArchSwitchSpace(ARCH_SPACE Space);

/* ---- Stopping. ---- */
DECLSPEC_NORETURN void ArchHalt(void);  /* this processor, for ever */
BOOLEAN ArchProbe(const void *Address, SIZE_T Length); /* is this mapped for reading, right now? */
BOOLEAN ArchProbeWrite(void *Address, SIZE_T Length);  /* and for writing? */
ULONG64 ArchFaultAddress(void);         /* CR2 of the page fault being handled */
