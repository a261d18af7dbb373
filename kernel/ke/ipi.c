/* ipi.c - one routine on every processor at once.
 *
 * One request at a time. The requester waits for its turn and for the answers with interrupts on, so that two
 * requesters answer each other. A target answers at IPI_LEVEL; it is late only while its interrupts are off, which is
 * never for long and never while it waits for a requester. */
#include "ki.h"

static KSPIN_LOCK RequestLock;
static struct {
    PKIPI_BROADCAST_WORKER Routine;
    ULONG_PTR Argument;
    volatile LONG Pending;              /* targets that have not answered */
} Request;

/* The routine may be a driver's and use SSE, and the code it interrupts may be between any two instructions
 * that do, in a thread or in a DPC: its state is put aside and brought back, as it was. */
static void RunApart(void)
{
    ARCH_FPU *Area = ARCH_THIS_CPU->FpuArea;
    BOOLEAN Live = ARCH_THIS_CPU->FpuLive;
    ARCH_FPU Kept, Own;

    ArchInitializeFpu(&Own);
    if (Live) {
        ARCH_THIS_CPU->FpuArea = &Kept;
        ArchFpuSave();
    }
    ARCH_THIS_CPU->FpuArea = &Own;
    Request.Routine(Request.Argument);
    ArchFpuDiscard();
    if (Live) {
        ARCH_THIS_CPU->FpuArea = &Kept;
        ArchFpuLoad();
    }
    ARCH_THIS_CPU->FpuArea = Area;
}

void KiProcessorRequest(void)
{
    if (__atomic_load_n(&Request.Pending, __ATOMIC_ACQUIRE) == 0)
        return;
    RunApart();
    __atomic_sub_fetch(&Request.Pending, 1, __ATOMIC_RELEASE);
}

/* KeIpiGenericCall - run Routine(Argument) at IPI_LEVEL on every active processor; return when all have, with what it
 * returned here. IRQL: < IPI_LEVEL, interrupts on, no lock held that an interrupt handler takes.
 * Source: WDK nf-wdm-keipigenericcall. */
ULONG_PTR KeIpiGenericCall(PKIPI_BROADCAST_WORKER Routine, ULONG_PTR Argument)
{
    KIRQL OldIrql = ArchReadIrql();
    ULONG_PTR Result;
    KAFFINITY Others;

    if (OldIrql < SYNCH_LEVEL)
        ArchWriteIrql(SYNCH_LEVEL);
    KiAcquireRawLock(&RequestLock);
    Others = KiActiveProcessors & ~(1ull << ARCH_THIS_CPU->Number);
    Request.Routine = Routine;
    Request.Argument = Argument;
    __atomic_store_n(&Request.Pending, RtlCountBits(Others), __ATOMIC_RELEASE);
    if (Others != 0)
        ArchSendIpi(Others);
    ArchWriteIrql(IPI_LEVEL);
    Result = Routine(Argument);
    while (__atomic_load_n(&Request.Pending, __ATOMIC_ACQUIRE) != 0)
        ArchPause();
    KiReleaseRawLock(&RequestLock);
    ArchWriteIrql(OldIrql);
    return Result;
}
