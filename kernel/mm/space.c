/* space.c - the address spaces of processes: an own lower half below the kernel half that all share.
 *
 * A space owns what is committed in it: zeroed frames that nobody else maps and that live until the space goes. So a
 * commit needs no flush on other processors (a page that was absent is in no TLB), and deletion needs none either:
 * nobody is in the space any more, and whoever left it loaded another top table, which forgets its translations.
 * Lock: the tables' one lock for anything that the kernel half's changes may meet; a space's own lower tables are
 * under it as well, page by page. */
#include "mi.h"

#include <arch/mmu.h>
#include <rtl/string.h>

static void FreeFrame(ULONG64 Frame) { MmFreeFrames(Frame, 0); }

/* Base and Length are whole pages of the part that a space may have. */
static BOOLEAN IsInLowerHalf(ULONG64 Base, SIZE_T Length)
{
    return ((Base | Length) & (PAGE_SIZE - 1)) == 0 && Base != 0 && Length != 0 && Base < MMU_SPACE_END &&
           Length <= MMU_SPACE_END - Base;
}

/* One zeroed page. FALSE: something is there, or memory is out. */
static BOOLEAN CommitPage(ARCH_SPACE Space, ULONG64 Virtual, ULONG Rights)
{
    ULONG64 Frame = MmAllocateFrames(0);
    BOOLEAN Done;
    KIRQL Irql;

    if (Frame == 0)
        return FALSE;
    memset(MmPhysicalToVirtual(Frame), 0, PAGE_SIZE);
    Irql = MiLockTables();
    Done = MmuQueryInSpace(Space, Virtual, NULL) == ~0ull && MmuMapInSpace(Space, Virtual, Frame, Rights);
    MiUnlockTables(Irql);
    if (!Done)
        FreeFrame(Frame);
    return Done;
}

/* ---- Public ---- */

/* MmCreateSpace - a space whose lower half is empty. IRQL: <= DISPATCH_LEVEL. Returns: 0 when memory is out. */
ARCH_SPACE MmCreateSpace(void)
{
    KIRQL Irql = MiLockTables();
    ARCH_SPACE Space = MmuCreateSpace();

    MiUnlockTables(Irql);
    return Space;
}

/* MmDeleteSpace - Space and all memory committed in it is free again. No processor may be in it, nor come to be.
 * IRQL: <= DISPATCH_LEVEL. */
void MmDeleteSpace(ARCH_SPACE Space)
{
    KIRQL Irql;

    MmuEmptySpace(Space, FreeFrame);
    Irql = MiLockTables();
    MmuDeleteSpace(Space);
    MiUnlockTables(Irql);
    FreeFrame(Space);
}

/* MmCommitInSpace - zeroed pages at [Base, Base + Length) of Space, which is not the kernel's own, until it is deleted.
 * Rights: MM_READ, MM_WRITE or MM_EXECUTE. IRQL: <= DISPATCH_LEVEL. Returns: FALSE for anything but whole pages of the
 * lower half above the page at 0, for writable and executable at once, where something is mapped, and when memory is
 * out; pages before the one that failed stay. */
BOOLEAN MmCommitInSpace(ARCH_SPACE Space, ULONG64 Base, SIZE_T Length, ULONG Rights)
{
    ULONG MmuRights = (Rights & MM_WRITE ? MMU_WRITE : 0) | (Rights & MM_EXECUTE ? MMU_EXECUTE : 0);

    if (Space == 0 || !IsInLowerHalf(Base, Length))
        return FALSE;
    if (Rights != MM_READ && Rights != MM_WRITE && Rights != MM_EXECUTE)
        return FALSE;
    for (ULONG64 Page = Base; Page < Base + Length; Page += PAGE_SIZE)
        if (!CommitPage(Space, Page, MmuRights))
            return FALSE;
    return TRUE;
}

/* MmLookInSpace - where the byte at Address of Space is visible to everybody, for reading and writing whatever its
 * rights there; the space must stay meanwhile. Any IRQL. Returns: NULL when it is not mapped. */
PVOID MmLookInSpace(ARCH_SPACE Space, ULONG64 Address)
{
    ULONG64 Physical = MmuQueryInSpace(Space, Address, NULL);

    return Physical == ~0ull ? NULL : MmPhysicalToVirtual(Physical);
}
