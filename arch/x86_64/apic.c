/* apic.c - the local APIC: interrupts between processors, and each processor's one-shot clock.
 *
 * One mode for all processors, chosen on the first: x2APIC (registers are MSRs) when the processor offers
 * it and the firmware runs it already, or an APIC id beyond 254 needs it, or the option x2apic asks;
 * else xAPIC (registers are a page of memory, APIC_PAGE). ARCH_CPU.X2Apic tells the mode to the paths
 * that are too hot for a call.
 *
 * Interrupts come only from other processors and from the APIC itself: its own pins (LINT0, LINT1) and
 * the rest of the local vector table are masked, and so are the 8259s and every IOAPIC pin.
 *
 * Sending in xAPIC mode takes two writes, and the command register holds one message at a time. So a
 * sender to others keeps interrupts off and waits until its message has gone out; thereby the register
 * is free whenever interrupts are on, and a self-interrupt, the hot case, is one blind write.
 *
 * The clock is the APIC timer: in TSC-deadline mode where offered (the deadline is written as it is),
 * else a down-counter to which the distance is converted. A distance that the counter cannot hold is cut
 * to its whole range: the clock fires early, Client.Clock finds nothing due, and arms again. A deadline
 * that has passed becomes the smallest count: it fires at once and is never lost.
 *
 * Messages go to one processor at a time, by APIC id. Rejected: the all-but-self shorthand, which also
 * reaches processors that never came up and still run firmware code. */

#include "x86.h"
#include <arch/io.h>
#include <rtl/debug.h>
#include <rtl/print.h>

enum {
    APIC_BASE_X2 = 1 << 10, APIC_BASE_ENABLE = 1 << 11,
    SPURIOUS_ENABLE = 1 << 8,
    LVT_MASKED = 1 << 16, LVT_DEADLINE = 2 << 17,
    DIVIDE_BY_1 = 0xB,
    COMMAND_FIXED = 0x4000, COMMAND_NMI = 0x4400, COMMAND_INIT = 0xC500, COMMAND_INIT_OFF = 0x8500,
    COMMAND_STARTUP = 0x4600, COMMAND_SELF = 0x40000, COMMAND_BUSY = 0x1000,
    CPUID_1_ECX_X2APIC = 1 << 21, CPUID_1_ECX_DEADLINE = 1 << 24
};

static struct {
    BOOLEAN X2;                         /* all (i) fixed once the boot processor's clock runs */
    BOOLEAN Deadline;
    ULONG64 CounterFrequency;           /* Hz */
    ULONG64 TicksPerCount;              /* APIC timer ticks per counter tick, 32.32 */
    ULONG64 LongestCount;               /* counter ticks that the APIC timer can hold */
    ULONG Ids[ARCH_MAX_CPUS];           /* by processor number; valid where Present */
    volatile ULONG64 Present;           /* processors whose APIC is set up */
    volatile ULONG ErrorsSeen;          /* bits of the error register logged so far */
} Apic;

/* ---- Registers ---- */

static volatile ULONG *MemoryRegister(ULONG Register)
{
    return (volatile ULONG *)(APIC_PAGE + Register);
}

ULONG ApicRead(ULONG Register)
{
    return ARCH_THIS_CPU->X2Apic ? (ULONG)X86ReadMsr(MSR_X2APIC + (Register >> 4)) : *MemoryRegister(Register);
}

void ApicWrite(ULONG Register, ULONG Value)
{
    if (ARCH_THIS_CPU->X2Apic)
        X86WriteMsr(MSR_X2APIC + (Register >> 4), Value);
    else
        *MemoryRegister(Register) = Value;
}

BOOLEAN ApicHasX2(void)
{
    return (X86CpuidOrZero(1, 0).Ecx & CPUID_1_ECX_X2APIC) != 0;
}

/* ApicLocate - make this processor's APIC reachable in whatever mode the firmware left it. Returns its
 * physical base. */
ULONG64 ApicLocate(void)
{
    ULONG64 Msr = X86ReadMsr(MSR_APIC_BASE);
    ULONG64 Base = Msr & 0x000FFFFFFFFFF000ull;

    if (!(Msr & APIC_BASE_ENABLE))
        X86WriteMsr(MSR_APIC_BASE, Msr | APIC_BASE_ENABLE);
    RtlRequire(MmuMap(APIC_PAGE, Base, PAGE_SIZE, MMU_WRITE | MMU_UNCACHED));
    ARCH_THIS_CPU->X2Apic = (Msr & APIC_BASE_X2) != 0;
    return Base;
}

ULONG ApicId(void)
{
    ULONG Id = ApicRead(APIC_ID);

    return ARCH_THIS_CPU->X2Apic ? Id : Id >> 24;
}

/* ---- Sending ---- */

static void WaitUntilSent(void)
{
    while (*MemoryRegister(APIC_COMMAND) & COMMAND_BUSY)
        ArchPause();
}

/* An MSR write may overtake earlier stores, which the receiver is meant to see. */
static void SendCommandX2(ULONG Id, ULONG Command)
{
    __asm__ volatile("mfence\n\tlfence" : : : "memory");
    X86WriteMsr(MSR_X2APIC + (APIC_COMMAND >> 4), (ULONG64)Id << 32 | Command);
}

/* The first wait is for a message of ours that an NMI or machine check interrupted halfway. */
static void SendCommand(ULONG Id, ULONG Command)
{
    ULONG64 Flags;

    if (ARCH_THIS_CPU->X2Apic) {
        SendCommandX2(Id, Command);
        return;
    }
    Flags = ArchDisableInterrupts();
    WaitUntilSent();
    *MemoryRegister(APIC_COMMAND_HIGH) = Id << 24;
    *MemoryRegister(APIC_COMMAND) = Command;
    WaitUntilSent();
    ArchRestoreInterrupts(Flags);
}

FORCEINLINE void SendSelf(ULONG Vector)
{
    if (UNLIKELY(ARCH_THIS_CPU->X2Apic))
        X86WriteMsr(MSR_X2APIC + (APIC_SELF >> 4), Vector);
    else
        *MemoryRegister(APIC_COMMAND) = COMMAND_SELF | COMMAND_FIXED | Vector;
}

static void SendVector(ULONG Processor, ULONG Vector)
{
    if (Processor == ARCH_THIS_CPU->Number)
        SendSelf(Vector);
    else
        SendCommand(Apic.Ids[Processor], COMMAND_FIXED | Vector);
}

static void SendToEach(ULONG64 Processors, ULONG Command)
{
    for (; Processors; Processors &= Processors - 1)
        SendCommand(Apic.Ids[__builtin_ctzll(Processors)], Command);
}

void ApicSendInit(ULONG Id)
{
    SendCommand(Id, COMMAND_INIT);
    if (!Apic.X2)                       /* x2APIC mode has no such message, nor a need for it */
        SendCommand(Id, COMMAND_INIT_OFF);
}

void ApicSendStartup(ULONG Id, ULONG Page)
{
    SendCommand(Id, COMMAND_STARTUP | Page);
}

/* Before this processor's APIC is set up there are no others to stop. */
void ApicSendNmiToOthers(void)
{
    ULONG64 Self = 1ull << ARCH_THIS_CPU->Number;

    if (Apic.Present & Self)
        SendToEach(Apic.Present & ~Self, COMMAND_NMI);
}

/* Each kind of error is worth one line; a broken bus would otherwise fill the log. */
void ApicHandleError(void)
{
    ULONG Status;

    ApicWrite(APIC_ERROR, 0);
    Status = ApicRead(APIC_ERROR);
    if (Status & ~__atomic_fetch_or(&Apic.ErrorsSeen, Status, __ATOMIC_RELAXED))
        LogPrint("apic: error status %#x on processor %u\n", Status, ARCH_THIS_CPU->Number);
}

/* ---- Interrupt controllers that stay silent ---- */

/* Away from the exception vectors before they are masked, because a spurious interrupt cannot be. */
static void Silence8259(void)
{
    static const UCHAR Setup[][4] = { { 0x11, 0x30, 0x04, 0x01 }, { 0x11, 0x38, 0x02, 0x01 } };

    for (ULONG i = 0; i < 2; i++) {
        USHORT Port = i ? 0xA0 : 0x20;

        IoOut8(Port, Setup[i][0]);
        for (ULONG Word = 1; Word < 4; Word++)
            IoOut8(Port + 1, Setup[i][Word]);
        IoOut8(Port + 1, 0xFF);
    }
}

static void SilenceIoApic(ULONG64 Base)
{
    volatile ULONG *Select = (volatile ULONG *)(IOAPIC_PAGE + (Base & (PAGE_SIZE - 1)));
    volatile ULONG *Window = Select + 4;
    ULONG Version, Pins;

    if (!MmuMap(IOAPIC_PAGE, Base & ~(ULONG64)(PAGE_SIZE - 1), PAGE_SIZE, MMU_WRITE | MMU_UNCACHED))
        return;
    *Select = 1;
    Version = *Window;
    Pins = (Version >> 16 & 0xFF) + 1;
    if (Version == 0xFFFFFFFF || Pins > 240) {
        LogPrint("apic: no IOAPIC answers at %#I64x\n", Base);
        Pins = 0;
    }
    for (ULONG Pin = 0; Pin < Pins; Pin++) {
        *Select = 0x10 + 2 * Pin;
        *Window = LVT_MASKED;
    }
    MmuUnmap(IOAPIC_PAGE, PAGE_SIZE);
}

/* ---- This processor's APIC ---- */

/* Both transitions that the processor allows: up to x2APIC, or through "off" back to xAPIC. */
static void EnterMode(void)
{
    ULONG64 Msr = X86ReadMsr(MSR_APIC_BASE) | APIC_BASE_ENABLE;

    if (!Apic.X2 && Msr & APIC_BASE_X2) {
        Msr &= ~(ULONG64)(APIC_BASE_X2 | APIC_BASE_ENABLE);
        X86WriteMsr(MSR_APIC_BASE, Msr);
        Msr |= APIC_BASE_ENABLE;
    }
    X86WriteMsr(MSR_APIC_BASE, Msr);
    if (Apic.X2)
        X86WriteMsr(MSR_APIC_BASE, Msr | APIC_BASE_X2);
    ARCH_THIS_CPU->X2Apic = Apic.X2;
}

/* The entries exist from the version register's count on: 4 and up is performance, 5 thermal, 6 CMCI. */
static void MaskLocalVectors(void)
{
    static const USHORT Entries[] = {
        APIC_LVT_TIMER, APIC_LVT_LINT0, APIC_LVT_LINT1, APIC_LVT_ERROR, APIC_LVT_PERFORMANCE, APIC_LVT_THERMAL,
        APIC_LVT_CMCI
    };
    ULONG Last = ApicRead(APIC_VERSION) >> 16 & 0xFF;

    for (ULONG i = 0; i <= Last && i < RTL_NUMBER_OF(Entries); i++)
        ApicWrite(Entries[i], LVT_MASKED | VECTOR_SPURIOUS);
}

/* An interrupt that the firmware took and never ended would hold back all below it. */
static void EndStaleInterrupts(void)
{
    for (ULONG Word = 0; Word < 8; Word++) {
        for (ULONG Bits = ApicRead(APIC_IN_SERVICE + Word * 0x10); Bits; Bits &= Bits - 1)
            ApicEoi();
    }
}

/* The timer of this processor, once the clocks are calibrated. */
static void SetUpTimer(void)
{
    ARCH_THIS_CPU->StallScaleFactor = (ULONG)(Apic.CounterFrequency / 1000000);
    ApicWrite(APIC_DIVIDE, DIVIDE_BY_1);
    ApicWrite(APIC_INITIAL_COUNT, 0);
    ApicWrite(APIC_LVT_TIMER, VECTOR_CLOCK | (Apic.Deadline ? LVT_DEADLINE : 0));
    __asm__ volatile("mfence" : : : "memory");      /* the mode is in effect before the first deadline's MSR write */
}

/* AMD families 0Fh to 11h stop the APIC timer when all cores of a package halt, unless told otherwise. */
static void KeepTimerInHalt(void)
{
    enum { HALT_STATES = 3 << 27 };
    CPUID Vendor = X86Cpuid(0, 0);
    ULONG Signature = X86Cpuid(1, 0).Eax, Family = (Signature >> 8 & 0xF) + (Signature >> 20 & 0xFF);
    ULONG64 Msr;

    if (Vendor.Ebx != 0x68747541 || Family < 0x10 || Family > 0x11)     /* "Auth" of AuthenticAMD */
        return;
    Msr = X86ReadMsr(MSR_INTERRUPT_PENDING);
    if (Msr & HALT_STATES)
        X86WriteMsr(MSR_INTERRUPT_PENDING, Msr & ~(ULONG64)HALT_STATES);
}

/* ApicInitializeThisCpu - bring this processor's APIC into the common mode, with only the error and the
 * timer vector open. Interrupts are off, ARCH_THIS_CPU->Number is set. */
void ApicInitializeThisCpu(void)
{
    ULONG Number = ARCH_THIS_CPU->Number;

    EnterMode();
    KeepTimerInHalt();
    ApicWrite(APIC_SPURIOUS, SPURIOUS_ENABLE | VECTOR_SPURIOUS);
    MaskLocalVectors();
    EndStaleInterrupts();
    ApicWrite(APIC_ERROR, 0);
    ApicWrite(APIC_LVT_ERROR, VECTOR_ERROR);
    ARCH_THIS_CPU->ApicId = ApicId();
    Apic.Ids[Number] = ARCH_THIS_CPU->ApicId;
    if (Apic.CounterFrequency)
        SetUpTimer();
    __atomic_fetch_or(&Apic.Present, 1ull << Number, __ATOMIC_RELEASE);
}

/* ---- Public: ArchInitializeClock ---- */

static BOOLEAN NeedsX2(const PLATFORM *P)
{
    BOOLEAN Wide = FALSE;

    for (ULONG i = 0; i < P->CpuCount; i++)
        Wide |= P->Cpus[i].ApicId > 254;
    return ApicHasX2() && (Wide || P->WantX2Apic || ARCH_THIS_CPU->X2Apic);
}

/* ArchInitializeClock - set up the boot processor's APIC, silence the other interrupt controllers, and
 * calibrate. Once, after PlatformInitialize, interrupts off. Takes about 10 ms. */
void ArchInitializeClock(const PLATFORM *P)
{
    CALIBRATION Measured;

    Apic.X2 = NeedsX2(P);
    ApicInitializeThisCpu();
    Silence8259();
    for (ULONG i = 0; i < P->IoApicCount; i++)
        SilenceIoApic(P->IoApicBase[i]);

    ApicWrite(APIC_DIVIDE, DIVIDE_BY_1);
    Measured = CalibrateClocks(P);
    Apic.CounterFrequency = Measured.Counter;
    Apic.Deadline = (X86CpuidOrZero(1, 0).Ecx & CPUID_1_ECX_DEADLINE) && !P->WantCountdown;
    Apic.TicksPerCount = X86MulDiv(Measured.ApicTimer, 1ull << 32, Measured.Counter);
    Apic.LongestCount = X86MulDiv(0xFFFFFFFE, 1ull << 32, Apic.TicksPerCount);
    SetUpTimer();
    LogPrint("apic: %s mode, %s, APIC timer %I64u Hz\n", Apic.X2 ? "x2APIC" : "xAPIC",
        Apic.Deadline ? "TSC deadline" : "countdown", Measured.ApicTimer);
}

/* ---- Public: the clock ---- */

ULONG64 ArchCounterFrequency(void)
{
    return Apic.CounterFrequency;
}

/* The count for a distance: rounded up so that the clock is never early, never 0 (which would stop it),
 * at most the counter's range. */
static ULONG CountFor(ULONG64 Distance)
{
    if (Distance >= Apic.LongestCount)
        return 0xFFFFFFFF;
    return (ULONG)(Distance * Apic.TicksPerCount >> 32) + 1;
}

/* ArchArmClock - have Client.Clock called on this processor when the counter reaches Deadline, in place of
 * any deadline armed before. A deadline in the past fires at once; one beyond the hardware's reach fires
 * early, for the client to arm again. Interrupts off, or CLOCK_LEVEL and above. */
void ArchArmClock(ULONG64 Deadline)
{
    ULONG64 Now = ArchReadCounter();
    ULONG64 Distance = Deadline > Now ? Deadline - Now : 0;

    if (Apic.Deadline)
        X86WriteMsr(MSR_TSC_DEADLINE, Now + Distance - ARCH_THIS_CPU->CounterOffset);
    else
        ApicWrite(APIC_INITIAL_COUNT, CountFor(Distance));
}

/* ArchStopClock - disarm. An interrupt already on its way may still come. */
void ArchStopClock(void)
{
    if (Apic.Deadline)
        X86WriteMsr(MSR_TSC_DEADLINE, 0);
    else
        ApicWrite(APIC_INITIAL_COUNT, 0);
}

void ApicStall(ULONG Microseconds)
{
    ULONG64 End = ArchReadCounter() + X86MulDiv(Microseconds, Apic.CounterFrequency, 1000000);

    while (ArchReadCounter() < End)     /* no pause: there is nobody to wait for, and an emulator would */
        ;                               /* go round all other processors each time */
}

/* ---- Public: interrupt requests (contracts in arch.h) ---- */

void ArchRequestDispatch(void)
{
    SendSelf(VECTOR_DISPATCH);
}

void ArchRequestApc(void)
{
    SendSelf(VECTOR_APC);
}

void ArchSendDispatch(ULONG Processor)
{
    SendVector(Processor, VECTOR_DISPATCH);
}

void ArchSendApc(ULONG Processor)
{
    SendVector(Processor, VECTOR_APC);
}

void ArchSendIpi(KAFFINITY Processors)
{
    ULONG64 Self = 1ull << ARCH_THIS_CPU->Number;

    if (Processors & Self)
        SendSelf(VECTOR_IPI);
    SendToEach(Processors & ~Self, COMMAND_FIXED | VECTOR_IPI);
}
