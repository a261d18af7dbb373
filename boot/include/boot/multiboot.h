/* multiboot.h - what the loader left behind, turned into a BOOT_INFO. */
#pragma once

#include <rtl/boot_info.h>

#define MULTIBOOT1_MAGIC 0x2BADB002u
#define MULTIBOOT2_MAGIC 0x36D76289u

/* How the parser reaches the loader's memory and says what it refuses. The kernel's own rows are in
 * main.c; the tests have theirs. */
typedef struct _BOOT_SOURCE {
    const void *(*Map)(ULONG64 Physical, ULONG64 Length);       /* NULL: not readable */
    void (*Refuse)(const char *Line);
} BOOT_SOURCE;

ULONG BootParse(ULONG Magic, ULONG64 Information, const BOOT_SOURCE *Source, BOOT_INFO *Info);
