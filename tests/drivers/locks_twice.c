/* locks_twice.c - acquires a spin lock that it holds.
 * covers KeAcquireSpinLockRaiseToDpc.3
 *
 * expect: status 2
 * expect: log DRIVER_VERIFIER_DETECTED_VIOLATION
 * expect: log is acquired again by the processor that holds it;
 * expect: log it was taken by thread .* at locks_twice\.sys.*DriverEntry
 * run: SMP=1
 * run: SMP=2 */
#include <ntddk.h>

DRIVER_INITIALIZE DriverEntry;

static KSPIN_LOCK Lock;

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    KIRQL Irql;

    UNREFERENCED_PARAMETER(DriverObject);
    UNREFERENCED_PARAMETER(RegistryPath);
    KeInitializeSpinLock(&Lock);
    KeAcquireSpinLock(&Lock, &Irql);
    KeAcquireSpinLockAtDpcLevel(&Lock);
    KeReleaseSpinLockFromDpcLevel(&Lock);
    KeReleaseSpinLock(&Lock, Irql);
    return STATUS_SUCCESS;
}
