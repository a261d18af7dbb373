/* idle_test.c - nothing is overlooked that a processor is given while it runs out of work, looks for some, falls asleep
 * or wakes up. Processor 0 brings the work, a little later each time, over twice the time that processor 1 looks. */
#include <arch/arch.h>
#include <ke/dpc.h>
#include <ke/event.h>
#include <ke/processor.h>
#include <ke/thread.h>
#include <ktest.h>
#include <rtl/string.h>

enum { ROUNDS = 20000, STEPS = 211, PROMPT = 200000 };

typedef struct _MEETING {
    KEVENT Wake, Better;
    KDPC Dpc;
    volatile LONG Awake, Done;          /* this round's */
    volatile LONG Brought;              /* this round's work is where it is looked for */
    volatile LONG Stop;
    LONG Longest;                       /* turns of the runner's loop for which work was there and not done */
} MEETING;

static VOID NoteDpc(PKDPC Dpc, PVOID Meeting, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    EXPECT_EQ(KeGetCurrentProcessorNumber(), 1);
    ((MEETING *)Meeting)->Done = 1;
}

static VOID FallAsleep(PVOID Context)
{
    MEETING *M = Context;

    for (;;) {
        KeWaitForSingleObject(&M->Wake, Executive, KernelMode, FALSE, NULL);
        if (M->Stop)
            return;
        M->Awake = 1;
    }
}

/* Runs until the work, which is to interrupt it, is done. Only turns in which it has the processor count: a slow host
 * is no late interrupt, and a tick, which would find the work, is more turns away than are PROMPT. */
static VOID RunUntilDone(PVOID Context)
{
    MEETING *M = Context;

    for (;;) {
        LONG Turns = 0;

        KeWaitForSingleObject(&M->Wake, Executive, KernelMode, FALSE, NULL);
        if (M->Stop)
            return;
        while (!M->Done)
            Turns += M->Brought;
        if (Turns > M->Longest)
            M->Longest = Turns;
        M->Awake = 1;
    }
}

static VOID BeBetter(PVOID Context)
{
    MEETING *M = Context;

    for (;;) {
        KeWaitForSingleObject(&M->Better, Executive, KernelMode, FALSE, NULL);
        if (M->Stop)
            return;
        M->Done = 1;
    }
}

/* Twice the look, in real time; in virtual time, where nobody looks, about the way to the halt. */
static void PassTime(ULONG Round)
{
    ULONG64 Span = KtestVirtualTime() ? 2000 : ArchCounterFrequency() / 25000;
    ULONG64 End = ArchReadCounter() + Span * (Round % STEPS) / STEPS;

    while (ArchReadCounter() < End)
        ;
}

static BOOLEAN Reaches(volatile LONG *Flag)
{
    for (ULONG Looks = 0; Looks < 1000; Looks++) {
        if (*Flag)
            return TRUE;
        ArchPause();
    }
    return KtestWaitFor(Flag);
}

static PKTHREAD Meet(MEETING *M, void (*Routine)(PVOID), KPRIORITY Priority)
{
    PKTHREAD Thread;

    KeSetSystemAffinityThread(2);
    Thread = KtestThread(Routine, M, Priority);
    KeSetSystemAffinityThread(1);
    return Thread;
}

static BOOLEAN Prepare(MEETING *M)
{
    memset(M, 0, sizeof *M);
    KeInitializeEvent(&M->Wake, SynchronizationEvent, FALSE);
    KeInitializeEvent(&M->Better, SynchronizationEvent, FALSE);
    KeInitializeDpc(&M->Dpc, NoteDpc, M);
    KeSetTargetProcessorDpc(&M->Dpc, 1);
    KeSetImportanceDpc(&M->Dpc, HighImportance);
    if (KeQueryActiveProcessorCount(NULL) > 1)
        return TRUE;
    KtestSkip("one processor");
    return FALSE;
}

static void Part(MEETING *M, PKTHREAD Thread)
{
    M->Stop = M->Done = 1;
    KeSetEvent(&M->Wake, 0, FALSE);
    KtestJoin(Thread);
    KeRevertToUserAffinityThread();
}

TEST(ke_idle, thread_reaches_a_processor_that_falls_asleep)
{
    PKTHREAD Thread;
    MEETING M;

    if (!Prepare(&M))
        return;
    Thread = Meet(&M, FallAsleep, 9);
    for (ULONG Round = 0; Round < ROUNDS && KtestHasTime(); Round++) {
        M.Awake = 0;
        KeSetEvent(&M.Wake, 0, FALSE);
        if (!Reaches(&M.Awake))
            break;
        PassTime(Round);
    }
    Part(&M, Thread);
}

TEST(ke_idle, dpc_reaches_a_processor_that_falls_asleep)
{
    PKTHREAD Thread;
    MEETING M;

    if (!Prepare(&M))
        return;
    Thread = Meet(&M, FallAsleep, 9);
    for (ULONG Round = 0; Round < ROUNDS && KtestHasTime(); Round++) {
        M.Awake = M.Done = 0;
        KeSetEvent(&M.Wake, 0, FALSE);
        if (!Reaches(&M.Awake))
            break;
        PassTime(Round);
        KeInsertQueueDpc(&M.Dpc, NULL, NULL);
        if (!Reaches(&M.Done))
            break;
    }
    Part(&M, Thread);
}

/* Wake the runner, and a little later bring what is to interrupt it. */
static void InterruptRunner(MEETING *M, void (*Bring)(MEETING *M))
{
    PKTHREAD Runner = Meet(M, RunUntilDone, 9);

    for (ULONG Round = 0; Round < ROUNDS && KtestHasTime(); Round++) {
        M->Awake = M->Done = M->Brought = 0;
        KeSetEvent(&M->Wake, 0, FALSE);
        PassTime(Round / 8 % 64);
        Bring(M);
        M->Brought = 1;
        if (!Reaches(&M->Awake))
            break;
        PassTime(Round);
    }
    EXPECT_LT(M->Longest, PROMPT);
    Part(M, Runner);
}

static void BringDpc(MEETING *M) { KeInsertQueueDpc(&M->Dpc, NULL, NULL); }
static void BringThread(MEETING *M) { KeSetEvent(&M->Better, 0, FALSE); }

TEST(ke_idle, dpc_interrupts_a_thread_that_was_just_found)
{
    MEETING M;

    if (Prepare(&M))
        InterruptRunner(&M, BringDpc);
}

TEST(ke_idle, better_thread_interrupts_one_that_was_just_found)
{
    PKTHREAD Other;
    MEETING M;

    if (!Prepare(&M))
        return;
    Other = Meet(&M, BeBetter, 12);
    InterruptRunner(&M, BringThread);
    KeSetEvent(&M.Better, 0, FALSE);
    KtestJoin(Other);
}
