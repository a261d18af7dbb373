/* cancel_test.c - cancelling, and cancel-safe queues. */
#include "stack.h"

#include <io/csq.h>
#include <ke/irql.h>
#include <ke/spinlock.h>
#include <rtl/status.h>
#include <rtl/string.h>

static struct { ULONG Calls; PDEVICE_OBJECT Device; KIRQL Irql, Passed; BOOLEAN Cancel; } Seen;

static VOID NoteCancel(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    Seen.Calls++;
    Seen.Device = DeviceObject;
    Seen.Irql = KeGetCurrentIrql();
    Seen.Passed = Irp->CancelIrql;
    Seen.Cancel = Irp->Cancel;
    EXPECT_EQ(Irp->CancelRoutine, NULL);
    EXPECT_NE(*IoCancelSpinLock(), 0);
    IoReleaseCancelSpinLock(Irp->CancelIrql);
}

/* covers IoAcquireCancelSpinLock.1 */
TEST(io_cancel, lock_raises_and_restores)
{
    KIRQL Irql = 0xAA;

    for (KIRQL At = PASSIVE_LEVEL; At <= DISPATCH_LEVEL; At++) {
        KIRQL Old = KfRaiseIrql(At);

        IoAcquireCancelSpinLock(&Irql);
        EXPECT_EQ(Irql, At);
        EXPECT_EQ(KeGetCurrentIrql(), DISPATCH_LEVEL);
        EXPECT_NE(*IoCancelSpinLock(), 0);
        IoReleaseCancelSpinLock(Irql);
        EXPECT_EQ(KeGetCurrentIrql(), At);
        EXPECT_EQ(*IoCancelSpinLock(), 0);
        KeLowerIrql(Old);
    }
}

/* covers IoCancelIrp.1 */
TEST(io_cancel, routine_is_called_once_under_the_lock)
{
    PIRP Irp;
    STACK Stack;
    SENT Sent;

    for (KIRQL At = PASSIVE_LEVEL; At <= DISPATCH_LEVEL; At++) {
        KIRQL Old;

        StackBuild(&Stack, 2);
        Irp = IoAllocateIrp(2, FALSE);
        memset(&Seen, 0, sizeof Seen);
        Stack.Layer[0]->Do = LayerPend;
        SendKept(Stack.Top, Irp, &Sent);
        EXPECT_EQ(IoSetCancelRoutine(Irp, NoteCancel), NULL);
        Irp->CancelIrql = 0xAA;
        Old = KfRaiseIrql(At);
        EXPECT_TRUE(IoCancelIrp(Irp));
        EXPECT_EQ(KeGetCurrentIrql(), At);
        EXPECT_FALSE(IoCancelIrp(Irp));
        KeLowerIrql(Old);
        EXPECT_EQ(Seen.Calls, 1);
        EXPECT_EQ(Seen.Device, Stack.Layer[0]->Device);
        EXPECT_EQ(Seen.Irql, DISPATCH_LEVEL);
        EXPECT_EQ(Seen.Passed, At);
        EXPECT_TRUE(Seen.Cancel);
        LayerFinish(Stack.Layer[0]);
        EXPECT_EQ(Sent.Completed, 1);
        IoFreeIrp(Irp);
        StackRemove(&Stack);
    }
}

/* covers IoCancelIrp.2 */
TEST(io_cancel, one_without_a_routine_is_only_marked)
{
    PIRP Irp = IoAllocateIrp(1, FALSE);

    EXPECT_FALSE(Irp->Cancel);
    EXPECT_FALSE(IoCancelIrp(Irp));
    EXPECT_TRUE(Irp->Cancel);
    EXPECT_EQ(*IoCancelSpinLock(), 0);
    EXPECT_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
    IoFreeIrp(Irp);
}

/* covers IoCancelIrp.2 */
TEST(io_cancel, routine_taken_out_is_not_called)
{
    PIRP Irp = IoAllocateIrp(1, FALSE);

    memset(&Seen, 0, sizeof Seen);
    IoSetCancelRoutine(Irp, NoteCancel);
    EXPECT_EQ(IoSetCancelRoutine(Irp, NULL), NoteCancel);
    EXPECT_FALSE(IoCancelIrp(Irp));
    EXPECT_EQ(Seen.Calls, 0);
    IoFreeIrp(Irp);
}
