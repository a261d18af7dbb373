/* irp.c - IRPs and devices: what may be done with them where, at the call that does it. What a dispatch routine makes
 * of an IRP is looked at in sent.c, whoever has sent it. */
#include "irpp.h"
#include <ke/irql.h>
#include <ob/object.h>
#include <rtl/status.h>
#include <vf/io_rules.h>
#include <vf/irp.h>

static void RequireIrp(PIRP Irp, ULONG Rule, const char *Routine)
{
    if (Irp->Type != IO_TYPE_IRP)
        VfStopIo(Rule, (ULONG_PTR)Irp, 0, 0, "%s is called with %p, whose type is %u", Routine, Irp, (USHORT)Irp->Type);
}

static void RequireDevice(PDEVICE_OBJECT Device)
{
    if (Device == NULL || Device->Type != IO_TYPE_DEVICE || ObGetObjectType(Device) != IoDeviceObjectType)
        VfStopIo(VF_IO_SENT_TO_NO_DEVICE, (ULONG_PTR)Device, 0, 0, "IoCallDriver is called with device %p", Device);
}

/* Is Routine of the driver that has Current? Then it may have set it by itself, as the one above did: it can have two
 * devices in one stack. */
static BOOLEAN IsOwnRoutine(const IO_STACK_LOCATION *Current, PIO_COMPLETION_ROUTINE Routine)
{
    const DRIVER_OBJECT *Driver = Current->DeviceObject == NULL ? NULL : Current->DeviceObject->DriverObject;

    return Driver == NULL || (ULONG64)(ULONG_PTR)Routine - (ULONG64)Driver->DriverStart < Driver->DriverSize;
}

static void CheckSend(PDEVICE_OBJECT Device, PIRP Irp)
{
    PIO_STACK_LOCATION Next, Current;
    KIRQL Irql = KeGetCurrentIrql();
    VFP_PLACE Name;

    VfpCheckCall();
    if (Irql > DISPATCH_LEVEL)
        VfStopIo(VF_IO_SENT_ABOVE_DISPATCH, Irql, (ULONG_PTR)Irp, 0, "IRP %p is sent at IRQL %u", Irp, Irql);
    RequireIrp(Irp, VF_IO_SENT_NO_IRP, "IoCallDriver");
    RequireDevice(Device);
    if (Irp->CancelRoutine != NULL)
        VfStopIo(VF_IO_SENT_CANCELABLE, (ULONG_PTR)Irp, (ULONG_PTR)Irp->CancelRoutine, 0,
                 "IRP %p is sent to device %p with the cancel routine %s", Irp, Device,
                 VfpDescribe(&Name, (PVOID)Irp->CancelRoutine));
    if (Irp->CurrentLocation <= 1)
        return;                         /* 0x35 */
    Current = IoGetCurrentIrpStackLocation(Irp);
    Next = IoGetNextIrpStackLocation(Irp);
    if (Next->Control & SL_PENDING_RETURNED)
        VfStopIo(VF_IO_CONTROL_COPIED, (ULONG_PTR)Irp, (ULONG_PTR)Device, Next->Control,
                 "the next location of IRP %p has control 0x%02x: IoCopyCurrentIrpStackLocationToNext clears it", Irp,
                 Next->Control);
    if (Irp->CurrentLocation <= Irp->StackCount && Next->CompletionRoutine != NULL &&
        Next->CompletionRoutine == Current->CompletionRoutine && Next->Context == Current->Context &&
        !IsOwnRoutine(Current, Next->CompletionRoutine))
        VfStopIo(VF_IO_ROUTINE_COPIED, (ULONG_PTR)Irp, (ULONG_PTR)Device, (ULONG_PTR)Next->CompletionRoutine,
                 "the next location of IRP %p has the completion routine of the driver above: %s", Irp,
                 VfpDescribe(&Name, (PVOID)Next->CompletionRoutine));
}

static void CheckCompletion(PIRP Irp)
{
    KIRQL Irql = KeGetCurrentIrql();
    VFP_PLACE Name;

    VfpCheckCall();
    if (Irql > DISPATCH_LEVEL)
        VfStopIo(VF_IO_COMPLETED_ABOVE_DISPATCH, Irql, (ULONG_PTR)Irp, 0, "IRP %p is completed at IRQL %u", Irp, Irql);
    if (Irp->Type != IO_TYPE_IRP || Irp->CurrentLocation > Irp->StackCount + 1)
        return;                         /* 0x44 */
    if (Irp->IoStatus.Status == STATUS_PENDING || Irp->IoStatus.Status == -1)
        VfStopIo(VF_IO_COMPLETED_AS_PENDING, (ULONG)Irp->IoStatus.Status, (ULONG_PTR)Irp, 0,
                 "IRP %p is completed with status 0x%08X", Irp, Irp->IoStatus.Status);
    if (Irp->CancelRoutine != NULL)
        VfStopIo(VF_IO_COMPLETED_CANCELABLE, (ULONG_PTR)Irp->CancelRoutine, (ULONG_PTR)Irp, 0,
                 "IRP %p is completed with the cancel routine %s", Irp, VfpDescribe(&Name, (PVOID)Irp->CancelRoutine));
    if (VfpIsSent(Irp, IoGetCurrentIrpStackLocation(Irp)))
        VfStopIo(VF_IO_COMPLETED_WHILE_BELOW, (ULONG_PTR)Irp, 0, 0,
                 "IRP %p is completed, and the driver it was sent to has not completed it", Irp);
}

/* ---- Public ---- */

NTSTATUS VfIofCallDriver(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    CheckSend(DeviceObject, Irp);
    return IofCallDriver(DeviceObject, Irp);
}

NTSTATUS VfIoCallDriver(PDEVICE_OBJECT DeviceObject, PIRP Irp) { return VfIofCallDriver(DeviceObject, Irp); }

VOID VfIofCompleteRequest(PIRP Irp, CCHAR PriorityBoost)
{
    CheckCompletion(Irp);
    IofCompleteRequest(Irp, PriorityBoost);
}

VOID VfIoCompleteRequest(PIRP Irp, CCHAR PriorityBoost) { VfIofCompleteRequest(Irp, PriorityBoost); }

VOID VfIoFreeIrp(PIRP Irp)
{
    VfpCheckCall();
    RequireIrp(Irp, VF_IO_FREED_NO_IRP, "IoFreeIrp");
    if (Irp->ThreadListEntry.Flink != &Irp->ThreadListEntry)
        VfStopIo(VF_IO_FREED_THREADS_IRP, (ULONG_PTR)Irp, 0, 0,
                 "IRP %p is freed, but the I/O manager frees it when thread %p has been told of its end", Irp,
                 Irp->Tail.Overlay.Thread);
    if (VfpIsSent(Irp, (PIO_STACK_LOCATION)(Irp + 1) + Irp->StackCount))
        VfStopIo(VF_IO_FREED_IN_USE, (ULONG_PTR)Irp, 0, 0, "IRP %p is freed, and a driver has it still", Irp);
    IoFreeIrp(Irp);
}

VOID VfIoInitializeIrp(PIRP Irp, USHORT PacketSize, CCHAR StackSize)
{
    VfpCheckCall();
    if (IoIsAllocatedIrp(Irp))
        VfStopIo(VF_IO_INITIALIZED_ALLOCATED, (ULONG_PTR)Irp, 0, 0,
                 "IRP %p was made by IoAllocateIrp: IoReuseIrp makes it as new", Irp);
    IoInitializeIrp(Irp, PacketSize, StackSize);
}

NTSTATUS VfIoInitializeTimer(PDEVICE_OBJECT DeviceObject, PIO_TIMER_ROUTINE TimerRoutine, PVOID Context)
{
    VfpCheckCall();
    if (DeviceObject->Timer != NULL)
        VfStopIo(VF_IO_TIMER_INITIALIZED_TWICE, (ULONG_PTR)DeviceObject, 0, 0, "device %p has a timer", DeviceObject);
    return IoInitializeTimer(DeviceObject, TimerRoutine, Context);
}

VOID VfIoDetachDevice(PDEVICE_OBJECT TargetDevice)
{
    VfpCheckCall();
    if (TargetDevice->AttachedDevice == NULL)
        VfStopIo(VF_IO_DETACHED_NOTHING, (ULONG_PTR)TargetDevice, 0, 0, "nothing is attached to device %p",
                 TargetDevice);
    IoDetachDevice(TargetDevice);
}

VOID VfIoDeleteDevice(PDEVICE_OBJECT DeviceObject)
{
    PDEVICE_OBJECT Below;

    VfpCheckCall();
    if (IoIsDeviceDeleted(DeviceObject))
        VfStopIo(VF_IO_DELETED_TWICE, (ULONG_PTR)DeviceObject, 0, 0, "device %p is being deleted", DeviceObject);
    Below = IoGetLowerDeviceObject(DeviceObject);
    if (Below != NULL)
        VfStopIo(VF_IO_DELETED_WHILE_ATTACHED, (ULONG_PTR)DeviceObject, (ULONG_PTR)Below, 0,
                 "device %p is deleted, and is attached to device %p", DeviceObject, Below);
    IoDeleteDevice(DeviceObject);
}
