/* lock_order_shared_gate.c - takes two fast mutexes in two orders under a resource that all who do so may share.
 *
 * fault: 0x1001 LOCK_ORDER
 * log: now: +fast mutex */
#include "rule.h"

static ERESOURCE Gate;
static FAST_MUTEX First, Second;

static VOID Both(PFAST_MUTEX Outer, PFAST_MUTEX Inner, BOOLEAN Alone)
{
    KeEnterCriticalRegion();
    if (Alone)
        ExAcquireResourceExclusiveLite(&Gate, TRUE);
    else
        ExAcquireResourceSharedLite(&Gate, TRUE);
    ExAcquireFastMutexUnsafe(Outer);
    ExAcquireFastMutexUnsafe(Inner);
    ExReleaseFastMutexUnsafe(Inner);
    ExReleaseFastMutexUnsafe(Outer);
    ExReleaseResourceLite(&Gate);
    KeLeaveCriticalRegion();
}

static VOID Run(VOID)
{
    ExInitializeResourceLite(&Gate);
    ExInitializeFastMutex(&First);
    ExInitializeFastMutex(&Second);
    Both(&First, &Second, TRUE);
    Both(&First, &Second, FALSE);
#ifdef FAULT
    Both(&Second, &First, FALSE);
#else
    Both(&Second, &First, TRUE);                /* not while anybody shares the gate */
#endif
    ExDeleteResourceLite(&Gate);
}
