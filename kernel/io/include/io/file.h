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

NTSTATUS IoGetDeviceObjectPointer(PUNICODE_STRING ObjectName, ACCESS_MASK DesiredAccess, PFILE_OBJECT *FileObject,
                                  PDEVICE_OBJECT *DeviceObject);
PDEVICE_OBJECT IoGetRelatedDeviceObject(PFILE_OBJECT FileObject);
