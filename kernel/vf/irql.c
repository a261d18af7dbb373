/* irql.c - the IRQL, as drivers change it.
 *
 * Most drivers write CR8 themselves (the DDK's KeRaiseIrql and KeLowerIrql are inline), so a wrong change is
 * seen where they come by next: at a call of one of our routines, at a callback's return, at a thread's end.
 * At a call: code runs at no lower IRQL than its callback was called at, and not below DISPATCH_LEVEL while it holds a
 * spin lock. An IRQL that is too high cannot be told from a raise there; it shows at the end. */
#include "vfp.h"
#include <ke/dpc.h>
#include <ke/thread.h>
#include <vf/irql.h>

static void CheckDpc(KIRQL Irql)
{
    PKDEFERRED_ROUTINE Routine;
    VFP_PLACE Name;

    /* A thread may move between two processors until here; at DISPATCH_LEVEL it stays where we look. */
    KfRaiseIrql(DISPATCH_LEVEL);
    Routine = KeQueryRunningDpc();
    KeLowerIrql(Irql);
    if (Routine != NULL)
        VfStop(VF_RAISE_TO_LOWER, Irql, DISPATCH_LEVEL, (ULONG_PTR)Routine,
               "DPC routine %p, %s, runs at DISPATCH_LEVEL and has changed the IRQL to %u", Routine,
               VfpDescribe(&Name, (PVOID)Routine), Irql);
}

static void CheckSpinLocks(KIRQL Irql)
{
    VFP_PLACE Name, Start;
    PVOID Lock, Place;

    if (VfpHoldsSpinLock(&Lock, &Place))
        VfStop(VF_RAISE_TO_LOWER, Irql, DISPATCH_LEVEL, (ULONG_PTR)Lock,
               "the IRQL was changed to %u while spin lock %p is held, taken at %s\n  by the thread that started at %s",
               Irql, Lock, VfpDescribe(&Name, Place), VfpDescribe(&Start, (PVOID)KeGetCurrentThread()->StartRoutine));
}

void VfpCheckCall(void)
{
    KIRQL Irql = KeGetCurrentIrql();

    if (LIKELY(Irql >= DISPATCH_LEVEL))
        return;
    CheckDpc(Irql);
    CheckSpinLocks(Irql);
}

/* ---- Public ---- */

KIRQL VfKfRaiseIrql(KIRQL NewIrql)
{
    KIRQL Irql = KeGetCurrentIrql();

    VfpCheckCall();
    if (NewIrql < Irql || NewIrql > HIGH_LEVEL)
        VfStop(VF_RAISE_TO_LOWER, Irql, NewIrql, 0, "KeRaiseIrql is called at IRQL %u for %u", Irql, NewIrql);
    return KfRaiseIrql(NewIrql);
}

KIRQL VfKeRaiseIrqlToDpcLevel(VOID)
{
    KIRQL Irql = KeGetCurrentIrql();

    VfpCheckCall();
    if (Irql > DISPATCH_LEVEL)
        VfStop(VF_RAISE_TO_LOWER, Irql, DISPATCH_LEVEL, 0, "KeRaiseIrqlToDpcLevel is called at IRQL %u", Irql);
    return KeRaiseIrqlToDpcLevel();
}

VOID VfKeLowerIrql(KIRQL NewIrql)
{
    KIRQL Irql = KeGetCurrentIrql();

    VfpCheckCall();
    if (NewIrql > Irql)
        VfStop(VF_LOWER_TO_HIGHER, Irql, NewIrql, 0, "KeLowerIrql is called at IRQL %u for %u", Irql, NewIrql);
    KeLowerIrql(NewIrql);
}
