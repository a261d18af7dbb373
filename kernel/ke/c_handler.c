/* c_handler.c - __try in C: what a function's scope table says.
 *
 * Each __try of a function is a row, inner ones before outer ones: where its body lies, and either a filter with the
 * place of its __except, or a __finally. A row applies if control was in its body: ControlPc, which may be a return
 * address, is compared as it is, since compilers make their rows for that.
 * While a handler is searched for, filters are asked from the row at ScopeIndex on; a 1 in place of a filter stands
 * for one that always says yes. While the frame is unwound, the __finally blocks are called; those of the __try that
 * the target lies in, too, are not left. ScopeIndex is moved on before a __finally is called: should it never return,
 * whoever takes this unwind over begins behind it. */
#include "ki.h"

typedef struct _SCOPE {
    ULONG Begin, End;
    ULONG Handler;                      /* filter or __finally; FILTER_ALWAYS */
    ULONG Target;                       /* the __except block; 0: this is a __finally */
} SCOPE;

typedef struct _SCOPE_TABLE {
    ULONG Count;
    SCOPE Scope[];
} SCOPE_TABLE;

enum { FILTER_ALWAYS = 1 };

typedef LONG (*FILTER)(PEXCEPTION_POINTERS Pointers, PVOID EstablisherFrame);
typedef VOID (*TERMINATION)(BOOLEAN Abnormal, PVOID EstablisherFrame);

static BOOLEAN Covers(const SCOPE *Scope, ULONG64 Offset) { return Offset >= Scope->Begin && Offset < Scope->End; }

/* What a filter answers: below 0 continue there, 0 not mine, above 0 mine. */
static LONG AskFilter(const SCOPE *Scope, PEXCEPTION_POINTERS Pointers, const DISPATCHER_CONTEXT *Dispatcher)
{
    if (Scope->Handler == FILTER_ALWAYS)
        return 1;
    return ((FILTER)(Dispatcher->ImageBase + Scope->Handler))(Pointers, (PVOID)Dispatcher->EstablisherFrame);
}

static EXCEPTION_DISPOSITION Search(PEXCEPTION_RECORD Record, PCONTEXT Context, PDISPATCHER_CONTEXT Dispatcher)
{
    const SCOPE_TABLE *Table = Dispatcher->HandlerData;
    ULONG64 Offset = Dispatcher->ControlPc - Dispatcher->ImageBase;
    EXCEPTION_POINTERS Pointers = { Record, Context };

    for (ULONG At = Dispatcher->ScopeIndex; At < Table->Count; At++) {
        const SCOPE *Scope = &Table->Scope[At];
        LONG Answer;

        if (!Covers(Scope, Offset) || Scope->Target == 0)
            continue;
        Answer = AskFilter(Scope, &Pointers, Dispatcher);
        if (Answer < 0)
            return ExceptionContinueExecution;
        if (Answer > 0)
            RtlUnwindEx((PVOID)Dispatcher->EstablisherFrame, (PVOID)(Dispatcher->ImageBase + Scope->Target), Record,
                        (PVOID)(ULONG_PTR)(ULONG)Record->ExceptionCode, Dispatcher->ContextRecord,
                        Dispatcher->HistoryTable);
    }
    return ExceptionContinueSearch;
}

/* Does control, on its way to Target, stay inside Scope? Its row may be in several pieces. */
static BOOLEAN StaysIn(const SCOPE_TABLE *Table, const SCOPE *Scope, ULONG64 Target)
{
    for (ULONG At = 0; At < Table->Count; At++) {
        const SCOPE *Piece = &Table->Scope[At];

        if (Covers(Piece, Target) && Piece->Handler == Scope->Handler && Piece->Target == Scope->Target)
            return TRUE;
    }
    return FALSE;
}

static EXCEPTION_DISPOSITION Unwind(PEXCEPTION_RECORD Record, PDISPATCHER_CONTEXT Dispatcher)
{
    const SCOPE_TABLE *Table = Dispatcher->HandlerData;
    ULONG64 Offset = Dispatcher->ControlPc - Dispatcher->ImageBase;
    ULONG64 Target = Dispatcher->TargetIp - Dispatcher->ImageBase;
    BOOLEAN Arriving = (Record->ExceptionFlags & EXCEPTION_TARGET_UNWIND) != 0;

    for (ULONG At = Dispatcher->ScopeIndex; At < Table->Count; At++) {
        const SCOPE *Scope = &Table->Scope[At];

        if (!Covers(Scope, Offset))
            continue;
        if (Arriving && (StaysIn(Table, Scope, Target) || (Scope->Target != 0 && Scope->Target == Target)))
            break;
        if (Scope->Target != 0)
            continue;
        Dispatcher->ScopeIndex = At + 1;
        ((TERMINATION)(Dispatcher->ImageBase + Scope->Handler))(TRUE, (PVOID)Dispatcher->EstablisherFrame);
    }
    return ExceptionContinueSearch;
}

/* ---- Public ---- */

/* __C_specific_handler - the language handler of C functions with __try. IRQL: any. Source: WDK, winnt
 * __c_specific_handler; the scope table is of the Microsoft x64 binary interface. */
EXCEPTION_DISPOSITION __C_specific_handler(PEXCEPTION_RECORD ExceptionRecord, PVOID EstablisherFrame,
                                           PCONTEXT ContextRecord, PDISPATCHER_CONTEXT DispatcherContext)
{
    UNREFERENCED_PARAMETER(EstablisherFrame);
    if (ExceptionRecord->ExceptionFlags & EXCEPTION_UNWIND)
        return Unwind(ExceptionRecord, DispatcherContext);
    return Search(ExceptionRecord, ContextRecord, DispatcherContext);
}
