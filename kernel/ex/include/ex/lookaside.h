/* lookaside.h - lookaside lists: freed entries of one size, kept for the next one who needs one. Drivers allocate and
 * free inline: the layout, the counters and the calls below are theirs. */
#pragma once

#include <ex/pool.h>
#include <ex/slist.h>

struct _LOOKASIDE_LIST_EX;
typedef PVOID (*PALLOCATE_FUNCTION)(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag);
typedef VOID (*PFREE_FUNCTION)(PVOID Buffer);
typedef PVOID (*PALLOCATE_FUNCTION_EX)(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag,
                                       struct _LOOKASIDE_LIST_EX *Lookaside);
typedef VOID (*PFREE_FUNCTION_EX)(PVOID Buffer, struct _LOOKASIDE_LIST_EX *Lookaside);

typedef struct _GENERAL_LOOKASIDE_POOL {
    SLIST_HEADER ListHead;
    USHORT Depth;                       /* a free entry is kept while there are fewer than this */
    USHORT MaximumDepth;                /* how far Depth may grow */
    ULONG TotalAllocates, AllocateMisses;       /* counted inline, not exactly */
    ULONG TotalFrees, FreeMisses;
    POOL_TYPE Type;
    ULONG Tag;
    ULONG Size;
    union {
        PALLOCATE_FUNCTION_EX AllocateEx;
        PALLOCATE_FUNCTION Allocate;
    };
    union {
        PFREE_FUNCTION_EX FreeEx;
        PFREE_FUNCTION Free;
    };
    LIST_ENTRY ListEntry;               /* the system's list of all */
    ULONG LastTotalAllocates, LastAllocateMisses;       /* as of the last adjustment of Depth */
    PVOID Creator;                      /* who initialised it */
} GENERAL_LOOKASIDE_POOL, *PGENERAL_LOOKASIDE;

C_ASSERT(sizeof(GENERAL_LOOKASIDE_POOL) == 0x60 && offsetof(GENERAL_LOOKASIDE_POOL, Depth) == 0x10);
C_ASSERT(offsetof(GENERAL_LOOKASIDE_POOL, TotalAllocates) == 0x14);
C_ASSERT(offsetof(GENERAL_LOOKASIDE_POOL, TotalFrees) == 0x1C);
C_ASSERT(offsetof(GENERAL_LOOKASIDE_POOL, Type) == 0x24 && offsetof(GENERAL_LOOKASIDE_POOL, Size) == 0x2C);
C_ASSERT(offsetof(GENERAL_LOOKASIDE_POOL, AllocateEx) == 0x30 && offsetof(GENERAL_LOOKASIDE_POOL, FreeEx) == 0x38);
C_ASSERT(offsetof(GENERAL_LOOKASIDE_POOL, ListEntry) == 0x40 && offsetof(GENERAL_LOOKASIDE_POOL, Creator) == 0x58);

typedef struct __attribute__((aligned(64))) _NPAGED_LOOKASIDE_LIST {
    GENERAL_LOOKASIDE_POOL L;
} NPAGED_LOOKASIDE_LIST, *PNPAGED_LOOKASIDE_LIST, PAGED_LOOKASIDE_LIST, *PPAGED_LOOKASIDE_LIST;

typedef struct _LOOKASIDE_LIST_EX { GENERAL_LOOKASIDE_POOL L; } LOOKASIDE_LIST_EX, *PLOOKASIDE_LIST_EX;

C_ASSERT(sizeof(NPAGED_LOOKASIDE_LIST) == 0x80 && sizeof(LOOKASIDE_LIST_EX) == 0x60);

enum { LOOKASIDE_MINIMUM_BLOCK_SIZE = 8, LOOKASIDE_MINIMUM_DEPTH = 4, EX_MAXIMUM_LOOKASIDE_DEPTH_BASE = 256,
       EX_MAXIMUM_LOOKASIDE_DEPTH_LIMIT = 1024 };
enum { EX_LOOKASIDE_LIST_EX_FLAGS_RAISE_ON_FAIL = 1, EX_LOOKASIDE_LIST_EX_FLAGS_FAIL_NO_RAISE = 2 };

VOID ExInitializeNPagedLookasideList(PNPAGED_LOOKASIDE_LIST Lookaside, PALLOCATE_FUNCTION Allocate, PFREE_FUNCTION Free,
                                     ULONG Flags, SIZE_T Size, ULONG Tag, USHORT Depth);
VOID ExDeleteNPagedLookasideList(PNPAGED_LOOKASIDE_LIST Lookaside);
VOID ExInitializePagedLookasideList(PPAGED_LOOKASIDE_LIST Lookaside, PALLOCATE_FUNCTION Allocate, PFREE_FUNCTION Free,
                                    ULONG Flags, SIZE_T Size, ULONG Tag, USHORT Depth);
VOID ExDeletePagedLookasideList(PPAGED_LOOKASIDE_LIST Lookaside);
PVOID ExAllocateFromPagedLookasideList(PPAGED_LOOKASIDE_LIST Lookaside);
VOID ExFreeToPagedLookasideList(PPAGED_LOOKASIDE_LIST Lookaside, PVOID Entry);
NTSTATUS ExInitializeLookasideListEx(PLOOKASIDE_LIST_EX Lookaside, PALLOCATE_FUNCTION_EX Allocate,
                                     PFREE_FUNCTION_EX Free, POOL_TYPE PoolType, ULONG Flags, SIZE_T Size, ULONG Tag,
                                     USHORT Depth);
VOID ExDeleteLookasideListEx(PLOOKASIDE_LIST_EX Lookaside);
VOID ExFlushLookasideListEx(PLOOKASIDE_LIST_EX Lookaside);

/* As drivers have them inline. */
PVOID ExAllocateFromNPagedLookasideList(PNPAGED_LOOKASIDE_LIST Lookaside);
VOID ExFreeToNPagedLookasideList(PNPAGED_LOOKASIDE_LIST Lookaside, PVOID Entry);
PVOID ExAllocateFromLookasideListEx(PLOOKASIDE_LIST_EX Lookaside);
VOID ExFreeToLookasideListEx(PLOOKASIDE_LIST_EX Lookaside, PVOID Entry);

/* Calls Report for each list that lies in [Start, End) or was initialised by code there; returns their number. */
ULONG ExForEachLookasideOf(ULONG64 Start, ULONG64 End, void (*Report)(PVOID Context, PGENERAL_LOOKASIDE List),
                           PVOID Context);
void ExForgetLookasides(const void *Start, SIZE_T Size);         /* memory goes away with lists that lie there */
/* The next depth of a list, from what happened to it since it was last looked at. */
USHORT ExNextLookasideDepth(const GENERAL_LOOKASIDE_POOL *List);
