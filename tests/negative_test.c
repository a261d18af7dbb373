/* negative_test.c - tests that go wrong on purpose, each in one way, for tests/verdict.t: it boots the kernel with
 * one of them selected and sees whether the failure comes out as it should. The runner takes a test of the
 * suite `negative` only where the selection names it without a wildcard in front. */
#include "ktest.h"

#include <arch/arch.h>
#include <ke/apc.h>
#include <ke/bugcheck.h>
#include <ke/dpc.h>
#include <ke/event.h>
#include <ke/irql.h>
#include <ke/mutant.h>
#include <ke/semaphore.h>
#include <ke/thread.h>
#include <rtl/status.h>

TEST(negative, passes)
{
    EXPECT_EQ(1, 1);
}

TEST(negative, fails)
{
    LONG Value = -2;

    EXPECT_EQ(Value, 7);
}

TEST(negative, is_skipped)
{
    KtestSkip("on purpose");
}

TEST(negative, stops_at_require)
{
    REQUIRE_EQ(1, 2);
    KeBugCheck(MANUALLY_INITIATED_CRASH);
}

TEST(negative, ends_at_raised_irql)
{
    KfRaiseIrql(DISPATCH_LEVEL);
}

TEST(negative, ends_in_critical_region)
{
    KeEnterCriticalRegion();
}

TEST(negative, bugchecks)
{
    KeBugCheckEx(MANUALLY_INITIATED_CRASH, 1, 2, 3, 4);
}

TEST(negative, faults)
{
    volatile LONG *volatile Nowhere = (LONG *)8;

    *Nowhere = 1;
}

static void WaitForever(PVOID Event)
{
    KeWaitForSingleObject(Event, Executive, KernelMode, FALSE, NULL);
}

TEST(negative, waits_for_ever)
{
    KEVENT Never;

    KeInitializeEvent(&Never, NotificationEvent, FALSE);
    WaitForever(&Never);
}

/* The event lies on this test's stack: what runs afterwards must find it unharmed. */
TEST(negative, leaves_a_thread)
{
    KEVENT Never;

    KeInitializeEvent(&Never, NotificationEvent, FALSE);
    KtestWaitBlocked(KtestThread(WaitForever, &Never, 8), &Never);
}

static void Spin(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc), UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1), UNREFERENCED_PARAMETER(Argument2);
    for (;;)
        ArchPause();
}

TEST(negative, spins_in_a_dpc)
{
    static KDPC Dpc;

    KeInitializeDpc(&Dpc, Spin, NULL);
    KeInsertQueueDpc(&Dpc, NULL, NULL);
}

/* ---- A raise that nobody handles ---- */

/* covers KeReleaseSemaphore.2 */
TEST(negative, semaphore_beyond_its_limit)
{
    KSEMAPHORE Semaphore;

    KeInitializeSemaphore(&Semaphore, 2, 4);
    KeReleaseSemaphore(&Semaphore, 0, 3, FALSE);
}

/* covers KeReleaseSemaphore.2 */
TEST(negative, semaphore_beyond_the_largest_count)
{
    KSEMAPHORE Semaphore;

    KeInitializeSemaphore(&Semaphore, MAXLONG, MAXLONG);
    KeReleaseSemaphore(&Semaphore, 0, 1, FALSE);
}

/* covers KeReleaseMutex.3 */
TEST(negative, mutant_of_another)
{
    KMUTANT Mutant;

    KeInitializeMutant(&Mutant, FALSE);
    KeReleaseMutant(&Mutant, 0, FALSE, FALSE);
}
