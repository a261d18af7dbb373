/* string_alloc.c - conversions into a buffer of the caller's or one from the pool, and giving it back.
 *
 * The pool lies above this floor: ex installs it. All results fit the 16-bit lengths or are refused. */
#include <rtl/crt.h>
#include <rtl/nt_string.h>
#include <rtl/status.h>

#define CALLER __builtin_return_address(0)

enum { LONGEST_STRING = 0xFFFF };

static const RTL_STRING_POOL *StringPool;

static PVOID Allocate(SIZE_T Bytes, PVOID Caller)
{
    return StringPool ? StringPool->Allocate(Bytes, Caller) : NULL;
}

static void Free(PVOID Block, PVOID Caller)
{
    if (Block && StringPool)
        StringPool->Free(Block, Caller);
}

static NTSTATUS AllocateUnicode(PUNICODE_STRING String, ULONG Bytes, PVOID Caller)
{
    PWSTR Buffer = Allocate(Bytes, Caller);

    if (!Buffer)
        return STATUS_NO_MEMORY;
    String->Buffer = Buffer;
    String->MaximumLength = (USHORT)Bytes;
    return STATUS_SUCCESS;
}

/* A new destination is as long as the source. */
static NTSTATUS MapCase(PUNICODE_STRING Destination, PCUNICODE_STRING Source, WCHAR (*Map)(WCHAR))
{
    if (Source->Length > Destination->MaximumLength)
        return STATUS_BUFFER_OVERFLOW;
    for (ULONG I = 0; I < Source->Length / sizeof(WCHAR); I++)
        Destination->Buffer[I] = Map(Source->Buffer[I]);
    Destination->Length = Source->Length;
    return STATUS_SUCCESS;
}

/* ---- Public ---- */

/* RtlSetStringPool - allocate from Pool from now on.  IRQL: any. */
void RtlSetStringPool(const RTL_STRING_POOL *Pool)
{
    StringPool = Pool;
}

/* RtlAnsiStringToUnicodeString - convert, terminated, into the destination's buffer or a new one, which
 * RtlFreeUnicodeString gives back.  IRQL: as the pool has it; any with the caller's buffer.
 * Returns: STATUS_SUCCESS; STATUS_BUFFER_OVERFLOW: the buffer is too small, Length says what is needed;
 * STATUS_NO_MEMORY; STATUS_INVALID_PARAMETER_2: the result is longer than a string can be.
 * Source: WDK nf-wdm-rtlansistringtounicodestring. */
NOINLINE NTSTATUS RtlAnsiStringToUnicodeString(PUNICODE_STRING DestinationString, PCANSI_STRING SourceString,
                                               BOOLEAN AllocateDestinationString)
{
    ULONG Bytes = RtlxAnsiStringToUnicodeSize(SourceString);

    if (Bytes > LONGEST_STRING)
        return STATUS_INVALID_PARAMETER_2;
    if (AllocateDestinationString) {
        NTSTATUS Status = AllocateUnicode(DestinationString, Bytes, CALLER);

        if (!NT_SUCCESS(Status))
            return Status;
    }
    DestinationString->Length = (USHORT)(Bytes - sizeof(WCHAR));
    if (Bytes > DestinationString->MaximumLength)
        return STATUS_BUFFER_OVERFLOW;
    RtlMultiByteToUnicodeN(DestinationString->Buffer, DestinationString->Length, NULL, SourceString->Buffer,
                           SourceString->Length);
    DestinationString->Buffer[DestinationString->Length / sizeof(WCHAR)] = 0;
    return STATUS_SUCCESS;
}

/* RtlUnicodeStringToAnsiString - the way back; RtlFreeAnsiString gives a new buffer back. A buffer that
 * is too small gets the characters that fit, terminated.  IRQL: as above.
 * Returns: as above.  Source: WDK nf-wdm-rtlunicodestringtoansistring. */
NOINLINE NTSTATUS RtlUnicodeStringToAnsiString(PANSI_STRING DestinationString, PCUNICODE_STRING SourceString,
                                               BOOLEAN AllocateDestinationString)
{
    ULONG Bytes = RtlxUnicodeStringToAnsiSize(SourceString), Written;

    if (Bytes > LONGEST_STRING)
        return STATUS_INVALID_PARAMETER_2;
    if (AllocateDestinationString) {
        PCHAR Buffer = Allocate(Bytes, CALLER);

        if (!Buffer)
            return STATUS_NO_MEMORY;
        DestinationString->Buffer = Buffer;
        DestinationString->MaximumLength = (USHORT)Bytes;
    }
    if (DestinationString->MaximumLength == 0)
        return STATUS_BUFFER_OVERFLOW;
    RtlUnicodeToMultiByteN(DestinationString->Buffer, DestinationString->MaximumLength - 1u, &Written,
                           SourceString->Buffer, SourceString->Length);
    DestinationString->Length = (USHORT)Written;
    DestinationString->Buffer[Written] = '\0';
    return Written + 1 < Bytes ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS;
}

/* RtlUpcaseUnicodeString - upper-case into the destination's buffer or a new one; no terminator is
 * added. Source and destination may be the same.  IRQL: as above.
 * Returns: STATUS_SUCCESS; STATUS_BUFFER_OVERFLOW; STATUS_NO_MEMORY. */
NOINLINE NTSTATUS RtlUpcaseUnicodeString(PUNICODE_STRING DestinationString, PCUNICODE_STRING SourceString,
                                         BOOLEAN AllocateDestinationString)
{
    if (AllocateDestinationString && !NT_SUCCESS(AllocateUnicode(DestinationString, SourceString->Length, CALLER)))
        return STATUS_NO_MEMORY;
    return MapCase(DestinationString, SourceString, RtlUpcaseUnicodeChar);
}

/* RtlDowncaseUnicodeString - the same to lower case. */
NOINLINE NTSTATUS RtlDowncaseUnicodeString(PUNICODE_STRING DestinationString, PCUNICODE_STRING SourceString,
                                           BOOLEAN AllocateDestinationString)
{
    if (AllocateDestinationString && !NT_SUCCESS(AllocateUnicode(DestinationString, SourceString->Length, CALLER)))
        return STATUS_NO_MEMORY;
    return MapCase(DestinationString, SourceString, RtlDowncaseUnicodeChar);
}

/* RtlDuplicateUnicodeString - a new copy of StringIn, terminated if Flags say so. An empty string has no
 * buffer unless both flags are given.  IRQL: as the pool has it.
 * Returns: STATUS_SUCCESS; STATUS_INVALID_PARAMETER: NULL, a Length beyond MaximumLength, unknown flags
 * or the second flag alone; STATUS_NAME_TOO_LONG: no room for a terminator; STATUS_NO_MEMORY. */
NOINLINE NTSTATUS RtlDuplicateUnicodeString(ULONG Flags, PCUNICODE_STRING StringIn, PUNICODE_STRING StringOut)
{
    ULONG Terminator = Flags & RTL_DUPLICATE_UNICODE_STRING_NULL_TERMINATE ? sizeof(WCHAR) : 0;

    if (!StringIn || !StringOut || StringIn->Length > StringIn->MaximumLength || StringIn->Length % sizeof(WCHAR) ||
        Flags > 3 || Flags == RTL_DUPLICATE_UNICODE_STRING_ALLOCATE_NULL_STRING)
        return STATUS_INVALID_PARAMETER;
    if (StringIn->Length + Terminator > LONGEST_STRING)
        return STATUS_NAME_TOO_LONG;
    if (StringIn->Length == 0 && Flags != 3) {
        *StringOut = (UNICODE_STRING){ 0 };
        return STATUS_SUCCESS;
    }
    if (!NT_SUCCESS(AllocateUnicode(StringOut, StringIn->Length + Terminator, CALLER)))
        return STATUS_NO_MEMORY;
    memcpy(StringOut->Buffer, StringIn->Buffer, StringIn->Length);
    StringOut->Length = StringIn->Length;
    if (Terminator)
        StringOut->Buffer[StringIn->Length / sizeof(WCHAR)] = 0;
    return STATUS_SUCCESS;
}

/* RtlCreateUnicodeString - a new, terminated copy of SourceString.  IRQL: as the pool has it.
 * Returns: FALSE if there is no memory or the text is too long. */
NOINLINE BOOLEAN RtlCreateUnicodeString(PUNICODE_STRING DestinationString, PCWSTR SourceString)
{
    SIZE_T Bytes = (wcslen(SourceString) + 1) * sizeof(WCHAR);

    if (Bytes > LONGEST_STRING || !NT_SUCCESS(AllocateUnicode(DestinationString, (ULONG)Bytes, CALLER)))
        return FALSE;
    memcpy(DestinationString->Buffer, SourceString, Bytes);
    DestinationString->Length = (USHORT)(Bytes - sizeof(WCHAR));
    return TRUE;
}

/* RtlFreeUnicodeString - give a buffer from one of the routines above back and clear the string; without
 * a buffer nothing happens.  IRQL: as the pool has it. */
NOINLINE VOID RtlFreeUnicodeString(PUNICODE_STRING UnicodeString)
{
    Free(UnicodeString->Buffer, CALLER);
    *UnicodeString = (UNICODE_STRING){ 0 };
}

/* RtlFreeAnsiString - the same for ANSI strings. */
NOINLINE VOID RtlFreeAnsiString(PANSI_STRING AnsiString)
{
    Free(AnsiString->Buffer, CALLER);
    *AnsiString = (ANSI_STRING){ 0 };
}
