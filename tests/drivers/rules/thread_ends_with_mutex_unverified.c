/* thread_ends_with_mutex_unverified.c - its thread ends and still owns a mutex, and nobody verifies.
 * covers KeReleaseMutex.8, trap 22
 *
 * fault: stop 0x4000008A THREAD_TERMINATE_HELD_MUTEX
 * log: ends and still owns mutex
 * run: APPEND=verifier=off */
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
