/* driver_object.h - what stands for a driver: the object that its DriverEntry is given. */
#pragma once

#include <rtl/ntdef.h>

enum { IO_TYPE_DEVICE = 3, IO_TYPE_DRIVER = 4, IO_TYPE_FILE = 5, IO_TYPE_IRP = 6, IO_TYPE_TIMER = 9,
       IO_TYPE_DEVICE_OBJECT_EXTENSION = 13 };

enum { IRP_MJ_CREATE = 0x00, IRP_MJ_CLOSE = 0x02, IRP_MJ_READ = 0x03, IRP_MJ_WRITE = 0x04, IRP_MJ_FLUSH_BUFFERS = 0x09,
       IRP_MJ_DEVICE_CONTROL = 0x0E, IRP_MJ_INTERNAL_DEVICE_CONTROL = 0x0F, IRP_MJ_SHUTDOWN = 0x10,
       IRP_MJ_CLEANUP = 0x12, IRP_MJ_PNP = 0x1B, IRP_MJ_MAXIMUM_FUNCTION = 0x1B };

struct _DRIVER_OBJECT;
struct _DEVICE_OBJECT;
struct _IRP;

typedef NTSTATUS (*PDRIVER_INITIALIZE)(struct _DRIVER_OBJECT *DriverObject, PUNICODE_STRING RegistryPath);
typedef VOID (*PDRIVER_UNLOAD)(struct _DRIVER_OBJECT *DriverObject);
typedef NTSTATUS (*PDRIVER_ADD_DEVICE)(struct _DRIVER_OBJECT *DriverObject,
                                       struct _DEVICE_OBJECT *PhysicalDeviceObject);
typedef VOID (*PDRIVER_STARTIO)(struct _DEVICE_OBJECT *DeviceObject, struct _IRP *Irp);
typedef NTSTATUS (*PDRIVER_DISPATCH)(struct _DEVICE_OBJECT *DeviceObject, struct _IRP *Irp);

typedef struct _DRIVER_EXTENSION {
    struct _DRIVER_OBJECT *DriverObject;
    PDRIVER_ADD_DEVICE AddDevice;
    ULONG Count;
    UNICODE_STRING ServiceKeyName;
} DRIVER_EXTENSION, *PDRIVER_EXTENSION;

typedef struct _DRIVER_OBJECT {
    CSHORT Type, Size;
    struct _DEVICE_OBJECT *DeviceObject;    /* the youngest of its devices; device.c's lock */
    ULONG Flags;
    PVOID DriverStart;
    ULONG DriverSize;
    PVOID DriverSection;
    PDRIVER_EXTENSION DriverExtension;
    UNICODE_STRING DriverName;
    PUNICODE_STRING HardwareDatabase;
    PVOID FastIoDispatch;
    PDRIVER_INITIALIZE DriverInit;
    PDRIVER_STARTIO DriverStartIo;
    PDRIVER_UNLOAD DriverUnload;
    PDRIVER_DISPATCH MajorFunction[IRP_MJ_MAXIMUM_FUNCTION + 1];
} DRIVER_OBJECT, *PDRIVER_OBJECT;

C_ASSERT(sizeof(DRIVER_OBJECT) == 0x150);
C_ASSERT(offsetof(DRIVER_OBJECT, DeviceObject) == 8 && offsetof(DRIVER_OBJECT, Flags) == 0x10);
C_ASSERT(offsetof(DRIVER_OBJECT, DriverStart) == 0x18 && offsetof(DRIVER_OBJECT, DriverSize) == 0x20);
C_ASSERT(offsetof(DRIVER_OBJECT, DriverSection) == 0x28 && offsetof(DRIVER_OBJECT, DriverExtension) == 0x30);
C_ASSERT(offsetof(DRIVER_OBJECT, DriverName) == 0x38 && offsetof(DRIVER_OBJECT, HardwareDatabase) == 0x48);
C_ASSERT(offsetof(DRIVER_OBJECT, FastIoDispatch) == 0x50 && offsetof(DRIVER_OBJECT, DriverInit) == 0x58);
C_ASSERT(offsetof(DRIVER_OBJECT, DriverStartIo) == 0x60 && offsetof(DRIVER_OBJECT, DriverUnload) == 0x68);
C_ASSERT(offsetof(DRIVER_OBJECT, MajorFunction) == 0x70);
C_ASSERT(sizeof(DRIVER_EXTENSION) == 0x28);
C_ASSERT(offsetof(DRIVER_EXTENSION, AddDevice) == 8 && offsetof(DRIVER_EXTENSION, ServiceKeyName) == 0x18);
