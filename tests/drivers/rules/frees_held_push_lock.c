/* frees_held_push_lock.c - frees the memory that a push lock lies in while it is owned.
 *
 * fault: 0x100B FREED_WHILE_HELD
 * log: and push lock .* in them is held */
#include "push_lock.h"

static VOID Run(VOID)
{
    PULONG_PTR Lock = ExAllocatePoolWithTag(NonPagedPool, 64, 'kcoL');

    if (Lock == NULL)
        return;
    *Lock = 0;
    KeEnterCriticalRegion();
    ExfAcquirePushLockExclusive(Lock);
#ifndef FAULT
    ExfReleasePushLockExclusive(Lock);
#endif
    KeLeaveCriticalRegion();
    ExFreePoolWithTag(Lock, 'kcoL');
}
