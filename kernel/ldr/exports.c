/* exports.c - every name that a driver may import, in one place.
 *
 * A row is made from the routine itself: what has no prototype in a header, or is in no floor, does not
 * build. A routine has its row once it does all that its contract says, and not before: an import that is
 * missing here is named when the driver loads, while one that pretends would be found by nobody.
 * Every name is served for `ntoskrnl.exe` and for `HAL.dll`, in any case: which of the two a DDK's import
 * library chooses differs between kits and versions.
 * The second column: with the verifier on, a driver is bound to that routine instead, which checks the
 * driver's side of the contract and then calls the first. So the routines themselves stay free of checks, and
 * our own calls of them pay for none.
 * Rows stand by subject for the reader; a table of indices, sorted once, serves the search. */
#include "ldrp.h"
#include <ex/fastmutex.h>
#include <ex/pool.h>
#include <ex/resource.h>
#include <ex/work.h>
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
#include <ldr/exports.h>
#include <ob/object.h>
#include <ps/information.h>
#include <ps/process.h>
#include <ps/system_thread.h>
#include <rtl/bitmap.h>
#include <rtl/crt.h>
#include <rtl/dbg.h>
#include <rtl/debug.h>
#include <rtl/memory.h>
#include <rtl/nt_string.h>
#include <rtl/random.h>
#include <rtl/string.h>
#include <rtl/time.h>
#include <vf/call.h>
#include <vf/irql.h>
#include <vf/mutex.h>
#include <vf/region.h>
#include <vf/spinlock.h>
#include <vf/wait.h>

typedef struct _EXPORT_ROW {
    const char *Name;
    PVOID Address;
    PVOID Verifier;             /* NULL: the same */
} EXPORT_ROW;

#define EXPORT(Routine)              { #Routine, (PVOID)Routine, NULL }
#define EXPORT_CHECKED(Routine)      { #Routine, (PVOID)Routine, (PVOID)Vf##Routine }
#define EXPORT_DATA(Variable)        { #Variable, (PVOID)&Variable, NULL }

static const EXPORT_ROW Rows[] = {
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
    EXPORT(KeInitializeEvent),
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
    EXPORT(PsCreateSystemThread),
    EXPORT(PsTerminateSystemThread),
    EXPORT(KeGetCurrentThread),
    EXPORT(PsGetCurrentThread),
    EXPORT(PsGetCurrentThreadId),
    EXPORT(PsGetThreadId),
    EXPORT(PsIsSystemThread),
    EXPORT(PsGetThreadExitStatus),
    EXPORT(PsIsThreadTerminating),
    EXPORT(PsLookupThreadByThreadId),
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

    /* Processes */
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
    EXPORT(KeQueryInterruptTimePrecise),
    EXPORT(KeQuerySystemTime),
    EXPORT(KeQuerySystemTimePrecise),
    EXPORT(KeQueryTickCount),

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

    /* Work items */
    EXPORT(ExInitializeWorkItem),
    EXPORT(ExQueueWorkItem),

    /* Pool */
    EXPORT(ExAllocatePool),
    EXPORT(ExAllocatePoolWithTag),
    EXPORT(ExAllocatePool2),
    EXPORT(ExFreePool),
    EXPORT(ExFreePoolWithTag),

    /* Stopping, and finding routines */
    EXPORT(KeBugCheck),
    EXPORT(KeBugCheckEx),
    EXPORT(MmGetSystemRoutineAddress),

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

    /* Debug output */
    EXPORT(DbgPrint),
    EXPORT(DbgPrintEx),
    EXPORT(vDbgPrintEx),
    EXPORT(vDbgPrintExWithPrefix),
    EXPORT(DbgQueryDebugFilterState),

    /* Strings and memory of the Rtl */
    EXPORT(RtlInitUnicodeString),
    EXPORT(RtlInitUnicodeStringEx),
    EXPORT(RtlCopyUnicodeString),
    EXPORT(RtlAppendUnicodeToString),
    EXPORT(RtlAppendUnicodeStringToString),
    EXPORT(RtlCompareUnicodeString),
    EXPORT(RtlEqualUnicodeString),
    EXPORT(RtlPrefixUnicodeString),
    EXPORT(RtlHashUnicodeString),
    EXPORT(RtlInitString),
    EXPORT(RtlInitAnsiString),
    EXPORT(RtlInitAnsiStringEx),
    EXPORT(RtlCopyString),
    EXPORT(RtlAppendStringToString),
    EXPORT(RtlAppendAsciizToString),
    EXPORT(RtlCompareString),
    EXPORT(RtlEqualString),
    EXPORT(RtlPrefixString),
    EXPORT(RtlUpperChar),
    EXPORT(RtlUpperString),
    EXPORT(RtlUpcaseUnicodeChar),
    EXPORT(RtlDowncaseUnicodeChar),
    EXPORT(RtlxAnsiStringToUnicodeSize),
    EXPORT(RtlAnsiStringToUnicodeSize),
    EXPORT(RtlxUnicodeStringToAnsiSize),
    EXPORT(RtlUnicodeStringToAnsiSize),
    EXPORT(RtlMultiByteToUnicodeN),
    EXPORT(RtlUnicodeToMultiByteN),
    EXPORT(RtlMultiByteToUnicodeSize),
    EXPORT(RtlUnicodeToMultiByteSize),
    EXPORT(RtlUTF8ToUnicodeN),
    EXPORT(RtlUnicodeToUTF8N),
    EXPORT(RtlUnicodeStringToInteger),
    EXPORT(RtlIntegerToUnicodeString),
    EXPORT(RtlInt64ToUnicodeString),
    EXPORT(RtlCharToInteger),
    EXPORT(RtlAnsiStringToUnicodeString),
    EXPORT(RtlUnicodeStringToAnsiString),
    EXPORT(RtlUpcaseUnicodeString),
    EXPORT(RtlDowncaseUnicodeString),
    EXPORT(RtlCreateUnicodeString),
    EXPORT(RtlDuplicateUnicodeString),
    EXPORT(RtlFreeUnicodeString),
    EXPORT(RtlFreeAnsiString),
    EXPORT(RtlZeroMemory),
    EXPORT(RtlFillMemory),
    EXPORT(RtlMoveMemory),
    EXPORT(RtlCopyMemory),
    EXPORT(RtlCompareMemory),
    EXPORT(RtlCompareMemoryUlong),

    /* Bit maps, calendar, random numbers */
    EXPORT(RtlInitializeBitMap),
    EXPORT(RtlClearBit),
    EXPORT(RtlSetBit),
    EXPORT(RtlTestBit),
    EXPORT(RtlClearAllBits),
    EXPORT(RtlSetAllBits),
    EXPORT(RtlClearBits),
    EXPORT(RtlSetBits),
    EXPORT(RtlAreBitsClear),
    EXPORT(RtlAreBitsSet),
    EXPORT(RtlNumberOfClearBits),
    EXPORT(RtlNumberOfSetBits),
    EXPORT(RtlNumberOfSetBitsUlongPtr),
    EXPORT(RtlFindClearBits),
    EXPORT(RtlFindSetBits),
    EXPORT(RtlFindClearBitsAndSet),
    EXPORT(RtlFindSetBitsAndClear),
    EXPORT(RtlFindNextForwardRunClear),
    EXPORT(RtlFindLastBackwardRunClear),
    EXPORT(RtlFindFirstRunClear),
    EXPORT(RtlFindLongestRunClear),
    EXPORT(RtlFindClearRuns),
    EXPORT(RtlFindLeastSignificantBit),
    EXPORT(RtlFindMostSignificantBit),
    EXPORT(RtlTimeToTimeFields),
    EXPORT(RtlTimeFieldsToTime),
    EXPORT(RtlTimeToElapsedTimeFields),
    EXPORT(RtlTimeToSecondsSince1970),
    EXPORT(RtlTimeToSecondsSince1980),
    EXPORT(RtlSecondsSince1970ToTime),
    EXPORT(RtlSecondsSince1980ToTime),
    EXPORT(RtlRandom),
    EXPORT(RtlRandomEx),

    /* The C runtime */
    EXPORT(memcpy),
    EXPORT(memmove),
    EXPORT(memset),
    EXPORT(memcmp),
    EXPORT(strlen),
    EXPORT(strnlen),
    EXPORT(strcmp),
    EXPORT(strncmp),
    EXPORT(strchr),
    EXPORT(strstr),
    EXPORT(memchr),
    EXPORT(strcpy),
    EXPORT(strncpy),
    EXPORT(strcat),
    EXPORT(strncat),
    EXPORT(strrchr),
    EXPORT(strspn),
    EXPORT(_stricmp),
    EXPORT(_strnicmp),
    EXPORT(_strlwr),
    EXPORT(_strupr),
    EXPORT(_strrev),
    EXPORT(_strset),
    EXPORT(_strnset),
    EXPORT(isdigit),
    EXPORT(islower),
    EXPORT(isprint),
    EXPORT(isspace),
    EXPORT(isupper),
    EXPORT(isxdigit),
    EXPORT(tolower),
    EXPORT(toupper),
    EXPORT(wcslen),
    EXPORT(wcsnlen),
    EXPORT(wcscpy),
    EXPORT(wcsncpy),
    EXPORT(wcscat),
    EXPORT(wcsncat),
    EXPORT(wcscmp),
    EXPORT(wcsncmp),
    EXPORT(_wcsicmp),
    EXPORT(_wcsnicmp),
    EXPORT(wcschr),
    EXPORT(wcsrchr),
    EXPORT(wcsstr),
    EXPORT(wcsspn),
    EXPORT(wcscspn),
    EXPORT(_wcslwr),
    EXPORT(_wcsupr),
    EXPORT(_wcsrev),
    EXPORT(towlower),
    EXPORT(towupper),
    EXPORT(mbstowcs),
    EXPORT(wcstombs),
    EXPORT(memcpy_s),
    EXPORT(memmove_s),
    EXPORT(strcpy_s),
    EXPORT(strcat_s),
    EXPORT(strncpy_s),
    EXPORT(strncat_s),
    EXPORT(wcscpy_s),
    EXPORT(wcscat_s),
    EXPORT(wcsncpy_s),
    EXPORT(wcsncat_s),
    EXPORT(sprintf),
    EXPORT(vsprintf),
    EXPORT(_snprintf),
    EXPORT(_vsnprintf),
    EXPORT(swprintf),
    EXPORT(_swprintf),
    EXPORT(_vswprintf),
    EXPORT(_snwprintf),
    EXPORT(_vsnwprintf),
    EXPORT(sprintf_s),
    EXPORT(vsprintf_s),
    EXPORT(swprintf_s),
    EXPORT(vswprintf_s),
    EXPORT(_snprintf_s),
    EXPORT(_vsnprintf_s),
    EXPORT(_snwprintf_s),
    EXPORT(_vsnwprintf_s),
    EXPORT(atoi),
    EXPORT(atol),
    EXPORT(_wtoi),
    EXPORT(_wtol),
    EXPORT(wcstoul),
    EXPORT(_itoa),
    EXPORT(_itow),
    EXPORT(rand),
    EXPORT(srand),
    EXPORT(qsort),
    EXPORT(bsearch),
};

enum { ROWS = RTL_NUMBER_OF(Rows) };

static USHORT Sorted[ROWS];             /* indices of Rows, by name; fixed after LdrpInitializeExports */

static BOOLEAN IsOurModule(const char *Module)
{
    return RtlCompareNoCase(Module, "ntoskrnl.exe") == 0 || RtlCompareNoCase(Module, "hal.dll") == 0;
}

void LdrpInitializeExports(void)
{
    for (ULONG i = 0; i < ROWS; i++) {
        ULONG At = i;

        for (; At > 0 && strcmp(Rows[Sorted[At - 1]].Name, Rows[i].Name) > 0; At--)
            Sorted[At] = Sorted[At - 1];
        Sorted[At] = (USHORT)i;
    }
    for (ULONG i = 1; i < ROWS; i++)
        RtlRequire(strcmp(Rows[Sorted[i - 1]].Name, Rows[Sorted[i]].Name) < 0);
}

PVOID LdrpFindExport(const char *Module, const char *Name)
{
    ULONG Low = 0, High = ROWS;

    if (Module != NULL && !IsOurModule(Module))
        return NULL;
    while (Low < High) {
        ULONG Middle = (Low + High) / 2;
        const EXPORT_ROW *Row = &Rows[Sorted[Middle]];
        int Order = strcmp(Name, Row->Name);

        if (Order == 0)
            return LdrVerifierIsOn() && Row->Verifier != NULL ? Row->Verifier : Row->Address;
        if (Order < 0)
            High = Middle;
        else
            Low = Middle + 1;
    }
    return NULL;
}

/* ---- Public: MmGetSystemRoutineAddress ---- */

/* MmGetSystemRoutineAddress - the address of an exported routine or variable by name, as an import would get it.
 * SystemRoutineName: exact case; counted, need not be terminated.  IRQL: PASSIVE_LEVEL in NT, any here.
 * Returns: NULL if there is none of that name.  Source: WDK nf-wdm-mmgetsystemroutineaddress. */
PVOID MmGetSystemRoutineAddress(PUNICODE_STRING SystemRoutineName)
{
    char Name[PE_NAME_LIMIT + 1];
    ULONG Length = SystemRoutineName->Length / sizeof(WCHAR);

    if (Length >= sizeof Name)
        return NULL;
    for (ULONG i = 0; i < Length; i++) {
        if (SystemRoutineName->Buffer[i] > '~')
            return NULL;
        Name[i] = (char)SystemRoutineName->Buffer[i];
    }
    Name[Length] = 0;
    return LdrpFindExport(NULL, Name);
}
