/* fast_mutex_not_held.c - releases a fast mutex that nobody holds.
 *
 * fault: 0x1007 NOT_HELD
 * log: fast mutex .* is released by a thread that does not hold it */
#include "rule.h"

/* In the import library, and in no header. */
NTKERNELAPI VOID NTAPI ExEnterCriticalRegionAndAcquireFastMutexUnsafe(PFAST_MUTEX FastMutex);
NTKERNELAPI VOID NTAPI ExReleaseFastMutexUnsafeAndLeaveCriticalRegion(PFAST_MUTEX FastMutex);

static FAST_MUTEX Mutex;

static VOID Run(VOID)
{
    ExInitializeFastMutex(&Mutex);
    ExEnterCriticalRegionAndAcquireFastMutexUnsafe(&Mutex);
#ifdef FAULT
    ExReleaseFastMutexUnsafe(&Mutex);
#endif
    ExReleaseFastMutexUnsafeAndLeaveCriticalRegion(&Mutex);
}
