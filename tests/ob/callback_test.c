/* callback_test.c - callback objects: their names, the order of calls, and that unregistering waits. */
#include <ke/event.h>
#include <ke/irql.h>
#include <ke/thread.h>
#include <ktest.h>
#include <ob/callback.h>
#include <ob/create.h>
#include <ob/event_object.h>
#include <ob/names.h>
#include <rtl/nt_string.h>
#include <rtl/status.h>

static OBJECT_ATTRIBUTES Named(PUNICODE_STRING Text, PCWSTR Path, ULONG Flags)
{
    RtlInitUnicodeString(Text, Path);
    return (OBJECT_ATTRIBUTES){ sizeof(OBJECT_ATTRIBUTES), NULL, Text, OBJ_CASE_INSENSITIVE | Flags };
}

static PCALLBACK_OBJECT NewCallback(BOOLEAN Multiple)
{
    OBJECT_ATTRIBUTES Attributes = { sizeof Attributes };
    PCALLBACK_OBJECT Callback = NULL;

    REQUIRE_EQ(ExCreateCallback(&Callback, &Attributes, TRUE, Multiple), STATUS_SUCCESS);
    return Callback;
}

/* covers ExCreateCallback.1 */
TEST(ob_callback, is_found_by_name_as_long_as_somebody_holds_it)
{
    UNICODE_STRING Text;
    OBJECT_ATTRIBUTES Attributes = Named(&Text, L"\\Callback\\KtCallback", 0);
    PCALLBACK_OBJECT First, Second;
    PVOID Registration;

    EXPECT_EQ(ExCreateCallback(&First, &Attributes, FALSE, TRUE), STATUS_OBJECT_NAME_NOT_FOUND);
    REQUIRE_EQ(ExCreateCallback(&First, &Attributes, TRUE, TRUE), STATUS_SUCCESS);
    RtlInitUnicodeString(&Text, L"\\callback\\KTCALLBACK");
    REQUIRE_EQ(ExCreateCallback(&Second, &Attributes, TRUE, FALSE), STATUS_SUCCESS);
    EXPECT_EQ(Second, First);
    EXPECT_EQ(ObfDereferenceObject(First), 1);
    REQUIRE_EQ(ExCreateCallback(&First, &Attributes, FALSE, FALSE), STATUS_SUCCESS);
    EXPECT_EQ(First, Second);
    ObfDereferenceObject(First);
    Registration = ExRegisterCallback(Second, (PCALLBACK_FUNCTION)(PVOID)Named, NULL);
    EXPECT_EQ(ObfDereferenceObject(Second), 1);         /* a registration holds it */
    REQUIRE_EQ(ExCreateCallback(&First, &Attributes, FALSE, FALSE), STATUS_SUCCESS);
    EXPECT_EQ(First, Second);
    ExUnregisterCallback(Registration);
    EXPECT_EQ(ObfDereferenceObject(First), 0);
    EXPECT_EQ(ExCreateCallback(&First, &Attributes, FALSE, TRUE), STATUS_OBJECT_NAME_NOT_FOUND);
}

/* covers ExCreateCallback.1 */
TEST(ob_callback, wrong_names)
{
    UNICODE_STRING Text, EventText;
    OBJECT_ATTRIBUTES Attributes = Named(&Text, L"\\NotThere\\KtCallback", 0), None = { sizeof None };
    OBJECT_ATTRIBUTES EventName = Named(&EventText, L"\\Callback\\KtEvent", OBJ_KERNEL_HANDLE);
    PCALLBACK_OBJECT Callback = (PCALLBACK_OBJECT)1;
    HANDLE Event;

    EXPECT_EQ(ExCreateCallback(&Callback, &Attributes, TRUE, TRUE), STATUS_OBJECT_PATH_NOT_FOUND);
    EXPECT_EQ(ExCreateCallback(&Callback, &None, FALSE, TRUE), STATUS_UNSUCCESSFUL);
    REQUIRE_EQ(ZwCreateEvent(&Event, 0, &EventName, NotificationEvent, FALSE), STATUS_SUCCESS);
    EXPECT_EQ(ExCreateCallback(&Callback, &EventName, TRUE, TRUE), STATUS_OBJECT_TYPE_MISMATCH);
    EXPECT_EQ(Callback, (PCALLBACK_OBJECT)1);
    ZwClose(Event);
}

TEST(ob_callback, permanent_and_the_systems_own)
{
    static const PCWSTR Own[] = {
        L"\\Callback\\SetSystemTime", L"\\Callback\\PowerState", L"\\Callback\\ProcessorAdd"
    };
    UNICODE_STRING Text;
    OBJECT_ATTRIBUTES Attributes = Named(&Text, L"\\Callback\\KtStays", OBJ_PERMANENT);
    PCALLBACK_OBJECT Callback;

    REQUIRE_EQ(ExCreateCallback(&Callback, &Attributes, TRUE, TRUE), STATUS_SUCCESS);
    EXPECT_EQ(ObfDereferenceObject(Callback), 1);
    REQUIRE_EQ(ExCreateCallback(&Callback, &Attributes, FALSE, TRUE), STATUS_SUCCESS);
    ObMakeTemporaryObject(Callback);
    EXPECT_EQ(ObfDereferenceObject(Callback), 0);
    for (ULONG At = 0; At < RTL_NUMBER_OF(Own); At++) {
        Attributes = Named(&Text, Own[At], 0);
        REQUIRE_EQ(ExCreateCallback(&Callback, &Attributes, FALSE, TRUE), STATUS_SUCCESS);
        ObfDereferenceObject(Callback);
    }
}

typedef struct _CALL { ULONG Who; PVOID Argument1, Argument2; KIRQL Irql; } CALL;

static CALL Calls[16];
static volatile LONG CallCount;

static VOID Note(PVOID Context, PVOID Argument1, PVOID Argument2)
{
    Calls[CallCount++ % 16] = (CALL){ (ULONG)(ULONG64)Context, Argument1, Argument2, KeGetCurrentIrql() };
}

/* covers ExNotifyCallback.1 */
TEST(ob_callback, calls_in_order_with_the_arguments_at_the_callers_irql)
{
    PCALLBACK_OBJECT Callback = NewCallback(TRUE);
    PVOID Registrations[3];
    KIRQL OldIrql;

    for (ULONG64 At = 0; At < 3; At++)
        Registrations[At] = ExRegisterCallback(Callback, Note, (PVOID)(At + 1));
    for (KIRQL Irql = PASSIVE_LEVEL; Irql <= DISPATCH_LEVEL; Irql++) {
        CallCount = 0;
        KeRaiseIrql(Irql, &OldIrql);
        ExNotifyCallback(Callback, (PVOID)7, (PVOID)8);
        EXPECT_EQ(KeGetCurrentIrql(), Irql);
        KeLowerIrql(OldIrql);
        EXPECT_EQ(CallCount, 3);
        for (ULONG At = 0; At < 3; At++) {
            EXPECT_EQ(Calls[At].Who, At + 1);
            EXPECT_EQ(Calls[At].Argument1, (PVOID)7);
            EXPECT_EQ(Calls[At].Argument2, (PVOID)8);
            EXPECT_EQ(Calls[At].Irql, Irql);
        }
    }
    ExUnregisterCallback(Registrations[1]);
    CallCount = 0;
    ExNotifyCallback(Callback, NULL, NULL);
    EXPECT_EQ(CallCount, 2);
    EXPECT_EQ(Calls[1].Who, 3);
    ExUnregisterCallback(Registrations[0]);
    ExUnregisterCallback(Registrations[2]);
    CallCount = 0;
    ExNotifyCallback(Callback, NULL, NULL);
    EXPECT_EQ(CallCount, 0);
    EXPECT_EQ(ObfDereferenceObject(Callback), 0);
}

/* covers ExRegisterCallback.1 */
TEST(ob_callback, one_alone_unless_several_are_allowed)
{
    PCALLBACK_OBJECT Callback = NewCallback(FALSE);
    PVOID Registration = ExRegisterCallback(Callback, Note, NULL);

    EXPECT_NE(Registration, NULL);
    EXPECT_EQ(ExRegisterCallback(Callback, Note, NULL), NULL);
    ExUnregisterCallback(Registration);
    Registration = ExRegisterCallback(Callback, Note, NULL);
    EXPECT_NE(Registration, NULL);
    ExUnregisterCallback(Registration);
    EXPECT_EQ(ObfDereferenceObject(Callback), 0);
}

/* ---- Unregistering while a call is under way ---- */

typedef struct _STAY { KEVENT Inside, Leave; volatile LONG Left, Unregistered; PVOID Registration; } STAY;

static PCALLBACK_OBJECT Stage;

static VOID StayInside(PVOID Context, PVOID Argument1, PVOID Argument2)
{
    STAY *Stay = Context;

    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    KeSetEvent(&Stay->Inside, 0, FALSE);
    KeWaitForSingleObject(&Stay->Leave, Executive, KernelMode, FALSE, NULL);
    EXPECT_EQ(Stay->Unregistered, 0);
    Stay->Left++;
}

static void Notify(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    ExNotifyCallback(Stage, NULL, NULL);
}

static void Unregister(PVOID Context)
{
    STAY *Stay = Context;

    ExUnregisterCallback(Stay->Registration);
    Stay->Unregistered = 1;
}

/* covers ExUnregisterCallback.1 */
TEST(ob_callback, unregistering_waits_for_every_call_under_way)
{
    STAY Stay = { .Left = 0 };
    PKTHREAD Notifiers[2], Leaver;
    PVOID Behind;

    Stage = NewCallback(TRUE);
    KeInitializeEvent(&Stay.Inside, SynchronizationEvent, FALSE);
    KeInitializeEvent(&Stay.Leave, SynchronizationEvent, FALSE);
    Stay.Registration = ExRegisterCallback(Stage, StayInside, &Stay);
    Behind = ExRegisterCallback(Stage, Note, NULL);
    CallCount = 0;
    for (ULONG At = 0; At < 2; At++) {
        Notifiers[At] = KtestThread(Notify, NULL, 8);
        KeWaitForSingleObject(&Stay.Inside, Executive, KernelMode, FALSE, NULL);
    }
    Leaver = KtestThread(Unregister, &Stay, 9);
    KtestWaitBlocked(Leaver, NULL);
    KeSetEvent(&Stay.Leave, 0, FALSE);
    KtestWaitFor(&Stay.Left);
    KtestWaitBlocked(Leaver, NULL);
    EXPECT_EQ(Stay.Unregistered, 0);
    ExNotifyCallback(Stage, NULL, NULL);        /* passes who is leaving */
    EXPECT_LE(Stay.Left, 1);
    KeSetEvent(&Stay.Leave, 0, FALSE);
    KtestJoin(Leaver);
    KtestJoin(Notifiers[0]);
    KtestJoin(Notifiers[1]);
    EXPECT_EQ(Stay.Left, 2);
    EXPECT_EQ(CallCount, 3);
    ExUnregisterCallback(Behind);
    EXPECT_EQ(ObfDereferenceObject(Stage), 0);
}

/* A routine may register another, and notify. */
static PVOID Nested;

static VOID RegisterInside(PVOID Context, PVOID Argument1, PVOID Argument2)
{
    CallCount++;
    if (Nested == NULL)
        Nested = ExRegisterCallback(Context, Note, (PVOID)9);
    if (Argument1 != NULL)
        ExNotifyCallback(Context, NULL, Argument2);
}

TEST(ob_callback, routine_may_register_and_notify)
{
    PCALLBACK_OBJECT Callback = NewCallback(TRUE);
    PVOID Registration = ExRegisterCallback(Callback, RegisterInside, Callback);

    CallCount = 0;
    Nested = NULL;
    ExNotifyCallback(Callback, (PVOID)1, NULL);
    EXPECT_EQ(CallCount, 4);
    ExUnregisterCallback(Nested);
    ExUnregisterCallback(Registration);
    EXPECT_EQ(ObfDereferenceObject(Callback), 0);
}

/* ---- Races ---- */

static volatile LONG Live, Stray, Heard;

typedef struct _GUEST { volatile LONG Registered; } GUEST;

static VOID Hear(PVOID Context, PVOID Argument1, PVOID Argument2)
{
    GUEST *Guest = Context;

    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    if (!Guest->Registered)
        __atomic_add_fetch(&Stray, 1, __ATOMIC_RELAXED);
    __atomic_add_fetch(&Heard, 1, __ATOMIC_RELAXED);
}

static void ComeAndGo(PVOID Context)
{
    ULONG Rounds = (ULONG)KtestNumber("torture", 4000) / 4;

    UNREFERENCED_PARAMETER(Context);
    for (ULONG At = 0; At < Rounds; At++) {
        GUEST Guest = { 1 };
        PVOID Registration = ExRegisterCallback(Stage, Hear, &Guest);

        ExNotifyCallback(Stage, NULL, NULL);
        ExUnregisterCallback(Registration);
        Guest.Registered = 0;
    }
    __atomic_sub_fetch(&Live, 1, __ATOMIC_RELAXED);
}

TEST(ob_callback, coming_and_going_races_notifications)
{
    PKTHREAD Threads[3];

    Stage = NewCallback(TRUE);
    Live = 3;
    Stray = Heard = 0;
    for (ULONG At = 0; At < 3; At++)
        Threads[At] = KtestThread(ComeAndGo, NULL, 8);
    while (Live != 0) {
        LARGE_INTEGER Moment = { .QuadPart = -1000 };

        ExNotifyCallback(Stage, NULL, NULL);
        KeDelayExecutionThread(KernelMode, FALSE, &Moment);
    }
    for (ULONG At = 0; At < 3; At++)
        KtestJoin(Threads[At]);
    EXPECT_EQ(Stray, 0);
    EXPECT_GE(Heard, 3000);
    EXPECT_EQ(ObfDereferenceObject(Stage), 0);
}
