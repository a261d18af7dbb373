/* process_test.c - threads that visit other processes: where they are, and which APCs find them there. */
#include <arch/arch.h>
#include <ke/apc.h>
#include <ke/dpc.h>
#include <ke/event.h>
#include <ke/init.h>
#include <ke/irql.h>
#include <ke/process.h>
#include <ktest.h>
#include <mm/mm.h>
#include <ob/object.h>
#include <ps/process.h>
#include <rtl/status.h>
#include <rtl/string.h>

#define PLACE 0x10000ull                /* the same address in each process */

static PKPROCESS MakeProcess(ULONG Content)
{
    PKPROCESS Process = PsCreateProcess();

    REQUIRE_TRUE(Process != NULL);
    REQUIRE_TRUE(MmCommitInSpace(Process->Space, PLACE, PAGE_SIZE, MM_WRITE));
    *(ULONG *)MmLookInSpace(Process->Space, PLACE) = Content;
    return Process;
}

static ULONG Here(void) { return *(volatile ULONG *)PLACE; }

static void ExpectAtHome(void)
{
    PKTHREAD Thread = KeGetCurrentThread();

    EXPECT_EQ(Thread->ApcState.Process, Thread->Process);
    EXPECT_EQ(Thread->ApcStateIndex, OriginalApcEnvironment);
    EXPECT_EQ(Thread->ApcStatePointer[OriginalApcEnvironment], &Thread->ApcState);
    EXPECT_EQ(Thread->ApcStatePointer[AttachedApcEnvironment], NULL);
    EXPECT_EQ(PsGetCurrentProcess(), PsInitialSystemProcess);
    EXPECT_FALSE(KeIsAttachedProcess());
}

/* covers KeStackAttachProcess.1, PsGetCurrentProcess.1 */
TEST(ke_process, attach_changes_the_process_and_the_lower_half)
{
    PKPROCESS Process = MakeProcess(0xA1);
    KAPC_STATE State;

    ExpectAtHome();
    memset(&State, 0x55, sizeof State);
    KeStackAttachProcess(Process, &State);
    EXPECT_EQ(State.Process, NULL);
    EXPECT_EQ(PsGetCurrentProcess(), Process);
    EXPECT_EQ(PsGetThreadProcess(KeGetCurrentThread()), PsInitialSystemProcess);
    EXPECT_EQ(PsGetCurrentProcessId(), 4);
    EXPECT_TRUE(KeIsAttachedProcess());
    EXPECT_EQ(Process->AttachCount, 1);
    EXPECT_EQ(Here(), 0xA1);
    *(volatile ULONG *)PLACE = 0xA2;
    KeUnstackDetachProcess(&State);
    EXPECT_EQ(Process->AttachCount, 0);
    EXPECT_EQ(*(ULONG *)MmLookInSpace(Process->Space, PLACE), 0xA2);
    ExpectAtHome();
    ObfDereferenceObject(Process);
}

/* covers KeStackAttachProcess.2 */
TEST(ke_process, attaches_nest)
{
    PKPROCESS P = MakeProcess(1), Q = MakeProcess(2);
    KAPC_STATE States[4];

    memset(States, 0x55, sizeof States);
    KeStackAttachProcess(P, &States[0]);
    KeStackAttachProcess(Q, &States[1]);
    EXPECT_EQ(Here(), 2);
    EXPECT_EQ(States[1].Process, P);
    KeStackAttachProcess(Q, &States[2]);                        /* there already */
    EXPECT_EQ((ULONG_PTR)States[2].Process, 1);
    EXPECT_EQ(Q->AttachCount, 1);
    KeStackAttachProcess(PsInitialSystemProcess, &States[3]);   /* home by another way */
    EXPECT_EQ(PsGetCurrentProcess(), PsInitialSystemProcess);
    EXPECT_TRUE(KeIsAttachedProcess());
    KeUnstackDetachProcess(&States[3]);
    EXPECT_EQ(PsGetCurrentProcess(), Q);
    KeUnstackDetachProcess(&States[2]);
    EXPECT_EQ(Here(), 2);
    KeUnstackDetachProcess(&States[1]);
    EXPECT_EQ(Here(), 1);
    EXPECT_EQ(PsGetCurrentProcess(), P);
    KeUnstackDetachProcess(&States[0]);
    ExpectAtHome();
    ObfDereferenceObject(P);
    ObfDereferenceObject(Q);
}

TEST(ke_process, attach_to_its_own_process_changes_nothing)
{
    KAPC_STATE State;

    KeStackAttachProcess(PsInitialSystemProcess, &State);
    EXPECT_EQ((ULONG_PTR)State.Process, 1);
    ExpectAtHome();
    KeUnstackDetachProcess(&State);
    KeAttachProcess(PsInitialSystemProcess);
    ExpectAtHome();
    KeDetachProcess();
    ExpectAtHome();
}

TEST(ke_process, plain_attach_and_detach)
{
    PKPROCESS Process = MakeProcess(7);
    KAPC_STATE State;

    KeAttachProcess(Process);
    EXPECT_EQ(PsGetCurrentProcess(), Process);
    EXPECT_EQ(Here(), 7);
    KeAttachProcess(Process);                                   /* again: nothing, and one detach ends it */
    KeStackAttachProcess(PsInitialSystemProcess, &State);       /* the stacked form goes on top */
    EXPECT_EQ(State.Process, Process);
    KeUnstackDetachProcess(&State);
    KeDetachProcess();
    ExpectAtHome();
    KeDetachProcess();                                          /* at home: nothing */
    ExpectAtHome();
    ObfDereferenceObject(Process);
}

TEST(ke_process, works_at_apc_and_dispatch_level)
{
    PKPROCESS Process = MakeProcess(9);

    for (KIRQL Irql = APC_LEVEL; Irql <= DISPATCH_LEVEL; Irql++) {
        KAPC_STATE State;
        KIRQL OldIrql;

        KeRaiseIrql(Irql, &OldIrql);
        KeStackAttachProcess(Process, &State);
        EXPECT_EQ(Here(), 9);
        EXPECT_EQ(KeGetCurrentIrql(), Irql);
        KeUnstackDetachProcess(&State);
        EXPECT_EQ(KeGetCurrentIrql(), Irql);
        KeLowerIrql(OldIrql);
    }
    ExpectAtHome();
    ObfDereferenceObject(Process);
}

/* ---- The address space goes where the thread goes ---- */

typedef struct _VISITOR { PKPROCESS Process; ULONG Content; KEVENT *Gate; volatile LONG Wrong, Rounds; } VISITOR;

/* Attach, give the processor up at each look, and never see another process's page. */
static VOID Visit(PVOID Context)
{
    VISITOR *Visitor = Context;
    LARGE_INTEGER Moment = { .QuadPart = -100 };
    KAPC_STATE State;

    KeWaitForSingleObject(Visitor->Gate, Executive, KernelMode, FALSE, NULL);
    for (int Round = 0; Round < 20; Round++) {
        KeStackAttachProcess(Visitor->Process, &State);
        for (int Look = 0; Look < 3; Look++) {
            if (Here() != Visitor->Content || PsGetCurrentProcess() != Visitor->Process)
                __atomic_add_fetch(&Visitor->Wrong, 1, __ATOMIC_RELAXED);
            KeDelayExecutionThread(KernelMode, FALSE, &Moment);
        }
        KeUnstackDetachProcess(&State);
        KeDelayExecutionThread(KernelMode, FALSE, &Moment);
        Visitor->Rounds++;
    }
}

TEST(ke_process, each_thread_keeps_its_space_over_switches)
{
    enum { VISITORS = 6 };
    VISITOR Visitors[VISITORS];
    PKTHREAD Threads[VISITORS];
    KEVENT Gate;

    KeInitializeEvent(&Gate, NotificationEvent, FALSE);
    for (ULONG At = 0; At < VISITORS; At++) {
        Visitors[At] = (VISITOR){ .Process = MakeProcess(100 + At), .Content = 100 + At, .Gate = &Gate };
        Threads[At] = KtestThread(Visit, &Visitors[At], 8);
    }
    KeSetEvent(&Gate, 0, FALSE);
    for (ULONG At = 0; At < VISITORS; At++) {
        KtestJoin(Threads[At]);
        EXPECT_EQ(Visitors[At].Wrong, 0);
        EXPECT_EQ(Visitors[At].Rounds, 20);
        EXPECT_EQ(Visitors[At].Process->AttachCount, 0);
        ObfDereferenceObject(Visitors[At].Process);
    }
}

static PKPROCESS SeenInDpc;
static ULONG ContentInDpc;

static VOID LookFromDpc(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc), UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1), UNREFERENCED_PARAMETER(Argument2);
    SeenInDpc = IoGetCurrentProcess();
    ContentInDpc = Here();
}

/* In a DPC it is the interrupted thread's.
 * covers IoGetCurrentProcess.2 */
TEST(ke_process, dpc_sees_the_interrupted_threads_process)
{
    PKPROCESS Process = MakeProcess(0xD);
    KAPC_STATE State;
    KDPC Dpc;

    KeInitializeDpc(&Dpc, LookFromDpc, NULL);
    KeStackAttachProcess(Process, &State);
    KeInsertQueueDpc(&Dpc, NULL, NULL);
    KeUnstackDetachProcess(&State);
    EXPECT_EQ(SeenInDpc, Process);
    EXPECT_EQ(ContentInDpc, 0xD);
    ObfDereferenceObject(Process);
}

/* ---- APCs and environments ---- */

static char Order[16];
static volatile LONG Length;
static PKPROCESS ProcessOfApc;

static VOID Note(PKAPC Apc, PKNORMAL_ROUTINE *Normal, PVOID *Context, PVOID *Argument1, PVOID *Argument2)
{
    UNREFERENCED_PARAMETER(Apc), UNREFERENCED_PARAMETER(Normal), UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument2);
    Order[Length++ % 15] = (char)(ULONG_PTR)*Argument1;
    ProcessOfApc = PsGetCurrentProcess();
}

static VOID NoteNormal(PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Context), UNREFERENCED_PARAMETER(Argument1), UNREFERENCED_PARAMETER(Argument2);
    Order[Length++ % 15] = 'n';
}

static void Forget(void)
{
    memset(Order, 0, sizeof Order);
    Length = 0;
    ProcessOfApc = NULL;
}

static BOOLEAN Queue(PKAPC Apc, KAPC_ENVIRONMENT Environment, char Name)
{
    KeInitializeApc(Apc, KeGetCurrentThread(), Environment, Note, NULL, NULL, KernelMode, NULL);
    return KeInsertQueueApc(Apc, (PVOID)(ULONG_PTR)Name, NULL, 0);
}

/* covers KeStackAttachProcess.2 */
TEST(ke_process, apc_of_the_own_process_waits_for_the_return)
{
    PKPROCESS Process = MakeProcess(0);
    KAPC_STATE State;
    KAPC Apcs[4];

    Forget();
    KeStackAttachProcess(Process, &State);
    EXPECT_TRUE(Queue(&Apcs[0], OriginalApcEnvironment, 'o'));
    EXPECT_EQ(Length, 0);
    EXPECT_TRUE(Apcs[0].Inserted);
    EXPECT_TRUE(Queue(&Apcs[1], AttachedApcEnvironment, 'a'));
    EXPECT_EQ(ProcessOfApc, Process);
    EXPECT_TRUE(Queue(&Apcs[2], CurrentApcEnvironment, 'c'));
    EXPECT_EQ(Apcs[2].ApcStateIndex, AttachedApcEnvironment);
    EXPECT_TRUE(Queue(&Apcs[3], InsertApcEnvironment, 'i'));
    EXPECT_EQ(Apcs[3].ApcStateIndex, AttachedApcEnvironment);
    EXPECT_EQ(strcmp(Order, "aci"), 0);
    KeUnstackDetachProcess(&State);
    EXPECT_EQ(strcmp(Order, "acio"), 0);
    EXPECT_EQ(ProcessOfApc, PsInitialSystemProcess);
    ObfDereferenceObject(Process);
}

TEST(ke_process, environments_at_home)
{
    KAPC Apcs[4];

    Forget();
    EXPECT_TRUE(Queue(&Apcs[0], OriginalApcEnvironment, 'o'));
    EXPECT_TRUE(Queue(&Apcs[1], CurrentApcEnvironment, 'c'));
    EXPECT_TRUE(Queue(&Apcs[2], InsertApcEnvironment, 'i'));
    EXPECT_EQ(Apcs[2].ApcStateIndex, OriginalApcEnvironment);
    EXPECT_FALSE(Queue(&Apcs[3], AttachedApcEnvironment, 'a'));
    EXPECT_FALSE(Apcs[3].Inserted);
    EXPECT_FALSE(Queue(&Apcs[3], (KAPC_ENVIRONMENT)9, 'x'));
    EXPECT_EQ(strcmp(Order, "oci"), 0);
}

/* Those queued before the visit wait as well; a critical region keeps the normal one back until after. */
TEST(ke_process, queued_apcs_move_aside_and_come_back)
{
    PKPROCESS P = MakeProcess(0), Q = MakeProcess(0);
    KAPC_STATE States[2];
    KIRQL OldIrql;
    KAPC Normal, Special;

    Forget();
    KeInitializeApc(&Normal, KeGetCurrentThread(), OriginalApcEnvironment, Note, NULL, NoteNormal, KernelMode, NULL);
    KeEnterCriticalRegion();
    EXPECT_TRUE(KeInsertQueueApc(&Normal, (PVOID)(ULONG_PTR)'k', NULL, 0));
    KeRaiseIrql(APC_LEVEL, &OldIrql);
    EXPECT_TRUE(Queue(&Special, OriginalApcEnvironment, 's'));
    KeStackAttachProcess(P, &States[0]);
    KeLowerIrql(OldIrql);
    EXPECT_EQ(Length, 0);                               /* both lie aside */
    KeStackAttachProcess(Q, &States[1]);
    KeUnstackDetachProcess(&States[1]);
    EXPECT_EQ(Length, 0);
    KeUnstackDetachProcess(&States[0]);
    EXPECT_EQ(strcmp(Order, "s"), 0);
    KeLeaveCriticalRegion();
    EXPECT_EQ(strcmp(Order, "skn"), 0);
    ObfDereferenceObject(P);
    ObfDereferenceObject(Q);
}

static struct { PKPROCESS Process; KEVENT Arrived, Leave; NTSTATUS Status; volatile LONG Home; } Guest;

static VOID SleepAbroad(PVOID Context)
{
    KAPC_STATE State;

    UNREFERENCED_PARAMETER(Context);
    KeStackAttachProcess(Guest.Process, &State);
    KeSetEvent(&Guest.Arrived, 0, FALSE);
    Guest.Status = KeWaitForSingleObject(&Guest.Leave, Executive, KernelMode, FALSE, NULL);
    KeUnstackDetachProcess(&State);
    Guest.Home = Length;
}

/* A sleeper abroad is woken for an APC of where it is, not for one of its home, which runs when it comes back. */
TEST(ke_process, sleeper_takes_only_apcs_of_where_it_is)
{
    PKTHREAD Thread;
    KAPC Home, Abroad;

    Forget();
    Guest.Process = MakeProcess(0);
    KeInitializeEvent(&Guest.Arrived, NotificationEvent, FALSE);
    KeInitializeEvent(&Guest.Leave, NotificationEvent, FALSE);
    Thread = KtestThread(SleepAbroad, NULL, 9);
    KeWaitForSingleObject(&Guest.Arrived, Executive, KernelMode, FALSE, NULL);
    KtestWaitBlocked(Thread, &Guest.Leave);
    KeInitializeApc(&Home, Thread, OriginalApcEnvironment, Note, NULL, NULL, KernelMode, NULL);
    KeInitializeApc(&Abroad, Thread, AttachedApcEnvironment, Note, NULL, NULL, KernelMode, NULL);
    EXPECT_TRUE(KeInsertQueueApc(&Home, (PVOID)(ULONG_PTR)'h', NULL, 0));
    EXPECT_TRUE(KeInsertQueueApc(&Abroad, (PVOID)(ULONG_PTR)'a', NULL, 0));
    KtestWaitFor(&Length);
    KtestWaitBlocked(Thread, &Guest.Leave);
    EXPECT_EQ(strcmp(Order, "a"), 0);
    EXPECT_EQ(ProcessOfApc, Guest.Process);
    KeSetEvent(&Guest.Leave, 0, FALSE);
    KtestJoin(Thread);
    EXPECT_EQ(Guest.Status, STATUS_SUCCESS);
    EXPECT_EQ(strcmp(Order, "ah"), 0);
    EXPECT_EQ(Guest.Home, 2);                           /* it ran before KeUnstackDetachProcess returned */
    ObfDereferenceObject(Guest.Process);
}

/* ---- Another processor queues APCs while the thread comes and goes: each is delivered once, where it belongs ---- */

enum { LETTERS = 500, SLOTS = 8 };

static struct {
    PKPROCESS Process;
    PKTHREAD Traveller;
    KAPC Apcs[SLOTS];
    volatile LONG Free[SLOTS];          /* the APC may be queued again */
    volatile LONG Ready, Stop, Queued, Ran, Misplaced;
} Traffic;

static VOID Arrived(PKAPC Apc, PKNORMAL_ROUTINE *Normal, PVOID *Context, PVOID *Argument1, PVOID *Argument2)
{
    BOOLEAN Wanted = Apc->ApcStateIndex == AttachedApcEnvironment;

    UNREFERENCED_PARAMETER(Normal), UNREFERENCED_PARAMETER(Context), UNREFERENCED_PARAMETER(Argument2);
    if ((PsGetCurrentProcess() == Traffic.Process) != Wanted || KeIsAttachedProcess() != Wanted)
        Traffic.Misplaced++;
    Traffic.Ran++;
    __atomic_store_n(&Traffic.Free[(ULONG_PTR)*Argument1], 1, __ATOMIC_RELEASE);
}

static VOID Travel(PVOID Context)
{
    KAPC_STATE State;

    UNREFERENCED_PARAMETER(Context);
    __atomic_store_n(&Traffic.Ready, 1, __ATOMIC_RELEASE);
    while (!__atomic_load_n(&Traffic.Stop, __ATOMIC_ACQUIRE)) {
        KeStackAttachProcess(Traffic.Process, &State);
        ArchPause();
        KeUnstackDetachProcess(&State);
    }
}

static void Send(ULONG Slot, KAPC_ENVIRONMENT Environment)
{
    PKAPC Apc = &Traffic.Apcs[Slot];

    Traffic.Free[Slot] = 0;
    KeInitializeApc(Apc, Traffic.Traveller, Environment, Arrived, NULL, NULL, KernelMode, NULL);
    if (KeInsertQueueApc(Apc, (PVOID)(ULONG_PTR)Slot, NULL, 0))
        Traffic.Queued++;
    else
        Traffic.Free[Slot] = 1;
}

TEST(ke_process, apcs_from_another_processor_meet_the_traveller)
{
    static const KAPC_ENVIRONMENT Environments[] = {
        OriginalApcEnvironment, AttachedApcEnvironment, InsertApcEnvironment
    };
    KAFFINITY All = KeQueryActiveProcessors(), First = All & ~(All - 1);

    if (All == First) {
        KtestSkip("needs two processors");
        return;
    }
    memset(&Traffic, 0, sizeof Traffic);
    Traffic.Process = MakeProcess(0);
    for (ULONG Slot = 0; Slot < SLOTS; Slot++)
        Traffic.Free[Slot] = 1;
    KeSetSystemAffinityThread(All & ~First);
    Traffic.Traveller = KtestThread(Travel, NULL, 8);   /* has our affinity */
    KeSetSystemAffinityThread(First);
    KtestWaitFor(&Traffic.Ready);
    for (ULONG At = 0; Traffic.Queued < LETTERS && KtestHasTime(); At++) {
        if (__atomic_load_n(&Traffic.Free[At % SLOTS], __ATOMIC_ACQUIRE))
            Send(At % SLOTS, Environments[At % 3]);
        else
            ArchPause();
    }
    Traffic.Stop = 1;
    KtestJoin(Traffic.Traveller);
    KeRevertToUserAffinityThread();
    EXPECT_EQ(Traffic.Ran, Traffic.Queued);
    EXPECT_EQ(Traffic.Misplaced, 0);
    EXPECT_EQ(Traffic.Process->AttachCount, 0);
    ObfDereferenceObject(Traffic.Process);
}
