/* iop.h - what io's files share. */
#pragma once

#include <io/irp.h>
#include <ob/create.h>
#include <rtl/list.h>
#include <rtl/status.h>

enum { IRP_TAG = ' prI', MDL_TAG = ' ldM', IO_TAG = '  oI' };

/* Lies before every IRP that IoAllocateIrp makes. */
typedef struct _IOP_IRP {
    LIST_ENTRY Link;                    /* irp.c's lock: all that have not been freed */
    PVOID Caller;                       /* who allocated it, for leak reports */
    PFILE_OBJECT File;                  /* referenced, of a request by handle; NULL: it is none */
    PVOID Event;                        /* referenced, what such a caller gave */
    PKAPC Apc;                          /* for his routine; from the pool */
    ULONG OutputLength;                 /* room at UserBuffer for what a buffered request brings */
    __attribute__((aligned(16))) IRP Irp;
} IOP_IRP;

C_ASSERT(offsetof(IOP_IRP, Irp) % 16 == 0);

/* IRP.AllocationFlags, ours: drivers do not look at them. */
enum { IOP_ALLOCATED = 0x40, IOP_ORPHAN = 0x80 };       /* ORPHAN: its thread ended without it */

FORCEINLINE IOP_IRP *IopHeaderOf(PIRP Irp) { return CONTAINING_RECORD(Irp, IOP_IRP, Irp); }

/* ---- irp.c ---- */
PIRP IopAllocateIrp(CCHAR StackSize, PVOID Caller);
void IopRequireIrp(PIRP Irp, const char *Routine);      /* stops at what is no IRP, or was freed */

/* ---- request.c: data for a request that is being made; FALSE: memory is out ---- */
BOOLEAN IopAddData(PIRP Irp, PDEVICE_OBJECT DeviceObject, BOOLEAN Write, PVOID Buffer, ULONG Length);
BOOLEAN IopAddControl(PIRP Irp, ULONG Code, PVOID Input, ULONG InputLength, PVOID Output, ULONG OutputLength);
void IopDiscardRequest(PIRP Irp);                       /* it was not sent, and is nobody's */

/* ---- finish.c ---- */
void IopFinishIrp(PIRP Irp, CCHAR PriorityBoost);       /* all completion routines have run */
void IopBindToThread(PIRP Irp);                         /* the current one: it cannot end without it */
void IopInitializeRundown(void);

/* ---- device.c ---- */

/* Behind the driver's own extension of each device object. */
typedef struct _IOP_DEVICE {
    DEVOBJ_EXTENSION Public;
    PDEVICE_OBJECT AttachedTo;          /* database lock: the next lower one */
    BOOLEAN DeletePending;              /* database lock */
} IOP_DEVICE;

extern KSPIN_LOCK IopDatabaseLock;      /* lists, attachments and open counts of devices and drivers */

FORCEINLINE IOP_DEVICE *IopExtensionOf(PDEVICE_OBJECT Device) { return (IOP_DEVICE *)Device->DeviceObjectExtension; }

NTSTATUS IopOpenDevice(PDEVICE_OBJECT Device, BOOLEAN Relative);       /* one more file; to another one of it */
void IopCloseDevice(PDEVICE_OBJECT Device);
BOOLEAN IopLeaveDriver(PDEVICE_OBJECT Device);  /* lock held: if nothing keeps it; the caller then drops a reference */

/* ---- work_item.c, timer.c ---- */
void IopInitializeWorkItems(void);
void IopInitializeTimers(void);
void IopStopTimerOf(PDEVICE_OBJECT Device);
void IopFreeTimerOf(PDEVICE_OBJECT Device);     /* nobody holds it any more */

/* ---- file.c ---- */
enum { IO_TYPE_OPEN_PACKET = 8 };

/* How a device is to be opened: the context of a look-up. */
typedef struct _IOP_OPEN {
    CSHORT Type;                        /* IO_TYPE_OPEN_PACKET */
    ACCESS_MASK Access;
    ULONG Options, Disposition, FileAttributes, ShareAccess;
    const void *EaBuffer;               /* NULL: none */
    ULONG EaLength;
    LARGE_INTEGER AllocationSize;
    PFILE_OBJECT Related;               /* the file that the name is relative to; NULL: none */
    ULONG_PTR Information;              /* what the driver said besides its status */
} IOP_OPEN;

/* A request without a file and parameters to the top of Device's stack, waited for, whatever it answers. PASSIVE. */
void IopSendRequest(PDEVICE_OBJECT Device, UCHAR Major);
NTSTATUS IopOpen(const OB_ATTRIBUTES *Attributes, IOP_OPEN *Open, PVOID Caller, PHANDLE Handle);
NTSTATUS IopParseDevice(PVOID Device, PCUNICODE_STRING Rest, PVOID Context, PVOID *Found);      /* device.c's type */
