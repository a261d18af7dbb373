/* x86.h - private to arch/x86_64: the processor's instructions and tables as C, and what the files of
 * this floor offer each other, grouped by the file that defines it. */
#pragma once

#include <arch/arch.h>
#include <arch/mmu.h>
#include <arch/platform.h>

/* ---- Selectors: NT's numbers, since driver code may compare them. ---- */
enum { SELECTOR_CODE = 0x10, SELECTOR_DATA = 0x18, SELECTOR_TSS = 0x40 };
#define DESCRIPTOR_CODE64 0x00AF9B000000FFFFull
#define DESCRIPTOR_DATA   0x00CF93000000FFFFull

/* ---- Vectors. Exceptions are 0 to 31, save for the APC interrupt's 0x1F. ---- */
enum {
    TRAP_DIVIDE = 0, TRAP_DEBUG = 1, TRAP_NMI = 2, TRAP_BREAKPOINT = 3, TRAP_INVALID_OPCODE = 6,
    TRAP_NO_FPU = 7, TRAP_DOUBLE_FAULT = 8, TRAP_STACK = 12, TRAP_PROTECTION = 13, TRAP_PAGE_FAULT = 14,
    TRAP_MACHINE_CHECK = 18,
    TRAP_FAST_FAIL = 0x29, TRAP_ASSERT = 0x2C, TRAP_DEBUG_SERVICE = 0x2D    /* `int n` of compiled drivers */
};

/* ---- Control registers and model-specific registers. ---- */
enum {
    CR0_PE = 1u << 0, CR0_MP = 1u << 1, CR0_EM = 1u << 2, CR0_TS = 1u << 3, CR0_ET = 1u << 4,
    CR0_NE = 1u << 5, CR0_WP = 1u << 16, CR0_AM = 1u << 18, CR0_NW = 1u << 29, CR0_CD = 1u << 30
};
#define CR0_PG 0x80000000u
enum {
    CR4_DE = 1u << 3, CR4_PAE = 1u << 5, CR4_MCE = 1u << 6, CR4_PGE = 1u << 7, CR4_OSFXSR = 1u << 9,
    CR4_OSXMMEXCPT = 1u << 10, CR4_UMIP = 1u << 11, CR4_SMEP = 1u << 20, CR4_SMAP = 1u << 21
};
enum { EFER_LME = 1u << 8, EFER_NXE = 1u << 11 };
enum {
    MSR_APIC_BASE = 0x1B, MSR_TSC_DEADLINE = 0x6E0, MSR_MCG_CAP = 0x179, MSR_MCG_STATUS = 0x17A,
    MSR_MCG_CTL = 0x17B, MSR_PAT = 0x277, MSR_MC0_CTL = 0x400, MSR_MC0_STATUS = 0x401, MSR_X2APIC = 0x800
};
#define MSR_EFER            0xC0000080u
#define MSR_GS_BASE         0xC0000101u
#define MSR_KERNEL_GS_BASE  0xC0000102u
#define MSR_AMD_DECODE      0xC0011029u
#define MSR_INTERRUPT_PENDING 0xC0010055u            /* AMD: what halting does to the package */

typedef struct _CPUID { ULONG Eax, Ebx, Ecx, Edx; } CPUID;

FORCEINLINE CPUID X86Cpuid(ULONG Leaf, ULONG SubLeaf)
{
    CPUID R;

    __asm__ volatile("cpuid" : "=a"(R.Eax), "=b"(R.Ebx), "=c"(R.Ecx), "=d"(R.Edx) : "a"(Leaf), "c"(SubLeaf));
    return R;
}

/* Leaf's answer, or zeros when the processor has no such leaf: an absent leaf returns another's data. */
FORCEINLINE CPUID X86CpuidOrZero(ULONG Leaf, ULONG SubLeaf)
{
    if (X86Cpuid(Leaf & 0x80000000u, 0).Eax < Leaf)
        return (CPUID){ 0 };
    return X86Cpuid(Leaf, SubLeaf);
}

FORCEINLINE ULONG64 X86ReadMsr(ULONG Msr)
{
    ULONG Low, High;

    __asm__ volatile("rdmsr" : "=a"(Low), "=d"(High) : "c"(Msr));
    return (ULONG64)High << 32 | Low;
}

FORCEINLINE void X86WriteMsr(ULONG Msr, ULONG64 Value)
{
    __asm__ volatile("wrmsr" : : "c"(Msr), "a"((ULONG)Value), "d"((ULONG)(Value >> 32)) : "memory");
}

#define X86_REGISTER(Name, Register)                                                                        \
    FORCEINLINE ULONG64 X86Read##Name(void)                                                                 \
    { ULONG64 V; __asm__ volatile("mov %%" Register ", %0" : "=r"(V) : : "memory"); return V; }             \
    FORCEINLINE void X86Write##Name(ULONG64 V) { __asm__ volatile("mov %0, %%" Register : : "r"(V) : "memory"); }

X86_REGISTER(Cr0, "cr0")
X86_REGISTER(Cr2, "cr2")
X86_REGISTER(Cr3, "cr3")
X86_REGISTER(Cr4, "cr4")

FORCEINLINE ULONG64 X86ReadTsc(void)
{
    ULONG Low, High;

    __asm__ volatile("lfence\n\trdtsc" : "=a"(Low), "=d"(High) : : "memory");
    return (ULONG64)High << 32 | Low;
}

/* A * B / C with a 128-bit product; ~0 when the result does not fit or C is 0. */
FORCEINLINE ULONG64 X86MulDiv(ULONG64 A, ULONG64 B, ULONG64 C)
{
    ULONG64 Low, High;

    __asm__("mulq %3" : "=a"(Low), "=d"(High) : "0"(A), "r"(B) : "cc");
    if (High >= C)
        return ~0ull;
    __asm__("divq %2" : "+a"(Low), "+d"(High) : "r"(C) : "cc");
    return Low;
}

FORCEINLINE void X86FlushPage(ULONG64 Virtual) { __asm__ volatile("invlpg (%0)" : : "r"(Virtual) : "memory"); }

/* ---- linker.ld: page-aligned bounds of the image, by rights. ---- */
extern const char KernelTextStart[], KernelTextEnd[];           /* read, execute */
extern const char KernelRodataStart[], KernelRodataEnd[];       /* read */
extern const char KernelDataStart[], KernelDataEnd[];           /* read, write; .bss included */

/* ---- cpu.c ---- */
void CpuActivate(ARCH_CPU *Cpu);        /* load Cpu's tables and the control registers on this processor */

/* ---- mmu.c ---- */
/* The local APIC's page, at the same place on every processor and within reach of a 32-bit displacement;
 * apic.c maps it with MmuMap(APIC_PAGE, physical base, PAGE_SIZE, MMU_WRITE | MMU_UNCACHED). */
#define APIC_PAGE 0xFFFFFFFFFEE00000ull
const ULONG64 *MmuTopTable(void);       /* the kernel's 512 top-level entries; their page lies below 4 GiB */

/* ---- trap.S ---- */
extern const char TrapStubs[];          /* one entry per vector, TRAP_STUB_SIZE apart */
enum { TRAP_STUB_SIZE = 16 };
void TrapEnterClock(void), TrapEnterIpi(void), TrapEnterDispatch(void), TrapEnterApc(void), TrapEnterNoFpu(void);
void TrapEnterException(void);

/* ---- exception.S ---- */
enum { HANDLER_SLOT = 16 };             /* the dispatcher context lies so far below a handler call's CFA */
enum { RESUME_FLAGS = 0x250ED5 };       /* CF PF AF ZF SF IF DF OF RF AC ID: what a resumed context may bring */

/* ---- trap.c, called by trap.S ---- */
extern ARCH_CLIENT TrapClient;          /* a copy, so that a call through it is one instruction */
void TrapException(ARCH_TRAP_FRAME *Frame);
void TrapInterrupt(ULONG Vector);       /* a vector without a stub of its own */

/* ---- probe.S ---- */
typedef struct _X86_FIXUP { ULONG64 Fault, Landing; } X86_FIXUP;
extern const X86_FIXUP ProbeFixups[], ProbeFixupsEnd[];     /* instructions that may fault, and where to go on then */
BOOLEAN ProbeRead(const void *Address);     /* does reading this byte work? */
BOOLEAN ProbeWrite(void *Address);          /* does writing this byte, with what it holds? */

/* ---- switch.S ---- */
void SwitchStartThread(void);           /* a new thread's first return goes here: r12 = routine, r13 = argument */

/* ---- smp.c, trampoline.S ---- */
enum { SlotCalled, SlotArrived, SlotGivenUp, SlotReleased };       /* SMP_SLOT.State: see smp.c */

typedef struct _SMP_SLOT {
    ULONG ApicId;
    volatile LONG State;
    ARCH_CPU *Cpu;
    PVOID StackTop;
    void (*Entry)(ARCH_CPU *Cpu);
} SMP_SLOT;

/* What the trampoline in low memory must know, at its offset TrampolineData - TrampolineStart. */
typedef struct _SMP_TRAMPOLINE {
    ULONG64 Gdt[4];
    USHORT GdtLimit; ULONG GdtBase; USHORT Padding;     /* operand of lgdt */
    ULONG Far32; USHORT Selector32, Padding32;          /* operands of the far jumps */
    ULONG Far64; USHORT Selector64, Padding64;
    ULONG64 Cr3;                /* tables with the low page where it is, and the kernel */
    ULONG64 KernelCr3;
} __attribute__((packed)) SMP_TRAMPOLINE;

extern const char TrampolineStart[], Trampoline32[], Trampoline64[], TrampolineData[], TrampolineEnd[];
extern SMP_SLOT SmpSlots[ARCH_MAX_CPUS];
extern volatile ULONG SmpSlotCount;
DECLSPEC_NORETURN void SmpEnter(SMP_SLOT *Slot);        /* first C code of a started processor */

/* ---- Pages of devices, beside the local APIC's: each is mapped by the file that uses it. ---- */
#define HPET_PAGE   (APIC_PAGE + 0x1000)
#define IOAPIC_PAGE (APIC_PAGE + 0x2000)        /* one IOAPIC at a time */
#define RESET_PAGE  (APIC_PAGE + 0x3000)        /* a reset register in memory */
#define SLEEP_PAGE  (APIC_PAGE + 0x4000)        /* a sleep control register in memory */

/* ---- acpi.c ---- */
/* One walk over a machine's tables. How it sees memory and where it complains are the caller's, so that
 * tests can hand in machines of their own. */
typedef struct _ACPI_WALK {
    const UCHAR *(*Map)(ULONG64 Physical, SIZE_T Length);   /* NULL: cannot be read */
    void (*Refuse)(const char *Name, ULONG64 Address, const char *Reason);
    PLATFORM *Platform;
    ULONG BootApicId;
} ACPI_WALK;

typedef struct _ACPI_TABLE { const UCHAR *Bytes; ULONG Length; ULONG64 Address; char Name[5]; } ACPI_TABLE;

BOOLEAN AcpiWalk(const ACPI_WALK *Walk, const BOOT_INFO *Info);
BOOLEAN AcpiOpenTable(const ACPI_WALK *Walk, ULONG64 Address, ACPI_TABLE *Table);
ULONG64 AcpiField(const ACPI_TABLE *Table, ULONG Offset, ULONG Size);  /* 0 beyond the table's end */

/* ---- acpi_tables.c ---- */
void AcpiReadMadt(const ACPI_WALK *Walk, const ACPI_TABLE *Madt);
void AcpiReadHpet(const ACPI_WALK *Walk, const ACPI_TABLE *Hpet);
void AcpiReadFadt(const ACPI_WALK *Walk, const ACPI_TABLE *Fadt);
void AcpiReadAml(const ACPI_WALK *Walk, const ACPI_TABLE *Aml);      /* DSDT or SSDT: looks for \_S5 */

/* ---- power.c ---- */
void PowerInitialize(const PLATFORM *Platform);

/* ---- calibrate.c ---- */
typedef struct _CALIBRATION { ULONG64 Counter, ApicTimer; } CALIBRATION;       /* Hz */
CALIBRATION CalibrateClocks(const PLATFORM *Platform);

/* ---- rtc.c ---- */
void RtcInitialize(const PLATFORM *Platform);
typedef struct _RTC_TIME { UCHAR Second, Minute, Hour, Day, Month, Year, Century, StatusB; } RTC_TIME;
ULONG64 RtcToSeconds(const RTC_TIME *Raw);      /* since 1601; ~0 when it is no date */

/* ---- apic.c ---- */
enum {
    APIC_ID = 0x20, APIC_VERSION = 0x30, APIC_EOI = 0xB0, APIC_SPURIOUS = 0xF0, APIC_IN_SERVICE = 0x100,
    APIC_ERROR = 0x280, APIC_COMMAND = 0x300, APIC_COMMAND_HIGH = 0x310, APIC_LVT_CMCI = 0x2F0,
    APIC_LVT_TIMER = 0x320, APIC_LVT_THERMAL = 0x330, APIC_LVT_PERFORMANCE = 0x340, APIC_LVT_LINT0 = 0x350,
    APIC_LVT_LINT1 = 0x360, APIC_LVT_ERROR = 0x370, APIC_INITIAL_COUNT = 0x380, APIC_CURRENT_COUNT = 0x390,
    APIC_DIVIDE = 0x3E0, APIC_SELF = 0x3F0
};

ULONG ApicRead(ULONG Register);
void ApicWrite(ULONG Register, ULONG Value);
ULONG64 ApicLocate(void);               /* map this processor's APIC; its physical base */
BOOLEAN ApicHasX2(void);                /* CPUID offers x2APIC mode */

void ApicInitializeThisCpu(void);       /* enable, spurious and error vector; sets X2Apic and ApicId of the block */
ULONG ApicId(void);                     /* of this processor, from the APIC */
void ApicSendInit(ULONG ApicId);        /* INIT, and its deassertion where the APIC wants one; waits until accepted */
void ApicSendStartup(ULONG ApicId, ULONG Page);     /* SIPI: start at Page << 12, real mode */
void ApicSendNmiToOthers(void);         /* for ArchFreezeOthers (trap.c), which it may call at any time */
void ApicHandleError(void);             /* VECTOR_ERROR: read and clear the error status; no EOI */
void ApicStall(ULONG Microseconds);     /* busy wait on calibrated time */

/* End of interrupt: open the APIC for vectors of this one's class and below. */
FORCEINLINE void ApicEoi(void)
{
    if (UNLIKELY(ARCH_THIS_CPU->X2Apic))
        X86WriteMsr(MSR_X2APIC + (APIC_EOI >> 4), 0);
    else
        *(volatile ULONG *)(APIC_PAGE + APIC_EOI) = 0;
}
