/* fast_mutex_initialized_while_held.c - initialises a fast mutex, inline, while it is held.
 *
 * fault: 0x1005 INITIALIZED_WHILE_HELD
 * log: fast mutex .* is initialised and held */
#include "rule.h"

static FAST_MUTEX Mutex;

static VOID Run(VOID)
{
    ExInitializeFastMutex(&Mutex);
    ExAcquireFastMutex(&Mutex);
#ifndef FAULT
    ExReleaseFastMutex(&Mutex);
#endif
    ExInitializeFastMutex(&Mutex);
    ExAcquireFastMutex(&Mutex);
    ExReleaseFastMutex(&Mutex);
}
