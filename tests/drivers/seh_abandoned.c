/* seh_abandoned.c - a mutant whose owner has ended: who releases it without having it gets another exception than for a
 * mutant in good order, until somebody has taken it and been told.
 * covers KeReleaseMutex.4, KeWaitForSingleObject.5
 *
 * expect: status 0
 * expect: log 7 ok, 0 not ok
 * run: SMP=1 APPEND=verifier=off
 * run: SMP=2 APPEND=verifier=off */
#include <ntifs.h>

#include "seh.h"

DRIVER_INITIALIZE DriverEntry;
static KSTART_ROUTINE TakeAndEnd;

static KMUTANT Mutant;

static VOID NTAPI TakeAndEnd(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    KeWaitForSingleObject(&Mutant, Executive, KernelMode, FALSE, NULL);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static APART void Abandon(void)
{
    HANDLE Handle;
    PVOID Thread;

    PsCreateSystemThread(&Handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, TakeAndEnd, NULL);
    ObReferenceObjectByHandle(Handle, SYNCHRONIZE, NULL, KernelMode, &Thread, NULL);
    ZwClose(Handle);
    KeWaitForSingleObject(Thread, Executive, KernelMode, FALSE, NULL);
    ObDereferenceObject(Thread);
}

static APART void Release(void) { KeReleaseMutex(&Mutant, FALSE); }

static APART ULONG Caught(void)
{
    volatile ULONG Status = 0;

    __try {
        Release();
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        Status = GetExceptionCode();
    }
    return Status;
}

static APART NTSTATUS Try(void)
{
    LARGE_INTEGER AtOnce = { .QuadPart = 0 };

    return KeWaitForSingleObject(&Mutant, Executive, KernelMode, FALSE, &AtOnce);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNREFERENCED_PARAMETER(DriverObject);
    UNREFERENCED_PARAMETER(RegistryPath);
    KeInitializeMutant(&Mutant, FALSE);
    Result(Caught() == (ULONG)STATUS_MUTANT_NOT_OWNED, "", "a free mutant is released");
    Abandon();
    Result(Caught() == (ULONG)STATUS_ABANDONED && KeGetCurrentIrql() == PASSIVE_LEVEL, "", "an abandoned one is");
    Result(Caught() == (ULONG)STATUS_ABANDONED && KeReadStateMutex(&Mutant) == 1, "", "it is free and marked all the same");
    Result(Try() == STATUS_ABANDONED_WAIT_0, "", "the next owner is told");
    Result(Caught() == 0, "", "and releases it");
    Result(Try() == STATUS_SUCCESS && Caught() == 0, "", "the one after that is not");
    Result(Caught() == (ULONG)STATUS_MUTANT_NOT_OWNED, "", "it is in good order again");
    return STATUS_SUCCESS;
}
