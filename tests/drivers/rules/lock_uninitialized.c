/* lock_uninitialized.c - uses a spin lock in fresh pool without initialising it.
 *
 * fault: 0x1002 UNINITIALIZED
 * log: spin lock .* holds [0-9a-fA-F]+, which no spin lock does */
#include "rule.h"

static VOID Run(VOID)
{
    PKSPIN_LOCK Lock = ExAllocatePoolWithTag(NonPagedPool, sizeof *Lock, 'kcoL');
    KIRQL OldIrql;

    if (Lock == NULL)
        return;
#ifndef FAULT
    KeInitializeSpinLock(Lock);
#endif
    KeAcquireSpinLock(Lock, &OldIrql);
    KeReleaseSpinLock(Lock, OldIrql);
    ExFreePoolWithTag(Lock, 'kcoL');
}
