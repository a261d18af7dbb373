/* work_ends_thread.c - its work routine ends the thread that runs it.
 *
 * fault: stop 0x000000E9 ACTIVE_EX_WORKER_THREAD_TERMINATION
 * log: work_ends_thread */
#include "rule.h"

static WORK_QUEUE_ITEM Item;
static KEVENT Done;

static VOID NTAPI Work(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
#ifdef FAULT
    PsTerminateSystemThread(STATUS_SUCCESS);
#else
    KeSetEvent(&Done, 0, FALSE);
#endif
}

static VOID Run(VOID)
{
    KeInitializeEvent(&Done, NotificationEvent, FALSE);
    ExInitializeWorkItem(&Item, Work, NULL);
    ExQueueWorkItem(&Item, CriticalWorkQueue);
    KeWaitForSingleObject(&Done, Executive, KernelMode, FALSE, NULL);
}
