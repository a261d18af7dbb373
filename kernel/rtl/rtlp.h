/* rtlp.h - what the sources of rtl share among themselves, grouped by the file that has it. */
#pragma once

#include <rtl/ntdef.h>

/* ---- format.c: the one formatter behind RtlFormat, DbgPrint, sprintf and swprintf ---- */

/* Where formatted text goes. Put gets one unit: a byte of UTF-8, or a UTF-16 unit if Wide. */
typedef struct _FORMAT_OUTPUT {
    void (*Put)(struct _FORMAT_OUTPUT *Output, WCHAR Unit);
    BOOLEAN Wide;
} FORMAT_OUTPUT;

/* Format is narrow or wide as Output->Wide says. Returns the number of units put. */
SIZE_T RtlpFormat(FORMAT_OUTPUT *Output, PCVOID Format, va_list Arguments);

/* An output that fills a buffer of either width; units beyond Capacity are dropped. */
typedef struct _BUFFER_OUTPUT {
    FORMAT_OUTPUT Head;
    PVOID Buffer;
    SIZE_T Capacity, Used;      /* in units */
} BUFFER_OUTPUT;

BUFFER_OUTPUT RtlpBufferOutput(PVOID Buffer, SIZE_T Capacity, BOOLEAN Wide);

/* ---- utf.c: UTF-8 is the ANSI code page; broken input reads as U+FFFD, one unit long ---- */

enum { UTF_REPLACEMENT = 0xFFFD, UTF8_LONGEST = 4, UTF16_LONGEST = 2 };

/* Decode the character at Text, of which Length > 0 units may be read; *Used gets how many it took. */
ULONG RtlpDecodeUtf8(const char *Text, SIZE_T Length, ULONG *Used);
ULONG RtlpDecodeUtf16(const WCHAR *Text, SIZE_T Length, ULONG *Used);
/* Encode Character. Returns the number of units written. */
ULONG RtlpEncodeUtf8(ULONG Character, char Bytes[UTF8_LONGEST]);
ULONG RtlpEncodeUtf16(ULONG Character, WCHAR Units[UTF16_LONGEST]);
