/* fast_mutex_release_irql.c - lowers the IRQL under a fast mutex, which is then released at PASSIVE_LEVEL.
 *
 * fault: 0x34 FAST_MUTEX_RELEASE_IRQL
 * log: fast mutex .* is released at IRQL 0 */
#include "rule.h"

static FAST_MUTEX Mutex;

static VOID Run(VOID)
{
    ExInitializeFastMutex(&Mutex);
    ExAcquireFastMutex(&Mutex);
#ifdef FAULT
    KeLowerIrql(PASSIVE_LEVEL);
#endif
    ExReleaseFastMutex(&Mutex);
}
