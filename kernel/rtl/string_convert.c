/* string_convert.c - between ANSI (UTF-8) and Unicode (UTF-16) text, and between text and numbers. */
#include "rtlp.h"
#include <rtl/nt_string.h>
#include <rtl/status.h>
#include <rtl/string.h>

enum { DIGITS_LONGEST = 64 };

/* ---- Text ---- */

/* Convert whole characters while they fit into Room bytes. To may be NULL: count only. */
static SIZE_T Widen(PWCH To, SIZE_T Room, const CHAR *From, SIZE_T Length)
{
    SIZE_T Done = 0;

    for (SIZE_T At = 0; At < Length;) {
        WCHAR Units[UTF16_LONGEST];
        ULONG Used, Count = RtlpEncodeUtf16(RtlpDecodeUtf8(From + At, Length - At, &Used), Units);

        if ((Done + Count) * sizeof(WCHAR) > Room)
            break;
        for (ULONG I = 0; To && I < Count; I++)
            To[Done + I] = Units[I];
        Done += Count;
        At += Used;
    }
    return Done * sizeof(WCHAR);
}

static SIZE_T Narrow(PCHAR To, SIZE_T Room, PCWSTR From, SIZE_T Length)
{
    SIZE_T Done = 0;

    for (SIZE_T At = 0; At < Length;) {
        char Bytes[UTF8_LONGEST];
        ULONG Used, Count = RtlpEncodeUtf8(RtlpDecodeUtf16(From + At, Length - At, &Used), Bytes);

        if (Done + Count > Room)
            break;
        if (To)
            memcpy(To + Done, Bytes, Count);
        Done += Count;
        At += Used;
    }
    return Done;
}

/* A replacement of one unit where the text itself has none: U+FFFD proper takes three bytes. */
static BOOLEAN IsBrokenUtf8(const CHAR *Text, SIZE_T Length)
{
    ULONG Used;

    for (SIZE_T At = 0; At < Length; At += Used)
        if (RtlpDecodeUtf8(Text + At, Length - At, &Used) == UTF_REPLACEMENT && Used == 1)
            return TRUE;
    return FALSE;
}

static BOOLEAN IsBrokenUtf16(PCWSTR Text, SIZE_T Length)
{
    ULONG Used;

    for (SIZE_T At = 0; At < Length; At += Used)
        if (RtlpDecodeUtf16(Text + At, Length - At, &Used) == UTF_REPLACEMENT && Text[At] != UTF_REPLACEMENT)
            return TRUE;
    return FALSE;
}

/* ---- Public: text ---- */

/* RtlMultiByteToUnicodeN - convert what fits; no terminator is added.  IRQL: any.
 * BytesInUnicodeString, if not NULL, gets the bytes written.  Returns: STATUS_SUCCESS. */
NTSTATUS RtlMultiByteToUnicodeN(PWCH UnicodeString, ULONG MaxBytesInUnicodeString, PULONG BytesInUnicodeString,
                                const CHAR *MultiByteString, ULONG BytesInMultiByteString)
{
    ULONG Bytes = (ULONG)Widen(UnicodeString, MaxBytesInUnicodeString, MultiByteString, BytesInMultiByteString);

    if (BytesInUnicodeString)
        *BytesInUnicodeString = Bytes;
    return STATUS_SUCCESS;
}

/* RtlUnicodeToMultiByteN - the way back.  IRQL: any.  Returns: STATUS_SUCCESS. */
NTSTATUS RtlUnicodeToMultiByteN(PCHAR MultiByteString, ULONG MaxBytesInMultiByteString, PULONG BytesInMultiByteString,
                                PCWSTR UnicodeString, ULONG BytesInUnicodeString)
{
    ULONG Bytes = (ULONG)Narrow(MultiByteString, MaxBytesInMultiByteString, UnicodeString,
                                BytesInUnicodeString / sizeof(WCHAR));

    if (BytesInMultiByteString)
        *BytesInMultiByteString = Bytes;
    return STATUS_SUCCESS;
}

/* RtlMultiByteToUnicodeSize - the bytes that the conversion takes.  IRQL: any.  Returns: STATUS_SUCCESS. */
NTSTATUS RtlMultiByteToUnicodeSize(PULONG BytesInUnicodeString, const CHAR *MultiByteString,
                                   ULONG BytesInMultiByteString)
{
    *BytesInUnicodeString = (ULONG)Widen(NULL, ~0ull, MultiByteString, BytesInMultiByteString);
    return STATUS_SUCCESS;
}

/* RtlUnicodeToMultiByteSize - the bytes that the conversion takes.  IRQL: any.  Returns: STATUS_SUCCESS. */
NTSTATUS RtlUnicodeToMultiByteSize(PULONG BytesInMultiByteString, PCWSTR UnicodeString, ULONG BytesInUnicodeString)
{
    *BytesInMultiByteString = (ULONG)Narrow(NULL, ~0ull, UnicodeString, BytesInUnicodeString / sizeof(WCHAR));
    return STATUS_SUCCESS;
}

/* RtlUTF8ToUnicodeN - convert; a NULL destination only asks for the size. No terminator is added.
 * IRQL: any.  *UnicodeStringActualByteCount gets the bytes written, or needed.
 * Returns: STATUS_SUCCESS; STATUS_SOME_NOT_MAPPED: broken input became U+FFFD; STATUS_BUFFER_TOO_SMALL:
 * only the characters that fit were written; STATUS_INVALID_PARAMETER.
 * Source: WDK nf-wdm-rtlutf8tounicoden. */
NTSTATUS RtlUTF8ToUnicodeN(PWSTR UnicodeStringDestination, ULONG UnicodeStringMaxByteCount,
                           PULONG UnicodeStringActualByteCount, PCSTR UTF8StringSource, ULONG UTF8StringByteCount)
{
    SIZE_T Whole, Room = UnicodeStringDestination ? UnicodeStringMaxByteCount : ~0ull;

    if (!UTF8StringSource || !UnicodeStringActualByteCount)
        return STATUS_INVALID_PARAMETER;
    Whole = Widen(NULL, ~0ull, UTF8StringSource, UTF8StringByteCount);
    *UnicodeStringActualByteCount = (ULONG)Widen(UnicodeStringDestination, Room, UTF8StringSource, UTF8StringByteCount);
    if (*UnicodeStringActualByteCount < Whole)
        return STATUS_BUFFER_TOO_SMALL;
    return IsBrokenUtf8(UTF8StringSource, UTF8StringByteCount) ? STATUS_SOME_NOT_MAPPED : STATUS_SUCCESS;
}

/* RtlUnicodeToUTF8N - the way back.  IRQL: any.  Returns: as above.
 * Source: WDK nf-wdm-rtlunicodetoutf8n. */
NTSTATUS RtlUnicodeToUTF8N(PCHAR UTF8StringDestination, ULONG UTF8StringMaxByteCount,
                           PULONG UTF8StringActualByteCount, PCWSTR UnicodeStringSource, ULONG UnicodeStringByteCount)
{
    SIZE_T Length = UnicodeStringByteCount / sizeof(WCHAR), Whole;
    SIZE_T Room = UTF8StringDestination ? UTF8StringMaxByteCount : ~0ull;

    if (!UnicodeStringSource || !UTF8StringActualByteCount || UnicodeStringByteCount % sizeof(WCHAR))
        return STATUS_INVALID_PARAMETER;
    Whole = Narrow(NULL, ~0ull, UnicodeStringSource, Length);
    *UTF8StringActualByteCount = (ULONG)Narrow(UTF8StringDestination, Room, UnicodeStringSource, Length);
    if (*UTF8StringActualByteCount < Whole)
        return STATUS_BUFFER_TOO_SMALL;
    return IsBrokenUtf16(UnicodeStringSource, Length) ? STATUS_SOME_NOT_MAPPED : STATUS_SUCCESS;
}

/* RtlxAnsiStringToUnicodeSize - the bytes of the string in Unicode, with a terminator.  IRQL: any. */
ULONG RtlxAnsiStringToUnicodeSize(PCANSI_STRING AnsiString)
{
    return (ULONG)(Widen(NULL, ~0ull, AnsiString->Buffer, AnsiString->Length) + sizeof(WCHAR));
}

/* RtlAnsiStringToUnicodeSize - the same under the name that NT exports beside it. */
ULONG RtlAnsiStringToUnicodeSize(PCANSI_STRING AnsiString)
{
    return RtlxAnsiStringToUnicodeSize(AnsiString);
}

/* RtlxUnicodeStringToAnsiSize - the bytes of the string in ANSI, with a terminator.  IRQL: any. */
ULONG RtlxUnicodeStringToAnsiSize(PCUNICODE_STRING UnicodeString)
{
    return (ULONG)Narrow(NULL, ~0ull, UnicodeString->Buffer, UnicodeString->Length / sizeof(WCHAR)) + 1;
}

/* RtlUnicodeStringToAnsiSize - the same under the name that NT exports beside it. */
ULONG RtlUnicodeStringToAnsiSize(PCUNICODE_STRING UnicodeString)
{
    return RtlxUnicodeStringToAnsiSize(UnicodeString);
}

/* ---- Numbers ---- */

/* Text of either width, read one unit at a time; 0 beyond its end. */
typedef struct _DIGIT_TEXT {
    PCVOID Buffer;
    SIZE_T Length, At;
    BOOLEAN Wide;
} DIGIT_TEXT;

static WCHAR Peek(const DIGIT_TEXT *Text)
{
    if (Text->At >= Text->Length)
        return 0;
    return Text->Wide ? ((const WCHAR *)Text->Buffer)[Text->At] : ((const UCHAR *)Text->Buffer)[Text->At];
}

static BOOLEAN ValidBase(ULONG Base)
{
    return Base == 0 || Base == 2 || Base == 8 || Base == 10 || Base == 16;
}

static ULONG DigitOf(WCHAR Character)
{
    if (Character >= '0' && Character <= '9')
        return Character - '0';
    if (Character >= 'a' && Character <= 'f')
        return Character - 'a' + 10u;
    if (Character >= 'A' && Character <= 'F')
        return Character - 'A' + 10u;
    return 16;
}

/* With base 0 a prefix 0b, 0o or 0x chooses; without one it is 10. */
static ULONG ChooseBase(DIGIT_TEXT *Text)
{
    ULONG Base = 10;

    if (Peek(Text) != '0')
        return Base;
    Text->At++;
    switch (Peek(Text)) {
    case 'b': Base = 2; break;
    case 'o': Base = 8; break;
    case 'x': Base = 16; break;
    default:  Text->At--; return Base;
    }
    Text->At++;
    return Base;
}

/* Blanks and control characters, a sign, a prefix, digits; what follows is not looked at, and what
 * exceeds 32 bits is lost, as in NT. */
static ULONG ParseInteger(DIGIT_TEXT *Text, ULONG Base)
{
    ULONG Value = 0;
    BOOLEAN Negative;

    while (Text->At < Text->Length && Peek(Text) <= ' ')
        Text->At++;
    Negative = Peek(Text) == '-';
    if (Negative || Peek(Text) == '+')
        Text->At++;
    if (Base == 0)
        Base = ChooseBase(Text);
    for (; DigitOf(Peek(Text)) < Base; Text->At++)
        Value = Value * Base + DigitOf(Peek(Text));
    return Negative ? -Value : Value;
}

/* NT's routines end in the ANSI conversion, which wants room for a terminator. */
static NTSTATUS NumberToString(ULONGLONG Value, ULONG Base, PUNICODE_STRING String)
{
    WCHAR Digits[DIGITS_LONGEST];
    ULONG At = DIGITS_LONGEST;
    SIZE_T Bytes;

    if (!ValidBase(Base))
        return STATUS_INVALID_PARAMETER;
    if (Base == 0)
        Base = 10;
    do {
        Digits[--At] = (UCHAR)"0123456789ABCDEF"[Value % Base];
        Value /= Base;
    } while (Value);
    Bytes = (DIGITS_LONGEST - At) * sizeof(WCHAR);
    if (Bytes + sizeof(WCHAR) > String->MaximumLength)
        return STATUS_BUFFER_OVERFLOW;
    memcpy(String->Buffer, Digits + At, Bytes);
    String->Length = (USHORT)Bytes;
    String->Buffer[Bytes / sizeof(WCHAR)] = 0;
    return STATUS_SUCCESS;
}

/* ---- Public: numbers ---- */

/* RtlUnicodeStringToInteger - read a number in base 2, 8, 10, 16, or 0: as its prefix says.  IRQL: any.
 * No digits read as 0.  Returns: STATUS_SUCCESS; STATUS_INVALID_PARAMETER for another base.
 * Source: WDK nf-wdm-rtlunicodestringtointeger. */
NTSTATUS RtlUnicodeStringToInteger(PCUNICODE_STRING String, ULONG Base, PULONG Value)
{
    DIGIT_TEXT Text = { String->Buffer, String->Length / sizeof(WCHAR), 0, TRUE };

    if (!ValidBase(Base))
        return STATUS_INVALID_PARAMETER;
    *Value = ParseInteger(&Text, Base);
    return STATUS_SUCCESS;
}

/* RtlCharToInteger - the same for a terminated text of bytes.  IRQL: any. */
NTSTATUS RtlCharToInteger(PCSTR String, ULONG Base, PULONG Value)
{
    DIGIT_TEXT Text = { String, strlen(String), 0, FALSE };

    if (!ValidBase(Base))
        return STATUS_INVALID_PARAMETER;
    *Value = ParseInteger(&Text, Base);
    return STATUS_SUCCESS;
}

/* RtlIntegerToUnicodeString - write Value in base 2, 8, 10 (or 0) or 16, upper-case, terminated.
 * IRQL: any.  Returns: STATUS_SUCCESS; STATUS_INVALID_PARAMETER; STATUS_BUFFER_OVERFLOW, and String is
 * as before.  Source: WDK nf-wdm-rtlintegertounicodestring. */
NTSTATUS RtlIntegerToUnicodeString(ULONG Value, ULONG Base, PUNICODE_STRING String)
{
    return NumberToString(Value, Base, String);
}

/* RtlInt64ToUnicodeString - the same for 64 bits. */
NTSTATUS RtlInt64ToUnicodeString(ULONGLONG Value, ULONG Base, PUNICODE_STRING String)
{
    return NumberToString(Value, Base, String);
}
