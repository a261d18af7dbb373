/* nt_string.h - NT's counted strings, Unicode and ANSI.
 *
 * Lengths are bytes. The ANSI code page is UTF-8, and upper case for ANSI strings is that of A to Z. */
#pragma once

#include <rtl/ntdef.h>

/* ---- nt_string.c: Unicode ---- */
VOID RtlInitUnicodeString(PUNICODE_STRING DestinationString, PCWSTR SourceString);
NTSTATUS RtlInitUnicodeStringEx(PUNICODE_STRING DestinationString, PCWSTR SourceString);
VOID RtlCopyUnicodeString(PUNICODE_STRING DestinationString, PCUNICODE_STRING SourceString);
NTSTATUS RtlAppendUnicodeToString(PUNICODE_STRING Destination, PCWSTR Source);
NTSTATUS RtlAppendUnicodeStringToString(PUNICODE_STRING Destination, PCUNICODE_STRING Source);
LONG RtlCompareUnicodeString(PCUNICODE_STRING String1, PCUNICODE_STRING String2, BOOLEAN CaseInSensitive);
BOOLEAN RtlEqualUnicodeString(PCUNICODE_STRING String1, PCUNICODE_STRING String2, BOOLEAN CaseInSensitive);
BOOLEAN RtlPrefixUnicodeString(PCUNICODE_STRING String1, PCUNICODE_STRING String2, BOOLEAN CaseInSensitive);
NTSTATUS RtlHashUnicodeString(PCUNICODE_STRING String, BOOLEAN CaseInSensitive, ULONG HashAlgorithm, PULONG HashValue);

/* ---- ansi_string.c ---- */
VOID RtlInitString(PSTRING DestinationString, PCSTR SourceString);
VOID RtlInitAnsiString(PANSI_STRING DestinationString, PCSTR SourceString);
NTSTATUS RtlInitAnsiStringEx(PANSI_STRING DestinationString, PCSTR SourceString);
VOID RtlCopyString(PSTRING DestinationString, const STRING *SourceString);
NTSTATUS RtlAppendStringToString(PSTRING Destination, const STRING *Source);
NTSTATUS RtlAppendAsciizToString(PSTRING Destination, PCSTR Source);
LONG RtlCompareString(const STRING *String1, const STRING *String2, BOOLEAN CaseInSensitive);
BOOLEAN RtlEqualString(const STRING *String1, const STRING *String2, BOOLEAN CaseInSensitive);
BOOLEAN RtlPrefixString(const STRING *String1, const STRING *String2, BOOLEAN CaseInSensitive);
CHAR RtlUpperChar(CHAR Character);
VOID RtlUpperString(PSTRING DestinationString, const STRING *SourceString);

/* ---- upcase.c ---- */
WCHAR RtlUpcaseUnicodeChar(WCHAR SourceCharacter);
WCHAR RtlDowncaseUnicodeChar(WCHAR SourceCharacter);

/* ---- string_convert.c: between the two, and between text and numbers ---- */
ULONG RtlxAnsiStringToUnicodeSize(PCANSI_STRING AnsiString);
ULONG RtlAnsiStringToUnicodeSize(PCANSI_STRING AnsiString);
ULONG RtlxUnicodeStringToAnsiSize(PCUNICODE_STRING UnicodeString);
ULONG RtlUnicodeStringToAnsiSize(PCUNICODE_STRING UnicodeString);
NTSTATUS RtlMultiByteToUnicodeN(PWCH UnicodeString, ULONG MaxBytesInUnicodeString, PULONG BytesInUnicodeString,
                                const CHAR *MultiByteString, ULONG BytesInMultiByteString);
NTSTATUS RtlUnicodeToMultiByteN(PCHAR MultiByteString, ULONG MaxBytesInMultiByteString, PULONG BytesInMultiByteString,
                                PCWSTR UnicodeString, ULONG BytesInUnicodeString);
NTSTATUS RtlMultiByteToUnicodeSize(PULONG BytesInUnicodeString, const CHAR *MultiByteString,
                                   ULONG BytesInMultiByteString);
NTSTATUS RtlUnicodeToMultiByteSize(PULONG BytesInMultiByteString, PCWSTR UnicodeString, ULONG BytesInUnicodeString);
NTSTATUS RtlUTF8ToUnicodeN(PWSTR UnicodeStringDestination, ULONG UnicodeStringMaxByteCount,
                           PULONG UnicodeStringActualByteCount, PCSTR UTF8StringSource, ULONG UTF8StringByteCount);
NTSTATUS RtlUnicodeToUTF8N(PCHAR UTF8StringDestination, ULONG UTF8StringMaxByteCount,
                           PULONG UTF8StringActualByteCount, PCWSTR UnicodeStringSource, ULONG UnicodeStringByteCount);
NTSTATUS RtlUnicodeStringToInteger(PCUNICODE_STRING String, ULONG Base, PULONG Value);
NTSTATUS RtlIntegerToUnicodeString(ULONG Value, ULONG Base, PUNICODE_STRING String);
NTSTATUS RtlInt64ToUnicodeString(ULONGLONG Value, ULONG Base, PUNICODE_STRING String);
NTSTATUS RtlCharToInteger(PCSTR String, ULONG Base, PULONG Value);

/* ---- string_alloc.c: the routines that may allocate their result ---- */

/* Where their memory comes from; ex installs it. Until then allocating fails with STATUS_NO_MEMORY.
 * Caller: the address in the code that asked, to which a leak is laid. */
typedef struct _RTL_STRING_POOL {
    PVOID (*Allocate)(SIZE_T Bytes, PVOID Caller);
    void (*Free)(PVOID Block, PVOID Caller);
} RTL_STRING_POOL;

/* Flags of RtlDuplicateUnicodeString. */
enum { RTL_DUPLICATE_UNICODE_STRING_NULL_TERMINATE = 1, RTL_DUPLICATE_UNICODE_STRING_ALLOCATE_NULL_STRING = 2 };

void RtlSetStringPool(const RTL_STRING_POOL *Pool);
NTSTATUS RtlAnsiStringToUnicodeString(PUNICODE_STRING DestinationString, PCANSI_STRING SourceString,
                                      BOOLEAN AllocateDestinationString);
NTSTATUS RtlUnicodeStringToAnsiString(PANSI_STRING DestinationString, PCUNICODE_STRING SourceString,
                                      BOOLEAN AllocateDestinationString);
NTSTATUS RtlUpcaseUnicodeString(PUNICODE_STRING DestinationString, PCUNICODE_STRING SourceString,
                                BOOLEAN AllocateDestinationString);
NTSTATUS RtlDowncaseUnicodeString(PUNICODE_STRING DestinationString, PCUNICODE_STRING SourceString,
                                  BOOLEAN AllocateDestinationString);
NTSTATUS RtlDuplicateUnicodeString(ULONG Flags, PCUNICODE_STRING StringIn, PUNICODE_STRING StringOut);
BOOLEAN RtlCreateUnicodeString(PUNICODE_STRING DestinationString, PCWSTR SourceString);
VOID RtlFreeUnicodeString(PUNICODE_STRING UnicodeString);
VOID RtlFreeAnsiString(PANSI_STRING AnsiString);
