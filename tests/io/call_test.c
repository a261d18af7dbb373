/* call_test.c - the way down a stack of devices, and up again. */
#include "stack.h"

#include <ke/event.h>
#include <ob/object.h>
#include <rtl/status.h>
#include <rtl/string.h>

static STACK Stack;
static char Order[16];
static ULONG Length;

static NTSTATUS Note(PDEVICE_OBJECT DeviceObject, PIRP Irp, PVOID Context)
{
    LAYER *Layer = Context;

    EXPECT_EQ(DeviceObject, Layer->Device);
    EXPECT_EQ(IoGetCurrentIrpStackLocation(Irp)->DeviceObject, Layer->Device);
    Order[Length++] = (char)('0' + (Layer == Stack.Layer[2] ? 2 : 1));
    if (Irp->PendingReturned)
        IoMarkIrpPending(Irp);
    return STATUS_CONTINUE_COMPLETION;
}

static PIRP Begin(ULONG Layers)
{
    PIRP Irp;

    StackBuild(&Stack, Layers);
    Irp = IoAllocateIrp(Stack.Top->StackSize, FALSE);
    memset(Order, 0, sizeof Order);
    Length = 0;
    IoGetNextIrpStackLocation(Irp)->MajorFunction = IRP_MJ_READ;
    IoGetNextIrpStackLocation(Irp)->Parameters.Read.Length = 77;
    return Irp;
}

static void End(PIRP Irp)
{
    IoFreeIrp(Irp);
    StackRemove(&Stack);
}

/* covers IofCallDriver.1, IofCompleteRequest.1 */
TEST(io_call, each_layer_gets_its_own_location_and_device)
{
    PIRP Irp = Begin(3);
    SENT Sent;

    EXPECT_EQ(SendKept(Stack.Top, Irp, &Sent), STATUS_SUCCESS);
    EXPECT_EQ(Sent.Completed, 1);
    EXPECT_EQ(Sent.Device, NULL);       /* the maker has no location of its own */
    EXPECT_EQ(Irp->CurrentLocation, 4);
    for (ULONG i = 0; i < 3; i++) {
        EXPECT_EQ(Stack.Layer[i]->Calls, 1);
        EXPECT_EQ(Stack.Layer[i]->Seen.DeviceObject, Stack.Layer[i]->Device);
        EXPECT_EQ(Stack.Layer[i]->Seen.MajorFunction, IRP_MJ_READ);
        EXPECT_EQ(Stack.Layer[i]->Seen.Parameters.Read.Length, 77);
    }
    End(Irp);
}

/* covers IofCallDriver.1 */
TEST(io_call, skipped_location_serves_the_next_driver)
{
    PIRP Irp = Begin(3);
    SENT Sent;

    Stack.Layer[1]->Do = LayerSkip;
    EXPECT_EQ(SendKept(Stack.Top, Irp, &Sent), STATUS_SUCCESS);
    EXPECT_EQ(Stack.Layer[0]->Calls, 1);
    EXPECT_EQ(Stack.Layer[0]->Seen.DeviceObject, Stack.Layer[0]->Device);
    EXPECT_EQ(Sent.Completed, 1);
    End(Irp);
}

/* covers IofCompleteRequest.1 */
TEST(io_call, routines_are_called_upwards_each_with_its_own_device)
{
    PIRP Irp = Begin(3);
    SENT Sent;

    for (ULONG i = 1; i < 3; i++) {
        Stack.Layer[i]->Completion = Note;
        Stack.Layer[i]->InvokeOn = SL_INVOKE_ON_SUCCESS | SL_INVOKE_ON_ERROR | SL_INVOKE_ON_CANCEL;
    }
    EXPECT_EQ(SendKept(Stack.Top, Irp, &Sent), STATUS_SUCCESS);
    EXPECT_EQ(strcmp(Order, "12"), 0);
    End(Irp);
}

/* Success, error and cancelled, against each of the three marks. */
/* covers IofCompleteRequest.2 */
TEST(io_call, routine_is_called_when_its_mark_says_so)
{
    static const struct { UCHAR Mark; NTSTATUS Status; BOOLEAN Cancel, Called; } Rows[] = {
        { SL_INVOKE_ON_SUCCESS, STATUS_SUCCESS, FALSE, TRUE },
        { SL_INVOKE_ON_SUCCESS, STATUS_UNSUCCESSFUL, FALSE, FALSE },
        { SL_INVOKE_ON_SUCCESS, STATUS_CANCELLED, TRUE, FALSE },
        { SL_INVOKE_ON_SUCCESS, STATUS_BUFFER_OVERFLOW, FALSE, FALSE },
        { SL_INVOKE_ON_ERROR, STATUS_SUCCESS, FALSE, FALSE },
        { SL_INVOKE_ON_ERROR, STATUS_UNSUCCESSFUL, FALSE, TRUE },
        { SL_INVOKE_ON_ERROR, STATUS_BUFFER_OVERFLOW, FALSE, TRUE },
        { SL_INVOKE_ON_CANCEL, STATUS_SUCCESS, FALSE, FALSE },
        { SL_INVOKE_ON_CANCEL, STATUS_UNSUCCESSFUL, FALSE, FALSE },
        { SL_INVOKE_ON_CANCEL, STATUS_SUCCESS, TRUE, TRUE },
        { SL_INVOKE_ON_CANCEL, STATUS_CANCELLED, TRUE, TRUE },
    };

    for (ULONG i = 0; i < RTL_NUMBER_OF(Rows); i++) {
        PIRP Irp = Begin(2);
        SENT Sent;

        Stack.Layer[1]->Completion = Note;
        Stack.Layer[1]->InvokeOn = Rows[i].Mark;
        Stack.Layer[0]->Status = Rows[i].Status;
        Irp->Cancel = Rows[i].Cancel;
        EXPECT_EQ(SendKept(Stack.Top, Irp, &Sent), Rows[i].Status);
        KTEST_COMPARE(Length, Rows[i].Called, ==, "the routine was called", (void)i);
        EXPECT_EQ(Sent.Status, Rows[i].Status);
        End(Irp);
    }
}

/* covers IofCompleteRequest.3 */
TEST(io_call, pending_mark_goes_up_by_itself_and_through_routines)
{
    for (ULONG Routines = 0; Routines < 2; Routines++)
        for (ULONG Pend = 0; Pend < 2; Pend++) {
            PIRP Irp = Begin(3);
            SENT Sent;

            for (ULONG i = 1; i < 3 && Routines; i++) {
                Stack.Layer[i]->Completion = Note;
                Stack.Layer[i]->InvokeOn = SL_INVOKE_ON_SUCCESS;
            }
            Stack.Layer[0]->Do = Pend ? LayerPend : LayerComplete;
            EXPECT_EQ(SendKept(Stack.Top, Irp, &Sent), Pend ? STATUS_PENDING : STATUS_SUCCESS);
            EXPECT_EQ(Sent.Completed, !Pend);
            if (Pend)
                LayerFinish(Stack.Layer[0]);
            EXPECT_EQ(Sent.Completed, 1);
            EXPECT_EQ(Sent.PendingReturned, Pend);
            End(Irp);
        }
}

static NTSTATUS KeepOnce(PDEVICE_OBJECT DeviceObject, PIRP Irp, PVOID Context)
{
    UNREFERENCED_PARAMETER(DeviceObject), UNREFERENCED_PARAMETER(Irp), UNREFERENCED_PARAMETER(Context);
    Order[Length++] = 'k';
    return STATUS_MORE_PROCESSING_REQUIRED;
}

/* covers IofCompleteRequest.4 */
TEST(io_call, kept_irp_goes_on_from_where_it_was)
{
    PIRP Irp = Begin(3);
    SENT Sent;

    Stack.Layer[2]->Completion = Note;
    Stack.Layer[1]->Completion = KeepOnce;
    Stack.Layer[1]->InvokeOn = Stack.Layer[2]->InvokeOn = SL_INVOKE_ON_SUCCESS;
    EXPECT_EQ(SendKept(Stack.Top, Irp, &Sent), STATUS_SUCCESS);
    EXPECT_EQ(strcmp(Order, "k"), 0);
    EXPECT_EQ(Sent.Completed, 0);
    EXPECT_EQ(Irp->CurrentLocation, 2);
    IofCompleteRequest(Irp, 0);
    EXPECT_EQ(strcmp(Order, "k2"), 0);
    EXPECT_EQ(Sent.Completed, 1);
    End(Irp);
}

TEST(io_call, left_locations_are_cleared)
{
    PIRP Irp = Begin(3);
    IO_STACK_LOCATION Zero = { 0 };
    SENT Sent;

    SendKept(Stack.Top, Irp, &Sent);
    for (ULONG i = 0; i < 3; i++)
        EXPECT_EQ(memcmp((PIO_STACK_LOCATION)(Irp + 1) + i, &Zero, sizeof Zero), 0);
    End(Irp);
}

/* covers IofCallDriver.3 */
TEST(io_call, driver_without_dispatch_routine_refuses)
{
    PDRIVER_OBJECT Driver = IoCreateDriverObject("KtestPlain");
    PIRP Irp = IoAllocateIrp(1, FALSE);
    PDEVICE_OBJECT Device;
    SENT Sent;

    REQUIRE_EQ(IoCreateDevice(Driver, 0, NULL, FILE_DEVICE_UNKNOWN, 0, FALSE, &Device), STATUS_SUCCESS);
    for (ULONG Major = 0; Major <= IRP_MJ_MAXIMUM_FUNCTION; Major++) {
        IoReuseIrp(Irp, STATUS_SUCCESS);
        IoGetNextIrpStackLocation(Irp)->MajorFunction = (UCHAR)Major;
        EXPECT_EQ(SendKept(Device, Irp, &Sent), STATUS_INVALID_DEVICE_REQUEST);
        EXPECT_EQ(Sent.Completed, 1);
        EXPECT_EQ(Sent.Status, STATUS_INVALID_DEVICE_REQUEST);
    }
    IoFreeIrp(Irp);
    IoDeleteDevice(Device);
    IoDeleteDriverObject(Driver);
}

/* ---- IoSetCompletionRoutineEx, IoForwardIrpSynchronously ---- */

static NTSTATUS NoteEx(PDEVICE_OBJECT DeviceObject, PIRP Irp, PVOID Context)
{
    UNREFERENCED_PARAMETER(DeviceObject), UNREFERENCED_PARAMETER(Irp);
    EXPECT_EQ(Context, &Order);
    Order[Length++] = 'x';
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static NTSTATUS ForwardEx(LAYER *Layer, PIRP Irp)
{
    *IoGetNextIrpStackLocation(Irp) = *IoGetCurrentIrpStackLocation(Irp);
    EXPECT_EQ(IoSetCompletionRoutineEx(Layer->Device, Irp, NoteEx, Order, (Layer->InvokeOn & SL_INVOKE_ON_SUCCESS) != 0,
                                       FALSE, FALSE), STATUS_SUCCESS);
    return IofCallDriver(Layer->Below, Irp);
}

/* covers IoSetCompletionRoutineEx.1 */
TEST(io_call, guarded_routine_holds_its_device_until_it_has_run)
{
    for (ULONG Called = 0; Called < 2; Called++) {
        PIRP Irp = Begin(2);
        LONG_PTR Before, Between, After;
        SENT Sent;

        Stack.Layer[0]->Do = LayerPend;
        Stack.Layer[1]->Do = ForwardEx;
        Stack.Layer[1]->InvokeOn = Called ? SL_INVOKE_ON_SUCCESS : 0;
        ObfReferenceObject(Stack.Top);
        Before = ObfDereferenceObject(Stack.Top);
        EXPECT_EQ(SendKept(Stack.Top, Irp, &Sent), STATUS_PENDING);
        ObfReferenceObject(Stack.Top);
        Between = ObfDereferenceObject(Stack.Top);
        EXPECT_EQ(Between, Before + 1);
        LayerFinish(Stack.Layer[0]);
        EXPECT_EQ(Length, Called);
        EXPECT_EQ(Sent.Completed, !Called);
        if (!Called)
            EXPECT_TRUE(Sent.PendingReturned);
        ObfReferenceObject(Stack.Top);
        After = ObfDereferenceObject(Stack.Top);
        EXPECT_EQ(After, Before);
        End(Irp);
    }
}

static NTSTATUS ForwardAndWait(LAYER *Layer, PIRP Irp)
{
    if (!IoForwardIrpSynchronously(Layer->Below, Irp)) {
        Order[Length++] = 'n';
        Irp->IoStatus.Status = STATUS_UNSUCCESSFUL;
    } else {
        Order[Length++] = 'f';
    }
    IofCompleteRequest(Irp, 0);
    return Irp->IoStatus.Status;
}

static void FinishWhenBlocked(PVOID Thread)
{
    KtestWaitBlocked(Thread, NULL);
    LayerFinish(Stack.Layer[0]);
}

/* covers IoForwardIrpSynchronously.1 */
TEST(io_call, forwarded_irp_comes_back_to_the_driver_that_waits)
{
    PKTHREAD Helper;
    PIRP Irp = Begin(2);
    SENT Sent;

    Stack.Layer[1]->Do = ForwardAndWait;
    EXPECT_EQ(SendKept(Stack.Top, Irp, &Sent), STATUS_SUCCESS);     /* completed at once */
    EXPECT_EQ(Sent.Completed, 1);
    IoReuseIrp(Irp, STATUS_SUCCESS);
    Stack.Layer[0]->Do = LayerPend;
    Stack.Layer[0]->Status = STATUS_BUFFER_OVERFLOW;
    Helper = KtestThread(FinishWhenBlocked, KeGetCurrentThread(), 8);
    EXPECT_EQ(SendKept(Stack.Top, Irp, &Sent), STATUS_BUFFER_OVERFLOW);
    KtestJoin(Helper);
    EXPECT_EQ(Sent.Completed, 1);
    EXPECT_EQ(strcmp(Order, "ff"), 0);
    End(Irp);
}

/* covers IoForwardIrpSynchronously.1 */
TEST(io_call, forwarding_without_a_location_left_sends_nothing)
{
    PIRP Long = Begin(2), Irp = IoAllocateIrp(1, FALSE);
    SENT Sent;

    Stack.Layer[1]->Do = ForwardAndWait;
    EXPECT_EQ(SendKept(Stack.Top, Irp, &Sent), STATUS_UNSUCCESSFUL);
    EXPECT_EQ(strcmp(Order, "n"), 0);
    EXPECT_EQ(Stack.Layer[0]->Calls, 0);
    IoFreeIrp(Irp);
    End(Long);
}
