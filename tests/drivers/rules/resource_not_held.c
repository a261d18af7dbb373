/* resource_not_held.c - releases a resource that nobody owns.
 *
 * fault: 0x1007 NOT_HELD
 * log: resource .* is released for .* and is free */
#include "rule.h"

static ERESOURCE Resource;

static VOID Run(VOID)
{
    ExInitializeResourceLite(&Resource);
    ExEnterCriticalRegionAndAcquireResourceExclusive(&Resource);
    ExReleaseResourceAndLeaveCriticalRegion(&Resource);
#ifdef FAULT
    ExReleaseResourceLite(&Resource);
#endif
    ExDeleteResourceLite(&Resource);
}
