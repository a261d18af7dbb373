/* unsafe_guarded_acquire_with_apcs.c - acquires a guarded mutex by the unsafe routine outside any region.
 *
 * fault: 0x39 UNSAFE_ACQUIRE_WITH_APCS
 * log: guarded mutex .*: the thread is at IRQL 0 and in no critical or guarded region */
#include "rule.h"

static KGUARDED_MUTEX Mutex;

static VOID Run(VOID)
{
    KeInitializeGuardedMutex(&Mutex);
#ifndef FAULT
    KeEnterGuardedRegion();
#endif
    KeAcquireGuardedMutexUnsafe(&Mutex);
    KeReleaseGuardedMutexUnsafe(&Mutex);
#ifndef FAULT
    KeLeaveGuardedRegion();
#endif
}
