/* service.c - devices by handle: ZwCreateFile and what can be done with the handle it gives.
 *
 * A request by handle is a thread's like any other (finish.c), and has its file, which it holds until its end, an event
 * and a routine if the caller gave any. How it is waited for is the file's choice, made when it was opened:
 *   synchronous    one request at a time; the caller waits for it here, on the file's event. An alertable wait that is
 *                  ended early cancels the request, and waits for it to end, since its buffers are the caller's.
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

/* The file that Handle stands for, and the caller's event and APC for the request, into Irp; on failure into
 * nothing. */
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

/* Irp is complete but for what Equip adds; it is the file's or gone afterwards. */
static NTSTATUS Send(PFILE_OBJECT File, PIRP Irp, const ASKED *Asked)
{
    BOOLEAN Synchronous = (File->Flags & FO_SYNCHRONOUS_IO) != 0;
    NTSTATUS Status;

    if (Synchronous)
        LockFile(File);
    Status = Equip(Irp, File, Asked);
    if (NT_SUCCESS(Status)) {
        IopBindToThread(Irp);
        Status = IofCallDriver(IoGetRelatedDeviceObject(File), Irp);
        if (Synchronous && Status == STATUS_PENDING)
            Status = WaitForFile(File, Irp);
    } else {
        IopDiscardRequest(Irp);
    }
    if (Synchronous)
        UnlockFile(File);
    return Status;
}

/* A request to FileHandle's device; File is referenced. */
static PIRP MakeRequest(PFILE_OBJECT File, UCHAR Major, PVOID Caller)
{
    PIRP Irp = IopAllocateIrp(IoGetRelatedDeviceObject(File)->StackSize, Caller);

    if (Irp != NULL)
        IoGetNextIrpStackLocation(Irp)->MajorFunction = Major;
    return Irp;
}

static NTSTATUS ReferenceFile(HANDLE Handle, PVOID *File)
{
    return ObReferenceObjectByHandle(Handle, 0, IoFileObjectType, ExGetPreviousMode(), File, NULL);
}

/* Where a transfer begins: what the caller says, or a synchronous file's own position. */
static NTSTATUS FindOffset(PFILE_OBJECT File, const LARGE_INTEGER *Given, LARGE_INTEGER *Offset)
{
    BOOLEAN Own = Given == NULL || (Given->HighPart == -1 && Given->LowPart == FILE_USE_FILE_POINTER_POSITION);

    if (Own && !(File->Flags & FO_SYNCHRONOUS_IO))
        return STATUS_INVALID_PARAMETER;
    *Offset = Own ? File->CurrentByteOffset : *Given;
    return STATUS_SUCCESS;
}

static NTSTATUS Transfer(HANDLE Handle, UCHAR Major, const ASKED *Asked, PVOID Buffer, ULONG Length,
                         const LARGE_INTEGER *ByteOffset, const ULONG *Key)
{
    LARGE_INTEGER Offset;
    PVOID File;
    NTSTATUS Status = ReferenceFile(Handle, &File);
    PIRP Irp = NULL;

    if (!NT_SUCCESS(Status))
        return Status;
    Status = FindOffset(File, ByteOffset, &Offset);
    if (NT_SUCCESS(Status)) {
        Irp = MakeRequest(File, Major, Asked->Caller);
        Status = Irp != NULL ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
    }
    if (Irp != NULL) {
        PIO_STACK_LOCATION Location = IoGetNextIrpStackLocation(Irp);

        Location->Parameters.Read.Length = Length;
        Location->Parameters.Read.ByteOffset = Offset;
        Location->Parameters.Read.Key = Key != NULL ? *Key : 0;
        if (IopAddData(Irp, IoGetRelatedDeviceObject(File), Major == IRP_MJ_WRITE, Buffer, Length)) {
            Status = Send(File, Irp, Asked);
        } else {
            IopDiscardRequest(Irp);
            Status = STATUS_INSUFFICIENT_RESOURCES;
        }
    }
    ObfDereferenceObject(File);
    return Status;
}

static NTSTATUS Control(HANDLE Handle, const ASKED *Asked, ULONG Code, PVOID Input, ULONG InputLength, PVOID Output,
                        ULONG OutputLength)
{
    PVOID File;
    NTSTATUS Status = ReferenceFile(Handle, &File);
    PIRP Irp;

    if (!NT_SUCCESS(Status))
        return Status;
    Irp = MakeRequest(File, IRP_MJ_DEVICE_CONTROL, Asked->Caller);
    Status = STATUS_INSUFFICIENT_RESOURCES;
    if (Irp != NULL && IopAddControl(Irp, Code, Input, InputLength, Output, OutputLength))
        Status = Send(File, Irp, Asked);
    else if (Irp != NULL)
        IopDiscardRequest(Irp);
    ObfDereferenceObject(File);
    return Status;
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
    KPROCESSOR_MODE Outer = ExEnterService();
    NTSTATUS Status = Transfer(FileHandle, IRP_MJ_READ, &Asked, Buffer, Length, ByteOffset, Key);

    ExLeaveService(Outer);
    return Status;
}

/* ZwWriteFile - the same the other way. Source: WDK nf-ntifs-ntwritefile. */
NTSTATUS ZwWriteFile(HANDLE FileHandle, HANDLE Event, PIO_APC_ROUTINE ApcRoutine, PVOID ApcContext,
                     PIO_STATUS_BLOCK IoStatusBlock, PVOID Buffer, ULONG Length, PLARGE_INTEGER ByteOffset, PULONG Key)
{
    const ASKED Asked = { Event, ApcRoutine, ApcContext, IoStatusBlock, __builtin_return_address(0) };
    KPROCESSOR_MODE Outer = ExEnterService();
    NTSTATUS Status = Transfer(FileHandle, IRP_MJ_WRITE, &Asked, Buffer, Length, ByteOffset, Key);

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
    KPROCESSOR_MODE Outer = ExEnterService();
    NTSTATUS Status = Control(FileHandle, &Asked, IoControlCode, InputBuffer, InputBufferLength, OutputBuffer,
                              OutputBufferLength);

    ExLeaveService(Outer);
    return Status;
}
