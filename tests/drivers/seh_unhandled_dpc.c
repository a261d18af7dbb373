/* seh_unhandled_dpc.c - a DPC routine raises. The code that it came upon, though inside a __try for everything, did not
 * call it and must not catch it.
 * covers ExRaiseStatus.1
 *
 * expect: status 2
 * expect: log ^\*\*\* STOP 0x0000001E KMODE_EXCEPTION_NOT_HANDLED
 * expect: log status 0xC0000047 was raised and nothing handled it
 * expect: log ^  #[0-9] .*(KeReleaseSemaphore|ReleaseOrRaise)
 * expect: no log not ok
 * run: SMP=1
 * run: SMP=1 APPEND=verifier=off */
#include "seh.h"

DRIVER_INITIALIZE DriverEntry;
static KDEFERRED_ROUTINE Release;

static KSEMAPHORE Semaphore;
static KDPC Dpc;

static VOID NTAPI Release(PKDPC D, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(D);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    KeReleaseSemaphore(&Semaphore, 0, 1, FALSE);
}

static APART void Interrupted(void)
{
    KIRQL Irql;

    KeRaiseIrql(DISPATCH_LEVEL, &Irql);
    KeInsertQueueDpc(&Dpc, NULL, NULL);
    KeLowerIrql(Irql);
    Step('x');
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNREFERENCED_PARAMETER(DriverObject);
    UNREFERENCED_PARAMETER(RegistryPath);
    KeInitializeSemaphore(&Semaphore, 1, 1);
    KeInitializeDpc(&Dpc, Release, NULL);
    __try {
        Interrupted();
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        DbgPrint("not ok - caught\n");
    }
    return STATUS_SUCCESS;
}
