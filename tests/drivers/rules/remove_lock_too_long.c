/* remove_lock_too_long.c - compiled with DBG: uses a remove lock for longer than it is initialised for.
 *
 * fault: 0xED15 REMOVE_LOCK_LIMIT
 * log: remove lock .* was used with tag .*, since .*remove_lock_too_long.c line [0-9]+, for */
#define DBG 1
#include "rule.h"

static IO_REMOVE_LOCK Lock;

static VOID Run(VOID)
{
    LARGE_INTEGER Interval;

    Interval.QuadPart = -600000000ll;
#ifdef FAULT
    Interval.QuadPart -= 10000000;
#else
    Interval.QuadPart += 10000000;
#endif
    IoInitializeRemoveLock(&Lock, 'kcoL', 1, 0);
    IoAcquireRemoveLock(&Lock, &Lock);
    KeDelayExecutionThread(KernelMode, FALSE, &Interval);
    IoReleaseRemoveLockAndWait(&Lock, &Lock);
}
