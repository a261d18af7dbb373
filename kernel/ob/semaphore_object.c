/* semaphore_object.c - semaphores behind handles. NT gives these services to user mode alone, so no driver imports
 * them; they make what *ExSemaphoreObjectType stands for. */
#include "obp.h"

#include <ex/mode.h>
#include <ob/semaphore_object.h>
#include <rtl/status.h>

#define SEMAPHORE_ALL_ACCESS 0x001F0003

static OBJECT_TYPE SemaphoreType = {
    &SemaphoreType, "Semaphore", NULL, SEMAPHORE_ALL_ACCESS,
    { 0x00020001, 0x00020002, 0x00120000, SEMAPHORE_ALL_ACCESS }, .Wait = OB_WAITABLE
};

POBJECT_TYPE ExSemaphoreObjectType = &SemaphoreType;

static PVOID CreateSemaphore(LONG Count, LONG Limit)
{
    PKSEMAPHORE Semaphore = ObCreateObject(&SemaphoreType, sizeof *Semaphore);

    if (Semaphore != NULL)
        KeInitializeSemaphore(Semaphore, Count, Limit);
    return Semaphore;
}

static NTSTATUS Release(HANDLE Handle, LONG ReleaseCount, PLONG PreviousCount)
{
    KPROCESSOR_MODE Mode = ExGetPreviousMode();
    NTSTATUS Status = STATUS_SUCCESS;
    PVOID Semaphore;
    LONG Previous;

    if (PreviousCount != NULL)
        Status = ExCheckOutput(Mode, PreviousCount, sizeof(LONG), sizeof(LONG));
    if (NT_SUCCESS(Status) && ReleaseCount <= 0)
        Status = STATUS_INVALID_PARAMETER;
    if (NT_SUCCESS(Status))
        Status = ObReferenceObjectByHandle(Handle, SEMAPHORE_MODIFY_STATE, &SemaphoreType, Mode, &Semaphore, NULL);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = KeTryToReleaseSemaphore(Semaphore, SEMAPHORE_INCREMENT, ReleaseCount, &Previous);
    if (NT_SUCCESS(Status) && PreviousCount != NULL)
        Status = ExDeliver(Mode, PreviousCount, &Previous, sizeof Previous, sizeof Previous);
    ObfDereferenceObject(Semaphore);
    return Status;
}

/* ---- Public ---- */

/* ZwCreateSemaphore - a semaphore that counts InitialCount, up to MaximumCount, and a handle to it. IRQL:
 * PASSIVE_LEVEL. Returns: STATUS_INVALID_PARAMETER unless 0 <= InitialCount <= MaximumCount and MaximumCount > 0; else
 * as ZwCreateEvent. Source: WDK, NtCreateSemaphore. */
NTSTATUS ZwCreateSemaphore(PHANDLE SemaphoreHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                           LONG InitialCount, LONG MaximumCount)
{
    KPROCESSOR_MODE Outer;
    NTSTATUS Status;

    if (MaximumCount <= 0 || InitialCount < 0 || InitialCount > MaximumCount)
        return STATUS_INVALID_PARAMETER;
    Outer = ExEnterService();
    Status = ObpCreateService(__builtin_return_address(0), CreateSemaphore(InitialCount, MaximumCount),
                              SemaphoreHandle, DesiredAccess, ObjectAttributes);
    ExLeaveService(Outer);
    return Status;
}

/* ZwOpenSemaphore - a handle to the semaphore of that name. IRQL: PASSIVE_LEVEL. Returns: as ZwOpenEvent. */
NTSTATUS ZwOpenSemaphore(PHANDLE SemaphoreHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes)
{
    KPROCESSOR_MODE Outer = ExEnterService();
    NTSTATUS Status = ObpOpenService(__builtin_return_address(0), &SemaphoreType, 0, SemaphoreHandle, DesiredAccess,
                                     ObjectAttributes);

    ExLeaveService(Outer);
    return Status;
}

/* ZwReleaseSemaphore - add ReleaseCount, which is above 0. PreviousCount: NULL, or told the count before. IRQL:
 * PASSIVE_LEVEL. Returns: STATUS_SUCCESS, STATUS_INVALID_PARAMETER, STATUS_SEMAPHORE_LIMIT_EXCEEDED (nothing has
 * changed then), and what is wrong with SemaphoreHandle. */
NTSTATUS ZwReleaseSemaphore(HANDLE SemaphoreHandle, LONG ReleaseCount, PLONG PreviousCount)
{
    KPROCESSOR_MODE Outer = ExEnterService();
    NTSTATUS Status = Release(SemaphoreHandle, ReleaseCount, PreviousCount);

    ExLeaveService(Outer);
    return Status;
}
