/* io_frees_in_use.c - it frees an IRP that a driver has pending.
 *
 * fault: io 0x20B FREED_IN_USE */
#include "io_rule.h"

static PIRP Pended;

static NTSTATUS NTAPI Dispatch(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    IoMarkIrpPending(Irp);
    Pended = Irp;
    return STATUS_PENDING;
}

static VOID Run(VOID)
{
    PIRP Irp = IoAllocateIrp(1, FALSE);
    KEVENT Done;

    KeInitializeEvent(&Done, NotificationEvent, FALSE);
    IoSetCompletionRoutine(Irp, Keep, &Done, TRUE, TRUE, TRUE);
    IoCallDriver(Lower, Irp);
#ifndef FAULT
    Complete(Pended, STATUS_SUCCESS);
#endif
    IoFreeIrp(Irp);
}
