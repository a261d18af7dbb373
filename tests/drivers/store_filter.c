/* store_filter.c - sits on the store's device: writes it turns every byte over on the way down, and back for reads on the
 * way up; what it does not know goes through. Who opens the store comes here first.
 *
 * expect: status 0
 * expect: log 2 loaded, 0 refused; 2 ok, 0 not ok, 0 skipped; 0 leaked
 * run: DRIVER=build/tests/drivers/store.sys,build/tests/drivers/store_filter.sys */
#include "store.h"

typedef struct _FILTER {
    PDEVICE_OBJECT Below;
    volatile LONG Passed, Reads, Writes;
} FILTER, *PFILTER;

DRIVER_INITIALIZE DriverEntry;

static UNICODE_STRING Link = RTL_CONSTANT_STRING(STORE_LINK);

static VOID Turn(PIRP Irp, ULONG Length)
{
    PUCHAR Data = MmGetSystemAddressForMdlSafe(Irp->MdlAddress, NormalPagePriority);
    ULONG i;

    for (i = 0; i < Length; i++)
        Data[i] = (UCHAR)~Data[i];
}

static NTSTATUS NTAPI Pass(PDEVICE_OBJECT Device, PIRP Irp)
{
    PFILTER Filter = Device->DeviceExtension;

    InterlockedIncrement(&Filter->Passed);
    IoSkipCurrentIrpStackLocation(Irp);
    return IoCallDriver(Filter->Below, Irp);
}

static NTSTATUS NTAPI ReadDone(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    PFILTER Filter = Device->DeviceExtension;

    if (Context != Filter)
        DbgPrint("not ok - the completion routine gets its context\n");
    if (Irp->PendingReturned)
        IoMarkIrpPending(Irp);
    if (NT_SUCCESS(Irp->IoStatus.Status) && Irp->IoStatus.Information != 0)
        Turn(Irp, (ULONG)Irp->IoStatus.Information);
    return STATUS_CONTINUE_COMPLETION;
}

static NTSTATUS NTAPI Read(PDEVICE_OBJECT Device, PIRP Irp)
{
    PFILTER Filter = Device->DeviceExtension;

    InterlockedIncrement(&Filter->Reads);
    IoCopyCurrentIrpStackLocationToNext(Irp);
    IoSetCompletionRoutine(Irp, ReadDone, Filter, TRUE, TRUE, TRUE);
    return IoCallDriver(Filter->Below, Irp);
}

/* The writer gets its own data back. */
static NTSTATUS NTAPI Write(PDEVICE_OBJECT Device, PIRP Irp)
{
    PFILTER Filter = Device->DeviceExtension;
    NTSTATUS Status;

    InterlockedIncrement(&Filter->Writes);
    if (Irp->MdlAddress == NULL)
        return Pass(Device, Irp);
    Turn(Irp, IoGetCurrentIrpStackLocation(Irp)->Parameters.Write.Length);
    if (!IoForwardIrpSynchronously(Filter->Below, Irp))
        Irp->IoStatus.Status = STATUS_INVALID_DEVICE_REQUEST;
    Turn(Irp, IoGetCurrentIrpStackLocation(Irp)->Parameters.Write.Length);
    Status = Irp->IoStatus.Status;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    return Status;
}

static VOID NTAPI Unload(PDRIVER_OBJECT Driver)
{
    PDEVICE_OBJECT Device = Driver->DeviceObject;
    PFILTER Filter = Device->DeviceExtension;

    DbgPrint("ok - filter: %d passed, %d reads, %d writes\n", Filter->Passed, Filter->Reads, Filter->Writes);
    IoDetachDevice(Filter->Below);
    IoDeleteDevice(Device);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT Driver, PUNICODE_STRING RegistryPath)
{
    PDEVICE_OBJECT Device, Target;
    PFILE_OBJECT File;
    PFILTER Filter;
    NTSTATUS Status;
    ULONG i;

    UNREFERENCED_PARAMETER(RegistryPath);
    Status = IoCreateDevice(Driver, sizeof(FILTER), NULL, FILE_DEVICE_UNKNOWN, 0, FALSE, &Device);
    if (!NT_SUCCESS(Status))
        return Status;
    Filter = Device->DeviceExtension;
    for (i = 0; i <= IRP_MJ_MAXIMUM_FUNCTION; i++)
        Driver->MajorFunction[i] = Pass;
    Driver->MajorFunction[IRP_MJ_READ] = Read;
    Driver->MajorFunction[IRP_MJ_WRITE] = Write;
    Driver->DriverUnload = Unload;
    Status = IoGetDeviceObjectPointer(&Link, FILE_READ_DATA, &File, &Target);
    if (NT_SUCCESS(Status)) {
        Device->Flags |= Target->Flags & (DO_BUFFERED_IO | DO_DIRECT_IO);
        Status = IoAttachDeviceToDeviceStackSafe(Device, Target, &Filter->Below);
        ObDereferenceObject(File);
    }
    if (!NT_SUCCESS(Status))
        IoDeleteDevice(Device);
    return Status;
}
