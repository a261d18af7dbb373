/* wait.c - the driver's side of the contracts of waits.
 *
 * The IRQL that counts is the one that the wait will return to: after a signal with Wait=TRUE it is the one from before
 * the signal, which the thread keeps.
 * A wait for a mutex is an acquisition: when it may last for ever it is looked at for deadlock before, and when it
 * has succeeded the mutex is held. A wait for any of several may end without the mutex, so it has no order. */
#include "vfp.h"
#include <ke/mutant.h>
#include <ke/thread.h>
#include <rtl/status.h>
#include <vf/wait.h>

static KIRQL ReturnIrql(void)
{
    PKTHREAD Thread = KeGetCurrentThread();
    KIRQL Irql = KeGetCurrentIrql();

    return Irql >= DISPATCH_LEVEL && Thread->WaitNext ? Thread->WaitIrql : Irql;
}

static void CheckIrql(PVOID Object, PLARGE_INTEGER Timeout)
{
    KIRQL Irql = ReturnIrql();
    BOOLEAN MayBlock = Timeout == NULL || Timeout->QuadPart != 0;

    VfpCheckCall();
    if (LIKELY(Irql <= APC_LEVEL))
        return;
    if (Irql > DISPATCH_LEVEL)
        VfStop(MayBlock ? VF_BLOCK_ABOVE_DISPATCH : VF_WAIT_AT_WRONG_IRQL, Irql, (ULONG_PTR)Object, (ULONG_PTR)Timeout,
               "a wait for object %p at IRQL %u", Object, Irql);
    if (Timeout == NULL)
        VfStop(VF_BLOCK_AT_DISPATCH, Irql, (ULONG_PTR)Object, 0, "a wait for object %p, for ever, at IRQL %u", Object,
               Irql);
    if (MayBlock)
        VfStop(VF_TIMED_WAIT_AT_DISPATCH, Irql, (ULONG_PTR)Object, (ULONG_PTR)Timeout,
               "a wait for object %p with timeout %I64d at IRQL %u", Object, Timeout->QuadPart, Irql);
}

/* What no initialiser leaves behind: a type that there is not, or a list of waiters that begins nowhere. */
static void CheckObject(PVOID Object)
{
    const DISPATCHER_HEADER *Header = Object;

    if (KeObjectType(Header) >= MaximumDispatcherObject || Header->WaitListHead.Flink == NULL ||
        Header->WaitListHead.Blink == NULL)
        VfStop(VF_UNINITIALIZED, (ULONG_PTR)Object, Header->Type, 0,
               "object %p is waited for; its type is %u, its list of waiters begins at %p", Object, Header->Type,
               Header->WaitListHead.Flink);
}

static void CheckPlace(const void *Memory, const char *What, KPROCESSOR_MODE WaitMode)
{
    if (WaitMode == UserMode && VfpIsOnStack(Memory))
        VfStop(VF_USER_WAIT_ON_STACK, (ULONG_PTR)Memory, (ULONG_PTR)KeGetCurrentThread(), 0,
               "a UserMode wait uses %s %p, which lies on a stack", What, Memory);
}

/* For all of them: the second time nothing may be left to take. A wait for any may name one as often as it likes. */
static void CheckDuplicates(ULONG Count, PVOID Object[])
{
    for (ULONG i = 0; i < Count; i++)
        for (ULONG j = i + 1; j < Count; j++)
            if (Object[i] == Object[j])
                VfStop(VF_DUPLICATE_IN_WAIT, (ULONG_PTR)Object[i], i, j,
                       "object %p is number %u and number %u of %u in a wait for all", Object[i], i, j, Count);
}

static BOOLEAN IsMutant(PVOID Object) { return KeObjectType(Object) == MutantObject; }

/* Object will be waited for, as long as it takes. */
static void Acquiring(PVOID Object, PVOID Place)
{
    if (IsMutant(Object) && ((PKMUTANT)Object)->OwnerThread != KeGetCurrentThread())
        VfpAcquiring(Object, VfpMutex, Place);
}

static BOOLEAN EndedBy(NTSTATUS Status, ULONG Index)
{
    return Status == STATUS_WAIT_0 + (NTSTATUS)Index || Status == STATUS_ABANDONED_WAIT_0 + (NTSTATUS)Index;
}

static NTSTATUS WaitForOne(PVOID Object, KWAIT_REASON WaitReason, KPROCESSOR_MODE WaitMode, BOOLEAN Alertable,
                           PLARGE_INTEGER Timeout, PVOID Place)
{
    NTSTATUS Status;
    BOOLEAN Mutant;

    CheckIrql(Object, Timeout);
    CheckObject(Object);
    CheckPlace(Object, "object", WaitMode);
    Mutant = IsMutant(Object);
    if (Timeout == NULL)
        Acquiring(Object, Place);
    Status = KeWaitForSingleObject(Object, WaitReason, WaitMode, Alertable, Timeout);
    if (Mutant && EndedBy(Status, 0))
        VfpAcquired(Object, VfpMutex, Place);
    return Status;
}

/* Which objects are mutants: asked before the wait, since afterwards an object may be gone. */
static ULONG64 CheckObjects(ULONG Count, PVOID Object[], WAIT_TYPE WaitType, KPROCESSOR_MODE WaitMode)
{
    ULONG64 Mutants = 0;

    for (ULONG i = 0; i < Count; i++) {
        CheckObject(Object[i]);
        CheckPlace(Object[i], "object", WaitMode);
        if (IsMutant(Object[i]))
            Mutants |= 1ull << i;
    }
    if (WaitType == WaitAll)
        CheckDuplicates(Count, Object);
    return Mutants;
}

/* ---- Public ---- */

NTSTATUS VfKeWaitForSingleObject(PVOID Object, KWAIT_REASON WaitReason, KPROCESSOR_MODE WaitMode, BOOLEAN Alertable,
                                 PLARGE_INTEGER Timeout)
{
    return WaitForOne(Object, WaitReason, WaitMode, Alertable, Timeout, VFP_CALLER);
}

NTSTATUS VfKeWaitForMutexObject(PVOID Mutex, KWAIT_REASON WaitReason, KPROCESSOR_MODE WaitMode, BOOLEAN Alertable,
                                PLARGE_INTEGER Timeout)
{
    return WaitForOne(Mutex, WaitReason, WaitMode, Alertable, Timeout, VFP_CALLER);
}

NTSTATUS VfKeWaitForMultipleObjects(ULONG Count, PVOID Object[], WAIT_TYPE WaitType, KWAIT_REASON WaitReason,
                                    KPROCESSOR_MODE WaitMode, BOOLEAN Alertable, PLARGE_INTEGER Timeout,
                                    PKWAIT_BLOCK WaitBlockArray)
{
    BOOLEAN CountIsLegal = Count != 0 && Count <= (WaitBlockArray != NULL ? MAXIMUM_WAIT_OBJECTS : THREAD_WAIT_OBJECTS);
    ULONG Looked = CountIsLegal ? Count : 0;            /* the wait itself refuses the rest */
    ULONG64 Mutants;
    NTSTATUS Status;

    CheckIrql(Looked != 0 ? Object[0] : NULL, Timeout);
    Mutants = CheckObjects(Looked, Object, WaitType, WaitMode);
    if (WaitBlockArray != NULL)
        CheckPlace(WaitBlockArray, "wait block array", WaitMode);
    for (ULONG i = 0; i < Looked && Timeout == NULL && (WaitType == WaitAll || Count == 1); i++)
        Acquiring(Object[i], VFP_CALLER);
    Status =
        KeWaitForMultipleObjects(Count, Object, WaitType, WaitReason, WaitMode, Alertable, Timeout, WaitBlockArray);
    for (ULONG i = 0; i < Looked && Mutants != 0; i++)
        if (Mutants & 1ull << i && (WaitType == WaitAll ? EndedBy(Status, 0) : EndedBy(Status, i)))
            VfpAcquired(Object[i], VfpMutex, VFP_CALLER);
    return Status;
}

NTSTATUS VfKeDelayExecutionThread(KPROCESSOR_MODE WaitMode, BOOLEAN Alertable, PLARGE_INTEGER Interval)
{
    KIRQL Irql = ReturnIrql();

    VfpCheckCall();
    if (Irql > APC_LEVEL)
        VfStop(VF_WAIT_AT_WRONG_IRQL, Irql, 0, (ULONG_PTR)Interval, "KeDelayExecutionThread is called at IRQL %u",
               Irql);
    return KeDelayExecutionThread(WaitMode, Alertable, Interval);
}

PLIST_ENTRY VfKeRemoveQueue(PRKQUEUE Queue, KPROCESSOR_MODE WaitMode, PLARGE_INTEGER Timeout)
{
    CheckIrql(Queue, Timeout);
    CheckObject(Queue);
    return KeRemoveQueue(Queue, WaitMode, Timeout);
}
