/* smp.c - the other processors: from wait-for-startup to C, and their counters in step.
 *
 * ArchStartCpu fills a slot and sends INIT; ArchAwaitCpus, after one pause common to all, sends each its
 * startup interrupt, waits for it, compares counters and lets it go. A processor finds its slot by its APIC
 * id (trampoline.S). A slot's state is decided by one compare-and-swap, so a processor that comes after we
 * gave it up stops before it touches the stack:
 *
 *   Called  -> Arrived  : the processor, in TrampolineHigh; it answers questions from then on
 *   Called  -> GivenUp  : ArchAwaitCpus, past the deadline; a late processor halts
 *   Arrived -> Released : ArchAwaitCpus, counters compared: the processor goes on to Entry
 *
 * Rejected: startup interrupts to all at once. It saves some microseconds per processor on hardware, and
 * where one host thread plays many processors those that wait their turn cost far more than that.
 *
 * Counters. The boot processor asks, the other answers with its time-stamp counter, and the boot
 * processor notes its own before (T0) and after (T2). If every answer lies in [T0, T2], nothing shows that
 * the counters differ and the offset is 0, as on every machine that resets them together. Otherwise the
 * round with the shortest trip gives the offset: its answer was taken in the middle of it, give or take half
 * the trip. That error is what a message needs to get across, so no processor can be told of a time that its
 * own clock has not reached. */
#include "x86.h"
#include <rtl/debug.h>
#include <rtl/string.h>

/* Microseconds; the first two are of Intel's protocol. */
enum { INIT_PAUSE = 10000, STARTUP_PAUSE = 200, TIME_TO_COME = 2000000 };
enum { ROUNDS_TO_TRUST = 4, ROUNDS_TO_MEASURE = 64 };

enum { START_CODE32 = 0x08, START_CODE64 = 0x10 };     /* selectors in SMP_TRAMPOLINE.Gdt; data is 0x18 */
#define DESCRIPTOR_CODE32 0x00CF9B000000FFFFull

SMP_SLOT SmpSlots[ARCH_MAX_CPUS];
volatile ULONG SmpSlotCount;

static ULONG64 StartPage;               /* where the trampoline lies */

/* Tables of a starting processor: low memory where it is, and the kernel. Used until it is in the image. */
static ULONG64 StartTables[3][512] __attribute__((aligned(PAGE_SIZE)));

/* The conversation with the one processor whose counter is being compared. */
static struct { volatile ULONG Question, Answer; volatile ULONG64 Counter; } Sync __attribute__((aligned(64)));

static ULONG64 ImagePhysical(const void *Address) { return (ULONG64)Address - MMU_KERNEL_BASE; }

static void BuildStartTables(void)
{
    enum { PRESENT_WRITE = 3, LARGE = 0x80 };

    memcpy(StartTables[0], MmuTopTable(), PAGE_SIZE);
    StartTables[0][0] = ImagePhysical(StartTables[1]) | PRESENT_WRITE;
    StartTables[1][0] = ImagePhysical(StartTables[2]) | PRESENT_WRITE;
    StartTables[2][0] = PRESENT_WRITE | LARGE;
}

static ULONG LowAddress(const char *Label) { return (ULONG)(StartPage + (ULONG64)(Label - TrampolineStart)); }

static void BuildTrampoline(void)
{
    char *Low = (char *)(MMU_DIRECT_MAP + StartPage);
    SMP_TRAMPOLINE *Data = (SMP_TRAMPOLINE *)(Low + (TrampolineData - TrampolineStart));

    memcpy(Low, TrampolineStart, (SIZE_T)(TrampolineEnd - TrampolineStart));
    *Data = (SMP_TRAMPOLINE){
        .Gdt = { 0, DESCRIPTOR_CODE32, DESCRIPTOR_CODE64, DESCRIPTOR_DATA },
        .GdtLimit = sizeof Data->Gdt - 1, .GdtBase = LowAddress(TrampolineData),
        .Far32 = LowAddress(Trampoline32), .Selector32 = START_CODE32,
        .Far64 = LowAddress(Trampoline64), .Selector64 = START_CODE64,
        .Cr3 = ImagePhysical(StartTables[0]), .KernelCr3 = ImagePhysical(MmuTopTable())
    };
}

/* ---- Counters. ---- */

/* On the new processor: answer until released. */
static void AnswerQuestions(const SMP_SLOT *Slot)
{
    while (Slot->State == SlotArrived) {
        ULONG Question = Sync.Question;

        if (Question != Sync.Answer) {
            Sync.Counter = X86ReadTsc();
            Sync.Answer = Question;
        }
        ArchPause();
    }
}

/* On the boot processor: one round. Returns the trip's length; Offset is what to add to the other counter,
 * Contradicted whether the answer lies outside the trip. */
static ULONG64 AskOnce(LONG64 *Offset, BOOLEAN *Contradicted)
{
    ULONG64 Before = X86ReadTsc(), Answer, After;

    Sync.Question++;
    while (Sync.Answer != Sync.Question)
        ArchPause();
    Answer = Sync.Counter;
    After = X86ReadTsc();
    *Offset = (LONG64)(Before + (After - Before) / 2 - Answer);
    *Contradicted = Answer - Before > After - Before;
    return After - Before;
}

/* What ArchReadCounter must add on the processor that answers now. */
static LONG64 MeasureOffset(void)
{
    ULONG64 Shortest = ~0ull;
    LONG64 Best = 0;
    BOOLEAN Differ = FALSE;

    for (ULONG Round = 0; Round < (Differ ? ROUNDS_TO_MEASURE : ROUNDS_TO_TRUST); Round++) {
        LONG64 Offset;
        BOOLEAN Contradicted;
        ULONG64 Trip = AskOnce(&Offset, &Contradicted);

        Differ |= Contradicted;
        if (Trip < Shortest) {
            Shortest = Trip;
            Best = Offset;
        }
    }
    return Differ ? Best : 0;
}

/* ---- The new processor. ---- */

/* SmpEnter - what TrampolineHigh calls, on the slot's stack, interrupts off, with the kernel's tables. */
DECLSPEC_NORETURN void SmpEnter(SMP_SLOT *Slot)
{
    ARCH_CPU *Cpu = Slot->Cpu;

    CpuActivate(Cpu);
    MmuActivate();
    ArchWriteIrql(HIGH_LEVEL);
    ApicInitializeThisCpu();
    AnswerQuestions(Slot);
    Slot->Entry(Cpu);
    ArchHalt();
}

/* ---- The boot processor. ---- */

/* Has the processor of Slot come, within so many microseconds? */
static BOOLEAN HasCome(const SMP_SLOT *Slot, ULONG Microseconds)
{
    ULONG64 Deadline = ArchReadCounter() + ArchCounterFrequency() * Microseconds / 1000000;

    while (Slot->State == SlotCalled) {
        if (ArchReadCounter() > Deadline)
            return FALSE;
        ArchPause();
    }
    return TRUE;
}

/* A startup interrupt may get lost, so there is a second; a processor that runs already ignores it.
 * FALSE: it has not come and may not come any more. */
static BOOLEAN StartUp(SMP_SLOT *Slot)
{
    ULONG Page = (ULONG)(StartPage >> PAGE_SHIFT);

    ApicSendStartup(Slot->ApicId, Page);
    if (HasCome(Slot, STARTUP_PAUSE))
        return TRUE;
    ApicSendStartup(Slot->ApicId, Page);
    return HasCome(Slot, TIME_TO_COME) || !__sync_bool_compare_and_swap(&Slot->State, SlotCalled, SlotGivenUp);
}

static void Release(SMP_SLOT *Slot)
{
    Slot->Cpu->CounterOffset = (ULONG64)MeasureOffset();
    Slot->Cpu->Online = TRUE;
    Slot->State = SlotReleased;
}

/* ---- Public: ArchPrepareStart, ArchStartCpu, ArchAwaitCpus ---- */

/* ArchPrepareStart - put the trampoline into LowPage, a frame below 1 MiB that is ours until ArchAwaitCpus
 * has returned. After MmuActivate, on the boot processor. */
void ArchPrepareStart(ULONG64 LowPage)
{
    RtlRequire((LowPage & (PAGE_SIZE - 1)) == 0 && LowPage < 0xA0000);
    StartPage = LowPage;
    SmpSlotCount = 0;
    BuildStartTables();
    BuildTrampoline();
}

/* ArchStartCpu - begin to start processor Number, prepared by ArchPrepareCpu. Returns at once. */
void ArchStartCpu(ULONG Number, ULONG ApicId, ARCH_CPU *Cpu, PVOID StackTop, void (*Entry)(ARCH_CPU *Cpu))
{
    RtlRequire(SmpSlotCount < ARCH_MAX_CPUS && Cpu->Number == Number);
    SmpSlots[SmpSlotCount] = (SMP_SLOT){
        .ApicId = ApicId, .State = SlotCalled, .Cpu = Cpu, .StackTop = StackTop, .Entry = Entry
    };
    SmpSlotCount++;
    ApicSendInit(ApicId);
}

/* ArchAwaitCpus - start what ArchStartCpu has prepared; returns when each processor has come (Online) or is
 * given up. Busy, on the boot processor, and at DISPATCH_LEVEL so that the calling thread stays there, with
 * whose counter it compares. IRQL: <= DISPATCH_LEVEL. */
void ArchAwaitCpus(void)
{
    KIRQL OldIrql = ArchReadIrql();

    ArchWriteIrql(DISPATCH_LEVEL);
    ApicStall(INIT_PAUSE);
    for (ULONG Index = 0; Index < SmpSlotCount; Index++)
        if (StartUp(&SmpSlots[Index]))
            Release(&SmpSlots[Index]);
    ArchWriteIrql(OldIrql);
}
