/* shared_spin_below_dispatch.c - shares a spin lock without raising, at PASSIVE_LEVEL.
 *
 * fault: 0x40 ACQUIRE_BELOW_DISPATCH
 * log: spin lock .* is acquired without raising at IRQL 0 */
#include "shared_spin.h"

static VOID Run(VOID)
{
#ifdef FAULT
    ExAcquireSpinLockSharedAtDpcLevel(&SpinLock);
    ExReleaseSpinLockSharedFromDpcLevel(&SpinLock);
#else
    ExReleaseSpinLockShared(&SpinLock, ExAcquireSpinLockShared(&SpinLock));
#endif
}
