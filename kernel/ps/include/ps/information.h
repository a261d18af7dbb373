/* information.h - what can be set and asked of a thread by its handle. */
#pragma once

#include <rtl/ntdef.h>

typedef enum _THREADINFOCLASS {
    ThreadBasicInformation = 0, ThreadPriority = 2, ThreadBasePriority = 3, ThreadAffinityMask = 4,
    ThreadAmILastThread = 12, ThreadIdealProcessor = 13, ThreadPriorityBoost = 14, ThreadIsTerminated = 20,
    ThreadPagePriority = 24, ThreadActualBasePriority = 25, ThreadGroupInformation = 30, ThreadIdealProcessorEx = 33,
    ThreadNameInformation = 38, ThreadSystemThreadInformation = 40
} THREADINFOCLASS;

enum { THREAD_SET_INFORMATION = 0x20, THREAD_QUERY_INFORMATION = 0x40, THREAD_SET_LIMITED_INFORMATION = 0x400,
       THREAD_QUERY_LIMITED_INFORMATION = 0x800 };

typedef struct _THREAD_NAME_INFORMATION { UNICODE_STRING ThreadName; } THREAD_NAME_INFORMATION;

typedef struct _THREAD_BASIC_INFORMATION {
    NTSTATUS ExitStatus;
    PVOID TebBaseAddress;
    CLIENT_ID ClientId;
    KAFFINITY AffinityMask;
    KPRIORITY Priority;
    LONG BasePriority;                  /* as an increment to the process's */
} THREAD_BASIC_INFORMATION, *PTHREAD_BASIC_INFORMATION;

C_ASSERT(sizeof(THREAD_BASIC_INFORMATION) == 0x30 && offsetof(THREAD_BASIC_INFORMATION, AffinityMask) == 0x20);

NTSTATUS ZwSetInformationThread(HANDLE ThreadHandle, THREADINFOCLASS ThreadInformationClass, PVOID ThreadInformation,
                                ULONG ThreadInformationLength);
NTSTATUS NtSetInformationThread(HANDLE ThreadHandle, THREADINFOCLASS ThreadInformationClass, PVOID ThreadInformation,
                                ULONG ThreadInformationLength);
NTSTATUS ZwQueryInformationThread(HANDLE ThreadHandle, THREADINFOCLASS ThreadInformationClass, PVOID ThreadInformation,
                                  ULONG ThreadInformationLength, PULONG ReturnLength);
NTSTATUS NtQueryInformationThread(HANDLE ThreadHandle, THREADINFOCLASS ThreadInformationClass, PVOID ThreadInformation,
                                  ULONG ThreadInformationLength, PULONG ReturnLength);
