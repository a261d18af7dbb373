/* work_item_test.c - I/O work items. */
#include "stack.h"

#include <ex/pool.h>
#include <io/work_item.h>
#include <ke/event.h>
#include <ke/irql.h>
#include <ob/object.h>
#include <rtl/status.h>
#include <rtl/string.h>

enum { ROUNDS = 1000 };

static STACK Stack;

static struct {
    volatile LONG Done, Calls;
    PVOID Object, Context;
    PIO_WORKITEM Item;
    KIRQL Irql;
    KPRIORITY Priority;
    LONG_PTR References;
    KEVENT Go, Ran;
} Seen;

static LONG_PTR References(PVOID Object)
{
    ObfReferenceObject(Object);
    return ObfDereferenceObject(Object);
}

static void Begin(void)
{
    StackBuild(&Stack, 1);
    memset(&Seen, 0xAA, sizeof Seen);
    Seen.Done = Seen.Calls = 0;
    KeInitializeEvent(&Seen.Go, NotificationEvent, TRUE);
    KeInitializeEvent(&Seen.Ran, NotificationEvent, FALSE);
}

/* The routine's end is not the item's: the object is given back a little later. */
static void WaitForReferences(PVOID Object, LONG_PTR Expected)
{
    volatile LONG Zero = 0;

    for (ULONG Look = 0; Look < 100000 && References(Object) != Expected; Look++) {
        LARGE_INTEGER Short = { .QuadPart = -1000 };

        KeDelayExecutionThread(KernelMode, FALSE, &Short);
    }
    EXPECT_EQ(References(Object), Expected);
    UNREFERENCED_PARAMETER(Zero);
}

static VOID Routine(PDEVICE_OBJECT DeviceObject, PVOID Context)
{
    Seen.Object = DeviceObject;
    Seen.Context = Context;
    Seen.Irql = KeGetCurrentIrql();
    Seen.Priority = KeQueryPriorityThread(KeGetCurrentThread());
    Seen.References = References(DeviceObject);
    KeSetEvent(&Seen.Ran, 0, FALSE);
    KeWaitForSingleObject(&Seen.Go, Executive, KernelMode, FALSE, NULL);
}

static VOID RoutineEx(PVOID IoObject, PVOID Context, PIO_WORKITEM IoWorkItem)
{
    Seen.Item = IoWorkItem;
    Routine(IoObject, Context);
}

static void WaitRan(void) { KeWaitForSingleObject(&Seen.Ran, Executive, KernelMode, FALSE, NULL); }

/* covers IoQueueWorkItem.1 */
TEST(io_work_item, routine_gets_object_and_context_at_its_priority)
{
    PIO_WORKITEM Item;

    Begin();
    Item = IoAllocateWorkItem(Stack.Top);
    REQUIRE_TRUE(Item != NULL);
    IoQueueWorkItem(Item, Routine, CriticalWorkQueue, &Seen);
    WaitRan();
    EXPECT_EQ(Seen.Object, Stack.Top);
    EXPECT_EQ(Seen.Context, &Seen);
    EXPECT_EQ(Seen.Irql, PASSIVE_LEVEL);
    EXPECT_EQ(Seen.Priority, 13);
    IoFreeWorkItem(Item);
    StackRemove(&Stack);
}

/* covers IoQueueWorkItem.2 */
TEST(io_work_item, object_is_held_from_queueing_to_return)
{
    PIO_WORKITEM Item;
    LONG_PTR Before;
    KIRQL OldIrql;

    Begin();
    KeClearEvent(&Seen.Go);
    Before = References(Stack.Top);
    Item = IoAllocateWorkItem(Stack.Top);
    EXPECT_EQ(References(Stack.Top), Before);           /* not by the item alone */
    OldIrql = KfRaiseIrql(DISPATCH_LEVEL);
    IoQueueWorkItem(Item, Routine, DelayedWorkQueue, NULL);
    EXPECT_EQ(References(Stack.Top), Before + 1);
    KeLowerIrql(OldIrql);
    WaitRan();
    EXPECT_EQ(Seen.References, Before + 1);
    IoFreeWorkItem(Item);               /* it is the driver's again while the routine runs */
    EXPECT_EQ(References(Stack.Top), Before + 1);
    KeSetEvent(&Seen.Go, 0, FALSE);
    WaitForReferences(Stack.Top, Before);
    StackRemove(&Stack);
}

/* covers IoQueueWorkItem.1 */
TEST(io_work_item, ex_routine_gets_the_item_and_a_driver_object_will_do)
{
    PIO_WORKITEM Item;
    LONG_PTR Before;

    Begin();
    Item = ExAllocatePoolWithTag(NonPagedPool, IoSizeofWorkItem(), 'tseT');
    memset(Item, 0xAA, IoSizeofWorkItem());
    Before = References(Stack.Driver);
    IoInitializeWorkItem(Stack.Driver, Item);
    IoQueueWorkItemEx(Item, RoutineEx, DelayedWorkQueue, Item);
    WaitRan();
    EXPECT_EQ(Seen.Object, Stack.Driver);
    EXPECT_EQ(Seen.Item, Item);
    EXPECT_EQ(Seen.Context, Item);
    WaitForReferences(Stack.Driver, Before);
    IoUninitializeWorkItem(Item);
    ExFreePool(Item);
    StackRemove(&Stack);
}

static VOID FreeItself(PVOID IoObject, PVOID Context, PIO_WORKITEM IoWorkItem)
{
    UNREFERENCED_PARAMETER(IoObject), UNREFERENCED_PARAMETER(Context);
    IoFreeWorkItem(IoWorkItem);
    __atomic_add_fetch(&Seen.Calls, 1, __ATOMIC_RELEASE);
}

/* covers IoQueueWorkItem.3 */
TEST(io_work_item, routine_may_free_it)
{
    LONG_PTR Before;

    Begin();
    Before = References(Stack.Top);
    for (LONG i = 1; i <= 100; i++)
        IoQueueWorkItemEx(IoAllocateWorkItem(Stack.Top), FreeItself, DelayedWorkQueue, NULL);
    WaitForReferences(Stack.Top, Before);
    EXPECT_EQ(Seen.Calls, 100);
    StackRemove(&Stack);
}

static VOID QueueAgain(PVOID IoObject, PVOID Context, PIO_WORKITEM IoWorkItem)
{
    UNREFERENCED_PARAMETER(IoObject);
    if (++Seen.Calls < ROUNDS)
        IoQueueWorkItemEx(IoWorkItem, QueueAgain, DelayedWorkQueue, Context);
    else
        Seen.Done = TRUE;
}

/* covers IoQueueWorkItem.3 */
TEST(io_work_item, routine_may_queue_it_again)
{
    PIO_WORKITEM Item;
    LONG_PTR Before;

    Begin();
    Before = References(Stack.Top);
    Item = IoAllocateWorkItem(Stack.Top);
    IoQueueWorkItemEx(Item, QueueAgain, DelayedWorkQueue, NULL);
    KtestWaitFor(&Seen.Done);
    EXPECT_EQ(Seen.Calls, ROUNDS);
    WaitForReferences(Stack.Top, Before);
    IoFreeWorkItem(Item);
    StackRemove(&Stack);
}

/* covers IoTryQueueWorkItem.1 */
TEST(io_work_item, try_says_whether_it_was_queued)
{
    PIO_WORKITEM Item;
    LONG_PTR Before;
    KIRQL OldIrql;

    Begin();
    Before = References(Stack.Top);
    Item = IoAllocateWorkItem(Stack.Top);
    OldIrql = KfRaiseIrql(DISPATCH_LEVEL);
    KeSetSystemAffinityThread(1ull << KeGetCurrentProcessorNumber());
    KeLowerIrql(OldIrql);
    KeSetPriorityThread(KeGetCurrentThread(), 20);      /* no worker of this processor comes between */
    EXPECT_TRUE(IoTryQueueWorkItem(Item, RoutineEx, CriticalWorkQueue, &Seen));
    if (KeQueryActiveProcessorCount(NULL) == 1) {
        EXPECT_FALSE(IoTryQueueWorkItem(Item, RoutineEx, CriticalWorkQueue, NULL));
        EXPECT_EQ(References(Stack.Top), Before + 1);
    }
    KeSetPriorityThread(KeGetCurrentThread(), 8);
    KeRevertToUserAffinityThread();
    WaitRan();
    EXPECT_EQ(Seen.Context, &Seen);
    WaitForReferences(Stack.Top, Before);
    IoFreeWorkItem(Item);
    StackRemove(&Stack);
}

static void CountItem(PVOID Context, PVOID Item, PVOID Caller)
{
    UNREFERENCED_PARAMETER(Item), UNREFERENCED_PARAMETER(Caller);
    (*(ULONG *)Context)++;
}

static NOINLINE PIO_WORKITEM Allocate(void)
{
    PIO_WORKITEM Item = IoAllocateWorkItem(Stack.Top);

    __asm__ volatile("" : "+r"(Item));  /* no tail call: the return address is to lie here */
    return Item;
}

TEST(io_work_item, forgotten_ones_are_known_by_who_allocated_them)
{
    ULONG64 Start = (ULONG64)(ULONG_PTR)Allocate, End = Start + 64;
    ULONG Reported = 0;
    PIO_WORKITEM Item;

    Begin();
    Item = Allocate();
    EXPECT_EQ(IoForEachWorkItemOf(Start, End, CountItem, &Reported), 1);
    EXPECT_EQ(Reported, 1);
    IoFreeWorkItem(Item);
    EXPECT_EQ(IoForEachWorkItemOf(Start, End, CountItem, &Reported), 0);
    StackRemove(&Stack);
}
