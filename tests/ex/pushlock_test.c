/* pushlock_test.c - push locks: the word in each state, order of waiters, hand-over, contention. */
#include <ex/pushlock.h>
#include <ke/apc.h>
#include <ke/clock.h>
#include <ke/event.h>
#include <ke/irql.h>
#include <ke/thread.h>
#include <ktest.h>
#include <rtl/string.h>

enum { EXCLUSIVE = PUSH_LOCK_LOCKED, SHARED_ONCE = PUSH_LOCK_LOCKED + PUSH_LOCK_SHARE };

static EX_PUSH_LOCK Lock;

static void Start(void)
{
    Lock = 0x5555555555555555;
    ExInitializePushLock(&Lock);
}

TEST(ex_pushlock, initialised_over_poison_is_free)
{
    Start();
    EXPECT_EQ(Lock, 0);
}

TEST(ex_pushlock, exclusive_ownership_is_alone)
{
    Start();
    KeEnterCriticalRegion();
    ExAcquirePushLockExclusiveEx(&Lock, EX_DEFAULT_PUSH_LOCK_FLAGS);
    EXPECT_EQ(Lock, EXCLUSIVE);
    EXPECT_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
    EXPECT_FALSE(ExTryAcquirePushLockExclusiveEx(&Lock, 0));
    EXPECT_FALSE(ExTryAcquirePushLockSharedEx(&Lock, 0));
    EXPECT_FALSE(ExfTryAcquirePushLockShared(&Lock));
    EXPECT_EQ(Lock, EXCLUSIVE);
    ExReleasePushLockExclusiveEx(&Lock, 0);
    EXPECT_EQ(Lock, 0);
    EXPECT_TRUE(ExTryAcquirePushLockExclusiveEx(&Lock, 1));     /* a known flag changes nothing */
    EXPECT_EQ(Lock, EXCLUSIVE);
    ExReleasePushLockEx(&Lock, 0);
    EXPECT_EQ(Lock, 0);
    KeLeaveCriticalRegion();
}

TEST(ex_pushlock, shared_ownership_is_counted)
{
    Start();
    KeEnterCriticalRegion();
    ExAcquirePushLockSharedEx(&Lock, 0);
    EXPECT_EQ(Lock, SHARED_ONCE);
    ExAcquirePushLockSharedEx(&Lock, 0);                        /* by the same thread, with nobody waiting */
    EXPECT_TRUE(ExTryAcquirePushLockSharedEx(&Lock, 0));
    EXPECT_EQ(Lock, SHARED_ONCE + 2 * PUSH_LOCK_SHARE);
    EXPECT_FALSE(ExTryAcquirePushLockExclusiveEx(&Lock, 0));
    ExReleasePushLockSharedEx(&Lock, 0);
    ExReleasePushLockEx(&Lock, 0);
    EXPECT_EQ(Lock, SHARED_ONCE);
    ExReleasePushLockSharedEx(&Lock, 0);
    EXPECT_EQ(Lock, 0);
    KeLeaveCriticalRegion();
}

TEST(ex_pushlock, the_older_names_do_the_same)
{
    KIRQL Old;

    Start();
    KeRaiseIrql(APC_LEVEL, &Old);
    ExfAcquirePushLockExclusive(&Lock);
    EXPECT_EQ(Lock, EXCLUSIVE);
    ExfReleasePushLockExclusive(&Lock);
    ExfAcquirePushLockShared(&Lock);
    EXPECT_EQ(Lock, SHARED_ONCE);
    ExfReleasePushLockShared(&Lock);
    EXPECT_TRUE(ExfTryAcquirePushLockShared(&Lock));
    ExfReleasePushLock(&Lock);
    ExfAcquirePushLockExclusive(&Lock);
    ExfReleasePushLock(&Lock);
    EXPECT_EQ(Lock, 0);
    EXPECT_EQ(KeGetCurrentIrql(), APC_LEVEL);
    KeLowerIrql(Old);
}

/* ---- Who waits, and who is next ---- */

typedef struct _GUEST {
    BOOLEAN Writes;
    PKTHREAD Thread;
    volatile LONG Inside, Ended;
    KEVENT Leave;
} GUEST;

enum { GUESTS = 7 };
static GUEST Guests[GUESTS];

static void Visit(PVOID Context)
{
    GUEST *Guest = Context;

    KeEnterCriticalRegion();
    if (Guest->Writes)
        ExAcquirePushLockExclusiveEx(&Lock, 0);
    else
        ExAcquirePushLockSharedEx(&Lock, 0);
    Guest->Inside = TRUE;
    KeWaitForSingleObject(&Guest->Leave, Executive, KernelMode, FALSE, NULL);
    Guest->Inside = FALSE;
    if (Guest->Writes)
        ExReleasePushLockExclusiveEx(&Lock, 0);
    else
        ExReleasePushLockSharedEx(&Lock, 0);
    Guest->Ended = TRUE;
    KeLeaveCriticalRegion();
}

/* One guest for each letter, R or W, each blocked before the next one comes. */
static void Invite(PCSTR Letters)
{
    for (int At = 0; Letters[At] != 0; At++) {
        GUEST *Guest = &Guests[At];

        memset(Guest, 0, sizeof *Guest);
        Guest->Writes = Letters[At] == 'W';
        KeInitializeEvent(&Guest->Leave, NotificationEvent, FALSE);
        Guest->Thread = KtestThread(Visit, Guest, 9);
        KtestWaitBlocked(Guest->Thread, NULL);
    }
}

/* The letters of those who are inside, once they are as many. */
static void CheckInside(PCSTR Expected)
{
    for (int At = 0; Expected[At] != 0; At++) {
        if (Expected[At] == '+')
            KtestWaitFor(&Guests[At].Inside);
        EXPECT_EQ(Guests[At].Inside, Expected[At] == '+');
    }
}

static void Dismiss(int At)
{
    KeSetEvent(&Guests[At].Leave, 0, FALSE);
    KtestJoin(Guests[At].Thread);
}

TEST(ex_pushlock, waiters_come_in_order_and_readers_in_a_row_together)
{
    Start();
    KeEnterCriticalRegion();
    ExAcquirePushLockExclusiveEx(&Lock, 0);
    Invite("RRWRRWW");
    CheckInside("-------");
    EXPECT_EQ(Guests[0].Thread->WaitReason, WrPushLock);
    EXPECT_TRUE(Lock & PUSH_LOCK_WAITING);
    ExReleasePushLockExclusiveEx(&Lock, 0);
    CheckInside("++-----");
    EXPECT_FALSE(ExTryAcquirePushLockSharedEx(&Lock, 0));       /* somebody waits: no reader passes him */
    Dismiss(1);
    CheckInside("+------");
    Dismiss(0);
    CheckInside("--+----");
    Dismiss(2);
    CheckInside("---++--");
    Dismiss(3);
    CheckInside("----+--");
    Dismiss(4);
    CheckInside("-----+-");
    Dismiss(5);
    CheckInside("------+");
    EXPECT_EQ(Lock, EXCLUSIVE);
    Dismiss(6);
    EXPECT_EQ(Lock, 0);
    KeLeaveCriticalRegion();
}

TEST(ex_pushlock, a_writer_waits_for_the_last_of_many_readers)
{
    Start();
    Invite("RRRWR");
    CheckInside("+++--");
    Dismiss(1);
    Dismiss(0);
    CheckInside("--+--");
    Dismiss(2);
    CheckInside("---+-");
    Dismiss(3);
    CheckInside("----+");
    EXPECT_EQ(Lock, SHARED_ONCE);
    Dismiss(4);
    EXPECT_EQ(Lock, 0);
}

/* Those who come while the lock is handed over: each walk passes only blocks that are new. */
TEST(ex_pushlock, waiters_who_come_later_are_found)
{
    Start();
    Invite("WWW");
    CheckInside("+--");
    Dismiss(0);
    CheckInside("-+-");
    Invite("W");                        /* takes the place of the one that has left, behind all others */
    Dismiss(1);
    CheckInside("--+");
    EXPECT_FALSE(Guests[0].Inside);
    Dismiss(2);
    CheckInside("+");
    EXPECT_EQ(Lock, EXCLUSIVE);
    Dismiss(0);
    EXPECT_EQ(Lock, 0);
}

TEST(ex_pushlock, a_release_hands_the_lock_over_at_once)
{
    for (int Shared = 0; Shared < 2; Shared++) {
        KIRQL Old;

        Start();
        KeEnterCriticalRegion();
        if (Shared)
            ExAcquirePushLockSharedEx(&Lock, 0);
        else
            ExAcquirePushLockExclusiveEx(&Lock, 0);
        Invite("W");
        KeSetPriorityThread(Guests[0].Thread, 1);
        KeRaiseIrql(APC_LEVEL, &Old);
        ExReleasePushLockEx(&Lock, 0);
        EXPECT_EQ(Lock, EXCLUSIVE);     /* it has not run yet, and owns the lock */
        EXPECT_FALSE(ExTryAcquirePushLockExclusiveEx(&Lock, 0));
        KeLowerIrql(Old);
        KeLeaveCriticalRegion();
        KtestWaitFor(&Guests[0].Inside);
        Dismiss(0);
        EXPECT_EQ(Lock, 0);
    }
}

static volatile LONG ApcRan;

static VOID NoteApc(PKAPC Apc, PKNORMAL_ROUTINE *Normal, PVOID *Context, PVOID *Argument1, PVOID *Argument2)
{
    UNREFERENCED_PARAMETER(Apc);
    UNREFERENCED_PARAMETER(Normal);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    ApcRan = TRUE;
}

TEST(ex_pushlock, a_special_apc_runs_while_its_thread_waits_and_keeps_its_place)
{
    static KAPC Apc;

    Start();
    KeEnterCriticalRegion();
    ExAcquirePushLockExclusiveEx(&Lock, 0);
    Invite("WW");
    ApcRan = FALSE;
    KeInitializeApc(&Apc, Guests[0].Thread, OriginalApcEnvironment, NoteApc, NULL, NULL, KernelMode, NULL);
    EXPECT_TRUE(KeInsertQueueApc(&Apc, NULL, NULL, 0));
    EXPECT_TRUE(KtestWaitFor(&ApcRan));
    KtestWaitBlocked(Guests[0].Thread, NULL);
    ExReleasePushLockExclusiveEx(&Lock, 0);
    KeLeaveCriticalRegion();
    CheckInside("+-");
    Dismiss(0);
    CheckInside("-+");
    Dismiss(1);
}

/* As an owner's own code does it that has the short way inline. */
TEST(ex_pushlock, who_took_the_bit_away_himself_has_the_waiters_served)
{
    Start();
    ExfTryToWakePushLock(&Lock);
    EXPECT_EQ(Lock, 0);
    KeEnterCriticalRegion();
    ExfAcquirePushLockExclusive(&Lock);
    ExfTryToWakePushLock(&Lock);
    EXPECT_EQ(Lock, EXCLUSIVE);
    Invite("RRW");
    ExfTryToWakePushLock(&Lock);        /* owned: nothing to do */
    CheckInside("---");
    __atomic_fetch_and(&Lock, ~(ULONG_PTR)PUSH_LOCK_LOCKED, __ATOMIC_RELEASE);
    EXPECT_TRUE(ExTryAcquirePushLockExclusiveEx(&Lock, 0));     /* somebody is quicker */
    ExfTryToWakePushLock(&Lock);
    CheckInside("---");
    __atomic_fetch_and(&Lock, ~(ULONG_PTR)PUSH_LOCK_LOCKED, __ATOMIC_RELEASE);
    EXPECT_FALSE(ExTryAcquirePushLockSharedEx(&Lock, 0));
    ExfTryToWakePushLock(&Lock);
    KeLeaveCriticalRegion();
    CheckInside("++-");
    Dismiss(0);
    Dismiss(1);
    CheckInside("--+");
    Dismiss(2);
    EXPECT_EQ(Lock, 0);
}

/* ---- The last user frees the memory ---- */

enum { FREEING_ROUNDS = 160, USERS = 3 };
static volatile LONG Users;

static void UseAndPoison(PVOID Context)
{
    LONG Number = (LONG)(LONG_PTR)Context;
    BOOLEAN Last;

    KeEnterCriticalRegion();
    if (Number % USERS == 0)            /* one of them shares with nobody */
        ExAcquirePushLockSharedEx(&Lock, 0);
    else
        ExAcquirePushLockExclusiveEx(&Lock, 0);
    Last = __atomic_sub_fetch(&Users, 1, __ATOMIC_SEQ_CST) == 0;
    ExReleasePushLockEx(&Lock, 0);
    if (Last)
        Lock = 0xDDDDDDDDDDDDDDDD;
    KeLeaveCriticalRegion();
}

TEST(ex_pushlock, is_not_touched_after_its_last_user)
{
    for (LONG Round = 0; Round < FREEING_ROUNDS; Round++) {
        PKTHREAD Threads[USERS];

        Start();
        Users = USERS;
        for (LONG_PTR At = 0; At < USERS; At++)
            Threads[At] = KtestThread(UseAndPoison, (PVOID)(At + Round), 8);
        for (int At = 0; At < USERS; At++)
            KtestJoin(Threads[At]);
        REQUIRE_EQ(Lock, 0xDDDDDDDDDDDDDDDD);
    }
}

/* ---- Contention, from a seed ---- */

enum { FIGHTERS = 8, BLOWS = 1500 };

static KEVENT Go;
static volatile LONG Writers, Readers, Intruders;
static volatile LONG64 Written;         /* guarded by the lock: a lost update shows */
static volatile LONG64 Counted;

static void Yield(ULONG Seed)
{
    LARGE_INTEGER Zero = { .QuadPart = 0 };

    if (Seed % 16 == 0)
        KeDelayExecutionThread(KernelMode, FALSE, &Zero);
}

static void Write(ULONG Seed)
{
    LONG64 Before = Written;

    if (__atomic_add_fetch(&Writers, 1, __ATOMIC_SEQ_CST) != 1 || Readers != 0)
        __atomic_fetch_add(&Intruders, 1, __ATOMIC_RELAXED);
    Yield(Seed);
    Written = Before + 1;
    __atomic_fetch_add(&Counted, 1, __ATOMIC_RELAXED);
    __atomic_fetch_sub(&Writers, 1, __ATOMIC_SEQ_CST);
}

static void Read(ULONG Seed)
{
    LONG64 Before = Written;

    __atomic_fetch_add(&Readers, 1, __ATOMIC_SEQ_CST);
    Yield(Seed);
    if (Writers != 0 || Written != Before)
        __atomic_fetch_add(&Intruders, 1, __ATOMIC_RELAXED);
    __atomic_fetch_sub(&Readers, 1, __ATOMIC_SEQ_CST);
}

static void Strike(ULONG Seed)
{
    BOOLEAN Writes = Seed >> 8 & 1, Tries = (Seed >> 9 & 7) == 0;

    if (Tries && !(Writes ? ExTryAcquirePushLockExclusiveEx(&Lock, 0) : ExTryAcquirePushLockSharedEx(&Lock, 0)))
        return;
    if (!Tries && Writes)
        ExAcquirePushLockExclusiveEx(&Lock, 0);
    else if (!Tries)
        ExAcquirePushLockSharedEx(&Lock, 0);
    if (Writes)
        Write(Seed >> 12);
    else
        Read(Seed >> 12);
    if (Seed >> 20 & 1)
        ExReleasePushLockEx(&Lock, 0);
    else if (Writes)
        ExReleasePushLockExclusiveEx(&Lock, 0);
    else
        ExReleasePushLockSharedEx(&Lock, 0);
}

static void Fight(PVOID Context)
{
    ULONG64 Seed = (ULONG64)(ULONG_PTR)Context;

    KeWaitForSingleObject(&Go, Executive, KernelMode, FALSE, NULL);
    for (int At = 0; At < BLOWS; At++) {
        Seed = Seed * 6364136223846793005 + 1442695040888963407;
        KeEnterCriticalRegion();
        Strike((ULONG)(Seed >> 32));
        KeLeaveCriticalRegion();
    }
}

TEST(ex_pushlock, readers_and_writers_keep_apart_under_contention)
{
    ULONG64 Seed = KtestNumber("seed", 1) * 1000003;
    PKTHREAD Threads[FIGHTERS];

    Start();
    Writers = Readers = Intruders = 0;
    Written = Counted = 0;
    KeInitializeEvent(&Go, NotificationEvent, FALSE);
    for (ULONG64 At = 0; At < FIGHTERS; At++)
        Threads[At] = KtestThread(Fight, (PVOID)(Seed + At), 8);
    KeSetEvent(&Go, 0, FALSE);
    for (int At = 0; At < FIGHTERS; At++)
        KtestJoin(Threads[At]);
    EXPECT_EQ(Intruders, 0);
    EXPECT_EQ(Written, Counted);
    EXPECT_GT(Written, 0);
    EXPECT_EQ(Lock, 0);
}
