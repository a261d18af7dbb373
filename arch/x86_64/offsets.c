/* offsets.c - structure offsets for assembly. Compiled to assembly text only; the build turns each line
 * that starts with "#@" into a #define of build/asm_offsets.h. */
#include "x86.h"

#define EMIT(Name, Value) __asm__ volatile("\n#@define " #Name " %c0" : : "i"(Value))

void Offsets(void);

void Offsets(void)
{
    EMIT(CPU_FPU_AREA, offsetof(ARCH_CPU, FpuArea));
    EMIT(CPU_FPU_LIVE, offsetof(ARCH_CPU, FpuLive));
    EMIT(CPU_IN_INTERRUPT, offsetof(ARCH_CPU, InInterrupt));
    EMIT(CPU_X2APIC, offsetof(ARCH_CPU, X2Apic));
    EMIT(CPU_INTERRUPT_COUNT, offsetof(ARCH_CPU, InterruptCount));

    EMIT(CLIENT_CLOCK, offsetof(ARCH_CLIENT, Clock));
    EMIT(CLIENT_DISPATCH, offsetof(ARCH_CLIENT, Dispatch));
    EMIT(CLIENT_APC, offsetof(ARCH_CLIENT, Apc));
    EMIT(CLIENT_IPI, offsetof(ARCH_CLIENT, Ipi));

    EMIT(FRAME_IRQL, offsetof(ARCH_TRAP_FRAME, Irql));
    EMIT(FRAME_VECTOR, offsetof(ARCH_TRAP_FRAME, Vector));
    EMIT(FRAME_RIP, offsetof(ARCH_TRAP_FRAME, Rip));
    EMIT(FRAME_SIZE, sizeof(ARCH_TRAP_FRAME));
    EMIT(TRAP_STUB_SIZE, TRAP_STUB_SIZE);
    EMIT(TRAP_FAST_FAIL, TRAP_FAST_FAIL);
    EMIT(TRAP_ASSERT, TRAP_ASSERT);
    EMIT(TRAP_DEBUG_SERVICE, TRAP_DEBUG_SERVICE);

    EMIT(CONTEXT_RSP, offsetof(ARCH_CONTEXT, Rsp));
    EMIT(CONTEXT_BUSY, offsetof(ARCH_CONTEXT, Busy));

    EMIT(RECORD_RAX, offsetof(CONTEXT, Rax));
    EMIT(RECORD_RSP, offsetof(CONTEXT, Rsp));
    EMIT(RECORD_RIP, offsetof(CONTEXT, Rip));
    EMIT(RECORD_EFLAGS, offsetof(CONTEXT, EFlags));
    EMIT(RECORD_SEGMENTS, offsetof(CONTEXT, SegCs));
    EMIT(RECORD_FLAGS, offsetof(CONTEXT, ContextFlags));
    EMIT(CONTEXT_ALL, CONTEXT_FULL | CONTEXT_SEGMENTS);
    EMIT(DISPATCHER_HANDLER, offsetof(DISPATCHER_CONTEXT, LanguageHandler));
    EMIT(HANDLER_SLOT, HANDLER_SLOT);
    EMIT(RESUME_FLAGS, RESUME_FLAGS);

    EMIT(IRQL_APC, APC_LEVEL);
    EMIT(IRQL_DISPATCH, DISPATCH_LEVEL);
    EMIT(IRQL_CLOCK, CLOCK_LEVEL);
    EMIT(IRQL_IPI, IPI_LEVEL);

    /* As displacements of 32 bits, which the processor extends by sign. */
    EMIT(APIC_EOI_REGISTER, (int)(APIC_PAGE + APIC_EOI));
    EMIT(MSR_X2APIC_EOI, MSR_X2APIC + (APIC_EOI >> 4));

    EMIT(TRAMPOLINE_GDT_POINTER, offsetof(SMP_TRAMPOLINE, GdtLimit));
    EMIT(TRAMPOLINE_FAR32, offsetof(SMP_TRAMPOLINE, Far32));
    EMIT(TRAMPOLINE_FAR64, offsetof(SMP_TRAMPOLINE, Far64));
    EMIT(TRAMPOLINE_CR3, offsetof(SMP_TRAMPOLINE, Cr3));
    EMIT(TRAMPOLINE_KERNEL_CR3, offsetof(SMP_TRAMPOLINE, KernelCr3));
    EMIT(TRAMPOLINE_DATA_SIZE, sizeof(SMP_TRAMPOLINE));
    EMIT(SLOT_SIZE, sizeof(SMP_SLOT));
    EMIT(SLOT_STATE, offsetof(SMP_SLOT, State));
    EMIT(SLOT_CALLED, SlotCalled);
    EMIT(SLOT_ARRIVED, SlotArrived);
    EMIT(SLOT_STACK, offsetof(SMP_SLOT, StackTop));
    EMIT(MSR_EFER, MSR_EFER);
    EMIT(EFER_START, EFER_LME | EFER_NXE);
    EMIT(CR4_PAE, CR4_PAE);
    EMIT(CR0_PE, CR0_PE);
    EMIT(CR0_PAGING, CR0_PG | CR0_WP);
}
