/* parse.h - private to the parser of boot information, grouped by source file. */
#pragma once

#include <boot/multiboot.h>

/* One parse in progress. */
typedef struct _BOOT_PARSER {
    const BOOT_SOURCE *Source;
    BOOT_INFO *Info;
    ULONG Refusals;
} BOOT_PARSER;

/* Loader memory has no alignment that one could rely on. */
FORCEINLINE USHORT Load16(const UCHAR *At) { USHORT V; __builtin_memcpy(&V, At, sizeof V); return V; }
FORCEINLINE ULONG Load32(const UCHAR *At) { ULONG V; __builtin_memcpy(&V, At, sizeof V); return V; }
FORCEINLINE ULONG64 Load64(const UCHAR *At) { ULONG64 V; __builtin_memcpy(&V, At, sizeof V); return V; }

/* fields.c: what both protocols carry, checked in one place */
void BootRefuse(BOOT_PARSER *Parser, const char *Format, ...);
void BootTakeText(BOOT_PARSER *Parser, const char *What, char *Target, SIZE_T Size, const char *Text, SIZE_T Limit);
void BootTakeModule(BOOT_PARSER *Parser, ULONG64 Start, ULONG64 End, const char *Text, SIZE_T Limit);
void BootTakeFramebuffer(BOOT_PARSER *Parser, const UCHAR *Tag, const UCHAR *Colours);
void BootCheckModules(BOOT_PARSER *Parser);

/* memory_map.c */
void BootMapReset(void);
void BootMapAdd(BOOT_PARSER *Parser, ULONG64 Base, ULONG64 Length, ULONG Type);
void BootMapAddBasic(BOOT_PARSER *Parser, ULONG LowerKiB, ULONG UpperKiB);
void BootMapFinish(BOOT_PARSER *Parser);

/* multiboot1.c, multiboot2.c */
void BootParse1(BOOT_PARSER *Parser, ULONG64 Information);
void BootParse2(BOOT_PARSER *Parser, ULONG64 Information);
