/* owner_pointer_invalid.c - gives a resource to an owner pointer without the tag in its low bits.
 *
 * fault: stop 0x00000132 RESOURCE_OWNER_POINTER_INVALID
 * log: does not have 3 in its low two bits */
#include "rule.h"

static ERESOURCE Resource;
static ULONG64 Storage;

static VOID Run(VOID)
{
    PVOID Pointer = &Storage;

#ifndef FAULT
    Pointer = (PVOID)((ULONG_PTR)Pointer | 3);
#endif
    ExInitializeResourceLite(&Resource);
    ExEnterCriticalRegionAndAcquireResourceExclusive(&Resource);
    ExSetResourceOwnerPointer(&Resource, Pointer);
    ExReleaseResourceForThreadLite(&Resource, (ERESOURCE_THREAD)Pointer);
    KeLeaveCriticalRegion();
    ExDeleteResourceLite(&Resource);
}
