/* lock_order_shared.c - shares two resources in two orders: who wants one exclusively can come between.
 *
 * fault: 0x1001 LOCK_ORDER
 * log: now: +resource
 * log: before: +resource */
#include "rule.h"

static ERESOURCE First, Second;

/* Whoever passes those who wait is let in by who shares it. */
static BOOLEAN Share(PERESOURCE Resource)
{
#ifdef FAULT
    return ExAcquireResourceSharedLite(Resource, TRUE);
#else
    return ExAcquireSharedStarveExclusive(Resource, TRUE);
#endif
}

static VOID Run(VOID)
{
    ExInitializeResourceLite(&First);
    ExInitializeResourceLite(&Second);
    KeEnterCriticalRegion();
    Share(&First);
    Share(&Second);
    ExReleaseResourceLite(&Second);
    ExReleaseResourceLite(&First);
    Share(&Second);
    Share(&First);
    ExReleaseResourceLite(&First);
    ExReleaseResourceLite(&Second);
    KeLeaveCriticalRegion();
    ExDeleteResourceLite(&First);
    ExDeleteResourceLite(&Second);
}
