/* fastmutex.c - the driver's side of the contracts of fast and guarded mutexes.
 *
 * A fast mutex is initialised inline, and all that is seen of it is that its event is initialised. So that is where one
 * that is held, or that lies where another one was, is noticed; and a mutex whose event is no event of that kind was
 * never initialised.
 * The two forms, safe and unsafe, do not mix: the safe release goes to the IRQL, or leaves the region, that only the
 * safe acquisition noted or entered. */
#include "vfp.h"
#include <ke/apc.h>
#include <ke/irql.h>
#include <ke/thread.h>
#include <vf/fastmutex.h>
#include <vf/region.h>

/* The kernel may be at work on the event for somebody else, hence KeObjectType. */
static void CheckInitialized(const FAST_MUTEX *Mutex, VFP_LOCK_KIND Kind)
{
    const DISPATCHER_HEADER *Header = &Mutex->Event.Header;

    if (UNLIKELY(KeObjectType(Header) != EventSynchronizationObject || Header->Size != sizeof(KEVENT) / sizeof(ULONG) ||
                 Header->WaitListHead.Flink == NULL || Mutex->Count < 0))
        VfStop(VF_UNINITIALIZED, (ULONG_PTR)Mutex, (ULONG)Mutex->Count, Header->Type, "%s %p is not initialised",
               VfpKindName(Kind), Mutex);
}

static void CheckAcquire(PFAST_MUTEX Mutex, VFP_LOCK_KIND Kind)
{
    KIRQL Irql = KeGetCurrentIrql();

    VfpCheckCall();
    if (Irql > APC_LEVEL)
        VfStop(VF_FAST_MUTEX_ABOVE_APC, Irql, (ULONG_PTR)Mutex, 0, "%s %p is acquired at IRQL %u", VfpKindName(Kind),
               Mutex, Irql);
    CheckInitialized(Mutex, Kind);
}

static void CheckApcs(ULONG Rule, PFAST_MUTEX Mutex, VFP_LOCK_KIND Kind)
{
    KIRQL Irql = KeGetCurrentIrql();

    if (Irql < APC_LEVEL && !KeAreApcsDisabled())
        VfStop(Rule, Irql, (ULONG)KeGetCurrentThread()->CombinedApcDisable, (ULONG_PTR)Mutex,
               "%s %p: the thread is at IRQL %u and in no critical or guarded region", VfpKindName(Kind), Mutex, Irql);
}

static void CheckAcquireUnsafe(PFAST_MUTEX Mutex, VFP_LOCK_KIND Kind)
{
    CheckAcquire(Mutex, Kind);
    CheckApcs(VF_UNSAFE_ACQUIRE_WITH_APCS, Mutex, Kind);
}

static void CheckRelease(PFAST_MUTEX Mutex, VFP_LOCK_KIND Kind)
{
    VfpCheckCall();
    CheckInitialized(Mutex, Kind);
    VfpReleasing(Mutex, Kind);
}

static void CheckReleaseUnsafe(PFAST_MUTEX Mutex, VFP_LOCK_KIND Kind)
{
    CheckApcs(VF_UNSAFE_RELEASE_WITH_APCS, Mutex, Kind);
    CheckRelease(Mutex, Kind);
}

/* ---- Public: the event of a fast mutex that is initialised inline, or just an event ---- */

VOID VfKeInitializeEvent(PRKEVENT Event, EVENT_TYPE Type, BOOLEAN State)
{
    VfpCheckCall();
    VfpFastMutexInitialized(CONTAINING_RECORD(Event, FAST_MUTEX, Event));
    KeInitializeEvent(Event, Type, State);
}

/* ---- Public: fast mutexes ---- */

VOID VfExAcquireFastMutex(PFAST_MUTEX FastMutex)
{
    CheckAcquire(FastMutex, VfpFastMutex);
    VfpAcquiring(FastMutex, VfpFastMutex, VFP_CALLER);
    ExAcquireFastMutex(FastMutex);
    VfpAcquired(FastMutex, VfpFastMutex, VFP_CALLER);
}

BOOLEAN VfExTryToAcquireFastMutex(PFAST_MUTEX FastMutex)
{
    CheckAcquire(FastMutex, VfpFastMutex);
    if (!ExTryToAcquireFastMutex(FastMutex))
        return FALSE;
    VfpAcquired(FastMutex, VfpFastMutex, VFP_CALLER);
    return TRUE;
}

VOID VfExReleaseFastMutex(PFAST_MUTEX FastMutex)
{
    KIRQL Irql = KeGetCurrentIrql();

    if (Irql != APC_LEVEL)
        VfStop(VF_FAST_MUTEX_RELEASE_IRQL, Irql, (ULONG_PTR)FastMutex, 0, "fast mutex %p is released at IRQL %u",
               FastMutex, Irql);
    CheckRelease(FastMutex, VfpFastMutex);
    ExReleaseFastMutex(FastMutex);
}

VOID VfExAcquireFastMutexUnsafe(PFAST_MUTEX FastMutex)
{
    CheckAcquireUnsafe(FastMutex, VfpFastMutexUnsafe);
    VfpAcquiring(FastMutex, VfpFastMutexUnsafe, VFP_CALLER);
    ExAcquireFastMutexUnsafe(FastMutex);
    VfpAcquired(FastMutex, VfpFastMutexUnsafe, VFP_CALLER);
}

VOID VfExReleaseFastMutexUnsafe(PFAST_MUTEX FastMutex)
{
    CheckReleaseUnsafe(FastMutex, VfpFastMutexUnsafe);
    ExReleaseFastMutexUnsafe(FastMutex);
}

VOID VfExEnterCriticalRegionAndAcquireFastMutexUnsafe(PFAST_MUTEX FastMutex)
{
    CheckAcquire(FastMutex, VfpFastMutexUnsafe);
    VfpAcquiring(FastMutex, VfpFastMutexUnsafe, VFP_CALLER);
    ExEnterCriticalRegionAndAcquireFastMutexUnsafe(FastMutex);
    VfpAcquired(FastMutex, VfpFastMutexUnsafe, VFP_CALLER);
}

VOID VfExReleaseFastMutexUnsafeAndLeaveCriticalRegion(PFAST_MUTEX FastMutex)
{
    CheckReleaseUnsafe(FastMutex, VfpFastMutexUnsafe);
    ExReleaseFastMutexUnsafe(FastMutex);
    VfKeLeaveCriticalRegion();
}

/* ---- Public: guarded mutexes ---- */

FORCEINLINE PFAST_MUTEX Inner(PKGUARDED_MUTEX Mutex) { return (PFAST_MUTEX)Mutex; }

VOID VfKeInitializeGuardedMutex(PKGUARDED_MUTEX Mutex)
{
    VfpCheckCall();
    VfpInitialized(Mutex, VfpGuardedMutex);
    KeInitializeGuardedMutex(Mutex);
}

VOID VfKeAcquireGuardedMutex(PKGUARDED_MUTEX Mutex)
{
    CheckAcquire(Inner(Mutex), VfpGuardedMutex);
    VfpAcquiring(Mutex, VfpGuardedMutex, VFP_CALLER);
    KeAcquireGuardedMutex(Mutex);
    VfpAcquired(Mutex, VfpGuardedMutex, VFP_CALLER);
}

BOOLEAN VfKeTryToAcquireGuardedMutex(PKGUARDED_MUTEX Mutex)
{
    CheckAcquire(Inner(Mutex), VfpGuardedMutex);
    if (!KeTryToAcquireGuardedMutex(Mutex))
        return FALSE;
    VfpAcquired(Mutex, VfpGuardedMutex, VFP_CALLER);
    return TRUE;
}

VOID VfKeReleaseGuardedMutex(PKGUARDED_MUTEX Mutex)
{
    CheckRelease(Inner(Mutex), VfpGuardedMutex);
    KeReleaseGuardedMutexUnsafe(Mutex);
    VfKeLeaveGuardedRegion();
}

VOID VfKeAcquireGuardedMutexUnsafe(PKGUARDED_MUTEX Mutex)
{
    CheckAcquireUnsafe(Inner(Mutex), VfpGuardedMutexUnsafe);
    VfpAcquiring(Mutex, VfpGuardedMutexUnsafe, VFP_CALLER);
    KeAcquireGuardedMutexUnsafe(Mutex);
    VfpAcquired(Mutex, VfpGuardedMutexUnsafe, VFP_CALLER);
}

VOID VfKeReleaseGuardedMutexUnsafe(PKGUARDED_MUTEX Mutex)
{
    CheckReleaseUnsafe(Inner(Mutex), VfpGuardedMutexUnsafe);
    KeReleaseGuardedMutexUnsafe(Mutex);
}
