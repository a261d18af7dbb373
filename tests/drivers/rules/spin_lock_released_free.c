/* spin_lock_released_free.c - releases a spin lock that is free, and nobody verifies.
 * covers KeAcquireSpinLockRaiseToDpc.3
 *
 * fault: stop 0x00000010 SPIN_LOCK_NOT_OWNED
 * log: spin lock .* is released and was not held
 * run: APPEND=verifier=off */
#include "rule.h"

static KSPIN_LOCK Lock;

static VOID Run(VOID)
{
    KIRQL OldIrql;

    KeInitializeSpinLock(&Lock);
    KeAcquireSpinLock(&Lock, &OldIrql);
    KeReleaseSpinLock(&Lock, OldIrql);
#ifdef FAULT
    KeReleaseSpinLock(&Lock, OldIrql);
#endif
}
