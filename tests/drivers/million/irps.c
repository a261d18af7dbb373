/* million/irps.c - IRPs that may be cancelled at any moment: clients send a million of them and cancel each other's
 * at random, servers take them from a cancel-safe queue. Whoever gets an IRP out of the queue, a server or its
 * cancellation, is the one who completes it; who comes second finds it gone.
 *
 * expect: status 0
 * expect: log ^ok 1 - every IRP was completed
 * expect: log ^ok 2 - none was completed twice
 * expect: log ^ok 3 - some were cancelled
 * expect: log ^ok 4 - nothing is left in the queue
 * expect: log 4 ok, 0 not ok
 * expect: log 0 leaked
 * run: SMP=2
 * run: SMP=2 ACCEL=parallel */
#include <ntddk.h>

#include "crew.h"

#define CLIENTS 2
#define SERVERS 2
#define SLOTS   32                      /* of each client: so many IRPs it may have on their way */
#define IRPS    500000                  /* of each client */

typedef struct _SLOT {
    PIRP Irp;
    struct _CLIENT *Client;
    volatile LONG Busy;                 /* 1 from the sending to the completion */
} SLOT;

typedef struct _CLIENT {
    SLOT Slots[SLOTS];
    KSEMAPHORE Room;
    ULONG Sent, Seed;
} CLIENT;

static struct {
    IO_CSQ Csq;
    KSPIN_LOCK Lock;
    LIST_ENTRY Head;
    KSEMAPHORE Filled;
    KEVENT Over;
} Queue;

DRIVER_INITIALIZE DriverEntry;
static DRIVER_UNLOAD Unload;
static KSTART_ROUTINE Client, Server;
static IO_COMPLETION_ROUTINE Completed;

static CLIENT Clients[CLIENTS];
static volatile LONG Served, Cancelled, Twice, Sending = CLIENTS, Serving = SERVERS;

/* ---- The queue, as IoCsq wants it ---- */

static VOID NTAPI InsertIrp(PIO_CSQ Csq, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Csq);
    InsertTailList(&Queue.Head, &Irp->Tail.Overlay.ListEntry);
}

static VOID NTAPI RemoveIrp(PIO_CSQ Csq, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Csq);
    RemoveEntryList(&Irp->Tail.Overlay.ListEntry);
}

static PIRP NTAPI PeekNextIrp(PIO_CSQ Csq, PIRP Irp, PVOID Context)
{
    PLIST_ENTRY Next = Irp == NULL ? Queue.Head.Flink : Irp->Tail.Overlay.ListEntry.Flink;

    UNREFERENCED_PARAMETER(Csq);
    UNREFERENCED_PARAMETER(Context);
    return Next == &Queue.Head ? NULL : CONTAINING_RECORD(Next, IRP, Tail.Overlay.ListEntry);
}

static VOID NTAPI AcquireLock(PIO_CSQ Csq, PKIRQL Irql)
{
    UNREFERENCED_PARAMETER(Csq);
    KeAcquireSpinLock(&Queue.Lock, Irql);
}

static VOID NTAPI ReleaseLock(PIO_CSQ Csq, KIRQL Irql)
{
    UNREFERENCED_PARAMETER(Csq);
    KeReleaseSpinLock(&Queue.Lock, Irql);
}

static VOID Complete(PIRP Irp, NTSTATUS Status)
{
    Irp->IoStatus.Status = Status;
    Irp->IoStatus.Information = 0;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
}

static VOID NTAPI CompleteCanceledIrp(PIO_CSQ Csq, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Csq);
    Complete(Irp, STATUS_CANCELLED);
}

/* ---- Clients: they own the IRPs, and have them back from their completion routine ---- */

static NTSTATUS NTAPI Completed(PDEVICE_OBJECT DeviceObject, PIRP Irp, PVOID Context)
{
    SLOT *Slot = Context;

    UNREFERENCED_PARAMETER(DeviceObject);
    InterlockedIncrement(Irp->IoStatus.Status == STATUS_SUCCESS ? &Served : &Cancelled);
    if (InterlockedExchange(&Slot->Busy, 0) != 1)
        InterlockedIncrement(&Twice);
    KeReleaseSemaphore(&Slot->Client->Room, IO_NO_INCREMENT, 1, FALSE);
    if (Served + Cancelled == CLIENTS * IRPS)
        KeSetEvent(&Queue.Over, IO_NO_INCREMENT, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

/* Two locations: the client's own, and that of the driver below, which puts the IRP into its queue. Both are here. */
static VOID Send(SLOT *Slot)
{
    IoReuseIrp(Slot->Irp, STATUS_PENDING);
    IoSetNextIrpStackLocation(Slot->Irp);
    IoSetCompletionRoutine(Slot->Irp, Completed, Slot, TRUE, TRUE, TRUE);
    IoSetNextIrpStackLocation(Slot->Irp);
    Slot->Busy = 1;
    IoCsqInsertIrp(&Queue.Csq, Slot->Irp, NULL);
    KeReleaseSemaphore(&Queue.Filled, IO_NO_INCREMENT, 1, FALSE);
}

static VOID NTAPI Client(PVOID Context)
{
    CLIENT *Self = Context;
    ULONG At = 0;

    for (Self->Sent = 0; Self->Sent < IRPS; Self->Sent++) {
        KeWaitForSingleObject(&Self->Room, Executive, KernelMode, FALSE, NULL);
        while (Self->Slots[At].Busy)
            At = (At + 1) % SLOTS;
        Send(&Self->Slots[At]);
        if (Random(&Self->Seed) % 4 == 0)       /* its own: another's might just be used again */
            IoCancelIrp(Self->Slots[Random(&Self->Seed) % SLOTS].Irp);
    }
    InterlockedDecrement(&Sending);
}

/* ---- Servers ---- */

static VOID Report(VOID)
{
    Result(1, Served + Cancelled == CLIENTS * IRPS && Sending == 0, "every IRP was completed", Served + Cancelled,
           CLIENTS * IRPS);
    Result(2, Twice == 0, "none was completed twice", Twice, 0);
    Result(3, Cancelled > IRPS / 100 && Served > IRPS / 100, "some were cancelled", Cancelled, CLIENTS * IRPS);
    Result(4, IsListEmpty(&Queue.Head), "nothing is left in the queue", 0, 0);
}

static VOID NTAPI Server(PVOID Context)
{
    PVOID Objects[2] = { &Queue.Filled, &Queue.Over };

    UNREFERENCED_PARAMETER(Context);
    while (KeWaitForMultipleObjects(2, Objects, WaitAny, Executive, KernelMode, FALSE, NULL, NULL) == STATUS_WAIT_0) {
        PIRP Irp = IoCsqRemoveNextIrp(&Queue.Csq, NULL);        /* NULL: what this unit stands for was cancelled */

        if (Irp != NULL)
            Complete(Irp, STATUS_SUCCESS);
    }
    if (InterlockedDecrement(&Serving) == 0)
        Report();
}

/* ---- Coming and going ---- */

static VOID FreeIrps(VOID)
{
    ULONG i, k;

    for (i = 0; i < CLIENTS; i++)
        for (k = 0; k < SLOTS; k++)
            if (Clients[i].Slots[k].Irp != NULL)
                IoFreeIrp(Clients[i].Slots[k].Irp);
}

static VOID NTAPI Unload(PDRIVER_OBJECT DriverObject)
{
    UNREFERENCED_PARAMETER(DriverObject);
    Dismiss();
    FreeIrps();
}

static BOOLEAN AllocateIrps(CLIENT *Self)
{
    ULONG k;

    for (k = 0; k < SLOTS; k++) {
        Self->Slots[k].Client = Self;
        Self->Slots[k].Irp = IoAllocateIrp(2, FALSE);
        if (Self->Slots[k].Irp == NULL)
            return FALSE;
    }
    return TRUE;
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    NTSTATUS Status = STATUS_SUCCESS;
    ULONG i;

    UNREFERENCED_PARAMETER(RegistryPath);
    DbgPrint("1..4\n");
    KeInitializeSpinLock(&Queue.Lock);
    InitializeListHead(&Queue.Head);
    KeInitializeSemaphore(&Queue.Filled, 0, MAXLONG);
    KeInitializeEvent(&Queue.Over, NotificationEvent, FALSE);
    IoCsqInitialize(&Queue.Csq, InsertIrp, RemoveIrp, PeekNextIrp, AcquireLock, ReleaseLock, CompleteCanceledIrp);
    for (i = 0; i < CLIENTS; i++) {
        KeInitializeSemaphore(&Clients[i].Room, SLOTS, SLOTS);
        Clients[i].Seed = i + 1;
        if (!AllocateIrps(&Clients[i])) {
            FreeIrps();
            return STATUS_INSUFFICIENT_RESOURCES;
        }
    }
    DriverObject->DriverUnload = Unload;
    for (i = 0; i < SERVERS && NT_SUCCESS(Status); i++)
        Status = Enlist(Server, NULL);
    for (i = 0; i < CLIENTS && NT_SUCCESS(Status); i++)
        Status = Enlist(Client, &Clients[i]);
    return Status;
}
