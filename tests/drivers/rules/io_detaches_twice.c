/* io_detaches_twice.c - it detaches from a device what is detached already.
 *
 * fault: io 0x202 DETACHED_NOTHING */
#include "io_rule.h"

static NTSTATUS NTAPI Dispatch(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    return Complete(Irp, STATUS_SUCCESS);
}

static VOID Run(VOID)
{
#ifdef FAULT
    IoDetachDevice(Lower);
    IoDetachDevice(Lower);
#endif
}
