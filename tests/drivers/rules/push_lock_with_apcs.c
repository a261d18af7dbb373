/* push_lock_with_apcs.c - acquires a push lock outside a critical region.
 *
 * fault: 0xED11 PUSH_LOCK_WITH_APCS
 * log: push lock .* is acquired by thread .*, which is at IRQL 0 and in no critical region */
#include "push_lock.h"

static VOID Run(VOID)
{
    PUSH_LOCK_ROUTINE Acquire = (PUSH_LOCK_ROUTINE)Exported(L"ExAcquirePushLockSharedEx");
    PUSH_LOCK_ROUTINE Release = (PUSH_LOCK_ROUTINE)Exported(L"ExReleasePushLockSharedEx");

#ifndef FAULT
    KeEnterCriticalRegion();
#endif
    Acquire(&PushLock, 0);
    Release(&PushLock, 0);
#ifndef FAULT
    KeLeaveCriticalRegion();
#endif
}
