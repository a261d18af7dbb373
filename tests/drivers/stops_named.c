/* stops_named.c - a thread that it has given a name stops the machine: the screen says which.
 * covers ZwSetInformationThread.10
 *
 * expect: status 2
 * expect: log STOP 0x000000E2 MANUALLY_INITIATED_CRASH
 * expect: log started at stops_named\.sys.*Worker
 * expect: log named "pump of the \+ device" */
#include <ntifs.h>

#define ThreadNameInformation ((THREADINFOCLASS)38)

DRIVER_INITIALIZE DriverEntry;

static VOID NTAPI Worker(PVOID Context)
{
    UNICODE_STRING Name = RTL_CONSTANT_STRING(L"pump of the + device");

    UNREFERENCED_PARAMETER(Context);
    ZwSetInformationThread(NtCurrentThread(), ThreadNameInformation, &Name, sizeof Name);
    KeBugCheck(MANUALLY_INITIATED_CRASH);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    HANDLE Thread;

    UNREFERENCED_PARAMETER(DriverObject);
    UNREFERENCED_PARAMETER(RegistryPath);
    return PsCreateSystemThread(&Thread, THREAD_ALL_ACCESS, NULL, NULL, NULL, Worker, NULL);
}
