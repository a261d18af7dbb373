/* leaves_irql.c - returns from DriverEntry at DISPATCH_LEVEL.
 *
 * expect: status 2
 * expect: log DRIVER_VERIFIER_DETECTED_VIOLATION
 * expect: log DriverEntry of leaves_irql\.sys was called at IRQL 0 and returned at IRQL 2 */
#include <ntddk.h>

DRIVER_INITIALIZE DriverEntry;

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    KIRQL OldIrql;

    UNREFERENCED_PARAMETER(DriverObject);
    UNREFERENCED_PARAMETER(RegistryPath);
    KeRaiseIrql(DISPATCH_LEVEL, &OldIrql);
    return STATUS_SUCCESS;
}
