/* file.h - file objects: what an open device looks like to who has opened it. */
#pragma once

#include <io/device.h>

/* FILE_OBJECT.Flags */
enum { FO_FILE_OPEN = 1, FO_SYNCHRONOUS_IO = 2, FO_ALERTABLE_IO = 4, FO_CLEANUP_COMPLETE = 0x4000,
       FO_HANDLE_CREATED = 0x40000 };

typedef struct _FILE_OBJECT {
    CSHORT Type;
    CSHORT Size;
    PDEVICE_OBJECT DeviceObject;
    PVOID Vpb;
    PVOID FsContext;
    PVOID FsContext2;
    PVOID SectionObjectPointer;
    PVOID PrivateCacheMap;
    NTSTATUS FinalStatus;
    struct _FILE_OBJECT *RelatedFileObject;
    BOOLEAN LockOperation;
    BOOLEAN DeletePending;
    BOOLEAN ReadAccess;
    BOOLEAN WriteAccess;
    BOOLEAN DeleteAccess;
    BOOLEAN SharedRead;
    BOOLEAN SharedWrite;
    BOOLEAN SharedDelete;
    ULONG Flags;
    UNICODE_STRING FileName;                /* what followed the device's name */
    LARGE_INTEGER CurrentByteOffset;
    volatile ULONG Waiters;
    volatile ULONG Busy;
    PVOID LastLock;
    KEVENT Lock;
    KEVENT Event;
    PVOID CompletionContext;
    KSPIN_LOCK IrpListLock;
    LIST_ENTRY IrpList;
    PVOID FileObjectExtension;
} FILE_OBJECT, *PFILE_OBJECT;

C_ASSERT(sizeof(FILE_OBJECT) == 0xD8 && offsetof(FILE_OBJECT, DeviceObject) == 8);
C_ASSERT(offsetof(FILE_OBJECT, FsContext) == 0x18 && offsetof(FILE_OBJECT, FsContext2) == 0x20);
C_ASSERT(offsetof(FILE_OBJECT, FinalStatus) == 0x38 && offsetof(FILE_OBJECT, RelatedFileObject) == 0x40);
C_ASSERT(offsetof(FILE_OBJECT, LockOperation) == 0x48 && offsetof(FILE_OBJECT, Flags) == 0x50);
C_ASSERT(offsetof(FILE_OBJECT, FileName) == 0x58 && offsetof(FILE_OBJECT, CurrentByteOffset) == 0x68);
C_ASSERT(offsetof(FILE_OBJECT, Waiters) == 0x70 && offsetof(FILE_OBJECT, LastLock) == 0x78);
C_ASSERT(offsetof(FILE_OBJECT, Lock) == 0x80 && offsetof(FILE_OBJECT, Event) == 0x98);
C_ASSERT(offsetof(FILE_OBJECT, CompletionContext) == 0xB0 && offsetof(FILE_OBJECT, IrpListLock) == 0xB8);
C_ASSERT(offsetof(FILE_OBJECT, IrpList) == 0xC0 && offsetof(FILE_OBJECT, FileObjectExtension) == 0xD0);

/* Access, and how a device is opened. */
enum { FILE_READ_DATA = 1, FILE_WRITE_DATA = 2, FILE_APPEND_DATA = 4, FILE_READ_ATTRIBUTES = 0x80 };
enum { FILE_SUPERSEDE, FILE_OPEN, FILE_CREATE, FILE_OPEN_IF, FILE_OVERWRITE, FILE_OVERWRITE_IF };
enum { FILE_SYNCHRONOUS_IO_ALERT = 0x10, FILE_SYNCHRONOUS_IO_NONALERT = 0x20, FILE_NON_DIRECTORY_FILE = 0x40,
       FILE_SYNCHRONOUS = FILE_SYNCHRONOUS_IO_ALERT | FILE_SYNCHRONOUS_IO_NONALERT };

/* IoStatus.Information of a create request that ends with STATUS_REPARSE: the file's name is another path. */
enum { IO_REPARSE = 0 };

/* What the driver is told about who opens: nobody's rights are looked at, so there is no state of them. */
typedef struct _IO_SECURITY_CONTEXT {
    PVOID SecurityQos;
    struct _ACCESS_STATE *AccessState;
    ACCESS_MASK DesiredAccess;
    ULONG FullCreateOptions;
} IO_SECURITY_CONTEXT, *PIO_SECURITY_CONTEXT;

C_ASSERT(sizeof(IO_SECURITY_CONTEXT) == 0x18 && offsetof(IO_SECURITY_CONTEXT, DesiredAccess) == 0x10);

NTSTATUS IoGetDeviceObjectPointer(PUNICODE_STRING ObjectName, ACCESS_MASK DesiredAccess, PFILE_OBJECT *FileObject,
                                  PDEVICE_OBJECT *DeviceObject);
PDEVICE_OBJECT IoGetRelatedDeviceObject(PFILE_OBJECT FileObject);
