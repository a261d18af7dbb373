/* pushlock.c - the driver's side of the contracts of push locks.
 *
 * The word does not tell who owns a push lock, so what is said of a release is judged by what was seen acquired. Who
 * asks for flags takes part in none of that, but for the order: NT lets another thread release what was acquired with
 * its boost disabled. */
#include "vfp.h"
#include <ke/apc.h>
#include <ke/thread.h>
#include <vf/pushlock.h>

static void CheckIrql(PEX_PUSH_LOCK Lock, const char *What)
{
    KIRQL Irql = KeGetCurrentIrql();

    VfpCheckCall();
    if (Irql > APC_LEVEL)
        VfStop(VF_PUSH_LOCK_IRQL, Irql, (ULONG_PTR)Lock, 0, "push lock %p is %s at IRQL %u", Lock, What, Irql);
}

static void CheckAcquire(PEX_PUSH_LOCK Lock)
{
    KIRQL Irql = KeGetCurrentIrql();

    CheckIrql(Lock, "acquired");
    if (Irql < APC_LEVEL && !KeAreApcsDisabled())
        VfStop(VF_PUSH_LOCK_WITH_APCS, Irql, (ULONG)KeGetCurrentThread()->CombinedApcDisable, (ULONG_PTR)Lock,
               "push lock %p is acquired by thread %p, which is at IRQL %u and in no critical region", Lock,
               KeGetCurrentThread(), Irql);
}

static void Acquire(PEX_PUSH_LOCK Lock, ULONG Flags, VFP_LOCK_KIND Kind, PVOID Place)
{
    CheckAcquire(Lock);
    VfpAcquiring(Lock, Kind, Place);
    if (Kind == VfpPushLock)
        ExAcquirePushLockExclusiveEx(Lock, Flags);
    else
        ExAcquirePushLockSharedEx(Lock, Flags);
    if (Flags == EX_DEFAULT_PUSH_LOCK_FLAGS)
        VfpAcquired(Lock, Kind, Place);
}

static BOOLEAN TryAcquire(PEX_PUSH_LOCK Lock, ULONG Flags, VFP_LOCK_KIND Kind, PVOID Place)
{
    CheckAcquire(Lock);
    if (!(Kind == VfpPushLock ? ExTryAcquirePushLockExclusiveEx(Lock, Flags)
                              : ExTryAcquirePushLockSharedEx(Lock, Flags)))
        return FALSE;
    if (Flags == EX_DEFAULT_PUSH_LOCK_FLAGS)
        VfpAcquired(Lock, Kind, Place);
    return TRUE;
}

static VFP_LOCK_KIND KindHeld(PEX_PUSH_LOCK Lock)
{
    KIRQL Irql = VfpEnter();
    VFP_HOLDER Who = VfpSelf(Irql);
    const VFP_HELD *Mine = VfpFindMine(Lock, &Who);
    VFP_LOCK_KIND Kind = Mine == NULL ? VfpPushLock : Mine->Kind;

    VfpLeave(Irql);
    return Kind;
}

static void CheckRelease(PEX_PUSH_LOCK Lock, ULONG Flags, VFP_LOCK_KIND Kind)
{
    CheckIrql(Lock, "released");
    if (Flags == EX_DEFAULT_PUSH_LOCK_FLAGS)
        VfpReleasing(Lock, Kind);
}

/* ---- Public ---- */

VOID VfExInitializePushLock(PEX_PUSH_LOCK PushLock)
{
    VfpCheckCall();
    VfpInitialized(PushLock, VfpPushLock);
    ExInitializePushLock(PushLock);
}

VOID VfExAcquirePushLockExclusiveEx(PEX_PUSH_LOCK PushLock, ULONG Flags)
{
    Acquire(PushLock, Flags, VfpPushLock, VFP_CALLER);
}

VOID VfExAcquirePushLockSharedEx(PEX_PUSH_LOCK PushLock, ULONG Flags)
{
    Acquire(PushLock, Flags, VfpPushLockShared, VFP_CALLER);
}

BOOLEAN VfExTryAcquirePushLockExclusiveEx(PEX_PUSH_LOCK PushLock, ULONG Flags)
{
    return TryAcquire(PushLock, Flags, VfpPushLock, VFP_CALLER);
}

BOOLEAN VfExTryAcquirePushLockSharedEx(PEX_PUSH_LOCK PushLock, ULONG Flags)
{
    return TryAcquire(PushLock, Flags, VfpPushLockShared, VFP_CALLER);
}

VOID VfExReleasePushLockExclusiveEx(PEX_PUSH_LOCK PushLock, ULONG Flags)
{
    CheckRelease(PushLock, Flags, VfpPushLock);
    ExReleasePushLockExclusiveEx(PushLock, Flags);
}

VOID VfExReleasePushLockSharedEx(PEX_PUSH_LOCK PushLock, ULONG Flags)
{
    CheckRelease(PushLock, Flags, VfpPushLockShared);
    ExReleasePushLockSharedEx(PushLock, Flags);
}

VOID VfExReleasePushLockEx(PEX_PUSH_LOCK PushLock, ULONG Flags)
{
    CheckRelease(PushLock, Flags, KindHeld(PushLock));
    ExReleasePushLockEx(PushLock, Flags);
}

/* ---- Public: the older names ---- */

VOID VfExfAcquirePushLockExclusive(PEX_PUSH_LOCK PushLock) { Acquire(PushLock, 0, VfpPushLock, VFP_CALLER); }
VOID VfExfAcquirePushLockShared(PEX_PUSH_LOCK PushLock) { Acquire(PushLock, 0, VfpPushLockShared, VFP_CALLER); }

BOOLEAN VfExfTryAcquirePushLockShared(PEX_PUSH_LOCK PushLock)
{
    return TryAcquire(PushLock, 0, VfpPushLockShared, VFP_CALLER);
}

VOID VfExfReleasePushLockExclusive(PEX_PUSH_LOCK PushLock) { VfExReleasePushLockExclusiveEx(PushLock, 0); }
VOID VfExfReleasePushLockShared(PEX_PUSH_LOCK PushLock) { VfExReleasePushLockSharedEx(PushLock, 0); }
VOID VfExfReleasePushLock(PEX_PUSH_LOCK PushLock) { VfExReleasePushLockEx(PushLock, 0); }
