/* bench_threads.c - rows in which threads take turns: ping-pong, yield, broadcast. */
#include "bench.h"

enum { WAITERS = 100 };

/* ---- Threads ---- */

static PVOID StartThread(PKSTART_ROUTINE Routine, PVOID Context, KPRIORITY Priority)
{
    HANDLE Handle;
    PVOID Thread;

    if (!NT_SUCCESS(PsCreateSystemThread(&Handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, Routine, Context)))
        return NULL;
    ObReferenceObjectByHandle(Handle, THREAD_ALL_ACCESS, NULL, KernelMode, &Thread, NULL);
    ZwClose(Handle);
    if (Priority != 0)
        KeSetPriorityThread(Thread, Priority);
    return Thread;
}

static VOID Join(PVOID Thread)
{
    KeWaitForSingleObject(Thread, Executive, KernelMode, FALSE, NULL);
    ObDereferenceObject(Thread);
}

static VOID Yield(VOID)
{
    LARGE_INTEGER Zero;

    Zero.QuadPart = 0;
    KeDelayExecutionThread(KernelMode, FALSE, &Zero);
}

/* ---- Ping-pong ---- */

typedef struct _TABLE { KEVENT Ping, Pong; PLARGE_INTEGER Timeout; volatile LONG Stop; } TABLE;

static VOID NTAPI Partner(PVOID Context)
{
    TABLE *Table = Context;

    for (;;) {
        KeWaitForSingleObject(&Table->Ping, Executive, KernelMode, FALSE, Table->Timeout);
        if (Table->Stop)
            break;
        KeSetEvent(&Table->Pong, 0, FALSE);
    }
}

static VOID BenchPingPong(PCSTR Id, KPRIORITY Priority, PLARGE_INTEGER Timeout)
{
    static TABLE Table;
    PVOID Thread;

    KeInitializeEvent(&Table.Ping, SynchronizationEvent, FALSE);
    KeInitializeEvent(&Table.Pong, SynchronizationEvent, FALSE);
    Table.Timeout = Timeout;
    Table.Stop = 0;
    Thread = StartThread(Partner, &Table, Priority);
    Yield();
    MEASURE(Id, KeSetEvent(&Table.Ping, 0, FALSE);
            KeWaitForSingleObject(&Table.Pong, Executive, KernelMode, FALSE, Timeout));
    Table.Stop = 1;
    KeSetEvent(&Table.Ping, 0, FALSE);
    Join(Thread);
}

static VOID NTAPI YieldUntilStopped(PVOID Context)
{
    volatile LONG *Stop = Context;

    while (!*Stop)
        Yield();
}

static VOID BenchYield(VOID)
{
    static volatile LONG Stop;
    PVOID Thread;

    Stop = 0;
    Thread = StartThread(YieldUntilStopped, (PVOID)&Stop, KeQueryPriorityThread(KeGetCurrentThread()));
    MEASURE("yield", Yield());
    Stop = 1;
    Join(Thread);
}

/* ---- Broadcast ---- */

static KEVENT Broadcast;
static volatile LONG Ran, Waiting;

static VOID NTAPI WaitForBroadcast(PVOID Context)
{
    ULONG Turn;

    UNREFERENCED_PARAMETER(Context);
    for (Turn = 0; Turn < SAMPLES; Turn++) {
        Waiting++;
        KeWaitForSingleObject(&Broadcast, Executive, KernelMode, FALSE, NULL);
        Ran++;
    }
}

/* The waiters are weaker than the setter; they run when it gives the processor away. */
static VOID BenchBroadcast(BOOLEAN UntilRan, PCSTR Id)
{
    static PVOID Threads[WAITERS];
    PVOID Self = KeGetCurrentThread();
    KPRIORITY Priority = KeSetPriorityThread(Self, 10);
    ULONG Turn, i;

    KeInitializeEvent(&Broadcast, NotificationEvent, FALSE);
    Waiting = 0;
    for (i = 0; i < WAITERS; i++)
        Threads[i] = StartThread(WaitForBroadcast, NULL, 9);
    for (Turn = 0; Turn < SAMPLES; Turn++) {
        ULONG64 Start, End;

        /* Below them until all of them wait; nothing here is measured. */
        KeSetPriorityThread(Self, 8);
        KeSetPriorityThread(Self, 10);
        Ran = 0;
        PROFILE_BEGIN(Id);
        Start = __rdtsc();
        KeSetEvent(&Broadcast, 0, FALSE);
        End = __rdtsc();
        if (!UntilRan)
            PROFILE_END(Id, WAITERS);
        KeClearEvent(&Broadcast);
        if (UntilRan) {
            KeSetPriorityThread(Self, 8);
            End = __rdtsc();
            PROFILE_END(Id, WAITERS);
            KeSetPriorityThread(Self, 10);
        }
        BenchRecord(Turn, End - Start, WAITERS);
    }
    KeSetPriorityThread(Self, Priority);
    for (i = 0; i < WAITERS; i++)
        Join(Threads[i]);
    BenchReport(Id, SAMPLES);
}

VOID BenchThreads(VOID)
{
    KPRIORITY Priority = KeQueryPriorityThread(KeGetCurrentThread());
    LARGE_INTEGER Hour;

    Hour.QuadPart = -36000000000LL;
    BenchPingPong("pingpong.equal", Priority, NULL);
    BenchPingPong("pingpong.higher", Priority + 1, NULL);
    BenchPingPong("pingpong.timeout", Priority, &Hour);
    BenchYield();
    BenchBroadcast(FALSE, "broadcast.set");
    BenchBroadcast(TRUE, "broadcast.ran");
}
