/* unwind.c - leaving frames for good: every __finally on the way runs, then the target frame goes on.
 *
 * The walk begins at RtlUnwindEx itself and so comes by everything that led there: the handler that called it, the
 * search that called that, a trap's frame, and then the frames that the exception came through. Here is the
 * context in the frame looked at, Caller that of the one that called it; a handler sees Here, since its frame
 * still stands.
 * Arriving at the target, Here has the registers that a callee keeps as they were when the target made its call.
 * If the walk comes by a handler that an earlier unwind called, the two have collided: that handler's __finally
 * was left by a raise or a jump. The earlier unwind will never go on, so this one takes its place, at its frame,
 * behind that scope: nothing runs twice, and nothing is left out. */
#include "ki.h"

typedef struct _UNWIND {
    PEXCEPTION_RECORD Record;
    ULONG64 TargetFrame, TargetIp;
    PVOID ReturnValue;
    PCONTEXT Here, Caller;
    BOOLEAN Exact, CallerExact;
    ULONG Flags;
} UNWIND;

/* Describe the frame at Here, and put its caller's context into Caller. */
static BOOLEAN LookAhead(UNWIND *Unwind, KI_FRAME *Frame)
{
    *Unwind->Caller = *Unwind->Here;
    Unwind->CallerExact = Unwind->Exact;
    if (!KiStepFrame(Unwind->Caller, &Unwind->CallerExact, Frame))
        return FALSE;
    if (Frame->Kind != ArchFrameUnwindHandler)
        return TRUE;
    *Unwind->Here = *Frame->Handled->ContextRecord;
    Unwind->Here->Rip = Frame->Handled->ControlPc;
    Unwind->Exact = (BOOLEAN)Frame->Handled->Fill0;
    Unwind->Flags |= EXCEPTION_COLLIDED_UNWIND;
    return KiCollide(Unwind->Caller, &Unwind->CallerExact, Frame);
}

static void CallHandler(UNWIND *Unwind, KI_FRAME *Frame, BOOLEAN Target)
{
    PDISPATCHER_CONTEXT Dispatcher = &Frame->Dispatcher;

    Dispatcher->TargetIp = Unwind->TargetIp;
    Dispatcher->ContextRecord = Unwind->Here;
    Unwind->Here->Rax = (ULONG64)Unwind->ReturnValue;
    Unwind->Record->ExceptionFlags = Unwind->Flags | (Target ? EXCEPTION_TARGET_UNWIND : 0);
    if (ArchCallUnwindHandler(Unwind->Record, (PVOID)Dispatcher->EstablisherFrame, Unwind->Here, Dispatcher)
        != ExceptionContinueSearch)
        KiRaiseInstead(STATUS_INVALID_DISPOSITION, Unwind->Record);
    Unwind->Flags &= ~(ULONG)EXCEPTION_COLLIDED_UNWIND;
}

/* Leave the frame at Here. Returns: FALSE: it is the target. */
static BOOLEAN LeaveFrame(UNWIND *Unwind, KI_FRAME *Frame)
{
    BOOLEAN Target = Frame->InDriver && Frame->Dispatcher.EstablisherFrame == Unwind->TargetFrame;
    PCONTEXT Left = Unwind->Here;

    if (Frame->InDriver && Unwind->TargetFrame != 0 && Frame->Dispatcher.EstablisherFrame > Unwind->TargetFrame)
        KiRaiseInstead(STATUS_INVALID_UNWIND_TARGET, Unwind->Record);
    if (Frame->HandlerFlags & UNW_FLAG_UHANDLER)
        CallHandler(Unwind, Frame, Target);
    if (Target)
        return FALSE;
    if (Frame->Kind == ArchFrameOwnStack)
        KeLeaveExpandedStack();
    Unwind->Here = Unwind->Caller;
    Unwind->Exact = Unwind->CallerExact;
    Unwind->Caller = Left;
    return TRUE;
}

/* ---- Public: RtlUnwindEx, RtlUnwind, _local_unwind ---- */

/* RtlUnwindEx - unwind the caller's stack to the driver frame whose establisher frame is TargetFrame, and go on there
 * at TargetIp with ReturnValue in rax. TargetFrame NULL: unwind all, after which the exception is unhandled.
 * ExceptionRecord: what handlers see, NULL: STATUS_UNWIND; with STATUS_LONGJUMP the target goes on with the registers
 * of the jump buffer that is its first parameter. ContextRecord: room to work in. HistoryTable: not needed. IRQL: any.
 * Raises: STATUS_INVALID_UNWIND_TARGET if the stack has no such frame, once everything below it is unwound;
 * STATUS_BAD_STACK if the walk cannot go on; STATUS_NOT_IMPLEMENTED for STATUS_UNWIND_CONSOLIDATE, by which C++ runs
 * its catch blocks, and no driver's compiler makes any. Source: WDK, winnt rtlunwindex. */
NOINLINE VOID RtlUnwindEx(PVOID TargetFrame, PVOID TargetIp, PEXCEPTION_RECORD ExceptionRecord, PVOID ReturnValue,
                          PCONTEXT ContextRecord, struct _UNWIND_HISTORY_TABLE *HistoryTable)
{
    EXCEPTION_RECORD Own = { .ExceptionCode = STATUS_UNWIND };
    CONTEXT Other;
    UNWIND Unwind = { .Record = ExceptionRecord != NULL ? ExceptionRecord : &Own, .ReturnValue = ReturnValue,
                      .TargetFrame = (ULONG64)TargetFrame, .TargetIp = (ULONG64)TargetIp,
                      .Here = ContextRecord, .Caller = &Other,
                      .Flags = EXCEPTION_UNWINDING | (TargetFrame == NULL ? EXCEPTION_EXIT_UNWIND : 0) };
    KI_FRAME Frame;

    UNREFERENCED_PARAMETER(HistoryTable);
    if (UNLIKELY(Unwind.Record->ExceptionCode == STATUS_UNWIND_CONSOLIDATE))
        KiRaiseInstead(STATUS_NOT_IMPLEMENTED, Unwind.Record);
    RtlCaptureContext(ContextRecord);
    Own.ExceptionAddress = (PVOID)ContextRecord->Rip;
    do {
        if (!LookAhead(&Unwind, &Frame)) {
            if (TargetFrame == NULL)
                KiStopUnhandled(Unwind.Record, Unwind.Here);
            KiRaiseInstead(STATUS_BAD_STACK, Unwind.Record);
        }
    } while (LeaveFrame(&Unwind, &Frame));
    Unwind.Here->Rax = (ULONG64)ReturnValue;
    Unwind.Here->Rip = Unwind.TargetIp;
    RtlRestoreContext(Unwind.Here, Unwind.Record);
}

/* RtlUnwind - RtlUnwindEx with room of its own. Source: WDK, winnt rtlunwind. */
VOID RtlUnwind(PVOID TargetFrame, PVOID TargetIp, PEXCEPTION_RECORD ExceptionRecord, PVOID ReturnValue)
{
    CONTEXT Context;

    RtlUnwindEx(TargetFrame, TargetIp, ExceptionRecord, ReturnValue, &Context, NULL);
}

/* _local_unwind - a jump out of a __try, which compilers call it for: run what its __finally blocks hold, then go on at
 * TargetIp of the frame. IRQL: any. */
VOID _local_unwind(PVOID TargetFrame, PVOID TargetIp)
{
    RtlUnwind(TargetFrame, TargetIp, NULL, NULL);
}
