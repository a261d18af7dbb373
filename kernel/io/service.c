/* service.c - devices by handle: ZwCreateFile and what can be done with the handle it gives.
 *
 * A request by handle is a thread's like any other (finish.c), and has its file, which it holds until its end, an event
 * and a routine if the caller gave any. How it is waited for is the file's choice, made when it was opened:
 *   synchronous    one request at a time, which begins where the last one has left the file's position; the caller
 *                  waits for it here, on the file's event. An alertable wait that is ended early cancels the request,
 *                  and waits for it to end, since its buffers are the caller's.
 *   asynchronous   the caller gets STATUS_PENDING, and waits for his event, for the file itself, or for his routine,
 *                  which is a normal kernel APC.
 * All callers are the kernel's (the Nt twins are not served), so nothing is probed and every handle grants all. */
#include <io/service.h>

#include "iop.h"

#include <ex/mode.h>
#include <ex/pool.h>
#include <io/request.h>
#include <ke/irql.h>
#include <rtl/string.h>

enum { EVENT_MODIFY_STATE = 2, OPTION_MASK = 0x00FFFFFF };

/* What the caller of a request by handle has given. */
typedef struct _ASKED {
    HANDLE Event;
    PIO_APC_ROUTINE Routine;
    PVOID Context;
    PIO_STATUS_BLOCK Block;
    PVOID Caller;
} ASKED;

/* ---- Opening ---- */

static NTSTATUS CheckOptions(ACCESS_MASK Access, ULONG Disposition, ULONG Options)
{
    ULONG Synchronous = Options & FILE_SYNCHRONOUS;

    if (Disposition > FILE_MAXIMUM_DISPOSITION || Options & ~(ULONG)OPTION_MASK || Synchronous == FILE_SYNCHRONOUS ||
        (Synchronous != 0 && !(Access & SYNCHRONIZE)))
        return STATUS_INVALID_PARAMETER;
    return STATUS_SUCCESS;
}

static NTSTATUS Create(PVOID Caller, PHANDLE Handle, POBJECT_ATTRIBUTES Given, PIO_STATUS_BLOCK Block, IOP_OPEN *Open)
{
    NTSTATUS Status = CheckOptions(Open->Access, Open->Disposition, Open->Options);
    OB_ATTRIBUTES Attributes;

    if (NT_SUCCESS(Status))
        Status = ObCaptureAttributes(ExGetPreviousMode(), Given, &Attributes);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = IopOpen(&Attributes, Open, Caller, Handle);
    ObReleaseAttributes(&Attributes);
    if (NT_SUCCESS(Status))
        *Block = (IO_STATUS_BLOCK){ .Status = Status, .Information = Open->Information };
    return Status;
}

/* ---- Requests ---- */

/* The file, and the caller's event and APC for the request, into Irp; on failure into nothing. */
static NTSTATUS Equip(PIRP Irp, PFILE_OBJECT File, const ASKED *Asked)
{
    IOP_IRP *Header = IopHeaderOf(Irp);
    NTSTATUS Status = STATUS_SUCCESS;

    if (Asked->Event != NULL)
        Status = ObReferenceObjectByHandle(Asked->Event, EVENT_MODIFY_STATE, ExEventObjectType, ExGetPreviousMode(),
                                           &Header->Event, NULL);
    if (NT_SUCCESS(Status) && Asked->Routine != NULL) {
        Header->Apc = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof *Header->Apc, IO_TAG);
        if (Header->Apc == NULL)
            Status = STATUS_INSUFFICIENT_RESOURCES;
    }
    if (!NT_SUCCESS(Status)) {
        if (Header->Event != NULL)
            ObfDereferenceObject(Header->Event);
        return Status;
    }
    if (Header->Event != NULL)
        KeClearEvent(Header->Event);
    KeClearEvent(&File->Event);
    ObfReferenceObject(File);
    Header->File = File;
    Irp->UserIosb = Asked->Block;
    Irp->UserEvent = Header->Event;
    Irp->Overlay.AsynchronousParameters.UserApcRoutine = (PVOID)Asked->Routine;
    Irp->Overlay.AsynchronousParameters.UserApcContext = Asked->Context;
    Irp->Tail.Overlay.OriginalFileObject = File;
    IoGetNextIrpStackLocation(Irp)->FileObject = File;
    return STATUS_SUCCESS;
}

static void LockFile(PFILE_OBJECT File)
{
    if (!__atomic_exchange_n(&File->Busy, TRUE, __ATOMIC_ACQ_REL))
        return;
    __atomic_add_fetch(&File->Waiters, 1, __ATOMIC_ACQ_REL);
    while (__atomic_exchange_n(&File->Busy, TRUE, __ATOMIC_ACQ_REL))
        KeWaitForSingleObject(&File->Lock, Executive, KernelMode, FALSE, NULL);
    __atomic_sub_fetch(&File->Waiters, 1, __ATOMIC_ACQ_REL);
}

static void UnlockFile(PFILE_OBJECT File)
{
    __atomic_exchange_n(&File->Busy, FALSE, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&File->Waiters, __ATOMIC_SEQ_CST) != 0)
        KeSetEvent(&File->Lock, 0, FALSE);
}

/* The IRP is freed in this thread, by an APC: at APC_LEVEL it is there while the event is not set. */
static void CancelAlerted(PFILE_OBJECT File, PIRP Irp)
{
    KIRQL OldIrql = KfRaiseIrql(APC_LEVEL);

    if (!KeReadStateEvent(&File->Event))
        IoCancelIrp(Irp);
    KeLowerIrql(OldIrql);
}

static NTSTATUS WaitForFile(PFILE_OBJECT File, PIRP Irp)
{
    BOOLEAN Alertable = (File->Flags & FO_ALERTABLE_IO) != 0;

    if (KeWaitForSingleObject(&File->Event, Executive, KernelMode, Alertable, NULL) != STATUS_SUCCESS) {
        CancelAlerted(File, Irp);
        KeWaitForSingleObject(&File->Event, Executive, KernelMode, FALSE, NULL);
    }
    return File->FinalStatus;
}

/* What a request asks of a file's device; Top: where it goes. */
typedef NTSTATUS (*FILL)(PIRP Irp, PFILE_OBJECT File, PDEVICE_OBJECT Top, const void *What);

/* A synchronous file is the caller's alone. The top of the stack is looked up once: what attaches later, be it while
 * the request is made, gets none that has no location for it. */
static NTSTATUS MakeAndSend(PFILE_OBJECT File, UCHAR Major, const ASKED *Asked, FILL Fill, const void *What)
{
    PDEVICE_OBJECT Top = IoGetRelatedDeviceObject(File);
    PIRP Irp = IopAllocateIrp(Top->StackSize, Asked->Caller);
    NTSTATUS Status;

    if (Irp == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    IoGetNextIrpStackLocation(Irp)->MajorFunction = Major;
    Status = Fill(Irp, File, Top, What);
    if (NT_SUCCESS(Status))
        Status = Equip(Irp, File, Asked);
    if (!NT_SUCCESS(Status)) {
        IopDiscardRequest(Irp);
        return Status;
    }
    IopBindToThread(Irp);
    Status = IofCallDriver(Top, Irp);
    if (Status == STATUS_PENDING && File->Flags & FO_SYNCHRONOUS_IO)
        Status = WaitForFile(File, Irp);
    return Status;
}

static NTSTATUS Request(HANDLE Handle, UCHAR Major, const ASKED *Asked, FILL Fill, const void *What)
{
    PFILE_OBJECT File;
    PVOID Object;
    NTSTATUS Status = ObReferenceObjectByHandle(Handle, 0, IoFileObjectType, ExGetPreviousMode(), &Object, NULL);

    if (!NT_SUCCESS(Status))
        return Status;
    File = Object;
    if (File->Flags & FO_SYNCHRONOUS_IO)
        LockFile(File);
    Status = MakeAndSend(File, Major, Asked, Fill, What);
    if (File->Flags & FO_SYNCHRONOUS_IO)
        UnlockFile(File);
    ObfDereferenceObject(File);
    return Status;
}

typedef struct _TRANSFER {
    PVOID Buffer;
    ULONG Length;
    const LARGE_INTEGER *Offset;        /* NULL: the file's own */
    const ULONG *Key;                   /* NULL: 0 */
} TRANSFER;

/* Where a transfer begins: what the caller says, or a synchronous file's own position. */
static NTSTATUS FindOffset(PFILE_OBJECT File, const LARGE_INTEGER *Given, LARGE_INTEGER *Offset)
{
    BOOLEAN Own = Given == NULL || (Given->HighPart == -1 && Given->LowPart == FILE_USE_FILE_POINTER_POSITION);

    if (Own && !(File->Flags & FO_SYNCHRONOUS_IO))
        return STATUS_INVALID_PARAMETER;
    *Offset = Own ? File->CurrentByteOffset : *Given;
    return STATUS_SUCCESS;
}

static NTSTATUS FillTransfer(PIRP Irp, PFILE_OBJECT File, PDEVICE_OBJECT Top, const void *What)
{
    PIO_STACK_LOCATION Location = IoGetNextIrpStackLocation(Irp);
    const TRANSFER *Transfer = What;
    NTSTATUS Status = FindOffset(File, Transfer->Offset, &Location->Parameters.Read.ByteOffset);

    if (!NT_SUCCESS(Status))
        return Status;
    Location->Parameters.Read.Length = Transfer->Length;
    Location->Parameters.Read.Key = Transfer->Key != NULL ? *Transfer->Key : 0;
    return IopAddData(Irp, Top, Location->MajorFunction == IRP_MJ_WRITE, Transfer->Buffer, Transfer->Length) ?
               STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
}

typedef struct _CONTROL {
    ULONG Code;
    PVOID Input;
    ULONG InputLength;
    PVOID Output;
    ULONG OutputLength;
} CONTROL;

static NTSTATUS FillControl(PIRP Irp, PFILE_OBJECT File, PDEVICE_OBJECT Top, const void *What)
{
    const CONTROL *C = What;

    UNREFERENCED_PARAMETER(File), UNREFERENCED_PARAMETER(Top);
    return IopAddControl(Irp, C->Code, C->Input, C->InputLength, C->Output, C->OutputLength) ?
               STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
}

/* ---- Public ---- */

/* ZwCreateFile - a handle to a file on the device that ObjectAttributes lead to, which the device's driver is asked
 * for; relative to another file of a device, if RootDirectory is one. IoStatusBlock: the status, and what the driver
 * says besides. AllocationSize, EaBuffer: NULL, or for the driver. IRQL: PASSIVE_LEVEL. Returns: as the driver;
 * STATUS_INVALID_PARAMETER: a disposition that is none, or options that contradict each other or DesiredAccess; what
 * is wrong with ObjectAttributes; STATUS_NO_SUCH_DEVICE, STATUS_ACCESS_DENIED as IoGetDeviceObjectPointer. Source: WDK
 * nf-ntifs-ntcreatefile. */
NTSTATUS ZwCreateFile(PHANDLE FileHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                      PIO_STATUS_BLOCK IoStatusBlock, PLARGE_INTEGER AllocationSize, ULONG FileAttributes,
                      ULONG ShareAccess, ULONG CreateDisposition, ULONG CreateOptions, PVOID EaBuffer, ULONG EaLength)
{
    IOP_OPEN Open = { .Access = DesiredAccess, .Options = CreateOptions, .Disposition = CreateDisposition,
                      .FileAttributes = FileAttributes, .ShareAccess = ShareAccess, .EaBuffer = EaBuffer,
                      .EaLength = EaLength };
    KPROCESSOR_MODE Outer = ExEnterService();
    NTSTATUS Status;

    if (AllocationSize != NULL)
        Open.AllocationSize = *AllocationSize;
    Status = Create(__builtin_return_address(0), FileHandle, ObjectAttributes, IoStatusBlock, &Open);
    ExLeaveService(Outer);
    return Status;
}

/* ZwOpenFile - ZwCreateFile for what is there already. Source: WDK nf-ntifs-zwopenfile. */
NTSTATUS ZwOpenFile(PHANDLE FileHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                    PIO_STATUS_BLOCK IoStatusBlock, ULONG ShareAccess, ULONG OpenOptions)
{
    IOP_OPEN Open = { .Access = DesiredAccess, .Options = OpenOptions, .Disposition = FILE_OPEN,
                      .ShareAccess = ShareAccess };
    KPROCESSOR_MODE Outer = ExEnterService();
    NTSTATUS Status = Create(__builtin_return_address(0), FileHandle, ObjectAttributes, IoStatusBlock, &Open);

    ExLeaveService(Outer);
    return Status;
}

/* ZwReadFile - read Length bytes at *ByteOffset; NULL: at a synchronous file's position, which its driver moves. Event:
 * NULL, or set at the end; ApcRoutine: NULL, or called with ApcContext then. IoStatusBlock: filled at the end, unless
 * the driver itself returns an error. IRQL: PASSIVE_LEVEL, APCs enabled. Returns: as the driver; for a synchronous
 * file the final status, else perhaps STATUS_PENDING; STATUS_INVALID_PARAMETER: an asynchronous file, and no offset;
 * STATUS_INSUFFICIENT_RESOURCES; what is wrong with a handle. Source: WDK nf-ntifs-ntreadfile. */
NTSTATUS ZwReadFile(HANDLE FileHandle, HANDLE Event, PIO_APC_ROUTINE ApcRoutine, PVOID ApcContext,
                    PIO_STATUS_BLOCK IoStatusBlock, PVOID Buffer, ULONG Length, PLARGE_INTEGER ByteOffset, PULONG Key)
{
    const ASKED Asked = { Event, ApcRoutine, ApcContext, IoStatusBlock, __builtin_return_address(0) };
    const TRANSFER Transfer = { Buffer, Length, ByteOffset, Key };
    KPROCESSOR_MODE Outer = ExEnterService();
    NTSTATUS Status = Request(FileHandle, IRP_MJ_READ, &Asked, FillTransfer, &Transfer);

    ExLeaveService(Outer);
    return Status;
}

/* ZwWriteFile - the same the other way. Source: WDK nf-ntifs-ntwritefile. */
NTSTATUS ZwWriteFile(HANDLE FileHandle, HANDLE Event, PIO_APC_ROUTINE ApcRoutine, PVOID ApcContext,
                     PIO_STATUS_BLOCK IoStatusBlock, PVOID Buffer, ULONG Length, PLARGE_INTEGER ByteOffset, PULONG Key)
{
    const ASKED Asked = { Event, ApcRoutine, ApcContext, IoStatusBlock, __builtin_return_address(0) };
    const TRANSFER Transfer = { Buffer, Length, ByteOffset, Key };
    KPROCESSOR_MODE Outer = ExEnterService();
    NTSTATUS Status = Request(FileHandle, IRP_MJ_WRITE, &Asked, FillTransfer, &Transfer);

    ExLeaveService(Outer);
    return Status;
}

/* ZwDeviceIoControlFile - a control request, by IoControlCode's method. The rest as ZwReadFile.
 * Source: WDK nf-ntifs-ntdeviceiocontrolfile. */
NTSTATUS ZwDeviceIoControlFile(HANDLE FileHandle, HANDLE Event, PIO_APC_ROUTINE ApcRoutine, PVOID ApcContext,
                               PIO_STATUS_BLOCK IoStatusBlock, ULONG IoControlCode, PVOID InputBuffer,
                               ULONG InputBufferLength, PVOID OutputBuffer, ULONG OutputBufferLength)
{
    const ASKED Asked = { Event, ApcRoutine, ApcContext, IoStatusBlock, __builtin_return_address(0) };
    const CONTROL Control = { IoControlCode, InputBuffer, InputBufferLength, OutputBuffer, OutputBufferLength };
    KPROCESSOR_MODE Outer = ExEnterService();
    NTSTATUS Status = Request(FileHandle, IRP_MJ_DEVICE_CONTROL, &Asked, FillControl, &Control);

    ExLeaveService(Outer);
    return Status;
}
