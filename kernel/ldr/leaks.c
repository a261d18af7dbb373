/* leaks.c - what a driver has left behind, each thing by name.
 *
 * Asked after DriverUnload has returned (or DriverEntry has failed) and the DPCs that were queued have run, as
 * NT lets them before it takes an image away. Whatever still refers to the image would run freed memory in NT.
 * A thing is the driver's if it lies in the image, or if code of the image made it; who keeps the things of a kind
 * knows both. A further kind is a routine that lists them, and a row of a table: those of the I/O manager are in
 * leaks_io.c, all others here. */
#include "ldrp.h"
#include <ex/lookaside.h>
#include <ex/pool.h>
#include <ex/resource.h>
#include <ex/work.h>
#include <ke/activity.h>
#include <ke/dpc.h>
#include <ob/callback.h>
#include <ob/create.h>
#include <ob/names.h>
#include <ob/owner.h>
#include <rtl/print.h>
#include <rtl/stacktrace.h>
#include <rtl/status.h>

enum { LISTED = 32, LINE_SIZE = 640, NAME_UNITS = 120 };

static ULONG64 Start(const LDR_IMAGE *Image) { return (ULONG64)(ULONG_PTR)Image->Base; }
static ULONG64 End(const LDR_IMAGE *Image) { return Start(Image) + Image->Layout.SizeOfImage; }

/* ---- Shared: what a line is made of ---- */

const char *LdrpPlace(PVOID Address, char Text[LDR_PLACE_SIZE])
{
    RtlDescribeAddress((ULONG64)(ULONG_PTR)Address, Text, LDR_PLACE_SIZE);
    return Text;
}

const char *LdrpPrintable(PCUNICODE_STRING String, char Text[LDR_PLACE_SIZE])
{
    ULONG Length = String->Length / sizeof(WCHAR);

    if (Length >= LDR_PLACE_SIZE)
        Length = LDR_PLACE_SIZE - 1;
    for (ULONG i = 0; i < Length; i++)
        Text[i] = String->Buffer[i] >= ' ' && String->Buffer[i] <= '~' ? (char)String->Buffer[i] : '?';
    Text[Length] = 0;
    return Text;
}

const char *LdrpPathOf(PVOID Object, char Text[LDR_PLACE_SIZE])
{
    struct { OBJECT_NAME_INFORMATION Information; WCHAR Text[NAME_UNITS]; } Name;
    char Path[LDR_PLACE_SIZE];
    ULONG Needed;

    Text[0] = 0;
    if (NT_SUCCESS(ObQueryNameString(Object, &Name.Information, sizeof Name, &Needed)) &&
        Name.Information.Name.Length != 0)
        RtlFormat(Text, LDR_PLACE_SIZE, " (%s)", LdrpPrintable(&Name.Information.Name, Path));
    return Text;
}

void LdrpNoteLeak(LDR_LEAKS *Leaks, const char *Format, ...)
{
    char Line[LINE_SIZE];
    va_list Arguments;

    if (Leaks->Count++ >= LISTED)
        return;
    va_start(Arguments, Format);
    RtlFormatV(Line, sizeof Line, Format, Arguments);
    va_end(Arguments);
    LogPrint("leak: %s: %s\n", Leaks->Driver->Image->Name, Line);
}

/* ---- Threads, timers, DPCs, work items ---- */

static void ReportActivity(LDR_LEAKS *Leaks)
{
    static const char *const Kinds[] = {
        [KeOwnedThread] = "thread %p still runs, started at %s",
        [KeOwnedTimer] = "timer %p is still armed, its DPC is %s",
        [KeOwnedDpc] = "DPC %p is still queued or running, its routine is %s"
    };
    KE_OWNED Owned[LISTED];
    ULONG Count = KeListActivity(Leaks->Start, Leaks->End, Owned, LISTED);
    char Where[LDR_PLACE_SIZE];

    for (ULONG i = 0; i < Count && i < LISTED; i++)
        LdrpNoteLeak(Leaks, Kinds[Owned[i].Kind], Owned[i].Object,
                     Owned[i].Routine != NULL ? LdrpPlace(Owned[i].Routine, Where) : "(none)");
    Leaks->Count = Count;
}

static void ReportWork(LDR_LEAKS *Leaks)
{
    EX_OWNED_ITEM Owned[LISTED];
    ULONG Count = ExListWorkItems(Leaks->Start, Leaks->End, Owned, LISTED);
    char Where[LDR_PLACE_SIZE];

    for (ULONG i = 0; i < Count && i < LISTED; i++)
        LdrpNoteLeak(Leaks, "work item %p is still queued, its routine is %s", Owned[i].Item,
                     LdrpPlace(Owned[i].Routine, Where));
    Leaks->Count = Count;
}

/* ---- Resources, lookaside lists, memory, handles, callbacks ---- */

static void NoteResource(void *Context, PERESOURCE Resource)
{
    char Where[LDR_PLACE_SIZE];

    LdrpNoteLeak(Context, "resource %p was not deleted, initialised at %s", Resource,
                 LdrpPlace(Resource->Address, Where));
}

static void ReportResources(LDR_LEAKS *Leaks) { ExForEachResourceOf(Leaks->Start, Leaks->End, NoteResource, Leaks); }

/* A tag as a person writes it: four characters, lowest byte first. */
static void FormatTag(ULONG Tag, char Text[5])
{
    for (ULONG i = 0; i < 4; i++, Tag >>= 8)
        Text[i] = (Tag & 0xFF) >= ' ' && (Tag & 0xFF) <= '~' ? (char)Tag : '?';
    Text[4] = 0;
}

static void NoteLookaside(void *Context, PGENERAL_LOOKASIDE List)
{
    char Where[LDR_PLACE_SIZE], Name[5];

    FormatTag(List->Tag, Name);
    LdrpNoteLeak(Context, "lookaside list %p, tag '%s', was not deleted, initialised at %s", List, Name,
                 LdrpPlace(List->Creator, Where));
}

static void ReportLookasides(LDR_LEAKS *Leaks) { ExForEachLookasideOf(Leaks->Start, Leaks->End, NoteLookaside, Leaks); }

static void NoteBlock(void *Context, PVOID Block, SIZE_T Size, ULONG Tag, PVOID Caller)
{
    char Where[LDR_PLACE_SIZE], Name[5];

    FormatTag(Tag, Name);
    LdrpNoteLeak(Context, "pool block %p, %llu bytes, tag '%s', allocated at %s", Block, Size, Name,
                 LdrpPlace(Caller, Where));
}

static void ReportBlocks(LDR_LEAKS *Leaks)
{
    ExForEachPoolBlockOf((POOL_OWNER_RANGE){ Leaks->Start, Leaks->End }, NoteBlock, Leaks);
}

static void NoteHandle(void *Context, HANDLE Handle, PVOID Object, PVOID Caller)
{
    char Where[LDR_PLACE_SIZE], Path[LDR_PLACE_SIZE];

    LdrpNoteLeak(Context, "handle %p to %s %p%s, opened at %s", Handle, OBJECT_TO_HEADER(Object)->Type->Name, Object,
                 LdrpPathOf(Object, Path), LdrpPlace(Caller, Where));
}

static void ReportHandles(LDR_LEAKS *Leaks) { ObForEachHandleOf(Leaks->Start, Leaks->End, NoteHandle, Leaks); }

static void NoteCallback(void *Context, PVOID Registration, PVOID Routine)
{
    char Where[LDR_PLACE_SIZE];

    LdrpNoteLeak(Context, "callback registration %p is still there, its routine is %s", Registration,
                 LdrpPlace(Routine, Where));
}

static void ReportCallbacks(LDR_LEAKS *Leaks) { ObForEachCallbackOf(Leaks->Start, Leaks->End, NoteCallback, Leaks); }

/* ---- Shared: LdrpReportLeaks, LdrpIsActive ---- */

static const LDR_LEAK_KIND Kinds[] = {
    { "threads, timers or DPCs", ReportActivity },
    { "work items", ReportWork },
    { "resources", ReportResources },
    { "lookaside lists", ReportLookasides },
    { "pool blocks", ReportBlocks },
    { "handles", ReportHandles },
    { "callback registrations", ReportCallbacks },
};

static ULONG ReportKind(const LDR_LEAK_KIND *Kind, const LDR_DRIVER *Driver)
{
    const LDR_IMAGE *Image = Driver->Image;
    LDR_LEAKS Leaks = { .Driver = Driver, .Start = Start(Image), .End = End(Image) };

    Kind->Report(&Leaks);
    if (Leaks.Count > LISTED)
        LogPrint("leak: %s: and %u %s more\n", Image->Name, Leaks.Count - LISTED, Kind->Things);
    return Leaks.Count;
}

ULONG LdrpReportLeaks(const LDR_DRIVER *Driver)
{
    ULONG Count = 0;

    KeFlushQueuedDpcs();
    ExCheckFreedPool();                 /* while the names of those to blame are still known */
    for (ULONG i = 0; i < RTL_NUMBER_OF(LdrpIoLeaks); i++)
        Count += ReportKind(&LdrpIoLeaks[i], Driver);
    for (ULONG i = 0; i < RTL_NUMBER_OF(Kinds); i++)
        Count += ReportKind(&Kinds[i], Driver);
    return Count;
}

BOOLEAN LdrpIsActive(const LDR_DRIVER *Driver)
{
    const LDR_IMAGE *Image = Driver->Image;
    EX_WORK_ACTIVITY Work;
    KE_ACTIVITY Activity;

    ExQueryWorkActivity(Start(Image), End(Image), &Work);
    return KeQueryActivity(Start(Image), End(Image), &Activity) || Work.Queued != 0 || Work.Between != 0 ||
           Driver->Object->DeviceObject != NULL;
}
