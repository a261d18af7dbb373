/* symbols.h - the kernel's own function names, from the table that the build embeds. */
#pragma once

#include <rtl/ntdef.h>

#define KSYM_BASE 0xFFFFFFFF80000000ull

/* Sorted by Offset; the first link of the build has no table, so the references are weak. */
typedef struct { ULONG Offset; ULONG NameOffset; } KSYM;
extern const KSYM KSymTable[] __attribute__((weak));
extern const ULONG KSymCount __attribute__((weak));
extern const char KSymNames[] __attribute__((weak));

/* The function that Address lies in, or NULL; *Offset gets the distance from its start. */
const char *RtlFindSymbol(ULONG64 Address, ULONG64 *Offset);
