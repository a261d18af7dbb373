/* mmu.c - page tables: four levels, 4 KiB pages, large ones in the direct map.
 *
 * Nothing is writable and executable at once: the image is mapped by the bounds of linker.ld, and the
 * direct map, which shows the same frames a second time, is no-execute everywhere and read-only where the
 * image's text and constants lie. The lower half is empty, so a NULL pointer faults with any offset.
 *
 * Tables are reached through the direct map, the top one through the image; it is static because CR3 of a
 * starting processor has 32 bits (trampoline.S) and the image lies below 4 GiB. A table once made is kept
 * when its last entry goes: the ranges that mm uses are used again.
 *
 * A process's space is a top table of its own, whose upper 256 entries repeat the kernel's. The kernel's rarely
 * gain one, so each new one is stored in all spaces at once. They are linked through a lower entry that is never
 * present: its page-aligned value is the next space's address, in which the present bit is clear by itself. Pages
 * of a space are the kernel's to touch and nobody else's, since there is no user mode (and SMAP would forbid it),
 * and not global.
 *
 * Locking: none here. The caller serialises whatever changes tables (mm has one lock). Entries are written
 * with one store each, so other processors see the old or the new one; their TLBs are the caller's duty.
 *
 * Memory types by PAT: PWT alone, write-through as processors start, becomes write-combining here, because
 * unlike the PAT bit it sits at the same place in entries of every size. */
#include "x86.h"
#include <rtl/debug.h>
#include <rtl/string.h>

enum { TABLE_ENTRIES = 512, KERNEL_ENTRIES = TABLE_ENTRIES / 2, LINK_ENTRY = KERNEL_ENTRIES - 1 };
#define PTE_PRESENT     0x001ull
#define PTE_WRITE       0x002ull
#define PTE_PWT         0x008ull
#define PTE_PCD         0x010ull
#define PTE_ACCESSED    0x020ull        /* set beforehand, with DIRTY: spares the processor locked writes */
#define PTE_DIRTY       0x040ull
#define PTE_LARGE       0x080ull
#define PTE_GLOBAL      0x100ull        /* survives a change of address space */
#define PTE_NO_EXECUTE  0x8000000000000000ull
#define PTE_ADDRESS     0x000FFFFFFFFFF000ull
#define PTE_TABLE       (PTE_PRESENT | PTE_WRITE | PTE_ACCESSED)

/* PAT entries 0 to 3, chosen by PCD:PWT: write-back, write-combining, uncached unless an MTRR says
 * otherwise, uncached. The upper four, chosen with the PAT bit that we never set, the same. */
#define PAT_VALUE 0x0007010600070106ull

static ULONG64 Pml4[TABLE_ENTRIES] __attribute__((aligned(PAGE_SIZE)));
static ARCH_SPACE FirstSpace;          /* 0: there is none but the kernel's */
static MMU_FRAME_SOURCE FrameSource;
static ULONG LargestLevel;              /* of a direct-map page: 3 is 1 GiB, 2 is 2 MiB */

static ULONG64 ImagePhysical(const void *Address) { return (ULONG64)Address - MMU_KERNEL_BASE; }

static ULONG64 LevelSize(ULONG Level) { return 1ull << (12 + 9 * (Level - 1)); }

static ULONG64 *EntryIn(ULONG64 *Table, ULONG64 Virtual, ULONG Level)
{
    return &Table[Virtual >> (12 + 9 * (Level - 1)) & (TABLE_ENTRIES - 1)];
}

static ULONG64 *TableBelow(ULONG64 Entry) { return (ULONG64 *)(MMU_DIRECT_MAP + (Entry & PTE_ADDRESS)); }

static ULONG64 RightsToBits(ULONG Rights)
{
    ULONG64 Bits = PTE_PRESENT | PTE_ACCESSED | PTE_DIRTY | PTE_GLOBAL;

    RtlRequire((Rights & (MMU_WRITE | MMU_EXECUTE)) != (MMU_WRITE | MMU_EXECUTE));
    if (Rights & MMU_WRITE)
        Bits |= PTE_WRITE;
    if (!(Rights & MMU_EXECUTE))
        Bits |= PTE_NO_EXECUTE;
    if (Rights & MMU_UNCACHED)
        Bits |= PTE_PCD | PTE_PWT;
    else if (Rights & MMU_WRITE_COMBINE)
        Bits |= PTE_PWT;
    return Bits;
}

static ULONG BitsToRights(ULONG64 Bits)
{
    ULONG Rights = 0;

    if (Bits & PTE_WRITE)
        Rights |= MMU_WRITE;
    if (!(Bits & PTE_NO_EXECUTE))
        Rights |= MMU_EXECUTE;
    if (Bits & PTE_PCD)
        Rights |= MMU_UNCACHED;
    else if (Bits & PTE_PWT)
        Rights |= MMU_WRITE_COMBINE;
    return Rights;
}

static ULONG64 *TopTable(ARCH_SPACE Space) { return Space != 0 ? TableBelow(Space) : Pml4; }

/* The entry that maps Virtual, or the absent one at which the walk ends. Level tells the size it maps. */
static ULONG64 *FindEntry(ULONG64 *Top, ULONG64 Virtual, ULONG *Level)
{
    ULONG64 *Entry = EntryIn(Top, Virtual, 4);

    for (*Level = 4; *Level > 1; Entry = EntryIn(TableBelow(*Entry), Virtual, --*Level))
        if (!(*Entry & PTE_PRESENT) || (*Entry & PTE_LARGE))
            break;
    return Entry;
}

/* The kernel's top table has a new entry for Virtual. */
static void ShareTopEntry(ULONG64 Virtual)
{
    ULONG64 Entry = *EntryIn(Pml4, Virtual, 4);

    for (ARCH_SPACE Space = FirstSpace; Space != 0; Space = TopTable(Space)[LINK_ENTRY])
        *(volatile ULONG64 *)EntryIn(TopTable(Space), Virtual, 4) = Entry;
}

/* The entry for Virtual in a table of Level, with the tables above it made. NULL: out of frames. */
static ULONG64 *MakeEntry(ULONG64 *Top, ULONG64 Virtual, ULONG Level)
{
    ULONG64 *Entry = EntryIn(Top, Virtual, 4);

    for (ULONG At = 4; At > Level; Entry = EntryIn(TableBelow(*Entry), Virtual, --At)) {
        ULONG64 Frame;

        if (*Entry & PTE_PRESENT) {
            RtlRequire(!(*Entry & PTE_LARGE));
            continue;
        }
        Frame = FrameSource();
        if (!Frame)
            return NULL;
        memset(TableBelow(Frame), 0, PAGE_SIZE);
        *(volatile ULONG64 *)Entry = Frame | PTE_TABLE;
        if (At == 4 && Virtual >= MMU_DIRECT_MAP)
            ShareTopEntry(Virtual);
    }
    return Entry;
}

/* Everything below the present Entry of a table of Level. */
static void FreeBelow(ULONG64 Entry, ULONG Level, void (*FreeFrame)(ULONG64))
{
    ULONG64 *Table = TableBelow(Entry);

    for (ULONG Index = 0; Level > 1 && Index < TABLE_ENTRIES; Index++)
        if (Table[Index] & PTE_PRESENT)
            FreeBelow(Table[Index], Level - 1, FreeFrame);
    FreeFrame(Entry & PTE_ADDRESS);
}

static ULONG64 Query(ULONG64 *Top, ULONG64 Virtual, ULONG *Rights)
{
    ULONG Level;
    ULONG64 Entry, InPage;

    if ((LONG64)(Virtual << 16) >> 16 != (LONG64)Virtual)
        return ~0ull;
    Entry = *FindEntry(Top, Virtual, &Level);
    if (!(Entry & PTE_PRESENT))
        return ~0ull;
    if (Rights)
        *Rights = BitsToRights(Entry);
    InPage = LevelSize(Level) - 1;
    return (Entry & PTE_ADDRESS & ~InPage) | (Virtual & InPage);
}

/* The largest page that starts at Physical (and MMU_DIRECT_MAP + Physical) and ends by End. */
static ULONG DirectLevel(ULONG64 Physical, ULONG64 End)
{
    ULONG Level = LargestLevel;

    while (Level > 1 && ((Physical & (LevelSize(Level) - 1)) || End - Physical < LevelSize(Level)))
        Level--;
    return Level;
}

static BOOLEAN MapDirectPart(ULONG64 Base, ULONG64 End, ULONG Rights)
{
    while (Base < End) {
        ULONG Level = DirectLevel(Base, End);
        ULONG64 *Entry = MakeEntry(Pml4, MMU_DIRECT_MAP + Base, Level);

        if (!Entry)
            return FALSE;
        *Entry = Base | RightsToBits(Rights) | (Level > 1 ? PTE_LARGE : 0);
        Base += LevelSize(Level);
    }
    return TRUE;
}

static BOOLEAN MapImagePart(const char *Start, const char *End, ULONG Rights)
{
    return MmuMap((ULONG64)Start, ImagePhysical(Start), (ULONG64)(End - Start), Rights);
}

static ULONG64 Smaller(ULONG64 A, ULONG64 B) { return A < B ? A : B; }
static ULONG64 Larger(ULONG64 A, ULONG64 B) { return A > B ? A : B; }

const ULONG64 *MmuTopTable(void) { return Pml4; }

/* ---- Public: MmuInitialize, MmuMapDirect, MmuMap, MmuUnmap, MmuProtect, MmuQuery, MmuActivate, MmuFlush,
 * MmuCreateSpace, MmuEmptySpace, MmuDeleteSpace, MmuMapInSpace, MmuQueryInSpace, ArchSwitchSpace ---- */

/* MmuInitialize - see mmu.h for the order of calls. FALSE: Frames ran out. Boot processor only. */
BOOLEAN MmuInitialize(MMU_FRAME_SOURCE Frames)
{
    FrameSource = Frames;
    LargestLevel = X86CpuidOrZero(0x80000001u, 0).Edx >> 26 & 1 ? 3 : 2;
    return MapImagePart(KernelTextStart, KernelTextEnd, MMU_EXECUTE)
        && MapImagePart(KernelRodataStart, KernelRodataEnd, 0)
        && MapImagePart(KernelDataStart, KernelDataEnd, MMU_WRITE);
}

/* MmuMapDirect - show [Base, Base + Length), widened to whole pages, in the direct map. Ranges of different
 * calls do not overlap in any page. FALSE: out of frames, or beyond what the direct map can show. */
BOOLEAN MmuMapDirect(ULONG64 Base, ULONG64 Length)
{
    ULONG64 End = (Base + Length + PAGE_SIZE - 1) & ~(ULONG64)(PAGE_SIZE - 1);
    ULONG64 ConstStart = ImagePhysical(KernelTextStart), ConstEnd = ImagePhysical(KernelRodataEnd);

    Base &= ~(ULONG64)(PAGE_SIZE - 1);
    if (End < Base || End > MMU_DIRECT_MAP_SIZE)
        return FALSE;
    return MapDirectPart(Base, Smaller(End, ConstStart), MMU_WRITE)
        && MapDirectPart(Larger(Base, ConstStart), Smaller(End, ConstEnd), 0)
        && MapDirectPart(Larger(Base, ConstEnd), End, MMU_WRITE);
}

/* MmuMap - map absent pages. FALSE: out of frames for tables, part of the range may be mapped. */
BOOLEAN MmuMap(ULONG64 Virtual, ULONG64 Physical, ULONG64 Length, ULONG Rights)
{
    ULONG64 Bits = RightsToBits(Rights);

    RtlRequire(((Virtual | Physical | Length) & (PAGE_SIZE - 1)) == 0);
    for (ULONG64 Offset = 0; Offset < Length; Offset += PAGE_SIZE) {
        ULONG64 *Entry = MakeEntry(Pml4, Virtual + Offset, 1);

        if (!Entry)
            return FALSE;
        RtlRequire(!(*Entry & PTE_PRESENT));
        *(volatile ULONG64 *)Entry = (Physical + Offset) | Bits;
    }
    return TRUE;
}

/* MmuUnmap - forget the range's pages; those that are not mapped are passed over. This processor's TLB
 * forgets them, too. */
void MmuUnmap(ULONG64 Virtual, ULONG64 Length)
{
    for (ULONG64 Offset = 0; Offset < Length; Offset += PAGE_SIZE) {
        ULONG Level;
        ULONG64 *Entry = FindEntry(Pml4, Virtual + Offset, &Level);

        if (!(*Entry & PTE_PRESENT))
            continue;
        RtlRequire(Level == 1);
        *(volatile ULONG64 *)Entry = 0;
        X86FlushPage(Virtual + Offset);
    }
}

/* MmuProtect - give mapped pages other rights; memory type included. Not for the direct map. */
void MmuProtect(ULONG64 Virtual, ULONG64 Length, ULONG Rights)
{
    ULONG64 Bits = RightsToBits(Rights);

    for (ULONG64 Offset = 0; Offset < Length; Offset += PAGE_SIZE) {
        ULONG Level;
        ULONG64 *Entry = FindEntry(Pml4, Virtual + Offset, &Level);

        RtlRequire((*Entry & PTE_PRESENT) && Level == 1);
        *(volatile ULONG64 *)Entry = (*Entry & PTE_ADDRESS) | Bits;
        X86FlushPage(Virtual + Offset);
    }
}

/* MmuQuery - the physical address behind Virtual, ~0 when there is none; its rights, if Rights is given. */
ULONG64 MmuQuery(ULONG64 Virtual, ULONG *Rights) { return Query(Pml4, Virtual, Rights); }

/* MmuActivate - this processor uses the kernel's tables, and nothing else, from here on. Interrupts off. */
void MmuActivate(void)
{
    X86WriteMsr(MSR_PAT, PAT_VALUE);
    X86WriteCr3(ImagePhysical(Pml4));
    MmuFlush();
}

/* MmuFlush - this processor forgets every cached translation, global ones included, which a load of CR3
 * would keep. Any IRQL; with interrupts on, one in between does no harm. */
void MmuFlush(void)
{
    ULONG64 Cr4 = X86ReadCr4();

    X86WriteCr4(Cr4 & ~(ULONG64)CR4_PGE);
    X86WriteCr4(Cr4);
}

/* MmuCreateSpace - an address space whose lower half is empty. Returns: 0 when out of frames. */
ARCH_SPACE MmuCreateSpace(void)
{
    ARCH_SPACE Space = FrameSource();
    ULONG64 *Top;

    if (Space == 0)
        return 0;
    Top = TopTable(Space);
    memset(Top, 0, PAGE_SIZE);
    memcpy(Top + KERNEL_ENTRIES, Pml4 + KERNEL_ENTRIES, KERNEL_ENTRIES * sizeof *Top);
    Top[LINK_ENTRY] = FirstSpace;
    FirstSpace = Space;
    return Space;
}

/* MmuEmptySpace - give what Space maps, and its tables below the top one, to FreeFrame. No processor may use Space;
 * no lock is needed, since nobody else looks below its top table. */
void MmuEmptySpace(ARCH_SPACE Space, void (*FreeFrame)(ULONG64))
{
    ULONG64 *Top = TopTable(Space);

    for (ULONG Index = 0; Index < LINK_ENTRY; Index++) {
        if (Top[Index] & PTE_PRESENT)
            FreeBelow(Top[Index], 4, FreeFrame);
        Top[Index] = 0;
    }
}

/* MmuDeleteSpace - Space, made by MmuCreateSpace, is none any more; the frame of its top table is the caller's. */
void MmuDeleteSpace(ARCH_SPACE Space)
{
    ARCH_SPACE *Link = &FirstSpace;

    while (*Link != Space) {
        RtlRequire(*Link != 0);
        Link = &TopTable(*Link)[LINK_ENTRY];
    }
    *Link = TopTable(Space)[LINK_ENTRY];
}

/* MmuMapInSpace - map one absent page below MMU_SPACE_END. FALSE: out of frames for tables. */
BOOLEAN MmuMapInSpace(ARCH_SPACE Space, ULONG64 Virtual, ULONG64 Physical, ULONG Rights)
{
    ULONG64 *Entry;

    RtlRequire(Space != 0 && Virtual < MMU_SPACE_END && ((Virtual | Physical) & (PAGE_SIZE - 1)) == 0);
    Entry = MakeEntry(TopTable(Space), Virtual, 1);
    if (!Entry)
        return FALSE;
    RtlRequire(!(*Entry & PTE_PRESENT));
    *(volatile ULONG64 *)Entry = Physical | (RightsToBits(Rights) & ~PTE_GLOBAL);
    return TRUE;
}

/* MmuQueryInSpace - MmuQuery as a processor in Space would translate. */
ULONG64 MmuQueryInSpace(ARCH_SPACE Space, ULONG64 Virtual, ULONG *Rights)
{
    return Query(TopTable(Space), Virtual, Rights);
}

/* ArchSwitchSpace - another lower half; 0 is the kernel's own, which is empty. */
void ArchSwitchSpace(ARCH_SPACE Space)
{
    X86WriteCr3(Space ? Space : ImagePhysical(Pml4));
}
