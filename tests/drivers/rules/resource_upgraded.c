/* resource_upgraded.c - wants a resource exclusively that it shares.
 *
 * fault: 0x1000 SELF_DEADLOCK
 * log: resource .* is acquired exclusively by a thread that shares it */
#include "rule.h"

static ERESOURCE Resource;

static VOID Run(VOID)
{
    ExInitializeResourceLite(&Resource);
    KeEnterCriticalRegion();
    ExAcquireResourceSharedLite(&Resource, TRUE);
    ExAcquireResourceSharedLite(&Resource, TRUE);
    ExReleaseResourceLite(&Resource);
#ifndef FAULT
    ExReleaseResourceLite(&Resource);
#endif
    ExAcquireResourceExclusiveLite(&Resource, TRUE);
    ExAcquireResourceSharedLite(&Resource, TRUE);
    ExReleaseResourceLite(&Resource);
    ExReleaseResourceLite(&Resource);
    KeLeaveCriticalRegion();
    ExDeleteResourceLite(&Resource);
}
