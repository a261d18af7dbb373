/* io_forgets_irp.c - it returns from its dispatch routine without having done anything.
 *
 * fault: io 0x226 NEITHER_DONE_NOR_PENDING
 * log: Dispatch.* returned 0x00000000 for IRP */
#include "io_rule.h"

static NTSTATUS NTAPI Dispatch(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
#ifndef FAULT
    Complete(Irp, STATUS_SUCCESS);
#else
    UNREFERENCED_PARAMETER(Irp);
#endif
    return STATUS_SUCCESS;
}

static VOID Run(VOID)
{
    Send(Lower);
}
