/* leaves_region_twice.c - leaves a critical region that it holds only by a mutex.
 *
 * fault: 0x3E LEAVE_WITHOUT_ENTER
 * log: is in no critical region: its counts are kernel -1, special 0, and 1 of them */
#include "rule.h"

static KMUTEX Mutex;

static VOID Run(VOID)
{
    KeInitializeMutex(&Mutex, 0);
    KeEnterCriticalRegion();
    KeWaitForSingleObject(&Mutex, Executive, KernelMode, FALSE, NULL);
    KeLeaveCriticalRegion();
#ifdef FAULT
    KeLeaveCriticalRegion();
#endif
    KeReleaseMutex(&Mutex, FALSE);
}
