/* trap.c - from a vector to the client's row.
 *
 * The straight paths (clock, IPI, dispatch, APC, the first use of SSE) never come here: trap.S calls their
 * rows itself. What does come is rare: exceptions, and interrupts that nobody asked for. Those are counted,
 * acknowledged and forgotten, because a PC's firmware leaves devices behind in any state. */
#include "x86.h"
#include <rtl/print.h>

static void FaultBeforeClient(ARCH_TRAP_FRAME *Frame);

ARCH_CLIENT TrapClient = { .Fault = FaultBeforeClient };

static volatile BOOLEAN Freezing;       /* set once, by ArchFreezeOthers, and never taken back */

/* An exception before ke is up, when there is no stop screen yet. */
static void FaultBeforeClient(ARCH_TRAP_FRAME *Frame)
{
    LogPrint("exception %u (error %I64x) at %p, rsp %p, cr2 %p, before the kernel was up\n",
             (ULONG)Frame->Vector, Frame->ErrorCode, (PVOID)Frame->Rip, (PVOID)Frame->Rsp, (PVOID)X86ReadCr2());
    ArchHalt();
}

/* Where to go on if the instruction at Rip is one that may fault (fixup.inc), else 0. */
static ULONG64 FindLanding(ULONG64 Rip)
{
    for (const X86_FIXUP *Row = ProbeFixups; Row < ProbeFixupsEnd; Row++)
        if (Row->Fault == Rip)
            return Row->Landing;
    return 0;
}

/* TrapException - a processor exception, or one of the `int n` that compiled drivers contain.
 * IRQL: as it was. Interrupts off. Returning resumes Frame. */
void TrapException(ARCH_TRAP_FRAME *Frame)
{
    if (Frame->Vector == TRAP_NMI && Freezing && TrapClient.Freeze)
        TrapClient.Freeze(Frame);
    if (Frame->Vector == TRAP_PAGE_FAULT || Frame->Vector == TRAP_PROTECTION) {
        ULONG64 Landing = FindLanding(Frame->Rip);

        if (Landing) {
            Frame->Rip = Landing;
            return;
        }
    }
    TrapClient.Fault(Frame);
}

/* TrapInterrupt - a vector that no row of the client stands for. IRQL: Vector >> 4. Interrupts off. */
void TrapInterrupt(ULONG Vector)
{
    ARCH_THIS_CPU->InterruptCount++;
    if (Vector == VECTOR_SPURIOUS) {
        ARCH_THIS_CPU->SpuriousCount++;     /* never in service: it must not be acknowledged */
        return;
    }
    if (Vector == VECTOR_ERROR)
        ApicHandleError();
    else
        ARCH_THIS_CPU->UnexpectedCount++;
    ApicEoi();
}

static BOOLEAN ProbeEachPage(ULONG64 First, SIZE_T Length, BOOLEAN Write)
{
    ULONG64 Last = First + Length - 1;

    if (Length == 0)
        return TRUE;
    if (Last < First)
        return FALSE;
    while (Write ? ProbeWrite((PVOID)First) : ProbeRead((const void *)First)) {
        if ((First | (PAGE_SIZE - 1)) >= Last)
            return TRUE;
        First = (First | (PAGE_SIZE - 1)) + 1;
    }
    return FALSE;
}

/* ---- Public: ArchSetClient, ArchFreezeOthers, ArchFaultAddress, ArchProbe, ArchProbeWrite, ArchHalt ---- */

/* ArchSetClient - hand over the table of calls up. Once, before interrupts are first enabled. */
void ArchSetClient(const ARCH_CLIENT *Client) { TrapClient = *Client; }

/* ArchFreezeOthers - stop all other processors, whatever they do and whatever they mask: each ends in
 * Client.Freeze. Any IRQL. Returns before they have stopped. There is no way back. */
void ArchFreezeOthers(void)
{
    Freezing = TRUE;
    ApicSendNmiToOthers();
}

/* ArchFaultAddress - the address whose access raised the page fault being handled. To be read before
 * anything else can fault. */
ULONG64 ArchFaultAddress(void) { return X86ReadCr2(); }

/* ArchProbe - can all of [Address, Address + Length) be read, right now? Any IRQL. A range that wraps
 * around or that leaves the canonical addresses cannot. */
BOOLEAN ArchProbe(const void *Address, SIZE_T Length) { return ProbeEachPage((ULONG64)Address, Length, FALSE); }

/* ArchProbeWrite - and written? What is there stays, whoever else writes meanwhile. */
BOOLEAN ArchProbeWrite(void *Address, SIZE_T Length) { return ProbeEachPage((ULONG64)Address, Length, TRUE); }

/* ArchHalt - nothing more happens on this processor. Any IRQL. */
DECLSPEC_NORETURN void ArchHalt(void)
{
    for (;;)
        __asm__ volatile("cli\n\thlt");
}
