/* interlocked_test.c - lists and numbers under the caller's lock: results, order, interrupts off, any IRQL. */
#include <ex/interlocked.h>
#include <ke/dpc.h>
#include <ke/event.h>
#include <ke/init.h>
#include <ke/ipi.h>
#include <ke/irql.h>
#include <ke/spinlock.h>
#include <ke/thread.h>
#include <ke/timer.h>
#include <ktest.h>
#include <rtl/list.h>
#include <rtl/string.h>

static KSPIN_LOCK Lock;
static LIST_ENTRY Ring;

static void CheckRing(PLIST_ENTRY *Expected, int Count)
{
    PLIST_ENTRY Entry = &Ring;

    for (int At = 0; At < Count; At++) {
        EXPECT_EQ(Entry->Flink, Expected[At]);
        EXPECT_EQ(Entry->Flink->Blink, Entry);
        Entry = Entry->Flink;
    }
    EXPECT_EQ(Entry->Flink, &Ring);
    EXPECT_EQ(Ring.Blink, Entry);
    EXPECT_EQ(Lock, 0);
}

TEST(ex_interlocked, doubly_linked_lists_tell_who_was_there_before)
{
    LIST_ENTRY A, B, C;

    memset(&A, 0x55, sizeof A);
    KeInitializeSpinLock(&Lock);
    InitializeListHead(&Ring);
    EXPECT_EQ(ExInterlockedRemoveHeadList(&Ring, &Lock), NULL);
    CheckRing(NULL, 0);
    EXPECT_EQ(ExInterlockedInsertHeadList(&Ring, &A, &Lock), NULL);
    EXPECT_EQ(ExInterlockedInsertHeadList(&Ring, &B, &Lock), &A);
    EXPECT_EQ(ExInterlockedInsertTailList(&Ring, &C, &Lock), &A);
    CheckRing((PLIST_ENTRY[]){ &B, &A, &C }, 3);
    EXPECT_EQ(ExInterlockedRemoveHeadList(&Ring, &Lock), &B);
    CheckRing((PLIST_ENTRY[]){ &A, &C }, 2);
    EXPECT_EQ(ExInterlockedRemoveHeadList(&Ring, &Lock), &A);
    EXPECT_EQ(ExInterlockedRemoveHeadList(&Ring, &Lock), &C);
    EXPECT_EQ(ExInterlockedRemoveHeadList(&Ring, &Lock), NULL);
    EXPECT_EQ(ExInterlockedInsertTailList(&Ring, &C, &Lock), NULL);
    CheckRing((PLIST_ENTRY[]){ &C }, 1);
}

TEST(ex_interlocked, singly_linked_lists_are_stacks)
{
    SINGLE_LIST_ENTRY Head = { NULL }, A, B;

    KeInitializeSpinLock(&Lock);
    EXPECT_EQ(ExInterlockedPopEntryList(&Head, &Lock), NULL);
    EXPECT_EQ(ExInterlockedPushEntryList(&Head, &A, &Lock), NULL);
    EXPECT_EQ(ExInterlockedPushEntryList(&Head, &B, &Lock), &A);
    EXPECT_EQ(Head.Next, &B);
    EXPECT_EQ(ExInterlockedPopEntryList(&Head, &Lock), &B);
    EXPECT_EQ(ExInterlockedPopEntryList(&Head, &Lock), &A);
    EXPECT_EQ(ExInterlockedPopEntryList(&Head, &Lock), NULL);
    EXPECT_EQ(Lock, 0);
}

TEST(ex_interlocked, additions_return_the_value_before)
{
    LARGE_INTEGER Large = { .QuadPart = 0xFFFFFFFF }, One = { .QuadPart = 1 }, Minus = { .QuadPart = -0x100000005 };
    ULONG Small = 0xFFFFFFFE;

    KeInitializeSpinLock(&Lock);
    EXPECT_EQ(ExInterlockedAddLargeInteger(&Large, One, &Lock).QuadPart, 0xFFFFFFFF);
    EXPECT_EQ(Large.QuadPart, 0x100000000);
    EXPECT_EQ(ExInterlockedAddLargeInteger(&Large, Minus, &Lock).QuadPart, 0x100000000);
    EXPECT_EQ(Large.QuadPart, -5);
    EXPECT_EQ(ExInterlockedAddUlong(&Small, 1, &Lock), 0xFFFFFFFE);
    EXPECT_EQ(ExInterlockedAddUlong(&Small, 3, &Lock), 0xFFFFFFFF);
    EXPECT_EQ(Small, 2);
    EXPECT_EQ(Lock, 0);
}

TEST(ex_interlocked, the_irql_is_left_alone)
{
    LIST_ENTRY Entry;
    ULONG Number = 0;
    KIRQL Old;

    KeInitializeSpinLock(&Lock);
    InitializeListHead(&Ring);
    for (KIRQL Irql = PASSIVE_LEVEL; Irql <= HIGH_LEVEL; Irql++) {
        KeRaiseIrql(Irql, &Old);
        ExInterlockedInsertTailList(&Ring, &Entry, &Lock);
        EXPECT_EQ(KeGetCurrentIrql(), Irql);
        EXPECT_EQ(ExInterlockedRemoveHeadList(&Ring, &Lock), &Entry);
        ExInterlockedAddUlong(&Number, 1, &Lock);
        EXPECT_EQ(KeGetCurrentIrql(), Irql);
        KeLowerIrql(Old);
    }
    EXPECT_EQ(Number, HIGH_LEVEL + 1);
}

/* ---- Threads and interrupts on one list ---- */

enum { WORKERS = 4, ROUNDS = 1500, TOKENS = 16 };

static LIST_ENTRY Tokens[TOKENS];
static ULONG Taken;
static LARGE_INTEGER Sum;
static volatile LONG StillTurning;
static KEVENT Go;

static BOOLEAN Turn(BOOLEAN AtHead)
{
    PLIST_ENTRY Token = ExInterlockedRemoveHeadList(&Ring, &Lock);

    if (Token == NULL)
        return FALSE;
    ExInterlockedAddUlong(&Taken, 1, &Lock);
    ExInterlockedAddLargeInteger(&Sum, (LARGE_INTEGER){ .QuadPart = Token - Tokens }, &Lock);
    if (AtHead)
        ExInterlockedInsertHeadList(&Ring, Token, &Lock);
    else
        ExInterlockedInsertTailList(&Ring, Token, &Lock);
    return TRUE;
}

static volatile LONG TurnsOfInterrupts;

/* At IPI_LEVEL, whatever this processor was doing: had it the lock with interrupts on, it would never get it. */
static ULONG_PTR TurnInInterrupt(ULONG_PTR Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    if (Turn(FALSE))
        __atomic_fetch_add(&TurnsOfInterrupts, 1, __ATOMIC_RELAXED);
    return 0;
}

static volatile LONG TurnsOfThreads;

static void TurnOften(PVOID Context)
{
    KeWaitForSingleObject(&Go, Executive, KernelMode, FALSE, NULL);
    for (int Round = 0; Round < ROUNDS; Round++)
        if (Turn((Round + (LONG)(LONG_PTR)Context) % 3 == 0))
            __atomic_fetch_add(&TurnsOfThreads, 1, __ATOMIC_RELAXED);
    __atomic_fetch_sub(&StillTurning, 1, __ATOMIC_RELEASE);
}

TEST(ex_interlocked, threads_and_interrupts_share_a_list)
{
    PKTHREAD Threads[WORKERS];
    PLIST_ENTRY Token;
    ULONG Seen = 0;

    KeInitializeSpinLock(&Lock);
    InitializeListHead(&Ring);
    Taken = 0;
    Sum.QuadPart = 0;
    TurnsOfInterrupts = TurnsOfThreads = 0;
    for (int At = 0; At < TOKENS; At++)
        ExInterlockedInsertTailList(&Ring, &Tokens[At], &Lock);
    KeInitializeEvent(&Go, NotificationEvent, FALSE);
    StillTurning = WORKERS;
    for (LONG_PTR At = 0; At < WORKERS; At++)
        Threads[At] = KtestThread(TurnOften, (PVOID)At, 8);
    KeSetEvent(&Go, 0, FALSE);
    for (int Calls = 0; Calls < 200 || (StillTurning != 0 && Calls < 5000); Calls++) {
        LARGE_INTEGER Zero = { .QuadPart = 0 };

        KeIpiGenericCall(TurnInInterrupt, 0);
        KeDelayExecutionThread(KernelMode, FALSE, &Zero);
    }
    for (int At = 0; At < WORKERS; At++)
        KtestJoin(Threads[At]);
    EXPECT_EQ(Taken, TurnsOfThreads + TurnsOfInterrupts);
    EXPECT_GE(TurnsOfInterrupts, 200);
    while ((Token = ExInterlockedRemoveHeadList(&Ring, &Lock)) != NULL)
        Seen ^= 1u << (Token - Tokens);
    EXPECT_EQ(Seen, (1u << TOKENS) - 1);
}

/* ---- An interrupt at any instruction ---- */

static KTIMER Alarm;
static KDPC Visitor;
static volatile LONG Visits;

static VOID Visit(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    Turn(TRUE);
    Visits++;
}

TEST(ex_interlocked, no_interrupt_finds_its_own_processor_inside)
{
    LARGE_INTEGER Soon = { .QuadPart = -1 };
    LIST_ENTRY Token;

    KeInitializeSpinLock(&Lock);
    InitializeListHead(&Ring);
    ExInterlockedInsertTailList(&Ring, &Token, &Lock);
    Visits = 0;
    KeInitializeTimer(&Alarm);
    KeInitializeDpc(&Visitor, Visit, NULL);
    KeSetTargetProcessorDpc(&Visitor, 0);
    KeSetSystemAffinityThread(1);
    for (LONG Round = 0; Round < 400; Round++) {
        LONG Before = Visits;

        KeSetTimer(&Alarm, Soon, &Visitor);
        for (LONG Offset = Round % 37; Offset > 0; Offset--)
            __asm__ volatile("");
        while (Visits == Before)
            Turn(FALSE);
    }
    KeRevertToUserAffinityThread();
    KeFlushQueuedDpcs();
    EXPECT_EQ(Visits, 400);
    EXPECT_EQ(ExInterlockedRemoveHeadList(&Ring, &Lock), &Token);
}
