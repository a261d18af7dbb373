/* resource.c - the driver's side of the contracts of resources.
 *
 * Whether a resource is initialised is known for certain: it is on the system's list or it is not. Who owns it stands
 * in the resource itself, so what is said of a release is certain, too; what was seen acquired (held.c) tells where.
 * A level may be released by another thread than acquired it only after ExSetResourceOwnerPointer has given it to a
 * pointer: until then the owner is a thread, which may end and have its address used again. NT works all the same
 * while it lives; so does Kedge without the verifier.
 * Parameter 1 0x38, a release with normal APCs enabled, has no rule: NT excepts system threads, and here all are. */
#include "vfp.h"
#include <ex/pool.h>
#include <ke/apc.h>
#include <ke/irql.h>
#include <ke/thread.h>
#include <vf/region.h>
#include <vf/resource.h>

enum { RESOURCE_ALIGNMENT = 8, POINTER_TAG = 3 };

static ERESOURCE_THREAD Self(void) { return (ERESOURCE_THREAD)KeGetCurrentThread(); }

static void CheckAligned(PERESOURCE Resource)
{
    VfpCheckCall();
    if ((ULONG_PTR)Resource % RESOURCE_ALIGNMENT != 0)
        VfStop(VF_RESOURCE_NOT_ALIGNED, 0, 0, (ULONG_PTR)Resource, "resource %p is not aligned", Resource);
}

static void CheckUse(PERESOURCE Resource)
{
    CheckAligned(Resource);
    if (LIKELY(ExIsResourceListed(Resource)))
        return;
    if (ExIsFreedPool(Resource))
        VfStop(VF_RESOURCE_FREED, (ULONG_PTR)Resource, 0, 0, "resource %p is used and lies in freed memory", Resource);
    VfStop(VF_UNINITIALIZED, (ULONG_PTR)Resource, 0, 0,
           "resource %p is used; it is not initialised, or has been deleted", Resource);
}

/* ---- Acquiring ---- */

static void CheckIrqlAndUse(PERESOURCE Resource)
{
    KIRQL Irql = KeGetCurrentIrql();

    if (Irql > APC_LEVEL)
        VfStop(VF_WAIT_AT_WRONG_IRQL, Irql, (ULONG_PTR)Resource, 0, "resource %p is acquired at IRQL %u", Resource,
               Irql);
    CheckUse(Resource);
}

static void CheckAcquire(PERESOURCE Resource)
{
    KIRQL Irql = KeGetCurrentIrql();

    CheckIrqlAndUse(Resource);
    if (Irql < APC_LEVEL && !KeAreApcsDisabled())
        VfStop(VF_RESOURCE_WITH_APCS, Irql, (ULONG)KeGetCurrentThread()->CombinedApcDisable, (ULONG_PTR)Resource,
               "resource %p is acquired by thread %p, which is at IRQL %u and in no critical region", Resource,
               KeGetCurrentThread(), Irql);
}

typedef BOOLEAN (*ACQUIRE)(PERESOURCE Resource, BOOLEAN Wait);

static BOOLEAN AcquireBy(ACQUIRE Routine, PERESOURCE Resource, BOOLEAN Wait, VFP_LOCK_KIND Kind, PVOID Place)
{
    CheckAcquire(Resource);
    if (Wait)
        VfpAcquiring(Resource, Kind, Place);
    if (!Routine(Resource, Wait))
        return FALSE;
    VfpAcquired(Resource, Kind, Place);
    return TRUE;
}

static PVOID EnterAndAcquireBy(ACQUIRE Routine, PERESOURCE Resource, VFP_LOCK_KIND Kind, PVOID Place)
{
    CheckIrqlAndUse(Resource);
    VfpAcquiring(Resource, Kind, Place);
    KeEnterCriticalRegion();
    Routine(Resource, TRUE);
    VfpAcquired(Resource, Kind, Place);
    return NULL;
}

/* ---- Releasing ---- */

static void CheckRelease(PERESOURCE Resource, ERESOURCE_THREAD Owner)
{
    CheckUse(Resource);
    if (ExQueryResourceLevels(Resource, Owner) == 0) {
        if (ExIsResourceUnowned(Resource))
            VfStop(VF_NOT_HELD, (ULONG_PTR)Resource, Owner, 0, "resource %p is released for %p and is free", Resource,
                   (PVOID)Owner);
        VfpStopHeld(VF_RELEASED_BY_ANOTHER, Resource, "is released for one who does not own it");
    }
    if (Owner != Self() && (Owner & POINTER_TAG) != POINTER_TAG)
        VfpStopHeld(VF_RELEASED_BY_ANOTHER, Resource,
                    "is released for another thread, which has not given it to an owner pointer");
    VfpReleasingFor(Resource, Owner);
}

static void CheckUnowned(PERESOURCE Resource, ULONG Rule, const char *What)
{
    if (!ExIsResourceUnowned(Resource) || ExGetExclusiveWaiterCount(Resource) != 0 ||
        ExGetSharedWaiterCount(Resource) != 0)
        VfpStopHeld(Rule, Resource, What);
}

/* ---- Public: beginning and end ---- */

NTSTATUS VfExInitializeResourceLite(PERESOURCE Resource)
{
    CheckAligned(Resource);
    if (ExFindResourceIn(Resource, 1) != NULL)
        VfpStopHeld(VF_RESOURCE_INITIALIZED_TWICE, Resource, "is initialised and has not been deleted");
    VfpInitialized(Resource, VfpResource);
    return ExInitializeResourceFor(Resource, VFP_CALLER);
}

NTSTATUS VfExReinitializeResourceLite(PERESOURCE Resource)
{
    CheckUse(Resource);
    CheckUnowned(Resource, VF_INITIALIZED_WHILE_HELD, "is reinitialised and owned or waited for");
    VfpInitialized(Resource, VfpResource);
    return ExReinitializeResourceLite(Resource);
}

NTSTATUS VfExDeleteResourceLite(PERESOURCE Resource)
{
    CheckAligned(Resource);
    if (ExFindResourceIn(Resource, 1) == NULL)
        VfStop(VF_RESOURCE_NOT_INITIALIZED, (ULONG_PTR)Resource, 0, 0, "resource %p is deleted", Resource);
    CheckUnowned(Resource, VF_FREED_WHILE_HELD, "is deleted and owned or waited for");
    VfpInitialized(Resource, VfpResource);
    return ExDeleteResourceLite(Resource);
}

/* ---- Public: acquire and release ---- */

BOOLEAN VfExAcquireResourceExclusiveLite(PERESOURCE Resource, BOOLEAN Wait)
{
    return AcquireBy(ExAcquireResourceExclusiveLite, Resource, Wait, VfpResource, VFP_CALLER);
}

BOOLEAN VfExTryToAcquireResourceExclusiveLite(PERESOURCE Resource)
{
    return AcquireBy(ExAcquireResourceExclusiveLite, Resource, FALSE, VfpResource, VFP_CALLER);
}

BOOLEAN VfExAcquireResourceSharedLite(PERESOURCE Resource, BOOLEAN Wait)
{
    return AcquireBy(ExAcquireResourceSharedLite, Resource, Wait, VfpResourceShared, VFP_CALLER);
}

BOOLEAN VfExAcquireSharedStarveExclusive(PERESOURCE Resource, BOOLEAN Wait)
{
    return AcquireBy(ExAcquireSharedStarveExclusive, Resource, Wait, VfpResourceStarving, VFP_CALLER);
}

BOOLEAN VfExAcquireSharedWaitForExclusive(PERESOURCE Resource, BOOLEAN Wait)
{
    return AcquireBy(ExAcquireSharedWaitForExclusive, Resource, Wait, VfpResourceShared, VFP_CALLER);
}

PVOID VfExEnterCriticalRegionAndAcquireResourceExclusive(PERESOURCE Resource)
{
    return EnterAndAcquireBy(ExAcquireResourceExclusiveLite, Resource, VfpResource, VFP_CALLER);
}

PVOID VfExEnterCriticalRegionAndAcquireResourceShared(PERESOURCE Resource)
{
    return EnterAndAcquireBy(ExAcquireResourceSharedLite, Resource, VfpResourceShared, VFP_CALLER);
}

PVOID VfExEnterCriticalRegionAndAcquireSharedWaitForExclusive(PERESOURCE Resource)
{
    return EnterAndAcquireBy(ExAcquireSharedWaitForExclusive, Resource, VfpResourceShared, VFP_CALLER);
}

VOID VfExReleaseResourceLite(PERESOURCE Resource)
{
    CheckRelease(Resource, Self());
    ExReleaseResourceLite(Resource);
}

VOID VfExReleaseResourceForThreadLite(PERESOURCE Resource, ERESOURCE_THREAD ResourceThreadId)
{
    CheckRelease(Resource, ResourceThreadId);
    ExReleaseResourceForThreadLite(Resource, ResourceThreadId);
}

VOID VfExReleaseResourceAndLeaveCriticalRegion(PERESOURCE Resource)
{
    CheckRelease(Resource, Self());
    ExReleaseResourceLite(Resource);
    VfKeLeaveCriticalRegion();
}

/* Who shares it from now on is let in by the conversion, so it is noted before. */
VOID VfExConvertExclusiveToSharedLite(PERESOURCE Resource)
{
    CheckUse(Resource);
    if (ExIsResourceAcquiredExclusiveLite(Resource))
        VfpSharing(Resource);
    ExConvertExclusiveToSharedLite(Resource);
}

/* ---- Public: owner pointers, questions ---- */

VOID VfExSetResourceOwnerPointer(PERESOURCE Resource, PVOID OwnerPointer)
{
    CheckUse(Resource);
    VfpTransferring(Resource, (ERESOURCE_THREAD)OwnerPointer);
    ExSetResourceOwnerPointer(Resource, OwnerPointer);
}

VOID VfExSetResourceOwnerPointerEx(PERESOURCE Resource, PVOID OwnerPointer, ULONG Flags)
{
    CheckUse(Resource);
    VfpTransferring(Resource, (ERESOURCE_THREAD)OwnerPointer);
    ExSetResourceOwnerPointerEx(Resource, OwnerPointer, Flags);
}

BOOLEAN VfExIsResourceAcquiredExclusiveLite(PERESOURCE Resource)
{
    CheckUse(Resource);
    return ExIsResourceAcquiredExclusiveLite(Resource);
}

ULONG VfExIsResourceAcquiredSharedLite(PERESOURCE Resource)
{
    CheckUse(Resource);
    return ExIsResourceAcquiredSharedLite(Resource);
}
