/* irp.c - the life of an I/O request packet.
 *
 * An IRP is one block: the fixed part, then a stack location for each driver that will see it, the lowest one's first.
 * CurrentLocation counts downwards from StackCount + 1, where it is still its maker's. What a driver of its own memory
 * initialises is a full IRP but for one thing: it is not ours to free.
 * All that IoAllocateIrp has made are in one list, with who asked for them: what a driver forgets is named when it is
 * unloaded. A freed one loses its type first, so that a second free or completion is seen for as long as the memory is
 * nobody else's; under the verifier, that is long. */
#include "iop.h"

#include <ex/pool.h>
#include <ke/bugcheck.h>
#include <ke/spinlock.h>
#include <rtl/string.h>

#define CALLER __builtin_return_address(0)

static KSPIN_LOCK ListLock;
static LIST_ENTRY All = { &All, &All };         /* ListLock: IOP_IRP.Link */

/* Everything but what says where the memory came from. */
static void Reset(PIRP Irp, USHORT PacketSize, CCHAR StackSize)
{
    memset(Irp, 0, PacketSize);
    Irp->Type = IO_TYPE_IRP;
    Irp->Size = PacketSize;
    Irp->StackCount = StackSize;
    Irp->CurrentLocation = (CCHAR)(StackSize + 1);
    Irp->ApcEnvironment = (CCHAR)KeGetCurrentThread()->ApcStateIndex;
    InitializeListHead(&Irp->ThreadListEntry);
    Irp->Tail.Overlay.CurrentStackLocation = (PIO_STACK_LOCATION)(Irp + 1) + StackSize;
}

/* ---- Inside io ---- */

PIRP IopAllocateIrp(CCHAR StackSize, PVOID Caller)
{
    USHORT Size = IoSizeOfIrp(StackSize);
    IOP_IRP *Header = ExAllocatePoolWithTag(NonPagedPoolNx, offsetof(IOP_IRP, Irp) + Size, IRP_TAG);
    KIRQL OldIrql;

    if (Header == NULL)
        return NULL;
    memset(Header, 0, offsetof(IOP_IRP, Irp));
    Header->Caller = Caller;
    Reset(&Header->Irp, Size, StackSize);
    Header->Irp.AllocationFlags = IOP_ALLOCATED;
    OldIrql = KeAcquireSpinLockRaiseToDpc(&ListLock);
    InsertTailList(&All, &Header->Link);
    KeReleaseSpinLock(&ListLock, OldIrql);
    return &Header->Irp;
}

void IopRequireIrp(PIRP Irp, const char *Routine)
{
    if (UNLIKELY(Irp->Type != IO_TYPE_IRP))
        KeBugCheckWith(MULTIPLE_IRP_COMPLETE_REQUESTS, (ULONG_PTR)Irp, (USHORT)Irp->Type, 0, 0,
                       "%s was given %p, which is no IRP, or one that was completed or freed before", Routine, Irp);
}

/* ---- Public: IoAllocateIrp, IoFreeIrp, IoInitializeIrp, IoReuseIrp, IoMakeAssociatedIrp; leak reports ---- */

/* IoAllocateIrp - an IRP with StackSize stack locations, bound to no thread: whoever sends it takes it back in a
 * completion routine that returns STATUS_MORE_PROCESSING_REQUIRED. ChargeQuota: nobody's quota is charged here.
 * IRQL: <= DISPATCH_LEVEL. Returns: NULL when memory is out. Source: WDK nf-wdm-ioallocateirp. */
PIRP IoAllocateIrp(CCHAR StackSize, BOOLEAN ChargeQuota)
{
    UNREFERENCED_PARAMETER(ChargeQuota);
    return IopAllocateIrp(StackSize, CALLER);
}

/* IoFreeIrp - give back an IRP of IoAllocateIrp, IoMakeAssociatedIrp or IoBuildAsynchronousFsdRequest. IRQL:
 * <= DISPATCH_LEVEL. Errors: one that was freed before is 0x44; one that is not of these, or that a thread still waits
 * for, is 0x2A. Source: WDK nf-wdm-iofreeirp. */
VOID IoFreeIrp(PIRP Irp)
{
    IOP_IRP *Header = IopHeaderOf(Irp);
    KIRQL OldIrql;

    IopRequireIrp(Irp, "IoFreeIrp");
    if (UNLIKELY(!(Irp->AllocationFlags & IOP_ALLOCATED) || !IsListEmpty(&Irp->ThreadListEntry)))
        KeBugCheckWith(INCONSISTENT_IRP, (ULONG_PTR)Irp, Irp->AllocationFlags, 0, 0,
                       Irp->AllocationFlags & IOP_ALLOCATED ?
                           "IRP %p is freed, and the thread it was built for still waits for its completion" :
                           "IRP %p is freed, but IoAllocateIrp did not make it, or IoInitializeIrp was called for it",
                       Irp);
    Irp->Type = 0;
    OldIrql = KeAcquireSpinLockRaiseToDpc(&ListLock);
    RemoveEntryList(&Header->Link);
    KeReleaseSpinLock(&ListLock, OldIrql);
    ExFreePoolWithTag(Header, IRP_TAG);
}

/* IoInitializeIrp - make the caller's own memory, PacketSize bytes as IoSizeOfIrp says for StackSize, an IRP. Not for
 * one of IoAllocateIrp, which is one already. IRQL: any. Source: WDK nf-wdm-ioinitializeirp. */
VOID IoInitializeIrp(PIRP Irp, USHORT PacketSize, CCHAR StackSize) { Reset(Irp, PacketSize, StackSize); }

/* IoReuseIrp - make an IRP that has come back as new, with IoStatus.Status as given. IRQL: <= DISPATCH_LEVEL.
 * Source: WDK nf-wdm-ioreuseirp. */
VOID IoReuseIrp(PIRP Irp, NTSTATUS Iostatus)
{
    UCHAR AllocationFlags = Irp->AllocationFlags;

    Reset(Irp, Irp->Size, Irp->StackCount);
    Irp->AllocationFlags = AllocationFlags;
    Irp->IoStatus.Status = Iostatus;
}

/* IoMakeAssociatedIrp - an IRP that is a part of Irp, the master, and has its thread. The caller sets the master's
 * AssociatedIrp.IrpCount to the number of parts before it sends the first; when the last is completed, so is the
 * master, and the parts are freed. IRQL: <= DISPATCH_LEVEL. Returns: NULL when memory is out.
 * Source: WDK nf-ntddk-iomakeassociatedirp. */
PIRP IoMakeAssociatedIrp(PIRP Irp, CCHAR StackSize)
{
    PIRP Part = IopAllocateIrp(StackSize, CALLER);

    if (Part == NULL)
        return NULL;
    Part->Flags |= IRP_ASSOCIATED_IRP;
    Part->AssociatedIrp.MasterIrp = Irp;
    Part->Tail.Overlay.Thread = Irp->Tail.Overlay.Thread;
    return Part;
}

BOOLEAN IoIsAllocatedIrp(PIRP Irp)
{
    KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&ListLock);
    BOOLEAN Found = FALSE;

    for (PLIST_ENTRY Link = All.Flink; Link != &All && !Found; Link = Link->Flink)
        Found = Link == &IopHeaderOf(Irp)->Link;
    KeReleaseSpinLock(&ListLock, OldIrql);
    return Found;
}

/* Calls Report for each, under the list's lock: it may print, not allocate or free IRPs. <= DISPATCH_LEVEL.
 * Returns: their number. */
ULONG IoForEachIrpOf(ULONG64 Start, ULONG64 End, void (*Report)(PVOID Context, PIRP Irp, PVOID Caller), PVOID Context)
{
    KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&ListLock);
    ULONG Found = 0;

    for (PLIST_ENTRY Link = All.Flink; Link != &All; Link = Link->Flink) {
        IOP_IRP *Header = CONTAINING_RECORD(Link, IOP_IRP, Link);

        if ((ULONG64)Header->Caller < Start || (ULONG64)Header->Caller >= End)
            continue;
        Found++;
        Report(Context, &Header->Irp, Header->Caller);
    }
    KeReleaseSpinLock(&ListLock, OldIrql);
    return Found;
}
