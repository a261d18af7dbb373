/* attach.c - stacks of devices.
 *
 * Who attaches gets on top of whatever is there, and is told what is right below: that is where its driver sends what
 * it passes on. Requests for any device of the stack are sent to its top (IoGetRelatedDeviceObject), with stack
 * locations for all: so a device needs one more than the one below it.
 * Lock: the database's. A device that others hold on to (below, above) is not kept alive by that: detaching comes
 * before deleting, and the verifier sees to it. */
#include "iop.h"

#include <ke/spinlock.h>
#include <ob/object.h>

static PDEVICE_OBJECT TopOf(PDEVICE_OBJECT Device)
{
    while (Device->AttachedDevice != NULL)
        Device = Device->AttachedDevice;
    return Device;
}

static PDEVICE_OBJECT BottomOf(PDEVICE_OBJECT Device)
{
    while (IopExtensionOf(Device)->AttachedTo != NULL)
        Device = IopExtensionOf(Device)->AttachedTo;
    return Device;
}

/* One of the two ends, referenced. */
static PDEVICE_OBJECT Referenced(PDEVICE_OBJECT (*Find)(PDEVICE_OBJECT), PDEVICE_OBJECT Device)
{
    KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&IopDatabaseLock);
    PDEVICE_OBJECT Found = Find(Device);

    ObfReferenceObject(Found);
    KeReleaseSpinLock(&IopDatabaseLock, OldIrql);
    return Found;
}

/* ---- Public ---- */

/* IoAttachDeviceToDeviceStackSafe - put SourceDevice on top of the stack that TargetDevice is in. Before anything can
 * come to it, AttachedToDeviceObject gets the device below; it is NULL until then. IRQL: <= DISPATCH_LEVEL.
 * Returns: STATUS_SUCCESS; STATUS_NO_SUCH_DEVICE if the stack's top is being deleted or not ready yet.
 * Source: WDK nf-wdm-ioattachdevicetodevicestacksafe. */
NTSTATUS IoAttachDeviceToDeviceStackSafe(PDEVICE_OBJECT SourceDevice, PDEVICE_OBJECT TargetDevice,
                                         PDEVICE_OBJECT *AttachedToDeviceObject)
{
    KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&IopDatabaseLock);
    PDEVICE_OBJECT Top = TopOf(TargetDevice);
    BOOLEAN May = !IopExtensionOf(Top)->DeletePending && !(Top->Flags & DO_DEVICE_INITIALIZING);

    if (May) {
        SourceDevice->StackSize = (CCHAR)(Top->StackSize + 1);
        SourceDevice->AlignmentRequirement = Top->AlignmentRequirement;
        SourceDevice->SectorSize = Top->SectorSize;
        IopExtensionOf(SourceDevice)->AttachedTo = Top;
        *AttachedToDeviceObject = Top;
        Top->AttachedDevice = SourceDevice;
    }
    KeReleaseSpinLock(&IopDatabaseLock, OldIrql);
    return May ? STATUS_SUCCESS : STATUS_NO_SUCH_DEVICE;
}

/* IoAttachDeviceToDeviceStack - the same. Returns: the device below; NULL where that one fails. IRQL: <=
 * DISPATCH_LEVEL. Source: WDK nf-wdm-ioattachdevicetodevicestack. */
PDEVICE_OBJECT IoAttachDeviceToDeviceStack(PDEVICE_OBJECT SourceDevice, PDEVICE_OBJECT TargetDevice)
{
    PDEVICE_OBJECT Below = NULL;

    IoAttachDeviceToDeviceStackSafe(SourceDevice, TargetDevice, &Below);
    return Below;
}

/* IoAttachDevice - the same for the device of that name, which is opened for it and closed again. AttachedDevice: gets
 * the device below. IRQL: PASSIVE_LEVEL. Returns: also what IoGetDeviceObjectPointer does.
 * Source: WDK nf-wdm-ioattachdevice. */
NTSTATUS IoAttachDevice(PDEVICE_OBJECT SourceDevice, PUNICODE_STRING TargetDevice, PDEVICE_OBJECT *AttachedDevice)
{
    PDEVICE_OBJECT Top;
    PFILE_OBJECT File;
    NTSTATUS Status = IoGetDeviceObjectPointer(TargetDevice, FILE_READ_ATTRIBUTES, &File, &Top);

    if (!NT_SUCCESS(Status))
        return Status;
    Status = IoAttachDeviceToDeviceStackSafe(SourceDevice, Top, AttachedDevice);
    ObfDereferenceObject(File);
    return Status;
}

/* IoDetachDevice - take away what is attached to TargetDevice, which is what attaching has returned.
 * IRQL: <= DISPATCH_LEVEL. Source: WDK nf-wdm-iodetachdevice. */
VOID IoDetachDevice(PDEVICE_OBJECT TargetDevice)
{
    KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&IopDatabaseLock);
    BOOLEAN Gone;

    if (TargetDevice->AttachedDevice != NULL)
        IopExtensionOf(TargetDevice->AttachedDevice)->AttachedTo = NULL;
    TargetDevice->AttachedDevice = NULL;
    Gone = IopLeaveDriver(TargetDevice);
    KeReleaseSpinLock(&IopDatabaseLock, OldIrql);
    if (Gone)
        ObfDereferenceObject(TargetDevice);
}

/* IoGetAttachedDevice - the top of DeviceObject's stack, not referenced: the caller knows that it stays.
 * IRQL: <= DISPATCH_LEVEL. Source: WDK nf-ntifs-iogetattacheddevice. */
PDEVICE_OBJECT IoGetAttachedDevice(PDEVICE_OBJECT DeviceObject)
{
    KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&IopDatabaseLock);
    PDEVICE_OBJECT Top = TopOf(DeviceObject);

    KeReleaseSpinLock(&IopDatabaseLock, OldIrql);
    return Top;
}

/* IoGetAttachedDeviceReference - the same, referenced. IRQL: <= DISPATCH_LEVEL.
 * Source: WDK nf-wdm-iogetattacheddevicereference. */
PDEVICE_OBJECT IoGetAttachedDeviceReference(PDEVICE_OBJECT DeviceObject) { return Referenced(TopOf, DeviceObject); }

/* IoGetDeviceAttachmentBaseRef - the bottom of DeviceObject's stack, referenced. IRQL: <= DISPATCH_LEVEL.
 * Source: WDK nf-ntifs-iogetdeviceattachmentbaseref. */
PDEVICE_OBJECT IoGetDeviceAttachmentBaseRef(PDEVICE_OBJECT DeviceObject) { return Referenced(BottomOf, DeviceObject); }

/* IoGetLowerDeviceObject - the device right below DeviceObject, referenced. IRQL: <= DISPATCH_LEVEL. Returns: NULL if
 * there is none, or it is being deleted. Source: WDK nf-ntifs-iogetlowerdeviceobject. */
PDEVICE_OBJECT IoGetLowerDeviceObject(PDEVICE_OBJECT DeviceObject)
{
    KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&IopDatabaseLock);
    PDEVICE_OBJECT Below = IopExtensionOf(DeviceObject)->AttachedTo;

    if (Below != NULL && IopExtensionOf(Below)->DeletePending)
        Below = NULL;
    if (Below != NULL)
        ObfReferenceObject(Below);
    KeReleaseSpinLock(&IopDatabaseLock, OldIrql);
    return Below;
}
