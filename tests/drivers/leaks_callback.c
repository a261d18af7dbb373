/* leaks_callback.c - its routine is still registered with a callback object when it is unloaded, and the object held.
 *
 * expect: status 1
 * expect: log leak: leaks_callback\.sys: callback registration [0-9A-Fa-fx]+ is still there, its routine is leaks_callback\.sys.*Hear
 * expect: log leaks_callback\.sys: left 1 thing behind */
#include <ntddk.h>

DRIVER_INITIALIZE DriverEntry;

static VOID NTAPI Hear(PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
}

static VOID NTAPI Unload(PDRIVER_OBJECT DriverObject) { UNREFERENCED_PARAMETER(DriverObject); }

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNICODE_STRING Name = RTL_CONSTANT_STRING(L"\\Callback\\PowerState");
    OBJECT_ATTRIBUTES Attributes;
    PCALLBACK_OBJECT Callback;
    NTSTATUS Status;

    UNREFERENCED_PARAMETER(RegistryPath);
    DriverObject->DriverUnload = Unload;
    InitializeObjectAttributes(&Attributes, &Name, OBJ_CASE_INSENSITIVE, NULL, NULL);
    Status = ExCreateCallback(&Callback, &Attributes, FALSE, FALSE);
    if (!NT_SUCCESS(Status))
        return Status;
    ExRegisterCallback(Callback, Hear, NULL);
    ObDereferenceObject(Callback);
    return STATUS_SUCCESS;
}
