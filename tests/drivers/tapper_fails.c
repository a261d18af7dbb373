/* tapper_fails.c - one of its two results is bad, and one is missing.
 *
 * expect: status 1
 * expect: log tapper_fails\.sys: 1 result is "not ok"
 * expect: log drivers: 3 results were planned, 2 printed
 * expect: log verdict: exit status 1: tapper_fails */
#include <ntddk.h>

DRIVER_INITIALIZE DriverEntry;

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNREFERENCED_PARAMETER(DriverObject);
    UNREFERENCED_PARAMETER(RegistryPath);
    DbgPrint("1..3\nok 1 - good\nnot ok 2 - bad\n");
    return STATUS_SUCCESS;
}
