/* io_frees_twice.c - it frees an IRP twice.
 *
 * fault: io 0x01 FREED_NO_IRP */
#include "io_rule.h"

static NTSTATUS NTAPI Dispatch(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    return Complete(Irp, STATUS_SUCCESS);
}

static VOID Run(VOID)
{
    PIRP Irp = IoAllocateIrp(1, FALSE);

    IoFreeIrp(Irp);
#ifdef FAULT
    IoFreeIrp(Irp);
#endif
}
