/* mutex_uninitialized.c - waits for a mutex that was never initialised.
 *
 * fault: 0x1002 UNINITIALIZED
 * log: object .* is waited for; its type is 0, its list of waiters begins at */
#include "rule.h"

static KMUTEX Mutex;

static VOID Run(VOID)
{
#ifndef FAULT
    KeInitializeMutex(&Mutex, 0);
#endif
    KeWaitForSingleObject(&Mutex, Executive, KernelMode, FALSE, NULL);
    KeReleaseMutex(&Mutex, FALSE);
}
