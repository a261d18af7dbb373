/* exports_ex.c - what drivers import from the executive: Ex, Io, Ob, Ps, Zw. */
#include "ldrp.h"
#include <ex/fastmutex.h>
#include <ex/interlocked.h>
#include <ex/lookaside.h>
#include <ex/mode.h>
#include <ex/pool.h>
#include <ex/pushlock.h>
#include <ex/resource.h>
#include <ex/rundown.h>
#include <ex/rwspinlock.h>
#include <ex/slist.h>
#include <ex/time.h>
#include <ex/work.h>
#include <io/csq.h>
#include <io/driver.h>
#include <io/packet.h>
#include <io/remove_lock.h>
#include <io/request.h>
#include <io/service.h>
#include <io/shutdown.h>
#include <io/stack.h>
#include <io/symbolic_link.h>
#include <io/timer.h>
#include <io/work_item.h>
#include <ke/process.h>
#include <ldr/exports.h>
#include <mm/callout.h>
#include <ob/callback.h>
#include <ob/duplicate.h>
#include <ob/event_object.h>
#include <ob/mutant_object.h>
#include <ob/names.h>
#include <ob/object.h>
#include <ob/semaphore_object.h>
#include <ob/timer_object.h>
#include <ob/wait.h>
#include <ps/information.h>
#include <ps/notify.h>
#include <ps/process.h>
#include <ps/system_thread.h>
#include <vf/call.h>
#include <vf/fastmutex.h>
#include <vf/interlocked.h>
#include <vf/irp.h>
#include <vf/lookaside.h>
#include <vf/pushlock.h>
#include <vf/remove_lock.h>
#include <vf/resource.h>
#include <vf/rundown.h>
#include <vf/rwspinlock.h>
#include <vf/work.h>

static const LDR_EXPORT Rows[] = {
    /* Processes and threads */
    EXPORT(PsGetCurrentProcess),
    EXPORT(IoGetCurrentProcess),
    EXPORT(PsGetThreadProcess),
    EXPORT(PsGetCurrentThreadProcess),
    EXPORT(PsGetProcessId),
    EXPORT(PsGetThreadProcessId),
    EXPORT(PsGetCurrentProcessId),
    EXPORT(PsGetCurrentThreadProcessId),
    EXPORT(PsLookupProcessByProcessId),
    EXPORT(PsLookupProcessThreadByCid),
    EXPORT(PsIsSystemProcess),
    EXPORT(PsGetProcessCreateTimeQuadPart),
    EXPORT(PsCreateSystemProcess),
    EXPORT(ZwOpenProcess),
    EXPORT(NtOpenProcess),
    EXPORT(ZwOpenThread),
    EXPORT(NtOpenThread),
    EXPORT_DATA(PsInitialSystemProcess),
    EXPORT(PsCreateSystemThread),
    EXPORT(PsTerminateSystemThread),
    EXPORT(PsSetCreateThreadNotifyRoutine),
    EXPORT(PsRemoveCreateThreadNotifyRoutine),
    EXPORT(PsSetCreateProcessNotifyRoutine),
    EXPORT(PsSetCreateProcessNotifyRoutineEx),
    EXPORT(PsGetCurrentThread),
    EXPORT(PsGetCurrentThreadId),
    EXPORT(PsGetThreadId),
    EXPORT(PsIsSystemThread),
    EXPORT(PsGetThreadExitStatus),
    EXPORT(PsIsThreadTerminating),
    EXPORT(PsLookupThreadByThreadId),

    /* Objects and handles */
    EXPORT(ObReferenceObjectByHandle),
    EXPORT(ObReferenceObjectByHandleWithTag),
    EXPORT(ObReferenceObjectByPointer),
    EXPORT(ObReferenceObjectByPointerWithTag),
    EXPORT(ObReferenceObjectByName),
    EXPORT(ObOpenObjectByPointer),
    EXPORT(ObOpenObjectByPointerWithTag),
    EXPORT(ObOpenObjectByName),
    EXPORT(ObfReferenceObject),
    EXPORT(ObfReferenceObjectWithTag),
    EXPORT(ObfDereferenceObject),
    EXPORT(ObfDereferenceObjectWithTag),
    EXPORT(ObDereferenceObject),
    EXPORT(ObDereferenceObjectDeferDelete),
    EXPORT(ObDereferenceObjectDeferDeleteWithTag),
    EXPORT(ObCloseHandle),
    EXPORT(ObIsKernelHandle),
    EXPORT(ObGetObjectType),
    EXPORT(ObQueryNameString),
    EXPORT(ObMakeTemporaryObject),
    EXPORT(ZwMakeTemporaryObject),
    EXPORT(NtMakePermanentObject),
    EXPORT(ZwClose),
    EXPORT(NtClose),
    EXPORT(ZwDuplicateObject),
    EXPORT(NtDuplicateObject),
    EXPORT(ZwQueryObject),
    EXPORT(ZwSetInformationObject),
    EXPORT(ZwWaitForSingleObject),
    EXPORT(NtWaitForSingleObject),
    EXPORT(ZwWaitForMultipleObjects),
    EXPORT(ZwCreateDirectoryObject),
    EXPORT(ZwOpenDirectoryObject),
    EXPORT(ZwCreateSymbolicLinkObject),
    EXPORT(ZwOpenSymbolicLinkObject),
    EXPORT(ZwQuerySymbolicLinkObject),

    /* Events, semaphores, mutants and timers behind handles, callback objects, previous mode */
    EXPORT(ZwCreateEvent),
    EXPORT(NtCreateEvent),
    EXPORT(ZwOpenEvent),
    EXPORT(ZwSetEvent),
    EXPORT(NtSetEvent),
    EXPORT(ZwResetEvent),
    EXPORT(ZwClearEvent),
    EXPORT(ZwPulseEvent),
    EXPORT(ZwQueryEvent),
    EXPORT(IoCreateNotificationEvent),
    EXPORT(IoCreateSynchronizationEvent),
    EXPORT(ZwCreateSemaphore),
    EXPORT(ZwOpenSemaphore),
    EXPORT(ZwReleaseSemaphore),
    EXPORT(ZwCreateMutant),
    EXPORT(ZwOpenMutant),
    EXPORT(ZwReleaseMutant),
    EXPORT(ZwCreateTimer),
    EXPORT(ZwOpenTimer),
    EXPORT(ZwSetTimer),
    EXPORT(ZwSetTimerEx),
    EXPORT(ZwCancelTimer),
    EXPORT(ExCreateCallback),
    EXPORT(ExRegisterCallback),
    EXPORT(ExUnregisterCallback),
    EXPORT(ExNotifyCallback),
    EXPORT(ExGetPreviousMode),
    EXPORT(PsGetCurrentThreadPreviousMode),
    EXPORT(ProbeForRead),
    EXPORT(ProbeForWrite),

    /* Threads and types by handle */
    EXPORT(ZwSetInformationThread),
    EXPORT(NtSetInformationThread),
    EXPORT(ZwQueryInformationThread),
    EXPORT(NtQueryInformationThread),
    EXPORT_DATA(PsThreadType),
    EXPORT_DATA(PsProcessType),
    EXPORT_DATA(ExEventObjectType),
    EXPORT_DATA(ExSemaphoreObjectType),
    EXPORT_DATA(IoFileObjectType),

    /* Fast and guarded mutexes */
    EXPORT_CHECKED(ExAcquireFastMutex),
    EXPORT_CHECKED(ExTryToAcquireFastMutex),
    EXPORT_CHECKED(ExReleaseFastMutex),
    EXPORT_CHECKED(ExAcquireFastMutexUnsafe),
    EXPORT_CHECKED(ExReleaseFastMutexUnsafe),
    EXPORT_CHECKED(ExEnterCriticalRegionAndAcquireFastMutexUnsafe),
    EXPORT_CHECKED(ExReleaseFastMutexUnsafeAndLeaveCriticalRegion),
    EXPORT_CHECKED(KeInitializeGuardedMutex),
    EXPORT_CHECKED(KeAcquireGuardedMutex),
    EXPORT_CHECKED(KeTryToAcquireGuardedMutex),
    EXPORT_CHECKED(KeReleaseGuardedMutex),
    EXPORT_CHECKED(KeAcquireGuardedMutexUnsafe),
    EXPORT_CHECKED(KeReleaseGuardedMutexUnsafe),

    /* Resources */
    EXPORT_CHECKED(ExInitializeResourceLite),
    EXPORT_CHECKED(ExReinitializeResourceLite),
    EXPORT_CHECKED(ExDeleteResourceLite),
    EXPORT_CHECKED(ExAcquireResourceExclusiveLite),
    EXPORT_CHECKED(ExTryToAcquireResourceExclusiveLite),
    EXPORT_CHECKED(ExAcquireResourceSharedLite),
    EXPORT_CHECKED(ExAcquireSharedStarveExclusive),
    EXPORT_CHECKED(ExAcquireSharedWaitForExclusive),
    EXPORT_CHECKED(ExReleaseResourceLite),
    EXPORT_CHECKED(ExReleaseResourceForThreadLite),
    EXPORT_CHECKED(ExConvertExclusiveToSharedLite),
    EXPORT_CHECKED(ExIsResourceAcquiredExclusiveLite),
    EXPORT_CHECKED(ExIsResourceAcquiredSharedLite),
    EXPORT(ExGetExclusiveWaiterCount),
    EXPORT(ExGetSharedWaiterCount),
    EXPORT_CHECKED(ExSetResourceOwnerPointer),
    EXPORT_CHECKED(ExSetResourceOwnerPointerEx),
    EXPORT(ExDisableResourceBoostLite),
    EXPORT_CHECKED(ExEnterCriticalRegionAndAcquireResourceExclusive),
    EXPORT_CHECKED(ExEnterCriticalRegionAndAcquireResourceShared),
    EXPORT_CHECKED(ExEnterCriticalRegionAndAcquireSharedWaitForExclusive),
    EXPORT_CHECKED(ExReleaseResourceAndLeaveCriticalRegion),

    /* Push locks, spin locks that readers share */
    EXPORT_CHECKED(ExInitializePushLock),
    EXPORT_CHECKED(ExAcquirePushLockExclusiveEx),
    EXPORT_CHECKED(ExAcquirePushLockSharedEx),
    EXPORT_CHECKED(ExTryAcquirePushLockExclusiveEx),
    EXPORT_CHECKED(ExTryAcquirePushLockSharedEx),
    EXPORT_CHECKED(ExReleasePushLockExclusiveEx),
    EXPORT_CHECKED(ExReleasePushLockSharedEx),
    EXPORT_CHECKED(ExReleasePushLockEx),
    EXPORT_CHECKED(ExfAcquirePushLockExclusive),
    EXPORT_CHECKED(ExfAcquirePushLockShared),
    EXPORT_CHECKED(ExfTryAcquirePushLockShared),
    EXPORT_CHECKED(ExfReleasePushLockExclusive),
    EXPORT_CHECKED(ExfReleasePushLockShared),
    EXPORT_CHECKED(ExfReleasePushLock),
    EXPORT(ExfTryToWakePushLock),
    EXPORT_CHECKED(ExAcquireSpinLockExclusive),
    EXPORT_CHECKED(ExReleaseSpinLockExclusive),
    EXPORT_CHECKED(ExAcquireSpinLockExclusiveAtDpcLevel),
    EXPORT_CHECKED(ExReleaseSpinLockExclusiveFromDpcLevel),
    EXPORT_CHECKED(ExTryAcquireSpinLockExclusiveAtDpcLevel),
    EXPORT_CHECKED(ExAcquireSpinLockShared),
    EXPORT_CHECKED(ExReleaseSpinLockShared),
    EXPORT_CHECKED(ExAcquireSpinLockSharedAtDpcLevel),
    EXPORT_CHECKED(ExReleaseSpinLockSharedFromDpcLevel),
    EXPORT_CHECKED(ExTryAcquireSpinLockSharedAtDpcLevel),
    EXPORT_CHECKED(ExTryConvertSharedSpinLockExclusive),

    /* Remove locks, the time zone, the clock's interval */
    EXPORT(IoInitializeRemoveLockEx),
    EXPORT_CHECKED(IoAcquireRemoveLockEx),
    EXPORT_CHECKED(IoReleaseRemoveLockEx),
    EXPORT_CHECKED(IoReleaseRemoveLockAndWaitEx),
    EXPORT(ExSystemTimeToLocalTime),
    EXPORT(ExLocalTimeToSystemTime),
    EXPORT(ExSetTimerResolution),
    EXPORT(ExQueryTimerResolution),

    /* Run-down protection */
    EXPORT(ExInitializeRundownProtection),
    EXPORT_CHECKED(ExReInitializeRundownProtection),
    EXPORT_CHECKED(ExAcquireRundownProtection),
    EXPORT_CHECKED(ExAcquireRundownProtectionEx),
    EXPORT_CHECKED(ExReleaseRundownProtection),
    EXPORT_CHECKED(ExReleaseRundownProtectionEx),
    EXPORT_CHECKED(ExWaitForRundownProtectionRelease),
    EXPORT(ExRundownCompleted),
    EXPORT(ExAllocateCacheAwareRundownProtection),
    EXPORT(ExFreeCacheAwareRundownProtection),
    EXPORT(ExSizeOfRundownProtectionCacheAware),
    EXPORT(ExInitializeRundownProtectionCacheAware),
    EXPORT(ExReInitializeRundownProtectionCacheAware),
    EXPORT(ExAcquireRundownProtectionCacheAware),
    EXPORT(ExAcquireRundownProtectionCacheAwareEx),
    EXPORT(ExReleaseRundownProtectionCacheAware),
    EXPORT(ExReleaseRundownProtectionCacheAwareEx),
    EXPORT_CHECKED(ExWaitForRundownProtectionReleaseCacheAware),
    EXPORT(ExRundownCompletedCacheAware),

    /* Lists for any IRQL */
    EXPORT(InitializeSListHead),
    EXPORT(ExpInterlockedPushEntrySList),
    EXPORT(ExpInterlockedPopEntrySList),
    EXPORT(ExpInterlockedFlushSList),
    EXPORT(FirstEntrySList),
    EXPORT(ExQueryDepthSList),
    EXPORT_CHECKED(ExInterlockedInsertHeadList),
    EXPORT_CHECKED(ExInterlockedInsertTailList),
    EXPORT_CHECKED(ExInterlockedRemoveHeadList),
    EXPORT_CHECKED(ExInterlockedPushEntryList),
    EXPORT_CHECKED(ExInterlockedPopEntryList),
    EXPORT_CHECKED(ExInterlockedAddLargeInteger),
    EXPORT_CHECKED(ExInterlockedAddUlong),

    /* Work items */
    EXPORT(ExInitializeWorkItem),
    EXPORT_CHECKED(ExQueueWorkItem),

    /* Devices and drivers */
    EXPORT(IoCreateDevice),
    EXPORT_CHECKED(IoDeleteDevice),
    EXPORT(IoCreateSymbolicLink),
    EXPORT(IoCreateUnprotectedSymbolicLink),
    EXPORT(IoDeleteSymbolicLink),
    EXPORT(IoAttachDevice),
    EXPORT(IoAttachDeviceToDeviceStack),
    EXPORT(IoAttachDeviceToDeviceStackSafe),
    EXPORT_CHECKED(IoDetachDevice),
    EXPORT(IoGetAttachedDevice),
    EXPORT(IoGetAttachedDeviceReference),
    EXPORT(IoGetLowerDeviceObject),
    EXPORT(IoGetDeviceAttachmentBaseRef),
    EXPORT(IoGetDeviceObjectPointer),
    EXPORT(IoGetRelatedDeviceObject),
    EXPORT(IoAllocateDriverObjectExtension),
    EXPORT(IoGetDriverObjectExtension),
    EXPORT(IoRegisterDriverReinitialization),
    EXPORT(IoRegisterBootDriverReinitialization),
    EXPORT(ZwCreateFile),
    EXPORT(ZwOpenFile),
    EXPORT(ZwReadFile),
    EXPORT(ZwWriteFile),
    EXPORT(ZwDeviceIoControlFile),
    EXPORT(IoRegisterShutdownNotification),
    EXPORT(IoRegisterLastChanceShutdownNotification),
    EXPORT(IoUnregisterShutdownNotification),
    EXPORT_DATA(IoDeviceObjectType),
    EXPORT_DATA(IoDriverObjectType),

    /* Stacks */
    EXPORT(KeExpandKernelStackAndCallout),
    EXPORT(KeExpandKernelStackAndCalloutEx),
    EXPORT(IoGetStackLimits),
    EXPORT(IoWithinStackLimits),
    EXPORT(IoGetInitialStack),

    /* I/O requests */
    EXPORT(IoAllocateIrp),
    EXPORT_CHECKED(IoFreeIrp),
    EXPORT_CHECKED(IoInitializeIrp),
    EXPORT(IoReuseIrp),
    EXPORT(IoMakeAssociatedIrp),
    EXPORT_CHECKED(IofCallDriver),
    EXPORT_CHECKED(IofCompleteRequest),
    EXPORT_CHECKED(IoCallDriver),
    EXPORT_CHECKED(IoCompleteRequest),
    EXPORT(IoSetCompletionRoutineEx),
    EXPORT(IoForwardIrpSynchronously),
    EXPORT(IoAcquireCancelSpinLock),
    EXPORT(IoReleaseCancelSpinLock),
    EXPORT(IoCancelIrp),
    EXPORT(IoBuildDeviceIoControlRequest),
    EXPORT(IoBuildSynchronousFsdRequest),
    EXPORT(IoBuildAsynchronousFsdRequest),
    EXPORT(IoGetRequestorProcess),
    EXPORT(IoGetRequestorProcessId),
    EXPORT(IoIsOperationSynchronous),
    EXPORT(IoThreadToProcess),
    EXPORT(IoIsSystemThread),
    EXPORT(IoCsqInitialize),
    EXPORT(IoCsqInitializeEx),
    EXPORT(IoCsqInsertIrp),
    EXPORT(IoCsqInsertIrpEx),
    EXPORT(IoCsqRemoveIrp),
    EXPORT(IoCsqRemoveNextIrp),
    EXPORT(IoAllocateMdl),
    EXPORT(IoFreeMdl),
    EXPORT(IoBuildPartialMdl),
    EXPORT(MmBuildMdlForNonPagedPool),
    EXPORT(MmProbeAndLockPages),
    EXPORT(MmMapLockedPagesSpecifyCache),
    EXPORT(MmUnmapLockedPages),
    EXPORT(MmUnlockPages),

    /* I/O work items, device timers, StartIo */
    EXPORT(IoAllocateWorkItem),
    EXPORT(IoFreeWorkItem),
    EXPORT(IoSizeofWorkItem),
    EXPORT(IoInitializeWorkItem),
    EXPORT(IoUninitializeWorkItem),
    EXPORT(IoQueueWorkItem),
    EXPORT(IoQueueWorkItemEx),
    EXPORT(IoTryQueueWorkItem),
    EXPORT_CHECKED(IoInitializeTimer),
    EXPORT(IoStartTimer),
    EXPORT(IoStopTimer),
    EXPORT(IoStartPacket),
    EXPORT(IoStartNextPacket),
    EXPORT(IoStartNextPacketByKey),

    /* Lookaside lists */
    EXPORT_CHECKED(ExInitializeNPagedLookasideList),
    EXPORT(ExDeleteNPagedLookasideList),
    EXPORT_CHECKED(ExInitializePagedLookasideList),
    EXPORT(ExDeletePagedLookasideList),
    EXPORT(ExAllocateFromPagedLookasideList),
    EXPORT(ExFreeToPagedLookasideList),
    EXPORT_CHECKED(ExInitializeLookasideListEx),
    EXPORT(ExDeleteLookasideListEx),
    EXPORT(ExFlushLookasideListEx),

    /* Pool */
    EXPORT(ExAllocatePool),
    EXPORT(ExAllocatePoolWithTag),
    EXPORT(ExAllocatePool2),
    EXPORT(ExFreePool),
    EXPORT(ExFreePoolWithTag),

    /* Finding routines */
    EXPORT(MmGetSystemRoutineAddress),
};

const LDR_EXPORTS LdrpExecutiveExports = { Rows, RTL_NUMBER_OF(Rows) };
