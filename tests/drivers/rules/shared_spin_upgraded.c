/* shared_spin_upgraded.c - shares a spin lock and then waits to own it alone, instead of converting it.
 *
 * fault: 0x1000 SELF_DEADLOCK
 * log: spin lock .* is acquired again by the processor that holds it */
#include "shared_spin.h"

static VOID Run(VOID)
{
    KIRQL OldIrql = ExAcquireSpinLockShared(&SpinLock);

#ifdef FAULT
    ExAcquireSpinLockExclusiveAtDpcLevel(&SpinLock);
#else
    if (!ExTryConvertSharedSpinLockExclusive(&SpinLock)) {
        ExReleaseSpinLockShared(&SpinLock, OldIrql);
        return;
    }
#endif
    ExReleaseSpinLockExclusive(&SpinLock, OldIrql);
}
