/* system_thread.c - threads of the system process.
 *
 * A thread object has one reference for its handle, if any is open, and one for running. The second is given back by the
 * reaper, which ke calls when nothing runs on the stack any more; the object so outlives its thread for as long as
 * somebody holds it, and stays signalled. */
#include "psp.h"

#include <ke/apc.h>
#include <ke/bugcheck.h>
#include <ke/irql.h>
#include <mm/mm.h>
#include <ps/process.h>
#include <ps/system_thread.h>
#include <rtl/status.h>

/* A system thread starts inside a critical region (contracts.md 4 "Threads"). One that has left it ends with 0. */
enum { INITIAL_KERNEL_APC_DISABLE = -1, SYSTEM_PROCESS_ID = 4 };

static volatile LONG64 LastId = SYSTEM_PROCESS_ID;

static void RunSystemThread(PKSTART_ROUTINE StartRoutine, PVOID StartContext)
{
    StartRoutine(StartContext);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

void PspReapThread(PKTHREAD Thread)
{
    MmFreeStack(Thread->StackBase);
    ObfDereferenceObject(Thread);
}

/* STATUS_SUCCESS if ProcessHandle names the system process, the only one. */
static NTSTATUS CheckProcess(HANDLE ProcessHandle)
{
    NTSTATUS Status;
    PVOID Process;

    if (ProcessHandle == NULL)
        return STATUS_SUCCESS;
    Status = ObReferenceObjectByHandle(ProcessHandle, 0, PsProcessType, KernelMode, &Process, NULL);
    if (Status == STATUS_SUCCESS)
        ObfDereferenceObject(Process);
    return Status;
}

/* A thread that has not started, with one reference. */
static PETHREAD CreateThread(PKSTART_ROUTINE StartRoutine, PVOID StartContext)
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
    KeInitializeThread(&Thread->Tcb, PsInitialSystemProcess, Stack, MM_STACK_SIZE, RunSystemThread, StartRoutine,
                       StartContext, PsInitialSystemProcess->BasePriority);
    Thread->Tcb.KernelApcDisable = INITIAL_KERNEL_APC_DISABLE;
    Thread->Cid.UniqueProcess = (HANDLE)(ULONG_PTR)SYSTEM_PROCESS_ID;
    Thread->Cid.UniqueThread = (HANDLE)__atomic_add_fetch(&LastId, 4, __ATOMIC_RELAXED);
    Thread->ExitStatus = STATUS_PENDING;
    return Thread;
}

/* ---- Public: PsCreateSystemThread, PsTerminateSystemThread ---- */

/* PsCreateSystemThread - start a thread of the system process (ProcessHandle NULL or a handle to it) at
 * StartRoutine(StartContext), PASSIVE_LEVEL, priority 8, inside a critical region. ThreadHandle: a kernel handle.
 * ClientId, ObjectAttributes: may be NULL. IRQL: PASSIVE_LEVEL. Returns: STATUS_SUCCESS,
 * STATUS_INSUFFICIENT_RESOURCES, or what is wrong with ProcessHandle. Source: WDK nf-wdm-pscreatesystemthread. */
NTSTATUS PsCreateSystemThread(PHANDLE ThreadHandle, ULONG DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                              HANDLE ProcessHandle, PCLIENT_ID ClientId, PKSTART_ROUTINE StartRoutine, PVOID StartContext)
{
    NTSTATUS Status = CheckProcess(ProcessHandle);
    PETHREAD Thread;

    UNREFERENCED_PARAMETER(ObjectAttributes);   /* names a security descriptor at most; every handle is the kernel's */
    if (!NT_SUCCESS(Status))
        return Status;
    Thread = CreateThread(StartRoutine, StartContext);
    if (Thread == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    Status = ObCreateHandle(Thread, DesiredAccess, __builtin_return_address(0), ThreadHandle);
    if (!NT_SUCCESS(Status)) {
        MmFreeStack(Thread->Tcb.StackBase);
        ObfDereferenceObject(Thread);
        return Status;
    }
    if (ClientId != NULL)
        *ClientId = Thread->Cid;
    KeStartThread(&Thread->Tcb);
    return STATUS_SUCCESS;
}

/* PsTerminateSystemThread - end the current thread with ExitStatus; does not return. IRQL: PASSIVE_LEVEL.
 * Errors: another IRQL, or APC-disable counts that were changed and not restored, are 0x20.
 * Source: WDK nf-wdm-psterminatesystemthread; bug check 0x20. */
NTSTATUS PsTerminateSystemThread(NTSTATUS ExitStatus)
{
    PETHREAD Thread = (PETHREAD)KeGetCurrentThread();
    KIRQL Irql = KeGetCurrentIrql();
    BOOLEAN Changed = Thread->Tcb.SpecialApcDisable != 0 ||
                      (Thread->Tcb.KernelApcDisable != 0 && Thread->Tcb.KernelApcDisable != INITIAL_KERNEL_APC_DISABLE);

    if (Irql != PASSIVE_LEVEL || Changed)
        KeBugCheckWith(KERNEL_APC_PENDING_DURING_EXIT, 0, (ULONG)Thread->Tcb.CombinedApcDisable, Irql, 0,
                       "thread %p ends at IRQL %u with APC-disable counts kernel %d, special %d", Thread, Irql,
                       Thread->Tcb.KernelApcDisable, Thread->Tcb.SpecialApcDisable);
    Thread->ExitStatus = ExitStatus;
    KeTerminateThread();
}
