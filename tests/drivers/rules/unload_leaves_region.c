/* unload_leaves_region.c - returns from DriverUnload inside a critical region.
 *
 * fault: 0x40003 CALLBACK_REGION
 * log: DriverUnload of unload_leaves_region.*\.sys left a critical or guarded region entered */
#define UNLOAD Unload
#include <ntddk.h>

static DRIVER_UNLOAD Unload;

#include "rule.h"

static VOID Run(VOID) {}

static VOID NTAPI Unload(PDRIVER_OBJECT DriverObject)
{
    UNREFERENCED_PARAMETER(DriverObject);
    KeEnterCriticalRegion();
#ifndef FAULT
    KeLeaveCriticalRegion();
#endif
}
