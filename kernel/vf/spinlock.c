/* spinlock.c - the driver's side of the contracts of the spin lock routines.
 *
 * A driver's imports are bound to these when the verifier is on (ldr/exports.c). Each looks at the caller's IRQL
 * and at who holds the lock (held.c), stops with 0xC4 and the rule's number if that breaks a rule, and else does
 * what the routine of the same name does. The kernel itself never comes here.
 * A lock is initialised by an inline store, so a missing one is seen by the value only: one that neither a free nor a
 * held lock has, and that is no kernel address, which a queued lock may hold. */
#include "vfp.h"
#include <ke/init.h>
#include <vf/spinlock.h>

#define KERNEL_SPACE 0xFFFF800000000000ull

static DECLSPEC_NORETURN void StopIrql(ULONG Rule, KIRQL Irql, PKSPIN_LOCK SpinLock, const char *What)
{
    VfStop(Rule, Irql, (ULONG_PTR)SpinLock, 0, "spin lock %p: %s at IRQL %u", SpinLock, What, Irql);
}

static void CheckInitialized(PKSPIN_LOCK SpinLock)
{
    KSPIN_LOCK Value = *(volatile KSPIN_LOCK *)SpinLock;

    if (UNLIKELY(Value > 1 && Value < KERNEL_SPACE))
        VfStop(VF_UNINITIALIZED, (ULONG_PTR)SpinLock, Value, 0, "spin lock %p holds %016I64x, which no spin lock does",
               SpinLock, Value);
}

static KIRQL RaiseToAcquire(PKSPIN_LOCK SpinLock, PVOID Place)
{
    KIRQL Irql = KeGetCurrentIrql();

    VfpCheckCall();
    if (Irql > DISPATCH_LEVEL)
        StopIrql(VF_ACQUIRE_ABOVE_DISPATCH, Irql, SpinLock, "a spin lock is acquired");
    CheckInitialized(SpinLock);
    KfRaiseIrql(DISPATCH_LEVEL);
    VfpAcquiring(SpinLock, VfpSpinLock, Place);
    return Irql;
}

static void CheckIrqlToAcquire(PKSPIN_LOCK SpinLock)
{
    KIRQL Irql = KeGetCurrentIrql();

    if (Irql < DISPATCH_LEVEL)
        StopIrql(VF_ACQUIRE_BELOW_DISPATCH, Irql, SpinLock, "a spin lock is acquired without raising");
    CheckInitialized(SpinLock);
}

static void CheckAcquireAtDpcLevel(PKSPIN_LOCK SpinLock, PVOID Place)
{
    CheckIrqlToAcquire(SpinLock);
    VfpAcquiring(SpinLock, VfpSpinLock, Place);
}

static void CheckReleaseAtDpcLevel(PKSPIN_LOCK SpinLock)
{
    KIRQL Irql = KeGetCurrentIrql();

    if (Irql < DISPATCH_LEVEL)
        StopIrql(VF_RELEASE_BELOW_DISPATCH, Irql, SpinLock, "a spin lock is released without lowering");
    VfpReleasing(SpinLock, VfpSpinLock);
}

static void CheckReleaseAndLower(ULONG Rule, const char *What, PKSPIN_LOCK SpinLock, KIRQL OldIrql)
{
    KIRQL Irql = KeGetCurrentIrql();

    if (Irql != DISPATCH_LEVEL)
        StopIrql(Rule, Irql, SpinLock, What);
    if (OldIrql > DISPATCH_LEVEL)
        VfStop(VF_LOWER_TO_HIGHER, Irql, OldIrql, (ULONG_PTR)SpinLock,
               "spin lock %p is released, and the IRQL is to become %u", SpinLock, OldIrql);
    VfpReleasing(SpinLock, VfpSpinLock);
}

/* ---- Public: initialisation, where it is called and not inline ---- */

VOID VfKeInitializeSpinLock(PKSPIN_LOCK SpinLock)
{
    VfpCheckCall();
    VfpInitialized(SpinLock, VfpSpinLock);
    KeInitializeSpinLock(SpinLock);
}

/* ---- Public: plain locks ---- */

KIRQL VfKeAcquireSpinLockRaiseToDpc(PKSPIN_LOCK SpinLock)
{
    KIRQL OldIrql = RaiseToAcquire(SpinLock, VFP_CALLER);

    KeAcquireSpinLockAtDpcLevel(SpinLock);
    VfpAcquired(SpinLock, VfpSpinLock, VFP_CALLER);
    return OldIrql;
}

VOID VfKeReleaseSpinLock(PKSPIN_LOCK SpinLock, KIRQL OldIrql)
{
    CheckReleaseAndLower(VF_RELEASE_NOT_AT_DISPATCH, "a spin lock is released (twice?)", SpinLock, OldIrql);
    KeReleaseSpinLock(SpinLock, OldIrql);
}

VOID VfKeAcquireSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock)
{
    CheckAcquireAtDpcLevel(SpinLock, VFP_CALLER);
    KeAcquireSpinLockAtDpcLevel(SpinLock);
    VfpAcquired(SpinLock, VfpSpinLock, VFP_CALLER);
}

VOID VfKeReleaseSpinLockFromDpcLevel(PKSPIN_LOCK SpinLock)
{
    CheckReleaseAtDpcLevel(SpinLock);
    KeReleaseSpinLockFromDpcLevel(SpinLock);
}

BOOLEAN VfKeTryToAcquireSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock)
{
    CheckIrqlToAcquire(SpinLock);
    if (!KeTryToAcquireSpinLockAtDpcLevel(SpinLock))
        return FALSE;
    VfpAcquired(SpinLock, VfpSpinLock, VFP_CALLER);
    return TRUE;
}

KIRQL VfKeAcquireSpinLockForDpc(PKSPIN_LOCK SpinLock)
{
    KIRQL OldIrql;

    CheckAcquireAtDpcLevel(SpinLock, VFP_CALLER);
    OldIrql = KeAcquireSpinLockForDpc(SpinLock);
    VfpAcquired(SpinLock, VfpSpinLock, VFP_CALLER);
    return OldIrql;
}

VOID VfKeReleaseSpinLockForDpc(PKSPIN_LOCK SpinLock, KIRQL OldIrql)
{
    CheckReleaseAtDpcLevel(SpinLock);
    KeReleaseSpinLockForDpc(SpinLock, OldIrql);
}

/* ---- Public: queued locks; the handle names its lock ---- */

VOID VfKeAcquireInStackQueuedSpinLock(PKSPIN_LOCK SpinLock, PKLOCK_QUEUE_HANDLE LockHandle)
{
    KIRQL OldIrql = RaiseToAcquire(SpinLock, VFP_CALLER);

    KeAcquireInStackQueuedSpinLockAtDpcLevel(SpinLock, LockHandle);
    LockHandle->OldIrql = OldIrql;
    VfpAcquired(SpinLock, VfpSpinLock, VFP_CALLER);
}

VOID VfKeReleaseInStackQueuedSpinLock(PKLOCK_QUEUE_HANDLE LockHandle)
{
    CheckReleaseAndLower(VF_QUEUED_RELEASE_IRQL, "a queued spin lock is released (twice?)", LockHandle->LockQueue.Lock,
                         LockHandle->OldIrql);
    KeReleaseInStackQueuedSpinLock(LockHandle);
}

VOID VfKeAcquireInStackQueuedSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock, PKLOCK_QUEUE_HANDLE LockHandle)
{
    CheckAcquireAtDpcLevel(SpinLock, VFP_CALLER);
    KeAcquireInStackQueuedSpinLockAtDpcLevel(SpinLock, LockHandle);
    VfpAcquired(SpinLock, VfpSpinLock, VFP_CALLER);
}

VOID VfKeReleaseInStackQueuedSpinLockFromDpcLevel(PKLOCK_QUEUE_HANDLE LockHandle)
{
    CheckReleaseAtDpcLevel(LockHandle->LockQueue.Lock);
    KeReleaseInStackQueuedSpinLockFromDpcLevel(LockHandle);
}

VOID VfKeAcquireInStackQueuedSpinLockForDpc(PKSPIN_LOCK SpinLock, PKLOCK_QUEUE_HANDLE LockHandle)
{
    CheckAcquireAtDpcLevel(SpinLock, VFP_CALLER);
    KeAcquireInStackQueuedSpinLockForDpc(SpinLock, LockHandle);
    VfpAcquired(SpinLock, VfpSpinLock, VFP_CALLER);
}

VOID VfKeReleaseInStackQueuedSpinLockForDpc(PKLOCK_QUEUE_HANDLE LockHandle)
{
    CheckReleaseAtDpcLevel(LockHandle->LockQueue.Lock);
    KeReleaseInStackQueuedSpinLockForDpc(LockHandle);
}
