/* port.h - the processor as the kernel's C sees it: frames, the context of a sleeping thread, and the
 * per-processor block that gs: points to. */
#pragma once

#include <rtl/ntdef.h>

enum { ARCH_MAX_CPUS = 64 };

/* Interrupt vector v runs at IRQL v >> 4. */
enum {
    VECTOR_APC = 0x1F, VECTOR_DISPATCH = 0x2F, VECTOR_CLOCK = 0xD1, VECTOR_IPI = 0xE1,
    VECTOR_ERROR = 0xFE, VECTOR_SPURIOUS = 0xFF
};

/* What trap.S pushes for an exception, lowest address first: every integer register. */
typedef struct _ARCH_TRAP_FRAME {
    ULONG64 Rax, Rcx, Rdx, Rbx, Rbp, Rsi, Rdi, R8, R9, R10, R11, R12, R13, R14, R15;
    ULONG64 Irql;               /* CR8 when the trap came */
    ULONG64 Vector, ErrorCode;
    ULONG64 Rip, Cs, Rflags, Rsp, Ss;
} ARCH_TRAP_FRAME;

/* The 512 bytes of FXSAVE. */
typedef struct _ARCH_FPU { UCHAR Bytes[512]; } __attribute__((aligned(16))) ARCH_FPU;

/* A thread that is not running is this; the rest lies on its stack (ARCH_SWITCH_FRAME). */
typedef struct _ARCH_CONTEXT {
    ULONG64 Rsp;
    ARCH_FPU *Fpu;              /* where its SSE state goes when it loses the processor */
    ULONG64 Busy;               /* a processor is on its stack; nobody else may resume it before that one has left */
} ARCH_CONTEXT;

/* What ArchSwitchContext leaves on the stack it departs from, lowest address first: the integer
 * registers that the Microsoft x64 convention has a callee keep. */
typedef struct _ARCH_SWITCH_FRAME {
    ULONG64 R15, R14, R13, R12, Rdi, Rsi, Rbx, Rbp, ReturnAddress;
} ARCH_SWITCH_FRAME;

/* gs: points here. Drivers read gs:[18], gs:[20], gs:[184] and gs:[188] through inlines of the DDK, so
 * the first 0x190 bytes have NT's KPCR and KPRCB layout; the rest of the block is ours. Ke's KPCR
 * begins with this struct. */
typedef struct _ARCH_CPU {
    PVOID GdtBase;              /* 000 */
    PVOID TssBase;              /* 008 */
    ULONG64 UserRsp;            /* 010 */
    PVOID Self;                 /* 018 */
    PVOID CurrentPrcb;          /* 020: = (char *)this + 0x180 */
    PVOID LockArray;            /* 028 */
    PVOID Used_Self;            /* 030 */
    PVOID IdtBase;              /* 038 */
    ULONG64 Unused[2];          /* 040 */
    UCHAR Irql;                 /* 050: never maintained, CR8 is the IRQL */
    UCHAR Padding51[15];
    USHORT MajorVersion;        /* 060: 1 */
    USHORT MinorVersion;        /* 062: 1 */
    ULONG StallScaleFactor;     /* 064: counter ticks per microsecond */
    UCHAR Reserved68[0x180 - 0x68];
    ULONG MxCsr;                /* 180: start of the PRCB */
    USHORT Number;              /* 184: drivers load this as a word */
    UCHAR Reserved186[2];
    PVOID CurrentThread;        /* 188 */

    ARCH_FPU *FpuArea;          /* 190: where live SSE state belongs */
    UCHAR FpuLive;              /* 198: the registers hold FpuArea's state, CR0.TS is clear */
    UCHAR InInterrupt;          /* 199: depth of interrupt handlers above DISPATCH_LEVEL */
    UCHAR X2Apic;               /* 19A */
    UCHAR Online;               /* 19B */
    ULONG ApicId;               /* 19C */
    ULONG64 CounterOffset;      /* 1A0: added to this processor's time-stamp counter */
    PVOID DispatchStack;        /* 1A8: top of the stack that DPCs run on */
    PVOID Tables;               /* 1B0: GDT, TSS and exception stacks, private to cpu.c */
    ULONG64 SpuriousCount;      /* 1B8 */
    ULONG64 UnexpectedCount;    /* 1C0 */
    ULONG64 InterruptCount;     /* 1C8: all interrupts taken */
    ARCH_FPU *DispatchFpu;      /* 1D0: SSE state of DPC routines */
    UCHAR Reserved1D8[0x200 - 0x1D8];
} ARCH_CPU;

C_ASSERT(offsetof(ARCH_CPU, Self) == 0x18 && offsetof(ARCH_CPU, CurrentPrcb) == 0x20);
C_ASSERT(offsetof(ARCH_CPU, IdtBase) == 0x38 && offsetof(ARCH_CPU, Irql) == 0x50);
C_ASSERT(offsetof(ARCH_CPU, MajorVersion) == 0x60 && offsetof(ARCH_CPU, StallScaleFactor) == 0x64);
C_ASSERT(offsetof(ARCH_CPU, Number) == 0x184 && offsetof(ARCH_CPU, CurrentThread) == 0x188);
C_ASSERT(sizeof(ARCH_CPU) == 0x200);

/* The current processor's block, addressed through gs: one instruction per field. */
#define ARCH_THIS_CPU ((__seg_gs ARCH_CPU *)0)

/* An address space: the physical address of its top-level page table. */
typedef ULONG64 ARCH_SPACE;
