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

/* ---- dwarf.c: reading DWARF data, bounds checked ---- */

/* A read beyond End sets Bad and gives 0; Bad is looked at once, at the end. */
typedef struct _CURSOR {
    const UCHAR *At, *End;
    BOOLEAN Bad;
} CURSOR;

ULONG64 RtlpReadFixed(CURSOR *Cursor, ULONG Size);
LONG64 RtlpReadSigned(CURSOR *Cursor, ULONG Size);
ULONG64 RtlpReadUleb(CURSOR *Cursor);
LONG64 RtlpReadSleb(CURSOR *Cursor);
/* Encoding: DW_EH_PE_*. Application: what a DW_EH_PE_datarel value is relative to. */
ULONG64 RtlpReadEncoded(CURSOR *Cursor, UCHAR Encoding, ULONG64 Application);
void RtlpSkip(CURSOR *Cursor, ULONG64 Length);

/* ---- cfi_program.c: the row of register rules at a place in a function ---- */

enum { CFI_REGISTERS = 17, CFI_RETURN = 16, CFI_STACK = 7 };   /* DWARF numbers: 16 is the return address */

typedef enum _CFI_RULE_KIND {
    RuleSame, RuleUndefined, RuleOffset, RuleValueOffset, RuleRegister, RuleExpression, RuleValueExpression
} CFI_RULE_KIND;

/* Kept small: six rows lie on the stack of whoever traces, and that may be the double fault's. */
typedef struct _CFI_RULE {
    CFI_RULE_KIND Kind;
    union {
        LONG64 Value;           /* offset from the CFA, or a register */
        const UCHAR *Block;     /* an expression behind its length, known to lie in the section */
    };
} CFI_RULE;

typedef struct _CFI_ROW {
    CFI_RULE Cfa;               /* RuleOffset: Value from CfaRegister; RuleExpression */
    ULONG64 CfaRegister;
    CFI_RULE Registers[CFI_REGISTERS];
} CFI_ROW;

/* A function's description, parsed from its FDE and CIE. */
typedef struct _CFI_FUNCTION {
    ULONG64 Start, End;         /* code addresses */
    ULONG64 CodeAlign;
    LONG64 DataAlign;
    ULONG64 ReturnColumn;
    UCHAR Encoding;
    BOOLEAN Signal;
    CURSOR Initial, Program;    /* the CIE's instructions, the FDE's */
} CFI_FUNCTION;

/* FALSE: the program is corrupt. */
BOOLEAN RtlpRunCfi(const CFI_FUNCTION *Function, ULONG64 Address, CFI_ROW *Row);

/* ---- dwarf_expression.c ---- */

typedef enum _EXPRESSION_RESULT { ExpressionDone, ExpressionBad, ExpressionBadRead } EXPRESSION_RESULT;

/* Block: an expression behind its length. Registers: by DWARF number. Initial: pushed first unless NULL. */
EXPRESSION_RESULT RtlpEvaluate(const UCHAR *Block, const ULONG64 Registers[CFI_REGISTERS], const ULONG64 *Initial,
                               BOOLEAN (*Probe)(const void *, SIZE_T), ULONG64 *Result);
/* Read Size <= 8 bytes as an unsigned number, if Probe allows. */
BOOLEAN RtlpReadMemory(BOOLEAN (*Probe)(const void *, SIZE_T), ULONG64 Address, ULONG Size, ULONG64 *Value);
