/* create.h - making objects and handles: for the floors above that own object types. */
#pragma once

#include <ob/object.h>

/* An object's type. The first qword points to the type itself: mingw's drivers dereference PsThreadType once more
 * than Microsoft's compiler does, and both then pass the same address (contracts.md 1.1). */
struct _OBJECT_TYPE {
    POBJECT_TYPE Self;
    const char *Name;
    void (*Delete)(PVOID Object);       /* last reference gone; <= DISPATCH_LEVEL; NULL: nothing to do */
    ACCESS_MASK ValidAccess;
};

/* Lies right before every object. */
typedef struct _OBJECT_HEADER {
    volatile LONG64 PointerCount;       /* references, one of them for all handles together */
    volatile LONG64 HandleCount;
    POBJECT_TYPE Type;
    ULONG64 Static;                     /* not 0: not from the pool, never freed */
} OBJECT_HEADER, *POBJECT_HEADER;

C_ASSERT(sizeof(OBJECT_HEADER) % 16 == 0);

#define OBJECT_TO_HEADER(Object) ((POBJECT_HEADER)(Object) - 1)

#define OBJ_KERNEL_HANDLE 0x00000200

/* A zeroed object of Size bytes with one reference, the caller's. NULL when memory is out. <= DISPATCH_LEVEL. */
PVOID ObCreateObject(POBJECT_TYPE Type, SIZE_T Size);
void ObInitializeStaticObject(PVOID Object, POBJECT_TYPE Type);

/* A kernel handle to Object, which the table references. Caller: return address of whoever asked, for leak reports.
 * PASSIVE_LEVEL. Returns: STATUS_SUCCESS, STATUS_INSUFFICIENT_RESOURCES. */
NTSTATUS ObCreateHandle(PVOID Object, ACCESS_MASK GrantedAccess, PVOID Caller, PHANDLE Handle);

