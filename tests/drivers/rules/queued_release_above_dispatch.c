/* queued_release_above_dispatch.c - releases a queued spin lock above DISPATCH_LEVEL.
 *
 * fault: 0x35 QUEUED_RELEASE_IRQL
 * log: a queued spin lock is released \(twice\?\) at IRQL 5 */
#include "rule.h"

static KSPIN_LOCK Lock;

static VOID Run(VOID)
{
    KLOCK_QUEUE_HANDLE Handle;

    KeInitializeSpinLock(&Lock);
    KeAcquireInStackQueuedSpinLock(&Lock, &Handle);
#ifdef FAULT
    KfRaiseIrql(5);
#endif
    KeReleaseInStackQueuedSpinLock(&Handle);
}
