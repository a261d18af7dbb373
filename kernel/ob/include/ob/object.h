/* object.h - kernel objects behind handles, names and reference counts. */
#pragma once

#include <rtl/ntdef.h>

typedef struct _OBJECT_TYPE OBJECT_TYPE, *POBJECT_TYPE;
struct _ACCESS_STATE;

typedef struct _OBJECT_HANDLE_INFORMATION {
    ULONG HandleAttributes;
    ACCESS_MASK GrantedAccess;
} OBJECT_HANDLE_INFORMATION, *POBJECT_HANDLE_INFORMATION;

typedef struct _GENERIC_MAPPING {
    ACCESS_MASK GenericRead, GenericWrite, GenericExecute, GenericAll;
} GENERIC_MAPPING, *PGENERIC_MAPPING;

typedef struct _OBJECT_NAME_INFORMATION { UNICODE_STRING Name; } OBJECT_NAME_INFORMATION, *POBJECT_NAME_INFORMATION;

/* Attributes. */
enum {
    OBJ_PROTECT_CLOSE = 0x1, OBJ_INHERIT = 0x2, OBJ_PERMANENT = 0x10, OBJ_EXCLUSIVE = 0x20, OBJ_CASE_INSENSITIVE = 0x40,
    OBJ_OPENIF = 0x80, OBJ_OPENLINK = 0x100, OBJ_KERNEL_HANDLE = 0x200, OBJ_FORCE_ACCESS_CHECK = 0x400,
    OBJ_IGNORE_IMPERSONATED_DEVICEMAP = 0x800, OBJ_DONT_REPARSE = 0x1000, OBJ_VALID_ATTRIBUTES = 0x1FF2
};

/* Access that every type knows. */
#define DELETE          0x00010000u
#define READ_CONTROL    0x00020000u
#define SYNCHRONIZE     0x00100000u
#define MAXIMUM_ALLOWED 0x02000000u
#define GENERIC_ALL     0x10000000u
#define GENERIC_EXECUTE 0x20000000u
#define GENERIC_WRITE   0x40000000u
#define GENERIC_READ    0x80000000u

#define NtCurrentProcess() ((HANDLE)-1ll)
#define NtCurrentThread()  ((HANDLE)-2ll)

/* Data exports; each object's first qword points to itself, for mingw's extra dereference. */
extern POBJECT_TYPE PsThreadType, PsProcessType, ExEventObjectType, ExSemaphoreObjectType, IoFileObjectType;

/* ---- object.c ---- */
BOOLEAN ObReferenceObjectSafe(PVOID Object);
LONG_PTR ObfReferenceObject(PVOID Object);
LONG_PTR ObfReferenceObjectWithTag(PVOID Object, ULONG Tag);
NTSTATUS ObReferenceObjectByPointer(PVOID Object, ACCESS_MASK DesiredAccess, POBJECT_TYPE ObjectType,
                                    KPROCESSOR_MODE AccessMode);
NTSTATUS ObReferenceObjectByPointerWithTag(PVOID Object, ACCESS_MASK DesiredAccess, POBJECT_TYPE ObjectType,
                                           KPROCESSOR_MODE AccessMode, ULONG Tag);
LONG_PTR ObfDereferenceObject(PVOID Object);
LONG_PTR ObDereferenceObject(PVOID Object);
LONG_PTR ObfDereferenceObjectWithTag(PVOID Object, ULONG Tag);
VOID ObDereferenceObjectDeferDelete(PVOID Object);
VOID ObDereferenceObjectDeferDeleteWithTag(PVOID Object, ULONG Tag);
POBJECT_TYPE ObGetObjectType(PVOID Object);

/* ---- reference.c ---- */
NTSTATUS ObReferenceObjectByHandle(HANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_TYPE ObjectType,
                                   KPROCESSOR_MODE AccessMode, PVOID *Object,
                                   POBJECT_HANDLE_INFORMATION HandleInformation);
NTSTATUS ObReferenceObjectByHandleWithTag(HANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_TYPE ObjectType,
                                          KPROCESSOR_MODE AccessMode, ULONG Tag, PVOID *Object,
                                          POBJECT_HANDLE_INFORMATION HandleInformation);
NTSTATUS ObOpenObjectByPointer(PVOID Object, ULONG HandleAttributes, struct _ACCESS_STATE *PassedAccessState,
                               ACCESS_MASK DesiredAccess, POBJECT_TYPE ObjectType, KPROCESSOR_MODE AccessMode,
                               PHANDLE Handle);
NTSTATUS ObOpenObjectByPointerWithTag(PVOID Object, ULONG HandleAttributes, struct _ACCESS_STATE *PassedAccessState,
                                      ACCESS_MASK DesiredAccess, POBJECT_TYPE ObjectType, KPROCESSOR_MODE AccessMode,
                                      ULONG Tag, PHANDLE Handle);
NTSTATUS ObCloseHandle(HANDLE Handle, KPROCESSOR_MODE PreviousMode);
BOOLEAN ObIsKernelHandle(HANDLE Handle);
NTSTATUS ZwClose(HANDLE Handle);
NTSTATUS NtClose(HANDLE Handle);
