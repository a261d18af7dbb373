/* packet.c - StartIo.
 *
 * A driver with a StartIo routine serves one request at a time for a device. IoStartPacket starts an idle device or
 * queues; who has completed a request calls IoStartNextPacket. Waiting ones can be cancelled by the routine that
 * IoStartPacket was given: the cancel spin lock is held from the moment in which a request leaves the queue until it is
 * CurrentIrp, so a cancel routine finds it either there or in the queue.
 * StartIo is called at DISPATCH_LEVEL, without a lock. */
#include <io/packet.h>

#include "iop.h"

#include <ke/irql.h>

static void CallStartIo(PDEVICE_OBJECT Device, PIRP Irp) { Device->DriverObject->DriverStartIo(Device, Irp); }

/* TRUE: it waits in the queue. */
static BOOLEAN Enqueue(PDEVICE_OBJECT Device, PIRP Irp, PULONG Key)
{
    PKDEVICE_QUEUE_ENTRY Entry = &Irp->Tail.Overlay.DeviceQueueEntry;

    return Key != NULL ? KeInsertByKeyDeviceQueue(&Device->DeviceQueue, Entry, *Key) :
                         KeInsertDeviceQueue(&Device->DeviceQueue, Entry);
}

/* The cancel spin lock is held, taken at Irql; it is released. */
static void SettleCancelable(PDEVICE_OBJECT Device, PIRP Irp, BOOLEAN Waits, KIRQL Irql)
{
    PDRIVER_CANCEL Routine = Waits && Irp->Cancel ? IoSetCancelRoutine(Irp, NULL) : NULL;

    if (!Waits)
        Device->CurrentIrp = Irp;
    if (Routine == NULL) {
        IoReleaseCancelSpinLock(Irql);
        return;
    }
    Irp->CancelIrql = Irql;             /* it was cancelled before it had a routine */
    Routine(Device, Irp);
}

static PIRP IrpOf(PKDEVICE_QUEUE_ENTRY Entry)
{
    return Entry != NULL ? CONTAINING_RECORD(Entry, IRP, Tail.Overlay.DeviceQueueEntry) : NULL;
}

static void StartNext(PDEVICE_OBJECT Device, BOOLEAN Cancelable, const ULONG *Key)
{
    KIRQL OldIrql = KeRaiseIrqlToDpcLevel(), Irql;
    PIRP Irp;

    if (Cancelable)
        IoAcquireCancelSpinLock(&Irql);
    Device->CurrentIrp = NULL;
    Irp = IrpOf(Key != NULL ? KeRemoveByKeyDeviceQueue(&Device->DeviceQueue, *Key) :
                              KeRemoveDeviceQueue(&Device->DeviceQueue));
    if (Irp != NULL)
        Device->CurrentIrp = Irp;
    if (Cancelable)
        IoReleaseCancelSpinLock(Irql);
    if (Irp != NULL)
        CallStartIo(Device, Irp);
    KeLowerIrql(OldIrql);
}

/* ---- Public ---- */

/* IoStartPacket - hand Irp to the driver's StartIo, or queue it while the device is busy: at the end, or by *Key.
 * CancelFunction: NULL, or the routine by which it can be cancelled while it waits; it may be called at once, if Irp is
 * cancelled already. IRQL: <= DISPATCH_LEVEL. Source: WDK nf-ntifs-iostartpacket. */
VOID IoStartPacket(PDEVICE_OBJECT DeviceObject, PIRP Irp, PULONG Key, PDRIVER_CANCEL CancelFunction)
{
    KIRQL OldIrql = KeRaiseIrqlToDpcLevel(), Irql;
    BOOLEAN Waits;

    if (CancelFunction != NULL) {
        IoAcquireCancelSpinLock(&Irql);
        Irp->CancelRoutine = CancelFunction;
    }
    Waits = Enqueue(DeviceObject, Irp, Key);
    if (CancelFunction != NULL)
        SettleCancelable(DeviceObject, Irp, Waits, Irql);
    else if (!Waits)
        DeviceObject->CurrentIrp = Irp;
    if (!Waits)
        CallStartIo(DeviceObject, Irp);
    KeLowerIrql(OldIrql);
}

/* IoStartNextPacket - the current request is done: start the next one, or leave the device idle. Cancelable: as
 * IoStartPacket was given a CancelFunction or not. IRQL: DISPATCH_LEVEL; lower ones work as well.
 * Source: WDK nf-ntifs-iostartnextpacket. */
VOID IoStartNextPacket(PDEVICE_OBJECT DeviceObject, BOOLEAN Cancelable) { StartNext(DeviceObject, Cancelable, NULL); }

/* IoStartNextPacketByKey - the same: the first at or beyond Key, else the first of all.
 * Source: WDK nf-ntifs-iostartnextpacketbykey. */
VOID IoStartNextPacketByKey(PDEVICE_OBJECT DeviceObject, BOOLEAN Cancelable, ULONG Key)
{
    StartNext(DeviceObject, Cancelable, &Key);
}
