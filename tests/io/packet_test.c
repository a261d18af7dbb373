/* packet_test.c - StartIo: one request at a time. */
#include "stack.h"

#include <io/packet.h>
#include <ke/irql.h>
#include <rtl/status.h>
#include <rtl/string.h>

enum { PACKETS = 4 };

static STACK Stack;
static PIRP Irps[PACKETS], Started[PACKETS + 1];
static ULONG StartedCount, CancelledCount;
static PIRP Cancelled;

static VOID StartIo(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    EXPECT_EQ(KeGetCurrentIrql(), DISPATCH_LEVEL);
    EXPECT_EQ(DeviceObject, Stack.Top);
    EXPECT_EQ(DeviceObject->CurrentIrp, Irp);
    EXPECT_EQ(*IoCancelSpinLock(), 0);
    Started[StartedCount++ % (PACKETS + 1)] = Irp;
}

/* As a driver does it: the request is in the queue, or the current one. */
static VOID CancelPacket(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    EXPECT_EQ(DeviceObject, Stack.Top);
    EXPECT_NE(*IoCancelSpinLock(), 0);
    EXPECT_TRUE(KeRemoveEntryDeviceQueue(&DeviceObject->DeviceQueue, &Irp->Tail.Overlay.DeviceQueueEntry));
    IoReleaseCancelSpinLock(Irp->CancelIrql);
    Cancelled = Irp;
    CancelledCount++;
}

static void Begin(void)
{
    StackBuild(&Stack, 1);
    Stack.Driver->DriverStartIo = StartIo;
    StartedCount = CancelledCount = 0;
    memset(Started, 0, sizeof Started);
    for (ULONG i = 0; i < PACKETS; i++) {
        Irps[i] = IoAllocateIrp(1, FALSE);
        Irps[i]->CurrentLocation--;     /* as in a dispatch routine */
        Irps[i]->Tail.Overlay.CurrentStackLocation--;
        IoGetCurrentIrpStackLocation(Irps[i])->DeviceObject = Stack.Top;
    }
}

static void End(void)
{
    EXPECT_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
    EXPECT_FALSE(Stack.Top->DeviceQueue.Busy);
    EXPECT_EQ(Stack.Top->CurrentIrp, NULL);
    for (ULONG i = 0; i < PACKETS; i++)
        IoFreeIrp(Irps[i]);
    StackRemove(&Stack);
}

/* covers IoStartPacket.1, IoStartNextPacket.1 */
TEST(io_packet, idle_device_starts_at_once_and_a_busy_one_queues)
{
    for (ULONG Cancelable = 0; Cancelable < 2; Cancelable++) {
        PDRIVER_CANCEL Routine = Cancelable ? CancelPacket : NULL;

        Begin();
        for (ULONG i = 0; i < 3; i++)
            IoStartPacket(Stack.Top, Irps[i], NULL, Routine);
        EXPECT_EQ(StartedCount, 1);
        EXPECT_EQ(Stack.Top->CurrentIrp, Irps[0]);
        for (ULONG i = 1; i < 3; i++) {
            IoStartNextPacket(Stack.Top, (BOOLEAN)Cancelable);
            EXPECT_EQ(StartedCount, i + 1);
            EXPECT_EQ(Stack.Top->CurrentIrp, Irps[i]);
            EXPECT_EQ(Started[i], Irps[i]);
        }
        IoStartNextPacket(Stack.Top, (BOOLEAN)Cancelable);
        EXPECT_EQ(StartedCount, 3);
        End();
    }
}

/* covers IoStartPacket.1, IoStartNextPacketByKey.1 */
TEST(io_packet, keys_give_the_order)
{
    ULONG Keys[PACKETS] = { 0, 30, 10, 20 };

    Begin();
    for (ULONG i = 0; i < PACKETS; i++)
        IoStartPacket(Stack.Top, Irps[i], &Keys[i], NULL);
    IoStartNextPacketByKey(Stack.Top, FALSE, 15);
    EXPECT_EQ(Stack.Top->CurrentIrp, Irps[3]);
    IoStartNextPacketByKey(Stack.Top, FALSE, 20);
    EXPECT_EQ(Stack.Top->CurrentIrp, Irps[1]);
    IoStartNextPacketByKey(Stack.Top, FALSE, 30);
    EXPECT_EQ(Stack.Top->CurrentIrp, Irps[2]);
    IoStartNextPacketByKey(Stack.Top, FALSE, 0);
    End();
}

/* covers IoStartPacket.2 */
TEST(io_packet, waiting_one_can_be_cancelled)
{
    Begin();
    for (ULONG i = 0; i < 3; i++)
        IoStartPacket(Stack.Top, Irps[i], NULL, CancelPacket);
    EXPECT_TRUE(IoCancelIrp(Irps[1]));
    EXPECT_EQ(CancelledCount, 1);
    EXPECT_EQ(Cancelled, Irps[1]);
    IoStartNextPacket(Stack.Top, TRUE);
    EXPECT_EQ(Stack.Top->CurrentIrp, Irps[2]);
    IoStartNextPacket(Stack.Top, TRUE);
    IoSetCancelRoutine(Irps[0], NULL), IoSetCancelRoutine(Irps[2], NULL);
    End();
}

/* covers IoStartPacket.2 */
TEST(io_packet, one_that_was_cancelled_before_does_not_wait)
{
    Begin();
    IoStartPacket(Stack.Top, Irps[0], NULL, CancelPacket);
    IoCancelIrp(Irps[1]);
    IoStartPacket(Stack.Top, Irps[1], NULL, CancelPacket);
    EXPECT_EQ(CancelledCount, 1);
    EXPECT_EQ(Cancelled, Irps[1]);
    EXPECT_EQ(Irps[1]->CancelIrql, DISPATCH_LEVEL);
    EXPECT_EQ(*IoCancelSpinLock(), 0);
    IoStartNextPacket(Stack.Top, TRUE);
    IoSetCancelRoutine(Irps[0], NULL);
    End();
}

static ULONG Depth, Deepest;

static VOID StartAndFinish(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    if (++Depth > Deepest)
        Deepest = Depth;
    Started[StartedCount++ % (PACKETS + 1)] = Irp;
    IoStartNextPacket(DeviceObject, FALSE);
    Depth--;
}

/* covers IoStartNextPacket.1 */
TEST(io_packet, start_from_inside_start_io)
{
    Begin();
    IoStartPacket(Stack.Top, Irps[0], NULL, NULL);
    for (ULONG i = 1; i < PACKETS; i++)
        IoStartPacket(Stack.Top, Irps[i], NULL, NULL);
    Depth = Deepest = 0;
    Stack.Driver->DriverStartIo = StartAndFinish;
    IoStartNextPacket(Stack.Top, FALSE);
    EXPECT_EQ(StartedCount, PACKETS);
    EXPECT_EQ(Deepest, PACKETS - 1);
    for (ULONG i = 0; i < PACKETS; i++)
        EXPECT_EQ(Started[i], Irps[i]);
    End();
}
