/* init.c - from the boot loader's memory to ours.
 *
 * The order matters because the provisional tables reach only 4 GiB: first the frames below that line
 * become available, the final tables are made of them, and once those are in force so does the rest.
 * The direct map holds memory and firmware tables, never a device: mapping a device twice with different
 * caching is undefined. */
#include "mi.h"

#include <arch/mmu.h>
#include <ke/bugcheck.h>
#include <ke/clock.h>
#include <rtl/print.h>
#include <rtl/status.h>
#include <rtl/string.h>

static ULONG64 TableFrame(void) { return MmAllocateFrames(0); }

static void RequireTables(BOOLEAN Done)
{
    if (!Done)
        KeBugCheckWith(KEDGE_INTERNAL_ERROR, MmFreeFrameCount(), MmTotalFrameCount(), 0, 0,
                       "no memory for the page tables: %I64u of %I64u frames are free", MmFreeFrameCount(),
                       MmTotalFrameCount());
}

static void MapMemory(const BOOT_INFO *Info)
{
    ULONG64 Done = 0x100000, Base, End;

    /* Firmware leaves tables among the first MiB; the window of the screen is a device. */
    RequireTables(MmuMapDirect(0, 0xA0000));
    RequireTables(MmuMapDirect(0xC0000, 0x40000));
    for (ULONG i = 0; i < Info->RangeCount; i++) {
        const BOOT_RANGE *Range = &Info->Ranges[i];

        if (Range->Type != BootRangeUsable && Range->Type != BootRangeAcpi && Range->Type != BootRangeNvs)
            continue;
        Base = Range->Base & ~(ULONG64)(PAGE_SIZE - 1);
        if (Base < Done)
            Base = Done;
        if (Range->Base >= MMU_DIRECT_MAP_SIZE || Range->Length == 0)
            continue;
        End = Range->Length > MMU_DIRECT_MAP_SIZE - Range->Base ? MMU_DIRECT_MAP_SIZE : Range->Base + Range->Length;
        End = (End + PAGE_SIZE - 1) & ~(ULONG64)(PAGE_SIZE - 1);
        if (Base >= End)
            continue;
        RequireTables(MmuMapDirect(Base, End - Base));
        Done = End;
    }
}

static void MapSharedData(void)
{
    ULONG64 Frame = MmAllocateFrames(0);

    RequireTables(Frame != 0);
    memset(MmPhysicalToVirtual(Frame), 0, PAGE_SIZE);
    RequireTables(MmuMap(KI_USER_SHARED_DATA, Frame, PAGE_SIZE, MMU_WRITE));
}

/* MmInitialize - take over all memory: frames, final page tables, the direct map, the shared data page.
 * Boot processor only, after its KeInitializeProcessor, on the provisional tables. */
void MmInitialize(const BOOT_INFO *Info)
{
    MiInitializeFrames(Info);
    MiAddMemory(Info, 0, MI_PROVISIONAL_TOP);
    RequireTables(MmuInitialize(TableFrame));
    MapMemory(Info);
    MmuActivate();
    MiAddMemory(Info, MI_PROVISIONAL_TOP, MmTopOfMemory());
    MapSharedData();
    MiInitializeRetirement();
    MiInitializeStacks();
    LogPrint("memory: %I64u MiB usable, %I64u MiB free, top at %I64x\n", MmTotalFrameCount() >> 8,
             MmFreeFrameCount() >> 8, MmTopOfMemory());
}
