/* open_test.c - processes and threads by id. */
#include <ke/event.h>
#include <ke/thread.h>
#include <ktest.h>
#include <ob/create.h>
#include <ps/process.h>
#include <rtl/nt_string.h>
#include <rtl/status.h>

static KEVENT Hold;

static void Stay(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    KeWaitForSingleObject(&Hold, Executive, KernelMode, FALSE, NULL);
}

static PVOID ObjectOf(HANDLE Handle, ACCESS_MASK *Access)
{
    OBJECT_HANDLE_INFORMATION Information;
    PVOID Object;

    REQUIRE_EQ(ObReferenceObjectByHandle(Handle, 0, NULL, KernelMode, &Object, &Information), STATUS_SUCCESS);
    ObfDereferenceObject(Object);
    *Access = Information.GrantedAccess;
    return Object;
}

TEST(ps_open, thread_by_its_id)
{
    OBJECT_ATTRIBUTES Attributes = { sizeof Attributes, NULL, NULL, OBJ_KERNEL_HANDLE };
    UNICODE_STRING Name;
    PKTHREAD Thread;
    ACCESS_MASK Access;
    CLIENT_ID Id;
    HANDLE Handle = (HANDLE)1;

    KeInitializeEvent(&Hold, NotificationEvent, FALSE);
    Thread = KtestThread(Stay, NULL, 8);
    Id = (CLIENT_ID){ NULL, PsGetThreadId(Thread) };
    REQUIRE_EQ(ZwOpenThread(&Handle, SYNCHRONIZE, &Attributes, &Id), STATUS_SUCCESS);
    EXPECT_TRUE(ObIsKernelHandle(Handle));
    EXPECT_EQ(ObjectOf(Handle, &Access), Thread);
    EXPECT_EQ(Access, SYNCHRONIZE);
    ZwClose(Handle);
    Id.UniqueProcess = PsGetThreadProcessId(Thread);
    Attributes.Attributes = 0;
    REQUIRE_EQ(NtOpenThread(&Handle, GENERIC_ALL, &Attributes, &Id), STATUS_SUCCESS);
    EXPECT_FALSE(ObIsKernelHandle(Handle));
    EXPECT_EQ(ObjectOf(Handle, &Access), Thread);
    EXPECT_EQ(Access, 0x001FFFFF);
    ZwClose(Handle);
    Handle = (HANDLE)1;
    Id.UniqueProcess = (HANDLE)0x7FFFFFFC;
    EXPECT_EQ(ZwOpenThread(&Handle, 0, &Attributes, &Id), STATUS_INVALID_CID);
    Id = (CLIENT_ID){ NULL, PsGetThreadProcessId(Thread) };             /* a process's id */
    EXPECT_EQ(ZwOpenThread(&Handle, 0, &Attributes, &Id), STATUS_INVALID_CID);
    EXPECT_EQ(ZwOpenThread(&Handle, 0, &Attributes, NULL), STATUS_INVALID_PARAMETER_MIX);
    RtlInitUnicodeString(&Name, L"\\Thread");
    Attributes.ObjectName = &Name;
    EXPECT_EQ(ZwOpenThread(&Handle, 0, &Attributes, &Id), STATUS_INVALID_PARAMETER_MIX);
    Attributes.Length--;
    EXPECT_EQ(ZwOpenThread(&Handle, 0, &Attributes, &Id), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(Handle, (HANDLE)1);
    KeSetEvent(&Hold, 0, FALSE);
    KtestJoin(Thread);
}

TEST(ps_open, process_by_its_id_or_a_threads)
{
    OBJECT_ATTRIBUTES Attributes = { sizeof Attributes, NULL, NULL, OBJ_KERNEL_HANDLE };
    CLIENT_ID Id = { (HANDLE)4, NULL };
    ACCESS_MASK Access;
    HANDLE Handle;

    REQUIRE_EQ(ZwOpenProcess(&Handle, SYNCHRONIZE, &Attributes, &Id), STATUS_SUCCESS);
    EXPECT_EQ(ObjectOf(Handle, &Access), PsInitialSystemProcess);
    ZwClose(Handle);
    Id.UniqueThread = PsGetCurrentThreadId();
    REQUIRE_EQ(NtOpenProcess(&Handle, SYNCHRONIZE, &Attributes, &Id), STATUS_SUCCESS);
    EXPECT_EQ(ObjectOf(Handle, &Access), PsInitialSystemProcess);
    ZwClose(Handle);
    Id.UniqueProcess = PsGetCurrentThreadId();
    EXPECT_EQ(ZwOpenProcess(&Handle, SYNCHRONIZE, &Attributes, &Id), STATUS_INVALID_CID);
}
