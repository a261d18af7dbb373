/* frames.c - physical memory in blocks of 2^n frames.
 *
 * Promise: a block is naturally aligned and lies in memory that the boot map calls usable and that
 * nothing else occupies: not the image, a module, the framebuffer, a firmware table or the first MiB.
 * Method: a buddy system without lists. Order n has one bit per 2^n frames, set while exactly that block
 * is free; above the bits lie summaries, one bit per word below, so the lowest free block of an order is
 * found in at most five steps. Free memory itself is never touched: starting 512 GiB costs the zeroing of
 * 32 MiB of bits, starting 512 MiB that of 32 KiB, and a stray write into a freed frame breaks nothing here.
 * The smallest sufficient order is split, and in it the lowest address: large blocks last long.
 * Caller's duty: give back what was taken. A block need not go back as it came; any aligned part of it may.
 * Lock order: FrameLock is a leaf, taken under any other lock of mm and ex.
 * Rejected: lists through the free frames (touches them, trusts them); a descriptor per frame (2 GiB of
 * descriptors at the top size, written before the first page can be used). */
#include "mi.h"

#include <arch/mmu.h>
#include <ke/bugcheck.h>
#include <ke/spinlock.h>
#include <rtl/print.h>
#include <rtl/status.h>
#include <rtl/string.h>

enum { ORDERS = MI_MAX_ORDER + 1, LEVELS = 5, LOW_PAGES = 8 };

#define LOW_MEMORY 0x100000ull

typedef struct _SPAN { ULONG64 Base, End; } SPAN;

/* Level 0 is the bits; bit i of level n + 1 says that word i of level n is not zero. The last level is
 * one word. */
typedef struct _ORDER_MAP {
    ULONG64 *Level[LEVELS];
    ULONG Levels;
    ULONG64 Blocks;
} ORDER_MAP;

static KSPIN_LOCK FrameLock;
static ORDER_MAP Maps[ORDERS];  /* FrameLock */
static ULONG Available;         /* FrameLock; bit n: order n has a free block */
static ULONG64 FreeFrames;      /* FrameLock */
static ULONG64 TotalFrames, TopFrame;   /* fixed at init */

/* What usable memory already holds; filled and read during initialisation only. */
static SPAN Reserved[BOOT_MAX_RANGES + BOOT_MAX_MODULES + 8];
static ULONG ReservedCount;

static ULONG64 LowPages[LOW_PAGES];
static ULONG LowPageCount;

/* ---- Bits ---- */

static void SetFree(ULONG Order, ULONG64 Block)
{
    ORDER_MAP *Map = &Maps[Order];
    ULONG64 Before;

    for (ULONG Level = 0; Level < Map->Levels; Level++) {
        Before = Map->Level[Level][Block >> 6];
        Map->Level[Level][Block >> 6] = Before | 1ull << (Block & 63);
        if (Before != 0)
            break;
        Block >>= 6;
    }
    Available |= 1u << Order;
}

static void ClearFree(ULONG Order, ULONG64 Block)
{
    ORDER_MAP *Map = &Maps[Order];

    for (ULONG Level = 0; Level < Map->Levels; Level++) {
        if ((Map->Level[Level][Block >> 6] &= ~(1ull << (Block & 63))) != 0)
            return;
        Block >>= 6;
    }
    Available &= ~(1u << Order);
}

static BOOLEAN IsFree(ULONG Order, ULONG64 Block)
{
    const ORDER_MAP *Map = &Maps[Order];

    return Block < Map->Blocks && (Map->Level[0][Block >> 6] >> (Block & 63) & 1);
}

static ULONG64 LowestFree(ULONG Order)
{
    const ORDER_MAP *Map = &Maps[Order];
    ULONG64 Block = 0;

    for (ULONG Level = Map->Levels; Level-- > 0;)
        Block = Block << 6 | (ULONG)__builtin_ctzll(Map->Level[Level][Block]);
    return Block;
}

/* ---- Blocks; FrameLock held, or one processor and no interrupts yet ---- */

static DECLSPEC_NORETURN void StopOnBadFree(ULONG64 Frame, ULONG Order, const char *Why)
{
    KeBugCheckWith(KEDGE_INTERNAL_ERROR, Frame << PAGE_SHIFT, Order, TopFrame, 0,
                   "2^%u frames at %I64x were freed: %s", Order, Frame << PAGE_SHIFT, Why);
}

static void CheckFree(ULONG64 Frame, ULONG Order)
{
    if (Order > MI_MAX_ORDER || (Frame & ((1ull << Order) - 1)) != 0)
        StopOnBadFree(Frame, Order, "not a block");
    if (Frame == 0 || Frame + (1ull << Order) > TopFrame)
        StopOnBadFree(Frame, Order, "outside memory");
    for (ULONG Above = Order; Above <= MI_MAX_ORDER; Above++)
        if (IsFree(Above, Frame >> Above))
            StopOnBadFree(Frame, Order, "already free");
}

static void FreeBlock(ULONG64 Frame, ULONG Order)
{
    CheckFree(Frame, Order);
    FreeFrames += 1ull << Order;
    while (Order < MI_MAX_ORDER && IsFree(Order, Frame >> Order ^ 1)) {
        ClearFree(Order, Frame >> Order ^ 1);
        Frame &= ~(1ull << Order);
        Order++;
    }
    SetFree(Order, Frame >> Order);
}

/* Any stretch, as the fewest aligned blocks. */
static void FreeStretch(ULONG64 Frame, ULONG64 Count)
{
    ULONG Order;

    while (Count != 0) {
        Order = MiLog2(Count);
        if (Frame != 0 && (ULONG)__builtin_ctzll(Frame) < Order)
            Order = (ULONG)__builtin_ctzll(Frame);
        if (Order > MI_MAX_ORDER)
            Order = MI_MAX_ORDER;
        FreeBlock(Frame, Order);
        Frame += 1ull << Order;
        Count -= 1ull << Order;
    }
}

/* Returns the first frame, 0 when there is no such block: frame 0 is never given out. */
static ULONG64 TakeBlock(ULONG Order)
{
    ULONG64 Frame;
    ULONG From;

    if (Order > MI_MAX_ORDER || Available >> Order == 0)
        return 0;
    From = Order + (ULONG)__builtin_ctz(Available >> Order);
    Frame = LowestFree(From) << From;
    ClearFree(From, Frame >> From);
    while (From > Order) {
        From--;
        SetFree(From, (Frame >> From) + 1);
    }
    FreeFrames -= 1ull << Order;
    return Frame;
}

/* ---- The boot map ---- */

static ULONG64 PageUp(ULONG64 Address)
{
    ULONG64 Last = ~(ULONG64)(PAGE_SIZE - 1);   /* the last page there is */

    return Address > Last ? Last : (Address + PAGE_SIZE - 1) & Last;
}

static ULONG64 PageDown(ULONG64 Address) { return Address & ~(ULONG64)(PAGE_SIZE - 1); }

static ULONG64 EndOf(ULONG64 Base, ULONG64 Length) { return Base + Length < Base ? ~0ull : Base + Length; }

static void Reserve(ULONG64 Base, ULONG64 Length)
{
    if (Length == 0)
        return;
    RtlRequire(ReservedCount < RTL_NUMBER_OF(Reserved));
    Reserved[ReservedCount++] = (SPAN){ PageDown(Base), PageUp(EndOf(Base, Length)) };
}

/* The part of [Base, End) before the first reservation that meets it; moves Base over those at its start. */
static SPAN TrimReserved(ULONG64 Base, ULONG64 End)
{
    BOOLEAN Moved = TRUE;

    while (Moved) {
        Moved = FALSE;
        for (ULONG i = 0; i < ReservedCount; i++)
            if (Reserved[i].Base <= Base && Base < Reserved[i].End) {
                Base = Reserved[i].End;
                Moved = TRUE;
            }
    }
    for (ULONG i = 0; i < ReservedCount; i++)
        if (Reserved[i].Base > Base && Reserved[i].Base < End)
            End = Reserved[i].Base;
    return (SPAN){ Base, End };
}

/* The lowest stretch of unoccupied usable memory at or above From; FALSE when there is none. Overlapping or
 * unsorted ranges do no harm: memory below From is never reported again. */
static BOOLEAN NextHole(const BOOT_INFO *Info, ULONG64 From, SPAN *Hole)
{
    BOOLEAN Found = FALSE;
    ULONG64 Base, End;
    SPAN Span;

    for (ULONG i = 0; i < Info->RangeCount; i++) {
        if (Info->Ranges[i].Type != BootRangeUsable)
            continue;
        Base = PageUp(Info->Ranges[i].Base);
        End = PageDown(EndOf(Info->Ranges[i].Base, Info->Ranges[i].Length));
        if (End > MMU_DIRECT_MAP_SIZE)
            End = MMU_DIRECT_MAP_SIZE;
        if (Base < From)
            Base = From;
        if (Base >= End)
            continue;
        Span = TrimReserved(Base, End);
        if (Span.Base < Span.End && (!Found || Span.Base < Hole->Base)) {
            *Hole = Span;
            Found = TRUE;
        }
    }
    return Found;
}

static void ReserveOccupied(const BOOT_INFO *Info)
{
    const BOOT_FRAMEBUFFER *Screen = &Info->Framebuffer;
    ULONG64 Image = (ULONG64)KernelImageStart - MMU_KERNEL_BASE;

    Reserve(0, PAGE_SIZE);
    Reserve(Image, (ULONG64)(KernelImageEnd - KernelImageStart));
    for (ULONG i = 0; i < Info->RangeCount; i++)
        if (Info->Ranges[i].Type != BootRangeUsable)
            Reserve(Info->Ranges[i].Base, Info->Ranges[i].Length);
    for (ULONG i = 0; i < Info->ModuleCount; i++)
        Reserve(Info->Modules[i].Base, Info->Modules[i].Length);
    if (Screen->Base != 0)
        Reserve(Screen->Base, (ULONG64)Screen->Pitch * Screen->Height);
    if (Info->Rsdp != 0)
        Reserve(Info->Rsdp, sizeof(Info->RsdpCopy));
}

/* Processors start in real mode, below 1 MiB: keep some of it, and the rest out of everybody's way. */
static void KeepLowMemory(const BOOT_INFO *Info)
{
    SPAN Hole;

    for (ULONG64 From = PAGE_SIZE; NextHole(Info, From, &Hole); From = Hole.End) {
        for (ULONG64 Page = Hole.Base; Page < Hole.End && Page < LOW_MEMORY; Page += PAGE_SIZE)
            if (LowPageCount < LOW_PAGES)
                LowPages[LowPageCount++] = Page;
        if (Hole.End >= LOW_MEMORY)
            break;
    }
    Reserve(0, LOW_MEMORY);
}

static void MeasureMemory(const BOOT_INFO *Info)
{
    SPAN Hole;

    for (ULONG64 From = 0; NextHole(Info, From, &Hole); From = Hole.End) {
        TotalFrames += (Hole.End - Hole.Base) >> PAGE_SHIFT;
        TopFrame = Hole.End >> PAGE_SHIFT;
    }
    for (ULONG i = 0; i < Info->RangeCount; i++) {
        ULONG64 Base = Info->Ranges[i].Base, End = EndOf(Base, Info->Ranges[i].Length);

        if (Info->Ranges[i].Type == BootRangeUsable && End > MMU_DIRECT_MAP_SIZE)
            LogPrint("memory: %I64x..%I64x lies in part above 512 GiB, which is not used\n", Base, End);
    }
}

/* Give each level its place, in words from the start; Base NULL only counts. */
static ULONG64 LayOutMaps(ULONG64 *Base)
{
    ULONG64 Words = 0, Bits;

    for (ULONG Order = 0; Order < ORDERS; Order++) {
        ORDER_MAP *Map = &Maps[Order];

        Map->Blocks = TopFrame >> Order;
        Map->Levels = 0;
        Bits = Map->Blocks;
        do {
            RtlRequire(Map->Levels < LEVELS);
            Map->Level[Map->Levels++] = Base + Words;
            Bits = (Bits + 63) / 64;
            Words += Bits == 0 ? 1 : Bits;
        } while (Bits > 1);
    }
    return Words;
}

static void PlaceMaps(const BOOT_INFO *Info)
{
    ULONG64 Bytes = PageUp(LayOutMaps(NULL) * sizeof(ULONG64));
    SPAN Hole;

    for (ULONG64 From = LOW_MEMORY; NextHole(Info, From, &Hole) && Hole.Base < MI_PROVISIONAL_TOP; From = Hole.End)
        if (Hole.End - Hole.Base >= Bytes && Hole.Base + Bytes <= MI_PROVISIONAL_TOP) {
            Reserve(Hole.Base, Bytes);
            LayOutMaps((ULONG64 *)(MMU_DIRECT_MAP + Hole.Base));
            memset((PVOID)(MMU_DIRECT_MAP + Hole.Base), 0, Bytes);
            return;
        }
    KeBugCheckWith(KEDGE_INTERNAL_ERROR, Bytes, TotalFrames, 0, 0,
                   "no %I64u KiB of usable memory below 4 GiB for the frame maps", Bytes >> 10);
}

/* ---- Inside mm ---- */

/* Prepare the maps. Needs the provisional direct map of the first 4 GiB; hands out nothing yet. */
void MiInitializeFrames(const BOOT_INFO *Info)
{
    ReserveOccupied(Info);
    KeepLowMemory(Info);
    MeasureMemory(Info);
    PlaceMaps(Info);
}

/* Make the unoccupied memory of [Low, High) available. */
void MiAddMemory(const BOOT_INFO *Info, ULONG64 Low, ULONG64 High)
{
    ULONG64 From = Low;
    SPAN Hole;

    while (From < High && NextHole(Info, From, &Hole) && Hole.Base < High) {
        if (Hole.End > High)
            Hole.End = High;
        FreeStretch(Hole.Base >> PAGE_SHIFT, (Hole.End - Hole.Base) >> PAGE_SHIFT);
        From = Hole.End;
    }
}

/* ---- Public ---- */

/* MmAllocateFrames - 2^Order contiguous frames, aligned to their size; Order 0 to 18 (1 GiB).
 * IRQL: <= DISPATCH_LEVEL. Returns: physical address; 0 when no such block is free. Content: anything. */
ULONG64 MmAllocateFrames(ULONG Order)
{
    KIRQL Irql = KeAcquireSpinLockRaiseToDpc(&FrameLock);
    ULONG64 Frame = TakeBlock(Order);

    KeReleaseSpinLock(&FrameLock, Irql);
    return Frame << PAGE_SHIFT;
}

/* MmFreeFrames - give back a block, or any aligned part of one. IRQL: <= DISPATCH_LEVEL.
 * Errors: a block that is free already or that is no memory stops the machine. */
void MmFreeFrames(ULONG64 Physical, ULONG Order)
{
    KIRQL Irql = KeAcquireSpinLockRaiseToDpc(&FrameLock);

    FreeBlock(Physical >> PAGE_SHIFT, Order);
    KeReleaseSpinLock(&FrameLock, Irql);
}

/* MmAllocateFrameRun - Count contiguous frames, aligned to the next power of two; the rest of that block
 * stays free. IRQL: <= DISPATCH_LEVEL. Returns: physical address, 0 when there is no such run. */
ULONG64 MmAllocateFrameRun(ULONG64 Count)
{
    ULONG64 Frame = 0;
    KIRQL Irql;
    ULONG Order;

    if (Count == 0 || Count > 1ull << MI_MAX_ORDER)
        return 0;
    Order = MiLog2(Count) + ((Count & (Count - 1)) != 0);
    Irql = KeAcquireSpinLockRaiseToDpc(&FrameLock);
    Frame = TakeBlock(Order);
    if (Frame != 0)
        FreeStretch(Frame + Count, (1ull << Order) - Count);
    KeReleaseSpinLock(&FrameLock, Irql);
    return Frame << PAGE_SHIFT;
}

/* MmFreeFrameRun - give back Count frames from Physical on. IRQL: <= DISPATCH_LEVEL. */
void MmFreeFrameRun(ULONG64 Physical, ULONG64 Count)
{
    KIRQL Irql = KeAcquireSpinLockRaiseToDpc(&FrameLock);

    FreeStretch(Physical >> PAGE_SHIFT, Count);
    KeReleaseSpinLock(&FrameLock, Irql);
}

/* MmAllocateLowPage - a page below 1 MiB for the code with which other processors start. There are few
 * and none comes back. Boot processor only. Returns: physical address; 0 when there is none. */
ULONG64 MmAllocateLowPage(void)
{
    return LowPageCount == 0 ? 0 : LowPages[--LowPageCount];
}

ULONG64 MmFreeFrameCount(void) { return __atomic_load_n(&FreeFrames, __ATOMIC_RELAXED); }

/* MmTotalFrameCount - usable frames that nothing occupied when the kernel started. */
ULONG64 MmTotalFrameCount(void) { return TotalFrames; }

/* MmTopOfMemory - no usable memory lies at or above this physical address. */
ULONG64 MmTopOfMemory(void) { return TopFrame << PAGE_SHIFT; }
