/* io_copies_routine.c - it copies its stack location, and with it the completion routine of the driver above. (Who has
 * two devices in one stack may set the same routine twice.)
 *
 * fault: io 0x207 ROUTINE_COPIED
 * log: completion routine of the driver above: .*KeepForwarded */
#include "io_rule.h"

/* Of the request's maker, who has no device, and of Upper. */
static NTSTATUS NTAPI Note(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    UNREFERENCED_PARAMETER(Irp);
    UNREFERENCED_PARAMETER(Context);
    return Device == NULL ? STATUS_MORE_PROCESSING_REQUIRED : STATUS_CONTINUE_COMPLETION;
}

static NTSTATUS NTAPI Dispatch(PDEVICE_OBJECT Device, PIRP Irp)
{
    if (Device == Lower)
        return Complete(Irp, STATUS_SUCCESS);
#ifdef FAULT
    *IoGetNextIrpStackLocation(Irp) = *IoGetCurrentIrpStackLocation(Irp);
#else
    IoCopyCurrentIrpStackLocationToNext(Irp);
    IoSetCompletionRoutine(Irp, Note, NULL, TRUE, TRUE, TRUE);
#endif
    return IoCallDriver(Lower, Irp);
}

static VOID Run(VOID)
{
    PIRP Irp = IoAllocateIrp(Upper->StackSize + 1, FALSE);

    if (Irp == NULL)
        return;
    IoSetNextIrpStackLocation(Irp);
    IoGetCurrentIrpStackLocation(Irp)->MajorFunction = IRP_MJ_FLUSH_BUFFERS;
    IoForwardIrpSynchronously(Upper, Irp);
    IoReuseIrp(Irp, STATUS_SUCCESS);
    IoGetNextIrpStackLocation(Irp)->MajorFunction = IRP_MJ_FLUSH_BUFFERS;
    IoSetCompletionRoutine(Irp, Note, NULL, TRUE, TRUE, TRUE);
    IoCallDriver(Upper, Irp);
    IoFreeIrp(Irp);
}
