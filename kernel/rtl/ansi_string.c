/* ansi_string.c - NT's counted strings of bytes. As nt_string.c, but these routines write no terminator. */
#include <rtl/nt_string.h>
#include <rtl/status.h>
#include <rtl/string.h>

enum { LONGEST_BYTES = 0xFFFE };

static CHAR Fold(CHAR Character, BOOLEAN CaseInSensitive)
{
    return CaseInSensitive ? RtlUpperChar(Character) : Character;
}

static ULONG EqualBytes(const STRING *A, const STRING *B, ULONG Count, BOOLEAN CaseInSensitive)
{
    ULONG I = 0;

    while (I < Count && Fold(A->Buffer[I], CaseInSensitive) == Fold(B->Buffer[I], CaseInSensitive))
        I++;
    return I;
}

static NTSTATUS Append(PSTRING Destination, const CHAR *Source, SIZE_T Bytes)
{
    if (Destination->Length + Bytes > Destination->MaximumLength)
        return STATUS_BUFFER_TOO_SMALL;
    memmove(Destination->Buffer + Destination->Length, Source, Bytes);
    Destination->Length += (USHORT)Bytes;
    return STATUS_SUCCESS;
}

/* ---- Public: set up ---- */

/* RtlInitAnsiString - describe a terminated text; NULL gives an empty string without a buffer. Text
 * beyond 0xFFFE bytes is not counted.  IRQL: any. */
VOID RtlInitAnsiString(PANSI_STRING DestinationString, PCSTR SourceString)
{
    SIZE_T Bytes = SourceString ? strnlen(SourceString, LONGEST_BYTES) : 0;

    DestinationString->Length = (USHORT)Bytes;
    DestinationString->MaximumLength = SourceString ? (USHORT)(Bytes + 1) : 0;
    DestinationString->Buffer = (PCHAR)SourceString;
}

/* RtlInitString - the same under its older name. */
VOID RtlInitString(PSTRING DestinationString, PCSTR SourceString)
{
    RtlInitAnsiString(DestinationString, SourceString);
}

/* RtlInitAnsiStringEx - as RtlInitAnsiString, but a text that is too long is refused.  IRQL: any.
 * Returns: STATUS_SUCCESS; STATUS_NAME_TOO_LONG, and the string is then empty. */
NTSTATUS RtlInitAnsiStringEx(PANSI_STRING DestinationString, PCSTR SourceString)
{
    BOOLEAN TooLong = SourceString && strnlen(SourceString, LONGEST_BYTES + 1) > LONGEST_BYTES;

    RtlInitAnsiString(DestinationString, TooLong ? NULL : SourceString);
    return TooLong ? STATUS_NAME_TOO_LONG : STATUS_SUCCESS;
}

/* ---- Public: copy and append ---- */

/* RtlCopyString - copy what fits; no source empties the destination.  IRQL: any. */
VOID RtlCopyString(PSTRING DestinationString, const STRING *SourceString)
{
    USHORT Bytes = SourceString ? SourceString->Length : 0;

    if (Bytes > DestinationString->MaximumLength)
        Bytes = DestinationString->MaximumLength;
    DestinationString->Length = Bytes;
    if (Bytes)
        memmove(DestinationString->Buffer, SourceString->Buffer, Bytes);
}

/* RtlAppendStringToString - append a counted string.  IRQL: any.
 * Returns: STATUS_SUCCESS; STATUS_BUFFER_TOO_SMALL, and nothing is appended. */
NTSTATUS RtlAppendStringToString(PSTRING Destination, const STRING *Source)
{
    return Source->Length ? Append(Destination, Source->Buffer, Source->Length) : STATUS_SUCCESS;
}

/* RtlAppendAsciizToString - append a terminated text, NULL meaning none.  IRQL: any.  Returns: as above. */
NTSTATUS RtlAppendAsciizToString(PSTRING Destination, PCSTR Source)
{
    return Source ? Append(Destination, Source, strlen(Source)) : STATUS_SUCCESS;
}

/* ---- Public: compare and upper-case ---- */

/* RtlCompareString - order by bytes, upper-cased first if CaseInSensitive.  IRQL: any.
 * Returns: negative, 0 or positive. */
LONG RtlCompareString(const STRING *String1, const STRING *String2, BOOLEAN CaseInSensitive)
{
    ULONG Count = String1->Length < String2->Length ? String1->Length : String2->Length;
    ULONG Equal = EqualBytes(String1, String2, Count, CaseInSensitive);

    if (Equal < Count)
        return (UCHAR)Fold(String1->Buffer[Equal], CaseInSensitive) -
               (UCHAR)Fold(String2->Buffer[Equal], CaseInSensitive);
    return (LONG)String1->Length - (LONG)String2->Length;
}

/* RtlEqualString - are they the same text?  IRQL: any. */
BOOLEAN RtlEqualString(const STRING *String1, const STRING *String2, BOOLEAN CaseInSensitive)
{
    return String1->Length == String2->Length &&
           EqualBytes(String1, String2, String1->Length, CaseInSensitive) == String1->Length;
}

/* RtlPrefixString - does String2 begin with String1?  IRQL: any. */
BOOLEAN RtlPrefixString(const STRING *String1, const STRING *String2, BOOLEAN CaseInSensitive)
{
    return String1->Length <= String2->Length &&
           EqualBytes(String1, String2, String1->Length, CaseInSensitive) == String1->Length;
}

/* RtlUpperChar - a to z in upper case, any other byte as it is: in UTF-8 it is part of a character, not
 * one.  IRQL: any. */
CHAR RtlUpperChar(CHAR Character)
{
    return Character >= 'a' && Character <= 'z' ? Character - 32 : Character;
}

/* RtlUpperString - copy what fits of the source, upper-cased.  IRQL: any. */
VOID RtlUpperString(PSTRING DestinationString, const STRING *SourceString)
{
    USHORT Bytes = SourceString->Length;

    if (Bytes > DestinationString->MaximumLength)
        Bytes = DestinationString->MaximumLength;
    for (USHORT I = 0; I < Bytes; I++)
        DestinationString->Buffer[I] = RtlUpperChar(SourceString->Buffer[I]);
    DestinationString->Length = Bytes;
}
