/* name_test.c - paths, directories, symbolic links: what each status is for, and how long a name lasts. */
#include <ex/pool.h>
#include <ke/event.h>
#include <ktest.h>
#include <ob/create.h>
#include <ob/event_object.h>
#include <ob/names.h>
#include <ps/process.h>
#include <rtl/nt_string.h>
#include <rtl/status.h>
#include <rtl/string.h>

typedef struct _THING { ULONG Number; } THING;

static LONG Deleted;

static void DeleteThing(PVOID Object)
{
    UNREFERENCED_PARAMETER(Object);
    Deleted++;
}

/* What a path says behind a gate. */
static WCHAR ParsedText[64];
static ULONG ParsedBytes;
static PVOID ParsedContext;

static NTSTATUS ParseGate(PVOID Object, PCUNICODE_STRING Rest, PVOID Context, PVOID *Found)
{
    ParsedBytes = Rest->Length;
    memcpy(ParsedText, Rest->Buffer, Rest->Length);
    ParsedContext = Context;
    if (Rest->Length > sizeof(WCHAR) * 8)
        return STATUS_NAME_TOO_LONG;
    *Found = Object;
    ObfReferenceObject(Object);
    return STATUS_SUCCESS;
}

static OBJECT_TYPE ThingType = { &ThingType, "Thing", DeleteThing, 0x001F0003 };
static OBJECT_TYPE GateType = { &GateType, "Gate", DeleteThing, 0x001F0003, .Parse = ParseGate };

static PVOID NewThing(POBJECT_TYPE Type)
{
    PVOID Thing = ObCreateObject(Type, sizeof(THING));

    REQUIRE_TRUE(Thing != NULL);
    return Thing;
}

static UNICODE_STRING Text(PCWSTR Of)
{
    UNICODE_STRING String;

    RtlInitUnicodeString(&String, Of);
    return String;
}

static NTSTATUS Name(PVOID Object, PCWSTR Path, ULONG Attributes)
{
    UNICODE_STRING String = Text(Path);

    return ObNameObject(Object, NULL, &String, Attributes);
}

static NTSTATUS LookUp(PCWSTR Path, ULONG Attributes, POBJECT_TYPE Type, PVOID *Object)
{
    UNICODE_STRING String = Text(Path);

    *Object = (PVOID)1;
    return ObReferenceObjectByName(&String, Attributes, NULL, 0, Type, KernelMode, NULL, Object);
}

/* The status of a look-up; what it finds is given back. */
static NTSTATUS Try(PCWSTR Path, ULONG Attributes, POBJECT_TYPE Type)
{
    PVOID Object;
    NTSTATUS Status = LookUp(Path, Attributes, Type, &Object);

    if (NT_SUCCESS(Status))
        ObfDereferenceObject(Object);
    else
        EXPECT_EQ(Object, NULL);
    return Status;
}

static void Link(PCWSTR Path, PCWSTR Target, PHANDLE Handle)
{
    UNICODE_STRING PathText = Text(Path), TargetText = Text(Target);
    OBJECT_ATTRIBUTES Attributes = { sizeof Attributes, NULL, &PathText, OBJ_KERNEL_HANDLE };

    REQUIRE_EQ(ZwCreateSymbolicLinkObject(Handle, GENERIC_ALL, &Attributes, &TargetText), STATUS_SUCCESS);
}

TEST(ob_name, tree_that_nt_begins_with)
{
    static const PCWSTR Paths[] = {
        L"\\", L"\\BaseNamedObjects", L"\\Callback", L"\\Device", L"\\Driver", L"\\FileSystem", L"\\GLOBAL\?\?",
        L"\\KernelObjects", L"\\\?\?", L"\\DosDevices", L"\\DosDevices\\Global", L"\\\?\?\\Global\\Global"
    };
    PVOID Global, Dos;

    for (ULONG At = 0; At < RTL_NUMBER_OF(Paths); At++)
        EXPECT_EQ(Try(Paths[At], 0, NULL), STATUS_SUCCESS);
    REQUIRE_EQ(LookUp(L"\\GLOBAL\?\?", 0, NULL, &Global), STATUS_SUCCESS);
    REQUIRE_EQ(LookUp(L"\\DosDevices\\Global", 0, NULL, &Dos), STATUS_SUCCESS);
    EXPECT_EQ(Global, Dos);
    ObfDereferenceObject(Global);
    ObfDereferenceObject(Dos);
}

/* covers Names.1, Names.2, Names.3 */
TEST(ob_name, each_wrong_path_has_its_status)
{
    static const struct { PCWSTR Path; NTSTATUS Status; } Rows[] = {
        { L"", STATUS_OBJECT_PATH_SYNTAX_BAD },
        { L"Device", STATUS_OBJECT_PATH_SYNTAX_BAD },
        { L"\\\\Device", STATUS_OBJECT_NAME_INVALID },
        { L"\\Device\\\\A", STATUS_OBJECT_NAME_INVALID },
        { L"\\Device\\", STATUS_OBJECT_NAME_INVALID },
        { L"\\NotThere", STATUS_OBJECT_NAME_NOT_FOUND },
        { L"\\NotThere\\", STATUS_OBJECT_PATH_NOT_FOUND },
        { L"\\NotThere\\A", STATUS_OBJECT_PATH_NOT_FOUND },
        { L"\\Device\\NotThere", STATUS_OBJECT_NAME_NOT_FOUND },
        { L"\\device", STATUS_OBJECT_NAME_NOT_FOUND },
        { L"\\BaseNamedObjects\\KtThing\\A", STATUS_OBJECT_TYPE_MISMATCH },
    };
    UNICODE_STRING Odd = { 3, 3, L"\\D" };
    PVOID Thing = NewThing(&ThingType), Object;

    REQUIRE_EQ(Name(Thing, L"\\BaseNamedObjects\\KtThing", 0), STATUS_SUCCESS);
    for (ULONG At = 0; At < RTL_NUMBER_OF(Rows); At++)
        EXPECT_EQ(Try(Rows[At].Path, 0, NULL), Rows[At].Status);
    EXPECT_EQ(ObReferenceObjectByName(&Odd, 0, NULL, 0, NULL, KernelMode, NULL, &Object), STATUS_OBJECT_NAME_INVALID);
    EXPECT_EQ(Try(L"\\device", OBJ_CASE_INSENSITIVE, NULL), STATUS_SUCCESS);
    EXPECT_EQ(Try(L"\\BASENAMEDOBJECTS\\ktthing", OBJ_CASE_INSENSITIVE, &ThingType), STATUS_SUCCESS);
    EXPECT_EQ(Try(L"\\BaseNamedObjects\\KtThing", 0, &GateType), STATUS_OBJECT_TYPE_MISMATCH);
    Deleted = 0;
    EXPECT_EQ(ObfDereferenceObject(Thing), 0);
    EXPECT_EQ(Deleted, 1);
}

/* covers Names.3, Names.5 */
TEST(ob_name, collides_in_its_case_or_in_any)
{
    PVOID First = NewThing(&ThingType), Second = NewThing(&ThingType), Found;

    REQUIRE_EQ(Name(First, L"\\BaseNamedObjects\\KtOne", 0), STATUS_SUCCESS);
    EXPECT_EQ(Name(Second, L"\\BaseNamedObjects\\KtOne", 0), STATUS_OBJECT_NAME_COLLISION);
    EXPECT_EQ(Name(Second, L"\\BaseNamedObjects\\KTONE", OBJ_CASE_INSENSITIVE), STATUS_OBJECT_NAME_COLLISION);
    EXPECT_EQ(Name(Second, L"\\", 0), STATUS_OBJECT_NAME_COLLISION);
    EXPECT_EQ(Name(Second, L"\\NotThere\\A", 0), STATUS_OBJECT_PATH_NOT_FOUND);
    EXPECT_EQ(Name(Second, L"\\BaseNamedObjects\\", 0), STATUS_OBJECT_NAME_INVALID);
    EXPECT_EQ(Name(Second, L"\\DosDevices", 0), STATUS_OBJECT_NAME_COLLISION);     /* a link is not followed */
    REQUIRE_EQ(Name(Second, L"\\BaseNamedObjects\\KTONE", 0), STATUS_SUCCESS);
    REQUIRE_EQ(LookUp(L"\\BaseNamedObjects\\KTONE", 0, NULL, &Found), STATUS_SUCCESS);
    EXPECT_EQ(Found, Second);
    ObfDereferenceObject(Found);
    ObfDereferenceObject(First);
    ObfDereferenceObject(Second);
    EXPECT_EQ(Try(L"\\BaseNamedObjects\\KtOne", OBJ_CASE_INSENSITIVE, NULL), STATUS_OBJECT_NAME_NOT_FOUND);
}

/* covers Names.6 */
TEST(ob_name, permanent_until_made_temporary)
{
    PVOID Thing = NewThing(&ThingType);

    REQUIRE_EQ(Name(Thing, L"\\Device\\KtStays", OBJ_PERMANENT), STATUS_SUCCESS);
    Deleted = 0;
    EXPECT_EQ(ObfDereferenceObject(Thing), 1);
    EXPECT_EQ(Try(L"\\Device\\KtStays", 0, &ThingType), STATUS_SUCCESS);
    EXPECT_EQ(Deleted, 0);
    ObMakeTemporaryObject(Thing);
    EXPECT_EQ(Deleted, 1);
    EXPECT_EQ(Try(L"\\Device\\KtStays", 0, NULL), STATUS_OBJECT_NAME_NOT_FOUND);
}

/* covers Handles.1 */
TEST(ob_name, goes_with_the_last_handle)
{
    UNICODE_STRING Path = Text(L"\\BaseNamedObjects\\KtEvent");
    OBJECT_ATTRIBUTES Attributes = { sizeof Attributes, NULL, &Path, OBJ_KERNEL_HANDLE };
    HANDLE First, Second;
    PVOID Event;

    REQUIRE_EQ(ZwCreateEvent(&First, GENERIC_ALL, &Attributes, NotificationEvent, FALSE), STATUS_SUCCESS);
    REQUIRE_EQ(ZwOpenEvent(&Second, GENERIC_ALL, &Attributes), STATUS_SUCCESS);
    REQUIRE_EQ(LookUp(L"\\BaseNamedObjects\\KtEvent", 0, ExEventObjectType, &Event), STATUS_SUCCESS);
    EXPECT_EQ(OBJECT_TO_HEADER(Event)->HandleCount, 2);
    EXPECT_EQ(OBJECT_TO_HEADER(Event)->PointerCount, 3);
    EXPECT_EQ(ZwClose(First), STATUS_SUCCESS);
    EXPECT_EQ(Try(L"\\BaseNamedObjects\\KtEvent", 0, NULL), STATUS_SUCCESS);
    EXPECT_EQ(ZwClose(Second), STATUS_SUCCESS);
    EXPECT_EQ(Try(L"\\BaseNamedObjects\\KtEvent", 0, NULL), STATUS_OBJECT_NAME_NOT_FOUND);
    EXPECT_EQ(ObfDereferenceObject(Event), 0);          /* who holds it has it without its name */
}

/* covers Names.6 */
TEST(ob_name, made_temporary_by_its_handle)
{
    UNICODE_STRING Path = Text(L"\\BaseNamedObjects\\KtEvent");
    OBJECT_ATTRIBUTES Attributes = { sizeof Attributes, NULL, &Path, OBJ_KERNEL_HANDLE | OBJ_PERMANENT };
    HANDLE Handle;

    REQUIRE_EQ(ZwCreateEvent(&Handle, GENERIC_ALL, &Attributes, NotificationEvent, FALSE), STATUS_SUCCESS);
    EXPECT_EQ(ZwClose(Handle), STATUS_SUCCESS);
    REQUIRE_EQ(ZwOpenEvent(&Handle, DELETE, &Attributes), STATUS_SUCCESS);
    EXPECT_EQ(ZwMakeTemporaryObject(Handle), STATUS_SUCCESS);
    EXPECT_EQ(Try(L"\\BaseNamedObjects\\KtEvent", 0, NULL), STATUS_SUCCESS);       /* as long as a handle is open */
    EXPECT_EQ(NtMakePermanentObject(Handle), STATUS_SUCCESS);
    EXPECT_EQ(NtMakePermanentObject(Handle), STATUS_SUCCESS);
    EXPECT_EQ(ZwClose(Handle), STATUS_SUCCESS);
    REQUIRE_EQ(ZwOpenEvent(&Handle, DELETE, &Attributes), STATUS_SUCCESS);
    EXPECT_EQ(ZwMakeTemporaryObject(Handle), STATUS_SUCCESS);
    EXPECT_EQ(ZwMakeTemporaryObject(Handle), STATUS_SUCCESS);
    EXPECT_EQ(ZwClose(Handle), STATUS_SUCCESS);
    EXPECT_EQ(ZwOpenEvent(&Handle, DELETE, &Attributes), STATUS_OBJECT_NAME_NOT_FOUND);
    EXPECT_EQ(ZwMakeTemporaryObject(Handle), STATUS_INVALID_HANDLE);
}

/* covers Names.4 */
TEST(ob_name, links_are_followed_wherever_they_stand)
{
    PVOID Thing = NewThing(&ThingType), Found;
    HANDLE ToDirectory, ToThing, Chain, Nowhere, Slash;

    REQUIRE_EQ(Name(Thing, L"\\BaseNamedObjects\\KtThing", 0), STATUS_SUCCESS);
    Link(L"\\KtDir", L"\\BaseNamedObjects", &ToDirectory);
    Link(L"\\KtLast", L"\\KtDir\\KtThing", &ToThing);
    Link(L"\\KtChain", L"\\KtLast", &Chain);
    Link(L"\\KtNowhere", L"\\NotThere", &Nowhere);
    REQUIRE_EQ(LookUp(L"\\KtDir\\KtThing", 0, &ThingType, &Found), STATUS_SUCCESS);
    EXPECT_EQ(Found, Thing);
    ObfDereferenceObject(Found);
    REQUIRE_EQ(LookUp(L"\\KtChain", 0, &ThingType, &Found), STATUS_SUCCESS);
    EXPECT_EQ(Found, Thing);
    ObfDereferenceObject(Found);
    EXPECT_EQ(Try(L"\\KtChain", OBJ_DONT_REPARSE, NULL), STATUS_REPARSE_POINT_ENCOUNTERED);
    EXPECT_EQ(Try(L"\\KtDir\\KtThing", OBJ_DONT_REPARSE, NULL), STATUS_REPARSE_POINT_ENCOUNTERED);
    EXPECT_EQ(Try(L"\\BaseNamedObjects\\KtThing", OBJ_DONT_REPARSE, NULL), STATUS_SUCCESS);
    REQUIRE_EQ(LookUp(L"\\KtChain", OBJ_OPENLINK, NULL, &Found), STATUS_SUCCESS);
    EXPECT_NE(Found, Thing);
    ObfDereferenceObject(Found);
    Link(L"\\KtSlash", L"\\BaseNamedObjects\\", &Slash);      /* and no second backslash in between */
    EXPECT_EQ(Try(L"\\KtSlash\\KtThing", 0, &ThingType), STATUS_SUCCESS);
    EXPECT_EQ(Try(L"\\KtSlash\\\\KtThing", 0, NULL), STATUS_OBJECT_NAME_INVALID);
    EXPECT_EQ(Try(L"\\KtChain\\A", 0, NULL), STATUS_OBJECT_TYPE_MISMATCH);
    EXPECT_EQ(Try(L"\\KtNowhere", 0, NULL), STATUS_OBJECT_NAME_NOT_FOUND);
    EXPECT_EQ(Try(L"\\KtNowhere\\A", 0, NULL), STATUS_OBJECT_PATH_NOT_FOUND);
    EXPECT_EQ(ZwClose(ToDirectory), STATUS_SUCCESS);
    EXPECT_EQ(Try(L"\\KtChain", 0, NULL), STATUS_OBJECT_PATH_NOT_FOUND);
    ZwClose(ToThing);
    ZwClose(Chain);
    ZwClose(Nowhere);
    ZwClose(Slash);
    ObfDereferenceObject(Thing);
}

/* covers Names.4 */
TEST(ob_name, ring_of_links_ends)
{
    HANDLE Ring, Growing, Relative;

    Link(L"\\KtRing", L"\\KtRing", &Ring);
    Link(L"\\KtGrowing", L"\\KtGrowing\\A", &Growing);
    Link(L"\\KtRelative", L"Device", &Relative);
    EXPECT_EQ(Try(L"\\KtRing", 0, NULL), STATUS_OBJECT_NAME_INVALID);
    EXPECT_EQ(Try(L"\\KtGrowing\\A", 0, NULL), STATUS_OBJECT_NAME_INVALID);
    EXPECT_EQ(Try(L"\\KtRelative", 0, NULL), STATUS_OBJECT_NAME_INVALID);
    ZwClose(Ring);
    ZwClose(Growing);
    ZwClose(Relative);
}

TEST(ob_name, link_tells_its_target)
{
    UNICODE_STRING Path = Text(L"\\\?\?\\KtLink"), Empty = { 0 };
    OBJECT_ATTRIBUTES Attributes = { sizeof Attributes, NULL, &Path, OBJ_KERNEL_HANDLE };
    WCHAR Buffer[16];
    UNICODE_STRING Told = { 0x5555, 14, Buffer };
    HANDLE Handle, Again;
    ULONG Length = 0;

    Link(L"\\\?\?\\KtLink", L"\\Device\\X", &Handle);
    REQUIRE_EQ(ZwOpenSymbolicLinkObject(&Again, GENERIC_READ, &Attributes), STATUS_SUCCESS);
    memset(Buffer, 0x55, sizeof Buffer);
    EXPECT_EQ(ZwQuerySymbolicLinkObject(Again, &Told, &Length), STATUS_BUFFER_TOO_SMALL);
    EXPECT_EQ(Length, 18);
    EXPECT_EQ(Buffer[0], 0x5555);
    Told.MaximumLength = 18;
    EXPECT_EQ(ZwQuerySymbolicLinkObject(Again, &Told, NULL), STATUS_SUCCESS);
    EXPECT_EQ(Told.Length, 18);
    EXPECT_EQ(memcmp(Buffer, L"\\Device\\X", 18), 0);
    EXPECT_EQ(Buffer[9], 0x5555);
    EXPECT_EQ(ZwCreateSymbolicLinkObject(&Again, 0, NULL, &Empty), STATUS_INVALID_PARAMETER);
    ZwClose(Handle);
    ZwClose(Again);
    EXPECT_EQ(ZwOpenSymbolicLinkObject(&Again, GENERIC_READ, &Attributes), STATUS_OBJECT_NAME_NOT_FOUND);
}

TEST(ob_name, rest_of_a_path_is_the_types_to_read)
{
    PVOID Gate = NewThing(&GateType), Found;
    UNICODE_STRING Path = Text(L"\\\?\?\\KtGate\\sub\\x");
    HANDLE Alias;

    REQUIRE_EQ(Name(Gate, L"\\Device\\KtGate", OBJ_PERMANENT), STATUS_SUCCESS);
    Link(L"\\\?\?\\KtGate", L"\\Device\\KtGate", &Alias);
    REQUIRE_EQ(ObReferenceObjectByName(&Path, 0, NULL, 0, &GateType, KernelMode, &Path, &Found), STATUS_SUCCESS);
    EXPECT_EQ(Found, Gate);
    EXPECT_EQ(ParsedContext, &Path);
    EXPECT_EQ(ParsedBytes, 12);
    EXPECT_EQ(memcmp(ParsedText, L"\\sub\\x", 12), 0);
    ObfDereferenceObject(Found);
    EXPECT_EQ(Try(L"\\Device\\KtGate", 0, &GateType), STATUS_SUCCESS);
    EXPECT_EQ(ParsedBytes, 0);
    EXPECT_EQ(Try(L"\\\?\?\\KtGate\\", 0, &GateType), STATUS_SUCCESS);
    EXPECT_EQ(ParsedBytes, 2);
    EXPECT_EQ(Try(L"\\\?\?\\KtGate\\much too long", 0, &GateType), STATUS_NAME_TOO_LONG);
    EXPECT_EQ(Try(L"\\\?\?\\KtGate", 0, &ThingType), STATUS_OBJECT_TYPE_MISMATCH);
    EXPECT_EQ(OBJECT_TO_HEADER(Gate)->PointerCount, 2);
    Deleted = 0;
    ObMakeTemporaryObject(Gate);
    ObfDereferenceObject(Gate);
    EXPECT_EQ(Deleted, 1);
    ZwClose(Alias);
}

/* covers Names.1 */
TEST(ob_name, begins_in_a_directory_of_the_callers)
{
    UNICODE_STRING Path = Text(L"\\BaseNamedObjects\\KtDir"), Relative = Text(L"Inner"), Absolute = Text(L"\\Inner");
    OBJECT_ATTRIBUTES Attributes = { sizeof Attributes, NULL, &Path, OBJ_KERNEL_HANDLE };
    HANDLE Directory, Event, Same;

    REQUIRE_EQ(ZwCreateDirectoryObject(&Directory, GENERIC_ALL, &Attributes), STATUS_SUCCESS);
    EXPECT_EQ(ZwCreateDirectoryObject(&Same, GENERIC_ALL, &Attributes), STATUS_OBJECT_NAME_COLLISION);
    REQUIRE_EQ(ZwOpenDirectoryObject(&Same, GENERIC_ALL, &Attributes), STATUS_SUCCESS);
    Attributes.RootDirectory = Directory;
    Attributes.ObjectName = &Relative;
    REQUIRE_EQ(ZwCreateEvent(&Event, GENERIC_ALL, &Attributes, NotificationEvent, FALSE), STATUS_SUCCESS);
    EXPECT_EQ(Try(L"\\BaseNamedObjects\\KtDir\\Inner", 0, ExEventObjectType), STATUS_SUCCESS);
    Attributes.ObjectName = &Absolute;
    EXPECT_EQ(ZwOpenEvent(&Event, GENERIC_ALL, &Attributes), STATUS_OBJECT_PATH_SYNTAX_BAD);
    Attributes.RootDirectory = Event;
    Attributes.ObjectName = &Relative;
    EXPECT_EQ(ZwOpenEvent(&Same, GENERIC_ALL, &Attributes), STATUS_OBJECT_TYPE_MISMATCH);
    Attributes.RootDirectory = (HANDLE)0xFFFFFFFF80FFFFF0ull;
    EXPECT_EQ(ZwOpenEvent(&Same, GENERIC_ALL, &Attributes), STATUS_INVALID_HANDLE);
    EXPECT_EQ(ZwClose(Same), STATUS_SUCCESS);
    EXPECT_EQ(ZwClose(Directory), STATUS_SUCCESS);      /* its name is gone, what is in it is not */
    EXPECT_EQ(Try(L"\\BaseNamedObjects\\KtDir\\Inner", 0, NULL), STATUS_OBJECT_PATH_NOT_FOUND);
    EXPECT_EQ(ZwClose(Event), STATUS_SUCCESS);
}

TEST(ob_name, attributes_are_looked_at)
{
    UNICODE_STRING Path = Text(L"\\BaseNamedObjects\\KtEvent"), Odd = { 5, 6, L"\\A" }, NoBuffer = { 4, 4, NULL };
    OBJECT_ATTRIBUTES Attributes = { sizeof Attributes - 1, NULL, &Path, OBJ_KERNEL_HANDLE };
    HANDLE Handle = (HANDLE)1;

    EXPECT_EQ(ZwCreateEvent(&Handle, 0, &Attributes, NotificationEvent, FALSE), STATUS_INVALID_PARAMETER);
    Attributes.Length++;
    Attributes.Attributes = OBJ_KERNEL_HANDLE | 0x2000;
    EXPECT_EQ(ZwCreateEvent(&Handle, 0, &Attributes, NotificationEvent, FALSE), STATUS_INVALID_PARAMETER);
    Attributes.Attributes = OBJ_KERNEL_HANDLE;
    Attributes.ObjectName = &Odd;
    EXPECT_EQ(ZwCreateEvent(&Handle, 0, &Attributes, NotificationEvent, FALSE), STATUS_OBJECT_NAME_INVALID);
    Attributes.ObjectName = &NoBuffer;
    EXPECT_EQ(ZwCreateEvent(&Handle, 0, &Attributes, NotificationEvent, FALSE), STATUS_OBJECT_NAME_INVALID);
    EXPECT_EQ(ZwOpenEvent(&Handle, 0, NULL), STATUS_INVALID_PARAMETER);
    Attributes = (OBJECT_ATTRIBUTES){ sizeof Attributes, NULL, NULL, OBJ_KERNEL_HANDLE | OBJ_FORCE_ACCESS_CHECK };
    EXPECT_EQ(ZwCreateEvent(&Handle, 0x8, &Attributes, NotificationEvent, FALSE), STATUS_ACCESS_DENIED);
    EXPECT_EQ(Handle, (HANDLE)1);
    Attributes.Attributes = OBJ_KERNEL_HANDLE;
    Attributes.ObjectName = NULL;
    EXPECT_EQ(ZwOpenEvent(&Handle, 0, &Attributes), STATUS_OBJECT_PATH_SYNTAX_BAD);
    EXPECT_EQ(Handle, (HANDLE)1);
}

/* Buffer is followed by poison. */
static void CheckNameOf(PVOID Object, PCWSTR Expected)
{
    ULONG Bytes = (ULONG)Text(Expected).Length, Needed = 16 + (Bytes != 0 ? Bytes + 2 : 0), Told = 0;
    struct { OBJECT_NAME_INFORMATION Information; WCHAR Text[100]; } Buffer;

    memset(&Buffer, 0x55, sizeof Buffer);
    EXPECT_EQ(ObQueryNameString(Object, &Buffer.Information, Needed - 1, &Told), STATUS_INFO_LENGTH_MISMATCH);
    EXPECT_EQ(Told, Needed);
    EXPECT_EQ(Buffer.Text[0], 0x5555);
    Told = 0;
    REQUIRE_EQ(ObQueryNameString(Object, &Buffer.Information, Needed, &Told), STATUS_SUCCESS);
    EXPECT_EQ(Told, Needed);
    EXPECT_EQ(Buffer.Information.Name.Length, Bytes);
    EXPECT_EQ(Buffer.Information.Name.MaximumLength, Bytes != 0 ? Bytes + 2 : 0);
    EXPECT_EQ(Buffer.Information.Name.Buffer, Bytes != 0 ? Buffer.Text : NULL);
    if (Bytes != 0)
        EXPECT_EQ(memcmp(Buffer.Text, Expected, Bytes + 2), 0);
    EXPECT_EQ(Buffer.Text[Bytes != 0 ? Bytes / 2 + 1 : 0], 0x5555);
}

/* covers ObQueryNameString.1 */
TEST(ob_name, is_told_whole)
{
    UNICODE_STRING Path = Text(L"\\BaseNamedObjects\\KtDir");
    OBJECT_ATTRIBUTES Attributes = { sizeof Attributes, NULL, &Path, OBJ_KERNEL_HANDLE };
    PVOID Thing = NewThing(&ThingType), Nameless = NewThing(&ThingType), Root;
    HANDLE Directory;

    REQUIRE_EQ(LookUp(L"\\", 0, NULL, &Root), STATUS_SUCCESS);
    CheckNameOf(Root, L"\\");
    ObfDereferenceObject(Root);
    REQUIRE_EQ(ZwCreateDirectoryObject(&Directory, GENERIC_ALL, &Attributes), STATUS_SUCCESS);
    REQUIRE_EQ(Name(Thing, L"\\basenamedobjects\\KTDIR\\Thing", OBJ_CASE_INSENSITIVE), STATUS_SUCCESS);
    CheckNameOf(Thing, L"\\BaseNamedObjects\\KtDir\\Thing");
    CheckNameOf(Nameless, L"");
    EXPECT_EQ(ZwClose(Directory), STATUS_SUCCESS);
    CheckNameOf(Thing, L"\\...\\Thing");
    ObMakeTemporaryObject(Thing);
    CheckNameOf(Thing, L"");
    ObfDereferenceObject(Thing);
    ObfDereferenceObject(Nameless);
}

/* A directory below Root (NULL: the root) whose name is a backslash, if it is in the root, and Units times a letter. */
static HANDLE LongDirectory(HANDLE Root, PWSTR Buffer, ULONG Units)
{
    USHORT Bytes = (USHORT)((Units + (Root == NULL)) * sizeof(WCHAR));
    UNICODE_STRING Path = { Bytes, Bytes, Buffer };
    OBJECT_ATTRIBUTES Attributes = { sizeof Attributes, Root, &Path, OBJ_KERNEL_HANDLE };
    HANDLE Directory;

    for (ULONG At = 0; At < Bytes / sizeof(WCHAR); At++)
        Buffer[At] = 'k';
    if (Root == NULL)
        Buffer[0] = '\\';
    REQUIRE_EQ(ZwCreateDirectoryObject(&Directory, GENERIC_ALL, &Attributes), STATUS_SUCCESS);
    return Directory;
}

/* Two names that are legal each make a path that a UNICODE_STRING cannot hold. */
/* covers ObQueryNameString.2 */
TEST(ob_name, longer_than_a_string_can_be_is_not_cut_off)
{
    enum { UNITS = 20000 };
    OBJECT_NAME_INFORMATION *Information = ExAllocatePoolWithTag(PagedPool, 0x20000, 'tseT');
    HANDLE Outer = LongDirectory(NULL, (PWSTR)Information, UNITS);
    HANDLE Inner = LongDirectory(Outer, (PWSTR)Information, UNITS);
    PVOID Object;
    ULONG Needed;

    REQUIRE_EQ(ObReferenceObjectByHandle(Inner, 0, NULL, KernelMode, &Object, NULL), STATUS_SUCCESS);
    EXPECT_EQ(ObQueryNameString(Object, Information, 0x20000, &Needed), STATUS_NAME_TOO_LONG);
    ObfDereferenceObject(Object);
    EXPECT_EQ(ZwClose(Inner), STATUS_SUCCESS);
    REQUIRE_EQ(ObReferenceObjectByHandle(Outer, 0, NULL, KernelMode, &Object, NULL), STATUS_SUCCESS);
    EXPECT_EQ(ObQueryNameString(Object, Information, 0x20000, &Needed), STATUS_SUCCESS);
    EXPECT_EQ(Information->Name.Length, (UNITS + 1) * sizeof(WCHAR));
    ObfDereferenceObject(Object);
    EXPECT_EQ(ZwClose(Outer), STATUS_SUCCESS);
    ExFreePool(Information);
}
