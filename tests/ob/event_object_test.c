/* event_object_test.c - events, semaphores, mutants by handle, and waits for them. */
#include <ke/apc.h>
#include <ke/clock.h>
#include <ke/process.h>
#include <ktest.h>
#include <ob/create.h>
#include <ob/event_object.h>
#include <ob/mutant_object.h>
#include <ob/names.h>
#include <ob/semaphore_object.h>
#include <ob/wait.h>
#include <ps/process.h>
#include <ps/system_thread.h>
#include <rtl/nt_string.h>
#include <rtl/status.h>
#include <rtl/string.h>

static LARGE_INTEGER AtOnce;

static OBJECT_ATTRIBUTES Named(PUNICODE_STRING Text, PCWSTR Path, ULONG Flags)
{
    RtlInitUnicodeString(Text, Path);
    return (OBJECT_ATTRIBUTES){ sizeof(OBJECT_ATTRIBUTES), NULL, Text, OBJ_KERNEL_HANDLE | Flags };
}

static HANDLE NewEvent(EVENT_TYPE Type, BOOLEAN State)
{
    HANDLE Handle;

    REQUIRE_EQ(ZwCreateEvent(&Handle, GENERIC_ALL, NULL, Type, State), STATUS_SUCCESS);
    return Handle;
}

/* The event's state, which looking at does not change. */
static LONG StateOf(HANDLE Event)
{
    PVOID Object;
    LONG State;

    REQUIRE_EQ(ObReferenceObjectByHandle(Event, 0, ExEventObjectType, KernelMode, &Object, NULL), STATUS_SUCCESS);
    State = KeReadStateEvent(Object);
    ObfDereferenceObject(Object);
    return State;
}

/* covers ZwSetEvent.1 */
TEST(ob_event, each_service_and_what_it_tells)
{
    static NTSTATUS (*const Services[])(HANDLE, PLONG) = { ZwSetEvent, NtSetEvent, ZwResetEvent, ZwPulseEvent };
    static const BOOLEAN After[] = { 1, 1, 0, 0 };

    for (ULONG State = 0; State < 2; State++) {
        for (ULONG At = 0; At < RTL_NUMBER_OF(Services); At++) {
            HANDLE Event = NewEvent(SynchronizationEvent, (BOOLEAN)State);
            LONG Previous = 0x55555555;

            EXPECT_EQ(Services[At](Event, &Previous), STATUS_SUCCESS);
            EXPECT_EQ(Previous, State);
            EXPECT_EQ(StateOf(Event), After[At]);
            EXPECT_EQ(Services[At](Event, NULL), STATUS_SUCCESS);
            EXPECT_EQ(StateOf(Event), After[At]);
            EXPECT_EQ(ZwSetEvent(Event, NULL), STATUS_SUCCESS);
            EXPECT_EQ(ZwClearEvent(Event), STATUS_SUCCESS);
            EXPECT_EQ(StateOf(Event), 0);
            EXPECT_EQ(ZwClose(Event), STATUS_SUCCESS);
            EXPECT_EQ(Services[At](Event, NULL), STATUS_INVALID_HANDLE);
            EXPECT_EQ(Services[At](NtCurrentThread(), NULL), STATUS_OBJECT_TYPE_MISMATCH);
        }
    }
}

TEST(ob_event, query_tells_kind_and_state_and_changes_neither)
{
    static const NTSTATUS Refusals[] = { STATUS_INVALID_INFO_CLASS, STATUS_INFO_LENGTH_MISMATCH, STATUS_INVALID_HANDLE,
                                         STATUS_OBJECT_TYPE_MISMATCH };
    EVENT_BASIC_INFORMATION Answer;
    HANDLE Semaphore;
    ULONG Length;

    for (ULONG Kind = 0; Kind < 4; Kind++) {
        HANDLE Event = NewEvent((EVENT_TYPE)(Kind & 1), (BOOLEAN)(Kind >> 1));

        for (ULONG Look = 0; Look < 2; Look++) {
            memset(&Answer, 0x55, sizeof Answer);
            Length = 0x55555555;
            EXPECT_EQ(ZwQueryEvent(Event, EventBasicInformation, &Answer, sizeof Answer, Look ? NULL : &Length),
                      STATUS_SUCCESS);
            EXPECT_EQ(Answer.EventType, Kind & 1);
            EXPECT_EQ(Answer.EventState, (LONG)Kind >> 1);
            EXPECT_EQ(Length, Look ? 0x55555555 : sizeof Answer);
        }
        ZwClose(Event);
    }
    REQUIRE_EQ(ZwCreateSemaphore(&Semaphore, GENERIC_ALL, NULL, 1, 1), STATUS_SUCCESS);
    memset(&Answer, 0x55, sizeof Answer);
    Length = 7;
    for (ULONG At = 0; At < RTL_NUMBER_OF(Refusals); At++)
        EXPECT_EQ(ZwQueryEvent(At < 3 ? NULL : Semaphore, (EVENT_INFORMATION_CLASS)(At < 1), &Answer,
                               sizeof Answer - (At < 2), &Length), Refusals[At]);
    EXPECT_EQ(Answer.EventState, 0x55555555);
    EXPECT_EQ(Length, 7);
    ZwClose(Semaphore);
}

/* covers ZwCreateEvent.1 */
TEST(ob_event, bad_type_and_both_types)
{
    HANDLE Handle = (HANDLE)1, Notification = NewEvent(NotificationEvent, TRUE);
    HANDLE Synchronization = NewEvent(SynchronizationEvent, TRUE);

    EXPECT_EQ(ZwCreateEvent(&Handle, 0, NULL, (EVENT_TYPE)2, FALSE), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(Handle, (HANDLE)1);
    for (ULONG Round = 0; Round < 2; Round++) {
        EXPECT_EQ(ZwWaitForSingleObject(Notification, FALSE, &AtOnce), STATUS_SUCCESS);
        EXPECT_EQ(ZwWaitForSingleObject(Synchronization, FALSE, &AtOnce), Round == 0 ? STATUS_SUCCESS : STATUS_TIMEOUT);
    }
    ZwClose(Notification);
    ZwClose(Synchronization);
}

/* covers Names.5 */
TEST(ob_event, names_are_shared_by_type)
{
    UNICODE_STRING Text, ThingText;
    OBJECT_ATTRIBUTES Attributes = Named(&Text, L"\\BaseNamedObjects\\KtShared", 0), Open = Attributes;
    OBJECT_ATTRIBUTES Semaphore = Named(&ThingText, L"\\BaseNamedObjects\\KtSem", OBJ_OPENIF);
    HANDLE First, Second, Third = (HANDLE)1, Count;

    Open.Attributes |= OBJ_OPENIF;
    EXPECT_EQ(ZwOpenEvent(&First, 0, &Attributes), STATUS_OBJECT_NAME_NOT_FOUND);
    REQUIRE_EQ(ZwCreateEvent(&First, GENERIC_ALL, &Open, NotificationEvent, FALSE), STATUS_SUCCESS);
    EXPECT_EQ(ZwCreateEvent(&Third, GENERIC_ALL, &Attributes, NotificationEvent, FALSE), STATUS_OBJECT_NAME_COLLISION);
    EXPECT_EQ(Third, (HANDLE)1);
    REQUIRE_EQ(ZwCreateEvent(&Second, GENERIC_ALL, &Open, SynchronizationEvent, TRUE), STATUS_OBJECT_NAME_EXISTS);
    EXPECT_EQ(StateOf(Second), 0);                      /* what is there keeps its state */
    EXPECT_EQ(ZwSetEvent(First, NULL), STATUS_SUCCESS);
    EXPECT_EQ(StateOf(Second), 1);
    REQUIRE_EQ(ZwCreateSemaphore(&Count, GENERIC_ALL, &Semaphore, 0, 1), STATUS_SUCCESS);
    Semaphore.Attributes = OBJ_KERNEL_HANDLE | OBJ_OPENIF;
    EXPECT_EQ(ZwCreateEvent(&Third, 0, &Semaphore, NotificationEvent, FALSE), STATUS_OBJECT_TYPE_MISMATCH);
    EXPECT_EQ(ZwOpenEvent(&Third, 0, &Semaphore), STATUS_OBJECT_TYPE_MISMATCH);
    EXPECT_EQ(ZwOpenSemaphore(&Third, 0, &Attributes), STATUS_OBJECT_TYPE_MISMATCH);
    EXPECT_EQ(ZwClose(First), STATUS_SUCCESS);
    REQUIRE_EQ(ZwOpenEvent(&First, 0, &Attributes), STATUS_SUCCESS);
    ZwClose(First);
    ZwClose(Second);
    ZwClose(Count);
    EXPECT_EQ(ZwOpenEvent(&First, 0, &Attributes), STATUS_OBJECT_NAME_NOT_FOUND);
}

/* covers Names.8 */
TEST(ob_event, exclusive_objects_are_one_processes)
{
    UNICODE_STRING Text;
    OBJECT_ATTRIBUTES Attributes = Named(&Text, L"\\BaseNamedObjects\\KtExclusive", OBJ_EXCLUSIVE);
    HANDLE First, Second;
    KAPC_STATE State;
    PKPROCESS Process = PsCreateProcess();

    REQUIRE_EQ(ZwCreateEvent(&First, 0, &Attributes, NotificationEvent, FALSE), STATUS_SUCCESS);
    REQUIRE_EQ(ZwOpenEvent(&Second, 0, &Attributes), STATUS_SUCCESS);
    ZwClose(Second);
    Attributes.Attributes = OBJ_KERNEL_HANDLE;
    EXPECT_EQ(ZwOpenEvent(&Second, 0, &Attributes), STATUS_ACCESS_DENIED);
    Attributes.Attributes = OBJ_KERNEL_HANDLE | OBJ_EXCLUSIVE;
    KeStackAttachProcess(Process, &State);
    EXPECT_EQ(ZwOpenEvent(&Second, 0, &Attributes), STATUS_ACCESS_DENIED);
    KeUnstackDetachProcess(&State);
    ZwClose(First);
    Attributes.Attributes = OBJ_KERNEL_HANDLE;
    REQUIRE_EQ(ZwCreateEvent(&First, 0, &Attributes, NotificationEvent, FALSE), STATUS_SUCCESS);
    Attributes.Attributes = OBJ_KERNEL_HANDLE | OBJ_EXCLUSIVE;
    EXPECT_EQ(ZwOpenEvent(&Second, 0, &Attributes), STATUS_INVALID_PARAMETER);
    ZwClose(First);
    ObfDereferenceObject(Process);
}

/* covers IoCreateNotificationEvent.1 */
TEST(ob_event, drivers_share_named_events)
{
    UNICODE_STRING Text, Bad;
    OBJECT_ATTRIBUTES Attributes = Named(&Text, L"\\BaseNamedObjects\\KtDrivers", 0);
    HANDLE First, Second, Third = NULL;
    PKEVENT Event, Same;

    RtlInitUnicodeString(&Bad, L"NoPath");
    Event = IoCreateNotificationEvent(&Text, &First);
    REQUIRE_TRUE(Event != NULL);
    EXPECT_EQ(Event->Header.Type, EventNotificationObject);
    EXPECT_EQ(KeReadStateEvent(Event), 1);
    KeClearEvent(Event);
    Same = IoCreateSynchronizationEvent(&Text, &Second);
    EXPECT_EQ(Same, Event);
    EXPECT_EQ(KeReadStateEvent(Event), 0);
    EXPECT_EQ(Event->Header.Type, EventNotificationObject);
    EXPECT_TRUE(ObIsKernelHandle(First));
    EXPECT_EQ(ZwClose(First), STATUS_SUCCESS);
    EXPECT_EQ(ZwClose(Second), STATUS_SUCCESS);
    EXPECT_EQ(ZwOpenEvent(&First, 0, &Attributes), STATUS_OBJECT_NAME_NOT_FOUND);
    Event = IoCreateSynchronizationEvent(&Text, &Third);
    REQUIRE_TRUE(Event != NULL);
    EXPECT_EQ(Event->Header.Type, EventSynchronizationObject);
    EXPECT_EQ(KeReadStateEvent(Event), 1);
    ZwClose(Third);
    EXPECT_EQ(IoCreateNotificationEvent(&Bad, &Third), NULL);
}

TEST(ob_semaphore, counts_by_handle)
{
    HANDLE Handle = (HANDLE)1;
    LONG Previous = 0x55555555;
    PVOID Object;

    EXPECT_EQ(ZwCreateSemaphore(&Handle, 0, NULL, 1, 0), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(ZwCreateSemaphore(&Handle, 0, NULL, -1, 1), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(ZwCreateSemaphore(&Handle, 0, NULL, 3, 2), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(Handle, (HANDLE)1);
    REQUIRE_EQ(ZwCreateSemaphore(&Handle, 0, NULL, 1, 3), STATUS_SUCCESS);
    EXPECT_EQ(ObReferenceObjectByHandle(Handle, 0, ExSemaphoreObjectType, KernelMode, &Object, NULL), STATUS_SUCCESS);
    EXPECT_EQ(ZwReleaseSemaphore(Handle, 2, &Previous), STATUS_SUCCESS);
    EXPECT_EQ(Previous, 1);
    EXPECT_EQ(ZwReleaseSemaphore(Handle, 1, &Previous), STATUS_SEMAPHORE_LIMIT_EXCEEDED);
    EXPECT_EQ(ZwReleaseSemaphore(Handle, 0, &Previous), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(ZwReleaseSemaphore(Handle, -1, &Previous), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(Previous, 1);
    EXPECT_EQ(KeReadStateSemaphore(Object), 3);
    for (ULONG At = 0; At < 4; At++)
        EXPECT_EQ(ZwWaitForSingleObject(Handle, FALSE, &AtOnce), At < 3 ? STATUS_SUCCESS : STATUS_TIMEOUT);
    EXPECT_EQ(ZwReleaseSemaphore(NtCurrentThread(), 1, NULL), STATUS_OBJECT_TYPE_MISMATCH);
    ObfDereferenceObject(Object);
    ZwClose(Handle);
}

static volatile LONG HelperStatus;

static void ReleaseAsStranger(PVOID Context) { HelperStatus = ZwReleaseMutant(Context, NULL); }

TEST(ob_mutant, owned_by_handle)
{
    HANDLE Handle, Free;
    LONG Previous = 0x55555555, Disabled = KeGetCurrentThread()->CombinedApcDisable;

    REQUIRE_EQ(ZwCreateMutant(&Handle, GENERIC_ALL, NULL, TRUE), STATUS_SUCCESS);
    REQUIRE_EQ(ZwCreateMutant(&Free, GENERIC_ALL, NULL, FALSE), STATUS_SUCCESS);
    EXPECT_EQ(KeGetCurrentThread()->CombinedApcDisable, Disabled);
    EXPECT_EQ(ZwWaitForSingleObject(Handle, FALSE, NULL), STATUS_SUCCESS);
    KtestJoin(KtestThread(ReleaseAsStranger, Handle, 8));
    EXPECT_EQ(HelperStatus, STATUS_MUTANT_NOT_OWNED);
    EXPECT_EQ(ZwReleaseMutant(Handle, &Previous), STATUS_SUCCESS);
    EXPECT_EQ(Previous, -1);
    EXPECT_EQ(ZwReleaseMutant(Handle, &Previous), STATUS_SUCCESS);
    EXPECT_EQ(Previous, 0);
    EXPECT_EQ(ZwReleaseMutant(Handle, &Previous), STATUS_MUTANT_NOT_OWNED);
    EXPECT_EQ(ZwReleaseMutant(Free, NULL), STATUS_MUTANT_NOT_OWNED);
    EXPECT_EQ(ZwWaitForSingleObject(Handle, FALSE, NULL), STATUS_SUCCESS);
    ZwClose(Handle);                    /* owned still: it leaves the owner's list */
    ZwClose(Free);
    EXPECT_TRUE(KeGetCurrentThread()->MutantListHead.Flink == &KeGetCurrentThread()->MutantListHead);
}

TEST(ob_mutant, existing_one_is_opened_and_not_owned)
{
    UNICODE_STRING Text;
    OBJECT_ATTRIBUTES Attributes = Named(&Text, L"\\BaseNamedObjects\\KtMutant", OBJ_OPENIF);
    HANDLE First, Second, Third;
    LONG Previous;

    REQUIRE_EQ(ZwCreateMutant(&First, GENERIC_ALL, &Attributes, FALSE), STATUS_SUCCESS);
    REQUIRE_EQ(ZwCreateMutant(&Second, GENERIC_ALL, &Attributes, TRUE), STATUS_OBJECT_NAME_EXISTS);
    REQUIRE_EQ(ZwOpenMutant(&Third, GENERIC_ALL, &Attributes), STATUS_SUCCESS);
    EXPECT_EQ(ZwReleaseMutant(Second, NULL), STATUS_MUTANT_NOT_OWNED);
    EXPECT_EQ(ZwWaitForSingleObject(First, FALSE, &AtOnce), STATUS_SUCCESS);
    EXPECT_EQ(ZwReleaseMutant(Third, &Previous), STATUS_SUCCESS);
    EXPECT_EQ(Previous, 0);
    ZwClose(First);
    ZwClose(Second);
    ZwClose(Third);
    EXPECT_TRUE(KeGetCurrentThread()->MutantListHead.Flink == &KeGetCurrentThread()->MutantListHead);
}

TEST(ob_mutant, at_its_limit_is_a_status)
{
    HANDLE Handle, Other = NewEvent(NotificationEvent, FALSE), Both[2];
    PVOID Object;
    PKMUTANT Mutant;

    REQUIRE_EQ(ZwCreateMutant(&Handle, GENERIC_ALL, NULL, TRUE), STATUS_SUCCESS);
    REQUIRE_EQ(ObReferenceObjectByHandle(Handle, 0, NULL, KernelMode, &Object, NULL), STATUS_SUCCESS);
    Mutant = Object;
    Mutant->Header.SignalState = MINLONG;
    EXPECT_EQ(ZwWaitForSingleObject(Handle, FALSE, NULL), STATUS_MUTANT_LIMIT_EXCEEDED);
    Both[0] = Other;
    Both[1] = Handle;
    EXPECT_EQ(ZwWaitForMultipleObjects(2, Both, WaitAny, FALSE, NULL), STATUS_MUTANT_LIMIT_EXCEEDED);
    EXPECT_EQ(Mutant->Header.SignalState, MINLONG);
    Mutant->Header.SignalState = 0;
    ObfDereferenceObject(Object);
    ZwClose(Handle);
    ZwClose(Other);
}

/* ---- Waits ---- */

typedef struct _WAITER { HANDLE Handle; BOOLEAN Alertable; NTSTATUS Status; } WAITER;

static void WaitByHandle(PVOID Context)
{
    WAITER *Waiter = Context;

    Waiter->Status = ZwWaitForSingleObject(Waiter->Handle, Waiter->Alertable, NULL);
}

/* covers ZwWaitForSingleObject.1 */
TEST(ob_wait, sleeps_until_the_handle_is_signalled)
{
    HANDLE Event = NewEvent(SynchronizationEvent, FALSE);
    WAITER Waiter = { Event, FALSE, 1 }, Alerted = { Event, TRUE, 1 };
    PKTHREAD Thread = KtestThread(WaitByHandle, &Waiter, 8);
    PVOID Object;

    REQUIRE_EQ(ObReferenceObjectByHandle(Event, 0, NULL, KernelMode, &Object, NULL), STATUS_SUCCESS);
    KtestWaitBlocked(Thread, Object);
    EXPECT_EQ(Thread->WaitReason, UserRequest);
    EXPECT_EQ(Thread->WaitMode, KernelMode);
    EXPECT_EQ(ZwSetEvent(Event, NULL), STATUS_SUCCESS);
    KtestJoin(Thread);
    EXPECT_EQ(Waiter.Status, STATUS_SUCCESS);
    Thread = KtestThread(WaitByHandle, &Alerted, 8);
    KtestWaitBlocked(Thread, Object);
    KeAlertThread(Thread, KernelMode);
    KtestJoin(Thread);
    EXPECT_EQ(Alerted.Status, STATUS_ALERTED);
    ObfDereferenceObject(Object);
    ZwClose(Event);
}

/* covers ZwWaitForSingleObject.1 */
TEST(ob_wait, refuses_what_nobody_can_wait_for)
{
    UNICODE_STRING Text;
    OBJECT_ATTRIBUTES Attributes = Named(&Text, L"\\Device", 0);
    LARGE_INTEGER Second = { .QuadPart = -10000000 };
    HANDLE Directory, Closed = NewEvent(NotificationEvent, TRUE);
    ULONG64 Before;

    REQUIRE_EQ(ZwOpenDirectoryObject(&Directory, 0, &Attributes), STATUS_SUCCESS);
    EXPECT_EQ(ZwWaitForSingleObject(Directory, FALSE, &AtOnce), STATUS_OBJECT_TYPE_MISMATCH);
    ZwClose(Directory);
    ZwClose(Closed);
    EXPECT_EQ(ZwWaitForSingleObject(Closed, FALSE, &AtOnce), STATUS_INVALID_HANDLE);
    Before = KeQueryInterruptTime();
    EXPECT_EQ(ZwWaitForSingleObject(NtCurrentThread(), FALSE, &Second), STATUS_TIMEOUT);
    EXPECT_GE(KeQueryInterruptTime() - Before, 10000000);
    EXPECT_EQ(NtWaitForSingleObject(NtCurrentProcess(), FALSE, &AtOnce), STATUS_TIMEOUT);
}

/* covers ZwWaitForMultipleObjects.1 */
TEST(ob_wait, many_handles)
{
    static HANDLE Handles[MAXIMUM_WAIT_OBJECTS];
    ULONG Before = ExEventObjectType->Objects;
    HANDLE Bad[2];

    for (ULONG At = 0; At < MAXIMUM_WAIT_OBJECTS; At++)
        Handles[At] = NewEvent(SynchronizationEvent, FALSE);
    EXPECT_EQ(ZwWaitForMultipleObjects(0, Handles, WaitAny, FALSE, &AtOnce), STATUS_INVALID_PARAMETER_1);
    EXPECT_EQ(ZwWaitForMultipleObjects(65, Handles, WaitAny, FALSE, &AtOnce), STATUS_INVALID_PARAMETER_1);
    EXPECT_EQ(ZwWaitForMultipleObjects(2, Handles, (WAIT_TYPE)2, FALSE, &AtOnce), STATUS_INVALID_PARAMETER_3);
    EXPECT_EQ(ZwWaitForMultipleObjects(64, Handles, WaitAny, FALSE, &AtOnce), STATUS_TIMEOUT);
    for (ULONG At = 0; At < MAXIMUM_WAIT_OBJECTS; At += 21) {
        ZwSetEvent(Handles[At], NULL);
        EXPECT_EQ(ZwWaitForMultipleObjects(64, Handles, WaitAny, FALSE, NULL), (NTSTATUS)At);
    }
    for (ULONG At = 0; At < MAXIMUM_WAIT_OBJECTS; At++) {
        EXPECT_EQ(ZwWaitForMultipleObjects(64, Handles, WaitAll, FALSE, &AtOnce), STATUS_TIMEOUT);
        ZwSetEvent(Handles[At], NULL);
    }
    EXPECT_EQ(ZwWaitForMultipleObjects(64, Handles, WaitAll, FALSE, NULL), STATUS_SUCCESS);
    EXPECT_EQ(StateOf(Handles[63]), 0);
    Bad[0] = Bad[1] = Handles[0];
    EXPECT_EQ(ZwWaitForMultipleObjects(2, Bad, WaitAll, FALSE, &AtOnce), STATUS_INVALID_PARAMETER_MIX);
    EXPECT_EQ(ZwWaitForMultipleObjects(2, Bad, WaitAny, FALSE, &AtOnce), STATUS_TIMEOUT);
    Bad[1] = NULL;
    ZwSetEvent(Handles[0], NULL);
    EXPECT_EQ(ZwWaitForMultipleObjects(2, Bad, WaitAny, FALSE, &AtOnce), STATUS_INVALID_HANDLE);
    EXPECT_EQ(StateOf(Handles[0]), 1);
    for (ULONG At = 0; At < MAXIMUM_WAIT_OBJECTS; At++)
        EXPECT_EQ(ZwClose(Handles[At]), STATUS_SUCCESS);
    EXPECT_EQ(ExEventObjectType->Objects, Before);              /* the waits have kept none */
}
