/* file.c - file objects: a device that somebody has opened.
 *
 * A path leads to a device; what follows the device's name is the driver's to understand. The look-up (ob's path.c)
 * asks the device's type, which is ParseDevice here: it makes a file object and sends IRP_MJ_CREATE to the top of the
 * device's stack. If the driver agrees, the file object is what the path stands for; with STATUS_REPARSE it sends the
 * look-up on to the path that it has put into the file object. IRP_MJ_CLEANUP follows when the last handle is closed,
 * IRP_MJ_CLOSE when the last reference is gone: so IoGetDeviceObjectPointer, which closes its handle and keeps a
 * reference, is seen as create and cleanup, and its caller's dereference as close. These three are sent and waited for
 * here, so they need no APC. The device is held by a reference and counted as open meanwhile (device.c). */
#include "iop.h"

#include <ex/pool.h>
#include <ke/bugcheck.h>
#include <ke/irql.h>
#include <ke/spinlock.h>
#include <ob/create.h>
#include <ob/names.h>
#include <rtl/string.h>

static void CloseFile(PVOID Object);
static void CleanUpFile(PVOID Object);
static PVOID NameOfFile(PVOID Object, PUNICODE_STRING Rest);

static OBJECT_TYPE FileType = {
    .Self = &FileType, .Name = "File", .Delete = CloseFile, .LastHandleClosed = CleanUpFile, .Named = NameOfFile,
    .ValidAccess = 0x001F01FF, .Mapping = { 0x00120089, 0x00120116, 0x001200A0, 0x001F01FF },
    .Wait = offsetof(FILE_OBJECT, Event) | OB_WAITABLE
};

POBJECT_TYPE IoFileObjectType = &FileType;

/* The backslash that a path has between the two is not for Rest. */
static PVOID NameOfFile(PVOID Object, PUNICODE_STRING Rest)
{
    PFILE_OBJECT File = Object;

    *Rest = File->FileName;
    if (Rest->Length != 0 && Rest->Buffer[0] == '\\') {
        Rest->Buffer++;
        Rest->Length -= sizeof(WCHAR);
    }
    return File->DeviceObject;
}

/* ---- Requests of a file ---- */

static PIRP MakeRequest(PFILE_OBJECT File, PDEVICE_OBJECT Top, UCHAR Major, ULONG Flags)
{
    PIRP Irp = IopAllocateIrp(Top->StackSize, NULL);
    PIO_STACK_LOCATION Location;

    if (Irp == NULL)
        return NULL;
    Irp->Flags = Flags | IRP_SYNCHRONOUS_API;
    Irp->Tail.Overlay.Thread = KeGetCurrentThread();
    Irp->Tail.Overlay.OriginalFileObject = File;
    Location = IoGetNextIrpStackLocation(Irp);
    Location->MajorFunction = Major;
    Location->FileObject = File;
    return Irp;
}

static NTSTATUS SendAndWait(PDEVICE_OBJECT Top, PIRP Irp, PIO_STATUS_BLOCK Block)
{
    KEVENT Done;

    KeInitializeEvent(&Done, SynchronizationEvent, FALSE);
    Irp->UserIosb = Block;
    Irp->UserEvent = &Done;
    IofCallDriver(Top, Irp);
    KeWaitForSingleObject(&Done, Executive, KernelMode, FALSE, NULL);
    return Block->Status;
}

/* Without memory for the request it is tried again, since nobody else would. */
static void Announce(PDEVICE_OBJECT Top, PFILE_OBJECT File, UCHAR Major)
{
    LARGE_INTEGER Delay = { .QuadPart = -100000 };
    IO_STATUS_BLOCK Block;
    PIRP Irp;

    while ((Irp = MakeRequest(File, Top, Major, File != NULL ? IRP_CLOSE_OPERATION : 0)) == NULL)
        KeDelayExecutionThread(KernelMode, FALSE, &Delay);
    SendAndWait(Top, Irp, &Block);
}

static void CleanUpFile(PVOID Object)
{
    PFILE_OBJECT File = Object;

    Announce(IoGetRelatedDeviceObject(File), File, IRP_MJ_CLEANUP);
    File->Flags |= FO_CLEANUP_COMPLETE;
}

/* Last reference gone. A file whose creation has failed was never open; one that got no handle after it has not been
 * cleaned up yet. */
static void CloseFile(PVOID Object)
{
    PFILE_OBJECT File = Object;

    if (File->Flags & FO_FILE_OPEN) {
        if (KeGetCurrentIrql() != PASSIVE_LEVEL)
            KeBugCheckWith(IRQL_NOT_LESS_OR_EQUAL, (ULONG_PTR)File, KeGetCurrentIrql(), 0, 0,
                           "the last reference to file %p is given back at IRQL %u: its driver must be told at 0", File,
                           KeGetCurrentIrql());
        if (!(File->Flags & FO_CLEANUP_COMPLETE))
            CleanUpFile(File);
        Announce(IoGetRelatedDeviceObject(File), File, IRP_MJ_CLOSE);
    }
    if (File->FileName.Buffer != NULL)
        ExFreePool(File->FileName.Buffer);      /* ours, or what its driver has put there */
    if (File->RelatedFileObject != NULL)
        ObfDereferenceObject(File->RelatedFileObject);
    IopCloseDevice(File->DeviceObject);
    ObfDereferenceObject(File->DeviceObject);
}

/* ---- Opening ---- */

/* A file on Device, which is counted as open and is given back with the file; NULL: memory is out. */
static PFILE_OBJECT MakeFile(PDEVICE_OBJECT Device, PCUNICODE_STRING Rest, const IOP_OPEN *Open)
{
    PWSTR Name = Rest->Length != 0 ? ExAllocatePoolWithTag(PagedPool, Rest->Length, IO_TAG) : NULL;
    PFILE_OBJECT File = Rest->Length != 0 && Name == NULL ? NULL : ObCreateObject(&FileType, sizeof *File);

    if (File == NULL) {
        if (Name != NULL)
            ExFreePoolWithTag(Name, IO_TAG);
        return NULL;
    }
    if (Name != NULL)
        memcpy(Name, Rest->Buffer, Rest->Length);
    File->Type = IO_TYPE_FILE;
    File->Size = sizeof *File;
    File->DeviceObject = Device;
    File->FileName = (UNICODE_STRING){ Rest->Length, Rest->Length, Name };
    File->ReadAccess = (Open->Access & FILE_READ_DATA) != 0;
    File->WriteAccess = (Open->Access & (FILE_WRITE_DATA | FILE_APPEND_DATA)) != 0;
    File->DeleteAccess = (Open->Access & DELETE) != 0;
    File->Flags = Open->Options & FILE_SYNCHRONOUS ? FO_SYNCHRONOUS_IO : 0;
    if (Open->Options & FILE_SYNCHRONOUS_IO_ALERT)
        File->Flags |= FO_ALERTABLE_IO;
    KeInitializeEvent(&File->Lock, SynchronizationEvent, FALSE);
    KeInitializeEvent(&File->Event, NotificationEvent, FALSE);
    KeInitializeSpinLock(&File->IrpListLock);
    InitializeListHead(&File->IrpList);
    File->RelatedFileObject = Open->Related;
    if (Open->Related != NULL)
        ObfReferenceObject(Open->Related);
    ObfReferenceObject(Device);
    return File;
}

/* Extended attributes are the driver's to read in the system buffer. */
static BOOLEAN AddEa(PIRP Irp, const IOP_OPEN *Open)
{
    PVOID Buffer;

    if (Open->EaBuffer == NULL)
        return TRUE;
    Buffer = ExAllocatePoolWithTag(NonPagedPoolNx, Open->EaLength, IO_TAG);
    if (Buffer == NULL)
        return FALSE;
    memcpy(Buffer, Open->EaBuffer, Open->EaLength);
    Irp->AssociatedIrp.SystemBuffer = Buffer;
    Irp->Flags |= IRP_BUFFERED_IO | IRP_DEALLOCATE_BUFFER;
    IoGetNextIrpStackLocation(Irp)->Parameters.Create.EaLength = Open->EaLength;
    return TRUE;
}

/* Ask the driver. */
static NTSTATUS SendCreate(PFILE_OBJECT File, IOP_OPEN *Open)
{
    PDEVICE_OBJECT Top = IoGetRelatedDeviceObject(File);
    PIRP Irp = MakeRequest(File, Top, IRP_MJ_CREATE, IRP_CREATE_OPERATION);
    IO_SECURITY_CONTEXT Security = { .DesiredAccess = Open->Access, .FullCreateOptions = Open->Options };
    PIO_STACK_LOCATION Location;
    IO_STATUS_BLOCK Block;
    NTSTATUS Status;

    if (Irp == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    if (!AddEa(Irp, Open)) {
        IoFreeIrp(Irp);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Irp->Overlay.AllocationSize = Open->AllocationSize;
    Location = IoGetNextIrpStackLocation(Irp);
    Location->Parameters.Create.SecurityContext = &Security;
    Location->Parameters.Create.Options = Open->Disposition << 24 | (Open->Options & 0x00FFFFFF);
    Location->Parameters.Create.FileAttributes = (USHORT)Open->FileAttributes;
    Location->Parameters.Create.ShareAccess = (USHORT)Open->ShareAccess;
    Status = SendAndWait(Top, Irp, &Block);
    Open->Information = Block.Information;
    if (NT_SUCCESS(Status) && Status != STATUS_REPARSE)
        File->Flags |= FO_FILE_OPEN;
    return Status;
}

/* The driver has put the path that should be opened instead into File. Returns: STATUS_REPARSE with a Link there. */
static NTSTATUS Redirect(PFILE_OBJECT File, const IOP_OPEN *Open, PVOID *Link)
{
    if (Open->Information != IO_REPARSE)
        return STATUS_IO_REPARSE_TAG_NOT_HANDLED;
    *Link = ObCreateLink(&File->FileName);
    return *Link != NULL ? STATUS_REPARSE : STATUS_INSUFFICIENT_RESOURCES;
}

NTSTATUS IopParseDevice(PVOID Object, PCUNICODE_STRING Rest, PVOID Context, PVOID *Found)
{
    IOP_OPEN *Open = Context;
    PFILE_OBJECT File;
    NTSTATUS Status;

    *Found = NULL;
    if (Open == NULL || Open->Type != IO_TYPE_OPEN_PACKET)
        return STATUS_OBJECT_TYPE_MISMATCH;     /* a device itself has no handles */
    Status = IopOpenDevice(Object, Open->Related != NULL);
    if (!NT_SUCCESS(Status))
        return Status;
    File = MakeFile(Object, Rest, Open);
    if (File == NULL) {
        IopCloseDevice(Object);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Status = SendCreate(File, Open);
    if (NT_SUCCESS(Status) && Status != STATUS_REPARSE) {
        *Found = File;
        return Status;
    }
    if (Status == STATUS_REPARSE)
        Status = Redirect(File, Open, Found);
    ObfDereferenceObject(File);
    return Status;
}

void IopSendRequest(PDEVICE_OBJECT Device, UCHAR Major)
{
    PDEVICE_OBJECT Top = IoGetAttachedDeviceReference(Device);

    Announce(Top, NULL, Major);
    ObfDereferenceObject(Top);
}

/* A relative open was redirected: Link says where. */
static NTSTATUS OpenInstead(OB_ATTRIBUTES *Attributes, IOP_OPEN *Open, PVOID Link, PVOID Caller, PHANDLE Handle)
{
    NTSTATUS Status;

    Open->Related = NULL;
    Attributes->Name = *ObLinkTarget(Link);
    Status = ObOpenByAttributes(Attributes, IoFileObjectType, Open->Access, Open, Caller, Handle);
    ObfDereferenceObject(Link);
    return Status;
}

NTSTATUS IopOpen(const OB_ATTRIBUTES *Attributes, IOP_OPEN *Open, PVOID Caller, PHANDLE Handle)
{
    OB_ATTRIBUTES Other = { .Attributes = Attributes->Attributes, .Mode = Attributes->Mode };
    NTSTATUS Status;
    PVOID Found;

    Open->Type = IO_TYPE_OPEN_PACKET;
    Open->Access = ObMapGenericAccess(&FileType, Open->Access);
    if (Attributes->Root != NULL && ObGetObjectType(Attributes->Root) == IoFileObjectType) {
        Open->Related = Attributes->Root;
        Status = IopParseDevice(Open->Related->DeviceObject, &Attributes->Name, Open, &Found);
        if (Status == STATUS_REPARSE)
            return OpenInstead(&Other, Open, Found, Caller, Handle);
        return NT_SUCCESS(Status) ? ObInsertObject(Found, &Other, Open->Access, Caller, Handle) : Status;
    }
    return ObOpenByAttributes(Attributes, IoFileObjectType, Open->Access, Open, Caller, Handle);
}

/* ---- Public: IoGetRelatedDeviceObject, IoGetDeviceObjectPointer ---- */

/* IoGetRelatedDeviceObject - where requests for FileObject are sent: the top of its device's stack, not referenced.
 * IRQL: <= DISPATCH_LEVEL. Source: WDK nf-wdm-iogetrelateddeviceobject. */
PDEVICE_OBJECT IoGetRelatedDeviceObject(PFILE_OBJECT FileObject)
{
    return IoGetAttachedDevice(FileObject->DeviceObject);
}

/* IoGetDeviceObjectPointer - open the device of that name: its driver sees a create and a cleanup request. FileObject:
 * referenced; as long as it is, the device stays; its last dereference is the close request. DeviceObject: the top of
 * the device's stack. IRQL: PASSIVE_LEVEL. Returns: STATUS_SUCCESS, STATUS_NO_SUCH_DEVICE if it is going or not ready,
 * STATUS_ACCESS_DENIED if it is exclusive and open, what its driver answers, what is wrong with the name, or
 * STATUS_INSUFFICIENT_RESOURCES. Source: WDK nf-wdm-iogetdeviceobjectpointer. */
NTSTATUS IoGetDeviceObjectPointer(PUNICODE_STRING ObjectName, ACCESS_MASK DesiredAccess, PFILE_OBJECT *FileObject,
                                  PDEVICE_OBJECT *DeviceObject)
{
    OB_ATTRIBUTES Attributes = { .Name = *ObjectName, .Attributes = OBJ_KERNEL_HANDLE | OBJ_CASE_INSENSITIVE };
    IOP_OPEN Open = { .Access = DesiredAccess, .Disposition = FILE_OPEN, .Options = FILE_NON_DIRECTORY_FILE };
    PVOID File;
    HANDLE Handle;
    NTSTATUS Status = IopOpen(&Attributes, &Open, __builtin_return_address(0), &Handle);

    if (!NT_SUCCESS(Status))
        return Status;
    Status = ObReferenceObjectByHandle(Handle, 0, IoFileObjectType, KernelMode, &File, NULL);
    if (NT_SUCCESS(Status)) {
        *FileObject = File;
        *DeviceObject = IoGetRelatedDeviceObject(File);
    }
    ZwClose(Handle);
    return Status;
}
