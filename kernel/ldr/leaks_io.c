/* leaks_io.c - what a driver has left behind of the I/O manager's, and notify routines: rows for leaks.c.
 *
 * A device that is still there may be sent requests, so the image of its driver stays. */
#include "ldrp.h"
#include <io/irp.h>
#include <io/symbolic_link.h>
#include <io/work_item.h>
#include <ps/notify.h>

static void ReportDevices(LDR_LEAKS *Leaks)
{
    char Path[LDR_PLACE_SIZE];

    for (PDEVICE_OBJECT Device = Leaks->Driver->Object->DeviceObject; Device != NULL; Device = Device->NextDevice)
        LdrpNoteLeak(Leaks, "device %p%s was not deleted%s", Device, LdrpPathOf(Device, Path),
                     Device->AttachedDevice != NULL ? ", or another one is still attached to it" :
                     Device->ReferenceCount != 0    ? ", or is still open" : "");
}

static void NoteIrp(void *Context, PIRP Irp, PVOID Caller)
{
    char Where[LDR_PLACE_SIZE];

    LdrpNoteLeak(Context, "IRP %p was not freed, allocated at %s", Irp, LdrpPlace(Caller, Where));
}

static void ReportIrps(LDR_LEAKS *Leaks) { IoForEachIrpOf(Leaks->Start, Leaks->End, NoteIrp, Leaks); }

static void NoteItem(void *Context, PVOID Item, PVOID Caller)
{
    char Where[LDR_PLACE_SIZE];

    LdrpNoteLeak(Context, "I/O work item %p was not freed, allocated at %s", Item, LdrpPlace(Caller, Where));
}

static void ReportItems(LDR_LEAKS *Leaks) { IoForEachWorkItemOf(Leaks->Start, Leaks->End, NoteItem, Leaks); }

static void NoteLink(void *Context, PCUNICODE_STRING Name, PVOID Caller)
{
    char Where[LDR_PLACE_SIZE], Text[LDR_PLACE_SIZE];

    LdrpNoteLeak(Context, "symbolic link %s was not deleted, created at %s", LdrpPrintable(Name, Text),
                 LdrpPlace(Caller, Where));
}

static void ReportLinks(LDR_LEAKS *Leaks) { IoForEachSymbolicLinkOf(Leaks->Start, Leaks->End, NoteLink, Leaks); }

static void NoteRoutine(void *Context, PVOID Routine)
{
    char Where[LDR_PLACE_SIZE];

    LdrpNoteLeak(Context, "notify routine %s was not taken away", LdrpPlace(Routine, Where));
}

static void ReportRoutines(LDR_LEAKS *Leaks)
{
    PsForEachNotifyRoutineOf(Leaks->Start, Leaks->End, NoteRoutine, Leaks);
}

const LDR_LEAK_KIND LdrpIoLeaks[LDR_IO_KINDS] = {
    { "devices", ReportDevices },
    { "IRPs", ReportIrps },
    { "I/O work items", ReportItems },
    { "symbolic links", ReportLinks },
    { "notify routines", ReportRoutines },
};
