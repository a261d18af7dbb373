/* leaks_notify.c - its notify routine is still registered when DriverUnload has returned.
 *
 * expect: status 1
 * expect: log leak: leaks_notify\.sys: notify routine leaks_notify\.sys.*ThreadCame.* was not taken away
 * expect: log ^ok 1 - a thread was told of */
#include <ntddk.h>

DRIVER_INITIALIZE DriverEntry;

static volatile LONG Told;

static VOID NTAPI ThreadCame(HANDLE ProcessId, HANDLE ThreadId, BOOLEAN Create)
{
    if (ProcessId == (HANDLE)4 && ThreadId != NULL && Create)
        InterlockedIncrement(&Told);
}

static VOID NTAPI Thread(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static VOID NTAPI Unload(PDRIVER_OBJECT DriverObject)
{
    UNREFERENCED_PARAMETER(DriverObject);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    HANDLE Handle;
    NTSTATUS Status;

    UNREFERENCED_PARAMETER(RegistryPath);
    DriverObject->DriverUnload = Unload;
    PsSetCreateThreadNotifyRoutine(ThreadCame);
    Status = PsCreateSystemThread(&Handle, 0, NULL, NULL, NULL, Thread, NULL);
    if (NT_SUCCESS(Status))
        ZwClose(Handle);
    DbgPrint("%s 1 - a thread was told of\n", Told > 0 ? "ok" : "not ok");
    return Status;
}
