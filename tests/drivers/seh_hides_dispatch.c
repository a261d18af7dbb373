/* seh_hides_dispatch.c - follows a null pointer at DISPATCH_LEVEL, inside a __try that catches everything: no handler may
 * hide that.
 *
 * expect: status 2
 * expect: log ^\*\*\* STOP 0x000000D1 DRIVER_IRQL_NOT_LESS_OR_EQUAL
 * expect: log address 0000000000000018 was read: a null pointer
 * expect: log cr2 0000000000000018
 * expect: no log not ok */
#include "seh.h"

DRIVER_INITIALIZE DriverEntry;

static APART void Read(volatile int *At) { Step(At[6] ? 'x' : 'y'); }

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    KIRQL Irql;

    UNREFERENCED_PARAMETER(DriverObject);
    UNREFERENCED_PARAMETER(RegistryPath);
    KeRaiseIrql(DISPATCH_LEVEL, &Irql);
    __try {
        Read(NULL);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        DbgPrint("not ok - caught\n");
    }
    KeLowerIrql(Irql);
    return STATUS_SUCCESS;
}
