/* init.c - bring-up: the table of processors, each processor's block and idle thread, and the rows through which
 * interrupts come in. The memory for all of it is the roof's. */
#include "ki.h"

#include <ke/process.h>

PKPCR KiProcessorBlock[ARCH_MAX_CPUS];
ULONG KiProcessorCount;
KAFFINITY KiActiveProcessors;
struct _KI_PROCESS_IMAGE KiSystemImage;

static const ARCH_CLIENT Client = {
    .Clock = KiClockInterrupt,
    .Dispatch = KiDispatchInterrupt,
    .Apc = KiDeliverApcs,
    .Ipi = KiProcessorRequest,
    .Fault = KiHandleFault,
    .Freeze = KiFreezeProcessor,
};

SIZE_T KePcrSize(void) { return sizeof(KPCR); }

/* KeInitializeProcessor - make Pcr, zeroed but for its ARCH_CPU, the block of processor Pcr->Cpu.Number, which will run
 * IdleThread on its idle stack. Called on the boot processor, before the other one starts. */
void KeInitializeProcessor(PKPCR Pcr, PKTHREAD IdleThread, PVOID IdleStackTop, SIZE_T IdleStackSize,
                           PVOID DispatchStackTop)
{
    if (KiInitialProcess.Affinity == 0)
        KeInitializeProcess(&KiInitialProcess, 8, ~0ull, 0);
    KeInitializeThread(IdleThread, &KiInitialProcess, IdleStackTop, IdleStackSize, NULL, NULL, NULL, LOW_PRIORITY);
    IdleThread->Priority = IdleThread->BasePriority = -1;      /* anybody is better */
    IdleThread->State = Running;
    IdleThread->Context.Busy = 1;               /* the caller's processor, soon */
    IdleThread->Affinity = 1ull << Pcr->Cpu.Number;
    IdleThread->IdealProcessor = IdleThread->NextProcessor = Pcr->Cpu.Number;
    Pcr->IdleThread = IdleThread;
    Pcr->BestPriority = IdleThread->Priority;
    Pcr->Cpu.CurrentThread = IdleThread;
    Pcr->Cpu.FpuArea = IdleThread->Context.Fpu;
    Pcr->Cpu.DispatchStack = DispatchStackTop;
    Pcr->Idle = TRUE;
    Pcr->ArmedDue = ~0ull;
    KiInitializeReadyQueues(Pcr);
    KiInitializeDpcQueue(Pcr);
    KiInitializeTimerQueue(&Pcr->TimerQueue, 0);
    KiProcessorBlock[Pcr->Cpu.Number] = Pcr;
    if (Pcr->Cpu.Number >= KiProcessorCount)
        KiProcessorCount = Pcr->Cpu.Number + 1;
    if (Pcr->Cpu.Number == 0) {
        KiInitializeBugCheck();
        ArchSetClient(&Client);         /* a fault on the way up is a stop like any other; interrupts are off */
    }
}

/* KeInitialize - once, on the boot processor, with its clock calibrated and the shared page mapped: interrupts may
 * come from now on. */
void KeInitialize(void)
{
    KiInitializeClock();
    KiInitializeTimerQueue(&KiCurrentPcr()->TimerQueue, 0);     /* anew: the system time is known */
    KiInitializeGenericCall();
    KiSetTimerClients(KiTimerExpired, KiWaitTimedOut);
    KeProcessorOnline();
}
