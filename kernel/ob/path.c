/* path.c - from a path to an object.
 *
 * A path is a row of names with a backslash before each, from the root or from a directory that the caller has a handle
 * to. It is walked one directory at a time, by references. Three things can be on the way:
 *   a directory        the walk goes on in it
 *   a symbolic link    its target takes the place of what has been walked, and the walk begins anew at the root; the
 *                      number of times is bounded, so that links in a ring end
 *   a type that reads the rest itself (Parse): a device gets what follows its name, and may send the walk elsewhere
 * Anything else can only be the end. A link at the end is followed when an object is opened; where one is created, the
 * name is taken by the link.
 * New objects get their name from the same walk: it ends in a directory and a last name that nobody has. */
#include "obp.h"

#include <ex/pool.h>
#include <rtl/debug.h>
#include <rtl/nt_string.h>
#include <rtl/status.h>
#include <rtl/string.h>

enum { LINKS_LIMIT = 32, PATH_TAG = 'pbOK', PATH_BYTES_LIMIT = 0xFFFE };

OBJECT_DIRECTORY *ObpRoot;

/* A walk in progress. */
typedef struct _WALK {
    OBJECT_DIRECTORY *Directory;        /* referenced */
    UNICODE_STRING Name;                /* the part that is looked for in it */
    UNICODE_STRING Rest;                /* behind Name and its backslash */
    BOOLEAN Ends;                       /* nothing behind Name, not even a backslash */
    PWSTR Buffer;                       /* what Name and Rest point into after a link; from the pool */
    ULONG Links;
    ULONG Attributes;
} WALK;

static UNICODE_STRING Behind(PCUNICODE_STRING Text, ULONG Units)
{
    USHORT Length = (USHORT)(Text->Length - Units * sizeof(WCHAR));

    return (UNICODE_STRING){ Length, Length, Text->Buffer + Units };
}

/* With the backslash that stands before it. */
static UNICODE_STRING Before(PCUNICODE_STRING Rest)
{
    USHORT Length = (USHORT)(Rest->Length + sizeof(WCHAR));

    return (UNICODE_STRING){ Length, Length, Rest->Buffer - 1 };
}

/* Cut the next name off Rest. */
static NTSTATUS NextName(WALK *Walk)
{
    ULONG Units = Walk->Rest.Length / sizeof(WCHAR), At = 0;

    while (At < Units && Walk->Rest.Buffer[At] != '\\')
        At++;
    if (At == 0)
        return STATUS_OBJECT_NAME_INVALID;
    Walk->Name = (UNICODE_STRING){ (USHORT)(At * sizeof(WCHAR)), (USHORT)(At * sizeof(WCHAR)), Walk->Rest.Buffer };
    Walk->Ends = At == Units;
    Walk->Rest = Behind(&Walk->Rest, Walk->Ends ? At : At + 1);
    return STATUS_SUCCESS;
}

static void EnterDirectory(WALK *Walk, OBJECT_DIRECTORY *Directory)
{
    ObfDereferenceObject(Walk->Directory);
    Walk->Directory = Directory;
}

static BOOLEAN EndsInBackslash(PCUNICODE_STRING Text)
{
    return Text->Length != 0 && Text->Buffer[Text->Length / sizeof(WCHAR) - 1] == '\\';
}

/* Link, whose reference is taken, stands for the path so far: begin again with its target and the rest, with one
 * backslash between them. Returns: STATUS_REPARSE if the walk goes on. */
static NTSTATUS FollowLink(WALK *Walk, PVOID Link)
{
    PCUNICODE_STRING Target = ObLinkTarget(Link);
    ULONG Start = Target->Length + (Walk->Ends || EndsInBackslash(Target) ? 0 : (ULONG)sizeof(WCHAR));
    ULONG Length = Start + Walk->Rest.Length;
    NTSTATUS Status = Walk->Attributes & OBJ_DONT_REPARSE ? STATUS_REPARSE_POINT_ENCOUNTERED : STATUS_REPARSE;
    PWSTR Buffer = NULL;

    if (Length > PATH_BYTES_LIMIT || Target->Length == 0 || Target->Buffer[0] != '\\' || Walk->Links++ >= LINKS_LIMIT)
        Status = STATUS_OBJECT_NAME_INVALID;
    if (Status == STATUS_REPARSE) {
        Buffer = ExAllocatePoolWithTag(PagedPool, Length, PATH_TAG);
        Status = Buffer != NULL ? STATUS_REPARSE : STATUS_INSUFFICIENT_RESOURCES;
    }
    if (Buffer != NULL) {
        Buffer[Start / sizeof(WCHAR) - 1] = '\\';       /* where Target has none at its end */
        memcpy(Buffer, Target->Buffer, Target->Length);
        memcpy(Buffer + Start / sizeof(WCHAR), Walk->Rest.Buffer, Walk->Rest.Length);
        if (Walk->Buffer != NULL)
            ExFreePoolWithTag(Walk->Buffer, PATH_TAG);
        Walk->Buffer = Buffer;
        Walk->Rest = (UNICODE_STRING){ (USHORT)(Length - sizeof(WCHAR)), (USHORT)(Length - sizeof(WCHAR)), Buffer + 1 };
        ObfReferenceObject(ObpRoot);
        EnterDirectory(Walk, ObpRoot);
    }
    ObfDereferenceObject(Link);
    return Status;
}

/* Where a path begins. Name then has its first backslash behind it. */
static NTSTATUS BeginWalk(WALK *Walk, PVOID Root, PCUNICODE_STRING Name, ULONG Attributes)
{
    BOOLEAN Absolute = Name->Length >= sizeof(WCHAR) && Name->Buffer[0] == '\\';

    *Walk = (WALK){ .Rest = *Name, .Attributes = Attributes };
    if (Name->Length % sizeof(WCHAR) != 0)
        return STATUS_OBJECT_NAME_INVALID;
    if (Absolute == (Root != NULL))
        return STATUS_OBJECT_PATH_SYNTAX_BAD;
    if (Root != NULL && OBJECT_TO_HEADER(Root)->Type != &ObpDirectoryType)
        return STATUS_OBJECT_TYPE_MISMATCH;
    if (Absolute)
        Walk->Rest = Behind(Name, 1);
    Walk->Directory = Root != NULL ? Root : ObpRoot;
    ObfReferenceObject(Walk->Directory);
    return STATUS_SUCCESS;
}

static void EndWalk(WALK *Walk)
{
    if (Walk->Buffer != NULL)
        ExFreePoolWithTag(Walk->Buffer, PATH_TAG);
    if (Walk->Directory != NULL)
        ObfDereferenceObject(Walk->Directory);
}

/* Who has the name that the walk is at, referenced; NULL: nobody. */
static PVOID FindName(const WALK *Walk)
{
    return ObpFindInDirectory(Walk->Directory, &Walk->Name, (Walk->Attributes & OBJ_CASE_INSENSITIVE) != 0);
}

/* Found, referenced, stands at Name, and a directory or link is not to be its end. Returns: STATUS_REPARSE if the walk
 * goes on. */
static NTSTATUS Pass(WALK *Walk, PVOID *Found, PVOID Context)
{
    POBJECT_TYPE Type = OBJECT_TO_HEADER(*Found)->Type;
    PVOID Passed = *Found;
    NTSTATUS Status;

    *Found = NULL;
    if (Type == &ObpDirectoryType) {
        EnterDirectory(Walk, Passed);
        return STATUS_REPARSE;
    }
    if (Type == &ObpSymbolicLinkType)
        return FollowLink(Walk, Passed);
    Status = STATUS_OBJECT_TYPE_MISMATCH;
    if (Type->Parse != NULL) {
        UNICODE_STRING Rest = Walk->Ends ? Walk->Rest : Before(&Walk->Rest);

        Status = Type->Parse(Passed, &Rest, Context, Found);
    }
    ObfDereferenceObject(Passed);
    if (Status != STATUS_REPARSE)
        return Status;
    Walk->Rest.Length = 0;              /* the type has read it */
    Walk->Ends = TRUE;
    Passed = *Found;
    *Found = NULL;
    return FollowLink(Walk, Passed);
}

/* Is what was found at Name what the path means, as it is? */
static BOOLEAN IsEnd(const WALK *Walk, PVOID Found)
{
    POBJECT_TYPE Type = OBJECT_TO_HEADER(Found)->Type;

    if (!Walk->Ends)
        return FALSE;
    return Type == &ObpSymbolicLinkType ? (Walk->Attributes & OBJ_OPENLINK) != 0 : Type->Parse == NULL;
}

/* ByName: the object is the one that a directory has under the last name. */
static NTSTATUS Find(WALK *Walk, PVOID Context, PVOID *Object, BOOLEAN *ByName)
{
    NTSTATUS Status;

    *ByName = FALSE;
    do {
        if (Walk->Rest.Length == 0) {   /* "\", or a root and no name */
            *Object = Walk->Directory;
            ObfReferenceObject(*Object);
            return STATUS_SUCCESS;
        }
        Status = NextName(Walk);
        if (!NT_SUCCESS(Status))
            return Status;
        *Object = FindName(Walk);
        if (*Object == NULL)
            return Walk->Ends ? STATUS_OBJECT_NAME_NOT_FOUND : STATUS_OBJECT_PATH_NOT_FOUND;
        if (IsEnd(Walk, *Object)) {
            *ByName = TRUE;
            return STATUS_SUCCESS;
        }
        if (!Walk->Ends && Walk->Rest.Length == 0 && OBJECT_TO_HEADER(*Object)->Type == &ObpDirectoryType) {
            ObfDereferenceObject(*Object);
            *Object = NULL;
            return STATUS_OBJECT_NAME_INVALID;  /* a backslash at the end */
        }
        Status = Pass(Walk, Object, Context);
    } while (Status == STATUS_REPARSE);
    return Status;
}

/* ---- Shared ---- */

NTSTATUS ObpLookUp(PVOID Root, PCUNICODE_STRING Name, ULONG Attributes, POBJECT_TYPE Type, PVOID Context,
                   PVOID *Object, BOOLEAN *ByName)
{
    WALK Walk;
    NTSTATUS Status = BeginWalk(&Walk, Root, Name, Attributes);

    *Object = NULL;
    if (NT_SUCCESS(Status))
        Status = Find(&Walk, Context, Object, ByName);
    EndWalk(&Walk);
    if (NT_SUCCESS(Status) && Type != NULL && OBJECT_TO_HEADER(*Object)->Type != Type) {
        ObfDereferenceObject(*Object);
        *Object = NULL;
        Status = STATUS_OBJECT_TYPE_MISMATCH;
    }
    return Status;
}

/* Walk to the directory and the last name of a new object. */
static NTSTATUS FindPlace(WALK *Walk)
{
    NTSTATUS Status = NextName(Walk);
    PVOID Found;

    while (NT_SUCCESS(Status) && !Walk->Ends) {
        Found = FindName(Walk);
        if (Found == NULL)
            return STATUS_OBJECT_PATH_NOT_FOUND;
        if (OBJECT_TO_HEADER(Found)->Type->Parse != NULL) {
            ObfDereferenceObject(Found);        /* nobody can be given a name behind a device */
            return STATUS_OBJECT_TYPE_MISMATCH;
        }
        Status = Pass(Walk, &Found, NULL);
        if (Status == STATUS_REPARSE)
            Status = NextName(Walk);
    }
    return Status;
}

NTSTATUS ObpNameObject(PVOID Object, PVOID Root, PCUNICODE_STRING Name, ULONG Attributes, PVOID *Existing)
{
    WALK Walk;
    NTSTATUS Status = BeginWalk(&Walk, Root, Name, Attributes);

    *Existing = NULL;
    if (NT_SUCCESS(Status) && Walk.Rest.Length == 0) {
        Status = STATUS_OBJECT_NAME_COLLISION;  /* the directory itself */
        *Existing = Walk.Directory;
        ObfReferenceObject(*Existing);
    } else if (NT_SUCCESS(Status)) {
        Status = FindPlace(&Walk);
        if (NT_SUCCESS(Status))
            Status = ObpLinkInDirectory(Walk.Directory, &Walk.Name, (Attributes & OBJ_CASE_INSENSITIVE) != 0, Object,
                                        Existing);
    }
    EndWalk(&Walk);
    return Status;
}
