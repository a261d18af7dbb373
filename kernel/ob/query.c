/* query.c - what is told of an object behind a handle, and the attributes of the handle itself.
 *
 * A class is made in memory of our own and then delivered, so user mode sees it whole or not at all. Strings follow
 * their structure, and their pointers say where they will be once delivered. */
#include "obp.h"

#include <ex/mode.h>
#include <ex/pool.h>
#include <ke/thread.h>
#include <ob/duplicate.h>
#include <ob/names.h>
#include <rtl/status.h>
#include <rtl/string.h>

enum { QUERY_TAG = 'qbOK' };

/* Fill Room bytes at Out, which the caller will have at Address. Needed: what it takes. Returns: STATUS_SUCCESS;
 * STATUS_INFO_LENGTH_MISMATCH, and nothing is filled. */
typedef struct _CLASS {
    ULONG Class;
    NTSTATUS (*Tell)(const OBP_HANDLE *Handle, PVOID Out, PVOID Address, ULONG Room, PULONG Needed);
} CLASS;

static ULONG TypeInformationSize(POBJECT_TYPE Type)
{
    return (ULONG)(sizeof(OBJECT_TYPE_INFORMATION) + (strlen(Type->Name) + 1) * sizeof(WCHAR));
}

static NTSTATUS TellBasic(const OBP_HANDLE *Handle, PVOID Out, PVOID Address, ULONG Room, PULONG Needed)
{
    POBJECT_HEADER Header = OBJECT_TO_HEADER(Handle->Object);
    POBJECT_BASIC_INFORMATION Basic = Out;
    OBJECT_NAME_INFORMATION Name;
    ULONG NameSize;

    UNREFERENCED_PARAMETER(Address);
    *Needed = sizeof *Basic;
    if (Room != sizeof *Basic)
        return STATUS_INFO_LENGTH_MISMATCH;
    ObQueryNameString(Handle->Object, &Name, 0, &NameSize);
    *Basic = (OBJECT_BASIC_INFORMATION){
        .Attributes = Handle->Attributes | (Header->Flags & OB_PERMANENT ? OBJ_PERMANENT : 0) |
                      (Header->Flags & OB_EXCLUSIVE ? OBJ_EXCLUSIVE : 0),
        .GrantedAccess = Handle->GrantedAccess,
        .HandleCount = (ULONG)Header->HandleCount,
        .PointerCount = (ULONG)Header->PointerCount,
        .NameInfoSize = NameSize > sizeof Name ? NameSize : 0,
        .TypeInfoSize = TypeInformationSize(Header->Type),
    };
    return STATUS_SUCCESS;
}

static NTSTATUS TellName(const OBP_HANDLE *Handle, PVOID Out, PVOID Address, ULONG Room, PULONG Needed)
{
    POBJECT_NAME_INFORMATION Name = Out;
    NTSTATUS Status = ObQueryNameString(Handle->Object, Name, Room, Needed);

    if (NT_SUCCESS(Status) && Name->Name.Buffer != NULL)
        Name->Name.Buffer = (PWSTR)((POBJECT_NAME_INFORMATION)Address + 1);
    return Status;
}

static NTSTATUS TellType(const OBP_HANDLE *Handle, PVOID Out, PVOID Address, ULONG Room, PULONG Needed)
{
    POBJECT_TYPE Type = OBJECT_TO_HEADER(Handle->Object)->Type;
    POBJECT_TYPE_INFORMATION Told = Out;
    PWSTR Text = (PWSTR)(Told + 1);
    USHORT Bytes = (USHORT)(strlen(Type->Name) * sizeof(WCHAR));

    *Needed = TypeInformationSize(Type);
    if (Room < *Needed)
        return STATUS_INFO_LENGTH_MISMATCH;
    *Told = (OBJECT_TYPE_INFORMATION){
        .TypeName = { Bytes, (USHORT)(Bytes + sizeof(WCHAR)), (PWSTR)((POBJECT_TYPE_INFORMATION)Address + 1) },
        .TotalNumberOfObjects = Type->Objects,
        .TotalNumberOfHandles = Type->Handles,
        .GenericMapping = Type->Mapping,
        .ValidAccessMask = Type->ValidAccess,
    };
    for (ULONG At = 0; At <= Bytes / sizeof(WCHAR); At++)
        Text[At] = (UCHAR)Type->Name[At];
    return STATUS_SUCCESS;
}

static NTSTATUS TellFlags(const OBP_HANDLE *Handle, PVOID Out, PVOID Address, ULONG Room, PULONG Needed)
{
    OBJECT_HANDLE_FLAG_INFORMATION *Flags = Out;

    UNREFERENCED_PARAMETER(Address);
    *Needed = sizeof *Flags;
    if (Room != sizeof *Flags)
        return STATUS_INFO_LENGTH_MISMATCH;
    Flags->Inherit = (Handle->Attributes & OBJ_INHERIT) != 0;
    Flags->ProtectFromClose = (Handle->Attributes & OBJ_PROTECT_CLOSE) != 0;
    return STATUS_SUCCESS;
}

static const CLASS Classes[] = {
    { ObjectBasicInformation, TellBasic }, { ObjectNameInformation, TellName }, { ObjectTypeInformation, TellType },
    { ObjectHandleFlagInformation, TellFlags },
};

/* Class's answer goes to Out, which is made of Length bytes; its length to Needed. */
static NTSTATUS TellAndDeliver(const CLASS *Class, const OBP_HANDLE *Handle, PVOID To, ULONG Length, PULONG Needed)
{
    KPROCESSOR_MODE Mode = ExGetPreviousMode();
    PVOID Out = To;
    NTSTATUS Status;

    if (Mode == KernelMode || Length == 0)
        return Class->Tell(Handle, Out, To, Length, Needed);
    Out = ExAllocatePoolWithTag(PagedPool, Length, QUERY_TAG);
    if (Out == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    Status = Class->Tell(Handle, Out, To, Length, Needed);
    if (NT_SUCCESS(Status))
        Status = ExDeliver(Mode, To, Out, *Needed, sizeof(ULONG));
    ExFreePoolWithTag(Out, QUERY_TAG);
    return Status;
}

static NTSTATUS Query(HANDLE Handle, ULONG Class, PVOID Information, ULONG Length, PULONG ReturnLength)
{
    KPROCESSOR_MODE Mode = ExGetPreviousMode();
    const CLASS *Row = Classes, *End = Classes + RTL_NUMBER_OF(Classes);
    ULONG Needed = 0;
    OBP_HANDLE Content;
    NTSTATUS Status;

    while (Row != End && Row->Class != Class)
        Row++;
    if (Row == End)
        return STATUS_INVALID_INFO_CLASS;
    Status = ExCheckOutput(Mode, Information, Length, sizeof(ULONG));
    if (NT_SUCCESS(Status))
        Status = ObpReferenceByHandle(Handle, 0, NULL, Mode, &Content);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = TellAndDeliver(Row, &Content, Information, Length, &Needed);
    ObfDereferenceObject(Content.Object);
    if (ReturnLength != NULL) {
        NTSTATUS Told = ExDeliver(Mode, ReturnLength, &Needed, sizeof Needed, sizeof Needed);

        Status = NT_SUCCESS(Told) ? Status : Told;
    }
    return Status;
}

static NTSTATUS SetFlags(HANDLE Handle, ULONG Class, PVOID Information, ULONG Length)
{
    KPROCESSOR_MODE Mode = ExGetPreviousMode();
    OBJECT_HANDLE_FLAG_INFORMATION Flags;
    NTSTATUS Status;
    ULONG Attributes;

    if (Class != ObjectHandleFlagInformation)
        return STATUS_INVALID_INFO_CLASS;
    if (Length != sizeof Flags)
        return STATUS_INFO_LENGTH_MISMATCH;
    Status = ExCapture(Mode, &Flags, Information, sizeof Flags, 1);
    if (!NT_SUCCESS(Status))
        return Status;
    Attributes = (Flags.Inherit ? (ULONG)OBJ_INHERIT : 0) | (Flags.ProtectFromClose ? (ULONG)OBJ_PROTECT_CLOSE : 0);
    return ObpSetHandleAttributes(KeGetCurrentThread()->ApcState.Process, Handle, Mode, Attributes)
               ? STATUS_SUCCESS : STATUS_INVALID_HANDLE;
}

/* ---- Public ---- */

/* ZwQueryObject - tell of the object that Handle stands for, or of Handle: ObjectBasicInformation (exact length),
 * ObjectNameInformation (as ObQueryNameString), ObjectTypeInformation (the type's name behind it),
 * ObjectHandleFlagInformation (exact length). ReturnLength: NULL, or told what it takes. IRQL: PASSIVE_LEVEL.
 * Returns: STATUS_SUCCESS, STATUS_INVALID_INFO_CLASS, STATUS_INFO_LENGTH_MISMATCH, and what is wrong with Handle.
 * Source: WDK nf-ntifs-ntqueryobject. */
NTSTATUS ZwQueryObject(HANDLE Handle, OBJECT_INFORMATION_CLASS ObjectInformationClass, PVOID ObjectInformation,
                       ULONG ObjectInformationLength, PULONG ReturnLength)
{
    KPROCESSOR_MODE Outer = ExEnterService();
    NTSTATUS Status = Query(Handle, (ULONG)ObjectInformationClass, ObjectInformation, ObjectInformationLength,
                            ReturnLength);

    ExLeaveService(Outer);
    return Status;
}

/* ZwSetInformationObject - set the attributes of Handle, ObjectHandleFlagInformation: who inherits it, and whether it
 * is protected from being closed. IRQL: PASSIVE_LEVEL. Returns: STATUS_SUCCESS, STATUS_INVALID_INFO_CLASS,
 * STATUS_INFO_LENGTH_MISMATCH, STATUS_INVALID_HANDLE. Undocumented; exported. */
NTSTATUS ZwSetInformationObject(HANDLE Handle, OBJECT_INFORMATION_CLASS ObjectInformationClass,
                                PVOID ObjectInformation, ULONG ObjectInformationLength)
{
    KPROCESSOR_MODE Outer = ExEnterService();
    NTSTATUS Status = SetFlags(Handle, (ULONG)ObjectInformationClass, ObjectInformation, ObjectInformationLength);

    ExLeaveService(Outer);
    return Status;
}
