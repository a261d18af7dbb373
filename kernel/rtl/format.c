/* format.c - NT's printf formats.
 *
 *   %[flags][width][.precision][size]conversion
 *   flags       - + space # 0            width, precision: digits or *
 *   size        hh h l ll I I32 I64 j z t w     (l is 32 bits on integers: LLP64)
 *   d i u x X o integers                 p  16 upper-case digits, no prefix
 *   c s         the format's own width;  C S  the other one;  h: narrow, l or w: wide
 *   Z           counted: %Z ANSI_STRING, %wZ UNICODE_STRING   %%  a percent sign
 *
 * One engine serves both widths: format and output are UTF-8 or UTF-16 alike, text of the other kind is
 * converted on the way. What is not a conversion is put out as it stands, so that a typing error shows.
 * Floating point is such a case, as kernel code has none, but its argument is stepped over, which keeps
 * the rest of the line true. So is %n: a log must not write through its arguments. A NULL string, or a
 * counted one without a buffer, prints "(null)". */
#include "rtlp.h"
#include <rtl/print.h>
#include <rtl/string.h>

/* A count beyond this is a mistake, a width read from garbage: it must not print for minutes. */
enum { LARGEST_COUNT = 4095, DIGITS_LONGEST = 22 };

typedef enum _ARGUMENT_SIZE { SizeDefault, SizeChar, SizeShort, SizeLong, Size64, SizeWide } ARGUMENT_SIZE;

typedef struct _SPEC {
    BOOLEAN Left, Plus, Blank, Alternate, Zero;
    SIZE_T Width;
    SSIZE_T Precision;          /* -1: not given */
    ARGUMENT_SIZE Size;
    WCHAR Conversion;
} SPEC;

typedef struct _FORMATTER {
    FORMAT_OUTPUT *Output;
    PCVOID Format;
    SIZE_T Position, Count;     /* in Format; units put */
    va_list Arguments;
} FORMATTER;

typedef struct _TEXT {
    PCVOID Buffer;
    SIZE_T Length;              /* in units */
    BOOLEAN Wide;
} TEXT;

/* ---- Output ---- */

static void Put(FORMATTER *F, WCHAR Unit)
{
    F->Output->Put(F->Output, Unit);
    F->Count++;
}

static void PutRepeated(FORMATTER *F, WCHAR Unit, SIZE_T Count)
{
    while (Count--)
        Put(F, Unit);
}

/* The units that the character at text position *At becomes in the output; *At moves past it. */
static ULONG ConvertNext(const FORMATTER *F, const TEXT *Text, SIZE_T *At, WCHAR Units[UTF8_LONGEST])
{
    const char *Narrow = (const char *)Text->Buffer + *At;
    const WCHAR *Wide = (const WCHAR *)Text->Buffer + *At;
    char Bytes[UTF8_LONGEST];
    ULONG Used = 1, Count = 1;

    if (Text->Wide == F->Output->Wide) {
        Units[0] = Text->Wide ? *Wide : (UCHAR)*Narrow;
    } else if (Text->Wide) {
        Count = RtlpEncodeUtf8(RtlpDecodeUtf16(Wide, Text->Length - *At, &Used), Bytes);
        for (ULONG I = 0; I < Count; I++)
            Units[I] = (UCHAR)Bytes[I];
    } else {
        Count = RtlpEncodeUtf16(RtlpDecodeUtf8(Narrow, Text->Length - *At, &Used), Units);
    }
    *At += Used;
    return Count;
}

/* Precision bounds the output and never splits a character. */
static SIZE_T MeasureText(const FORMATTER *F, const TEXT *Text, SSIZE_T Precision, SIZE_T *End)
{
    SIZE_T Count = 0, At = 0;
    WCHAR Units[UTF8_LONGEST];

    while (At < Text->Length) {
        SIZE_T Next = At;
        ULONG Added = ConvertNext(F, Text, &Next, Units);

        if (Precision >= 0 && Count + Added > (SIZE_T)Precision)
            break;
        Count += Added;
        At = Next;
    }
    *End = At;
    return Count;
}

static void PutText(FORMATTER *F, const SPEC *Spec, const TEXT *Text)
{
    SIZE_T End, At = 0;
    SIZE_T Count = MeasureText(F, Text, Spec->Precision, &End);
    SIZE_T Pad = Spec->Width > Count ? Spec->Width - Count : 0;
    WCHAR Units[UTF8_LONGEST];

    if (!Spec->Left)
        PutRepeated(F, Spec->Zero ? '0' : ' ', Pad);
    while (At < End) {
        ULONG Added = ConvertNext(F, Text, &At, Units);

        for (ULONG I = 0; I < Added; I++)
            Put(F, Units[I]);
    }
    if (Spec->Left)
        PutRepeated(F, ' ', Pad);
}

/* ---- Conversions ---- */

static BOOLEAN WantsWide(const FORMATTER *F, const SPEC *Spec)
{
    if (Spec->Size == SizeChar || Spec->Size == SizeShort)
        return FALSE;
    if (Spec->Size == SizeWide || Spec->Size == SizeLong || Spec->Size == Size64)
        return TRUE;
    return (Spec->Conversion == 'C' || Spec->Conversion == 'S') != F->Output->Wide;
}

/* The length of terminated text, reading no further than the precision can use. */
static SIZE_T TextLength(const FORMATTER *F, const TEXT *Text, SSIZE_T Precision)
{
    SIZE_T LongestPerUnit = !Text->Wide && F->Output->Wide ? UTF8_LONGEST : 1;
    SIZE_T Limit = Precision < 0 ? (SIZE_T)-1 : (SIZE_T)Precision * LongestPerUnit;
    SIZE_T Length = 0;

    if (!Text->Wide)
        return strnlen(Text->Buffer, Limit);
    while (Length < Limit && ((const WCHAR *)Text->Buffer)[Length])
        Length++;
    return Length;
}

static void PutNull(FORMATTER *F, const SPEC *Spec)
{
    PutText(F, Spec, &(TEXT){ "(null)", 6, FALSE });
}

static void FormatString(FORMATTER *F, const SPEC *Spec)
{
    TEXT Text = { .Buffer = va_arg(F->Arguments, PCVOID), .Wide = WantsWide(F, Spec) };

    if (!Text.Buffer) {
        PutNull(F, Spec);
        return;
    }
    Text.Length = TextLength(F, &Text, Spec->Precision);
    PutText(F, Spec, &Text);
}

static void FormatCounted(FORMATTER *F, const SPEC *Spec)
{
    const STRING *Counted = va_arg(F->Arguments, const STRING *);
    BOOLEAN Wide = Spec->Size == SizeWide || Spec->Size == SizeLong;

    if (!Counted || !Counted->Buffer) {
        PutNull(F, Spec);
        return;
    }
    PutText(F, Spec, &(TEXT){ Counted->Buffer, Wide ? Counted->Length / sizeof(WCHAR) : Counted->Length, Wide });
}

/* A NUL character is put out too, as C has it. */
static void FormatCharacter(FORMATTER *F, SPEC *Spec)
{
    ULONG Value = va_arg(F->Arguments, ULONG);
    WCHAR Wide = (WCHAR)Value;
    char Narrow = (char)Value;
    TEXT Text = { .Length = 1, .Wide = WantsWide(F, Spec) };

    Text.Buffer = Text.Wide ? (PCVOID)&Wide : &Narrow;
    Spec->Precision = -1;
    PutText(F, Spec, &Text);
}

static ULONG64 IntegerArgument(FORMATTER *F, const SPEC *Spec, BOOLEAN Signed)
{
    ULONG64 Value = va_arg(F->Arguments, ULONG64);

    switch (Spec->Size) {
    case Size64:    return Value;
    case SizeChar:  return Signed ? (ULONG64)(SCHAR)Value : (UCHAR)Value;
    case SizeShort: return Signed ? (ULONG64)(SHORT)Value : (USHORT)Value;
    default:        return Signed ? (ULONG64)(LONG)Value : (ULONG)Value;
    }
}

/* Lay out prefix, zeros and digits. A precision, or flushing left, switches zero padding off. */
static void PutNumber(FORMATTER *F, const SPEC *Spec, const char *Prefix, const char *Digits, SIZE_T Count)
{
    SIZE_T Zeros = Spec->Precision > (SSIZE_T)Count ? (SIZE_T)Spec->Precision - Count : 0;
    SIZE_T Used = strlen(Prefix) + Zeros + Count;
    SIZE_T Pad = Spec->Width > Used ? Spec->Width - Used : 0;

    if (Spec->Zero && !Spec->Left && Spec->Precision < 0) {
        Zeros += Pad;
        Pad = 0;
    }
    if (!Spec->Left)
        PutRepeated(F, ' ', Pad);
    while (*Prefix)
        Put(F, (UCHAR)*Prefix++);
    PutRepeated(F, '0', Zeros);
    while (Count--)
        Put(F, (UCHAR)*Digits++);
    if (Spec->Left)
        PutRepeated(F, ' ', Pad);
}

static void FormatInteger(FORMATTER *F, const SPEC *Spec)
{
    BOOLEAN Signed = Spec->Conversion == 'd' || Spec->Conversion == 'i';
    BOOLEAN Upper = Spec->Conversion == 'X' || Spec->Conversion == 'p';
    ULONG Base = Signed || Spec->Conversion == 'u' ? 10 : Spec->Conversion == 'o' ? 8 : 16;
    ULONG64 Value = IntegerArgument(F, Spec, Signed), Rest;
    const char *Prefix = "";
    char Digits[DIGITS_LONGEST + 1];
    ULONG At = sizeof(Digits);

    if (Signed) {
        Prefix = (LONG64)Value < 0 ? "-" : Spec->Plus ? "+" : Spec->Blank ? " " : "";
        Value = (LONG64)Value < 0 ? -Value : Value;
    } else if (Spec->Alternate && Base == 16 && Value) {
        Prefix = Upper ? "0X" : "0x";
    }
    for (Rest = Value; Rest; Rest /= Base)
        Digits[--At] = (Upper ? "0123456789ABCDEF" : "0123456789abcdef")[Rest % Base];
    if (Value == 0 && Spec->Precision != 0)
        Digits[--At] = '0';
    if (Base == 8 && Spec->Alternate && (At == sizeof(Digits) || Digits[At] != '0') &&
        Spec->Precision <= (SSIZE_T)(sizeof(Digits) - At))
        Digits[--At] = '0';
    PutNumber(F, Spec, Prefix, Digits + At, sizeof(Digits) - At);
}

static void FormatPointer(FORMATTER *F, SPEC *Spec)
{
    Spec->Size = Size64;
    Spec->Precision = 2 * sizeof(PVOID);
    FormatInteger(F, Spec);
}

/* ---- Parsing ---- */

static WCHAR Peek(const FORMATTER *F, SIZE_T Ahead)
{
    return F->Output->Wide ? ((const WCHAR *)F->Format)[F->Position + Ahead]
                           : ((const UCHAR *)F->Format)[F->Position + Ahead];
}

static BOOLEAN Accept(FORMATTER *F, WCHAR Unit)
{
    if (Peek(F, 0) != Unit)
        return FALSE;
    F->Position++;
    return TRUE;
}

static void ParseFlags(FORMATTER *F, SPEC *Spec)
{
    for (;; F->Position++) {
        switch (Peek(F, 0)) {
        case '-': Spec->Left = TRUE; break;
        case '+': Spec->Plus = TRUE; break;
        case ' ': Spec->Blank = TRUE; break;
        case '#': Spec->Alternate = TRUE; break;
        case '0': Spec->Zero = TRUE; break;
        default:  return;
        }
    }
}

/* Digits or '*'. No digits are 0, as in "%.s". */
static LONG ParseCount(FORMATTER *F)
{
    LONG Count = 0;

    if (Accept(F, '*')) {
        Count = va_arg(F->Arguments, LONG);
    } else {
        for (; Peek(F, 0) >= '0' && Peek(F, 0) <= '9'; F->Position++)
            if (Count <= LARGEST_COUNT)
                Count = Count * 10 + (Peek(F, 0) - '0');
    }
    if (Count > LARGEST_COUNT)
        return LARGEST_COUNT;
    return Count < -LARGEST_COUNT ? -LARGEST_COUNT : Count;
}

static void ParseWidthAndPrecision(FORMATTER *F, SPEC *Spec)
{
    LONG Width = ParseCount(F);

    Spec->Left |= Width < 0;
    Spec->Width = (SIZE_T)(Width < 0 ? -Width : Width);
    Spec->Precision = -1;
    if (Accept(F, '.')) {
        LONG Precision = ParseCount(F);

        Spec->Precision = Precision < 0 ? -1 : Precision;
    }
}

static void ParseSize(FORMATTER *F, SPEC *Spec)
{
    static const struct { char Text[4]; ARGUMENT_SIZE Size; } Sizes[] = {
        { "I64", Size64 }, { "I32", SizeLong }, { "I", Size64 },   { "hh", SizeChar }, { "h", SizeShort },
        { "ll", Size64 },  { "l", SizeLong },   { "w", SizeWide }, { "z", Size64 },    { "j", Size64 },
        { "t", Size64 },
    };

    for (ULONG I = 0; I < RTL_NUMBER_OF(Sizes); I++) {
        ULONG Length = 0;

        while (Sizes[I].Text[Length] && Peek(F, Length) == (UCHAR)Sizes[I].Text[Length])
            Length++;
        if (!Sizes[I].Text[Length]) {
            F->Position += Length;
            Spec->Size = Sizes[I].Size;
            return;
        }
    }
}

static void PutLiterally(FORMATTER *F, SIZE_T From)
{
    SIZE_T End = F->Position;

    for (F->Position = From; F->Position < End; F->Position++)
        Put(F, Peek(F, 0));
}

/* Everything after a '%'. An unknown conversion leaves the '%' and what follows as text. */
static void FormatOne(FORMATTER *F)
{
    SIZE_T Start = F->Position;
    SPEC Spec = { 0 };

    F->Position++;
    ParseFlags(F, &Spec);
    ParseWidthAndPrecision(F, &Spec);
    ParseSize(F, &Spec);
    Spec.Conversion = Peek(F, 0);
    if (Spec.Conversion)
        F->Position++;

    switch (Spec.Conversion) {
    case 'd': case 'i': case 'u': case 'x': case 'X': case 'o': FormatInteger(F, &Spec); return;
    case 'p': FormatPointer(F, &Spec); return;
    case 'c': case 'C': FormatCharacter(F, &Spec); return;
    case 's': case 'S': FormatString(F, &Spec); return;
    case 'Z': FormatCounted(F, &Spec); return;
    case '%': Put(F, '%'); return;
    case 'n': case 'e': case 'E': case 'f': case 'F': case 'g': case 'G': case 'a': case 'A':
        (void)va_arg(F->Arguments, ULONG64);
        break;
    default:
        break;
    }
    PutLiterally(F, Start);
}

SIZE_T RtlpFormat(FORMAT_OUTPUT *Output, PCVOID Format, va_list Arguments)
{
    FORMATTER F = { .Output = Output, .Format = Format };

    va_copy(F.Arguments, Arguments);
    while (Peek(&F, 0)) {
        if (Peek(&F, 0) == '%')
            FormatOne(&F);
        else
            Put(&F, Peek(&F, 0)), F.Position++;
    }
    va_end(F.Arguments);
    return F.Count;
}

static void PutIntoBuffer(FORMAT_OUTPUT *Output, WCHAR Unit)
{
    BUFFER_OUTPUT *Into = CONTAINING_RECORD(Output, BUFFER_OUTPUT, Head);

    if (Into->Used == Into->Capacity)
        return;
    if (Output->Wide)
        ((WCHAR *)Into->Buffer)[Into->Used++] = Unit;
    else
        ((char *)Into->Buffer)[Into->Used++] = (char)Unit;
}

BUFFER_OUTPUT RtlpBufferOutput(PVOID Buffer, SIZE_T Capacity, BOOLEAN Wide)
{
    return (BUFFER_OUTPUT){ { PutIntoBuffer, Wide }, Buffer, Capacity, 0 };
}

/* ---- Public: RtlFormat ---- */

/* RtlFormatV - format into Buffer of Size bytes; the text is cut to fit and always terminated (Size 0:
 * nothing is written).  IRQL: any.  Returns: the length of the whole text, without the terminator. */
int RtlFormatV(char *Buffer, SIZE_T Size, const char *Format, va_list Arguments)
{
    BUFFER_OUTPUT Into = RtlpBufferOutput(Buffer, Size ? Size - 1 : 0, FALSE);
    SIZE_T Length = RtlpFormat(&Into.Head, Format, Arguments);

    if (Size)
        Buffer[Into.Used] = '\0';
    return (int)Length;
}

/* RtlFormat - as RtlFormatV. */
int RtlFormat(char *Buffer, SIZE_T Size, const char *Format, ...)
{
    va_list Arguments;
    int Length;

    va_start(Arguments, Format);
    Length = RtlFormatV(Buffer, Size, Format, Arguments);
    va_end(Arguments);
    return Length;
}
