/* torture_test.c - many threads, few objects, any operation: nothing is lost, nothing doubled, nobody left
 * behind.
 *
 * The options: seed=N begins the drawing of lots (printed; the same run every time in virtual time),
 * torture=OPS is the number of operations of each test here. Each round has a seed of its own, made from the
 * first one and its number. The keeper is the test's own thread, above all actors: each millisecond it looks
 * whether anybody has moved, and if not it feeds every object, since the lots may have left everybody waiting.
 * Actors who do not move however often they are fed have been left behind by the kernel. */
#include "torture.h"

#include <ke/clock.h>
#include <ke/init.h>
#include <ktest.h>
#include <ob/object.h>
#include <ps/system_thread.h>
#include <rtl/print.h>
#include <rtl/status.h>
#include <rtl/string.h>

enum { DEFAULT_OPERATIONS = 12000, ROUND_OPERATIONS = 4000, KEEPER_PRIORITY = 25, PATIENCE = 3000 };

/* ---- The beginning ---- */

static void CreateActor(ACTOR *Actor, ULONG64 Seed)
{
    PVOID Thread = NULL;
    HANDLE Handle;

    memset(Actor, 0, sizeof *Actor);
    Actor->Random = Seed;
    REQUIRE_EQ(PsCreateSystemThread(&Handle, 0, NULL, NULL, NULL, TortureActor, Actor), STATUS_SUCCESS);
    REQUIRE_EQ(ObReferenceObjectByHandle(Handle, 0, NULL, KernelMode, &Thread, NULL), STATUS_SUCCESS);
    ZwClose(Handle);
    Actor->Thread = Thread;
    if (TortureRound.OneProcessor)
        KeSetAffinityThread(Thread, 1);
    KeSetPriorityThread(Thread, 1 + (KPRIORITY)(Seed >> 8) % 15);
}

static void PrepareRound(ULONG64 Seed, ULONG Actors, ULONG Operations, BOOLEAN OneProcessor)
{
    ULONG64 Random = TortureMix(Seed);

    memset(&TortureRound, 0, sizeof TortureRound);
    TortureRound.Seed = Seed;
    TortureRound.Actors = Actors;
    TortureRound.Objects = ObjectKinds + TorturePick(&Random, TORTURE_OBJECTS - ObjectKinds + 1);
    TortureRound.Budget = (Operations + Actors - 1) / Actors;
    TortureRound.OneProcessor = OneProcessor;
    TortureRound.RealTime = !KtestVirtualTime();
    KeInitializeEvent(&TortureRound.Start, NotificationEvent, FALSE);
    KeInitializeEvent(&TortureRound.Gate, NotificationEvent, FALSE);
    KeInitializeQueue(&TortureRound.Queue, 1 + TorturePick(&Random, 4));
    TortureInitializeObjects(&Random);
    for (ULONG At = 0; At < Actors; At++)
        CreateActor(&TortureActors[At], TortureRandom(&Random));
}

/* ---- The course ---- */

static void FeedAll(void)
{
    for (ULONG At = 0; At < TortureRound.Objects; At++)
        TortureFeed(&TortureObjects[At]);
}

/* For the log: who does not come to an end, and why. */
static void NameThoseLeft(void)
{
    for (ULONG At = 0; At < TortureRound.Actors; At++) {
        PKTHREAD Thread = TortureActors[At].Thread;
        PKWAIT_BLOCK Block = Thread->WaitBlockList;

        if (Block == NULL || Block->Object == (PVOID)&TortureRound.Gate)
            continue;
        LogPrint("torture: actor %u is in state %u; it waits for", At, Thread->State);
        for (; Block != NULL; Block = Block->NextWaitBlock)
            LogPrint(" %I64d", (LONG64)((OBJECT *)Block->Object - TortureObjects));
        LogPrint("\n");
    }
}

/* Returns: whether everybody has arrived at the gate. */
static BOOLEAN KeepGoing(void)
{
    LARGE_INTEGER Interval = { .QuadPart = -TORTURE_MILLISECOND };
    LONG64 Before = 0;

    for (ULONG Stalled = 0; TortureRound.Arrived < (LONG)TortureRound.Actors; Stalled++) {
        LONG64 Operations = TortureRound.Operations;

        if (Operations != Before)
            Stalled = 0;
        else
            FeedAll();
        Before = Operations;
        if (Stalled > PATIENCE) {
            NameThoseLeft();
            EXPECT_EQ(TortureRound.Arrived, TortureRound.Actors);
            return FALSE;
        }
        KeDelayExecutionThread(KernelMode, FALSE, &Interval);
    }
    return TRUE;
}

/* ---- The end ---- */

static void JoinActors(void)
{
    LARGE_INTEGER Patience = { .QuadPart = -20000ll * TORTURE_MILLISECOND };

    for (ULONG At = 0; At < TortureRound.Actors; At++) {
        REQUIRE_EQ(KeWaitForSingleObject(TortureActors[At].Thread, Executive, KernelMode, FALSE, &Patience),
                   STATUS_SUCCESS);
        ObfDereferenceObject(TortureActors[At].Thread);
    }
}

/* Those who served the queue have ended; what is in it is the rest of what was put in. */
static void CheckQueue(void)
{
    LONG64 Left = KeReadStateQueue(&TortureRound.Queue);
    PLIST_ENTRY First, Entry;

    EXPECT_EQ(TortureRound.EntriesGiven, TortureRound.EntriesTaken + Left);
    EXPECT_EQ(TortureRound.Queue.CurrentCount, 0);
    EXPECT_EQ(TortureRound.Queue.ThreadListHead.Flink, &TortureRound.Queue.ThreadListHead);
    First = Entry = KeRundownQueue(&TortureRound.Queue);
    if (First == NULL)
        EXPECT_EQ(Left, 0);
    else
        do {
            EXPECT_EQ(CONTAINING_RECORD(Entry, TOKEN, Entry)->Queued, 1);
            Left--;
            Entry = Entry->Flink;
        } while (Entry != First && Left > 0);
    EXPECT_EQ(Left, 0);
}

static void CheckRound(void)
{
    TortureCheckObjects();
    CheckQueue();
    EXPECT_EQ(TortureRound.AlertsGiven, TortureRound.AlertsTaken);
    EXPECT_EQ(TortureRound.ApcsGiven, TortureRound.ApcsTaken);
    EXPECT_EQ(TortureRound.DpcsGiven, TortureRound.DpcsTaken);
    EXPECT_EQ(TortureRound.AbandonsGiven, TortureRound.AbandonsTaken);
}

/* Returns: FALSE if actors are left, who hold on to the objects. */
static BOOLEAN RunRound(ULONG64 Seed, ULONG Actors, ULONG Operations, BOOLEAN OneProcessor)
{
    PrepareRound(Seed, Actors, Operations, OneProcessor);
    KeSetEvent(&TortureRound.Start, 0, FALSE);
    if (!KeepGoing())
        return FALSE;
    KeSetEvent(&TortureRound.Gate, 0, FALSE);
    JoinActors();
    CheckRound();
    return TRUE;
}

static ULONG64 FirstSeed(void)
{
    return KtestNumber("seed", KtestVirtualTime() ? 1 : (ULONG64)KeQueryPerformanceCounter(NULL).QuadPart % 1000000);
}

static void Torture(BOOLEAN OneProcessor, ULONG Fewest, ULONG Most)
{
    ULONG64 Seed = FirstSeed(), Total = KtestNumber("torture", DEFAULT_OPERATIONS), Done = 0;
    KPRIORITY OldPriority = KeSetPriorityThread(KeGetCurrentThread(), KEEPER_PRIORITY);
    LONG Failures = KtestFailures();

    LogPrint("torture: seed=%I64u torture=%I64u\n", Seed, Total);
    if (OneProcessor)
        KeSetSystemAffinityThread(1);
    for (ULONG64 Number = 0; Done < Total && Failures == KtestFailures(); Number++) {
        ULONG64 Random = TortureMix(Seed << 20 ^ Number);
        ULONG Actors = Fewest + TorturePick(&Random, Most - Fewest + 1);

        if (!RunRound(Random, Actors, ROUND_OPERATIONS, OneProcessor))
            KtestAbort();
        Done += (ULONG64)TortureRound.Operations;
        if (Failures != KtestFailures())
            LogPrint("torture: broken in round %I64u of seed=%I64u: %u threads, %u objects\n", Number, Seed, Actors,
                     TortureRound.Objects);
    }
    if (OneProcessor)
        KeRevertToUserAffinityThread();
    KeSetPriorityThread(KeGetCurrentThread(), OldPriority);
}

TEST(torture, few_threads_on_one_processor_in_the_order_foreseen) { Torture(TRUE, 2, 12); }
TEST(torture, many_threads_on_one_processor_in_the_order_foreseen) { Torture(TRUE, 30, TORTURE_ACTORS); }
TEST(torture, few_threads_on_all_processors) { Torture(FALSE, 2, 12); }
TEST(torture, many_threads_on_all_processors) { Torture(FALSE, 30, TORTURE_ACTORS); }
