/* pool_report.c - whose memory it is: the stop over a fault, and the list of what a caller still owns.
 *
 * The list is made without holding a lock while it is reported: each walk over all blocks skips those that
 * were reported before and notes the next few. A block that comes or goes meanwhile may be missed or named
 * twice, so the caller sees to it that the code in question is at rest. */
#include "exp.h"

#include <ke/bugcheck.h>
#include <rtl/print.h>
#include <rtl/stacktrace.h>

enum { REPORT_BATCH = 16 };

/* ---- Faults ---- */

void ExpDescribeTag(ULONG Tag, char Text[5])
{
    for (ULONG i = 0; i < 4; i++) {
        char Character = (char)(Tag >> 8 * i);

        Text[i] = Character >= ' ' && Character <= '~' ? Character : '.';
    }
    Text[4] = 0;
}

void ExpDescribeOwner(const char *Verb, ULONG64 Address, char *Text, SIZE_T Size)
{
    char Name[96] = "";

    Text[0] = 0;
    if (Address == 0 || Address == ExpOwnerAddress(0))
        return;
    RtlDescribeAddress(Address, Name, sizeof Name);
    RtlFormat(Text, Size, ", %s by %s", Verb, Name);
}

/* The one place where a fault becomes a stop. */
DECLSPEC_NORETURN void ExpStop(const POOL_FAULT *Fault)
{
    char Tag[5], Block[64] = "", Allocator[128], Freer[128], Caller[128], Where[64] = "";

    ExpDescribeTag(Fault->Tag, Tag);
    ExpDescribeOwner("allocated", Fault->Allocator, Allocator, sizeof Allocator);
    ExpDescribeOwner("freed", Fault->Freer, Freer, sizeof Freer);
    ExpDescribeOwner("now freed", Fault->Caller, Caller, sizeof Caller);
    if (Fault->HasBlock)
        RtlFormat(Block, sizeof Block, " (%I64u bytes, tag '%s')", Fault->Size, Tag);
    if (Fault->HasOffset)
        RtlFormat(Where, sizeof Where, ", first at offset %I64d", Fault->Offset);
    KeBugCheckWith(Fault->Code, Fault->Parameter[0], Fault->Parameter[1], Fault->Parameter[2], Fault->Parameter[3],
                   "%p%s %s%s%s%s%s", Fault->Block, Block, Fault->What, Where, Allocator, Freer, Caller);
}

/* ---- Leaks ---- */

typedef struct _OWNED { PVOID Block; SIZE_T Size; PVOID Caller; ULONG Tag; } OWNED;

typedef struct _SEARCH {
    POOL_OWNER_RANGE Range;
    ULONG Skip, Count;
    OWNED Found[REPORT_BATCH];
} SEARCH;

static BOOLEAN NoteOwned(SEARCH *Search, PVOID Block, SIZE_T Size, ULONG Tag, ULONG64 Caller)
{
    if (Caller < Search->Range.Start || Caller >= Search->Range.End)
        return TRUE;
    if (Search->Skip != 0) {
        Search->Skip--;
        return TRUE;
    }
    Search->Found[Search->Count++] = (OWNED){ Block, Size, (PVOID)Caller, Tag };
    return Search->Count < REPORT_BATCH;
}

static BOOLEAN NoteSlot(PVOID Context, POOL_HEADER *Slot)
{
    const POOL_HEADER *Header = Slot;

    if (ExpState(Slot->Owner) == POOL_FRONT)
        Header = Slot + 1;
    else if (ExpState(Slot->Owner) != POOL_LIVE)
        return TRUE;
    return NoteOwned(Context, (PVOID)(Header + 1), Header->Size, Header->Tag, ExpOwnerAddress(Header->Owner));
}

static BOOLEAN NoteLarge(PVOID Context, const POOL_LARGE *Large)
{
    return NoteOwned(Context, Large->Base, Large->Size, Large->Tag, Large->Caller);
}

/* ---- Public ---- */

/* ExForEachPoolBlockOf - call Report for each live block whose allocating instruction lies in Range. Report
 * runs without a lock and may allocate, but frees nothing. IRQL: <= DISPATCH_LEVEL. Returns: their number;
 * exact while that code is at rest. */
ULONG ExForEachPoolBlockOf(POOL_OWNER_RANGE Range, POOL_REPORT Report, PVOID Context)
{
    ULONG Total = 0;
    SEARCH Search;

    do {
        Search.Range = Range;
        Search.Skip = Total;
        Search.Count = 0;
        ExpForEachSlot(NoteSlot, &Search);
        if (Search.Count < REPORT_BATCH)
            ExpForEachLarge(NoteLarge, &Search);
        for (ULONG i = 0; i < Search.Count; i++)
            Report(Context, Search.Found[i].Block, Search.Found[i].Size, Search.Found[i].Tag, Search.Found[i].Caller);
        Total += Search.Count;
    } while (Search.Count == REPORT_BATCH);
    return Total;
}
