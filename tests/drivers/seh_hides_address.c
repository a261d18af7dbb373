/* seh_hides_address.c - reads the kernel's half where nothing is, inside a __try that catches everything.
 *
 * expect: status 2
 * expect: log ^\*\*\* STOP 0x000000D1 DRIVER_IRQL_NOT_LESS_OR_EQUAL
 * expect: log address FFFF900000000008 was read
 * expect: no log not ok */
#include "seh.h"

DRIVER_INITIALIZE DriverEntry;

static APART void Read(volatile int *At) { Step(At[2] ? 'x' : 'y'); }

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNREFERENCED_PARAMETER(DriverObject);
    UNREFERENCED_PARAMETER(RegistryPath);
    __try {
        Read((int *)0xFFFF900000000000);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        DbgPrint("not ok - caught\n");
    }
    return STATUS_SUCCESS;
}
