/* leaves_guarded_of_mutex.c - leaves the guarded region that a guarded mutex has entered.
 *
 * fault: 0x3E LEAVE_WITHOUT_ENTER
 * log: is in no guarded region: its counts are .*, and 1 of them are its mutexes */
#include "rule.h"

static KGUARDED_MUTEX Mutex;

static VOID Run(VOID)
{
    KeInitializeGuardedMutex(&Mutex);
    KeAcquireGuardedMutex(&Mutex);
#ifndef FAULT
    KeEnterGuardedRegion();
#endif
    KeLeaveGuardedRegion();
    KeReleaseGuardedMutex(&Mutex);
}
