/* mutant_object.c - mutants behind handles. NT gives these services to user mode alone, so no driver imports them; a
 * mutant that user mode shares by name is what a handle of that type stands for. Owning one disables no APCs. */
#include "obp.h"

#include <ex/mode.h>
#include <ke/thread.h>
#include <ob/mutant_object.h>
#include <rtl/status.h>

#define MUTANT_ALL_ACCESS 0x001F0001

static void DeleteMutant(PVOID Object);

static OBJECT_TYPE MutantType = {
    &MutantType, "Mutant", DeleteMutant, MUTANT_ALL_ACCESS,
    { 0x00020001, 0x00020000, 0x00120000, MUTANT_ALL_ACCESS }, .Wait = OB_WAITABLE
};

/* Its owner may still be at work and does not know that nobody can wait for it any more. */
static void DeleteMutant(PVOID Object) { KeReleaseMutant(Object, MUTANT_INCREMENT, TRUE, FALSE); }

static PVOID CreateMutant(BOOLEAN InitialOwner)
{
    PKMUTANT Mutant = ObCreateObject(&MutantType, sizeof *Mutant);

    if (Mutant != NULL)
        KeInitializeMutant(Mutant, InitialOwner);
    return Mutant;
}

static NTSTATUS Release(HANDLE Handle, PLONG PreviousCount)
{
    KPROCESSOR_MODE Mode = ExGetPreviousMode();
    NTSTATUS Status = STATUS_SUCCESS;
    PVOID Object;
    LONG Previous = 0;

    if (PreviousCount != NULL)
        Status = ExCheckOutput(Mode, PreviousCount, sizeof(LONG), sizeof(LONG));
    if (NT_SUCCESS(Status))
        Status = ObReferenceObjectByHandle(Handle, 0, &MutantType, Mode, &Object, NULL);
    if (!NT_SUCCESS(Status))
        return Status;
    if (((PKMUTANT)Object)->OwnerThread != KeGetCurrentThread())       /* nobody else can make it this thread */
        Status = STATUS_MUTANT_NOT_OWNED;
    else
        Previous = KeReleaseMutant(Object, MUTANT_INCREMENT, FALSE, FALSE);
    if (NT_SUCCESS(Status) && PreviousCount != NULL)
        Status = ExDeliver(Mode, PreviousCount, &Previous, sizeof Previous, sizeof Previous);
    ObfDereferenceObject(Object);
    return Status;
}

/* ---- Public ---- */

/* ZwCreateMutant - a mutant, owned by the caller if InitialOwner, and a handle to it; with OBJ_OPENIF and an existing
 * one, InitialOwner says nothing. IRQL: PASSIVE_LEVEL. Returns: as ZwCreateEvent. Source: WDK, NtCreateMutant. */
NTSTATUS ZwCreateMutant(PHANDLE MutantHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                        BOOLEAN InitialOwner)
{
    KPROCESSOR_MODE Outer = ExEnterService();
    NTSTATUS Status = ObpCreateService(__builtin_return_address(0), CreateMutant(InitialOwner), MutantHandle,
                                       DesiredAccess, ObjectAttributes);

    ExLeaveService(Outer);
    return Status;
}

/* ZwOpenMutant - a handle to the mutant of that name. IRQL: PASSIVE_LEVEL. Returns: as ZwOpenEvent. */
NTSTATUS ZwOpenMutant(PHANDLE MutantHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes)
{
    KPROCESSOR_MODE Outer = ExEnterService();
    NTSTATUS Status = ObpOpenService(__builtin_return_address(0), &MutantType, 0, MutantHandle, DesiredAccess,
                                     ObjectAttributes);

    ExLeaveService(Outer);
    return Status;
}

/* ZwReleaseMutant - give one level back. PreviousCount: NULL, or told the state before, 0 for the last level.
 * IRQL: PASSIVE_LEVEL. Returns: STATUS_SUCCESS, STATUS_MUTANT_NOT_OWNED, and what is wrong with MutantHandle. */
NTSTATUS ZwReleaseMutant(HANDLE MutantHandle, PLONG PreviousCount)
{
    KPROCESSOR_MODE Outer = ExEnterService();
    NTSTATUS Status = Release(MutantHandle, PreviousCount);

    ExLeaveService(Outer);
    return Status;
}
