/* user_mode_test.c - services that are called on behalf of user mode: what they doubt, and what they refuse.
 *
 * No code runs in user mode here. A thread whose previous mode is UserMode, in a process with memory of its own, is to
 * a service what one that came from there is. */
#include <ex/mode.h>
#include <ke/exception.h>
#include <ke/init.h>
#include <ke/process.h>
#include <ktest.h>
#include <mm/mm.h>
#include <ob/create.h>
#include <ob/duplicate.h>
#include <ob/event_object.h>
#include <ob/mutant_object.h>
#include <ob/names.h>
#include <ob/semaphore_object.h>
#include <ob/wait.h>
#include <ps/information.h>
#include <ps/process.h>
#include <rtl/status.h>
#include <rtl/string.h>

enum { PAGES_AT = 0x10000000 };

/* What a program would have in its memory. */
typedef struct _USER_MEMORY {
    HANDLE Handle, Handles[4];
    LONG Previous;
    ULONG Value, Length;
    LARGE_INTEGER Timeout;
    OBJECT_ATTRIBUTES Attributes;
    UNICODE_STRING Name;
    WCHAR Text[32];
    UCHAR Out[256];
} USER_MEMORY;

#define USER ((USER_MEMORY *)PAGES_AT)
#define READ_ONLY ((PVOID)(PAGES_AT + PAGE_SIZE))
#define NOT_THERE ((PVOID)(PAGES_AT + 2 * PAGE_SIZE))

static PKPROCESS Process;
static KAPC_STATE State;

static void Enter(void)
{
    Process = PsCreateProcess();
    REQUIRE_TRUE(Process != NULL);
    REQUIRE_TRUE(MmCommitInSpace(Process->Space, PAGES_AT, PAGE_SIZE, MM_WRITE));
    REQUIRE_TRUE(MmCommitInSpace(Process->Space, PAGES_AT + PAGE_SIZE, PAGE_SIZE, MM_READ));
    KeStackAttachProcess(Process, &State);
    EXPECT_EQ(ExGetPreviousMode(), KernelMode);
    KeGetCurrentThread()->PreviousMode = UserMode;
    EXPECT_EQ(ExGetPreviousMode(), UserMode);
}

static void Leave(void)
{
    EXPECT_EQ(ExGetPreviousMode(), UserMode);   /* whatever Zw routines were called */
    KeGetCurrentThread()->PreviousMode = KernelMode;
    KeUnstackDetachProcess(&State);
    ObfDereferenceObject(Process);
}

/* In user memory, as a program would. */
static void SetName(PCWSTR Path)
{
    ULONG Bytes = 0;

    for (; Path[Bytes / 2] != 0; Bytes += 2)
        USER->Text[Bytes / 2] = Path[Bytes / 2];
    USER->Name = (UNICODE_STRING){ (USHORT)Bytes, (USHORT)Bytes, USER->Text };
    USER->Attributes = (OBJECT_ATTRIBUTES){ sizeof(OBJECT_ATTRIBUTES), NULL, &USER->Name, 0 };
}

static NTSTATUS CreateEvent(PHANDLE Handle, ACCESS_MASK Access, POBJECT_ATTRIBUTES Attributes)
{
    return NtCreateEvent(Handle, Access, Attributes, NotificationEvent, FALSE);
}

/* covers UserMode.2 */
TEST(ob_user, handles_are_the_processes_and_grant_what_was_asked)
{
    HANDLE Event, Query;

    Enter();
    REQUIRE_EQ(CreateEvent(&USER->Handle, EVENT_MODIFY_STATE, NULL), STATUS_SUCCESS);
    Event = USER->Handle;
    EXPECT_FALSE(ObIsKernelHandle(Event));
    REQUIRE_EQ(CreateEvent(&USER->Handle, EVENT_QUERY_STATE | SYNCHRONIZE, NULL), STATUS_SUCCESS);
    Query = USER->Handle;
    EXPECT_EQ(NtSetEvent(Event, &USER->Previous), STATUS_SUCCESS);
    EXPECT_EQ(USER->Previous, 0);
    EXPECT_EQ(NtSetEvent(Query, NULL), STATUS_ACCESS_DENIED);
    EXPECT_EQ(ZwSetEvent(Query, NULL), STATUS_SUCCESS);         /* the kernel is not asked */
    EXPECT_EQ(NtWaitForSingleObject(Event, FALSE, &USER->Timeout), STATUS_ACCESS_DENIED);
    EXPECT_EQ(NtWaitForSingleObject(Query, FALSE, &USER->Timeout), STATUS_SUCCESS);
    EXPECT_EQ(CreateEvent(&USER->Handle, 0x00000004, NULL), STATUS_ACCESS_DENIED);      /* no such access */
    EXPECT_EQ(CreateEvent(&USER->Handle, MAXIMUM_ALLOWED, NULL), STATUS_SUCCESS);
    EXPECT_EQ(NtSetEvent(USER->Handle, NULL), STATUS_SUCCESS);
    EXPECT_EQ(NtClose(USER->Handle), STATUS_SUCCESS);
    EXPECT_EQ(NtClose(Event), STATUS_SUCCESS);
    EXPECT_EQ(NtClose(Query), STATUS_SUCCESS);
    Leave();
}

/* covers Handles.2, UserMode.4 */
TEST(ob_user, kernel_handles_and_permanence_are_not_for_it)
{
    HANDLE Kernel;

    Enter();
    REQUIRE_EQ(ZwCreateEvent(&Kernel, GENERIC_ALL, &(OBJECT_ATTRIBUTES){ sizeof(OBJECT_ATTRIBUTES), NULL, NULL,
               OBJ_KERNEL_HANDLE }, NotificationEvent, FALSE), STATUS_SUCCESS);
    EXPECT_EQ(NtSetEvent(Kernel, NULL), STATUS_INVALID_HANDLE);
    EXPECT_EQ(NtClose(Kernel), STATUS_INVALID_HANDLE);
    EXPECT_EQ(ZwClose(Kernel), STATUS_SUCCESS);
    SetName(L"\\BaseNamedObjects\\KtUser");
    USER->Attributes.Attributes = OBJ_PERMANENT;
    EXPECT_EQ(CreateEvent(&USER->Handle, 0, &USER->Attributes), STATUS_PRIVILEGE_NOT_HELD);
    USER->Attributes.Attributes = OBJ_KERNEL_HANDLE;            /* not obeyed */
    REQUIRE_EQ(CreateEvent(&USER->Handle, 0, &USER->Attributes), STATUS_SUCCESS);
    EXPECT_FALSE(ObIsKernelHandle(USER->Handle));
    EXPECT_EQ(NtMakePermanentObject(USER->Handle), STATUS_PRIVILEGE_NOT_HELD);
    EXPECT_EQ(NtClose(USER->Handle), STATUS_SUCCESS);
    Leave();
}

/* Each pointer of a call in turn: the kernel's, none, one that is not there, one that is not aligned.
 * covers UserMode.1 */
TEST(ob_user, every_pointer_is_doubted)
{
    static LONG KernelLong = 0x55555555;
    static HANDLE KernelHandle = (HANDLE)0x5555;
    HANDLE Event;

    Enter();
    SetName(L"\\BaseNamedObjects\\KtUser");
    EXPECT_EQ(CreateEvent(&KernelHandle, 0, NULL), STATUS_ACCESS_VIOLATION);
    EXPECT_EQ(CreateEvent(NULL, 0, NULL), STATUS_ACCESS_VIOLATION);
    EXPECT_EQ(CreateEvent(NOT_THERE, 0, NULL), STATUS_ACCESS_VIOLATION);
    EXPECT_EQ(CreateEvent(READ_ONLY, 0, NULL), STATUS_ACCESS_VIOLATION);
    EXPECT_EQ(CreateEvent((PHANDLE)((PUCHAR)&USER->Handle + 1), 0, NULL), STATUS_DATATYPE_MISALIGNMENT);
    EXPECT_EQ(CreateEvent(&USER->Handle, 0, NOT_THERE), STATUS_ACCESS_VIOLATION);
    EXPECT_EQ(CreateEvent(&USER->Handle, 0, &(OBJECT_ATTRIBUTES){ sizeof(OBJECT_ATTRIBUTES) }),
              STATUS_ACCESS_VIOLATION);
    USER->Attributes.ObjectName = NOT_THERE;
    EXPECT_EQ(CreateEvent(&USER->Handle, 0, &USER->Attributes), STATUS_ACCESS_VIOLATION);
    USER->Attributes.ObjectName = &USER->Name;
    USER->Name.Buffer = (PWSTR)L"\\BaseNamedObjects\\KtUser";
    EXPECT_EQ(CreateEvent(&USER->Handle, 0, &USER->Attributes), STATUS_ACCESS_VIOLATION);
    USER->Name.Buffer = (PWSTR)((PUCHAR)USER->Text + 1);
    EXPECT_EQ(CreateEvent(&USER->Handle, 0, &USER->Attributes), STATUS_DATATYPE_MISALIGNMENT);
    SetName(L"\\BaseNamedObjects\\KtUser");
    REQUIRE_EQ(CreateEvent(&USER->Handle, GENERIC_ALL, &USER->Attributes), STATUS_SUCCESS);
    Event = USER->Handle;
    EXPECT_EQ(NtSetEvent(Event, &KernelLong), STATUS_ACCESS_VIOLATION);
    EXPECT_EQ(NtSetEvent(Event, READ_ONLY), STATUS_ACCESS_VIOLATION);
    EXPECT_EQ(NtSetEvent(Event, (PLONG)((PUCHAR)&USER->Previous + 2)), STATUS_DATATYPE_MISALIGNMENT);
    EXPECT_EQ(NtWaitForSingleObject(Event, FALSE, &USER->Timeout), STATUS_TIMEOUT);     /* nothing was done */
    EXPECT_EQ(NtWaitForSingleObject(Event, FALSE, (PLARGE_INTEGER)&KernelLong), STATUS_ACCESS_VIOLATION);
    EXPECT_EQ(NtDuplicateObject(NtCurrentProcess(), Event, NtCurrentProcess(), &KernelHandle, 0, 0,
                                DUPLICATE_SAME_ACCESS), STATUS_ACCESS_VIOLATION);
    EXPECT_EQ(KernelLong, 0x55555555);
    EXPECT_EQ(KernelHandle, (HANDLE)0x5555);
    EXPECT_EQ(ZwSetEvent(Event, &KernelLong), STATUS_SUCCESS);  /* the same for the kernel is not doubted */
    EXPECT_EQ(KernelLong, 0);
    KernelLong = 0x55555555;
    EXPECT_EQ(NtClose(Event), STATUS_SUCCESS);
    Leave();
}

/* covers UserMode.2 */
TEST(ob_user, duplicates_no_more_than_it_has)
{
    HANDLE Event, Self = NtCurrentProcess();

    Enter();
    REQUIRE_EQ(CreateEvent(&USER->Handle, EVENT_QUERY_STATE, NULL), STATUS_SUCCESS);
    Event = USER->Handle;
    EXPECT_EQ(NtDuplicateObject(Self, Event, Self, &USER->Handle, EVENT_MODIFY_STATE, 0, 0), STATUS_ACCESS_DENIED);
    EXPECT_EQ(NtDuplicateObject(Self, Event, Self, &USER->Handle, EVENT_QUERY_STATE, OBJ_KERNEL_HANDLE, 0),
              STATUS_SUCCESS);
    EXPECT_FALSE(ObIsKernelHandle(USER->Handle));
    EXPECT_EQ(NtClose(USER->Handle), STATUS_SUCCESS);
    EXPECT_EQ(NtDuplicateObject(Self, Event, Self, &USER->Handle, 0, 0, DUPLICATE_SAME_ACCESS), STATUS_SUCCESS);
    EXPECT_EQ(NtSetEvent(USER->Handle, NULL), STATUS_ACCESS_DENIED);
    EXPECT_EQ(NtClose(USER->Handle), STATUS_SUCCESS);
    EXPECT_EQ(NtClose(Event), STATUS_SUCCESS);
    Leave();
}

static NTSTATUS SetInformation(HANDLE Thread, ULONG Class, PVOID Information, ULONG Length)
{
    return NtSetInformationThread(Thread, (THREADINFOCLASS)Class, Information, Length);
}

/* Each call is wrong in all that comes after the check that it fails.
 * covers UserMode.1, UserMode.4 */
TEST(ob_user, thread_information_in_the_order_of_the_checks)
{
    static ULONG KernelValue = 99;
    KPRIORITY Priority = KeQueryPriorityThread(KeGetCurrentThread());
    HANDLE Thread = NtCurrentThread(), Weak, Event;

    Enter();
    USER->Value = 99;
    EXPECT_EQ(SetInformation(NULL, 99, &KernelValue, 77), STATUS_INVALID_INFO_CLASS);
    EXPECT_EQ(SetInformation(NULL, ThreadPriority, &KernelValue, 77), STATUS_INFO_LENGTH_MISMATCH);
    EXPECT_EQ(SetInformation(NULL, ThreadPriority, &KernelValue, 4), STATUS_ACCESS_VIOLATION);
    EXPECT_EQ(SetInformation(NULL, ThreadPriority, (PUCHAR)&USER->Value + 1, 4), STATUS_DATATYPE_MISALIGNMENT);
    EXPECT_EQ(SetInformation(NULL, ThreadPriority, &USER->Value, 4), STATUS_INVALID_PARAMETER);
    USER->Value = 16;
    EXPECT_EQ(SetInformation(NULL, ThreadPriority, &USER->Value, 4), STATUS_PRIVILEGE_NOT_HELD);
    USER->Value = 15;
    EXPECT_EQ(SetInformation(NULL, ThreadPriority, &USER->Value, 4), STATUS_INVALID_HANDLE);
    REQUIRE_EQ(CreateEvent(&USER->Handle, 0, NULL), STATUS_SUCCESS);
    Event = USER->Handle;
    EXPECT_EQ(SetInformation(Event, ThreadPriority, &USER->Value, 4), STATUS_OBJECT_TYPE_MISMATCH);
    REQUIRE_EQ(ObOpenObjectByPointer(KeGetCurrentThread(), 0, NULL, SYNCHRONIZE, PsThreadType, KernelMode, &Weak),
               STATUS_SUCCESS);
    EXPECT_EQ(SetInformation(Weak, ThreadPriority, &USER->Value, 4), STATUS_ACCESS_DENIED);
    EXPECT_EQ(ZwSetInformationThread(Weak, ThreadPriority, &USER->Value, 4), STATUS_SUCCESS);
    EXPECT_EQ(KeQueryPriorityThread(KeGetCurrentThread()), 15);
    USER->Value = (ULONG)Priority;
    EXPECT_EQ(SetInformation(Thread, ThreadPriority, &USER->Value, 4), STATUS_SUCCESS);
    EXPECT_EQ(KeQueryPriorityThread(KeGetCurrentThread()), Priority);
    EXPECT_EQ(NtQueryInformationThread(Weak, ThreadPagePriority, &USER->Value, 4, NULL), STATUS_ACCESS_DENIED);
    EXPECT_EQ(NtQueryInformationThread(Thread, ThreadPagePriority, &KernelValue, 4, NULL), STATUS_ACCESS_VIOLATION);
    EXPECT_EQ(NtQueryInformationThread(Thread, ThreadPagePriority, &USER->Value, 4, &KernelValue),
              STATUS_ACCESS_VIOLATION);
    EXPECT_EQ(NtQueryInformationThread(Thread, ThreadPagePriority, &USER->Value, 4, &USER->Length), STATUS_SUCCESS);
    EXPECT_EQ(USER->Value, 5);
    EXPECT_EQ(USER->Length, 4);
    EXPECT_EQ(KernelValue, 99);
    NtClose(Weak);
    NtClose(Event);
    Leave();
}

TEST(ob_user, names_of_threads_are_copied_in_and_out)
{
    HANDLE Thread = NtCurrentThread();
    PUNICODE_STRING Told;

    Enter();
    SetName(L"worker");
    EXPECT_EQ(SetInformation(Thread, ThreadNameInformation, &USER->Name, sizeof(UNICODE_STRING)), STATUS_SUCCESS);
    SetName(L"other text");
    Told = (PUNICODE_STRING)USER->Out;
    EXPECT_EQ(NtQueryInformationThread(Thread, ThreadNameInformation, Told, 27, &USER->Length),
              STATUS_BUFFER_TOO_SMALL);
    EXPECT_EQ(USER->Length, 28);
    EXPECT_EQ(NtQueryInformationThread(Thread, ThreadNameInformation, Told, 28, &USER->Length), STATUS_SUCCESS);
    EXPECT_EQ(Told->Length, 12);
    EXPECT_EQ(Told->Buffer, (PWSTR)(Told + 1));
    EXPECT_EQ(memcmp(Told->Buffer, L"worker", 12), 0);
    USER->Name.Buffer = NOT_THERE;
    EXPECT_EQ(SetInformation(Thread, ThreadNameInformation, &USER->Name, sizeof(UNICODE_STRING)),
              STATUS_ACCESS_VIOLATION);
    EXPECT_EQ(NtQueryInformationThread(Thread, ThreadNameInformation, Told, 28, NULL), STATUS_SUCCESS);
    Leave();
}

/* ---- Mode and probes themselves ---- */

/* covers UserMode.3 */
TEST(ob_user, zw_sets_the_mode_and_nt_leaves_it)
{
    KPROCESSOR_MODE Outer;

    KeGetCurrentThread()->PreviousMode = UserMode;
    Outer = ExEnterService();
    EXPECT_EQ(Outer, UserMode);
    EXPECT_EQ(ExGetPreviousMode(), KernelMode);
    EXPECT_EQ(ExEnterService(), KernelMode);
    ExLeaveService(KernelMode);
    ExLeaveService(Outer);
    EXPECT_EQ(ExGetPreviousMode(), UserMode);
    EXPECT_EQ(PsGetCurrentThreadPreviousMode(), UserMode);
    KeGetCurrentThread()->PreviousMode = KernelMode;
    EXPECT_EQ(ExGetPreviousMode(), KernelMode);
}

/* covers ProbeForRead.1, ProbeForWrite.1 */
TEST(ob_user, probes_that_find_nothing_return)
{
    Enter();
    ProbeForRead(USER, sizeof *USER, 8);
    ProbeForRead(NOT_THERE, 100, 4);            /* where it may be is all that is looked at */
    ProbeForRead((PVOID)1, 0, 8);
    ProbeForRead((PVOID)~0ull, 0, 1);
    ProbeForRead((PVOID)(0x00007FFFFFFF0000 - 1), 1, 1);
    ProbeForWrite(USER, sizeof *USER, 16);
    ProbeForWrite((PVOID)1, 0, 8);
    EXPECT_TRUE(KeIsReadable(READ_ONLY, PAGE_SIZE));
    EXPECT_FALSE(KeIsWritable(READ_ONLY, 1));
    EXPECT_FALSE(KeIsReadable(READ_ONLY, PAGE_SIZE + 1));
    EXPECT_FALSE(KeIsReadable((PVOID)(~0ull - 3), 8));
    USER->Value = 0x12345678;
    EXPECT_TRUE(KeIsWritable(USER, PAGE_SIZE));
    EXPECT_FALSE(KeIsWritable(USER, PAGE_SIZE + 1));
    EXPECT_EQ(USER->Value, 0x12345678);         /* looked at, not changed */
    Leave();
}
