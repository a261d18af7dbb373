/* leaks_work_item.c - queues a work item from DriverUnload, and does not wait for it.
 *
 * expect: status 1
 * expect: log leak: leaks_work_item\.sys: work item [0-9A-Fa-fx]+ is still queued, its routine is leaks_work_item\.sys.*Work
 * run: SMP=1 */
#include <ntddk.h>

DRIVER_INITIALIZE DriverEntry;

static WORK_QUEUE_ITEM Item;

static VOID NTAPI Work(PVOID Context) { UNREFERENCED_PARAMETER(Context); }

/* At the lowest priority there is: no worker gets to it before the driver is looked at. */
static VOID NTAPI Unload(PDRIVER_OBJECT DriverObject)
{
    UNREFERENCED_PARAMETER(DriverObject);
    ExInitializeWorkItem(&Item, Work, NULL);
    ExQueueWorkItem(&Item, (WORK_QUEUE_TYPE)(32 + 1));
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNREFERENCED_PARAMETER(RegistryPath);
    DriverObject->DriverUnload = Unload;
    return STATUS_SUCCESS;
}
