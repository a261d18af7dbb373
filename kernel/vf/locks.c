/* locks.c - what must not be done with a lock, given who holds which (held.c).
 *
 * A lock is not acquired by its holder, released by another, initialised, freed or left behind by its thread while it
 * is held; and the order in which locks are taken has no cycle (order.c). The rules are the same for every kind of lock
 * that has an owner; who calls says what kind it is. */
#include "irpp.h"
#include <ke/bugcheck.h>
#include <ke/thread.h>
#include <rtl/print.h>
#include <vf/verifier.h>

/* Who has a resource exclusively may acquire it again in any way; who shares a lock, of whatever kind, only to share
 * it. */
static BOOLEAN WaitsForItself(const VFP_HELD *Mine, VFP_LOCK_KIND Kind)
{
    if (VfpIsShared(Mine->Kind))
        return !VfpIsShared(Kind);
    return Mine->Kind != VfpMutex && Mine->Kind != VfpResource;
}

static void CheckNotMine(const VFP_HELD *Mine, VFP_LOCK_KIND Kind)
{
    char By[2 * VFP_PLACE_SIZE];

    if (Mine == NULL || !WaitsForItself(Mine, Kind))
        return;
    VfStop(VF_SELF_DEADLOCK, (ULONG_PTR)Mine->Lock, (ULONG_PTR)Mine->Place, 0,
           "%s %p is acquired %s;\n  it was taken %s", VfpKindName(Kind), Mine->Lock,
           VfpIsSpinLock(Mine->Kind) ? "again by the processor that holds it" :
           VfpIsShared(Mine->Kind) ? "exclusively by a thread that shares it" : "again by the thread that holds it",
           VfpDescribeHolder(Mine, By, sizeof By));
}

static DECLSPEC_NORETURN void StopAtRelease(PVOID Lock, VFP_LOCK_KIND Kind, const VFP_HELD *Held)
{
    const char *Who = VfpIsSpinLock(Kind) ? "processor" : "thread";
    char By[2 * VFP_PLACE_SIZE];

    if (Held == NULL)
        VfStop(VF_NOT_HELD, (ULONG_PTR)Lock, (ULONG_PTR)KeGetCurrentThread(), 0,
               "%s %p is released by a %s that does not hold it", VfpKindName(Kind), Lock, Who);
    VfStop(VF_RELEASED_BY_ANOTHER, (ULONG_PTR)Lock, (ULONG_PTR)Held->Thread, (ULONG_PTR)Held->Place,
           "%s %p is released by a %s that does not hold it;\n  it was taken %s", VfpKindName(Kind), Lock, Who,
           VfpDescribeHolder(Held, By, sizeof By));
}

static const char *FormOf(VFP_LOCK_KIND Kind)
{
    if (Kind == VfpFastMutex || Kind == VfpGuardedMutex)
        return "safe";
    if (Kind == VfpFastMutexUnsafe || Kind == VfpGuardedMutexUnsafe)
        return "unsafe";
    return VfpIsShared(Kind) ? "shared" : "exclusive";
}

static void CheckSameForm(const VFP_HELD *Held, VFP_LOCK_KIND Kind)
{
    char By[2 * VFP_PLACE_SIZE];

    if (Held->Kind != Kind)
        VfStop(VF_OTHER_FORM, (ULONG_PTR)Held->Lock, (ULONG_PTR)Held->Place, 0,
               "%s %p is released by the %s routine;\n  by the other it was taken %s", VfpKindName(Kind), Held->Lock,
               FormOf(Kind),
               VfpDescribeHolder(Held, By, sizeof By));
}

static DECLSPEC_NORETURN void StopAtInitialization(const VFP_HELD *Held, VFP_LOCK_KIND Kind)
{
    char By[2 * VFP_PLACE_SIZE];

    VfStop(VF_INITIALIZED_WHILE_HELD, (ULONG_PTR)Held->Lock, (ULONG_PTR)Held->Thread, (ULONG_PTR)Held->Place,
           "%s %p is initialised and held; it was taken\n  %s", VfpKindName(Kind), Held->Lock,
           VfpDescribeHolder(Held, By, sizeof By));
}

/* ---- Shared inside vf ---- */

/* A lock on a stack has no place in the graph: what lies at its address later is another lock. What is held already is
 * had at once, and has no order. */
void VfpAcquiring(PVOID Lock, VFP_LOCK_KIND Kind, PVOID Place)
{
    VFP_HOLD Holds[VFP_HELD_BY_ONE], Wanted = { .Lock = Lock, .Place = Place, .Kind = (UCHAR)Kind };
    KIRQL Irql = VfpEnter();
    VFP_HOLDER Who = VfpSelf(Irql);
    const VFP_HELD *Mine = VfpFindMine(Lock, &Who);

    CheckNotMine(Mine, Kind);
    if (Mine == NULL && VfpFirstHeld() != NULL)
        VfpCheckOrder(Holds, VfpCollectHeld(&Who, Holds), &Wanted);
    VfpLeave(Irql);
}

void VfpAcquired(PVOID Lock, VFP_LOCK_KIND Kind, PVOID Place)
{
    KIRQL Irql = VfpEnter();
    VFP_HOLDER Who = VfpSelf(Irql);
    BOOLEAN Room = TRUE;
    VFP_HELD *Mine = Kind == VfpSpinLock ? NULL : VfpFindOf(Lock, (ERESOURCE_THREAD)Who.Thread);

    if (Mine != NULL) {
        Mine->Levels++;
    } else {
        VfpRemoveStale(Lock, Kind);
        Room = VfpAddHeld(Lock, Kind, Place, &Who);
    }
    VfpLeave(Irql);
    if (!Room)
        LogPrint("verifier: more than %u locks are held at once; from now on nobody looks at locks\n",
                 VFP_HELD_AT_ONCE);
}

void VfpReleasing(PVOID Lock, VFP_LOCK_KIND Kind)
{
    KIRQL Irql = VfpEnter();
    VFP_HOLDER Who = VfpSelf(Irql);
    VFP_HELD *Mine = VfpFindMine(Lock, &Who);

    if (Mine == NULL && !VfpGaveUp() && Kind != VfpMutex)
        StopAtRelease(Lock, Kind, VfpFindHeld(Lock));
    if (Mine != NULL) {
        CheckSameForm(Mine, Kind);
        VfpGiveBack(Mine);
    }
    VfpLeave(Irql);
}

void VfpReleasingFor(PVOID Lock, ERESOURCE_THREAD Owner)
{
    KIRQL Irql = VfpEnter();
    VFP_HELD *Held = VfpFindOf(Lock, Owner);

    if (Held != NULL)
        VfpGiveBack(Held);
    VfpLeave(Irql);
}

void VfpTransferring(PVOID Lock, ERESOURCE_THREAD Pointer)
{
    KIRQL Irql = VfpEnter();
    VFP_HELD *Mine = VfpFindOf(Lock, (ERESOURCE_THREAD)KeGetCurrentThread()), *Theirs = VfpFindOf(Lock, Pointer);

    if (Mine != NULL && Theirs != NULL) {
        Theirs->Levels += Mine->Levels;
        VfpRemoveHeld(Mine);
    } else if (Mine != NULL) {
        Mine->Thread = NULL;
        Mine->Pointer = Pointer;
    }
    VfpLeave(Irql);
}

void VfpSharing(PVOID Lock)
{
    KIRQL Irql = VfpEnter();
    VFP_HELD *Mine = VfpFindOf(Lock, (ERESOURCE_THREAD)KeGetCurrentThread());

    if (Mine != NULL)
        Mine->Kind = VfpResourceShared;
    VfpLeave(Irql);
}

void VfpStopHeld(ULONG Rule, PERESOURCE Lock, const char *What)
{
    char By[2 * VFP_PLACE_SIZE];
    const VFP_HELD *Held;

    VfpEnter();
    Held = VfpFindHeld(Lock);
    VfStop(Rule, (ULONG_PTR)Lock, Held == NULL ? 0 : (ULONG_PTR)Held->Thread,
           Held == NULL ? 0 : (ULONG_PTR)Held->Place, "resource %p %s%s%s", Lock, What,
           Held == NULL ? "" : ";\n  it was taken ", Held == NULL ? "" : VfpDescribeHolder(Held, By, sizeof By));
}

void VfpForget(PVOID Lock)
{
    KIRQL Irql = VfpEnter();
    VFP_HELD *Held = VfpFindHeld(Lock);

    if (Held != NULL)
        VfpRemoveHeld(Held);
    VfpLeave(Irql);
}

void VfpInitialized(PVOID Lock, VFP_LOCK_KIND Kind)
{
    KIRQL Irql = VfpEnter();
    const VFP_HELD *Held = VfpFindHeld(Lock);

    if (Held != NULL)
        StopAtInitialization(Held, Kind);
    VfpForgetOrder(Lock, 1);
    VfpLeave(Irql);
}

void VfpFastMutexInitialized(PVOID Mutex)
{
    KIRQL Irql = VfpEnter();
    const VFP_HELD *Held = VfpFindHeld(Mutex);

    if (Held != NULL && VfpIsFastMutex(Held->Kind))
        StopAtInitialization(Held, Held->Kind);
    VfpForgetFastMutex(Mutex);
    VfpLeave(Irql);
}

void VfpThreadEnds(void)
{
    PKTHREAD Thread = KeGetCurrentThread();
    char By[2 * VFP_PLACE_SIZE];
    VFP_PLACE Start;
    KIRQL Irql = VfpEnter();

    for (const VFP_HELD *Held = VfpFirstHeld(); Held != NULL; Held = Held->Next)
        if (Held->Thread == Thread)
            VfStop(VF_THREAD_ENDS_WITH_LOCK, (ULONG_PTR)Held->Lock, (ULONG_PTR)Thread, (ULONG_PTR)Held->Place,
                   "thread %p, started at %s, ends and holds %s %p;\n  it was taken %s", Thread,
                   VfpDescribe(&Start, (PVOID)Thread->StartRoutine), VfpKindName(Held->Kind), Held->Lock,
                   VfpDescribeHolder(Held, By, sizeof By));
    VfpLeave(Irql);
}

void VfpMemoryEnds(const void *Start, SIZE_T Size, PVOID Place)
{
    char By[2 * VFP_PLACE_SIZE];
    KIRQL Irql = VfpEnter();
    VFP_PLACE Name;

    for (const VFP_HELD *Held = VfpFirstHeld(); Held != NULL; Held = Held->Next)
        if ((ULONG64)Held->Lock - (ULONG64)Start < Size)
            VfStop(VF_FREED_WHILE_HELD, (ULONG_PTR)Held->Lock, (ULONG_PTR)Held->Thread, (ULONG_PTR)Start,
                   "the %I64u bytes at %p are freed at %s,\n  and %s %p in them is held; it was taken %s", Size, Start,
                   VfpDescribe(&Name, Place), VfpKindName(Held->Kind), Held->Lock,
                   VfpDescribeHolder(Held, By, sizeof By));
    VfpForgetOrder(Start, Size);
    VfpLeave(Irql);
}

/* ---- Public ---- */

/* VfInitialize - check the drivers that are loaded from now on. Once, at PASSIVE_LEVEL. */
void VfInitialize(void)
{
    static BUGCHECK_SECTION Section = { .Print = VfpPrintHeld };

    VfpInitializeOrder();
    VfpInitializeMemory();
    VfpInitializeThreads();
    VfpInitializeIrps();
    KeRegisterBugCheckSection(&Section);
}

void VfForgetMemory(const void *Start, SIZE_T Size) { VfpMemoryEnds(Start, Size, NULL); }
