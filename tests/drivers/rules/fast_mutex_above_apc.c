/* fast_mutex_above_apc.c - acquires a fast mutex at DISPATCH_LEVEL.
 *
 * fault: 0x33 FAST_MUTEX_ABOVE_APC
 * log: fast mutex .* is acquired at IRQL 2 */
#include "rule.h"

static FAST_MUTEX Mutex;

static VOID Run(VOID)
{
    KIRQL OldIrql;

    ExInitializeFastMutex(&Mutex);
#ifdef FAULT
    KeRaiseIrql(DISPATCH_LEVEL, &OldIrql);
#else
    KeRaiseIrql(APC_LEVEL, &OldIrql);
#endif
    if (ExTryToAcquireFastMutex(&Mutex))
        ExReleaseFastMutex(&Mutex);
    KeLowerIrql(OldIrql);
}
