/* io_negative_test.c - misuse of IRPs and devices: each stops the machine, for tests/io.t. */
#include "stack.h"

#include <ex/pool.h>
#include <io/request.h>
#include <io/work_item.h>
#include <ke/irql.h>
#include <ke/process.h>
#include <mm/callout.h>
#include <ps/process.h>
#include <ps/system_thread.h>
#include <rtl/status.h>
#include <rtl/string.h>

static STACK Stack;
static SENT Sent;

static PIRP Begin(CCHAR StackSize)
{
    StackBuild(&Stack, 1);
    return IoAllocateIrp(StackSize, FALSE);
}

/* covers IofCompleteRequest.5 */
TEST(negative, irp_completed_twice)
{
    PIRP Irp = Begin(2);

    Irp->Tail.Overlay.Thread = NULL;
    Irp->CurrentLocation = (CCHAR)(Irp->StackCount + 2);
    IofCompleteRequest(Irp, 0);
}

/* covers IofCompleteRequest.5 */
TEST(negative, irp_completed_when_freed)
{
    PIRP Irp = Begin(1);

    SendKept(Stack.Top, Irp, &Sent);
    IoFreeIrp(Irp);
    IofCompleteRequest(Irp, 0);
}

/* covers IoFreeIrp.1 */
TEST(negative, irp_freed_twice)
{
    PIRP Irp = Begin(1);

    IoFreeIrp(Irp);
    IoFreeIrp(Irp);
}

static VOID NoCancel(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    UNREFERENCED_PARAMETER(DeviceObject), UNREFERENCED_PARAMETER(Irp);
}

/* covers IofCompleteRequest.5 */
TEST(negative, irp_completed_with_cancel_routine)
{
    PIRP Irp = Begin(1);

    Stack.Layer[0]->Do = LayerPend;
    SendKept(Stack.Top, Irp, &Sent);
    IoSetCancelRoutine(Irp, NoCancel);
    LayerFinish(Stack.Layer[0]);
}

/* covers IoCancelIrp.3 */
TEST(negative, irp_cancelled_after_completion)
{
    PIRP Irp = Begin(1);

    Irp->CurrentLocation = (CCHAR)(Irp->StackCount + 2);
    IoSetCancelRoutine(Irp, NoCancel);
    IoCancelIrp(Irp);
}

static NTSTATUS SendOn(LAYER *Layer, PIRP Irp) { return IofCallDriver(Layer->Device, Irp); }

/* covers IofCallDriver.2 */
TEST(negative, irp_without_a_location_left)
{
    PIRP Irp = Begin(1);

    Stack.Layer[0]->Do = SendOn;
    SendKept(Stack.Top, Irp, &Sent);
}

/* covers IofCompleteRequest.6 */
TEST(negative, irp_that_nobody_keeps)
{
    PIRP Irp = Begin(1);

    IofCallDriver(Stack.Top, Irp);
}

/* covers IoFreeIrp.1 */
TEST(negative, irp_of_nobody_freed)
{
    static UCHAR Memory[sizeof(IRP) + sizeof(IO_STACK_LOCATION)];

    IoInitializeIrp((PIRP)Memory, sizeof Memory, 1);
    IoFreeIrp((PIRP)Memory);
}

/* covers IoFreeIrp.1 */
TEST(negative, irp_of_a_thread_freed)
{
    KEVENT Event;
    IO_STATUS_BLOCK Block;

    Begin(1);
    IoFreeIrp(IoBuildSynchronousFsdRequest(IRP_MJ_FLUSH_BUFFERS, Stack.Top, NULL, 0, NULL, &Event, &Block));
}

/* covers IoBuildDeviceIoControlRequest.6 */
TEST(negative, irp_reads_more_than_there_is_room)
{
    IO_STATUS_BLOCK Block;
    UCHAR Room[4];
    KEVENT Event;

    Begin(1);
    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    Stack.Layer[0]->Information = 5;
    IofCallDriver(Stack.Top,
                  IoBuildDeviceIoControlRequest(CTL_CODE(0x22, 0x801, METHOD_BUFFERED, 0), Stack.Top, NULL, 0, Room,
                                                sizeof Room, FALSE, &Event, &Block));
}

/* covers IoBuildDeviceIoControlRequest.7 */
TEST(negative, irp_of_a_process_that_was_left)
{
    PKPROCESS Process = PsCreateProcess();
    IO_STATUS_BLOCK Block;
    KAPC_STATE State;
    KEVENT Event;

    Begin(1);
    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    Stack.Layer[0]->Do = LayerPend;
    KeStackAttachProcess(Process, &State);
    IofCallDriver(Stack.Top, IoBuildDeviceIoControlRequest(CTL_CODE(0x22, 0x801, METHOD_NEITHER, 0), Stack.Top, NULL, 0,
                                                           NULL, 0, FALSE, &Event, &Block));
    KeUnstackDetachProcess(&State);
    LayerFinish(Stack.Layer[0]);
}

/* covers IoDeleteDevice.2 */
TEST(negative, device_deleted_twice)
{
    Begin(1);
    ObfReferenceObject(Stack.Top);
    IoDeleteDevice(Stack.Top);
    IoDeleteDevice(Stack.Top);
}

static VOID NoWork(PDEVICE_OBJECT DeviceObject, PVOID Context)
{
    UNREFERENCED_PARAMETER(DeviceObject), UNREFERENCED_PARAMETER(Context);
}

/* covers IoQueueWorkItem.4 */
TEST(negative, io_work_item_queued_twice)
{
    PIO_WORKITEM Item;

    Begin(1);
    Item = IoAllocateWorkItem(Stack.Top);
    KfRaiseIrql(DISPATCH_LEVEL);
    IoQueueWorkItem(Item, NoWork, DelayedWorkQueue, NULL);
    IoQueueWorkItem(Item, NoWork, DelayedWorkQueue, NULL);
}

/* covers IoQueueWorkItem.4 */
TEST(negative, io_work_item_freed_while_queued)
{
    PIO_WORKITEM Item;

    Begin(1);
    Item = IoAllocateWorkItem(Stack.Top);
    KfRaiseIrql(DISPATCH_LEVEL);
    IoQueueWorkItem(Item, NoWork, DelayedWorkQueue, NULL);
    IoFreeWorkItem(Item);
}

/* Sixteen bytes before the source's first, and sixteen of it: the sum of offset and length is not beyond its end. */
/* covers IoBuildPartialMdl.2 */
TEST(negative, partial_mdl_begins_before_its_source)
{
    PUCHAR Buffer = ExAllocatePoolWithTag(NonPagedPool, PAGE_SIZE, 'tseT');
    PMDL Whole = IoAllocateMdl(Buffer + 64, 64, FALSE, FALSE, NULL);
    PMDL Part = IoAllocateMdl(Buffer, 64, FALSE, FALSE, NULL);

    MmBuildMdlForNonPagedPool(Whole);
    IoBuildPartialMdl(Whole, Part, Buffer + 48, 32);
}

static VOID EndInside(PVOID Parameter)
{
    UNREFERENCED_PARAMETER(Parameter);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

TEST(negative, thread_ends_on_expanded_stack)
{
    KeExpandKernelStackAndCallout(EndInside, NULL, 0x10000);
}
