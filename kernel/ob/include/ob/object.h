/* object.h - kernel objects behind handles and reference counts. */
#pragma once

#include <rtl/ntdef.h>

typedef struct _OBJECT_TYPE OBJECT_TYPE, *POBJECT_TYPE;
typedef struct _OBJECT_HANDLE_INFORMATION {
    ULONG HandleAttributes;
    ACCESS_MASK GrantedAccess;
} OBJECT_HANDLE_INFORMATION, *POBJECT_HANDLE_INFORMATION;

/* Data exports; each object's first qword points to itself (contracts.md 1.1, mingw's extra dereference). */
extern POBJECT_TYPE PsThreadType, PsProcessType, ExEventObjectType, ExSemaphoreObjectType, IoFileObjectType;

NTSTATUS ObReferenceObjectByHandle(HANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_TYPE ObjectType,
                                   KPROCESSOR_MODE AccessMode, PVOID *Object,
                                   POBJECT_HANDLE_INFORMATION HandleInformation);
struct _ACCESS_STATE;
NTSTATUS ObOpenObjectByPointer(PVOID Object, ULONG HandleAttributes, struct _ACCESS_STATE *PassedAccessState,
                               ACCESS_MASK DesiredAccess, POBJECT_TYPE ObjectType, KPROCESSOR_MODE AccessMode,
                               PHANDLE Handle);
BOOLEAN ObReferenceObjectSafe(PVOID Object);
LONG_PTR ObfReferenceObject(PVOID Object);
LONG_PTR ObfDereferenceObject(PVOID Object);
LONG_PTR ObDereferenceObject(PVOID Object);
NTSTATUS ZwClose(HANDLE Handle);
