/* waits_forever.c - its DriverEntry waits for what nobody will signal; virtual time shows that at once.
 *
 * expect: status 3
 * expect: log waits_forever\.sys: DriverEntry waits for ever */
#include <ntddk.h>

DRIVER_INITIALIZE DriverEntry;

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    KEVENT Event;

    UNREFERENCED_PARAMETER(DriverObject);
    UNREFERENCED_PARAMETER(RegistryPath);
    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    return KeWaitForSingleObject(&Event, Executive, KernelMode, FALSE, NULL);
}
