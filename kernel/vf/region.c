/* region.c - critical and guarded regions: where they may be entered and left, and by whom.
 *
 * The APC-disable count of a thread is the sum of its regions and of the mutexes that it owns, so what a
 * region's end may give back is what is left without the mutexes. A system thread starts inside a critical
 * region, and may leave it. */
#include "vfp.h"
#include <ke/apc.h>
#include <ke/thread.h>
#include <vf/region.h>

static void CheckIrql(ULONG Rule, const char *Routine)
{
    KIRQL Irql = KeGetCurrentIrql();

    VfpCheckCall();
    if (Irql > APC_LEVEL)
        VfStop(Rule, Irql, (ULONG_PTR)KeGetCurrentThread(), 0, "%s is called at IRQL %u", Routine, Irql);
}

static DECLSPEC_NORETURN void StopAtLeave(const char *Region, ULONG Mutexes)
{
    PKTHREAD Thread = KeGetCurrentThread();

    VfStop(VF_LEAVE_WITHOUT_ENTER, (ULONG_PTR)Thread, (ULONG)Thread->CombinedApcDisable, Mutexes,
           "thread %p is in no %s region: its counts are kernel %d, special %d, and %u of them are its mutexes'",
           Thread, Region, Thread->KernelApcDisable, Thread->SpecialApcDisable, Mutexes);
}

/* ---- Public ---- */

VOID VfKeEnterCriticalRegion(VOID)
{
    CheckIrql(VF_ENTER_REGION_IRQL, "KeEnterCriticalRegion");
    KeEnterCriticalRegion();
}

VOID VfKeLeaveCriticalRegion(VOID)
{
    ULONG Mutexes = VfpRegionsOfMutexes();

    CheckIrql(VF_LEAVE_REGION_IRQL, "KeLeaveCriticalRegion");
    if (KeGetCurrentThread()->KernelApcDisable + (LONG)Mutexes >= 0)
        StopAtLeave("critical", Mutexes);
    KeLeaveCriticalRegion();
}

VOID VfKeEnterGuardedRegion(VOID)
{
    CheckIrql(VF_ENTER_REGION_IRQL, "KeEnterGuardedRegion");
    KeEnterGuardedRegion();
}

VOID VfKeLeaveGuardedRegion(VOID)
{
    ULONG Mutexes = VfpRegionsOfGuardedMutexes();

    CheckIrql(VF_LEAVE_REGION_IRQL, "KeLeaveGuardedRegion");
    if (KeGetCurrentThread()->SpecialApcDisable + (LONG)Mutexes >= 0)
        StopAtLeave("guarded", Mutexes);
    KeLeaveGuardedRegion();
}
