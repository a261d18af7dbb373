/* remove_lock.h - remove locks: uses of a device are counted, until its removal waits for the last one. */
#pragma once

#include <ke/event.h>
#include <rtl/ntdef.h>

typedef struct _IO_REMOVE_LOCK_TRACKING_BLOCK {
    struct _IO_REMOVE_LOCK_TRACKING_BLOCK *Next;
    PVOID Tag;
    PCSTR File;
    ULONG Line;
    ULONGLONG Since;                    /* ticks */
} IO_REMOVE_LOCK_TRACKING_BLOCK, *PIO_REMOVE_LOCK_TRACKING_BLOCK;

typedef struct _IO_REMOVE_LOCK_COMMON_BLOCK {
    BOOLEAN Removed;
    BOOLEAN Reserved[3];
    volatile LONG IoCount;              /* uses, and one until the removal */
    KEVENT RemoveEvent;
} IO_REMOVE_LOCK_COMMON_BLOCK;

/* What drivers that are compiled with DBG have besides. */
typedef struct _IO_REMOVE_LOCK_DBG_BLOCK {
    LONG Signature;
    LONG HighWatermark;                 /* uses at once; 0: any number */
    LONGLONG MaxLockedTicks;            /* 0: any time */
    LONG AllocateTag;
    LIST_ENTRY LockList;
    KSPIN_LOCK Spin;
    volatile LONG LowMemoryCount;       /* (Spin) uses that could not be tracked */
    ULONG Reserved1[4];
    PVOID Reserved2;
    PIO_REMOVE_LOCK_TRACKING_BLOCK Blocks;      /* (Spin) uses that have not ended */
} IO_REMOVE_LOCK_DBG_BLOCK;

typedef struct _IO_REMOVE_LOCK {
    IO_REMOVE_LOCK_COMMON_BLOCK Common;
    IO_REMOVE_LOCK_DBG_BLOCK Dbg;       /* if the size that the driver passes says so */
} IO_REMOVE_LOCK, *PIO_REMOVE_LOCK;

C_ASSERT(sizeof(IO_REMOVE_LOCK_COMMON_BLOCK) == 0x20 && sizeof(IO_REMOVE_LOCK) == 0x78);
C_ASSERT(offsetof(IO_REMOVE_LOCK_COMMON_BLOCK, IoCount) == 4);
C_ASSERT(offsetof(IO_REMOVE_LOCK_COMMON_BLOCK, RemoveEvent) == 8);
C_ASSERT(offsetof(IO_REMOVE_LOCK_DBG_BLOCK, MaxLockedTicks) == 8);
C_ASSERT(offsetof(IO_REMOVE_LOCK_DBG_BLOCK, LockList) == 0x18);
C_ASSERT(offsetof(IO_REMOVE_LOCK_DBG_BLOCK, Spin) == 0x28 && offsetof(IO_REMOVE_LOCK_DBG_BLOCK, Blocks) == 0x50);

enum { IO_REMOVE_LOCK_SIGNATURE = 0x524C4F43 };         /* 'COLR' in a dump */

VOID IoInitializeRemoveLockEx(PIO_REMOVE_LOCK Lock, ULONG AllocateTag, ULONG MaxLockedMinutes, ULONG HighWatermark,
                              ULONG RemlockSize);
NTSTATUS IoAcquireRemoveLockEx(PIO_REMOVE_LOCK RemoveLock, PVOID Tag, PCSTR File, ULONG Line, ULONG RemlockSize);
VOID IoReleaseRemoveLockEx(PIO_REMOVE_LOCK RemoveLock, PVOID Tag, ULONG RemlockSize);
VOID IoReleaseRemoveLockAndWaitEx(PIO_REMOVE_LOCK RemoveLock, PVOID Tag, ULONG RemlockSize);

/* IoAcquireRemoveLockEx in the name of Caller, whose the block is that tracks the use. */
NTSTATUS IoAcquireRemoveLockFor(PVOID Caller, PIO_REMOVE_LOCK RemoveLock, PVOID Tag, PCSTR File, ULONG Line,
                                ULONG RemlockSize);

/* The use with Tag that began last. Returns: FALSE if there is none, or RemoveLock does not track its uses. */
BOOLEAN IoFindRemoveLockUse(PIO_REMOVE_LOCK RemoveLock, PVOID Tag, ULONG RemlockSize,
                            IO_REMOVE_LOCK_TRACKING_BLOCK *Use);
