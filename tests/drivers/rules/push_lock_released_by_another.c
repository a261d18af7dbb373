/* push_lock_released_by_another.c - gives back a push lock that another thread has taken. With flags, which turn the
 * boost of its owner off, that is allowed.
 *
 * fault: 0x1004 RELEASED_BY_ANOTHER
 * log: push lock .* is released by a thread that does not hold it */
#include "push_lock.h"

#ifdef FAULT
static const ULONG Flags = 0;
#else
static const ULONG Flags = 1;
#endif

static VOID NTAPI Release(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    ((PUSH_LOCK_ROUTINE)Exported(L"ExReleasePushLockExclusiveEx"))(&PushLock, Flags);
}

static VOID Run(VOID)
{
    KeEnterCriticalRegion();
    ((PUSH_LOCK_ROUTINE)Exported(L"ExAcquirePushLockExclusiveEx"))(&PushLock, Flags);
    InThread(Release, NULL);
    KeLeaveCriticalRegion();
}
