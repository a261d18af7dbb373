/* shutdown.c - devices whose drivers want to know that the machine stops.
 *
 * A registration holds its device, and is used up by the shutdown. A driver that is unloaded before takes it back, or
 * IoDeleteDevice does; so those that are told are the drivers that stay to the end: they have no DriverUnload. */
#include <io/shutdown.h>

#include "iop.h"

#include <ex/pool.h>
#include <ke/spinlock.h>

typedef struct _REGISTRATION {
    LIST_ENTRY Link;                    /* ListLock */
    PDEVICE_OBJECT Device;              /* referenced */
} REGISTRATION;

static KSPIN_LOCK ListLock;
static LIST_ENTRY First = { &First, &First }, LastChance = { &LastChance, &LastChance };  /* ListLock; youngest first */

static NTSTATUS Register(PLIST_ENTRY List, PDEVICE_OBJECT Device)
{
    REGISTRATION *Registration = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof *Registration, IO_TAG);
    KIRQL OldIrql;

    if (Registration == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    ObfReferenceObject(Device);
    Registration->Device = Device;
    OldIrql = KeAcquireSpinLockRaiseToDpc(&ListLock);
    InsertHeadList(List, &Registration->Link);
    Device->Flags |= DO_SHUTDOWN_REGISTERED;
    KeReleaseSpinLock(&ListLock, OldIrql);
    return STATUS_SUCCESS;
}

/* The first of List, or the first of Device, out of it; NULL: there is none. */
static REGISTRATION *Take(PLIST_ENTRY List, PDEVICE_OBJECT Device)
{
    KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&ListLock);
    REGISTRATION *Found = NULL;

    for (PLIST_ENTRY Link = List->Flink; Link != List && Found == NULL; Link = Link->Flink) {
        REGISTRATION *Registration = CONTAINING_RECORD(Link, REGISTRATION, Link);

        if (Device == NULL || Registration->Device == Device)
            Found = Registration;
    }
    if (Found != NULL)
        RemoveEntryList(&Found->Link);
    KeReleaseSpinLock(&ListLock, OldIrql);
    return Found;
}

static void Drop(REGISTRATION *Registration)
{
    ObfDereferenceObject(Registration->Device);
    ExFreePoolWithTag(Registration, IO_TAG);
}

static void Forget(PLIST_ENTRY List, PDEVICE_OBJECT Device)
{
    REGISTRATION *Registration;

    while ((Registration = Take(List, Device)) != NULL)
        Drop(Registration);
}

static ULONG Tell(PLIST_ENTRY List)
{
    REGISTRATION *Registration;
    ULONG Told = 0;

    while ((Registration = Take(List, NULL)) != NULL) {
        IopSendRequest(Registration->Device, IRP_MJ_SHUTDOWN);
        Drop(Registration);
        Told++;
    }
    return Told;
}

ULONG IoShutdownDevices(void)
{
    ULONG Told = Tell(&First);

    return Told + Tell(&LastChance);
}

/* ---- Public ---- */

/* IoRegisterShutdownNotification - DeviceObject's driver gets IRP_MJ_SHUTDOWN when the machine stops; here, at the end
 * of the run. IRQL: PASSIVE_LEVEL. Returns: STATUS_SUCCESS, STATUS_INSUFFICIENT_RESOURCES.
 * Source: WDK nf-wdm-ioregistershutdownnotification. */
NTSTATUS IoRegisterShutdownNotification(PDEVICE_OBJECT DeviceObject) { return Register(&First, DeviceObject); }

/* IoRegisterLastChanceShutdownNotification - the same, after all of those.
 * Source: WDK nf-wdm-ioregisterlastchanceshutdownnotification. */
NTSTATUS IoRegisterLastChanceShutdownNotification(PDEVICE_OBJECT DeviceObject)
{
    return Register(&LastChance, DeviceObject);
}

/* IoUnregisterShutdownNotification - not any more, of either kind. IRQL: PASSIVE_LEVEL.
 * Source: WDK nf-wdm-iounregistershutdownnotification. */
VOID IoUnregisterShutdownNotification(PDEVICE_OBJECT DeviceObject)
{
    Forget(&First, DeviceObject);
    Forget(&LastChance, DeviceObject);
    DeviceObject->Flags &= ~(ULONG)DO_SHUTDOWN_REGISTERED;
}
