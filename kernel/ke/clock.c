/* clock.c - time: the counter as 100 ns units, the page that drivers read, the tick, the one-shot clock.
 *
 * Interrupt time is the processor's counter scaled to 100 ns since boot: exact at every moment, on every
 * processor. System time is interrupt time plus a bias that KeSetSystemTime moves. The page at
 * KI_USER_SHARED_DATA carries copies of both for inlines that load them without a call; they are refreshed by
 * every clock interrupt and never step back (but for the system time, when it is set).
 * There is no periodic interrupt. Each processor's clock is armed for the earlier of its next timer and, while
 * it runs a thread, its next tick; a tick ends quanta and refreshes the page. An idle processor has only its
 * timers. A tick comes every ClockInterval: TICK_UNITS, NT's usual 15.625 ms, unless somebody has asked for shorter
 * ones, to have the page newer; timers are exact anyway. What ticks count, quanta, run times and KeQueryTickCount, goes
 * by TICK_UNITS always. */
#include "ki.h"

enum { TICK_UNITS = 156250, UNITS_PER_SECOND = 10000000, SCALE_SHIFT = CLOCK_SCALE_SHIFT };
enum { FRESH_UNITS = 100 };             /* the page need not be newer */
#define LAST_SYSTEM_TIME 0x7FFF35F4F06C7FFFll   /* the end of the year 30827, months before the count runs out */

ULONG64 KiCounterStart, KiUnitsPerCount;
static ULONG64 CountsPerUnit;           /* counts per 100 ns, 24.40 fixed point */
static ULONG64 CountsPerMicrosecond;
static ULONG64 LatestDue;               /* interrupt time that still has a counter value; decades away */
static volatile ULONG ClockInterval = TICK_UNITS;
LONG64 KiSystemBias;                    /* system time - interrupt time */
static KSPIN_LOCK SettingLock;          /* one KeSetSystemTime at a time; above the timer queues' */
static KSPIN_LOCK PageLock;             /* a try lock: whoever finds it taken leaves the page to the holder */

static ULONG64 Scale(ULONG64 Value, ULONG64 Factor)
{
    return (ULONG64)((unsigned __int128)Value * Factor >> SCALE_SHIFT);
}


/* The interrupt time of a system time, as long as nobody sets it: 0 for one before boot, and none is beyond
 * MAXLONGLONG, so that what is due then can be moved by any difference of system times. */
ULONG64 KiInterruptTimeOf(LONG64 SystemTime)
{
    LONG64 Time;

    if (__builtin_sub_overflow(SystemTime, KiSystemTimeBias(), &Time))
        return SystemTime > 0 ? MAXLONGLONG : 0;
    return Time > 0 ? (ULONG64)Time : 0;
}

/* ---- The shared page ---- */

static ULONG64 LoadTime(volatile KSYSTEM_TIME *Time) { return *(volatile ULONG64 *)Time; }

/* High2 first, then the 8 bytes that readers load at once. */
static void StoreTime(volatile KSYSTEM_TIME *Time, ULONG64 Value)
{
    Time->High2Time = (LONG)(Value >> 32);
    *(volatile ULONG64 *)Time = Value;
}

static void RefreshPage(ULONG64 Now)
{
    if (__atomic_exchange_n(&PageLock, 1, __ATOMIC_ACQUIRE) != 0)
        return;
    if (Now > LoadTime(&SharedUserData->InterruptTime)) {
        StoreTime(&SharedUserData->TickCount, Now / TICK_UNITS);
        SharedUserData->TickCountLowDeprecated = (ULONG)(Now / TICK_UNITS);
        StoreTime(&SharedUserData->SystemTime, Now + (ULONG64)KiSystemTimeBias());
        StoreTime(&SharedUserData->InterruptTime, Now);
    }
    __atomic_store_n(&PageLock, 0, __ATOMIC_RELEASE);
}

/* ---- The one-shot clock, this processor, interrupts off ---- */

static void Arm(PKPCR Pcr, ULONG64 Due)
{
    if (Due == Pcr->ArmedDue)
        return;
    Pcr->ArmedDue = Due;
    if (Due == ~0ull)
        ArchStopClock();
    else                                /* + 1: rounding must not make it early */
        ArchArmClock(KiCounterStart + Scale(Due < LatestDue ? Due : LatestDue, CountsPerUnit) + 1);
}

void KiArmClock(PKPCR Pcr)
{
    ULONG64 Due = Pcr->TimerQueue.NextDue;

    if (!Pcr->Idle && Pcr->TickDue < Due)
        Due = Pcr->TickDue;
    Arm(Pcr, Due);
}

void KiArmClockEarlier(PKPCR Pcr, ULONG64 Due)
{
    if (Due < Pcr->ArmedDue)
        Arm(Pcr, Due);
}

/* The next tick is due in an interval, or when the running thread's TICK_UNITS are over. */
static void SetTick(PKPCR Pcr, ULONG64 Now)
{
    ULONG64 Due = Now + ClockInterval;

    Pcr->TickDue = Due < Pcr->TickUnitsDue ? Due : Pcr->TickUnitsDue;
}

/* A look that found work has not stopped it. */
void KiStartTick(PKPCR Pcr)
{
    ULONG64 Now;

    if (!Pcr->Idle)
        return;
    Now = KiQueryTime();
    Pcr->Idle = FALSE;
    Pcr->TickUnitsDue = Now + TICK_UNITS;
    SetTick(Pcr, Now);
    /* Mostly the clock has just ended idling, and refreshed the page. */
    if (Now - LoadTime(&SharedUserData->InterruptTime) > FRESH_UNITS)
        RefreshPage(Now);
    KiArmClock(Pcr);
}

void KiKeepTime(PKPCR Pcr)
{
    ULONG64 Flags = ArchDisableInterrupts();

    KiArmClockEarlier(Pcr, KiQueryTime() + ClockInterval);
    ArchRestoreInterrupts(Flags);
}

/* Code at DISPATCH_LEVEL holds the dispatch interrupt back, and reads the page. Timers that are due are not armed for
 * again, and an idle processor, where a DPC runs, has no tick: the page goes on all the same. */
static void ArmMeanwhile(PKPCR Pcr, ULONG64 Now)
{
    if (!Pcr->TimersDue)
        KiArmClock(Pcr);
    if (Pcr->TimersDue || Pcr->Idle)
        KiArmClockEarlier(Pcr, Now + ClockInterval);
}

static void Tick(PKPCR Pcr, ULONG64 Now)
{
    if (Now >= Pcr->TickUnitsDue) {
        Pcr->TickUnitsDue = Now + TICK_UNITS;
        KiTickThread(Pcr);
    }
    SetTick(Pcr, Now);
}

/* CLOCK_LEVEL, interrupts off. Returns: TRUE if the dispatch interrupt has something to do; it arms the clock then.
 * Interrupted: the IRQL that we came upon. */
BOOLEAN KiClockInterrupt(KIRQL Interrupted)
{
    PKPCR Pcr = KiCurrentPcr();
    ULONG64 Now = KiQueryTime();
    BOOLEAN Wanted;

    Pcr->ArmedDue = ~0ull;
    RefreshPage(Now);
    if (!Pcr->Idle && Now >= Pcr->TickDue)
        Tick(Pcr, Now);
    if (Pcr->TimerQueue.NextDue <= Now)
        Pcr->TimersDue = TRUE;
    Wanted = Pcr->QuantumEnd || Pcr->TimersDue || KiDpcsPending(Pcr);
    if (Interrupted >= DISPATCH_LEVEL)
        ArmMeanwhile(Pcr, Now);
    else if (!Wanted)
        KiArmClock(Pcr);
    return Wanted;
}

/* Once, on the boot processor, when the counter's frequency is known and the shared page is mapped. */
void KiInitializeClock(void)
{
    ULONG64 Frequency = ArchCounterFrequency();

    KiCounterStart = ArchReadCounter();
    KiUnitsPerCount = ((ULONG64)UNITS_PER_SECOND << SCALE_SHIFT) / Frequency;
    /* Quotient and remainder apart: 128 bits would take a division from the compiler's library. */
    CountsPerUnit = (Frequency / UNITS_PER_SECOND << SCALE_SHIFT) +
                    (Frequency % UNITS_PER_SECOND << SCALE_SHIFT) / UNITS_PER_SECOND + 1;
    LatestDue = (~0ull - KiCounterStart) / 2 / ((CountsPerUnit >> SCALE_SHIFT) + 1);
    CountsPerMicrosecond = (Frequency + 999999) / 1000000;
    KiSystemBias = (LONG64)(ArchReadWallClock() * UNITS_PER_SECOND);
    SharedUserData->TickCountMultiplier = (ULONG)(((ULONG64)TICK_UNITS << 24) / 10000);
    SharedUserData->NtMajorVersion = 10;
    RefreshPage(1);
}

/* ---- Public: KeQueryTimeIncrement, KeQueryPerformanceCounter, KeStallExecutionProcessor, the time queries,
 *      KeSetSystemTime ---- */

/* KeQueryTimeIncrement - 100 ns units per tick of KeQueryTickCount, constant. IRQL: any. */
ULONG KeQueryTimeIncrement(VOID) { return TICK_UNITS; }

/* KeQueryPerformanceCounter - the counter, monotonic over all processors; its frequency in Hz goes to
 * PerformanceFrequency if that is not NULL. IRQL: any. Source: WDK nf-ntifs-kequeryperformancecounter. */
LARGE_INTEGER KeQueryPerformanceCounter(PLARGE_INTEGER PerformanceFrequency)
{
    LARGE_INTEGER Counter;

    Counter.QuadPart = (LONGLONG)ArchReadCounter();
    if (PerformanceFrequency != NULL)
        PerformanceFrequency->QuadPart = (LONGLONG)ArchCounterFrequency();
    return Counter;
}

/* KeStallExecutionProcessor - busy wait for at least Microseconds. IRQL: any.
 * Source: WDK nf-ntifs-kestallexecutionprocessor. */
VOID KeStallExecutionProcessor(ULONG Microseconds)
{
    ULONG64 End = ArchReadCounter() + Microseconds * CountsPerMicrosecond;

    /* No pause: in an emulator it hands the turn to all other processors, and there is nobody to wait for. */
    while (ArchReadCounter() < End)
        ;
}

/* KeQueryInterruptTime - 100 ns since boot, as of the last clock interrupt. IRQL: any. */
ULONGLONG KeQueryInterruptTime(VOID) { return LoadTime(&SharedUserData->InterruptTime); }

/* KeQueryUnbiasedInterruptTime - the same without the time that the machine slept, which it never does. IRQL: any.
 * Source: WDK nf-wdm-kequeryunbiasedinterrupttime. */
ULONGLONG KeQueryUnbiasedInterruptTime(VOID) { return KeQueryInterruptTime(); }

/* KeQueryInterruptTimePrecise - 100 ns since boot, now, and the performance counter it was made from. IRQL: any. */
ULONGLONG KeQueryInterruptTimePrecise(PULONG64 QpcTimeStamp)
{
    *QpcTimeStamp = ArchReadCounter();
    return Scale(*QpcTimeStamp - KiCounterStart, KiUnitsPerCount);
}

/* KeQuerySystemTime - 100 ns since 1601-01-01 UTC, as of the last clock interrupt. IRQL: any. */
VOID KeQuerySystemTime(PLARGE_INTEGER CurrentTime)
{
    CurrentTime->QuadPart = (LONGLONG)LoadTime(&SharedUserData->SystemTime);
}

/* KeQuerySystemTimePrecise - 100 ns since 1601-01-01 UTC, now. IRQL: any. */
VOID KeQuerySystemTimePrecise(PLARGE_INTEGER CurrentTime)
{
    CurrentTime->QuadPart = (LONGLONG)KiQueryTime() + KiSystemTimeBias();
}

/* KeQueryTickCount - ticks of KeQueryTimeIncrement units since boot. IRQL: any. */
VOID KeQueryTickCount(PLARGE_INTEGER TickCount)
{
    TickCount->QuadPart = (LONGLONG)LoadTime(&SharedUserData->TickCount);
}

/* KeSetSystemTime - the system time becomes NewTime, within 1601 to 30827; OldTime receives what it was. Absolute
 * timers and timeouts follow, relative ones do not. IRQL: PASSIVE_LEVEL. */
VOID KeSetSystemTime(PLARGE_INTEGER NewTime, PLARGE_INTEGER OldTime)
{
    LONG64 New = NewTime->QuadPart < 0 ? 0 : NewTime->QuadPart;
    ULONG64 Flags = ArchDisableInterrupts();
    ULONG64 Now;

    KiAcquireRawLock(&SettingLock);
    Now = KiQueryTime();
    OldTime->QuadPart = (LONG64)Now + KiSystemBias;
    __atomic_store_n(&KiSystemBias, (New < LAST_SYSTEM_TIME ? New : LAST_SYSTEM_TIME) - (LONG64)Now, __ATOMIC_RELAXED);
    KiAcquireRawLock(&PageLock);
    StoreTime(&SharedUserData->SystemTime, Now + (ULONG64)KiSystemBias);
    KiReleaseRawLock(&PageLock);
    KiReleaseRawLock(&SettingLock);
    /* Each moves its own timers (timer_queue.c); its next one may be another one now, or due already. */
    for (ULONG Number = 0; Number < KiProcessorCount; Number++) {
        KiProcessorBlock[Number]->TimersDue = TRUE;
        ArchSendDispatch(Number);
    }
    ArchRestoreInterrupts(Flags);       /* only now may this thread change its processor */
}

/* ---- For the floors above: how often the clock interrupts ---- */

/* On each processor. One that idles, or runs a DPC meanwhile, comes to it when it starts its tick. */
static ULONG_PTR FollowInterval(ULONG_PTR Unused)
{
    ULONG64 Flags = ArchDisableInterrupts();
    ULONG64 Now = KiQueryTime();
    PKPCR Pcr = KiCurrentPcr();

    RefreshPage(Now);
    if (!Pcr->Idle) {
        SetTick(Pcr, Now);
        KiArmClockEarlier(Pcr, Pcr->TickDue);
    }
    ArchRestoreInterrupts(Flags);
    return Unused;
}

void KeSetClockInterval(ULONG Interval)
{
    ClockInterval = Interval;
    KeIpiGenericCall(FollowInterval, 0);
}

ULONG KeQueryClockInterval(void) { return ClockInterval; }
