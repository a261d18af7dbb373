/* cpu.c - the tables and control registers that make a processor ours.
 *
 * Each processor has a GDT, a TSS and three exception stacks in one block (CPU_TABLES); the IDT is common.
 * NMI, double fault and machine check run on stacks of their own, because the current one may be the very
 * thing that is broken: a kernel stack that overflows into its guard page cannot take the page fault that
 * tells so, and the processor turns that into a double fault. */
#include "x86.h"
#include <rtl/string.h>

/* Large enough to print a stop screen from. */
enum { EXCEPTION_STACK_SIZE = 0x3000 };
enum { IST_DOUBLE_FAULT = 1, IST_NMI = 2, IST_MACHINE_CHECK = 3, IST_COUNT = 3 };

typedef struct _TSS {
    ULONG Reserved0;
    ULONG64 Rsp[3];
    ULONG64 Reserved1;
    ULONG64 Ist[7];             /* Ist[n - 1] is the stack of gates that name n */
    ULONG64 Reserved2;
    USHORT Reserved3;
    USHORT IoMapBase;
} __attribute__((packed)) TSS;

C_ASSERT(sizeof(TSS) == 104 && offsetof(TSS, Ist) == 36);

typedef struct _CPU_TABLES {
    ULONG64 Gdt[10];
    ARCH_FPU DispatchFpu;
    TSS Tss;
    UCHAR Stacks[IST_COUNT][EXCEPTION_STACK_SIZE] __attribute__((aligned(PAGE_SIZE)));
} CPU_TABLES;

C_ASSERT(sizeof(CPU_TABLES) % PAGE_SIZE == 0 && offsetof(CPU_TABLES, DispatchFpu) % 16 == 0);

typedef struct _IDT_GATE {
    USHORT Offset0, Selector;
    UCHAR Ist, Type;
    USHORT Offset16;
    ULONG Offset32, Reserved;
} IDT_GATE;

typedef struct _TABLE_POINTER { USHORT Limit; ULONG64 Base; } __attribute__((packed)) TABLE_POINTER;

enum { GATE_INTERRUPT = 0x8E };         /* present, ring 0, turns interrupts off */
#define DESCRIPTOR_TSS 0x0000890000000000ull

static IDT_GATE Idt[256] __attribute__((aligned(16)));
static CPU_TABLES BootTables __attribute__((aligned(PAGE_SIZE)));

static void SetGate(ULONG Vector, ULONG64 Entry, UCHAR Ist)
{
    Idt[Vector] = (IDT_GATE){
        .Offset0 = (USHORT)Entry, .Offset16 = (USHORT)(Entry >> 16), .Offset32 = (ULONG)(Entry >> 32),
        .Selector = SELECTOR_CODE, .Ist = Ist, .Type = GATE_INTERRUPT
    };
}

static void BuildIdt(void)
{
    for (ULONG Vector = 0; Vector < RTL_NUMBER_OF(Idt); Vector++)
        SetGate(Vector, (ULONG64)TrapStubs + Vector * TRAP_STUB_SIZE, 0);
    SetGate(TRAP_NMI, (ULONG64)TrapStubs + TRAP_NMI * TRAP_STUB_SIZE, IST_NMI);
    SetGate(TRAP_DOUBLE_FAULT, (ULONG64)TrapStubs + TRAP_DOUBLE_FAULT * TRAP_STUB_SIZE, IST_DOUBLE_FAULT);
    SetGate(TRAP_MACHINE_CHECK, (ULONG64)TrapStubs + TRAP_MACHINE_CHECK * TRAP_STUB_SIZE, IST_MACHINE_CHECK);
    SetGate(TRAP_NO_FPU, (ULONG64)TrapEnterNoFpu, 0);
    SetGate(VECTOR_CLOCK, (ULONG64)TrapEnterClock, 0);
    SetGate(VECTOR_IPI, (ULONG64)TrapEnterIpi, 0);
    SetGate(VECTOR_DISPATCH, (ULONG64)TrapEnterDispatch, 0);
    SetGate(VECTOR_APC, (ULONG64)TrapEnterApc, 0);
}

static void BuildGdt(CPU_TABLES *Tables)
{
    ULONG64 Base = (ULONG64)&Tables->Tss;

    Tables->Gdt[SELECTOR_CODE / 8] = DESCRIPTOR_CODE64;
    Tables->Gdt[SELECTOR_DATA / 8] = DESCRIPTOR_DATA;
    Tables->Gdt[SELECTOR_TSS / 8] =
        DESCRIPTOR_TSS | (sizeof(TSS) - 1) | (Base & 0xFFFFFF) << 16 | (Base >> 24 & 0xFF) << 56;
    Tables->Gdt[SELECTOR_TSS / 8 + 1] = Base >> 32;
}

/* Load GDT, segments, IDT and task register. Null selectors go into fs and gs before gs' base, which
 * loading a selector would clear. */
static void LoadTables(ARCH_CPU *Cpu)
{
    TABLE_POINTER Gdt = { sizeof(((CPU_TABLES *)0)->Gdt) - 1, (ULONG64)Cpu->GdtBase };
    TABLE_POINTER IdtPointer = { sizeof Idt - 1, (ULONG64)Cpu->IdtBase };
    ULONG64 Scratch;

    __asm__ volatile(
        "lgdt %[Gdt]\n\t"
        "pushq %[Code]\n\t"             /* only a far return loads cs in 64-bit mode without a memory operand */
        "leaq 1f(%%rip), %[Scratch]\n\t"
        "pushq %[Scratch]\n\t"
        "lretq\n"
        "1:\tmovl %[Data], %%ds\n\t"
        "movl %[Data], %%es\n\t"
        "movl %[Data], %%ss\n\t"
        "movl %[Null], %%fs\n\t"
        "movl %[Null], %%gs\n\t"
        "lidt %[Idt]"
        : [Scratch] "=&r"(Scratch)
        : [Gdt] "m"(Gdt), [Idt] "m"(IdtPointer), [Code] "i"(SELECTOR_CODE), [Data] "r"(SELECTOR_DATA), [Null] "r"(0)
        : "memory");
    X86WriteMsr(MSR_GS_BASE, (ULONG64)Cpu);
    X86WriteMsr(MSR_KERNEL_GS_BASE, (ULONG64)Cpu);      /* a stray swapgs changes nothing */
    __asm__ volatile("ltr %w0" : : "r"(SELECTOR_TSS));
}

/* CR0: protections also for ring 0 (WP), no emulation, the next SSE instruction traps (fpu.c).
 * CR4: what the kernel lives on, and what the processor offers against stray accesses to user memory;
 * there is no user mode, so SMAP never has to be lifted and AC stays clear. */
static void LoadControlRegisters(void)
{
    CPUID Features = X86CpuidOrZero(7, 0);
    ULONG64 Cr4 = CR4_PAE | CR4_DE | CR4_MCE | CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT;

    if (Features.Ebx >> 7 & 1)
        Cr4 |= CR4_SMEP;
    if (Features.Ebx >> 20 & 1)
        Cr4 |= CR4_SMAP;
    if (Features.Ecx >> 2 & 1)
        Cr4 |= CR4_UMIP;
    __asm__ volatile("pushq $2\n\tpopfq" : : : "memory", "cc");    /* AC, NT, DF and the like: clear */
    X86WriteMsr(MSR_EFER, X86ReadMsr(MSR_EFER) | EFER_NXE);
    X86WriteCr0(CR0_PG | CR0_WP | CR0_NE | CR0_ET | CR0_TS | CR0_MP | CR0_PE);
    X86WriteCr4(Cr4);
}

/* On Intel's family 6 before model 1Ah the control of bank 0 is the firmware's. */
static ULONG FirstMachineCheckBank(void)
{
    BOOLEAN Intel = X86Cpuid(0, 0).Ebx == 0x756E6547;           /* "Genu" of GenuineIntel */
    ULONG Signature = X86Cpuid(1, 0).Eax, Model = (Signature >> 4 & 0xF) | (Signature >> 12 & 0xF0);

    return Intel && (Signature >> 8 & 0xF) == 6 && Model < 0x1A;
}

/* Let the machine-check banks report: a hardware error then arrives as an exception, with its banks still
 * holding the evidence, and not as a silent reset. */
static void EnableMachineChecks(void)
{
    ULONG Features = X86Cpuid(1, 0).Edx;
    ULONG64 Capabilities;

    if (!(Features >> 7 & 1) || !(Features >> 14 & 1))
        return;
    Capabilities = X86ReadMsr(MSR_MCG_CAP);
    if (Capabilities >> 8 & 1)
        X86WriteMsr(MSR_MCG_CTL, ~0ull);
    for (ULONG Bank = FirstMachineCheckBank(); Bank < (Capabilities & 0xFF); Bank++) {
        X86WriteMsr(MSR_MC0_STATUS + Bank * 4, 0);
        X86WriteMsr(MSR_MC0_CTL + Bank * 4, ~0ull);
    }
}

/* AMD's lfence orders instructions, and so the counter, only where this bit is set. Under a hypervisor it is
 * set already or not ours to set; families 0Fh and 11h have neither the bit nor the need. */
static void MakeFencesSerialize(void)
{
    enum { LFENCE_SERIALIZES = 1 << 1 };
    BOOLEAN Amd = X86Cpuid(0, 0).Ebx == 0x68747541;             /* "Auth" of AuthenticAMD */
    CPUID Leaf = X86Cpuid(1, 0);
    ULONG Family = (Leaf.Eax >> 8 & 0xF) + (Leaf.Eax >> 20 & 0xFF);

    if (Amd && Family >= 0x10 && Family != 0x11 && !(Leaf.Ecx >> 31))
        X86WriteMsr(MSR_AMD_DECODE, X86ReadMsr(MSR_AMD_DECODE) | LFENCE_SERIALIZES);
}

/* CpuActivate - this processor becomes Cpu. Interrupts off; IRQL is not touched. */
void CpuActivate(ARCH_CPU *Cpu)
{
    LoadTables(Cpu);
    LoadControlRegisters();
    MakeFencesSerialize();
    EnableMachineChecks();
}

/* ---- Public: ArchCpuTablesSize, ArchPrepareCpu, ArchInitializeBootCpu ---- */

/* ArchCpuTablesSize - bytes of page-aligned memory that ArchPrepareCpu needs per processor. */
SIZE_T ArchCpuTablesSize(void) { return sizeof(CPU_TABLES); }

/* ArchPrepareCpu - fill Cpu's block and Tables (zeroed or not, mapped for ever) for processor Number.
 * Nothing is loaded: ArchStartCpu's processor does that. */
void ArchPrepareCpu(ARCH_CPU *Cpu, ULONG Number, PVOID TablesMemory)
{
    CPU_TABLES *Tables = TablesMemory;

    memset(Tables, 0, offsetof(CPU_TABLES, Stacks));
    BuildGdt(Tables);
    Tables->Tss.IoMapBase = sizeof(TSS);
    for (ULONG Index = 0; Index < IST_COUNT; Index++)
        Tables->Tss.Ist[Index] = (ULONG64)Tables->Stacks[Index] + EXCEPTION_STACK_SIZE;
    ArchInitializeFpu(&Tables->DispatchFpu);

    memset(Cpu, 0, sizeof *Cpu);
    Cpu->GdtBase = Tables->Gdt;
    Cpu->TssBase = &Tables->Tss;
    Cpu->IdtBase = Idt;
    Cpu->Self = Cpu->Used_Self = Cpu;
    Cpu->CurrentPrcb = &Cpu->MxCsr;
    Cpu->MajorVersion = Cpu->MinorVersion = 1;
    Cpu->MxCsr = 0x1F80;
    Cpu->Number = (USHORT)Number;
    Cpu->StallScaleFactor = (ULONG)(ArchCounterFrequency() / 1000000);      /* 0 on the boot processor: not known yet */
    Cpu->Tables = Tables;
    Cpu->DispatchFpu = Cpu->FpuArea = &Tables->DispatchFpu;
}

/* ArchInitializeBootCpu - the processor that runs this becomes processor 0 with block Cpu. First of all. */
void ArchInitializeBootCpu(ARCH_CPU *Cpu)
{
    BuildIdt();
    ArchPrepareCpu(Cpu, 0, &BootTables);
    CpuActivate(Cpu);
    ArchWriteIrql(HIGH_LEVEL);
    Cpu->Online = TRUE;
}
