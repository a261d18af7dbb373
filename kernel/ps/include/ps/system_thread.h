/* system_thread.h - threads of the system process, with kernel handles. */
#pragma once

#include <ke/thread.h>

NTSTATUS PsCreateSystemThread(PHANDLE ThreadHandle, ULONG DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                              HANDLE ProcessHandle, PCLIENT_ID ClientId, PKSTART_ROUTINE StartRoutine,
                              PVOID StartContext);
NTSTATUS PsTerminateSystemThread(NTSTATUS ExitStatus);

/* Called by each system thread that ends, before anything else is looked at. Set once, by the verifier. */
void PsSetThreadEndCheck(void (*Check)(void));

/* Called by each system thread that ends, at PASSIVE_LEVEL, before nothing can be queued to it any more. Set once, by
 * io. And the list that io keeps for a thread; empty at first. */
void PsSetThreadRundown(void (*Rundown)(void));
PLIST_ENTRY PsThreadRequests(PKTHREAD Thread);

void PsStartWorkers(void);              /* work items run from now on; once, when all processors do */
