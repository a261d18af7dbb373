/* ke_negative_test.c - misuse of the dispatcher's routines, for tests/misuse.t: each call that takes an object gets one
 * that is none. The kernel options say which: call=KeSetEvent object=zero. The call returns, or stops the machine; it
 * does not hang, and the stop is printed. */
#include <ktest.h>

#include <ex/pool.h>
#include <ke/apc.h>
#include <ke/clock.h>
#include <ke/device_queue.h>
#include <ke/dpc.h>
#include <ke/event.h>
#include <ke/irql.h>
#include <ke/mutant.h>
#include <ke/process.h>
#include <ke/queue.h>
#include <ke/semaphore.h>
#include <ke/spinlock.h>
#include <ke/thread.h>
#include <ke/timer.h>
#include <ps/process.h>
#include <rtl/print.h>
#include <rtl/string.h>

/* ---- What is passed as an object ---- */

enum { ROOM = 0x1000 };
static UCHAR Room[ROOM] __attribute__((aligned(64)));

static PVOID Filled(UCHAR Byte)
{
    memset(Room, Byte, sizeof Room);
    return Room;
}

static PVOID Zero(void) { return Filled(0); }
static PVOID Poison(void) { return Filled(0x55); }
static PVOID Ones(void) { return Filled(0xFF); }
static PVOID Null(void) { return NULL; }
static PVOID Low(void) { return (PVOID)0x1000; }
static PVOID Unmapped(void) { return (PVOID)0xFFFFB00012345000ull; }
static PVOID NoAddress(void) { return (PVOID)0x8000000000000000ull; }
static PVOID Code(void) { return (PVOID)(ULONG_PTR)KeSetEvent; }

static PVOID Freed(void)
{
    PVOID Block = ExAllocatePoolWithTag(NonPagedPoolNx, 0x400, 'eerF');

    ExFreePoolWithTag(Block, 'eerF');
    return Block;
}

static PVOID Event(void)
{
    KeInitializeEvent(Filled(0), NotificationEvent, FALSE);
    return Room;
}

static PVOID Semaphore(void)
{
    KeInitializeSemaphore(Filled(0), 0, 5);
    return Room;
}

static PVOID Mutant(void)
{
    KeInitializeMutant(Filled(0), FALSE);
    return Room;
}

static PVOID Timer(void)
{
    KeInitializeTimer(Filled(0));
    return Room;
}

static PVOID Queue(void)
{
    KeInitializeQueue(Filled(0), 1);
    return Room;
}

static PVOID Dpc(void)
{
    KeInitializeDpc(Filled(0), NULL, NULL);
    return Room;
}

static PVOID Thread(void) { return KeGetCurrentThread(); }
static PVOID Process(void) { return KeGetCurrentThread()->Process; }

static const struct { const char *Name; PVOID (*Make)(void); } Objects[] = {
    { "null", Null },       { "low", Low },         { "unmapped", Unmapped }, { "noaddress", NoAddress },
    { "code", Code },       { "zero", Zero },       { "poison", Poison },     { "ones", Ones },
    { "freed", Freed },     { "event", Event },     { "semaphore", Semaphore }, { "mutant", Mutant },
    { "timer", Timer },     { "queue", Queue },     { "dpc", Dpc },           { "thread", Thread },
    { "process", Process },
};

/* ---- What is called with it ---- */

static const LARGE_INTEGER AtOnce = { .QuadPart = 0 }, Moment = { .QuadPart = -10000 };

static void SetEvent(PVOID O) { KeSetEvent(O, 1, FALSE); }
static void PulseEvent(PVOID O) { KePulseEvent(O, 1, FALSE); }
static void ResetEvent(PVOID O) { KeResetEvent(O); }
static void ClearEvent(PVOID O) { KeClearEvent(O); }
static void ReadEvent(PVOID O) { KeReadStateEvent(O); }
static void ReleaseMutex(PVOID O) { KeReleaseMutex(O, FALSE); }
static void AbandonMutant(PVOID O) { KeReleaseMutant(O, 1, TRUE, FALSE); }
static void ReadMutex(PVOID O) { KeReadStateMutex(O); }
static void ReleaseSemaphore(PVOID O) { KeReleaseSemaphore(O, 1, 1, FALSE); }
static void ReadSemaphore(PVOID O) { KeReadStateSemaphore(O); }
static void SetTimer(PVOID O) { KeSetTimer(O, Moment, NULL); }
static void SetTimerNow(PVOID O) { KeSetTimerEx(O, AtOnce, 10, NULL); }
static void CancelTimer(PVOID O) { KeCancelTimer(O); }
static void ReadTimer(PVOID O) { KeReadStateTimer(O); }
static void RundownQueue(PVOID O) { KeRundownQueue(O); }
static void RemoveQueueNow(PVOID O) { KeRemoveQueue(O, KernelMode, (PLARGE_INTEGER)&AtOnce); }
static void RemoveQueue(PVOID O) { KeRemoveQueue(O, KernelMode, (PLARGE_INTEGER)&Moment); }
static void ReadQueue(PVOID O) { KeReadStateQueue(O); }

static void InsertQueue(PVOID O)
{
    static LIST_ENTRY Entry;

    KeInsertQueue(O, &Entry);
}

static void WaitNow(PVOID O) { KeWaitForSingleObject(O, Executive, KernelMode, FALSE, (PLARGE_INTEGER)&AtOnce); }
static void Wait(PVOID O) { KeWaitForSingleObject(O, Executive, KernelMode, FALSE, (PLARGE_INTEGER)&Moment); }

static void WaitMany(PVOID O, WAIT_TYPE Type)
{
    static KEVENT Other;
    PVOID Both[] = { &Other, O };

    KeInitializeEvent(&Other, NotificationEvent, Type == WaitAll);
    KeWaitForMultipleObjects(2, Both, Type, Executive, KernelMode, FALSE, (PLARGE_INTEGER)&Moment, NULL);
}

static void WaitForAny(PVOID O) { WaitMany(O, WaitAny); }
static void WaitForAll(PVOID O) { WaitMany(O, WaitAll); }

static void WaitWithBlocks(PVOID O)
{
    static KEVENT Never;
    PVOID One[] = { &Never };

    KeInitializeEvent(&Never, NotificationEvent, FALSE);
    KeWaitForMultipleObjects(1, One, WaitAny, Executive, KernelMode, FALSE, (PLARGE_INTEGER)&Moment, O);
}

static void WaitForArray(PVOID O)
{
    KeWaitForMultipleObjects(2, O, WaitAny, Executive, KernelMode, FALSE, (PLARGE_INTEGER)&Moment, NULL);
}

static void WaitUntil(PVOID O)
{
    static KEVENT Never;

    KeInitializeEvent(&Never, NotificationEvent, TRUE);
    KeWaitForSingleObject(&Never, Executive, KernelMode, FALSE, O);
    KeDelayExecutionThread(KernelMode, FALSE, O);
}

static void InsertDpc(PVOID O) { KeInsertQueueDpc(O, NULL, NULL); }
static void RemoveDpc(PVOID O) { KeRemoveQueueDpc(O); }
static void SetImportance(PVOID O) { KeSetImportanceDpc(O, LowImportance); }
static void SetTarget(PVOID O) { KeSetTargetProcessorDpc(O, 0); }
static void InsertApc(PVOID O) { KeInsertQueueApc(O, NULL, NULL, 0); }

static VOID Nothing(PKAPC Apc, PKNORMAL_ROUTINE *Normal, PVOID *Context, PVOID *Argument1, PVOID *Argument2)
{
    UNREFERENCED_PARAMETER(Apc), UNREFERENCED_PARAMETER(Normal), UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1), UNREFERENCED_PARAMETER(Argument2);
}

static void InsertApcToThread(PVOID O)
{
    static KAPC Apc;

    KeInitializeApc(&Apc, O, OriginalApcEnvironment, Nothing, NULL, NULL, KernelMode, NULL);
    KeInsertQueueApc(&Apc, NULL, NULL, 0);
}

static void SetPriority(PVOID O) { KeSetPriorityThread(O, 9); }
static void QueryPriority(PVOID O) { KeQueryPriorityThread(O); }
static void SetBasePriority(PVOID O) { KeSetBasePriorityThread(O, 1); }
static void SetAffinity(PVOID O) { KeSetAffinityThread(O, 1); }
static void SetIdeal(PVOID O) { KeSetIdealProcessorThread(O, 0); }
static void Alert(PVOID O) { KeAlertThread(O, KernelMode); }

static void AcquireSpinLock(PVOID O)
{
    KIRQL Irql = KeAcquireSpinLockRaiseToDpc(O);

    KeReleaseSpinLock(O, Irql);
}

static void ReleaseSpinLock(PVOID O)
{
    KIRQL Irql = KfRaiseIrql(DISPATCH_LEVEL);

    KeReleaseSpinLock(O, Irql);
}

static void AcquireQueuedSpinLock(PVOID O)
{
    KLOCK_QUEUE_HANDLE Handle;

    KeAcquireInStackQueuedSpinLock(O, &Handle);
    KeReleaseInStackQueuedSpinLock(&Handle);
}

static void ReleaseQueuedSpinLock(PVOID O)
{
    KfRaiseIrql(DISPATCH_LEVEL);
    KeReleaseInStackQueuedSpinLock(O);
    KeLowerIrql(PASSIVE_LEVEL);
}

static void AttachProcess(PVOID O)
{
    KAPC_STATE State;

    KeStackAttachProcess(O, &State);
    KeUnstackDetachProcess(&State);
}

static void DetachProcess(PVOID O) { KeUnstackDetachProcess(O); }

static void DetachAttached(PVOID O)
{
    KAPC_STATE State;

    KeStackAttachProcess(PsCreateProcess(), &State);
    KeUnstackDetachProcess(O);
}

static void InsertDeviceQueue(PVOID O)
{
    static KDEVICE_QUEUE_ENTRY Entries[2];
    KIRQL Irql = KfRaiseIrql(DISPATCH_LEVEL);

    KeInsertDeviceQueue(O, &Entries[0]);
    KeInsertDeviceQueue(O, &Entries[1]);
    KeLowerIrql(Irql);
}

static void RemoveDeviceQueue(PVOID O)
{
    KIRQL Irql = KfRaiseIrql(DISPATCH_LEVEL);

    KeRemoveDeviceQueue(O);
    KeLowerIrql(Irql);
}

static void QuerySystemTime(PVOID O) { KeQuerySystemTime(O); }

static const struct { const char *Name; void (*Call)(PVOID Object); } Calls[] = {
    { "KeSetEvent", SetEvent }, { "KePulseEvent", PulseEvent }, { "KeResetEvent", ResetEvent },
    { "KeClearEvent", ClearEvent }, { "KeReadStateEvent", ReadEvent },
    { "KeReleaseMutex", ReleaseMutex }, { "KeReleaseMutant", AbandonMutant }, { "KeReadStateMutex", ReadMutex },
    { "KeReleaseSemaphore", ReleaseSemaphore }, { "KeReadStateSemaphore", ReadSemaphore },
    { "KeSetTimer", SetTimer }, { "KeSetTimerEx", SetTimerNow }, { "KeCancelTimer", CancelTimer },
    { "KeReadStateTimer", ReadTimer },
    { "KeInsertQueue", InsertQueue }, { "KeRemoveQueue", RemoveQueue }, { "KeRemoveQueue.0", RemoveQueueNow },
    { "KeRundownQueue", RundownQueue }, { "KeReadStateQueue", ReadQueue },
    { "KeWaitForSingleObject", Wait }, { "KeWaitForSingleObject.0", WaitNow },
    { "KeWaitForSingleObject.timeout", WaitUntil },
    { "KeWaitForMultipleObjects.any", WaitForAny }, { "KeWaitForMultipleObjects.all", WaitForAll },
    { "KeWaitForMultipleObjects.blocks", WaitWithBlocks }, { "KeWaitForMultipleObjects.array", WaitForArray },
    { "KeInsertQueueDpc", InsertDpc }, { "KeRemoveQueueDpc", RemoveDpc }, { "KeSetImportanceDpc", SetImportance },
    { "KeSetTargetProcessorDpc", SetTarget },
    { "KeInsertQueueApc", InsertApc }, { "KeInitializeApc", InsertApcToThread },
    { "KeSetPriorityThread", SetPriority }, { "KeQueryPriorityThread", QueryPriority },
    { "KeSetBasePriorityThread", SetBasePriority }, { "KeSetAffinityThread", SetAffinity },
    { "KeSetIdealProcessorThread", SetIdeal }, { "KeAlertThread", Alert },
    { "KeAcquireSpinLock", AcquireSpinLock }, { "KeReleaseSpinLock", ReleaseSpinLock },
    { "KeAcquireInStackQueuedSpinLock", AcquireQueuedSpinLock },
    { "KeReleaseInStackQueuedSpinLock", ReleaseQueuedSpinLock },
    { "KeStackAttachProcess", AttachProcess }, { "KeUnstackDetachProcess", DetachProcess },
    { "KeUnstackDetachProcess.attached", DetachAttached },
    { "KeInsertDeviceQueue", InsertDeviceQueue }, { "KeRemoveDeviceQueue", RemoveDeviceQueue },
    { "KeQuerySystemTime", QuerySystemTime },
};

/* The thread goes on for a while, so that what the call left behind can do its harm here. */
TEST(negative, misuse)
{
    for (ULONG Call = 0; Call < RTL_NUMBER_OF(Calls); Call++) {
        for (ULONG Object = 0; Object < RTL_NUMBER_OF(Objects); Object++) {
            LARGE_INTEGER While = { .QuadPart = -500000 };

            if (!KtestOptionIs("call", Calls[Call].Name) || !KtestOptionIs("object", Objects[Object].Name))
                continue;
            LogPrint("%s with %s\n", Calls[Call].Name, Objects[Object].Name);
            Calls[Call].Call(Objects[Object].Make());
            KeDelayExecutionThread(KernelMode, FALSE, &While);
            LogPrint("returned\n");
            return;
        }
    }
    KtestFail(__FILE__, __LINE__, "the options name a call and an object", 0, 1);
}

/* ---- Spin locks ---- */

static KSPIN_LOCK Lock;

TEST(negative, queued_spin_lock_taken_twice)
{
    KLOCK_QUEUE_HANDLE Outer, Inner;

    KeInitializeSpinLock(&Lock);
    KeAcquireInStackQueuedSpinLock(&Lock, &Outer);
    KeAcquireInStackQueuedSpinLock(&Lock, &Inner);
}
