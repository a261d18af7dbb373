/* obp.h - what ob's files share. */
#pragma once

#include <ke/process.h>
#include <ke/spinlock.h>
#include <ob/create.h>
#include <rtl/list.h>

enum { DIRECTORY_BUCKETS = 37 };

typedef struct _OBJECT_DIRECTORY {
    KSPIN_LOCK Lock;
    LIST_ENTRY Buckets[DIRECTORY_BUCKETS];      /* (Lock) OBJECT_NAME.Link */
} OBJECT_DIRECTORY;

/* The name that an object has, or had, in a directory. It lives as long as the object. */
typedef struct _OBJECT_NAME {
    LIST_ENTRY Link;                    /* (Directory->Lock) */
    OBJECT_DIRECTORY *Directory;        /* (i) referenced */
    PVOID Object;                       /* (i) */
    ULONG Hash;                         /* (i) without regard to case */
    volatile BOOLEAN Linked;            /* (Directory->Lock) */
    UNICODE_STRING Text;                /* (i) */
    WCHAR Buffer[];
} OBJECT_NAME;

/* ---- directory.c ---- */
extern OBJECT_TYPE ObpDirectoryType;

OBJECT_DIRECTORY *ObpCreateDirectory(void);
/* Referenced; NULL: nobody has the name. */
PVOID ObpFindInDirectory(OBJECT_DIRECTORY *Directory, PCUNICODE_STRING Text, BOOLEAN NoCase);
/* Existing: who has the name, referenced, when the answer is STATUS_OBJECT_NAME_COLLISION. */
NTSTATUS ObpLinkInDirectory(OBJECT_DIRECTORY *Directory, PCUNICODE_STRING Text, BOOLEAN NoCase, PVOID Object,
                            PVOID *Existing);
BOOLEAN ObpIsNamed(PVOID Object);       /* now */
void ObpUnlinkName(PVOID Object, BOOLEAN OnlyUnused);   /* OnlyUnused: if it has no handles and is not permanent */
void ObpDeleteName(OBJECT_NAME *Name);

/* ---- path.c ---- */
extern OBJECT_DIRECTORY *ObpRoot;       /* fixed after ObInitialize */

/* As ObLookupObject. ByName: a directory has Object under the last name, so the name can be lost again. */
NTSTATUS ObpLookUp(PVOID Root, PCUNICODE_STRING Name, ULONG Attributes, POBJECT_TYPE Type, PVOID Context,
                   PVOID *Object, BOOLEAN *ByName);
/* Give Object a name. Existing: who has it, referenced, with STATUS_OBJECT_NAME_COLLISION, or NULL. */
NTSTATUS ObpNameObject(PVOID Object, PVOID Root, PCUNICODE_STRING Name, ULONG Attributes, PVOID *Existing);

/* ---- symbolic_link.c ---- */
extern OBJECT_TYPE ObpSymbolicLinkType;

/* ---- handle.c ---- */
/* The count of handles, which each one that is being made or lives is part of. */
FORCEINLINE void ObpCountHandle(POBJECT_HEADER Header)
{
    __atomic_add_fetch(&Header->HandleCount, 1, __ATOMIC_ACQ_REL);
    __atomic_add_fetch(&Header->Type->Handles, 1, __ATOMIC_RELAXED);
}

void ObpDropHandle(PVOID Object);       /* one handle less; with the last, the name goes. The reference stays */

/* What a handle says. */
typedef struct _OBP_HANDLE {
    PVOID Object;
    ACCESS_MASK GrantedAccess;
    ULONG Attributes;                   /* OBJ_INHERIT, OBJ_PROTECT_CLOSE */
    PVOID Caller;                       /* return address of who asked for it */
} OBP_HANDLE;

/* A handle in Process's table, or with OBJ_KERNEL_HANDLE in the system's. Content->Object is counted already; its
 * reference is taken over. If it fails both stay the caller's. Returns: STATUS_INSUFFICIENT_RESOURCES,
 * STATUS_PROCESS_IS_TERMINATING. */
NTSTATUS ObpMakeHandle(PKPROCESS Process, const OBP_HANDLE *Content, PHANDLE Handle);
/* What Handle says, to somebody in Process; the object referenced. FALSE: nothing. No pseudo-handles. */
BOOLEAN ObpReadHandle(PKPROCESS Process, HANDLE Handle, KPROCESSOR_MODE Mode, OBP_HANDLE *Content);
BOOLEAN ObpSetHandleAttributes(PKPROCESS Process, HANDLE Handle, KPROCESSOR_MODE Mode, ULONG Attributes);
NTSTATUS ObpCloseHandle(PKPROCESS Process, HANDLE Handle, KPROCESSOR_MODE Mode);
void ObpInitializeHandles(void);

/* ---- reference.c ---- */
/* The access that Mode gets to an object of Type when it asks for DesiredAccess. */
NTSTATUS ObpGrantAccess(KPROCESSOR_MODE Mode, POBJECT_TYPE Type, ACCESS_MASK DesiredAccess, ACCESS_MASK *Granted);
/* As ObReferenceObjectByHandle; the attributes of the handle, too. */
NTSTATUS ObpReferenceByHandle(HANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_TYPE ObjectType, KPROCESSOR_MODE Mode,
                              OBP_HANDLE *Content);

/* ---- open.c ---- */
/* The end of a service that creates, for the previous mode: Object, new (NULL: memory is out), gets its name and a
 * handle, or goes. */
NTSTATUS ObpCreateService(PVOID Caller, PVOID Object, PHANDLE Handle, ACCESS_MASK DesiredAccess,
                          POBJECT_ATTRIBUTES ObjectAttributes);
/* The body of a service that opens by name, for the previous mode. Flags: attributes besides those given. */
NTSTATUS ObpOpenService(PVOID Caller, POBJECT_TYPE Type, ULONG Flags, PHANDLE Handle, ACCESS_MASK DesiredAccess,
                        POBJECT_ATTRIBUTES ObjectAttributes);
