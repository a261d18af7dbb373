/* unwind.c - one step up the stack by DWARF call frame information.
 *
 * Promise: given a function's registers at some instruction, recover its caller's: rip, rsp and every
 * register that a callee keeps, exactly as they will be when the call returns.
 * Method: binary search in .eh_frame_hdr finds the function's FDE; its program (cfi_program.c) gives the
 * row of rules at that address; the rules are applied to the registers and the stack.
 * Why so: the kernel has no frame pointers, and the start of exception dispatch needs true registers,
 * which a walk over frame pointers cannot give. One mechanism serves both.
 * Trust: the section is the kernel's own but is parsed as if it were not; the stack is trusted in
 * nothing, each word of it is probed. A return address belongs to the instruction before it: a call
 * that never returns may be its function's last.
 * Consequence: the outermost frame says so by an undefined return address (.cfi_undefined rip), or has
 * a return address of 0; a trap that interrupted address 0 is a call through a null pointer, and no end. */
#include "rtlp.h"
#include <rtl/unwind.h>

enum { HDR_VERSION = 1, HDR_TABLE_ENCODING = 0x3B, HDR_COUNT_ENCODING = 0x03, ENTRY_SIZE = 8 };

extern const UCHAR __eh_frame_hdr_start[], __eh_frame_hdr_end[], __eh_frame_start[], __eh_frame_end[];

/* DWARF numbers the registers in an order of its own. */
static const UCHAR DwarfOrder[CFI_RETURN] = {
    UnwRax, UnwRdx, UnwRcx, UnwRbx, UnwRsi, UnwRdi, UnwRbp, UnwRsp,
    UnwR8, UnwR9, UnwR10, UnwR11, UnwR12, UnwR13, UnwR14, UnwR15
};

/* ---- Finding and parsing a function's description ---- */

static LONG EntryWord(const UCHAR *Table, ULONG64 Index, ULONG Word)
{
    CURSOR Cursor = { Table + Index * ENTRY_SIZE + Word * 4, Table + (Index + 1) * ENTRY_SIZE, FALSE };

    return (LONG)RtlpReadSigned(&Cursor, 4);
}

/* The last table entry that starts at or below Address names the FDE. */
static const UCHAR *FindFde(const UNWIND_CFI *Cfi, ULONG64 Address)
{
    CURSOR Cursor = { Cfi->Header, Cfi->HeaderEnd, FALSE };
    ULONG64 Base = (ULONG64)Cfi->Header, Low = 0, High;
    UCHAR Version = (UCHAR)RtlpReadFixed(&Cursor, 1), FrameEncoding = (UCHAR)RtlpReadFixed(&Cursor, 1);
    UCHAR CountEncoding = (UCHAR)RtlpReadFixed(&Cursor, 1), TableEncoding = (UCHAR)RtlpReadFixed(&Cursor, 1);

    RtlpReadEncoded(&Cursor, FrameEncoding, Base);
    High = RtlpReadEncoded(&Cursor, CountEncoding, Base);
    if (Cursor.Bad || Version != HDR_VERSION || TableEncoding != HDR_TABLE_ENCODING ||
        CountEncoding != HDR_COUNT_ENCODING || High > (ULONG64)(Cursor.End - Cursor.At) / ENTRY_SIZE)
        return NULL;
    while (Low < High) {
        ULONG64 Middle = Low + (High - Low) / 2;

        if (Base + (ULONG64)(LONG64)EntryWord(Cursor.At, Middle, 0) <= Address)
            Low = Middle + 1;
        else
            High = Middle;
    }
    return Low ? (const UCHAR *)(Base + (ULONG64)(LONG64)EntryWord(Cursor.At, Low - 1, 1)) : NULL;
}

/* A record of .eh_frame from its length on; the cursor is bounded by the record. */
static CURSOR OpenRecord(const UNWIND_CFI *Cfi, const UCHAR *Record)
{
    CURSOR Cursor = { Record, Cfi->FramesEnd, FALSE };
    ULONG64 Length;

    if (Record < Cfi->Frames || Record >= Cfi->FramesEnd) {
        Cursor.At = Cursor.End;
        Cursor.Bad = TRUE;
        return Cursor;
    }
    Length = RtlpReadFixed(&Cursor, 4);
    if (Length == 0 || Length > (ULONG64)(Cursor.End - Cursor.At))
        Cursor.Bad = TRUE;      /* the terminator, a 64-bit length, or beyond the section */
    else
        Cursor.End = Cursor.At + Length;
    return Cursor;
}

/* The letters behind 'z'. Returns FALSE on one whose meaning is unknown. */
static BOOLEAN ParseAugmentation(CURSOR *Cursor, const UCHAR *Letters, CFI_FUNCTION *Function)
{
    for (; *Letters; Letters++) {
        switch (*Letters) {
        case 'R': Function->Encoding = (UCHAR)RtlpReadFixed(Cursor, 1); break;
        case 'S': Function->Signal = TRUE; break;
        case 'L': RtlpReadFixed(Cursor, 1); break;
        case 'P': {
            UCHAR Encoding = (UCHAR)RtlpReadFixed(Cursor, 1);

            RtlpReadEncoded(Cursor, Encoding & 0x7F, 0);
            break;
        }
        default:  return FALSE;
        }
    }
    return TRUE;
}

static BOOLEAN ParseCie(const UNWIND_CFI *Cfi, const UCHAR *Record, CFI_FUNCTION *Function, BOOLEAN *Sized)
{
    CURSOR Cursor = OpenRecord(Cfi, Record);
    ULONG64 Id = RtlpReadFixed(&Cursor, 4);
    UCHAR Version = (UCHAR)RtlpReadFixed(&Cursor, 1);
    const UCHAR *Letters = Cursor.At;

    while (RtlpReadFixed(&Cursor, 1))
        ;
    if (Cursor.Bad || Id != 0 || (Version != 1 && Version != 3))
        return FALSE;
    Function->CodeAlign = RtlpReadUleb(&Cursor);
    Function->DataAlign = RtlpReadSleb(&Cursor);
    Function->ReturnColumn = Version == 1 ? RtlpReadFixed(&Cursor, 1) : RtlpReadUleb(&Cursor);
    *Sized = *Letters == 'z';
    if (*Sized) {
        CURSOR Data = { .End = Cursor.End };
        ULONG64 Length = RtlpReadUleb(&Cursor);

        Data.At = Cursor.At;
        RtlpSkip(&Cursor, Length);
        Data.End = Cursor.At;
        if (!ParseAugmentation(&Data, Letters + 1, Function) || Data.Bad)
            return FALSE;
    } else if (*Letters) {
        return FALSE;
    }
    Function->Initial = Cursor;
    return !Cursor.Bad && Function->ReturnColumn == CFI_RETURN;
}

static BOOLEAN ParseFde(const UNWIND_CFI *Cfi, const UCHAR *Record, CFI_FUNCTION *Function)
{
    CURSOR Cursor = OpenRecord(Cfi, Record);
    const UCHAR *Place = Cursor.At;
    ULONG64 Distance = RtlpReadFixed(&Cursor, 4);
    BOOLEAN Sized = FALSE;

    *Function = (CFI_FUNCTION){ 0 };
    if (Cursor.Bad || Distance == 0 || Distance > (ULONG64)(Place - Cfi->Frames) ||
        !ParseCie(Cfi, Place - Distance, Function, &Sized))
        return FALSE;
    Function->Start = RtlpReadEncoded(&Cursor, Function->Encoding, 0);
    Function->End = Function->Start + RtlpReadEncoded(&Cursor, Function->Encoding & 0x0F, 0);
    if (Sized)
        RtlpSkip(&Cursor, RtlpReadUleb(&Cursor));
    Function->Program = Cursor;
    return !Cursor.Bad;
}

/* ---- Applying the rules ---- */

static UNWIND_RESULT FromExpression(EXPRESSION_RESULT Result)
{
    return Result == ExpressionDone ? UnwindStepped : Result == ExpressionBadRead ? UnwindBadStack : UnwindBadInfo;
}

static UNWIND_RESULT ComputeCfa(const CFI_ROW *Row, const ULONG64 *Old, UNWIND_PROBE Probe, ULONG64 *Cfa)
{
    if (Row->Cfa.Kind == RuleExpression)
        return FromExpression(RtlpEvaluate(Row->Cfa.Block, Old, NULL, Probe, Cfa));
    *Cfa = Old[Row->CfaRegister] + (ULONG64)Row->Cfa.Value;
    return UnwindStepped;
}

static UNWIND_RESULT LoadSaved(UNWIND_PROBE Probe, ULONG64 Address, ULONG64 *Value)
{
    return RtlpReadMemory(Probe, Address, 8, Value) ? UnwindStepped : UnwindBadStack;
}

/* *Value comes in as the register's value in the callee. */
static UNWIND_RESULT ApplyRule(const CFI_RULE *Rule, const ULONG64 *Old, ULONG64 Cfa, UNWIND_PROBE Probe,
                               ULONG64 *Value)
{
    UNWIND_RESULT Result;

    switch (Rule->Kind) {
    case RuleOffset:      return LoadSaved(Probe, Cfa + (ULONG64)Rule->Value, Value);
    case RuleValueOffset: *Value = Cfa + (ULONG64)Rule->Value; return UnwindStepped;
    case RuleRegister:
        if ((ULONG64)Rule->Value >= CFI_REGISTERS)
            return UnwindBadInfo;
        *Value = Old[Rule->Value];
        return UnwindStepped;
    case RuleExpression:
    case RuleValueExpression:
        Result = FromExpression(RtlpEvaluate(Rule->Block, Old, &Cfa, Probe, Value));
        return Result == UnwindStepped && Rule->Kind == RuleExpression ? LoadSaved(Probe, *Value, Value) : Result;
    default:              return UnwindStepped;         /* the same, or nobody's */
    }
}

static UNWIND_RESULT ApplyRow(const CFI_ROW *Row, ULONG64 *Registers, UNWIND_PROBE Probe, ULONG64 *Cfa)
{
    ULONG64 Old[CFI_REGISTERS];
    UNWIND_RESULT Result;

    for (ULONG I = 0; I < CFI_REGISTERS; I++)
        Old[I] = Registers[I];
    Result = ComputeCfa(Row, Old, Probe, Cfa);
    Registers[CFI_STACK] = *Cfa;
    for (ULONG I = 0; I < CFI_REGISTERS && Result == UnwindStepped; I++)
        Result = ApplyRule(&Row->Registers[I], Old, *Cfa, Probe, &Registers[I]);
    return Result;
}

static void ToDwarf(const UNWIND_CONTEXT *Context, ULONG64 Registers[CFI_REGISTERS])
{
    for (ULONG I = 0; I < CFI_RETURN; I++)
        Registers[I] = Context->Registers[DwarfOrder[I]];
    Registers[CFI_RETURN] = Context->Rip;
}

static void FromDwarf(const ULONG64 Registers[CFI_REGISTERS], UNWIND_CONTEXT *Context)
{
    for (ULONG I = 0; I < CFI_RETURN; I++)
        Context->Registers[DwarfOrder[I]] = Registers[I];
    Context->Rip = Registers[CFI_RETURN];
}

/* ---- Public ---- */

/* RtlKernelCfi - the kernel image's own call frame information. */
const UNWIND_CFI *RtlKernelCfi(void)
{
    static const UNWIND_CFI Kernel = { __eh_frame_hdr_start, __eh_frame_hdr_end, __eh_frame_start, __eh_frame_end };

    return &Kernel;
}

/* RtlUnwindCfi - replace Context by that of the caller, as Cfi describes the function at Context->Rip.
 * Frame: what was learnt about the frame left, filled in as far as the step came.
 * IRQL: any.  Returns: see UNWIND_RESULT; but for UnwindStepped the context is unchanged. */
UNWIND_RESULT RtlUnwindCfi(const UNWIND_CFI *Cfi, UNWIND_CONTEXT *Context, UNWIND_PROBE Probe, UNWIND_FRAME *Frame)
{
    ULONG64 Address = Context->Exact ? Context->Rip : Context->Rip - 1;
    ULONG64 Registers[CFI_REGISTERS];
    const UCHAR *Fde = FindFde(Cfi, Address);
    CFI_FUNCTION Function;
    CFI_ROW Row;
    UNWIND_RESULT Result;

    *Frame = (UNWIND_FRAME){ 0 };
    if (!Fde)
        return UnwindNoInfo;
    if (!ParseFde(Cfi, Fde, &Function))
        return UnwindBadInfo;
    if (Address < Function.Start || Address >= Function.End)
        return UnwindNoInfo;
    Frame->Start = Function.Start;
    Frame->End = Function.End;
    Frame->Signal = Function.Signal;
    if (!RtlpRunCfi(&Function, Address, &Row))
        return UnwindBadInfo;
    if (Row.Registers[CFI_RETURN].Kind == RuleUndefined)
        return UnwindEnd;
    ToDwarf(Context, Registers);
    Result = ApplyRow(&Row, Registers, Probe, &Frame->Establisher);
    if (Result != UnwindStepped)
        return Result;
    if (Registers[CFI_RETURN] == 0 && !Function.Signal)
        return UnwindEnd;
    FromDwarf(Registers, Context);
    Context->Exact = Function.Signal;
    return UnwindStepped;
}
