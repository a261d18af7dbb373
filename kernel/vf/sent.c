/* sent.c - IRPs on their way: what a dispatch routine does with one, against what it returns.
 *
 * For each call of a dispatch routine there is an entry, from the call until both have happened: the routine has
 * returned, and the IRP has left the stack location that the routine was given (going up, by completion). The order of
 * the two is what makes the rules hard to keep, and to check: after the return the IRP may be gone, and the location's
 * pending mark is only final when it is left. The second of the two finds the entry and compares:
 *
 *   returned          left the location                rule
 *   STATUS_PENDING    without a mark, before or after  PENDING_UNMARKED
 *   another status    with a mark                      MARKED_NOT_PENDING
 *   another status    not yet                          NEITHER_DONE_NOR_PENDING
 *   another status    with another IoStatus            STATUS_DIFFERS
 *
 * A driver that skips its location shares it with the one below: both entries end together, with the same mark. So
 * whether an IRP is sent again while a driver below has it cannot be told here from a queued one that is sent on.
 * Without memory for an entry the call is not checked. Lock: one; nothing is called with it held. */
#include "irpp.h"
#include <ex/pool.h>
#include <ke/irql.h>
#include <ke/spinlock.h>
#include <rtl/list.h>
#include <rtl/status.h>
#include <vf/io_rules.h>

enum { BUCKETS = 64, SENT_TAG = 'sIfV' };

typedef struct _SENT {
    LIST_ENTRY Link;                    /* SentLock */
    PIRP Irp;
    PIO_STACK_LOCATION Location;
    PVOID Dispatch;                     /* the routine */
    BOOLEAN Left, Marked;               /* the location; and had its pending mark */
    BOOLEAN Returned;                   /* the routine, with STATUS_PENDING */
    NTSTATUS Status;                    /* the IRP's, when it left */
} SENT;

static KSPIN_LOCK SentLock;
static LIST_ENTRY Buckets[BUCKETS];

static PLIST_ENTRY BucketOf(PIRP Irp)
{
    PLIST_ENTRY Head = &Buckets[(ULONG64)Irp / 64 % BUCKETS];

    if (Head->Flink == NULL)
        InitializeListHead(Head);
    return Head;
}

static SENT *Begin(PIRP Irp, PIO_STACK_LOCATION Location, PVOID Dispatch)
{
    SENT *Sent = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof *Sent, SENT_TAG);
    KIRQL OldIrql;

    if (Sent == NULL)
        return NULL;
    *Sent = (SENT){ .Irp = Irp, .Location = Location, .Dispatch = Dispatch };
    OldIrql = KeAcquireSpinLockRaiseToDpc(&SentLock);
    InsertTailList(BucketOf(Irp), &Sent->Link);
    KeReleaseSpinLock(&SentLock, OldIrql);
    return Sent;
}

static DECLSPEC_NORETURN void Stop(ULONG Rule, const SENT *Sent, NTSTATUS Returned, const char *What)
{
    VFP_PLACE Name;

    VfStopIo(Rule, (ULONG_PTR)Sent->Dispatch, (ULONG_PTR)Sent->Irp, (ULONG)Returned,
             "dispatch routine %s returned 0x%08X for IRP %p, which %s", VfpDescribe(&Name, Sent->Dispatch), Returned,
             Sent->Irp, What);
}

/* Sent is in no list any more; both things have happened. */
static void Compare(const SENT *Sent, NTSTATUS Returned)
{
    if (Returned == STATUS_PENDING && !Sent->Marked)
        Stop(VF_IO_PENDING_UNMARKED, Sent, Returned, "was not marked pending");
    if (Returned != STATUS_PENDING && Sent->Marked)
        Stop(VF_IO_MARKED_NOT_PENDING, Sent, Returned, "was marked pending");
    if (Returned != STATUS_PENDING && Returned != Sent->Status) {
        VFP_PLACE Name;

        VfStopIo(VF_IO_STATUS_DIFFERS, (ULONG_PTR)Sent->Dispatch, (ULONG_PTR)Sent->Irp, (ULONG)Returned,
                 "dispatch routine %s returned 0x%08X for IRP %p, which was completed with 0x%08X",
                 VfpDescribe(&Name, Sent->Dispatch), Returned, Sent->Irp, Sent->Status);
    }
}

/* The routine has returned. */
static void End(SENT *Sent, NTSTATUS Returned)
{
    KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&SentLock);
    BOOLEAN Left = Sent->Left;

    Sent->Returned = !Left && Returned == STATUS_PENDING;
    if (!Sent->Returned)
        RemoveEntryList(&Sent->Link);
    else
        Sent = NULL;                    /* whoever completes the IRP has it now */
    KeReleaseSpinLock(&SentLock, OldIrql);
    if (Sent == NULL)
        return;
    if (!Left)
        Stop(VF_IO_NEITHER_DONE_NOR_PENDING, Sent, Returned, "is not completed");
    Compare(Sent, Returned);
    ExFreePoolWithTag(Sent, SENT_TAG);
}

/* One entry of Irp at Location that is over now, out of the list; those whose routine still runs are marked. */
static SENT *TakeOver(PIRP Irp, PIO_STACK_LOCATION Location)
{
    KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&SentLock);
    PLIST_ENTRY Head = BucketOf(Irp);
    SENT *Over = NULL;

    for (PLIST_ENTRY Link = Head->Flink; Link != Head && Over == NULL; Link = Link->Flink) {
        SENT *Sent = CONTAINING_RECORD(Link, SENT, Link);

        if (Sent->Irp != Irp || Sent->Location != Location || Sent->Left)
            continue;
        Sent->Left = TRUE;
        Sent->Marked = (Location->Control & SL_PENDING_RETURNED) != 0;
        Sent->Status = Irp->IoStatus.Status;
        if (Sent->Returned)
            Over = Sent;
    }
    if (Over != NULL)
        RemoveEntryList(&Over->Link);
    KeReleaseSpinLock(&SentLock, OldIrql);
    return Over;
}

static void Leaving(PIRP Irp, PIO_STACK_LOCATION Location)
{
    SENT *Sent;

    while ((Sent = TakeOver(Irp, Location)) != NULL) {
        Compare(Sent, STATUS_PENDING);
        ExFreePoolWithTag(Sent, SENT_TAG);
    }
}

/* Call a dispatch routine, whoever sends the IRP. */
static NTSTATUS Call(PDEVICE_OBJECT Device, PIRP Irp)
{
    PIO_STACK_LOCATION Location = IoGetCurrentIrpStackLocation(Irp);
    PDRIVER_DISPATCH Dispatch = Device->DriverObject->MajorFunction[Location->MajorFunction];
    KIRQL Before = KeGetCurrentIrql(), After;
    SENT *Sent = Begin(Irp, Location, (PVOID)Dispatch);
    NTSTATUS Status = Dispatch(Device, Irp);
    VFP_PLACE Name;

    After = KeGetCurrentIrql();
    if (After != Before)
        VfStopIo(VF_IO_DISPATCH_IRQL, (ULONG_PTR)Device, Before, After,
                 "dispatch routine %s was called at IRQL %u and returned at IRQL %u",
                 VfpDescribe(&Name, (PVOID)Dispatch), Before, After);
    if (Sent != NULL)
        End(Sent, Status);
    return Status;
}

static const IO_WATCH Watch = { Call, Leaving };

/* ---- Inside vf ---- */

BOOLEAN VfpIsSent(PIRP Irp, PIO_STACK_LOCATION Above)
{
    KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&SentLock);
    PLIST_ENTRY Head = BucketOf(Irp);
    BOOLEAN Found = FALSE;

    for (PLIST_ENTRY Link = Head->Flink; Link != Head; Link = Link->Flink) {
        SENT *Sent = CONTAINING_RECORD(Link, SENT, Link);

        Found |= Sent->Irp == Irp && !Sent->Left && Sent->Location < Above;
    }
    KeReleaseSpinLock(&SentLock, OldIrql);
    return Found;
}

void VfpInitializeIrps(void) { IoSetWatch(&Watch); }
