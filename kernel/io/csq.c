/* csq.c - cancel-safe queues.
 *
 * The queue itself is the driver's: its callbacks link, unlink, find and lock. What is ours is the race with a
 * cancellation. Whoever takes an IRP's cancel routine out owns the IRP; so a removal that finds none leaves the IRP
 * where it is, to the cancellation that is under way, and that one unlinks it when it gets the queue's lock.
 *
 *   IoCsqRemoveIrp                             IoCancelIrp
 *   queue's lock                               takes the cancel routine out, calls CancelQueued
 *   takes the cancel routine: NULL             waits for the queue's lock
 *   unlock; returns NULL                       lock; unlinks it; unlock; CsqCompleteCanceledIrp
 *
 * DriverContext[3] of a queued IRP leads to the queue, or to the context that the driver knows it by, which has the
 * queue: both begin with their type. The context forgets the IRP in the same moment in which it leaves the queue. */
#include <io/csq.h>
#include <rtl/status.h>

enum { CSQ_SLOT = 3 };

static PIO_CSQ QueueOf(PIRP Irp)
{
    PIO_CSQ Csq = Irp->Tail.Overlay.DriverContext[CSQ_SLOT];

    return Csq->Type == IO_TYPE_CSQ_IRP_CONTEXT ? ((PIO_CSQ_IRP_CONTEXT)Csq)->Csq : Csq;
}

/* Queue's lock held. */
static void Unlink(PIO_CSQ Csq, PIRP Irp)
{
    PIO_CSQ_IRP_CONTEXT Context = Irp->Tail.Overlay.DriverContext[CSQ_SLOT];

    Csq->CsqRemoveIrp(Csq, Irp);
    if (Context->Type == IO_TYPE_CSQ_IRP_CONTEXT)
        Context->Irp = NULL;
    Irp->Tail.Overlay.DriverContext[CSQ_SLOT] = NULL;
}

static VOID CancelQueued(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PIO_CSQ Csq = QueueOf(Irp);
    KIRQL Irql;

    UNREFERENCED_PARAMETER(DeviceObject);
    IoReleaseCancelSpinLock(Irp->CancelIrql);
    Csq->CsqAcquireLock(Csq, &Irql);
    Unlink(Csq, Irp);
    Csq->CsqReleaseLock(Csq, Irql);
    Csq->CsqCompleteCanceledIrp(Csq, Irp);
}

static NTSTATUS Link(PIO_CSQ Csq, PIRP Irp, PVOID InsertContext)
{
    if (Csq->Type == IO_TYPE_CSQ_EX)
        return Csq->CsqInsertIrpEx(Csq, Irp, InsertContext);
    Csq->CsqInsertIrp(Csq, Irp);
    return STATUS_SUCCESS;
}

static NTSTATUS Initialize(PIO_CSQ Csq, ULONG Type, PIO_CSQ_REMOVE_IRP Remove, PIO_CSQ_PEEK_NEXT_IRP Peek,
                           PIO_CSQ_ACQUIRE_LOCK Acquire, PIO_CSQ_RELEASE_LOCK Release,
                           PIO_CSQ_COMPLETE_CANCELED_IRP Complete)
{
    Csq->Type = Type;
    Csq->CsqRemoveIrp = Remove;
    Csq->CsqPeekNextIrp = Peek;
    Csq->CsqAcquireLock = Acquire;
    Csq->CsqReleaseLock = Release;
    Csq->CsqCompleteCanceledIrp = Complete;
    Csq->ReservePointer = NULL;
    return STATUS_SUCCESS;
}

/* ---- Public: IoCsqInitialize, IoCsqInitializeEx, IoCsqInsertIrp, IoCsqInsertIrpEx, IoCsqRemoveIrp,
 *      IoCsqRemoveNextIrp ---- */

/* IoCsqInitialize - Csq is a queue of the caller's, by these callbacks. IRQL: any. Returns: STATUS_SUCCESS.
 * Source: WDK nf-wdm-iocsqinitialize. */
NTSTATUS IoCsqInitialize(PIO_CSQ Csq, PIO_CSQ_INSERT_IRP CsqInsertIrp, PIO_CSQ_REMOVE_IRP CsqRemoveIrp,
                         PIO_CSQ_PEEK_NEXT_IRP CsqPeekNextIrp, PIO_CSQ_ACQUIRE_LOCK CsqAcquireLock,
                         PIO_CSQ_RELEASE_LOCK CsqReleaseLock, PIO_CSQ_COMPLETE_CANCELED_IRP CsqCompleteCanceledIrp)
{
    Csq->CsqInsertIrp = CsqInsertIrp;
    return Initialize(Csq, IO_TYPE_CSQ, CsqRemoveIrp, CsqPeekNextIrp, CsqAcquireLock, CsqReleaseLock,
                      CsqCompleteCanceledIrp);
}

/* IoCsqInitializeEx - the same; CsqInsertIrp gets the context of IoCsqInsertIrpEx, and may refuse.
 * Source: WDK nf-wdm-iocsqinitializeex. */
NTSTATUS IoCsqInitializeEx(PIO_CSQ Csq, PIO_CSQ_INSERT_IRP_EX CsqInsertIrp, PIO_CSQ_REMOVE_IRP CsqRemoveIrp,
                           PIO_CSQ_PEEK_NEXT_IRP CsqPeekNextIrp, PIO_CSQ_ACQUIRE_LOCK CsqAcquireLock,
                           PIO_CSQ_RELEASE_LOCK CsqReleaseLock, PIO_CSQ_COMPLETE_CANCELED_IRP CsqCompleteCanceledIrp)
{
    Csq->CsqInsertIrpEx = CsqInsertIrp;
    return Initialize(Csq, IO_TYPE_CSQ_EX, CsqRemoveIrp, CsqPeekNextIrp, CsqAcquireLock, CsqReleaseLock,
                      CsqCompleteCanceledIrp);
}

/* IoCsqInsertIrp - mark Irp pending and queue it; if it is cancelled already, CsqCompleteCanceledIrp is called instead.
 * Context: NULL, or what IoCsqRemoveIrp will find it by. IRQL: <= DISPATCH_LEVEL, as the queue's lock allows.
 * Source: WDK nf-wdm-iocsqinsertirp. */
VOID IoCsqInsertIrp(PIO_CSQ Csq, PIRP Irp, PIO_CSQ_IRP_CONTEXT Context) { IoCsqInsertIrpEx(Csq, Irp, Context, NULL); }

/* IoCsqInsertIrpEx - the same; InsertContext goes to the queue's CsqInsertIrpEx, which may refuse: then Irp is not
 * queued nor marked, and the caller completes it. Returns: what CsqInsertIrpEx returns; STATUS_SUCCESS for a plain
 * queue. Source: WDK nf-wdm-iocsqinsertirpex. */
NTSTATUS IoCsqInsertIrpEx(PIO_CSQ Csq, PIRP Irp, PIO_CSQ_IRP_CONTEXT Context, PVOID InsertContext)
{
    NTSTATUS Status;
    KIRQL Irql;

    Irp->Tail.Overlay.DriverContext[CSQ_SLOT] = Context != NULL ? (PVOID)Context : (PVOID)Csq;
    if (Context != NULL)
        *Context = (IO_CSQ_IRP_CONTEXT){ IO_TYPE_CSQ_IRP_CONTEXT, Irp, Csq };
    Csq->CsqAcquireLock(Csq, &Irql);
    Status = Link(Csq, Irp, InsertContext);
    if (!NT_SUCCESS(Status)) {
        if (Context != NULL)
            Context->Irp = NULL;
        Csq->CsqReleaseLock(Csq, Irql);
        return Status;
    }
    IoMarkIrpPending(Irp);              /* nobody else finds it before the lock is released */
    IoSetCancelRoutine(Irp, CancelQueued);
    if (!Irp->Cancel || IoSetCancelRoutine(Irp, NULL) == NULL) {
        Csq->CsqReleaseLock(Csq, Irql);
        return Status;
    }
    Unlink(Csq, Irp);
    Csq->CsqReleaseLock(Csq, Irql);
    Csq->CsqCompleteCanceledIrp(Csq, Irp);
    return Status;
}

/* IoCsqRemoveIrp - the IRP that was queued with Context, out of the queue. IRQL: as IoCsqInsertIrp. Returns: NULL if it
 * has left the queue already, or is being cancelled. Source: WDK nf-wdm-iocsqremoveirp. */
PIRP IoCsqRemoveIrp(PIO_CSQ Csq, PIO_CSQ_IRP_CONTEXT Context)
{
    KIRQL Irql;
    PIRP Irp;

    Csq->CsqAcquireLock(Csq, &Irql);
    Irp = Context->Irp;
    if (Irp != NULL && IoSetCancelRoutine(Irp, NULL) == NULL)
        Irp = NULL;
    if (Irp != NULL)
        Unlink(Csq, Irp);
    Csq->CsqReleaseLock(Csq, Irql);
    return Irp;
}

/* IoCsqRemoveNextIrp - the next IRP that matches PeekContext, by what CsqPeekNextIrp says, out of the queue; those that
 * are being cancelled are passed over. IRQL: as IoCsqInsertIrp. Returns: NULL if there is none.
 * Source: WDK nf-wdm-iocsqremovenextirp. */
PIRP IoCsqRemoveNextIrp(PIO_CSQ Csq, PVOID PeekContext)
{
    PIRP Irp = NULL;
    KIRQL Irql;

    Csq->CsqAcquireLock(Csq, &Irql);
    do
        Irp = Csq->CsqPeekNextIrp(Csq, Irp, PeekContext);
    while (Irp != NULL && IoSetCancelRoutine(Irp, NULL) == NULL);
    if (Irp != NULL)
        Unlink(Csq, Irp);
    Csq->CsqReleaseLock(Csq, Irql);
    return Irp;
}
