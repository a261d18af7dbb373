/* resource_released_for_another.c - releases a resource for the thread that acquired it and has not given it away.
 *
 * fault: 0x1004 RELEASED_BY_ANOTHER
 * log: released for another thread, which has not given it to an owner pointer
 * log: it was taken by thread .*Run|it was taken by thread .*DriverEntry */
#include "rule.h"

static ERESOURCE Resource;

static VOID NTAPI Release(PVOID Owner) { ExReleaseResourceForThreadLite(&Resource, (ERESOURCE_THREAD)Owner); }

static VOID Run(VOID)
{
    ULONG64 Storage = 0;
    PVOID Owner = (PVOID)ExGetCurrentResourceThread();

    ExInitializeResourceLite(&Resource);
    ExEnterCriticalRegionAndAcquireResourceExclusive(&Resource);
#ifndef FAULT
    Owner = (PVOID)((ULONG_PTR)&Storage | 3);
    ExSetResourceOwnerPointer(&Resource, Owner);
#endif
    InThread(Release, Owner);
    KeLeaveCriticalRegion();
    ExDeleteResourceLite(&Resource);
    UNREFERENCED_PARAMETER(Storage);
}
