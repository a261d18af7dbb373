/* push_lock_order.c - takes a push lock and a fast mutex in one order, and then in the other.
 *
 * fault: 0x1001 LOCK_ORDER
 * log: now: .*push lock */
#include "push_lock.h"

static FAST_MUTEX Mutex;

static VOID MutexFirst(VOID)
{
    ExAcquireFastMutex(&Mutex);
    ExfAcquirePushLockShared(&PushLock);
    ExfReleasePushLockShared(&PushLock);
    ExReleaseFastMutex(&Mutex);
}

static VOID PushLockFirst(VOID)
{
    KeEnterCriticalRegion();
    ExfAcquirePushLockExclusive(&PushLock);
    ExAcquireFastMutex(&Mutex);
    ExReleaseFastMutex(&Mutex);
    ExfReleasePushLockExclusive(&PushLock);
    KeLeaveCriticalRegion();
}

static VOID Run(VOID)
{
    ExInitializeFastMutex(&Mutex);
    PushLockFirst();
    PushLockFirst();
#ifdef FAULT
    MutexFirst();
#else
    (void)MutexFirst;
#endif
}
