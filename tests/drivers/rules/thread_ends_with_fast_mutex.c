/* thread_ends_with_fast_mutex.c - its thread ends and still holds a fast mutex.
 *
 * fault: 0x100A THREAD_ENDS_WITH_LOCK
 * log: started at thread_ends_with_fast_mutex.*Keeper.*, ends and holds fast mutex */
#include "rule.h"

static FAST_MUTEX Mutex;

static VOID NTAPI Keeper(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    ExAcquireFastMutexUnsafe(&Mutex);
#ifndef FAULT
    ExReleaseFastMutexUnsafe(&Mutex);
#endif
}

static VOID Run(VOID)
{
    ExInitializeFastMutex(&Mutex);
    InThread(Keeper, NULL);
}
