/* map.c - the page tables' one door, and translation between the two views of memory.
 *
 * The port's tables have no lock. Everything that changes them passes here, under MapLock, in pieces of at
 * most 2 MiB so that no processor waits long at DISPATCH_LEVEL.
 * Lock order: MapLock, then FrameLock (tables are made of frames). */
#include "mi.h"

#include <arch/mmu.h>
#include <ke/spinlock.h>

#define PIECE 0x200000ull

static KSPIN_LOCK MapLock;

static BOOLEAN Map(ULONG64 Virtual, ULONG64 Physical, ULONG64 Length, ULONG Rights)
{
    BOOLEAN Done = TRUE;
    ULONG64 Part;
    KIRQL Irql;

    for (; Done && Length != 0; Virtual += Part, Physical += Part, Length -= Part) {
        Part = Length < PIECE ? Length : PIECE;
        Irql = KeAcquireSpinLockRaiseToDpc(&MapLock);
        Done = MmuMap(Virtual, Physical, Part, Rights);
        KeReleaseSpinLock(&MapLock, Irql);
    }
    return Done;
}

/* ---- Inside mm; all <= DISPATCH_LEVEL ---- */

KIRQL MiLockTables(void) { return KeAcquireSpinLockRaiseToDpc(&MapLock); }

void MiUnlockTables(KIRQL Irql) { KeReleaseSpinLock(&MapLock, Irql); }

/* Map a range to its frames, read-write. FALSE: no memory for tables; the caller unmaps and releases. */
BOOLEAN MiMapRange(MI_RANGE *Range)
{
    ULONG64 Virtual = Range->Base, Block, Length;

    for (const MI_RUN *Run = Range->Runs; Run != NULL; Run = Run->Next)
        for (ULONG i = 0; i < RTL_NUMBER_OF(Run->Block) && Run->Block[i] != 0; i++) {
            Block = Run->Block[i];
            Length = (ULONG64)PAGE_SIZE << (Block & (PAGE_SIZE - 1));
            if (!Map(Virtual, Block & ~(ULONG64)(PAGE_SIZE - 1), Length, MMU_WRITE))
                return FALSE;
            Virtual += Length;
        }
    return TRUE;
}

/* Map a range to Physical and what follows it. */
BOOLEAN MiMapPhysical(MI_RANGE *Range, ULONG64 Physical, ULONG Rights)
{
    return Map(Range->Base, Physical, (ULONG64)Range->Pages << PAGE_SHIFT, Rights);
}

/* Unmap a range, here: other processors may translate it until they have flushed. */
void MiUnmapRange(MI_RANGE *Range)
{
    ULONG64 Virtual = Range->Base, Left = (ULONG64)Range->Pages << PAGE_SHIFT, Part;
    KIRQL Irql;

    for (; Left != 0; Virtual += Part, Left -= Part) {
        Part = Left < PIECE ? Left : PIECE;
        Irql = KeAcquireSpinLockRaiseToDpc(&MapLock);
        MmuUnmap(Virtual, Part);
        KeReleaseSpinLock(&MapLock, Irql);
    }
}

/* Change rights, here. */
void MiProtect(ULONG64 Base, ULONG64 Length, ULONG Rights)
{
    ULONG64 Part;
    KIRQL Irql;

    for (; Length != 0; Base += Part, Length -= Part) {
        Part = Length < PIECE ? Length : PIECE;
        Irql = KeAcquireSpinLockRaiseToDpc(&MapLock);
        MmuProtect(Base, Part, Rights);
        KeReleaseSpinLock(&MapLock, Irql);
    }
}

/* ---- Public ---- */

/* MmPhysicalToVirtual - where memory is visible in the direct map. Usable memory and ACPI ranges only;
 * for devices there is MmMapDevice. Any IRQL. */
PVOID MmPhysicalToVirtual(ULONG64 Physical) { return (PVOID)(MMU_DIRECT_MAP + Physical); }

/* MmVirtualToPhysical - what a kernel address is translated to. Any IRQL. Returns: ~0 when not mapped. */
ULONG64 MmVirtualToPhysical(const void *Virtual) { return MmuQuery((ULONG64)Virtual, NULL); }
