/* pool_large.c - blocks of whole pages.
 *
 * They start on a page and have no header: a record in a table by address says what each is. Memory comes as
 * contiguous frames, seen through the direct map, without touching a page table; where there is no such
 * run, and under the verifier, as pages of their own between guards.
 * Lock order: LargeLock is a leaf. */
#include "exp.h"

#include <ke/spinlock.h>
#include <mm/mm.h>
#include <rtl/string.h>

enum { BUCKETS = 4096, LARGE_TAG = 0x6772614C };        /* 'Larg' */

static KSPIN_LOCK LargeLock;
static POOL_LARGE *Table[BUCKETS];      /* LargeLock */

static POOL_LARGE **Bucket(const void *Base)
{
    return &Table[((ULONG64)Base >> PAGE_SHIFT) * 0x9E3779B97F4A7C15ull >> 52];
}

C_ASSERT(BUCKETS == 1 << (64 - 52));

/* At least one: a small block may come here when slabs cannot be made. */
static ULONG64 PagesOf(SIZE_T Size) { return Size == 0 ? 1 : (Size >> PAGE_SHIFT) + ((Size & (PAGE_SIZE - 1)) != 0); }

/* LargeLock held. */
static POOL_LARGE **Find(const void *Base)
{
    POOL_LARGE **Link = Bucket(Base);

    while (*Link != NULL && (*Link)->Base != (const char *)Base)
        Link = &(*Link)->Next;
    return Link;
}

static BOOLEAN GetMemory(POOL_LARGE *Large)
{
    ULONG64 Physical = Large->Guarded ? 0 : MmAllocateFrameRun(PagesOf(Large->Size));

    Large->OwnPages = Physical == 0;
    Large->Base = Large->OwnPages ? MmAllocatePages(Large->Size == 0 ? 1 : Large->Size) : MmPhysicalToVirtual(Physical);
    return Large->Base != NULL;
}

static POOL_LARGE *MakeRecord(void)
{
    POOL_FREE_BLOCK *Slot = ExpTakeSlot(sizeof(POOL_LARGE));

    if (Slot == NULL)
        return NULL;
    Slot->Header.Tag = LARGE_TAG;
    Slot->Header.Size = sizeof(POOL_LARGE);
    Slot->Header.Kind = 0;
    Slot->Header.Owner = ExpOwner(POOL_LIVE, MakeRecord);
    return (POOL_LARGE *)&Slot->Next;
}

static void FreeRecord(POOL_LARGE *Large)
{
    POOL_FREE_BLOCK *Slot = (POOL_FREE_BLOCK *)((POOL_HEADER *)Large - 1);

    Slot->Header.Owner = ExpOwner(POOL_FREE, FreeRecord);
    ExpReturnSlot(Slot);
}

/* ---- Inside the pool ---- */

/* At least a page is given, so that every block here starts on one. <= DISPATCH_LEVEL; NULL: memory is out. */
PVOID ExpAllocateLarge(SIZE_T Size, ULONG Tag, ULONG Kind, BOOLEAN Guarded, PVOID Caller)
{
    POOL_LARGE *Large = MakeRecord();
    KIRQL Irql;

    if (Large == NULL)
        return NULL;
    *Large = (POOL_LARGE){ .Size = Size, .Tag = Tag, .Kind = (UCHAR)Kind, .Guarded = Guarded,
                           .Caller = (ULONG64)Caller };
    if (!GetMemory(Large)) {
        FreeRecord(Large);
        return NULL;
    }
    if (Guarded) {
        memset(Large->Base, POOL_NEW, Size);
        memset(Large->Base + Size, POOL_RED, (PagesOf(Size) << PAGE_SHIFT) - Size);
    }
    Irql = KeAcquireSpinLockRaiseToDpc(&LargeLock);
    Large->Next = *Bucket(Large->Base);
    *Bucket(Large->Base) = Large;
    KeReleaseSpinLock(&LargeLock, Irql);
    return Large->Base;
}

BOOLEAN ExpFindLarge(const void *Base, POOL_LARGE *Copy)
{
    KIRQL Irql = KeAcquireSpinLockRaiseToDpc(&LargeLock);
    const POOL_LARGE *Large = *Find(Base);

    if (Large != NULL)
        *Copy = *Large;
    KeReleaseSpinLock(&LargeLock, Irql);
    return Large != NULL;
}

/* A block that ExpFindLarge has found. */
void ExpFreeLarge(PVOID Base)
{
    KIRQL Irql = KeAcquireSpinLockRaiseToDpc(&LargeLock);
    POOL_LARGE **Link = Find(Base), *Large = *Link;

    if (Large != NULL)
        *Link = Large->Next;
    KeReleaseSpinLock(&LargeLock, Irql);
    RtlRequire(Large != NULL);
    if (Large->OwnPages)
        MmFreePages(Large->Base, PagesOf(Large->Size) << PAGE_SHIFT);
    else
        MmFreeFrameRun((ULONG64)(Large->Base - (PCHAR)MmPhysicalToVirtual(0)), PagesOf(Large->Size));
    FreeRecord(Large);
}

void ExpForEachLarge(BOOLEAN (*Visit)(PVOID Context, const POOL_LARGE *Large), PVOID Context)
{
    KIRQL Irql = KeAcquireSpinLockRaiseToDpc(&LargeLock);
    BOOLEAN Go = TRUE;

    for (ULONG i = 0; Go && i < BUCKETS; i++)
        for (const POOL_LARGE *Large = Table[i]; Go && Large != NULL; Large = Large->Next)
            Go = Visit(Context, Large);
    KeReleaseSpinLock(&LargeLock, Irql);
}
