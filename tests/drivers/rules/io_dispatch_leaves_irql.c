/* io_dispatch_leaves_irql.c - its dispatch routine returns with the cancel spin lock.
 *
 * fault: io 0x05 DISPATCH_IRQL
 * log: Dispatch.* was called at IRQL 0 and returned at IRQL 2 */
#include "io_rule.h"

static NTSTATUS NTAPI Dispatch(PDEVICE_OBJECT Device, PIRP Irp)
{
    KIRQL Irql;

    UNREFERENCED_PARAMETER(Device);
    IoAcquireCancelSpinLock(&Irql);
#ifdef FAULT
    Complete(Irp, STATUS_SUCCESS);
#else
    IoReleaseCancelSpinLock(Irql);
    Complete(Irp, STATUS_SUCCESS);
#endif
    return STATUS_SUCCESS;
}

static VOID Run(VOID)
{
    Send(Lower);
}
