/* push_lock_other_form.c - shares a push lock and gives it back as its only owner.
 *
 * fault: 0x1009 OTHER_FORM
 * log: push lock .* is released by the exclusive routine */
#include "push_lock.h"

static VOID Run(VOID)
{
    KeEnterCriticalRegion();
    ExfAcquirePushLockShared(&PushLock);
#ifdef FAULT
    ExfReleasePushLockExclusive(&PushLock);
#else
    ((PUSH_LOCK_ROUTINE)Exported(L"ExReleasePushLockEx"))(&PushLock, 0);
#endif
    KeLeaveCriticalRegion();
}
