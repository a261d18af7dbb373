/* call.c - an IRP's way down the device stack, and up again.
 *
 * Down: IofCallDriver takes the next location and calls the dispatch routine of the device's driver. What the caller
 * wrote there (with the DDK's inline functions) is that driver's request, and what it should be told afterwards.
 * Up: IofCompleteRequest leaves one location after the other. What a location says when it is left decides: whether its
 * driver had it pending, which PendingReturned then tells, and whether the routine that the driver above has put there
 * is called. That routine belongs to the driver above, so it gets that one's device; the maker has none, and gets NULL.
 * It may keep the IRP (STATUS_MORE_PROCESSING_REQUIRED): then it may be gone already, and nothing touches it any more
 * until somebody calls IofCompleteRequest again, which goes on where it was. A location without a routine hands its
 * pending mark up, since nobody else would.
 * Past the top the request is its maker's: finish.c. CurrentLocation is StackCount + 2 then, which is how a second
 * completion is known. */
#include "iop.h"

#include <ex/pool.h>
#include <ke/bugcheck.h>
#include <ob/object.h>

static const IO_WATCH *Watch;           /* the verifier's eyes, or NULL */

static NTSTATUS Continue(PIRP Irp)
{
    if (Irp->PendingReturned && Irp->CurrentLocation <= Irp->StackCount)
        IoMarkIrpPending(Irp);
    return STATUS_CONTINUE_COMPLETION;
}

static BOOLEAN IsWanted(PIRP Irp, UCHAR Control)
{
    return (Control & (NT_SUCCESS(Irp->IoStatus.Status) ? SL_INVOKE_ON_SUCCESS : SL_INVOKE_ON_ERROR)) != 0 ||
           (Irp->Cancel && Control & SL_INVOKE_ON_CANCEL);
}

/* Leave the current location for the next higher one. Returns: what its routine says. */
static NTSTATUS LeaveLocation(PIRP Irp)
{
    PIO_STACK_LOCATION Left = IoGetCurrentIrpStackLocation(Irp);
    PIO_COMPLETION_ROUTINE Routine = Left->CompletionRoutine;
    PVOID Context = Left->Context;
    UCHAR Control = Left->Control;

    if (UNLIKELY(Watch != NULL))
        Watch->Leaving(Irp, Left);
    Irp->PendingReturned = (Control & SL_PENDING_RETURNED) != 0;
    *Left = (IO_STACK_LOCATION){ 0 };
    Irp->CurrentLocation++;
    Irp->Tail.Overlay.CurrentStackLocation++;
    if (!IsWanted(Irp, Control))
        return Continue(Irp);
    return Routine(Irp->CurrentLocation > Irp->StackCount ? NULL : IoGetCurrentIrpStackLocation(Irp)->DeviceObject, Irp,
                   Context);
}

void IoSetWatch(const IO_WATCH *NewWatch) { Watch = NewWatch; }

/* ---- Public: IofCallDriver, IofCompleteRequest ---- */

/* IofCallDriver - send Irp, whose next stack location the caller has filled, to DeviceObject: its driver's dispatch
 * routine is called, here and now. IRQL: <= DISPATCH_LEVEL. Returns: what that returns, STATUS_PENDING if the request
 * will be completed later. Errors: no stack location left is 0x35. Source: WDK nf-wdm-iofcalldriver; bug check 0x35. */
NTSTATUS IofCallDriver(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PIO_STACK_LOCATION Location;

    IopRequireIrp(Irp, "IoCallDriver");
    if (UNLIKELY(Irp->CurrentLocation <= 1))
        KeBugCheckWith(NO_MORE_IRP_STACK_LOCATIONS, (ULONG_PTR)Irp, (ULONG_PTR)DeviceObject, (ULONG_PTR)Irp->StackCount,
                       0, "IRP %p has %d stack locations, and device %p would need one more", Irp, Irp->StackCount,
                       DeviceObject);
    Irp->CurrentLocation--;
    Location = --Irp->Tail.Overlay.CurrentStackLocation;
    Location->DeviceObject = DeviceObject;
    if (UNLIKELY(Watch != NULL))
        return Watch->Call(DeviceObject, Irp);
    return DeviceObject->DriverObject->MajorFunction[Location->MajorFunction](DeviceObject, Irp);
}

/* IofCompleteRequest - the caller is done with Irp, which has its IoStatus: completion routines are called from here
 * upwards, and at the top whoever made the request is told. PriorityBoost: what the thread that waits for it gets.
 * IRQL: <= DISPATCH_LEVEL. Errors: an IRP that is completed already is 0x44, one with a cancel routine 0x48.
 * Source: WDK nf-wdm-iofcompleterequest; bug checks 0x44, 0x48. */
VOID IofCompleteRequest(PIRP Irp, CCHAR PriorityBoost)
{
    IopRequireIrp(Irp, "IoCompleteRequest");
    if (UNLIKELY(Irp->CurrentLocation > Irp->StackCount + 1))
        KeBugCheckWith(MULTIPLE_IRP_COMPLETE_REQUESTS, (ULONG_PTR)Irp, 0, 0, 0, "IRP %p is completed a second time",
                       Irp);
    if (UNLIKELY(Irp->CancelRoutine != NULL))
        KeBugCheckWith(CANCEL_STATE_IN_COMPLETED_IRP, (ULONG_PTR)Irp, (ULONG_PTR)Irp->CancelRoutine, 0, 0,
                       "IRP %p is completed, and its cancel routine is still set: %p", Irp, (PVOID)Irp->CancelRoutine);
    while (Irp->CurrentLocation <= Irp->StackCount)
        if (LeaveLocation(Irp) == STATUS_MORE_PROCESSING_REQUIRED)
            return;
    Irp->CurrentLocation = (CCHAR)(Irp->StackCount + 2);
    IopFinishIrp(Irp, PriorityBoost);
}

/* IoCallDriver, IoCompleteRequest - the functions of those names in import libraries. */
NTSTATUS IoCallDriver(PDEVICE_OBJECT DeviceObject, PIRP Irp) { return IofCallDriver(DeviceObject, Irp); }
VOID IoCompleteRequest(PIRP Irp, CCHAR PriorityBoost) { IofCompleteRequest(Irp, PriorityBoost); }

/* ---- Public: IoSetCompletionRoutineEx, IoForwardIrpSynchronously ---- */

/* A completion routine whose driver is kept loaded until it has returned. */
typedef struct _GUARDED_ROUTINE {
    PIO_COMPLETION_ROUTINE Routine;
    PVOID Context;
    PDEVICE_OBJECT DeviceObject;
    UCHAR Control;
} GUARDED_ROUTINE;

static NTSTATUS CallGuarded(PDEVICE_OBJECT DeviceObject, PIRP Irp, PVOID Context)
{
    GUARDED_ROUTINE Guarded = *(GUARDED_ROUTINE *)Context;
    NTSTATUS Status;

    ExFreePoolWithTag(Context, IO_TAG);
    Status = IsWanted(Irp, Guarded.Control) ? Guarded.Routine(DeviceObject, Irp, Guarded.Context) : Continue(Irp);
    ObfDereferenceObject(Guarded.DeviceObject);
    return Status;
}

/* IoSetCompletionRoutineEx - IoSetCompletionRoutine, and DeviceObject, the caller's, lives until the routine has
 * returned. The IRP must be sent afterwards. IRQL: <= DISPATCH_LEVEL. Returns: STATUS_SUCCESS,
 * STATUS_INSUFFICIENT_RESOURCES. Source: WDK nf-wdm-iosetcompletionroutineex. */
NTSTATUS IoSetCompletionRoutineEx(PDEVICE_OBJECT DeviceObject, PIRP Irp, PIO_COMPLETION_ROUTINE CompletionRoutine,
                                  PVOID Context, BOOLEAN InvokeOnSuccess, BOOLEAN InvokeOnError, BOOLEAN InvokeOnCancel)
{
    GUARDED_ROUTINE *Guarded = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof *Guarded, IO_TAG);

    if (Guarded == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    IoSetCompletionRoutine(Irp, CompletionRoutine, Context, InvokeOnSuccess, InvokeOnError, InvokeOnCancel);
    *Guarded = (GUARDED_ROUTINE){ CompletionRoutine, Context, DeviceObject, IoGetNextIrpStackLocation(Irp)->Control };
    ObfReferenceObject(DeviceObject);
    IoSetCompletionRoutine(Irp, CallGuarded, Guarded, TRUE, TRUE, TRUE);
    return STATUS_SUCCESS;
}

static NTSTATUS KeepForwarded(PDEVICE_OBJECT DeviceObject, PIRP Irp, PVOID Context)
{
    UNREFERENCED_PARAMETER(DeviceObject);
    if (Irp->PendingReturned)
        KeSetEvent(Context, 0, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

/* IoForwardIrpSynchronously - send the caller's own request on to DeviceObject as it is, and wait; the caller has it
 * again then, with the answer in IoStatus. IRQL: PASSIVE_LEVEL. Returns: FALSE, and nothing was sent, if Irp has no
 * stack location left. Source: WDK nf-wdm-ioforwardirpsynchronously. */
BOOLEAN IoForwardIrpSynchronously(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    KEVENT Done;

    if (Irp->CurrentLocation <= 1)
        return FALSE;
    KeInitializeEvent(&Done, SynchronizationEvent, FALSE);
    *IoGetNextIrpStackLocation(Irp) = *IoGetCurrentIrpStackLocation(Irp);
    IoSetCompletionRoutine(Irp, KeepForwarded, &Done, TRUE, TRUE, TRUE);
    if (IofCallDriver(DeviceObject, Irp) == STATUS_PENDING)
        KeWaitForSingleObject(&Done, Executive, KernelMode, FALSE, NULL);
    return TRUE;
}
