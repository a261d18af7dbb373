/* spin_lock_twice_unverified.c - acquires a spin lock that it holds, and the kernel itself notices.
 *
 * fault: stop 0x0000000F SPIN_LOCK_ALREADY_OWNED
 * run: SMP=1 APPEND=verifier=off */
#include "rule.h"

static KSPIN_LOCK Lock;

static VOID Run(VOID)
{
    KIRQL OldIrql;

    KeInitializeSpinLock(&Lock);
    KeAcquireSpinLock(&Lock, &OldIrql);
#ifdef FAULT
    KeAcquireSpinLockAtDpcLevel(&Lock);
#endif
    KeReleaseSpinLock(&Lock, OldIrql);
}
