/* watchdog.c - a periodic timer's DPC watches a heartbeat that a thread keeps up; when the thread falls
 * silent for too long the DPC says so once. The timer runs until the driver is unloaded.
 *
 * expect: status 0
 * expect: log watchdog: started
 * expect: log watchdog: the heart has stopped, after [0-9]+ checks
 * expect: log only what repeats goes on
 * expect: log watchdog: stopped after [0-9]+ checks
 * expect: log verdict: exit status 0
 * run: SMP=2
 * run: SMP=2 ACCEL=parallel */
#include <ntddk.h>

#define CHECK_PERIOD_MS 100
#define HEARTBEATS      20
#define SILENCE_LIMIT   5

typedef struct _WATCHDOG {
    KTIMER Timer;
    KDPC Dpc;
    KEVENT Stop;
    PVOID Thread;
    volatile LONG Beats, Seen, Silence, Checks;
} WATCHDOG, *PWATCHDOG;

DRIVER_INITIALIZE DriverEntry;
static DRIVER_UNLOAD WatchdogUnload;
static KDEFERRED_ROUTINE WatchdogDpc;
static KSTART_ROUTINE HeartThread;

static PWATCHDOG Watchdog;

static VOID NTAPI WatchdogDpc(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    PWATCHDOG W = Context;
    LONG Beats = W->Beats;

    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    InterlockedIncrement(&W->Checks);
    if (Beats != W->Seen) {
        W->Seen = Beats;
        W->Silence = 0;
    } else if (++W->Silence == SILENCE_LIMIT) {
        DbgPrint("watchdog: the heart has stopped, after %d checks\n", W->Checks);
    }
}

/* Beats faster than it is checked, a while, and then only waits to be told to stop. */
static VOID NTAPI HeartThread(PVOID Context)
{
    PWATCHDOG W = Context;
    LARGE_INTEGER Pause;
    LONG i;

    Pause.QuadPart = -10000LL * CHECK_PERIOD_MS / 2;
    for (i = 0; i < HEARTBEATS; i++) {
        InterlockedIncrement(&W->Beats);
        if (KeWaitForSingleObject(&W->Stop, Executive, KernelMode, FALSE, &Pause) == STATUS_SUCCESS)
            PsTerminateSystemThread(STATUS_CANCELLED);
    }
    KeWaitForSingleObject(&W->Stop, Executive, KernelMode, FALSE, NULL);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static VOID NTAPI WatchdogUnload(PDRIVER_OBJECT DriverObject)
{
    UNREFERENCED_PARAMETER(DriverObject);
    KeCancelTimer(&Watchdog->Timer);
    KeFlushQueuedDpcs();
    KeSetEvent(&Watchdog->Stop, IO_NO_INCREMENT, FALSE);
    KeWaitForSingleObject(Watchdog->Thread, Executive, KernelMode, FALSE, NULL);
    ObDereferenceObject(Watchdog->Thread);
    DbgPrint("watchdog: stopped after %d checks\n", Watchdog->Checks);
    ExFreePoolWithTag(Watchdog, 'goDW');
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    LARGE_INTEGER Due;
    HANDLE Handle;
    NTSTATUS Status;

    DbgPrint("watchdog: %wZ\n", RegistryPath);
    Watchdog = ExAllocatePoolWithTag(NonPagedPool, sizeof *Watchdog, 'goDW');
    if (Watchdog == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    RtlZeroMemory(Watchdog, sizeof *Watchdog);
    KeInitializeTimer(&Watchdog->Timer);
    KeInitializeDpc(&Watchdog->Dpc, WatchdogDpc, Watchdog);
    KeInitializeEvent(&Watchdog->Stop, NotificationEvent, FALSE);
    Status = PsCreateSystemThread(&Handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, HeartThread, Watchdog);
    if (!NT_SUCCESS(Status)) {
        ExFreePoolWithTag(Watchdog, 'goDW');
        return Status;
    }
    ObReferenceObjectByHandle(Handle, SYNCHRONIZE, *PsThreadType, KernelMode, &Watchdog->Thread, NULL);
    ZwClose(Handle);
    Due.QuadPart = -10000LL * CHECK_PERIOD_MS;
    KeSetTimerEx(&Watchdog->Timer, Due, CHECK_PERIOD_MS, &Watchdog->Dpc);
    DriverObject->DriverUnload = WatchdogUnload;
    DbgPrint("watchdog: started\n");
    return STATUS_SUCCESS;
}
