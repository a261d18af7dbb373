/* lock_order_converted.c - holds a resource exclusively, unless it has converted it, and wants another in a ring.
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
    ExAcquireResourceSharedLite(&First, TRUE);
    ExAcquireSharedStarveExclusive(&Second, TRUE);      /* passes who waits, not who owns it exclusively */
    ExReleaseResourceLite(&Second);
    ExReleaseResourceLite(&First);
    ExAcquireResourceExclusiveLite(&Second, TRUE);
#ifndef FAULT
    ExConvertExclusiveToSharedLite(&Second);
#endif
    ExAcquireResourceSharedLite(&First, TRUE);
    ExReleaseResourceLite(&First);
    ExReleaseResourceLite(&Second);
    KeLeaveCriticalRegion();
    ExDeleteResourceLite(&First);
    ExDeleteResourceLite(&Second);
}
