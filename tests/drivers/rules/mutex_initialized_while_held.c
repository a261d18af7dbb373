/* mutex_initialized_while_held.c - initialises a mutex that it holds.
 *
 * fault: 0x1005 INITIALIZED_WHILE_HELD
 * log: mutex .* is initialised and held; it was taken
 * log: by thread .*mutex_initialized_while_held.*Run */
#include "rule.h"

static KMUTEX Mutex;

static VOID Run(VOID)
{
    KeInitializeMutex(&Mutex, 0);
    KeWaitForSingleObject(&Mutex, Executive, KernelMode, FALSE, NULL);
#ifdef FAULT
    KeInitializeMutex(&Mutex, 0);
#endif
    KeReleaseMutex(&Mutex, FALSE);
    KeInitializeMutex(&Mutex, 0);
}
