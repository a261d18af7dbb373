/* mutex.c - the driver's side of the contracts of mutexes: initialisation and release. Acquiring one is a wait
 * (wait.c).
 *
 * Who owns a mutex stands in the mutex, so what is said of a release is certain. Initialising one writes over
 * that, and is judged by what was seen acquired. */
#include "vfp.h"
#include <ke/thread.h>
#include <vf/mutex.h>

static void CheckRelease(PKMUTANT Mutant)
{
    PKTHREAD Owner = Mutant->OwnerThread, Thread = KeGetCurrentThread();
    VFP_PLACE Start;

    VfpCheckCall();
    if (KeObjectType(&Mutant->Header) != MutantObject)
        VfStop(VF_UNINITIALIZED, (ULONG_PTR)Mutant, Mutant->Header.Type, 0,
               "mutex %p is released; its type is %u, which is no mutex's", Mutant, Mutant->Header.Type);
    if (Owner == Thread)
        return;
    if (Owner == NULL)
        VfStop(VF_NOT_HELD, (ULONG_PTR)Mutant, (ULONG_PTR)Thread, 0, "mutex %p is released by thread %p and is free",
               Mutant, Thread);
    VfStop(VF_RELEASED_BY_ANOTHER, (ULONG_PTR)Mutant, (ULONG_PTR)Owner, (ULONG_PTR)Thread,
           "mutex %p is released by thread %p and owned by thread %p, started at %s", Mutant, Thread, Owner,
           VfpDescribe(&Start, (PVOID)Owner->StartRoutine));
}

/* ---- Public ---- */

VOID VfKeInitializeMutex(PRKMUTEX Mutex, ULONG Level)
{
    VfpCheckCall();
    VfpInitialized(Mutex, VfpMutex);
    KeInitializeMutex(Mutex, Level);
}

VOID VfKeInitializeMutant(PRKMUTANT Mutant, BOOLEAN InitialOwner)
{
    VfpCheckCall();
    VfpInitialized(Mutant, VfpMutex);
    KeInitializeMutant(Mutant, InitialOwner);
    if (InitialOwner)
        VfpAcquired(Mutant, VfpMutex, VFP_CALLER);
}

LONG VfKeReleaseMutex(PRKMUTEX Mutex, BOOLEAN Wait)
{
    CheckRelease(Mutex);
    VfpReleasing(Mutex, VfpMutex);
    return KeReleaseMutex(Mutex, Wait);
}

LONG VfKeReleaseMutant(PRKMUTANT Mutant, KPRIORITY Increment, BOOLEAN Abandoned, BOOLEAN Wait)
{
    if (Abandoned) {
        VfpCheckCall();
        VfpForget(Mutant);
    } else {
        CheckRelease(Mutant);
        VfpReleasing(Mutant, VfpMutex);
    }
    return KeReleaseMutant(Mutant, Increment, Abandoned, Wait);
}
