/* dwarf.c - the encodings of DWARF and .eh_frame: fixed, LEB128, and encoded pointers. */
#include "rtlp.h"

enum { DW_EH_PE_INDIRECT = 0x80, DW_EH_PE_PCREL = 0x10, DW_EH_PE_DATAREL = 0x30 };

ULONG64 RtlpReadFixed(CURSOR *Cursor, ULONG Size)
{
    ULONG64 Value = 0;

    if ((SIZE_T)(Cursor->End - Cursor->At) < Size) {
        Cursor->Bad = TRUE;
        Cursor->At = Cursor->End;
        return 0;
    }
    for (ULONG I = 0; I < Size; I++)
        Value |= (ULONG64)*Cursor->At++ << (8 * I);
    return Value;
}

LONG64 RtlpReadSigned(CURSOR *Cursor, ULONG Size)
{
    ULONG Unused = 64 - 8 * Size;

    return (LONG64)(RtlpReadFixed(Cursor, Size) << Unused) >> Unused;
}

/* A number of more than 64 bits is corrupt. *Bits gets the bits read. */
static ULONG64 ReadLeb(CURSOR *Cursor, ULONG *Bits, BOOLEAN *Negative)
{
    ULONG64 Value = 0;
    UCHAR Byte;

    *Bits = 0;
    do {
        Byte = (UCHAR)RtlpReadFixed(Cursor, 1);
        if (*Bits < 64)
            Value |= (ULONG64)(Byte & 0x7F) << *Bits;
        else
            Cursor->Bad = TRUE;
        *Bits += 7;
    } while ((Byte & 0x80) && !Cursor->Bad);
    *Negative = (Byte & 0x40) != 0;
    return Value;
}

ULONG64 RtlpReadUleb(CURSOR *Cursor)
{
    ULONG Bits;
    BOOLEAN Negative;

    return ReadLeb(Cursor, &Bits, &Negative);
}

LONG64 RtlpReadSleb(CURSOR *Cursor)
{
    ULONG Bits;
    BOOLEAN Negative;
    ULONG64 Value = ReadLeb(Cursor, &Bits, &Negative);

    if (Negative && Bits < 64)
        Value |= ~0ull << Bits;
    return (LONG64)Value;
}

ULONG64 RtlpReadEncoded(CURSOR *Cursor, UCHAR Encoding, ULONG64 Application)
{
    ULONG64 Place = (ULONG64)Cursor->At, Value;

    switch (Encoding & 0x0F) {
    case 0x00: case 0x04: case 0x0C: Value = RtlpReadFixed(Cursor, 8); break;
    case 0x01: Value = RtlpReadUleb(Cursor); break;
    case 0x02: Value = RtlpReadFixed(Cursor, 2); break;
    case 0x03: Value = RtlpReadFixed(Cursor, 4); break;
    case 0x09: Value = (ULONG64)RtlpReadSleb(Cursor); break;
    case 0x0A: Value = (ULONG64)RtlpReadSigned(Cursor, 2); break;
    case 0x0B: Value = (ULONG64)RtlpReadSigned(Cursor, 4); break;
    default:   Cursor->Bad = TRUE; return 0;
    }
    switch (Encoding & 0x70) {
    case 0:                break;
    case DW_EH_PE_PCREL:   Value += Place; break;
    case DW_EH_PE_DATAREL: Value += Application; break;
    default:               Cursor->Bad = TRUE; break;
    }
    if (Encoding & DW_EH_PE_INDIRECT)
        Cursor->Bad = TRUE;     /* a table of pointers: no linker makes one for a kernel */
    return Value;
}

void RtlpSkip(CURSOR *Cursor, ULONG64 Length)
{
    if ((ULONG64)(Cursor->End - Cursor->At) < Length) {
        Cursor->Bad = TRUE;
        Cursor->At = Cursor->End;
    } else {
        Cursor->At += Length;
    }
}
