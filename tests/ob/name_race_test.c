/* name_race_test.c - names that come and go on several processors.
 *
 * Whoever has a handle to an object that he opened or made by its name finds the same object by the name until he
 * closes it, whatever others close meanwhile. In the end nothing is left. */
#include <arch/ops.h>
#include <ke/event.h>
#include <ke/processor.h>
#include <ke/thread.h>
#include <ktest.h>
#include <ob/create.h>
#include <ob/event_object.h>
#include <ob/names.h>
#include <ob/semaphore_object.h>
#include <rtl/nt_string.h>
#include <rtl/random.h>
#include <rtl/status.h>
#include <rtl/string.h>

enum { NAMES = 4, RACERS = 4 };

static const PCWSTR Names[NAMES] = { L"One", L"Two", L"Three", L"ONE" };
static HANDLE Directory;
static volatile LONG Strange, Made, Opened, Collided;

static void Count(volatile LONG *What) { __atomic_add_fetch(What, 1, __ATOMIC_RELAXED); }

static PVOID ObjectOf(HANDLE Handle)
{
    PVOID Object = NULL;

    ObReferenceObjectByHandle(Handle, 0, ExEventObjectType, KernelMode, &Object, NULL);
    if (Object != NULL)
        ObfDereferenceObject(Object);   /* the handle keeps it */
    return Object;
}

static NTSTATUS Acquire(POBJECT_ATTRIBUTES Attributes, ULONG How, PHANDLE Handle)
{
    Attributes->Attributes = OBJ_KERNEL_HANDLE | (How == 0 ? OBJ_OPENIF : 0);
    if (How == 2)
        return ZwOpenEvent(Handle, 0, Attributes);
    return ZwCreateEvent(Handle, 0, Attributes, NotificationEvent, FALSE);
}

static void CheckSame(POBJECT_ATTRIBUTES Attributes, HANDLE Handle)
{
    HANDLE Again;

    if (ZwOpenEvent(&Again, 0, Attributes) != STATUS_SUCCESS) {
        Count(&Strange);
        return;
    }
    if (ObjectOf(Again) != ObjectOf(Handle))
        Count(&Strange);
    ZwClose(Again);
}

static void Race(PVOID Context)
{
    ULONG Seed = (ULONG)(ULONG64)Context, Rounds = (ULONG)KtestNumber("torture", 12000) / RACERS;

    for (ULONG At = 0; At < Rounds; At++) {
        ULONG Dice = RtlRandomEx(&Seed), How = Dice / 64 % 3;
        OBJECT_ATTRIBUTES Attributes = { sizeof Attributes, Directory };
        UNICODE_STRING Text;
        HANDLE Handle;
        NTSTATUS Status;

        RtlInitUnicodeString(&Text, Names[Dice % NAMES]);
        Attributes.ObjectName = &Text;
        Status = Acquire(&Attributes, How, &Handle);
        if (NT_SUCCESS(Status)) {
            Count(Status == STATUS_SUCCESS && How != 2 ? &Made : &Opened);
            CheckSame(&Attributes, Handle);
            if (ZwClose(Handle) != STATUS_SUCCESS)
                Count(&Strange);
        } else if (Status == (How == 1 ? STATUS_OBJECT_NAME_COLLISION : STATUS_OBJECT_NAME_NOT_FOUND)) {
            Count(&Collided);
        } else {
            Count(&Strange);
        }
    }
}

/* covers Names.7 */
TEST(ob_name, coming_and_going_races_look_ups)
{
    OBJECT_ATTRIBUTES Attributes = { sizeof Attributes, NULL, NULL, OBJ_KERNEL_HANDLE };
    ULONG Before = ExEventObjectType->Objects;
    PKTHREAD Threads[RACERS];
    UNICODE_STRING Text;
    HANDLE Handle;

    Strange = Made = Opened = Collided = 0;
    REQUIRE_EQ(ZwCreateDirectoryObject(&Directory, GENERIC_ALL, &Attributes), STATUS_SUCCESS);
    for (ULONG64 At = 0; At < RACERS; At++)
        Threads[At] = KtestThread(Race, (PVOID)(At + KtestNumber("seed", 1)), 8);
    for (ULONG At = 0; At < RACERS; At++)
        KtestJoin(Threads[At]);
    EXPECT_EQ(Strange, 0);
    EXPECT_GT(Made, 100);
    EXPECT_GT(Opened + Collided, 100);
    EXPECT_EQ(ExEventObjectType->Objects, Before);
    Attributes.RootDirectory = Directory;
    for (ULONG At = 0; At < NAMES; At++) {
        RtlInitUnicodeString(&Text, Names[At]);
        Attributes.ObjectName = &Text;
        EXPECT_EQ(ZwOpenEvent(&Handle, 0, &Attributes), STATUS_OBJECT_NAME_NOT_FOUND);
    }
    EXPECT_EQ(ZwClose(Directory), STATUS_SUCCESS);
}

/* ---- A name is lost while it is told ---- */

static PVOID ToLose;                    /* NULL: no more */
static KEVENT Begin;

static void Lose(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    for (;;) {
        PVOID Thing;

        KeWaitForSingleObject(&Begin, Executive, KernelMode, FALSE, NULL);
        Thing = ToLose;
        if (Thing == NULL)
            return;
        ObMakeTemporaryObject(Thing);
        ObfDereferenceObject(Thing);
    }
}

/* Ask for the name of Thing until it has none. Returns: how often the answer was neither that nor Path. */
static ULONG AskUntilLost(PVOID Thing, PCUNICODE_STRING Path)
{
    struct { OBJECT_NAME_INFORMATION Information; WCHAR Text[60]; } Buffer;
    PUNICODE_STRING Told = &Buffer.Information.Name;
    ULONG Needed, Wrong = 0;

    do {
        ArchPause();                    /* in virtual time it is the other processor's turn */
        memset(&Buffer, 0x55, sizeof Buffer);
        if (ObQueryNameString(Thing, &Buffer.Information, sizeof Buffer, &Needed) != STATUS_SUCCESS)
            return Wrong + 1;
        Wrong += Told->Length != 0 && !RtlEqualUnicodeString(Told, Path, FALSE);
    } while (Told->Length != 0);
    return Wrong;
}

/* covers ObQueryNameString.3 */
TEST(ob_name, told_name_is_whole_or_none_while_it_is_lost)
{
    OBJECT_ATTRIBUTES Attributes = { sizeof Attributes, NULL, NULL, OBJ_KERNEL_HANDLE | OBJ_PERMANENT };
    ULONG Wrong = 0;
    UNICODE_STRING Path;
    PKTHREAD Thread;

    if (KeQueryActiveProcessorCount(NULL) < 2) {
        KtestSkip("needs two processors");
        return;
    }
    RtlInitUnicodeString(&Path, L"\\BaseNamedObjects\\KtNameThatIsLostAgain");
    Attributes.ObjectName = &Path;
    KeInitializeEvent(&Begin, SynchronizationEvent, FALSE);
    Thread = KtestThread(Lose, NULL, 8);
    for (ULONG Round = 0; Round < 3000 && KtestHasTime(); Round++) {
        PVOID Thing;
        HANDLE Handle;

        REQUIRE_EQ(ZwCreateEvent(&Handle, 0, &Attributes, NotificationEvent, FALSE), STATUS_SUCCESS);
        REQUIRE_EQ(ObReferenceObjectByHandle(Handle, 0, NULL, KernelMode, &Thing, NULL), STATUS_SUCCESS);
        ZwClose(Handle);
        ObfReferenceObject(Thing);
        ToLose = Thing;
        KeSetEvent(&Begin, 0, FALSE);
        Wrong += AskUntilLost(Thing, &Path);
        ObfDereferenceObject(Thing);
    }
    ToLose = NULL;
    KeSetEvent(&Begin, 0, FALSE);
    KtestJoin(Thread);
    EXPECT_EQ(Wrong, 0);
}
