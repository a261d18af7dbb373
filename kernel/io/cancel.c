/* cancel.c - cancelling an IRP.
 *
 * Who may touch an IRP that can be cancelled at any time? Whoever takes its cancel routine out, by one exchange: the
 * driver, to complete or pass the IRP on, or IoCancelIrp, to call the routine. The other finds NULL and keeps off.
 *
 *   driver: dequeues the IRP                  somebody: IoCancelIrp
 *   IoSetCancelRoutine(NULL) -> its routine   Cancel := TRUE; exchange -> NULL: returns FALSE
 *   completes the IRP
 *
 * Cancel is set before the exchange, so a driver that sets a routine and then finds Cancel set knows that the routine
 * may have come too late: it takes the routine out again, and what it finds says who completes the IRP.
 * The cancel spin lock, one for the machine, is held when a cancel routine is called; the routine releases it, to the
 * IRQL that CancelIrql says. It is older than the exchange, and is what StartIo's queues are still built on. */
#include "iop.h"

#include <ke/bugcheck.h>
#include <ke/irql.h>
#include <ke/spinlock.h>

static KSPIN_LOCK CancelLock;

/* ---- Public: IoAcquireCancelSpinLock, IoReleaseCancelSpinLock, IoCancelIrp ---- */

/* IoAcquireCancelSpinLock - take the machine's cancel spin lock. Irql: gets the IRQL before. IRQL: <= DISPATCH_LEVEL;
 * afterwards DISPATCH_LEVEL. Source: WDK nf-wdm-ioacquirecancelspinlock. */
VOID IoAcquireCancelSpinLock(PKIRQL Irql) { *Irql = KeAcquireSpinLockRaiseToDpc(&CancelLock); }

/* IoReleaseCancelSpinLock - give it back, and restore Irql: in a cancel routine, the IRP's CancelIrql.
 * IRQL: DISPATCH_LEVEL. Source: WDK nf-wdm-ioreleasecancelspinlock. */
VOID IoReleaseCancelSpinLock(KIRQL Irql) { KeReleaseSpinLock(&CancelLock, Irql); }

PKSPIN_LOCK IoCancelSpinLock(void) { return &CancelLock; }

/* IoCancelIrp - mark Irp as cancelled, and call its cancel routine if it has one now, with the device of its current
 * stack location. The caller knows that it is not completed meanwhile. IRQL: <= DISPATCH_LEVEL. Returns: TRUE if there
 * was a routine. Errors: a completed IRP that has one is 0x48; a routine that does not release the cancel spin lock to
 * the right IRQL is 0xC8. Source: WDK nf-wdm-iocancelirp; bug check 0x48. */
BOOLEAN IoCancelIrp(PIRP Irp)
{
    PDRIVER_CANCEL Routine;
    KIRQL OldIrql;

    IopRequireIrp(Irp, "IoCancelIrp");
    IoAcquireCancelSpinLock(&OldIrql);
    Irp->Cancel = TRUE;
    Routine = IoSetCancelRoutine(Irp, NULL);
    if (Routine == NULL) {
        IoReleaseCancelSpinLock(OldIrql);
        return FALSE;
    }
    if (UNLIKELY(Irp->CurrentLocation > Irp->StackCount + 1))
        KeBugCheckWith(CANCEL_STATE_IN_COMPLETED_IRP, (ULONG_PTR)Irp, (ULONG_PTR)Routine, 0, 0,
                       "IRP %p is cancelled, but completed already, and has the cancel routine %p", Irp, Routine);
    Irp->CancelIrql = OldIrql;
    Routine(IoGetCurrentIrpStackLocation(Irp)->DeviceObject, Irp);
    if (UNLIKELY(KeGetCurrentIrql() != OldIrql))
        KeBugCheckWith(IRQL_UNEXPECTED_VALUE, (ULONG_PTR)KeGetCurrentIrql() << 16 | (ULONG_PTR)OldIrql << 8,
                       (ULONG_PTR)Routine, (ULONG_PTR)Irp, 0,
                       "cancel routine %p returned at IRQL %u: it must release the cancel spin lock to CancelIrql, %u",
                       Routine, KeGetCurrentIrql(), OldIrql);
    return TRUE;
}
