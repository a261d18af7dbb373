/* exception.c - raises and faults: from the throw to the handler that a driver set up for it.
 *
 * Promise: what NT's x64 dispatch does for kernel mode, to code compiled for it. A search walks from the throw
 * towards the caller's callers and asks each frame's language handler. One of them makes the processor go on where
 * it was (ExceptionContinueExecution), or unwinds the stack to its own frame (unwind.c) and does not return.
 * Method: the throw begins in an ELF kernel, where a frame is described by .eh_frame; those steps recover a
 * driver's registers as they will be on return. Kernel frames have no handlers and nothing to undo: a routine that
 * raises drops its locks and restores the IRQL first. A driver's frame names its handler in .pdata.
 * Two of our own frames mean something to a walk: a call of a handler by a search, and by an unwind. An exception
 * that comes by the first was raised inside a filter: it is marked nested until the frame whose filter it was. One
 * that comes by the second was raised inside a __finally: what lies between there and the frame that is being
 * unwound is gone already, so the search goes on at that frame, behind the scope whose __finally it was.
 * A search ends at an interrupt's frame, and where a stack was lent: the code behind did not ask for what
 * happened.
 * Trust: a record, a context and handlers are the driver's own; the stack is probed, and only ever walked upwards. */
#include "ki.h"

#include <rtl/string.h>

typedef struct _SEARCH {
    PEXCEPTION_RECORD Record;
    PCONTEXT Throw;                     /* what a handler may repair and continue */
    CONTEXT Walker;                     /* the frame looked at, then its caller */
    BOOLEAN Exact;
    ULONG Flags;
    ULONG64 NestedFrame;                /* a handler below this frame raised the exception; 0: none */
} SEARCH;

/* KiRaiseInstead - raise Status because of Record, about which nothing more can be done. */
void KiRaiseInstead(NTSTATUS Status, PEXCEPTION_RECORD Record)
{
    EXCEPTION_RECORD New = { .ExceptionCode = Status, .ExceptionFlags = EXCEPTION_NONCONTINUABLE,
                             .ExceptionRecord = Record };

    RtlRaiseException(&New);
    KeBugCheckWith(KMODE_EXCEPTION_NOT_HANDLED, (ULONG)Status, 0, 0, 0, "an exception that cannot continue did");
}

/* Ask the handler of Frame, whose caller the walker is at. Returns: TRUE: go on where the exception came from. */
static BOOLEAN AskHandler(SEARCH *Search, KI_FRAME *Frame)
{
    PEXCEPTION_RECORD Record = Search->Record;
    EXCEPTION_DISPOSITION Disposition;

    Frame->Dispatcher.ContextRecord = &Search->Walker;
    Record->ExceptionFlags = Search->Flags;
    Disposition = ArchCallHandler(Record, (PVOID)Frame->Dispatcher.EstablisherFrame, Search->Throw, &Frame->Dispatcher);
    Search->Flags |= Record->ExceptionFlags & EXCEPTION_NONCONTINUABLE;
    if (Search->NestedFrame == Frame->Dispatcher.EstablisherFrame) {
        Search->Flags &= ~(ULONG)EXCEPTION_NESTED_CALL;
        Search->NestedFrame = 0;
    }
    switch (Disposition) {
    case ExceptionContinueExecution:
        if (Search->Flags & EXCEPTION_NONCONTINUABLE)
            KiRaiseInstead(STATUS_NONCONTINUABLE_EXCEPTION, Record);
        return TRUE;
    case ExceptionContinueSearch: return FALSE;
    default:
        KiRaiseInstead(STATUS_INVALID_DISPOSITION, Record);
    }
}

/* The exception comes out of a handler that a search had called. */
static void NoteNested(SEARCH *Search, const DISPATCHER_CONTEXT *Handler)
{
    Search->Flags |= EXCEPTION_NESTED_CALL;
    if (Handler->EstablisherFrame > Search->NestedFrame)
        Search->NestedFrame = Handler->EstablisherFrame;
}

/* KiDispatchException - look for a handler from Context on. Exact: its rip is the instruction that raised, not the
 * return address of a call. IRQL: any; interrupts as they were. Returns: TRUE: Context, perhaps repaired, is to be
 * resumed; FALSE: nothing handled it. Not at all: it was handled elsewhere. */
BOOLEAN KiDispatchException(PEXCEPTION_RECORD Record, PCONTEXT Context, BOOLEAN Exact)
{
    SEARCH Search = { .Record = Record, .Throw = Context, .Exact = Exact,
                      .Flags = Record->ExceptionFlags & EXCEPTION_NONCONTINUABLE };
    KI_FRAME Frame;

    Search.Walker = *Context;
    while (KiStepFrame(&Search.Walker, &Search.Exact, &Frame)) {
        if (Frame.Kind == ArchFrameHandler)
            NoteNested(&Search, Frame.Handled);
        if (Frame.Kind == ArchFrameUnwindHandler && !KiCollide(&Search.Walker, &Search.Exact, &Frame))
            break;
        if (Frame.HandlerFlags & UNW_FLAG_EHANDLER && AskHandler(&Search, &Frame))
            return TRUE;
    }
    return FALSE;
}

/* ---- Raising ---- */

/* KiStopUnhandled - nobody handled Record, raised where Context says. */
void KiStopUnhandled(PEXCEPTION_RECORD Record, PCONTEXT Context)
{
    ULONG_PTR Code = (ULONG)Record->ExceptionCode, Address = (ULONG_PTR)Record->ExceptionAddress;
    UNWIND_CONTEXT Throw = { .Rip = Context->Rip };
    char Detail[80];

    memcpy(Throw.Registers, Context->Registers, sizeof Throw.Registers);
    RtlFormat(Detail, sizeof Detail, "status 0x%08X was raised and nothing handled it", Record->ExceptionCode);
    if (KiIsSystemThread(ArchReadIrql()))
        KiStopAt(SYSTEM_THREAD_EXCEPTION_NOT_HANDLED, Code, Address, (ULONG_PTR)Record, (ULONG_PTR)Context, Detail,
                 &Throw);
    KiStopAt(KMODE_EXCEPTION_NOT_HANDLED, Code, Address, Record->ExceptionInformation[0],
             Record->ExceptionInformation[1], Detail, &Throw);
}

/* Context: of the routine that raises on behalf of its caller. */
static DECLSPEC_NORETURN void RaiseForCaller(PEXCEPTION_RECORD Record, PCONTEXT Context)
{
    BOOLEAN Exact = FALSE;
    KI_FRAME Frame;

    KiStepFrame(Context, &Exact, &Frame);
    Record->ExceptionAddress = (PVOID)Context->Rip;
    if (KiDispatchException(Record, Context, Exact))
        RtlRestoreContext(Context, NULL);
    KiStopUnhandled(Record, Context);
}

/* For all of ke: a status that a routine reports to its caller's handler instead of returning it. The caller has
 * dropped its locks and is at the IRQL that it was called at. */
NOINLINE void KiRaiseStatus(NTSTATUS Status)
{
    EXCEPTION_RECORD Record = { .ExceptionCode = Status, .ExceptionFlags = EXCEPTION_NONCONTINUABLE };
    CONTEXT Context;

    RtlCaptureContext(&Context);
    RaiseForCaller(&Record, &Context);
}

/* ---- Public ---- */

/* RtlRaiseException - raise the exception that the driver has filled in; its address becomes the caller's. Returns if
 * a handler says so. IRQL: any. Unhandled: 0x7E in a system thread, else 0x1E. Source: WDK, winnt rtlraiseexception. */
NOINLINE VOID RtlRaiseException(PEXCEPTION_RECORD ExceptionRecord)
{
    CONTEXT Context;

    RtlCaptureContext(&Context);
    RaiseForCaller(ExceptionRecord, &Context);
}

/* ExRaiseStatus - raise Status, so that the caller does not go on. IRQL: any, where the handler may run. Unhandled: as
 * RtlRaiseException. Source: WDK nf-wdm-exraisestatus. */
VOID ExRaiseStatus(NTSTATUS Status) { KiRaiseStatus(Status); }

/* RtlRaiseStatus - the same. */
VOID RtlRaiseStatus(NTSTATUS Status) { KiRaiseStatus(Status); }

/* ExRaiseAccessViolation - the same with STATUS_ACCESS_VIOLATION. Source: WDK nf-wdm-exraiseaccessviolation. */
VOID ExRaiseAccessViolation(VOID) { KiRaiseStatus(STATUS_ACCESS_VIOLATION); }

/* ExRaiseDatatypeMisalignment - the same with STATUS_DATATYPE_MISALIGNMENT. Source: WDK
 * nf-wdm-exraisedatatypemisalignment. */
VOID ExRaiseDatatypeMisalignment(VOID) { KiRaiseStatus(STATUS_DATATYPE_MISALIGNMENT); }
