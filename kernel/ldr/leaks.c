/* leaks.c - what a driver has left behind, each thing by name.
 *
 * Asked after DriverUnload has returned (or DriverEntry has failed) and the DPCs that were queued have run, as
 * NT lets them before it takes an image away. Whatever still refers to the image would run freed memory in NT. */
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

enum { LISTED = 32, PLACE_SIZE = 160 };

typedef struct _LEAKS {
    const LDR_IMAGE *Image;
    ULONG Printed;
} LEAKS;

static ULONG64 Start(const LDR_IMAGE *Image) { return (ULONG64)(ULONG_PTR)Image->Base; }
static ULONG64 End(const LDR_IMAGE *Image) { return Start(Image) + Image->Layout.SizeOfImage; }

static const char *Place(PVOID Address, char Text[PLACE_SIZE])
{
    RtlDescribeAddress((ULONG64)(ULONG_PTR)Address, Text, PLACE_SIZE);
    return Text;
}

/* A tag as a person writes it: four characters, lowest byte first. */
static void FormatTag(ULONG Tag, char Text[5])
{
    for (ULONG i = 0; i < 4; i++, Tag >>= 8)
        Text[i] = (Tag & 0xFF) >= ' ' && (Tag & 0xFF) <= '~' ? (char)Tag : '?';
    Text[4] = 0;
}

static void ReportBlock(void *Context, PVOID Block, SIZE_T Size, ULONG Tag, PVOID Caller)
{
    LEAKS *Leaks = Context;
    char Where[PLACE_SIZE], Name[5];

    if (Leaks->Printed++ >= LISTED)
        return;
    FormatTag(Tag, Name);
    LogPrint("leak: %s: pool block %p, %llu bytes, tag '%s', allocated at %s\n", Leaks->Image->Name, Block, Size, Name,
             Place(Caller, Where));
}

static void ReportHandle(void *Context, HANDLE Handle, PVOID Object, PVOID Caller)
{
    LEAKS *Leaks = Context;
    char Where[PLACE_SIZE];

    if (Leaks->Printed++ < LISTED)
        LogPrint("leak: %s: handle %p to object %p, opened at %s\n", Leaks->Image->Name, Handle, Object,
                 Place(Caller, Where));
}

static void ReportOwned(const LDR_IMAGE *Image, const KE_OWNED *Owned)
{
    static const char *const Kinds[] = {
        [KeOwnedThread] = "thread %p still runs, started at %s",
        [KeOwnedTimer] = "timer %p is still armed, its DPC is %s",
        [KeOwnedDpc] = "DPC %p is still queued or running, its routine is %s"
    };
    char Text[PLACE_SIZE + 64], Where[PLACE_SIZE];

    RtlFormat(Text, sizeof Text, Kinds[Owned->Kind], Owned->Object,
              Owned->Routine ? Place(Owned->Routine, Where) : "(none)");
    LogPrint("leak: %s: %s\n", Image->Name, Text);
}

static ULONG ReportActivity(const LDR_IMAGE *Image)
{
    KE_OWNED Owned[LISTED];
    ULONG Count = KeListActivity(Start(Image), End(Image), Owned, LISTED);

    for (ULONG i = 0; i < Count && i < LISTED; i++)
        ReportOwned(Image, &Owned[i]);
    return Count;
}

static ULONG ReportWork(const LDR_IMAGE *Image)
{
    EX_OWNED_ITEM Owned[LISTED];
    ULONG Count = ExListWorkItems(Start(Image), End(Image), Owned, LISTED);
    char Where[PLACE_SIZE];

    for (ULONG i = 0; i < Count && i < LISTED; i++)
        LogPrint("leak: %s: work item %p is still queued, its routine is %s\n", Image->Name, Owned[i].Item,
                 Place(Owned[i].Routine, Where));
    return Count;
}

static void ReportResource(void *Context, PERESOURCE Resource)
{
    LEAKS *Leaks = Context;
    char Where[PLACE_SIZE];

    if (Leaks->Printed++ < LISTED)
        LogPrint("leak: %s: resource %p was not deleted, initialised at %s\n", Leaks->Image->Name, Resource,
                 Place(Resource->Address, Where));
}

static void ReportLookaside(void *Context, PGENERAL_LOOKASIDE List)
{
    LEAKS *Leaks = Context;
    char Where[PLACE_SIZE], Name[5];

    if (Leaks->Printed++ >= LISTED)
        return;
    FormatTag(List->Tag, Name);
    LogPrint("leak: %s: lookaside list %p, tag '%s', was not deleted, initialised at %s\n", Leaks->Image->Name, List,
             Name, Place(List->Creator, Where));
}

static void ReportCallback(void *Context, PVOID Registration, PVOID Routine)
{
    LEAKS *Leaks = Context;
    char Where[PLACE_SIZE];

    if (Leaks->Printed++ < LISTED)
        LogPrint("leak: %s: callback registration %p is still there, its routine is %s\n", Leaks->Image->Name,
                 Registration, Place(Routine, Where));
}

static void ReportRest(const LDR_IMAGE *Image, const char *What, ULONG Count)
{
    if (Count > LISTED)
        LogPrint("leak: %s: and %u %s more\n", Image->Name, Count - LISTED, What);
}

/* ---- Shared: LdrpReportLeaks, LdrpIsActive ---- */

ULONG LdrpReportLeaks(const LDR_IMAGE *Image)
{
    LEAKS Blocks = { .Image = Image }, Handles = { .Image = Image }, Resources = { .Image = Image };
    LEAKS Callbacks = { .Image = Image };
    LEAKS Lookasides = { .Image = Image };
    POOL_OWNER_RANGE Range = { Start(Image), End(Image) };
    ULONG Activity, Work;

    KeFlushQueuedDpcs();
    ExCheckFreedPool();                 /* while the names of those to blame are still known */
    Activity = ReportActivity(Image);
    ReportRest(Image, "threads, timers or DPCs", Activity);
    Work = ReportWork(Image);
    ReportRest(Image, "work items", Work);
    ExForEachResourceOf(Range.Start, Range.End, ReportResource, &Resources);
    ReportRest(Image, "resources", Resources.Printed);
    ExForEachLookasideOf(Range.Start, Range.End, ReportLookaside, &Lookasides);
    ReportRest(Image, "lookaside lists", Lookasides.Printed);
    ExForEachPoolBlockOf(Range, ReportBlock, &Blocks);
    ReportRest(Image, "pool blocks", Blocks.Printed);
    ObForEachHandleOf(Range.Start, Range.End, ReportHandle, &Handles);
    ReportRest(Image, "handles", Handles.Printed);
    ObForEachCallbackOf(Range.Start, Range.End, ReportCallback, &Callbacks);
    ReportRest(Image, "callback registrations", Callbacks.Printed);
    return Callbacks.Printed + Activity + Work + Resources.Printed + Lookasides.Printed + Blocks.Printed + Handles.Printed;
}

BOOLEAN LdrpIsActive(const LDR_IMAGE *Image)
{
    EX_WORK_ACTIVITY Work;
    KE_ACTIVITY Activity;

    ExQueryWorkActivity(Start(Image), End(Image), &Work);
    return KeQueryActivity(Start(Image), End(Image), &Activity) || Work.Queued != 0 || Work.Between != 0;
}
