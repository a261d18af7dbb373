/* rundown.c - the driver's side of the contracts of run-down protection. A use too many that ends is seen by the
 * routines themselves, always. */
#include "vfp.h"
#include <vf/rundown.h>

static void CheckWait(PVOID RunRef)
{
    KIRQL Irql = KeGetCurrentIrql();

    VfpCheckCall();
    if (Irql > APC_LEVEL)
        VfStop(VF_WAIT_AT_WRONG_IRQL, Irql, (ULONG_PTR)RunRef, 0, "run-down protection %p is waited for at IRQL %u",
               RunRef, Irql);
}

/* ---- Public ---- */

BOOLEAN VfExAcquireRundownProtection(PEX_RUNDOWN_REF RunRef)
{
    VfpCheckCall();
    return ExAcquireRundownProtection(RunRef);
}

BOOLEAN VfExAcquireRundownProtectionEx(PEX_RUNDOWN_REF RunRef, ULONG Count)
{
    VfpCheckCall();
    return ExAcquireRundownProtectionEx(RunRef, Count);
}

VOID VfExReleaseRundownProtection(PEX_RUNDOWN_REF RunRef)
{
    VfpCheckCall();
    ExReleaseRundownProtection(RunRef);
}

VOID VfExReleaseRundownProtectionEx(PEX_RUNDOWN_REF RunRef, ULONG Count)
{
    VfpCheckCall();
    ExReleaseRundownProtectionEx(RunRef, Count);
}

VOID VfExReInitializeRundownProtection(PEX_RUNDOWN_REF RunRef)
{
    VfpCheckCall();
    if (RunRef->Count != EX_RUNDOWN_ACTIVE)
        VfStop(VF_RUNDOWN_NOT_COMPLETED, (ULONG_PTR)RunRef, RunRef->Count, 0,
               "run-down protection %p holds %I64x: %s", RunRef, (ULONG64)RunRef->Count,
               RunRef->Count & EX_RUNDOWN_ACTIVE ? "its owner still waits" : "it has not been run down");
    ExReInitializeRundownProtection(RunRef);
}

VOID VfExWaitForRundownProtectionRelease(PEX_RUNDOWN_REF RunRef)
{
    CheckWait(RunRef);
    ExWaitForRundownProtectionRelease(RunRef);
}

VOID VfExWaitForRundownProtectionReleaseCacheAware(PEX_RUNDOWN_REF_CACHE_AWARE RunRefCacheAware)
{
    CheckWait(RunRefCacheAware);
    ExWaitForRundownProtectionReleaseCacheAware(RunRefCacheAware);
}
