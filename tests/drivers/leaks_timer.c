/* leaks_timer.c - its periodic timer is still armed when DriverUnload has returned.
 *
 * expect: status 1
 * expect: log leak: leaks_timer\.sys: timer [0-9A-Fa-fx]+ is still armed, its DPC is leaks_timer\.sys.*Tick */
#include <ntddk.h>

DRIVER_INITIALIZE DriverEntry;

static KTIMER Timer;
static KDPC Dpc;

static VOID NTAPI Tick(PKDPC D, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(D);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
}

static VOID NTAPI Unload(PDRIVER_OBJECT DriverObject)
{
    UNREFERENCED_PARAMETER(DriverObject);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    LARGE_INTEGER Due;

    UNREFERENCED_PARAMETER(RegistryPath);
    DriverObject->DriverUnload = Unload;
    Due.QuadPart = -10000;
    KeInitializeTimer(&Timer);
    KeInitializeDpc(&Dpc, Tick, NULL);
    KeSetTimerEx(&Timer, Due, 10, &Dpc);
    return STATUS_SUCCESS;
}
