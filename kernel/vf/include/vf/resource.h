/* resource.h - what drivers are bound to with the verifier on: ERESOURCE routines that check first. */
#pragma once

#include <ex/resource.h>

NTSTATUS VfExInitializeResourceLite(PERESOURCE Resource);
NTSTATUS VfExReinitializeResourceLite(PERESOURCE Resource);
NTSTATUS VfExDeleteResourceLite(PERESOURCE Resource);
BOOLEAN VfExAcquireResourceExclusiveLite(PERESOURCE Resource, BOOLEAN Wait);
BOOLEAN VfExTryToAcquireResourceExclusiveLite(PERESOURCE Resource);
BOOLEAN VfExAcquireResourceSharedLite(PERESOURCE Resource, BOOLEAN Wait);
BOOLEAN VfExAcquireSharedStarveExclusive(PERESOURCE Resource, BOOLEAN Wait);
BOOLEAN VfExAcquireSharedWaitForExclusive(PERESOURCE Resource, BOOLEAN Wait);
PVOID VfExEnterCriticalRegionAndAcquireResourceExclusive(PERESOURCE Resource);
PVOID VfExEnterCriticalRegionAndAcquireResourceShared(PERESOURCE Resource);
PVOID VfExEnterCriticalRegionAndAcquireSharedWaitForExclusive(PERESOURCE Resource);
VOID VfExReleaseResourceLite(PERESOURCE Resource);
VOID VfExReleaseResourceForThreadLite(PERESOURCE Resource, ERESOURCE_THREAD ResourceThreadId);
VOID VfExReleaseResourceAndLeaveCriticalRegion(PERESOURCE Resource);
VOID VfExConvertExclusiveToSharedLite(PERESOURCE Resource);
VOID VfExSetResourceOwnerPointer(PERESOURCE Resource, PVOID OwnerPointer);
VOID VfExSetResourceOwnerPointerEx(PERESOURCE Resource, PVOID OwnerPointer, ULONG Flags);
BOOLEAN VfExIsResourceAcquiredExclusiveLite(PERESOURCE Resource);
ULONG VfExIsResourceAcquiredSharedLite(PERESOURCE Resource);
