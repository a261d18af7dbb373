/* leaks_io.c - what a driver has left behind of the I/O manager's, each thing by name.
 *
 * A device that is still there may be sent requests, so the image of its driver stays. */
#include "ldrp.h"
#include <io/irp.h>
#include <io/symbolic_link.h>
#include <io/work_item.h>
#include <ps/notify.h>
#include <rtl/print.h>
#include <rtl/stacktrace.h>

enum { LISTED = 32, PLACE_SIZE = 160 };

typedef struct _LEAKS {
    const LDR_IMAGE *Image;
    ULONG Printed;
} LEAKS;

static ULONG64 Start(const LDR_IMAGE *Image) { return (ULONG64)(ULONG_PTR)Image->Base; }
static ULONG64 End(const LDR_IMAGE *Image) { return Start(Image) + Image->Layout.SizeOfImage; }

static void Report(LEAKS *Leaks, const char *What, PVOID Object, PVOID Caller)
{
    char Where[PLACE_SIZE];

    if (Leaks->Printed++ >= LISTED)
        return;
    RtlDescribeAddress((ULONG64)(ULONG_PTR)Caller, Where, sizeof Where);
    LogPrint("leak: %s: %s %p was not freed, allocated at %s\n", Leaks->Image->Name, What, Object, Where);
}

static void ReportIrp(void *Context, PIRP Irp, PVOID Caller) { Report(Context, "IRP", Irp, Caller); }
static void ReportItem(void *Context, PVOID Item, PVOID Caller) { Report(Context, "I/O work item", Item, Caller); }

static void ReportRoutine(void *Context, PVOID Routine)
{
    char Where[PLACE_SIZE];
    LEAKS *Leaks = Context;

    if (Leaks->Printed++ >= LISTED)
        return;
    RtlDescribeAddress((ULONG64)(ULONG_PTR)Routine, Where, sizeof Where);
    LogPrint("leak: %s: notify routine %s was not taken away\n", Leaks->Image->Name, Where);
}

/* Its name as far as it can be printed. */
static void ReportLink(void *Context, PCUNICODE_STRING Name, PVOID Caller)
{
    char Where[PLACE_SIZE], Text[PLACE_SIZE];
    LEAKS *Leaks = Context;
    ULONG Length = Name->Length / sizeof(WCHAR);

    if (Leaks->Printed++ >= LISTED)
        return;
    if (Length >= sizeof Text)
        Length = sizeof Text - 1;
    for (ULONG i = 0; i < Length; i++)
        Text[i] = Name->Buffer[i] >= ' ' && Name->Buffer[i] <= '~' ? (char)Name->Buffer[i] : '?';
    Text[Length] = 0;
    RtlDescribeAddress((ULONG64)(ULONG_PTR)Caller, Where, sizeof Where);
    LogPrint("leak: %s: symbolic link %s was not deleted, created at %s\n", Leaks->Image->Name, Text, Where);
}

static ULONG ReportDevices(const LDR_IMAGE *Image, PDRIVER_OBJECT Driver)
{
    ULONG Count = 0;

    for (PDEVICE_OBJECT Device = Driver->DeviceObject; Device != NULL; Device = Device->NextDevice, Count++)
        if (Count < LISTED)
            LogPrint("leak: %s: device %p was not deleted%s\n", Image->Name, Device,
                     Device->AttachedDevice != NULL ? ", or is still attached to" :
                     Device->ReferenceCount != 0    ? ", or is still open" : "");
    return Count;
}

static ULONG ReportRest(const LEAKS *Leaks, const char *What)
{
    if (Leaks->Printed > LISTED)
        LogPrint("leak: %s: and %u %s more\n", Leaks->Image->Name, Leaks->Printed - LISTED, What);
    return Leaks->Printed;
}

/* ---- Shared ---- */

ULONG LdrpReportIoLeaks(const LDR_DRIVER *Driver)
{
    const LDR_IMAGE *Image = Driver->Image;
    LEAKS Irps = { .Image = Image }, Items = { .Image = Image }, Links = { .Image = Image };
    LEAKS Routines = { .Image = Image };
    LEAKS Devices = { Image, ReportDevices(Image, Driver->Object) };

    IoForEachIrpOf(Start(Image), End(Image), ReportIrp, &Irps);
    IoForEachWorkItemOf(Start(Image), End(Image), ReportItem, &Items);
    IoForEachSymbolicLinkOf(Start(Image), End(Image), ReportLink, &Links);
    PsForEachNotifyRoutineOf(Start(Image), End(Image), ReportRoutine, &Routines);
    return ReportRest(&Routines, "notify routines") + ReportRest(&Links, "symbolic links") +
           ReportRest(&Devices, "devices") + ReportRest(&Irps, "IRPs") +
           ReportRest(&Items, "I/O work items");
}

BOOLEAN LdrpHasDevices(const LDR_DRIVER *Driver) { return Driver->Object->DeviceObject != NULL; }
