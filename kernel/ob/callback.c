/* callback.c - callback objects.
 *
 * A callback object is a line of registrations. A notification calls them in the order of their coming, at its caller's
 * IRQL and without a lock, so a routine may register, and notify again. Each registration counts the calls of it that
 * are under way. Unregistering closes it to new calls and waits for that count to be 0; until then it stays in line, so
 * that the notification that is inside finds its successor. Afterwards the driver may go.
 *
 *   notify                                 unregister
 *   lock; Busy 0 -> 1; unlock              .
 *   calls the routine                      lock; Leaving; Busy is 1: unlock, wait for Idle
 *   lock; Busy 1 -> 0: set Idle;           .
 *   steps to the next; unlock              lock; Busy is 0: out of the line; unlock; free
 * Idle is set under the lock, and nothing of the registration is touched after that lock: so whoever was woken frees
 * nothing that is in use.
 * Lock: one per object, at DISPATCH_LEVEL; the list of all registrations has its own, taken alone.
 * A registration holds its object. The object's name lasts as long as the object; nobody has a handle to it. */
#include "obp.h"

#include <ex/pool.h>
#include <ke/event.h>
#include <ob/callback.h>
#include <rtl/status.h>

enum { CALLBACK_TAG = 'cbOK' };

typedef struct _CALLBACK_OBJECT {
    KSPIN_LOCK Lock;
    LIST_ENTRY Line;                    /* (Lock) REGISTRATION.Link */
    BOOLEAN Multiple;                   /* (i) more than one registration */
} CALLBACK_OBJECT;

typedef struct _REGISTRATION {
    LIST_ENTRY Link;                    /* (Object->Lock) */
    LIST_ENTRY AllLink;                 /* (AllLock) */
    CALLBACK_OBJECT *Object;            /* (i) referenced */
    PCALLBACK_FUNCTION Function;        /* (i) */
    PVOID Context;                      /* (i) */
    ULONG Busy;                         /* (Object->Lock) calls under way */
    BOOLEAN Leaving;                    /* (Object->Lock) no more calls */
    KEVENT Idle;                        /* Leaving, and Busy has fallen to 0 */
} REGISTRATION;

static OBJECT_TYPE CallbackType = {
    &CallbackType, "Callback", NULL, 0x001F0001, { 0x00020000, 0x00020001, 0x00120000, 0x001F0001 }
};

static LIST_ENTRY All = { &All, &All };
static KSPIN_LOCK AllLock;

/* ---- Objects ---- */

static NTSTATUS Open(const OB_ATTRIBUTES *Attributes, PCALLBACK_OBJECT *Callback)
{
    PVOID Object;
    NTSTATUS Status = ObLookupObject(Attributes->Root, &Attributes->Name, Attributes->Attributes, &CallbackType, NULL,
                                     &Object);

    if (NT_SUCCESS(Status))
        *Callback = Object;
    return Status;
}

static CALLBACK_OBJECT *CreateObject(BOOLEAN Multiple)
{
    CALLBACK_OBJECT *Object = ObCreateObject(&CallbackType, sizeof *Object);

    if (Object != NULL) {
        InitializeListHead(&Object->Line);
        Object->Multiple = Multiple;
    }
    return Object;
}

static NTSTATUS CreateNamed(const OB_ATTRIBUTES *Attributes, BOOLEAN Multiple, PCALLBACK_OBJECT *Callback)
{
    CALLBACK_OBJECT *Object = CreateObject(Multiple);
    NTSTATUS Status = STATUS_SUCCESS;

    if (Object == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    if (Attributes->Name.Length != 0)
        Status = ObNameObject(Object, Attributes->Root, &Attributes->Name, Attributes->Attributes);
    if (NT_SUCCESS(Status))
        *Callback = Object;
    else
        ObfDereferenceObject(Object);
    return Status;
}

/* Who finds no such name and then collides with it was overtaken, and looks again. */
static NTSTATUS OpenOrCreate(const OB_ATTRIBUTES *Attributes, BOOLEAN Create, BOOLEAN Multiple,
                             PCALLBACK_OBJECT *Callback)
{
    NTSTATUS Status = STATUS_UNSUCCESSFUL;

    do {
        if (Attributes->Name.Length != 0)
            Status = Open(Attributes, Callback);
        if (!Create || (Status != STATUS_UNSUCCESSFUL && Status != STATUS_OBJECT_NAME_NOT_FOUND))
            return Status;
        Status = CreateNamed(Attributes, Multiple, Callback);
    } while (Status == STATUS_OBJECT_NAME_COLLISION);
    return Status;
}

/* ---- Calls ---- */

/* Lock held. The first registration from Link on that may be called; NULL: none. */
static REGISTRATION *NextOpen(CALLBACK_OBJECT *Object, PLIST_ENTRY Link)
{
    for (; Link != &Object->Line; Link = Link->Flink)
        if (!CONTAINING_RECORD(Link, REGISTRATION, Link)->Leaving)
            return CONTAINING_RECORD(Link, REGISTRATION, Link);
    return NULL;
}

/* Lock held. One call of Registration has returned. */
static void EndCall(REGISTRATION *Registration)
{
    if (--Registration->Busy == 0 && Registration->Leaving)
        KeSetEvent(&Registration->Idle, 0, FALSE);
}

static void WaitUntilIdle(REGISTRATION *Registration)
{
    KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&Registration->Object->Lock);
    BOOLEAN Busy = Registration->Busy != 0;

    Registration->Leaving = TRUE;
    KeReleaseSpinLock(&Registration->Object->Lock, OldIrql);
    if (Busy)
        KeWaitForSingleObject(&Registration->Idle, Executive, KernelMode, FALSE, NULL);
    OldIrql = KeAcquireSpinLockRaiseToDpc(&Registration->Object->Lock);
    RemoveEntryList(&Registration->Link);
    KeReleaseSpinLock(&Registration->Object->Lock, OldIrql);
}

static void Forget(REGISTRATION *Registration)
{
    KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&AllLock);

    RemoveEntryList(&Registration->AllLink);
    KeReleaseSpinLock(&AllLock, OldIrql);
    ObfDereferenceObject(Registration->Object);
    ExFreePoolWithTag(Registration, CALLBACK_TAG);
}

/* FALSE: somebody is registered, and the object takes one alone. */
static BOOLEAN StandInLine(REGISTRATION *Registration)
{
    CALLBACK_OBJECT *Object = Registration->Object;
    KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&Object->Lock);
    BOOLEAN Room = Object->Multiple || IsListEmpty(&Object->Line);

    if (Room)
        InsertTailList(&Object->Line, &Registration->Link);
    KeReleaseSpinLock(&Object->Lock, OldIrql);
    return Room;
}

ULONG ObForEachCallbackOf(ULONG64 Start, ULONG64 End,
                          void (*Report)(PVOID Context, PVOID Registration, PVOID Routine), PVOID Context)
{
    KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&AllLock);
    ULONG Found = 0;

    for (PLIST_ENTRY At = All.Flink; At != &All; At = At->Flink) {
        REGISTRATION *Registration = CONTAINING_RECORD(At, REGISTRATION, AllLink);
        ULONG64 Routine = (ULONG64)Registration->Function;

        if (Routine < Start || Routine >= End)
            continue;
        Found++;
        Report(Context, Registration, (PVOID)Registration->Function);
    }
    KeReleaseSpinLock(&AllLock, OldIrql);
    return Found;
}

/* ---- Public ---- */

/* ExCreateCallback - the callback object of the name in ObjectAttributes, referenced; if there is none and Create, a
 * new one, which AllowMultipleCallbacks or one at a time. It lives, with its name, until the last reference is given
 * back by ObDereferenceObject; with OBJ_PERMANENT until ZwMakeTemporaryObject besides. IRQL: PASSIVE_LEVEL.
 * Returns: STATUS_SUCCESS; STATUS_UNSUCCESSFUL without a name and without Create; STATUS_OBJECT_NAME_NOT_FOUND, ... as
 * ZwOpenEvent. Source: WDK nf-wdm-excreatecallback. */
NTSTATUS ExCreateCallback(PCALLBACK_OBJECT *CallbackObject, POBJECT_ATTRIBUTES ObjectAttributes, BOOLEAN Create,
                          BOOLEAN AllowMultipleCallbacks)
{
    OB_ATTRIBUTES Attributes;
    NTSTATUS Status = ObCaptureAttributes(KernelMode, ObjectAttributes, &Attributes);

    if (!NT_SUCCESS(Status))
        return Status;
    Status = OpenOrCreate(&Attributes, Create, AllowMultipleCallbacks, CallbackObject);
    ObReleaseAttributes(&Attributes);
    return Status;
}

/* ExRegisterCallback - have CallbackFunction(CallbackContext, ...) called at each notification from now on. IRQL:
 * <= APC_LEVEL. Returns: what ExUnregisterCallback takes; NULL if memory is out, or if somebody is registered and the
 * object does not allow several. Source: WDK nf-wdm-exregistercallback. */
PVOID ExRegisterCallback(PCALLBACK_OBJECT CallbackObject, PCALLBACK_FUNCTION CallbackFunction, PVOID CallbackContext)
{
    REGISTRATION *Registration = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof *Registration, CALLBACK_TAG);
    KIRQL OldIrql;

    if (Registration == NULL)
        return NULL;
    *Registration = (REGISTRATION){ .Object = CallbackObject, .Function = CallbackFunction,
                                    .Context = CallbackContext };
    KeInitializeEvent(&Registration->Idle, NotificationEvent, FALSE);
    ObfReferenceObject(CallbackObject);
    OldIrql = KeAcquireSpinLockRaiseToDpc(&AllLock);
    InsertTailList(&All, &Registration->AllLink);
    KeReleaseSpinLock(&AllLock, OldIrql);
    if (StandInLine(Registration))
        return Registration;
    Forget(Registration);
    return NULL;
}

/* ExUnregisterCallback - the routine is not called any more, and no call of it is under way, when this returns. Not
 * from the routine itself. IRQL: <= APC_LEVEL. Source: WDK nf-wdm-exunregistercallback. */
VOID ExUnregisterCallback(PVOID CallbackRegistration)
{
    WaitUntilIdle(CallbackRegistration);
    Forget(CallbackRegistration);
}

/* ExNotifyCallback - call each registered routine with its context and the arguments, in the order of registration, at
 * the caller's IRQL. IRQL: <= DISPATCH_LEVEL. Source: WDK nf-wdm-exnotifycallback. */
VOID ExNotifyCallback(PVOID CallbackObject, PVOID Argument1, PVOID Argument2)
{
    CALLBACK_OBJECT *Object = CallbackObject;
    KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&Object->Lock);
    REGISTRATION *At = NextOpen(Object, Object->Line.Flink);

    while (At != NULL) {
        REGISTRATION *Done = At;

        At->Busy++;
        KeReleaseSpinLock(&Object->Lock, OldIrql);
        At->Function(At->Context, Argument1, Argument2);
        OldIrql = KeAcquireSpinLockRaiseToDpc(&Object->Lock);
        At = NextOpen(Object, At->Link.Flink);
        EndCall(Done);
    }
    KeReleaseSpinLock(&Object->Lock, OldIrql);
}
