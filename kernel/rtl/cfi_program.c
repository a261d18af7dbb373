/* cfi_program.c - DWARF call frame programs: which rule recovers which register at a given address.
 *
 * A program is a list of changes to a row of rules, ordered by code address. The CIE's part sets the row
 * at a function's entry, the FDE's part is run up to the address asked for. */
#include "rtlp.h"

enum { REMEMBER_DEPTH = 4 };

enum {
    CfaNop, CfaSetLoc, CfaAdvance1, CfaAdvance2, CfaAdvance4, CfaOffsetExtended, CfaRestoreExtended, CfaUndefined,
    CfaSameValue, CfaRegister, CfaRemember, CfaRestoreState, CfaDefCfa, CfaDefCfaRegister, CfaDefCfaOffset,
    CfaDefCfaExpression, CfaExpression, CfaOffsetExtendedSf, CfaDefCfaSf, CfaDefCfaOffsetSf, CfaValOffset,
    CfaValOffsetSf, CfaValExpression, CfaGnuArgsSize = 0x2E, CfaGnuNegativeOffset = 0x2F,
    CfaAdvance = 1, CfaOffset = 2, CfaRestore = 3       /* in the two top bits */
};

typedef struct _RUN {
    const CFI_FUNCTION *Function;
    CURSOR Code;
    ULONG64 Location;
    CFI_ROW *Row;
    const CFI_ROW *Initial;     /* what Restore goes back to; NULL inside the CIE's part */
    CFI_ROW *Remembered;
    ULONG Depth;
} RUN;

/* Rules for registers that are not followed (SSE) are parsed and dropped. */
static void SetRule(RUN *Run, ULONG64 Register, CFI_RULE_KIND Kind, LONG64 Value)
{
    if (Register < CFI_REGISTERS)
        Run->Row->Registers[Register] = (CFI_RULE){ .Kind = Kind, .Value = Value };
}

static const UCHAR *ReadBlock(RUN *Run)
{
    const UCHAR *Block = Run->Code.At;

    RtlpSkip(&Run->Code, RtlpReadUleb(&Run->Code));
    return Block;
}

static void SetExpression(RUN *Run, CFI_RULE_KIND Kind)
{
    ULONG64 Register = RtlpReadUleb(&Run->Code);
    const UCHAR *Block = ReadBlock(Run);

    if (Register < CFI_REGISTERS)
        Run->Row->Registers[Register] = (CFI_RULE){ .Kind = Kind, .Block = Block };
}

static void Restore(RUN *Run, ULONG64 Register)
{
    if (!Run->Initial)
        Run->Code.Bad = TRUE;
    else if (Register < CFI_REGISTERS)
        Run->Row->Registers[Register] = Run->Initial->Registers[Register];
}

static void Remember(RUN *Run)
{
    if (Run->Depth == REMEMBER_DEPTH)
        Run->Code.Bad = TRUE;
    else
        Run->Remembered[Run->Depth++] = *Run->Row;
}

static void Recall(RUN *Run)
{
    if (Run->Depth == 0)
        Run->Code.Bad = TRUE;
    else
        *Run->Row = Run->Remembered[--Run->Depth];
}

static void DefineCfa(RUN *Run, ULONG64 Register, LONG64 Offset)
{
    Run->Row->Cfa = (CFI_RULE){ .Kind = RuleOffset, .Value = Offset };
    Run->Row->CfaRegister = Register;
    Run->Code.Bad |= Register >= CFI_RETURN;
}

static void Advance(RUN *Run, ULONG64 Distance)
{
    Run->Location += Distance * Run->Function->CodeAlign;
}

/* The operations whose operands are a register, and perhaps an offset. */
static void ExecuteRegister(RUN *Run, UCHAR Operation)
{
    CURSOR *Code = &Run->Code;
    LONG64 Align = Run->Function->DataAlign;
    ULONG64 Register = RtlpReadUleb(Code);

    switch (Operation) {
    case CfaOffsetExtended:    SetRule(Run, Register, RuleOffset, (LONG64)RtlpReadUleb(Code) * Align); break;
    case CfaOffsetExtendedSf:  SetRule(Run, Register, RuleOffset, RtlpReadSleb(Code) * Align); break;
    case CfaGnuNegativeOffset: SetRule(Run, Register, RuleOffset, -(LONG64)RtlpReadUleb(Code) * Align); break;
    case CfaValOffset:         SetRule(Run, Register, RuleValueOffset, (LONG64)RtlpReadUleb(Code) * Align); break;
    case CfaValOffsetSf:       SetRule(Run, Register, RuleValueOffset, RtlpReadSleb(Code) * Align); break;
    case CfaRestoreExtended:   Restore(Run, Register); break;
    case CfaUndefined:         SetRule(Run, Register, RuleUndefined, 0); break;
    case CfaSameValue:         SetRule(Run, Register, RuleSame, 0); break;
    case CfaRegister:          SetRule(Run, Register, RuleRegister, (LONG64)RtlpReadUleb(Code)); break;
    case CfaDefCfa:            DefineCfa(Run, Register, (LONG64)RtlpReadUleb(Code)); break;
    case CfaDefCfaSf:          DefineCfa(Run, Register, RtlpReadSleb(Code) * Align); break;
    default:                   DefineCfa(Run, Register, Run->Row->Cfa.Value); break;
    }
}

static void ExecuteExtended(RUN *Run, UCHAR Operation)
{
    CURSOR *Code = &Run->Code;

    switch (Operation) {
    case CfaNop:              break;
    case CfaSetLoc:           Run->Location = RtlpReadEncoded(Code, Run->Function->Encoding, 0); break;
    case CfaAdvance1:         Advance(Run, RtlpReadFixed(Code, 1)); break;
    case CfaAdvance2:         Advance(Run, RtlpReadFixed(Code, 2)); break;
    case CfaAdvance4:         Advance(Run, RtlpReadFixed(Code, 4)); break;
    case CfaRemember:         Remember(Run); break;
    case CfaRestoreState:     Recall(Run); break;
    case CfaDefCfaOffset:     DefineCfa(Run, Run->Row->CfaRegister, (LONG64)RtlpReadUleb(Code)); break;
    case CfaDefCfaOffsetSf:
        DefineCfa(Run, Run->Row->CfaRegister, RtlpReadSleb(Code) * Run->Function->DataAlign);
        break;
    case CfaDefCfaExpression:
        Run->Row->Cfa = (CFI_RULE){ .Kind = RuleExpression, .Block = ReadBlock(Run) };
        break;
    case CfaExpression:       SetExpression(Run, RuleExpression); break;
    case CfaValExpression:    SetExpression(Run, RuleValueExpression); break;
    case CfaGnuArgsSize:      RtlpReadUleb(Code); break;
    case CfaOffsetExtended: case CfaOffsetExtendedSf: case CfaGnuNegativeOffset: case CfaValOffset:
    case CfaValOffsetSf: case CfaRestoreExtended: case CfaUndefined: case CfaSameValue: case CfaRegister:
    case CfaDefCfa: case CfaDefCfaSf: case CfaDefCfaRegister:
        ExecuteRegister(Run, Operation);
        break;
    default:
        Code->Bad = TRUE;
        break;
    }
}

/* Runs until a row begins beyond Address. */
static BOOLEAN RunUntil(RUN *Run, ULONG64 Address)
{
    while (Run->Code.At < Run->Code.End && !Run->Code.Bad && Run->Location <= Address) {
        UCHAR Byte = (UCHAR)RtlpReadFixed(&Run->Code, 1), Low = Byte & 0x3F;

        switch (Byte >> 6) {
        case CfaAdvance: Advance(Run, Low); break;
        case CfaOffset:
            SetRule(Run, Low, RuleOffset, (LONG64)RtlpReadUleb(&Run->Code) * Run->Function->DataAlign);
            break;
        case CfaRestore: Restore(Run, Low); break;
        default:         ExecuteExtended(Run, Low); break;
        }
    }
    return !Run->Code.Bad;
}

BOOLEAN RtlpRunCfi(const CFI_FUNCTION *Function, ULONG64 Address, CFI_ROW *Row)
{
    CFI_ROW Remembered[REMEMBER_DEPTH], Initial;
    RUN Run = { .Function = Function, .Code = Function->Initial, .Row = Row, .Remembered = Remembered };

    *Row = (CFI_ROW){ .CfaRegister = CFI_RETURN };
    if (!RunUntil(&Run, ~0ull))
        return FALSE;
    Initial = *Row;
    Run.Initial = &Initial;
    Run.Code = Function->Program;
    Run.Location = Function->Start;
    return RunUntil(&Run, Address) && (Row->Cfa.Kind == RuleExpression || Row->CfaRegister < CFI_RETURN);
}
