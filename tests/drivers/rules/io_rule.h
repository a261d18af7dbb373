/* io_rule.h - what the drivers of this folder share whose rule is the I/O manager's: two devices, Upper on Lower, both of
 * this driver. Dispatch, and Run, which is called from DriverEntry, are the test's own.
 *
 * As in rule.h, FAULT is defined where the rule is to be broken. */
#include <ntddk.h>

DRIVER_INITIALIZE DriverEntry;

static __attribute__((noinline)) VOID Run(VOID);
static NTSTATUS NTAPI Dispatch(PDEVICE_OBJECT Device, PIRP Irp);

static PDEVICE_OBJECT Lower, Upper;

static inline NTSTATUS Complete(PIRP Irp, NTSTATUS Status)
{
    Irp->IoStatus.Status = Status;
    Irp->IoStatus.Information = 0;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    return Status;
}

static NTSTATUS NTAPI Keep(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    UNREFERENCED_PARAMETER(Device);
    if (Irp->PendingReturned)
        KeSetEvent(Context, 0, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

/* Send Irp, a fresh one, and have it again. */
static inline VOID SendKept(PDEVICE_OBJECT Device, PIRP Irp)
{
    KEVENT Done;

    KeInitializeEvent(&Done, NotificationEvent, FALSE);
    IoGetNextIrpStackLocation(Irp)->MajorFunction = IRP_MJ_FLUSH_BUFFERS;
    IoSetCompletionRoutine(Irp, Keep, &Done, TRUE, TRUE, TRUE);
    if (IoCallDriver(Device, Irp) == STATUS_PENDING)
        KeWaitForSingleObject(&Done, Executive, KernelMode, FALSE, NULL);
}

/* One request to a device, from the making of its IRP to its end. */
static inline VOID Send(PDEVICE_OBJECT Device)
{
    PIRP Irp = IoAllocateIrp(Device->StackSize, FALSE);

    if (Irp == NULL)
        return;
    SendKept(Device, Irp);
    IoFreeIrp(Irp);
}

static inline VOID NTAPI Unload(PDRIVER_OBJECT DriverObject)
{
    UNREFERENCED_PARAMETER(DriverObject);
    IoDetachDevice(Lower);
    IoDeleteDevice(Upper);
    IoDeleteDevice(Lower);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    NTSTATUS Status;
    ULONG i;

    UNREFERENCED_PARAMETER(RegistryPath);
    DriverObject->DriverUnload = Unload;
    for (i = 0; i <= IRP_MJ_MAXIMUM_FUNCTION; i++)
        DriverObject->MajorFunction[i] = Dispatch;
    Status = IoCreateDevice(DriverObject, 0, NULL, FILE_DEVICE_UNKNOWN, 0, FALSE, &Lower);
    if (NT_SUCCESS(Status))
        Status = IoCreateDevice(DriverObject, 0, NULL, FILE_DEVICE_UNKNOWN, 0, FALSE, &Upper);
    if (!NT_SUCCESS(Status))
        return Status;
    Lower->Flags &= ~(ULONG)DO_DEVICE_INITIALIZING;
    if (IoAttachDeviceToDeviceStack(Upper, Lower) != Lower)
        return STATUS_NO_SUCH_DEVICE;
    Run();
    return STATUS_SUCCESS;
}
