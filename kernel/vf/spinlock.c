/* spinlock.c - the driver's side of the contracts of IRQL and spin lock routines.
 *
 * A driver's imports are bound to these when the verifier is on (ldr/exports.c). Each looks at the caller's IRQL
 * and at what its processor holds, stops with 0xC4 and the rule's number if that breaks a rule, and else does
 * what the routine of the same name does. The kernel itself never comes here.
 * Who holds a spin lock is a matter of processors: a row for each lists the locks taken there, with the place.
 * A row is touched by its own processor only and at DISPATCH_LEVEL or above, so it needs no lock.
 * What cannot be seen here: IRQL changes that drivers make inline. Those show at the next call. */
#include "vfp.h"
#include <arch/port.h>
#include <ke/bugcheck.h>
#include <ke/init.h>
#include <rtl/stacktrace.h>
#include <rtl/status.h>
#include <vf/spinlock.h>

enum { HELD_AT_ONCE = 64, PLACE_SIZE = 160 };

typedef struct _HELD {
    ULONG Count;
    struct { PKSPIN_LOCK Lock; PVOID Place; } Locks[HELD_AT_ONCE];
} HELD;

static HELD Held[ARCH_MAX_CPUS];

#define CALLER __builtin_return_address(0)

static DECLSPEC_NORETURN void StopIrql(ULONG Rule, KIRQL Irql, ULONG_PTR P3, const char *What)
{
    KeBugCheckWith(DRIVER_VERIFIER_DETECTED_VIOLATION, Rule, Irql, P3, 0, "%s at IRQL %u", What, Irql);
}

static ULONG FindHeld(const HELD *Row, PKSPIN_LOCK Lock)
{
    ULONG i = 0;

    while (i < Row->Count && Row->Locks[i].Lock != Lock)
        i++;
    return i;
}

/* Before SpinLock is waited for: this processor must not hold it. IRQL >= DISPATCH_LEVEL. */
static void CheckNotHeld(PKSPIN_LOCK SpinLock)
{
    const HELD *Row = &Held[KeGetCurrentProcessorNumber()];
    ULONG At = FindHeld(Row, SpinLock);
    char Place[PLACE_SIZE];

    if (At == Row->Count)
        return;
    RtlDescribeAddress((ULONG64)(ULONG_PTR)Row->Locks[At].Place, Place, sizeof Place);
    KeBugCheckWith(DRIVER_VERIFIER_DETECTED_VIOLATION, VF_SELF_DEADLOCK, (ULONG_PTR)SpinLock,
                   (ULONG_PTR)Row->Locks[At].Place, 0,
                   "spin lock %p is acquired again by the processor that holds it; it was taken at %s", SpinLock,
                       Place);
}

static void Remember(PKSPIN_LOCK SpinLock, PVOID Place)
{
    HELD *Row = &Held[KeGetCurrentProcessorNumber()];

    if (Row->Count == HELD_AT_ONCE)
        KeBugCheckWith(KEDGE_INTERNAL_ERROR, (ULONG_PTR)SpinLock, HELD_AT_ONCE, 0, 0,
                       "a processor holds more than %u spin locks, and the verifier has no room for more",
                           HELD_AT_ONCE);
    Row->Locks[Row->Count].Lock = SpinLock;
    Row->Locks[Row->Count++].Place = Place;
}

/* Before SpinLock is freed: this processor must hold it. IRQL >= DISPATCH_LEVEL. */
static void Forget(PKSPIN_LOCK SpinLock)
{
    HELD *Row = &Held[KeGetCurrentProcessorNumber()];
    ULONG At = FindHeld(Row, SpinLock);

    if (At == Row->Count)
        KeBugCheckWith(DRIVER_VERIFIER_DETECTED_VIOLATION, VF_NOT_HELD, (ULONG_PTR)SpinLock, 0, 0,
                       "spin lock %p is released by a processor that does not hold it", SpinLock);
    Row->Locks[At] = Row->Locks[--Row->Count];
}

static KIRQL RaiseToAcquire(PKSPIN_LOCK SpinLock)
{
    KIRQL Irql = KeGetCurrentIrql();

    if (Irql > DISPATCH_LEVEL)
        StopIrql(VF_ACQUIRE_ABOVE_DISPATCH, Irql, (ULONG_PTR)SpinLock, "a spin lock is acquired");
    KfRaiseIrql(DISPATCH_LEVEL);
    CheckNotHeld(SpinLock);
    return Irql;
}

static void CheckAcquireAtDpcLevel(PKSPIN_LOCK SpinLock)
{
    KIRQL Irql = KeGetCurrentIrql();

    if (Irql < DISPATCH_LEVEL)
        StopIrql(VF_ACQUIRE_BELOW_DISPATCH, Irql, (ULONG_PTR)SpinLock, "a spin lock is acquired without raising");
}

static void CheckReleaseAtDpcLevel(PKSPIN_LOCK SpinLock)
{
    KIRQL Irql = KeGetCurrentIrql();

    if (Irql < DISPATCH_LEVEL)
        StopIrql(VF_RELEASE_BELOW_DISPATCH, Irql, (ULONG_PTR)SpinLock, "a spin lock is released without lowering");
    Forget(SpinLock);
}

static void CheckReleaseAndLower(PKSPIN_LOCK SpinLock, KIRQL OldIrql)
{
    KIRQL Irql = KeGetCurrentIrql();

    if (Irql != DISPATCH_LEVEL)
        StopIrql(VF_RELEASE_NOT_AT_DISPATCH, Irql, (ULONG_PTR)SpinLock, "a spin lock is released (twice?)");
    if (OldIrql > DISPATCH_LEVEL)
        StopIrql(VF_LOWER_TO_HIGHER, Irql, OldIrql, "a spin lock is released to a higher IRQL");
    Forget(SpinLock);
}

/* ---- Public: IRQL ---- */

KIRQL VfKfRaiseIrql(KIRQL NewIrql)
{
    KIRQL Irql = KeGetCurrentIrql();

    if (NewIrql < Irql || NewIrql > HIGH_LEVEL)
        StopIrql(VF_RAISE_TO_LOWER, Irql, NewIrql, "KeRaiseIrql is called for a lower or impossible IRQL");
    return KfRaiseIrql(NewIrql);
}

VOID VfKeLowerIrql(KIRQL NewIrql)
{
    KIRQL Irql = KeGetCurrentIrql();

    if (NewIrql > Irql)
        StopIrql(VF_LOWER_TO_HIGHER, Irql, NewIrql, "KeLowerIrql is called for a higher IRQL");
    KeLowerIrql(NewIrql);
}

/* ---- Public: plain locks ---- */

KIRQL VfKeAcquireSpinLockRaiseToDpc(PKSPIN_LOCK SpinLock)
{
    KIRQL OldIrql = RaiseToAcquire(SpinLock);

    KeAcquireSpinLockAtDpcLevel(SpinLock);
    Remember(SpinLock, CALLER);
    return OldIrql;
}

VOID VfKeReleaseSpinLock(PKSPIN_LOCK SpinLock, KIRQL OldIrql)
{
    CheckReleaseAndLower(SpinLock, OldIrql);
    KeReleaseSpinLock(SpinLock, OldIrql);
}

VOID VfKeAcquireSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock)
{
    CheckAcquireAtDpcLevel(SpinLock);
    CheckNotHeld(SpinLock);
    KeAcquireSpinLockAtDpcLevel(SpinLock);
    Remember(SpinLock, CALLER);
}

VOID VfKeReleaseSpinLockFromDpcLevel(PKSPIN_LOCK SpinLock)
{
    CheckReleaseAtDpcLevel(SpinLock);
    KeReleaseSpinLockFromDpcLevel(SpinLock);
}

BOOLEAN VfKeTryToAcquireSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock)
{
    CheckAcquireAtDpcLevel(SpinLock);
    if (!KeTryToAcquireSpinLockAtDpcLevel(SpinLock))
        return FALSE;
    Remember(SpinLock, CALLER);
    return TRUE;
}

KIRQL VfKeAcquireSpinLockForDpc(PKSPIN_LOCK SpinLock)
{
    KIRQL OldIrql;

    CheckAcquireAtDpcLevel(SpinLock);
    CheckNotHeld(SpinLock);
    OldIrql = KeAcquireSpinLockForDpc(SpinLock);
    Remember(SpinLock, CALLER);
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
    KIRQL OldIrql = RaiseToAcquire(SpinLock);

    KeAcquireInStackQueuedSpinLockAtDpcLevel(SpinLock, LockHandle);
    LockHandle->OldIrql = OldIrql;
    Remember(SpinLock, CALLER);
}

VOID VfKeReleaseInStackQueuedSpinLock(PKLOCK_QUEUE_HANDLE LockHandle)
{
    CheckReleaseAndLower(LockHandle->LockQueue.Lock, LockHandle->OldIrql);
    KeReleaseInStackQueuedSpinLock(LockHandle);
}

VOID VfKeAcquireInStackQueuedSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock, PKLOCK_QUEUE_HANDLE LockHandle)
{
    CheckAcquireAtDpcLevel(SpinLock);
    CheckNotHeld(SpinLock);
    KeAcquireInStackQueuedSpinLockAtDpcLevel(SpinLock, LockHandle);
    Remember(SpinLock, CALLER);
}

VOID VfKeReleaseInStackQueuedSpinLockFromDpcLevel(PKLOCK_QUEUE_HANDLE LockHandle)
{
    CheckReleaseAtDpcLevel(LockHandle->LockQueue.Lock);
    KeReleaseInStackQueuedSpinLockFromDpcLevel(LockHandle);
}

VOID VfKeAcquireInStackQueuedSpinLockForDpc(PKSPIN_LOCK SpinLock, PKLOCK_QUEUE_HANDLE LockHandle)
{
    CheckAcquireAtDpcLevel(SpinLock);
    CheckNotHeld(SpinLock);
    KeAcquireInStackQueuedSpinLockForDpc(SpinLock, LockHandle);
    Remember(SpinLock, CALLER);
}

VOID VfKeReleaseInStackQueuedSpinLockForDpc(PKLOCK_QUEUE_HANDLE LockHandle)
{
    CheckReleaseAtDpcLevel(LockHandle->LockQueue.Lock);
    KeReleaseInStackQueuedSpinLockForDpc(LockHandle);
}
