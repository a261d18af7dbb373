/* thread_ends_with_mutex.c - its thread ends and still owns a mutex.
 *
 * fault: 0x100A THREAD_ENDS_WITH_LOCK
 * log: started at thread_ends_with_mutex.*Keeper.*, ends and holds mutex
 * log: it was taken by thread .*thread_ends_with_mutex.*Keeper */
#include "rule.h"

static KMUTEX Mutex;

static VOID NTAPI Keeper(PVOID Context)
{
    PVOID Objects[1] = { &Mutex };

    UNREFERENCED_PARAMETER(Context);
    KeWaitForMultipleObjects(1, Objects, WaitAny, Executive, KernelMode, FALSE, NULL, NULL);
#ifndef FAULT
    KeReleaseMutex(&Mutex, FALSE);
#endif
}

static VOID Run(VOID)
{
    KeInitializeMutex(&Mutex, 0);
    InThread(Keeper, NULL);
}
