/* csq_test.c - cancel-safe queues: a queue by callbacks, alone and under attack from two processors. */
#include "stack.h"

#include <arch/arch.h>
#include <io/csq.h>
#include <ke/irql.h>
#include <ke/processor.h>
#include <ke/spinlock.h>
#include <rtl/list.h>
#include <rtl/status.h>
#include <rtl/string.h>

enum { POISONED_CONTEXT = 0xAA };

typedef struct _QUEUE {
    IO_CSQ Csq;
    KSPIN_LOCK Lock;
    LIST_ENTRY Head;
    ULONG Room;                         /* of the Ex kind: how many it accepts */
    PVOID InsertContext, PeekContext;
    volatile LONG Cancelled;
    PIRP LastCancelled;
} QUEUE;

static QUEUE Queue;

static VOID Insert(PIO_CSQ Csq, PIRP Irp)
{
    EXPECT_EQ(Csq, &Queue.Csq);
    EXPECT_NE(Queue.Lock, 0);
    InsertTailList(&Queue.Head, &Irp->Tail.Overlay.ListEntry);
}

static NTSTATUS InsertEx(PIO_CSQ Csq, PIRP Irp, PVOID Context)
{
    Queue.InsertContext = Context;
    if (Queue.Room == 0)
        return STATUS_INSUFFICIENT_RESOURCES;
    Queue.Room--;
    Insert(Csq, Irp);
    return STATUS_PENDING;
}

static VOID Remove(PIO_CSQ Csq, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Csq);
    EXPECT_NE(Queue.Lock, 0);
    RemoveEntryList(&Irp->Tail.Overlay.ListEntry);
}

/* PeekContext NULL: any; else those that have it at UserBuffer. */
static PIRP Peek(PIO_CSQ Csq, PIRP Irp, PVOID PeekContext)
{
    PLIST_ENTRY Link = Irp != NULL ? Irp->Tail.Overlay.ListEntry.Flink : Queue.Head.Flink;

    UNREFERENCED_PARAMETER(Csq);
    Queue.PeekContext = PeekContext;
    for (; Link != &Queue.Head; Link = Link->Flink) {
        PIRP Next = CONTAINING_RECORD(Link, IRP, Tail.Overlay.ListEntry);

        if (PeekContext == NULL || Next->UserBuffer == PeekContext)
            return Next;
    }
    return NULL;
}

static VOID Acquire(PIO_CSQ Csq, PKIRQL Irql)
{
    UNREFERENCED_PARAMETER(Csq);
    *Irql = KeAcquireSpinLockRaiseToDpc(&Queue.Lock);
}

static VOID Release(PIO_CSQ Csq, KIRQL Irql)
{
    UNREFERENCED_PARAMETER(Csq);
    KeReleaseSpinLock(&Queue.Lock, Irql);
}

static VOID CompleteCanceled(PIO_CSQ Csq, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Csq);
    Queue.LastCancelled = Irp;
    __atomic_add_fetch(&Queue.Cancelled, 1, __ATOMIC_RELAXED);
    Irp->IoStatus.Status = STATUS_CANCELLED;
    IofCompleteRequest(Irp, 0);
}

static void BeginQueue(BOOLEAN Ex)
{
    memset(&Queue, 0xAA, sizeof Queue);
    InitializeListHead(&Queue.Head);
    KeInitializeSpinLock(&Queue.Lock);
    Queue.Cancelled = 0;
    Queue.LastCancelled = NULL;
    if (Ex)
        EXPECT_EQ(IoCsqInitializeEx(&Queue.Csq, InsertEx, Remove, Peek, Acquire, Release, CompleteCanceled),
                  STATUS_SUCCESS);
    else
        EXPECT_EQ(IoCsqInitialize(&Queue.Csq, Insert, Remove, Peek, Acquire, Release, CompleteCanceled),
                  STATUS_SUCCESS);
    EXPECT_EQ(Queue.Csq.Type, Ex ? IO_TYPE_CSQ_EX : IO_TYPE_CSQ);
    EXPECT_EQ(Queue.Csq.ReservePointer, NULL);
}

/* ---- One IRP in a driver that queues ---- */

static PIO_CSQ_IRP_CONTEXT InsertWith;

static NTSTATUS QueueIt(LAYER *Layer, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Layer);
    IoCsqInsertIrp(&Queue.Csq, Irp, InsertWith);
    return STATUS_PENDING;
}

static STACK Stack;

static PIRP SendFor(NTSTATUS Status, PIO_CSQ_IRP_CONTEXT Context, BOOLEAN Cancelled, SENT *Sent)
{
    PIRP Irp = IoAllocateIrp(1, FALSE);

    InsertWith = Context;
    Irp->Cancel = Cancelled;
    EXPECT_EQ(SendKept(Stack.Top, Irp, Sent), Status);
    return Irp;
}

static PIRP Send(PIO_CSQ_IRP_CONTEXT Context, BOOLEAN Cancelled, SENT *Sent)
{
    return SendFor(STATUS_PENDING, Context, Cancelled, Sent);
}

static void Begin(void)
{
    BeginQueue(FALSE);
    StackBuild(&Stack, 1);
    Stack.Layer[0]->Do = QueueIt;
}

/* covers IoCsqInsertIrp.1, IoCsqRemoveNextIrp.1 */
TEST(io_csq, queued_ones_come_out_in_the_drivers_order_and_are_pending)
{
    PIRP Irps[3];
    SENT Sent[3];

    Begin();
    for (ULONG i = 0; i < 3; i++) {
        Irps[i] = Send(NULL, FALSE, &Sent[i]);
        Irps[i]->UserBuffer = (PVOID)(ULONG_PTR)(i + 1);
        EXPECT_NE(Irps[i]->CancelRoutine, NULL);
        EXPECT_TRUE(IoGetCurrentIrpStackLocation(Irps[i])->Control & SL_PENDING_RETURNED);
    }
    EXPECT_EQ(IoCsqRemoveNextIrp(&Queue.Csq, (PVOID)2), Irps[1]);
    EXPECT_EQ(Irps[1]->CancelRoutine, NULL);
    EXPECT_EQ(Irps[1]->Tail.Overlay.DriverContext[3], NULL);
    EXPECT_EQ(IoCsqRemoveNextIrp(&Queue.Csq, (PVOID)2), NULL);
    EXPECT_EQ(IoCsqRemoveNextIrp(&Queue.Csq, NULL), Irps[0]);
    EXPECT_EQ(IoCsqRemoveNextIrp(&Queue.Csq, NULL), Irps[2]);
    EXPECT_EQ(IoCsqRemoveNextIrp(&Queue.Csq, NULL), NULL);
    for (ULONG i = 0; i < 3; i++) {
        IofCompleteRequest(Irps[i], 0);
        EXPECT_EQ(Sent[i].Completed, 1);
        EXPECT_TRUE(Sent[i].PendingReturned);
        IoFreeIrp(Irps[i]);
    }
    StackRemove(&Stack);
}

/* covers IoCsqInsertIrp.2 */
TEST(io_csq, cancelled_in_the_queue_goes_to_the_driver_once)
{
    IO_CSQ_IRP_CONTEXT Context;
    SENT Sent;
    PIRP Irp;

    for (ULONG WithContext = 0; WithContext < 2; WithContext++) {
        Begin();
        memset(&Context, POISONED_CONTEXT, sizeof Context);
        Irp = Send(WithContext ? &Context : NULL, FALSE, &Sent);
        EXPECT_TRUE(IoCancelIrp(Irp));
        EXPECT_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
        EXPECT_EQ(Queue.Cancelled, 1);
        EXPECT_EQ(Queue.LastCancelled, Irp);
        EXPECT_EQ(Sent.Completed, 1);
        EXPECT_EQ(Sent.Status, STATUS_CANCELLED);
        EXPECT_TRUE(IsListEmpty(&Queue.Head));
        if (WithContext)
            EXPECT_EQ(IoCsqRemoveIrp(&Queue.Csq, &Context), NULL);
        EXPECT_EQ(IoCsqRemoveNextIrp(&Queue.Csq, NULL), NULL);
        IoFreeIrp(Irp);
        StackRemove(&Stack);
    }
}

/* covers IoCsqInsertIrp.2 */
TEST(io_csq, cancelled_before_it_is_queued)
{
    SENT Sent;
    PIRP Irp;

    Begin();
    Irp = Send(NULL, TRUE, &Sent);
    EXPECT_EQ(Queue.Cancelled, 1);
    EXPECT_EQ(Sent.Completed, 1);
    EXPECT_TRUE(IsListEmpty(&Queue.Head));
    IoFreeIrp(Irp);
    StackRemove(&Stack);
}

/* covers IoCsqRemoveIrp.1 */
TEST(io_csq, context_finds_its_irp_once)
{
    IO_CSQ_IRP_CONTEXT Context;
    SENT Sent;
    PIRP Irp;

    Begin();
    memset(&Context, POISONED_CONTEXT, sizeof Context);
    Irp = Send(&Context, FALSE, &Sent);
    EXPECT_EQ(Context.Type, IO_TYPE_CSQ_IRP_CONTEXT);
    EXPECT_EQ(Context.Csq, &Queue.Csq);
    EXPECT_EQ(Context.Irp, Irp);
    EXPECT_EQ(IoCsqRemoveIrp(&Queue.Csq, &Context), Irp);
    EXPECT_EQ(Context.Irp, NULL);
    EXPECT_EQ(IoCsqRemoveIrp(&Queue.Csq, &Context), NULL);
    EXPECT_FALSE(IoCancelIrp(Irp));
    IofCompleteRequest(Irp, 0);
    EXPECT_EQ(Sent.Completed, 1);
    IoFreeIrp(Irp);
    StackRemove(&Stack);
}

/* A removal that comes while a cancellation has the routine already: it must keep off. */
/* covers IoCsqRemoveIrp.1, IoCsqRemoveNextIrp.1 */
TEST(io_csq, one_that_is_being_cancelled_is_passed_over)
{
    PDRIVER_CANCEL Routine;
    IO_CSQ_IRP_CONTEXT Context;
    SENT Sent, Other;
    PIRP Irp, Behind;

    Begin();
    Irp = Send(&Context, FALSE, &Sent);
    Behind = Send(NULL, FALSE, &Other);
    Irp->Cancel = TRUE;
    Routine = IoSetCancelRoutine(Irp, NULL);    /* as IoCancelIrp, up to here */
    EXPECT_EQ(IoCsqRemoveIrp(&Queue.Csq, &Context), NULL);
    EXPECT_EQ(IoCsqRemoveNextIrp(&Queue.Csq, NULL), Behind);
    EXPECT_EQ(IoCsqRemoveNextIrp(&Queue.Csq, NULL), NULL);
    EXPECT_FALSE(IsListEmpty(&Queue.Head));
    IoAcquireCancelSpinLock(&Irp->CancelIrql);
    Routine(Stack.Top, Irp);
    EXPECT_EQ(Sent.Completed, 1);
    EXPECT_EQ(Context.Irp, NULL);
    EXPECT_TRUE(IsListEmpty(&Queue.Head));
    IofCompleteRequest(Behind, 0);
    IoFreeIrp(Irp);
    IoFreeIrp(Behind);
    StackRemove(&Stack);
}

static NTSTATUS QueueEx(LAYER *Layer, PIRP Irp)
{
    NTSTATUS Status = IoCsqInsertIrpEx(&Queue.Csq, Irp, InsertWith, &Stack);

    if (NT_SUCCESS(Status))
        return Status;
    Layer->Status = Status;
    return LayerComplete(Layer, Irp);
}

/* covers IoCsqInsertIrpEx.1 */
TEST(io_csq, ex_queue_gets_the_context_and_may_refuse)
{
    IO_CSQ_IRP_CONTEXT Context;
    SENT Sent, Refused;
    PIRP Irp, Other;

    BeginQueue(TRUE);
    Queue.Room = 1;
    StackBuild(&Stack, 1);
    Stack.Layer[0]->Do = QueueEx;
    Irp = Send(NULL, FALSE, &Sent);
    EXPECT_EQ(Queue.InsertContext, &Stack);
    EXPECT_EQ(Sent.Completed, 0);
    Other = SendFor(STATUS_INSUFFICIENT_RESOURCES, &Context, FALSE, &Refused);
    EXPECT_EQ(Refused.Completed, 1);
    EXPECT_EQ(Refused.Status, STATUS_INSUFFICIENT_RESOURCES);
    EXPECT_FALSE(Refused.PendingReturned);      /* what is not queued is not pending either */
    EXPECT_EQ(Other->CancelRoutine, NULL);
    EXPECT_EQ(Context.Irp, NULL);
    EXPECT_EQ(IoCsqRemoveNextIrp(&Queue.Csq, NULL), Irp);
    IofCompleteRequest(Irp, 0);
    IoFreeIrp(Irp);
    IoFreeIrp(Other);
    StackRemove(&Stack);
}

/* ---- Torture: one thread sends, two take out, two cancel; every IRP ends exactly once ---- */

enum { SLOTS = 8, ROUNDS = 1500 };

static struct {
    PIRP Irp[SLOTS];
    SENT Sent[SLOTS];
    KSPIN_LOCK SlotLock[SLOTS];         /* keeps an IRP from being freed while somebody cancels it */
    volatile LONG Stop, Removed, Cancels;
} Torture;

static void Drain(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    while (!Torture.Stop || !IsListEmpty(&Queue.Head)) {
        PIRP Irp = IoCsqRemoveNextIrp(&Queue.Csq, NULL);

        if (Irp == NULL) {
            LARGE_INTEGER Short = { .QuadPart = -1000 };

            KeDelayExecutionThread(KernelMode, FALSE, &Short);
            continue;
        }
        __atomic_add_fetch(&Torture.Removed, 1, __ATOMIC_RELAXED);
        Irp->IoStatus.Status = STATUS_SUCCESS;
        IofCompleteRequest(Irp, 0);
    }
}

static void CancelSome(PVOID Context)
{
    ULONG64 Seed = (ULONG64)Context;

    while (!Torture.Stop) {
        ULONG Slot = (ULONG)(Seed >> 33) % SLOTS;
        KIRQL Irql = KeAcquireSpinLockRaiseToDpc(&Torture.SlotLock[Slot]);

        if (Torture.Irp[Slot] != NULL && IoCancelIrp(Torture.Irp[Slot]))
            __atomic_add_fetch(&Torture.Cancels, 1, __ATOMIC_RELAXED);
        KeReleaseSpinLock(&Torture.SlotLock[Slot], Irql);
        Seed = Seed * 6364136223846793005ull + 1442695040888963407ull;
        if ((Seed >> 40 & 7) == 0) {
            LARGE_INTEGER Short = { .QuadPart = -500 };

            KeDelayExecutionThread(KernelMode, FALSE, &Short);
        }
    }
}

static void SendRounds(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    for (ULONG Round = 0; Round < ROUNDS; Round++) {
        for (ULONG i = 0; i < SLOTS; i++) {
            PIRP Irp = IoAllocateIrp(1, FALSE);
            KIRQL Irql = KeAcquireSpinLockRaiseToDpc(&Torture.SlotLock[i]);

            Torture.Irp[i] = Irp;
            SendKept(Stack.Top, Irp, &Torture.Sent[i]);
            KeReleaseSpinLock(&Torture.SlotLock[i], Irql);
        }
        for (ULONG i = 0; i < SLOTS; i++) {
            PIRP Irp = Torture.Irp[i];
            KIRQL Irql;

            KtestWaitFor(&Torture.Sent[i].Completed);
            Irql = KeAcquireSpinLockRaiseToDpc(&Torture.SlotLock[i]);
            Torture.Irp[i] = NULL;
            KeReleaseSpinLock(&Torture.SlotLock[i], Irql);
            EXPECT_EQ(Torture.Sent[i].Completed, 1);
            IoFreeIrp(Irp);
        }
    }
    Torture.Stop = TRUE;
}

/* covers IoCsqInsertIrp.2 */
TEST(io_csq, torture_conserves_every_irp)
{
    PKTHREAD Threads[5];

    Begin();
    memset(&Torture, 0, sizeof Torture);
    InsertWith = NULL;
    Threads[0] = KtestThread(Drain, NULL, 8);
    Threads[1] = KtestThread(Drain, NULL, 9);
    Threads[2] = KtestThread(CancelSome, (PVOID)0x9E3779B97F4A7C15ull, 8);
    Threads[3] = KtestThread(CancelSome, (PVOID)0xBF58476D1CE4E5B9ull, 8);
    Threads[4] = KtestThread(SendRounds, NULL, 8);
    for (ULONG i = 5; i-- != 0;)
        KtestJoin(Threads[i]);
    EXPECT_EQ(Torture.Removed + Queue.Cancelled, SLOTS * ROUNDS);
    EXPECT_EQ(Stack.Layer[0]->Calls, SLOTS * ROUNDS);
    EXPECT_GT(Torture.Removed, 0);
    EXPECT_GT(Queue.Cancelled, 0);
    EXPECT_GE(Queue.Cancelled, Torture.Cancels);
    EXPECT_TRUE(IsListEmpty(&Queue.Head));
    StackRemove(&Stack);
}
