/* thread_ends_with_push_lock.c - a thread ends and still shares a push lock.
 *
 * fault: 0x100A THREAD_ENDS_WITH_LOCK
 * log: ends and holds push lock */
#include "push_lock.h"

static VOID NTAPI Leave(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    KeEnterCriticalRegion();
    ExfAcquirePushLockShared(&PushLock);
#ifndef FAULT
    ExfReleasePushLockShared(&PushLock);
#endif
    KeLeaveCriticalRegion();
}

static VOID Run(VOID) { InThread(Leave, NULL); }
