/* fast_mutex_twice.c - acquires a fast mutex that it holds.
 *
 * fault: 0x1000 SELF_DEADLOCK
 * log: fast mutex .* is acquired again by the thread that holds it
 * log: it was taken by thread .*fast_mutex_twice.*(Run|DriverEntry) */
#include "rule.h"

static FAST_MUTEX Mutex;

static VOID Run(VOID)
{
    ExInitializeFastMutex(&Mutex);
    ExAcquireFastMutex(&Mutex);
#ifdef FAULT
    ExAcquireFastMutex(&Mutex);
#else
    if (ExTryToAcquireFastMutex(&Mutex))
        ExReleaseFastMutex(&Mutex);
#endif
    ExReleaseFastMutex(&Mutex);
}
