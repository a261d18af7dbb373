/* promises_test.c - lines of tests/conformance.txt about what happens around a release: which IRQL comes back, which
 * APCs run, and what a deleted resource leaves behind. */
#include <ex/fastmutex.h>
#include <ex/resource.h>
#include <ke/apc.h>
#include <ke/clock.h>
#include <ke/event.h>
#include <ke/irql.h>
#include <ke/thread.h>
#include <ktest.h>
#include <mm/mm.h>
#include <rtl/status.h>
#include <rtl/string.h>

/* ---- Fast mutexes ---- */

static FAST_MUTEX Mutex;
static volatile LONG Specials, Normals;

static VOID Kernel(PKAPC Apc, PKNORMAL_ROUTINE *Normal, PVOID *Context, PVOID *Argument1, PVOID *Argument2)
{
    UNREFERENCED_PARAMETER(Apc), UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1), UNREFERENCED_PARAMETER(Argument2);
    if (*Normal == NULL)
        Specials++;
}

static VOID Normal(PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Context), UNREFERENCED_PARAMETER(Argument1), UNREFERENCED_PARAMETER(Argument2);
    Normals++;
}

static VOID WantOnce(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    ExAcquireFastMutex(&Mutex);
    ExReleaseFastMutex(&Mutex);
}

/* With and without a waiter: two ways through the release.
 * covers ExReleaseFastMutex.2 */
TEST(ex_promises, apcs_run_before_the_release_of_a_fast_mutex_returns)
{
    for (int Wanted = FALSE; Wanted <= TRUE; Wanted++) {
        PKTHREAD Thread = NULL;
        KAPC Apcs[2];

        Specials = Normals = 0;
        memset(&Mutex, 0x55, sizeof Mutex);
        ExInitializeFastMutex(&Mutex);
        ExAcquireFastMutex(&Mutex);
        if (Wanted) {
            Thread = KtestThread(WantOnce, NULL, 8);
            KtestWaitBlocked(Thread, &Mutex.Event);
        }
        for (int At = 0; At < 2; At++) {
            KeInitializeApc(&Apcs[At], KeGetCurrentThread(), OriginalApcEnvironment, Kernel, NULL,
                            At == 0 ? Normal : NULL, KernelMode, NULL);
            EXPECT_TRUE(KeInsertQueueApc(&Apcs[At], NULL, NULL, 0));
        }
        EXPECT_EQ(Specials + Normals, 0);
        ExReleaseFastMutex(&Mutex);
        EXPECT_EQ(Specials, 1);
        EXPECT_EQ(Normals, 1);
        if (Wanted)
            KtestJoin(Thread);
    }
}

enum { FIGHTERS = 4, ROUNDS = 4000 };
static KEVENT Begin;
static volatile LONG WrongIrql, Inside, Intruders;

/* Some come at PASSIVE_LEVEL and some at APC_LEVEL, so that each finds in OldIrql what it must not take for its own. */
static VOID FightFromTwoLevels(PVOID Context)
{
    LARGE_INTEGER Zero = { .QuadPart = 0 };
    KIRQL Mine = (LONG_PTR)Context % 2 == 0 ? PASSIVE_LEVEL : APC_LEVEL, OldIrql;

    KeWaitForSingleObject(&Begin, Executive, KernelMode, FALSE, NULL);
    KeRaiseIrql(Mine, &OldIrql);
    for (int Round = 0; Round < ROUNDS; Round++) {
        ExAcquireFastMutex(&Mutex);
        if (__atomic_add_fetch(&Inside, 1, __ATOMIC_SEQ_CST) != 1)
            Intruders = 1;
        if (Round % 32 == 0)
            KeDelayExecutionThread(KernelMode, FALSE, &Zero);
        __atomic_sub_fetch(&Inside, 1, __ATOMIC_SEQ_CST);
        ExReleaseFastMutex(&Mutex);
        if (KeGetCurrentIrql() != Mine) {
            WrongIrql++;
            break;
        }
    }
    KeLowerIrql(OldIrql);
}

/* covers ExReleaseFastMutex.1, ExReleaseFastMutex.3, ExAcquireFastMutex.5, trap 40 */
TEST(ex_promises, each_owner_of_a_fast_mutex_gets_its_own_irql_back)
{
    PKTHREAD Threads[FIGHTERS];

    memset(&Mutex, 0x55, sizeof Mutex);
    ExInitializeFastMutex(&Mutex);
    WrongIrql = Inside = Intruders = 0;
    KeInitializeEvent(&Begin, NotificationEvent, FALSE);
    for (LONG_PTR At = 0; At < FIGHTERS; At++)
        Threads[At] = KtestThread(FightFromTwoLevels, (PVOID)At, 8);
    KeSetEvent(&Begin, 0, FALSE);
    for (int At = 0; At < FIGHTERS; At++)
        KtestJoin(Threads[At]);
    EXPECT_EQ(WrongIrql, 0);
    EXPECT_EQ(Intruders, 0);
}

static volatile LONG64 Strokes;

static VOID StrikeUnsafely(PVOID Context)
{
    KIRQL OldIrql = KeGetCurrentIrql();

    if (Context != NULL)
        KeRaiseIrql(APC_LEVEL, &OldIrql);
    else
        KeEnterCriticalRegion();
    for (int Round = 0; Round < ROUNDS; Round++) {
        ExAcquireFastMutexUnsafe(&Mutex);
        Strokes = Strokes + 1;
        ExReleaseFastMutexUnsafe(&Mutex);
    }
    if (Context == NULL)
        KeLeaveCriticalRegion();
    KeLowerIrql(OldIrql);
}

/* A waiter that is not woken leaves a thread behind; a lost stroke shows in the sum.
 * covers ExAcquireFastMutexUnsafe.1, ExReleaseFastMutexUnsafe.1 */
TEST(ex_promises, unsafe_forms_exclude_and_hand_on)
{
    PKTHREAD Threads[FIGHTERS];

    memset(&Mutex, 0x55, sizeof Mutex);
    ExInitializeFastMutex(&Mutex);
    Strokes = 0;
    KeEnterCriticalRegion();
    ExAcquireFastMutexUnsafe(&Mutex);
    for (LONG_PTR At = 0; At < FIGHTERS; At++) {
        Threads[At] = KtestThread(StrikeUnsafely, (PVOID)(At % 2), 8);
        KtestWaitBlocked(Threads[At], &Mutex.Event);
    }
    ExReleaseFastMutexUnsafe(&Mutex);
    KeLeaveCriticalRegion();
    for (int At = 0; At < FIGHTERS; At++)
        KtestJoin(Threads[At]);
    EXPECT_EQ(Strokes, FIGHTERS * ROUNDS);
    EXPECT_EQ(Mutex.OldIrql, 0x55555555);
}

/* ---- Resources ---- */

/* covers ExGetCurrentResourceThread.1, ExReleaseResourceForThreadLite.1 */
TEST(ex_promises, id_of_an_owner_is_its_thread)
{
    ERESOURCE_THREAD Self = (ERESOURCE_THREAD)KeGetCurrentThread();
    ERESOURCE Resource;

    ExInitializeResourceLite(&Resource);
    KeEnterCriticalRegion();
    ExAcquireResourceExclusiveLite(&Resource, TRUE);
    EXPECT_EQ(Resource.OwnerEntry.OwnerThread, Self);
    ExReleaseResourceForThreadLite(&Resource, Self);
    EXPECT_FALSE(ExIsResourceAcquiredExclusiveLite(&Resource));
    KeLeaveCriticalRegion();
    ExDeleteResourceLite(&Resource);
}

/* covers ExReinitializeResourceLite.1 */
TEST(ex_promises, reinitialized_resource_is_as_new)
{
    ERESOURCE Resource;

    ExInitializeResourceLite(&Resource);
    Resource.ContentionCount = 5;
    Resource.Flag |= ResourceNeverExclusive;
    EXPECT_EQ(ExReinitializeResourceLite(&Resource), STATUS_SUCCESS);
    EXPECT_EQ(Resource.ContentionCount, 0);
    EXPECT_EQ(Resource.Flag, 0);
    EXPECT_EQ(Resource.OwnerEntry.OwnerThread, 0);
    EXPECT_EQ(ExGetExclusiveWaiterCount(&Resource) + ExGetSharedWaiterCount(&Resource), 0);
    KeEnterCriticalRegion();
    EXPECT_TRUE(ExTryToAcquireResourceExclusiveLite(&Resource));
    ExReleaseResourceLite(&Resource);
    KeLeaveCriticalRegion();
    EXPECT_EQ(ExDeleteResourceLite(&Resource), STATUS_SUCCESS);
}

/* By pointers one thread makes as many owners as it likes, and the table grows with them. */
static void OwnBy(PERESOURCE Resource, ULONG Owners)
{
    KeEnterCriticalRegion();
    for (ULONG At = 0; At < Owners; At++) {
        EXPECT_TRUE(ExAcquireResourceSharedLite(Resource, TRUE));
        ExSetResourceOwnerPointer(Resource, (PVOID)(ULONG_PTR)(0x1000 + At * 4 + 3));
    }
    KeLeaveCriticalRegion();
    EXPECT_NE(Resource->OwnerTable, NULL);
    for (ULONG At = 0; At < Owners; At++)
        ExReleaseResourceForThreadLite(Resource, 0x1000 + At * 4 + 3);
}

/* A leaked table of forty owners is 640 bytes or more: of all of them, 150 frames.
 * covers ExDeleteResourceLite.1, ExReleaseResourceForThreadLite.2 */
TEST(ex_promises, deleted_resource_leaves_nothing_behind)
{
    enum { RESOURCES = 1000, OWNERS = 40 };
    static ERESOURCE Resource;
    ULONG64 Before = 0;

    for (int Round = 0; Round < RESOURCES; Round++) {
        if (Round == RESOURCES / 10)
            Before = MmFreeFrameCount();
        ExInitializeResourceLite(&Resource);
        OwnBy(&Resource, OWNERS);
        EXPECT_EQ(ExDeleteResourceLite(&Resource), STATUS_SUCCESS);
    }
    EXPECT_GE(MmFreeFrameCount() + 40, Before);
}
