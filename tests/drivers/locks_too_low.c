/* locks_too_low.c - acquires a spin lock at PASSIVE_LEVEL as if at DISPATCH_LEVEL.
 *
 * expect: status 2
 * expect: log P1 0*40( |$)
 * expect: log a spin lock is acquired without raising at IRQL 0 */
#include <ntddk.h>

DRIVER_INITIALIZE DriverEntry;

static KSPIN_LOCK Lock;

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNREFERENCED_PARAMETER(DriverObject);
    UNREFERENCED_PARAMETER(RegistryPath);
    KeInitializeSpinLock(&Lock);
    KeAcquireSpinLockAtDpcLevel(&Lock);
    KeReleaseSpinLockFromDpcLevel(&Lock);
    return STATUS_SUCCESS;
}
