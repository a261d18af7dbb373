/* semaphore_test.c - the semaphore object. */
#include <ke/irql.h>
#include <ke/semaphore.h>
#include <ke/thread.h>
#include <ktest.h>
#include <rtl/list.h>
#include <rtl/status.h>
#include <rtl/string.h>

static NTSTATUS Try(PVOID Object)
{
    LARGE_INTEGER Zero = { .QuadPart = 0 };

    return KeWaitForSingleObject(Object, Executive, KernelMode, FALSE, &Zero);
}

/* covers KeInitializeSemaphore.1 */
TEST(ke_semaphore, initialize_over_poison)
{
    KSEMAPHORE Semaphore;

    memset(&Semaphore, 0x55, sizeof Semaphore);
    KeInitializeSemaphore(&Semaphore, 3, 7);
    EXPECT_EQ(Semaphore.Header.Type, SemaphoreObject);
    EXPECT_EQ(Semaphore.Header.Size, 8);
    EXPECT_EQ(Semaphore.Header.SignalState, 3);
    EXPECT_EQ(Semaphore.Limit, 7);
    EXPECT_TRUE(IsListEmpty(&Semaphore.Header.WaitListHead));
}

/* covers KeWaitForSingleObject.2, KeReleaseSemaphore.1, KeReleaseSemaphore.5, KeReleaseSemaphore.7 */
TEST(ke_semaphore, counts_at_every_irql)
{
    static const KIRQL Levels[] = { PASSIVE_LEVEL, APC_LEVEL, DISPATCH_LEVEL };

    for (ULONG At = 0; At < RTL_NUMBER_OF(Levels); At++) {
        KSEMAPHORE Semaphore;
        KIRQL OldIrql;

        KeInitializeSemaphore(&Semaphore, 0, 5);
        KeRaiseIrql(Levels[At], &OldIrql);
        EXPECT_EQ(KeReleaseSemaphore(&Semaphore, 0, 2, FALSE), 0);
        EXPECT_EQ(KeReleaseSemaphore(&Semaphore, 0, 3, FALSE), 2);
        EXPECT_EQ(KeReleaseSemaphore(&Semaphore, 0, 0, FALSE), 5);
        EXPECT_EQ(KeReadStateSemaphore(&Semaphore), 5);
        for (LONG Left = 4; Left >= 0; Left--) {
            EXPECT_EQ(Try(&Semaphore), STATUS_SUCCESS);
            EXPECT_EQ(KeReadStateSemaphore(&Semaphore), Left);
        }
        EXPECT_EQ(Try(&Semaphore), STATUS_TIMEOUT);
        EXPECT_EQ(KeGetCurrentIrql(), Levels[At]);
        KeLowerIrql(OldIrql);
    }
}

static volatile LONG Woken;

static VOID TakeOne(PVOID Semaphore)
{
    KeWaitForSingleObject(Semaphore, Executive, KernelMode, FALSE, NULL);
    __atomic_add_fetch(&Woken, 1, __ATOMIC_SEQ_CST);
}

/* covers KeReleaseSemaphore.4, trap 21 */
TEST(ke_semaphore, release_of_five_wakes_three_and_leaves_two)
{
    KSEMAPHORE Semaphore;
    PKTHREAD Threads[3];

    Woken = 0;
    KeInitializeSemaphore(&Semaphore, 0, 5);
    for (int At = 0; At < 3; At++) {
        Threads[At] = KtestThread(TakeOne, &Semaphore, 9);
        KtestWaitBlocked(Threads[At], &Semaphore);
    }
    EXPECT_EQ(KeReleaseSemaphore(&Semaphore, 0, 5, FALSE), 0);
    for (int At = 0; At < 3; At++)
        KtestJoin(Threads[At]);
    EXPECT_EQ(Woken, 3);
    EXPECT_EQ(KeReadStateSemaphore(&Semaphore), 2);
}

/* covers KeReleaseSemaphore.8 */
TEST(ke_semaphore, release_with_wait_true)
{
    KSEMAPHORE Semaphore;

    KeInitializeSemaphore(&Semaphore, 0, 5);
    EXPECT_EQ(KeReleaseSemaphore(&Semaphore, 0, 1, TRUE), 0);
    EXPECT_GE(KeGetCurrentIrql(), DISPATCH_LEVEL);
    EXPECT_EQ(Try(&Semaphore), STATUS_SUCCESS);
    EXPECT_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
}

/* What goes in comes out, between threads that produce and threads that consume. */
static KSEMAPHORE Pipe;

static VOID Produce(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    for (int Round = 0; Round < 1000; Round++)
        KeReleaseSemaphore(&Pipe, 1, 1 + Round % 3, FALSE);
}

static VOID Consume(PVOID Context)
{
    for (int Round = 0; Round < 1998; Round++)
        KeWaitForSingleObject(&Pipe, Executive, KernelMode, FALSE, NULL);
    __atomic_add_fetch((volatile LONG *)Context, 1998, __ATOMIC_SEQ_CST);
}

TEST(ke_semaphore, units_are_conserved_under_contention)
{
    volatile LONG Consumed = 0;
    PKTHREAD Threads[4];

    KeInitializeSemaphore(&Pipe, 0, MAXLONG);
    for (int At = 0; At < 4; At++)
        Threads[At] = KtestThread(At < 2 ? Produce : Consume, (PVOID)&Consumed, 8);
    for (int At = 0; At < 4; At++)
        KtestJoin(Threads[At]);
    EXPECT_EQ(Consumed, 3996);
    EXPECT_EQ(KeReadStateSemaphore(&Pipe), 2 * (333 * 6 + 1) - 3996);
}
