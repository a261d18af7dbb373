/* device.c - device objects: made and deleted.
 *
 * A device object is one block: the public part, the extension that its driver asked for, and ours. Its driver's list
 * has one reference to it; names, files and drivers that hold it have others.
 * From IoDeleteDevice on nobody new comes to it: it cannot be opened or attached to. It leaves its driver's list, with
 * that one reference, when the last file on it is closed and no device is attached above: until then requests may still
 * come, and its driver must answer them. The memory goes with the last reference.
 * Lock: one for all lists and counts; nothing is called with it held. */
#include "iop.h"

#include <ke/bugcheck.h>
#include <ke/spinlock.h>
#include <ob/create.h>

enum { DEVICE_ACCESS = 0x001F01FF, SECTOR = 512, EXTENSION_ALIGNMENT = 16 };

KSPIN_LOCK IopDatabaseLock;

static void DeleteDevice(PVOID Object);

static OBJECT_TYPE DeviceType = { .Self = &DeviceType, .Name = "Device", .Delete = DeleteDevice,
                                  .ValidAccess = DEVICE_ACCESS };

POBJECT_TYPE IoDeviceObjectType = &DeviceType;

static SIZE_T Aligned(SIZE_T Size) { return (Size + EXTENSION_ALIGNMENT - 1) & ~(SIZE_T)(EXTENSION_ALIGNMENT - 1); }

static BOOLEAN HasSectors(DEVICE_TYPE Type)
{
    return Type == FILE_DEVICE_DISK || Type == FILE_DEVICE_VIRTUAL_DISK || Type == FILE_DEVICE_CD_ROM;
}

/* Last reference gone. */
static void DeleteDevice(PVOID Object)
{
    PDEVICE_OBJECT Device = Object;

    IopFreeTimerOf(Device);
    ObfDereferenceObject(Device->DriverObject);
}

/* A device that is in no list; the driver object is referenced. */
static PDEVICE_OBJECT MakeDevice(PDRIVER_OBJECT DriverObject, ULONG ExtensionSize)
{
    SIZE_T Ours = Aligned(sizeof(DEVICE_OBJECT)) + Aligned(ExtensionSize);
    PDEVICE_OBJECT Device = ObCreateObject(IoDeviceObjectType, Ours + sizeof(IOP_DEVICE));
    IOP_DEVICE *Extension;

    if (Device == NULL)
        return NULL;
    Device->Type = IO_TYPE_DEVICE;
    Device->Size = (USHORT)(sizeof(DEVICE_OBJECT) + ExtensionSize);
    Device->DriverObject = DriverObject;
    Device->DeviceExtension = ExtensionSize != 0 ? (PUCHAR)Device + Aligned(sizeof(DEVICE_OBJECT)) : NULL;
    Extension = (IOP_DEVICE *)((PUCHAR)Device + Ours);
    Extension->Public = (DEVOBJ_EXTENSION){ IO_TYPE_DEVICE_OBJECT_EXTENSION, 0, Device };
    Device->DeviceObjectExtension = &Extension->Public;
    ObfReferenceObject(DriverObject);
    return Device;
}

static void Describe(PDEVICE_OBJECT Device, DEVICE_TYPE Type, ULONG Characteristics, BOOLEAN Exclusive)
{
    Device->Flags = DO_DEVICE_INITIALIZING | (Exclusive ? DO_EXCLUSIVE : 0);
    Device->Characteristics = Characteristics;
    Device->DeviceType = Type;
    Device->StackSize = 1;
    KeInitializeDeviceQueue(&Device->DeviceQueue);
    KeInitializeEvent(&Device->DeviceLock, SynchronizationEvent, TRUE);
    if (HasSectors(Type))
        Device->SectorSize = SECTOR;
}

static void Enlist(PDEVICE_OBJECT Device)
{
    PDRIVER_OBJECT Driver = Device->DriverObject;
    KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&IopDatabaseLock);

    Device->NextDevice = Driver->DeviceObject;
    Driver->DeviceObject = Device;
    KeReleaseSpinLock(&IopDatabaseLock, OldIrql);
}

/* ---- Inside io ---- */

BOOLEAN IopLeaveDriver(PDEVICE_OBJECT Device)
{
    PDEVICE_OBJECT *At = &Device->DriverObject->DeviceObject;

    if (!IopExtensionOf(Device)->DeletePending || Device->ReferenceCount != 0 || Device->AttachedDevice != NULL)
        return FALSE;
    while (*At != Device)
        At = &(*At)->NextDevice;
    *At = Device->NextDevice;
    Device->NextDevice = NULL;
    return TRUE;
}

BOOLEAN IopOpenDevice(PDEVICE_OBJECT Device)
{
    KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&IopDatabaseLock);
    BOOLEAN May = !IopExtensionOf(Device)->DeletePending && !(Device->Flags & DO_DEVICE_INITIALIZING) &&
                  !(Device->Flags & DO_EXCLUSIVE && Device->ReferenceCount != 0);

    if (May)
        Device->ReferenceCount++;
    KeReleaseSpinLock(&IopDatabaseLock, OldIrql);
    return May;
}

void IopCloseDevice(PDEVICE_OBJECT Device)
{
    KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&IopDatabaseLock);
    BOOLEAN Gone;

    Device->ReferenceCount--;
    Gone = IopLeaveDriver(Device);
    KeReleaseSpinLock(&IopDatabaseLock, OldIrql);
    if (Gone)
        ObfDereferenceObject(Device);
}

/* ---- Public: IoCreateDevice, IoDeleteDevice ---- */

/* IoCreateDevice - a device of DriverObject, with DeviceExtensionSize zeroed bytes of the driver's own, aligned to 16.
 * It cannot be opened or attached to while DO_DEVICE_INITIALIZING is set: the loader clears that for what DriverEntry
 * has made, the driver itself later. DeviceName: NULL, or where others find it. Exclusive: for one file at a time.
 * IRQL: PASSIVE_LEVEL. Returns: STATUS_SUCCESS, STATUS_INSUFFICIENT_RESOURCES.
 * Source: WDK nf-wdm-iocreatedevice. */
NTSTATUS IoCreateDevice(PDRIVER_OBJECT DriverObject, ULONG DeviceExtensionSize, PUNICODE_STRING DeviceName,
                        DEVICE_TYPE DeviceType, ULONG DeviceCharacteristics, BOOLEAN Exclusive,
                        PDEVICE_OBJECT *DeviceObject)
{
    PDEVICE_OBJECT Device = MakeDevice(DriverObject, DeviceExtensionSize);

    UNREFERENCED_PARAMETER(DeviceName);
    *DeviceObject = NULL;
    if (Device == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    Describe(Device, DeviceType, DeviceCharacteristics, Exclusive);
    Enlist(Device);
    *DeviceObject = Device;
    return STATUS_SUCCESS;
}

/* IoDeleteDevice - DeviceObject is no more: its name goes, and itself when nobody holds it any more. IRQL:
 * <= APC_LEVEL. Errors: a second time is 0x18. Source: WDK nf-wdm-iodeletedevice. */
VOID IoDeleteDevice(PDEVICE_OBJECT DeviceObject)
{
    BOOLEAN Again, Gone;
    KIRQL OldIrql;

    IopStopTimerOf(DeviceObject);
    OldIrql = KeAcquireSpinLockRaiseToDpc(&IopDatabaseLock);
    Again = IopExtensionOf(DeviceObject)->DeletePending;
    IopExtensionOf(DeviceObject)->DeletePending = TRUE;
    Gone = !Again && IopLeaveDriver(DeviceObject);
    KeReleaseSpinLock(&IopDatabaseLock, OldIrql);
    if (Again)
        KeBugCheckWith(REFERENCE_BY_POINTER, (ULONG_PTR)IoDeviceObjectType, (ULONG_PTR)DeviceObject, 0x10, 0,
                       "device %p of driver %p is deleted a second time", DeviceObject, DeviceObject->DriverObject);
    if (Gone)
        ObfDereferenceObject(DeviceObject);
}
