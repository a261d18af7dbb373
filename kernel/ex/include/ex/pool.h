/* pool.h - tagged kernel memory. */
#pragma once

#include <rtl/ntdef.h>

typedef enum _POOL_TYPE {
    NonPagedPool = 0, PagedPool = 1, NonPagedPoolMustSucceed = 2, NonPagedPoolCacheAligned = 4,
    PagedPoolCacheAligned = 5, NonPagedPoolNx = 512, POOL_RAISE_IF_ALLOCATION_FAILURE = 16
} POOL_TYPE;

typedef ULONG64 POOL_FLAGS;
#define POOL_FLAG_UNINITIALIZED 0x0000000000000002ull
#define POOL_FLAG_RAISE_ON_FAILURE 0x0000000000000020ull
#define POOL_FLAG_NON_PAGED     0x0000000000000040ull
#define POOL_FLAG_PAGED         0x0000000000000100ull

void ExInitializePool(void);
PVOID ExAllocatePool(POOL_TYPE PoolType, SIZE_T NumberOfBytes);
PVOID ExAllocatePoolWithTag(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag);
PVOID ExAllocatePool2(POOL_FLAGS Flags, SIZE_T NumberOfBytes, ULONG Tag);
VOID ExFreePool(PVOID P);
VOID ExFreePoolWithTag(PVOID P, ULONG Tag);

/* For routines that take and free memory in the name of their own caller: a leak is Caller's. */
PVOID ExAllocatePoolFor(PVOID Caller, POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag);
VOID ExFreePoolFor(PVOID Caller, PVOID P);

/* Verifier side: switched on before the first driver allocation. */
void ExEnablePoolVerifier(void);
typedef struct _POOL_OWNER_RANGE { ULONG64 Start, End; } POOL_OWNER_RANGE;
/* Calls Report for each live block whose allocating caller lies in Range; returns their number. */
typedef void (*POOL_REPORT)(PVOID Context, PVOID Block, SIZE_T Size, ULONG Tag, PVOID Caller);
ULONG ExForEachPoolBlockOf(POOL_OWNER_RANGE Range, POOL_REPORT Report, PVOID Context);
void ExCheckFreedPool(void);     /* stops the machine if freed memory that is still kept was written to */
BOOLEAN ExIsFreedPool(const void *Address);     /* verifier: inside a block that has been freed */

/* Called for each guarded block that is about to be freed, still whole, at the IRQL of the free. Set once. */
typedef void (*POOL_FREE_HOOK)(PVOID Block, SIZE_T Size, PVOID Caller);
void ExSetFreeHook(POOL_FREE_HOOK Hook);
