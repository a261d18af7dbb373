/* stack.c - a stack of devices for the tests of io. */
#include "stack.h"

#include <rtl/status.h>
#include <rtl/string.h>

static NTSTATUS Dispatch(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    LAYER *Layer = DeviceObject->DeviceExtension;

    Layer->Irp = Irp;
    Layer->Seen = *IoGetCurrentIrpStackLocation(Irp);
    __atomic_add_fetch(&Layer->Calls, 1, __ATOMIC_RELAXED);
    return Layer->Do(Layer, Irp);
}

static NTSTATUS Keep(PDEVICE_OBJECT DeviceObject, PIRP Irp, PVOID Context)
{
    SENT *Sent = Context;

    Sent->Device = DeviceObject;
    Sent->PendingReturned = Irp->PendingReturned;
    Sent->Status = Irp->IoStatus.Status;
    __atomic_add_fetch(&Sent->Completed, 1, __ATOMIC_RELEASE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

/* ---- What a layer may do ---- */

NTSTATUS LayerComplete(LAYER *Layer, PIRP Irp)
{
    Irp->IoStatus.Status = Layer->Status;
    Irp->IoStatus.Information = Layer->Information;
    IofCompleteRequest(Irp, Layer->Boost);
    return Layer->Status;
}

NTSTATUS LayerPend(LAYER *Layer, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Layer);
    IoMarkIrpPending(Irp);
    return STATUS_PENDING;
}

void LayerFinish(LAYER *Layer) { LayerComplete(Layer, Layer->Irp); }

NTSTATUS LayerSkip(LAYER *Layer, PIRP Irp)
{
    Irp->CurrentLocation++;
    Irp->Tail.Overlay.CurrentStackLocation++;
    return IofCallDriver(Layer->Below, Irp);
}

NTSTATUS LayerForward(LAYER *Layer, PIRP Irp)
{
    *IoGetNextIrpStackLocation(Irp) = *IoGetCurrentIrpStackLocation(Irp);
    IoSetCompletionRoutine(Irp, Layer->Completion, Layer, (Layer->InvokeOn & SL_INVOKE_ON_SUCCESS) != 0,
                           (Layer->InvokeOn & SL_INVOKE_ON_ERROR) != 0, (Layer->InvokeOn & SL_INVOKE_ON_CANCEL) != 0);
    return IofCallDriver(Layer->Below, Irp);
}

/* ---- The stack ---- */

void StackBuild(STACK *Stack, ULONG Count) { StackBuildNamed(Stack, Count, "KtestStack"); }

void StackBuildNamed(STACK *Stack, ULONG Count, const char *Driver)
{
    memset(Stack, 0xAA, sizeof *Stack);
    Stack->Driver = IoCreateDriverObject(Driver);
    REQUIRE_TRUE(Stack->Driver != NULL);
    Stack->Count = Count;
    for (ULONG i = 0; i <= IRP_MJ_MAXIMUM_FUNCTION; i++)
        Stack->Driver->MajorFunction[i] = Dispatch;
    for (ULONG i = 0; i < Count; i++) {
        PDEVICE_OBJECT Device;

        REQUIRE_EQ(IoCreateDevice(Stack->Driver, sizeof(LAYER), NULL, FILE_DEVICE_UNKNOWN, 0, FALSE, &Device),
                   STATUS_SUCCESS);
        Stack->Layer[i] = Device->DeviceExtension;
        Stack->Layer[i]->Device = Device;
        Stack->Layer[i]->Do = i == 0 ? LayerComplete : LayerForward;
        if (i != 0)
            Stack->Layer[i]->Below = IoAttachDeviceToDeviceStack(Device, Stack->Layer[0]->Device);
        Device->Flags &= ~(ULONG)DO_DEVICE_INITIALIZING;
        Stack->Top = Device;
    }
}

void StackRemove(STACK *Stack)
{
    for (ULONG i = Stack->Count; i-- != 0;) {
        if (i != 0)
            IoDetachDevice(Stack->Layer[i - 1]->Device);
        IoDeleteDevice(Stack->Layer[i]->Device);
    }
    EXPECT_EQ(Stack->Driver->DeviceObject, NULL);
    IoDeleteDriverObject(Stack->Driver);
}

NTSTATUS SendKept(PDEVICE_OBJECT Device, PIRP Irp, SENT *Sent)
{
    memset(Sent, 0, sizeof *Sent);
    IoSetCompletionRoutine(Irp, Keep, Sent, TRUE, TRUE, TRUE);
    return IofCallDriver(Device, Irp);
}
