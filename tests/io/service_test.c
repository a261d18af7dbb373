/* service_test.c - devices by handle. */
#include <io/driver.h>
#include <io/request.h>
#include <io/service.h>
#include <ke/apc.h>
#include <ke/event.h>
#include <ktest.h>
#include <ob/event_object.h>
#include <ob/object.h>
#include <rtl/nt_string.h>
#include <rtl/status.h>
#include <rtl/string.h>

enum { LENGTH = 32, CODE = CTL_CODE(FILE_DEVICE_UNKNOWN, 0x900, METHOD_BUFFERED, 0) };

static PDRIVER_OBJECT Driver;
static PDEVICE_OBJECT Device;
static UNICODE_STRING Path;
static PIRP Pended;
static BOOLEAN Pend;
static NTSTATUS Answer;
static char Order[32];
static volatile LONG Length;
static IO_STACK_LOCATION Create, Last;
static struct { LARGE_INTEGER Allocation; UCHAR Ea[8]; PFILE_OBJECT File, Related; WCHAR Name[16];
                ACCESS_MASK Access; } Opened;
static IO_STATUS_BLOCK Block;
static UCHAR Data[LENGTH + 8];

static void Note(char What) { Order[Length++ % 31] = What; }

static void Finish(PIRP Irp)
{
    PUCHAR Buffer = Irp->AssociatedIrp.SystemBuffer;

    if (IoGetCurrentIrpStackLocation(Irp)->MajorFunction == IRP_MJ_READ)
        memset(Buffer, 0x42, LENGTH);
    Irp->IoStatus.Status = Answer;
    Irp->IoStatus.Information = IoGetCurrentIrpStackLocation(Irp)->Parameters.Read.Length;
    IofCompleteRequest(Irp, 0);
}

static VOID CancelPended(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    UNREFERENCED_PARAMETER(DeviceObject);
    IoReleaseCancelSpinLock(Irp->CancelIrql);
    Note('x');
    Irp->IoStatus.Status = STATUS_CANCELLED;
    IofCompleteRequest(Irp, 0);
}

static NTSTATUS Serve(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    UNREFERENCED_PARAMETER(DeviceObject);
    Last = *IoGetCurrentIrpStackLocation(Irp);
    if (!Pend) {
        Finish(Irp);
        return Answer;
    }
    IoMarkIrpPending(Irp);
    IoSetCancelRoutine(Irp, CancelPended);
    Pended = Irp;
    return STATUS_PENDING;
}

static void FinishPended(void)
{
    IoSetCancelRoutine(Pended, NULL);
    Finish(Pended);
}

static NTSTATUS ServeFile(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PIO_STACK_LOCATION Location = IoGetCurrentIrpStackLocation(Irp);

    UNREFERENCED_PARAMETER(DeviceObject);
    Note(Location->MajorFunction == IRP_MJ_CREATE ? 'o' : Location->MajorFunction == IRP_MJ_CLOSE ? 'c' : 'u');
    if (Location->MajorFunction == IRP_MJ_CREATE) {
        Create = *Location;
        Opened.Allocation = Irp->Overlay.AllocationSize;
        Opened.File = Location->FileObject;
        Opened.Access = Location->Parameters.Create.SecurityContext->DesiredAccess;
        Opened.Related = Location->FileObject->RelatedFileObject;
        memcpy(Opened.Name, Location->FileObject->FileName.Buffer, Location->FileObject->FileName.Length);
        if (Location->Parameters.Create.EaLength != 0)
            memcpy(Opened.Ea, Irp->AssociatedIrp.SystemBuffer, Location->Parameters.Create.EaLength);
    }
    Irp->IoStatus.Status = STATUS_SUCCESS;
    Irp->IoStatus.Information = 1;
    IofCompleteRequest(Irp, 0);
    return STATUS_SUCCESS;
}

static void Begin(void)
{
    RtlInitUnicodeString(&Path, L"\\Device\\KtestService");
    memset(Order, 0, sizeof Order);
    Length = 0;
    Pend = FALSE;
    Answer = STATUS_SUCCESS;
    memset(&Block, 0xAA, sizeof Block);
    memset(&Opened, 0, sizeof Opened);
    memset(Data, 0xAA, sizeof Data);
    Driver = IoCreateDriverObject("KtestService");
    REQUIRE_TRUE(Driver != NULL);
    Driver->MajorFunction[IRP_MJ_CREATE] = Driver->MajorFunction[IRP_MJ_CLEANUP] = ServeFile;
    Driver->MajorFunction[IRP_MJ_CLOSE] = ServeFile;
    Driver->MajorFunction[IRP_MJ_READ] = Driver->MajorFunction[IRP_MJ_WRITE] = Serve;
    Driver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = Serve;
    REQUIRE_EQ(IoCreateDevice(Driver, 0, &Path, FILE_DEVICE_UNKNOWN, 0, FALSE, &Device), STATUS_SUCCESS);
    Device->Flags |= DO_BUFFERED_IO;
    IoReadyDevices(Driver);
}

static void WaitClosed(void)
{
    for (ULONG Look = 0; Look < 10000 && Device->ReferenceCount != 0; Look++) {
        LARGE_INTEGER Short = { .QuadPart = -1000 };

        KeDelayExecutionThread(KernelMode, FALSE, &Short);
    }
}

static void End(HANDLE Handle)
{
    EXPECT_EQ(ZwClose(Handle), STATUS_SUCCESS);
    WaitClosed();
    EXPECT_EQ(Device->ReferenceCount, 0);
    IoDeleteDevice(Device);
    EXPECT_EQ(Driver->DeviceObject, NULL);
    IoDeleteDriverObject(Driver);
}

static OBJECT_ATTRIBUTES AttributesOf(PUNICODE_STRING Name, HANDLE Root)
{
    return (OBJECT_ATTRIBUTES){ .Length = sizeof(OBJECT_ATTRIBUTES), .ObjectName = Name, .RootDirectory = Root,
                                .Attributes = OBJ_KERNEL_HANDLE };
}

static HANDLE Open(ULONG Options)
{
    OBJECT_ATTRIBUTES Attributes = AttributesOf(&Path, NULL);
    IO_STATUS_BLOCK Result = { 0 };
    HANDLE Handle = NULL;

    REQUIRE_EQ(ZwOpenFile(&Handle, FILE_READ_DATA | SYNCHRONIZE, &Attributes, &Result, 0, Options), STATUS_SUCCESS);
    EXPECT_EQ(Result.Information, 1);
    return Handle;
}

/* covers ZwCreateFile.1 */
TEST(io_service, create_tells_the_driver_all_and_close_ends_it)
{
    OBJECT_ATTRIBUTES Attributes;
    LARGE_INTEGER Size = { .QuadPart = 0x123456789ll };
    IO_STATUS_BLOCK Result;
    HANDLE Handle;

    Begin();
    Attributes = AttributesOf(&Path, NULL);
    memset(&Result, 0xAA, sizeof Result);
    EXPECT_EQ(ZwCreateFile(&Handle, FILE_WRITE_DATA | SYNCHRONIZE, &Attributes, &Result, &Size, 0x80, 3, FILE_OPEN_IF,
                           FILE_SYNCHRONOUS_IO_NONALERT, "abcd", 5), STATUS_SUCCESS);
    EXPECT_EQ(Result.Status, STATUS_SUCCESS);
    EXPECT_EQ(Result.Information, 1);
    EXPECT_EQ(Create.Parameters.Create.Options, FILE_OPEN_IF << 24 | FILE_SYNCHRONOUS_IO_NONALERT);
    EXPECT_EQ(Create.Parameters.Create.FileAttributes, 0x80);
    EXPECT_EQ(Create.Parameters.Create.ShareAccess, 3);
    EXPECT_EQ(Create.Parameters.Create.EaLength, 5);
    EXPECT_EQ(memcmp(Opened.Ea, "abcd", 5), 0);
    EXPECT_EQ(Opened.Allocation.QuadPart, Size.QuadPart);
    EXPECT_TRUE(Opened.File->Flags & FO_SYNCHRONOUS_IO);
    EXPECT_TRUE(Opened.File->WriteAccess);
    EXPECT_EQ(strcmp(Order, "o"), 0);
    End(Handle);
    EXPECT_EQ(strcmp(Order, "ouc"), 0);
}

/* covers ZwCreateFile.3 */
TEST(io_service, options_that_contradict_each_other_are_refused)
{
    OBJECT_ATTRIBUTES Attributes;
    static const struct { ACCESS_MASK Access; ULONG Disposition, Options; } Rows[] = {
        { SYNCHRONIZE, FILE_OVERWRITE_IF + 1, 0 },
        { SYNCHRONIZE, FILE_OPEN, FILE_SYNCHRONOUS },
        { FILE_READ_DATA, FILE_OPEN, FILE_SYNCHRONOUS_IO_NONALERT },
        { FILE_READ_DATA, FILE_OPEN, FILE_SYNCHRONOUS_IO_ALERT },
        { SYNCHRONIZE, FILE_OPEN, 0x01000000 },
    };
    HANDLE Handle;

    Begin();
    Attributes = AttributesOf(&Path, NULL);
    for (ULONG i = 0; i < RTL_NUMBER_OF(Rows); i++)
        EXPECT_EQ(ZwCreateFile(&Handle, Rows[i].Access, &Attributes, &Block, NULL, 0, 0, Rows[i].Disposition,
                               Rows[i].Options, NULL, 0), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(Length, 0);
    EXPECT_EQ((ULONG)Block.Status, 0xAAAAAAAA);
    End(Open(0));
}

/* covers ZwCreateFile.4 */
TEST(io_service, relative_name_has_its_related_file)
{
    UNICODE_STRING Name;
    OBJECT_ATTRIBUTES Attributes;
    PFILE_OBJECT First;
    HANDLE Root, Handle;

    Begin();
    Root = Open(0);
    First = Opened.File;
    RtlInitUnicodeString(&Name, L"sub");
    Attributes = AttributesOf(&Name, Root);
    EXPECT_EQ(ZwOpenFile(&Handle, FILE_READ_DATA, &Attributes, &Block, 0, 0), STATUS_SUCCESS);
    EXPECT_EQ(Opened.Related, First);
    EXPECT_EQ(memcmp(Opened.Name, L"sub", 6), 0);
    ZwClose(Root);
    EXPECT_EQ(strcmp(Order, "oou"), 0); /* the other one holds it */
    End(Handle);
    EXPECT_EQ(strcmp(Order, "oouucc"), 0);
}

/* Generic bits are the file type's to translate: a driver looks for FILE_READ_DATA. */
/* covers ZwCreateFile.2 */
TEST(io_service, driver_is_told_specific_access)
{
    OBJECT_ATTRIBUTES Attributes;
    HANDLE Handle;

    Begin();
    Attributes = AttributesOf(&Path, NULL);
    REQUIRE_EQ(ZwOpenFile(&Handle, GENERIC_READ, &Attributes, &Block, 0, 0), STATUS_SUCCESS);
    EXPECT_EQ(Opened.Access, 0x00120089);
    EXPECT_TRUE(Opened.File->ReadAccess);
    EXPECT_FALSE(Opened.File->WriteAccess);
    EXPECT_EQ(ZwClose(Handle), STATUS_SUCCESS);
    REQUIRE_EQ(ZwOpenFile(&Handle, GENERIC_ALL, &Attributes, &Block, 0, 0), STATUS_SUCCESS);
    EXPECT_EQ(Opened.Access, 0x001F01FF);
    EXPECT_TRUE(Opened.File->WriteAccess);
    EXPECT_TRUE(Opened.File->DeleteAccess);
    End(Handle);
}

/* covers IoCreateDevice.4 */
TEST(io_service, exclusive_device_can_be_opened_relative_to_its_file)
{
    UNICODE_STRING Name;
    OBJECT_ATTRIBUTES Attributes;
    HANDLE Root, Handle;

    Begin();
    Device->Flags |= DO_EXCLUSIVE;
    Root = Open(0);
    Attributes = AttributesOf(&Path, NULL);
    EXPECT_EQ(ZwOpenFile(&Handle, FILE_READ_DATA, &Attributes, &Block, 0, 0), STATUS_ACCESS_DENIED);
    RtlInitUnicodeString(&Name, L"sub");
    Attributes = AttributesOf(&Name, Root);
    REQUIRE_EQ(ZwOpenFile(&Handle, FILE_READ_DATA, &Attributes, &Block, 0, 0), STATUS_SUCCESS);
    ZwClose(Handle);
    End(Root);
}

/* A driver lets go in its cleanup what it has taken in its create: a file that got no handle is cleaned up too. */
/* covers ZwCreateFile.5 */
TEST(io_service, file_without_a_handle_is_cleaned_up_and_closed)
{
    OBJECT_ATTRIBUTES Attributes;
    HANDLE Handle;

    Begin();
    Attributes = AttributesOf(&Path, NULL);
    Attributes.Attributes |= OBJ_EXCLUSIVE;     /* a file is not made so */
    EXPECT_EQ(ZwOpenFile(&Handle, FILE_READ_DATA, &Attributes, &Block, 0, 0), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(strcmp(Order, "ouc"), 0);
    End(Open(0));
}

/* covers ZwReadFile.1 */
TEST(io_service, synchronous_file_has_a_position_and_waits)
{
    LARGE_INTEGER At = { .QuadPart = 77 };
    HANDLE Handle;

    Begin();
    Handle = Open(FILE_SYNCHRONOUS_IO_NONALERT);
    EXPECT_EQ(ZwReadFile(Handle, NULL, NULL, NULL, &Block, Data, LENGTH, &At, NULL), STATUS_SUCCESS);
    EXPECT_EQ(Last.Parameters.Read.ByteOffset.QuadPart, 77);
    EXPECT_EQ(Last.FileObject, Opened.File);
    EXPECT_EQ(Block.Status, STATUS_SUCCESS);
    EXPECT_EQ(Block.Information, LENGTH);
    EXPECT_EQ(Data[LENGTH - 1], 0x42);
    EXPECT_EQ(Data[LENGTH], 0xAA);
    Opened.File->CurrentByteOffset.QuadPart = 500;
    EXPECT_EQ(ZwWriteFile(Handle, NULL, NULL, NULL, &Block, Data, LENGTH, NULL, NULL), STATUS_SUCCESS);
    EXPECT_EQ(Last.MajorFunction, IRP_MJ_WRITE);
    EXPECT_EQ(Last.Parameters.Read.ByteOffset.QuadPart, 500);
    At.HighPart = -1;
    At.LowPart = FILE_USE_FILE_POINTER_POSITION;
    EXPECT_EQ(ZwWriteFile(Handle, NULL, NULL, NULL, &Block, Data, LENGTH, &At, NULL), STATUS_SUCCESS);
    EXPECT_EQ(Last.Parameters.Read.ByteOffset.QuadPart, 500);
    memset(&Block, 0xAA, sizeof Block);
    Answer = STATUS_UNSUCCESSFUL;
    EXPECT_EQ(ZwReadFile(Handle, NULL, NULL, NULL, &Block, Data, LENGTH, &At, NULL), STATUS_UNSUCCESSFUL);
    EXPECT_EQ((ULONG)Block.Status, 0xAAAAAAAA);
    End(Handle);
}

static HANDLE Shared;

static NTSTATUS ThreadStatus[2];

static void ReadShared(PVOID Context)
{
    ULONG Slot = (ULONG)(ULONG_PTR)Context;
    IO_STATUS_BLOCK Result;
    UCHAR Mine[LENGTH];

    ThreadStatus[Slot] = ZwReadFile(Shared, NULL, NULL, NULL, &Result, Mine, LENGTH, NULL, NULL);
}

/* covers ZwReadFile.2 */
TEST(io_service, synchronous_file_has_one_request_at_a_time)
{
    PKTHREAD One, Two;
    PIRP First;

    Begin();
    Shared = Open(FILE_SYNCHRONOUS_IO_NONALERT);
    Pend = TRUE;
    Pended = NULL;
    One = KtestThread(ReadShared, (PVOID)0, 8);
    KtestWaitBlocked(One, &Opened.File->Event);
    First = Pended;
    Two = KtestThread(ReadShared, (PVOID)1, 8);
    KtestWaitBlocked(Two, &Opened.File->Lock);
    EXPECT_EQ(Pended, First);
    Answer = STATUS_BUFFER_OVERFLOW;
    FinishPended();
    KtestJoin(One);
    KtestWaitBlocked(Two, &Opened.File->Event);
    EXPECT_EQ(ThreadStatus[0], STATUS_BUFFER_OVERFLOW);
    Answer = STATUS_SUCCESS;
    FinishPended();
    KtestJoin(Two);
    EXPECT_EQ(ThreadStatus[1], STATUS_SUCCESS);
    End(Shared);
}

/* Begin two reads of Shared; the second waits for the first. */
static void BeginTwo(PKTHREAD Threads[2])
{
    Shared = Open(FILE_SYNCHRONOUS_IO_NONALERT);
    Pend = TRUE;
    Threads[0] = KtestThread(ReadShared, (PVOID)0, 8);
    KtestWaitBlocked(Threads[0], &Opened.File->Event);
    Threads[1] = KtestThread(ReadShared, (PVOID)1, 8);
    KtestWaitBlocked(Threads[1], &Opened.File->Lock);
}

/* The position is the file's when the request's turn comes, not when it was asked for. */
/* covers ZwReadFile.2 */
TEST(io_service, next_synchronous_request_begins_where_the_last_one_ended)
{
    PKTHREAD Threads[2];

    Begin();
    BeginTwo(Threads);
    EXPECT_EQ(Last.Parameters.Read.ByteOffset.QuadPart, 0);
    Opened.File->CurrentByteOffset.QuadPart = LENGTH;   /* as its driver moves it */
    FinishPended();
    KtestJoin(Threads[0]);
    KtestWaitBlocked(Threads[1], &Opened.File->Event);
    EXPECT_EQ(Last.Parameters.Read.ByteOffset.QuadPart, LENGTH);
    FinishPended();
    KtestJoin(Threads[1]);
    End(Shared);
}

/* A filter attaches while a request waits for its turn: the request has a location for it. */
/* covers ZwReadFile.5 */
TEST(io_service, request_has_a_location_for_each_device_it_meets)
{
    PDEVICE_OBJECT Filter;
    PKTHREAD Threads[2];

    Begin();
    BeginTwo(Threads);
    REQUIRE_EQ(IoCreateDevice(Driver, 0, NULL, FILE_DEVICE_UNKNOWN, 0, FALSE, &Filter), STATUS_SUCCESS);
    Filter->Flags = (Filter->Flags & ~(ULONG)DO_DEVICE_INITIALIZING) | DO_BUFFERED_IO;
    EXPECT_EQ(IoAttachDeviceToDeviceStack(Filter, Device), Device);
    FinishPended();
    KtestJoin(Threads[0]);
    KtestWaitBlocked(Threads[1], &Opened.File->Event);
    EXPECT_EQ(Last.DeviceObject, Filter);
    EXPECT_EQ(Pended->StackCount, 2);
    FinishPended();
    KtestJoin(Threads[1]);
    IoDetachDevice(Device);
    IoDeleteDevice(Filter);
    End(Shared);
}

/* covers ZwReadFile.3 */
TEST(io_service, alert_cancels_what_an_alertable_file_waits_for)
{
    PKTHREAD Thread;

    Begin();
    Shared = Open(FILE_SYNCHRONOUS_IO_ALERT);
    Pend = TRUE;
    Thread = KtestThread(ReadShared, (PVOID)0, 8);
    KtestWaitBlocked(Thread, &Opened.File->Event);
    KeAlertThread(Thread, KernelMode);
    KtestJoin(Thread);
    EXPECT_EQ(ThreadStatus[0], STATUS_CANCELLED);
    EXPECT_EQ(Order[Length - 1], 'x');
    End(Shared);
}

static volatile LONG ApcCalls;
static PVOID ApcContext, ApcBlock;

static VOID Routine(PVOID Context, PIO_STATUS_BLOCK IoStatusBlock, ULONG Reserved)
{
    UNREFERENCED_PARAMETER(Reserved);
    ApcContext = Context;
    ApcBlock = IoStatusBlock;
    ApcCalls++;
}

/* covers ZwReadFile.4 */
TEST(io_service, asynchronous_file_tells_by_event_routine_and_itself)
{
    LARGE_INTEGER At = { .QuadPart = 0 };
    HANDLE Handle, Event;
    PVOID Object;

    Begin();
    Handle = Open(0);
    REQUIRE_EQ(ZwCreateEvent(&Event, 0x001F0003, NULL, NotificationEvent, TRUE), STATUS_SUCCESS);
    REQUIRE_EQ(ObReferenceObjectByHandle(Event, 0, ExEventObjectType, KernelMode, &Object, NULL), STATUS_SUCCESS);
    EXPECT_EQ(ZwReadFile(Handle, NULL, NULL, NULL, &Block, Data, LENGTH, NULL, NULL), STATUS_INVALID_PARAMETER);
    Pend = TRUE;
    ApcCalls = 0;
    EXPECT_EQ(ZwReadFile(Handle, Event, Routine, &Opened, &Block, Data, LENGTH, &At, NULL), STATUS_PENDING);
    EXPECT_EQ(KeReadStateEvent(Object), 0);
    EXPECT_EQ(KeReadStateEvent(&Opened.File->Event), 0);
    EXPECT_EQ((ULONG)Block.Status, 0xAAAAAAAA);
    FinishPended();
    EXPECT_EQ(KeReadStateEvent(Object), 1);
    EXPECT_EQ(KeReadStateEvent(&Opened.File->Event), 1);
    EXPECT_EQ(Opened.File->FinalStatus, STATUS_SUCCESS);
    EXPECT_EQ(Block.Status, STATUS_SUCCESS);
    EXPECT_EQ(Data[0], 0x42);
    EXPECT_EQ(ApcCalls, 1);
    EXPECT_EQ(ApcContext, &Opened);
    EXPECT_EQ(ApcBlock, &Block);
    KeEnterCriticalRegion();            /* a normal APC */
    ZwReadFile(Handle, NULL, Routine, NULL, &Block, Data, LENGTH, &At, NULL);
    FinishPended();
    EXPECT_EQ(ApcCalls, 1);
    KeLeaveCriticalRegion();
    EXPECT_EQ(ApcCalls, 2);
    ObfDereferenceObject(Object);
    ZwClose(Event);
    End(Handle);
}

/* covers ZwDeviceIoControlFile.1 */
TEST(io_service, control_goes_by_its_method)
{
    UCHAR In[4] = { 1, 2, 3, 4 };
    HANDLE Handle;

    Begin();
    Handle = Open(FILE_SYNCHRONOUS_IO_NONALERT);
    EXPECT_EQ(ZwDeviceIoControlFile(Handle, NULL, NULL, NULL, &Block, CODE, In, sizeof In, Data, LENGTH),
              STATUS_SUCCESS);
    EXPECT_EQ(Last.MajorFunction, IRP_MJ_DEVICE_CONTROL);
    EXPECT_EQ(Last.Parameters.DeviceIoControl.IoControlCode, CODE);
    EXPECT_EQ(Last.Parameters.DeviceIoControl.InputBufferLength, 4);
    EXPECT_EQ(Last.Parameters.DeviceIoControl.OutputBufferLength, LENGTH);
    EXPECT_EQ(memcmp(Data, In, 4), 0);
    EXPECT_EQ(Data[LENGTH], 0xAA);
    End(Handle);
}

/* covers ZwReadFile.6 */
TEST(io_service, wrong_handles)
{
    LARGE_INTEGER At = { .QuadPart = 0 };
    HANDLE Handle, Event;

    Begin();
    Handle = Open(0);
    REQUIRE_EQ(ZwCreateEvent(&Event, 0x001F0003, NULL, NotificationEvent, FALSE), STATUS_SUCCESS);
    EXPECT_EQ(ZwReadFile(Event, NULL, NULL, NULL, &Block, Data, 1, &At, NULL), STATUS_OBJECT_TYPE_MISMATCH);
    EXPECT_EQ(ZwReadFile((HANDLE)4096, NULL, NULL, NULL, &Block, Data, 1, &At, NULL), STATUS_INVALID_HANDLE);
    EXPECT_EQ(ZwReadFile(Handle, Handle, NULL, NULL, &Block, Data, 1, &At, NULL), STATUS_OBJECT_TYPE_MISMATCH);
    EXPECT_EQ(ZwDeviceIoControlFile(Event, NULL, NULL, NULL, &Block, CODE, NULL, 0, NULL, 0),
              STATUS_OBJECT_TYPE_MISMATCH);
    EXPECT_EQ((ULONG)Block.Status, 0xAAAAAAAA);
    ZwClose(Event);
    End(Handle);
}
