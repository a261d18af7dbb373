/* resource_uninitialized.c - acquires a resource that is not initialised.
 *
 * fault: 0x1002 UNINITIALIZED
 * log: resource .* is used; it is not initialised */
#include "rule.h"

static ERESOURCE Resource;

static VOID Run(VOID)
{
    RtlFillMemory(&Resource, sizeof Resource, 0x55);
#ifndef FAULT
    ExInitializeResourceLite(&Resource);
#endif
    ExEnterCriticalRegionAndAcquireResourceExclusive(&Resource);
    ExReleaseResourceAndLeaveCriticalRegion(&Resource);
    ExDeleteResourceLite(&Resource);
}
