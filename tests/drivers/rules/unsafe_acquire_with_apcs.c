/* unsafe_acquire_with_apcs.c - acquires a fast mutex by the unsafe routine outside any region.
 *
 * fault: 0x39 UNSAFE_ACQUIRE_WITH_APCS
 * log: fast mutex .*: the thread is at IRQL 0 and in no critical or guarded region */
#include "rule.h"

static FAST_MUTEX Mutex;

static VOID Run(VOID)
{
    ExInitializeFastMutex(&Mutex);
#ifndef FAULT
    KeEnterCriticalRegion();
#endif
    ExAcquireFastMutexUnsafe(&Mutex);
    ExReleaseFastMutexUnsafe(&Mutex);
#ifndef FAULT
    KeLeaveCriticalRegion();
#endif
}
