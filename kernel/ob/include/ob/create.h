/* create.h - object types, names and handles: for the floors that own kinds of objects. */
#pragma once

#include <ob/object.h>

struct _KPROCESS;

/* An object's type. The first qword points to the type itself: mingw's drivers dereference PsThreadType once more
 * than Microsoft's compiler does, and both then pass the same address.
 * Parse: what follows the object in a path, from the backslash on, is the type's to read, and so is an object that a
 * path ends at (Rest is empty then). It answers with a referenced object, which may be Object; with STATUS_REPARSE it
 * is a link (ObCreateLink) to where the path leads instead. Context: of whoever looks the name up. PASSIVE_LEVEL.
 * LastHandleClosed: PASSIVE_LEVEL, while the handle's reference is still held.
 * Named: an object that goes by another one's path: whose, and what follows its name, if Rest->Buffer is not NULL. */
struct _OBJECT_TYPE {
    POBJECT_TYPE Self;
    const char *Name;
    void (*Delete)(PVOID Object);       /* last reference gone; <= DISPATCH_LEVEL; NULL: nothing to do */
    ACCESS_MASK ValidAccess;
    GENERIC_MAPPING Mapping;
    NTSTATUS (*Parse)(PVOID Object, PCUNICODE_STRING Rest, PVOID Context, PVOID *Found);
    void (*LastHandleClosed)(PVOID Object);
    PVOID (*Named)(PVOID Object, PUNICODE_STRING Rest);
    BOOLEAN DeleteAtPassive;            /* Delete may wait: a worker thread calls it */
    ULONG Wait;                         /* where in it is its dispatcher header, and OB_WAITABLE; 0: nobody waits */
    volatile ULONG Objects, Handles;    /* how many there are */
};

#define OB_WAITABLE 1u

struct _OBJECT_NAME;

enum { OB_STATIC = 1, OB_PERMANENT = 2, OB_EXCLUSIVE = 4 };

/* Lies right before every object. */
typedef struct _OBJECT_HEADER {
    volatile LONG64 PointerCount;       /* references, one of them for each handle, one for being permanent */
    volatile LONG64 HandleCount;
    POBJECT_TYPE Type;
    struct _OBJECT_NAME *volatile Name; /* set once, by the insertion; NULL: it never had one */
    volatile ULONG Flags;
    ULONG ExclusiveId;                  /* of the process that has the handles to it; (directory's lock), open.c */
    struct _OBJECT_HEADER *NextDeleted; /* object.c: while its deletion waits for a worker */
} OBJECT_HEADER, *POBJECT_HEADER;

C_ASSERT(sizeof(OBJECT_HEADER) % 16 == 0);

#define OBJECT_TO_HEADER(Object) ((POBJECT_HEADER)(Object) - 1)

/* ---- Objects ---- */

/* A zeroed object of Size bytes with one reference, the caller's, and no name. NULL when memory is out.
 * <= DISPATCH_LEVEL. */
PVOID ObCreateObject(POBJECT_TYPE Type, SIZE_T Size);
void ObInitializeStaticObject(PVOID Object, POBJECT_TYPE Type);

/* ---- Names ---- */

void ObInitialize(void);                /* the directories that NT begins with; once, when there is pool */

/* Name Object as Attributes say (OBJ_PERMANENT, OBJ_CASE_INSENSITIVE; RootDirectory is in Root or NULL). The name
 * keeps nobody alive: it goes with the last reference, with the last handle, or with ObMakeTemporaryObject; a permanent
 * object has one reference more until then. PASSIVE_LEVEL. Returns: STATUS_SUCCESS, STATUS_OBJECT_NAME_COLLISION, a
 * status of ObLookupObject, STATUS_INSUFFICIENT_RESOURCES. */
NTSTATUS ObNameObject(PVOID Object, PVOID Root, PCUNICODE_STRING Name, ULONG Attributes);

/* The object that Name stands for, referenced. Symbolic links are followed, the last too unless OBJ_OPENLINK. Root: a
 * referenced directory that Name begins in, without a backslash; NULL: the root. Type NULL: any. PASSIVE_LEVEL.
 * Returns: STATUS_SUCCESS, STATUS_OBJECT_PATH_SYNTAX_BAD: no backslash first, or one with a Root;
 * STATUS_OBJECT_NAME_INVALID: two backslashes together, one at the end, an odd length;
 * STATUS_OBJECT_PATH_NOT_FOUND: a part before the last; STATUS_OBJECT_NAME_NOT_FOUND: the last;
 * STATUS_REPARSE_POINT_ENCOUNTERED: a symbolic link, with OBJ_DONT_REPARSE;
 * STATUS_OBJECT_TYPE_MISMATCH: another type, or a path through what is no directory; what a Parse says. */
NTSTATUS ObLookupObject(PVOID Root, PCUNICODE_STRING Name, ULONG Attributes, POBJECT_TYPE Type, PVOID Context,
                        PVOID *Object);

/* A symbolic link without a name to the path Target; NULL: memory is out. Its target lives as long as it does. */
PVOID ObCreateLink(PCUNICODE_STRING Target);
PCUNICODE_STRING ObLinkTarget(PVOID Link);

/* ---- Attributes and handles of a service ---- */

/* DesiredAccess with what its generic bits mean for Type. */
ACCESS_MASK ObMapGenericAccess(POBJECT_TYPE Type, ACCESS_MASK DesiredAccess);

/* What a service was given, copied out of user memory where it comes from there. */
typedef struct _OB_ATTRIBUTES {
    PVOID Root;                         /* referenced; NULL: the root */
    UNICODE_STRING Name;                /* Length 0: none */
    BOOLEAN NameGiven;                  /* be it an empty one */
    ULONG Attributes;
    KPROCESSOR_MODE Mode;
} OB_ATTRIBUTES;

/* Given NULL: no name, no attributes. Returns: STATUS_SUCCESS, STATUS_INVALID_PARAMETER, STATUS_OBJECT_NAME_INVALID,
 * STATUS_PRIVILEGE_NOT_HELD, STATUS_ACCESS_VIOLATION, ..., and what is wrong with the root's handle. */
NTSTATUS ObCaptureAttributes(KPROCESSOR_MODE Mode, POBJECT_ATTRIBUTES Given, OB_ATTRIBUTES *Attributes);
void ObReleaseAttributes(OB_ATTRIBUTES *Attributes);

/* A handle to Object, just created and not known to anybody, after giving it its name. The caller's reference goes
 * with the call, whatever it returns. With OBJ_OPENIF, the handle may be to an object of that name and type that is
 * there already: STATUS_OBJECT_NAME_EXISTS. Caller: return address of whoever asked, for leak reports.
 * PASSIVE_LEVEL. */
NTSTATUS ObInsertObject(PVOID Object, const OB_ATTRIBUTES *Attributes, ACCESS_MASK DesiredAccess, PVOID Caller,
                        PHANDLE Handle);
NTSTATUS ObOpenByAttributes(const OB_ATTRIBUTES *Attributes, POBJECT_TYPE Type, ACCESS_MASK DesiredAccess,
                            PVOID Context, PVOID Caller, PHANDLE Handle);

/* A kernel handle to Object, which the table references. PASSIVE_LEVEL.
 * Returns: STATUS_SUCCESS, STATUS_INSUFFICIENT_RESOURCES. */
NTSTATUS ObCreateHandle(PVOID Object, ACCESS_MASK GrantedAccess, PVOID Caller, PHANDLE Handle);

/* ObOpenObjectByPointer for a service, which knows its Caller; Handle is in memory of our own. */
NTSTATUS ObOpenPointer(PVOID Caller, PVOID Object, ULONG Attributes, ACCESS_MASK DesiredAccess, POBJECT_TYPE ObjectType,
                       KPROCESSOR_MODE Mode, PHANDLE Handle);

/* A process's handles: closed, by a worker thread, once it has ended; and no new ones. Again, and the table freed, when
 * it is deleted. <= DISPATCH_LEVEL. */
void ObCloseAllHandles(struct _KPROCESS *Process);
void ObDeleteHandleTable(struct _KPROCESS *Process);
