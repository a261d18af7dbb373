/* fast_mutex_other_form.c - acquires a fast mutex by the unsafe routine and releases it by the safe one.
 *
 * fault: 0x1009 OTHER_FORM
 * log: fast mutex .* is released by the safe routine */
#include "rule.h"

static FAST_MUTEX Mutex;

static VOID Run(VOID)
{
    KIRQL OldIrql;

    ExInitializeFastMutex(&Mutex);
    KeRaiseIrql(APC_LEVEL, &OldIrql);
    ExAcquireFastMutexUnsafe(&Mutex);
#ifdef FAULT
    ExReleaseFastMutex(&Mutex);
#else
    ExReleaseFastMutexUnsafe(&Mutex);
#endif
    KeLowerIrql(OldIrql);
}
