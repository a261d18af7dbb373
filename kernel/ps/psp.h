/* psp.h - what ps's files share. */
#pragma once

#include <ke/thread.h>
#include <ob/create.h>

/* A thread object. ke's part comes first, so a PETHREAD is a PKTHREAD. */
typedef struct _ETHREAD {
    KTHREAD Tcb;
    CLIENT_ID Cid;
    NTSTATUS ExitStatus;                /* STATUS_PENDING while it runs */
} ETHREAD, *PETHREAD;

/* ---- system_thread.c ---- */
void PspReapThread(PKTHREAD Thread);
