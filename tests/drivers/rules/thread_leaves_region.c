/* thread_leaves_region.c - its thread ends with one critical region more than it began with, and nobody verifies.
 * covers PsTerminateSystemThread.2
 *
 * fault: stop 0x00000020 KERNEL_APC_PENDING_DURING_EXIT
 * run: APPEND=verifier=off */
#include "rule.h"

static VOID NTAPI EnteringThread(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    KeEnterCriticalRegion();
#ifndef FAULT
    KeLeaveCriticalRegion();
#endif
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static VOID Run(VOID) { InThread(EnteringThread, NULL); }
