/* exports_ex.c - what drivers import from the executive: Ex, Io, Ob, Ps, Zw. */
#include "ldrp.h"
#include <ex/fastmutex.h>
#include <ex/mode.h>
#include <ex/interlocked.h>
#include <ex/pool.h>
#include <ex/resource.h>
#include <ex/slist.h>
#include <ex/work.h>
#include <io/csq.h>
#include <io/driver.h>
#include <io/packet.h>
#include <io/request.h>
#include <io/timer.h>
#include <io/work_item.h>
#include <ke/process.h>
#include <ldr/exports.h>
#include <ob/event_object.h>
#include <ob/names.h>
#include <ob/object.h>
#include <ps/information.h>
#include <ps/process.h>
#include <ps/system_thread.h>
#include <vf/call.h>

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
    EXPORT(ZwCreateDirectoryObject),
    EXPORT(ZwOpenDirectoryObject),
    EXPORT(ZwCreateSymbolicLinkObject),
    EXPORT(ZwOpenSymbolicLinkObject),
    EXPORT(ZwQuerySymbolicLinkObject),

    /* Events behind handles */
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
    EXPORT(ExGetPreviousMode),
    EXPORT(ProbeForRead),
    EXPORT(ProbeForWrite),

    /* Threads and types by handle */
    EXPORT(ZwSetInformationThread),
    EXPORT(ZwQueryInformationThread),
    EXPORT_DATA(PsThreadType),
    EXPORT_DATA(PsProcessType),
    EXPORT_DATA(ExEventObjectType),
    EXPORT_DATA(ExSemaphoreObjectType),
    EXPORT_DATA(IoFileObjectType),

    /* Fast and guarded mutexes */
    EXPORT(ExAcquireFastMutex),
    EXPORT(ExTryToAcquireFastMutex),
    EXPORT(ExReleaseFastMutex),
    EXPORT(ExAcquireFastMutexUnsafe),
    EXPORT(ExReleaseFastMutexUnsafe),
    EXPORT(ExEnterCriticalRegionAndAcquireFastMutexUnsafe),
    EXPORT(ExReleaseFastMutexUnsafeAndLeaveCriticalRegion),
    EXPORT(KeInitializeGuardedMutex),
    EXPORT(KeAcquireGuardedMutex),
    EXPORT(KeTryToAcquireGuardedMutex),
    EXPORT(KeReleaseGuardedMutex),
    EXPORT(KeAcquireGuardedMutexUnsafe),
    EXPORT(KeReleaseGuardedMutexUnsafe),

    /* Resources */
    EXPORT(ExInitializeResourceLite),
    EXPORT(ExReinitializeResourceLite),
    EXPORT(ExDeleteResourceLite),
    EXPORT(ExAcquireResourceExclusiveLite),
    EXPORT(ExTryToAcquireResourceExclusiveLite),
    EXPORT(ExAcquireResourceSharedLite),
    EXPORT(ExAcquireSharedStarveExclusive),
    EXPORT(ExAcquireSharedWaitForExclusive),
    EXPORT(ExReleaseResourceLite),
    EXPORT(ExReleaseResourceForThreadLite),
    EXPORT(ExConvertExclusiveToSharedLite),
    EXPORT(ExIsResourceAcquiredExclusiveLite),
    EXPORT(ExIsResourceAcquiredSharedLite),
    EXPORT(ExGetExclusiveWaiterCount),
    EXPORT(ExGetSharedWaiterCount),
    EXPORT(ExSetResourceOwnerPointer),
    EXPORT(ExSetResourceOwnerPointerEx),
    EXPORT(ExDisableResourceBoostLite),
    EXPORT(ExEnterCriticalRegionAndAcquireResourceExclusive),
    EXPORT(ExEnterCriticalRegionAndAcquireResourceShared),
    EXPORT(ExEnterCriticalRegionAndAcquireSharedWaitForExclusive),
    EXPORT(ExReleaseResourceAndLeaveCriticalRegion),

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
    EXPORT(ExQueueWorkItem),

    /* I/O requests */
    EXPORT(IoAllocateIrp),
    EXPORT(IoFreeIrp),
    EXPORT(IoInitializeIrp),
    EXPORT(IoReuseIrp),
    EXPORT(IoMakeAssociatedIrp),
    EXPORT(IofCallDriver),
    EXPORT(IofCompleteRequest),
    EXPORT(IoCallDriver),
    EXPORT(IoCompleteRequest),
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
    EXPORT(IoInitializeTimer),
    EXPORT(IoStartTimer),
    EXPORT(IoStopTimer),
    EXPORT(IoStartPacket),
    EXPORT(IoStartNextPacket),
    EXPORT(IoStartNextPacketByKey),

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
