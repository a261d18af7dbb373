/* mutex_not_held.c - releases a mutex that is free.
 *
 * fault: 0x1007 NOT_HELD
 * log: mutex .* is released by thread .* and is free */
#include "rule.h"

static KMUTEX Mutex;

static VOID Run(VOID)
{
    KeInitializeMutex(&Mutex, 0);
    KeWaitForSingleObject(&Mutex, Executive, KernelMode, FALSE, NULL);
    KeReleaseMutex(&Mutex, FALSE);
#ifdef FAULT
    KeReleaseMutex(&Mutex, FALSE);
#endif
}
