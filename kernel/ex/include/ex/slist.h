/* slist.h - sequenced singly linked lists: stacks of entries for any IRQL, without a lock. */
#pragma once

#include <rtl/ntdef.h>

typedef struct __attribute__((aligned(16))) _SLIST_ENTRY { struct _SLIST_ENTRY *Next; } SLIST_ENTRY, *PSLIST_ENTRY;

/* All zeroes: empty. Drivers read Depth inline. */
typedef union __attribute__((aligned(16))) _SLIST_HEADER {
    struct { ULONGLONG Alignment, Region; };
    struct {
        ULONGLONG Depth : 16, Sequence : 48;
        ULONGLONG HeaderType : 1, Reserved : 3, NextEntry : 60;     /* the entry's address / 16 */
    } HeaderX64;
} SLIST_HEADER, *PSLIST_HEADER;

C_ASSERT(sizeof(SLIST_ENTRY) == 0x10 && _Alignof(SLIST_ENTRY) == 0x10);
C_ASSERT(sizeof(SLIST_HEADER) == 0x10 && _Alignof(SLIST_HEADER) == 0x10 && offsetof(SLIST_HEADER, Region) == 8);

VOID InitializeSListHead(PSLIST_HEADER SListHead);
PSLIST_ENTRY ExpInterlockedPushEntrySList(PSLIST_HEADER ListHead, PSLIST_ENTRY ListEntry);
PSLIST_ENTRY ExpInterlockedPopEntrySList(PSLIST_HEADER ListHead);
PSLIST_ENTRY ExpInterlockedFlushSList(PSLIST_HEADER ListHead);
PSLIST_ENTRY FirstEntrySList(const SLIST_HEADER *ListHead);
USHORT ExQueryDepthSList(PSLIST_HEADER ListHead);

/* As drivers have them: the lock is not used. */
#define ExInterlockedPushEntrySList(ListHead, ListEntry, Lock) ExpInterlockedPushEntrySList(ListHead, ListEntry)
#define ExInterlockedPopEntrySList(ListHead, Lock)             ExpInterlockedPopEntrySList(ListHead)
#define ExInterlockedFlushSList(ListHead)                      ExpInterlockedFlushSList(ListHead)
