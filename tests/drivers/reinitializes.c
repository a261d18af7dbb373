/* reinitializes.c - asks to be called again when all drivers are there, three times, and starts its device's timer then:
 * its ticks are what the run waits for.
 *
 * expect: status 0
 * expect: log ^ok 1 - called again, the third time
 * expect: log ^ok 2 - the device's timer ticks
 * expect: log 2 ok, 0 not ok, 0 skipped; 0 leaked */
#include <ntddk.h>

DRIVER_INITIALIZE DriverEntry;

static PDEVICE_OBJECT Device;
static ULONG Calls, Ticks;

static VOID NTAPI Tick(PDEVICE_OBJECT DeviceObject, PVOID Context)
{
    if (++Ticks != 5)
        return;
    DbgPrint("%s 2 - the device's timer ticks\n", DeviceObject == Device && Context == &Ticks ? "ok" : "not ok");
    IoStopTimer(DeviceObject);
}

static VOID NTAPI Again(PDRIVER_OBJECT DriverObject, PVOID Context, ULONG Count)
{
    if (++Calls < 3) {
        IoRegisterDriverReinitialization(DriverObject, Again, Context);
        return;
    }
    DbgPrint("%s 1 - called again, the third time\n", Context == &Calls && Count == 3 ? "ok" : "not ok");
    IoStartTimer(Device);
}

static VOID NTAPI Unload(PDRIVER_OBJECT DriverObject)
{
    IoDeleteDevice(DriverObject->DeviceObject);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    NTSTATUS Status;

    UNREFERENCED_PARAMETER(RegistryPath);
    DriverObject->DriverUnload = Unload;
    Status = IoCreateDevice(DriverObject, 0, NULL, FILE_DEVICE_UNKNOWN, 0, FALSE, &Device);
    if (NT_SUCCESS(Status))
        Status = IoInitializeTimer(Device, Tick, &Ticks);
    IoRegisterDriverReinitialization(DriverObject, Again, &Calls);
    return Status;
}
