/* timer_test.c - a device's timer, once a second. */
#include "stack.h"

#include <io/timer.h>
#include <arch/ops.h>
#include <ke/clock.h>
#include <ke/irql.h>
#include <ke/processor.h>
#include <ke/thread.h>
#include <ob/object.h>
#include <rtl/status.h>

enum { SECOND = 10000000 };

static volatile LONG Ticks[2];
static STACK Stack;
static KIRQL TickIrql;

static VOID Tick(PDEVICE_OBJECT DeviceObject, PVOID Context)
{
    TickIrql = KeGetCurrentIrql();
    EXPECT_TRUE(DeviceObject == Stack.Layer[0]->Device || DeviceObject == Stack.Layer[1]->Device);
    __atomic_add_fetch((volatile LONG *)Context, 1, __ATOMIC_RELAXED);
}

static VOID TickOnce(PDEVICE_OBJECT DeviceObject, PVOID Context)
{
    Tick(DeviceObject, Context);
    IoStopTimer(DeviceObject);
}

static void Sleep(ULONG64 Tenths)
{
    LARGE_INTEGER Interval = { .QuadPart = -(LONGLONG)Tenths * SECOND / 10 };

    KeDelayExecutionThread(KernelMode, FALSE, &Interval);
}

static BOOLEAN Begin(void)
{
    if (!KtestVirtualTime()) {
        KtestSkip("counts seconds");
        return FALSE;
    }
    Ticks[0] = Ticks[1] = 0;
    TickIrql = 0xAA;
    StackBuild(&Stack, 2);
    return TRUE;
}

/* covers IoInitializeTimer.1, IoStartTimer.1 */
TEST(io_timer, ticks_each_second_between_start_and_stop)
{
    ULONG64 Start = (ULONG64)(ULONG_PTR)Tick;

    if (!Begin())
        return;
    EXPECT_EQ(IoInitializeTimer(Stack.Top, Tick, (PVOID)&Ticks[0]), STATUS_SUCCESS);
    EXPECT_NE(Stack.Top->Timer, NULL);
    Sleep(25);
    EXPECT_EQ(Ticks[0], 0);
    EXPECT_EQ(IoCountTimersOf(Start, Start + 1), 0);
    IoStartTimer(Stack.Top);
    IoStartTimer(Stack.Top);            /* twice is once */
    EXPECT_EQ(IoCountTimersOf(Start, Start + 1), 1);
    EXPECT_EQ(IoCountTimersOf(Start + 1, Start + 2), 0);
    Sleep(105);
    EXPECT_EQ(Ticks[0], 10);
    EXPECT_EQ(TickIrql, DISPATCH_LEVEL);
    IoStopTimer(Stack.Top);
    IoStopTimer(Stack.Top);
    Sleep(30);
    EXPECT_EQ(Ticks[0], 10);
    IoStartTimer(Stack.Top);
    Sleep(11);
    EXPECT_EQ(Ticks[0], 11);
    IoStopTimer(Stack.Top);
    StackRemove(&Stack);
}

/* covers IoStartTimer.1 */
TEST(io_timer, each_device_has_its_own_and_may_stop_it_inside)
{
    if (!Begin())
        return;
    IoInitializeTimer(Stack.Layer[0]->Device, TickOnce, (PVOID)&Ticks[0]);
    IoInitializeTimer(Stack.Layer[1]->Device, Tick, (PVOID)&Ticks[1]);
    IoStartTimer(Stack.Layer[0]->Device);
    IoStartTimer(Stack.Layer[1]->Device);
    Sleep(35);
    EXPECT_EQ(Ticks[0], 1);
    EXPECT_EQ(Ticks[1], 3);
    IoStopTimer(Stack.Layer[1]->Device);
    StackRemove(&Stack);
}

/* covers IoInitializeTimer.1, IoDeleteDevice.3 */
TEST(io_timer, routine_can_be_replaced_and_goes_with_the_device)
{
    if (!Begin())
        return;
    IoInitializeTimer(Stack.Top, Tick, (PVOID)&Ticks[0]);
    IoInitializeTimer(Stack.Top, Tick, (PVOID)&Ticks[1]);
    IoStartTimer(Stack.Top);
    Sleep(11);
    EXPECT_EQ(Ticks[0], 0);
    EXPECT_EQ(Ticks[1], 1);
    StackRemove(&Stack);                /* started */
    Sleep(30);
    EXPECT_EQ(Ticks[1], 1);
}

static volatile LONG Calls, Ended;

static void SpinUntil(LONG Wanted, ULONG64 Tenths)
{
    ULONG64 End = KeQueryInterruptTime() + Tenths * SECOND / 10;

    while (Calls < Wanted && KeQueryInterruptTime() < End)
        ArchPause();
}

/* The first call is still under way when the next second's comes, on the other processor. */
static VOID TickSlowly(PDEVICE_OBJECT DeviceObject, PVOID Context)
{
    LONG Call = __atomic_add_fetch(&Calls, 1, __ATOMIC_ACQ_REL);

    UNREFERENCED_PARAMETER(DeviceObject), UNREFERENCED_PARAMETER(Context);
    if (Call <= 2)
        SpinUntil(Call + 1, Call == 1 ? 50 : 1);
    __atomic_add_fetch(&Ended, 1, __ATOMIC_RELEASE);
}

/* covers IoStartTimer.2 */
TEST(io_timer, second_that_overtakes_a_slow_one_calls_each_once)
{
    if (KtestVirtualTime() || KeQueryActiveProcessorCount(NULL) < 2) {
        KtestSkip("needs two processors in real time");
        return;
    }
    Calls = Ended = 0;
    StackBuild(&Stack, 1);
    IoInitializeTimer(Stack.Top, TickSlowly, NULL);
    KeSetSystemAffinityThread(1);
    IoStartTimer(Stack.Top);
    KeSetSystemAffinityThread(2);
    KtestWaitFor(&Calls);
    IoStopTimer(Stack.Top);
    IoStartTimer(Stack.Top);            /* the clock is this processor's now */
    while (Ended < 2)
        Sleep(1);
    EXPECT_EQ(Calls, 2);
    IoStopTimer(Stack.Top);
    KeRevertToUserAffinityThread();
    StackRemove(&Stack);
}
