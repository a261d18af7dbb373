/* dwarf_expression.c - DWARF's stack machine, as far as call frame information can use it.
 *
 * Assembly that switches stacks or builds a frame by hand describes it with expressions. The machine
 * works on 64-bit words, reads memory only where the probe allows, and stops after a bounded number of
 * operations, so that a backward branch in corrupt data cannot hold the stop screen up. */
#include "rtlp.h"

enum { STACK_DEPTH = 32, OPERATIONS_LIMIT = 1000, LEB_LONGEST = 10 };

enum {
    OpAddr = 0x03, OpDeref = 0x06, OpConst1u = 0x08, OpConst1s, OpConst2u, OpConst2s, OpConst4u, OpConst4s,
    OpConst8u, OpConst8s, OpConstu, OpConsts, OpDup, OpDrop, OpOver, OpPick, OpSwap, OpRot,
    OpAbs = 0x19, OpAnd, OpDiv, OpMinus, OpMod, OpMul, OpNeg, OpNot, OpOr, OpPlus, OpPlusUconst, OpShl, OpShr,
    OpShra, OpXor, OpBra, OpEq, OpGe, OpGt, OpLe, OpLt, OpNe, OpSkip,
    OpLit0 = 0x30, OpLit31 = 0x4F, OpBreg0 = 0x70, OpBreg31 = 0x8F, OpBregx = 0x92, OpDerefSize = 0x94, OpNop = 0x96
};

typedef struct _MACHINE {
    CURSOR Code;
    const UCHAR *Start;
    const ULONG64 *Registers;
    BOOLEAN (*Probe)(const void *, SIZE_T);
    ULONG64 Stack[STACK_DEPTH];
    ULONG Depth;
    BOOLEAN BadRead;
} MACHINE;

BOOLEAN RtlpReadMemory(BOOLEAN (*Probe)(const void *, SIZE_T), ULONG64 Address, ULONG Size, ULONG64 *Value)
{
    const UCHAR *Bytes = (const UCHAR *)Address;

    /* A range that wraps around the address space is refused before the probe sees it. */
    if (Size > 8 || Address + Size < Address || !Probe(Bytes, Size))
        return FALSE;
    *Value = 0;
    for (ULONG I = 0; I < Size; I++)
        *Value |= (ULONG64)Bytes[I] << (8 * I);
    return TRUE;
}

static void Push(MACHINE *M, ULONG64 Value)
{
    if (M->Depth == STACK_DEPTH)
        M->Code.Bad = TRUE;
    else
        M->Stack[M->Depth++] = Value;
}

static ULONG64 Pop(MACHINE *M)
{
    if (M->Depth == 0) {
        M->Code.Bad = TRUE;
        return 0;
    }
    return M->Stack[--M->Depth];
}

/* The word that lies Index below the top. */
static ULONG64 Pick(MACHINE *M, ULONG64 Index)
{
    if (Index >= M->Depth) {
        M->Code.Bad = TRUE;
        return 0;
    }
    return M->Stack[M->Depth - 1 - Index];
}

static ULONG64 Register(MACHINE *M, ULONG64 Number)
{
    if (Number >= CFI_REGISTERS) {
        M->Code.Bad = TRUE;
        return 0;
    }
    return M->Registers[Number];
}

static void Dereference(MACHINE *M, ULONG Size)
{
    ULONG64 Value = 0;

    if (!RtlpReadMemory(M->Probe, Pop(M), Size, &Value))
        M->BadRead = M->Code.Bad = TRUE;
    Push(M, Value);
}

static void Jump(MACHINE *M, LONG64 Distance)
{
    if (Distance < M->Start - M->Code.At || Distance > M->Code.End - M->Code.At)
        M->Code.Bad = TRUE;
    else
        M->Code.At += Distance;
}

static void Rotate(MACHINE *M)
{
    ULONG64 Top = Pop(M), Second = Pop(M), Third = Pop(M);

    Push(M, Top);
    Push(M, Third);
    Push(M, Second);
}

static void Swap(MACHINE *M)
{
    ULONG64 Top = Pop(M), Second = Pop(M);

    Push(M, Top);
    Push(M, Second);
}

/* Division is signed in DWARF, its remainder unsigned. The two divisions that trap are corrupt data. */
static ULONG64 Divide(MACHINE *M, ULONG64 Left, ULONG64 Right)
{
    if (Right == 0 || (Right == ~0ull && Left == 1ull << 63)) {
        M->Code.Bad = TRUE;
        return 0;
    }
    return (ULONG64)((LONG64)Left / (LONG64)Right);
}

static void Binary(MACHINE *M, UCHAR Operation)
{
    ULONG64 Right = Pop(M), Left = Pop(M), Shift = Right < 64 ? Right : 63, Result;
    LONG64 A = (LONG64)Left, B = (LONG64)Right;

    switch (Operation) {
    case OpAnd:   Result = Left & Right; break;
    case OpDiv:   Result = Divide(M, Left, Right); break;
    case OpMinus: Result = Left - Right; break;
    case OpMod:   Result = Right ? Left % Right : 0; M->Code.Bad |= Right == 0; break;
    case OpMul:   Result = Left * Right; break;
    case OpOr:    Result = Left | Right; break;
    case OpPlus:  Result = Left + Right; break;
    case OpShl:   Result = Right < 64 ? Left << Right : 0; break;
    case OpShr:   Result = Right < 64 ? Left >> Right : 0; break;
    case OpShra:  Result = (ULONG64)(A >> Shift); break;
    case OpXor:   Result = Left ^ Right; break;
    case OpEq:    Result = A == B; break;
    case OpGe:    Result = A >= B; break;
    case OpGt:    Result = A > B; break;
    case OpLe:    Result = A <= B; break;
    case OpLt:    Result = A < B; break;
    default:      Result = A != B; break;
    }
    Push(M, Result);
}

static void Constant(MACHINE *M, UCHAR Operation)
{
    switch (Operation) {
    case OpConst1s: Push(M, (ULONG64)RtlpReadSigned(&M->Code, 1)); break;
    case OpConst2u: Push(M, RtlpReadFixed(&M->Code, 2)); break;
    case OpConst2s: Push(M, (ULONG64)RtlpReadSigned(&M->Code, 2)); break;
    case OpConst4u: Push(M, RtlpReadFixed(&M->Code, 4)); break;
    case OpConst4s: Push(M, (ULONG64)RtlpReadSigned(&M->Code, 4)); break;
    case OpConstu:  Push(M, RtlpReadUleb(&M->Code)); break;
    case OpConsts:  Push(M, (ULONG64)RtlpReadSleb(&M->Code)); break;
    case OpConst1u: Push(M, RtlpReadFixed(&M->Code, 1)); break;
    default:        Push(M, RtlpReadFixed(&M->Code, 8)); break;
    }
}

static void Unary(MACHINE *M, UCHAR Operation)
{
    ULONG64 Value = Pop(M);

    switch (Operation) {
    case OpAbs: Push(M, (LONG64)Value < 0 ? -Value : Value); break;
    case OpNeg: Push(M, -Value); break;
    case OpNot: Push(M, ~Value); break;
    default:    Push(M, Value + RtlpReadUleb(&M->Code)); break;
    }
}

static void Branch(MACHINE *M, UCHAR Operation)
{
    LONG64 Distance = RtlpReadSigned(&M->Code, 2);

    if (Operation == OpSkip || Pop(M) != 0)
        Jump(M, Distance);
}

static void Execute(MACHINE *M, UCHAR Operation)
{
    switch (Operation) {
    case OpLit0 ... OpLit31:   Push(M, Operation - OpLit0); break;
    case OpBreg0 ... OpBreg31: Push(M, Register(M, Operation - OpBreg0) + (ULONG64)RtlpReadSleb(&M->Code)); break;
    case OpBregx: {
        ULONG64 Number = RtlpReadUleb(&M->Code);

        Push(M, Register(M, Number) + (ULONG64)RtlpReadSleb(&M->Code));
        break;
    }
    case OpAddr:
    case OpConst1u ... OpConsts: Constant(M, Operation); break;
    case OpDeref:     Dereference(M, 8); break;
    case OpDerefSize: Dereference(M, (ULONG)RtlpReadFixed(&M->Code, 1)); break;
    case OpDup:       Push(M, Pick(M, 0)); break;
    case OpDrop:      Pop(M); break;
    case OpOver:      Push(M, Pick(M, 1)); break;
    case OpPick:      Push(M, Pick(M, RtlpReadFixed(&M->Code, 1))); break;
    case OpSwap:      Swap(M); break;
    case OpRot:       Rotate(M); break;
    case OpAbs: case OpNeg: case OpNot: case OpPlusUconst: Unary(M, Operation); break;
    case OpBra: case OpSkip: Branch(M, Operation); break;
    case OpAnd ... OpMul: case OpOr: case OpPlus: case OpShl ... OpXor: case OpEq ... OpNe: Binary(M, Operation); break;
    case OpNop:       break;
    default:          M->Code.Bad = TRUE; break;
    }
}

EXPRESSION_RESULT RtlpEvaluate(const UCHAR *Block, const ULONG64 Registers[CFI_REGISTERS], const ULONG64 *Initial,
                               BOOLEAN (*Probe)(const void *, SIZE_T), ULONG64 *Result)
{
    MACHINE M = { .Code = { .At = Block, .End = Block + LEB_LONGEST }, .Registers = Registers, .Probe = Probe };
    ULONG64 Length = RtlpReadUleb(&M.Code);

    M.Start = M.Code.At;
    M.Code.End = M.Code.At + Length;
    if (Initial)
        Push(&M, *Initial);
    for (ULONG Done = 0; M.Code.At < M.Code.End && !M.Code.Bad; Done++) {
        if (Done == OPERATIONS_LIMIT)
            return ExpressionBad;
        Execute(&M, (UCHAR)RtlpReadFixed(&M.Code, 1));
    }
    *Result = Pop(&M);
    if (M.BadRead)
        return ExpressionBadRead;
    return M.Code.Bad ? ExpressionBad : ExpressionDone;
}
