/* driver.c - the driver object, and the calls of DriverEntry and DriverUnload.
 *
 * Each call has a system thread of its own, at PASSIVE_LEVEL and outside any critical region, as a driver
 * finds it in NT. So a driver that hangs or ends its thread takes nothing of ours with it. When the call comes
 * back the thread looks at what the driver changed: IRQL and APC-disable count must be as before. A driver changes
 * IRQL inline, so this is the first moment at which a leak of DriverEntry's own can be seen.
 * The registry path belongs to the call: NT frees it after DriverEntry, and so do we, which lets the pool's
 * verifier catch a driver that kept the pointer. */
#include "ldrp.h"
#include <ex/pool.h>
#include <ke/activity.h>
#include <ke/apc.h>
#include <ke/bugcheck.h>
#include <ke/irql.h>
#include <ke/process.h>
#include <ob/object.h>
#include <ps/process.h>
#include <ps/system_thread.h>
#include <rtl/print.h>
#include <rtl/status.h>
#include <rtl/string.h>
#include <vf/rules.h>

static WCHAR HardwareDatabase[] = L"\\REGISTRY\\MACHINE\\HARDWARE\\DESCRIPTION\\SYSTEM";
static UNICODE_STRING HardwareDatabaseName = { sizeof HardwareDatabase - sizeof(WCHAR), sizeof HardwareDatabase,
                                               HardwareDatabase };
static const char ServicesKey[] = "\\Registry\\Machine\\System\\CurrentControlSet\\Services\\";

/* Append Text to String, whose buffer is large enough, and end it with a zero that does not count. */
static void Append(UNICODE_STRING *String, const char *Text)
{
    ULONG At = String->Length / sizeof(WCHAR);

    for (; *Text != 0; Text++)
        String->Buffer[At++] = (UCHAR)*Text;
    String->Buffer[At] = 0;
    String->Length = (USHORT)(At * sizeof(WCHAR));
}

/* The service's name: the file's without its extension. */
static void ServiceName(const LDR_IMAGE *Image, char Name[LDR_NAME_SIZE])
{
    SIZE_T Length;

    RtlFormat(Name, LDR_NAME_SIZE, "%s", Image->Name);
    Length = strlen(Name);
    if (Length > 4 && RtlCompareNoCase(Name + Length - 4, ".sys") == 0)
        Name[Length - 4] = 0;
}

/* ---- The calls ---- */

static void CheckReturn(const LDR_DRIVER *Driver, const char *Routine, PVOID Address, LONG ApcDisable)
{
    KIRQL Irql = KeGetCurrentIrql();
    LONG Now = KeGetCurrentThread()->CombinedApcDisable;

    if (Irql != PASSIVE_LEVEL)
        VfStop(VF_CALLBACK_IRQL, (ULONG_PTR)Address, Irql, 0,
               "%s of %s was called at IRQL 0 and returned at IRQL %u", Routine, Driver->Image->Name, Irql);
    if (Now != ApcDisable)
        VfStop(VF_CALLBACK_REGION, (ULONG_PTR)Address, (ULONG)ApcDisable, (ULONG)Now,
               "%s of %s left a critical or guarded region entered (or left one too often)", Routine,
               Driver->Image->Name);
    if (KeIsAttachedProcess())
        KeBugCheckWith(INVALID_PROCESS_ATTACH_ATTEMPT, (ULONG_PTR)PsGetCurrentThreadProcess(),
                       (ULONG_PTR)PsGetCurrentProcess(), 1, 0, "%s of %s returned attached to another process", Routine,
                       Driver->Image->Name);
}

static BOOLEAN MakeRegistryPath(const LDR_DRIVER *Driver, UNICODE_STRING *Path)
{
    char Name[LDR_NAME_SIZE];

    ServiceName(Driver->Image, Name);
    Path->Length = 0;
    Path->MaximumLength = (USHORT)((sizeof ServicesKey + strlen(Name)) * sizeof(WCHAR));
    Path->Buffer = ExAllocatePoolWithTag(PagedPool, Path->MaximumLength, LDR_TAG);
    if (Path->Buffer == NULL)
        return FALSE;
    Append(Path, ServicesKey);
    Append(Path, Name);
    return TRUE;
}

static VOID EntryThread(PVOID Context)
{
    LDR_DRIVER *Driver = Context;
    UNICODE_STRING Path;
    BOOLEAN InRegion = KeAreApcsDisabled();
    LONG ApcDisable;

    if (!MakeRegistryPath(Driver, &Path)) {
        Driver->EntryStatus = STATUS_INSUFFICIENT_RESOURCES;
        Driver->Returned = TRUE;
        return;
    }
    if (InRegion)
        KeLeaveCriticalRegion();
    ApcDisable = KeGetCurrentThread()->CombinedApcDisable;
    Driver->EntryStatus = Driver->Object->DriverInit(Driver->Object, &Path);
    CheckReturn(Driver, "DriverEntry", (PVOID)Driver->Object->DriverInit, ApcDisable);
    IoReadyDevices(Driver->Object);
    if (InRegion)
        KeEnterCriticalRegion();
    ExFreePoolWithTag(Path.Buffer, LDR_TAG);
    Driver->Returned = TRUE;
}

static VOID UnloadThread(PVOID Context)
{
    LDR_DRIVER *Driver = Context;
    PDRIVER_UNLOAD Unload = Driver->Object->DriverUnload;
    BOOLEAN InRegion = KeAreApcsDisabled();
    LONG ApcDisable;

    if (InRegion)
        KeLeaveCriticalRegion();
    ApcDisable = KeGetCurrentThread()->CombinedApcDisable;
    Unload(Driver->Object);
    CheckReturn(Driver, "DriverUnload", (PVOID)Unload, ApcDisable);
    if (InRegion)
        KeEnterCriticalRegion();
    Driver->Returned = TRUE;
}

/* Routines that register themselves again are called again, as often as they do. */
static VOID ReinitializeThread(PVOID Context)
{
    LDR_DRIVER *Driver = Context;
    BOOLEAN InRegion = KeAreApcsDisabled();
    LONG ApcDisable;

    if (InRegion)
        KeLeaveCriticalRegion();
    ApcDisable = KeGetCurrentThread()->CombinedApcDisable;
    while (IoCallReinitializations(Driver->Object))
        CheckReturn(Driver, "a reinitialization routine", Driver->Image->Base, ApcDisable);
    if (InRegion)
        KeEnterCriticalRegion();
    Driver->Returned = TRUE;
}

static PKTHREAD StartThread(LDR_DRIVER *Driver, PKSTART_ROUTINE Routine)
{
    HANDLE Handle;
    PVOID Thread = NULL;

    Driver->Returned = FALSE;
    if (!NT_SUCCESS(PsCreateSystemThread(&Handle, 0, NULL, NULL, NULL, Routine, Driver)))
        return NULL;
    if (!NT_SUCCESS(ObReferenceObjectByHandle(Handle, 0, PsThreadType, KernelMode, &Thread, NULL)))
        Thread = NULL;
    ZwClose(Handle);
    return Thread;
}

static BOOLEAN RoutineIsBlocked(PKSTART_ROUTINE Routine)
{
    ULONG64 Start = (ULONG64)(ULONG_PTR)Routine;
    KE_ACTIVITY Activity;

    KeQueryActivity(Start, Start + 1, &Activity);
    return Activity.ThreadsRunnable == 0 && Activity.ThreadsTimed == 0;
}

/* ---- Shared: the driver object's life ---- */

LDR_DRIVER *LdrpCreateDriver(LDR_IMAGE *Image)
{
    LDR_DRIVER *Driver = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof *Driver, LDR_TAG);
    char Name[LDR_NAME_SIZE];
    PDRIVER_OBJECT Object;

    if (Driver == NULL)
        return NULL;
    ServiceName(Image, Name);
    Object = IoCreateDriverObject(Name);
    if (Object == NULL) {
        ExFreePoolWithTag(Driver, LDR_TAG);
        return NULL;
    }
    *Driver = (LDR_DRIVER){ .Image = Image, .Object = Object, .EntryStatus = STATUS_UNSUCCESSFUL };
    Object->DriverStart = Image->Base;
    Object->DriverSize = Image->Layout.SizeOfImage;
    Object->HardwareDatabase = &HardwareDatabaseName;
    Object->DriverInit = (PDRIVER_INITIALIZE)(PVOID)(Image->Base + Image->Layout.EntryRva);
    return Driver;
}

void LdrpDestroyDriver(LDR_DRIVER *Driver)
{
    IoDeleteDriverObject(Driver->Object);
    ExFreePoolWithTag(Driver, LDR_TAG);
}

PKTHREAD LdrpStartEntry(LDR_DRIVER *Driver) { return StartThread(Driver, EntryThread); }

PKTHREAD LdrpStartReinitialization(LDR_DRIVER *Driver) { return StartThread(Driver, ReinitializeThread); }

PKTHREAD LdrpStartUnload(LDR_DRIVER *Driver) { return StartThread(Driver, UnloadThread); }

BOOLEAN LdrpCallIsBlocked(void)
{
    return RoutineIsBlocked(EntryThread) && RoutineIsBlocked(ReinitializeThread) && RoutineIsBlocked(UnloadThread);
}
