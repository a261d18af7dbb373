/* store.c - a device of 32 KiB: reads and writes of it wait in a cancel-safe queue for a thread that serves them, control
 * requests are answered at once. Others find it as \DosDevices\KedgeStore; store_filter.c and store_client.c do.
 *
 * expect: status 0
 * expect: log drivers: at rest
 * expect: log 1 loaded, 0 refused; 1 ok, 0 not ok, 0 skipped; 0 leaked
 * run: SMP=1
 * run: APPEND=verifier=off */
#include "store.h"

typedef struct _STORE {
    UCHAR Bytes[STORE_SIZE];
    IO_CSQ Queue;
    LIST_ENTRY Waiting;
    KSPIN_LOCK Lock;
    KSEMAPHORE Work;                    /* one for each request that was queued */
    volatile LONG Stop, Opens, Cleanups, Closes;
    PVOID Thread;
} STORE, *PSTORE;

DRIVER_INITIALIZE DriverEntry;

static UNICODE_STRING Link = RTL_CONSTANT_STRING(STORE_LINK), Name = RTL_CONSTANT_STRING(L"\\Device\\KedgeStore");

/* ---- The queue ---- */

static PSTORE StoreOf(PIO_CSQ Queue) { return CONTAINING_RECORD(Queue, STORE, Queue); }

static VOID NTAPI Insert(PIO_CSQ Queue, PIRP Irp)
{
    InsertTailList(&StoreOf(Queue)->Waiting, &Irp->Tail.Overlay.ListEntry);
}

static VOID NTAPI Remove(PIO_CSQ Queue, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Queue);
    RemoveEntryList(&Irp->Tail.Overlay.ListEntry);
}

/* PeekContext: of that file only, or NULL. */
static PIRP NTAPI PeekNext(PIO_CSQ Queue, PIRP Irp, PVOID PeekContext)
{
    PLIST_ENTRY Head = &StoreOf(Queue)->Waiting, At = Irp != NULL ? Irp->Tail.Overlay.ListEntry.Flink : Head->Flink;

    for (; At != Head; At = At->Flink) {
        PIRP Next = CONTAINING_RECORD(At, IRP, Tail.Overlay.ListEntry);

        if (PeekContext == NULL || IoGetCurrentIrpStackLocation(Next)->FileObject == PeekContext)
            return Next;
    }
    return NULL;
}

static VOID NTAPI Acquire(PIO_CSQ Queue, PKIRQL Irql) { KeAcquireSpinLock(&StoreOf(Queue)->Lock, Irql); }
static VOID NTAPI Release(PIO_CSQ Queue, KIRQL Irql) { KeReleaseSpinLock(&StoreOf(Queue)->Lock, Irql); }

static NTSTATUS Complete(PIRP Irp, NTSTATUS Status, ULONG_PTR Information)
{
    Irp->IoStatus.Status = Status;
    Irp->IoStatus.Information = Information;
    IoCompleteRequest(Irp, IO_DISK_INCREMENT);
    return Status;
}

static VOID NTAPI CompleteCanceled(PIO_CSQ Queue, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Queue);
    Complete(Irp, STATUS_CANCELLED, 0);
}

/* ---- The thread ---- */

static VOID Serve(PSTORE Store, PIRP Irp)
{
    PIO_STACK_LOCATION Location = IoGetCurrentIrpStackLocation(Irp);
    PUCHAR Data = MmGetSystemAddressForMdlSafe(Irp->MdlAddress, NormalPagePriority);
    ULONG Offset = Location->Parameters.Read.ByteOffset.LowPart, Length = Location->Parameters.Read.Length;

    if (Offset >= STORE_SIZE || Length > STORE_SIZE - Offset || Data == NULL) {
        Complete(Irp, STATUS_INVALID_PARAMETER, 0);
        return;
    }
    if (Location->MajorFunction == IRP_MJ_READ)
        RtlCopyMemory(Data, Store->Bytes + Offset, Length);
    else
        RtlCopyMemory(Store->Bytes + Offset, Data, Length);
    Complete(Irp, STATUS_SUCCESS, Length);
}

/* A request that was cancelled leaves its count behind, so a turn may find nothing. */
static VOID NTAPI Server(PVOID Context)
{
    PSTORE Store = Context;
    PIRP Irp;

    for (;;) {
        KeWaitForSingleObject(&Store->Work, Executive, KernelMode, FALSE, NULL);
        if (Store->Stop)
            PsTerminateSystemThread(STATUS_SUCCESS);
        Irp = IoCsqRemoveNextIrp(&Store->Queue, NULL);
        if (Irp != NULL)
            Serve(Store, Irp);
    }
}

/* ---- Dispatch routines ---- */

static NTSTATUS NTAPI DispatchData(PDEVICE_OBJECT Device, PIRP Irp)
{
    PSTORE Store = Device->DeviceExtension;

    if (IoGetCurrentIrpStackLocation(Irp)->Parameters.Read.Length == 0)
        return Complete(Irp, STATUS_SUCCESS, 0);
    IoCsqInsertIrp(&Store->Queue, Irp, NULL);
    if (!Store->Bytes[STORE_HOLD])
        KeReleaseSemaphore(&Store->Work, IO_DISK_INCREMENT, 1, FALSE);
    return STATUS_PENDING;
}

static NTSTATUS NTAPI DispatchControl(PDEVICE_OBJECT Device, PIRP Irp)
{
    PSTORE Store = Device->DeviceExtension;
    PIO_STACK_LOCATION Location = IoGetCurrentIrpStackLocation(Irp);
    PULONG Value = Irp->AssociatedIrp.SystemBuffer;

    switch (Location->Parameters.DeviceIoControl.IoControlCode) {
    case IOCTL_STORE_SUM: {
        ULONG Sum = 0, i;

        if (Location->Parameters.DeviceIoControl.OutputBufferLength < sizeof(ULONG))
            return Complete(Irp, STATUS_BUFFER_TOO_SMALL, 0);
        for (i = 0; i < STORE_SIZE; i++)
            Sum += Store->Bytes[i];
        *Value = Sum;
        return Complete(Irp, STATUS_SUCCESS, sizeof(ULONG));
    }
    case IOCTL_STORE_HOLD:
        if (Location->Parameters.DeviceIoControl.InputBufferLength != sizeof(ULONG))
            return Complete(Irp, STATUS_INVALID_PARAMETER, 0);
        Store->Bytes[STORE_HOLD] = (UCHAR)*Value;
        return Complete(Irp, STATUS_SUCCESS, 0);
    default: return Complete(Irp, STATUS_INVALID_DEVICE_REQUEST, 0);
    }
}

static NTSTATUS NTAPI DispatchFile(PDEVICE_OBJECT Device, PIRP Irp)
{
    PSTORE Store = Device->DeviceExtension;
    PIO_STACK_LOCATION Location = IoGetCurrentIrpStackLocation(Irp);
    PIRP Waiting;

    switch (Location->MajorFunction) {
    case IRP_MJ_CREATE: InterlockedIncrement(&Store->Opens); break;
    case IRP_MJ_CLOSE: InterlockedIncrement(&Store->Closes); break;
    default:
        while ((Waiting = IoCsqRemoveNextIrp(&Store->Queue, Location->FileObject)) != NULL)
            Complete(Waiting, STATUS_CANCELLED, 0);
        InterlockedIncrement(&Store->Cleanups);
    }
    return Complete(Irp, STATUS_SUCCESS, 0);
}

static VOID NTAPI Unload(PDRIVER_OBJECT Driver)
{
    PSTORE Store = Driver->DeviceObject->DeviceExtension;
    BOOLEAN Even;

    Store->Stop = TRUE;
    KeReleaseSemaphore(&Store->Work, 0, 1, FALSE);
    KeWaitForSingleObject(Store->Thread, Executive, KernelMode, FALSE, NULL);
    ObDereferenceObject(Store->Thread);
    Even = IsListEmpty(&Store->Waiting) && Store->Opens == Store->Closes && Store->Opens == Store->Cleanups;
    DbgPrint("%s - store: %d opens, %d cleanups, %d closes, and nothing waits\n", Even ? "ok" : "not ok", Store->Opens,
             Store->Cleanups, Store->Closes);
    IoDeleteSymbolicLink(&Link);
    IoDeleteDevice(Driver->DeviceObject);
}

static NTSTATUS StartServer(PSTORE Store)
{
    HANDLE Handle;
    NTSTATUS Status = PsCreateSystemThread(&Handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, Server, Store);

    if (!NT_SUCCESS(Status))
        return Status;
    Status = ObReferenceObjectByHandle(Handle, SYNCHRONIZE, *PsThreadType, KernelMode, &Store->Thread, NULL);
    ZwClose(Handle);
    return Status;
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT Driver, PUNICODE_STRING RegistryPath)
{
    PDEVICE_OBJECT Device;
    PSTORE Store;
    NTSTATUS Status = IoCreateDevice(Driver, sizeof(STORE), &Name, FILE_DEVICE_UNKNOWN, FILE_DEVICE_SECURE_OPEN, FALSE,
                                     &Device);

    UNREFERENCED_PARAMETER(RegistryPath);
    if (!NT_SUCCESS(Status))
        return Status;
    Store = Device->DeviceExtension;
    KeInitializeSpinLock(&Store->Lock);
    InitializeListHead(&Store->Waiting);
    KeInitializeSemaphore(&Store->Work, 0, MAXLONG);
    IoCsqInitialize(&Store->Queue, Insert, Remove, PeekNext, Acquire, Release, CompleteCanceled);
    Driver->MajorFunction[IRP_MJ_CREATE] = Driver->MajorFunction[IRP_MJ_CLOSE] = DispatchFile;
    Driver->MajorFunction[IRP_MJ_CLEANUP] = DispatchFile;
    Driver->MajorFunction[IRP_MJ_READ] = Driver->MajorFunction[IRP_MJ_WRITE] = DispatchData;
    Driver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = DispatchControl;
    Driver->DriverUnload = Unload;
    Device->Flags |= DO_DIRECT_IO;
    Status = StartServer(Store);
    if (NT_SUCCESS(Status))
        Status = IoCreateSymbolicLink(&Link, &Name);
    return Status;
}
