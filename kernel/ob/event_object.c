/* event_object.c - events behind handles: NT's services for them, and the named events that drivers share. */
#include "obp.h"

#include <ex/mode.h>
#include <ob/event_object.h>
#include <rtl/status.h>

#define EVENT_ALL_ACCESS 0x001F0003

static OBJECT_TYPE EventType = {
    &EventType, "Event", NULL, EVENT_ALL_ACCESS, { 0x00020001, 0x00020002, 0x00120000, EVENT_ALL_ACCESS },
    .Wait = OB_WAITABLE
};

POBJECT_TYPE ExEventObjectType = &EventType;

static PVOID CreateEvent(EVENT_TYPE Type, BOOLEAN State)
{
    PKEVENT Event = ObCreateObject(&EventType, sizeof *Event);

    if (Event != NULL)
        KeInitializeEvent(Event, Type, State);
    return Event;
}

static NTSTATUS Create(PVOID Caller, PHANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES Given,
                       EVENT_TYPE Type, BOOLEAN State)
{
    if (Type != NotificationEvent && Type != SynchronizationEvent)
        return STATUS_INVALID_PARAMETER;
    return ObpCreateService(Caller, CreateEvent(Type, State), Handle, DesiredAccess, Given);
}

static LONG Set(PRKEVENT Event) { return KeSetEvent(Event, EVENT_INCREMENT, FALSE); }
static LONG Pulse(PRKEVENT Event) { return KePulseEvent(Event, EVENT_INCREMENT, FALSE); }

/* Change the event behind Handle; PreviousState may be NULL. The state is told after the change, so where to is looked
 * at before. */
static NTSTATUS Change(HANDLE Handle, LONG (*How)(PRKEVENT Event), PLONG PreviousState)
{
    KPROCESSOR_MODE Mode = ExGetPreviousMode();
    NTSTATUS Status = STATUS_SUCCESS;
    PVOID Event;
    LONG Previous;

    if (PreviousState != NULL)
        Status = ExCheckOutput(Mode, PreviousState, sizeof(LONG), sizeof(LONG));
    if (NT_SUCCESS(Status))
        Status = ObReferenceObjectByHandle(Handle, EVENT_MODIFY_STATE, &EventType, Mode, &Event, NULL);
    if (!NT_SUCCESS(Status))
        return Status;
    Previous = How(Event);
    if (PreviousState != NULL)
        Status = ExDeliver(Mode, PreviousState, &Previous, sizeof Previous, sizeof Previous);
    ObfDereferenceObject(Event);
    return Status;
}

static NTSTATUS ChangeForKernel(HANDLE Handle, LONG (*How)(PRKEVENT Event), PLONG PreviousState)
{
    KPROCESSOR_MODE Outer = ExEnterService();
    NTSTATUS Status = Change(Handle, How, PreviousState);

    ExLeaveService(Outer);
    return Status;
}

/* ---- Public: create and open ---- */

/* NtCreateEvent - an event of EventType, signalled if InitialState, and a handle to it that grants DesiredAccess.
 * ObjectAttributes: NULL, or its name; with OBJ_OPENIF an event that has it already is opened. The handle is a kernel
 * handle with OBJ_KERNEL_HANDLE, else one of the current process. IRQL: PASSIVE_LEVEL. Returns: STATUS_SUCCESS;
 * STATUS_OBJECT_NAME_EXISTS if it was opened; STATUS_INVALID_PARAMETER, STATUS_OBJECT_NAME_INVALID,
 * STATUS_OBJECT_PATH_SYNTAX_BAD, STATUS_OBJECT_PATH_NOT_FOUND, STATUS_OBJECT_NAME_COLLISION,
 * STATUS_OBJECT_TYPE_MISMATCH, STATUS_INSUFFICIENT_RESOURCES; from user mode also STATUS_ACCESS_VIOLATION,
 * STATUS_DATATYPE_MISALIGNMENT, STATUS_ACCESS_DENIED, STATUS_PRIVILEGE_NOT_HELD.
 * Source: WDK nf-ntifs-zwcreateevent. */
NTSTATUS NtCreateEvent(PHANDLE EventHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                       EVENT_TYPE EventType, BOOLEAN InitialState)
{
    return Create(__builtin_return_address(0), EventHandle, DesiredAccess, ObjectAttributes, EventType, InitialState);
}

/* ZwCreateEvent - the same for the kernel. */
NTSTATUS ZwCreateEvent(PHANDLE EventHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                       EVENT_TYPE EventType, BOOLEAN InitialState)
{
    KPROCESSOR_MODE Outer = ExEnterService();
    NTSTATUS Status = Create(__builtin_return_address(0), EventHandle, DesiredAccess, ObjectAttributes, EventType,
                             InitialState);

    ExLeaveService(Outer);
    return Status;
}

/* ZwOpenEvent - a handle to the event of that name. IRQL: PASSIVE_LEVEL. Returns: STATUS_SUCCESS,
 * STATUS_INVALID_PARAMETER, STATUS_OBJECT_NAME_INVALID, STATUS_OBJECT_PATH_SYNTAX_BAD, STATUS_OBJECT_PATH_NOT_FOUND,
 * STATUS_OBJECT_NAME_NOT_FOUND, STATUS_OBJECT_TYPE_MISMATCH, STATUS_ACCESS_DENIED, STATUS_INSUFFICIENT_RESOURCES.
 * Source: WDK nf-wdm-zwopenevent. */
NTSTATUS ZwOpenEvent(PHANDLE EventHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes)
{
    KPROCESSOR_MODE Outer = ExEnterService();
    NTSTATUS Status = ObpOpenService(__builtin_return_address(0), &EventType, 0, EventHandle, DesiredAccess,
                                     ObjectAttributes);

    ExLeaveService(Outer);
    return Status;
}

/* ---- Public: change ---- */

/* NtSetEvent - signal the event, as KeSetEvent does. PreviousState: NULL, or told the state before. EventHandle grants
 * EVENT_MODIFY_STATE. IRQL: PASSIVE_LEVEL. Returns: STATUS_SUCCESS, STATUS_INVALID_HANDLE, STATUS_OBJECT_TYPE_MISMATCH,
 * STATUS_ACCESS_DENIED; from user mode STATUS_ACCESS_VIOLATION, STATUS_DATATYPE_MISALIGNMENT, and nothing is done.
 * Source: WDK nf-ntifs-zwsetevent. */
NTSTATUS NtSetEvent(HANDLE EventHandle, PLONG PreviousState) { return Change(EventHandle, Set, PreviousState); }

/* ZwSetEvent - the same for the kernel, as the next three are. */
NTSTATUS ZwSetEvent(HANDLE EventHandle, PLONG PreviousState)
{
    return ChangeForKernel(EventHandle, Set, PreviousState);
}

/* ZwResetEvent - KeResetEvent. Parameters, IRQL and results: as ZwSetEvent. Undocumented; exported. */
NTSTATUS ZwResetEvent(HANDLE EventHandle, PLONG PreviousState)
{
    return ChangeForKernel(EventHandle, KeResetEvent, PreviousState);
}

/* ZwClearEvent - the same without a state. Undocumented; exported. */
NTSTATUS ZwClearEvent(HANDLE EventHandle) { return ChangeForKernel(EventHandle, KeResetEvent, NULL); }

/* ZwPulseEvent - KePulseEvent: who waits now goes on, the event is not signalled. Undocumented; exported. */
NTSTATUS ZwPulseEvent(HANDLE EventHandle, PLONG PreviousState)
{
    return ChangeForKernel(EventHandle, Pulse, PreviousState);
}

/* ---- Public: look ---- */

/* ZwQueryEvent - which kind the event is and its state, as an EVENT_BASIC_INFORMATION. EventInformationClass:
 * EventBasicInformation. ReturnLength: NULL, or told the size. EventHandle grants EVENT_QUERY_STATE.
 * IRQL: PASSIVE_LEVEL. Returns: STATUS_SUCCESS; in this order STATUS_INVALID_INFO_CLASS,
 * STATUS_INFO_LENGTH_MISMATCH, STATUS_INVALID_HANDLE, STATUS_OBJECT_TYPE_MISMATCH, and nothing is written.
 * Undocumented. */
NTSTATUS ZwQueryEvent(HANDLE EventHandle, EVENT_INFORMATION_CLASS EventInformationClass, PVOID EventInformation,
                      ULONG EventInformationLength, PULONG ReturnLength)
{
    EVENT_BASIC_INFORMATION *Answer = EventInformation;
    NTSTATUS Status;
    PVOID Event;

    if (EventInformationClass != EventBasicInformation)
        return STATUS_INVALID_INFO_CLASS;
    if (EventInformationLength != sizeof *Answer)
        return STATUS_INFO_LENGTH_MISMATCH;
    Status = ObReferenceObjectByHandle(EventHandle, EVENT_QUERY_STATE, &EventType, KernelMode, &Event, NULL);
    if (!NT_SUCCESS(Status))
        return Status;
    Answer->EventType = (EVENT_TYPE)KeObjectType(Event);
    Answer->EventState = KeReadStateEvent(Event);
    if (ReturnLength != NULL)
        *ReturnLength = sizeof *Answer;
    ObfDereferenceObject(Event);
    return STATUS_SUCCESS;
}

/* ---- Public: named events of drivers ---- */

/* The handle keeps the event; the pointer is good until the handle is closed. */
static PKEVENT OpenShared(PVOID Caller, PUNICODE_STRING Name, EVENT_TYPE Type, PHANDLE Handle)
{
    OBJECT_ATTRIBUTES Attributes = { sizeof Attributes, NULL, Name, OBJ_OPENIF | OBJ_KERNEL_HANDLE };
    KPROCESSOR_MODE Outer = ExEnterService();
    NTSTATUS Status = Create(Caller, Handle, EVENT_ALL_ACCESS, &Attributes, Type, TRUE);
    PVOID Event = NULL;

    if (NT_SUCCESS(Status) &&
        NT_SUCCESS(ObReferenceObjectByHandle(*Handle, 0, &EventType, KernelMode, &Event, NULL)))
        ObfDereferenceObject(Event);
    ExLeaveService(Outer);
    return Event;
}

/* IoCreateNotificationEvent - the notification event of that name, made and signalled if there is none; an event of
 * the name that is there keeps its type and state. EventHandle: a kernel handle; the event lives until the last one is
 * closed. IRQL: PASSIVE_LEVEL. Returns: NULL if it could not be made or opened.
 * Source: WDK nf-wdm-iocreatenotificationevent. */
PKEVENT IoCreateNotificationEvent(PUNICODE_STRING EventName, PHANDLE EventHandle)
{
    return OpenShared(__builtin_return_address(0), EventName, NotificationEvent, EventHandle);
}

/* IoCreateSynchronizationEvent - the same with a synchronization event. Source: WDK
 * nf-wdm-iocreatesynchronizationevent. */
PKEVENT IoCreateSynchronizationEvent(PUNICODE_STRING EventName, PHANDLE EventHandle)
{
    return OpenShared(__builtin_return_address(0), EventName, SynchronizationEvent, EventHandle);
}
