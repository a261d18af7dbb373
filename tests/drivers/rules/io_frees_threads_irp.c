/* io_frees_threads_irp.c - it frees an IRP that the I/O manager frees.
 *
 * fault: io 0x02 FREED_THREADS_IRP */
#include "io_rule.h"

static NTSTATUS NTAPI Dispatch(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    return Complete(Irp, STATUS_SUCCESS);
}

static VOID Run(VOID)
{
    IO_STATUS_BLOCK Block;
    KEVENT Event;
    PIRP Irp;

    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    Irp = IoBuildSynchronousFsdRequest(IRP_MJ_FLUSH_BUFFERS, Lower, NULL, 0, NULL, &Event, &Block);
#ifdef FAULT
    IoFreeIrp(Irp);
#else
    IoCallDriver(Lower, Irp);
#endif
}
