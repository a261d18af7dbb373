/* thread.c - what a thread must not take with it when it ends.
 *
 * A thread ends by PsTerminateSystemThread, whoever calls it: also for a start routine that just returns. So this is
 * a hook there and not a routine that drivers are bound to. */
#include "vfp.h"
#include <ke/thread.h>
#include <ps/system_thread.h>

static void CheckEnd(void)
{
    PKTHREAD Thread = KeGetCurrentThread();
    KIRQL Irql = KeGetCurrentIrql();
    VFP_PLACE Start;

    VfpThreadEnds();
    if (Irql != PASSIVE_LEVEL)
        VfStop(VF_LOWER_TO_HIGHER, Irql, PASSIVE_LEVEL, (ULONG_PTR)Thread->StartRoutine,
               "thread %p ends at IRQL %u; its routine, %s, was called at IRQL 0", Thread, Irql,
               VfpDescribe(&Start, (PVOID)Thread->StartRoutine));
}

void VfpInitializeThreads(void) { PsSetThreadEndCheck(CheckEnd); }
