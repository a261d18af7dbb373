/* file_test.c - devices by name: opened, cleaned up, closed; symbolic links. */
#include "stack.h"

#include <ex/pool.h>
#include <io/service.h>
#include <io/symbolic_link.h>
#include <ob/names.h>
#include <rtl/nt_string.h>
#include <rtl/status.h>
#include <rtl/string.h>

static struct {
    char Order[32];
    ULONG Length;
    PFILE_OBJECT File;
    IO_STACK_LOCATION Create;
    WCHAR Name[32];
    NTSTATUS CreateStatus;
    BOOLEAN Pend;
    PIRP Pended;
    PCWSTR Redirect;                    /* once; NULL: nowhere */
    ULONG Tag;
} Seen;

static PDRIVER_OBJECT Driver;
static PDEVICE_OBJECT Device, Device2;

static NTSTATUS Complete(PIRP Irp, NTSTATUS Status)
{
    Irp->IoStatus.Status = Status;
    Irp->IoStatus.Information = 7;
    IofCompleteRequest(Irp, 0);
    return Status;
}

static NTSTATUS Redirect(PIRP Irp, PFILE_OBJECT File)
{
    UNICODE_STRING To;

    RtlInitUnicodeString(&To, Seen.Redirect);
    Seen.Redirect = NULL;
    if (File->FileName.Buffer != NULL)
        ExFreePool(File->FileName.Buffer);
    File->FileName.Buffer = ExAllocatePoolWithTag(PagedPool, To.Length, 'tseT');
    File->FileName.Length = File->FileName.MaximumLength = To.Length;
    memcpy(File->FileName.Buffer, To.Buffer, To.Length);
    Irp->IoStatus.Status = STATUS_REPARSE;
    Irp->IoStatus.Information = Seen.Tag;
    IofCompleteRequest(Irp, 0);
    return STATUS_REPARSE;
}

static NTSTATUS Dispatch(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PIO_STACK_LOCATION Location = IoGetCurrentIrpStackLocation(Irp);

    UNREFERENCED_PARAMETER(DeviceObject);
    Seen.File = Location->FileObject;
    switch (Location->MajorFunction) {
    case IRP_MJ_CREATE:
        Seen.Order[Seen.Length++] = 'o';
        Seen.Create = *Location;
        memcpy(Seen.Name, Location->FileObject->FileName.Buffer, Location->FileObject->FileName.Length);
        EXPECT_EQ(Irp->Tail.Overlay.OriginalFileObject, Location->FileObject);
        EXPECT_TRUE(Irp->Flags & IRP_CREATE_OPERATION);
        Location->FileObject->FsContext = &Seen;
        if (Seen.Redirect != NULL)
            return Redirect(Irp, Location->FileObject);
        if (Seen.Pend) {
            IoMarkIrpPending(Irp);
            Seen.Pended = Irp;
            return STATUS_PENDING;
        }
        return Complete(Irp, Seen.CreateStatus);
    case IRP_MJ_CLEANUP: Seen.Order[Seen.Length++] = 'u'; break;
    case IRP_MJ_CLOSE: Seen.Order[Seen.Length++] = 'c'; break;
    default: Seen.Order[Seen.Length++] = '?';
    }
    EXPECT_EQ(Location->FileObject->FsContext, &Seen);
    return Complete(Irp, STATUS_SUCCESS);
}

static UNICODE_STRING Name(PCWSTR Text)
{
    UNICODE_STRING String;

    RtlInitUnicodeString(&String, Text);
    return String;
}

static void Begin(BOOLEAN Exclusive)
{
    UNICODE_STRING Path = Name(L"\\Device\\KtestFile");

    memset(&Seen, 0, sizeof Seen);
    Driver = IoCreateDriverObject("KtestFile");
    REQUIRE_TRUE(Driver != NULL);
    Driver->MajorFunction[IRP_MJ_CREATE] = Driver->MajorFunction[IRP_MJ_CLEANUP] = Dispatch;
    Driver->MajorFunction[IRP_MJ_CLOSE] = Dispatch;
    REQUIRE_EQ(IoCreateDevice(Driver, 0, &Path, FILE_DEVICE_UNKNOWN, 0, Exclusive, &Device), STATUS_SUCCESS);
}

static void End(void)
{
    IoDeleteDevice(Device);
    EXPECT_EQ(Driver->DeviceObject, NULL);
    IoDeleteDriverObject(Driver);
}

static NTSTATUS Open(PCWSTR Text, PFILE_OBJECT *File, PDEVICE_OBJECT *Found)
{
    UNICODE_STRING Path = Name(Text);

    *File = NULL;
    *Found = NULL;
    return IoGetDeviceObjectPointer(&Path, FILE_READ_DATA, File, Found);
}

/* covers IoGetDeviceObjectPointer.1 */
TEST(io_file, device_pointer_is_create_cleanup_and_close)
{
    PDEVICE_OBJECT Found;
    PFILE_OBJECT File;

    Begin(FALSE);
    IoReadyDevices(Driver);
    EXPECT_EQ(Device->Flags, DO_DEVICE_HAS_NAME);
    EXPECT_EQ(Open(L"\\Device\\KtestFile", &File, &Found), STATUS_SUCCESS);
    EXPECT_EQ(strcmp(Seen.Order, "ou"), 0);
    EXPECT_EQ(Found, Device);
    EXPECT_EQ(File, Seen.File);
    EXPECT_EQ(File->Type, IO_TYPE_FILE);
    EXPECT_EQ(File->Size, sizeof(FILE_OBJECT));
    EXPECT_EQ(File->DeviceObject, Device);
    EXPECT_TRUE(File->ReadAccess);
    EXPECT_FALSE(File->WriteAccess);
    EXPECT_TRUE(File->Flags & FO_CLEANUP_COMPLETE);
    EXPECT_EQ(File->FileName.Length, 0);
    EXPECT_EQ(Seen.Create.Parameters.Create.Options, FILE_OPEN << 24 | FILE_NON_DIRECTORY_FILE);
    EXPECT_EQ(Device->ReferenceCount, 1);
    EXPECT_EQ(IoGetRelatedDeviceObject(File), Device);
    ObfDereferenceObject(File);
    EXPECT_EQ(strcmp(Seen.Order, "ouc"), 0);
    EXPECT_EQ(Device->ReferenceCount, 0);
    End();
}

/* covers IoGetDeviceObjectPointer.4 */
TEST(io_file, rest_of_the_path_is_the_files_name_and_case_does_not_matter)
{
    PDEVICE_OBJECT Found;
    PFILE_OBJECT File;

    Begin(FALSE);
    IoReadyDevices(Driver);
    EXPECT_EQ(Open(L"\\DEVICE\\ktestFILE\\Some\\File", &File, &Found), STATUS_SUCCESS);
    EXPECT_EQ(File->FileName.Length, 20);
    EXPECT_EQ(memcmp(Seen.Name, L"\\Some\\File", 20), 0);
    ObfDereferenceObject(File);
    End();
}

/* covers ObQueryNameString.4 */
TEST(io_file, is_named_by_its_device_and_what_follows)
{
    static const PCWSTR Paths[] = { L"\\Device\\KtestFile", L"\\Device\\KtestFile\\", L"\\Device\\KtestFile\\a\\b" };
    WCHAR Buffer[60];
    OBJECT_NAME_INFORMATION *Info = (PVOID)Buffer;
    PDEVICE_OBJECT Found;
    PFILE_OBJECT File;
    ULONG Length;

    Begin(FALSE);
    IoReadyDevices(Driver);
    for (ULONG i = 0; i < RTL_NUMBER_OF(Paths); i++) {
        UNICODE_STRING Path = Name(Paths[i]);

        REQUIRE_EQ(Open(Paths[i], &File, &Found), STATUS_SUCCESS);
        EXPECT_EQ(ObQueryNameString(File, Info, 0, &Length), STATUS_INFO_LENGTH_MISMATCH);
        EXPECT_EQ(Length, sizeof *Info + Path.Length + 2);
        EXPECT_EQ(ObQueryNameString(File, Info, Length, &Length), STATUS_SUCCESS);
        EXPECT_TRUE(RtlEqualUnicodeString(&Info->Name, &Path, FALSE));
        ObfDereferenceObject(File);
    }
    End();
}

/* covers IoGetDeviceObjectPointer.3 */
TEST(io_file, refused_creation_is_never_closed)
{
    PDEVICE_OBJECT Found;
    PFILE_OBJECT File;

    Begin(FALSE);
    IoReadyDevices(Driver);
    Seen.CreateStatus = STATUS_ACCESS_DENIED;
    EXPECT_EQ(Open(L"\\Device\\KtestFile", &File, &Found), STATUS_ACCESS_DENIED);
    EXPECT_EQ(strcmp(Seen.Order, "o"), 0);
    EXPECT_EQ(Device->ReferenceCount, 0);
    EXPECT_EQ(File, NULL);
    End();
}

static void FinishCreate(PVOID Thread)
{
    KtestWaitBlocked(Thread, NULL);
    Complete(Seen.Pended, STATUS_SUCCESS);
}

/* Open Rest relative to a file of Path; the driver redirects that to Device2. */
static NTSTATUS OpenRelative(PCWSTR Path, PCWSTR Rest, PFILE_OBJECT *File)
{
    UNICODE_STRING RootPath = Name(Path), RestName = Name(Rest);
    OBJECT_ATTRIBUTES Attributes = { .Length = sizeof Attributes, .ObjectName = &RootPath,
                                     .Attributes = OBJ_KERNEL_HANDLE };
    IO_STATUS_BLOCK Block;
    HANDLE Root, Handle;
    NTSTATUS Status;
    PVOID Object;

    REQUIRE_EQ(ZwOpenFile(&Root, FILE_READ_DATA, &Attributes, &Block, 0, 0), STATUS_SUCCESS);
    Attributes.RootDirectory = Root;
    Attributes.ObjectName = &RestName;
    Seen.Redirect = L"\\Device\\KtestFile2";
    Status = ZwOpenFile(&Handle, FILE_READ_DATA, &Attributes, &Block, 0, 0);
    ZwClose(Root);
    if (!NT_SUCCESS(Status))
        return Status;
    REQUIRE_EQ(ObReferenceObjectByHandle(Handle, 0, IoFileObjectType, KernelMode, &Object, NULL), STATUS_SUCCESS);
    ZwClose(Handle);
    *File = Object;
    return Status;
}

/* Drivers put a redirected name into the file object, from the pool. */
/* covers IoGetDeviceObjectPointer.5 */
TEST(io_file, redirected_creation_leads_elsewhere)
{
    UNICODE_STRING Path = Name(L"\\Device\\KtestFile2");
    PDEVICE_OBJECT Found;
    PFILE_OBJECT File;

    Begin(FALSE);
    REQUIRE_EQ(IoCreateDevice(Driver, 0, &Path, FILE_DEVICE_UNKNOWN, 0, FALSE, &Device2), STATUS_SUCCESS);
    IoReadyDevices(Driver);
    Seen.Redirect = L"\\Device\\KtestFile2\\x";
    EXPECT_EQ(Open(L"\\Device\\KtestFile\\old", &File, &Found), STATUS_SUCCESS);
    EXPECT_EQ(Found, Device2);
    EXPECT_EQ(memcmp(Seen.Name, L"\\x", 4), 0);
    EXPECT_EQ(strcmp(Seen.Order, "oou"), 0);    /* the first file was never open */
    EXPECT_EQ(Device->ReferenceCount, 0);
    ObfDereferenceObject(File);
    EXPECT_EQ(OpenRelative(L"\\Device\\KtestFile", L"sub", &File), STATUS_SUCCESS);
    EXPECT_EQ(File->DeviceObject, Device2);
    EXPECT_EQ(File->RelatedFileObject, NULL);
    ObfDereferenceObject(File);
    Seen.Redirect = L"nowhere";
    EXPECT_EQ(Open(L"\\Device\\KtestFile", &File, &Found), STATUS_OBJECT_NAME_INVALID);
    Seen.Redirect = L"\\Device\\KtestFile2";
    Seen.Tag = 0xA0000003;                      /* a kind of redirection that asks for more than a name */
    EXPECT_EQ(Open(L"\\Device\\KtestFile", &File, &Found), STATUS_IO_REPARSE_TAG_NOT_HANDLED);
    EXPECT_EQ(Device->ReferenceCount, 0);
    IoDeleteDevice(Device2);
    End();
}

/* covers IoGetDeviceObjectPointer.3 */
TEST(io_file, pending_creation_is_waited_for)
{
    PDEVICE_OBJECT Found;
    PFILE_OBJECT File;
    PKTHREAD Helper;

    Begin(FALSE);
    IoReadyDevices(Driver);
    Seen.Pend = TRUE;
    Helper = KtestThread(FinishCreate, KeGetCurrentThread(), 8);
    EXPECT_EQ(Open(L"\\Device\\KtestFile", &File, &Found), STATUS_SUCCESS);
    KtestJoin(Helper);
    ObfDereferenceObject(File);
    End();
}

/* covers IoCreateDevice.2, IoCreateDevice.4 */
TEST(io_file, not_ready_gone_or_in_use)
{
    UNICODE_STRING Path = Name(L"\\Device\\KtestFile");
    PFILE_OBJECT File, Other;
    PDEVICE_OBJECT Found;
    PVOID Object;

    Begin(TRUE);
    EXPECT_EQ(Open(L"\\Device\\KtestFile", &File, &Found), STATUS_NO_SUCH_DEVICE);      /* DriverEntry still runs */
    IoReadyDevices(Driver);
    EXPECT_EQ(Open(L"\\Device\\KtestFile", &File, &Found), STATUS_SUCCESS);
    EXPECT_EQ(Open(L"\\Device\\KtestFile", &Other, &Found), STATUS_ACCESS_DENIED);      /* exclusive */
    EXPECT_EQ(Open(L"\\Device\\KtestNone", &Other, &Found), STATUS_OBJECT_NAME_NOT_FOUND);
    EXPECT_EQ(Open(L"\\Driver\\KtestFile", &Other, &Found), STATUS_OBJECT_TYPE_MISMATCH);
    EXPECT_EQ(ObReferenceObjectByName(&Path, 0, NULL, 0, IoDeviceObjectType, KernelMode, NULL, &Object),
              STATUS_OBJECT_TYPE_MISMATCH);
    ObfDereferenceObject(File);
    EXPECT_EQ(Open(L"\\Device\\KtestFile", &File, &Found), STATUS_SUCCESS);
    ObfDereferenceObject(File);
    End();
    EXPECT_EQ(Open(L"\\Device\\KtestFile", &File, &Found), STATUS_OBJECT_NAME_NOT_FOUND);
}

/* covers IoDeleteDevice.1 */
TEST(io_file, open_device_goes_when_its_last_file_is_closed)
{
    PDEVICE_OBJECT Found;
    PFILE_OBJECT File;

    Begin(FALSE);
    IoReadyDevices(Driver);
    EXPECT_EQ(Open(L"\\Device\\KtestFile", &File, &Found), STATUS_SUCCESS);
    IoDeleteDevice(Device);
    EXPECT_EQ(Driver->DeviceObject, Device);
    EXPECT_EQ(strcmp(Seen.Order, "ou"), 0);
    ObfDereferenceObject(File);
    EXPECT_EQ(strcmp(Seen.Order, "ouc"), 0);
    EXPECT_EQ(Driver->DeviceObject, NULL);
    IoDeleteDriverObject(Driver);
}

/* covers IoAttachDevice.1, IoGetDeviceObjectPointer.2 */
TEST(io_file, requests_go_to_the_top_of_the_stack)
{
    PDEVICE_OBJECT Upper, Below, Found;
    PFILE_OBJECT File;
    UNICODE_STRING Path = Name(L"\\Device\\KtestFile");

    Begin(FALSE);
    REQUIRE_EQ(IoCreateDevice(Driver, 0, NULL, FILE_DEVICE_UNKNOWN, 0, FALSE, &Upper), STATUS_SUCCESS);
    IoReadyDevices(Driver);
    EXPECT_EQ(IoAttachDevice(Upper, &Path, &Below), STATUS_SUCCESS);
    EXPECT_EQ(Below, Device);
    EXPECT_EQ(strcmp(Seen.Order, "ouc"), 0);
    EXPECT_EQ(Open(L"\\Device\\KtestFile", &File, &Found), STATUS_SUCCESS);
    EXPECT_EQ(Found, Upper);
    EXPECT_EQ(File->DeviceObject, Device);
    EXPECT_EQ(Seen.Create.DeviceObject, Upper);
    ObfDereferenceObject(File);
    IoDetachDevice(Below);
    IoDeleteDevice(Upper);
    End();
}

/* ---- Names ---- */

/* covers IoCreateDevice.3, IoDeleteDevice.1 */
TEST(io_file, device_names_collide_and_are_free_again)
{
    UNICODE_STRING Path = Name(L"\\Device\\KtestFile"), Wrong = Name(L"\\NoSuch\\Device");
    PDEVICE_OBJECT Second = (PDEVICE_OBJECT)1;

    Begin(FALSE);
    EXPECT_EQ(IoCreateDevice(Driver, 0, &Path, 0x22, 0, FALSE, &Second), STATUS_OBJECT_NAME_COLLISION);
    EXPECT_EQ(Second, NULL);
    EXPECT_EQ(IoCreateDevice(Driver, 0, &Wrong, 0x22, 0, FALSE, &Second), STATUS_OBJECT_PATH_NOT_FOUND);
    EXPECT_EQ(Driver->DeviceObject, Device);
    IoDeleteDevice(Device);
    EXPECT_EQ(IoCreateDevice(Driver, 0, &Path, 0x22, 0, FALSE, &Device), STATUS_SUCCESS);
    End();
}

/* covers IoCreateDevice.3 */
TEST(io_file, generated_names_differ)
{
    WCHAR Buffer[2][40];
    OBJECT_NAME_INFORMATION *Info[2] = { (PVOID)Buffer[0], (PVOID)Buffer[1] };
    ULONG Length;

    Begin(FALSE);
    IoDeleteDevice(Device);
    REQUIRE_EQ(IoCreateDevice(Driver, 0, NULL, 0x22, FILE_AUTOGENERATED_DEVICE_NAME, FALSE, &Device), STATUS_SUCCESS);
    REQUIRE_EQ(IoCreateDevice(Driver, 0, NULL, 0x22, FILE_AUTOGENERATED_DEVICE_NAME, FALSE, &Device2), STATUS_SUCCESS);
    EXPECT_EQ(ObQueryNameString(Device, Info[0], sizeof Buffer[0], &Length), STATUS_SUCCESS);
    EXPECT_EQ(ObQueryNameString(Device2, Info[1], sizeof Buffer[1], &Length), STATUS_SUCCESS);
    EXPECT_EQ(Info[0]->Name.Length, (sizeof "\\Device\\" - 1 + 8) * 2);
    EXPECT_FALSE(RtlEqualUnicodeString(&Info[0]->Name, &Info[1]->Name, TRUE));
    EXPECT_TRUE(Device->Flags & DO_DEVICE_HAS_NAME);
    IoDeleteDevice(Device2);
    End();
}

TEST(io_file, driver_object_is_found_by_its_name_as_long_as_it_is_there)
{
    UNICODE_STRING Path = Name(L"\\Driver\\KtestFile");
    PVOID Found;

    Begin(FALSE);
    EXPECT_EQ(IoCreateDriverObject("ktestfile"), NULL);
    EXPECT_EQ(ObReferenceObjectByName(&Path, OBJ_CASE_INSENSITIVE, NULL, 0, IoDriverObjectType, KernelMode, NULL,
                                      &Found), STATUS_SUCCESS);
    EXPECT_EQ(Found, Driver);
    ObfDereferenceObject(Found);
    End();
    EXPECT_EQ(ObReferenceObjectByName(&Path, 0, NULL, 0, IoDriverObjectType, KernelMode, NULL, &Found),
              STATUS_OBJECT_NAME_NOT_FOUND);
}

static void CountLink(PVOID Context, PCUNICODE_STRING Found, PVOID Caller)
{
    UNREFERENCED_PARAMETER(Found), UNREFERENCED_PARAMETER(Caller);
    (*(ULONG *)Context)++;
}

/* \DosDevices and \?? are one directory: a link made under one name may be deleted by the other. */
/* covers IoDeleteSymbolicLink.1, IoCreateUnprotectedSymbolicLink.1 */
TEST(io_file, symbolic_link_is_deleted_by_any_name_of_it)
{
    UNICODE_STRING Link = Name(L"\\DosDevices\\KtestLink"), Same = Name(L"\\?\?\\KtestLink");
    UNICODE_STRING Target = Name(L"\\Device\\KtestFile");
    ULONG Links = 0;

    EXPECT_EQ(IoCreateUnprotectedSymbolicLink(&Link, &Target), STATUS_SUCCESS);
    EXPECT_EQ(IoCreateUnprotectedSymbolicLink(&Same, &Target), STATUS_OBJECT_NAME_COLLISION);
    EXPECT_EQ(IoForEachSymbolicLinkOf(0, ~0ull, CountLink, &Links), 1);
    EXPECT_EQ(IoDeleteSymbolicLink(&Same), STATUS_SUCCESS);
    EXPECT_EQ(IoForEachSymbolicLinkOf(0, ~0ull, CountLink, &Links), 0);
    EXPECT_EQ(IoDeleteSymbolicLink(&Link), STATUS_OBJECT_NAME_NOT_FOUND);
}

/* covers IoCreateSymbolicLink.1, IoDeleteSymbolicLink.1 */
TEST(io_file, symbolic_link_leads_to_the_device_until_it_is_deleted)
{
    UNICODE_STRING Link = Name(L"\\DosDevices\\KtestLink"), Same = Name(L"\\DOSDEVICES\\ktestlink");
    UNICODE_STRING Target = Name(L"\\Device\\KtestFile");
    PDEVICE_OBJECT Found;
    PFILE_OBJECT File;
    ULONG Links = 0;

    EXPECT_EQ(IoCreateSymbolicLink(&Link, &Target), STATUS_SUCCESS);    /* before there is a target */
    EXPECT_EQ(IoCreateSymbolicLink(&Link, &Target), STATUS_OBJECT_NAME_COLLISION);
    EXPECT_EQ(IoForEachSymbolicLinkOf(0, ~0ull, CountLink, &Links), 1);
    Begin(FALSE);
    IoReadyDevices(Driver);
    EXPECT_EQ(Open(L"\\??\\KtestLink\\x", &File, &Found), STATUS_SUCCESS);
    EXPECT_EQ(Found, Device);
    EXPECT_EQ(memcmp(Seen.Name, L"\\x", 4), 0);
    ObfDereferenceObject(File);
    EXPECT_EQ(IoDeleteSymbolicLink(&Target), STATUS_OBJECT_TYPE_MISMATCH);
    EXPECT_EQ(IoDeleteSymbolicLink(&Same), STATUS_SUCCESS);
    EXPECT_EQ(IoDeleteSymbolicLink(&Link), STATUS_OBJECT_NAME_NOT_FOUND);
    EXPECT_EQ(Open(L"\\??\\KtestLink", &File, &Found), STATUS_OBJECT_NAME_NOT_FOUND);
    EXPECT_EQ(IoForEachSymbolicLinkOf(0, ~0ull, CountLink, &Links), 0);
    End();
}
