/* guarded_mutex_above_apc.c - acquires a guarded mutex at DISPATCH_LEVEL.
 *
 * fault: 0x33 FAST_MUTEX_ABOVE_APC
 * log: guarded mutex .* is acquired at IRQL 2 */
#include "rule.h"

static KGUARDED_MUTEX Mutex;

static VOID Run(VOID)
{
    KIRQL OldIrql;

    KeInitializeGuardedMutex(&Mutex);
#ifdef FAULT
    KeRaiseIrql(DISPATCH_LEVEL, &OldIrql);
#else
    KeRaiseIrql(APC_LEVEL, &OldIrql);
#endif
    KeAcquireGuardedMutex(&Mutex);
    KeReleaseGuardedMutex(&Mutex);
    KeLowerIrql(OldIrql);
}
