/* executive_test.c - the executive's locks under everything that a thread can be subjected to meanwhile: APCs that
 * interrupt its waits, other priorities and processors, preemption anywhere.
 *
 * The options are those of torture_test.c: seed=N, torture=OPS. Actors draw one operation after the other on a few
 * objects; whatever is given is counted when it is taken back. A keeper runs one object down again and again. */
#include "torture.h"

#include <ex/lookaside.h>
#include <ex/pushlock.h>
#include <ex/rundown.h>
#include <ke/clock.h>
#include <ke/init.h>
#include <ktest.h>
#include <rtl/print.h>
#include <rtl/string.h>

enum { LOCKS = 3, TOKENS = 24, ACTORS = 24, DEFAULT_OPERATIONS = 12000, ENTRY_TAG = 'rroT' };

typedef struct _GUARDED {
    EX_PUSH_LOCK Lock;
    volatile LONG Writers, Readers;
    volatile LONG64 Changes;            /* under Lock: a lost update shows */
    volatile LONG64 Counted;            /* interlocked */
} GUARDED;

typedef struct _TOKEN_ENTRY { SLIST_ENTRY Link; volatile LONG Taken; } TOKEN_ENTRY;

typedef struct _PLAYER {
    PKTHREAD Thread;
    ULONG64 Random;
    KAPC Apc;
    volatile LONG ApcBusy;
} PLAYER;

static GUARDED Guarded[LOCKS];
static SLIST_HEADER Stack;
static TOKEN_ENTRY Tokens[TOKENS];
static NPAGED_LOOKASIDE_LIST Entries;
static EX_RUNDOWN_REF Ref;
static PLAYER Players[ACTORS];
static KEVENT Go;
static volatile LONG Alive, Left, Wrong;
static volatile LONG64 ApcsGiven, ApcsTaken, Uses, Refusals;
static ULONG Budget;

static void Note(BOOLEAN Right)
{
    if (!Right)
        TORTURE_COUNT(Wrong, 1);
}

static void MaybeYield(PLAYER *Self)
{
    LARGE_INTEGER Interval = { .QuadPart = -(LONGLONG)TorturePick(&Self->Random, 100) };

    if (TorturePick(&Self->Random, 12) == 0)
        KeDelayExecutionThread(KernelMode, FALSE, &Interval);
}

/* ---- What actors do to an object ---- */

static void WriteGuarded(PLAYER *Self, GUARDED *G)
{
    LONG64 Before;

    ExAcquirePushLockExclusiveEx(&G->Lock, 0);
    Before = G->Changes;
    Note(__atomic_add_fetch(&G->Writers, 1, __ATOMIC_SEQ_CST) == 1 && G->Readers == 0);
    MaybeYield(Self);
    G->Changes = Before + 1;
    TORTURE_COUNT(G->Counted, 1);
    __atomic_sub_fetch(&G->Writers, 1, __ATOMIC_SEQ_CST);
    ExReleasePushLockExclusiveEx(&G->Lock, 0);
}

static void ReadGuarded(PLAYER *Self, GUARDED *G)
{
    LONG64 Before;

    ExAcquirePushLockSharedEx(&G->Lock, 0);
    Before = G->Changes;
    __atomic_add_fetch(&G->Readers, 1, __ATOMIC_SEQ_CST);
    MaybeYield(Self);
    Note(G->Writers == 0 && G->Changes == Before);
    __atomic_sub_fetch(&G->Readers, 1, __ATOMIC_SEQ_CST);
    ExReleasePushLockSharedEx(&G->Lock, 0);
}

static void UseGuarded(PLAYER *Self)
{
    GUARDED *G = &Guarded[TorturePick(&Self->Random, LOCKS)];

    KeEnterCriticalRegion();
    if (TorturePick(&Self->Random, 3) == 0)
        WriteGuarded(Self, G);
    else
        ReadGuarded(Self, G);
    KeLeaveCriticalRegion();
}

static void UseToken(PLAYER *Self)
{
    TOKEN_ENTRY *Token = (TOKEN_ENTRY *)ExpInterlockedPopEntrySList(&Stack);

    if (Token == NULL)
        return;
    Note(__atomic_exchange_n(&Token->Taken, 1, __ATOMIC_SEQ_CST) == 0);
    MaybeYield(Self);
    Token->Taken = 0;
    ExpInterlockedPushEntrySList(&Stack, &Token->Link);
}

static void UseEntry(PLAYER *Self)
{
    ULONG64 *Entry = ExAllocateFromNPagedLookasideList(&Entries), Mark = Self->Random;

    if (Entry == NULL)
        return;
    Entry[1] = Entry[7] = Mark;
    MaybeYield(Self);
    Note(Entry[1] == Mark && Entry[7] == Mark);
    ExFreeToNPagedLookasideList(&Entries, Entry);
}

static void UseRef(PLAYER *Self)
{
    ULONG Count = 1 + TorturePick(&Self->Random, 3);

    if (!ExAcquireRundownProtectionEx(&Ref, Count)) {
        TORTURE_COUNT(Refusals, 1);
        return;
    }
    MaybeYield(Self);
    Note(Alive);
    TORTURE_COUNT(Uses, 1);
    while (Count-- > 0)
        ExReleaseRundownProtection(&Ref);
}

/* ---- And to one another ---- */

static VOID TakeApc(PKAPC Apc, PKNORMAL_ROUTINE *Normal, PVOID *Context, PVOID *Argument1, PVOID *Argument2)
{
    UNREFERENCED_PARAMETER(Normal);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    TORTURE_COUNT(ApcsTaken, 1);
    __atomic_store_n(&CONTAINING_RECORD(Apc, PLAYER, Apc)->ApcBusy, 0, __ATOMIC_RELEASE);
}

static void GiveApc(PLAYER *Self)
{
    LONG Free = 0;

    if (!__atomic_compare_exchange_n(&Self->ApcBusy, &Free, 1, FALSE, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
        return;
    KeInitializeApc(&Self->Apc, Players[TorturePick(&Self->Random, ACTORS)].Thread, OriginalApcEnvironment, TakeApc,
                    NULL, NULL, KernelMode, NULL);
    if (KeInsertQueueApc(&Self->Apc, NULL, NULL, 0))
        TORTURE_COUNT(ApcsGiven, 1);
    else
        Self->ApcBusy = 0;              /* it has ended */
}

static void Push(PLAYER *Self)
{
    PKTHREAD Target = Players[TorturePick(&Self->Random, ACTORS)].Thread;
    KAFFINITY Active = KeQueryActiveProcessors(), Mask = TortureRandom(&Self->Random) & Active;

    if (TorturePick(&Self->Random, 2))
        KeSetPriorityThread(Target, 1 + (KPRIORITY)TorturePick(&Self->Random, 15));
    else
        KeSetAffinityThread(Target, Mask != 0 ? Mask : Active);
}

/* ---- A life ---- */

static void Act(PLAYER *Self)
{
    static const struct { ULONG Weight; void (*Operation)(PLAYER *); } Table[] = {
        { 40, UseGuarded }, { 15, UseToken }, { 15, UseEntry }, { 15, UseRef }, { 10, GiveApc }, { 5, Push },
    };
    ULONG Draw = TorturePick(&Self->Random, 100), At = 0;

    while (Draw >= Table[At].Weight)
        Draw -= Table[At++].Weight;
    Table[At].Operation(Self);
    Note(KeGetCurrentThread()->CombinedApcDisable == 0);
}

static void Play(PVOID Context)
{
    PLAYER *Self = Context;

    KeWaitForSingleObject(&Go, Executive, KernelMode, FALSE, NULL);
    for (ULONG Done = 0; Done < Budget; Done++)
        Act(Self);
    __atomic_sub_fetch(&Left, 1, __ATOMIC_SEQ_CST);
}

/* Runs the object down and brings a new one to life, for as long as anybody acts. Returns: how often. */
static ULONG Keep(void)
{
    LARGE_INTEGER Shortly = { .QuadPart = -TORTURE_MILLISECOND / 4 };
    ULONG Lives = 0;

    for (; Left != 0; Lives++) {
        KeDelayExecutionThread(KernelMode, FALSE, &Shortly);
        ExWaitForRundownProtectionRelease(&Ref);
        Alive = FALSE;
        KeDelayExecutionThread(KernelMode, FALSE, &(LARGE_INTEGER){ .QuadPart = -100 });
        Alive = TRUE;
        ExReInitializeRundownProtection(&Ref);
    }
    return Lives;
}

static void Prepare(ULONG64 Seed)
{
    memset(Guarded, 0, sizeof Guarded);
    memset(Tokens, 0, sizeof Tokens);
    memset(Players, 0, sizeof Players);
    InitializeSListHead(&Stack);
    for (ULONG At = 0; At < TOKENS; At++)
        ExpInterlockedPushEntrySList(&Stack, &Tokens[At].Link);
    ExInitializeNPagedLookasideList(&Entries, NULL, NULL, 0, 64, ENTRY_TAG, 0);
    ExInitializeRundownProtection(&Ref);
    KeInitializeEvent(&Go, NotificationEvent, FALSE);
    Wrong = 0;
    ApcsGiven = ApcsTaken = Uses = Refusals = 0;
    Alive = TRUE;
    Left = ACTORS;
    for (ULONG At = 0; At < ACTORS; At++) {
        Players[At].Random = TortureMix(Seed + At);
        Players[At].Thread = KtestThread(Play, &Players[At], 1 + (KPRIORITY)(At % 15));
    }
}

static void Check(void)
{
    EXPECT_EQ(Wrong, 0);
    EXPECT_EQ(ApcsGiven, ApcsTaken);
    EXPECT_EQ(ExQueryDepthSList(&Stack), TOKENS);
    EXPECT_EQ(Ref.Count, 0);
    EXPECT_GT(Uses, 0);
    for (ULONG At = 0; At < LOCKS; At++) {
        EXPECT_EQ(Guarded[At].Lock, 0);
        EXPECT_EQ(Guarded[At].Changes, Guarded[At].Counted);
        EXPECT_GT(Guarded[At].Counted, 0);
    }
}

TEST(torture, the_executives_locks)
{
    ULONG64 Seed = KtestNumber("seed", 1);
    ULONG Lives;

    Budget = (ULONG)KtestNumber("torture", DEFAULT_OPERATIONS) / ACTORS;
    KeSetPriorityThread(KeGetCurrentThread(), 20);
    Prepare(TortureMix(Seed));
    KeSetEvent(&Go, 0, FALSE);
    Lives = Keep();
    for (ULONG At = 0; At < ACTORS; At++)
        KtestJoin(Players[At].Thread);
    Check();
    ExDeleteNPagedLookasideList(&Entries);
    LogPrint("torture: seed=%I64u: %u objects run down, %I64d uses, %I64d refused, %I64d APCs\n", Seed, Lives, Uses,
             Refusals, ApcsTaken);
}
