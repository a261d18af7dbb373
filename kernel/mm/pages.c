/* pages.c - memory of its own pages, and device memory, at addresses between guards.
 *
 * Both are ranges (range.c); the difference is whose frames they show. Freed ranges go through retire.c. */
#include "mi.h"

#include <arch/mmu.h>
#include <ke/irql.h>
#include <rtl/string.h>

/* No processor addresses more physical memory than this. */
#define PHYSICAL_LIMIT (1ull << 52)

static const ULONG CacheRights[] = {
    [MmUncached] = MMU_WRITE | MMU_UNCACHED, [MmCached] = MMU_WRITE, [MmWriteCombined] = MMU_WRITE | MMU_WRITE_COMBINE
};

static void DropRange(MI_RANGE *Range)
{
    MiUnmapRange(Range);
    MiRetireRange(Range);
}

/* Undo a range that was never handed out. A processor may have translated it ahead of need all the same. */
static void AbandonRange(MI_RANGE *Range)
{
    DropRange(MiTakeRange(Range->Kind, Range->Base, Range->Pages));
}

static void ZeroFrames(const MI_RANGE *Range)
{
    for (const MI_RUN *Run = Range->Runs; Run != NULL; Run = Run->Next)
        for (ULONG i = 0; i < RTL_NUMBER_OF(Run->Block) && Run->Block[i] != 0; i++)
            memset(MmPhysicalToVirtual(Run->Block[i] & ~(ULONG64)(PAGE_SIZE - 1)), 0,
                   (SIZE_T)PAGE_SIZE << (Run->Block[i] & (PAGE_SIZE - 1)));
}

static MI_RANGE *MakeRange(MI_KIND Kind, ULONG64 Pages)
{
    MI_RANGE *Range = MiReserveRange(Kind, Pages);

    if (Range == NULL)
        return NULL;
    if (MiFillRange(Range) && MiMapRange(Range))
        return Range;
    AbandonRange(Range);
    return NULL;
}

/* ---- Inside mm ---- */

/* A mapped range of its own frames, whose content is anything. <= DISPATCH_LEVEL. NULL: memory is out. */
MI_RANGE *MiMakeRange(MI_KIND Kind, ULONG64 Pages)
{
    MI_RANGE *Range;

    if (Pages > MmFreeFrameCount() && !MiReclaimRetired())
        return NULL;
    Range = MakeRange(Kind, Pages);
    if (Range == NULL && MiReclaimRetired())
        Range = MakeRange(Kind, Pages);
    return Range;
}

/* ---- Public ---- */

/* MmAllocatePages - Length bytes, rounded up to pages: zeroed, read-write, no-execute, an unmapped page
 * before and after. IRQL: <= DISPATCH_LEVEL. Returns: page aligned; NULL when memory is out or Length is 0. */
PVOID MmAllocatePages(SIZE_T Length)
{
    MI_RANGE *Range = MiMakeRange(MiPagesRange, MiPages(Length));

    if (Range == NULL)
        return NULL;
    ZeroFrames(Range);
    return (PVOID)Range->Base;
}

/* MmFreePages - give back what MmAllocatePages gave, with the same Length. From the return on an access
 * faults on this processor; see retire.c for the others. IRQL: <= DISPATCH_LEVEL.
 * Errors: anything else than such a block stops the machine. */
void MmFreePages(PVOID Base, SIZE_T Length)
{
    DropRange(MiTakeRange(MiPagesRange, (ULONG64)Base, MiPages(Length)));
}

/* MmProtectPages - set the rights of whole mapped pages, valid on every processor on return.
 * Rights: MM_READ, MM_WRITE or MM_EXECUTE. IRQL: PASSIVE_LEVEL.
 * Returns: FALSE, and nothing changed, for writable and executable at once, a part that is not whole pages,
 * or a page that is not mapped. */
BOOLEAN MmProtectPages(PVOID Base, SIZE_T Length, ULONG Rights)
{
    ULONG64 Start = (ULONG64)Base;
    ULONG MmuRights = (Rights & MM_WRITE ? MMU_WRITE : 0) | (Rights & MM_EXECUTE ? MMU_EXECUTE : 0);

    RtlAssert(KeGetCurrentIrql() < DISPATCH_LEVEL);
    if (Rights != MM_READ && Rights != MM_WRITE && Rights != MM_EXECUTE)
        return FALSE;
    if (((Start | Length) & (PAGE_SIZE - 1)) != 0 || Start + Length < Start)
        return FALSE;
    for (ULONG64 Page = Start; Page < Start + Length; Page += PAGE_SIZE)
        if (MmuQuery(Page, NULL) == ~0ull)
            return FALSE;
    MiProtect(Start, Length, MmuRights);
    MiFlushEverywhere();
    return TRUE;
}

/* MmMapDevice - make device memory visible, read-write, no-execute. Physical need not be page aligned.
 * IRQL: <= DISPATCH_LEVEL. Returns: the address of that byte; NULL when addresses or memory are out, or for
 * a Length of 0 or beyond what a processor can address. */
PVOID MmMapDevice(ULONG64 Physical, SIZE_T Length, MM_CACHE Cache)
{
    ULONG64 Offset = Physical & (PAGE_SIZE - 1);
    MI_RANGE *Range;

    if (Length == 0 || Length > PHYSICAL_LIMIT || Physical > PHYSICAL_LIMIT - Length)
        return NULL;
    Range = MiReserveRange(MiDeviceRange, MiPages(Offset + Length));
    if (Range == NULL)
        return NULL;
    if (MiMapPhysical(Range, Physical - Offset, CacheRights[Cache]))
        return (PVOID)(Range->Base + Offset);
    AbandonRange(Range);
    return NULL;
}

/* MmUnmapDevice - end what MmMapDevice began, with the address and Length of then. IRQL: <= DISPATCH_LEVEL. */
void MmUnmapDevice(PVOID Virtual, SIZE_T Length)
{
    ULONG64 Offset = (ULONG64)Virtual & (PAGE_SIZE - 1);

    DropRange(MiTakeRange(MiDeviceRange, (ULONG64)Virtual - Offset, MiPages(Offset + Length)));
}
