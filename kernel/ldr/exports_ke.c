/* exports_ke.c - what drivers import from the kernel proper: the dispatcher, its objects, processors, time. */
#include "ldrp.h"
#include <ke/apc.h>
#include <ke/bugcheck.h>
#include <ke/clock.h>
#include <ke/device_queue.h>
#include <ke/dispatch.h>
#include <ke/dpc.h>
#include <ke/event.h>
#include <ke/exception.h>
#include <ke/init.h>
#include <ke/ipi.h>
#include <ke/mutant.h>
#include <ke/process.h>
#include <ke/queue.h>
#include <ke/semaphore.h>
#include <ke/thread.h>
#include <ke/timer.h>
#include <vf/call.h>
#include <vf/fastmutex.h>
#include <vf/irql.h>
#include <vf/mutex.h>
#include <vf/region.h>
#include <vf/spinlock.h>
#include <vf/wait.h>

static const LDR_EXPORT Rows[] = {
    /* IRQL and spin locks */
    EXPORT(KeGetCurrentIrql),
    EXPORT_CHECKED(KfRaiseIrql),
    EXPORT_CHECKED(KeLowerIrql),
    EXPORT_CHECKED(KeRaiseIrqlToDpcLevel),
    EXPORT_CHECKED(KeInitializeSpinLock),
    EXPORT_CHECKED(KeAcquireSpinLockRaiseToDpc),
    EXPORT_CHECKED(KeReleaseSpinLock),
    EXPORT_CHECKED(KeAcquireSpinLockAtDpcLevel),
    EXPORT_CHECKED(KeReleaseSpinLockFromDpcLevel),
    EXPORT_CHECKED(KeTryToAcquireSpinLockAtDpcLevel),
    EXPORT(KeTestSpinLock),
    EXPORT_CHECKED(KeAcquireSpinLockForDpc),
    EXPORT_CHECKED(KeReleaseSpinLockForDpc),
    EXPORT_CHECKED(KeAcquireInStackQueuedSpinLock),
    EXPORT_CHECKED(KeReleaseInStackQueuedSpinLock),
    EXPORT_CHECKED(KeAcquireInStackQueuedSpinLockAtDpcLevel),
    EXPORT_CHECKED(KeReleaseInStackQueuedSpinLockFromDpcLevel),
    EXPORT_CHECKED(KeAcquireInStackQueuedSpinLockForDpc),
    EXPORT_CHECKED(KeReleaseInStackQueuedSpinLockForDpc),

    /* Waits and the objects one waits on */
    EXPORT_CHECKED(KeWaitForSingleObject),
    EXPORT_CHECKED(KeWaitForMultipleObjects),
    EXPORT_CHECKED(KeWaitForMutexObject),
    EXPORT_CHECKED(KeDelayExecutionThread),
    EXPORT_CHECKED(KeInitializeEvent),
    EXPORT_CHECKED(KeSetEvent),
    EXPORT_CHECKED(KeClearEvent),
    EXPORT_CHECKED(KeResetEvent),
    EXPORT_CHECKED(KePulseEvent),
    EXPORT(KeReadStateEvent),
    EXPORT_CHECKED(KeInitializeMutex),
    EXPORT_CHECKED(KeReleaseMutex),
    EXPORT(KeReadStateMutex),
    EXPORT_CHECKED(KeInitializeMutant),
    EXPORT_CHECKED(KeReleaseMutant),
    EXPORT(KeReadStateMutant),
    EXPORT(KeInitializeSemaphore),
    EXPORT_CHECKED(KeReleaseSemaphore),
    EXPORT(KeReadStateSemaphore),
    EXPORT(KeInitializeQueue),
    EXPORT_CHECKED(KeInsertQueue),
    EXPORT_CHECKED(KeInsertHeadQueue),
    EXPORT_CHECKED(KeRemoveQueue),
    EXPORT(KeRundownQueue),
    EXPORT(KeReadStateQueue),
    EXPORT(KeInitializeTimer),
    EXPORT(KeInitializeTimerEx),
    EXPORT_CHECKED(KeSetTimer),
    EXPORT_CHECKED(KeSetTimerEx),
    EXPORT_CHECKED(KeSetCoalescableTimer),
    EXPORT_CHECKED(KeCancelTimer),
    EXPORT(KeReadStateTimer),

    /* DPCs */
    EXPORT(KeInitializeDpc),
    EXPORT_CHECKED(KeInsertQueueDpc),
    EXPORT_CHECKED(KeRemoveQueueDpc),
    EXPORT(KeSetImportanceDpc),
    EXPORT(KeSetTargetProcessorDpc),
    EXPORT(KeSetTargetProcessorDpcEx),
    EXPORT(KeQueryDpcWatchdogInformation),
    EXPORT(KeFlushQueuedDpcs),
    EXPORT(KeGenericCallDpc),
    EXPORT(KeSignalCallDpcSynchronize),
    EXPORT(KeSignalCallDpcDone),

    /* Device queues */
    EXPORT(KeInitializeDeviceQueue),
    EXPORT(KeInsertDeviceQueue),
    EXPORT(KeInsertByKeyDeviceQueue),
    EXPORT(KeRemoveDeviceQueue),
    EXPORT(KeRemoveByKeyDeviceQueue),
    EXPORT(KeRemoveByKeyDeviceQueueIfBusy),
    EXPORT(KeRemoveEntryDeviceQueue),

    /* Threads and processors */
    EXPORT(KeGetCurrentThread),
    EXPORT_CHECKED(KeSetPriorityThread),
    EXPORT(KeQueryPriorityThread),
    EXPORT(KeSetBasePriorityThread),
    EXPORT(KeSetAffinityThread),
    EXPORT(KeSetSystemAffinityThread),
    EXPORT(KeRevertToUserAffinityThread),
    EXPORT(KeSetSystemAffinityThreadEx),
    EXPORT(KeRevertToUserAffinityThreadEx),
    EXPORT(KeSetSystemGroupAffinityThread),
    EXPORT(KeRevertToUserGroupAffinityThread),
    EXPORT(KeSetIdealProcessorThread),
    EXPORT(KeSetKernelStackSwapEnable),
    EXPORT(KeQueryRuntimeThread),
    EXPORT_CHECKED(KeEnterCriticalRegion),
    EXPORT_CHECKED(KeLeaveCriticalRegion),
    EXPORT(KeAreApcsDisabled),
    EXPORT(KeAreAllApcsDisabled),
    EXPORT_CHECKED(KeEnterGuardedRegion),
    EXPORT_CHECKED(KeLeaveGuardedRegion),
    EXPORT(KeInitializeApc),
    EXPORT_CHECKED(KeInsertQueueApc),
    EXPORT_CHECKED(KeAlertThread),
    EXPORT(KeTestAlertThread),
    EXPORT(KeQueryActiveProcessorCount),
    EXPORT(KeQueryActiveProcessors),
    EXPORT(KeGetCurrentProcessorNumber),
    EXPORT(KeGetCurrentProcessorNumberEx),
    EXPORT(KeQueryActiveProcessorCountEx),
    EXPORT(KeQueryMaximumProcessorCount),
    EXPORT(KeQueryMaximumProcessorCountEx),
    EXPORT(KeQueryActiveGroupCount),
    EXPORT(KeQueryMaximumGroupCount),
    EXPORT(KeQueryGroupAffinity),
    EXPORT(KeGetProcessorNumberFromIndex),
    EXPORT(KeGetProcessorIndexFromNumber),
    EXPORT_DATA(KeNumberProcessors),
    EXPORT(KeIpiGenericCall),

    /* Address spaces */
    EXPORT(KeStackAttachProcess),
    EXPORT(KeUnstackDetachProcess),
    EXPORT(KeAttachProcess),
    EXPORT(KeDetachProcess),
    EXPORT(KeIsAttachedProcess),

    /* Time */
    EXPORT(KeQueryTimeIncrement),
    EXPORT(KeQueryPerformanceCounter),
    EXPORT(KeStallExecutionProcessor),
    EXPORT(KeQueryInterruptTime),
    EXPORT(KeQueryUnbiasedInterruptTime),
    EXPORT(KeQueryInterruptTimePrecise),
    EXPORT(KeQuerySystemTime),
    EXPORT(KeQuerySystemTimePrecise),
    EXPORT(KeQueryTickCount),

    /* Stopping */
    EXPORT(KeBugCheck),
    EXPORT(KeBugCheckEx),

    /* Raising, catching, unwinding */
    EXPORT(ExRaiseStatus),
    EXPORT(ExRaiseAccessViolation),
    EXPORT(ExRaiseDatatypeMisalignment),
    EXPORT(RtlRaiseStatus),
    EXPORT(RtlRaiseException),
    EXPORT(RtlUnwind),
    EXPORT(RtlUnwindEx),
    EXPORT(RtlVirtualUnwind),
    EXPORT(RtlLookupFunctionEntry),
    EXPORT(RtlPcToFileHeader),
    EXPORT(RtlCaptureContext),
    EXPORT(RtlRestoreContext),
    EXPORT(RtlCaptureStackBackTrace),
    EXPORT(__C_specific_handler),
    EXPORT(_local_unwind),
};

const LDR_EXPORTS LdrpKeExports = { Rows, RTL_NUMBER_OF(Rows) };
