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
#include <ex/pool.h>
#include <ke/activity.h>
#include <ke/apc.h>
#include <ke/bugcheck.h>
#include <ke/clock.h>
#include <ke/dispatch.h>
#include <ke/dpc.h>
#include <ke/event.h>
#include <ke/init.h>
#include <ke/irql.h>
#include <ke/spinlock.h>
#include <ke/thread.h>
#include <ke/timer.h>
#include <ldr/dbgprint.h>
#include <ldr/exports.h>
#include <ob/object.h>
#include <ps/system_thread.h>
#include <rtl/debug.h>
#include <rtl/string.h>

typedef struct _EXPORT_ROW {
    const char *Name;
    PVOID Address;
    PVOID Verifier;             /* NULL: the same */
} EXPORT_ROW;

#define EXPORT(Routine)              { #Routine, (PVOID)Routine, NULL }
#define EXPORT_CHECKED(Routine)      { #Routine, (PVOID)Routine, (PVOID)Vf##Routine }
#define EXPORT_AS(Name, Routine)     { Name, (PVOID)Routine, NULL }
#define EXPORT_DATA(Variable)        { #Variable, (PVOID)&Variable, NULL }

static const EXPORT_ROW Rows[] = {
    /* IRQL and spin locks */
    EXPORT(KeGetCurrentIrql),
    EXPORT(KfRaiseIrql),
    EXPORT(KeLowerIrql),
    EXPORT(KeRaiseIrqlToDpcLevel),
    EXPORT(KeInitializeSpinLock),
    EXPORT(KeAcquireSpinLockRaiseToDpc),
    EXPORT(KeReleaseSpinLock),
    EXPORT(KeAcquireSpinLockAtDpcLevel),
    EXPORT(KeReleaseSpinLockFromDpcLevel),
    EXPORT(KeTryToAcquireSpinLockAtDpcLevel),
    EXPORT(KeTestSpinLock),
    EXPORT(KeAcquireSpinLockForDpc),
    EXPORT(KeReleaseSpinLockForDpc),
    EXPORT(KeAcquireInStackQueuedSpinLock),
    EXPORT(KeReleaseInStackQueuedSpinLock),
    EXPORT(KeAcquireInStackQueuedSpinLockAtDpcLevel),
    EXPORT(KeReleaseInStackQueuedSpinLockFromDpcLevel),
    EXPORT(KeAcquireInStackQueuedSpinLockForDpc),
    EXPORT(KeReleaseInStackQueuedSpinLockForDpc),

    /* Waits and the objects one waits on */
    EXPORT(KeWaitForSingleObject),
    EXPORT(KeDelayExecutionThread),
    EXPORT(KeInitializeEvent),
    EXPORT(KeSetEvent),
    EXPORT(KeClearEvent),
    EXPORT(KeResetEvent),
    EXPORT(KePulseEvent),
    EXPORT(KeReadStateEvent),
    EXPORT(KeInitializeTimer),
    EXPORT(KeInitializeTimerEx),
    EXPORT(KeSetTimer),
    EXPORT(KeSetTimerEx),
    EXPORT(KeCancelTimer),
    EXPORT(KeReadStateTimer),

    /* DPCs */
    EXPORT(KeInitializeDpc),
    EXPORT(KeInsertQueueDpc),
    EXPORT(KeRemoveQueueDpc),
    EXPORT(KeSetImportanceDpc),
    EXPORT(KeSetTargetProcessorDpc),
    EXPORT(KeFlushQueuedDpcs),

    /* Threads and processors */
    EXPORT(PsCreateSystemThread),
    EXPORT(PsTerminateSystemThread),
    EXPORT(KeGetCurrentThread),
    EXPORT_AS("PsGetCurrentThread", KeGetCurrentThread),
    EXPORT(KeSetPriorityThread),
    EXPORT(KeQueryPriorityThread),
    EXPORT(KeSetBasePriorityThread),
    EXPORT(KeSetAffinityThread),
    EXPORT(KeSetSystemAffinityThread),
    EXPORT(KeRevertToUserAffinityThread),
    EXPORT(KeEnterCriticalRegion),
    EXPORT(KeLeaveCriticalRegion),
    EXPORT(KeAreApcsDisabled),
    EXPORT(KeAreAllApcsDisabled),
    EXPORT(KeQueryActiveProcessorCount),
    EXPORT(KeQueryActiveProcessors),
    EXPORT(KeGetCurrentProcessorNumber),

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
    EXPORT(ObfReferenceObject),
    EXPORT(ObfDereferenceObject),
    EXPORT_AS("ObDereferenceObject", ObfDereferenceObject),
    EXPORT(ZwClose),
    EXPORT_DATA(PsThreadType),
    EXPORT_DATA(PsProcessType),

    /* Pool */
    EXPORT(ExAllocatePool),
    EXPORT(ExAllocatePoolWithTag),
    EXPORT(ExAllocatePool2),
    EXPORT(ExFreePool),
    EXPORT(ExFreePoolWithTag),

    /* Text, memory, and the end */
    EXPORT(DbgPrint),
    EXPORT(DbgPrintEx),
    EXPORT(vDbgPrintEx),
    EXPORT(vDbgPrintExWithPrefix),
    EXPORT(KeBugCheck),
    EXPORT(KeBugCheckEx),
    EXPORT(MmGetSystemRoutineAddress),
    EXPORT(memcpy),
    EXPORT(memmove),
    EXPORT(memset),
    EXPORT(memcmp),
    EXPORT(strlen),
    EXPORT(strcmp),
    EXPORT(strncmp),
    EXPORT(strchr),
    EXPORT(strstr),
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
