/* store_handle.c - uses the store by handle: writes, reads back, asks for the sum, and waits for the file itself.
 *
 * expect: status 0
 * expect: log ^ok 1 - opened
 * expect: log ^ok 2 - written and read
 * expect: log ^ok 3 - the sum is what was written
 * expect: log ^ok 4 - an asynchronous read is waited for by its event
 * expect: log 2 loaded, 0 refused; 5 ok, 0 not ok, 0 skipped; 0 leaked
 * run: DRIVER=build/tests/drivers/store.sys,build/tests/drivers/store_handle.sys
 * run: SMP=2 ACCEL=parallel DRIVER=build/tests/drivers/store.sys,build/tests/drivers/store_handle.sys */
#include "store.h"

#define LENGTH 64

DRIVER_INITIALIZE DriverEntry;

static UNICODE_STRING Link = RTL_CONSTANT_STRING(STORE_LINK);

static VOID Say(BOOLEAN Ok, ULONG Number, const char *What) { DbgPrint("%s %u - %s\n", Ok ? "ok" : "not ok", Number, What); }

static HANDLE Open(ULONG Options)
{
    OBJECT_ATTRIBUTES Attributes;
    IO_STATUS_BLOCK Block;
    HANDLE Handle;

    InitializeObjectAttributes(&Attributes, &Link, OBJ_KERNEL_HANDLE | OBJ_CASE_INSENSITIVE, NULL, NULL);
    if (!NT_SUCCESS(ZwCreateFile(&Handle, FILE_GENERIC_READ | FILE_GENERIC_WRITE, &Attributes, &Block, NULL,
                                 FILE_ATTRIBUTE_NORMAL, FILE_SHARE_READ, FILE_OPEN, Options, NULL, 0)))
        return NULL;
    return Handle;
}

static VOID Synchronous(HANDLE Handle)
{
    LARGE_INTEGER At = { .QuadPart = 1000 };
    IO_STATUS_BLOCK Block;
    UCHAR Out[LENGTH], In[LENGTH];
    ULONG i, Expected = 0, Sum = 0;
    BOOLEAN Good;

    for (i = 0; i < LENGTH; i++)
        Expected += Out[i] = (UCHAR)(i * 3);
    Good = NT_SUCCESS(ZwWriteFile(Handle, NULL, NULL, NULL, &Block, Out, LENGTH, &At, NULL)) &&
           Block.Information == LENGTH &&
           NT_SUCCESS(ZwReadFile(Handle, NULL, NULL, NULL, &Block, In, LENGTH, &At, NULL)) &&
           RtlCompareMemory(In, Out, LENGTH) == LENGTH;
    Say(Good, 2, "written and read");
    Good = NT_SUCCESS(ZwDeviceIoControlFile(Handle, NULL, NULL, NULL, &Block, IOCTL_STORE_SUM, NULL, 0, &Sum, sizeof Sum));
    Say(Good && Sum == Expected && Block.Information == sizeof Sum, 3, "the sum is what was written");
}

static VOID Asynchronous(HANDLE Handle)
{
    LARGE_INTEGER At = { .QuadPart = 1000 };
    IO_STATUS_BLOCK Block;
    UCHAR In[LENGTH];
    NTSTATUS Status;
    HANDLE Event;

    if (!NT_SUCCESS(ZwCreateEvent(&Event, EVENT_ALL_ACCESS, NULL, NotificationEvent, FALSE)))
        return;
    Status = ZwReadFile(Handle, Event, NULL, NULL, &Block, In, LENGTH, &At, NULL);
    if (Status == STATUS_PENDING) {
        ZwWaitForSingleObject(Event, FALSE, NULL);
        Status = Block.Status;
    }
    Say(NT_SUCCESS(Status) && Block.Information == LENGTH && In[2] == 6, 4,
        "an asynchronous read is waited for by its event");
    ZwClose(Event);
}

static VOID NTAPI Unload(PDRIVER_OBJECT Driver)
{
    UNREFERENCED_PARAMETER(Driver);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT Driver, PUNICODE_STRING RegistryPath)
{
    HANDLE One = Open(FILE_SYNCHRONOUS_IO_NONALERT), Two = Open(0);

    UNREFERENCED_PARAMETER(RegistryPath);
    Driver->DriverUnload = Unload;
    Say(One != NULL && Two != NULL, 1, "opened");
    if (One == NULL || Two == NULL)
        return STATUS_UNSUCCESSFUL;
    Synchronous(One);
    Asynchronous(Two);
    ZwClose(One);
    ZwClose(Two);
    return STATUS_SUCCESS;
}
