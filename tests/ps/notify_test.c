/* notify_test.c - who is told that threads and processes come and go. */
#include <ke/event.h>
#include <ke/irql.h>
#include <ke/apc.h>
#include <ktest.h>
#include <ob/object.h>
#include <ps/notify.h>
#include <ps/process.h>
#include <ps/system_thread.h>
#include <rtl/status.h>
#include <rtl/string.h>

enum { LIMIT = 64 };

typedef struct _CALL {
    HANDLE ProcessId, Id;
    BOOLEAN Create, ApcsDisabled;
    KIRQL Irql;
    PKTHREAD In;
} CALL;

static CALL Calls[16];
static volatile LONG Count;
static volatile LONG ThreadRan;
static HANDLE Watched;                  /* threads of this process only; NULL: of all */
static PS_CREATE_NOTIFY_INFO Info;
static NTSTATUS Refuse;
static KEVENT Entered, Go;

static void Record(HANDLE ProcessId, HANDLE Id, BOOLEAN Create)
{
    LONG At = __atomic_fetch_add(&Count, 1, __ATOMIC_ACQ_REL);

    if (At < (LONG)RTL_NUMBER_OF(Calls))
        Calls[At] = (CALL){ ProcessId, Id, Create, KeAreApcsDisabled(), KeGetCurrentIrql(), KeGetCurrentThread() };
}

static VOID OfThread(HANDLE ProcessId, HANDLE ThreadId, BOOLEAN Create)
{
    if (Watched != NULL && ProcessId != Watched)
        return;
    EXPECT_EQ(ThreadRan, !Create);
    Record(ProcessId, ThreadId, Create);
}

static VOID OfProcess(HANDLE ParentId, HANDLE ProcessId, BOOLEAN Create) { Record(ParentId, ProcessId, Create); }

static VOID OfProcessEx(PKPROCESS Process, HANDLE ProcessId, PPS_CREATE_NOTIFY_INFO CreateInfo)
{
    EXPECT_EQ(PsGetProcessId(Process), ProcessId);
    Record(NULL, ProcessId, CreateInfo != NULL);
    if (CreateInfo == NULL)
        return;
    Info = *CreateInfo;
    CreateInfo->CreationStatus = Refuse;
}

static VOID Nothing(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    ThreadRan = TRUE;
}

static void Begin(void)
{
    memset(Calls, 0xAA, sizeof Calls);
    Count = 0;
    ThreadRan = FALSE;
    Refuse = STATUS_SUCCESS;
    memset(&Info, 0xAA, sizeof Info);
}

/* A thread of Process from its creation to its end; its id, NULL if it was refused. */
static HANDLE RunThread(HANDLE Process, NTSTATUS *Status)
{
    CLIENT_ID Id = { 0 };
    HANDLE Handle;
    PVOID Thread;

    *Status = PsCreateSystemThread(&Handle, 0, NULL, Process, &Id, Nothing, NULL);
    if (!NT_SUCCESS(*Status))
        return NULL;
    REQUIRE_EQ(ObReferenceObjectByHandle(Handle, 0, PsThreadType, KernelMode, &Thread, NULL), STATUS_SUCCESS);
    KeWaitForSingleObject(Thread, Executive, KernelMode, FALSE, NULL);
    ObfDereferenceObject(Thread);
    ZwClose(Handle);
    return Id.UniqueThread;
}

TEST(ps_notify, thread_is_told_by_its_creator_and_by_itself)
{
    HANDLE Process, Id;
    NTSTATUS Status;

    Begin();
    REQUIRE_EQ(PsCreateSystemProcess(&Process, 0, NULL), STATUS_SUCCESS);
    EXPECT_EQ(PsSetCreateThreadNotifyRoutine(OfThread), STATUS_SUCCESS);
    Watched = (HANDLE)-1;
    {
        PVOID Object;

        REQUIRE_EQ(ObReferenceObjectByHandle(Process, 0, PsProcessType, KernelMode, &Object, NULL), STATUS_SUCCESS);
        Watched = PsGetProcessId(Object);
        ObfDereferenceObject(Object);
    }
    Id = RunThread(Process, &Status);
    EXPECT_EQ(PsRemoveCreateThreadNotifyRoutine(OfThread), STATUS_SUCCESS);
    EXPECT_EQ(PsRemoveCreateThreadNotifyRoutine(OfThread), STATUS_PROCEDURE_NOT_FOUND);
    REQUIRE_EQ(Count, 2);
    for (ULONG i = 0; i < 2; i++) {
        EXPECT_EQ(Calls[i].ProcessId, Watched);
        EXPECT_EQ(Calls[i].Id, Id);
        EXPECT_EQ(Calls[i].Create, i == 0);
        EXPECT_EQ(Calls[i].Irql, PASSIVE_LEVEL);
        EXPECT_TRUE(Calls[i].ApcsDisabled);
    }
    EXPECT_EQ(Calls[0].In, KeGetCurrentThread());
    EXPECT_NE(Calls[1].In, KeGetCurrentThread());
    EXPECT_FALSE(KeAreApcsDisabled());
    ZwClose(Process);
}

TEST(ps_notify, taken_away_is_not_called)
{
    NTSTATUS Status;

    Begin();
    Watched = NULL;
    ThreadRan = TRUE;
    EXPECT_EQ(PsSetCreateThreadNotifyRoutine(OfThread), STATUS_SUCCESS);
    EXPECT_EQ(PsRemoveCreateThreadNotifyRoutine(OfThread), STATUS_SUCCESS);
    Count = 0;
    RunThread(NULL, &Status);
    EXPECT_EQ(Count, 0);
}

TEST(ps_notify, process_comes_with_its_first_thread_and_goes_with_its_last)
{
    HANDLE Process;
    NTSTATUS Status;

    Begin();
    EXPECT_EQ(PsSetCreateProcessNotifyRoutine(OfProcess, FALSE), STATUS_SUCCESS);
    EXPECT_EQ(PsSetCreateProcessNotifyRoutine(OfProcess, FALSE), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(PsSetCreateProcessNotifyRoutineEx(OfProcessEx, FALSE), STATUS_SUCCESS);
    REQUIRE_EQ(PsCreateSystemProcess(&Process, 0, NULL), STATUS_SUCCESS);
    RunThread(NULL, &Status);           /* the system process neither comes nor goes */
    EXPECT_EQ(Count, 0);
    RunThread(Process, &Status);
    EXPECT_EQ(Status, STATUS_SUCCESS);
    RunThread(Process, &Status);
    EXPECT_EQ(Status, STATUS_PROCESS_IS_TERMINATING);
    EXPECT_EQ(PsSetCreateProcessNotifyRoutine(OfProcess, TRUE), STATUS_SUCCESS);
    EXPECT_EQ(PsSetCreateProcessNotifyRoutine(OfProcess, TRUE), STATUS_PROCEDURE_NOT_FOUND);
    EXPECT_EQ(PsSetCreateProcessNotifyRoutineEx(OfProcessEx, TRUE), STATUS_SUCCESS);
    REQUIRE_EQ(Count, 4);
    EXPECT_EQ(Calls[0].ProcessId, (HANDLE)4);
    EXPECT_EQ(Calls[0].Id, Calls[1].Id);
    EXPECT_TRUE(Calls[0].Create && Calls[1].Create && !Calls[2].Create && !Calls[3].Create);
    EXPECT_EQ(Calls[0].In, KeGetCurrentThread());
    EXPECT_NE(Calls[2].In, KeGetCurrentThread());
    EXPECT_EQ(Info.Size, sizeof Info);
    EXPECT_EQ(Info.Flags, 0);
    EXPECT_EQ(Info.ParentProcessId, (HANDLE)4);
    EXPECT_EQ(Info.CreatingThreadId.UniqueThread, PsGetCurrentThreadId());
    EXPECT_EQ(Info.ImageFileName, NULL);
    ZwClose(Process);
}

TEST(ps_notify, ex_routine_may_refuse)
{
    HANDLE Process;
    NTSTATUS Status;

    Begin();
    EXPECT_EQ(PsSetCreateProcessNotifyRoutineEx(OfProcessEx, FALSE), STATUS_SUCCESS);
    REQUIRE_EQ(PsCreateSystemProcess(&Process, 0, NULL), STATUS_SUCCESS);
    Refuse = STATUS_ACCESS_DENIED;
    RunThread(Process, &Status);
    EXPECT_EQ(Status, STATUS_ACCESS_DENIED);
    EXPECT_FALSE(ThreadRan);
    Refuse = STATUS_SUCCESS;
    RunThread(Process, &Status);
    EXPECT_EQ(Status, STATUS_SUCCESS);
    EXPECT_EQ(PsSetCreateProcessNotifyRoutineEx(OfProcessEx, TRUE), STATUS_SUCCESS);
    ZwClose(Process);
}

static VOID Other(HANDLE ProcessId, HANDLE ThreadId, BOOLEAN Create)
{
    UNREFERENCED_PARAMETER(ProcessId), UNREFERENCED_PARAMETER(ThreadId), UNREFERENCED_PARAMETER(Create);
}

TEST(ps_notify, sixty_four_at_most)
{
    LONG Added = 0;

    while (Added <= LIMIT && NT_SUCCESS(PsSetCreateThreadNotifyRoutine(Other)))
        Added++;
    EXPECT_EQ(Added, LIMIT);
    EXPECT_EQ(PsSetCreateThreadNotifyRoutine(Other), STATUS_INSUFFICIENT_RESOURCES);
    for (LONG i = 0; i < Added; i++)
        EXPECT_EQ(PsRemoveCreateThreadNotifyRoutine(Other), STATUS_SUCCESS);
    EXPECT_EQ(PsRemoveCreateThreadNotifyRoutine(Other), STATUS_PROCEDURE_NOT_FOUND);
}

/* ---- A call that has begun is waited for ---- */

static VOID Slow(HANDLE ParentId, HANDLE ProcessId, BOOLEAN Create)
{
    UNREFERENCED_PARAMETER(ParentId), UNREFERENCED_PARAMETER(ProcessId);
    if (!Create)
        return;
    KeSetEvent(&Entered, 0, FALSE);
    KeWaitForSingleObject(&Go, Executive, KernelMode, FALSE, NULL);
    Record(NULL, NULL, Create);
}

static void CreateOne(PVOID Context)
{
    NTSTATUS Status;

    RunThread(Context, &Status);
}

static volatile LONG Removed;

static void RemoveSlow(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    EXPECT_EQ(PsSetCreateProcessNotifyRoutine(Slow, TRUE), STATUS_SUCCESS);
    Removed = Count + 1;
}

TEST(ps_notify, removal_waits_for_the_call_that_has_begun)
{
    PKTHREAD Creator, Remover;
    HANDLE Process;

    Begin();
    Removed = 0;
    KeInitializeEvent(&Entered, NotificationEvent, FALSE);
    KeInitializeEvent(&Go, NotificationEvent, FALSE);
    REQUIRE_EQ(PsCreateSystemProcess(&Process, 0, NULL), STATUS_SUCCESS);
    EXPECT_EQ(PsSetCreateProcessNotifyRoutine(Slow, FALSE), STATUS_SUCCESS);
    Creator = KtestThread(CreateOne, Process, 8);
    KeWaitForSingleObject(&Entered, Executive, KernelMode, FALSE, NULL);
    Remover = KtestThread(RemoveSlow, NULL, 8);
    KtestWaitBlocked(Remover, NULL);
    EXPECT_EQ(Removed, 0);
    KeSetEvent(&Go, 0, FALSE);
    KtestJoin(Remover);
    KtestJoin(Creator);
    EXPECT_EQ(Removed, 2);              /* after the call */
    ZwClose(Process);
}
