/* resource.h - the ERESOURCE: one exclusive or many shared owners, each as often as it likes. */
#pragma once

#include <rtl/ntdef.h>

typedef ULONG_PTR ERESOURCE_THREAD, *PERESOURCE_THREAD;

typedef struct _OWNER_ENTRY {
    ERESOURCE_THREAD OwnerThread;       /* the thread, or a pointer whose low bits are 11; 0: nobody */
    union {
        struct { ULONG IoPriorityBoosted : 1, OwnerReferenced : 1, OwnerCount : 30; };
        ULONG TableSize;                /* in the table's first entry: its entries, that one included */
    };
} OWNER_ENTRY, *POWNER_ENTRY;

C_ASSERT(sizeof(OWNER_ENTRY) == 0x10 && offsetof(OWNER_ENTRY, TableSize) == 8);

struct _RESOURCE_WAITER;

/* Letters: (s) SpinLock, with the state word frozen; see resource.c */
typedef struct _ERESOURCE {
    LIST_ENTRY SystemResourcesList;     /* the list's own lock */
    POWNER_ENTRY OwnerTable;            /* (s) shared owners besides the one in OwnerEntry; NULL: never needed */
    union {
        struct { SHORT ActiveCount; USHORT Flag; };
        volatile ULONG State;           /* both in one word, changed by compare-and-swap */
    };
    struct _RESOURCE_WAITER *SharedWaiters;     /* (s) the last of a ring; NULL: none */
    struct _RESOURCE_WAITER *ExclusiveWaiters;  /* (s) the same */
    OWNER_ENTRY OwnerEntry;             /* the exclusive owner, or the shared one that came first */
    ULONG ActiveEntries;                /* (s) entries of OwnerTable in use */
    ULONG ContentionCount;              /* (s) acquisitions that had to wait */
    ULONG NumberOfSharedWaiters;        /* (s) */
    ULONG NumberOfExclusiveWaiters;     /* (s) */
    PVOID Reserved2;
    PVOID Address;                      /* who initialised it */
    KSPIN_LOCK SpinLock;
} ERESOURCE, *PERESOURCE;

C_ASSERT(sizeof(ERESOURCE) == 0x68 && offsetof(ERESOURCE, OwnerTable) == 0x10 && offsetof(ERESOURCE, State) == 0x18);
C_ASSERT(offsetof(ERESOURCE, Flag) == 0x1A && offsetof(ERESOURCE, SharedWaiters) == 0x20);
C_ASSERT(offsetof(ERESOURCE, ExclusiveWaiters) == 0x28 && offsetof(ERESOURCE, OwnerEntry) == 0x30);
C_ASSERT(offsetof(ERESOURCE, ActiveEntries) == 0x40 && offsetof(ERESOURCE, ContentionCount) == 0x44);
C_ASSERT(offsetof(ERESOURCE, NumberOfSharedWaiters) == 0x48 && offsetof(ERESOURCE, NumberOfExclusiveWaiters) == 0x4C);
C_ASSERT(offsetof(ERESOURCE, Address) == 0x58 && offsetof(ERESOURCE, SpinLock) == 0x60);

enum { ResourceNeverExclusive = 0x10, ResourceReleaseByOtherThread = 0x20, ResourceOwnedExclusive = 0x80 };

#define FLAG_OWNER_POINTER_IS_THREAD 0x1u

NTSTATUS ExInitializeResourceLite(PERESOURCE Resource);
NTSTATUS ExReinitializeResourceLite(PERESOURCE Resource);
NTSTATUS ExDeleteResourceLite(PERESOURCE Resource);
BOOLEAN ExAcquireResourceExclusiveLite(PERESOURCE Resource, BOOLEAN Wait);
BOOLEAN ExTryToAcquireResourceExclusiveLite(PERESOURCE Resource);
BOOLEAN ExAcquireResourceSharedLite(PERESOURCE Resource, BOOLEAN Wait);
BOOLEAN ExAcquireSharedStarveExclusive(PERESOURCE Resource, BOOLEAN Wait);
BOOLEAN ExAcquireSharedWaitForExclusive(PERESOURCE Resource, BOOLEAN Wait);
VOID ExReleaseResourceLite(PERESOURCE Resource);
VOID ExReleaseResourceForThreadLite(PERESOURCE Resource, ERESOURCE_THREAD ResourceThreadId);
VOID ExConvertExclusiveToSharedLite(PERESOURCE Resource);
BOOLEAN ExIsResourceAcquiredExclusiveLite(PERESOURCE Resource);
ULONG ExIsResourceAcquiredSharedLite(PERESOURCE Resource);
ULONG ExGetExclusiveWaiterCount(PERESOURCE Resource);
ULONG ExGetSharedWaiterCount(PERESOURCE Resource);
VOID ExSetResourceOwnerPointer(PERESOURCE Resource, PVOID OwnerPointer);
VOID ExSetResourceOwnerPointerEx(PERESOURCE Resource, PVOID OwnerPointer, ULONG Flags);
VOID ExDisableResourceBoostLite(PERESOURCE Resource);
PVOID ExEnterCriticalRegionAndAcquireResourceExclusive(PERESOURCE Resource);
PVOID ExEnterCriticalRegionAndAcquireResourceShared(PERESOURCE Resource);
PVOID ExEnterCriticalRegionAndAcquireSharedWaitForExclusive(PERESOURCE Resource);
VOID ExReleaseResourceAndLeaveCriticalRegion(PERESOURCE Resource);

/* For the verifier. <= DISPATCH_LEVEL. */
NTSTATUS ExInitializeResourceFor(PERESOURCE Resource, PVOID Creator);       /* Creator: the code to be blamed for it */
BOOLEAN ExIsResourceListed(PERESOURCE Resource);        /* it hangs together with the system's list; any address */
PERESOURCE ExFindResourceIn(const void *Start, SIZE_T Size);    /* one on the list that begins there; NULL: none */
ULONG ExQueryResourceLevels(PERESOURCE Resource, ERESOURCE_THREAD Owner);   /* shared or exclusive */
BOOLEAN ExIsResourceUnowned(PERESOURCE Resource);
void ExForgetResources(const void *Start, SIZE_T Size);         /* memory goes away with resources on the list */

void ExInitializeResources(void);       /* the stop screen shows them from now on; once */
void ExPrintResources(void);            /* those with owners or waiters, without locks; any IRQL */

/* Calls Report for each resource on the system list that lies in [Start, End) or was initialised from there. Report may
 * print, and nothing else. <= DISPATCH_LEVEL. Returns their number. */
ULONG ExForEachResourceOf(ULONG64 Start, ULONG64 End, void (*Report)(PVOID Context, PERESOURCE Resource),
                          PVOID Context);
