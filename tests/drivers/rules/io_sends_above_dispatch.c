/* io_sends_above_dispatch.c - it sends an IRP at IRQL 3.
 *
 * fault: io 0x10 SENT_ABOVE_DISPATCH */
#include "io_rule.h"

static NTSTATUS NTAPI Dispatch(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    return Complete(Irp, STATUS_SUCCESS);
}

static VOID Run(VOID)
{
    PIRP Irp = IoAllocateIrp(1, FALSE);
    KIRQL Irql;

#ifdef FAULT
    KeRaiseIrql(3, &Irql);
#else
    KeRaiseIrql(DISPATCH_LEVEL, &Irql);
#endif
    SendKept(Lower, Irp);
    KeLowerIrql(Irql);
    IoFreeIrp(Irp);
}
