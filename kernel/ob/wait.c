/* wait.c - waits for objects behind handles.
 *
 * A wait is in the mode of the caller, so one from user mode can end for a user APC. What a type's objects are waited
 * on by is its Wait: where in them their dispatcher header is. Types without one are refused, where NT lets the wait
 * end at once: there is nothing to wait for.
 * A mutant at its lowest level raises an exception in KeWaitFor...; nobody but its owner can bring it there or away
 * from there, so a look before the wait is enough to return the status instead. */
#include "obp.h"

#include <ex/mode.h>
#include <ex/pool.h>
#include <ke/mutant.h>
#include <ke/thread.h>
#include <ob/wait.h>
#include <rtl/status.h>

enum { WAIT_TAG = 'wbOK' };

typedef struct _MANY {
    PVOID Objects[MAXIMUM_WAIT_OBJECTS];        /* referenced */
    PVOID Headers[MAXIMUM_WAIT_OBJECTS];
    HANDLE Handles[MAXIMUM_WAIT_OBJECTS];
    KWAIT_BLOCK Blocks[MAXIMUM_WAIT_OBJECTS];
} MANY;

/* What to wait on for Handle. Object is referenced, unless it fails. */
static NTSTATUS Resolve(HANDLE Handle, KPROCESSOR_MODE Mode, PVOID *Object, PVOID *Header)
{
    NTSTATUS Status = ObReferenceObjectByHandle(Handle, SYNCHRONIZE, NULL, Mode, Object, NULL);
    PKMUTANT Mutant;
    ULONG Wait;

    if (!NT_SUCCESS(Status))
        return Status;
    Wait = OBJECT_TO_HEADER(*Object)->Type->Wait;
    *Header = (PUCHAR)*Object + (Wait & ~OB_WAITABLE);
    Mutant = *Header;
    if ((Wait & OB_WAITABLE) == 0)
        Status = STATUS_OBJECT_TYPE_MISMATCH;
    else if (KeObjectType(&Mutant->Header) == MutantObject && Mutant->OwnerThread == KeGetCurrentThread() &&
             Mutant->Header.SignalState == MINLONG)
        Status = STATUS_MUTANT_LIMIT_EXCEEDED;
    if (!NT_SUCCESS(Status))
        ObfDereferenceObject(*Object);
    return Status;
}

static NTSTATUS CaptureTimeout(KPROCESSOR_MODE Mode, PLARGE_INTEGER *Timeout, PLARGE_INTEGER Copy)
{
    NTSTATUS Status = STATUS_SUCCESS;

    if (*Timeout != NULL) {
        Status = ExCapture(Mode, Copy, *Timeout, sizeof *Copy, sizeof(LONG));
        *Timeout = Copy;
    }
    return Status;
}

static NTSTATUS WaitForOne(HANDLE Handle, BOOLEAN Alertable, PLARGE_INTEGER Timeout)
{
    KPROCESSOR_MODE Mode = ExGetPreviousMode();
    LARGE_INTEGER Copy;
    NTSTATUS Status = CaptureTimeout(Mode, &Timeout, &Copy);
    PVOID Object, Header;

    if (NT_SUCCESS(Status))
        Status = Resolve(Handle, Mode, &Object, &Header);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = KeWaitForSingleObject(Header, UserRequest, Mode, Alertable, Timeout);
    ObfDereferenceObject(Object);
    return Status;
}

static BOOLEAN AreDistinct(ULONG Count, PVOID Objects[])
{
    for (ULONG At = 0; At < Count; At++)
        for (ULONG Other = 0; Other < At; Other++)
            if (Objects[At] == Objects[Other])
                return FALSE;
    return TRUE;
}

static NTSTATUS WaitForThese(MANY *Many, ULONG Count, WAIT_TYPE Type, BOOLEAN Alertable, PLARGE_INTEGER Timeout)
{
    KPROCESSOR_MODE Mode = ExGetPreviousMode();
    NTSTATUS Status = STATUS_SUCCESS;
    ULONG Resolved = 0;

    while (NT_SUCCESS(Status) && Resolved < Count) {
        Status = Resolve(Many->Handles[Resolved], Mode, &Many->Objects[Resolved], &Many->Headers[Resolved]);
        if (NT_SUCCESS(Status))
            Resolved++;
    }
    if (NT_SUCCESS(Status) && Type == WaitAll && !AreDistinct(Count, Many->Headers))
        Status = STATUS_INVALID_PARAMETER_MIX;
    if (NT_SUCCESS(Status))
        Status = KeWaitForMultipleObjects(Count, Many->Headers, Type, UserRequest, Mode, Alertable, Timeout,
                                          Many->Blocks);
    while (Resolved-- > 0)
        ObfDereferenceObject(Many->Objects[Resolved]);
    return Status;
}

static NTSTATUS WaitForMany(ULONG Count, HANDLE Handles[], WAIT_TYPE Type, BOOLEAN Alertable, PLARGE_INTEGER Timeout)
{
    KPROCESSOR_MODE Mode = ExGetPreviousMode();
    LARGE_INTEGER Copy;
    NTSTATUS Status;
    MANY *Many;

    if (Count == 0 || Count > MAXIMUM_WAIT_OBJECTS)
        return STATUS_INVALID_PARAMETER_1;
    if (Type != WaitAll && Type != WaitAny)
        return STATUS_INVALID_PARAMETER_3;
    Status = CaptureTimeout(Mode, &Timeout, &Copy);
    if (!NT_SUCCESS(Status))
        return Status;
    Many = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof *Many, WAIT_TAG);
    if (Many == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    Status = ExCapture(Mode, Many->Handles, Handles, sizeof(HANDLE) * Count, sizeof(HANDLE));
    if (NT_SUCCESS(Status))
        Status = WaitForThese(Many, Count, Type, Alertable, Timeout);
    ExFreePoolWithTag(Many, WAIT_TAG);
    return Status;
}

/* ---- Public ---- */

/* NtWaitForSingleObject - wait for the event, semaphore, mutant, timer, thread or process of Handle, which grants
 * SYNCHRONIZE. Timeout: as KeWaitForSingleObject, whose results it has, in the caller's previous mode. IRQL:
 * PASSIVE_LEVEL. Returns also: STATUS_OBJECT_TYPE_MISMATCH for an object that nobody can wait for,
 * STATUS_MUTANT_LIMIT_EXCEEDED, and what is wrong with Handle. Source: WDK nf-ntifs-zwwaitforsingleobject. */
NTSTATUS NtWaitForSingleObject(HANDLE Handle, BOOLEAN Alertable, PLARGE_INTEGER Timeout)
{
    return WaitForOne(Handle, Alertable, Timeout);
}

/* ZwWaitForSingleObject - the same for the kernel. */
NTSTATUS ZwWaitForSingleObject(HANDLE Handle, BOOLEAN Alertable, PLARGE_INTEGER Timeout)
{
    KPROCESSOR_MODE Outer = ExEnterService();
    NTSTATUS Status = WaitForOne(Handle, Alertable, Timeout);

    ExLeaveService(Outer);
    return Status;
}

/* ZwWaitForMultipleObjects - wait for one or all of up to 64 objects, as KeWaitForMultipleObjects, whose results it
 * has. IRQL: PASSIVE_LEVEL. Returns also: STATUS_INVALID_PARAMETER_1 for Count, STATUS_INVALID_PARAMETER_3 for
 * WaitType, STATUS_INVALID_PARAMETER_MIX for WaitAll with an object twice, what is wrong with the first bad handle,
 * STATUS_INSUFFICIENT_RESOURCES. Source: Windows SDK, WaitForMultipleObjects; exported. */
NTSTATUS ZwWaitForMultipleObjects(ULONG Count, HANDLE Handles[], WAIT_TYPE WaitType, BOOLEAN Alertable,
                                  PLARGE_INTEGER Timeout)
{
    KPROCESSOR_MODE Outer = ExEnterService();
    NTSTATUS Status = WaitForMany(Count, Handles, WaitType, Alertable, Timeout);

    ExLeaveService(Outer);
    return Status;
}
