/* notify.h - routines that are told when threads and processes come and go. */
#pragma once

#include <ke/thread.h>

typedef struct _PS_CREATE_NOTIFY_INFO {
    SIZE_T Size;
    ULONG Flags;                        /* 0: no file was opened by name */
    HANDLE ParentProcessId;
    CLIENT_ID CreatingThreadId;
    struct _FILE_OBJECT *FileObject;    /* NULL, as the next two: processes have no images here */
    PCUNICODE_STRING ImageFileName;
    PCUNICODE_STRING CommandLine;
    NTSTATUS CreationStatus;            /* an error keeps the process from being created */
} PS_CREATE_NOTIFY_INFO, *PPS_CREATE_NOTIFY_INFO;

C_ASSERT(sizeof(PS_CREATE_NOTIFY_INFO) == 0x48 && offsetof(PS_CREATE_NOTIFY_INFO, ParentProcessId) == 0x10);
C_ASSERT(offsetof(PS_CREATE_NOTIFY_INFO, FileObject) == 0x28);
C_ASSERT(offsetof(PS_CREATE_NOTIFY_INFO, CreationStatus) == 0x40);

typedef VOID (*PCREATE_THREAD_NOTIFY_ROUTINE)(HANDLE ProcessId, HANDLE ThreadId, BOOLEAN Create);
typedef VOID (*PCREATE_PROCESS_NOTIFY_ROUTINE)(HANDLE ParentId, HANDLE ProcessId, BOOLEAN Create);
typedef VOID (*PCREATE_PROCESS_NOTIFY_ROUTINE_EX)(PKPROCESS Process, HANDLE ProcessId,
                                                  PPS_CREATE_NOTIFY_INFO CreateInfo);

NTSTATUS PsSetCreateThreadNotifyRoutine(PCREATE_THREAD_NOTIFY_ROUTINE NotifyRoutine);
NTSTATUS PsRemoveCreateThreadNotifyRoutine(PCREATE_THREAD_NOTIFY_ROUTINE NotifyRoutine);
NTSTATUS PsSetCreateProcessNotifyRoutine(PCREATE_PROCESS_NOTIFY_ROUTINE NotifyRoutine, BOOLEAN Remove);
NTSTATUS PsSetCreateProcessNotifyRoutineEx(PCREATE_PROCESS_NOTIFY_ROUTINE_EX NotifyRoutine, BOOLEAN Remove);

/* Each registered routine that lies in [Start, End). */
ULONG PsForEachNotifyRoutineOf(ULONG64 Start, ULONG64 End, void (*Report)(PVOID Context, PVOID Routine), PVOID Context);
