/* work_leaves_region.c - its work routine returns with normal APCs disabled.
 *
 * fault: stop 0x00000001 APC_INDEX_MISMATCH
 * log: P4 0000000000000001
 * log: work routine .* returned with APC-disable counts kernel -2 */
#include "rule.h"

static WORK_QUEUE_ITEM Item;
static KEVENT Done;

static VOID NTAPI Work(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
#ifdef FAULT
    KeEnterCriticalRegion();
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
