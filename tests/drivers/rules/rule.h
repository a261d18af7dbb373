/* rule.h - what the drivers of this folder share: each does its work in Run, called from DriverEntry at PASSIVE_LEVEL.
 *
 * Each is compiled twice, with FAULT, when it breaks the rule, and without, when it does the same and does not. */
#include <ntddk.h>

DRIVER_INITIALIZE DriverEntry;

static __attribute__((noinline)) VOID Run(VOID);

static inline VOID InThread(PKSTART_ROUTINE Routine, PVOID Context)
{
    HANDLE Handle;
    PVOID Thread;

    if (!NT_SUCCESS(PsCreateSystemThread(&Handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, Routine, Context)))
        return;
    if (NT_SUCCESS(ObReferenceObjectByHandle(Handle, SYNCHRONIZE, NULL, KernelMode, &Thread, NULL))) {
        KeWaitForSingleObject(Thread, Executive, KernelMode, FALSE, NULL);
        ObDereferenceObject(Thread);
    }
    ZwClose(Handle);
}

/* A routine that the DDK has as an inline function only. */
static inline PVOID Exported(PCWSTR Name)
{
    UNICODE_STRING String;

    RtlInitUnicodeString(&String, Name);
    return MmGetSystemRoutineAddress(&String);
}

#ifndef UNLOAD
#define UNLOAD NULL
#endif

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNREFERENCED_PARAMETER(RegistryPath);
    DriverObject->DriverUnload = UNLOAD;
    Run();
    return STATUS_SUCCESS;
}
