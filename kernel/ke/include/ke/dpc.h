/* dpc.h - deferred procedure calls: routines that run at DISPATCH_LEVEL, soon, on a chosen processor. */
#pragma once

#include <rtl/ntdef.h>

struct _KDPC;
typedef VOID (*PKDEFERRED_ROUTINE)(struct _KDPC *Dpc, PVOID DeferredContext, PVOID SystemArgument1, PVOID SystemArgument2);

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
VOID KeFlushQueuedDpcs(VOID);

/* The DPC routine that runs on this processor now, or NULL. Holds still at DISPATCH_LEVEL and above only. */
PKDEFERRED_ROUTINE KeQueryRunningDpc(void);
