/* ops.h - the calls of arch.h that are one or two instructions. Include <arch/arch.h>, not this. */
#pragma once

#include <arch/port.h>

/* The IRQL is CR8, the task-priority class: writing it opens or closes interrupts at once. */
FORCEINLINE KIRQL ArchReadIrql(void)
{
    ULONG64 Cr8;

    __asm__ volatile("mov %%cr8, %0" : "=r"(Cr8));
    return (KIRQL)Cr8;
}

FORCEINLINE void ArchWriteIrql(KIRQL Irql)
{
    __asm__ volatile("mov %0, %%cr8" : : "r"((ULONG64)Irql) : "memory");
}

FORCEINLINE ULONG64 ArchDisableInterrupts(void)
{
    ULONG64 Flags;

    __asm__ volatile("pushfq\n\tpopq %0\n\tcli" : "=r"(Flags) : : "memory");
    return Flags;
}

FORCEINLINE BOOLEAN ArchInterruptsWereOn(ULONG64 Flags) { return (Flags >> 9) & 1; }

FORCEINLINE void ArchRestoreInterrupts(ULONG64 Flags)
{
    if (ArchInterruptsWereOn(Flags))
        __asm__ volatile("sti" : : : "memory");
}

/* Are interrupts on? */
FORCEINLINE BOOLEAN ArchInterruptsAreOn(void)
{
    ULONG64 Flags;

    __asm__ volatile("pushfq\n\tpopq %0" : "=r"(Flags) : : "memory");
    return ArchInterruptsWereOn(Flags);
}

/* Off, for a caller who knows that they are on. */
FORCEINLINE void ArchMaskInterrupts(void) { __asm__ volatile("cli" : : : "memory"); }
FORCEINLINE void ArchEnableInterrupts(void) { __asm__ volatile("sti" : : : "memory"); }
/* On for a moment. sti takes effect one instruction late. The pause is for emulators: they give other processors a turn
 * there, whose interrupts then come in; right behind sti they would stay out. */
FORCEINLINE void ArchAdmitInterrupts(void) { __asm__ volatile("sti\n\tnop\n\tpause\n\tcli" : : : "memory"); }
FORCEINLINE void ArchPause(void) { __asm__ volatile("pause" : : : "memory"); }

/* Sleeps until the next interrupt. Entered with interrupts off, so that one which arrived after the
 * caller's last look still wakes it: sti takes effect after hlt has begun. */
FORCEINLINE void ArchWaitForInterrupt(void) { __asm__ volatile("sti\n\thlt" : : : "memory"); }

/* A counter that all processors share and that never steps back. The fence keeps the processor from reading
 * it ahead of a load before: who sees another's message must not read an earlier time than its sender did. */
FORCEINLINE ULONG64 ArchReadCounter(void)
{
    ULONG64 Low, High;                  /* the upper halves come out as 0 */

    __asm__ volatile("lfence\n\trdtsc" : "=a"(Low), "=d"(High));
    return (High << 32 | Low) + ARCH_THIS_CPU->CounterOffset;
}
