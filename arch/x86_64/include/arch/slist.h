/* slist.h - a stack of entries without a lock, for any IRQL: slist.S. An entry is 16-byte aligned memory whose first
 * word is the list's. */
#pragma once

#include <rtl/ntdef.h>

typedef struct _ARCH_SLIST {
    volatile ULONG64 State;             /* low 16 bits: entries; above: changes */
    PVOID volatile First;
} __attribute__((aligned(16))) ARCH_SLIST;

PVOID ArchPushSlist(ARCH_SLIST *List, PVOID Entry);     /* the entry that was the first before */
PVOID ArchPopSlist(ARCH_SLIST *List);
PVOID ArchFlushSlist(ARCH_SLIST *List);                 /* the first of all that were in it */
