/* exports_ex.c - what drivers import from the executive: Ex, Io, Ob, Ps, Zw. */
#include "ldrp.h"
#include <ex/fastmutex.h>
#include <ex/mode.h>
#include <ex/interlocked.h>
#include <ex/lookaside.h>
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
#include <io/symbolic_link.h>
#include <io/timer.h>
#include <io/work_item.h>
#include <ke/process.h>
#include <ldr/exports.h>
#include <ob/callback.h>
#include <ob/duplicate.h>
#include <ob/event_object.h>
#include <ob/names.h>
#include <ob/object.h>
#include <ob/timer_object.h>
#include <ob/wait.h>
#include <ps/information.h>
#include <ps/process.h>
#include <ps/system_thread.h>
#include <vf/call.h>
#include <vf/irp.h>
#include <vf/fastmutex.h>
#include <vf/resource.h>
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
    EXPORT_DATA(PsInitialSystemProcess),
    EXPORT(PsCreateSystemThread),
    EXPORT(PsTerminateSystemThread),
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

    /* Events and timers behind handles, callback objects, previous mode */
    EXPORT(ZwCreateEvent),
    EXPORT(NtCreateEvent),
    EXPORT(ZwOpenEvent),
    EXPORT(ZwSetEvent),
    EXPORT(NtSetEvent),
    EXPORT(ZwResetEvent),
    EXPORT(ZwClearEvent),
    EXPORT(ZwPulseEvent),
    EXPORT(IoCreateNotificationEvent),
    EXPORT(IoCreateSynchronizationEvent),
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
    EXPORT(ExInitializePushLock),
    EXPORT(ExAcquirePushLockExclusiveEx),
    EXPORT(ExAcquirePushLockSharedEx),
    EXPORT(ExTryAcquirePushLockExclusiveEx),
    EXPORT(ExTryAcquirePushLockSharedEx),
    EXPORT(ExReleasePushLockExclusiveEx),
    EXPORT(ExReleasePushLockSharedEx),
    EXPORT(ExReleasePushLockEx),
    EXPORT(ExfAcquirePushLockExclusive),
    EXPORT(ExfAcquirePushLockShared),
    EXPORT(ExfTryAcquirePushLockShared),
    EXPORT(ExfReleasePushLockExclusive),
    EXPORT(ExfReleasePushLockShared),
    EXPORT(ExfReleasePushLock),
    EXPORT(ExfTryToWakePushLock),
    EXPORT(ExAcquireSpinLockExclusive),
    EXPORT(ExReleaseSpinLockExclusive),
    EXPORT(ExAcquireSpinLockExclusiveAtDpcLevel),
    EXPORT(ExReleaseSpinLockExclusiveFromDpcLevel),
    EXPORT(ExTryAcquireSpinLockExclusiveAtDpcLevel),
    EXPORT(ExAcquireSpinLockShared),
    EXPORT(ExReleaseSpinLockShared),
    EXPORT(ExAcquireSpinLockSharedAtDpcLevel),
    EXPORT(ExReleaseSpinLockSharedFromDpcLevel),
    EXPORT(ExTryAcquireSpinLockSharedAtDpcLevel),
    EXPORT(ExTryConvertSharedSpinLockExclusive),

    /* Remove locks, the time zone */
    EXPORT(IoInitializeRemoveLockEx),
    EXPORT(IoAcquireRemoveLockEx),
    EXPORT(IoReleaseRemoveLockEx),
    EXPORT(IoReleaseRemoveLockAndWaitEx),
    EXPORT(ExSystemTimeToLocalTime),
    EXPORT(ExLocalTimeToSystemTime),

    /* Run-down protection */
    EXPORT(ExInitializeRundownProtection),
    EXPORT(ExReInitializeRundownProtection),
    EXPORT(ExAcquireRundownProtection),
    EXPORT(ExAcquireRundownProtectionEx),
    EXPORT(ExReleaseRundownProtection),
    EXPORT(ExReleaseRundownProtectionEx),
    EXPORT(ExWaitForRundownProtectionRelease),
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
    EXPORT(ExWaitForRundownProtectionReleaseCacheAware),
    EXPORT(ExRundownCompletedCacheAware),

    /* Lists for any IRQL */
    EXPORT(InitializeSListHead),
    EXPORT(ExpInterlockedPushEntrySList),
    EXPORT(ExpInterlockedPopEntrySList),
    EXPORT(ExpInterlockedFlushSList),
    EXPORT(FirstEntrySList),
    EXPORT(ExQueryDepthSList),
    EXPORT(ExInterlockedInsertHeadList),
    EXPORT(ExInterlockedInsertTailList),
    EXPORT(ExInterlockedRemoveHeadList),
    EXPORT(ExInterlockedPushEntryList),
    EXPORT(ExInterlockedPopEntryList),
    EXPORT(ExInterlockedAddLargeInteger),
    EXPORT(ExInterlockedAddUlong),

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
    EXPORT_DATA(IoDeviceObjectType),
    EXPORT_DATA(IoDriverObjectType),

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
    EXPORT(ExInitializeNPagedLookasideList),
    EXPORT(ExDeleteNPagedLookasideList),
    EXPORT(ExInitializePagedLookasideList),
    EXPORT(ExDeletePagedLookasideList),
    EXPORT(ExAllocateFromPagedLookasideList),
    EXPORT(ExFreeToPagedLookasideList),
    EXPORT(ExInitializeLookasideListEx),
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
