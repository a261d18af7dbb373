/* device_queue.h - requests that wait for a device which serves one at a time. */
#pragma once

#include <rtl/ntdef.h>

enum { DeviceQueueObject = 0x14 };

typedef struct _KDEVICE_QUEUE {
    CSHORT Type;                /* DeviceQueueObject */
    CSHORT Size;
    LIST_ENTRY DeviceListHead;  /* Lock: KDEVICE_QUEUE_ENTRY.DeviceListEntry, by SortKey where they have one */
    KSPIN_LOCK Lock;
    union {
        BOOLEAN Busy;           /* Lock: the device has a request; a new one must wait */
        struct { LONG64 Reserved : 8, Hint : 56; };
    };
} KDEVICE_QUEUE, *PKDEVICE_QUEUE, *PRKDEVICE_QUEUE;

C_ASSERT(sizeof(KDEVICE_QUEUE) == 0x28 && offsetof(KDEVICE_QUEUE, DeviceListHead) == 8);
C_ASSERT(offsetof(KDEVICE_QUEUE, Lock) == 0x18 && offsetof(KDEVICE_QUEUE, Busy) == 0x20);

typedef struct _KDEVICE_QUEUE_ENTRY {
    LIST_ENTRY DeviceListEntry;
    ULONG SortKey;
    BOOLEAN Inserted;
} KDEVICE_QUEUE_ENTRY, *PKDEVICE_QUEUE_ENTRY, *PRKDEVICE_QUEUE_ENTRY;

C_ASSERT(sizeof(KDEVICE_QUEUE_ENTRY) == 0x18 && offsetof(KDEVICE_QUEUE_ENTRY, SortKey) == 0x10);
C_ASSERT(offsetof(KDEVICE_QUEUE_ENTRY, Inserted) == 0x14);

VOID KeInitializeDeviceQueue(PKDEVICE_QUEUE DeviceQueue);
BOOLEAN KeInsertDeviceQueue(PKDEVICE_QUEUE DeviceQueue, PKDEVICE_QUEUE_ENTRY DeviceQueueEntry);
BOOLEAN KeInsertByKeyDeviceQueue(PKDEVICE_QUEUE DeviceQueue, PKDEVICE_QUEUE_ENTRY DeviceQueueEntry, ULONG SortKey);
PKDEVICE_QUEUE_ENTRY KeRemoveDeviceQueue(PKDEVICE_QUEUE DeviceQueue);
PKDEVICE_QUEUE_ENTRY KeRemoveByKeyDeviceQueue(PKDEVICE_QUEUE DeviceQueue, ULONG SortKey);
PKDEVICE_QUEUE_ENTRY KeRemoveByKeyDeviceQueueIfBusy(PKDEVICE_QUEUE DeviceQueue, ULONG SortKey);
BOOLEAN KeRemoveEntryDeviceQueue(PKDEVICE_QUEUE DeviceQueue, PKDEVICE_QUEUE_ENTRY DeviceQueueEntry);
