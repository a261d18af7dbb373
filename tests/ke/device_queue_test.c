/* device_queue_test.c - device queues: who starts at once, who waits, in which order they come out. */
#include <ke/device_queue.h>
#include <ke/dpc.h>
#include <ke/event.h>
#include <ke/irql.h>
#include <ke/thread.h>
#include <ktest.h>
#include <rtl/list.h>
#include <rtl/string.h>

enum { ENTRIES = 6 };

typedef struct _FIXTURE { KDEVICE_QUEUE Queue; KDEVICE_QUEUE_ENTRY Entries[ENTRIES]; } FIXTURE;

static void Prepare(FIXTURE *F)
{
    memset(F, 0x55, sizeof *F);
    KeInitializeDeviceQueue(&F->Queue);
}

TEST(ke_device_queue, initialize_over_poison)
{
    FIXTURE F;

    Prepare(&F);
    EXPECT_EQ(F.Queue.Type, 0x14);
    EXPECT_EQ(F.Queue.Size, 0x28);
    EXPECT_TRUE(IsListEmpty(&F.Queue.DeviceListHead));
    EXPECT_EQ(F.Queue.Lock, 0);
    EXPECT_FALSE(F.Queue.Busy);
}

TEST(ke_device_queue, first_starts_and_the_others_wait_in_order)
{
    FIXTURE F;

    Prepare(&F);
    EXPECT_FALSE(KeInsertDeviceQueue(&F.Queue, &F.Entries[0]));
    EXPECT_TRUE(F.Queue.Busy);
    EXPECT_FALSE(F.Entries[0].Inserted);
    for (int At = 1; At < 4; At++) {
        EXPECT_TRUE(KeInsertDeviceQueue(&F.Queue, &F.Entries[At]));
        EXPECT_EQ(F.Entries[At].Inserted, TRUE);
    }
    for (int At = 1; At < 4; At++) {
        EXPECT_EQ(KeRemoveDeviceQueue(&F.Queue), &F.Entries[At]);
        EXPECT_FALSE(F.Entries[At].Inserted);
        EXPECT_TRUE(F.Queue.Busy);
    }
    EXPECT_EQ(KeRemoveDeviceQueue(&F.Queue), NULL);
    EXPECT_FALSE(F.Queue.Busy);
    EXPECT_EQ(KeRemoveDeviceQueue(&F.Queue), NULL);
    EXPECT_FALSE(KeInsertDeviceQueue(&F.Queue, &F.Entries[4]));     /* free again: it starts */
}

/* Keys 30 10 20 20' over a busy device, and its highest and lowest. */
static void InsertKeys(FIXTURE *F)
{
    static const ULONG Keys[] = { 30, 10, 20, 20, 0xFFFFFFFF };

    Prepare(F);
    EXPECT_FALSE(KeInsertByKeyDeviceQueue(&F->Queue, &F->Entries[5], 77));
    EXPECT_EQ(F->Entries[5].SortKey, 77);
    for (ULONG At = 0; At < RTL_NUMBER_OF(Keys); At++) {
        EXPECT_TRUE(KeInsertByKeyDeviceQueue(&F->Queue, &F->Entries[At], Keys[At]));
        EXPECT_EQ(F->Entries[At].SortKey, Keys[At]);
    }
}

TEST(ke_device_queue, keys_ascend_and_equals_keep_their_order)
{
    static const UCHAR Order[] = { 1, 2, 3, 0, 4 };
    FIXTURE F;

    InsertKeys(&F);
    for (ULONG At = 0; At < RTL_NUMBER_OF(Order); At++)
        EXPECT_EQ(KeRemoveDeviceQueue(&F.Queue), &F.Entries[Order[At]]);
    EXPECT_EQ(KeRemoveDeviceQueue(&F.Queue), NULL);
}

TEST(ke_device_queue, removal_by_key_sweeps_and_starts_over)
{
    FIXTURE F;

    InsertKeys(&F);
    EXPECT_EQ(KeRemoveByKeyDeviceQueue(&F.Queue, 11), &F.Entries[2]);
    EXPECT_EQ(KeRemoveByKeyDeviceQueue(&F.Queue, 20), &F.Entries[3]);
    EXPECT_EQ(KeRemoveByKeyDeviceQueue(&F.Queue, 20), &F.Entries[0]);
    EXPECT_EQ(KeRemoveByKeyDeviceQueue(&F.Queue, 31), &F.Entries[4]);
    EXPECT_EQ(KeRemoveByKeyDeviceQueue(&F.Queue, 11), &F.Entries[1]);       /* nothing beyond: the lowest */
    EXPECT_TRUE(F.Queue.Busy);
    EXPECT_EQ(KeRemoveByKeyDeviceQueue(&F.Queue, 0), NULL);
    EXPECT_FALSE(F.Queue.Busy);
}

TEST(ke_device_queue, if_busy_leaves_a_free_device_alone)
{
    FIXTURE F;

    Prepare(&F);
    EXPECT_EQ(KeRemoveByKeyDeviceQueueIfBusy(&F.Queue, 5), NULL);
    EXPECT_FALSE(F.Queue.Busy);
    InsertKeys(&F);
    EXPECT_EQ(KeRemoveByKeyDeviceQueueIfBusy(&F.Queue, 25), &F.Entries[0]);
    EXPECT_FALSE(F.Entries[0].Inserted);
    for (int At = 0; At < 4; At++)
        EXPECT_NE(KeRemoveByKeyDeviceQueueIfBusy(&F.Queue, 0), NULL);
    EXPECT_TRUE(F.Queue.Busy);
    EXPECT_EQ(KeRemoveByKeyDeviceQueueIfBusy(&F.Queue, 0), NULL);
    EXPECT_FALSE(F.Queue.Busy);
}

TEST(ke_device_queue, an_entry_leaves_from_the_middle_once)
{
    FIXTURE F;

    InsertKeys(&F);
    EXPECT_TRUE(KeRemoveEntryDeviceQueue(&F.Queue, &F.Entries[2]));
    EXPECT_FALSE(F.Entries[2].Inserted);
    EXPECT_FALSE(KeRemoveEntryDeviceQueue(&F.Queue, &F.Entries[2]));
    EXPECT_FALSE(KeRemoveEntryDeviceQueue(&F.Queue, &F.Entries[5]));        /* the one in service */
    EXPECT_EQ(KeRemoveDeviceQueue(&F.Queue), &F.Entries[1]);
    EXPECT_EQ(KeRemoveDeviceQueue(&F.Queue), &F.Entries[3]);
    for (int At = 0; At < 6; At += 4)
        EXPECT_TRUE(KeRemoveEntryDeviceQueue(&F.Queue, &F.Entries[At]));
    EXPECT_TRUE(F.Queue.Busy);                                              /* still with the one in service */
    EXPECT_EQ(KeRemoveDeviceQueue(&F.Queue), NULL);
}

TEST(ke_device_queue, keeps_the_irql_at_each_level)
{
    for (KIRQL Irql = PASSIVE_LEVEL; Irql <= DISPATCH_LEVEL; Irql++) {
        FIXTURE F;
        KIRQL OldIrql;

        KeRaiseIrql(Irql, &OldIrql);
        InsertKeys(&F);
        KeInsertDeviceQueue(&F.Queue, &F.Entries[5]);
        EXPECT_EQ(KeGetCurrentIrql(), Irql);
        KeRemoveByKeyDeviceQueue(&F.Queue, 1);
        KeRemoveByKeyDeviceQueueIfBusy(&F.Queue, 1);
        KeRemoveEntryDeviceQueue(&F.Queue, &F.Entries[5]);
        KeRemoveDeviceQueue(&F.Queue);
        EXPECT_EQ(KeGetCurrentIrql(), Irql);
        KeLowerIrql(OldIrql);
    }
}

/* ---- The protocol under contention: never two in service, none lost ---- */

typedef struct _DEVICE { KDEVICE_QUEUE Queue; volatile LONG InService, Collisions, Served; KEVENT *Gate; } DEVICE;

typedef struct _REQUEST { KDEVICE_QUEUE_ENTRY Entry; } REQUEST;

static void ServeFrom(DEVICE *Device)
{
    do {
        if (__atomic_add_fetch(&Device->InService, 1, __ATOMIC_SEQ_CST) != 1)
            Device->Collisions++;
        __atomic_add_fetch(&Device->Served, 1, __ATOMIC_RELAXED);
        __atomic_sub_fetch(&Device->InService, 1, __ATOMIC_SEQ_CST);
    } while (KeRemoveByKeyDeviceQueue(&Device->Queue, 8) != NULL);
}

static VOID Submit(PVOID Context)
{
    enum { REQUESTS = 200 };
    static const LARGE_INTEGER Moment = { .QuadPart = -10 };
    DEVICE *Device = Context;
    REQUEST Requests[16];

    KeWaitForSingleObject(Device->Gate, Executive, KernelMode, FALSE, NULL);
    memset(Requests, 0, sizeof Requests);
    for (ULONG Number = 0; Number < REQUESTS; Number++) {
        PKDEVICE_QUEUE_ENTRY Entry = &Requests[Number % 16].Entry;
        KIRQL OldIrql;

        while (*(volatile BOOLEAN *)&Entry->Inserted)
            KeDelayExecutionThread(KernelMode, FALSE, (PLARGE_INTEGER)&Moment);
        KeRaiseIrql(DISPATCH_LEVEL, &OldIrql);
        if (!KeInsertByKeyDeviceQueue(&Device->Queue, Entry, Number % 16))
            ServeFrom(Device);
        KeLowerIrql(OldIrql);
    }
    for (ULONG At = 0; At < 16; At++)
        while (*(volatile BOOLEAN *)&Requests[At].Entry.Inserted)
            KeDelayExecutionThread(KernelMode, FALSE, (PLARGE_INTEGER)&Moment);
}

TEST(ke_device_queue, one_request_at_a_time_and_none_lost)
{
    enum { THREADS = 4 };
    DEVICE Device = { .Served = 0 };
    PKTHREAD Threads[THREADS];
    KEVENT Gate;

    KeInitializeDeviceQueue(&Device.Queue);
    KeInitializeEvent(&Gate, NotificationEvent, FALSE);
    Device.Gate = &Gate;
    for (int At = 0; At < THREADS; At++)
        Threads[At] = KtestThread(Submit, &Device, 8);
    KeSetEvent(&Gate, 0, FALSE);
    for (int At = 0; At < THREADS; At++)
        KtestJoin(Threads[At]);
    EXPECT_EQ(Device.Collisions, 0);
    EXPECT_EQ(Device.Served, THREADS * 200);
    EXPECT_FALSE(Device.Queue.Busy);
    EXPECT_TRUE(IsListEmpty(&Device.Queue.DeviceListHead));
}
