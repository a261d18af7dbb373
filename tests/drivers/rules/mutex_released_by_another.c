/* mutex_released_by_another.c - releases a mutex that another thread owns.
 *
 * fault: 0x1004 RELEASED_BY_ANOTHER
 * log: mutex .* is released by thread .* and owned by thread .* */
#include "rule.h"

static KMUTEX Mutex;

static VOID NTAPI Releaser(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
#ifdef FAULT
    KeReleaseMutex(&Mutex, FALSE);
#endif
}

static VOID Run(VOID)
{
    KeInitializeMutex(&Mutex, 0);
    KeWaitForSingleObject(&Mutex, Executive, KernelMode, FALSE, NULL);
    InThread(Releaser, NULL);
    KeReleaseMutex(&Mutex, FALSE);
}
