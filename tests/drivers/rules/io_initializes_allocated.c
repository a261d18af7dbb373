/* io_initializes_allocated.c - it initialises an IRP of IoAllocateIrp.
 *
 * fault: io 0x20D INITIALIZED_ALLOCATED */
#include "io_rule.h"

static NTSTATUS NTAPI Dispatch(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    return Complete(Irp, STATUS_SUCCESS);
}

static VOID Run(VOID)
{
    PIRP Irp = IoAllocateIrp(1, FALSE);

    SendKept(Lower, Irp);
#ifdef FAULT
    IoInitializeIrp(Irp, IoSizeOfIrp(1), 1);
#else
    IoReuseIrp(Irp, STATUS_SUCCESS);
#endif
    SendKept(Lower, Irp);
    IoFreeIrp(Irp);
}
