/* fast_mutex_uninitialized.c - acquires a fast mutex in zeroed memory.
 *
 * fault: 0x1002 UNINITIALIZED
 * log: fast mutex .* is not initialised */
#include "rule.h"

static FAST_MUTEX Mutex;

static VOID Run(VOID)
{
#ifndef FAULT
    ExInitializeFastMutex(&Mutex);
#endif
    ExAcquireFastMutex(&Mutex);
    ExReleaseFastMutex(&Mutex);
}
