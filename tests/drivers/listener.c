/* listener.c - registers with the announcer's callback object, which it finds by name, and after a hundred news says so by
 * the event that both know the name of.
 *
 * expect: status 0
 * expect: log ^ok 1 - there is no news before the announcer is there
 * expect: log 1 loaded, 0 refused; 1 ok, 0 not ok, 0 skipped; 0 leaked */
#include <ntifs.h>

DRIVER_INITIALIZE DriverEntry;
static DRIVER_UNLOAD Unload;
static CALLBACK_FUNCTION Hear;

static PCALLBACK_OBJECT News;
static PVOID Registration;
static HANDLE EnoughHandle;
static PKEVENT Enough;
static volatile LONG Heard, Wrong, Gone;
static ULONG Number;

static VOID Check(BOOLEAN Condition, const char *What)
{
    DbgPrint("%s %u - %s\n", Condition ? "ok" : "not ok", ++Number, What);
}

static VOID NTAPI Hear(PVOID Context, PVOID Argument1, PVOID Argument2)
{
    KIRQL Expected = Argument1 == (PVOID)1 ? DISPATCH_LEVEL : PASSIVE_LEVEL;

    if (Context != (PVOID)&Heard || Argument2 != NULL || KeGetCurrentIrql() != Expected || Gone)
        InterlockedIncrement(&Wrong);
    if (InterlockedIncrement(&Heard) == 100)
        KeSetEvent(Enough, EVENT_INCREMENT, FALSE);
}

static VOID NTAPI Unload(PDRIVER_OBJECT DriverObject)
{
    UNREFERENCED_PARAMETER(DriverObject);
    if (News == NULL)
        return;
    KeWaitForSingleObject(Enough, Executive, KernelMode, FALSE, NULL);
    ExUnregisterCallback(Registration);
    Gone = 1;
    Check(Heard >= 100, "a hundred news were heard");
    Check(Wrong == 0, "each at its level, with its arguments");
    ObDereferenceObject(News);
    ZwClose(EnoughHandle);
}

/* As far as the announcer has made it: its event, not a new one. */
static BOOLEAN OpenEvent(VOID)
{
    UNICODE_STRING Name = RTL_CONSTANT_STRING(L"\\basenamedobjects\\KEDGEENOUGH");
    OBJECT_ATTRIBUTES Attributes;

    InitializeObjectAttributes(&Attributes, &Name, OBJ_KERNEL_HANDLE | OBJ_CASE_INSENSITIVE, NULL, NULL);
    if (!NT_SUCCESS(ZwOpenEvent(&EnoughHandle, EVENT_ALL_ACCESS, &Attributes)))
        return FALSE;
    if (!NT_SUCCESS(ObReferenceObjectByHandle(EnoughHandle, EVENT_MODIFY_STATE, *ExEventObjectType, KernelMode,
                                              (PVOID *)&Enough, NULL)))
        return FALSE;
    ObDereferenceObject(Enough);        /* the handle keeps it */
    return TRUE;
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNICODE_STRING Name = RTL_CONSTANT_STRING(L"\\Callback\\KedgeNews");
    OBJECT_ATTRIBUTES Attributes;
    NTSTATUS Status;

    UNREFERENCED_PARAMETER(RegistryPath);
    DriverObject->DriverUnload = Unload;
    InitializeObjectAttributes(&Attributes, &Name, OBJ_CASE_INSENSITIVE, NULL, NULL);
    Status = ExCreateCallback(&News, &Attributes, FALSE, FALSE);
    if (!NT_SUCCESS(Status)) {
        News = NULL;
        Check(Status == STATUS_OBJECT_NAME_NOT_FOUND, "there is no news before the announcer is there");
        return STATUS_SUCCESS;
    }
    Check(OpenEvent(), "the announcer's event is open");
    Registration = ExRegisterCallback(News, Hear, (PVOID)&Heard);
    Check(Registration != NULL, "registered");
    Check(KeReadStateEvent(Enough) == 0, "and the announcer waits");
    return Registration != NULL ? STATUS_SUCCESS : STATUS_UNSUCCESSFUL;
}
