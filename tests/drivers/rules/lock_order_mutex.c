/* lock_order_mutex.c - takes three mutexes around in a circle, in three threads that never meet.
 *
 * fault: 0x1001 LOCK_ORDER
 * log: now: +mutex .*lock_order_mutex.*TakeBoth
 * log: before: mutex .*
 * log: P4 0*3$ */
#include "rule.h"

static KMUTEX Gate, Mutexes[3];

static VOID Take(PKMUTEX Mutex) { KeWaitForSingleObject(Mutex, Executive, KernelMode, FALSE, NULL); }

/* With the gate held the same circle is none: only one thread at a time is inside. */
static VOID NTAPI TakeBoth(PVOID Number)
{
    ULONG Outer = (ULONG)(ULONG_PTR)Number, Inner = (Outer + 1) % 3;

#ifndef FAULT
    Take(&Gate);
#endif
    Take(&Mutexes[Outer]);
    Take(&Mutexes[Inner]);
    Take(&Mutexes[Outer]);                      /* its own already: no order in that */
    KeReleaseMutex(&Mutexes[Outer], FALSE);
    KeReleaseMutex(&Mutexes[Inner], FALSE);
    KeReleaseMutex(&Mutexes[Outer], FALSE);
#ifndef FAULT
    KeReleaseMutex(&Gate, FALSE);
#endif
}

static VOID Run(VOID)
{
    KeInitializeMutex(&Gate, 0);
    for (ULONG_PTR i = 0; i < 3; i++)
        KeInitializeMutex(&Mutexes[i], 0);
    for (ULONG_PTR i = 0; i < 3; i++)
        InThread(TakeBoth, (PVOID)i);
}
