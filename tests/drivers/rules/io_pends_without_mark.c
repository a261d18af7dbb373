/* io_pends_without_mark.c - it returns STATUS_PENDING for an IRP that it has not marked, and completes it later.
 *
 * fault: io 0x23D PENDING_UNMARKED
 * log: Dispatch.* which was not marked pending */
#include "io_rule.h"

static NTSTATUS NTAPI Dispatch(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
#ifndef FAULT
    IoMarkIrpPending(Irp);
#endif
    Device->CurrentIrp = Irp;
    return STATUS_PENDING;
}

static VOID Run(VOID)
{
    PIRP Irp = IoAllocateIrp(1, FALSE);
    KEVENT Done;

    KeInitializeEvent(&Done, NotificationEvent, FALSE);
    IoSetCompletionRoutine(Irp, Keep, &Done, TRUE, TRUE, TRUE);
    IoCallDriver(Lower, Irp);
    Complete(Lower->CurrentIrp, STATUS_SUCCESS);
    IoFreeIrp(Irp);
}
