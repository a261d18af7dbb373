/* lock_order_starving.c - shares a resource, passing who waits for it, and wants both exclusively in the other order.
 *
 * fault: 0x1001 LOCK_ORDER
 * log: now: +resource
 * log: before: +resource */
#include "rule.h"

static ERESOURCE Resources[4];

static VOID ReleaseBoth(PERESOURCE First, PERESOURCE Second)
{
    ExReleaseResourceLite(First);
    ExReleaseResourceLite(Second);
}

static VOID Run(VOID)
{
    PERESOURCE First = &Resources[0], Second = &Resources[1], Third = &Resources[2], Fourth = &Resources[3];

    for (ULONG At = 0; At < 4; At++)
        ExInitializeResourceLite(&Resources[At]);
    KeEnterCriticalRegion();
    ExAcquireSharedStarveExclusive(First, TRUE);
    ExAcquireSharedStarveExclusive(Second, TRUE);
    ReleaseBoth(First, Second);
    ExAcquireResourceExclusiveLite(Second, TRUE);
#ifdef FAULT
    ExAcquireResourceExclusiveLite(First, TRUE);
#else
    ExAcquireSharedStarveExclusive(First, TRUE);        /* let in by who shares it */
#endif
    ReleaseBoth(First, Second);

    ExAcquireResourceExclusiveLite(Fourth, TRUE);       /* the same, seen in the other order */
    ExAcquireSharedStarveExclusive(Third, TRUE);
    ReleaseBoth(Third, Fourth);
    ExAcquireResourceSharedLite(Third, TRUE);
    ExAcquireResourceExclusiveLite(Fourth, TRUE);
    ReleaseBoth(Third, Fourth);
    KeLeaveCriticalRegion();
    for (ULONG At = 0; At < 4; At++)
        ExDeleteResourceLite(&Resources[At]);
}
