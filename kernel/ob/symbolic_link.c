/* symbolic_link.c - symbolic link objects: a name that stands for a path, which path.c follows.
 *
 * The target is fixed at creation. Nothing looks at it before the link is followed, so it may name what is not there
 * yet. */
#include "obp.h"

#include <ex/mode.h>
#include <ex/pool.h>
#include <ob/names.h>
#include <rtl/status.h>
#include <rtl/string.h>

enum { LINK_TAG = 'lbOS' };

typedef struct _SYMBOLIC_LINK { UNICODE_STRING Target; } SYMBOLIC_LINK;         /* (i) Buffer from the pool */

static void DeleteLink(PVOID Object);

OBJECT_TYPE ObpSymbolicLinkType = {
    &ObpSymbolicLinkType, "SymbolicLink", DeleteLink, 0x000F0001, { 0x00020001, 0x00020000, 0x00020001, 0x000F0001 }
};

static void DeleteLink(PVOID Object) { ExFreePoolWithTag(((SYMBOLIC_LINK *)Object)->Target.Buffer, LINK_TAG); }

/* ---- Shared ---- */

PVOID ObCreateLink(PCUNICODE_STRING Target)
{
    PWSTR Buffer = ExAllocatePoolWithTag(PagedPool, Target->Length + sizeof(WCHAR), LINK_TAG);
    SYMBOLIC_LINK *Link;

    if (Buffer == NULL)
        return NULL;
    Link = ObCreateObject(&ObpSymbolicLinkType, sizeof *Link);
    if (Link == NULL) {
        ExFreePoolWithTag(Buffer, LINK_TAG);
        return NULL;
    }
    memcpy(Buffer, Target->Buffer, Target->Length);
    Link->Target = (UNICODE_STRING){ Target->Length, Target->Length, Buffer };
    return Link;
}

PCUNICODE_STRING ObLinkTarget(PVOID Link) { return &((SYMBOLIC_LINK *)Link)->Target; }

/* ---- Services ---- */

static NTSTATUS CreateLink(PVOID Caller, PHANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES Given,
                           PUNICODE_STRING LinkTarget)
{
    KPROCESSOR_MODE Mode = ExGetPreviousMode();
    UNICODE_STRING Target;
    NTSTATUS Status = ExCaptureString(Mode, LinkTarget, &Target);

    if (!NT_SUCCESS(Status))
        return Status;
    Status = STATUS_INVALID_PARAMETER;
    if (Target.Length != 0 && Target.Length % sizeof(WCHAR) == 0)
        Status = ObpCreateService(Caller, ObCreateLink(&Target), Handle, DesiredAccess, Given);
    ExReleaseString(Mode, &Target);
    return Status;
}

/* ZwCreateSymbolicLinkObject - a symbolic link of the name in ObjectAttributes to the path LinkTarget, and a handle to
 * it. IRQL: PASSIVE_LEVEL. Returns: STATUS_SUCCESS, STATUS_INVALID_PARAMETER without a target, and as ZwCreateEvent.
 * Source: WDK, ZwCreateSymbolicLinkObject. */
NTSTATUS ZwCreateSymbolicLinkObject(PHANDLE LinkHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                                    PUNICODE_STRING LinkTarget)
{
    KPROCESSOR_MODE Outer = ExEnterService();
    NTSTATUS Status = CreateLink(__builtin_return_address(0), LinkHandle, DesiredAccess, ObjectAttributes, LinkTarget);

    ExLeaveService(Outer);
    return Status;
}

/* ZwOpenSymbolicLinkObject - a handle to the symbolic link of that name itself. IRQL: PASSIVE_LEVEL. Returns: as
 * ZwOpenEvent. Source: WDK nf-wdm-zwopensymboliclinkobject. */
NTSTATUS ZwOpenSymbolicLinkObject(PHANDLE LinkHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes)
{
    KPROCESSOR_MODE Outer = ExEnterService();
    NTSTATUS Status = ObpOpenService(__builtin_return_address(0), &ObpSymbolicLinkType, OBJ_OPENLINK, LinkHandle,
                                     DesiredAccess, ObjectAttributes);

    ExLeaveService(Outer);
    return Status;
}

static NTSTATUS QueryLink(HANDLE Handle, PUNICODE_STRING LinkTarget, PULONG ReturnedLength)
{
    KPROCESSOR_MODE Mode = ExGetPreviousMode();
    UNICODE_STRING To;
    NTSTATUS Status = ExCapture(Mode, &To, LinkTarget, sizeof To, sizeof(PVOID));
    PCUNICODE_STRING Target;
    ULONG Needed;
    PVOID Link;

    if (NT_SUCCESS(Status))
        Status = ObReferenceObjectByHandle(Handle, 1, &ObpSymbolicLinkType, Mode, &Link, NULL);
    if (!NT_SUCCESS(Status))
        return Status;
    Target = ObLinkTarget(Link);
    Needed = Target->Length;
    if (To.MaximumLength < Needed)
        Status = STATUS_BUFFER_TOO_SMALL;
    else
        Status = ExDeliver(Mode, To.Buffer, Target->Buffer, Target->Length, sizeof(WCHAR));
    if (NT_SUCCESS(Status)) {
        To.Length = Target->Length;
        Status = ExDeliver(Mode, LinkTarget, &To, sizeof To, sizeof(PVOID));
    }
    if (ReturnedLength != NULL && (NT_SUCCESS(Status) || Status == STATUS_BUFFER_TOO_SMALL)) {
        NTSTATUS Told = ExDeliver(Mode, ReturnedLength, &Needed, sizeof Needed, sizeof Needed);

        Status = NT_SUCCESS(Told) ? Status : Told;
    }
    ObfDereferenceObject(Link);
    return Status;
}

/* ZwQuerySymbolicLinkObject - copy the link's target to LinkTarget, which has room for MaximumLength bytes.
 * ReturnedLength: NULL, or told what it takes. IRQL: PASSIVE_LEVEL. Returns: STATUS_SUCCESS, STATUS_BUFFER_TOO_SMALL,
 * and what is wrong with LinkHandle. Source: WDK nf-wdm-zwquerysymboliclinkobject. */
NTSTATUS ZwQuerySymbolicLinkObject(HANDLE LinkHandle, PUNICODE_STRING LinkTarget, PULONG ReturnedLength)
{
    KPROCESSOR_MODE Outer = ExEnterService();
    NTSTATUS Status = QueryLink(LinkHandle, LinkTarget, ReturnedLength);

    ExLeaveService(Outer);
    return Status;
}
