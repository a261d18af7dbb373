/* notify.c - telling drivers that a thread or a process is created or ends.
 *
 * Creation is told by the creator, before the new thread runs; the end by the thread that ends, while it still is one:
 * at PASSIVE_LEVEL, in a critical region. A process is created with its first thread, and ends with its last; the
 * system process does neither. A routine is held by run-down protection while it is called. Who takes it away waits
 * for the calls that have begun, so its driver may go afterwards; a routine that takes itself away waits for ever.
 * Lock: one spin lock over the rows' changes; nothing is called with it held. */
#include "psp.h"

#include <ex/rundown.h>
#include <ke/apc.h>
#include <ke/spinlock.h>
#include <ps/notify.h>
#include <rtl/status.h>

enum { ROWS = 64, KINDS = 3 };

typedef enum _KIND { OfThread, OfProcess, OfProcessEx } KIND;

typedef struct _ROW {
    PVOID volatile Routine;             /* NULL: free */
    EX_RUNDOWN_REF Calls;
    BOOLEAN Leaving;                    /* RowLock: somebody waits for its last call */
} ROW;

static KSPIN_LOCK RowLock;
static ROW Rows[KINDS][ROWS];

/* What is told: each kind of routine takes its own part of it. */
typedef struct _NEWS {
    PKPROCESS Process;
    HANDLE ParentId, ThreadId;
    BOOLEAN Create;
    PS_CREATE_NOTIFY_INFO Info;
} NEWS;

static ROW *FindRow(KIND Kind, PVOID Routine)
{
    for (ULONG i = 0; i < ROWS; i++)
        if (Rows[Kind][i].Routine == Routine && !Rows[Kind][i].Leaving)
            return &Rows[Kind][i];
    return NULL;
}

static NTSTATUS Add(KIND Kind, PVOID Routine, BOOLEAN Once)
{
    KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&RowLock);
    ROW *Row = Once && FindRow(Kind, Routine) != NULL ? NULL : FindRow(Kind, NULL);

    if (Row != NULL) {
        ExReInitializeRundownProtection(&Row->Calls);
        Row->Routine = Routine;
    }
    KeReleaseSpinLock(&RowLock, OldIrql);
    return Row != NULL ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
}

static NTSTATUS Remove(KIND Kind, PVOID Routine)
{
    KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&RowLock);
    ROW *Row = FindRow(Kind, Routine);

    if (Row != NULL)
        Row->Leaving = TRUE;
    KeReleaseSpinLock(&RowLock, OldIrql);
    if (Row == NULL)
        return STATUS_PROCEDURE_NOT_FOUND;
    ExWaitForRundownProtectionRelease(&Row->Calls);
    OldIrql = KeAcquireSpinLockRaiseToDpc(&RowLock);
    Row->Routine = NULL;
    Row->Leaving = FALSE;
    KeReleaseSpinLock(&RowLock, OldIrql);
    return STATUS_SUCCESS;
}

static void Call(KIND Kind, PVOID Routine, NEWS *News)
{
    HANDLE ProcessId = PsGetProcessId(News->Process);

    switch (Kind) {
    case OfThread: ((PCREATE_THREAD_NOTIFY_ROUTINE)Routine)(ProcessId, News->ThreadId, News->Create); break;
    case OfProcess: ((PCREATE_PROCESS_NOTIFY_ROUTINE)Routine)(News->ParentId, ProcessId, News->Create); break;
    default:
        ((PCREATE_PROCESS_NOTIFY_ROUTINE_EX)Routine)(News->Process, ProcessId, News->Create ? &News->Info : NULL);
    }
}

static void Tell(KIND Kind, NEWS *News)
{
    KeEnterCriticalRegion();
    for (ULONG i = 0; i < ROWS; i++) {
        ROW *Row = &Rows[Kind][i];

        if (Row->Routine == NULL || !ExAcquireRundownProtection(&Row->Calls))
            continue;
        if (Row->Routine != NULL)       /* between the two it may have become free, and its protection new */
            Call(Kind, Row->Routine, News);
        ExReleaseRundownProtection(&Row->Calls);
    }
    KeLeaveCriticalRegion();
}

/* ---- Inside ps ---- */

static void TellOfProcess(PEPROCESS Process, NEWS *News)
{
    News->Process = &Process->Pcb;
    News->ParentId = (HANDLE)Process->ParentId;
    Tell(OfProcess, News);
    Tell(OfProcessEx, News);
}

NTSTATUS PspTellOfCreation(PETHREAD Thread)
{
    PEPROCESS Process = (PEPROCESS)Thread->Tcb.Process;
    NEWS News = { .Process = &Process->Pcb, .ThreadId = PsGetThreadId(&Thread->Tcb), .Create = TRUE };

    if (Process->Pcb.Header.SignalState > 0)
        return STATUS_PROCESS_IS_TERMINATING;
    if (__atomic_add_fetch(&Process->StartedThreads, 1, __ATOMIC_ACQ_REL) == 1) {
        News.Info = (PS_CREATE_NOTIFY_INFO){ .Size = sizeof News.Info, .ParentProcessId = (HANDLE)Process->ParentId,
                                             .CreatingThreadId = { PsGetCurrentProcessId(), PsGetCurrentThreadId() } };
        TellOfProcess(Process, &News);
        if (!NT_SUCCESS(News.Info.CreationStatus)) {
            __atomic_sub_fetch(&Process->StartedThreads, 1, __ATOMIC_ACQ_REL);
            return News.Info.CreationStatus;
        }
    }
    Tell(OfThread, &News);
    return STATUS_SUCCESS;
}

void PspTellOfEnd(PETHREAD Thread)
{
    PEPROCESS Process = (PEPROCESS)Thread->Tcb.Process;
    NEWS News = { .Process = &Process->Pcb, .ThreadId = PsGetThreadId(&Thread->Tcb) };

    Tell(OfThread, &News);
    if (__atomic_sub_fetch(&Process->StartedThreads, 1, __ATOMIC_ACQ_REL) == 0)
        TellOfProcess(Process, &News);
}

/* ---- Public ---- */

/* PsSetCreateThreadNotifyRoutine - call NotifyRoutine when a thread is created, in its creator's thread before it runs,
 * and when it ends, in its own. IRQL: PASSIVE_LEVEL. Returns: STATUS_SUCCESS, STATUS_INSUFFICIENT_RESOURCES beyond 64.
 * Source: WDK nf-ntddk-pssetcreatethreadnotifyroutine. */
NTSTATUS PsSetCreateThreadNotifyRoutine(PCREATE_THREAD_NOTIFY_ROUTINE NotifyRoutine)
{
    return Add(OfThread, (PVOID)NotifyRoutine, FALSE);
}

/* PsRemoveCreateThreadNotifyRoutine - not any more; calls that have begun are waited for. IRQL: PASSIVE_LEVEL, not in
 * the routine itself. Returns: STATUS_SUCCESS, STATUS_PROCEDURE_NOT_FOUND.
 * Source: WDK nf-ntddk-psremovecreatethreadnotifyroutine. */
NTSTATUS PsRemoveCreateThreadNotifyRoutine(PCREATE_THREAD_NOTIFY_ROUTINE NotifyRoutine)
{
    return Remove(OfThread, (PVOID)NotifyRoutine);
}

static NTSTATUS SetProcessRoutine(KIND Kind, PVOID Routine, BOOLEAN Taken)
{
    if (Taken)
        return Remove(Kind, Routine);
    return NT_SUCCESS(Add(Kind, Routine, TRUE)) ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

/* PsSetCreateProcessNotifyRoutine - call NotifyRoutine when a process is created, in the thread that creates its first
 * one, and when it ends, in its last; Remove: not any more, as above. ParentId: of the process that made it. IRQL:
 * PASSIVE_LEVEL. Returns: STATUS_SUCCESS; STATUS_INVALID_PARAMETER: it is registered already, or beyond 64;
 * STATUS_PROCEDURE_NOT_FOUND. Source: WDK nf-ntddk-pssetcreateprocessnotifyroutine. */
NTSTATUS PsSetCreateProcessNotifyRoutine(PCREATE_PROCESS_NOTIFY_ROUTINE NotifyRoutine, BOOLEAN Remove)
{
    return SetProcessRoutine(OfProcess, (PVOID)NotifyRoutine, Remove);
}

/* PsSetCreateProcessNotifyRoutineEx - the same; at creation the routine gets what is known, and may set CreationStatus
 * to an error, with which the creation of the first thread then fails. IRQL, result: the same. Source: WDK
 * nf-ntddk-pssetcreateprocessnotifyroutineex. */
NTSTATUS PsSetCreateProcessNotifyRoutineEx(PCREATE_PROCESS_NOTIFY_ROUTINE_EX NotifyRoutine, BOOLEAN Remove)
{
    return SetProcessRoutine(OfProcessEx, (PVOID)NotifyRoutine, Remove);
}

ULONG PsForEachNotifyRoutineOf(ULONG64 Start, ULONG64 End, void (*Report)(PVOID Context, PVOID Routine), PVOID Context)
{
    ULONG Found = 0;

    for (ULONG i = 0; i < KINDS * ROWS; i++) {
        PVOID Routine = Rows[i / ROWS][i % ROWS].Routine;

        if ((ULONG64)Routine < Start || (ULONG64)Routine >= End)
            continue;
        Found++;
        Report(Context, Routine);
    }
    return Found;
}
