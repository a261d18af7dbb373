/* finish.c - the end of a request: its maker is told.
 *
 * A request that a thread has built for itself (IoBuildDeviceIoControlRequest, IoBuildSynchronousFsdRequest) ends in
 * that thread, by a special kernel APC: output is copied to where the thread wants it, status block and event are
 * filled, and everything that belongs to the IRP is freed. A critical region does not hold that back, a guarded region
 * or APC_LEVEL does: a thread that waits there for its event waits for ever, as in NT. Attached to a process it is that
 * process's memory that is filled: a request does not outlast the attachment.
 * Such a request is in its thread's list until then. Only the thread itself touches the list, at APC_LEVEL, and it does
 * not end before the list is empty: what is there when it wants to end is cancelled, and waited for.
 * After ORPHAN_PATIENCE it goes all the same, and says so; the request is an orphan then, of which only the memory is
 * left to be freed. That decision and the APC's insertion exclude one another by OrphanLock.
 * An error that was returned at once, by a dispatch routine that had not said "pending", is known to the caller
 * already: as in NT neither status block nor event see it.
 * All others end where they are completed: parts of a master; opening, cleaning up and closing of files, whose thread
 * waits for it; and what IoBuildAsynchronousFsdRequest made, if its maker did not keep it. */
#include "iop.h"

#include <ex/pool.h>
#include <ke/bugcheck.h>
#include <ke/irql.h>
#include <ke/spinlock.h>
#include <ps/system_thread.h>
#include <rtl/print.h>
#include <rtl/string.h>

enum { ORPHAN_LOOKS = 3000 };
#define ORPHAN_DELAY (-1000000ll)       /* 100 ms between two looks: five minutes in all */

static KSPIN_LOCK OrphanLock;

static BOOLEAN IsError(NTSTATUS Status) { return (ULONG)Status >> 30 == 3; }

/* ---- Taking a request apart ---- */

static void CopyOutput(PIRP Irp)
{
    ULONG_PTR Length = Irp->IoStatus.Information, Room = IopHeaderOf(Irp)->OutputLength;

    if (!(Irp->Flags & IRP_INPUT_OPERATION) || IsError(Irp->IoStatus.Status))
        return;
    if (Length > Room)
        KeBugCheckWith(INCONSISTENT_IRP, (ULONG_PTR)Irp, Length, Room, 0,
                       "IRP %p says that %I64u bytes were read into a buffer of %I64u", Irp, Length, Room);
    memcpy(Irp->UserBuffer, Irp->AssociatedIrp.SystemBuffer, Length);
}

static void FreeBuffers(PIRP Irp)
{
    if (Irp->Flags & IRP_BUFFERED_IO)
        CopyOutput(Irp);
    if (Irp->Flags & IRP_DEALLOCATE_BUFFER)
        ExFreePoolWithTag(Irp->AssociatedIrp.SystemBuffer, IO_TAG);
    while (Irp->MdlAddress != NULL) {
        PMDL Mdl = Irp->MdlAddress;

        Irp->MdlAddress = Mdl->Next;
        if (Mdl->MdlFlags & MDL_PAGES_LOCKED)
            MmUnlockPages(Mdl);
        IoFreeMdl(Mdl);
    }
}

static void FreeApc(PKAPC Apc, PKNORMAL_ROUTINE *Normal, PVOID *Context, PVOID *Argument1, PVOID *Argument2)
{
    UNREFERENCED_PARAMETER(Normal), UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1), UNREFERENCED_PARAMETER(Argument2);
    ExFreePoolWithTag(Apc, IO_TAG);
}

/* The routine that came with a request by handle, or its memory. */
static void SendRoutine(PIRP Irp, BOOLEAN Tell)
{
    PKAPC Apc = IopHeaderOf(Irp)->Apc;

    if (Apc == NULL)
        return;
    KeInitializeApc(Apc, KeGetCurrentThread(), OriginalApcEnvironment, FreeApc, NULL,
                    (PKNORMAL_ROUTINE)Irp->Overlay.AsynchronousParameters.UserApcRoutine, KernelMode,
                    Irp->Overlay.AsynchronousParameters.UserApcContext);
    if (!Tell || !KeInsertQueueApc(Apc, Irp->UserIosb, NULL, 0))
        ExFreePoolWithTag(Apc, IO_TAG);
}

/* A request by handle is over: its file hears of it, and what it has held is let go. */
static void LeaveFile(PFILE_OBJECT File, PVOID Event, NTSTATUS Status, BOOLEAN Tell)
{
    File->FinalStatus = Status;
    if (Tell)
        KeSetEvent(&File->Event, 0, FALSE);
    if (Event != NULL)
        ObDereferenceObjectDeferDelete(Event);
    ObDereferenceObjectDeferDelete(File);
}

/* The IRP goes before its maker is told: what it waits for may lie on a stack that is gone then. */
static void Deliver(PIRP Irp)
{
    BOOLEAN Tell = !IsError(Irp->IoStatus.Status) || Irp->PendingReturned;
    BOOLEAN Orphan = (Irp->AllocationFlags & IOP_ORPHAN) != 0;
    PFILE_OBJECT File = IopHeaderOf(Irp)->File;
    PVOID Held = IopHeaderOf(Irp)->Event;
    PIO_STATUS_BLOCK Block = Tell ? Irp->UserIosb : NULL;
    PKEVENT Event = Tell ? Irp->UserEvent : NULL;
    IO_STATUS_BLOCK Status = Irp->IoStatus;

    FreeBuffers(Irp);
    if (Block != NULL)
        *Block = Status;
    SendRoutine(Irp, Tell && !Orphan);
    IoFreeIrp(Irp);
    if (Event != NULL)
        KeSetEvent(Event, 0, FALSE);
    if (File != NULL)
        LeaveFile(File, Held, Status.Status, Tell);
}

/* ---- In the requestor's thread ---- */

static void DeliverInThread(PKAPC Apc, PKNORMAL_ROUTINE *Normal, PVOID *Context, PVOID *Argument1, PVOID *Argument2)
{
    PIRP Irp = CONTAINING_RECORD(Apc, IRP, Tail.Apc);

    UNREFERENCED_PARAMETER(Normal), UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1), UNREFERENCED_PARAMETER(Argument2);
    RemoveEntryList(&Irp->ThreadListEntry);
    InitializeListHead(&Irp->ThreadListEntry);
    Deliver(Irp);
}

/* Returns: FALSE if it is no thread's (any more). */
static BOOLEAN SendToThread(PIRP Irp, CCHAR PriorityBoost)
{
    KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&OrphanLock);
    BOOLEAN HasThread = !IsListEmpty(&Irp->ThreadListEntry);

    if (HasThread) {
        KeInitializeApc(&Irp->Tail.Apc, Irp->Tail.Overlay.Thread, (KAPC_ENVIRONMENT)Irp->ApcEnvironment,
                        DeliverInThread, NULL, NULL, KernelMode, NULL);
        if (UNLIKELY(!KeInsertQueueApc(&Irp->Tail.Apc, NULL, NULL, PriorityBoost)))
            KeBugCheckWith(INCONSISTENT_IRP, (ULONG_PTR)Irp, (ULONG_PTR)Irp->Tail.Apc.Thread, 0, 0,
                           "IRP %p was built while its thread was attached to a process, and thread %p has left that "
                           "before the end: wait for a request where it was built", Irp, Irp->Tail.Apc.Thread);
    }
    KeReleaseSpinLock(&OrphanLock, OldIrql);
    return HasThread;
}

/* ---- Others ---- */

static void FinishPart(PIRP Irp, CCHAR PriorityBoost)
{
    PIRP Master = Irp->AssociatedIrp.MasterIrp;

    Irp->Flags &= ~(ULONG)(IRP_BUFFERED_IO | IRP_DEALLOCATE_BUFFER);    /* the buffer would be the master's */
    FreeBuffers(Irp);
    IoFreeIrp(Irp);
    if (__atomic_sub_fetch(&Master->AssociatedIrp.IrpCount, 1, __ATOMIC_ACQ_REL) == 0)
        IofCompleteRequest(Master, PriorityBoost);
}

static void FinishHere(PIRP Irp)
{
    if (Irp->Tail.Overlay.Thread == NULL && !(Irp->AllocationFlags & IOP_ORPHAN))
        KeBugCheckWith(INCONSISTENT_IRP, (ULONG_PTR)Irp, 0, 0, 0,
                       "IRP %p has no thread, and no completion routine has kept it for whoever allocated it", Irp);
    if (Irp->Flags & IRP_SYNCHRONOUS_API)
        Irp->PendingReturned = TRUE;    /* its thread wants to know in any case */
    if (Irp->AllocationFlags & IOP_ORPHAN)
        Irp->UserIosb = NULL, Irp->UserEvent = NULL, Irp->Flags &= ~(ULONG)IRP_INPUT_OPERATION;
    Deliver(Irp);
}

/* ---- Inside io ---- */

void IopFinishIrp(PIRP Irp, CCHAR PriorityBoost)
{
    if (Irp->Flags & IRP_ASSOCIATED_IRP)
        FinishPart(Irp, PriorityBoost);
    else if (!SendToThread(Irp, PriorityBoost))
        FinishHere(Irp);
}

void IopBindToThread(PIRP Irp)
{
    PKTHREAD Thread = KeGetCurrentThread();
    KIRQL OldIrql = KfRaiseIrql(APC_LEVEL);

    Irp->Tail.Overlay.Thread = Thread;
    InsertTailList(PsThreadRequests(Thread), &Irp->ThreadListEntry);
    KeLowerIrql(OldIrql);
}

/* ---- A thread ends ---- */

static void CancelRequests(PLIST_ENTRY Requests)
{
    KIRQL OldIrql = KfRaiseIrql(APC_LEVEL);

    for (PLIST_ENTRY Link = Requests->Flink; Link != Requests; Link = Link->Flink)
        IoCancelIrp(CONTAINING_RECORD(Link, IRP, ThreadListEntry));
    KeLowerIrql(OldIrql);
}

/* Returns: FALSE if the first has been completed meanwhile, and its APC is on its way. */
static BOOLEAN OrphanFirst(PLIST_ENTRY Requests)
{
    KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&OrphanLock);
    PIRP Irp = CONTAINING_RECORD(Requests->Flink, IRP, ThreadListEntry);
    BOOLEAN Waits = Requests->Flink != Requests && Irp->CurrentLocation <= Irp->StackCount + 1;

    if (Waits) {
        RemoveEntryList(&Irp->ThreadListEntry);
        InitializeListHead(&Irp->ThreadListEntry);
        Irp->AllocationFlags |= IOP_ORPHAN;
        Irp->Tail.Overlay.Thread = NULL;
    }
    KeReleaseSpinLock(&OrphanLock, OldIrql);
    if (Waits)
        LogPrint("thread %p ends, and nobody has completed its IRP %p, though it was cancelled\n", KeGetCurrentThread(),
                 Irp);
    return Waits;
}

static void RunDownThread(void)
{
    PLIST_ENTRY Requests = PsThreadRequests(KeGetCurrentThread());
    LARGE_INTEGER Delay = { .QuadPart = ORPHAN_DELAY };

    if (IsListEmpty(Requests))
        return;
    CancelRequests(Requests);
    for (ULONG Look = 0; Look < ORPHAN_LOOKS && !IsListEmpty(Requests); Look++)
        KeDelayExecutionThread(KernelMode, FALSE, &Delay);
    while (!IsListEmpty(Requests))
        if (!OrphanFirst(Requests))
            KeDelayExecutionThread(KernelMode, FALSE, &Delay);
}

void IopInitializeRundown(void) { PsSetThreadRundown(RunDownThread); }
