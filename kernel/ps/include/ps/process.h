/* process.h - processes and ids as drivers ask for them. */
#pragma once

#include <ke/thread.h>

extern PKPROCESS PsInitialSystemProcess;

void PsInitialize(void);                /* types, the system process, the reaper; once, before the first thread */
PKPROCESS PsCreateProcess(void);        /* no threads, an empty lower half, one reference; NULL: memory is out */

PKPROCESS IoGetCurrentProcess(VOID);
PKPROCESS PsGetCurrentProcess(VOID);
PKTHREAD PsGetCurrentThread(VOID);
KPROCESSOR_MODE PsGetCurrentThreadPreviousMode(VOID);
PKPROCESS PsGetThreadProcess(PKTHREAD Thread);
PKPROCESS PsGetCurrentThreadProcess(VOID);
HANDLE PsGetCurrentThreadProcessId(VOID);
HANDLE PsGetProcessId(PKPROCESS Process);
HANDLE PsGetThreadId(PKTHREAD Thread);
HANDLE PsGetThreadProcessId(PKTHREAD Thread);
HANDLE PsGetCurrentProcessId(VOID);
HANDLE PsGetCurrentThreadId(VOID);
NTSTATUS PsLookupProcessByProcessId(HANDLE ProcessId, PKPROCESS *Process);
NTSTATUS PsLookupThreadByThreadId(HANDLE ThreadId, PKTHREAD *Thread);
NTSTATUS PsLookupProcessThreadByCid(PCLIENT_ID Cid, PKPROCESS *Process, PKTHREAD *Thread);
BOOLEAN PsIsSystemThread(PKTHREAD Thread);
BOOLEAN PsIsSystemProcess(PKPROCESS Process);
BOOLEAN PsIsThreadTerminating(PKTHREAD Thread);
NTSTATUS PsGetThreadExitStatus(PKTHREAD Thread);
LONGLONG PsGetProcessCreateTimeQuadPart(PKPROCESS Process);
NTSTATUS PsCreateSystemProcess(PHANDLE ProcessHandle, ULONG DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes);
NTSTATUS ZwOpenProcess(PHANDLE ProcessHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                       PCLIENT_ID ClientId);
NTSTATUS NtOpenProcess(PHANDLE ProcessHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                       PCLIENT_ID ClientId);
NTSTATUS ZwOpenThread(PHANDLE ThreadHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                      PCLIENT_ID ClientId);
NTSTATUS NtOpenThread(PHANDLE ThreadHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                      PCLIENT_ID ClientId);
