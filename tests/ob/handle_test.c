/* handle_test.c - references, handle tables, duplicates, and what is told of objects and handles. */
#include <ke/event.h>
#include <ke/init.h>
#include <ke/irql.h>
#include <ke/process.h>
#include <ktest.h>
#include <ob/create.h>
#include <ob/duplicate.h>
#include <ob/event_object.h>
#include <ob/names.h>
#include <ob/owner.h>
#include <ps/process.h>
#include <ps/system_thread.h>
#include <rtl/random.h>
#include <rtl/status.h>
#include <rtl/string.h>

static volatile LONG Deleted, LastClosed;
static KIRQL DeletedAt;
static PKTHREAD DeletedBy;

static void DeleteThing(PVOID Object)
{
    UNREFERENCED_PARAMETER(Object);
    DeletedAt = KeGetCurrentIrql();
    DeletedBy = KeGetCurrentThread();
    __atomic_add_fetch(&Deleted, 1, __ATOMIC_SEQ_CST);
}

static void CloseThing(PVOID Object)
{
    EXPECT_EQ(OBJECT_TO_HEADER(Object)->HandleCount, 0);
    EXPECT_GT(OBJECT_TO_HEADER(Object)->PointerCount, 0);
    LastClosed++;
}

static OBJECT_TYPE ThingType = {
    &ThingType, "Thing", DeleteThing, 0x001F000F, { 0x00020001, 0x00020002, 0x00120004, 0x001F000F },
    .LastHandleClosed = CloseThing
};

static PVOID NewThing(void)
{
    PVOID Thing = ObCreateObject(&ThingType, 64);

    REQUIRE_TRUE(Thing != NULL);
    return Thing;
}

static HANDLE HandleTo(PVOID Object, ACCESS_MASK Access, ULONG Attributes)
{
    HANDLE Handle = (HANDLE)1;

    REQUIRE_EQ(ObOpenObjectByPointer(Object, Attributes, NULL, Access, &ThingType, KernelMode, &Handle),
               STATUS_SUCCESS);
    return Handle;
}

/* covers ObReferenceObjectByPointer.1 */
TEST(ob_reference, counts_and_tags)
{
    PVOID Thing = NewThing();

    Deleted = 0;
    EXPECT_EQ(ObfReferenceObject(Thing), 2);
    EXPECT_EQ(ObfReferenceObjectWithTag(Thing, 'aaaa'), 3);
    EXPECT_EQ(ObReferenceObjectByPointer(Thing, 0, &ThingType, UserMode), STATUS_SUCCESS);
    EXPECT_EQ(ObReferenceObjectByPointer(Thing, 0, NULL, KernelMode), STATUS_SUCCESS);
    EXPECT_EQ(ObReferenceObjectByPointer(Thing, 0, NULL, UserMode), STATUS_OBJECT_TYPE_MISMATCH);
    EXPECT_EQ(ObReferenceObjectByPointer(Thing, 0, PsThreadType, KernelMode), STATUS_OBJECT_TYPE_MISMATCH);
    EXPECT_EQ(ObReferenceObjectByPointerWithTag(Thing, 0, &ThingType, KernelMode, 'bbbb'), STATUS_SUCCESS);
    EXPECT_EQ(ObGetObjectType(Thing), &ThingType);
    EXPECT_EQ(ObfDereferenceObjectWithTag(Thing, 'aaaa'), 5);
    EXPECT_EQ(ObDereferenceObject(Thing), 4);
    EXPECT_EQ(ObfDereferenceObject(Thing), 3);
    ObDereferenceObjectDeferDelete(Thing);
    EXPECT_EQ(ObfDereferenceObject(Thing), 1);
    EXPECT_EQ(Deleted, 0);
    EXPECT_EQ(ObfDereferenceObject(Thing), 0);
    EXPECT_EQ(Deleted, 1);
}

TEST(ob_reference, deletes_where_it_is_given_back)
{
    PVOID Thing = NewThing();
    KIRQL OldIrql;

    Deleted = 0;
    KeRaiseIrql(DISPATCH_LEVEL, &OldIrql);
    EXPECT_EQ(ObfDereferenceObject(Thing), 0);
    KeLowerIrql(OldIrql);
    EXPECT_EQ(Deleted, 1);
    EXPECT_EQ(DeletedAt, DISPATCH_LEVEL);
    EXPECT_EQ(DeletedBy, KeGetCurrentThread());
}

/* covers ObDereferenceObjectDeferDelete.1 */
TEST(ob_reference, deferred_deletion_is_a_workers)
{
    enum { COUNT = 100 };
    KIRQL OldIrql;
    PVOID Things[COUNT];

    Deleted = 0;
    for (ULONG At = 0; At < COUNT; At++)
        Things[At] = NewThing();
    KeRaiseIrql(DISPATCH_LEVEL, &OldIrql);
    for (ULONG At = 0; At < COUNT; At++) {
        if (At % 2)
            ObDereferenceObjectDeferDelete(Things[At]);
        else
            ObDereferenceObjectDeferDeleteWithTag(Things[At], 'cccc');
    }
    KeLowerIrql(OldIrql);
    for (LONG Look = 0; Deleted != COUNT && Look < 10000; Look++) {
        LARGE_INTEGER Moment = { .QuadPart = -1000 };

        KeDelayExecutionThread(KernelMode, FALSE, &Moment);
    }
    EXPECT_EQ(Deleted, COUNT);
    EXPECT_EQ(DeletedAt, PASSIVE_LEVEL);
    EXPECT_NE(DeletedBy, KeGetCurrentThread());
}

TEST(ob_reference, dying_object_is_not_referenced_again)
{
    PVOID Thing = NewThing();

    EXPECT_TRUE(ObReferenceObjectSafe(Thing));
    EXPECT_EQ(OBJECT_TO_HEADER(Thing)->PointerCount, 2);
    OBJECT_TO_HEADER(Thing)->PointerCount = 0;
    EXPECT_FALSE(ObReferenceObjectSafe(Thing));
    EXPECT_EQ(OBJECT_TO_HEADER(Thing)->PointerCount, 0);
    OBJECT_TO_HEADER(Thing)->PointerCount = 1;
    ObfDereferenceObject(Thing);
}

/* covers Handles.1, ZwClose.1 */
TEST(ob_handle, each_holds_the_object_and_the_last_close_is_told)
{
    PVOID Thing = NewThing(), Found;
    HANDLE First = HandleTo(Thing, GENERIC_READ | GENERIC_EXECUTE, OBJ_KERNEL_HANDLE);
    HANDLE Second = HandleTo(Thing, MAXIMUM_ALLOWED, 0);
    OBJECT_HANDLE_INFORMATION Information = { 0x55555555, 0x55555555 };

    Deleted = LastClosed = 0;
    EXPECT_EQ(ObfDereferenceObject(Thing), 2);
    EXPECT_TRUE(ObIsKernelHandle(First));
    EXPECT_FALSE(ObIsKernelHandle(Second));
    REQUIRE_EQ(ObReferenceObjectByHandle(First, 0x8, *(POBJECT_TYPE *)&ThingType, KernelMode, &Found, &Information),
               STATUS_SUCCESS);
    EXPECT_EQ(Found, Thing);
    EXPECT_EQ(Information.GrantedAccess, 0x00120005 | 0x00020000);
    EXPECT_EQ(Information.HandleAttributes, 0);
    ObfDereferenceObject(Found);
    REQUIRE_EQ(ObReferenceObjectByHandleWithTag(Second, 0, &ThingType, KernelMode, 'dddd', &Found, &Information),
               STATUS_SUCCESS);
    EXPECT_EQ(Information.GrantedAccess, 0x001F000F);
    ObfDereferenceObject(Found);
    EXPECT_EQ(ZwClose(First), STATUS_SUCCESS);
    EXPECT_EQ(LastClosed, 0);
    EXPECT_EQ(ZwClose(First), STATUS_INVALID_HANDLE);
    EXPECT_EQ(ObReferenceObjectByHandle(First, 0, NULL, KernelMode, &Found, NULL), STATUS_INVALID_HANDLE);
    EXPECT_EQ(Found, NULL);
    EXPECT_EQ(ObCloseHandle(Second, UserMode), STATUS_SUCCESS);
    EXPECT_EQ(LastClosed, 1);
    EXPECT_EQ(Deleted, 1);
}

/* covers Handles.2, Handles.5, ObReferenceObjectByHandle.2 */
TEST(ob_handle, low_bits_are_nobodys_and_kernel_handles_are_not_user_modes)
{
    PVOID Thing = NewThing(), Found;
    HANDLE Kernel = HandleTo(Thing, 1, OBJ_KERNEL_HANDLE), Own = HandleTo(Thing, 1, 0);

    for (ULONG64 Low = 0; Low < 4; Low++) {
        REQUIRE_EQ(ObReferenceObjectByHandle((HANDLE)((ULONG64)Own + Low), 1, NULL, UserMode, &Found, NULL),
                   STATUS_SUCCESS);
        EXPECT_EQ(Found, Thing);
        ObfDereferenceObject(Found);
        REQUIRE_EQ(ObReferenceObjectByHandle((HANDLE)((ULONG64)Kernel + Low), 1, NULL, KernelMode, &Found, NULL),
                   STATUS_SUCCESS);
        ObfDereferenceObject(Found);
    }
    EXPECT_EQ(ObReferenceObjectByHandle(Own, 2, NULL, UserMode, &Found, NULL), STATUS_ACCESS_DENIED);
    EXPECT_EQ(ObReferenceObjectByHandle(Own, 2, NULL, KernelMode, &Found, NULL), STATUS_SUCCESS);
    ObfDereferenceObject(Found);
    EXPECT_EQ(ObReferenceObjectByHandle(Kernel, 1, NULL, UserMode, &Found, NULL), STATUS_INVALID_HANDLE);
    EXPECT_EQ(ObCloseHandle(Kernel, UserMode), STATUS_INVALID_HANDLE);
    EXPECT_EQ(ObCloseHandle(Kernel, KernelMode), STATUS_SUCCESS);
    EXPECT_EQ(NtClose(Own), STATUS_SUCCESS);
    ObfDereferenceObject(Thing);
}

/* A closed handle's value comes back as late as it can. */
TEST(ob_handle, stale_handle_stays_invalid)
{
    PVOID Thing = NewThing();
    HANDLE Stale = HandleTo(Thing, 1, OBJ_KERNEL_HANDLE);

    ZwClose(Stale);
    for (ULONG At = 0; At < 100; At++) {
        HANDLE Fresh = HandleTo(Thing, 1, OBJ_KERNEL_HANDLE);

        EXPECT_NE(Fresh, Stale);
        ZwClose(Fresh);
    }
    EXPECT_EQ(ZwClose(Stale), STATUS_INVALID_HANDLE);
    ObfDereferenceObject(Thing);
}

/* covers Handles.4 */
TEST(ob_handle, protected_from_close)
{
    PVOID Thing = NewThing();
    HANDLE Handle = HandleTo(Thing, 1, OBJ_KERNEL_HANDLE);
    OBJECT_HANDLE_FLAG_INFORMATION Flags = { FALSE, TRUE }, Told = { 0x55, 0x55 };
    ULONG Length = 0;

    EXPECT_EQ(ZwSetInformationObject(Handle, ObjectBasicInformation, &Flags, 2), STATUS_INVALID_INFO_CLASS);
    EXPECT_EQ(ZwSetInformationObject(Handle, ObjectHandleFlagInformation, &Flags, 1), STATUS_INFO_LENGTH_MISMATCH);
    EXPECT_EQ(ZwSetInformationObject(NULL, ObjectHandleFlagInformation, &Flags, 2), STATUS_INVALID_HANDLE);
    EXPECT_EQ(ZwSetInformationObject(Handle, ObjectHandleFlagInformation, &Flags, 2), STATUS_SUCCESS);
    EXPECT_EQ(ZwQueryObject(Handle, ObjectHandleFlagInformation, &Told, 2, &Length), STATUS_SUCCESS);
    EXPECT_EQ(Length, 2);
    EXPECT_EQ(Told.ProtectFromClose, TRUE);
    EXPECT_EQ(Told.Inherit, FALSE);
    EXPECT_EQ(ZwClose(Handle), STATUS_HANDLE_NOT_CLOSABLE);
    EXPECT_EQ(OBJECT_TO_HEADER(Thing)->HandleCount, 1);
    Flags.ProtectFromClose = FALSE;
    Flags.Inherit = TRUE;
    EXPECT_EQ(ZwSetInformationObject(Handle, ObjectHandleFlagInformation, &Flags, 2), STATUS_SUCCESS);
    EXPECT_EQ(ZwQueryObject(Handle, ObjectHandleFlagInformation, &Told, 2, NULL), STATUS_SUCCESS);
    EXPECT_EQ(Told.Inherit, TRUE);
    EXPECT_EQ(ZwClose(Handle), STATUS_SUCCESS);
    EXPECT_EQ(ObfDereferenceObject(Thing), 0);
}

/* ---- Several processes ---- */

typedef struct _VISITOR_WORK { HANDLE Foreign; PVOID Thing; volatile LONG Done; } VISITOR_WORK;

/* covers Handles.2 */
TEST(ob_handle, means_something_in_its_own_process_only)
{
    PKPROCESS Process = PsCreateProcess();
    PVOID Thing = NewThing(), Found;
    HANDLE Kernel = HandleTo(Thing, 1, OBJ_KERNEL_HANDLE), Here = HandleTo(Thing, 1, 0), There;
    KAPC_STATE State;

    KeStackAttachProcess(Process, &State);
    EXPECT_EQ(ObReferenceObjectByHandle(Here, 0, NULL, KernelMode, &Found, NULL), STATUS_INVALID_HANDLE);
    EXPECT_EQ(ZwClose(Here), STATUS_INVALID_HANDLE);
    REQUIRE_EQ(ObReferenceObjectByHandle(Kernel, 0, NULL, KernelMode, &Found, NULL), STATUS_SUCCESS);
    ObfDereferenceObject(Found);
    There = HandleTo(Thing, 1, 0);
    REQUIRE_EQ(ObReferenceObjectByHandle(There, 0, NULL, KernelMode, &Found, NULL), STATUS_SUCCESS);
    ObfDereferenceObject(Found);
    KeUnstackDetachProcess(&State);
    EXPECT_EQ(OBJECT_TO_HEADER(Thing)->HandleCount, 3);
    EXPECT_EQ(ZwClose(Here), STATUS_SUCCESS);
    EXPECT_EQ(ZwClose(Kernel), STATUS_SUCCESS);
    Deleted = 0;
    EXPECT_EQ(ObfDereferenceObject(Thing), 1);
    ObfDereferenceObject(Process);      /* and its handles go with it */
    EXPECT_TRUE(KtestWaitFor(&Deleted));
}

static void CreateHandleAndEnd(PVOID Context)
{
    VISITOR_WORK *Work = Context;

    Work->Foreign = HandleTo(Work->Thing, 1, OBJ_PROTECT_CLOSE);
    Work->Done = 1;
}

/* covers Handles.2 */
TEST(ob_handle, closed_when_the_process_ends)
{
    PKPROCESS Process = PsCreateProcess();
    VISITOR_WORK Work = { .Thing = NewThing() };
    HANDLE ProcessHandle, Thread;

    Deleted = 0;
    REQUIRE_EQ(ObCreateHandle(Process, 0, NULL, &ProcessHandle), STATUS_SUCCESS);
    REQUIRE_EQ(PsCreateSystemThread(&Thread, 0, NULL, ProcessHandle, NULL, CreateHandleAndEnd, &Work), STATUS_SUCCESS);
    ZwClose(Thread);
    EXPECT_EQ(KeWaitForSingleObject(Process, Executive, KernelMode, FALSE, NULL), STATUS_SUCCESS);
    EXPECT_EQ(Work.Done, 1);
    ObfDereferenceObject(Work.Thing);
    EXPECT_TRUE(KtestWaitFor(&Deleted));        /* protected or not */
    EXPECT_EQ(ZwDuplicateObject(NtCurrentProcess(), ProcessHandle, ProcessHandle, NULL, 0, 0, DUPLICATE_SAME_ACCESS),
              STATUS_PROCESS_IS_TERMINATING);
    ZwClose(ProcessHandle);
    ObfDereferenceObject(Process);
}

/* covers ZwDuplicateObject.1, ZwDuplicateObject.2 */
TEST(ob_handle, duplicates_across_processes)
{
    PKPROCESS Process = PsCreateProcess();
    PVOID Thing = NewThing(), Found;
    HANDLE Source = HandleTo(Thing, 3, 0), ProcessHandle, Copy, Back, Self = NtCurrentProcess();
    OBJECT_HANDLE_INFORMATION Information;
    KAPC_STATE State;

    REQUIRE_EQ(ObCreateHandle(Process, 0, NULL, &ProcessHandle), STATUS_SUCCESS);
    REQUIRE_EQ(ZwDuplicateObject(Self, Source, ProcessHandle, &Copy, 0, 0, DUPLICATE_SAME_ACCESS), STATUS_SUCCESS);
    KeStackAttachProcess(Process, &State);
    REQUIRE_EQ(ObReferenceObjectByHandle(Copy, 0, NULL, KernelMode, &Found, &Information), STATUS_SUCCESS);
    KeUnstackDetachProcess(&State);
    EXPECT_EQ(Found, Thing);
    EXPECT_EQ(Information.GrantedAccess, 3);
    ObfDereferenceObject(Found);
    REQUIRE_EQ(ZwDuplicateObject(ProcessHandle, Copy, Self, &Back, GENERIC_WRITE, OBJ_KERNEL_HANDLE | OBJ_INHERIT,
                                 DUPLICATE_CLOSE_SOURCE), STATUS_SUCCESS);
    EXPECT_TRUE(ObIsKernelHandle(Back));
    REQUIRE_EQ(ObReferenceObjectByHandle(Back, 0, NULL, KernelMode, &Found, &Information), STATUS_SUCCESS);
    EXPECT_EQ(Information.GrantedAccess, 0x00020002);
    EXPECT_EQ(Information.HandleAttributes, OBJ_INHERIT);
    ObfDereferenceObject(Found);
    EXPECT_EQ(OBJECT_TO_HEADER(Thing)->HandleCount, 2);         /* Source and Back: Copy is closed */
    EXPECT_EQ(ZwDuplicateObject(Self, Source, NULL, NULL, 0, 0, 0), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(ZwDuplicateObject(Self, Source, NULL, NULL, 0, 0, DUPLICATE_CLOSE_SOURCE), STATUS_SUCCESS);
    EXPECT_EQ(ZwDuplicateObject(Self, Source, Self, &Copy, 0, 0, DUPLICATE_SAME_ACCESS), STATUS_INVALID_HANDLE);
    EXPECT_EQ(ZwDuplicateObject(Back, Source, Self, &Copy, 0, 0, 0), STATUS_OBJECT_TYPE_MISMATCH);
    EXPECT_EQ(ZwDuplicateObject(Self, Back, Back, &Copy, 0, 0, DUPLICATE_CLOSE_SOURCE), STATUS_OBJECT_TYPE_MISMATCH);
    EXPECT_EQ(ZwClose(Back), STATUS_INVALID_HANDLE);            /* the source is closed all the same */
    EXPECT_EQ(ObfDereferenceObject(Thing), 0);
    ZwClose(ProcessHandle);
    ObfDereferenceObject(Process);
}

/* covers ZwDuplicateObject.1 */
TEST(ob_handle, duplicates_the_pseudo_handles)
{
    HANDLE Copy;
    PVOID Found;

    REQUIRE_EQ(ZwDuplicateObject(NtCurrentProcess(), NtCurrentThread(), NtCurrentProcess(), &Copy, 0, 0,
                                 DUPLICATE_SAME_ACCESS), STATUS_SUCCESS);
    REQUIRE_EQ(ObReferenceObjectByHandle(Copy, 0, PsThreadType, KernelMode, &Found, NULL), STATUS_SUCCESS);
    EXPECT_EQ(Found, KeGetCurrentThread());
    ObfDereferenceObject(Found);
    EXPECT_EQ(ZwClose(Copy), STATUS_SUCCESS);
    EXPECT_EQ(ZwClose(NtCurrentThread()), STATUS_INVALID_HANDLE);
    EXPECT_EQ(ZwClose(NtCurrentProcess()), STATUS_INVALID_HANDLE);
}

/* ---- What is told ---- */

/* covers ZwQueryObject.1 */
TEST(ob_query, basic_and_type)
{
    PVOID Thing = NewThing();
    HANDLE Handle = HandleTo(Thing, 5, OBJ_KERNEL_HANDLE | OBJ_INHERIT), Other = HandleTo(Thing, 5, 0);
    struct { OBJECT_TYPE_INFORMATION Type; WCHAR Text[8]; } Told;
    OBJECT_BASIC_INFORMATION Basic;
    ULONG Length = 0;

    memset(&Basic, 0x55, sizeof Basic);
    EXPECT_EQ(ZwQueryObject(Handle, ObjectBasicInformation, &Basic, sizeof Basic - 1, &Length),
              STATUS_INFO_LENGTH_MISMATCH);
    EXPECT_EQ(Length, 0x38);
    EXPECT_EQ(Basic.GrantedAccess, 0x55555555);
    EXPECT_EQ(ZwQueryObject(Handle, ObjectBasicInformation, &Basic, sizeof Basic + 1, NULL),
              STATUS_INFO_LENGTH_MISMATCH);
    REQUIRE_EQ(ZwQueryObject(Handle, ObjectBasicInformation, &Basic, sizeof Basic, &Length), STATUS_SUCCESS);
    EXPECT_EQ(Basic.GrantedAccess, 5);
    EXPECT_EQ(Basic.Attributes, OBJ_INHERIT);
    EXPECT_EQ(Basic.HandleCount, 2);
    EXPECT_EQ(Basic.PointerCount, 4);           /* mine, the handles', the query's */
    EXPECT_EQ(Basic.NameInfoSize, 0);
    EXPECT_EQ(Basic.TypeInfoSize, 0x68 + 12);
    memset(&Told, 0x55, sizeof Told);
    EXPECT_EQ(ZwQueryObject(Handle, ObjectTypeInformation, &Told, 0x68 + 11, &Length), STATUS_INFO_LENGTH_MISMATCH);
    EXPECT_EQ(Length, 0x68 + 12);
    REQUIRE_EQ(ZwQueryObject(Handle, ObjectTypeInformation, &Told, sizeof Told, &Length), STATUS_SUCCESS);
    EXPECT_EQ(Told.Type.TypeName.Buffer, Told.Text);
    EXPECT_EQ(Told.Type.TypeName.Length, 10);
    EXPECT_EQ(memcmp(Told.Text, L"Thing", 12), 0);
    EXPECT_EQ(Told.Type.TotalNumberOfObjects, 1);
    EXPECT_EQ(Told.Type.TotalNumberOfHandles, 2);
    EXPECT_EQ(Told.Type.ValidAccessMask, 0x001F000F);
    EXPECT_EQ(Told.Type.GenericMapping.GenericExecute, 0x00120004);
    EXPECT_EQ(ZwQueryObject(Handle, ObjectTypesInformation, &Told, sizeof Told, NULL), STATUS_INVALID_INFO_CLASS);
    EXPECT_EQ(ZwQueryObject(NULL, ObjectTypeInformation, &Told, sizeof Told, NULL), STATUS_INVALID_HANDLE);
    ZwClose(Handle);
    ZwClose(Other);
    ObfDereferenceObject(Thing);
}

/* covers ZwQueryObject.1 */
TEST(ob_query, name_by_handle)
{
    UNICODE_STRING Path = { 42, 42, L"\\BaseNamedObjects\\KtX" };
    OBJECT_ATTRIBUTES Attributes = { sizeof Attributes, NULL, &Path, OBJ_KERNEL_HANDLE };
    struct { OBJECT_NAME_INFORMATION Name; WCHAR Text[32]; } Told;
    OBJECT_BASIC_INFORMATION Basic;
    HANDLE Event;
    ULONG Length;

    REQUIRE_EQ(ZwCreateEvent(&Event, 0, &Attributes, NotificationEvent, FALSE), STATUS_SUCCESS);
    EXPECT_EQ(ZwQueryObject(Event, ObjectNameInformation, &Told, 16 + 43, &Length), STATUS_INFO_LENGTH_MISMATCH);
    EXPECT_EQ(Length, 16 + 44);
    REQUIRE_EQ(ZwQueryObject(Event, ObjectNameInformation, &Told, 16 + 44, &Length), STATUS_SUCCESS);
    EXPECT_EQ(Told.Name.Name.Length, 42);
    EXPECT_EQ(Told.Name.Name.Buffer, Told.Text);
    EXPECT_EQ(memcmp(Told.Text, Path.Buffer, 44), 0);
    REQUIRE_EQ(ZwQueryObject(Event, ObjectBasicInformation, &Basic, sizeof Basic, NULL), STATUS_SUCCESS);
    EXPECT_EQ(Basic.NameInfoSize, 16 + 44);
    ZwClose(Event);
}

static ULONG Reported;

static void Report(PVOID Context, HANDLE Handle, PVOID Object, PVOID Caller)
{
    HANDLE *Expected = Context;

    UNREFERENCED_PARAMETER(Object);
    EXPECT_TRUE(Handle == Expected[0] || Handle == Expected[1]);
    EXPECT_EQ(Caller, (PVOID)0x12345678);
    Reported++;
}

TEST(ob_handle, owner_of_a_leak_is_known)
{
    PVOID Thing = NewThing();
    HANDLE Handles[2];

    REQUIRE_EQ(ObCreateHandle(Thing, 0, (PVOID)0x12345678, &Handles[0]), STATUS_SUCCESS);
    REQUIRE_EQ(ObCreateHandle(Thing, 0, (PVOID)0x12345678, &Handles[1]), STATUS_SUCCESS);
    Reported = 0;
    EXPECT_EQ(ObForEachHandleOf(0x12345678, 0x12345679, Report, Handles), 2);
    EXPECT_EQ(Reported, 2);
    EXPECT_EQ(ObForEachHandleOf(0x12345679, 0x1234567A, Report, Handles), 0);
    ZwClose(Handles[0]);
    ZwClose(Handles[1]);
    ObfDereferenceObject(Thing);
}

/* ---- Races ---- */

enum { SLOTS = 8, RACERS = 4 };

static HANDLE volatile Slots[SLOTS];
static volatile LONG Created, Wrong;

typedef struct _RACE_THING { ULONG64 Sign, Number; } RACE_THING;

static void DeleteRaceThing(PVOID Object)
{
    RACE_THING *Thing = Object;

    if (Thing->Sign != 0x600DF00D)
        __atomic_add_fetch(&Wrong, 1, __ATOMIC_RELAXED);
    Thing->Sign = 0xDEAD;
    __atomic_add_fetch(&Deleted, 1, __ATOMIC_RELAXED);
}

static OBJECT_TYPE RaceType = { &RaceType, "Race", DeleteRaceThing, 0x001F0003 };

static void Replace(ULONG Slot)
{
    RACE_THING *Thing = ObCreateObject(&RaceType, sizeof *Thing);
    HANDLE Handle, Old;

    if (Thing == NULL)
        return;
    Thing->Sign = 0x600DF00D;
    __atomic_add_fetch(&Created, 1, __ATOMIC_RELAXED);
    if (NT_SUCCESS(ObOpenObjectByPointer(Thing, OBJ_KERNEL_HANDLE, NULL, 0, NULL, KernelMode, &Handle))) {
        Old = __atomic_exchange_n(&Slots[Slot], Handle, __ATOMIC_ACQ_REL);
        if (Old != NULL && ZwClose(Old) != STATUS_SUCCESS)
            __atomic_add_fetch(&Wrong, 1, __ATOMIC_RELAXED);
    }
    ObfDereferenceObject(Thing);
}

/* What a handle brings is a live object of the type, or nothing. */
static void Use(ULONG Slot)
{
    HANDLE Handle = Slots[Slot];
    PVOID Object;
    NTSTATUS Status;

    if (Handle == NULL)
        return;
    Status = ObReferenceObjectByHandle(Handle, 0, &RaceType, KernelMode, &Object, NULL);
    if (Status == STATUS_SUCCESS) {
        if (((RACE_THING *)Object)->Sign != 0x600DF00D)
            __atomic_add_fetch(&Wrong, 1, __ATOMIC_RELAXED);
        ObfDereferenceObject(Object);
    } else if (Status != STATUS_INVALID_HANDLE) {
        __atomic_add_fetch(&Wrong, 1, __ATOMIC_RELAXED);
    }
}

static void Race(PVOID Context)
{
    ULONG Seed = (ULONG)(ULONG64)Context, Rounds = (ULONG)KtestNumber("torture", 20000) / RACERS;

    for (ULONG At = 0; At < Rounds; At++) {
        ULONG Dice = RtlRandomEx(&Seed);

        if (Dice / 64 % 4 == 0)
            Replace(Dice % SLOTS);
        else
            Use(Dice % SLOTS);
    }
}

/* covers Handles.3 */
TEST(ob_handle, closing_races_looking_up)
{
    PKTHREAD Threads[RACERS];

    Created = Wrong = Deleted = 0;
    for (ULONG64 At = 0; At < RACERS; At++)
        Threads[At] = KtestThread(Race, (PVOID)(At + KtestNumber("seed", 1)), 8);
    for (ULONG At = 0; At < RACERS; At++)
        KtestJoin(Threads[At]);
    for (ULONG At = 0; At < SLOTS; At++)
        if (Slots[At] != NULL)
            EXPECT_EQ(ZwClose(__atomic_exchange_n(&Slots[At], NULL, __ATOMIC_ACQ_REL)), STATUS_SUCCESS);
    EXPECT_EQ(Wrong, 0);
    EXPECT_GT(Created, 100);
    EXPECT_EQ(Deleted, Created);
    EXPECT_EQ(RaceType.Handles, 0);
    EXPECT_EQ(RaceType.Objects, 0);
}
