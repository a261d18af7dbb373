/* namespace.c - the tree of names that NT begins with, the names that objects have in it, and the services of its
 * directories. */
#include "obp.h"

#include <ex/mode.h>
#include <ob/callback.h>
#include <ob/names.h>
#include <rtl/debug.h>
#include <rtl/nt_string.h>
#include <rtl/status.h>
#include <rtl/string.h>

enum { NAME_LIMIT = 0xFFFF };          /* bytes that a UNICODE_STRING can have */

static WCHAR Ellipsis[] = L"...";

static const PCWSTR Directories[] = {
    L"\\BaseNamedObjects", L"\\Callback", L"\\Device", L"\\Driver", L"\\FileSystem", L"\\GLOBAL??", L"\\KernelObjects"
};

/* A driver says \DosDevices or \??; there is one session, so both are the global one's. */
static const struct { PCWSTR Name, Target; } Links[] = {
    { L"\\??", L"\\GLOBAL??" }, { L"\\DosDevices", L"\\??" }, { L"\\GLOBAL??\\Global", L"\\GLOBAL??" }
};

static void Plant(PVOID Object, PCWSTR Path)
{
    UNICODE_STRING Name;

    RtlInitUnicodeString(&Name, Path);
    RtlRequire(Object != NULL && NT_SUCCESS(ObNameObject(Object, NULL, &Name, OBJ_PERMANENT)));
    ObfDereferenceObject(Object);
}

/* The callback objects that NT has of its own. Nothing here changes the power state, adds a processor or sets the time
 * while drivers run, so nobody notifies them. */
static const PCWSTR Callbacks[] = {
    L"\\Callback\\SetSystemTime", L"\\Callback\\PowerState", L"\\Callback\\ProcessorAdd"
};

static void PlantCallback(PCWSTR Path)
{
    UNICODE_STRING Name;
    OBJECT_ATTRIBUTES Attributes = { sizeof Attributes, NULL, &Name, OBJ_PERMANENT };
    PCALLBACK_OBJECT Callback;

    RtlInitUnicodeString(&Name, Path);
    RtlRequire(NT_SUCCESS(ExCreateCallback(&Callback, &Attributes, TRUE, TRUE)));
    ObfDereferenceObject(Callback);
}

void ObInitialize(void)
{
    UNICODE_STRING Target;

    ObpInitializeHandles();
    ObpRoot = ObpCreateDirectory();
    RtlRequire(ObpRoot != NULL);
    for (ULONG At = 0; At < RTL_NUMBER_OF(Directories); At++)
        Plant(ObpCreateDirectory(), Directories[At]);
    for (ULONG At = 0; At < RTL_NUMBER_OF(Links); At++) {
        RtlInitUnicodeString(&Target, Links[At].Target);
        Plant(ObCreateLink(&Target), Links[At].Name);
    }
    for (ULONG At = 0; At < RTL_NUMBER_OF(Callbacks); At++)
        PlantCallback(Callbacks[At]);
}

/* ---- Whole names ---- */

/* Walk up from Object and call Visit for each part of its path, the last first; for none if it has no name. Names and
 * what they are in live as long as the object. A path that does not lead to the root any more begins with "...". What
 * follows the name of an object that Object goes by is one part, whatever is in it. */
static void ForEachPart(PVOID Object, void (*Visit)(PVOID Context, PCUNICODE_STRING Part), PVOID Context)
{
    const UNICODE_STRING Lost = { sizeof Ellipsis - sizeof(WCHAR), sizeof Ellipsis, Ellipsis };

    PVOID (*Named)(PVOID Object, PUNICODE_STRING Rest) = OBJECT_TO_HEADER(Object)->Type->Named;
    UNICODE_STRING Rest = { 0 };
    PVOID At = Named != NULL ? Named(Object, &Rest) : Object;

    if (Rest.Buffer != NULL)
        Visit(Context, &Rest);
    for (; At != ObpRoot; At = OBJECT_TO_HEADER(At)->Name->Directory) {
        if (!ObpIsNamed(At)) {
            if (At != Object)
                Visit(Context, &Lost);
            return;
        }
        Visit(Context, &OBJECT_TO_HEADER(At)->Name->Text);
    }
}

static void AddLength(PVOID Context, PCUNICODE_STRING Part) { *(PULONG)Context += (ULONG)sizeof(WCHAR) + Part->Length; }

/* Where a path is written, from its end. */
typedef struct _PATH {
    PUCHAR Room;
    ULONG Left;                         /* in front of what is written */
    BOOLEAN Fits;
} PATH;

static void PutPart(PVOID Context, PCUNICODE_STRING Part)
{
    PATH *Path = Context;
    ULONG Bytes = (ULONG)sizeof(WCHAR) + Part->Length;

    Path->Fits = Path->Fits && Bytes <= Path->Left;
    if (!Path->Fits)
        return;
    Path->Left -= Bytes;
    *(PWSTR)(Path->Room + Path->Left) = '\\';
    memcpy(Path->Room + Path->Left + sizeof(WCHAR), Part->Buffer, Part->Length);
}

static ULONG PathLength(PVOID Object)
{
    ULONG Bytes = 0;

    if (Object == ObpRoot)
        return sizeof(WCHAR);
    ForEachPart(Object, AddLength, &Bytes);
    return Bytes;
}

/* FALSE: a name on the way was lost since Bytes were counted. */
static BOOLEAN PutPath(PVOID Object, PWSTR Text, ULONG Bytes)
{
    PATH Path = { (PUCHAR)Text, Bytes, TRUE };

    Text[Bytes / sizeof(WCHAR)] = 0;
    if (Object == ObpRoot)
        PutPart(&Path, &(UNICODE_STRING){ 0 });
    else
        ForEachPart(Object, PutPart, &Path);
    return Path.Fits && Path.Left == 0;
}

/* ObQueryNameString - the path of Object, ended by a zero that does not count, behind ObjectNameInfo, whose Name points
 * to it; a file's is its device's and what was opened behind that; no name: an empty one without a buffer. Length: of
 * ObjectNameInfo, in bytes. IRQL: PASSIVE_LEVEL. Returns: STATUS_SUCCESS; STATUS_INFO_LENGTH_MISMATCH if that is too
 * short; STATUS_NAME_TOO_LONG if no string can hold the path. *ReturnLength is what it takes.
 * Source: WDK nf-ntifs-obquerynamestring. */
NTSTATUS ObQueryNameString(PVOID Object, POBJECT_NAME_INFORMATION ObjectNameInfo, ULONG Length, PULONG ReturnLength)
{
    PWSTR Text = (PWSTR)(ObjectNameInfo + 1);
    ULONG Bytes;

    do {
        Bytes = PathLength(Object);
        *ReturnLength = (ULONG)sizeof *ObjectNameInfo + (Bytes != 0 ? Bytes + (ULONG)sizeof(WCHAR) : 0);
        if (Bytes + sizeof(WCHAR) > NAME_LIMIT)
            return STATUS_NAME_TOO_LONG;
        if (Length < *ReturnLength)
            return STATUS_INFO_LENGTH_MISMATCH;
    } while (Bytes != 0 && !PutPath(Object, Text, Bytes));
    ObjectNameInfo->Name = (UNICODE_STRING){ 0 };
    if (Bytes != 0)
        ObjectNameInfo->Name = (UNICODE_STRING){ (USHORT)Bytes, (USHORT)(Bytes + sizeof(WCHAR)), Text };
    return STATUS_SUCCESS;
}

/* ---- Services of directories ---- */

/* ZwCreateDirectoryObject - an empty directory and a handle to it; with OBJ_OPENIF, one that is there.
 * IRQL: PASSIVE_LEVEL. Returns: as ZwCreateEvent. Source: WDK nf-wdm-zwcreatedirectoryobject. */
NTSTATUS ZwCreateDirectoryObject(PHANDLE DirectoryHandle, ACCESS_MASK DesiredAccess,
                                 POBJECT_ATTRIBUTES ObjectAttributes)
{
    KPROCESSOR_MODE Outer = ExEnterService();
    NTSTATUS Status = ObpCreateService(__builtin_return_address(0), ObpCreateDirectory(), DirectoryHandle,
                                       DesiredAccess, ObjectAttributes);

    ExLeaveService(Outer);
    return Status;
}

/* ZwOpenDirectoryObject - a handle to the directory of that name, for RootDirectory of other calls.
 * IRQL: PASSIVE_LEVEL. Returns: as ZwOpenEvent. Source: WDK, ZwOpenDirectoryObject. */
NTSTATUS ZwOpenDirectoryObject(PHANDLE DirectoryHandle, ACCESS_MASK DesiredAccess,
                               POBJECT_ATTRIBUTES ObjectAttributes)
{
    KPROCESSOR_MODE Outer = ExEnterService();
    NTSTATUS Status = ObpOpenService(__builtin_return_address(0), &ObpDirectoryType, 0, DirectoryHandle, DesiredAccess,
                                     ObjectAttributes);

    ExLeaveService(Outer);
    return Status;
}
