/* unsafe_release_with_apcs.c - leaves its critical region before it releases a fast mutex by the unsafe routine.
 *
 * fault: 0x3A UNSAFE_RELEASE_WITH_APCS
 * log: fast mutex .*: the thread is at IRQL 0 and in no critical or guarded region */
#include "rule.h"

static FAST_MUTEX Mutex;

static VOID Run(VOID)
{
    ExInitializeFastMutex(&Mutex);
    KeEnterCriticalRegion();
    ExAcquireFastMutexUnsafe(&Mutex);
#ifdef FAULT
    KeLeaveCriticalRegion();
    ExReleaseFastMutexUnsafe(&Mutex);
#else
    ExReleaseFastMutexUnsafe(&Mutex);
    KeLeaveCriticalRegion();
#endif
}
