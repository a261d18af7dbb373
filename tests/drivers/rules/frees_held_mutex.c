/* frees_held_mutex.c - frees the memory of a mutex that it owns.
 *
 * fault: 0x100B FREED_WHILE_HELD
 * log: bytes at .* are freed at frees_held_mutex.*(Run|DriverEntry)
 * log: and mutex .* in them is held */
#include "rule.h"

static VOID Run(VOID)
{
    PKMUTEX Mutex = ExAllocatePoolWithTag(NonPagedPool, sizeof *Mutex, 'xtuM');

    if (Mutex == NULL)
        return;
    KeInitializeMutex(Mutex, 0);
    KeWaitForSingleObject(Mutex, Executive, KernelMode, FALSE, NULL);
#ifndef FAULT
    KeReleaseMutex(Mutex, FALSE);
#endif
    ExFreePoolWithTag(Mutex, 'xtuM');
}
