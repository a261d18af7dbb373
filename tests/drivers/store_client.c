/* store_client.c - uses the store by its link: control requests, reads and writes that are waited for, asynchronous ones
 * that come back by a completion routine, and some that are cancelled, from three threads at a time. Whether a filter
 * sits on the store it neither knows nor notices, but for the sum of what is stored.
 *
 * expect: status 0
 * expect: log ^ok 1 - what is not a request is refused
 * expect: log ^ok 2 - what was written is read
 * expect: log ^ok 3 - a request in the queue can be cancelled
 * expect: log ^ok 4 - every asynchronous request came back once
 * expect: log 3 loaded, 0 refused; 6 ok, 0 not ok, 0 skipped; 0 leaked
 * run: DRIVER=build/tests/drivers/store.sys,build/tests/drivers/store_filter.sys,build/tests/drivers/store_client.sys
 * run: SMP=4 DRIVER=build/tests/drivers/store.sys,build/tests/drivers/store_filter.sys,build/tests/drivers/store_client.sys
 * run: SMP=2 ACCEL=parallel DRIVER=build/tests/drivers/store.sys,build/tests/drivers/store_filter.sys,build/tests/drivers/store_client.sys
 * run: APPEND=verifier=off DRIVER=build/tests/drivers/store.sys,build/tests/drivers/store_filter.sys,build/tests/drivers/store_client.sys */
#include "store.h"

#define THREADS  3
#define ROUNDS   200
#define PIECE    512
#define ASYNC    64                     /* of each thread */

DRIVER_INITIALIZE DriverEntry;

static UNICODE_STRING Link = RTL_CONSTANT_STRING(STORE_LINK);
static PFILE_OBJECT File;
static PDEVICE_OBJECT Store;
static volatile LONG Wrong, Back, Cancelled;
static PVOID Threads[THREADS];

/* ---- Requests that are waited for ---- */

static NTSTATUS Wait(PIRP Irp, PKEVENT Event, PIO_STATUS_BLOCK Block)
{
    NTSTATUS Status;

    IoGetNextIrpStackLocation(Irp)->FileObject = File;
    Status = IoCallDriver(Store, Irp);
    if (Status == STATUS_PENDING) {
        KeWaitForSingleObject(Event, Executive, KernelMode, FALSE, NULL);
        Status = Block->Status;
    }
    return Status;
}

static NTSTATUS Control(ULONG Code, PVOID Input, ULONG InputLength, PVOID Output, ULONG OutputLength)
{
    IO_STATUS_BLOCK Block;
    KEVENT Event;
    PIRP Irp;

    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    Irp = IoBuildDeviceIoControlRequest(Code, Store, Input, InputLength, Output, OutputLength, FALSE, &Event, &Block);
    return Irp != NULL ? Wait(Irp, &Event, &Block) : STATUS_INSUFFICIENT_RESOURCES;
}

static NTSTATUS Transfer(ULONG Major, PVOID Data, ULONG Length, LONGLONG At)
{
    LARGE_INTEGER Offset = { .QuadPart = At };
    IO_STATUS_BLOCK Block;
    KEVENT Event;
    PIRP Irp;

    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    Irp = IoBuildSynchronousFsdRequest(Major, Store, Data, Length, &Offset, &Event, &Block);
    return Irp != NULL ? Wait(Irp, &Event, &Block) : STATUS_INSUFFICIENT_RESOURCES;
}

static VOID Refusals(VOID)
{
    ULONG Small = 0;
    UCHAR Byte = 0;
    BOOLEAN Good = Control(CTL_CODE(FILE_DEVICE_UNKNOWN, 0x8FF, METHOD_BUFFERED, 0), NULL, 0, NULL, 0) ==
                       STATUS_INVALID_DEVICE_REQUEST &&
                   Control(IOCTL_STORE_SUM, NULL, 0, &Small, 2) == STATUS_BUFFER_TOO_SMALL &&
                   Transfer(IRP_MJ_READ, &Byte, 1, STORE_SIZE) == STATUS_INVALID_PARAMETER &&
                   Transfer(IRP_MJ_READ, NULL, 0, 0) == STATUS_SUCCESS;

    DbgPrint("%s 1 - what is not a request is refused\n", Good ? "ok" : "not ok");
}

/* ---- Asynchronous ones ---- */

static NTSTATUS NTAPI AsyncDone(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    PMDL Mdl;

    UNREFERENCED_PARAMETER(Context);
    if (Device != NULL)
        InterlockedIncrement(&Wrong);
    if (Irp->IoStatus.Status == STATUS_CANCELLED)
        InterlockedIncrement(&Cancelled);
    else if (!NT_SUCCESS(Irp->IoStatus.Status) || Irp->IoStatus.Information != PIECE)
        InterlockedIncrement(&Wrong);
    while ((Mdl = Irp->MdlAddress) != NULL) {
        Irp->MdlAddress = Mdl->Next;
        MmUnlockPages(Mdl);
        IoFreeMdl(Mdl);
    }
    IoFreeIrp(Irp);
    InterlockedIncrement(&Back);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static VOID SendAsync(PVOID Data, LONGLONG At)
{
    LARGE_INTEGER Offset = { .QuadPart = At };
    PIRP Irp = IoBuildAsynchronousFsdRequest(IRP_MJ_READ, Store, Data, PIECE, &Offset, NULL);

    if (Irp == NULL) {
        InterlockedIncrement(&Wrong);
        return;
    }
    IoGetNextIrpStackLocation(Irp)->FileObject = File;
    IoSetCompletionRoutine(Irp, AsyncDone, NULL, TRUE, TRUE, TRUE);
    IoCallDriver(Store, Irp);
}

/* ---- Cancelling ---- */

static VOID Cancelling(VOID)
{
    LARGE_INTEGER Offset = { .QuadPart = 0 };
    ULONG Hold = 1, Free = 0;
    IO_STATUS_BLOCK Block;
    UCHAR Data[PIECE];
    BOOLEAN Good;
    KEVENT Event;
    PIRP Irp;

    Good = NT_SUCCESS(Control(IOCTL_STORE_HOLD, &Hold, sizeof Hold, NULL, 0));
    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    Irp = IoBuildSynchronousFsdRequest(IRP_MJ_READ, Store, Data, PIECE, &Offset, &Event, &Block);
    Good = Good && Irp != NULL && IoCallDriver(Store, Irp) == STATUS_PENDING && KeReadStateEvent(&Event) == 0 &&
           IoCancelIrp(Irp);
    if (Good) {
        KeWaitForSingleObject(&Event, Executive, KernelMode, FALSE, NULL);
        Good = Block.Status == STATUS_CANCELLED && Block.Information == 0;
    }
    Good = NT_SUCCESS(Control(IOCTL_STORE_HOLD, &Free, sizeof Free, NULL, 0)) && Good;
    DbgPrint("%s 3 - a request in the queue can be cancelled\n", Good ? "ok" : "not ok");
}

/* ---- The threads: each has its own part of the store ---- */

static VOID NTAPI User(PVOID Context)
{
    ULONG Mine = (ULONG)(ULONG_PTR)Context, i, k;
    PUCHAR Out = ExAllocatePoolWithTag(NonPagedPool, PIECE, 'tseT');
    PUCHAR In = ExAllocatePoolWithTag(NonPagedPool, PIECE, 'tseT');
    PUCHAR Async = ExAllocatePoolWithTag(NonPagedPool, PIECE * ASYNC, 'tseT');

    for (i = 0; i < ROUNDS; i++) {
        LONGLONG At = (LONGLONG)(Mine * 16 + i % 16) * PIECE;

        for (k = 0; k < PIECE; k++)
            Out[k] = (UCHAR)(Mine * 50 + i + k);
        if (!NT_SUCCESS(Transfer(IRP_MJ_WRITE, Out, PIECE, At)) || !NT_SUCCESS(Transfer(IRP_MJ_READ, In, PIECE, At)) ||
            RtlCompareMemory(In, Out, PIECE) != PIECE)
            InterlockedIncrement(&Wrong);
        if (i < ASYNC)
            SendAsync(Async + i * PIECE, At);
    }
    while (Back < THREADS * ASYNC) {
        LARGE_INTEGER Short = { .QuadPart = -10000 };

        KeDelayExecutionThread(KernelMode, FALSE, &Short);
    }
    ExFreePoolWithTag(Out, 'tseT');
    ExFreePoolWithTag(In, 'tseT');
    ExFreePoolWithTag(Async, 'tseT');
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static NTSTATUS Start(ULONG Slot)
{
    HANDLE Handle;
    NTSTATUS Status = PsCreateSystemThread(&Handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, User, (PVOID)(ULONG_PTR)Slot);

    if (!NT_SUCCESS(Status))
        return Status;
    Status = ObReferenceObjectByHandle(Handle, SYNCHRONIZE, *PsThreadType, KernelMode, &Threads[Slot], NULL);
    ZwClose(Handle);
    return Status;
}

static VOID NTAPI Unload(PDRIVER_OBJECT Driver)
{
    UNREFERENCED_PARAMETER(Driver);
    ObDereferenceObject(File);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT Driver, PUNICODE_STRING RegistryPath)
{
    NTSTATUS Status;
    ULONG i;

    UNREFERENCED_PARAMETER(RegistryPath);
    Driver->DriverUnload = Unload;
    Status = IoGetDeviceObjectPointer(&Link, FILE_READ_DATA | FILE_WRITE_DATA, &File, &Store);
    if (!NT_SUCCESS(Status))
        return Status;
    Refusals();
    for (i = 0; i < THREADS && NT_SUCCESS(Status); i++)
        Status = Start(i);
    for (i = 0; i < THREADS; i++) {
        KeWaitForSingleObject(Threads[i], Executive, KernelMode, FALSE, NULL);
        ObDereferenceObject(Threads[i]);
    }
    DbgPrint("%s 2 - what was written is read (%d wrong)\n", Wrong == 0 ? "ok" : "not ok", Wrong);
    Cancelling();
    DbgPrint("%s 4 - every asynchronous request came back once (%d)\n",
             Back == THREADS * ASYNC && Cancelled == 0 ? "ok" : "not ok", Back);
    return Status;
}
