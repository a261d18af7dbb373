/* irp.h - I/O request packets: made, sent, completed, cancelled. */
#pragma once

#include <io/file.h>
#include <io/mdl.h>
#include <ke/apc.h>
#include <ke/thread.h>

typedef struct _IO_STATUS_BLOCK {
    union { NTSTATUS Status; PVOID Pointer; };
    ULONG_PTR Information;
} IO_STATUS_BLOCK, *PIO_STATUS_BLOCK;

typedef NTSTATUS (*PIO_COMPLETION_ROUTINE)(PDEVICE_OBJECT DeviceObject, struct _IRP *Irp, PVOID Context);
typedef VOID (*PDRIVER_CANCEL)(PDEVICE_OBJECT DeviceObject, struct _IRP *Irp);

/* IO_STACK_LOCATION.Control */
enum { SL_PENDING_RETURNED = 0x01, SL_ERROR_RETURNED = 0x02, SL_INVOKE_ON_CANCEL = 0x20, SL_INVOKE_ON_SUCCESS = 0x40,
       SL_INVOKE_ON_ERROR = 0x80 };

/* The part that belongs to one driver of a stack. Of Parameters, those of the requests that Kedge itself makes. */
typedef struct _IO_STACK_LOCATION {
    UCHAR MajorFunction;
    UCHAR MinorFunction;
    UCHAR Flags;
    UCHAR Control;
    union {
        struct {
            struct _IO_SECURITY_CONTEXT *SecurityContext;
            ULONG Options;
            ULONG Unused1;
            USHORT FileAttributes, ShareAccess;
            ULONG Unused2;
            ULONG EaLength;
        } Create;
        struct {
            ULONG Length;
            ULONG Unused;
            ULONG Key, Flags;
            LARGE_INTEGER ByteOffset;
        } Read, Write;
        struct {
            ULONG OutputBufferLength, Unused1;
            ULONG InputBufferLength, Unused2;
            ULONG IoControlCode, Unused3;
            PVOID Type3InputBuffer;
        } DeviceIoControl;
        struct { PVOID Argument1, Argument2, Argument3, Argument4; } Others;
    } Parameters;
    PDEVICE_OBJECT DeviceObject;
    PFILE_OBJECT FileObject;
    PIO_COMPLETION_ROUTINE CompletionRoutine;
    PVOID Context;
} IO_STACK_LOCATION, *PIO_STACK_LOCATION;

C_ASSERT(sizeof(IO_STACK_LOCATION) == 0x48 && offsetof(IO_STACK_LOCATION, Parameters) == 8);
C_ASSERT(offsetof(IO_STACK_LOCATION, Parameters.Create.Options) == 0x10);
C_ASSERT(offsetof(IO_STACK_LOCATION, Parameters.Create.FileAttributes) == 0x18);
C_ASSERT(offsetof(IO_STACK_LOCATION, Parameters.Create.EaLength) == 0x20);
C_ASSERT(offsetof(IO_STACK_LOCATION, Parameters.Read.Key) == 0x10);
C_ASSERT(offsetof(IO_STACK_LOCATION, Parameters.Read.ByteOffset) == 0x18);
C_ASSERT(offsetof(IO_STACK_LOCATION, Parameters.DeviceIoControl.InputBufferLength) == 0x10);
C_ASSERT(offsetof(IO_STACK_LOCATION, Parameters.DeviceIoControl.IoControlCode) == 0x18);
C_ASSERT(offsetof(IO_STACK_LOCATION, Parameters.DeviceIoControl.Type3InputBuffer) == 0x20);
C_ASSERT(offsetof(IO_STACK_LOCATION, DeviceObject) == 0x28 && offsetof(IO_STACK_LOCATION, FileObject) == 0x30);
C_ASSERT(offsetof(IO_STACK_LOCATION, CompletionRoutine) == 0x38 && offsetof(IO_STACK_LOCATION, Context) == 0x40);

/* IRP.Flags */
enum { IRP_NOCACHE = 1, IRP_PAGING_IO = 2, IRP_SYNCHRONOUS_API = 4, IRP_ASSOCIATED_IRP = 8, IRP_BUFFERED_IO = 0x10,
       IRP_DEALLOCATE_BUFFER = 0x20, IRP_INPUT_OPERATION = 0x40, IRP_SYNCHRONOUS_PAGING_IO = 0x40,
       IRP_CREATE_OPERATION = 0x80, IRP_READ_OPERATION = 0x100, IRP_WRITE_OPERATION = 0x200,
       IRP_CLOSE_OPERATION = 0x400 };

typedef struct _IRP {
    CSHORT Type;                            /* IO_TYPE_IRP; 0 once freed */
    USHORT Size;
    PMDL MdlAddress;
    ULONG Flags;
    union {
        struct _IRP *MasterIrp;
        volatile LONG IrpCount;
        PVOID SystemBuffer;
    } AssociatedIrp;
    LIST_ENTRY ThreadListEntry;             /* the requestor's, at APC_LEVEL */
    IO_STATUS_BLOCK IoStatus;
    KPROCESSOR_MODE RequestorMode;
    BOOLEAN PendingReturned;
    CHAR StackCount;
    CHAR CurrentLocation;                   /* StackCount + 1: nobody's yet; StackCount + 2: completed */
    BOOLEAN Cancel;
    KIRQL CancelIrql;
    CCHAR ApcEnvironment;
    UCHAR AllocationFlags;
    PIO_STATUS_BLOCK UserIosb;
    PKEVENT UserEvent;
    union {
        struct { PVOID UserApcRoutine, UserApcContext; } AsynchronousParameters;
        LARGE_INTEGER AllocationSize;
    } Overlay;
    volatile PDRIVER_CANCEL CancelRoutine;
    PVOID UserBuffer;
    union {
        struct {
            union {
                KDEVICE_QUEUE_ENTRY DeviceQueueEntry;
                PVOID DriverContext[4];
            };
            PKTHREAD Thread;
            PCHAR AuxiliaryBuffer;
            struct {
                LIST_ENTRY ListEntry;
                union { PIO_STACK_LOCATION CurrentStackLocation; ULONG PacketType; };
            };
            PFILE_OBJECT OriginalFileObject;
        } Overlay;
        KAPC Apc;
        PVOID CompletionKey;
    } Tail;
} IRP, *PIRP;                               /* StackCount stack locations follow, the lowest driver's first */

C_ASSERT(sizeof(IRP) == 0xD0 && offsetof(IRP, MdlAddress) == 8 && offsetof(IRP, Flags) == 0x10);
C_ASSERT(offsetof(IRP, AssociatedIrp) == 0x18 && offsetof(IRP, ThreadListEntry) == 0x20);
C_ASSERT(offsetof(IRP, IoStatus) == 0x30 && offsetof(IRP, RequestorMode) == 0x40);
C_ASSERT(offsetof(IRP, PendingReturned) == 0x41 && offsetof(IRP, StackCount) == 0x42);
C_ASSERT(offsetof(IRP, CurrentLocation) == 0x43 && offsetof(IRP, Cancel) == 0x44);
C_ASSERT(offsetof(IRP, CancelIrql) == 0x45 && offsetof(IRP, AllocationFlags) == 0x47);
C_ASSERT(offsetof(IRP, UserIosb) == 0x48 && offsetof(IRP, UserEvent) == 0x50 && offsetof(IRP, Overlay) == 0x58);
C_ASSERT(offsetof(IRP, CancelRoutine) == 0x68 && offsetof(IRP, UserBuffer) == 0x70 && offsetof(IRP, Tail) == 0x78);
C_ASSERT(offsetof(IRP, Tail.Overlay.Thread) == 0x98 && offsetof(IRP, Tail.Overlay.AuxiliaryBuffer) == 0xA0);
C_ASSERT(offsetof(IRP, Tail.Overlay.ListEntry) == 0xA8 && offsetof(IRP, Tail.Overlay.OriginalFileObject) == 0xC0);
C_ASSERT(offsetof(IRP, Tail.Overlay.CurrentStackLocation) == 0xB8 && sizeof(IO_STATUS_BLOCK) == 0x10);

FORCEINLINE USHORT IoSizeOfIrp(CCHAR StackSize)
{
    return (USHORT)(sizeof(IRP) + (USHORT)StackSize * sizeof(IO_STACK_LOCATION));
}

/* ---- What the DDK has as inline functions ---- */

FORCEINLINE PIO_STACK_LOCATION IoGetCurrentIrpStackLocation(PIRP Irp) { return Irp->Tail.Overlay.CurrentStackLocation; }

FORCEINLINE PIO_STACK_LOCATION IoGetNextIrpStackLocation(PIRP Irp)
{
    return Irp->Tail.Overlay.CurrentStackLocation - 1;
}

FORCEINLINE VOID IoMarkIrpPending(PIRP Irp) { IoGetCurrentIrpStackLocation(Irp)->Control |= SL_PENDING_RETURNED; }

FORCEINLINE VOID IoSetCompletionRoutine(PIRP Irp, PIO_COMPLETION_ROUTINE CompletionRoutine, PVOID Context,
                                        BOOLEAN InvokeOnSuccess, BOOLEAN InvokeOnError, BOOLEAN InvokeOnCancel)
{
    PIO_STACK_LOCATION Next = IoGetNextIrpStackLocation(Irp);

    Next->CompletionRoutine = CompletionRoutine;
    Next->Context = Context;
    Next->Control = (UCHAR)((InvokeOnSuccess ? SL_INVOKE_ON_SUCCESS : 0) | (InvokeOnError ? SL_INVOKE_ON_ERROR : 0) |
                            (InvokeOnCancel ? SL_INVOKE_ON_CANCEL : 0));
}

FORCEINLINE PDRIVER_CANCEL IoSetCancelRoutine(PIRP Irp, PDRIVER_CANCEL CancelRoutine)
{
    return __atomic_exchange_n(&Irp->CancelRoutine, CancelRoutine, __ATOMIC_ACQ_REL);
}

/* ---- irp.c ---- */
PIRP IoAllocateIrp(CCHAR StackSize, BOOLEAN ChargeQuota);
VOID IoFreeIrp(PIRP Irp);
VOID IoInitializeIrp(PIRP Irp, USHORT PacketSize, CCHAR StackSize);
VOID IoReuseIrp(PIRP Irp, NTSTATUS Iostatus);
PIRP IoMakeAssociatedIrp(PIRP Irp, CCHAR StackSize);
BOOLEAN IoIsAllocatedIrp(PIRP Irp);             /* made by IoAllocateIrp and not freed; any address will do */
/* Each IRP that was allocated by a call from [Start, End) and not freed. */
ULONG IoForEachIrpOf(ULONG64 Start, ULONG64 End, void (*Report)(PVOID Context, PIRP Irp, PVOID Caller), PVOID Context);

/* ---- call.c ---- */
NTSTATUS IofCallDriver(PDEVICE_OBJECT DeviceObject, PIRP Irp);
VOID IofCompleteRequest(PIRP Irp, CCHAR PriorityBoost);
NTSTATUS IoCallDriver(PDEVICE_OBJECT DeviceObject, PIRP Irp);
VOID IoCompleteRequest(PIRP Irp, CCHAR PriorityBoost);
NTSTATUS IoSetCompletionRoutineEx(PDEVICE_OBJECT DeviceObject, PIRP Irp, PIO_COMPLETION_ROUTINE CompletionRoutine,
                                  PVOID Context, BOOLEAN InvokeOnSuccess, BOOLEAN InvokeOnError,
                                  BOOLEAN InvokeOnCancel);
BOOLEAN IoForwardIrpSynchronously(PDEVICE_OBJECT DeviceObject, PIRP Irp);

/* The verifier's part, set once. Call calls the dispatch routine for an IRP that is at its location already; Leaving
 * looks at each location before an IRP leaves it on its way up. */
typedef struct _IO_WATCH {
    NTSTATUS (*Call)(PDEVICE_OBJECT DeviceObject, PIRP Irp);
    void (*Leaving)(PIRP Irp, PIO_STACK_LOCATION Location);
} IO_WATCH;
void IoSetWatch(const IO_WATCH *Watch);

/* ---- cancel.c ---- */
VOID IoAcquireCancelSpinLock(PKIRQL Irql);
VOID IoReleaseCancelSpinLock(KIRQL Irql);
BOOLEAN IoCancelIrp(PIRP Irp);
PKSPIN_LOCK IoCancelSpinLock(void);              /* the lock itself, for the verifier */
