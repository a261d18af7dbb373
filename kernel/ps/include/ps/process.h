/* process.h - processes and ids as drivers ask for them. */
#pragma once

#include <ke/thread.h>

extern PKPROCESS PsInitialSystemProcess;

void PsInitialize(void);                /* types, the system process, the reaper; once, before the first thread */
PKPROCESS IoGetCurrentProcess(VOID);
PKPROCESS PsGetCurrentProcess(VOID);
HANDLE PsGetCurrentProcessId(VOID);
HANDLE PsGetCurrentThreadId(VOID);
HANDLE PsGetThreadId(PKTHREAD Thread);
PKTHREAD PsGetCurrentThread(VOID);
BOOLEAN PsIsSystemThread(PKTHREAD Thread);
NTSTATUS PsGetThreadExitStatus(PKTHREAD Thread);
