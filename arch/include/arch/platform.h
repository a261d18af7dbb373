/* platform.h - what boot/ asks of a processor and of the PC around it: bring-up, ACPI, power. */
#pragma once

#include <arch/port.h>
#include <rtl/boot_info.h>

typedef struct _PLATFORM_CPU { ULONG ApicId; ULONG AcpiId; } PLATFORM_CPU;

/* A register that ACPI's tables place. */
typedef enum _PLATFORM_SPACE { SpaceMemory = 0, SpacePort = 1, SpacePciConfig = 2 } PLATFORM_SPACE;

typedef struct _PLATFORM_REGISTER {
    ULONG64 Address;            /* 0: none; SpacePciConfig: device << 32 | function << 16 | offset, bus 0 */
    UCHAR Space;                /* PLATFORM_SPACE */
} PLATFORM_REGISTER;

typedef struct _PLATFORM {
    PLATFORM_CPU Cpus[ARCH_MAX_CPUS];
    ULONG CpuCount;             /* as the MADT lists them, boot processor first; 1 without a MADT */
    ULONG64 LocalApicBase;
    ULONG64 HpetBase;           /* 0: none */
    USHORT PmTimerPort;         /* 0: none */
    BOOLEAN PmTimer32;
    ULONG64 IoApicBase[16];
    ULONG IoApicCount;
    PLATFORM_REGISTER Reset;
    UCHAR ResetValue;
    USHORT Pm1aControl, Pm1bControl;    /* ports, 0: none */
    PLATFORM_REGISTER SleepControl;     /* instead of them on hardware-reduced machines */
    USHORT SmiCommand;          /* port that takes AcpiEnable to hand the PM1 registers over; 0: they are ours */
    UCHAR AcpiEnable;
    UCHAR SleepTypeA, SleepTypeB;
    BOOLEAN HasPowerOff;        /* the sleep types of S5 are known */
    BOOLEAN HasBatteryClock;    /* the tables do not deny a CMOS clock */
    UCHAR CenturyRegister;      /* its CMOS index, 0: none */
    BOOLEAN WantX2Apic;         /* kernel option x2apic */
    BOOLEAN WantCountdown;      /* kernel option countdown: no TSC deadline */
} PLATFORM;

const PLATFORM *PlatformInitialize(const BOOT_INFO *Info);  /* walks ACPI; logs what is refused */
const PLATFORM *PlatformQuery(void);            /* what PlatformInitialize found */

void ArchInitializeBootCpu(ARCH_CPU *Cpu);      /* GDT, IDT, TSS, gs:, control registers; before anything */
void ArchInitializeClock(const PLATFORM *P);    /* local APIC, 8259 and IOAPIC masked, calibration */

/* Starting the other processors, all at once. LowPage: a free frame below 1 MiB, ours until ArchAwaitCpus
 * returns. ArchStartCpu for each, whose tables and stack are ready, then ArchAwaitCpus once: it returns
 * when each has come or is given up, Cpu->Online tells which. A processor that comes runs Entry(Cpu) on
 * StackTop at IRQL HIGH with interrupts off and its counter in step with the boot processor's. */
void ArchPrepareStart(ULONG64 LowPage);
void ArchStartCpu(ULONG Number, ULONG ApicId, ARCH_CPU *Cpu, PVOID StackTop, void (*Entry)(ARCH_CPU *Cpu));
void ArchAwaitCpus(void);
SIZE_T ArchCpuTablesSize(void);                 /* bytes that ArchPrepareCpu needs, page aligned */
void ArchPrepareCpu(ARCH_CPU *Cpu, ULONG Number, PVOID Tables);

DECLSPEC_NORETURN void PlatformReset(void);
BOOLEAN PlatformPowerOff(void);                 /* returns only where it cannot */
