/* dereferences_twice.c - gives back a reference that it does not have.
 * covers ObDereferenceObject.1
 *
 * fault: stop 0x00000018 REFERENCE_BY_POINTER */
#include "rule.h"

static VOID NTAPI Thread(PVOID Context) { UNREFERENCED_PARAMETER(Context); }

static VOID Run(VOID)
{
    LARGE_INTEGER Moment = { .QuadPart = -1000000 };
    HANDLE Handle;
    PVOID Object;

    if (!NT_SUCCESS(PsCreateSystemThread(&Handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, Thread, NULL)))
        return;
    if (NT_SUCCESS(ObReferenceObjectByHandle(Handle, SYNCHRONIZE, NULL, KernelMode, &Object, NULL))) {
        KeWaitForSingleObject(Object, Executive, KernelMode, FALSE, NULL);
        KeDelayExecutionThread(KernelMode, FALSE, &Moment);
        ObDereferenceObject(Object);
#ifdef FAULT
        ObDereferenceObject(Object);
        ObDereferenceObject(Object);
#endif
    }
#ifndef FAULT
    ZwClose(Handle);
#endif
}
