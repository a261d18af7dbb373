/* wall.c - two processors at the same time, as ratios of host times in one run; on one processor, a time. Times are
 * noise; so a figure is the least of many short rounds, and it counts only when the least came up more than once.
 *
 * Output, in hundredths: `wall <id> <ratio> <quiet>`. quiet 0: the rounds never agreed, the host is too busy to tell.
 *   one.pingpong  the only row on one processor: two threads' round trip by events, in host ticks
 *   pingpong      an event's round trip between the processors, over that of a spinning flag
 *   floor         the flag's round trip, in host ticks
 *   control.*     instructions alone, writes of CR8, reads of the counter, on both processors over one
 *   own.*         operations per time of both processors, each on its own objects, over those of one
 *   shared.*      the same on one object */
#include <ntddk.h>
#include <intrin.h>

enum { TURNS = 400, TRIPS = 20, ROUNDS_MIN = 40, SECONDS = 6 };       /* SECONDS: that a row may take */

DRIVER_INITIALIZE DriverEntry;

/* What one processor works on. A page each: they share no cache line. */
typedef struct _OWN {
    KEVENT Event;
    KSEMAPHORE Semaphore;
    KMUTEX Mutex;
    ERESOURCE Resource;
    KTIMER Timer;
    KDPC Dpc;
    HANDLE Handle;                      /* of a thread that has ended */
    volatile LONG Dpcs;
} __attribute__((aligned(4096))) OWN;

typedef VOID (*OPERATION)(OWN *Own);

static OWN Objects[2];

static VOID SetWait(OWN *Own)
{
    KeSetEvent(&Own->Event, 0, FALSE);
    KeWaitForSingleObject(&Own->Event, Executive, KernelMode, FALSE, NULL);
}

/* Controls: what the host gives to instructions alone, and to writes of CR8 and reads of the counter, for which an
 * emulator may take a lock. */
static VOID Compute(OWN *Own)
{
    ULONG i;

    for (i = 0; i < 200; i++)
        *(volatile LONG *)&Own->Dpcs = (LONG)i;
}

static VOID RaiseLower(OWN *Own)
{
    KIRQL Irql;

    UNREFERENCED_PARAMETER(Own);
    KeRaiseIrql(DISPATCH_LEVEL, &Irql);
    KeLowerIrql(Irql);
}

static VOID ReadCounter(OWN *Own) { *(volatile LONG *)&Own->Dpcs = (LONG)__rdtsc(); }

static VOID Set(OWN *Own) { KeSetEvent(&Own->Event, 0, FALSE); }

static VOID Mutex(OWN *Own)
{
    KeWaitForSingleObject(&Own->Mutex, Executive, KernelMode, FALSE, NULL);
    KeReleaseMutex(&Own->Mutex, FALSE);
}

static VOID Semaphore(OWN *Own)
{
    KeWaitForSingleObject(&Own->Semaphore, Executive, KernelMode, FALSE, NULL);
    KeReleaseSemaphore(&Own->Semaphore, 0, 1, FALSE);
}

static VOID ResourceShared(OWN *Own)
{
    KeEnterCriticalRegion();
    ExAcquireResourceSharedLite(&Own->Resource, TRUE);
    ExReleaseResourceLite(&Own->Resource);
    KeLeaveCriticalRegion();
}

static VOID Timer(OWN *Own)
{
    LARGE_INTEGER Due;

    Due.QuadPart = -50000000LL;
    KeSetTimer(&Own->Timer, Due, NULL);
    KeCancelTimer(&Own->Timer);
}

static VOID Dpc(OWN *Own) { KeInsertQueueDpc(&Own->Dpc, NULL, NULL); }

static VOID Pool(OWN *Own)
{
    UNREFERENCED_PARAMETER(Own);
    ExFreePoolWithTag(ExAllocatePoolWithTag(NonPagedPool, 64, 'llaW'), 'llaW');
}

static VOID Handle(OWN *Own)
{
    PVOID Object;

    if (NT_SUCCESS(ObReferenceObjectByHandle(Own->Handle, 0, NULL, KernelMode, &Object, NULL)))
        ObDereferenceObject(Object);
}

static VOID NTAPI CountDpc(PKDPC Object, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Object);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    ((OWN *)Context)->Dpcs++;
}

static VOID NTAPI Nothing(PVOID Context) { UNREFERENCED_PARAMETER(Context); }

static NTSTATUS Prepare(OWN *Own)
{
    KeInitializeEvent(&Own->Event, SynchronizationEvent, FALSE);
    KeInitializeSemaphore(&Own->Semaphore, 2, 2);
    KeInitializeMutex(&Own->Mutex, 0);
    ExInitializeResourceLite(&Own->Resource);
    KeInitializeTimer(&Own->Timer);
    KeInitializeDpc(&Own->Dpc, CountDpc, Own);
    return PsCreateSystemThread(&Own->Handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, Nothing, NULL);
}

/* ---- The second processor ---- */

static struct {
    KEVENT Wake, Pong;
    OPERATION Operation;                /* NULL: the ping-pong */
    OWN *Own;
    BOOLEAN Stop;
    ULONG64 Start, End;
    volatile LONG Ready __attribute__((aligned(64)));
    volatile LONG Go __attribute__((aligned(64)));
    volatile LONG Done __attribute__((aligned(64)));
    volatile LONG Flag __attribute__((aligned(64)));
} Second;

static VOID Repeat(OPERATION Operation, OWN *Own, ULONG64 *Start, ULONG64 *End)
{
    ULONG Turn;

    *Start = __rdtsc();
    for (Turn = 0; Turn < TURNS; Turn++)
        Operation(Own);
    *End = __rdtsc();
}

static VOID NTAPI SecondProcessor(PVOID Context)
{
    LONG Trip;

    UNREFERENCED_PARAMETER(Context);
    KeSetSystemAffinityThread(2);
    for (;;) {
        KeWaitForSingleObject(&Second.Wake, Executive, KernelMode, FALSE, NULL);
        if (Second.Stop)
            break;
        Second.Ready = 1;
        if (Second.Operation != NULL) {
            while (!Second.Go)
                ;
            Repeat(Second.Operation, Second.Own, &Second.Start, &Second.End);
        } else if (Second.Own == NULL) {
            for (Trip = 1; Trip <= TRIPS; Trip++) {
                while (Second.Flag != 2 * Trip - 1)
                    ;
                Second.Flag = 2 * Trip;
            }
        } else {
            for (Trip = 1; Trip <= TRIPS; Trip++) {
                KeWaitForSingleObject(&Second.Own->Event, Executive, KernelMode, FALSE, NULL);
                KeSetEvent(&Second.Pong, 0, FALSE);
            }
        }
        Second.Done = 1;
    }
}

static VOID WakeSecond(OPERATION Operation, OWN *Own)
{
    Second.Operation = Operation;
    Second.Own = Own;
    Second.Ready = Second.Go = Second.Done = Second.Flag = 0;
    KeSetEvent(&Second.Wake, 0, FALSE);
    while (!Second.Ready)
        ;
}

static VOID AwaitSecond(VOID)
{
    while (!Second.Done)
        ;
}

/* ---- Rounds ---- */

typedef struct _LEAST { ULONG64 Value, Next; } LEAST;      /* the least two of all rounds */

static VOID Note(LEAST *Least, ULONG64 Value)
{
    if (Value < Least->Value) {
        Least->Next = Least->Value;
        Least->Value = Value;
    } else if (Value < Least->Next) {
        Least->Next = Value;
    }
}

static ULONG64 Deadline(VOID)
{
    LARGE_INTEGER Frequency;

    KeQueryPerformanceCounter(&Frequency);
    return __rdtsc() + Frequency.QuadPart * SECONDS;
}

static BOOLEAN Agrees(const LEAST *Least) { return (Least->Next - Least->Value) * 50 <= Least->Value; }

static ULONG64 RunAlone(OPERATION Operation)
{
    ULONG64 Start, End;

    Repeat(Operation, &Objects[0], &Start, &End);
    return End - Start;
}

/* From the first start to the last end: the host may have run one after the other. */
static ULONG64 RunBoth(OPERATION Operation, BOOLEAN Shared)
{
    ULONG64 Start, End;

    WakeSecond(Operation, &Objects[Shared ? 0 : 1]);
    Second.Go = 1;
    Repeat(Operation, &Objects[0], &Start, &End);
    AwaitSecond();
    return (End > Second.End ? End : Second.End) - (Start < Second.Start ? Start : Second.Start);
}

static VOID BenchThroughput(PCSTR Id, OPERATION Operation, BOOLEAN Shared)
{
    LEAST Alone = { ~0ULL, ~0ULL }, Both = { ~0ULL, ~0ULL };
    ULONG64 End = Deadline();
    BOOLEAN Quiet = FALSE;
    ULONG Round;

    for (Round = 0; !Quiet && __rdtsc() < End; Round++) {
        Note(&Alone, RunAlone(Operation));
        Note(&Both, RunBoth(Operation, Shared));
        Quiet = Round >= ROUNDS_MIN && Agrees(&Alone) && Agrees(&Both);
    }
    DbgPrint("wall %s %I64u %d\n", Id, Alone.Value * 200 / Both.Value, Quiet);
}

static ULONG64 FlagTrips(VOID)
{
    ULONG64 Start;
    LONG Trip;

    WakeSecond(NULL, NULL);
    Start = __rdtsc();
    for (Trip = 1; Trip <= TRIPS; Trip++) {
        Second.Flag = 2 * Trip - 1;
        while (Second.Flag != 2 * Trip)
            ;
    }
    Start = __rdtsc() - Start;
    AwaitSecond();
    return Start;
}

static ULONG64 EventTrips(VOID)
{
    ULONG64 Start;
    LONG Trip;

    WakeSecond(NULL, &Objects[0]);
    Start = __rdtsc();
    for (Trip = 1; Trip <= TRIPS; Trip++) {
        KeSetEvent(&Objects[0].Event, 0, FALSE);
        KeWaitForSingleObject(&Second.Pong, Executive, KernelMode, FALSE, NULL);
    }
    Start = __rdtsc() - Start;
    AwaitSecond();
    return Start;
}

static VOID BenchPingPong(VOID)
{
    LEAST Flags = { ~0ULL, ~0ULL }, Events = { ~0ULL, ~0ULL };
    ULONG64 End = Deadline();
    BOOLEAN Quiet = FALSE;
    ULONG Round;

    for (Round = 0; !Quiet && __rdtsc() < End; Round++) {
        Note(&Flags, FlagTrips());
        Note(&Events, EventTrips());
        Quiet = Round >= ROUNDS_MIN && Agrees(&Flags) && Agrees(&Events);
    }
    DbgPrint("wall pingpong %I64u %d\n", Events.Value * 100 / Flags.Value, Quiet);
    DbgPrint("wall floor %I64u %d\n", Flags.Value * 100 / TRIPS, Agrees(&Flags));
}

/* ---- One processor ---- */

static VOID NTAPI Partner(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    for (;;) {
        KeWaitForSingleObject(&Second.Wake, Executive, KernelMode, FALSE, NULL);
        KeSetEvent(&Second.Pong, 0, FALSE);
        if (Second.Stop)
            break;
    }
}

/* 2 sets, 2 waits and 2 switches each: nobody is better, so a set switches to nobody. */
static ULONG64 SwitchTrips(VOID)
{
    ULONG64 Start = __rdtsc();
    ULONG Turn;

    for (Turn = 0; Turn < TURNS; Turn++) {
        KeSetEvent(&Second.Wake, 0, FALSE);
        KeWaitForSingleObject(&Second.Pong, Executive, KernelMode, FALSE, NULL);
    }
    return __rdtsc() - Start;
}

static NTSTATUS BenchOne(VOID)
{
    LEAST Trips = { ~0ULL, ~0ULL };
    ULONG64 End = Deadline();
    BOOLEAN Quiet = FALSE;
    HANDLE Thread;
    ULONG Round;

    if (!NT_SUCCESS(PsCreateSystemThread(&Thread, THREAD_ALL_ACCESS, NULL, NULL, NULL, Partner, NULL)))
        return STATUS_INSUFFICIENT_RESOURCES;
    for (Round = 0; !Quiet && __rdtsc() < End; Round++) {
        Note(&Trips, SwitchTrips());
        Quiet = Round >= ROUNDS_MIN && Agrees(&Trips);
    }
    DbgPrint("wall one.pingpong %I64u %d\n", Trips.Value * 100 / TURNS, Quiet);
    Second.Stop = TRUE;
    KeSetEvent(&Second.Wake, 0, FALSE);
    KeWaitForSingleObject(&Second.Pong, Executive, KernelMode, FALSE, NULL);
    return ZwClose(Thread);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    HANDLE Thread;
    PVOID Object;

    UNREFERENCED_PARAMETER(DriverObject);
    UNREFERENCED_PARAMETER(RegistryPath);
    KeInitializeEvent(&Second.Wake, SynchronizationEvent, FALSE);
    KeInitializeEvent(&Second.Pong, SynchronizationEvent, FALSE);
    if (KeQueryActiveProcessors() == 1)
        return BenchOne();
    if (KeQueryActiveProcessors() != 3)
        return STATUS_NOT_SUPPORTED;
    if (!NT_SUCCESS(Prepare(&Objects[0])) || !NT_SUCCESS(Prepare(&Objects[1])))
        return STATUS_INSUFFICIENT_RESOURCES;
    KeSetSystemAffinityThread(1);
    if (!NT_SUCCESS(PsCreateSystemThread(&Thread, THREAD_ALL_ACCESS, NULL, NULL, NULL, SecondProcessor, NULL)))
        return STATUS_INSUFFICIENT_RESOURCES;
    ObReferenceObjectByHandle(Thread, THREAD_ALL_ACCESS, NULL, KernelMode, &Object, NULL);
    ZwClose(Thread);
    BenchPingPong();
    BenchThroughput("control.compute", Compute, FALSE);
    BenchThroughput("control.cr8", RaiseLower, FALSE);
    BenchThroughput("control.counter", ReadCounter, FALSE);
    BenchThroughput("own.set_wait", SetWait, FALSE);
    BenchThroughput("own.mutex", Mutex, FALSE);
    BenchThroughput("own.semaphore", Semaphore, FALSE);
    BenchThroughput("own.resource", ResourceShared, FALSE);
    BenchThroughput("own.timer", Timer, FALSE);
    BenchThroughput("own.dpc", Dpc, FALSE);
    BenchThroughput("own.pool", Pool, FALSE);
    BenchThroughput("own.handle", Handle, FALSE);
    BenchThroughput("shared.event", Set, TRUE);
    BenchThroughput("shared.semaphore", Semaphore, TRUE);
    BenchThroughput("shared.mutex", Mutex, TRUE);
    BenchThroughput("shared.resource", ResourceShared, TRUE);
    Second.Stop = TRUE;
    KeSetEvent(&Second.Wake, 0, FALSE);
    KeWaitForSingleObject(Object, Executive, KernelMode, FALSE, NULL);
    ObDereferenceObject(Object);
    ExDeleteResourceLite(&Objects[0].Resource);
    ExDeleteResourceLite(&Objects[1].Resource);
    ZwClose(Objects[0].Handle);
    ZwClose(Objects[1].Handle);
    return STATUS_SUCCESS;
}
