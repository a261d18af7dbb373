/* mutant_object.h - mutants behind handles. */
#pragma once

#include <ke/mutant.h>
#include <ob/object.h>

enum { MUTANT_QUERY_STATE = 1 };

NTSTATUS ZwCreateMutant(PHANDLE MutantHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                        BOOLEAN InitialOwner);
NTSTATUS ZwOpenMutant(PHANDLE MutantHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes);
NTSTATUS ZwReleaseMutant(HANDLE MutantHandle, PLONG PreviousCount);
