/* memory_map.c - the loader's memory map, made true to what BOOT_INFO promises: sorted, without overlaps,
 * usable memory in whole pages.
 *
 * Firmware maps come unsorted, with entries that overlap, touch or repeat, and a broken loader may pass
 * anything at all. The entries are collected first; then a sweep walks upwards through their boundaries
 * and gives each stretch between two boundaries the strongest type that any entry claims for it: memory
 * that anybody calls reserved is never handed out. Equal neighbours become one range.
 *
 * What does not fit is left out, which is safe: memory in no range is never touched. The sweep is
 * quadratic in the number of entries. Real maps have 5 to 200, the limit keeps a lying one below a blink.
 * Rejected: sorting and then splitting overlaps pairwise, which needs a case for each way to overlap. */
#include <rtl/boot_info.h>
#include "parse.h"

enum { MAXIMUM_ENTRIES = 1024 };

/* No processor has more physical address bits. */
#define PHYSICAL_LIMIT (1ull << 52)
#define NO_BOUNDARY (~0ull)

static BOOT_RANGE Entries[MAXIMUM_ENTRIES];
static ULONG EntryCount;
static ULONG EntriesSeen;

/* Who wins where entries overlap. */
static ULONG Strength(BOOT_RANGE_TYPE Type)
{
    static const UCHAR Order[] = {
        [BootRangeUsable] = 1, [BootRangeAcpi] = 2, [BootRangeNvs] = 3, [BootRangeReserved] = 4, [BootRangeBad] = 5
    };

    return Order[Type];
}

/* The strongest entry that covers Position, NULL if none does; Next becomes the first boundary above it. */
static const BOOT_RANGE *Strongest(ULONG64 Position, ULONG64 *Next)
{
    const BOOT_RANGE *Best = NULL;

    *Next = NO_BOUNDARY;
    for (ULONG Index = 0; Index < EntryCount; Index++) {
        const BOOT_RANGE *Entry = &Entries[Index];
        ULONG64 End = Entry->Base + Entry->Length;

        if (Entry->Base > Position) {
            if (Entry->Base < *Next)
                *Next = Entry->Base;
            continue;
        }
        if (End <= Position)
            continue;
        if (End < *Next)
            *Next = End;
        if (Best == NULL || Strength(Entry->Type) > Strength(Best->Type))
            Best = Entry;
    }
    return Best;
}

/* Add a stretch above all the others. Returns FALSE if there is no room. */
static BOOLEAN Append(BOOT_INFO *Info, ULONG64 Base, ULONG64 End, BOOT_RANGE_TYPE Type)
{
    BOOT_RANGE *Last = Info->RangeCount != 0 ? &Info->Ranges[Info->RangeCount - 1] : NULL;

    if (Last != NULL && Last->Type == Type && Last->Base + Last->Length == Base) {
        Last->Length += End - Base;
        return TRUE;
    }
    if (Info->RangeCount == BOOT_MAX_RANGES)
        return FALSE;
    Info->Ranges[Info->RangeCount++] = (BOOT_RANGE){ Base, End - Base, Type };
    return TRUE;
}

/* Usable memory shrinks to whole pages; a range without one goes. */
static void AlignUsable(BOOT_INFO *Info)
{
    ULONG Kept = 0;

    for (ULONG Index = 0; Index < Info->RangeCount; Index++) {
        BOOT_RANGE Range = Info->Ranges[Index];

        if (Range.Type == BootRangeUsable) {
            ULONG64 End = (Range.Base + Range.Length) & ~(ULONG64)(PAGE_SIZE - 1);

            Range.Base = (Range.Base + PAGE_SIZE - 1) & ~(ULONG64)(PAGE_SIZE - 1);
            if (End <= Range.Base)
                continue;
            Range.Length = End - Range.Base;
        }
        Info->Ranges[Kept++] = Range;
    }
    Info->RangeCount = Kept;
}

/* ---- For the parsers ---- */

void BootMapReset(void)
{
    EntryCount = EntriesSeen = 0;
}

/* BootMapAdd - one entry as the loader gives it; Type by Multiboot's numbers, the unknown ones reserved. */
void BootMapAdd(BOOT_PARSER *Parser, ULONG64 Base, ULONG64 Length, ULONG Type)
{
    ULONG Number = EntriesSeen++;

    if (Length == 0)
        return;                         /* firmware pads its maps with these */
    if (Base + Length - 1 < Base) {
        BootRefuse(Parser, "memory map entry %u: base 0x%I64x, length 0x%I64x: past the end of the address space",
                   Number, Base, Length);
        return;
    }
    if (Base >= PHYSICAL_LIMIT) {
        BootRefuse(Parser, "memory map entry %u: base 0x%I64x lies beyond any processor's memory", Number, Base);
        return;
    }
    if (EntryCount == MAXIMUM_ENTRIES) {
        if (Number == MAXIMUM_ENTRIES)
            BootRefuse(Parser, "memory map: the entries after the first %u are ignored", MAXIMUM_ENTRIES);
        return;
    }
    if (Length > PHYSICAL_LIMIT - Base)
        Length = PHYSICAL_LIMIT - Base;
    if (Type < BootRangeUsable || Type > BootRangeBad)
        Type = BootRangeReserved;
    Entries[EntryCount++] = (BOOT_RANGE){ Base, Length, (BOOT_RANGE_TYPE)Type };
}

/* BootMapAddBasic - the two sizes that stand in where no map was given. */
void BootMapAddBasic(BOOT_PARSER *Parser, ULONG LowerKiB, ULONG UpperKiB)
{
    if (EntriesSeen != 0)
        return;
    BootMapAdd(Parser, 0, (ULONG64)(LowerKiB < 640 ? LowerKiB : 640) << 10, BootRangeUsable);
    BootMapAdd(Parser, 0x100000, (ULONG64)UpperKiB << 10, BootRangeUsable);
}

/* BootMapFinish - sweep the collected entries into Info->Ranges. */
void BootMapFinish(BOOT_PARSER *Parser)
{
    BOOT_INFO *Info = Parser->Info;
    ULONG64 Position = 0, Next;

    Info->RangeCount = 0;
    while (Position != NO_BOUNDARY) {
        const BOOT_RANGE *Owner = Strongest(Position, &Next);

        if (Owner != NULL && !Append(Info, Position, Next, Owner->Type)) {
            BootRefuse(Parser, "memory map: what lies above 0x%I64x is ignored, there are more than %u ranges",
                       Position, BOOT_MAX_RANGES);
            break;
        }
        Position = Next;
    }
    AlignUsable(Info);
    if (Info->RangeCount == 0)
        BootRefuse(Parser, "memory map: missing or without a single good entry");
}
