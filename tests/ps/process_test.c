/* process_test.c - process objects: ids, look-ups, life and end, memory of their own. */
#include <ke/apc.h>
#include <ke/clock.h>
#include <ke/event.h>
#include <ke/init.h>
#include <ke/irql.h>
#include <ke/process.h>
#include <ktest.h>
#include <mm/mm.h>
#include <ob/create.h>
#include <ps/process.h>
#include <ps/system_thread.h>
#include <rtl/status.h>

static HANDLE HandleOf(PKPROCESS Process)
{
    HANDLE Handle = NULL;

    REQUIRE_EQ(ObOpenObjectByPointer(Process, 0, NULL, 0, PsProcessType, KernelMode, &Handle), STATUS_SUCCESS);
    return Handle;
}

TEST(ps_process, system_process_is_number_four)
{
    PKPROCESS Found = NULL;

    EXPECT_EQ(PsGetProcessId(PsInitialSystemProcess), 4);
    EXPECT_TRUE(PsIsSystemProcess(PsInitialSystemProcess));
    EXPECT_EQ(PsGetCurrentProcess(), PsInitialSystemProcess);
    EXPECT_EQ(PsLookupProcessByProcessId((HANDLE)4, &Found), STATUS_SUCCESS);
    EXPECT_EQ(Found, PsInitialSystemProcess);
    ObfDereferenceObject(Found);
}

TEST(ps_process, ids_are_multiples_of_four_and_are_found)
{
    LARGE_INTEGER Before, After;
    PKPROCESS Process, Found = NULL;
    HANDLE Id;

    KeQuerySystemTime(&Before);
    Process = PsCreateProcess();
    KeQuerySystemTime(&After);
    REQUIRE_TRUE(Process != NULL);
    Id = PsGetProcessId(Process);
    EXPECT_EQ((ULONG_PTR)Id % 4, 0);
    EXPECT_GT((ULONG_PTR)Id, 4);
    EXPECT_GE(PsGetProcessCreateTimeQuadPart(Process), Before.QuadPart);
    EXPECT_LE(PsGetProcessCreateTimeQuadPart(Process), After.QuadPart);
    EXPECT_FALSE(PsIsSystemProcess(Process));
    EXPECT_EQ(PsLookupProcessByProcessId(Id, &Found), STATUS_SUCCESS);
    EXPECT_EQ(Found, Process);
    EXPECT_EQ(ObfDereferenceObject(Found), 1);
    EXPECT_EQ(ObfDereferenceObject(Process), 0);
    EXPECT_EQ(PsLookupProcessByProcessId(Id, &Found), STATUS_INVALID_PARAMETER);
}

/* The same memory serves one after the other: an id that stayed behind would lead into it. */
TEST(ps_process, ids_of_the_dead_lead_nowhere)
{
    enum { ROUNDS = 16 };
    HANDLE Ids[ROUNDS];
    PKPROCESS Found;

    for (int Round = 0; Round < ROUNDS; Round++) {
        PKPROCESS Process = PsCreateProcess();

        REQUIRE_TRUE(Process != NULL);
        Ids[Round] = PsGetProcessId(Process);
        for (int At = 0; At < Round; At++)
            REQUIRE_EQ(PsLookupProcessByProcessId(Ids[At], &Found), STATUS_INVALID_PARAMETER);
        REQUIRE_EQ(PsLookupProcessByProcessId(Ids[Round], &Found), STATUS_SUCCESS);
        ObfDereferenceObject(Found);
        ObfDereferenceObject(Process);
    }
}

TEST(ps_process, look_up_refuses_what_is_no_process)
{
    PKPROCESS Process = NULL;
    PKTHREAD Thread = NULL;

    EXPECT_EQ(PsLookupProcessByProcessId(NULL, &Process), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(PsLookupProcessByProcessId((HANDLE)5, &Process), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(PsLookupProcessByProcessId((HANDLE)-1ll, &Process), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(PsLookupProcessByProcessId(PsGetCurrentThreadId(), &Process), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(PsLookupThreadByThreadId((HANDLE)4, &Thread), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(Process, NULL);
    EXPECT_EQ(Thread, NULL);
}

TEST(ps_process, threads_are_found_by_id_and_by_pair)
{
    CLIENT_ID Id = { PsGetCurrentProcessId(), PsGetCurrentThreadId() };
    PKTHREAD Thread = NULL;
    PKPROCESS Process = NULL;

    EXPECT_EQ(PsLookupThreadByThreadId(Id.UniqueThread, &Thread), STATUS_SUCCESS);
    EXPECT_EQ(Thread, KeGetCurrentThread());
    ObfDereferenceObject(Thread);
    EXPECT_EQ(PsLookupProcessThreadByCid(&Id, &Process, &Thread), STATUS_SUCCESS);
    EXPECT_EQ(Thread, KeGetCurrentThread());
    EXPECT_EQ(Process, PsInitialSystemProcess);
    ObfDereferenceObject(Thread);
    ObfDereferenceObject(Process);
    EXPECT_EQ(PsLookupProcessThreadByCid(&Id, NULL, &Thread), STATUS_SUCCESS);
    ObfDereferenceObject(Thread);
    Id.UniqueProcess = (HANDLE)8;
    EXPECT_EQ(PsLookupProcessThreadByCid(&Id, &Process, &Thread), STATUS_INVALID_CID);
}

/* ---- Threads in a process, and its end ---- */

typedef struct _WORKER {
    PKPROCESS Process, Current;
    HANDLE ProcessId, ThreadId;
    KEVENT *Gate;
    ULONG Content;
    KPRIORITY Priority;
    BOOLEAN ApcsDisabled;
} WORKER;

static VOID Work(PVOID Context)
{
    WORKER *Worker = Context;

    Worker->ApcsDisabled = KeAreApcsDisabled();
    Worker->Current = PsGetCurrentProcess();
    Worker->Process = PsGetCurrentThreadProcess();
    Worker->ProcessId = PsGetCurrentProcessId();
    Worker->ThreadId = PsGetCurrentThreadId();
    Worker->Priority = KeQueryPriorityThread(KeGetCurrentThread());
    Worker->Content = *(volatile ULONG *)0x7F0000000000;
    KeWaitForSingleObject(Worker->Gate, Executive, KernelMode, FALSE, NULL);
}

static PVOID StartIn(HANDLE Process, WORKER *Worker, PCLIENT_ID Id)
{
    PVOID Thread = NULL;
    HANDLE Handle;

    REQUIRE_EQ(PsCreateSystemThread(&Handle, 0, NULL, Process, Id, Work, Worker), STATUS_SUCCESS);
    REQUIRE_EQ(ObReferenceObjectByHandle(Handle, 0, PsThreadType, KernelMode, &Thread, NULL), STATUS_SUCCESS);
    ZwClose(Handle);
    return Thread;
}

static BOOLEAN IsSignalled(PVOID Object)
{
    LARGE_INTEGER Zero = { .QuadPart = 0 };

    return KeWaitForSingleObject(Object, Executive, KernelMode, FALSE, &Zero) == STATUS_SUCCESS;
}

/* Nobody but the caller holds Process, once the reaper has had its threads, and it goes. */
static void ExpectLastReference(PKPROCESS Process)
{
    LARGE_INTEGER Moment = { .QuadPart = -10000 };

    for (int Look = 0; Look < 1000 && OBJECT_TO_HEADER(Process)->PointerCount > 1; Look++)
        KeDelayExecutionThread(KernelMode, FALSE, &Moment);
    EXPECT_EQ(ObfDereferenceObject(Process), 0);
}

/* covers KeWaitForSingleObject.3, PsCreateSystemThread.2 */
TEST(ps_process, threads_live_in_it_and_it_ends_with_the_last)
{
    PKPROCESS Process = PsCreateProcess();
    KEVENT Gates[2];
    WORKER Workers[2];
    PVOID Threads[2];
    CLIENT_ID Ids[2];
    HANDLE Handle, Thread = (HANDLE)1;

    REQUIRE_TRUE(Process != NULL);
    REQUIRE_TRUE(MmCommitInSpace(Process->Space, 0x7F0000000000, PAGE_SIZE, MM_WRITE));
    *(ULONG *)MmLookInSpace(Process->Space, 0x7F0000000000) = 0x600D;
    Handle = HandleOf(Process);
    for (int At = 0; At < 2; At++) {
        KeInitializeEvent(&Gates[At], NotificationEvent, FALSE);
        Workers[At] = (WORKER){ .Gate = &Gates[At] };
        Threads[At] = StartIn(Handle, &Workers[At], &Ids[At]);
        KtestWaitBlocked(Threads[At], &Gates[At]);
        EXPECT_EQ(Workers[At].Process, Process);
        EXPECT_EQ(Workers[At].Current, Process);
        EXPECT_EQ(Workers[At].ProcessId, PsGetProcessId(Process));
        EXPECT_EQ(Workers[At].Priority, 8);
        EXPECT_EQ(Workers[At].Content, 0x600D);
        EXPECT_TRUE(Workers[At].ApcsDisabled);
        EXPECT_EQ(Ids[At].UniqueProcess, PsGetProcessId(Process));
        EXPECT_EQ(Ids[At].UniqueThread, Workers[At].ThreadId);
        EXPECT_EQ(PsGetThreadId(Threads[At]), Workers[At].ThreadId);
        EXPECT_EQ(PsGetThreadProcess(Threads[At]), Process);
        EXPECT_EQ(PsGetThreadProcessId(Threads[At]), PsGetProcessId(Process));
        EXPECT_FALSE(PsIsThreadTerminating(Threads[At]));
        EXPECT_TRUE(PsIsSystemThread(Threads[At]));
    }
    EXPECT_FALSE(IsSignalled(Process));
    KeSetEvent(&Gates[0], 0, FALSE);
    KeWaitForSingleObject(Threads[0], Executive, KernelMode, FALSE, NULL);
    EXPECT_TRUE(PsIsThreadTerminating(Threads[0]));
    EXPECT_FALSE(IsSignalled(Process));
    KeSetEvent(&Gates[1], 0, FALSE);
    EXPECT_EQ(KeWaitForSingleObject(Process, Executive, KernelMode, FALSE, NULL), STATUS_SUCCESS);
    EXPECT_TRUE(IsSignalled(Process));
    /* Its process ends before the thread does. */
    EXPECT_EQ(KeWaitForSingleObject(Threads[1], Executive, KernelMode, FALSE, NULL), STATUS_SUCCESS);
    EXPECT_EQ(PsCreateSystemThread(&Thread, 0, NULL, Handle, NULL, Work, NULL), STATUS_PROCESS_IS_TERMINATING);
    EXPECT_EQ(Thread, NULL);
    for (int At = 0; At < 2; At++)
        ObfDereferenceObject(Threads[At]);
    EXPECT_EQ(ZwClose(Handle), STATUS_SUCCESS);
    ExpectLastReference(Process);
}

/* Everything that a process took is free again: its page tables, pages and object. */
TEST(ps_process, gives_all_its_memory_back)
{
    ULONG64 Free = 0;

    for (int Round = 0; Round < 4; Round++) {
        PKPROCESS Process = PsCreateProcess();

        REQUIRE_TRUE(Process != NULL);
        REQUIRE_TRUE(MmCommitInSpace(Process->Space, 0x1000, 5 * PAGE_SIZE, MM_WRITE));
        REQUIRE_TRUE(MmCommitInSpace(Process->Space, 0x400000000000, PAGE_SIZE, MM_EXECUTE));
        EXPECT_EQ(ObfDereferenceObject(Process), 0);
        if (Round > 0)
            EXPECT_EQ(MmFreeFrameCount(), Free);
        Free = MmFreeFrameCount();
    }
}

TEST(ps_process, is_opened_by_handle_as_what_it_is)
{
    PKPROCESS Process = PsCreateProcess();
    HANDLE Handle = HandleOf(Process), Other = (HANDLE)1;
    PVOID Object;

    EXPECT_EQ(ObReferenceObjectByHandle(Handle, 0, PsThreadType, KernelMode, &Object, NULL),
              STATUS_OBJECT_TYPE_MISMATCH);
    EXPECT_EQ(ObReferenceObjectByHandle(Handle, 0, PsProcessType, KernelMode, &Object, NULL), STATUS_SUCCESS);
    EXPECT_EQ(Object, Process);
    ObfDereferenceObject(Object);
    EXPECT_EQ(ObOpenObjectByPointer(Process, 0, NULL, 0, PsThreadType, KernelMode, &Other),
              STATUS_OBJECT_TYPE_MISMATCH);
    EXPECT_EQ(Other, NULL);
    EXPECT_EQ(ObOpenObjectByPointer(Process, 0, NULL, 0, NULL, UserMode, &Other), STATUS_OBJECT_TYPE_MISMATCH);
    EXPECT_EQ(ObOpenObjectByPointer(Process, 0, NULL, 0, NULL, KernelMode, &Other), STATUS_SUCCESS);
    EXPECT_EQ(ObfDereferenceObject(Process), 2);        /* each handle holds one */
    ZwClose(Other);
    EXPECT_EQ(PsCreateSystemThread(&Other, 0, NULL, (HANDLE)0x1234, NULL, Work, NULL), STATUS_INVALID_HANDLE);
    ZwClose(Handle);
}

/* NtCurrentProcess is the one that the thread is attached to. */
TEST(ps_process, pseudo_handle_follows_the_attachment)
{
    PKPROCESS Process = PsCreateProcess();
    KAPC_STATE State;
    PVOID Object;

    KeStackAttachProcess(Process, &State);
    EXPECT_EQ(ObReferenceObjectByHandle((HANDLE)-1ll, 0, PsProcessType, KernelMode, &Object, NULL), STATUS_SUCCESS);
    KeUnstackDetachProcess(&State);
    EXPECT_EQ(Object, Process);
    ObfDereferenceObject(Object);
    ObfDereferenceObject(Process);
}

TEST(ps_process, created_by_handle)
{
    PKPROCESS Process;
    HANDLE Handle;
    PVOID Object;

    REQUIRE_EQ(PsCreateSystemProcess(&Handle, 0, NULL), STATUS_SUCCESS);
    REQUIRE_EQ(ObReferenceObjectByHandle(Handle, 0, PsProcessType, KernelMode, &Object, NULL), STATUS_SUCCESS);
    Process = Object;
    EXPECT_NE(Process->Space, 0);
    EXPECT_FALSE(IsSignalled(Process));
    ZwClose(Handle);
    EXPECT_EQ(ObfDereferenceObject(Process), 0);
}

static NTSTATUS Open(ULONG_PTR Process, ULONG_PTR Thread, PHANDLE Handle)
{
    OBJECT_ATTRIBUTES Attributes = { .Length = sizeof Attributes };
    CLIENT_ID Id = { (HANDLE)Process, (HANDLE)Thread };

    return ZwOpenProcess(Handle, 0, &Attributes, &Id);
}

TEST(ps_process, is_opened_by_id)
{
    OBJECT_ATTRIBUTES Attributes = { .Length = sizeof Attributes, .ObjectName = &(UNICODE_STRING){ 0 } };
    ULONG_PTR Self = (ULONG_PTR)PsGetCurrentThreadId();
    CLIENT_ID Id = { (HANDLE)4, NULL };
    PKPROCESS Process = PsCreateProcess();
    HANDLE Handle = NULL;
    PVOID Object = NULL;

    REQUIRE_TRUE(Process != NULL);
    EXPECT_EQ(Open((ULONG_PTR)PsGetProcessId(Process), 0, &Handle), STATUS_SUCCESS);
    EXPECT_EQ(ObReferenceObjectByHandle(Handle, 0, PsProcessType, KernelMode, &Object, NULL), STATUS_SUCCESS);
    EXPECT_EQ(Object, Process);
    ObfDereferenceObject(Object);
    ZwClose(Handle);
    EXPECT_EQ(Open(4, Self, &Handle), STATUS_SUCCESS);
    ZwClose(Handle);
    EXPECT_EQ(Open((ULONG_PTR)PsGetProcessId(Process), Self, &Handle), STATUS_INVALID_CID);
    EXPECT_EQ(Open(Self, 0, &Handle), STATUS_INVALID_CID);
    EXPECT_EQ(Open(0, 0, &Handle), STATUS_INVALID_CID);
    EXPECT_EQ(ZwOpenProcess(&Handle, 0, &Attributes, &Id), STATUS_INVALID_PARAMETER_MIX);
    Attributes.ObjectName = NULL;
    EXPECT_EQ(ZwOpenProcess(&Handle, 0, &Attributes, NULL), STATUS_INVALID_PARAMETER_MIX);
    EXPECT_EQ(ObfDereferenceObject(Process), 0);
}
