/* dpc.h - deferred procedure calls: routines that run at DISPATCH_LEVEL, soon, on a chosen processor. */
#pragma once

#include <ke/processor.h>
#include <rtl/ntdef.h>

struct _KDPC;
typedef VOID (*PKDEFERRED_ROUTINE)(struct _KDPC *Dpc, PVOID DeferredContext, PVOID SystemArgument1,
                                   PVOID SystemArgument2);

typedef enum _KDPC_IMPORTANCE { LowImportance, MediumImportance, HighImportance, MediumHighImportance } KDPC_IMPORTANCE;

typedef struct _KDPC {
    UCHAR Type;                 /* DpcObject */
    UCHAR Importance;
    volatile USHORT Number;     /* target processor + KDPC_TARGETED, or 0: wherever it is queued */
    LIST_ENTRY DpcListEntry;
    PKDEFERRED_ROUTINE DeferredRoutine;
    PVOID DeferredContext;
    PVOID SystemArgument1;
    PVOID SystemArgument2;
    PVOID volatile DpcData;     /* the queue it is in; NULL: not queued */
} KDPC, *PKDPC, *PRKDPC;

C_ASSERT(sizeof(KDPC) == 0x40 && offsetof(KDPC, DpcListEntry) == 8 && offsetof(KDPC, DeferredRoutine) == 0x18);
C_ASSERT(offsetof(KDPC, DpcData) == 0x38);

VOID KeInitializeDpc(PRKDPC Dpc, PKDEFERRED_ROUTINE DeferredRoutine, PVOID DeferredContext);
BOOLEAN KeInsertQueueDpc(PRKDPC Dpc, PVOID SystemArgument1, PVOID SystemArgument2);
BOOLEAN KeRemoveQueueDpc(PRKDPC Dpc);
VOID KeSetImportanceDpc(PRKDPC Dpc, KDPC_IMPORTANCE Importance);
VOID KeSetTargetProcessorDpc(PRKDPC Dpc, CCHAR Number);
NTSTATUS KeSetTargetProcessorDpcEx(PKDPC Dpc, PPROCESSOR_NUMBER ProcNumber);
VOID KeFlushQueuedDpcs(VOID);

/* A routine on every processor at the same time. */
VOID KeGenericCallDpc(PKDEFERRED_ROUTINE Routine, PVOID Context);
LOGICAL KeSignalCallDpcSynchronize(PVOID SystemArgument2);
VOID KeSignalCallDpcDone(PVOID SystemArgument1);

typedef struct _KDPC_WATCHDOG_INFORMATION {
    ULONG DpcTimeLimit, DpcTimeCount, DpcWatchdogLimit, DpcWatchdogCount, Reserved;
} KDPC_WATCHDOG_INFORMATION, *PKDPC_WATCHDOG_INFORMATION;

C_ASSERT(sizeof(KDPC_WATCHDOG_INFORMATION) == 20);

NTSTATUS KeQueryDpcWatchdogInformation(PKDPC_WATCHDOG_INFORMATION WatchdogInformation);

/* The DPC routine that runs on this processor now, or NULL. Holds still at DISPATCH_LEVEL and above only. */
PKDEFERRED_ROUTINE KeQueryRunningDpc(void);
