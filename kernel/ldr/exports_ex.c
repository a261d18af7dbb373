/* exports_ex.c - what drivers import from the executive: Ex, Io, Ob, Ps, Zw. */
#include "ldrp.h"
#include <ex/fastmutex.h>
#include <ex/interlocked.h>
#include <ex/pool.h>
#include <ex/resource.h>
#include <ex/slist.h>
#include <ex/work.h>
#include <ke/process.h>
#include <ldr/exports.h>
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
    EXPORT(ObOpenObjectByPointer),
    EXPORT(ObfReferenceObject),
    EXPORT(ObfDereferenceObject),
    EXPORT(ObDereferenceObject),
    EXPORT(ZwClose),
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
