/* types.c - handles and the types that the kernel exports as data, as mingw compiles them: with one dereference more
 * than other compilers. Each handle is what it is, and nothing else.
 * covers ObReferenceObjectByHandle.1, ZwClose.1, trap 53
 *
 * expect: status 0
 * expect: log ^ok 9 - 
 * expect: log 9 ok, 0 not ok
 * expect: log 0 leaked
 * run: SMP=2 */
#include <ntifs.h>

DRIVER_INITIALIZE DriverEntry;
static DRIVER_UNLOAD Unload;
static KSTART_ROUTINE Nothing;

static ULONG Number;

static VOID Result(BOOLEAN Ok, const char *Handle, const char *Type)
{
    DbgPrint("%s %u - a handle to %s asked for as %s\n", Ok ? "ok" : "not ok", ++Number, Handle, Type);
}

static VOID NTAPI Nothing(PVOID Context) { UNREFERENCED_PARAMETER(Context); }

static VOID Try(HANDLE Handle, const char *What, ULONG Index)
{
    static const char *const Names[] = { "a thread", "a process", "an event" };
    POBJECT_TYPE Types[] = { *PsThreadType, *PsProcessType, *ExEventObjectType };
    ULONG i;

    for (i = 0; i < RTL_NUMBER_OF(Types); i++) {
        PVOID Object = &Object;
        NTSTATUS Status = ObReferenceObjectByHandle(Handle, 0, Types[i], KernelMode, &Object, NULL);

        if (Status == STATUS_SUCCESS)
            ObDereferenceObject(Object);
        Result(i == Index ? Status == STATUS_SUCCESS : Status == STATUS_OBJECT_TYPE_MISMATCH && Object == NULL, What,
               Names[i]);
    }
    if (ZwClose(Handle) != STATUS_SUCCESS || ZwClose(Handle) != STATUS_INVALID_HANDLE)
        DbgPrint("not ok - it is closed once\n");
}

static VOID NTAPI Unload(PDRIVER_OBJECT DriverObject) { UNREFERENCED_PARAMETER(DriverObject); }

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    HANDLE Thread, Process, Event;

    UNREFERENCED_PARAMETER(RegistryPath);
    DriverObject->DriverUnload = Unload;
    DbgPrint("1..9\n");
    if (!NT_SUCCESS(PsCreateSystemThread(&Thread, THREAD_ALL_ACCESS, NULL, NULL, NULL, Nothing, NULL)) ||
        !NT_SUCCESS(ObOpenObjectByPointer(PsInitialSystemProcess, OBJ_KERNEL_HANDLE, NULL, 0, *PsProcessType,
                                          KernelMode, &Process)) ||
        !NT_SUCCESS(ZwCreateEvent(&Event, EVENT_ALL_ACCESS, NULL, NotificationEvent, FALSE)))
        return STATUS_UNSUCCESSFUL;
    Try(Thread, "a thread", 0);
    Try(Process, "a process", 1);
    Try(Event, "an event", 2);
    return STATUS_SUCCESS;
}
