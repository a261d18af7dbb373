/* guarded_mutex_twice.c - acquires a guarded mutex that it holds, by the unsafe routine.
 *
 * fault: 0x1000 SELF_DEADLOCK
 * log: guarded mutex .* is acquired again by the thread that holds it */
#include "rule.h"

static KGUARDED_MUTEX Mutex;

static VOID Run(VOID)
{
    KeInitializeGuardedMutex(&Mutex);
    KeAcquireGuardedMutex(&Mutex);
#ifdef FAULT
    KeAcquireGuardedMutexUnsafe(&Mutex);
#else
    if (KeTryToAcquireGuardedMutex(&Mutex))
        KeReleaseGuardedMutex(&Mutex);
#endif
    KeReleaseGuardedMutex(&Mutex);
}
