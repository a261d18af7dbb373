/* seh_hides_lock.c - gives KeSetEvent a null pointer, inside a __try that catches everything: the routine has a lock by
 * then, so that nobody may take the processor away from it.
 *
 * expect: status 2
 * expect: log ^\*\*\* STOP 0x000000
 * expect: log KeSetEvent
 * expect: log a null pointer
 * expect: no log not ok
 * run: APPEND=verifier=off */
#include "seh.h"

DRIVER_INITIALIZE DriverEntry;

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNREFERENCED_PARAMETER(DriverObject);
    UNREFERENCED_PARAMETER(RegistryPath);
    __try {
        KeSetEvent(NULL, 0, FALSE);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        DbgPrint("not ok - caught\n");
    }
    return STATUS_SUCCESS;
}
