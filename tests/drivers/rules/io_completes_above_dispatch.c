/* io_completes_above_dispatch.c - it completes an IRP at IRQL 3.
 *
 * fault: io 0x0E COMPLETED_ABOVE_DISPATCH */
#include "io_rule.h"

static NTSTATUS NTAPI Dispatch(PDEVICE_OBJECT Device, PIRP Irp)
{
    KIRQL Irql;

    UNREFERENCED_PARAMETER(Device);
#ifdef FAULT
    KeRaiseIrql(3, &Irql);
#else
    KeRaiseIrql(DISPATCH_LEVEL, &Irql);
#endif
    Complete(Irp, STATUS_SUCCESS);
    KeLowerIrql(Irql);
    return STATUS_SUCCESS;
}

static VOID Run(VOID)
{
    Send(Lower);
}
