/* apic_inner_test.c - the local APIC as it was set up, its one-shot clock, and the calibration.
 *
 * The clock belongs to ke. A test that arms it keeps interrupts off, sees it fire in the APIC's request
 * register, and leaves it fired: the interrupt that follows has ke arm its own deadline again. */
#include <arch/io.h>
#include <ktest.h>
#include <mm/mm.h>
#include "x86.h"

enum { APIC_REQUEST = 0x200, LVT_MASK = 1 << 16, MICROSECOND = 1000000, PATIENCE = 10 };

static BOOLEAN ClockPending(void)
{
    return ApicRead(APIC_REQUEST + VECTOR_CLOCK / 32 * 0x10) >> VECTOR_CLOCK % 32 & 1;
}

/* Interrupts off with no clock interrupt waiting; returns the flags to restore. */
static ULONG64 TakeClock(void)
{
    ULONG64 Flags = ArchDisableInterrupts();

    ArchStopClock();
    while (ClockPending()) {
        ArchEnableInterrupts();
        ArchPause();
        ArchDisableInterrupts();
        ArchStopClock();
    }
    return Flags;
}

static void GiveClockBack(ULONG64 Flags)
{
    ArchArmClock(0);
    ArchRestoreInterrupts(Flags);
}

/* Arm for Deadline and watch: *Before is a reading at which the clock had not fired, returned is one at
 * which it had; ~0 when it did not come within PATIENCE seconds. */
static ULONG64 Watch(ULONG64 Deadline, ULONG64 *Before)
{
    ULONG64 Limit = ArchReadCounter() + ArchCounterFrequency() * PATIENCE;

    ArchArmClock(Deadline);
    for (*Before = 0; *Before < Limit;) {
        ULONG64 Now = ArchReadCounter();

        if (ClockPending())
            return ArchReadCounter();
        *Before = Now;
        ArchPause();
    }
    return ~0ull;
}

/* ---- The clock ---- */

TEST(arch_apic, clock_fires_at_its_deadline)
{
    static const ULONG Distances[] = { 5, 50, 500, 5000 };      /* microseconds */
    ULONG64 PerMicrosecond = ArchCounterFrequency() / MICROSECOND;

    for (ULONG i = 0; i < RTL_NUMBER_OF(Distances); i++) {
        ULONG64 Flags = TakeClock();
        ULONG64 Deadline = ArchReadCounter() + Distances[i] * PerMicrosecond, Before, After = Watch(Deadline, &Before);

        GiveClockBack(Flags);
        EXPECT_GE(After, Deadline);
        REQUIRE_TRUE(After != ~0ull);
        if (KtestVirtualTime())
            EXPECT_LE(Before, Deadline + PerMicrosecond);
    }
}

TEST(arch_apic, past_deadline_fires_at_once)
{
    ULONG64 Now = ArchReadCounter();
    const ULONG64 Deadlines[] = { 0, 1, Now - 1, Now };

    for (ULONG i = 0; i < RTL_NUMBER_OF(Deadlines); i++) {
        ULONG64 Flags = TakeClock(), Before, Start = ArchReadCounter(), After = Watch(Deadlines[i], &Before);

        GiveClockBack(Flags);
        REQUIRE_TRUE(After != ~0ull);
        if (KtestVirtualTime())
            EXPECT_LE(After - Start, ArchCounterFrequency() / MICROSECOND);
    }
}

/* Again if a host held the processor up between the two: the first has fired then, and rightly. */
TEST(arch_apic, arming_again_replaces_the_deadline)
{
    ULONG64 Millisecond = ArchCounterFrequency() / 1000, Start, After;
    BOOLEAN HeldUp;

    do {
        ULONG64 Flags = TakeClock(), Before;

        Start = ArchReadCounter();
        ArchArmClock(Start + Millisecond);
        ArchArmClock(Start + 5 * Millisecond);
        HeldUp = ArchReadCounter() >= Start + Millisecond;
        After = Watch(Start + 5 * Millisecond, &Before);
        GiveClockBack(Flags);
    } while (HeldUp);
    REQUIRE_TRUE(After != ~0ull);
    EXPECT_GE(After, Start + 5 * Millisecond);
}

TEST(arch_apic, stopped_clock_stays_silent)
{
    ULONG64 Flags = TakeClock();
    BOOLEAN Fired;

    ArchArmClock(ArchReadCounter() + ArchCounterFrequency() / 10);
    ArchStopClock();
    ApicStall(200000);
    Fired = ClockPending();
    GiveClockBack(Flags);
    EXPECT_FALSE(Fired);
}

/* Beyond what a counter of 32 bits can hold, up to "never": nothing comes soon, and nothing wraps. The
 * first, cut to 32 bits, would come within the time that is waited. */
TEST(arch_apic, far_deadlines_do_not_wrap)
{
    const ULONG64 Half = ArchCounterFrequency() / 2000;         /* of a millisecond */
    const ULONG64 Distances[] = { (1ull << 32) + Half, (1ull << 40) + Half, 1ull << 62, 1ull << 63 };

    for (ULONG i = 0; i < RTL_NUMBER_OF(Distances); i++) {
        ULONG64 Flags = TakeClock();
        BOOLEAN Fired;

        ArchArmClock(ArchReadCounter() + Distances[i]);
        ApicStall(1000);
        Fired = ClockPending();
        GiveClockBack(Flags);
        EXPECT_FALSE(Fired);
    }
}

/* ---- Calibration ---- */

/* A PM timer value and the counter at that moment, the tightest of a few readings. */
static ULONG64 ReadTogether(USHORT Port, ULONG *Ticks)
{
    ULONG64 Best = ~0ull, Counter = 0;

    for (ULONG i = 0; i < 16; i++) {
        ULONG64 Before = ArchReadCounter(), After;
        ULONG Value = IoIn32(Port);

        After = ArchReadCounter();
        if (After - Before < Best) {
            Best = After - Before;
            Counter = Before + Best / 2;
            *Ticks = Value;
        }
    }
    return Counter;
}

TEST(arch_clock, counter_agrees_with_the_pm_timer)
{
    enum { PM_FREQUENCY = 3579545 };
    USHORT Port = PlatformQuery()->PmTimerPort;
    ULONG First, Last;
    ULONG64 Start, Counts, Expected;

    if (!Port) {
        KtestSkip("no PM timer");
        return;
    }
    Start = ReadTogether(Port, &First);
    ApicStall(100000);
    Counts = ReadTogether(Port, &Last) - Start;
    Expected = X86MulDiv((Last - First) & 0xFFFFFF, ArchCounterFrequency(), PM_FREQUENCY);
    EXPECT_LE(Counts, Expected + Expected / 1000);
    EXPECT_GE(Counts, Expected - Expected / 1000);
}

TEST(arch_clock, counted_instructions_are_1_ghz)
{
    if (!KtestVirtualTime()) {
        KtestSkip("real time");
        return;
    }
    EXPECT_EQ(ArchCounterFrequency(), 1000000000);
}

/* A machine may have no battery clock, or one that lost its battery. */
TEST(arch_clock, wall_clock_is_nothing_or_a_date_of_a_pc)
{
    enum { YEAR = 31556952 };
    ULONG64 Seconds = ArchReadWallClock();

    if (Seconds == 0) {
        KtestSkip("no battery clock");
        return;
    }
    EXPECT_GE(Seconds, 379ull * YEAR - 86400);          /* 1980 */
    EXPECT_LE(Seconds, 600ull * YEAR);                  /* 2201 */
}

/* ---- What must stay silent ---- */

TEST(arch_apic, only_clock_and_error_are_open)
{
    EXPECT_EQ(ApicRead(APIC_SPURIOUS) & 0x1FF, 0x100 | VECTOR_SPURIOUS);
    EXPECT_EQ(ApicRead(APIC_LVT_TIMER) & (LVT_MASK | 0xFF), VECTOR_CLOCK);
    EXPECT_EQ(ApicRead(APIC_LVT_ERROR) & (LVT_MASK | 0xFF), VECTOR_ERROR);
    EXPECT_TRUE(ApicRead(APIC_LVT_LINT0) & LVT_MASK);
    EXPECT_TRUE(ApicRead(APIC_LVT_LINT1) & LVT_MASK);
    EXPECT_EQ(ApicId(), ARCH_THIS_CPU->ApicId);
}

TEST(arch_apic, the_8259s_are_masked)
{
    EXPECT_EQ(IoIn8(0x21), 0xFF);
    EXPECT_EQ(IoIn8(0xA1), 0xFF);
}

TEST(arch_apic, every_ioapic_pin_is_masked)
{
    const PLATFORM *P = PlatformQuery();

    for (ULONG i = 0; i < P->IoApicCount; i++) {
        volatile ULONG *Select = MmMapDevice(P->IoApicBase[i], PAGE_SIZE, MmUncached);

        REQUIRE_TRUE(Select != NULL);
        *Select = 1;
        for (ULONG Pins = (Select[4] >> 16 & 0xFF) + 1; Pins > 0; Pins--) {
            *Select = 0x10 + 2 * (Pins - 1);
            EXPECT_TRUE(Select[4] & LVT_MASK);
        }
        MmUnmapDevice((PVOID)Select, PAGE_SIZE);
    }
}
