/* calibrate.c - how fast the time-stamp counter and the APIC timer run.
 *
 * Every clock of known frequency that the machine has (HPET, ACPI PM timer, PIT) and the APIC timer are
 * observed over the same window of about 10 ms. An observation is an edge: the clock's step to a new
 * value, caught between two readings of the counter; of several edges the one caught most tightly counts,
 * so that an emulator's host or an SMI that interferes with some does no harm. Two edges of one clock
 * bound the counter's frequency from below and above, which makes each result carry its own error.
 *
 * The result taken is the tightest that another clock confirms; one that nothing confirms is taken with a
 * line in the log, and a clock that contradicts is named. CPUID's figures are nominal: they confirm or
 * contradict, and serve alone only where nothing can be measured.
 *
 * Within its bounds, and by no more than 20 millionths, the result is rounded to the roundest number,
 * since crystals and emulators are specified in round ones: counted instructions give exactly 1 GHz.
 *
 * The window is a loop of plain instructions that doubles until the time is over, not a poll: on an
 * emulator a poll of a device costs a thousand times what it does to guest time. */

#include "x86.h"
#include <arch/io.h>
#include <rtl/print.h>

enum {
    EDGES = 4,                          /* tried at each end */
    READS = 4096,                       /* without a change: the clock is dead */
    WINDOWS_PER_SECOND = 100,
    AGREEMENT = 1000,                   /* one part in this many */
    ROUNDING = 50000,                   /* one part in this many */

    PIT_COMMAND = 0x43, PIT_CHANNEL2 = 0x42, PIT_LATCH2 = 0x80, PIT_MODE0 = 0xB0, PIT_FREQUENCY = 1193182,
    PIT_CONTROL = 0x61, PIT_GATE = 1, PIT_SPEAKER = 2, PIT_EXPIRED = 0x20,

    PM_FREQUENCY = 3579545,

    HPET_CAPABILITIES = 0, HPET_CONFIGURATION = 0x10, HPET_COUNTER = 0xF0,
    HPET_ENABLE = 1, HPET_LEGACY = 2, HPET_SLOWEST = 100000000
};

/* The clock's step to Value came at a counter reading within [First, Last]. */
typedef struct _EDGE { ULONG64 Value, First, Last; } EDGE;

typedef struct _CLOCK {
    const char *Name;
    ULONG64 (*Read)(void);              /* counts up, modulo Mask + 1 */
    ULONG64 Mask;
    ULONG64 Frequency;                  /* Hz; 0: absent, or what we want to know */
    BOOLEAN Alive;
    EDGE Start, End;
    ULONG64 Slowest, Fastest;           /* bounds for the counter's frequency */
} CLOCK;

/* ---- The clocks ---- */

static USHORT PmPort;
static volatile UCHAR *HpetRegisters;
static UCHAR PitControl;

static ULONG64 ReadPm(void)
{
    return IoIn32(PmPort);
}

static ULONG64 ReadHpet(void)
{
    return MmioRead32(HpetRegisters + HPET_COUNTER);
}

static ULONG64 ReadPit(void)
{
    ULONG Low;

    IoOut8(PIT_COMMAND, PIT_LATCH2);
    Low = IoIn8(PIT_CHANNEL2);
    return 0xFFFF - (Low | (ULONG)IoIn8(PIT_CHANNEL2) << 8);
}

static ULONG64 ReadApic(void)
{
    return 0xFFFFFFFF - ApicRead(APIC_CURRENT_COUNT);
}

/* Maps and starts the HPET; its frequency in Hz, 0 without one that works. */
static ULONG64 StartHpet(ULONG64 Base)
{
    ULONG Period, Configuration;

    if (!Base || !MmuMap(HPET_PAGE, Base & ~(ULONG64)(PAGE_SIZE - 1), PAGE_SIZE, MMU_WRITE | MMU_UNCACHED))
        return 0;
    HpetRegisters = (volatile UCHAR *)(HPET_PAGE + (Base & (PAGE_SIZE - 1)));
    Period = MmioRead32(HpetRegisters + HPET_CAPABILITIES + 4);
    if (Period == 0 || Period > HPET_SLOWEST) {
        LogPrint("clock: HPET at %#I64x refused: a period of %u fs\n", Base, Period);
        return 0;
    }
    Configuration = MmioRead32(HpetRegisters + HPET_CONFIGURATION);
    MmioWrite32(HpetRegisters + HPET_CONFIGURATION, (Configuration & ~(ULONG)HPET_LEGACY) | HPET_ENABLE);
    return 1000000000000000ull / Period;
}

/* Channel 2 counts down once from 65535, 55 ms, without sounding the speaker. */
static void StartPit(void)
{
    PitControl = IoIn8(PIT_CONTROL);
    IoOut8(PIT_CONTROL, (PitControl & ~PIT_SPEAKER) | PIT_GATE);
    IoOut8(PIT_COMMAND, PIT_MODE0);
    IoOut8(PIT_CHANNEL2, 0xFF);
    IoOut8(PIT_CHANNEL2, 0xFF);
}

/* FALSE when it reached its end, so that its value means nothing. */
static BOOLEAN StopPit(void)
{
    BOOLEAN Expired = (IoIn8(PIT_CONTROL) & PIT_EXPIRED) != 0;

    IoOut8(PIT_CONTROL, PitControl & ~PIT_SPEAKER & ~PIT_GATE);
    return !Expired;
}

/* ---- Observing ---- */

static BOOLEAN CatchEdge(const CLOCK *Clock, EDGE *Edge)
{
    ULONG64 Old, Before, After = X86ReadTsc();

    Edge->Value = Clock->Read();
    for (ULONG i = 0; i < READS; i++) {
        Old = Edge->Value;
        Before = After;
        After = X86ReadTsc();
        Edge->Value = Clock->Read();
        if (Edge->Value != Old) {
            Edge->First = Before;
            Edge->Last = X86ReadTsc();
            return TRUE;
        }
    }
    return FALSE;
}

/* The most tightly caught of a few edges. */
static BOOLEAN Observe(const CLOCK *Clock, EDGE *Best)
{
    EDGE Edge;

    Best->First = 0;
    Best->Last = ~0ull;
    for (ULONG i = 0; i < EDGES; i++) {
        if (!CatchEdge(Clock, &Edge))
            return FALSE;
        if (Edge.Last - Edge.First < Best->Last - Best->First)
            *Best = Edge;
    }
    return TRUE;
}

static void Spin(ULONG64 Rounds)
{
    while (Rounds-- > 0)
        __asm__ volatile("" : : : "memory");
}

/* Let the window pass, by the first clock that lives; slices stay below an eighth of it. */
static void WaitWindow(const CLOCK *Clock)
{
    ULONG64 Window = Clock->Frequency / WINDOWS_PER_SECOND, Rounds = 4096, Passed = 0;

    for (ULONG Slices = 0; Passed < Window && Slices < 4096; Slices++) {
        Spin(Rounds);
        Passed = (Clock->Read() - Clock->Start.Value) & Clock->Mask;
        if (Passed < Window / 16 && Rounds < 1ull << 28)
            Rounds *= 2;
    }
}

/* The clock's ticks in the window; 0 without two good edges. */
static ULONG64 TicksOf(const CLOCK *Clock)
{
    return Clock->Alive ? (Clock->End.Value - Clock->Start.Value) & Clock->Mask : 0;
}

static void BoundCounter(CLOCK *Clock)
{
    ULONG64 Ticks = TicksOf(Clock);

    Clock->Alive = Ticks != 0 && Clock->End.First > Clock->Start.Last;
    if (!Clock->Alive)
        return;
    Clock->Slowest = X86MulDiv(Clock->End.First - Clock->Start.Last, Clock->Frequency, Ticks);
    Clock->Fastest = X86MulDiv(Clock->End.Last - Clock->Start.First, Clock->Frequency, Ticks);
}

/* ---- Judging ---- */

static ULONG64 Middle(const CLOCK *Clock)
{
    return Clock->Slowest + (Clock->Fastest - Clock->Slowest) / 2;
}

/* A and B differ by at most one part in Parts, and Slack. */
static BOOLEAN Close(ULONG64 A, ULONG64 B, ULONG64 Parts, ULONG64 Slack)
{
    return (A > B ? A - B : B - A) <= A / Parts + Slack;
}

static BOOLEAN Agree(const CLOCK *A, const CLOCK *B)
{
    return A->Alive && B->Alive
        && Close(Middle(A), Middle(B), AGREEMENT, (A->Fastest - A->Slowest + B->Fastest - B->Slowest) / 2);
}

/* What CPUID says the counter's frequency is, 0 if nothing: crystal and ratio, a hypervisor's figure, or
 * the processor's base frequency. *Parts: how exact that is. */
static ULONG64 NominalFrequency(ULONG64 *Parts)
{
    CPUID Ratio = X86CpuidOrZero(0x15, 0), Base = X86CpuidOrZero(0x16, 0), Vendor;

    *Parts = AGREEMENT;
    if (Ratio.Eax && Ratio.Ebx && Ratio.Ecx)
        return X86MulDiv(Ratio.Ecx, Ratio.Ebx, Ratio.Eax);
    if (X86CpuidOrZero(1, 0).Ecx >> 31) {
        Vendor = X86Cpuid(0x40000000, 0);
        if (Vendor.Eax >= 0x40000010 && Vendor.Eax < 0x40010000)
            return X86Cpuid(0x40000010, 0).Eax * 1000ull;
    }
    *Parts = 50;
    return (Base.Eax & 0xFFFF) * 1000000ull;
}

/* The roundest number that is as good as Value: not further off than Error, nor than the ROUNDING part. */
static ULONG64 Round(ULONG64 Value, ULONG64 Error)
{
    ULONG64 Candidate, Allowed = Value / ROUNDING < Error ? Value / ROUNDING : Error;

    for (ULONG64 Step = 1000000000; Step > 1; Step /= 10) {
        Candidate = (Value + Step / 2) / Step * Step;
        if (Candidate && Close(Candidate, Value, ~0ull, Allowed))
            return Candidate;
    }
    return Value;
}

/* The tightest clock that another, or CPUID's figure, confirms; else the tightest; NULL if none lives. */
static const CLOCK *Judge(const CLOCK *Clocks, ULONG Count, ULONG64 Nominal, ULONG64 Parts)
{
    const CLOCK *Best = NULL;
    ULONG BestVotes = 0;

    for (ULONG i = 0; i < Count; i++) {
        const CLOCK *Clock = &Clocks[i];
        ULONG Votes = Clock->Alive && Nominal && Close(Middle(Clock), Nominal, Parts, 0);

        for (ULONG j = 0; j < Count; j++)
            Votes += j != i && Agree(Clock, &Clocks[j]);
        Votes = Votes > 0;
        if (!Clock->Alive || (Best && Votes < BestVotes))
            continue;
        if (!Best || Votes > BestVotes || Clock->Fastest - Clock->Slowest < Best->Fastest - Best->Slowest) {
            Best = Clock;
            BestVotes = Votes;
        }
    }
    if (Best && !BestVotes)
        LogPrint("clock: %s says %I64u Hz and nothing confirms it\n", Best->Name, Middle(Best));
    return Best;
}

static void NameDissent(const CLOCK *Best, const CLOCK *Clocks, ULONG Count, ULONG64 Nominal, ULONG64 Parts)
{
    for (ULONG i = 0; i < Count; i++) {
        if (Clocks[i].Alive && !Agree(Best, &Clocks[i]))
            LogPrint("clock: %s says %I64u Hz, %s %I64u Hz: the former is used\n", Best->Name, Middle(Best),
                Clocks[i].Name, Middle(&Clocks[i]));
    }
    if (Nominal && !Close(Middle(Best), Nominal, Parts, 0))
        LogPrint("clock: %s says %I64u Hz, CPUID %I64u Hz: the former is used\n", Best->Name, Middle(Best), Nominal);
}

/* The APIC timer against the counter, both over the window. */
static ULONG64 ApicFrequency(const CLOCK *Apic, ULONG64 Counter)
{
    ULONG64 Slowest, Fastest, Value, Ticks = TicksOf(Apic);

    if (!Ticks || Apic->End.First <= Apic->Start.Last) {
        LogPrint("clock: the APIC timer does not count\n");
        return Counter;
    }
    Slowest = X86MulDiv(Ticks, Counter, Apic->End.Last - Apic->Start.First);
    Fastest = X86MulDiv(Ticks, Counter, Apic->End.First - Apic->Start.Last);
    Value = Slowest + (Fastest - Slowest) / 2;
    return Round(Value, Fastest - Value);
}

/* ---- Public ---- */

static void Measure(CLOCK *Clocks, ULONG Count)
{
    const CLOCK *Timekeeper = NULL;

    for (ULONG i = 0; i < Count; i++) {
        Clocks[i].Alive = Clocks[i].Read && Observe(&Clocks[i], &Clocks[i].Start);
        if (Clocks[i].Read && !Clocks[i].Alive)
            LogPrint("clock: the %s does not count\n", Clocks[i].Name);
        if (!Timekeeper && Clocks[i].Alive && Clocks[i].Frequency)
            Timekeeper = &Clocks[i];
    }
    if (Timekeeper)
        WaitWindow(Timekeeper);
    for (ULONG i = 0; i < Count; i++)
        Clocks[i].Alive = Clocks[i].Alive && Observe(&Clocks[i], &Clocks[i].End);
}

/* CalibrateClocks - measure both frequencies. Interrupts off, the APIC enabled and its timer masked. Takes
 * about 10 ms. Never fails: with no clock to measure by it uses CPUID, else 1 GHz, and says so. */
CALIBRATION CalibrateClocks(const PLATFORM *P)
{
    enum { Hpet, Pm, Pit, Timed, Apic = Timed, Count };
    CLOCK Clocks[Count] = {
        [Hpet] = { "HPET", NULL, 0xFFFFFFFF, StartHpet(P->HpetBase) },
        [Pm] = { "PM timer", NULL, P->PmTimer32 ? 0xFFFFFFFF : 0xFFFFFF, PM_FREQUENCY },
        [Pit] = { "PIT", ReadPit, 0xFFFF, PIT_FREQUENCY },
        [Apic] = { "APIC timer", ReadApic, 0xFFFFFFFF, 0 },
    };
    ULONG64 Parts, Nominal = NominalFrequency(&Parts);
    CALIBRATION Result;
    const CLOCK *Best;

    PmPort = P->PmTimerPort;
    Clocks[Pm].Read = PmPort ? ReadPm : NULL;
    Clocks[Hpet].Read = Clocks[Hpet].Frequency ? ReadHpet : NULL;
    StartPit();
    ApicWrite(APIC_INITIAL_COUNT, 0xFFFFFFFF);
    Measure(Clocks, Count);
    ApicWrite(APIC_INITIAL_COUNT, 0);
    Clocks[Pit].Alive &= StopPit();

    for (ULONG i = 0; i < Timed; i++)
        BoundCounter(&Clocks[i]);
    Best = Judge(Clocks, Timed, Nominal, Parts);
    if (Best) {
        NameDissent(Best, Clocks, Timed, Nominal, Parts);
        Result.Counter = Round(Middle(Best), (Best->Fastest - Best->Slowest) / 2);
    } else {
        Result.Counter = Nominal ? Nominal : 1000000000;
        LogPrint("clock: nothing to measure by, %s\n", Nominal ? "CPUID is believed" : "1 GHz is assumed");
    }
    Result.ApicTimer = ApicFrequency(&Clocks[Apic], Result.Counter);
    LogPrint("clock: counter %I64u Hz by %s\n", Result.Counter, Best ? Best->Name : "CPUID");
    return Result;
}
