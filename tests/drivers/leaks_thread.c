/* leaks_thread.c - leaves a thread behind that waits for ever, and its handle.
 *
 * expect: status 1
 * expect: log leak: leaks_thread\.sys: thread [0-9A-Fa-fx]+ still runs, started at leaks_thread\.sys.*Sleeper
 * expect: log leak: leaks_thread\.sys: handle [0-9A-Fa-fx]+ to Thread [0-9A-Fa-fx]+, opened at leaks_thread\.sys
 * expect: log leaks_thread\.sys: left 2 things behind */
#include <ntddk.h>

DRIVER_INITIALIZE DriverEntry;

static KEVENT Never;

static VOID NTAPI Sleeper(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    KeWaitForSingleObject(&Never, Executive, KernelMode, FALSE, NULL);
}

static VOID NTAPI Unload(PDRIVER_OBJECT DriverObject)
{
    UNREFERENCED_PARAMETER(DriverObject);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    HANDLE Handle;

    UNREFERENCED_PARAMETER(RegistryPath);
    DriverObject->DriverUnload = Unload;
    KeInitializeEvent(&Never, NotificationEvent, FALSE);
    return PsCreateSystemThread(&Handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, Sleeper, NULL);
}
