/* leaks.c - what a driver has left behind, each thing by name.
 *
 * Asked after DriverUnload has returned (or DriverEntry has failed) and the DPCs that were queued have run, as
 * NT lets them before it takes an image away. Whatever still refers to the image would run freed memory in NT.
 * A thing is the driver's if it lies in the image, or if code of the image made it; who keeps the things of a kind
 * knows both. A further kind is a routine here that lists them, and a row of the table at the end; the I/O manager's
 * are in leaks_io.c. */
#include "ldrp.h"
#include <ex/lookaside.h>
#include <ex/pool.h>
#include <ex/resource.h>
#include <ex/work.h>
#include <ke/activity.h>
#include <ke/dpc.h>
#include <ob/callback.h>
#include <ob/owner.h>
#include <rtl/print.h>
#include <rtl/stacktrace.h>

enum { LISTED = 32, PLACE_SIZE = 160, LINE_SIZE = 320 };

typedef struct _LEAKS {
    const LDR_IMAGE *Image;
    ULONG64 Start, End;
    ULONG Count;
} LEAKS;

static ULONG64 Start(const LDR_IMAGE *Image) { return (ULONG64)(ULONG_PTR)Image->Base; }
static ULONG64 End(const LDR_IMAGE *Image) { return Start(Image) + Image->Layout.SizeOfImage; }

static const char *Place(PVOID Address, char Text[PLACE_SIZE])
{
    RtlDescribeAddress((ULONG64)(ULONG_PTR)Address, Text, PLACE_SIZE);
    return Text;
}

/* One thing: counted, and told unless there are too many. */
static void Note(LEAKS *Leaks, const char *Format, ...)
{
    char Line[LINE_SIZE];
    va_list Arguments;

    if (Leaks->Count++ >= LISTED)
        return;
    va_start(Arguments, Format);
    RtlFormatV(Line, sizeof Line, Format, Arguments);
    va_end(Arguments);
    LogPrint("leak: %s: %s\n", Leaks->Image->Name, Line);
}

/* ---- Threads, timers, DPCs, work items ---- */

static void ReportActivity(LEAKS *Leaks)
{
    static const char *const Kinds[] = {
        [KeOwnedThread] = "thread %p still runs, started at %s",
        [KeOwnedTimer] = "timer %p is still armed, its DPC is %s",
        [KeOwnedDpc] = "DPC %p is still queued or running, its routine is %s"
    };
    KE_OWNED Owned[LISTED];
    ULONG Count = KeListActivity(Leaks->Start, Leaks->End, Owned, LISTED);
    char Where[PLACE_SIZE];

    for (ULONG i = 0; i < Count && i < LISTED; i++)
        Note(Leaks, Kinds[Owned[i].Kind], Owned[i].Object,
             Owned[i].Routine != NULL ? Place(Owned[i].Routine, Where) : "(none)");
    Leaks->Count = Count;
}

static void ReportWork(LEAKS *Leaks)
{
    EX_OWNED_ITEM Owned[LISTED];
    ULONG Count = ExListWorkItems(Leaks->Start, Leaks->End, Owned, LISTED);
    char Where[PLACE_SIZE];

    for (ULONG i = 0; i < Count && i < LISTED; i++)
        Note(Leaks, "work item %p is still queued, its routine is %s", Owned[i].Item, Place(Owned[i].Routine, Where));
    Leaks->Count = Count;
}

/* ---- Resources, lookaside lists, memory, handles, callbacks ---- */

static void NoteResource(void *Context, PERESOURCE Resource)
{
    char Where[PLACE_SIZE];

    Note(Context, "resource %p was not deleted, initialised at %s", Resource, Place(Resource->Address, Where));
}

static void ReportResources(LEAKS *Leaks) { ExForEachResourceOf(Leaks->Start, Leaks->End, NoteResource, Leaks); }

/* A tag as a person writes it: four characters, lowest byte first. */
static void FormatTag(ULONG Tag, char Text[5])
{
    for (ULONG i = 0; i < 4; i++, Tag >>= 8)
        Text[i] = (Tag & 0xFF) >= ' ' && (Tag & 0xFF) <= '~' ? (char)Tag : '?';
    Text[4] = 0;
}

static void NoteLookaside(void *Context, PGENERAL_LOOKASIDE List)
{
    char Where[PLACE_SIZE], Name[5];

    FormatTag(List->Tag, Name);
    Note(Context, "lookaside list %p, tag '%s', was not deleted, initialised at %s", List, Name,
         Place(List->Creator, Where));
}

static void ReportLookasides(LEAKS *Leaks) { ExForEachLookasideOf(Leaks->Start, Leaks->End, NoteLookaside, Leaks); }

static void NoteBlock(void *Context, PVOID Block, SIZE_T Size, ULONG Tag, PVOID Caller)
{
    char Where[PLACE_SIZE], Name[5];

    FormatTag(Tag, Name);
    Note(Context, "pool block %p, %llu bytes, tag '%s', allocated at %s", Block, Size, Name, Place(Caller, Where));
}

static void ReportBlocks(LEAKS *Leaks)
{
    ExForEachPoolBlockOf((POOL_OWNER_RANGE){ Leaks->Start, Leaks->End }, NoteBlock, Leaks);
}

static void NoteHandle(void *Context, HANDLE Handle, PVOID Object, PVOID Caller)
{
    char Where[PLACE_SIZE];

    Note(Context, "handle %p to object %p, opened at %s", Handle, Object, Place(Caller, Where));
}

static void ReportHandles(LEAKS *Leaks) { ObForEachHandleOf(Leaks->Start, Leaks->End, NoteHandle, Leaks); }

static void NoteCallback(void *Context, PVOID Registration, PVOID Routine)
{
    char Where[PLACE_SIZE];

    Note(Context, "callback registration %p is still there, its routine is %s", Registration, Place(Routine, Where));
}

static void ReportCallbacks(LEAKS *Leaks) { ObForEachCallbackOf(Leaks->Start, Leaks->End, NoteCallback, Leaks); }

/* ---- Shared: LdrpReportLeaks, LdrpIsActive ---- */

static const struct { const char *Things; void (*Report)(LEAKS *Leaks); } Kinds[] = {
    { "threads, timers or DPCs", ReportActivity },
    { "work items", ReportWork },
    { "resources", ReportResources },
    { "lookaside lists", ReportLookasides },
    { "pool blocks", ReportBlocks },
    { "handles", ReportHandles },
    { "callback registrations", ReportCallbacks },
};

ULONG LdrpReportLeaks(const LDR_IMAGE *Image)
{
    ULONG Count = 0;

    KeFlushQueuedDpcs();
    ExCheckFreedPool();                 /* while the names of those to blame are still known */
    for (ULONG i = 0; i < RTL_NUMBER_OF(Kinds); i++) {
        LEAKS Leaks = { .Image = Image, .Start = Start(Image), .End = End(Image) };

        Kinds[i].Report(&Leaks);
        if (Leaks.Count > LISTED)
            LogPrint("leak: %s: and %u %s more\n", Image->Name, Leaks.Count - LISTED, Kinds[i].Things);
        Count += Leaks.Count;
    }
    return Count;
}

BOOLEAN LdrpIsActive(const LDR_IMAGE *Image)
{
    EX_WORK_ACTIVITY Work;
    KE_ACTIVITY Activity;

    ExQueryWorkActivity(Start(Image), End(Image), &Work);
    return KeQueryActivity(Start(Image), End(Image), &Activity) || Work.Queued != 0 || Work.Between != 0;
}
