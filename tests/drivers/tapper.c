/* tapper.c - prints test results, in pieces and out of a DPC as well, and is counted.
 *
 * expect: status 0
 * expect: log tapper\.sys: DriverEntry returned 0x00000000
 * expect: log 3 ok, 0 not ok, 2 skipped
 * expect: log verdict: exit status 0 */
#include <ntddk.h>

DRIVER_INITIALIZE DriverEntry;
static DRIVER_UNLOAD TapperUnload;
static KDEFERRED_ROUTINE TapperDpc;

static KDPC Dpc;

/* Writable pointers, so that the image has data, and something to relocate. */
static const char *volatile Names[] = { "first", "second" };

static VOID NTAPI TapperDpc(PKDPC D, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(D);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    DbgPrint("%s 3 - printed at IRQL %u\n", KeGetCurrentIrql() == DISPATCH_LEVEL ? "ok" : "not ok", KeGetCurrentIrql());
}

static VOID NTAPI TapperUnload(PDRIVER_OBJECT DriverObject)
{
    UNREFERENCED_PARAMETER(DriverObject);
    KeFlushQueuedDpcs();
    DbgPrint("    not ok 1 - an indented line is a subtest's and does not count\n");
    DbgPrint("ok 4 # SKIP nothing to see\n");
    DbgPrint("not ok 5 - this \\# is no directive's # SKIP but this one is\n");
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    ULONG i;

    UNREFERENCED_PARAMETER(RegistryPath);
    DriverObject->DriverUnload = TapperUnload;
    DbgPrint("1..5\n");
    for (i = 0; i < RTL_NUMBER_OF(Names); i++) {
        DbgPrint("ok %u - ", i + 1);
        DbgPrint("the %s, in two pieces\n", Names[i]);
    }
    KeInitializeDpc(&Dpc, TapperDpc, NULL);
    KeInsertQueueDpc(&Dpc, NULL, NULL);
    return STATUS_SUCCESS;
}
