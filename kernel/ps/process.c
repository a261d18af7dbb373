/* process.c - process objects, and who is current.
 *
 * A process is an address space below the kernel half, an id, a base priority and affinity for its threads. All handles
 * are the kernel's, whoever opens them, so a process has no table of its own. It lives as long as somebody holds a
 * reference: a handle, each of its threads, a driver. Its memory goes with it, so whoever attaches a thread must hold a
 * reference as long; that is checked at the end.
 * The first one, of id 4, is the system process: the kernel half alone, never ends. */
#include "psp.h"

#include <ke/bugcheck.h>
#include <ke/clock.h>
#include <ke/init.h>
#include <mm/mm.h>
#include <rtl/status.h>

#define OBJECT_ACCESS 0x001FFFFF

enum { DEFAULT_PRIORITY = 8 };

static void DeleteProcess(PVOID Object);

static OBJECT_TYPE ThreadType = {
    &ThreadType, "Thread", PspDeleteThread, OBJECT_ACCESS, { 0x00020048, 0x00020037, 0x00120000, OBJECT_ACCESS },
    .Wait = OB_WAITABLE
};
static OBJECT_TYPE ProcessType = {
    &ProcessType, "Process", DeleteProcess, OBJECT_ACCESS, { 0x00020410, 0x00020BEB, 0x00121001, OBJECT_ACCESS },
    .Wait = OB_WAITABLE
};

PKPROCESS PsInitialSystemProcess;

C_ASSERT(sizeof(OBJECT_HEADER) <= sizeof KiSystemImage.ObjectHeader);
C_ASSERT(sizeof(EPROCESS) - sizeof(KPROCESS) <= sizeof KiSystemImage.Executive);

/* Last reference gone: it has no threads, which hold one each. <= DISPATCH_LEVEL. */
static void DeleteProcess(PVOID Object)
{
    PEPROCESS Process = Object;

    if (Process->Pcb.AttachCount != 0)
        KeBugCheckWith(REFERENCE_BY_POINTER, (ULONG_PTR)PsProcessType, (ULONG_PTR)Object, 0x10,
                       Process->Pcb.AttachCount,
                       "the last reference to process %p was given back while threads are attached to it (%u)", Object,
                       Process->Pcb.AttachCount);
    PspDropId(&Process->Cid);
    ObDeleteHandleTable(&Process->Pcb);
    MmDeleteSpace(Process->Pcb.Space);
}

static void Introduce(PEPROCESS Process)
{
    PspGiveId(&Process->Cid, Process);
    Process->Pcb.Id = Process->Cid.Id;
    Process->ParentId = KeGetCurrentThread()->ApcState.Process->Id;
    KeQuerySystemTime(&Process->CreateTime);
}

void PsInitialize(void)
{
    PspInitializeNames();
    PsThreadType = &ThreadType;
    PsProcessType = &ProcessType;
    PsInitialSystemProcess = &KiInitialProcess;
    ObInitializeStaticObject(PsInitialSystemProcess, PsProcessType);
    Introduce((PEPROCESS)PsInitialSystemProcess);
    ((PEPROCESS)PsInitialSystemProcess)->ParentId = 0;
    ((PEPROCESS)PsInitialSystemProcess)->StartedThreads = 1;
    KeSetThreadReaper(PspReapThread);
}

/* PsCreateProcess - a process without threads and with an empty lower half; one reference, the caller's.
 * IRQL: <= DISPATCH_LEVEL. Returns: NULL when memory is out. */
PKPROCESS PsCreateProcess(void)
{
    ARCH_SPACE Space = MmCreateSpace();
    PEPROCESS Process;

    if (Space == 0)
        return NULL;
    Process = ObCreateObject(PsProcessType, sizeof *Process);
    if (Process == NULL) {
        MmDeleteSpace(Space);
        return NULL;
    }
    KeInitializeProcess(&Process->Pcb, DEFAULT_PRIORITY, ~0ull, Space);
    Introduce(Process);
    return &Process->Pcb;
}

/* ---- Public: who is current ---- */

/* IoGetCurrentProcess - the process whose address space the current thread is in: a pointer, not referenced. In a DPC
 * or interrupt: that of the interrupted thread. IRQL: any. Source: WDK nf-ntddk-iogetcurrentprocess. */
PKPROCESS IoGetCurrentProcess(VOID) { return KeGetCurrentThread()->ApcState.Process; }

/* PsGetCurrentProcess - IoGetCurrentProcess. */
PKPROCESS PsGetCurrentProcess(VOID) { return IoGetCurrentProcess(); }

/* PsGetCurrentThread - KeGetCurrentThread. IRQL: any. */
PKTHREAD PsGetCurrentThread(VOID) { return KeGetCurrentThread(); }

/* PsGetCurrentThreadPreviousMode - ExGetPreviousMode. IRQL: any. Undocumented. */
KPROCESSOR_MODE PsGetCurrentThreadPreviousMode(VOID) { return KeGetCurrentThread()->PreviousMode; }

/* PsGetThreadProcess - the process that Thread belongs to, not referenced; attaching does not change it. IRQL: any.
 * Undocumented, as the next two. */
PKPROCESS PsGetThreadProcess(PKTHREAD Thread) { return Thread->Process; }

/* PsGetCurrentThreadProcess - the process that the current thread belongs to. IRQL: any. */
PKPROCESS PsGetCurrentThreadProcess(VOID) { return KeGetCurrentThread()->Process; }

/* PsGetCurrentThreadProcessId - and that one's id. IRQL: any. */
HANDLE PsGetCurrentThreadProcessId(VOID) { return PsGetProcessId(KeGetCurrentThread()->Process); }

/* ---- Public: ids ---- */

/* PsGetProcessId - the id of Process. IRQL: any. Source: WDK nf-ntddk-psgetprocessid. */
HANDLE PsGetProcessId(PKPROCESS Process) { return (HANDLE)Process->Id; }

/* PsGetThreadId - the id of Thread. IRQL: any. Source: WDK nf-ntddk-psgetthreadid. */
HANDLE PsGetThreadId(PKTHREAD Thread) { return (HANDLE)Thread->Id; }

/* PsGetThreadProcessId - the id of the process that Thread belongs to. IRQL: any. Undocumented. */
HANDLE PsGetThreadProcessId(PKTHREAD Thread) { return PsGetProcessId(Thread->Process); }

/* PsGetCurrentProcessId - the id of the process that the current thread belongs to, attached or not. IRQL: any. */
HANDLE PsGetCurrentProcessId(VOID) { return PsGetCurrentThreadProcessId(); }

/* PsGetCurrentThreadId - the id of the current thread. IRQL: any. */
HANDLE PsGetCurrentThreadId(VOID) { return PsGetThreadId(KeGetCurrentThread()); }

/* PsLookupProcessByProcessId - the process of that id, referenced. IRQL: <= APC_LEVEL. Returns: STATUS_SUCCESS,
 * STATUS_INVALID_PARAMETER if there is none. Source: WDK nf-ntifs-pslookupprocessbyprocessid. */
NTSTATUS PsLookupProcessByProcessId(HANDLE ProcessId, PKPROCESS *Process)
{
    PKPROCESS Found = PspFindById(ProcessId, PsProcessType);

    if (Found == NULL)
        return STATUS_INVALID_PARAMETER;
    *Process = Found;
    return STATUS_SUCCESS;
}

/* PsLookupThreadByThreadId - the thread of that id, referenced; one that has ended is found as long as it exists.
 * IRQL: <= APC_LEVEL. Returns: STATUS_SUCCESS, STATUS_INVALID_PARAMETER if there is none.
 * Source: WDK nf-ntifs-pslookupthreadbythreadid. */
NTSTATUS PsLookupThreadByThreadId(HANDLE ThreadId, PKTHREAD *Thread)
{
    PKTHREAD Found = PspFindById(ThreadId, PsThreadType);

    if (Found == NULL)
        return STATUS_INVALID_PARAMETER;
    *Thread = Found;
    return STATUS_SUCCESS;
}

/* PsLookupProcessThreadByCid - the thread of Cid's thread id, referenced, if it belongs to the process of Cid's process
 * id; and that process, referenced, if Process is not NULL. IRQL: <= APC_LEVEL. Returns: STATUS_SUCCESS,
 * STATUS_INVALID_CID. Undocumented. */
NTSTATUS PsLookupProcessThreadByCid(PCLIENT_ID Cid, PKPROCESS *Process, PKTHREAD *Thread)
{
    PKTHREAD Found = PspFindById(Cid->UniqueThread, PsThreadType);

    if (Found == NULL)
        return STATUS_INVALID_CID;
    if (PsGetThreadProcessId(Found) != Cid->UniqueProcess) {
        ObfDereferenceObject(Found);
        return STATUS_INVALID_CID;
    }
    *Thread = Found;
    if (Process != NULL) {
        *Process = Found->Process;
        ObfReferenceObject(Found->Process);
    }
    return STATUS_SUCCESS;
}

/* ---- Public: what they are ---- */

/* PsIsSystemThread - does Thread run in the kernel only? There is no other kind. IRQL: any.
 * Source: WDK nf-ntifs-psissystemthread. */
BOOLEAN PsIsSystemThread(PKTHREAD Thread)
{
    UNREFERENCED_PARAMETER(Thread);
    return TRUE;
}

/* PsIsSystemProcess - is Process the system process? IRQL: any. Undocumented. */
BOOLEAN PsIsSystemProcess(PKPROCESS Process) { return Process == PsInitialSystemProcess; }

/* PsIsThreadTerminating - has Thread asked to end? IRQL: any. Source: WDK nf-ntddk-psisthreadterminating. */
BOOLEAN PsIsThreadTerminating(PKTHREAD Thread) { return Thread->Id != 0 && ((PETHREAD)Thread)->Terminating; }

/* PsGetThreadExitStatus - what Thread ended with, STATUS_PENDING while it runs. IRQL: any. */
NTSTATUS PsGetThreadExitStatus(PKTHREAD Thread)
{
    return Thread->Id != 0 ? ((PETHREAD)Thread)->ExitStatus : STATUS_PENDING;
}

/* PsGetProcessCreateTimeQuadPart - the system time at which Process was made. IRQL: any.
 * Source: WDK nf-ntddk-psgetprocesscreatetimequadpart. */
LONGLONG PsGetProcessCreateTimeQuadPart(PKPROCESS Process) { return ((PEPROCESS)Process)->CreateTime.QuadPart; }

/* PsCreateSystemProcess - a process without threads, whose lower half is empty; PsCreateSystemThread gives it threads.
 * ProcessHandle: a kernel handle. ObjectAttributes: may be NULL. IRQL: PASSIVE_LEVEL. Returns: STATUS_SUCCESS,
 * STATUS_INSUFFICIENT_RESOURCES. Exported by ntoskrnl, undocumented. */
NTSTATUS PsCreateSystemProcess(PHANDLE ProcessHandle, ULONG DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes)
{
    PKPROCESS Process = PsCreateProcess();
    NTSTATUS Status;

    UNREFERENCED_PARAMETER(ObjectAttributes);   /* names a security descriptor at most */
    if (Process == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    Status = ObCreateHandle(Process, DesiredAccess, __builtin_return_address(0), ProcessHandle);
    ObfDereferenceObject(Process);
    return Status;
}
