/* io_timer_twice.c - it initialises its device's timer a second time.
 *
 * fault: io 0x0A TIMER_INITIALIZED_TWICE */
#include "io_rule.h"

static NTSTATUS NTAPI Dispatch(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    return Complete(Irp, STATUS_SUCCESS);
}

static VOID NTAPI Tick(PDEVICE_OBJECT Device, PVOID Context)
{
    UNREFERENCED_PARAMETER(Device);
    UNREFERENCED_PARAMETER(Context);
}

static VOID Run(VOID)
{
    IoInitializeTimer(Lower, Tick, NULL);
#ifdef FAULT
    IoInitializeTimer(Lower, Tick, NULL);
#endif
}
