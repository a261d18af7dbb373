/* cpus.c - brings up the other processors, all at once.
 *
 * Everything that a processor needs is made before the first one starts: its block, its tables, its
 * two stacks and its idle thread. One that does not answer in time is named and left out; its memory stays
 * its own, for it may yet wake up and run in it. One that answers has still some way to go before the
 * scheduler has it: so each says so by an event, and the caller finds all of them at work. */
#include <arch/arch.h>
#include <ke/event.h>
#include <ke/init.h>
#include <ke/irql.h>
#include <mm/mm.h>
#include <rtl/print.h>
#include "bootp.h"

enum { STACK_RESERVE = 0x400 };         /* at the top of the idle stack: SSE state and first frame of its thread */

static ARCH_CPU *Cpus[ARCH_MAX_CPUS];
static KEVENT Arrival;                  /* set after each KeProcessorOnline */

/* The first C code on another processor: at IRQL HIGH, interrupts off. */
static void ProcessorMain(ARCH_CPU *Cpu)
{
    UNREFERENCED_PARAMETER(Cpu);
    KeProcessorOnline();
    KeLowerIrql(PASSIVE_LEVEL);
    ArchEnableInterrupts();
    KeSetEvent(&Arrival, 0, FALSE);
    KeIdleLoop();
}

/* Processor Number has answered: return when the scheduler has it too. Arrival may stand for several. */
static void WaitUntilActive(ULONG Number)
{
    while (!(KeQueryActiveProcessors() >> Number & 1))
        KeWaitForSingleObject(&Arrival, Executive, KernelMode, FALSE, NULL);
}

/* Make what processor Number needs and start it. Returns FALSE if memory is out. */
static BOOLEAN StartProcessor(ULONG Number, ULONG ApicId)
{
    ARCH_CPU *Cpu = MmAllocatePages(KePcrSize());
    PVOID Tables = MmAllocatePages(ArchCpuTablesSize());
    PKTHREAD IdleThread = MmAllocatePages(sizeof(KTHREAD));
    PUCHAR IdleStack = MmAllocateStack(), DispatchStack = MmAllocateStack();

    if (Cpu == NULL || Tables == NULL || IdleThread == NULL || IdleStack == NULL || DispatchStack == NULL)
        return FALSE;
    ArchPrepareCpu(Cpu, Number, Tables);
    KeInitializeProcessor((struct _KPCR *)Cpu, IdleThread, IdleStack, MM_STACK_SIZE, DispatchStack);
    Cpus[Number] = Cpu;
    ArchStartCpu(Number, ApicId, Cpu, IdleStack - STACK_RESERVE, ProcessorMain);
    return TRUE;
}

/* ---- For main.c ---- */

/* BootStartProcessors - start the processors that Platform lists, at most Limit with this one, and return
 * when each has come or been given up.  IRQL: PASSIVE_LEVEL, on the boot processor. */
void BootStartProcessors(const PLATFORM *Platform, ULONG Limit)
{
    ULONG Count = Platform->CpuCount < Limit ? Platform->CpuCount : Limit;
    ULONG64 LowPage = Count > 1 ? MmAllocateLowPage() : 0;

    if (Count > 1 && LowPage == 0) {
        LogPrint("boot: no page below 1 MiB is free: %u processors stay off\n", Count - 1);
        return;
    }
    if (Count <= 1)
        return;
    KeInitializeEvent(&Arrival, SynchronizationEvent, FALSE);
    ArchPrepareStart(LowPage);
    for (ULONG Number = 1; Number < Count; Number++)
        if (!StartProcessor(Number, Platform->Cpus[Number].ApicId)) {
            LogPrint("boot: memory is out: processors %u to %u stay off\n", Number, Count - 1);
            break;
        }
    ArchAwaitCpus();
    for (ULONG Number = 1; Number < Count && Cpus[Number] != NULL; Number++)
        if (Cpus[Number]->Online)
            WaitUntilActive(Number);
        else
            LogPrint("boot: processor %u (local APIC 0x%x) does not answer and is left out\n", Number,
                     Platform->Cpus[Number].ApicId);
}
