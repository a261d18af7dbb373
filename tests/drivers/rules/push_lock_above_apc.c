/* push_lock_above_apc.c - acquires a push lock at DISPATCH_LEVEL.
 *
 * fault: 0xED10 PUSH_LOCK_IRQL
 * log: push lock .* is acquired at IRQL 2 */
#include "push_lock.h"

static VOID Run(VOID)
{
    KIRQL OldIrql;

#ifdef FAULT
    KeRaiseIrql(DISPATCH_LEVEL, &OldIrql);
#else
    KeRaiseIrql(APC_LEVEL, &OldIrql);
#endif
    ExfAcquirePushLockExclusive(&PushLock);
    ExfReleasePushLockExclusive(&PushLock);
    KeLowerIrql(OldIrql);
}
