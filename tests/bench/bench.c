/* bench.c - what the routines cost, measured from where a user stands: a driver that calls them through its imports.
 *
 * Under the instruction-counting switch the time-stamp counter goes up by one per guest instruction, so each figure
 * is exact and the same on every run. A figure is the count around REPEAT operations, less that around an empty loop,
 * over REPEAT; SAMPLES of them give minimum, median and 99th percentile. One processor; nothing idles inside a measured
 * interval, since an idle processor's counter jumps (timer.expiry begins where it lands).
 * Output, one line a row: `bench <id> <min> <median> <p99>`, in hundredths of an instruction.
 *
 * Built with ROW="id" it marks where that row is measured, for a plugin of QEMU that counts each instruction there
 * (profile.c), and says of how many operations that was. */
#include <ntddk.h>
#include <intrin.h>

enum { SAMPLES = 101, BURST_SAMPLES = 11, REPEAT = 64, WAITERS = 100, BURST = 1000 };

DRIVER_INITIALIZE DriverEntry;

static ULONG64 Samples[SAMPLES];
static ULONG64 LoopCost;                /* of REPEAT empty turns */

/* ---- Measuring ---- */

static VOID ReportFirst(PCSTR Id, ULONG Count)
{
    ULONG i, j;

    for (i = 1; i < Count; i++) {
        ULONG64 Value = Samples[i];

        for (j = i; j > 0 && Samples[j - 1] > Value; j--)
            Samples[j] = Samples[j - 1];
        Samples[j] = Value;
    }
    DbgPrint("bench %s %I64u %I64u %I64u\n", Id, Samples[0], Samples[Count / 2], Samples[Count * 99 / 100]);
}

static VOID Report(PCSTR Id) { ReportFirst(Id, SAMPLES); }

static VOID Record(ULONG Sample, ULONG64 Total, ULONG64 Operations)
{
    Samples[Sample] = Total * 100 / Operations;
}

/* ---- Marks for the profile: instructions that do nothing ---- */

#ifdef ROW
static ULONG64 Operations;

static BOOLEAN IsProfiled(PCSTR Id)
{
    PCSTR Row = ROW;

    while (*Id != 0 && *Id == *Row) {
        Id++;
        Row++;
    }
    return *Id == *Row;
}

#define PROFILE_BEGIN(Id)                                                                           \
    do {                                                                                            \
        if (IsProfiled(Id))                                                                         \
            __asm__ volatile("nopl 0x4B650001(%%rax,%%rax)" ::: "memory");                          \
    } while (0)
#define PROFILE_END(Id, Done)                                                                       \
    do {                                                                                            \
        __asm__ volatile("nopl 0x4B650002(%%rax,%%rax)" ::: "memory");                              \
        if (IsProfiled(Id))                                                                         \
            Operations += (Done);                                                                   \
    } while (0)
#else
#define PROFILE_BEGIN(Id) ((VOID)(Id))
#define PROFILE_END(Id, Done) ((VOID)(Id))
#endif

#define BARRIER __asm__ volatile("" ::: "memory")

/* Operation is repeated; what it costs is a row. */
#define MEASURE(Id, Operation)                                                                      \
    do {                                                                                            \
        ULONG Sample_, Turn_;                                                                       \
        for (Sample_ = 0; Sample_ < SAMPLES; Sample_++) {                                           \
            ULONG64 Start_;                                                                         \
            PROFILE_BEGIN(Id);                                                                      \
            Start_ = __rdtsc();                                                                     \
            for (Turn_ = 0; Turn_ < REPEAT; Turn_++) {                                              \
                Operation;                                                                          \
                BARRIER;                                                                            \
            }                                                                                       \
            Record(Sample_, __rdtsc() - Start_ - LoopCost, REPEAT);                                 \
            PROFILE_END(Id, REPEAT);                                                                \
        }                                                                                           \
        Report(Id);                                                                                 \
    } while (0)

static BOOLEAN CalibrateLoop(VOID)
{
    ULONG64 Start, Nops;
    ULONG Turn;

    Start = __rdtsc();
    for (Turn = 0; Turn < REPEAT; Turn++)
        BARRIER;
    LoopCost = __rdtsc() - Start;
    Start = __rdtsc();
    __asm__ volatile(".rept 100\n\tnop\n\t.endr");
    Nops = __rdtsc() - Start;
    Start = __rdtsc();
    Nops -= __rdtsc() - Start;
    if (Nops != 100)
        DbgPrint("bench: 100 nops count as %I64u: this is not the instruction-counting machine\n", Nops);
    return Nops == 100;
}

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

/* ---- Events and locks ---- */

static VOID BenchObjects(VOID)
{
    KSPIN_LOCK Lock;
    KEVENT Event;
    KIRQL Irql;

    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    MEASURE("event.set", KeSetEvent(&Event, 0, FALSE));
    KeInitializeEvent(&Event, SynchronizationEvent, FALSE);
    MEASURE("event.set_wait", KeSetEvent(&Event, 0, FALSE);
            KeWaitForSingleObject(&Event, Executive, KernelMode, FALSE, NULL));
    KeInitializeSpinLock(&Lock);
    MEASURE("spinlock.pair", KeAcquireSpinLock(&Lock, &Irql); KeReleaseSpinLock(&Lock, Irql));
}

static VOID BenchLocks(VOID)
{
    static ERESOURCE Resource;
    FAST_MUTEX FastMutex;
    KSEMAPHORE Semaphore;
    KMUTEX Mutex;

    KeInitializeMutex(&Mutex, 0);
    MEASURE("mutex.pair", KeWaitForSingleObject(&Mutex, Executive, KernelMode, FALSE, NULL);
            KeReleaseMutex(&Mutex, FALSE));
    KeInitializeSemaphore(&Semaphore, 1, 1);
    MEASURE("semaphore.pair", KeWaitForSingleObject(&Semaphore, Executive, KernelMode, FALSE, NULL);
            KeReleaseSemaphore(&Semaphore, 0, 1, FALSE));
    ExInitializeFastMutex(&FastMutex);
    MEASURE("fastmutex.pair", ExAcquireFastMutex(&FastMutex); ExReleaseFastMutex(&FastMutex));
    KeEnterCriticalRegion();
    MEASURE("fastmutex.unsafe", ExAcquireFastMutexUnsafe(&FastMutex); ExReleaseFastMutexUnsafe(&FastMutex));
    ExInitializeResourceLite(&Resource);
    MEASURE("resource.shared", ExAcquireResourceSharedLite(&Resource, TRUE); ExReleaseResourceLite(&Resource));
    MEASURE("resource.exclusive", ExAcquireResourceExclusiveLite(&Resource, TRUE); ExReleaseResourceLite(&Resource));
    ExDeleteResourceLite(&Resource);
    KeLeaveCriticalRegion();
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
        Record(Turn, End - Start, WAITERS);
    }
    KeSetPriorityThread(Self, Priority);
    for (i = 0; i < WAITERS; i++)
        Join(Threads[i]);
    Report(Id);
}

/* ---- Timers ---- */

static KTIMER *Pending;
static KDPC BurstDpc[BURST];
static volatile LONG Fired;

static VOID NTAPI CountFired(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    Fired++;
}

/* Set and cancel one timer while Count others are pending, at due times spread over an hour. */
static VOID BenchTimers(ULONG Count, PCSTR Id)
{
    LARGE_INTEGER Due;
    ULONG64 Seed = 1;
    KTIMER Timer;
    ULONG i;

    for (i = 0; i < Count; i++) {
        Seed = Seed * 6364136223846793005ULL + 1442695040888963407ULL;
        Due.QuadPart = -(LONGLONG)(600000000ULL + (Seed >> 20) % 36000000000ULL);
        KeInitializeTimer(&Pending[i]);
        KeSetTimer(&Pending[i], Due, NULL);
    }
    KeInitializeTimer(&Timer);
    Due.QuadPart = -50000000LL;
    MEASURE(Id, KeSetTimer(&Timer, Due, NULL); KeCancelTimer(&Timer));
    for (i = 0; i < Count; i++)
        KeCancelTimer(&Pending[i]);
}

/* All due at one moment, which is let pass with the interrupt held off: the expiry itself is measured. */
static VOID BenchBurst(VOID)
{
    ULONG Turn, i;

    for (Turn = 0; Turn < BURST_SAMPLES; Turn++) {
        LARGE_INTEGER Due;
        ULONG64 Start;
        KIRQL Irql;

        KeQuerySystemTime(&Due);        /* of the last interrupt: up to a tick ago */
        Due.QuadPart += 20 * 10000;
        Fired = 0;
        for (i = 0; i < BURST; i++) {
            KeInitializeTimer(&Pending[i]);
            KeInitializeDpc(&BurstDpc[i], CountFired, NULL);
            KeSetTimer(&Pending[i], Due, &BurstDpc[i]);
        }
        KeRaiseIrql(HIGH_LEVEL, &Irql);
        for (Start = __rdtsc(); __rdtsc() - Start < 21 * 1000000;)
            ;                           /* 21 ms: a count is a nanosecond here */
        PROFILE_BEGIN("timer.burst");
        Start = __rdtsc();
        KeLowerIrql(Irql);
        Record(Turn, __rdtsc() - Start, BURST);
        PROFILE_END("timer.burst", BURST);
        if (Fired != BURST)
            DbgPrint("bench: only %d of %d timers fired\n", Fired, BURST);
    }
    ReportFirst("timer.burst", BURST_SAMPLES);
}

/* Interrupt time 0 on the time-stamp counter. Interrupt time is the counter scaled to 100 ns and rounded down: over
 * enough readings at all distances from a step, the earliest start that a reading allows is the start. */
static ULONG64 FindTimeStart(ULONGLONG (NTAPI *QueryPrecise)(PULONG64))
{
    ULONG64 Start = ~0ULL, Counter;
    ULONG Turn, i;

    for (Turn = 0; Turn < 5000; Turn++) {
        ULONG64 Time = QueryPrecise(&Counter);

        if (Counter - Time * 100 < Start)
            Start = Counter - Time * 100;
        for (i = 0; i < Turn % 101; i++)
            BARRIER;
    }
    return Start;
}

/* The processor idles until the timer is due. Its counter jumps then, to the due time and no further, so the count from
 * there is exact: what the armed clock comes late, the interrupt, the expiry, the way out of idle, the switch, the rest
 * of the wait. */
static VOID BenchExpiry(VOID)
{
    UNICODE_STRING Name = RTL_CONSTANT_STRING(L"KeQueryInterruptTimePrecise");
    ULONGLONG (NTAPI *QueryPrecise)(PULONG64) = (ULONGLONG (NTAPI *)(PULONG64))MmGetSystemRoutineAddress(&Name);
    LARGE_INTEGER Due;
    ULONG64 TimeStart;
    KTIMER Timer;
    ULONG Turn;

    if (QueryPrecise == NULL)
        return;
    TimeStart = FindTimeStart(QueryPrecise);
    KeInitializeTimerEx(&Timer, SynchronizationTimer);
    for (Turn = 0; Turn < SAMPLES; Turn++) {
        Due.QuadPart = -5000 - (LONGLONG)Turn;
        KeSetTimer(&Timer, Due, NULL);
        PROFILE_BEGIN("timer.expiry");  /* the way to idle and the idle loop beside what the row counts */
        KeWaitForSingleObject(&Timer, Executive, KernelMode, FALSE, NULL);
        PROFILE_END("timer.expiry", 1);
        Record(Turn, __rdtsc() - (TimeStart + Timer.DueTime.QuadPart * 100), 1);
    }
    Report("timer.expiry");
}

/* ---- DPCs ---- */

static KDPC Batch[100];

static VOID BenchDpcs(VOID)
{
    ULONG Turn, i;
    KIRQL Irql;
    KDPC Dpc;

    KeInitializeDpc(&Dpc, CountFired, NULL);
    MEASURE("dpc.run", KeInsertQueueDpc(&Dpc, NULL, NULL));
    for (i = 0; i < 100; i++)
        KeInitializeDpc(&Batch[i], CountFired, NULL);
    for (Turn = 0; Turn < SAMPLES; Turn++) {
        ULONG64 Start;

        PROFILE_BEGIN("dpc.batch");
        Start = __rdtsc();
        KeRaiseIrql(DISPATCH_LEVEL, &Irql);
        for (i = 0; i < 100; i++)
            KeInsertQueueDpc(&Batch[i], NULL, NULL);
        KeLowerIrql(Irql);
        Record(Turn, __rdtsc() - Start, 100);
        PROFILE_END("dpc.batch", 100);
    }
    Report("dpc.batch");
}

/* An interrupt at DISPATCH_LEVEL that finds nothing to do: it was asked for by a DPC, which is taken back. Counted are
 * the write to CR8 that lets it in, entry, the handler's look around, exit. */
static VOID BenchInterrupt(VOID)
{
    ULONG Turn;
    KIRQL Irql;
    KDPC Dpc;

    KeInitializeDpc(&Dpc, CountFired, NULL);
    for (Turn = 0; Turn < SAMPLES; Turn++) {
        ULONG64 Start, Cost, Bare;

        KeRaiseIrql(DISPATCH_LEVEL, &Irql);
        KeInsertQueueDpc(&Dpc, NULL, NULL);
        KeRemoveQueueDpc(&Dpc);
        PROFILE_BEGIN("interrupt");
        Start = __rdtsc();
        KeLowerIrql(Irql);
        Cost = __rdtsc() - Start;
        PROFILE_END("interrupt", 1);
        Start = __rdtsc();
        Bare = __rdtsc() - Start;
        Record(Turn, Cost - Bare, 1);
    }
    Report("interrupt");
}

/* ---- Work items ---- */

static WORK_QUEUE_ITEM WorkItems[BURST];
static volatile ULONG64 WorkStarted;
static volatile LONG WorkRan;

static VOID NTAPI NoteStart(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    WorkStarted = __rdtsc();
    PROFILE_END("work.latency", 1);
}

static VOID NTAPI CountWork(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    WorkRan++;
}

/* The worker is stronger, so it runs before the call of ExQueueWorkItem returns. */
static VOID BenchWorkLatency(VOID)
{
    ULONG Turn;

    for (Turn = 0; Turn < SAMPLES; Turn++) {
        ULONG64 Start;

        ExInitializeWorkItem(&WorkItems[0], NoteStart, NULL);
        PROFILE_BEGIN("work.latency");
        Start = __rdtsc();
        ExQueueWorkItem(&WorkItems[0], DelayedWorkQueue);
        Record(Turn, WorkStarted - Start, 1);
    }
    Report("work.latency");
}

/* Queued where the worker cannot run yet; then this thread makes way for it until all of them have. */
static VOID BenchWorkBulk(VOID)
{
    ULONG Turn, i;

    for (Turn = 0; Turn < BURST_SAMPLES; Turn++) {
        ULONG64 Start;
        KIRQL Irql;

        WorkRan = 0;
        for (i = 0; i < BURST; i++)
            ExInitializeWorkItem(&WorkItems[i], CountWork, NULL);
        PROFILE_BEGIN("work.bulk");
        Start = __rdtsc();
        KeRaiseIrql(DISPATCH_LEVEL, &Irql);
        for (i = 0; i < BURST; i++)
            ExQueueWorkItem(&WorkItems[i], DelayedWorkQueue);
        KeLowerIrql(Irql);
        Record(Turn, __rdtsc() - Start, BURST);
        PROFILE_END("work.bulk", BURST);
        if (WorkRan != BURST)
            DbgPrint("bench: only %d of %d work items ran\n", WorkRan, BURST);
    }
    ReportFirst("work.bulk", BURST_SAMPLES);
}

/* The queue's first worker, and its spare, are started by its first item: not what is measured. */
static VOID BenchWork(VOID)
{
    LARGE_INTEGER Moment;

    Moment.QuadPart = -10000;
    ExInitializeWorkItem(&WorkItems[0], CountWork, NULL);
    ExQueueWorkItem(&WorkItems[0], DelayedWorkQueue);
    KeDelayExecutionThread(KernelMode, FALSE, &Moment);
    BenchWorkLatency();
    BenchWorkBulk();
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    LARGE_INTEGER Hour;

    UNREFERENCED_PARAMETER(DriverObject);
    UNREFERENCED_PARAMETER(RegistryPath);
    if (!CalibrateLoop())
        return STATUS_NOT_SUPPORTED;
    Pending = ExAllocatePoolWithTag(NonPagedPool, 100000 * sizeof(KTIMER), 'hcnB');
    if (Pending == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    Hour.QuadPart = -36000000000LL;
    BenchObjects();
    BenchLocks();
    BenchPingPong("pingpong.equal", KeQueryPriorityThread(KeGetCurrentThread()), NULL);
    BenchPingPong("pingpong.higher", KeQueryPriorityThread(KeGetCurrentThread()) + 1, NULL);
    BenchPingPong("pingpong.timeout", KeQueryPriorityThread(KeGetCurrentThread()), &Hour);
    BenchYield();
    BenchBroadcast(FALSE, "broadcast.set");
    BenchBroadcast(TRUE, "broadcast.ran");
    BenchTimers(0, "timer.0");
    BenchTimers(1000, "timer.1000");
    BenchTimers(100000, "timer.100000");
    BenchExpiry();
    BenchBurst();
    BenchDpcs();
    BenchInterrupt();
    BenchWork();
    ExFreePoolWithTag(Pending, 'hcnB');
#ifdef ROW
    DbgPrint("bench profiled %I64u\n", Operations);
#endif
    return STATUS_SUCCESS;
}
