/* seh_unhandled_apc.c - an APC comes upon code inside a __try for everything, and raises. That code did not call it and must
 * not catch it.
 *
 * expect: status 2
 * expect: log ^\*\*\* STOP 0x0000007E SYSTEM_THREAD_EXCEPTION_NOT_HANDLED
 * expect: log status 0xE0001234 was raised and nothing handled it
 * expect: log ^  #[0-9]+ .*TrapEnterApc
 * expect: no log not ok */
#include "seh.h"

DRIVER_INITIALIZE DriverEntry;

/* No header of the DDK has these. */
typedef VOID (NTAPI *NORMAL_ROUTINE)(PVOID Context, PVOID Argument1, PVOID Argument2);
typedef VOID (NTAPI *KERNEL_ROUTINE)(PKAPC, NORMAL_ROUTINE *, PVOID *, PVOID *, PVOID *);
NTKERNELAPI VOID NTAPI KeInitializeApc(PKAPC Apc, PKTHREAD Thread, ULONG Environment, KERNEL_ROUTINE Kernel, PVOID Rundown,
                                       NORMAL_ROUTINE Normal, KPROCESSOR_MODE Mode, PVOID Context);
NTKERNELAPI BOOLEAN NTAPI KeInsertQueueApc(PKAPC Apc, PVOID Argument1, PVOID Argument2, KPRIORITY Increment);

static KAPC Apc;

static VOID NTAPI SpecialRoutine(PKAPC A, NORMAL_ROUTINE *Normal, PVOID *Context, PVOID *Argument1, PVOID *Argument2)
{
    UNREFERENCED_PARAMETER(A);
    UNREFERENCED_PARAMETER(Normal);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    Raise((NTSTATUS)0xE0001234);
}

/* The IRQL goes down by a bare write of cr8, as the DDK's inlines do it: the APC comes as an interrupt. */
static APART void Interrupted(void)
{
    KIRQL Irql;

    KeRaiseIrql(APC_LEVEL, &Irql);
    KeInsertQueueApc(&Apc, NULL, NULL, 0);
    __writecr8(Irql);
    Step('x');
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNREFERENCED_PARAMETER(DriverObject);
    UNREFERENCED_PARAMETER(RegistryPath);
    KeInitializeApc(&Apc, KeGetCurrentThread(), 0, SpecialRoutine, NULL, NULL, KernelMode, NULL);
    __try {
        Interrupted();
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        DbgPrint("not ok - caught\n");
    }
    DbgPrint("not ok - the APC did not come\n");
    return STATUS_SUCCESS;
}
