/* driver.c - driver objects: what stands for a loaded image, and what drivers hang on it.
 *
 * The loader makes one for each image, \Driver\NAME, and takes it away after DriverUnload. Its devices hold it.
 * A request that a driver has no dispatch routine for, or has set none in place of ours, ends with
 * STATUS_INVALID_DEVICE_REQUEST. */
#include <io/driver.h>

#include "iop.h"

#include <ex/pool.h>
#include <ke/spinlock.h>
#include <ob/names.h>
#include <rtl/string.h>

enum { DRIVER_ACCESS = 0x001F0001, NAME_LONGEST = 64 };

static const char Directory[] = "\\Driver\\";

/* What a driver has put at its own or another's object, by an address that is its own. */
typedef struct _CLIENT_EXTENSION {
    LIST_ENTRY Link;
    PVOID Client;
    __attribute__((aligned(16))) UCHAR Bytes[];
} CLIENT_EXTENSION;

typedef struct _REINITIALIZATION {
    LIST_ENTRY Link;
    PDRIVER_REINITIALIZE Routine;
    PVOID Context;
} REINITIALIZATION;

typedef struct _IOP_DRIVER {
    DRIVER_OBJECT Object;
    DRIVER_EXTENSION Extension;
    LIST_ENTRY Clients;                 /* database lock */
    LIST_ENTRY Reinitializations;       /* database lock */
    WCHAR Name[sizeof Directory + NAME_LONGEST];
} IOP_DRIVER;

static void DeleteDriver(PVOID Object);

static OBJECT_TYPE DriverType = { .Self = &DriverType, .Name = "Driver", .Delete = DeleteDriver,
                                  .ValidAccess = DRIVER_ACCESS };

POBJECT_TYPE IoDriverObjectType = &DriverType;

static void DeleteDriver(PVOID Object)
{
    IOP_DRIVER *Driver = Object;

    while (!IsListEmpty(&Driver->Clients))
        ExFreePoolWithTag(CONTAINING_RECORD(RemoveHeadList(&Driver->Clients), CLIENT_EXTENSION, Link), IO_TAG);
    while (!IsListEmpty(&Driver->Reinitializations)) {
        PLIST_ENTRY Link = RemoveHeadList(&Driver->Reinitializations);

        ExFreePoolWithTag(CONTAINING_RECORD(Link, REINITIALIZATION, Link), IO_TAG);
    }
}

static NTSTATUS RefuseRequest(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    UNREFERENCED_PARAMETER(DeviceObject);
    Irp->IoStatus.Status = STATUS_INVALID_DEVICE_REQUEST;
    IofCompleteRequest(Irp, 0);
    return STATUS_INVALID_DEVICE_REQUEST;
}

/* \Driver\Service, and the last part of it, with zeros behind that do not count. */
static BOOLEAN SetNames(IOP_DRIVER *Driver, const char *Service)
{
    SIZE_T Prefix = sizeof Directory - 1, Length = strlen(Service);

    if (Length > NAME_LONGEST)
        return FALSE;
    for (SIZE_T i = 0; i < Prefix; i++)
        Driver->Name[i] = (UCHAR)Directory[i];
    for (SIZE_T i = 0; i < Length; i++)
        Driver->Name[Prefix + i] = (UCHAR)Service[i];
    Driver->Object.DriverName = (UNICODE_STRING){ (USHORT)((Prefix + Length) * sizeof(WCHAR)), sizeof Driver->Name,
                                                  Driver->Name };
    Driver->Extension.ServiceKeyName = (UNICODE_STRING){
        (USHORT)(Length * sizeof(WCHAR)), (USHORT)((Length + 1) * sizeof(WCHAR)), Driver->Name + Prefix
    };
    return TRUE;
}

/* ---- For the loader ---- */

PDRIVER_OBJECT IoCreateDriverObject(const char *Service)
{
    IOP_DRIVER *Driver = ObCreateObject(IoDriverObjectType, sizeof *Driver);

    if (Driver == NULL)
        return NULL;
    InitializeListHead(&Driver->Clients);
    InitializeListHead(&Driver->Reinitializations);
    Driver->Object.Type = IO_TYPE_DRIVER;
    Driver->Object.Size = sizeof Driver->Object;
    Driver->Object.DriverExtension = &Driver->Extension;
    Driver->Extension.DriverObject = &Driver->Object;
    for (ULONG i = 0; i <= IRP_MJ_MAXIMUM_FUNCTION; i++)
        Driver->Object.MajorFunction[i] = RefuseRequest;
    if (SetNames(Driver, Service) &&
        NT_SUCCESS(ObNameObject(Driver, NULL, &Driver->Object.DriverName, OBJ_PERMANENT | OBJ_CASE_INSENSITIVE)))
        return &Driver->Object;
    ObfDereferenceObject(Driver);
    return NULL;
}

void IoDeleteDriverObject(PDRIVER_OBJECT DriverObject)
{
    ObMakeTemporaryObject(DriverObject);
    ObfDereferenceObject(DriverObject);
}

void IoReadyDevices(PDRIVER_OBJECT DriverObject)
{
    KIRQL OldIrql;

    for (ULONG i = 0; i <= IRP_MJ_MAXIMUM_FUNCTION; i++)
        if (DriverObject->MajorFunction[i] == NULL)
            DriverObject->MajorFunction[i] = RefuseRequest;
    OldIrql = KeAcquireSpinLockRaiseToDpc(&IopDatabaseLock);
    for (PDEVICE_OBJECT Device = DriverObject->DeviceObject; Device != NULL; Device = Device->NextDevice)
        Device->Flags &= ~(ULONG)DO_DEVICE_INITIALIZING;
    KeReleaseSpinLock(&IopDatabaseLock, OldIrql);
}

BOOLEAN IoHasReinitializations(PDRIVER_OBJECT DriverObject)
{
    return !IsListEmpty(&((IOP_DRIVER *)DriverObject)->Reinitializations);
}

BOOLEAN IoCallReinitializations(PDRIVER_OBJECT DriverObject)
{
    IOP_DRIVER *Driver = (IOP_DRIVER *)DriverObject;
    LIST_ENTRY Now;
    KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&IopDatabaseLock);
    BOOLEAN Any = !IsListEmpty(&Driver->Reinitializations);

    InitializeListHead(&Now);
    while (!IsListEmpty(&Driver->Reinitializations))
        InsertTailList(&Now, RemoveHeadList(&Driver->Reinitializations));
    KeReleaseSpinLock(&IopDatabaseLock, OldIrql);
    while (!IsListEmpty(&Now)) {
        REINITIALIZATION Row = *CONTAINING_RECORD(Now.Flink, REINITIALIZATION, Link);

        ExFreePoolWithTag(CONTAINING_RECORD(RemoveHeadList(&Now), REINITIALIZATION, Link), IO_TAG);
        Row.Routine(DriverObject, Row.Context, ++Driver->Extension.Count);
    }
    return Any;
}

/* ---- Public: IoAllocateDriverObjectExtension, IoGetDriverObjectExtension, IoRegister...DriverReinitialization ---- */

/* Lock held. */
static PVOID FindClient(IOP_DRIVER *Driver, PVOID Client)
{
    for (PLIST_ENTRY Link = Driver->Clients.Flink; Link != &Driver->Clients; Link = Link->Flink) {
        CLIENT_EXTENSION *Extension = CONTAINING_RECORD(Link, CLIENT_EXTENSION, Link);

        if (Extension->Client == Client)
            return Extension->Bytes;
    }
    return NULL;
}

/* IoAllocateDriverObjectExtension - zeroed bytes at DriverObject, found by ClientIdentificationAddress, and freed with
 * the object. IRQL: <= APC_LEVEL. Returns: STATUS_SUCCESS, STATUS_INSUFFICIENT_RESOURCES,
 * STATUS_OBJECT_NAME_COLLISION: that address has one. Source: WDK nf-wdm-ioallocatedriverobjectextension. */
NTSTATUS IoAllocateDriverObjectExtension(PDRIVER_OBJECT DriverObject, PVOID ClientIdentificationAddress,
                                         ULONG DriverObjectExtensionSize, PVOID *DriverObjectExtension)
{
    SIZE_T Size = sizeof(CLIENT_EXTENSION) + DriverObjectExtensionSize;
    CLIENT_EXTENSION *Extension = ExAllocatePoolWithTag(NonPagedPoolNx, Size, IO_TAG);
    IOP_DRIVER *Driver = (IOP_DRIVER *)DriverObject;
    BOOLEAN Taken;
    KIRQL OldIrql;

    *DriverObjectExtension = NULL;
    if (Extension == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    memset(Extension, 0, Size);
    Extension->Client = ClientIdentificationAddress;
    OldIrql = KeAcquireSpinLockRaiseToDpc(&IopDatabaseLock);
    Taken = FindClient(Driver, ClientIdentificationAddress) != NULL;
    if (!Taken)
        InsertTailList(&Driver->Clients, &Extension->Link);
    KeReleaseSpinLock(&IopDatabaseLock, OldIrql);
    if (Taken) {
        ExFreePoolWithTag(Extension, IO_TAG);
        return STATUS_OBJECT_NAME_COLLISION;
    }
    *DriverObjectExtension = Extension->Bytes;
    return STATUS_SUCCESS;
}

/* IoGetDriverObjectExtension - what was allocated so. IRQL: <= DISPATCH_LEVEL. Returns: NULL if nothing was.
 * Source: WDK nf-wdm-iogetdriverobjectextension. */
PVOID IoGetDriverObjectExtension(PDRIVER_OBJECT DriverObject, PVOID ClientIdentificationAddress)
{
    KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&IopDatabaseLock);
    PVOID Found = FindClient((IOP_DRIVER *)DriverObject, ClientIdentificationAddress);

    KeReleaseSpinLock(&IopDatabaseLock, OldIrql);
    return Found;
}

/* IoRegisterDriverReinitialization - call the routine once more when all drivers of this run have been started; Count
 * tells it how often it was called for this driver. It may register itself again. IRQL: PASSIVE_LEVEL. Without memory
 * it is not called, as in NT. Source: WDK nf-ntddk-ioregisterdriverreinitialization. */
VOID IoRegisterDriverReinitialization(PDRIVER_OBJECT DriverObject, PDRIVER_REINITIALIZE DriverReinitializationRoutine,
                                      PVOID Context)
{
    REINITIALIZATION *Row = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof *Row, IO_TAG);
    IOP_DRIVER *Driver = (IOP_DRIVER *)DriverObject;
    KIRQL OldIrql;

    if (Row == NULL)
        return;
    Row->Routine = DriverReinitializationRoutine;
    Row->Context = Context;
    OldIrql = KeAcquireSpinLockRaiseToDpc(&IopDatabaseLock);
    InsertTailList(&Driver->Reinitializations, &Row->Link);
    KeReleaseSpinLock(&IopDatabaseLock, OldIrql);
}

/* IoRegisterBootDriverReinitialization - the same: every driver of a run is one that the boot has brought.
 * Source: WDK nf-ntddk-ioregisterbootdriverreinitialization. */
VOID IoRegisterBootDriverReinitialization(PDRIVER_OBJECT DriverObject,
                                          PDRIVER_REINITIALIZE DriverReinitializationRoutine, PVOID Context)
{
    IoRegisterDriverReinitialization(DriverObject, DriverReinitializationRoutine, Context);
}
