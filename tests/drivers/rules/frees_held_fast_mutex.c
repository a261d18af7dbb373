/* frees_held_fast_mutex.c - frees the memory that holds a fast mutex which it holds.
 *
 * fault: 0x100B FREED_WHILE_HELD
 * log: and fast mutex .* in them is held; it was taken by thread */
#include "rule.h"

typedef struct _EXTENSION { ULONG Size; FAST_MUTEX Mutex; } EXTENSION;

static VOID Run(VOID)
{
    EXTENSION *Extension = ExAllocatePoolWithTag(NonPagedPool, sizeof *Extension, 'txEK');

    if (Extension == NULL)
        return;
    ExInitializeFastMutex(&Extension->Mutex);
    KeEnterCriticalRegion();
    ExAcquireFastMutexUnsafe(&Extension->Mutex);
#ifndef FAULT
    ExReleaseFastMutexUnsafe(&Extension->Mutex);
#endif
    KeLeaveCriticalRegion();
    ExFreePoolWithTag(Extension, 'txEK');
}
