/* guarded_mutex_initialized_while_held.c - initialises a guarded mutex while it is held.
 *
 * fault: 0x1005 INITIALIZED_WHILE_HELD
 * log: guarded mutex .* is initialised and held */
#include "rule.h"

static KGUARDED_MUTEX Mutex;

static VOID Run(VOID)
{
    KeInitializeGuardedMutex(&Mutex);
    KeAcquireGuardedMutex(&Mutex);
#ifdef FAULT
    KeInitializeGuardedMutex(&Mutex);
#endif
    KeReleaseGuardedMutex(&Mutex);
    KeInitializeGuardedMutex(&Mutex);
}
