/* unwind_pe.c - one step up the stack by the unwind data of a driver's PE image.
 *
 * Promise: the same as unwind.c's, for x64 code that any Windows compiler made.
 * Method: .pdata, sorted, names each function's UNWIND_INFO. Its codes list what the prologue did, last
 * action first; those already done at Rip are undone in that order. Code without an entry is a leaf: it
 * keeps all registers and has its return address on top. An epilogue is not described by version 1
 * data; its instructions are recognised, and what is left of it is carried out.
 * Only an interrupted frame can stand in an epilogue. A return address may look as if it did, when a
 * call directly precedes one, but then the codes give the same answer.
 * Trust: none. Every offset is bounded by the image, every read probed, chains are counted. */
#include "rtlp.h"
#include <rtl/unwind.h>

enum { FLAG_EHANDLER = 1, FLAG_UHANDLER = 2, FLAG_CHAININFO = 4, CHAIN_LONGEST = 32, FUNCTION_SIZE = 12 };

enum {
    OpPushNonvolatile, OpAllocLarge, OpAllocSmall, OpSetFrameRegister, OpSaveNonvolatile, OpSaveNonvolatileFar,
    OpEpilog, OpSpare, OpSaveXmm, OpSaveXmmFar, OpPushMachineFrame
};

typedef struct _FUNCTION_ENTRY { ULONG Begin, End, UnwindInfo; } FUNCTION_ENTRY;     /* RVAs */

typedef struct _INFO {
    UCHAR Version, Flags, PrologSize, CodeCount, FrameRegister, FrameOffset;
    ULONG Codes;                /* RVA of the first code */
} INFO;

typedef struct _STEP {
    const UNWIND_IMAGE *Image;
    UNWIND_PROBE Probe;
    UNWIND_CONTEXT Context;     /* a copy: the caller's changes only when the step succeeds */
    UNWIND_RESULT Result;       /* the first failure sticks */
    BOOLEAN MachineFrame;       /* rip and rsp came from a machine frame */
} STEP;

/* ---- Reading ---- */

static ULONG64 ReadStack(STEP *Step, ULONG64 Address)
{
    ULONG64 Value = 0;

    if (!RtlpReadMemory(Step->Probe, Address, 8, &Value) && Step->Result == UnwindStepped)
        Step->Result = UnwindBadStack;
    return Value;
}

static ULONG ReadImage(STEP *Step, ULONG Rva, ULONG Size)
{
    ULONG64 Value = 0;

    if (Rva > Step->Image->Size || Step->Image->Size - Rva < Size ||
        !RtlpReadMemory(Step->Probe, Step->Image->Base + Rva, Size, &Value)) {
        if (Step->Result == UnwindStepped)
            Step->Result = UnwindBadInfo;
    }
    return (ULONG)Value;
}

static FUNCTION_ENTRY ReadFunction(STEP *Step, ULONG Rva)
{
    return (FUNCTION_ENTRY){ ReadImage(Step, Rva, 4), ReadImage(Step, Rva + 4, 4), ReadImage(Step, Rva + 8, 4) };
}

/* Returns: the RVA of the row of .pdata, 0: there is none. */
static ULONG FindFunction(STEP *Step, ULONG Rva, FUNCTION_ENTRY *Function)
{
    ULONG Low = 0, High = Step->Image->FunctionTableSize / FUNCTION_SIZE;

    while (Low < High && Step->Result == UnwindStepped) {
        ULONG Middle = Low + (High - Low) / 2, Row = Step->Image->FunctionTable + Middle * FUNCTION_SIZE;

        *Function = ReadFunction(Step, Row);
        if (Rva < Function->Begin)
            High = Middle;
        else if (Rva >= Function->End)
            Low = Middle + 1;
        else
            return Step->Result == UnwindStepped ? Row : 0;
    }
    return 0;
}

/* An odd UnwindInfo names another function entry that holds the real one. */
static INFO ReadInfo(STEP *Step, ULONG Rva)
{
    INFO Info = { 0 };
    UCHAR Byte;

    for (ULONG Hops = 0; (Rva & 1) && Hops < CHAIN_LONGEST; Hops++)
        Rva = ReadImage(Step, (Rva & ~1u) + 8, 4);
    Byte = (UCHAR)ReadImage(Step, Rva, 1);
    Info.Version = Byte & 7;
    Info.Flags = Byte >> 3;
    Info.PrologSize = (UCHAR)ReadImage(Step, Rva + 1, 1);
    Info.CodeCount = (UCHAR)ReadImage(Step, Rva + 2, 1);
    Byte = (UCHAR)ReadImage(Step, Rva + 3, 1);
    Info.FrameRegister = Byte & 15;
    Info.FrameOffset = Byte >> 4;
    Info.Codes = Rva + 4;
    if ((Info.Version != 1 && Info.Version != 2) && Step->Result == UnwindStepped)
        Step->Result = UnwindBadInfo;
    return Info;
}

static ULONG AfterCodes(const INFO *Info)
{
    return Info->Codes + ((Info->CodeCount + 1u) & ~1u) * 2;
}

/* ---- Undoing one code ---- */

static ULONG Slots(UCHAR Operation, UCHAR Operand)
{
    switch (Operation) {
    case OpAllocLarge: return Operand ? 3 : 2;
    case OpSaveNonvolatile: case OpSaveXmm: case OpEpilog: return 2;
    case OpSaveNonvolatileFar: case OpSaveXmmFar: case OpSpare: return 3;
    default: return 1;
    }
}

static void LoadRegister(STEP *Step, ULONG Register, ULONG64 Address)
{
    Step->Context.Registers[Register] = ReadStack(Step, Address);
    Step->Context.SavedAt[Register] = Address;
}

static void PopInto(STEP *Step, ULONG Register)
{
    ULONG64 Address = Step->Context.Registers[UnwRsp];

    Step->Context.Registers[UnwRsp] += 8;
    LoadRegister(Step, Register, Address);
}

/* The processor pushed rip, cs, rflags, rsp, ss; before them an error code if WithError. */
static void PopMachineFrame(STEP *Step, BOOLEAN WithError)
{
    ULONG64 At = Step->Context.Registers[UnwRsp] + (WithError ? 8 : 0);

    Step->Context.Rip = ReadStack(Step, At);
    Step->Context.Registers[UnwRsp] = ReadStack(Step, At + 24);
    Step->MachineFrame = TRUE;
}

/* Code: its RVA. Saved registers lie relative to Frame, the establisher frame. */
static void Undo(STEP *Step, const INFO *Info, ULONG Code, ULONG64 Frame)
{
    UCHAR Byte = (UCHAR)ReadImage(Step, Code + 1, 1), Operation = Byte & 15, Operand = Byte >> 4;
    ULONG64 *Registers = Step->Context.Registers;

    switch (Operation) {
    case OpPushNonvolatile: PopInto(Step, Operand); break;
    case OpAllocLarge:
        Registers[UnwRsp] += Operand ? ReadImage(Step, Code + 2, 4) : ReadImage(Step, Code + 2, 2) * 8ull;
        break;
    case OpAllocSmall: Registers[UnwRsp] += Operand * 8u + 8; break;
    case OpSetFrameRegister: Registers[UnwRsp] = Registers[Info->FrameRegister] - Info->FrameOffset * 16u; break;
    case OpSaveNonvolatile: LoadRegister(Step, Operand, Frame + ReadImage(Step, Code + 2, 2) * 8ull); break;
    case OpSaveNonvolatileFar: LoadRegister(Step, Operand, Frame + ReadImage(Step, Code + 2, 4)); break;
    case OpSaveXmm: Step->Context.SavedXmm[Operand] = Frame + ReadImage(Step, Code + 2, 2) * 16ull; break;
    case OpSaveXmmFar: Step->Context.SavedXmm[Operand] = Frame + ReadImage(Step, Code + 2, 4); break;
    case OpPushMachineFrame: PopMachineFrame(Step, Operand != 0); break;
    case OpEpilog:
    case OpSpare: break;
    default:
        if (Step->Result == UnwindStepped)
            Step->Result = UnwindBadInfo;
    }
}

/* Undo the codes that had been carried out when the function had run to Offset (chained: all). */
static void UndoCodes(STEP *Step, const INFO *Info, ULONG Offset, ULONG64 Frame)
{
    ULONG Count;

    for (ULONG I = 0; I < Info->CodeCount && Step->Result == UnwindStepped; I += Count) {
        ULONG Code = Info->Codes + I * 2;
        UCHAR At = (UCHAR)ReadImage(Step, Code, 1), Byte = (UCHAR)ReadImage(Step, Code + 1, 1);

        Count = Slots(Byte & 15, Byte >> 4);
        if (I + Count > Info->CodeCount)
            Step->Result = UnwindBadInfo;
        else if (At <= Offset)
            Undo(Step, Info, Code, Frame);
    }
}

/* Where the saved registers are counted from: the frame register once the prologue has set it. */
static ULONG64 EstablisherFrame(STEP *Step, const INFO *Info, ULONG Offset)
{
    ULONG64 *Registers = Step->Context.Registers;

    if (Info->FrameRegister == 0)
        return Registers[UnwRsp];
    for (ULONG I = 0; I < Info->CodeCount && Offset < Info->PrologSize && Step->Result == UnwindStepped;) {
        ULONG Code = Info->Codes + I * 2;
        UCHAR Byte = (UCHAR)ReadImage(Step, Code + 1, 1);

        if ((Byte & 15) == OpSetFrameRegister && (UCHAR)ReadImage(Step, Code, 1) > Offset)
            return Registers[UnwRsp];
        I += Slots(Byte & 15, Byte >> 4);
    }
    return Registers[Info->FrameRegister] - Info->FrameOffset * 16u;
}

/* ---- Epilogues ---- */

/* Reads the instruction stream of a STEP that may fail without harm. */
static UCHAR CodeByte(STEP *Step, ULONG64 At)
{
    return (UCHAR)ReadImage(Step, (ULONG)(At - Step->Image->Base), 1);
}

static LONG CodeSigned(STEP *Step, ULONG64 At, ULONG Size)
{
    ULONG Value = ReadImage(Step, (ULONG)(At - Step->Image->Base), Size);

    return Size == 1 ? (SCHAR)Value : (LONG)Value;
}

/* `add rsp, n` or `lea rsp, [frame + n]`: how an epilogue that allocated begins. Returns its length. */
static ULONG RunStackRelease(STEP *Step, const INFO *Info, ULONG64 At)
{
    UCHAR Rex = CodeByte(Step, At), Opcode = CodeByte(Step, At + 1), ModRm = CodeByte(Step, At + 2);
    ULONG64 *Rsp = &Step->Context.Registers[UnwRsp];
    ULONG Base = (ModRm & 7) | (Rex & 1) << 3, Mode = ModRm >> 6;

    if (Rex == 0x48 && (Opcode == 0x83 || Opcode == 0x81) && ModRm == 0xC4) {
        *Rsp += (ULONG64)(LONG64)CodeSigned(Step, At + 3, Opcode == 0x83 ? 1 : 4);
        return Opcode == 0x83 ? 4 : 7;
    }
    if ((Rex & 0xFE) == 0x48 && Opcode == 0x8D && (ModRm & 0x38) == 0x20 && (Mode == 1 || Mode == 2) &&
        Info->FrameRegister && Base == Info->FrameRegister && (Base & 7) != 4) {
        *Rsp = Step->Context.Registers[Base] + (ULONG64)(LONG64)CodeSigned(Step, At + 3, Mode == 1 ? 1 : 4);
        return Mode == 1 ? 4 : 7;
    }
    return 0;
}

static ULONG RunPop(STEP *Step, ULONG64 At)
{
    UCHAR First = CodeByte(Step, At), Rex = (First & 0xF0) == 0x40 ? First : 0;
    UCHAR Opcode = Rex ? CodeByte(Step, At + 1) : First;

    if ((Opcode & 0xF8) != 0x58)
        return 0;
    PopInto(Step, (Opcode & 7) | (Rex & 1) << 3);
    return Rex ? 2 : 1;
}

/* ret, or a jump that leaves the function: a tail call. */
static BOOLEAN IsExit(STEP *Step, const FUNCTION_ENTRY *Function, ULONG64 At)
{
    UCHAR First = CodeByte(Step, At);
    ULONG64 Target;

    if (First == 0xC3 || First == 0xC2)
        return TRUE;
    if (First == 0xF3)
        return CodeByte(Step, At + 1) == 0xC3;
    if (First == 0xEB)
        Target = At + 2 + (ULONG64)(LONG64)CodeSigned(Step, At + 1, 1);
    else if (First == 0xE9)
        Target = At + 5 + (ULONG64)(LONG64)CodeSigned(Step, At + 1, 4);
    else if (First == 0xFF)
        return CodeByte(Step, At + 1) == 0x25;
    else    /* rex.w jmp [mem] or jmp reg: the prefix marks a tail call through a pointer */
        return (First & 0xF8) == 0x48 && CodeByte(Step, At + 1) == 0xFF && (CodeByte(Step, At + 2) & 0x38) == 0x20;
    Target -= Step->Image->Base;
    return Target < Function->Begin || Target >= Function->End;
}

/* If Rip stands in an epilogue, carry the rest of it out on Step's registers. A try: on FALSE the
 * caller drops them. */
static BOOLEAN RunEpilogue(STEP *Step, const FUNCTION_ENTRY *Function, const INFO *Info)
{
    ULONG64 At = Step->Context.Rip;
    ULONG Length;

    At += RunStackRelease(Step, Info, At);
    while (Step->Result == UnwindStepped && (Length = RunPop(Step, At)) != 0)
        At += Length;
    return IsExit(Step, Function, At) && Step->Result == UnwindStepped;
}

/* ---- The step ---- */

static void PopReturn(STEP *Step)
{
    Step->Context.Rip = ReadStack(Step, Step->Context.Registers[UnwRsp]);
    Step->Context.Registers[UnwRsp] += 8;
}

static void ReportHandler(STEP *Step, const INFO *Info, ULONG Offset, UNWIND_FRAME *Frame)
{
    if (!(Info->Flags & (FLAG_EHANDLER | FLAG_UHANDLER)) || (Info->Flags & FLAG_CHAININFO) || Offset < Info->PrologSize)
        return;
    Frame->HandlerFlags = Info->Flags & (FLAG_EHANDLER | FLAG_UHANDLER);
    Frame->Handler = Step->Image->Base + ReadImage(Step, AfterCodes(Info), 4);
    Frame->HandlerData = Step->Image->Base + AfterCodes(Info) + 4;
}

/* A chained description continues another's: everything that one did had been done. The handler is the last one's. */
static void UndoChain(STEP *Step, INFO Info, UNWIND_FRAME *Frame)
{
    for (ULONG Links = 0; Info.Flags & FLAG_CHAININFO && Step->Result == UnwindStepped; Links++) {
        if (Links == CHAIN_LONGEST) {
            Step->Result = UnwindBadInfo;
            return;
        }
        Info = ReadInfo(Step, ReadFunction(Step, AfterCodes(&Info)).UnwindInfo);
        UndoCodes(Step, &Info, ~0u, Frame->Establisher);
        ReportHandler(Step, &Info, ~0u, Frame);
    }
}

static void StepFunction(STEP *Step, const FUNCTION_ENTRY *Function, ULONG Offset, UNWIND_FRAME *Frame)
{
    INFO Info = ReadInfo(Step, Function->UnwindInfo);
    STEP Try = *Step;

    Frame->Establisher = EstablisherFrame(Step, &Info, Offset);
    if (Step->Context.Exact && (Offset >= Info.PrologSize || (Info.Flags & FLAG_CHAININFO)) &&
        RunEpilogue(&Try, Function, &Info)) {
        *Step = Try;            /* half its frame is gone: its handlers no longer count */
    } else {
        ReportHandler(Step, &Info, Offset, Frame);
        UndoCodes(Step, &Info, Offset, Frame->Establisher);
        UndoChain(Step, Info, Frame);
    }
    if (!Step->MachineFrame)
        PopReturn(Step);
}

/* ---- Public ---- */

/* RtlUnwindPe - replace Context by that of the caller, as Image's unwind data describes the function at
 * Context->Rip, which lies in Image.  Frame: what was learnt about the frame left.
 * IRQL: any.  Returns: as RtlUnwindCfi; UnwindNoInfo only if Rip is outside Image. */
UNWIND_RESULT RtlUnwindPe(const UNWIND_IMAGE *Image, UNWIND_CONTEXT *Context, UNWIND_PROBE Probe, UNWIND_FRAME *Frame)
{
    ULONG64 Rva = Context->Rip - Image->Base - (Context->Exact ? 0 : 1);
    STEP Step = { .Image = Image, .Probe = Probe, .Context = *Context, .Result = UnwindStepped };
    FUNCTION_ENTRY Function;
    ULONG Row;

    *Frame = (UNWIND_FRAME){ .Establisher = Context->Registers[UnwRsp] };
    if (Rva >= Image->Size)
        return UnwindNoInfo;
    Row = FindFunction(&Step, (ULONG)Rva, &Function);
    if (Row) {
        Frame->Entry = Image->Base + Row;
        Frame->Start = Image->Base + Function.Begin;
        Frame->End = Image->Base + Function.End;
        StepFunction(&Step, &Function, (ULONG)(Rva - Function.Begin), Frame);
    } else if (Step.Result == UnwindStepped) {
        PopReturn(&Step);
    }
    if (Step.Result != UnwindStepped)
        return Step.Result;
    if (Step.Context.Rip == 0)
        return UnwindEnd;
    *Context = Step.Context;
    Context->Exact = Step.MachineFrame;
    return UnwindStepped;
}

/* RtlFindPeFunction - see unwind.h.  IRQL: any. */
ULONG64 RtlFindPeFunction(const UNWIND_IMAGE *Image, ULONG64 Address, UNWIND_PROBE Probe)
{
    STEP Step = { .Image = Image, .Probe = Probe, .Result = UnwindStepped };
    ULONG64 Rva = Address - Image->Base;
    FUNCTION_ENTRY Function;
    ULONG Row = Rva < Image->Size ? FindFunction(&Step, (ULONG)Rva, &Function) : 0;

    return Row ? Image->Base + Row : 0;
}
