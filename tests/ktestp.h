/* ktestp.h - what the runner and the helpers of the tests share with each other, and with no test. */
#pragma once

#include <ke/thread.h>

NTSTATUS PsCreateSystemThread(PHANDLE, ULONG, POBJECT_ATTRIBUTES, HANDLE, PCLIENT_ID, PKSTART_ROUTINE, PVOID);
NTSTATUS PsTerminateSystemThread(NTSTATUS);
NTSTATUS ObReferenceObjectByHandle(HANDLE, ACCESS_MASK, PVOID, KPROCESSOR_MODE, PVOID *, PVOID);
LONG_PTR ObfDereferenceObject(PVOID);
NTSTATUS ZwClose(HANDLE);
#define THREAD_ALL_ACCESS 0x1FFFFF

enum { KTEST_PATIENCE_SECONDS = 30, KTEST_HANG_SECONDS = 60 };

/* ---- ktest.c ---- */

/* Undo what would stop the current thread from ending: raised IRQL, disabled APCs. */
void KtestpCalmThread(void);

/* ---- support.c ---- */

/* A system thread in Routine(Context), referenced; NULL when there is no memory for one. */
PKTHREAD KtestpCreateThread(PKSTART_ROUTINE Routine, PVOID Context);
void KtestpReleaseThread(PKTHREAD Thread);

/* End of a test: fail it for each thread that it started and that does not end, and forget them all.
 * Returns how many run on. */
ULONG KtestpSettleThreads(void);
