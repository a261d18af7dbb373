/* queued_lock_twice.c - acquires a queued spin lock that it holds.
 *
 * fault: 0x1000 SELF_DEADLOCK
 * log: is acquired again by the processor that holds it
 * log: it was taken by thread .*queued_lock_twice.*Run */
#include "rule.h"

static KSPIN_LOCK Lock;

static VOID Run(VOID)
{
    KLOCK_QUEUE_HANDLE Outer, Inner;

    KeInitializeSpinLock(&Lock);
    KeAcquireInStackQueuedSpinLock(&Lock, &Outer);
#ifndef FAULT
    KeReleaseInStackQueuedSpinLock(&Outer);
#endif
    KeAcquireInStackQueuedSpinLock(&Lock, &Inner);
    KeReleaseInStackQueuedSpinLock(&Inner);
}
