/* system_thread.h - threads of the system process, with kernel handles. */
#pragma once

#include <ke/thread.h>

NTSTATUS PsCreateSystemThread(PHANDLE ThreadHandle, ULONG DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                              HANDLE ProcessHandle, PCLIENT_ID ClientId, PKSTART_ROUTINE StartRoutine,
                              PVOID StartContext);
NTSTATUS PsTerminateSystemThread(NTSTATUS ExitStatus);

/* Called by each system thread that ends, before anything else is looked at. Set once, by the verifier. */
void PsSetThreadEndCheck(void (*Check)(void));

void PsStartWorkers(void);              /* work items run from now on; once, when all processors do */
