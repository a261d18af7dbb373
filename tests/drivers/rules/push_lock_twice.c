/* push_lock_twice.c - shares a push lock and then wants it for itself.
 *
 * fault: 0x1000 SELF_DEADLOCK
 * log: push lock .* is acquired exclusively by a thread that shares it */
#include "push_lock.h"

static VOID Run(VOID)
{
    KeEnterCriticalRegion();
    ExfAcquirePushLockShared(&PushLock);
#ifdef FAULT
    ExfAcquirePushLockExclusive(&PushLock);
    ExfReleasePushLockExclusive(&PushLock);
#else
    ExfAcquirePushLockShared(&PushLock);
    ExfReleasePushLockShared(&PushLock);
#endif
    ExfReleasePushLockShared(&PushLock);
    KeLeaveCriticalRegion();
}
