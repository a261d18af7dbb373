/* device_queue.c - requests that wait for a device which serves one at a time.
 *
 * An insert asks whether the device is free. If it is, the device is busy from now on, with this request, which is not
 * queued: the result FALSE tells the caller to start it. Else the request waits, and TRUE says so. Whoever finishes a
 * request removes the next: an entry to start, or NULL, and then the device is free. So Busy with an empty list means
 * one request in service, and between a look and its consequence stands nothing but the queue's own lock.
 * By key: entries lie in ascending order, equals in the order of their arrival, and a removal takes the first at or
 * beyond its key, or starts over with the lowest: one sweep of a disk arm. Entries without a key are put at the end
 * whatever the order is there.
 * Lock: the queue's own, at DISPATCH_LEVEL. No thread waits here, so the dispatcher is not involved. */
#include "ki.h"

#include <ke/device_queue.h>

static PKDEVICE_QUEUE_ENTRY EntryOf(PLIST_ENTRY Link)
{
    return CONTAINING_RECORD(Link, KDEVICE_QUEUE_ENTRY, DeviceListEntry);
}

static KIRQL LockQueue(PKDEVICE_QUEUE Queue)
{
    if (UNLIKELY(Queue->Type != DeviceQueueObject))
        KeBugCheckWith(DRIVER_VERIFIER_DETECTED_VIOLATION, 0xED01, (ULONG_PTR)Queue, (USHORT)Queue->Type, 0,
                       "object %p has type %u: not a device queue, or never initialised", Queue, (USHORT)Queue->Type);
    return KeAcquireSpinLockRaiseToDpc(&Queue->Lock);
}

/* ---- Lock held ---- */

/* Before gets Entry in front of it, if the device is busy. Returns: whether it was. */
static BOOLEAN Insert(PKDEVICE_QUEUE Queue, PKDEVICE_QUEUE_ENTRY Entry, PLIST_ENTRY Before)
{
    Entry->Inserted = Queue->Busy;
    if (Entry->Inserted)
        InsertTailList(Before, &Entry->DeviceListEntry);
    Queue->Busy = TRUE;
    return Entry->Inserted;
}

/* The first link whose key is Least or more, found from the end, where new ones mostly belong; the head if none. */
static PLIST_ENTRY FirstFrom(PKDEVICE_QUEUE Queue, ULONG64 Least)
{
    PLIST_ENTRY Found = &Queue->DeviceListHead;

    while (Found->Blink != &Queue->DeviceListHead && EntryOf(Found->Blink)->SortKey >= Least)
        Found = Found->Blink;
    return Found;
}

/* The entry at Link, which becomes the one in service; at the head itself: the first. NULL: the device is free now. */
static PKDEVICE_QUEUE_ENTRY Remove(PKDEVICE_QUEUE Queue, PLIST_ENTRY Link)
{
    if (Link == &Queue->DeviceListHead)
        Link = Link->Flink;
    if (Link == &Queue->DeviceListHead) {
        Queue->Busy = FALSE;
        return NULL;
    }
    RemoveEntryList(Link);
    EntryOf(Link)->Inserted = FALSE;
    return EntryOf(Link);
}

/* ---- Public: KeInitializeDeviceQueue, KeInsertDeviceQueue, KeInsertByKeyDeviceQueue, KeRemoveDeviceQueue,
 *      KeRemoveByKeyDeviceQueue, KeRemoveByKeyDeviceQueueIfBusy, KeRemoveEntryDeviceQueue ---- */

/* KeInitializeDeviceQueue - DeviceQueue is empty and its device free. IRQL: any.
 * Source: WDK nf-wdm-keinitializedevicequeue. */
VOID KeInitializeDeviceQueue(PKDEVICE_QUEUE DeviceQueue)
{
    DeviceQueue->Type = DeviceQueueObject;
    DeviceQueue->Size = sizeof(KDEVICE_QUEUE);
    InitializeListHead(&DeviceQueue->DeviceListHead);
    KeInitializeSpinLock(&DeviceQueue->Lock);
    DeviceQueue->Hint = 0;
    DeviceQueue->Busy = FALSE;
}

/* KeInsertDeviceQueue - queue an entry at the end if the device is busy, else make it busy. IRQL: DISPATCH_LEVEL; lower
 * ones work as well. Returns: TRUE if the entry is queued; FALSE: the caller starts it.
 * Source: WDK nf-wdm-keinsertdevicequeue. */
BOOLEAN KeInsertDeviceQueue(PKDEVICE_QUEUE DeviceQueue, PKDEVICE_QUEUE_ENTRY DeviceQueueEntry)
{
    KIRQL OldIrql = LockQueue(DeviceQueue);
    BOOLEAN Queued = Insert(DeviceQueue, DeviceQueueEntry, &DeviceQueue->DeviceListHead);

    KeReleaseSpinLock(&DeviceQueue->Lock, OldIrql);
    return Queued;
}

/* KeInsertByKeyDeviceQueue - KeInsertDeviceQueue, behind all entries whose key is SortKey or less. IRQL, result: the
 * same. Source: WDK nf-wdm-keinsertbykeydevicequeue. */
BOOLEAN KeInsertByKeyDeviceQueue(PKDEVICE_QUEUE DeviceQueue, PKDEVICE_QUEUE_ENTRY DeviceQueueEntry, ULONG SortKey)
{
    KIRQL OldIrql = LockQueue(DeviceQueue);
    BOOLEAN Queued;

    DeviceQueueEntry->SortKey = SortKey;
    Queued = Insert(DeviceQueue, DeviceQueueEntry, FirstFrom(DeviceQueue, (ULONG64)SortKey + 1));
    KeReleaseSpinLock(&DeviceQueue->Lock, OldIrql);
    return Queued;
}

/* KeRemoveDeviceQueue - the first entry, for the caller to start; if there is none, the device is free.
 * IRQL: DISPATCH_LEVEL; lower ones work as well. Returns: NULL if there is none.
 * Source: WDK nf-wdm-keremovedevicequeue. */
PKDEVICE_QUEUE_ENTRY KeRemoveDeviceQueue(PKDEVICE_QUEUE DeviceQueue)
{
    KIRQL OldIrql = LockQueue(DeviceQueue);
    PKDEVICE_QUEUE_ENTRY Entry = Remove(DeviceQueue, &DeviceQueue->DeviceListHead);

    KeReleaseSpinLock(&DeviceQueue->Lock, OldIrql);
    return Entry;
}

/* KeRemoveByKeyDeviceQueue - KeRemoveDeviceQueue for the first entry whose key is SortKey or more; if there is none
 * such, the first of all. IRQL, result: the same. Source: WDK nf-wdm-keremovebykeydevicequeue. */
PKDEVICE_QUEUE_ENTRY KeRemoveByKeyDeviceQueue(PKDEVICE_QUEUE DeviceQueue, ULONG SortKey)
{
    KIRQL OldIrql = LockQueue(DeviceQueue);
    PKDEVICE_QUEUE_ENTRY Entry = Remove(DeviceQueue, FirstFrom(DeviceQueue, SortKey));

    KeReleaseSpinLock(&DeviceQueue->Lock, OldIrql);
    return Entry;
}

/* KeRemoveByKeyDeviceQueueIfBusy - KeRemoveByKeyDeviceQueue if the device is busy, else nothing. IRQL, result: the
 * same. Source: WDK nf-wdm-keremovebykeydevicequeueifbusy. */
PKDEVICE_QUEUE_ENTRY KeRemoveByKeyDeviceQueueIfBusy(PKDEVICE_QUEUE DeviceQueue, ULONG SortKey)
{
    KIRQL OldIrql = LockQueue(DeviceQueue);
    PKDEVICE_QUEUE_ENTRY Entry = NULL;

    if (DeviceQueue->Busy)
        Entry = Remove(DeviceQueue, FirstFrom(DeviceQueue, SortKey));
    KeReleaseSpinLock(&DeviceQueue->Lock, OldIrql);
    return Entry;
}

/* KeRemoveEntryDeviceQueue - take an entry out of the middle, for a request that is cancelled; the device stays busy.
 * IRQL: <= DISPATCH_LEVEL. Returns: FALSE if it was not queued (any more).
 * Source: WDK nf-wdm-keremoveentrydevicequeue. */
BOOLEAN KeRemoveEntryDeviceQueue(PKDEVICE_QUEUE DeviceQueue, PKDEVICE_QUEUE_ENTRY DeviceQueueEntry)
{
    KIRQL OldIrql = LockQueue(DeviceQueue);
    BOOLEAN Queued = DeviceQueueEntry->Inserted;

    if (Queued) {
        RemoveEntryList(&DeviceQueueEntry->DeviceListEntry);
        DeviceQueueEntry->Inserted = FALSE;
    }
    KeReleaseSpinLock(&DeviceQueue->Lock, OldIrql);
    return Queued;
}
