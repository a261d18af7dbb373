/* waits_an_hour.c - a thread waits an hour, twice; virtual time does not wait.
 *
 * expect: status 0
 * expect: log ^ok 1 - two hours have passed
 * expect: log drivers: at rest */
#include <ntddk.h>

DRIVER_INITIALIZE DriverEntry;

static PVOID Thread;

static VOID NTAPI Patient(PVOID Context)
{
    ULONGLONG Start = KeQueryInterruptTime();
    LARGE_INTEGER Hour;

    UNREFERENCED_PARAMETER(Context);
    Hour.QuadPart = -36000000000LL;
    KeDelayExecutionThread(KernelMode, FALSE, &Hour);
    KeDelayExecutionThread(KernelMode, FALSE, &Hour);
    DbgPrint("%s 1 - two hours have passed\n", KeQueryInterruptTime() - Start >= 72000000000ULL ? "ok" : "not ok");
}

static VOID NTAPI Unload(PDRIVER_OBJECT DriverObject)
{
    UNREFERENCED_PARAMETER(DriverObject);
    KeWaitForSingleObject(Thread, Executive, KernelMode, FALSE, NULL);
    ObDereferenceObject(Thread);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    HANDLE Handle;
    NTSTATUS Status;

    UNREFERENCED_PARAMETER(RegistryPath);
    DriverObject->DriverUnload = Unload;
    Status = PsCreateSystemThread(&Handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, Patient, NULL);
    if (!NT_SUCCESS(Status))
        return Status;
    ObReferenceObjectByHandle(Handle, SYNCHRONIZE, *PsThreadType, KernelMode, &Thread, NULL);
    return ZwClose(Handle);
}
