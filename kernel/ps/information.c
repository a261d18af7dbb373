/* information.c - ZwSetInformationThread and ZwQueryInformationThread.
 *
 * A class is a row: how long its information is, which values are sound, what is done or told. The routines only
 * keep the order of the checks that drivers can tell apart: class, length, value, handle, then what only the
 * thread itself decides. Both are called by kernel code, so the previous mode is KernelMode: nothing is probed, no
 * privilege is needed, and a handle grants everything. */
#include "psp.h"

#include <ke/processor.h>
#include <ps/information.h>
#include <rtl/status.h>
#include <rtl/string.h>

enum { LOWEST_PAGE_PRIORITY = 1, HIGHEST_PAGE_PRIORITY = 5, MAXIMUM_PROCESSORS = 64 };
enum { BASE_INCREMENT_LIMIT = 2, BASE_SATURATED = 16 };

typedef union _VALUE { ULONG Unsigned; LONG Signed; KAFFINITY Affinity; } VALUE;

typedef struct _SETTABLE {
    THREADINFOCLASS Class;
    ULONG Length;
    BOOLEAN (*IsSound)(VALUE Value);
    NTSTATUS (*Set)(PETHREAD Thread, VALUE Value);
} SETTABLE;

typedef struct _TELLABLE {
    THREADINFOCLASS Class;
    ULONG Length;
    void (*Tell)(PETHREAD Thread, PVOID Information);
} TELLABLE;

/* ---- Values ---- */

static BOOLEAN IsPriority(VALUE Value) { return Value.Signed > LOW_PRIORITY && Value.Signed <= HIGH_PRIORITY; }

/* Beyond two steps only to an end of the range, unless the caller's process is a real-time one. */
static BOOLEAN IsBaseIncrement(VALUE Value)
{
    LONG Increment = Value.Signed;

    return (Increment >= -BASE_INCREMENT_LIMIT && Increment <= BASE_INCREMENT_LIMIT) || Increment == BASE_SATURATED ||
           Increment == -BASE_SATURATED || PsGetCurrentProcess()->BasePriority >= LOW_REALTIME_PRIORITY;
}

static BOOLEAN IsAffinity(VALUE Value) { return Value.Affinity != 0; }
static BOOLEAN IsProcessor(VALUE Value) { return Value.Unsigned < MAXIMUM_PROCESSORS; }
static BOOLEAN IsFlag(VALUE Value) { (void)Value; return TRUE; }
static BOOLEAN IsPagePriority(VALUE Value)
{
    return Value.Unsigned >= LOWEST_PAGE_PRIORITY && Value.Unsigned <= HIGHEST_PAGE_PRIORITY;
}

/* ---- Setting ---- */

static NTSTATUS SetPriority(PETHREAD Thread, VALUE Value)
{
    KeSetPriorityThread(&Thread->Tcb, Value.Signed);
    return STATUS_SUCCESS;
}

static NTSTATUS SetBasePriority(PETHREAD Thread, VALUE Value)
{
    KeSetBasePriorityThread(&Thread->Tcb, Value.Signed);
    return STATUS_SUCCESS;
}

static NTSTATUS SetAffinity(PETHREAD Thread, VALUE Value)
{
    PKPROCESS Process = Thread->Tcb.Process;

    if (Process->Header.SignalState > 0)
        return STATUS_PROCESS_IS_TERMINATING;
    if ((Value.Affinity & ~Process->Affinity) != 0)
        return STATUS_INVALID_PARAMETER;
    KeSetAffinityThread(&Thread->Tcb, Value.Affinity);
    return STATUS_SUCCESS;
}

/* NT returns the processor before, which is a success like any other. */
static NTSTATUS SetIdealProcessor(PETHREAD Thread, VALUE Value)
{
    return KeSetIdealProcessorThread(&Thread->Tcb, (UCHAR)Value.Unsigned);
}

static NTSTATUS SetPriorityBoost(PETHREAD Thread, VALUE Value)
{
    KeSetDisableBoostThread(&Thread->Tcb, Value.Unsigned != 0);
    return STATUS_SUCCESS;
}

static NTSTATUS SetPagePriority(PETHREAD Thread, VALUE Value)
{
    Thread->PagePriority = Value.Unsigned;
    return STATUS_SUCCESS;
}

static const SETTABLE Settable[] = {
    { ThreadPriority, sizeof(KPRIORITY), IsPriority, SetPriority },
    { ThreadBasePriority, sizeof(LONG), IsBaseIncrement, SetBasePriority },
    { ThreadAffinityMask, sizeof(KAFFINITY), IsAffinity, SetAffinity },
    { ThreadIdealProcessor, sizeof(ULONG), IsProcessor, SetIdealProcessor },
    { ThreadPriorityBoost, sizeof(ULONG), IsFlag, SetPriorityBoost },
    { ThreadPagePriority, sizeof(ULONG), IsPagePriority, SetPagePriority },
};

/* ---- Telling ---- */

static void TellBasic(PETHREAD Thread, PVOID Information)
{
    PTHREAD_BASIC_INFORMATION Basic = Information;
    PKTHREAD Tcb = &Thread->Tcb;

    *Basic = (THREAD_BASIC_INFORMATION){
        .ExitStatus = PsGetThreadExitStatus(Tcb),
        .ClientId = { PsGetThreadProcessId(Tcb), PsGetThreadId(Tcb) },
        .AffinityMask = Tcb->Affinity,
        .Priority = KeQueryPriorityThread(Tcb),
        .BasePriority = Tcb->Saturation != 0 ? Tcb->Saturation * BASE_SATURATED :
                                               Tcb->BasePriority - Tcb->Process->BasePriority,
    };
}

static void TellPriorityBoost(PETHREAD Thread, PVOID Information) { *(PULONG)Information = Thread->Tcb.DisableBoost; }
static void TellPagePriority(PETHREAD Thread, PVOID Information) { *(PULONG)Information = Thread->PagePriority; }

static void TellIsTerminated(PETHREAD Thread, PVOID Information)
{
    *(PULONG)Information = PsGetThreadExitStatus(&Thread->Tcb) != STATUS_PENDING;
}

static const TELLABLE Tellable[] = {
    { ThreadBasicInformation, sizeof(THREAD_BASIC_INFORMATION), TellBasic },
    { ThreadPriorityBoost, sizeof(ULONG), TellPriorityBoost },
    { ThreadIsTerminated, sizeof(ULONG), TellIsTerminated },
    { ThreadPagePriority, sizeof(ULONG), TellPagePriority },
};

/* ---- Public ---- */

/* ZwSetInformationThread - set priority, base priority, affinity, ideal processor, boosting or page priority of the
 * thread that ThreadHandle (a kernel handle, or NtCurrentThread) stands for. IRQL: PASSIVE_LEVEL. Returns:
 * STATUS_SUCCESS (for the ideal processor the one before); in the order of the checks STATUS_INVALID_INFO_CLASS,
 * STATUS_INFO_LENGTH_MISMATCH, STATUS_INVALID_PARAMETER for the value, STATUS_INVALID_HANDLE,
 * STATUS_OBJECT_TYPE_MISMATCH; for an affinity also STATUS_PROCESS_IS_TERMINATING, and STATUS_INVALID_PARAMETER if it
 * is not within the process's. Source: WDK nf-ntifs-zwsetinformationthread. */
NTSTATUS ZwSetInformationThread(HANDLE ThreadHandle, THREADINFOCLASS ThreadInformationClass, PVOID ThreadInformation,
                                ULONG ThreadInformationLength)
{
    const SETTABLE *Row = Settable, *End = Settable + RTL_NUMBER_OF(Settable);
    VALUE Value = { 0 };
    NTSTATUS Status;
    PVOID Thread;

    while (Row != End && Row->Class != ThreadInformationClass)
        Row++;
    if (Row == End)
        return STATUS_INVALID_INFO_CLASS;
    if (ThreadInformationLength != Row->Length)
        return STATUS_INFO_LENGTH_MISMATCH;
    memcpy(&Value, ThreadInformation, Row->Length);
    if (!Row->IsSound(Value))
        return STATUS_INVALID_PARAMETER;
    Status = ObReferenceObjectByHandle(ThreadHandle, THREAD_SET_INFORMATION, PsThreadType, KernelMode, &Thread, NULL);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = Row->Set(Thread, Value);
    ObfDereferenceObject(Thread);
    return Status;
}

/* ZwQueryInformationThread - tell something of a thread: ThreadBasicInformation, or a ULONG for ThreadPriorityBoost (1:
 * disabled), ThreadIsTerminated, ThreadPagePriority. ReturnLength: may be NULL. IRQL: PASSIVE_LEVEL. Returns and order
 * of the checks: as above. Source: WDK nf-ntifs-zwqueryinformationthread. */
NTSTATUS ZwQueryInformationThread(HANDLE ThreadHandle, THREADINFOCLASS ThreadInformationClass, PVOID ThreadInformation,
                                  ULONG ThreadInformationLength, PULONG ReturnLength)
{
    const TELLABLE *Row = Tellable, *End = Tellable + RTL_NUMBER_OF(Tellable);
    NTSTATUS Status;
    PVOID Thread;

    while (Row != End && Row->Class != ThreadInformationClass)
        Row++;
    if (Row == End)
        return STATUS_INVALID_INFO_CLASS;
    if (ThreadInformationLength != Row->Length)
        return STATUS_INFO_LENGTH_MISMATCH;
    Status = ObReferenceObjectByHandle(ThreadHandle, THREAD_QUERY_INFORMATION, PsThreadType, KernelMode, &Thread, NULL);
    if (!NT_SUCCESS(Status))
        return Status;
    Row->Tell(Thread, ThreadInformation);
    ObfDereferenceObject(Thread);
    if (ReturnLength != NULL)
        *ReturnLength = Row->Length;
    return STATUS_SUCCESS;
}
