/* rwspinlock.c - the driver's side of the contracts of spin locks that readers share: the rules of spin locks
 * (spinlock.c). A processor that shares one may share it again as long as no writer waits; who wants it for himself
 * then waits for himself. */
#include "vfp.h"
#include <vf/rwspinlock.h>

static DECLSPEC_NORETURN void StopIrql(ULONG Rule, KIRQL Irql, PEX_SPIN_LOCK SpinLock, const char *What)
{
    VfStop(Rule, Irql, (ULONG_PTR)SpinLock, 0, "spin lock %p: %s at IRQL %u", SpinLock, What, Irql);
}

static KIRQL RaiseToAcquire(PEX_SPIN_LOCK SpinLock, VFP_LOCK_KIND Kind, PVOID Place)
{
    KIRQL Irql = KeGetCurrentIrql();

    VfpCheckCall();
    if (Irql > DISPATCH_LEVEL)
        StopIrql(VF_ACQUIRE_ABOVE_DISPATCH, Irql, SpinLock, "a spin lock is acquired by a routine that raises");
    KfRaiseIrql(DISPATCH_LEVEL);
    VfpAcquiring((PVOID)SpinLock, Kind, Place);
    return Irql;
}

static void CheckIrqlToAcquire(PEX_SPIN_LOCK SpinLock)
{
    KIRQL Irql = KeGetCurrentIrql();

    VfpCheckCall();
    if (Irql < DISPATCH_LEVEL)
        StopIrql(VF_ACQUIRE_BELOW_DISPATCH, Irql, SpinLock, "a spin lock is acquired without raising");
}

static void CheckAcquireAtDpcLevel(PEX_SPIN_LOCK SpinLock, VFP_LOCK_KIND Kind, PVOID Place)
{
    CheckIrqlToAcquire(SpinLock);
    VfpAcquiring((PVOID)SpinLock, Kind, Place);
}

static void CheckReleaseFromDpcLevel(PEX_SPIN_LOCK SpinLock, VFP_LOCK_KIND Kind)
{
    KIRQL Irql = KeGetCurrentIrql();

    if (Irql < DISPATCH_LEVEL)
        StopIrql(VF_RELEASE_BELOW_DISPATCH, Irql, SpinLock, "a spin lock is released without lowering");
    VfpReleasing((PVOID)SpinLock, Kind);
}

static void CheckReleaseAndLower(PEX_SPIN_LOCK SpinLock, KIRQL OldIrql, VFP_LOCK_KIND Kind)
{
    KIRQL Irql = KeGetCurrentIrql();

    if (Irql != DISPATCH_LEVEL)
        StopIrql(VF_RELEASE_NOT_AT_DISPATCH, Irql, SpinLock, "a spin lock is released (twice?)");
    if (OldIrql > DISPATCH_LEVEL)
        VfStop(VF_LOWER_TO_HIGHER, Irql, OldIrql, (ULONG_PTR)SpinLock,
               "spin lock %p is released, and the IRQL is to become %u", SpinLock, OldIrql);
    VfpReleasing((PVOID)SpinLock, Kind);
}

static void Acquired(PEX_SPIN_LOCK SpinLock, VFP_LOCK_KIND Kind, PVOID Place)
{
    VfpAcquired((PVOID)SpinLock, Kind, Place);
}

/* ---- Public: for one writer ---- */

KIRQL VfExAcquireSpinLockExclusive(PEX_SPIN_LOCK SpinLock)
{
    KIRQL OldIrql = RaiseToAcquire(SpinLock, VfpSpinLock, VFP_CALLER);

    ExAcquireSpinLockExclusiveAtDpcLevel(SpinLock);
    Acquired(SpinLock, VfpSpinLock, VFP_CALLER);
    return OldIrql;
}

VOID VfExReleaseSpinLockExclusive(PEX_SPIN_LOCK SpinLock, KIRQL OldIrql)
{
    CheckReleaseAndLower(SpinLock, OldIrql, VfpSpinLock);
    ExReleaseSpinLockExclusive(SpinLock, OldIrql);
}

VOID VfExAcquireSpinLockExclusiveAtDpcLevel(PEX_SPIN_LOCK SpinLock)
{
    CheckAcquireAtDpcLevel(SpinLock, VfpSpinLock, VFP_CALLER);
    ExAcquireSpinLockExclusiveAtDpcLevel(SpinLock);
    Acquired(SpinLock, VfpSpinLock, VFP_CALLER);
}

VOID VfExReleaseSpinLockExclusiveFromDpcLevel(PEX_SPIN_LOCK SpinLock)
{
    CheckReleaseFromDpcLevel(SpinLock, VfpSpinLock);
    ExReleaseSpinLockExclusiveFromDpcLevel(SpinLock);
}

BOOLEAN VfExTryAcquireSpinLockExclusiveAtDpcLevel(PEX_SPIN_LOCK SpinLock)
{
    CheckIrqlToAcquire(SpinLock);
    if (!ExTryAcquireSpinLockExclusiveAtDpcLevel(SpinLock))
        return FALSE;
    Acquired(SpinLock, VfpSpinLock, VFP_CALLER);
    return TRUE;
}

/* ---- Public: for many readers ---- */

KIRQL VfExAcquireSpinLockShared(PEX_SPIN_LOCK SpinLock)
{
    KIRQL OldIrql = RaiseToAcquire(SpinLock, VfpSpinLockShared, VFP_CALLER);

    ExAcquireSpinLockSharedAtDpcLevel(SpinLock);
    Acquired(SpinLock, VfpSpinLockShared, VFP_CALLER);
    return OldIrql;
}

VOID VfExReleaseSpinLockShared(PEX_SPIN_LOCK SpinLock, KIRQL OldIrql)
{
    CheckReleaseAndLower(SpinLock, OldIrql, VfpSpinLockShared);
    ExReleaseSpinLockShared(SpinLock, OldIrql);
}

VOID VfExAcquireSpinLockSharedAtDpcLevel(PEX_SPIN_LOCK SpinLock)
{
    CheckAcquireAtDpcLevel(SpinLock, VfpSpinLockShared, VFP_CALLER);
    ExAcquireSpinLockSharedAtDpcLevel(SpinLock);
    Acquired(SpinLock, VfpSpinLockShared, VFP_CALLER);
}

VOID VfExReleaseSpinLockSharedFromDpcLevel(PEX_SPIN_LOCK SpinLock)
{
    CheckReleaseFromDpcLevel(SpinLock, VfpSpinLockShared);
    ExReleaseSpinLockSharedFromDpcLevel(SpinLock);
}

BOOLEAN VfExTryAcquireSpinLockSharedAtDpcLevel(PEX_SPIN_LOCK SpinLock)
{
    CheckIrqlToAcquire(SpinLock);
    if (!ExTryAcquireSpinLockSharedAtDpcLevel(SpinLock))
        return FALSE;
    Acquired(SpinLock, VfpSpinLockShared, VFP_CALLER);
    return TRUE;
}

LOGICAL VfExTryConvertSharedSpinLockExclusive(PEX_SPIN_LOCK SpinLock)
{
    CheckIrqlToAcquire(SpinLock);
    if (!ExTryConvertSharedSpinLockExclusive(SpinLock))
        return FALSE;
    VfpReleasing((PVOID)SpinLock, VfpSpinLockShared);
    Acquired(SpinLock, VfpSpinLock, VFP_CALLER);
    return TRUE;
}
