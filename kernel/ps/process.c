/* process.c - the system process, and who is current. */
#include "psp.h"

#include <ke/init.h>
#include <ps/process.h>
#include <rtl/status.h>

#define SYSTEM_PROCESS_ID ((HANDLE)4)
#define THREAD_ACCESS 0x001FFFFF

static OBJECT_TYPE ThreadType = { &ThreadType, "Thread", NULL, THREAD_ACCESS };
static OBJECT_TYPE ProcessType = { &ProcessType, "Process", NULL, THREAD_ACCESS };

POBJECT_TYPE PsThreadType = &ThreadType;
POBJECT_TYPE PsProcessType = &ProcessType;
PKPROCESS PsInitialSystemProcess;

C_ASSERT(sizeof(OBJECT_HEADER) <= sizeof KiSystemImage.ObjectHeader);

void PsInitialize(void)
{
    PsInitialSystemProcess = &KiInitialProcess;
    ObInitializeStaticObject(PsInitialSystemProcess, PsProcessType);
    KeSetThreadReaper(PspReapThread);
}

/* ---- Public ---- */

/* IoGetCurrentProcess - the process whose address space the current thread is in: a pointer, not referenced. In a DPC or
 * interrupt: that of the interrupted thread. IRQL: any. Source: WDK nf-ntddk-iogetcurrentprocess. */
PKPROCESS IoGetCurrentProcess(VOID) { return KeGetCurrentThread()->ApcState.Process; }

/* PsGetCurrentProcess - IoGetCurrentProcess. */
PKPROCESS PsGetCurrentProcess(VOID) { return IoGetCurrentProcess(); }

/* PsGetCurrentThread - KeGetCurrentThread. IRQL: any. */
PKTHREAD PsGetCurrentThread(VOID) { return KeGetCurrentThread(); }

/* PsGetCurrentProcessId - the id of the current thread's own process. IRQL: any. */
HANDLE PsGetCurrentProcessId(VOID) { return SYSTEM_PROCESS_ID; }

/* PsGetThreadId - the id of Thread. IRQL: any. Source: WDK nf-ntddk-psgetthreadid. */
HANDLE PsGetThreadId(PKTHREAD Thread) { return ((PETHREAD)Thread)->Cid.UniqueThread; }

/* PsGetCurrentThreadId - the id of the current thread. IRQL: any. */
HANDLE PsGetCurrentThreadId(VOID) { return PsGetThreadId(KeGetCurrentThread()); }

/* PsIsSystemThread - does Thread belong to the system process? IRQL: any. */
BOOLEAN PsIsSystemThread(PKTHREAD Thread) { return Thread->Process == PsInitialSystemProcess; }

/* PsGetThreadExitStatus - what Thread ended with, STATUS_PENDING while it runs. IRQL: any. */
NTSTATUS PsGetThreadExitStatus(PKTHREAD Thread) { return ((PETHREAD)Thread)->ExitStatus; }
