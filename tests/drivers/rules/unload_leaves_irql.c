/* unload_leaves_irql.c - returns from DriverUnload at DISPATCH_LEVEL.
 *
 * fault: 0x2001D CALLBACK_IRQL
 * log: DriverUnload of unload_leaves_irql.*\.sys was called at IRQL 0 and returned at IRQL 2 */
#define UNLOAD Unload
#include <ntddk.h>

static DRIVER_UNLOAD Unload;

#include "rule.h"

static VOID Run(VOID) {}

static VOID NTAPI Unload(PDRIVER_OBJECT DriverObject)
{
    KIRQL OldIrql;

    UNREFERENCED_PARAMETER(DriverObject);
    KeRaiseIrql(DISPATCH_LEVEL, &OldIrql);
#ifndef FAULT
    KeLowerIrql(OldIrql);
#endif
}
