/* process.c - the process object: its threads, its end, and threads that visit it.
 *
 * A thread belongs to one process for life and may attach itself to another: it then runs in that one's address space,
 * PsGetCurrentProcess names it, and the APCs of the thread's own process wait until it is back. Each visit has an APC
 * state of its own (lists, process, flags). The current one is always Thread->ApcState, so nobody who delivers,
 * waits or switches needs to know of visits; the states of those who wait lie elsewhere:
 *
 *   not attached         ApcState: own process
 *   attached to P        ApcState: P                      SavedApcState: own process
 *   then stacked on Q    ApcState: Q, the caller's: P     SavedApcState: own process
 *
 * APC environments: Original is the own process's state wherever it lies, Attached is ApcState while attached.
 * Attaching where the thread is already changes nothing, and says so in the caller's state; the detach does nothing.
 * A visit is left only with its lists empty: an APC that waits in them has nowhere to run afterwards, which NT answers
 * with bug check 6.
 * A process ends with its last thread: it is signalled for ever, and takes no thread any more. One that never had a
 * thread has not ended. */
#include "ki.h"

#include <ke/process.h>

/* What KeStackAttachProcess leaves in the caller's state where there is nothing to come back to. */
#define NO_CHANGE   ((PKPROCESS)1)      /* the thread was there already */
#define WAS_AT_HOME ((PKPROCESS)NULL)   /* the state to come back to is the thread's SavedApcState */

enum { PROCESS_SIZE = (UCHAR)(sizeof(KPROCESS) / sizeof(ULONG)) };     /* as Header.Size has it */

static KSPIN_LOCK ListLock;            /* of the processes' and threads' lists; above every object's */
static LIST_ENTRY ProcessList = { &ProcessList, &ProcessList };        /* processes that have threads */

/* ---- Threads of a process, interrupts off ---- */

BOOLEAN KiJoinProcess(PKTHREAD Thread)
{
    PKPROCESS Process = Thread->Process;
    BOOLEAN Lives;

    KiAcquireRawLock(&ListLock);
    Lives = Process->Header.SignalState == 0;
    if (Lives) {
        if (IsListEmpty(&Process->ThreadListHead))
            InsertTailList(&ProcessList, &Process->ProcessListEntry);
        InsertTailList(&Process->ThreadListHead, &Thread->ThreadListEntry);
    }
    KiReleaseRawLock(&ListLock);
    return Lives;
}

/* The system process does not end: its idle threads are in no list and always there. */
void KiLeaveProcess(PKTHREAD Thread)
{
    PKPROCESS Process = Thread->Process;
    PKTHREAD Woken = NULL;

    KiAcquireRawLock(&ListLock);
    if (RemoveEntryList(&Thread->ThreadListEntry)) {
        RemoveEntryList(&Process->ProcessListEntry);
        if (Process != &KiInitialProcess) {
            KiLockObject(&Process->Header);
            Process->Header.SignalState = 1;
            if (!IsListEmpty(&Process->Header.WaitListHead))
                Woken = KiWakeWaiters(&Process->Header, 0, 0);
            KiUnlockObject(&Process->Header);
        }
    }
    KiReleaseRawLock(&ListLock);
    KiReadyWoken(Woken, 0);
}

void KiForEachThread(void (*Visit)(PVOID Context, PKTHREAD Thread), PVOID Context)
{
    KiAcquireRawLock(&ListLock);
    for (PLIST_ENTRY At = ProcessList.Flink; At != &ProcessList; At = At->Flink) {
        PLIST_ENTRY Head = &CONTAINING_RECORD(At, KPROCESS, ProcessListEntry)->ThreadListHead;

        for (PLIST_ENTRY Link = Head->Flink; Link != Head; Link = Link->Flink)
            Visit(Context, CONTAINING_RECORD(Link, KTHREAD, ThreadListEntry));
    }
    KiReleaseRawLock(&ListLock);
}

/* ---- Visits, the thread locked ---- */

static void MoveList(PLIST_ENTRY To, PLIST_ENTRY From)
{
    InitializeListHead(To);
    if (IsListEmpty(From))
        return;
    *To = *From;
    To->Flink->Blink = To->Blink->Flink = To;
    InitializeListHead(From);
}

static void MoveApcState(PKAPC_STATE To, PKAPC_STATE From)
{
    MoveList(&To->ApcListHead[KernelMode], &From->ApcListHead[KernelMode]);
    MoveList(&To->ApcListHead[UserMode], &From->ApcListHead[UserMode]);
    To->Process = From->Process;
    To->KernelApcInProgress = From->KernelApcInProgress;
    To->KernelApcPending = From->KernelApcPending;
    To->UserApcPending = From->UserApcPending;
}

static void SwitchSpace(PKPROCESS From, PKPROCESS To)
{
    if (From->Space != To->Space)
        ArchSwitchSpace(To->Space);
}

/* The current state goes to Saved, and Process gets a new one. */
static void Attach(PKTHREAD Thread, PKPROCESS Process, PKAPC_STATE Saved)
{
    PKPROCESS From = Thread->ApcState.Process;

    MoveApcState(Saved, &Thread->ApcState);
    Thread->ApcState.Process = Process;
    Thread->ApcState.KernelApcInProgress = FALSE;
    Thread->ApcState.KernelApcPending = FALSE;
    Thread->ApcState.UserApcPending = FALSE;
    if (Thread->ApcStateIndex == OriginalApcEnvironment) {
        Thread->ApcStatePointer[OriginalApcEnvironment] = Saved;
        Thread->ApcStatePointer[AttachedApcEnvironment] = &Thread->ApcState;
        Thread->ApcStateIndex = AttachedApcEnvironment;
    }
    __atomic_fetch_add(&Process->AttachCount, 1, __ATOMIC_RELAXED);
    SwitchSpace(From, Process);
}

/* Back to Saved, what it held back wants to run. */
static void Detach(PKTHREAD Thread, PKAPC_STATE Saved)
{
    PKPROCESS From = Thread->ApcState.Process;

    __atomic_fetch_sub(&From->AttachCount, 1, __ATOMIC_RELAXED);
    MoveApcState(&Thread->ApcState, Saved);
    if (Saved == &Thread->SavedApcState) {
        Thread->ApcStatePointer[OriginalApcEnvironment] = &Thread->ApcState;
        Thread->ApcStatePointer[AttachedApcEnvironment] = NULL;
        Thread->ApcStateIndex = OriginalApcEnvironment;
    }
    SwitchSpace(From, Thread->ApcState.Process);
    if (!IsListEmpty(&Thread->ApcState.ApcListHead[KernelMode])) {
        Thread->ApcState.KernelApcPending = TRUE;
        ArchRequestApc();
    }
}

/* ---- What must not be ---- */

static DECLSPEC_NORETURN void RefuseAttach(PKTHREAD Thread, PKPROCESS Process, BOOLEAN InDpc)
{
    KeBugCheckWith(INVALID_PROCESS_ATTACH_ATTEMPT, (ULONG_PTR)Process, (ULONG_PTR)Thread->ApcState.Process,
                   Thread->ApcStateIndex, InDpc, "%s attaches thread %p to process %p",
                   InDpc ? "a DPC routine" : "code that has attached it to another process already", Thread, Process);
}

/* Before its address space is loaded, which nothing survives that is none. */
static void RequireProcess(PKTHREAD Thread, PKPROCESS Process, ULONG Code)
{
    if (UNLIKELY(KeObjectType(&Process->Header) != ProcessObject || Process->Header.Size != PROCESS_SIZE))
        KeBugCheckWith(Code, (ULONG_PTR)Process, (ULONG_PTR)Thread->ApcState.Process, Thread->ApcStateIndex, 0,
                       "thread %p is to go to process %p, which is no process: its type is %u", Thread, Process,
                       KeObjectType(&Process->Header));
}

static void RequireDetachable(PKTHREAD Thread)
{
    KAPC_STATE *State = &Thread->ApcState;

    if (Thread->ApcStateIndex != OriginalApcEnvironment && !State->KernelApcInProgress &&
        IsListEmpty(&State->ApcListHead[KernelMode]) && IsListEmpty(&State->ApcListHead[UserMode]))
        return;
    KeBugCheckWith(INVALID_PROCESS_DETACH_ATTEMPT, (ULONG_PTR)Thread, (ULONG_PTR)State->Process, Thread->ApcStateIndex,
                   State->KernelApcInProgress, "thread %p leaves a process %s", Thread,
                   Thread->ApcStateIndex == OriginalApcEnvironment ? "that it is not attached to"
                                                                   : "with APCs queued or running there");
}

/* ---- Public: KeInitializeProcess, KeStackAttachProcess, KeUnstackDetachProcess, KeAttachProcess, KeDetachProcess,
 *      KeIsAttachedProcess ---- */

void KeInitializeProcess(PKPROCESS Process, KPRIORITY BasePriority, KAFFINITY Affinity, ARCH_SPACE Space)
{
    Process->Header.Type = ProcessObject;
    Process->Header.Size = PROCESS_SIZE;
    Process->Header.SignalState = 0;
    InitializeListHead(&Process->Header.WaitListHead);
    InitializeListHead(&Process->ThreadListHead);
    Process->Space = Space;
    Process->Id = 0;
    Process->AttachCount = 0;
    Process->ObjectTable = NULL;
    Process->Affinity = Affinity;
    Process->BasePriority = (SCHAR)BasePriority;
}

/* KeStackAttachProcess - the current thread goes on in Process's address space until KeUnstackDetachProcess(ApcState);
 * nests. ApcState: nonpaged, the caller's until then. The caller keeps Process referenced. IRQL: <= APC_LEVEL.
 * Errors: in a DPC routine, or what is no process, 0x5. Source: WDK nf-ntifs-kestackattachprocess. */
VOID KeStackAttachProcess(PRKPROCESS Process, PRKAPC_STATE ApcState)
{
    PKTHREAD Thread = KiCurrentThread();
    ULONG64 Flags;

    if (KiThisPcr->DpcRoutineActive)
        RefuseAttach(Thread, Process, TRUE);
    if (Thread->ApcState.Process == Process) {
        ApcState->Process = NO_CHANGE;
        return;
    }
    RequireProcess(Thread, Process, INVALID_PROCESS_ATTACH_ATTEMPT);
    Flags = ArchDisableInterrupts();
    KiLockThread(Thread);
    if (Thread->ApcStateIndex == OriginalApcEnvironment) {
        Attach(Thread, Process, &Thread->SavedApcState);
        ApcState->Process = WAS_AT_HOME;
    } else {
        Attach(Thread, Process, ApcState);
    }
    KiUnlockThread(Thread);
    ArchRestoreInterrupts(Flags);
}

/* KeUnstackDetachProcess - undo the KeStackAttachProcess that filled ApcState, the latest first; kernel APCs that were
 * queued for where the thread comes back to run as soon as the IRQL allows. IRQL: <= APC_LEVEL.
 * Errors: not attached, APCs queued or running in the process that is left, or a state that names no process, 0x6.
 * Source: WDK nf-ntifs-keunstackdetachprocess. */
VOID KeUnstackDetachProcess(PRKAPC_STATE ApcState)
{
    PKTHREAD Thread = KiCurrentThread();
    ULONG64 Flags;

    if (ApcState->Process == NO_CHANGE)
        return;
    Flags = KiLockPastApcs(Thread);
    RequireDetachable(Thread);
    if (ApcState->Process != WAS_AT_HOME)
        RequireProcess(Thread, ApcState->Process, INVALID_PROCESS_DETACH_ATTEMPT);
    Detach(Thread, ApcState->Process == WAS_AT_HOME ? &Thread->SavedApcState : ApcState);
    KiUnlockThread(Thread);
    ArchRestoreInterrupts(Flags);
}

/* KeAttachProcess - KeStackAttachProcess that does not nest: for a thread in its own process. In Process already,
 * nothing happens. IRQL: <= APC_LEVEL. Errors: attached to another one, or in a DPC routine, 0x5. Obsolete since
 * Windows XP. Source: WDK ntifs.h. */
VOID KeAttachProcess(PRKPROCESS Process)
{
    PKTHREAD Thread = KiCurrentThread();
    ULONG64 Flags;

    if (Thread->ApcState.Process == Process)
        return;
    if (Thread->ApcStateIndex != OriginalApcEnvironment || KiThisPcr->DpcRoutineActive)
        RefuseAttach(Thread, Process, KiThisPcr->DpcRoutineActive);
    RequireProcess(Thread, Process, INVALID_PROCESS_ATTACH_ATTEMPT);
    Flags = ArchDisableInterrupts();
    KiLockThread(Thread);
    Attach(Thread, Process, &Thread->SavedApcState);
    KiUnlockThread(Thread);
    ArchRestoreInterrupts(Flags);
}

/* KeDetachProcess - undo KeAttachProcess; in the thread's own process, nothing happens. IRQL, errors: as
 * KeUnstackDetachProcess. Source: WDK ntifs.h. */
VOID KeDetachProcess(VOID)
{
    PKTHREAD Thread = KiCurrentThread();
    ULONG64 Flags;

    if (Thread->ApcStateIndex == OriginalApcEnvironment)
        return;
    Flags = KiLockPastApcs(Thread);
    RequireDetachable(Thread);
    Detach(Thread, &Thread->SavedApcState);
    KiUnlockThread(Thread);
    ArchRestoreInterrupts(Flags);
}

/* KeIsAttachedProcess - is the current thread attached to another process than its own? IRQL: any. Undocumented. */
BOOLEAN KeIsAttachedProcess(VOID) { return KiCurrentThread()->ApcStateIndex != OriginalApcEnvironment; }
