/* fastmutex_test.c - fast and guarded mutexes: IRQL and APC effects, garbage that must not matter, contention. */
#include <arch/arch.h>
#include <ex/fastmutex.h>
#include <ke/apc.h>
#include <ke/clock.h>
#include <ke/init.h>
#include <ke/irql.h>
#include <ke/thread.h>
#include <ktest.h>
#include <rtl/string.h>

static void Poison(PFAST_MUTEX Mutex)
{
    memset(Mutex, 0x55, sizeof *Mutex);
    ExInitializeFastMutex(Mutex);
}

static void CheckFree(PFAST_MUTEX Mutex)
{
    EXPECT_EQ(Mutex->Count, 1);
    EXPECT_EQ(Mutex->Owner, NULL);
}

static void CheckHeld(PFAST_MUTEX Mutex)
{
    EXPECT_EQ(Mutex->Count, 0);
    EXPECT_EQ(Mutex->Owner, KeGetCurrentThread());
}

/* covers ExAcquireFastMutex.1, ExAcquireFastMutex.4, trap 43 */
TEST(ex_fastmutex, initialised_over_poison_works)
{
    FAST_MUTEX Mutex;

    Poison(&Mutex);
    CheckFree(&Mutex);
    EXPECT_EQ(Mutex.Contention, 0);
    EXPECT_EQ(Mutex.OldIrql, 0x55555555);
    EXPECT_EQ(Mutex.Event.Header.Type, EventSynchronizationObject);
    ExAcquireFastMutex(&Mutex);
    CheckHeld(&Mutex);
    EXPECT_EQ(Mutex.OldIrql, PASSIVE_LEVEL);
    ExReleaseFastMutex(&Mutex);
    CheckFree(&Mutex);
}

/* covers ExAcquireFastMutex.1, ExReleaseFastMutex.1, trap 40 */
TEST(ex_fastmutex, holds_apc_level_and_goes_back_to_where_it_was)
{
    FAST_MUTEX Outer, Inner;

    Poison(&Outer);
    Poison(&Inner);
    ExAcquireFastMutex(&Outer);
    EXPECT_EQ(KeGetCurrentIrql(), APC_LEVEL);
    ExAcquireFastMutex(&Inner);
    EXPECT_EQ(Inner.OldIrql, APC_LEVEL);
    ExReleaseFastMutex(&Inner);
    EXPECT_EQ(KeGetCurrentIrql(), APC_LEVEL);
    ExReleaseFastMutex(&Outer);
    EXPECT_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
    EXPECT_EQ(Inner.OldIrql, APC_LEVEL);            /* not cleared */
}

/* covers ExAcquireFastMutex.2, KeAreApcsDisabled.1, KeAreAllApcsDisabled.1, trap 49 */
TEST(ex_fastmutex, apcs_are_off_by_irql_only)
{
    FAST_MUTEX Mutex;

    Poison(&Mutex);
    ExAcquireFastMutex(&Mutex);
    EXPECT_FALSE(KeAreApcsDisabled());
    EXPECT_TRUE(KeAreAllApcsDisabled());
    ExReleaseFastMutex(&Mutex);
    EXPECT_FALSE(KeAreAllApcsDisabled());
}

/* covers ExTryToAcquireFastMutex.1, ExTryToAcquireFastMutex.2, trap 41 */
TEST(ex_fastmutex, failing_try_changes_nothing)
{
    FAST_MUTEX Mutex;

    Poison(&Mutex);
    KeEnterCriticalRegion();
    ExAcquireFastMutexUnsafe(&Mutex);
    EXPECT_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
    EXPECT_FALSE(ExTryToAcquireFastMutex(&Mutex));  /* its own owner, too */
    EXPECT_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
    EXPECT_EQ(Mutex.OldIrql, 0x55555555);
    EXPECT_EQ(Mutex.Contention, 0);
    CheckHeld(&Mutex);
    ExReleaseFastMutexUnsafe(&Mutex);
    KeLeaveCriticalRegion();
    EXPECT_TRUE(ExTryToAcquireFastMutex(&Mutex));
    EXPECT_EQ(KeGetCurrentIrql(), APC_LEVEL);
    CheckHeld(&Mutex);
    ExReleaseFastMutex(&Mutex);
    CheckFree(&Mutex);
}

/* covers ExAcquireFastMutexUnsafe.1, ExReleaseFastMutexUnsafe.1, trap 42 */
TEST(ex_fastmutex, unsafe_forms_leave_irql_and_old_irql_alone)
{
    FAST_MUTEX Mutex;
    KIRQL Old;

    Poison(&Mutex);
    ExEnterCriticalRegionAndAcquireFastMutexUnsafe(&Mutex);
    EXPECT_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
    EXPECT_TRUE(KeAreApcsDisabled());
    EXPECT_EQ(Mutex.OldIrql, 0x55555555);
    ExReleaseFastMutexUnsafeAndLeaveCriticalRegion(&Mutex);
    EXPECT_FALSE(KeAreApcsDisabled());
    KeRaiseIrql(APC_LEVEL, &Old);
    ExAcquireFastMutexUnsafe(&Mutex);
    CheckHeld(&Mutex);
    ExReleaseFastMutexUnsafe(&Mutex);
    EXPECT_EQ(KeGetCurrentIrql(), APC_LEVEL);
    KeLowerIrql(Old);
    EXPECT_EQ(Mutex.OldIrql, 0x55555555);
}

/* ---- Waiting ---- */

static FAST_MUTEX Shared;
static volatile LONG Order[4], Arrived;

static void TakeOnce(PVOID Context)
{
    ExAcquireFastMutex(&Shared);
    Order[Arrived++] = (LONG)(LONG_PTR)Context;
    ExReleaseFastMutex(&Shared);
}

/* covers ExAcquireFastMutex.3 */
TEST(ex_fastmutex, waiters_come_in_order_and_are_counted)
{
    PKTHREAD Threads[3];

    Poison(&Shared);
    Arrived = 0;
    ExAcquireFastMutex(&Shared);
    for (LONG At = 0; At < 3; At++) {
        Threads[At] = KtestThread(TakeOnce, (PVOID)(LONG_PTR)At, 9);
        KtestWaitBlocked(Threads[At], &Shared.Event);
        EXPECT_EQ(Threads[At]->WaitReason, WrFastMutex);
        EXPECT_EQ(Shared.Count, (At + 1) * FM_LOCK_WAITER_INC);
        EXPECT_EQ(Shared.Contention, At + 1);
        EXPECT_FALSE(ExTryToAcquireFastMutex(&Shared));
    }
    EXPECT_EQ(Arrived, 0);
    ExReleaseFastMutex(&Shared);
    for (LONG At = 0; At < 3; At++)
        KtestJoin(Threads[At]);
    for (LONG At = 0; At < 3; At++)
        EXPECT_EQ(Order[At], At);
    CheckFree(&Shared);
}

/* The last user frees the memory: whoever released before must not touch it any more. */
enum { FREEING_ROUNDS = 200 };
static volatile LONG Users;

static void UseAndPoison(PVOID Context)
{
    PFAST_MUTEX Mutex = Context;
    BOOLEAN Last;

    ExAcquireFastMutex(Mutex);
    Last = --Users == 0;
    ExReleaseFastMutex(Mutex);
    if (Last)
        memset(Mutex, 0xDD, sizeof *Mutex);
}

/* covers ExReleaseFastMutex.4 */
TEST(ex_fastmutex, is_not_touched_after_its_last_user)
{
    static FAST_MUTEX Mutex;

    for (int Round = 0; Round < FREEING_ROUNDS; Round++) {
        PKTHREAD A, B;

        Poison(&Mutex);
        Users = 2;
        A = KtestThread(UseAndPoison, &Mutex, 8);
        B = KtestThread(UseAndPoison, &Mutex, 8);
        KtestJoin(A);
        KtestJoin(B);
        for (SIZE_T At = 0; At < sizeof Mutex; At++)
            REQUIRE_EQ(((PUCHAR)&Mutex)[At], 0xDD);
    }
}

enum { FIGHTERS = 4, BLOWS = 3000 };
static volatile LONG Inside, Intruders;
static LONG64 Blows;                    /* guarded by the mutex: a lost update shows */

static void Strike(void)
{
    if (__atomic_add_fetch(&Inside, 1, __ATOMIC_SEQ_CST) != 1)
        __atomic_add_fetch(&Intruders, 1, __ATOMIC_SEQ_CST);
    Blows++;
    __atomic_sub_fetch(&Inside, 1, __ATOMIC_SEQ_CST);
}

/* All at once: a fighter alone would be through before the next one comes. */
static KEVENT Start;

static void Fight(PVOID Context)
{
    ULONG Seed = (ULONG)(ULONG_PTR)Context;
    LARGE_INTEGER Zero = { .QuadPart = 0 };

    KeWaitForSingleObject(&Start, Executive, KernelMode, FALSE, NULL);
    for (LONG At = 0; At < BLOWS; At++) {
        BOOLEAN Yielding = (Seed = Seed * 1664525 + 1013904223) >> 27 == 0;

        if ((Seed & 0x30000) == 0) {
            if (!ExTryToAcquireFastMutex(&Shared)) {
                At--;
                KeDelayExecutionThread(KernelMode, FALSE, &Zero);
                continue;
            }
        } else {
            ExAcquireFastMutex(&Shared);
        }
        if (Yielding)
            KeDelayExecutionThread(KernelMode, FALSE, &Zero);
        Strike();
        ExReleaseFastMutex(&Shared);
    }
}

/* covers ExAcquireFastMutex.5 */
TEST(ex_fastmutex, excludes_and_loses_nothing_under_contention)
{
    PKTHREAD Threads[FIGHTERS];

    Poison(&Shared);
    Inside = Intruders = 0;
    Blows = 0;
    KeInitializeEvent(&Start, NotificationEvent, FALSE);
    for (LONG_PTR At = 0; At < FIGHTERS; At++)
        Threads[At] = KtestThread(Fight, (PVOID)(At + 1), 8);
    KeSetEvent(&Start, 0, FALSE);
    for (int At = 0; At < FIGHTERS; At++)
        KtestJoin(Threads[At]);
    EXPECT_EQ(Blows, FIGHTERS * BLOWS);
    EXPECT_EQ(Intruders, 0);
    CheckFree(&Shared);
}

/* ---- Guarded mutexes ---- */

static KGUARDED_MUTEX Guarded;

static void StrikeGuarded(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    for (int At = 0; At < BLOWS; At++) {
        KeAcquireGuardedMutex(&Guarded);
        Strike();
        KeReleaseGuardedMutex(&Guarded);
    }
}

/* covers KeAcquireGuardedMutex.1, KeAcquireGuardedMutex.2 */
TEST(ex_guarded_mutex, enters_a_guarded_region_at_the_same_irql)
{
    memset(&Guarded, 0x55, sizeof Guarded);
    KeInitializeGuardedMutex(&Guarded);
    KeAcquireGuardedMutex(&Guarded);
    EXPECT_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
    EXPECT_EQ(KeGetCurrentThread()->SpecialApcDisable, -1);
    EXPECT_TRUE(KeAreAllApcsDisabled());
    EXPECT_EQ(Guarded.Owner, KeGetCurrentThread());
    EXPECT_FALSE(KeTryToAcquireGuardedMutex(&Guarded));
    EXPECT_EQ(KeGetCurrentThread()->SpecialApcDisable, -1);     /* a failed try has left its region */
    KeReleaseGuardedMutex(&Guarded);
    EXPECT_FALSE(KeAreAllApcsDisabled());
    EXPECT_TRUE(KeTryToAcquireGuardedMutex(&Guarded));
    EXPECT_EQ(KeGetCurrentThread()->SpecialApcDisable, -1);
    KeReleaseGuardedMutex(&Guarded);
    KeEnterGuardedRegion();
    KeAcquireGuardedMutexUnsafe(&Guarded);
    EXPECT_EQ(KeGetCurrentThread()->SpecialApcDisable, -1);
    KeReleaseGuardedMutexUnsafe(&Guarded);
    KeLeaveGuardedRegion();
    EXPECT_EQ(Guarded.Owner, NULL);
}

/* covers KeAcquireGuardedMutex.3 */
TEST(ex_guarded_mutex, excludes_under_contention)
{
    PKTHREAD Threads[FIGHTERS];

    KeInitializeGuardedMutex(&Guarded);
    Inside = Intruders = 0;
    Blows = 0;
    for (int At = 0; At < FIGHTERS; At++)
        Threads[At] = KtestThread(StrikeGuarded, NULL, 8);
    for (int At = 0; At < FIGHTERS; At++)
        KtestJoin(Threads[At]);
    EXPECT_EQ(Blows, FIGHTERS * BLOWS);
    EXPECT_EQ(Intruders, 0);
}

TEST(ex_fastmutex, failing_guarded_try_leaves_its_region)
{
    KGUARDED_MUTEX Mutex;

    memset(&Mutex, 0x55, sizeof Mutex);
    KeInitializeGuardedMutex(&Mutex);
    KeAcquireGuardedMutex(&Mutex);
    EXPECT_EQ(KeGetCurrentThread()->SpecialApcDisable, -1);
    EXPECT_FALSE(KeTryToAcquireGuardedMutex(&Mutex));
    EXPECT_EQ(KeGetCurrentThread()->SpecialApcDisable, -1);
    EXPECT_EQ(Mutex.Owner, KeGetCurrentThread());
    KeReleaseGuardedMutex(&Mutex);
    EXPECT_EQ(KeGetCurrentThread()->SpecialApcDisable, 0);
    EXPECT_TRUE(KeTryToAcquireGuardedMutex(&Mutex));
    EXPECT_EQ(KeGetCurrentThread()->SpecialApcDisable, -1);
    KeReleaseGuardedMutex(&Mutex);
    EXPECT_EQ(KeGetCurrentThread()->SpecialApcDisable, 0);
}
