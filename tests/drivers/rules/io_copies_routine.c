/* io_copies_routine.c - it copies its stack location, and with it the completion routine of the driver above.
 *
 * fault: io 0x207 ROUTINE_COPIED
 * log: completion routine of the driver above: .*Keep */
#include "io_rule.h"

static NTSTATUS NTAPI Dispatch(PDEVICE_OBJECT Device, PIRP Irp)
{
    if (Device == Lower)
        return Complete(Irp, STATUS_SUCCESS);
#ifdef FAULT
    *IoGetNextIrpStackLocation(Irp) = *IoGetCurrentIrpStackLocation(Irp);
#else
    IoCopyCurrentIrpStackLocationToNext(Irp);
#endif
    return IoCallDriver(Lower, Irp);
}

static VOID Run(VOID)
{
    Send(Upper);
}
