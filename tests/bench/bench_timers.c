/* bench_timers.c - rows of timers: set and cancel, expiry, many at once. */
#include "bench.h"

enum { PENDING = 100000 };

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
static VOID BenchSetCancel(ULONG Count, PCSTR Id)
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
        BenchRecord(Turn, __rdtsc() - Start, BURST);
        PROFILE_END("timer.burst", BURST);
        if (Fired != BURST)
            DbgPrint("bench: only %d of %d timers fired\n", Fired, BURST);
    }
    BenchReport("timer.burst", BURST_SAMPLES);
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
        BenchRecord(Turn, __rdtsc() - (TimeStart + Timer.DueTime.QuadPart * 100), 1);
    }
    BenchReport("timer.expiry", SAMPLES);
}

VOID BenchTimers(VOID)
{
    Pending = ExAllocatePoolWithTag(NonPagedPool, PENDING * sizeof(KTIMER), 'hcnB');
    if (Pending == NULL)
        return;
    BenchSetCancel(0, "timer.0");
    BenchSetCancel(1000, "timer.1000");
    BenchSetCancel(PENDING, "timer.100000");
    BenchExpiry();
    BenchBurst();
    ExFreePoolWithTag(Pending, 'hcnB');
}
