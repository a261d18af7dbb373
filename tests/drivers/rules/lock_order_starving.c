/* lock_order_starving.c - shares a resource, passing who waits for it, and wants both exclusively in the other order.
 *
 * fault: 0x1001 LOCK_ORDER
 * log: now: +resource
 * log: before: +resource */
#include "rule.h"

static ERESOURCE First, Second;

static VOID Run(VOID)
{
    ExInitializeResourceLite(&First);
    ExInitializeResourceLite(&Second);
    KeEnterCriticalRegion();
    ExAcquireSharedStarveExclusive(&First, TRUE);
    ExAcquireSharedStarveExclusive(&Second, TRUE);
    ExReleaseResourceLite(&Second);
    ExReleaseResourceLite(&First);
    ExAcquireResourceExclusiveLite(&Second, TRUE);
#ifdef FAULT
    ExAcquireResourceExclusiveLite(&First, TRUE);
#else
    ExAcquireSharedStarveExclusive(&First, TRUE);       /* let in by who shares it */
#endif
    ExReleaseResourceLite(&First);
    ExReleaseResourceLite(&Second);
    KeLeaveCriticalRegion();
    ExDeleteResourceLite(&First);
    ExDeleteResourceLite(&Second);
}
