/* exp.h - what the files of the pool share, and those of resources. Outside ex only tests/ex/pool_inner_test.c looks in
 * here. */
#pragma once

#include <arch/port.h>
#include <ex/pool.h>
#include <ex/resource.h>
#include <ke/event.h>
#include <ke/thread.h>
#include <rtl/debug.h>
#include <rtl/list.h>
#include <rtl/status.h>

/* A block smaller than a page, as it lies in its slab:
 *
 *   plain     [header][bytes ...]
 *   guarded   [front][header][bytes ...][red zone to the end of the slot]
 *   free      [header, state free][next free block ...]
 *
 * So the first 16 bytes of a slot always say what it holds, and the 16 before a block are its header. */
typedef struct _POOL_HEADER {
    ULONG Tag;
    USHORT Size;                /* bytes asked for */
    UCHAR Class;
    UCHAR Kind;                 /* POOL_KIND_... */
    ULONG64 Owner;              /* state << 48 | low 48 bits of who allocated it, or freed it last */
} POOL_HEADER;

C_ASSERT(sizeof(POOL_HEADER) == 16);

enum { POOL_KIND_PAGED = 1 };
enum { POOL_FREE = 0xF4EE, POOL_LIVE = 0xA11C, POOL_GUARDED = 0x6A4D, POOL_FRONT = 0xF407, POOL_GONE = 0xDEAD };

typedef struct _POOL_FREE_BLOCK {
    POOL_HEADER Header;
    struct _POOL_FREE_BLOCK *Next;
} POOL_FREE_BLOCK;

/* Before a guarded block: while it is live a canary, in quarantine the link and who freed it. */
typedef struct _POOL_FRONT_ZONE {
    union { ULONG64 Canary; struct _POOL_FRONT_ZONE *Next; };
    ULONG64 Owner;              /* POOL_FRONT and the block's own address, or POOL_GONE and who freed it */
} POOL_FRONT_ZONE;

C_ASSERT(sizeof(POOL_FRONT_ZONE) == sizeof(POOL_HEADER));
C_ASSERT(offsetof(POOL_FRONT_ZONE, Owner) == offsetof(POOL_HEADER, Owner));

enum {
    POOL_CLASSES = 25,
    POOL_SMALL_MAX = PAGE_SIZE - sizeof(POOL_HEADER),   /* larger ones are whole pages */
    POOL_RED_ZONE = 16,                                 /* at least so many bytes behind a guarded block */
    POOL_GUARD = sizeof(POOL_FRONT_ZONE) + POOL_RED_ZONE,
    POOL_GUARDED_MAX = POOL_SMALL_MAX - POOL_GUARD
};

/* Patterns: what was never written, what was freed, what nobody owns. None is an address. */
enum { POOL_NEW = 0xCD, POOL_POISON = 0xDD, POOL_RED = 0xCB };

FORCEINLINE ULONG ExpState(ULONG64 Owner) { return (ULONG)(Owner >> 48); }
FORCEINLINE ULONG64 ExpOwnerAddress(ULONG64 Owner) { return Owner | 0xFFFF000000000000ull; }
FORCEINLINE ULONG64 ExpOwner(ULONG State, const void *Address)
{
    return ((ULONG64)Address & 0x0000FFFFFFFFFFFFull) | (ULONG64)State << 48;
}

/* The same for an address of code, whose upper bits are ones. */
FORCEINLINE ULONG64 ExpOwnerCode(ULONG State, const void *Address)
{
    return (ULONG64)Address ^ (ULONG64)(State ^ 0xFFFF) << 48;
}

/* What a free finds wrong, before it becomes a stop. */
typedef struct _POOL_FAULT {
    ULONG Code;                 /* bugcheck, with its parameters */
    ULONG_PTR Parameter[4];
    const char *What;
    PVOID Block;
    SIZE_T Size;
    ULONG Tag;
    ULONG64 Allocator, Freer;   /* 0: not known */
    ULONG64 Caller;             /* who frees it now; 0: nobody */
    LONG64 Offset;              /* of the first wrong byte, from the block's start */
    BOOLEAN HasOffset, HasBlock;
} POOL_FAULT;

/* pool.c */
extern SIZE_T ExpFastLimit;     /* sizes below it take the fast path; 0 while the verifier is on */
PVOID ExpTakeSlot(ULONG Size);                  /* a free slot for a header and Size bytes; NULL: memory is out */
void ExpReturnSlot(POOL_FREE_BLOCK *Slot);      /* marked free by the caller */

/* pool_slab.c */
enum { POOL_SLAB_SHIFT = 15, POOL_WHOLE_SLAB = 0xFF };

typedef struct _POOL_SLAB {
    LIST_ENTRY Link;            /* in Partial or Full of its class */
    POOL_FREE_BLOCK *Free;
    ULONG FreeCount, Total;
    ULONG Class, Pages;
} POOL_SLAB;

/* One byte for each aligned 32 KiB of physical memory: POOL_WHOLE_SLAB, or which of its pages are slabs of
 * their own. Any address can be asked about, mapped or not. */
typedef struct _POOL_SLAB_MAP {
    ULONG64 DirectMap;          /* where physical address 0 would be seen */
    ULONG64 Places;
    UCHAR *Bytes;             /* changed atomically */
} POOL_SLAB_MAP;

extern POOL_SLAB_MAP ExpSlabMap;        /* fixed at init, but for the bytes */

FORCEINLINE UCHAR ExpSlabPlace(const void *Address)
{
    ULONG64 Place = ((ULONG64)Address - ExpSlabMap.DirectMap) >> POOL_SLAB_SHIFT;

    return Place < ExpSlabMap.Places ? ExpSlabMap.Bytes[Place] : 0;
}

FORCEINLINE POOL_SLAB *ExpWholeSlabOf(const void *Address)
{
    return (POOL_SLAB *)((ULONG64)Address & ~((1ull << POOL_SLAB_SHIFT) - 1));
}

POOL_SLAB *ExpSlabOf(const void *Address);      /* NULL: it lies in none */
/* A processor's free slots of one class; the last one's Next, or Free itself, is ExpNoSlot, whose state is not free.
 * Room: how many more the list is to hold; below 0 it holds too many. */
typedef struct _POOL_CACHE { POOL_FREE_BLOCK *Free; LONG Room; ULONG Limit; } POOL_CACHE;

extern POOL_FREE_BLOCK ExpNoSlot;

FORCEINLINE ULONG ExpCount(const POOL_CACHE *Cache) { return Cache->Limit - (ULONG)Cache->Room; }
extern UCHAR ExpClassOf[PAGE_SIZE / 16 + 1];    /* by size with header, in units of 16 bytes, rounded up */
void ExpInitializeSlabs(void);
ULONG ExpCacheLimit(ULONG Class);
ULONG ExpSlotSize(ULONG Class);
BOOLEAN ExpRefill(ULONG Class, POOL_CACHE *Cache);
void ExpDrain(ULONG Class, POOL_CACHE *Cache, ULONG Count);
BOOLEAN ExpReleaseEmptySlabs(void);
POOL_HEADER *ExpSlotOf(const void *Address);           /* start of the slot that Address lies in; NULL: in none */
/* Visit every slot of every slab until Visit returns FALSE; under the class's lock. */
void ExpForEachSlot(BOOLEAN (*Visit)(PVOID Context, POOL_HEADER *Slot), PVOID Context);

/* pool_large.c */
typedef struct _POOL_LARGE {
    struct _POOL_LARGE *Next;
    PCHAR Base;
    SIZE_T Size;
    ULONG64 Caller;
    ULONG Tag;
    UCHAR Kind;
    BOOLEAN OwnPages;           /* from MmAllocatePages, between guards; else frames of the direct map */
    BOOLEAN Guarded;
} POOL_LARGE;

PVOID ExpAllocateLarge(SIZE_T Size, ULONG Tag, ULONG Kind, BOOLEAN Guarded, PVOID Caller);
BOOLEAN ExpFindLarge(const void *Base, POOL_LARGE *Copy);
void ExpFreeLarge(PVOID Base);
void ExpForEachLarge(BOOLEAN (*Visit)(PVOID Context, const POOL_LARGE *Large), PVOID Context);

/* pool_verify.c */
PVOID ExpAllocateGuarded(SIZE_T Size, ULONG Tag, ULONG Kind, PVOID Caller);
void ExpCheckAllocation(SIZE_T Size, ULONG Tag, ULONG Kind, PVOID Caller);
BOOLEAN ExpCheckBlock(PVOID Block, ULONG Tag, POOL_FAULT *Fault);       /* TRUE: it may be freed */
void ExpFreeChecked(PVOID Block, PVOID Caller);                         /* a block of any kind */
BOOLEAN ExpCheckQuarantine(POOL_FAULT *Fault);                          /* TRUE: nobody wrote into freed memory */
BOOLEAN ExpEmptyQuarantine(void);                                       /* FALSE: it was empty */

/* pool_report.c */
DECLSPEC_NORETURN void ExpStop(const POOL_FAULT *Fault);
void ExpDescribeTag(ULONG Tag, char Text[5]);
void ExpDescribeOwner(const char *Verb, ULONG64 Address, char *Text, SIZE_T Size);      /* ", VERB by NAME", or "" */

/* ---- resource.c, resource_owner.c, resource_list.c ---- */

enum { RESOURCE_TAG = 'lTeR' };

/* State: ActiveCount is the low half, Flag the high one. */
enum { RESOURCE_OWNED = 1, RESOURCE_EXCLUSIVE = ResourceOwnedExclusive << 16, RESOURCE_FROZEN = 0x0100 << 16 };

typedef struct _RESOURCE_WAITER {
    struct _RESOURCE_WAITER *Next;
    struct _KTHREAD *Thread;
    KEVENT Event;                       /* set when it is an owner */
} RESOURCE_WAITER;

FORCEINLINE PKTHREAD ExpSelf(void) { return (PKTHREAD)ARCH_THIS_CPU->CurrentThread; }

/* ExGetCurrentResourceThread - the id that the current thread owns resources by: its address. In the DDK a macro. */
FORCEINLINE ERESOURCE_THREAD ExGetCurrentResourceThread(void)
{
    return (ERESOURCE_THREAD)ARCH_THIS_CPU->CurrentThread;
}

enum { ONE_LEVEL = 4 };         /* of an owner, as it stands in OWNER_ENTRY.TableSize */

FORCEINLINE void ExpEnterOwner(POWNER_ENTRY Entry, ERESOURCE_THREAD Owner)
{
    Entry->TableSize = ONE_LEVEL;
    *(volatile ERESOURCE_THREAD *)&Entry->OwnerThread = Owner;
}

FORCEINLINE BOOLEAN ExpIsFree(PERESOURCE Resource)
{
    return !(Resource->State & RESOURCE_OWNED) && Resource->ActiveEntries == 0;
}

KIRQL ExpLockResource(PERESOURCE Resource);
void ExpUnlockResource(PERESOURCE Resource, KIRQL OldIrql);
DECLSPEC_NORETURN void ExpStopNotOwned(PERESOURCE Resource, ERESOURCE_THREAD Owner, const char *What);
ULONG ExpTableSize(PERESOURCE Resource);        /* entries, the first included; 0: there is no table */
ULONG ExpTableRoom(PERESOURCE Resource);        /* how many shared owners it can hold */
POWNER_ENTRY ExpFindOwner(PERESOURCE Resource, ERESOURCE_THREAD Owner);         /* NULL: owns nothing */
void ExpFillSlot(PERESOURCE Resource, ULONG At, PKTHREAD Thread);
BOOLEAN ExpAddOwner(PERESOURCE Resource, PKTHREAD Thread);      /* FALSE: the table is full */
void ExpVacate(PERESOURCE Resource, POWNER_ENTRY Entry);
BOOLEAN ExpGrowTable(PERESOURCE Resource, ULONG OldSize);       /* not under the lock; FALSE: memory is out */
