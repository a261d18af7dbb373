/* nt_string.c - NT's counted Unicode strings: set up, copy, append, compare.
 *
 * Length counts bytes and never a terminator; MaximumLength is the buffer's size. A routine that writes
 * ends its text with a terminator when there is room for one, as NT's do, but none promises it. None
 * allocates and none takes a lock: any IRQL at which the buffers can be touched will do, whatever the
 * documentation of NT says about its pageable code. */
#include <rtl/crt.h>
#include <rtl/nt_string.h>
#include <rtl/status.h>

/* The longest text that leaves room for a terminator in a 16-bit MaximumLength. */
enum { LONGEST_BYTES = 0xFFFC, LONGEST_UNITS = LONGEST_BYTES / sizeof(WCHAR) };

static ULONG Units(PCUNICODE_STRING String)
{
    return String->Length / sizeof(WCHAR);
}

static WCHAR Fold(WCHAR Character, BOOLEAN CaseInSensitive)
{
    return CaseInSensitive ? RtlUpcaseUnicodeChar(Character) : Character;
}

static void TerminateIfRoom(PUNICODE_STRING String)
{
    if (String->MaximumLength - String->Length >= (int)sizeof(WCHAR))
        String->Buffer[Units(String)] = 0;
}

static NTSTATUS Append(PUNICODE_STRING Destination, PCWSTR Source, SIZE_T Bytes)
{
    if (Destination->Length + Bytes > Destination->MaximumLength)
        return STATUS_BUFFER_TOO_SMALL;
    memmove(Destination->Buffer + Units(Destination), Source, Bytes);
    Destination->Length += (USHORT)Bytes;
    TerminateIfRoom(Destination);
    return STATUS_SUCCESS;
}

/* How many units at the start of both are equal, of at most Count. */
static ULONG EqualUnits(PCUNICODE_STRING A, PCUNICODE_STRING B, ULONG Count, BOOLEAN CaseInSensitive)
{
    ULONG I = 0;

    while (I < Count && (A->Buffer[I] == B->Buffer[I] ||
                         Fold(A->Buffer[I], CaseInSensitive) == Fold(B->Buffer[I], CaseInSensitive)))
        I++;
    return I;
}

/* ---- Public: set up ---- */

/* RtlInitUnicodeString - describe a terminated text; NULL gives an empty string without a buffer. Text
 * beyond 0xFFFC bytes is not counted.  IRQL: any.
 * Source: WDK nf-wdm-rtlinitunicodestring. */
VOID RtlInitUnicodeString(PUNICODE_STRING DestinationString, PCWSTR SourceString)
{
    SIZE_T Bytes = SourceString ? wcsnlen(SourceString, LONGEST_UNITS) * sizeof(WCHAR) : 0;

    DestinationString->Length = (USHORT)Bytes;
    DestinationString->MaximumLength = SourceString ? (USHORT)(Bytes + sizeof(WCHAR)) : 0;
    DestinationString->Buffer = (PWSTR)SourceString;
}

/* RtlInitUnicodeStringEx - as RtlInitUnicodeString, but a text that is too long is refused.  IRQL: any.
 * Returns: STATUS_SUCCESS; STATUS_NAME_TOO_LONG, and the string is then empty. */
NTSTATUS RtlInitUnicodeStringEx(PUNICODE_STRING DestinationString, PCWSTR SourceString)
{
    BOOLEAN TooLong = SourceString && wcsnlen(SourceString, LONGEST_UNITS + 1) > LONGEST_UNITS;

    RtlInitUnicodeString(DestinationString, TooLong ? NULL : SourceString);
    return TooLong ? STATUS_NAME_TOO_LONG : STATUS_SUCCESS;
}

/* ---- Public: copy and append ---- */

/* RtlCopyUnicodeString - copy what fits into the destination's buffer; no source empties it.  IRQL: any.
 * Source: WDK nf-wdm-rtlcopyunicodestring. */
VOID RtlCopyUnicodeString(PUNICODE_STRING DestinationString, PCUNICODE_STRING SourceString)
{
    USHORT Bytes = SourceString ? SourceString->Length : 0;

    if (Bytes > DestinationString->MaximumLength)
        Bytes = DestinationString->MaximumLength & ~1;
    DestinationString->Length = Bytes;
    if (!SourceString)
        return;
    memmove(DestinationString->Buffer, SourceString->Buffer, Bytes);
    TerminateIfRoom(DestinationString);
}

/* RtlAppendUnicodeToString - append a terminated text, NULL meaning none.  IRQL: any.
 * Returns: STATUS_SUCCESS; STATUS_BUFFER_TOO_SMALL, and nothing is appended.
 * Source: WDK nf-wdm-rtlappendunicodetostring. */
NTSTATUS RtlAppendUnicodeToString(PUNICODE_STRING Destination, PCWSTR Source)
{
    return Source ? Append(Destination, Source, wcslen(Source) * sizeof(WCHAR)) : STATUS_SUCCESS;
}

/* RtlAppendUnicodeStringToString - append a counted string.  IRQL: any.  Returns: as above. */
NTSTATUS RtlAppendUnicodeStringToString(PUNICODE_STRING Destination, PCUNICODE_STRING Source)
{
    return Source->Length ? Append(Destination, Source->Buffer, Source->Length) : STATUS_SUCCESS;
}

/* ---- Public: compare ---- */

/* RtlCompareUnicodeString - order by UTF-16 units, upper-cased first if CaseInSensitive.  IRQL: any.
 * Returns: negative, 0 or positive: the difference of the first units that differ, else of the lengths. */
LONG RtlCompareUnicodeString(PCUNICODE_STRING String1, PCUNICODE_STRING String2, BOOLEAN CaseInSensitive)
{
    ULONG Count = Units(String1) < Units(String2) ? Units(String1) : Units(String2);
    ULONG Equal = EqualUnits(String1, String2, Count, CaseInSensitive);

    if (Equal < Count)
        return Fold(String1->Buffer[Equal], CaseInSensitive) - Fold(String2->Buffer[Equal], CaseInSensitive);
    return (LONG)String1->Length - (LONG)String2->Length;
}

/* RtlEqualUnicodeString - are they the same text?  IRQL: any. */
BOOLEAN RtlEqualUnicodeString(PCUNICODE_STRING String1, PCUNICODE_STRING String2, BOOLEAN CaseInSensitive)
{
    return String1->Length == String2->Length &&
           EqualUnits(String1, String2, Units(String1), CaseInSensitive) == Units(String1);
}

/* RtlPrefixUnicodeString - does String2 begin with String1?  IRQL: any. */
BOOLEAN RtlPrefixUnicodeString(PCUNICODE_STRING String1, PCUNICODE_STRING String2, BOOLEAN CaseInSensitive)
{
    return String1->Length <= String2->Length &&
           EqualUnits(String1, String2, Units(String1), CaseInSensitive) == Units(String1);
}

/* RtlHashUnicodeString - x65599, the only algorithm there is: 0 (default) or 1 names it.  IRQL: any.
 * Returns: STATUS_SUCCESS; STATUS_INVALID_PARAMETER for another algorithm or a NULL pointer.
 * Source: WDK nf-wdm-rtlhashunicodestring. */
NTSTATUS RtlHashUnicodeString(PCUNICODE_STRING String, BOOLEAN CaseInSensitive, ULONG HashAlgorithm, PULONG HashValue)
{
    ULONG Hash = 0;

    if (!String || !HashValue || HashAlgorithm > 1)
        return STATUS_INVALID_PARAMETER;
    for (ULONG I = 0; I < Units(String); I++)
        Hash = Hash * 65599 + Fold(String->Buffer[I], CaseInSensitive);
    *HashValue = Hash;
    return STATUS_SUCCESS;
}
