/* request.c - requests that a driver makes of another's device, ready to be sent.
 *
 * Where the data lies is the device's choice, or for a control code its method's: in a system buffer that the request
 * has of its own, described by an MDL, or just where the caller has it. Output comes back to the caller at the end
 * (finish.c), which is also when buffer and MDL are given back.
 * Synchronous requests and control requests are their thread's: see finish.c. */
#include <io/request.h>

#include "iop.h"

#include <ex/pool.h>
#include <rtl/string.h>

#define CALLER __builtin_return_address(0)

/* A system buffer of Length bytes, whose first bytes are Input. */
static BOOLEAN AddBuffer(PIRP Irp, ULONG Length, const void *Input, ULONG InputLength)
{
    PVOID Buffer = ExAllocatePoolWithTag(NonPagedPoolNx, Length, IO_TAG);

    if (Buffer == NULL)
        return FALSE;
    memcpy(Buffer, Input, InputLength);
    Irp->AssociatedIrp.SystemBuffer = Buffer;
    Irp->Flags |= IRP_BUFFERED_IO | IRP_DEALLOCATE_BUFFER;
    return TRUE;
}

/* What the driver leaves in the system buffer goes to Output, Length bytes at most. */
static void WantOutput(PIRP Irp, PVOID Output, ULONG Length)
{
    Irp->UserBuffer = Output;
    Irp->Flags |= IRP_INPUT_OPERATION;
    IopHeaderOf(Irp)->OutputLength = Length;
}

static BOOLEAN AddMdl(PIRP Irp, PVOID Buffer, ULONG Length)
{
    PMDL Mdl = IoAllocateMdl(Buffer, Length, FALSE, FALSE, Irp);

    if (Mdl == NULL)
        return FALSE;
    MmBuildMdlForNonPagedPool(Mdl);
    Mdl->MdlFlags |= MDL_PAGES_LOCKED;
    return TRUE;
}

/* Nothing has been sent, so nobody but the caller knows of it. */
void IopDiscardRequest(PIRP Irp)
{
    if (Irp->Flags & IRP_DEALLOCATE_BUFFER)
        ExFreePoolWithTag(Irp->AssociatedIrp.SystemBuffer, IO_TAG);
    if (Irp->MdlAddress != NULL)
        IoFreeMdl(Irp->MdlAddress);
    IoFreeIrp(Irp);
}

/* ---- Control requests ---- */

static BOOLEAN AddControlBuffers(PIRP Irp, ULONG Method, PVOID Input, ULONG InputLength, PVOID Output,
                                 ULONG OutputLength)
{
    ULONG Larger = InputLength > OutputLength ? InputLength : OutputLength;

    switch (Method) {
    case METHOD_BUFFERED:
        if (Larger != 0 && !AddBuffer(Irp, Larger, Input, InputLength))
            return FALSE;
        if (OutputLength != 0)
            WantOutput(Irp, Output, OutputLength);
        return TRUE;
    case METHOD_NEITHER:
        Irp->UserBuffer = Output;
        IoGetNextIrpStackLocation(Irp)->Parameters.DeviceIoControl.Type3InputBuffer = Input;
        return TRUE;
    default:
        if (InputLength != 0 && !AddBuffer(Irp, InputLength, Input, InputLength))
            return FALSE;
        return OutputLength == 0 || AddMdl(Irp, Output, OutputLength);
    }
}

BOOLEAN IopAddControl(PIRP Irp, ULONG Code, PVOID Input, ULONG InputLength, PVOID Output, ULONG OutputLength)
{
    PIO_STACK_LOCATION Location = IoGetNextIrpStackLocation(Irp);

    Location->Parameters.DeviceIoControl.OutputBufferLength = OutputLength;
    Location->Parameters.DeviceIoControl.InputBufferLength = InputLength;
    Location->Parameters.DeviceIoControl.IoControlCode = Code;
    return AddControlBuffers(Irp, Code & METHOD_NEITHER, Input, InputLength, Output, OutputLength);
}

/* IoBuildDeviceIoControlRequest - a control request of the current thread for DeviceObject, by IoControlCode's method;
 * InternalDeviceIoControl: as drivers send it to each other. Event is set and IoStatusBlock filled, in this thread,
 * when it is completed, unless the dispatch routine itself returns an error. The I/O manager frees the IRP.
 * IRQL: PASSIVE_LEVEL. Returns: NULL when memory is out. Source: WDK nf-wdm-iobuilddeviceiocontrolrequest. */
PIRP IoBuildDeviceIoControlRequest(ULONG IoControlCode, PDEVICE_OBJECT DeviceObject, PVOID InputBuffer,
                                   ULONG InputBufferLength, PVOID OutputBuffer, ULONG OutputBufferLength,
                                   BOOLEAN InternalDeviceIoControl, PKEVENT Event, PIO_STATUS_BLOCK IoStatusBlock)
{
    PIRP Irp = IopAllocateIrp(DeviceObject->StackSize, CALLER);

    if (Irp == NULL)
        return NULL;
    IoGetNextIrpStackLocation(Irp)->MajorFunction = InternalDeviceIoControl ? IRP_MJ_INTERNAL_DEVICE_CONTROL :
                                                                              IRP_MJ_DEVICE_CONTROL;
    if (!IopAddControl(Irp, IoControlCode, InputBuffer, InputBufferLength, OutputBuffer, OutputBufferLength)) {
        IopDiscardRequest(Irp);
        return NULL;
    }
    Irp->UserIosb = IoStatusBlock;
    Irp->UserEvent = Event;
    IopBindToThread(Irp);
    return Irp;
}

/* ---- Reads, writes, and requests without data ---- */

BOOLEAN IopAddData(PIRP Irp, PDEVICE_OBJECT DeviceObject, BOOLEAN Write, PVOID Buffer, ULONG Length)
{
    Irp->Flags |= Write ? IRP_WRITE_OPERATION : IRP_READ_OPERATION;
    if (Length == 0)
        return TRUE;
    if (DeviceObject->Flags & DO_BUFFERED_IO) {
        if (!AddBuffer(Irp, Length, Buffer, Write ? Length : 0))
            return FALSE;
        if (!Write)
            WantOutput(Irp, Buffer, Length);
        return TRUE;
    }
    if (DeviceObject->Flags & DO_DIRECT_IO)
        return AddMdl(Irp, Buffer, Length);
    Irp->UserBuffer = Buffer;
    return TRUE;
}

/* Read and Write have the same parameters at the same places. */
static PIRP BuildRequest(ULONG MajorFunction, PDEVICE_OBJECT DeviceObject, PVOID Buffer, ULONG Length,
                         PLARGE_INTEGER StartingOffset, PIO_STATUS_BLOCK IoStatusBlock, PVOID Caller)
{
    PIRP Irp = IopAllocateIrp(DeviceObject->StackSize, Caller);
    PIO_STACK_LOCATION Location;

    if (Irp == NULL)
        return NULL;
    Location = IoGetNextIrpStackLocation(Irp);
    Location->MajorFunction = (UCHAR)MajorFunction;
    Irp->Tail.Overlay.Thread = KeGetCurrentThread();
    Irp->UserIosb = IoStatusBlock;
    if (MajorFunction != IRP_MJ_READ && MajorFunction != IRP_MJ_WRITE)
        return Irp;
    Location->Parameters.Read.Length = Length;
    if (StartingOffset != NULL)
        Location->Parameters.Read.ByteOffset = *StartingOffset;
    if (IopAddData(Irp, DeviceObject, MajorFunction == IRP_MJ_WRITE, Buffer, Length))
        return Irp;
    IopDiscardRequest(Irp);
    return NULL;
}

/* IoBuildSynchronousFsdRequest - a read, write, flush, shutdown or plug-and-play request of the current thread for
 * DeviceObject. StartingOffset: NULL is 0. Event and IoStatusBlock: as IoBuildDeviceIoControlRequest. The I/O manager
 * frees the IRP. IRQL: PASSIVE_LEVEL. Returns: NULL when memory is out.
 * Source: WDK nf-wdm-iobuildsynchronousfsdrequest. */
PIRP IoBuildSynchronousFsdRequest(ULONG MajorFunction, PDEVICE_OBJECT DeviceObject, PVOID Buffer, ULONG Length,
                                  PLARGE_INTEGER StartingOffset, PKEVENT Event, PIO_STATUS_BLOCK IoStatusBlock)
{
    PIRP Irp = BuildRequest(MajorFunction, DeviceObject, Buffer, Length, StartingOffset, IoStatusBlock, CALLER);

    if (Irp == NULL)
        return NULL;
    Irp->UserEvent = Event;
    IopBindToThread(Irp);
    return Irp;
}

/* IoBuildAsynchronousFsdRequest - the same, of nobody's thread: the caller sets a completion routine, which gives back
 * what the request has (its MDLs) and frees it by IoFreeIrp. IRQL: <= DISPATCH_LEVEL. Returns: NULL when memory is out.
 * Source: WDK nf-wdm-iobuildasynchronousfsdrequest. */
PIRP IoBuildAsynchronousFsdRequest(ULONG MajorFunction, PDEVICE_OBJECT DeviceObject, PVOID Buffer, ULONG Length,
                                   PLARGE_INTEGER StartingOffset, PIO_STATUS_BLOCK IoStatusBlock)
{
    return BuildRequest(MajorFunction, DeviceObject, Buffer, Length, StartingOffset, IoStatusBlock, CALLER);
}

/* ---- Public: the requestor ---- */

/* IoGetRequestorProcess - the process of the thread that Irp is for, not referenced. IRQL: any. Returns: NULL if it is
 * for none. Source: WDK nf-ntifs-iogetrequestorprocess. */
PKPROCESS IoGetRequestorProcess(PIRP Irp)
{
    return Irp->Tail.Overlay.Thread != NULL ? Irp->Tail.Overlay.Thread->Process : NULL;
}

/* IoGetRequestorProcessId - that process's id, 0 if there is none. IRQL: any.
 * Source: WDK nf-ntifs-iogetrequestorprocessid. */
ULONG IoGetRequestorProcessId(PIRP Irp)
{
    PKPROCESS Process = IoGetRequestorProcess(Irp);

    return Process != NULL ? (ULONG)Process->Id : 0;
}

/* IoIsOperationSynchronous - will whoever made Irp wait for it? So if its file is open for synchronous I/O or it says
 * so itself, and it is not asynchronous paging. IRQL: any. Source: WDK nf-ntifs-ioisoperationsynchronous. */
BOOLEAN IoIsOperationSynchronous(PIRP Irp)
{
    PFILE_OBJECT File = IoGetCurrentIrpStackLocation(Irp)->FileObject;
    BOOLEAN Asked = (File != NULL && File->Flags & FO_SYNCHRONOUS_IO) || Irp->Flags & IRP_SYNCHRONOUS_API;

    return Asked && (!(Irp->Flags & IRP_PAGING_IO) || Irp->Flags & IRP_SYNCHRONOUS_PAGING_IO);
}

/* IoThreadToProcess - the process that Thread belongs to. IRQL: any. Source: WDK nf-ntifs-iothreadtoprocess. */
PKPROCESS IoThreadToProcess(PKTHREAD Thread) { return Thread->Process; }

/* IoIsSystemThread - does Thread run in the kernel only? There is no other kind. IRQL: any.
 * Source: WDK nf-ntifs-ioissystemthread. */
BOOLEAN IoIsSystemThread(PKTHREAD Thread)
{
    UNREFERENCED_PARAMETER(Thread);
    return TRUE;
}
