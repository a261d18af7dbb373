/* lock_order_all_kinds.c - takes a guarded mutex, a resource and a mutex in a ring.
 *
 * fault: 0x1001 LOCK_ORDER
 * log: now: +guarded mutex .*lock_order_all_kinds
 * log: while mutex .* was held
 * log: before: +resource .*lock_order_all_kinds
 * log: before: +mutex .*lock_order_all_kinds */
#include "rule.h"

static KGUARDED_MUTEX Guarded;
static ERESOURCE Resource;
static KMUTEX Mutex;

static VOID Run(VOID)
{
    KeInitializeGuardedMutex(&Guarded);
    ExInitializeResourceLite(&Resource);
    KeInitializeMutex(&Mutex, 0);

    KeAcquireGuardedMutex(&Guarded);
    ExEnterCriticalRegionAndAcquireResourceShared(&Resource);
    ExReleaseResourceAndLeaveCriticalRegion(&Resource);
    KeReleaseGuardedMutex(&Guarded);

    ExEnterCriticalRegionAndAcquireResourceExclusive(&Resource);
    KeWaitForSingleObject(&Mutex, Executive, KernelMode, FALSE, NULL);
    KeReleaseMutex(&Mutex, FALSE);
    ExReleaseResourceAndLeaveCriticalRegion(&Resource);

    KeWaitForSingleObject(&Mutex, Executive, KernelMode, FALSE, NULL);
#ifdef FAULT
    KeAcquireGuardedMutex(&Guarded);
    KeReleaseGuardedMutex(&Guarded);
#else
    if (KeTryToAcquireGuardedMutex(&Guarded))
        KeReleaseGuardedMutex(&Guarded);
#endif
    KeReleaseMutex(&Mutex, FALSE);
    ExDeleteResourceLite(&Resource);
}
