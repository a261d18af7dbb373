/* request_test.c - requests of a thread: where their data is, and how the thread hears of the end. */
#include "stack.h"

#include <io/request.h>
#include <ke/apc.h>
#include <ke/event.h>
#include <ke/irql.h>
#include <ob/object.h>
#include <ps/process.h>
#include <ps/system_thread.h>
#include <rtl/status.h>
#include <rtl/string.h>

enum { LENGTH = 40, GUARDED = LENGTH + 8 };

static STACK Stack;
static KEVENT Event;
static IO_STATUS_BLOCK Block;
static UCHAR Input[GUARDED], Output[GUARDED];

static ULONG Control(ULONG Method) { return CTL_CODE(FILE_DEVICE_UNKNOWN, 0x801, Method, 0); }

static void Begin(ULONG Layers)
{
    StackBuild(&Stack, Layers);
    memset(&Event, 0xAA, sizeof Event);
    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    memset(&Block, 0xAA, sizeof Block);
    for (ULONG i = 0; i < GUARDED; i++)
        Input[i] = (UCHAR)(i + 1);
    memset(Output, 0xAA, sizeof Output);
}

static PIRP BuildControl(ULONG Method)
{
    PIRP Irp = IoBuildDeviceIoControlRequest(Control(Method), Stack.Top, Input, LENGTH / 2, Output, LENGTH, FALSE,
                                             &Event, &Block);

    REQUIRE_TRUE(Irp != NULL);
    return Irp;
}

/* ---- Where the data is ---- */

/* Reverses the input and asks that one byte less than the whole is copied back. */
static NTSTATUS ReverseBuffered(LAYER *Layer, PIRP Irp)
{
    PUCHAR Buffer = Irp->AssociatedIrp.SystemBuffer;
    PIO_STACK_LOCATION Location = IoGetCurrentIrpStackLocation(Irp);

    EXPECT_EQ(Location->Parameters.DeviceIoControl.InputBufferLength, LENGTH / 2);
    EXPECT_EQ(Location->Parameters.DeviceIoControl.OutputBufferLength, LENGTH);
    EXPECT_NE(Buffer, Input);
    EXPECT_NE(Buffer, Output);
    EXPECT_EQ(memcmp(Buffer, Input, LENGTH / 2), 0);
    for (ULONG i = 0; i < LENGTH; i++)
        Buffer[i] = (UCHAR)(200 - i);
    Layer->Information = LENGTH - 1;
    return LayerComplete(Layer, Irp);
}

/* covers IoBuildDeviceIoControlRequest.1 */
TEST(io_request, buffered_control_copies_in_and_as_much_out_as_it_says)
{
    PIRP Irp;

    Begin(2);
    Stack.Layer[0]->Do = ReverseBuffered;
    Irp = BuildControl(METHOD_BUFFERED);
    EXPECT_EQ(Irp->Tail.Overlay.Thread, KeGetCurrentThread());
    EXPECT_EQ(IoGetNextIrpStackLocation(Irp)->MajorFunction, IRP_MJ_DEVICE_CONTROL);
    EXPECT_EQ(IofCallDriver(Stack.Top, Irp), STATUS_SUCCESS);
    EXPECT_EQ(KeReadStateEvent(&Event), 1);
    EXPECT_EQ(Block.Status, STATUS_SUCCESS);
    EXPECT_EQ(Block.Information, LENGTH - 1);
    for (ULONG i = 0; i < LENGTH - 1; i++)
        EXPECT_EQ(Output[i], 200 - i);
    EXPECT_EQ(Output[LENGTH - 1], 0xAA);
    StackRemove(&Stack);
}

static NTSTATUS CheckDirect(LAYER *Layer, PIRP Irp)
{
    PMDL Mdl = Irp->MdlAddress;

    EXPECT_EQ(memcmp(Irp->AssociatedIrp.SystemBuffer, Input, LENGTH / 2), 0);
    REQUIRE_TRUE(Mdl != NULL);
    EXPECT_EQ(Mdl->ByteCount, LENGTH);
    EXPECT_EQ((PUCHAR)Mdl->StartVa + Mdl->ByteOffset, (PUCHAR)Output);
    EXPECT_TRUE(Mdl->MdlFlags & (MDL_MAPPED_TO_SYSTEM_VA | MDL_SOURCE_IS_NONPAGED_POOL));
    EXPECT_TRUE(Mdl->MdlFlags & MDL_PAGES_LOCKED);
    memset(Mdl->MappedSystemVa, 0x5C, LENGTH);
    Layer->Information = LENGTH;
    return LayerComplete(Layer, Irp);
}

/* covers IoBuildDeviceIoControlRequest.2 */
TEST(io_request, direct_control_describes_the_output)
{
    static const ULONG Methods[] = { METHOD_IN_DIRECT, METHOD_OUT_DIRECT };

    for (ULONG i = 0; i < 2; i++) {
        Begin(1);
        Stack.Layer[0]->Do = CheckDirect;
        EXPECT_EQ(IofCallDriver(Stack.Top, BuildControl(Methods[i])), STATUS_SUCCESS);
        EXPECT_EQ(KeReadStateEvent(&Event), 1);
        EXPECT_EQ(Output[0], 0x5C);
        EXPECT_EQ(Output[LENGTH - 1], 0x5C);
        EXPECT_EQ(Output[LENGTH], 0xAA);
        StackRemove(&Stack);
    }
}

static NTSTATUS CheckNeither(LAYER *Layer, PIRP Irp)
{
    EXPECT_EQ(Irp->UserBuffer, Output);
    EXPECT_EQ(IoGetCurrentIrpStackLocation(Irp)->Parameters.DeviceIoControl.Type3InputBuffer, Input);
    EXPECT_EQ(Irp->AssociatedIrp.SystemBuffer, NULL);
    EXPECT_EQ(Irp->MdlAddress, NULL);
    return LayerComplete(Layer, Irp);
}

/* covers IoBuildDeviceIoControlRequest.2 */
TEST(io_request, control_by_neither_method_has_the_callers_addresses)
{
    Begin(1);
    Stack.Layer[0]->Do = CheckNeither;
    EXPECT_EQ(IofCallDriver(Stack.Top, BuildControl(METHOD_NEITHER)), STATUS_SUCCESS);
    EXPECT_EQ(KeReadStateEvent(&Event), 1);
    StackRemove(&Stack);
}

TEST(io_request, internal_control_and_no_buffers)
{
    PIRP Irp;

    Begin(1);
    Irp = IoBuildDeviceIoControlRequest(Control(METHOD_BUFFERED), Stack.Top, NULL, 0, NULL, 0, TRUE, &Event, &Block);
    EXPECT_EQ(IoGetNextIrpStackLocation(Irp)->MajorFunction, IRP_MJ_INTERNAL_DEVICE_CONTROL);
    EXPECT_EQ(Irp->AssociatedIrp.SystemBuffer, NULL);
    EXPECT_EQ(IofCallDriver(Stack.Top, Irp), STATUS_SUCCESS);
    EXPECT_EQ(Stack.Layer[0]->Seen.Parameters.DeviceIoControl.IoControlCode, Control(METHOD_BUFFERED));
    EXPECT_EQ(KeReadStateEvent(&Event), 1);
    StackRemove(&Stack);
}

/* By the device's flags: buffered, direct, neither; read and write. */
static NTSTATUS CheckData(LAYER *Layer, PIRP Irp)
{
    BOOLEAN Write = IoGetCurrentIrpStackLocation(Irp)->MajorFunction == IRP_MJ_WRITE;
    PUCHAR Data = Irp->UserBuffer;

    EXPECT_EQ(IoGetCurrentIrpStackLocation(Irp)->Parameters.Read.Length, LENGTH);
    EXPECT_EQ(IoGetCurrentIrpStackLocation(Irp)->Parameters.Read.ByteOffset.QuadPart, 0x123456789ll);
    if (Layer->Device->Flags & DO_BUFFERED_IO)
        Data = Irp->AssociatedIrp.SystemBuffer;
    else if (Layer->Device->Flags & DO_DIRECT_IO)
        Data = Irp->MdlAddress->MappedSystemVa;
    REQUIRE_TRUE(Data != NULL);
    if (Write)
        EXPECT_EQ(memcmp(Data, Input, LENGTH), 0);
    else
        memset(Data, 0x77, LENGTH);
    Layer->Information = LENGTH;
    return LayerComplete(Layer, Irp);
}

/* covers IoBuildSynchronousFsdRequest.1 */
TEST(io_request, reads_and_writes_have_their_data_where_the_device_wants_it)
{
    static const ULONG Flags[] = { DO_BUFFERED_IO, DO_DIRECT_IO, 0 };
    LARGE_INTEGER Offset = { .QuadPart = 0x123456789ll };
    PUCHAR Data;

    for (ULONG i = 0; i < RTL_NUMBER_OF(Flags); i++)
        for (ULONG Major = IRP_MJ_READ; Major <= IRP_MJ_WRITE; Major++) {
            Begin(1);
            Stack.Layer[0]->Do = CheckData;
            Stack.Top->Flags |= Flags[i];
            Data = Major == IRP_MJ_READ ? Output : Input;
            EXPECT_EQ(IofCallDriver(Stack.Top, IoBuildSynchronousFsdRequest(Major, Stack.Top, Data, LENGTH, &Offset,
                                                                            &Event, &Block)), STATUS_SUCCESS);
            EXPECT_EQ(KeReadStateEvent(&Event), 1);
            EXPECT_EQ(Block.Information, LENGTH);
            EXPECT_EQ(Output[0], Major == IRP_MJ_READ ? 0x77 : 0xAA);
            EXPECT_EQ(Output[LENGTH - 1], Major == IRP_MJ_READ ? 0x77 : 0xAA);
            EXPECT_EQ(Output[LENGTH], 0xAA);
            StackRemove(&Stack);
        }
}

/* covers IoBuildSynchronousFsdRequest.2 */
TEST(io_request, flush_and_shutdown_have_no_data)
{
    Begin(1);
    Stack.Top->Flags |= DO_BUFFERED_IO;
    EXPECT_EQ(IofCallDriver(Stack.Top, IoBuildSynchronousFsdRequest(IRP_MJ_FLUSH_BUFFERS, Stack.Top, NULL, 0, NULL,
                                                                    &Event, &Block)), STATUS_SUCCESS);
    EXPECT_EQ(Stack.Layer[0]->Seen.MajorFunction, IRP_MJ_FLUSH_BUFFERS);
    EXPECT_EQ(KeReadStateEvent(&Event), 1);
    StackRemove(&Stack);
}

/* ---- The end, in the requestor's thread ---- */

static void FinishWhenBlocked(PVOID Thread)
{
    KtestWaitBlocked(Thread, &Event);
    LayerFinish(Stack.Layer[0]);
}

TEST(io_request, pending_one_is_waited_for)
{
    PKTHREAD Helper;

    Begin(2);
    Stack.Layer[0]->Do = LayerPend;
    Stack.Layer[0]->Status = STATUS_BUFFER_OVERFLOW;
    EXPECT_EQ(IofCallDriver(Stack.Top, BuildControl(METHOD_BUFFERED)), STATUS_PENDING);
    EXPECT_EQ(KeReadStateEvent(&Event), 0);
    EXPECT_EQ((ULONG)Block.Status, 0xAAAAAAAA);
    Helper = KtestThread(FinishWhenBlocked, KeGetCurrentThread(), 8);
    EXPECT_EQ(KeWaitForSingleObject(&Event, Executive, KernelMode, FALSE, NULL), STATUS_SUCCESS);
    EXPECT_EQ(Block.Status, STATUS_BUFFER_OVERFLOW);
    KtestJoin(Helper);
    StackRemove(&Stack);
}

/* A special APC: a critical region lets it through, a guarded region and APC_LEVEL hold it back. */
/* covers IoBuildDeviceIoControlRequest.3 */
TEST(io_request, end_comes_by_a_special_apc)
{
    KIRQL OldIrql;

    Begin(1);
    KeEnterCriticalRegion();
    IofCallDriver(Stack.Top, BuildControl(METHOD_BUFFERED));
    EXPECT_EQ(KeReadStateEvent(&Event), 1);
    KeLeaveCriticalRegion();

    KeClearEvent(&Event);
    KeEnterGuardedRegion();
    IofCallDriver(Stack.Top, BuildControl(METHOD_BUFFERED));
    EXPECT_EQ(KeReadStateEvent(&Event), 0);
    KeLeaveGuardedRegion();
    EXPECT_EQ(KeReadStateEvent(&Event), 1);

    KeClearEvent(&Event);
    OldIrql = KfRaiseIrql(APC_LEVEL);
    IofCallDriver(Stack.Top, BuildControl(METHOD_BUFFERED));
    EXPECT_EQ(KeReadStateEvent(&Event), 0);
    KeLowerIrql(OldIrql);
    EXPECT_EQ(KeReadStateEvent(&Event), 1);
    StackRemove(&Stack);
}

/* covers IoBuildDeviceIoControlRequest.4 */
TEST(io_request, error_at_once_is_told_by_the_result_alone)
{
    Begin(1);
    Stack.Layer[0]->Status = STATUS_UNSUCCESSFUL;
    EXPECT_EQ(IofCallDriver(Stack.Top, BuildControl(METHOD_BUFFERED)), STATUS_UNSUCCESSFUL);
    EXPECT_EQ(KeReadStateEvent(&Event), 0);
    EXPECT_EQ((ULONG)Block.Status, 0xAAAAAAAA);
    EXPECT_EQ(Output[0], 0xAA);
    Stack.Layer[0]->Do = LayerPend;     /* and later, by all */
    EXPECT_EQ(IofCallDriver(Stack.Top, BuildControl(METHOD_BUFFERED)), STATUS_PENDING);
    Stack.Layer[0]->Information = LENGTH;
    LayerFinish(Stack.Layer[0]);
    EXPECT_EQ(KeReadStateEvent(&Event), 1);
    EXPECT_EQ(Block.Status, STATUS_UNSUCCESSFUL);
    EXPECT_EQ(Output[0], 0xAA);         /* errors bring no data */
    StackRemove(&Stack);
}

/* A warning is no error. */
/* covers IoBuildDeviceIoControlRequest.4 */
TEST(io_request, warning_brings_data)
{
    Begin(1);
    Stack.Layer[0]->Status = STATUS_BUFFER_OVERFLOW;
    Stack.Layer[0]->Information = 3;
    EXPECT_EQ(IofCallDriver(Stack.Top, BuildControl(METHOD_BUFFERED)), STATUS_BUFFER_OVERFLOW);
    EXPECT_EQ(KeReadStateEvent(&Event), 1);
    EXPECT_NE(Output[0], 0xAA);
    EXPECT_EQ(Output[3], 0xAA);
    StackRemove(&Stack);
}

static volatile LONG WokenPriority;

static void WaitForAnswer(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    IofCallDriver(Stack.Top, BuildControl(METHOD_BUFFERED));
    KeWaitForSingleObject(&Event, Executive, KernelMode, FALSE, NULL);
    WokenPriority = KeQueryPriorityThread(KeGetCurrentThread());
}

/* It may have lost one of the five again by its second wait, which the APC makes necessary. */
/* covers IofCompleteRequest.7 */
TEST(io_request, requestor_gets_the_priority_boost)
{
    for (CCHAR Boost = 0; Boost <= 5; Boost = (CCHAR)(Boost + 5)) {
        PKTHREAD Thread;

        Begin(1);
        Stack.Layer[0]->Do = LayerPend;
        Stack.Layer[0]->Boost = Boost;
        Thread = KtestThread(WaitForAnswer, NULL, 9);
        KtestWaitBlocked(Thread, &Event);
        LayerFinish(Stack.Layer[0]);
        KtestJoin(Thread);
        EXPECT_GE(WokenPriority, Boost != 0 ? 9 + Boost - 1 : 9);
        EXPECT_LE(WokenPriority, 9 + Boost);
        StackRemove(&Stack);
    }
}

/* ---- A thread that ends with requests ---- */

static VOID CancelPended(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    LAYER *Layer = DeviceObject->DeviceExtension;

    EXPECT_TRUE(Irp->Cancel);
    IoReleaseCancelSpinLock(Irp->CancelIrql);
    Layer->Status = STATUS_CANCELLED;
    LayerComplete(Layer, Irp);
}

static NTSTATUS PendCancelable(LAYER *Layer, PIRP Irp)
{
    IoSetCancelRoutine(Irp, CancelPended);
    return LayerPend(Layer, Irp);
}

static void EndWithRequests(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    for (ULONG i = 0; i < 3; i++)
        IofCallDriver(Stack.Top, BuildControl(METHOD_BUFFERED));
}

/* covers IoBuildDeviceIoControlRequest.5 */
TEST(io_request, thread_that_ends_cancels_its_requests)
{
    Begin(1);
    Stack.Layer[0]->Do = PendCancelable;
    KtestJoin(KtestThread(EndWithRequests, NULL, 8));
    EXPECT_EQ(Stack.Layer[0]->Calls, 3);
    EXPECT_EQ(Stack.Layer[0]->Status, STATUS_CANCELLED);
    EXPECT_EQ(KeReadStateEvent(&Event), 1);
    EXPECT_EQ(Block.Status, STATUS_CANCELLED);
    StackRemove(&Stack);
}

static void EndWithOne(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    IofCallDriver(Stack.Top, BuildControl(METHOD_BUFFERED));
}

/* Nobody completes it: after five minutes the thread goes without it, and a late end touches nothing of the
 * thread's. */
TEST(io_request, thread_gives_up_a_request_that_nobody_completes)
{
    HANDLE Handle;
    PVOID Thread;

    if (!KtestVirtualTime()) {
        KtestSkip("waits for five minutes");
        return;
    }
    Begin(1);
    Stack.Layer[0]->Do = LayerPend;
    REQUIRE_EQ(PsCreateSystemThread(&Handle, 0, NULL, NULL, NULL, EndWithOne, NULL), STATUS_SUCCESS);
    REQUIRE_EQ(ObReferenceObjectByHandle(Handle, 0, PsThreadType, KernelMode, &Thread, NULL), STATUS_SUCCESS);
    EXPECT_EQ(KeWaitForSingleObject(Thread, Executive, KernelMode, FALSE, NULL), STATUS_SUCCESS);
    ZwClose(Handle);
    ObfDereferenceObject(Thread);
    EXPECT_TRUE(Stack.Layer[0]->Irp->Cancel);
    EXPECT_EQ(Stack.Layer[0]->Irp->Tail.Overlay.Thread, NULL);
    Stack.Layer[0]->Information = LENGTH;
    LayerFinish(Stack.Layer[0]);
    EXPECT_EQ(KeReadStateEvent(&Event), 0);
    EXPECT_EQ((ULONG)Block.Status, 0xAAAAAAAA);
    EXPECT_EQ(Output[0], 0xAA);
    StackRemove(&Stack);
}

/* ---- Asynchronous requests, and who asks ---- */

/* covers IoBuildAsynchronousFsdRequest.1 */
TEST(io_request, asynchronous_one_is_its_makers)
{
    PIRP Irp;
    SENT Sent;

    Begin(2);
    Stack.Top->Flags |= DO_BUFFERED_IO;
    Irp = IoBuildAsynchronousFsdRequest(IRP_MJ_WRITE, Stack.Top, Input, LENGTH, NULL, &Block);
    EXPECT_EQ(Irp->ThreadListEntry.Flink, &Irp->ThreadListEntry);
    EXPECT_EQ(Irp->Tail.Overlay.Thread, KeGetCurrentThread());
    EXPECT_EQ(memcmp(Irp->AssociatedIrp.SystemBuffer, Input, LENGTH), 0);
    EXPECT_EQ(SendKept(Stack.Top, Irp, &Sent), STATUS_SUCCESS);
    EXPECT_EQ(Sent.Completed, 1);
    EXPECT_EQ((ULONG)Block.Status, 0xAAAAAAAA);
    IofCompleteRequest(Irp, 0);         /* its maker lets it go: all is given back */
    EXPECT_EQ(Block.Status, STATUS_SUCCESS);
    StackRemove(&Stack);
}

/* covers IoGetRequestorProcess.1, IoThreadToProcess.1 */
TEST(io_request, requestor_is_the_thread_that_built_it)
{
    PIRP Irp, Bare = IoAllocateIrp(1, FALSE);

    Begin(1);
    Irp = BuildControl(METHOD_BUFFERED);
    EXPECT_EQ(IoGetRequestorProcess(Irp), PsInitialSystemProcess);
    EXPECT_EQ(IoGetRequestorProcessId(Irp), 4);
    EXPECT_EQ(IoGetRequestorProcess(Bare), NULL);
    EXPECT_EQ(IoGetRequestorProcessId(Bare), 0);
    EXPECT_EQ(IoThreadToProcess(KeGetCurrentThread()), PsInitialSystemProcess);
    EXPECT_TRUE(IoIsSystemThread(KeGetCurrentThread()));
    IofCallDriver(Stack.Top, Irp);
    IoFreeIrp(Bare);
    StackRemove(&Stack);
}

/* covers IoIsOperationSynchronous.1 */
TEST(io_request, synchronous_by_file_or_by_mark)
{
    FILE_OBJECT File = { 0 };
    PIRP Irp = IoAllocateIrp(1, FALSE);

    Irp->CurrentLocation--;
    Irp->Tail.Overlay.CurrentStackLocation--;
    EXPECT_FALSE(IoIsOperationSynchronous(Irp));
    IoGetCurrentIrpStackLocation(Irp)->FileObject = &File;
    EXPECT_FALSE(IoIsOperationSynchronous(Irp));
    File.Flags = FO_SYNCHRONOUS_IO;
    EXPECT_TRUE(IoIsOperationSynchronous(Irp));
    Irp->Flags = IRP_PAGING_IO;
    EXPECT_FALSE(IoIsOperationSynchronous(Irp));
    Irp->Flags = IRP_PAGING_IO | IRP_SYNCHRONOUS_PAGING_IO;
    EXPECT_TRUE(IoIsOperationSynchronous(Irp));
    File.Flags = 0;
    Irp->Flags = IRP_SYNCHRONOUS_API;
    EXPECT_TRUE(IoIsOperationSynchronous(Irp));
    Irp->Flags = 0;
    IoFreeIrp(Irp);
}
