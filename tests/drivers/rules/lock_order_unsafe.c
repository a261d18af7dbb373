/* lock_order_unsafe.c - takes two fast mutexes in two orders, by the safe and by the unsafe routines.
 *
 * fault: 0x1001 LOCK_ORDER
 * log: now: +fast mutex
 * log: before: +fast mutex */
#include "rule.h"

static FAST_MUTEX First, Second;

static VOID Run(VOID)
{
    ExInitializeFastMutex(&First);
    ExInitializeFastMutex(&Second);
    ExAcquireFastMutex(&First);
    ExAcquireFastMutex(&Second);
    ExReleaseFastMutex(&Second);
    ExReleaseFastMutex(&First);
#ifndef FAULT
    ExInitializeFastMutex(&First);              /* another mutex from now on, and it has no order yet */
#endif
    KeEnterCriticalRegion();
    ExAcquireFastMutexUnsafe(&Second);
    ExAcquireFastMutexUnsafe(&First);
    ExReleaseFastMutexUnsafe(&First);
    ExReleaseFastMutexUnsafe(&Second);
    KeLeaveCriticalRegion();
}
