/* loops_forever.c - its thread computes without end.
 *
 * expect: status 3
 * expect: log loops_forever: started
 * run: TIMEOUT=3 */
#include <ntddk.h>

DRIVER_INITIALIZE DriverEntry;

static volatile ULONG Turns;

static VOID NTAPI Loop(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    for (;;)
        Turns++;
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    HANDLE Handle;
    NTSTATUS Status;

    UNREFERENCED_PARAMETER(DriverObject);
    UNREFERENCED_PARAMETER(RegistryPath);
    Status = PsCreateSystemThread(&Handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, Loop, NULL);
    if (NT_SUCCESS(Status))
        ZwClose(Handle);
    DbgPrint("loops_forever: started\n");
    return Status;
}
