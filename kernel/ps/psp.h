/* psp.h - what ps's files share. */
#pragma once

#include <ke/process.h>
#include <ob/create.h>
#include <ps/process.h>

/* An object that has an id. */
typedef struct _PSP_CID {
    LIST_ENTRY Link;                    /* cid.c's lock */
    ULONG64 Id;
    PVOID Object;
} PSP_CID;

/* A thread object. ke's part comes first, so a PETHREAD is a PKTHREAD. Idle threads are a KTHREAD alone. */
typedef struct _ETHREAD {
    KTHREAD Tcb;
    PSP_CID Cid;
    NTSTATUS ExitStatus;                /* STATUS_PENDING while it runs */
    BOOLEAN ActiveExWorker;             /* it serves work items, and no routine of theirs may end it */
    BOOLEAN Terminating;                /* it has asked to end */
    ULONG PagePriority;                 /* 1..5, kept and told */
    LIST_ENTRY Requests;                /* io's: what the thread has asked for and not been answered */
} ETHREAD, *PETHREAD;

/* A process object. ke's part comes first, so a PEPROCESS is a PKPROCESS. */
typedef struct _EPROCESS {
    KPROCESS Pcb;
    PSP_CID Cid;
    LARGE_INTEGER CreateTime;           /* (i) */
    ULONG64 ParentId;                   /* (i) of the process that was current when this one was made */
    volatile LONG StartedThreads;       /* that have not ended; one more for the system process */
} EPROCESS, *PEPROCESS;

/* ---- information.c ---- */
void PspInitializeNames(void);
void PspFreeName(PETHREAD Thread);

/* ---- cid.c ---- */
void PspGiveId(PSP_CID *Cid, PVOID Object);
void PspDropId(PSP_CID *Cid);
PVOID PspFindById(HANDLE Id, POBJECT_TYPE Type);        /* referenced; NULL: no object of that type has it */

/* ---- notify.c ---- */
NTSTATUS PspTellOfCreation(PETHREAD Thread);            /* before it is started; an error: it must not be */
void PspTellOfEnd(PETHREAD Thread);                     /* for the current one, which ends */

/* ---- system_thread.c ---- */
void PspReapThread(PKTHREAD Thread);
void PspDeleteThread(PVOID Thread);
