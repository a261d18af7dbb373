/* announcer.c - tells whoever registers with its callback object how time goes, at DISPATCH_LEVEL by a timer's DPC and at
 * PASSIVE_LEVEL by a timer's APC, until a listener says by a named event that it has heard enough.
 *
 * expect: status 0
 * expect: log announcer\.sys: DriverEntry returned 0x00000000
 * expect: log ^ok 1 - the listener has heard enough
 * expect: log ^ok 2 - news came at both levels
 * expect: log 2 loaded, 0 refused; 7 ok, 0 not ok, 0 skipped; 0 leaked
 * run: DRIVER=build/tests/drivers/announcer.sys,build/tests/drivers/listener.sys
 * run: SMP=4 DRIVER=build/tests/drivers/announcer.sys,build/tests/drivers/listener.sys
 * run: SMP=2 ACCEL=parallel DRIVER=build/tests/drivers/announcer.sys,build/tests/drivers/listener.sys
 * run: APPEND=verifier=off DRIVER=build/tests/drivers/announcer.sys,build/tests/drivers/listener.sys */
#include <ntifs.h>

DRIVER_INITIALIZE DriverEntry;
static DRIVER_UNLOAD Unload;
static KSTART_ROUTINE Announcer;
static KDEFERRED_ROUTINE AnnounceFast;

static PCALLBACK_OBJECT News;
static HANDLE EnoughHandle, ThreadHandle;
static PKEVENT Enough;
static KTIMER FastTimer;
static KDPC FastDpc;
static ULONG Fast, Slow, Number;

static VOID Check(BOOLEAN Condition, const char *What)
{
    DbgPrint("%s %u - %s\n", Condition ? "ok" : "not ok", ++Number, What);
}

static VOID NTAPI AnnounceFast(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    Fast++;
    ExNotifyCallback(News, (PVOID)1, NULL);
}

static VOID NTAPI AnnounceSlow(PVOID Context, ULONG Low, LONG High)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Low);
    UNREFERENCED_PARAMETER(High);
    Slow++;
    ExNotifyCallback(News, (PVOID)2, NULL);
}

/* The timer's APC comes while the thread waits for the event, since it has left the region that it began in. */
static VOID NTAPI Announcer(PVOID Context)
{
    LARGE_INTEGER Due = { .QuadPart = -20000 };
    OBJECT_ATTRIBUTES Attributes;
    HANDLE Timer;
    NTSTATUS Status;

    UNREFERENCED_PARAMETER(Context);
    KeLeaveCriticalRegion();
    InitializeObjectAttributes(&Attributes, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
    Status = ZwCreateTimer(&Timer, GENERIC_ALL, &Attributes, SynchronizationTimer);
    if (NT_SUCCESS(Status))
        Status = ZwSetTimer(Timer, &Due, AnnounceSlow, NULL, FALSE, 2, NULL);
    KeSetTimerEx(&FastTimer, Due, 1, &FastDpc);
    if (NT_SUCCESS(Status))
        Status = ZwWaitForSingleObject(EnoughHandle, FALSE, NULL);
    KeCancelTimer(&FastTimer);
    KeFlushQueuedDpcs();
    Check(Status == STATUS_SUCCESS && ZwCancelTimer(Timer, NULL) == STATUS_SUCCESS, "the listener has heard enough");
    ZwClose(Timer);
    KeEnterCriticalRegion();
}

static NTSTATUS Open(VOID)
{
    UNICODE_STRING Name = RTL_CONSTANT_STRING(L"\\Callback\\KedgeNews");
    OBJECT_ATTRIBUTES Attributes;
    NTSTATUS Status;

    InitializeObjectAttributes(&Attributes, &Name, OBJ_CASE_INSENSITIVE, NULL, NULL);
    Status = ExCreateCallback(&News, &Attributes, TRUE, TRUE);
    if (!NT_SUCCESS(Status))
        return Status;
    RtlInitUnicodeString(&Name, L"\\BaseNamedObjects\\KedgeEnough");
    Enough = IoCreateNotificationEvent(&Name, &EnoughHandle);
    if (Enough == NULL) {
        ObDereferenceObject(News);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    KeClearEvent(Enough);
    return STATUS_SUCCESS;
}

static VOID NTAPI Unload(PDRIVER_OBJECT DriverObject)
{
    UNREFERENCED_PARAMETER(DriverObject);
    ZwWaitForSingleObject(ThreadHandle, FALSE, NULL);
    Check(Fast > 0 && Slow > 0, "news came at both levels");
    ZwClose(ThreadHandle);
    ZwClose(EnoughHandle);
    ObDereferenceObject(News);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    OBJECT_ATTRIBUTES Attributes;
    NTSTATUS Status = Open();

    UNREFERENCED_PARAMETER(RegistryPath);
    if (!NT_SUCCESS(Status))
        return Status;
    DriverObject->DriverUnload = Unload;
    KeInitializeTimer(&FastTimer);
    KeInitializeDpc(&FastDpc, AnnounceFast, NULL);
    InitializeObjectAttributes(&Attributes, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
    Status = PsCreateSystemThread(&ThreadHandle, THREAD_ALL_ACCESS, &Attributes, NULL, NULL, Announcer, NULL);
    if (!NT_SUCCESS(Status)) {
        ZwClose(EnoughHandle);
        ObDereferenceObject(News);
    }
    return Status;
}
