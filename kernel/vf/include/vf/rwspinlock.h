/* rwspinlock.h - what drivers are bound to with the verifier on: shared spin lock routines that check first. */
#pragma once

#include <ex/rwspinlock.h>

KIRQL VfExAcquireSpinLockExclusive(PEX_SPIN_LOCK SpinLock);
VOID VfExReleaseSpinLockExclusive(PEX_SPIN_LOCK SpinLock, KIRQL OldIrql);
VOID VfExAcquireSpinLockExclusiveAtDpcLevel(PEX_SPIN_LOCK SpinLock);
VOID VfExReleaseSpinLockExclusiveFromDpcLevel(PEX_SPIN_LOCK SpinLock);
BOOLEAN VfExTryAcquireSpinLockExclusiveAtDpcLevel(PEX_SPIN_LOCK SpinLock);
KIRQL VfExAcquireSpinLockShared(PEX_SPIN_LOCK SpinLock);
VOID VfExReleaseSpinLockShared(PEX_SPIN_LOCK SpinLock, KIRQL OldIrql);
VOID VfExAcquireSpinLockSharedAtDpcLevel(PEX_SPIN_LOCK SpinLock);
VOID VfExReleaseSpinLockSharedFromDpcLevel(PEX_SPIN_LOCK SpinLock);
BOOLEAN VfExTryAcquireSpinLockSharedAtDpcLevel(PEX_SPIN_LOCK SpinLock);
LOGICAL VfExTryConvertSharedSpinLockExclusive(PEX_SPIN_LOCK SpinLock);
