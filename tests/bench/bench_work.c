/* bench_work.c - rows of DPCs, of the interrupt that runs them, and of work items. */
#include "bench.h"

/* ---- DPCs ---- */

enum { BATCH = 100 };

static KDPC Batch[BATCH];
static volatile LONG Ran;

static VOID NTAPI CountRun(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    Ran++;
}

static VOID BenchQueueing(VOID)
{
    ULONG Turn, i;
    KIRQL Irql;
    KDPC Dpc;

    KeInitializeDpc(&Dpc, CountRun, NULL);
    MEASURE("dpc.run", KeInsertQueueDpc(&Dpc, NULL, NULL));
    for (i = 0; i < BATCH; i++)
        KeInitializeDpc(&Batch[i], CountRun, NULL);
    for (Turn = 0; Turn < SAMPLES; Turn++) {
        ULONG64 Start;

        PROFILE_BEGIN("dpc.batch");
        Start = __rdtsc();
        KeRaiseIrql(DISPATCH_LEVEL, &Irql);
        for (i = 0; i < BATCH; i++)
            KeInsertQueueDpc(&Batch[i], NULL, NULL);
        KeLowerIrql(Irql);
        BenchRecord(Turn, __rdtsc() - Start, BATCH);
        PROFILE_END("dpc.batch", BATCH);
    }
    BenchReport("dpc.batch", SAMPLES);
}

/* An interrupt at DISPATCH_LEVEL that finds nothing to do: it was asked for by a DPC, which is taken back. Counted are
 * the write to CR8 that lets it in, entry, the handler's look around, exit. */
static VOID BenchInterrupt(VOID)
{
    ULONG Turn;
    KIRQL Irql;
    KDPC Dpc;

    KeInitializeDpc(&Dpc, CountRun, NULL);
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
        BenchRecord(Turn, Cost - Bare, 1);
    }
    BenchReport("interrupt", SAMPLES);
}

VOID BenchDpcs(VOID)
{
    BenchQueueing();
    BenchInterrupt();
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
        BenchRecord(Turn, WorkStarted - Start, 1);
    }
    BenchReport("work.latency", SAMPLES);
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
        BenchRecord(Turn, __rdtsc() - Start, BURST);
        PROFILE_END("work.bulk", BURST);
        if (WorkRan != BURST)
            DbgPrint("bench: only %d of %d work items ran\n", WorkRan, BURST);
    }
    BenchReport("work.bulk", BURST_SAMPLES);
}

/* The queue's first worker, and its spare, are started by its first item: not what is measured. */
VOID BenchWork(VOID)
{
    LARGE_INTEGER Moment;

    Moment.QuadPart = -10000;
    ExInitializeWorkItem(&WorkItems[0], CountWork, NULL);
    ExQueueWorkItem(&WorkItems[0], DelayedWorkQueue);
    KeDelayExecutionThread(KernelMode, FALSE, &Moment);
    BenchWorkLatency();
    BenchWorkBulk();
}
