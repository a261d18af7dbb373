/* objects.c - objects by name and handle, as a driver uses them: a directory of its own, links, events and timers in it,
 * handles that are duplicated into a process and closed with it, waits for several, protected handles, thread names.
 *
 * expect: status 0
 * expect: log objects\.sys: DriverEntry returned 0x00000000
 * expect: log ^ok 12 -
 * expect: log 12 ok, 0 not ok
 * expect: log 0 leaked
 * run: SMP=1
 * run: SMP=2 ACCEL=parallel
 * run: APPEND=verifier=off */
#include <ntifs.h>

NTKERNELAPI NTSTATUS NTAPI PsCreateSystemProcess(PHANDLE, ULONG, POBJECT_ATTRIBUTES);
NTSYSAPI NTSTATUS NTAPI ZwSetInformationObject(HANDLE, OBJECT_INFORMATION_CLASS, PVOID, ULONG);
NTSYSAPI NTSTATUS NTAPI ZwWaitForMultipleObjects(ULONG, HANDLE[], WAIT_TYPE, BOOLEAN, PLARGE_INTEGER);

#define ThreadNameInformation ((THREADINFOCLASS)38)

DRIVER_INITIALIZE DriverEntry;
static DRIVER_UNLOAD Unload;
static KSTART_ROUTINE Setter;

static HANDLE Directory, Link;
static ULONG Number;

static VOID Check(BOOLEAN Condition, const char *What)
{
    DbgPrint("%s %u - %s\n", Condition ? "ok" : "not ok", ++Number, What);
}

static OBJECT_ATTRIBUTES *Named(OBJECT_ATTRIBUTES *Attributes, UNICODE_STRING *Text, PCWSTR Name, HANDLE Root)
{
    RtlInitUnicodeString(Text, Name);
    InitializeObjectAttributes(Attributes, Text, OBJ_KERNEL_HANDLE | OBJ_CASE_INSENSITIVE, Root, NULL);
    return Attributes;
}

static VOID MakeTree(VOID)
{
    UNICODE_STRING Text, Target = RTL_CONSTANT_STRING(L"\\BaseNamedObjects\\KedgeObjects");
    OBJECT_ATTRIBUTES Attributes;
    HANDLE Again;

    Check(NT_SUCCESS(ZwCreateDirectoryObject(&Directory, DIRECTORY_ALL_ACCESS,
                                             Named(&Attributes, &Text, L"\\BaseNamedObjects\\KedgeObjects", NULL))) &&
              ZwCreateDirectoryObject(&Again, DIRECTORY_ALL_ACCESS, &Attributes) == STATUS_OBJECT_NAME_COLLISION,
          "a directory, once");
    Check(NT_SUCCESS(ZwCreateSymbolicLinkObject(&Link, GENERIC_ALL,
                                                Named(&Attributes, &Text, L"\\DosDevices\\KedgeObjects", NULL),
                                                &Target)), "a link to it");
}

/* Made by one path, opened by another. */
static VOID ShareEvent(VOID)
{
    struct { OBJECT_NAME_INFORMATION Name; WCHAR Text[80]; } Told;
    UNICODE_STRING Text, Expected = RTL_CONSTANT_STRING(L"\\BaseNamedObjects\\KedgeObjects\\Ready");
    OBJECT_ATTRIBUTES Attributes;
    HANDLE First, Second;
    PVOID One, Other;
    ULONG Length;

    Check(NT_SUCCESS(ZwCreateEvent(&First, EVENT_ALL_ACCESS, Named(&Attributes, &Text, L"Ready", Directory),
                                   NotificationEvent, FALSE)) &&
              NT_SUCCESS(ZwOpenEvent(&Second, SYNCHRONIZE,
                                     Named(&Attributes, &Text, L"\\\?\?\\kedgeobjects\\READY", NULL))),
          "an event by its directory and by the link");
    ObReferenceObjectByHandle(First, EVENT_MODIFY_STATE, *ExEventObjectType, KernelMode, &One, NULL);
    ObReferenceObjectByHandle(Second, SYNCHRONIZE, *ExEventObjectType, KernelMode, &Other, NULL);
    Check(One == Other && NT_SUCCESS(ObQueryNameString(One, &Told.Name, sizeof Told, &Length)) &&
              RtlEqualUnicodeString(&Told.Name.Name, &Expected, FALSE), "it is the same, and knows its name");
    ObDereferenceObject(One);
    ObDereferenceObjectDeferDelete(Other);
    Check(ZwOpenEvent(&One, SYNCHRONIZE, Named(&Attributes, &Text, L"\\\?\?\\KedgeObjects\\Ready\\More", NULL)) ==
              STATUS_OBJECT_TYPE_MISMATCH, "nothing is behind an event");
    ZwClose(First);
    ZwClose(Second);
    Check(ZwOpenEvent(&First, SYNCHRONIZE, Named(&Attributes, &Text, L"Ready", Directory)) ==
              STATUS_OBJECT_NAME_NOT_FOUND, "its name goes with the last handle");
}

static VOID NTAPI Setter(PVOID Context)
{
    static WCHAR Name[] = L"setter of objects";
    UNICODE_STRING Text = RTL_CONSTANT_STRING(Name);
    HANDLE *Events = Context;

    ZwSetInformationThread(NtCurrentThread(), ThreadNameInformation, &Text, sizeof Text);
    ZwSetEvent(Events[1], NULL);
    ZwSetEvent(Events[0], NULL);
}

static VOID WaitForSeveral(VOID)
{
    OBJECT_ATTRIBUTES Attributes;
    HANDLE Handles[4];
    LARGE_INTEGER Due = { .QuadPart = -50000 };
    NTSTATUS Status;

    InitializeObjectAttributes(&Attributes, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
    ZwCreateEvent(&Handles[0], EVENT_ALL_ACCESS, &Attributes, SynchronizationEvent, FALSE);
    ZwCreateEvent(&Handles[1], EVENT_ALL_ACCESS, &Attributes, SynchronizationEvent, FALSE);
    ZwCreateTimer(&Handles[2], GENERIC_ALL, &Attributes, NotificationTimer);
    ZwSetTimer(Handles[2], &Due, NULL, NULL, FALSE, 0, NULL);
    PsCreateSystemThread(&Handles[3], THREAD_ALL_ACCESS, &Attributes, NULL, NULL, Setter, Handles);
    Status = ZwWaitForMultipleObjects(4, Handles, WaitAll, FALSE, NULL);
    Check(Status == STATUS_SUCCESS, "two events, a timer and a thread's end, all waited for");
    Due.QuadPart = 0;
    Check(ZwWaitForMultipleObjects(4, Handles, WaitAny, FALSE, &Due) == STATUS_WAIT_0 + 2, "the timer stays signalled");
    for (ULONG i = 0; i < 4; i++)
        ZwClose(Handles[i]);
}

/* A handle in a process of its own is closed with it: the event in it goes, and so does its name. */
static VOID LendToProcess(VOID)
{
    UNICODE_STRING Text;
    OBJECT_ATTRIBUTES Attributes;
    HANDLE Process, Event, Lent, Back;
    LARGE_INTEGER Moment = { .QuadPart = -10000 };
    NTSTATUS Status = STATUS_SUCCESS;

    if (!NT_SUCCESS(PsCreateSystemProcess(&Process, PROCESS_ALL_ACCESS, NULL)))
        return;
    ZwCreateEvent(&Event, EVENT_ALL_ACCESS, Named(&Attributes, &Text, L"Lent", Directory), NotificationEvent, FALSE);
    Check(NT_SUCCESS(ZwDuplicateObject(NtCurrentProcess(), Event, Process, &Lent, 0, 0,
                                       DUPLICATE_SAME_ACCESS | DUPLICATE_CLOSE_SOURCE)) &&
              ZwClose(Event) == STATUS_INVALID_HANDLE, "a handle is given to a process");
    Check(NT_SUCCESS(ZwDuplicateObject(Process, Lent, NtCurrentProcess(), &Back, EVENT_MODIFY_STATE,
                                       OBJ_KERNEL_HANDLE, 0)) && NT_SUCCESS(ZwSetEvent(Back, NULL)), "and lent back");
    ZwClose(Back);
    ZwClose(Process);
    for (ULONG i = 0; i < 1000 && NT_SUCCESS(Status); i++) {
        Status = ZwOpenEvent(&Event, SYNCHRONIZE, Named(&Attributes, &Text, L"Lent", Directory));
        if (NT_SUCCESS(Status))
            ZwClose(Event);
        KeDelayExecutionThread(KernelMode, FALSE, &Moment);
    }
    Check(Status == STATUS_OBJECT_NAME_NOT_FOUND, "it goes with the process");
}

static VOID Protect(VOID)
{
    struct { BOOLEAN Inherit, ProtectFromClose; } Flags = { FALSE, TRUE };
    NTSTATUS Refused, Closed;

    ZwSetInformationObject(Link, ObjectHandleFlagInformation, &Flags, sizeof Flags);
    Refused = ZwClose(Link);
    Flags.ProtectFromClose = FALSE;
    ZwSetInformationObject(Link, ObjectHandleFlagInformation, &Flags, sizeof Flags);
    Closed = ZwClose(Link);
    Check(Refused == STATUS_HANDLE_NOT_CLOSABLE && Closed == STATUS_SUCCESS, "a protected handle is closed last");
}

static VOID NTAPI Unload(PDRIVER_OBJECT DriverObject)
{
    UNREFERENCED_PARAMETER(DriverObject);
    ZwClose(Directory);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNREFERENCED_PARAMETER(RegistryPath);
    DriverObject->DriverUnload = Unload;
    MakeTree();
    ShareEvent();
    WaitForSeveral();
    LendToProcess();
    Protect();
    return STATUS_SUCCESS;
}
