/* io_returns_other_status.c - it returns success for an IRP that it has completed with an error.
 *
 * fault: io 0x224 STATUS_DIFFERS
 * log: Dispatch.* returned 0x00000000 for IRP .* completed with 0xC0000010 */
#include "io_rule.h"

static NTSTATUS NTAPI Dispatch(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    Complete(Irp, STATUS_INVALID_DEVICE_REQUEST);
#ifdef FAULT
    return STATUS_SUCCESS;
#else
    return STATUS_INVALID_DEVICE_REQUEST;
#endif
}

static VOID Run(VOID)
{
    Send(Lower);
}
