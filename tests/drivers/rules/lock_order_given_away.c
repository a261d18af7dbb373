/* lock_order_given_away.c - takes two resources in two orders, unless it has given the first away by then.
 *
 * fault: 0x1001 LOCK_ORDER
 * log: now: +resource */
#include "rule.h"

static ERESOURCE First, Second;
static ULONG64 Storage;

static VOID Run(VOID)
{
    PVOID Pointer = (PVOID)((ULONG_PTR)&Storage | 3);

    ExInitializeResourceLite(&First);
    ExInitializeResourceLite(&Second);
    KeEnterCriticalRegion();
    ExAcquireResourceExclusiveLite(&First, TRUE);
    ExAcquireResourceExclusiveLite(&Second, TRUE);
    ExReleaseResourceLite(&Second);
    ExReleaseResourceLite(&First);
    ExAcquireResourceExclusiveLite(&Second, TRUE);
#ifndef FAULT
    ExSetResourceOwnerPointer(&Second, Pointer);
#endif
    ExAcquireResourceExclusiveLite(&First, TRUE);
    ExReleaseResourceLite(&First);
#ifdef FAULT
    ExSetResourceOwnerPointer(&Second, Pointer);
#endif
    ExReleaseResourceForThreadLite(&Second, (ERESOURCE_THREAD)Pointer);
    KeLeaveCriticalRegion();
    ExDeleteResourceLite(&First);
    ExDeleteResourceLite(&Second);
}
