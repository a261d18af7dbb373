/* information.c - what is set and told of a thread by its handle.
 *
 * A class is a row: how long its information is, which values are sound, what access it takes, what is done or told.
 * The routines only keep the order of the checks that drivers can tell apart: class, length, memory, value, privilege,
 * handle, then what only the thread itself decides. Privileges, access and doubts about memory are for a previous mode
 * of UserMode; Zw... sets KernelMode, Nt... keeps its caller's.
 * Not served: ThreadZeroTlsCell, since it clears a slot in the user-mode blocks of threads, and none has one.
 * A name is a string of its own, exchanged whole under NameLock; the stop screen reads it without. */
#include "psp.h"

#include <ex/fastmutex.h>
#include <ex/mode.h>
#include <ex/pool.h>
#include <ke/processor.h>
#include <ps/information.h>
#include <rtl/status.h>
#include <rtl/string.h>

enum { LOWEST_PAGE_PRIORITY = 1, HIGHEST_PAGE_PRIORITY = 5, MAXIMUM_PROCESSORS = 64, NAME_TAG = 'nsPK' };
enum { BASE_INCREMENT_LIMIT = 2, BASE_SATURATED = 16 };

typedef union _VALUE {
    ULONG Unsigned;
    LONG Signed;
    KAFFINITY Affinity;
    GROUP_AFFINITY GroupAffinity;
    PROCESSOR_NUMBER Processor;
    UNICODE_STRING Name;                /* its text is the caller's still */
} VALUE;

typedef struct _SETTABLE {
    THREADINFOCLASS Class;
    ULONG Length;
    ACCESS_MASK Access;
    BOOLEAN (*IsSound)(VALUE *Value);
    NTSTATUS (*Set)(PETHREAD Thread, VALUE *Value);
} SETTABLE;

/* Tell fills Out, which the caller will have at Address. Length 0: it varies, and Tell has the say. */
typedef struct _TELLABLE {
    THREADINFOCLASS Class;
    ULONG Length;
    ACCESS_MASK Access;
    NTSTATUS (*Tell)(PETHREAD Thread, PVOID Out, PVOID Address, ULONG Room, PULONG Needed);
} TELLABLE;

static FAST_MUTEX NameLock;             /* over all names */

/* ---- Values ---- */

static BOOLEAN IsPriority(VALUE *Value) { return Value->Signed > LOW_PRIORITY && Value->Signed <= HIGH_PRIORITY; }

/* Beyond two steps only to an end of the range, unless the caller's process is a real-time one. */
static BOOLEAN IsBaseIncrement(VALUE *Value)
{
    LONG Increment = Value->Signed;

    return (Increment >= -BASE_INCREMENT_LIMIT && Increment <= BASE_INCREMENT_LIMIT) || Increment == BASE_SATURATED ||
           Increment == -BASE_SATURATED || PsGetCurrentProcess()->BasePriority >= LOW_REALTIME_PRIORITY;
}

static BOOLEAN IsAffinity(VALUE *Value) { return Value->Affinity != 0; }
static BOOLEAN IsProcessor(VALUE *Value) { return Value->Unsigned < MAXIMUM_PROCESSORS; }
static BOOLEAN IsFlag(VALUE *Value) { (void)Value; return TRUE; }
static BOOLEAN IsPagePriority(VALUE *Value)
{
    return Value->Unsigned >= LOWEST_PAGE_PRIORITY && Value->Unsigned <= HIGHEST_PAGE_PRIORITY;
}

static BOOLEAN IsGroupAffinity(VALUE *Value)
{
    const GROUP_AFFINITY *Affinity = &Value->GroupAffinity;

    return Affinity->Group == 0 && Affinity->Mask != 0 &&
           (Affinity->Reserved[0] | Affinity->Reserved[1] | Affinity->Reserved[2]) == 0;
}

static BOOLEAN IsProcessorNumber(VALUE *Value)
{
    return KeGetProcessorIndexFromNumber(&Value->Processor) != INVALID_PROCESSOR_INDEX;
}

static BOOLEAN IsName(VALUE *Value)
{
    return Value->Name.Length % sizeof(WCHAR) == 0 && (Value->Name.Length == 0 || Value->Name.Buffer != NULL);
}

/* ---- Setting ---- */

static NTSTATUS SetPriority(PETHREAD Thread, VALUE *Value)
{
    KeSetPriorityThread(&Thread->Tcb, Value->Signed);
    return STATUS_SUCCESS;
}

static NTSTATUS SetBasePriority(PETHREAD Thread, VALUE *Value)
{
    KeSetBasePriorityThread(&Thread->Tcb, Value->Signed);
    return STATUS_SUCCESS;
}

static NTSTATUS SetAffinity(PETHREAD Thread, VALUE *Value)
{
    PKPROCESS Process = Thread->Tcb.Process;

    if (Process->Header.SignalState > 0)
        return STATUS_PROCESS_IS_TERMINATING;
    if ((Value->Affinity & ~Process->Affinity) != 0)
        return STATUS_INVALID_PARAMETER;
    KeSetAffinityThread(&Thread->Tcb, Value->Affinity);
    return STATUS_SUCCESS;
}

/* NT returns the processor before, which is a success like any other. */
static NTSTATUS SetIdealProcessor(PETHREAD Thread, VALUE *Value)
{
    return KeSetIdealProcessorThread(&Thread->Tcb, (UCHAR)Value->Unsigned);
}

static NTSTATUS SetPriorityBoost(PETHREAD Thread, VALUE *Value)
{
    KeSetDisableBoostThread(&Thread->Tcb, Value->Unsigned != 0);
    return STATUS_SUCCESS;
}

static NTSTATUS SetPagePriority(PETHREAD Thread, VALUE *Value)
{
    Thread->PagePriority = Value->Unsigned;
    return STATUS_SUCCESS;
}

static NTSTATUS SetGroupAffinity(PETHREAD Thread, VALUE *Value)
{
    VALUE Mask = { .Affinity = Value->GroupAffinity.Mask };

    return SetAffinity(Thread, &Mask);
}

static NTSTATUS SetIdealProcessorEx(PETHREAD Thread, VALUE *Value)
{
    KeSetIdealProcessorThread(&Thread->Tcb, (UCHAR)KeGetProcessorIndexFromNumber(&Value->Processor));
    return STATUS_SUCCESS;
}

void PspInitializeNames(void) { ExInitializeFastMutex(&NameLock); }

/* The thread's name is New from now on, NULL: it has none; the old one goes. */
static void ExchangeName(PETHREAD Thread, PUNICODE_STRING New)
{
    PUNICODE_STRING Old;

    ExAcquireFastMutex(&NameLock);
    Old = Thread->Tcb.Name;
    __atomic_store_n(&Thread->Tcb.Name, New, __ATOMIC_RELEASE);
    ExReleaseFastMutex(&NameLock);
    if (Old != NULL)
        ExFreePoolWithTag(Old, NAME_TAG);
}

static NTSTATUS SetName(PETHREAD Thread, VALUE *Value)
{
    USHORT Length = Value->Name.Length;
    PUNICODE_STRING New;
    NTSTATUS Status;

    if (Length == 0) {
        ExchangeName(Thread, NULL);
        return STATUS_SUCCESS;
    }
    New = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof *New + Length, NAME_TAG);
    if (New == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    *New = (UNICODE_STRING){ Length, Length, (PWSTR)(New + 1) };
    Status = ExCapture(ExGetPreviousMode(), New->Buffer, Value->Name.Buffer, Length, sizeof(WCHAR));
    if (NT_SUCCESS(Status))
        ExchangeName(Thread, New);
    else
        ExFreePoolWithTag(New, NAME_TAG);
    return Status;
}

/* Nobody else knows the thread any more. <= DISPATCH_LEVEL. */
void PspFreeName(PETHREAD Thread)
{
    if (Thread->Tcb.Name != NULL)
        ExFreePoolWithTag(Thread->Tcb.Name, NAME_TAG);
}

static const SETTABLE Settable[] = {
    { ThreadPriority, sizeof(KPRIORITY), THREAD_SET_INFORMATION, IsPriority, SetPriority },
    { ThreadBasePriority, sizeof(LONG), THREAD_SET_INFORMATION, IsBaseIncrement, SetBasePriority },
    { ThreadAffinityMask, sizeof(KAFFINITY), THREAD_SET_INFORMATION, IsAffinity, SetAffinity },
    { ThreadIdealProcessor, sizeof(ULONG), THREAD_SET_INFORMATION, IsProcessor, SetIdealProcessor },
    { ThreadPriorityBoost, sizeof(ULONG), THREAD_SET_INFORMATION, IsFlag, SetPriorityBoost },
    { ThreadPagePriority, sizeof(ULONG), THREAD_SET_INFORMATION, IsPagePriority, SetPagePriority },
    { ThreadGroupInformation, sizeof(GROUP_AFFINITY), THREAD_SET_INFORMATION, IsGroupAffinity, SetGroupAffinity },
    { ThreadIdealProcessorEx, sizeof(PROCESSOR_NUMBER), THREAD_SET_INFORMATION, IsProcessorNumber,
      SetIdealProcessorEx },
    { ThreadNameInformation, sizeof(UNICODE_STRING), THREAD_SET_LIMITED_INFORMATION, IsName, SetName },
};

/* ---- Telling ---- */

static NTSTATUS TellBasic(PETHREAD Thread, PVOID Out, PVOID Address, ULONG Room, PULONG Needed)
{
    PTHREAD_BASIC_INFORMATION Basic = Out;
    PKTHREAD Tcb = &Thread->Tcb;

    UNREFERENCED_PARAMETER(Address);
    UNREFERENCED_PARAMETER(Room);
    UNREFERENCED_PARAMETER(Needed);
    *Basic = (THREAD_BASIC_INFORMATION){
        .ExitStatus = PsGetThreadExitStatus(Tcb),
        .ClientId = { PsGetThreadProcessId(Tcb), PsGetThreadId(Tcb) },
        .AffinityMask = Tcb->Affinity,
        .Priority = KeQueryPriorityThread(Tcb),
        .BasePriority = Tcb->Saturation != 0 ? Tcb->Saturation * BASE_SATURATED :
                                               Tcb->BasePriority - Tcb->Process->BasePriority,
    };
    return STATUS_SUCCESS;
}

/* A class of one ULONG. */
#define TELL_ULONG(Name, Expression)                                                                            \
    static NTSTATUS Name(PETHREAD Thread, PVOID Out, PVOID Address, ULONG Room, PULONG Needed)                  \
    {                                                                                                           \
        UNREFERENCED_PARAMETER(Address);                                                                        \
        UNREFERENCED_PARAMETER(Room);                                                                           \
        UNREFERENCED_PARAMETER(Needed);                                                                         \
        *(PULONG)Out = (Expression);                                                                            \
        return STATUS_SUCCESS;                                                                                  \
    }

TELL_ULONG(TellPriorityBoost, Thread->Tcb.DisableBoost)
TELL_ULONG(TellPagePriority, Thread->PagePriority)
TELL_ULONG(TellIsTerminated, PsGetThreadExitStatus(&Thread->Tcb) != STATUS_PENDING)
TELL_ULONG(TellIsSystem, PsIsSystemThread(&Thread->Tcb))

static NTSTATUS TellGroup(PETHREAD Thread, PVOID Out, PVOID Address, ULONG Room, PULONG Needed)
{
    UNREFERENCED_PARAMETER(Address);
    UNREFERENCED_PARAMETER(Room);
    UNREFERENCED_PARAMETER(Needed);
    *(PGROUP_AFFINITY)Out = (GROUP_AFFINITY){ .Mask = Thread->Tcb.Affinity };
    return STATUS_SUCCESS;
}

static NTSTATUS TellIdealProcessor(PETHREAD Thread, PVOID Out, PVOID Address, ULONG Room, PULONG Needed)
{
    UNREFERENCED_PARAMETER(Address);
    UNREFERENCED_PARAMETER(Room);
    UNREFERENCED_PARAMETER(Needed);
    return KeGetProcessorNumberFromIndex(Thread->Tcb.IdealProcessor, Out);
}

static NTSTATUS TellName(PETHREAD Thread, PVOID Out, PVOID Address, ULONG Room, PULONG Needed)
{
    PUNICODE_STRING Told = Out, Name;

    ExAcquireFastMutex(&NameLock);
    Name = Thread->Tcb.Name;
    *Needed = (ULONG)sizeof *Told + (Name != NULL ? Name->Length : 0);
    if (Room >= *Needed) {
        USHORT Length = (USHORT)(*Needed - sizeof *Told);

        *Told = (UNICODE_STRING){ Length, Length, Length != 0 ? (PWSTR)((PUNICODE_STRING)Address + 1) : NULL };
        memcpy(Told + 1, Name != NULL ? Name->Buffer : NULL, Length);
    }
    ExReleaseFastMutex(&NameLock);
    return Room >= *Needed ? STATUS_SUCCESS : STATUS_BUFFER_TOO_SMALL;
}

static const TELLABLE Tellable[] = {
    { ThreadBasicInformation, sizeof(THREAD_BASIC_INFORMATION), THREAD_QUERY_LIMITED_INFORMATION, TellBasic },
    { ThreadPriorityBoost, sizeof(ULONG), THREAD_QUERY_INFORMATION, TellPriorityBoost },
    { ThreadIsTerminated, sizeof(ULONG), THREAD_QUERY_LIMITED_INFORMATION, TellIsTerminated },
    { ThreadPagePriority, sizeof(ULONG), THREAD_QUERY_INFORMATION, TellPagePriority },
    { ThreadGroupInformation, sizeof(GROUP_AFFINITY), THREAD_QUERY_INFORMATION, TellGroup },
    { ThreadIdealProcessorEx, sizeof(PROCESSOR_NUMBER), THREAD_QUERY_INFORMATION, TellIdealProcessor },
    { ThreadSystemThreadInformation, sizeof(ULONG), THREAD_QUERY_LIMITED_INFORMATION, TellIsSystem },
    { ThreadNameInformation, 0, THREAD_QUERY_LIMITED_INFORMATION, TellName },
};

/* ---- Services ---- */

/* Real-time priorities are a privilege. */
static BOOLEAN NeedsPrivilege(THREADINFOCLASS Class, const VALUE *Value)
{
    return Class == ThreadPriority && Value->Signed >= LOW_REALTIME_PRIORITY;
}

static NTSTATUS SetInformation(HANDLE Handle, THREADINFOCLASS Class, PVOID Information, ULONG Length)
{
    const SETTABLE *Row = Settable, *End = Settable + RTL_NUMBER_OF(Settable);
    KPROCESSOR_MODE Mode = ExGetPreviousMode();
    VALUE Value = { .Name = { 0 } };
    NTSTATUS Status;
    PVOID Thread;

    while (Row != End && Row->Class != Class)
        Row++;
    if (Row == End)
        return STATUS_INVALID_INFO_CLASS;
    if (Length != Row->Length)
        return STATUS_INFO_LENGTH_MISMATCH;
    Status = ExCapture(Mode, &Value, Information, Length, sizeof(ULONG));
    if (!NT_SUCCESS(Status))
        return Status;
    if (!Row->IsSound(&Value))
        return STATUS_INVALID_PARAMETER;
    if (Mode == UserMode && NeedsPrivilege(Class, &Value))
        return STATUS_PRIVILEGE_NOT_HELD;
    Status = ObReferenceObjectByHandle(Handle, Row->Access, PsThreadType, Mode, &Thread, NULL);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = Row->Set(Thread, &Value);
    ObfDereferenceObject(Thread);
    return Status;
}

/* Told in memory of our own, for user mode: it sees an answer whole or not at all. */
static NTSTATUS TellAndDeliver(const TELLABLE *Row, PETHREAD Thread, PVOID To, ULONG Length, PULONG Needed)
{
    KPROCESSOR_MODE Mode = ExGetPreviousMode();
    NTSTATUS Status;
    PVOID Out;

    if (Mode == KernelMode || Length == 0)
        return Row->Tell(Thread, To, To, Length, Needed);
    Out = ExAllocatePoolWithTag(PagedPool, Length, NAME_TAG);
    if (Out == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    Status = Row->Tell(Thread, Out, To, Length, Needed);
    if (NT_SUCCESS(Status))
        Status = ExDeliver(Mode, To, Out, *Needed, sizeof(ULONG));
    ExFreePoolWithTag(Out, NAME_TAG);
    return Status;
}

static NTSTATUS QueryInformation(HANDLE Handle, THREADINFOCLASS Class, PVOID Information, ULONG Length,
                                 PULONG ReturnLength)
{
    const TELLABLE *Row = Tellable, *End = Tellable + RTL_NUMBER_OF(Tellable);
    KPROCESSOR_MODE Mode = ExGetPreviousMode();
    NTSTATUS Status;
    PVOID Thread;
    ULONG Needed;

    while (Row != End && Row->Class != Class)
        Row++;
    if (Row == End)
        return STATUS_INVALID_INFO_CLASS;
    if (Row->Length != 0 && Length != Row->Length)
        return STATUS_INFO_LENGTH_MISMATCH;
    Status = ExCheckOutput(Mode, Information, Length, sizeof(ULONG));
    if (NT_SUCCESS(Status))
        Status = ObReferenceObjectByHandle(Handle, Row->Access, PsThreadType, Mode, &Thread, NULL);
    if (!NT_SUCCESS(Status))
        return Status;
    Needed = Row->Length;
    Status = TellAndDeliver(Row, Thread, Information, Length, &Needed);
    ObfDereferenceObject(Thread);
    if (ReturnLength != NULL && (NT_SUCCESS(Status) || Status == STATUS_BUFFER_TOO_SMALL)) {
        NTSTATUS Told = ExDeliver(Mode, ReturnLength, &Needed, sizeof Needed, sizeof Needed);

        Status = NT_SUCCESS(Told) ? Status : Told;
    }
    return Status;
}

/* ---- Public ---- */

/* NtSetInformationThread - set priority, base priority, affinity (as a mask or ThreadGroupInformation), ideal processor
 * (by number or ThreadIdealProcessorEx), boosting, page priority or name (a UNICODE_STRING, empty: none) of the thread
 * that ThreadHandle, or NtCurrentThread, stands for. IRQL: PASSIVE_LEVEL. Returns: STATUS_SUCCESS (for
 * ThreadIdealProcessor the one before); in the order of the checks STATUS_INVALID_INFO_CLASS,
 * STATUS_INFO_LENGTH_MISMATCH, from user mode STATUS_DATATYPE_MISALIGNMENT or STATUS_ACCESS_VIOLATION,
 * STATUS_INVALID_PARAMETER for the value, from user mode STATUS_PRIVILEGE_NOT_HELD for a priority of 16 and more,
 * STATUS_INVALID_HANDLE, STATUS_OBJECT_TYPE_MISMATCH, from user mode STATUS_ACCESS_DENIED; for an affinity also
 * STATUS_PROCESS_IS_TERMINATING, and STATUS_INVALID_PARAMETER if it is not within the process's; for a name
 * STATUS_INSUFFICIENT_RESOURCES. Source: WDK nf-ntifs-zwsetinformationthread; winternl, THREADINFOCLASS. */
NTSTATUS NtSetInformationThread(HANDLE ThreadHandle, THREADINFOCLASS ThreadInformationClass, PVOID ThreadInformation,
                                ULONG ThreadInformationLength)
{
    return SetInformation(ThreadHandle, ThreadInformationClass, ThreadInformation, ThreadInformationLength);
}

/* ZwSetInformationThread - the same for the kernel. */
NTSTATUS ZwSetInformationThread(HANDLE ThreadHandle, THREADINFOCLASS ThreadInformationClass, PVOID ThreadInformation,
                                ULONG ThreadInformationLength)
{
    KPROCESSOR_MODE Outer = ExEnterService();
    NTSTATUS Status = SetInformation(ThreadHandle, ThreadInformationClass, ThreadInformation, ThreadInformationLength);

    ExLeaveService(Outer);
    return Status;
}

/* NtQueryInformationThread - tell something of a thread: ThreadBasicInformation; a ULONG for ThreadPriorityBoost (1:
 * disabled), ThreadIsTerminated, ThreadPagePriority, ThreadSystemThreadInformation; ThreadGroupInformation,
 * ThreadIdealProcessorEx; ThreadNameInformation, a UNICODE_STRING with its text behind it, without which the length may
 * be anything: STATUS_BUFFER_TOO_SMALL and what it takes in *ReturnLength. ReturnLength: may be NULL. IRQL:
 * PASSIVE_LEVEL. Returns and order of the checks: as above. Source: WDK nf-ntifs-zwqueryinformationthread. */
NTSTATUS NtQueryInformationThread(HANDLE ThreadHandle, THREADINFOCLASS ThreadInformationClass, PVOID ThreadInformation,
                                  ULONG ThreadInformationLength, PULONG ReturnLength)
{
    return QueryInformation(ThreadHandle, ThreadInformationClass, ThreadInformation, ThreadInformationLength,
                            ReturnLength);
}

/* ZwQueryInformationThread - the same for the kernel. */
NTSTATUS ZwQueryInformationThread(HANDLE ThreadHandle, THREADINFOCLASS ThreadInformationClass, PVOID ThreadInformation,
                                  ULONG ThreadInformationLength, PULONG ReturnLength)
{
    KPROCESSOR_MODE Outer = ExEnterService();
    NTSTATUS Status = QueryInformation(ThreadHandle, ThreadInformationClass, ThreadInformation,
                                       ThreadInformationLength, ReturnLength);

    ExLeaveService(Outer);
    return Status;
}
