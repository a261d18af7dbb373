/* shared_spin_left_held.c - lowers the IRQL while it shares a spin lock.
 *
 * fault: 0x30 RAISE_TO_LOWER
 * log: the IRQL was changed to 0 while spin lock */
#include "shared_spin.h"

static VOID Run(VOID)
{
    KIRQL OldIrql = ExAcquireSpinLockShared(&SpinLock);

#ifdef FAULT
    KeLowerIrql(OldIrql);
    KeEnterCriticalRegion();
    KeLeaveCriticalRegion();
#endif
    ExReleaseSpinLockShared(&SpinLock, OldIrql);
}
