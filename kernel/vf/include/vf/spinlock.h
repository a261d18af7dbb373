/* spinlock.h - what drivers are bound to with the verifier on: spin lock routines that check first. */
#pragma once

#include <ke/spinlock.h>

VOID VfKeInitializeSpinLock(PKSPIN_LOCK SpinLock);
KIRQL VfKeAcquireSpinLockRaiseToDpc(PKSPIN_LOCK SpinLock);
VOID VfKeReleaseSpinLock(PKSPIN_LOCK SpinLock, KIRQL OldIrql);
VOID VfKeAcquireSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock);
VOID VfKeReleaseSpinLockFromDpcLevel(PKSPIN_LOCK SpinLock);
BOOLEAN VfKeTryToAcquireSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock);
KIRQL VfKeAcquireSpinLockForDpc(PKSPIN_LOCK SpinLock);
VOID VfKeReleaseSpinLockForDpc(PKSPIN_LOCK SpinLock, KIRQL OldIrql);
VOID VfKeAcquireInStackQueuedSpinLock(PKSPIN_LOCK SpinLock, PKLOCK_QUEUE_HANDLE LockHandle);
VOID VfKeReleaseInStackQueuedSpinLock(PKLOCK_QUEUE_HANDLE LockHandle);
VOID VfKeAcquireInStackQueuedSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock, PKLOCK_QUEUE_HANDLE LockHandle);
VOID VfKeReleaseInStackQueuedSpinLockFromDpcLevel(PKLOCK_QUEUE_HANDLE LockHandle);
VOID VfKeAcquireInStackQueuedSpinLockForDpc(PKSPIN_LOCK SpinLock, PKLOCK_QUEUE_HANDLE LockHandle);
VOID VfKeReleaseInStackQueuedSpinLockForDpc(PKLOCK_QUEUE_HANDLE LockHandle);
