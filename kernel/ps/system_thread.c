/* system_thread.c - threads that run in the kernel, of the system process or of another one.
 *
 * A thread object has one reference for its handle, if any is open, and one for running. The second is given
 * back by the reaper, which ke calls when nothing runs on the stack any more; the object so outlives its thread
 * for as long as somebody holds it, and stays signalled. It holds its process. */
#include "psp.h"

#include <ex/work.h>
#include <ex/pool.h>
#include <ke/apc.h>
#include <ke/bugcheck.h>
#include <ke/irql.h>
#include <ke/mutant.h>
#include <mm/callout.h>
#include <mm/mm.h>
#include <ob/timer_object.h>
#include <ps/system_thread.h>
#include <rtl/debug.h>
#include <rtl/list.h>
#include <rtl/status.h>

/* A system thread starts inside a critical region. One that has left it ends with 0. */
enum { INITIAL_KERNEL_APC_DISABLE = -1, DEFAULT_PAGE_PRIORITY = 5 };

static void (*EndCheck)(void);
static void (*Rundown)(void);

static void RunSystemThread(PKSTART_ROUTINE StartRoutine, PVOID StartContext)
{
    StartRoutine(StartContext);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

/* A worker whose routine returns is meant to end. */
static void RunWorker(PKSTART_ROUTINE StartRoutine, PVOID StartContext)
{
    StartRoutine(StartContext);
    ((PETHREAD)KeGetCurrentThread())->ActiveExWorker = FALSE;
    PsTerminateSystemThread(STATUS_SUCCESS);
}

void PspReapThread(PKTHREAD Thread)
{
    if (Thread->Process->Header.SignalState > 0)
        ObCloseAllHandles(Thread->Process);
    MmFreeExpandedStack(Thread);
    MmFreeStack(Thread->OwnStackBase);
    ObfDereferenceObject(Thread);
}

void PspDeleteThread(PVOID Object)
{
    PETHREAD Thread = Object;

    PspDropId(&Thread->Cid);
    PspFreeName(Thread);
    ObfDereferenceObject(Thread->Tcb.Process);
}

/* What ProcessHandle names, referenced; NULL is the system process. */
static NTSTATUS FindProcess(HANDLE ProcessHandle, PVOID *Process)
{
    if (ProcessHandle != NULL)
        return ObReferenceObjectByHandle(ProcessHandle, 0, PsProcessType, KernelMode, Process, NULL);
    *Process = PsInitialSystemProcess;
    ObfReferenceObject(PsInitialSystemProcess);
    return STATUS_SUCCESS;
}

/* A thread that has not started, with one reference; it takes the caller's reference to Process over, unless it is
 * NULL: memory is out. */
static PETHREAD CreateThread(PKPROCESS Process, void (*SystemRoutine)(PKSTART_ROUTINE, PVOID),
                             PKSTART_ROUTINE StartRoutine, PVOID StartContext, KPRIORITY Priority)
{
    PVOID Stack = MmAllocateStack();
    PETHREAD Thread;

    if (Stack == NULL)
        return NULL;
    Thread = ObCreateObject(PsThreadType, sizeof *Thread);
    if (Thread == NULL) {
        MmFreeStack(Stack);
        return NULL;
    }
    KeInitializeThread(&Thread->Tcb, Process, Stack, MM_STACK_SIZE, SystemRoutine, StartRoutine, StartContext,
                       Priority);
    Thread->Tcb.KernelApcDisable = INITIAL_KERNEL_APC_DISABLE;
    Thread->ExitStatus = STATUS_PENDING;
    Thread->PagePriority = DEFAULT_PAGE_PRIORITY;
    InitializeListHead(&Thread->Requests);
    PspGiveId(&Thread->Cid, Thread);            /* who goes through the ids may have it from here on */
    Thread->Tcb.Id = Thread->Cid.Id;
    return Thread;
}

/* A thread that was never started. */
static void AbandonThread(PETHREAD Thread)
{
    MmFreeStack(Thread->Tcb.StackBase);
    ObfDereferenceObject(Thread);
}

/* Caller: of PsCreateSystemThread, whose handle it is. */
static NTSTATUS StartThread(PETHREAD Thread, ULONG DesiredAccess, PVOID Caller, PCLIENT_ID ClientId, PHANDLE Handle)
{
    NTSTATUS Status = ObCreateHandle(Thread, DesiredAccess, Caller, Handle);

    if (!NT_SUCCESS(Status)) {
        AbandonThread(Thread);
        return Status;
    }
    if (ClientId != NULL)
        *ClientId = (CLIENT_ID){ PsGetThreadProcessId(&Thread->Tcb), PsGetThreadId(&Thread->Tcb) };
    Status = PspTellOfCreation(Thread);
    if (NT_SUCCESS(Status) && !KeStartThread(&Thread->Tcb)) {
        PspTellOfEnd(Thread);
        Status = STATUS_PROCESS_IS_TERMINATING;
    }
    if (NT_SUCCESS(Status))
        return STATUS_SUCCESS;
    ZwClose(*Handle);
    *Handle = NULL;
    AbandonThread(Thread);
    return Status;
}

/* A KMUTEX still held is looked for first: its effect on the APC-disable count is no fault of its own. */
static void RequireNoMutex(PKTHREAD Thread)
{
    PKMUTANT Mutex = KeFindOwnedMutex();

    if (Mutex != NULL)
        KeBugCheckWith(THREAD_TERMINATE_HELD_MUTEX, (ULONG_PTR)Thread, (ULONG_PTR)Mutex, 0, 0,
                       "thread %p ends and still owns mutex %p", Thread, Mutex);
}

void PsSetThreadEndCheck(void (*Check)(void)) { EndCheck = Check; }

void PsSetThreadRundown(void (*NewRundown)(void)) { Rundown = NewRundown; }

PLIST_ENTRY PsThreadRequests(PKTHREAD Thread) { return &((PETHREAD)Thread)->Requests; }

/* ---- Worker threads: ex says when one is needed, what a thread is it need not know ---- */

static BOOLEAN CreateWorker(PKSTART_ROUTINE Routine, PVOID Context, KPRIORITY Priority)
{
    PETHREAD Thread;

    ObfReferenceObject(PsInitialSystemProcess);
    Thread = CreateThread(PsInitialSystemProcess, RunWorker, Routine, Context, Priority);
    if (Thread == NULL) {
        ObfDereferenceObject(PsInitialSystemProcess);
        return FALSE;
    }
    Thread->ActiveExWorker = TRUE;
    RtlRequire(NT_SUCCESS(PspTellOfCreation(Thread)));
    RtlRequire(KeStartThread(&Thread->Tcb));
    return TRUE;
}

void PsStartWorkers(void) { ExStartWorkers(CreateWorker); }

/* User APCs that the current thread, which ends, was never given: their owners take them back, as NT has it. */
static void RunDownUserApcs(void)
{
    PKAPC Apc;

    while ((Apc = KeTakeUserApc()) != NULL)
        if (Apc->RundownRoutine != NULL)
            Apc->RundownRoutine(Apc);
        else
            ExFreePool(Apc);
}

/* ---- Public: PsCreateSystemThread, PsTerminateSystemThread ---- */

/* PsCreateSystemThread - start a thread of the process that ProcessHandle names (NULL: the system process) at
 * StartRoutine(StartContext), PASSIVE_LEVEL, with that process's base priority (8) and affinity, in a critical region.
 * ThreadHandle: a kernel handle. ClientId, ObjectAttributes: may be NULL. IRQL: PASSIVE_LEVEL. Returns: STATUS_SUCCESS,
 * STATUS_INSUFFICIENT_RESOURCES, STATUS_PROCESS_IS_TERMINATING if its last thread has ended, or what is wrong with
 * ProcessHandle. Source: WDK nf-wdm-pscreatesystemthread. */
NTSTATUS PsCreateSystemThread(PHANDLE ThreadHandle, ULONG DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                              HANDLE ProcessHandle, PCLIENT_ID ClientId, PKSTART_ROUTINE StartRoutine,
                              PVOID StartContext)
{
    PVOID Process;
    NTSTATUS Status = FindProcess(ProcessHandle, &Process);
    PETHREAD Thread;

    UNREFERENCED_PARAMETER(ObjectAttributes);   /* names a security descriptor at most; every handle is the kernel's */
    if (!NT_SUCCESS(Status))
        return Status;
    Thread = CreateThread(Process, RunSystemThread, StartRoutine, StartContext, ((PKPROCESS)Process)->BasePriority);
    if (Thread == NULL) {
        ObfDereferenceObject(Process);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    return StartThread(Thread, DesiredAccess, __builtin_return_address(0), ClientId, ThreadHandle);
}

/* PsTerminateSystemThread - end the current thread with ExitStatus; does not return. User APCs that it has not taken go
 * to their rundown routine, or without one back to the pool. IRQL: PASSIVE_LEVEL.
 * Errors: a work routine that ends its worker is 0xE9; a mutex still owned is 0x4000008A; another IRQL, or APC-disable
 * counts that were changed and not restored, are 0x20; inside an expanded stack's call, 0x94; attached to another
 * process, 0x5.
 * Source: WDK nf-wdm-psterminatesystemthread; bug check 0x20. */
NTSTATUS PsTerminateSystemThread(NTSTATUS ExitStatus)
{
    PETHREAD Thread = (PETHREAD)KeGetCurrentThread();
    KIRQL Irql = KeGetCurrentIrql();
    BOOLEAN Changed = Thread->Tcb.SpecialApcDisable != 0 ||
                      (Thread->Tcb.KernelApcDisable != 0 && Thread->Tcb.KernelApcDisable != INITIAL_KERNEL_APC_DISABLE);

    if (Thread->ActiveExWorker)
        KeBugCheckWith(ACTIVE_EX_WORKER_THREAD_TERMINATION, (ULONG_PTR)Thread, 0, 0, 0,
                       "work routine %p ends the worker thread that runs it", Thread->Tcb.WorkRoutine);
    if (EndCheck != NULL)
        EndCheck();
    RequireNoMutex(&Thread->Tcb);
    if (Irql != PASSIVE_LEVEL || Changed)
        KeBugCheckWith(KERNEL_APC_PENDING_DURING_EXIT, 0, (ULONG)Thread->Tcb.CombinedApcDisable, Irql, 0,
                       "thread %p ends at IRQL %u with APC-disable counts kernel %d, special %d", Thread, Irql,
                       Thread->Tcb.KernelApcDisable, Thread->Tcb.SpecialApcDisable);
    if (Thread->Tcb.StackBase != Thread->Tcb.OwnStackBase)
        KeBugCheckWith(KERNEL_STACK_LOCKED_AT_EXIT, (ULONG_PTR)Thread, (ULONG_PTR)Thread->Tcb.StackBase, 0, 0,
                       "thread %p ends inside a call of KeExpandKernelStackAndCallout", Thread);
    if (KeIsAttachedProcess())
        KeBugCheckWith(INVALID_PROCESS_ATTACH_ATTEMPT, (ULONG_PTR)Thread->Tcb.Process,
                       (ULONG_PTR)Thread->Tcb.ApcState.Process, Thread->Tcb.ApcStateIndex, (ULONG_PTR)Thread,
                       "thread %p ends while it is attached to process %p", Thread, Thread->Tcb.ApcState.Process);
    ObRundownTimers();
    Thread->Terminating = TRUE;
    Thread->ExitStatus = ExitStatus;
    PspTellOfEnd(Thread);
    if (Rundown != NULL)
        Rundown();
    RunDownUserApcs();
    KeTerminateThread();
}
