/* thread_ends_with_spin_lock.c - its thread ends and holds a spin lock.
 *
 * fault: 0x100A THREAD_ENDS_WITH_LOCK
 * log: ends and holds spin lock
 * log: thread_ends_with_spin_lock.*Keeper */
#include "rule.h"

static KSPIN_LOCK Lock;

static VOID NTAPI Keeper(PVOID Context)
{
    KIRQL OldIrql;

    UNREFERENCED_PARAMETER(Context);
    KeAcquireSpinLock(&Lock, &OldIrql);
#ifndef FAULT
    KeReleaseSpinLock(&Lock, OldIrql);
#endif
}

static VOID Run(VOID)
{
    KeInitializeSpinLock(&Lock);
    InThread(Keeper, NULL);
}
