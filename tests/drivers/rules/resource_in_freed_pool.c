/* resource_in_freed_pool.c - uses a resource in memory that it has freed.
 *
 * fault: 0xD2 RESOURCE_FREED
 * log: resource .* is used and lies in freed memory */
#include "rule.h"

static VOID Run(VOID)
{
    PERESOURCE Resource = ExAllocatePoolWithTag(NonPagedPool, sizeof *Resource, 'txEK');

    if (Resource == NULL)
        return;
    ExInitializeResourceLite(Resource);
    KeEnterCriticalRegion();
#ifndef FAULT
    ExAcquireResourceExclusiveLite(Resource, TRUE);
    ExReleaseResourceLite(Resource);
#endif
    ExDeleteResourceLite(Resource);
    ExFreePoolWithTag(Resource, 'txEK');
#ifdef FAULT
    ExAcquireResourceExclusiveLite(Resource, TRUE);
#endif
    KeLeaveCriticalRegion();
}
