/* remove_lock.c - the driver's side of the contracts of remove locks. The longer lock of drivers compiled with DBG
 * tracks its uses and has limits of the driver's own; of the shorter one only the count is known. */
#include "vfp.h"
#include <ke/clock.h>
#include <ke/thread.h>
#include <vf/remove_lock.h>

static BOOLEAN Tracks(ULONG Size) { return Size == sizeof(IO_REMOVE_LOCK); }

static void CheckWatermark(PIO_REMOVE_LOCK Lock)
{
    LONG Uses = Lock->Common.IoCount - 1;

    if (Lock->Dbg.HighWatermark != 0 && Uses > Lock->Dbg.HighWatermark)
        VfStop(VF_REMOVE_LOCK_LIMIT, (ULONG_PTR)Lock, (ULONG_PTR)Uses, (ULONG_PTR)Lock->Dbg.HighWatermark,
               "remove lock %p has %d uses at once, and is initialised for %d", Lock, Uses, Lock->Dbg.HighWatermark);
}

static void CheckDuration(PIO_REMOVE_LOCK Lock, const IO_REMOVE_LOCK_TRACKING_BLOCK *Use)
{
    LARGE_INTEGER Now;

    KeQueryTickCount(&Now);
    if (Lock->Dbg.MaxLockedTicks != 0 && Now.QuadPart - (LONGLONG)Use->Since > Lock->Dbg.MaxLockedTicks)
        VfStop(VF_REMOVE_LOCK_LIMIT, (ULONG_PTR)Lock, (ULONG_PTR)Use->Tag, (ULONG_PTR)Lock->Dbg.MaxLockedTicks,
               "remove lock %p was used with tag %p, since %s line %u, for %I64d ticks;\n  it is initialised for %I64d",
               Lock, Use->Tag, Use->File, Use->Line, Now.QuadPart - (LONGLONG)Use->Since, Lock->Dbg.MaxLockedTicks);
}

/* The count is one higher until the removal begins: that is said first, and then counted, so it is asked last. */
static BOOLEAN HasUse(PIO_REMOVE_LOCK Lock)
{
    LONG Count = __atomic_load_n(&Lock->Common.IoCount, __ATOMIC_ACQUIRE);

    return Count > 1 || (Count == 1 && __atomic_load_n(&Lock->Common.Removed, __ATOMIC_ACQUIRE));
}

static void CheckRelease(PIO_REMOVE_LOCK Lock, PVOID Tag, ULONG Size)
{
    IO_REMOVE_LOCK_TRACKING_BLOCK Use;

    VfpCheckCall();
    if (!HasUse(Lock))
        VfStop(VF_NOT_HELD, (ULONG_PTR)Lock, (ULONG_PTR)Tag, 0, "remove lock %p is released with tag %p and has no use",
               Lock, Tag);
    if (!Tracks(Size))
        return;
    if (IoFindRemoveLockUse(Lock, Tag, Size, &Use))
        CheckDuration(Lock, &Use);
    else if (Lock->Dbg.LowMemoryCount == 0)
        VfStop(VF_REMOVE_LOCK_TAG, (ULONG_PTR)Lock, (ULONG_PTR)Tag, 0,
               "remove lock %p is released with tag %p, and no use of it has that tag", Lock, Tag);
}

/* ---- Public ---- */

NTSTATUS VfIoAcquireRemoveLockEx(PIO_REMOVE_LOCK RemoveLock, PVOID Tag, PCSTR File, ULONG Line, ULONG RemlockSize)
{
    NTSTATUS Status;

    VfpCheckCall();
    Status = IoAcquireRemoveLockFor(VFP_CALLER, RemoveLock, Tag, File, Line, RemlockSize);
    if (Status == 0 && Tracks(RemlockSize))
        CheckWatermark(RemoveLock);
    return Status;
}

VOID VfIoReleaseRemoveLockEx(PIO_REMOVE_LOCK RemoveLock, PVOID Tag, ULONG RemlockSize)
{
    CheckRelease(RemoveLock, Tag, RemlockSize);
    IoReleaseRemoveLockEx(RemoveLock, Tag, RemlockSize);
}

VOID VfIoReleaseRemoveLockAndWaitEx(PIO_REMOVE_LOCK RemoveLock, PVOID Tag, ULONG RemlockSize)
{
    KIRQL Irql = KeGetCurrentIrql();

    if (Irql != PASSIVE_LEVEL)
        VfStop(VF_WAIT_AT_WRONG_IRQL, Irql, (ULONG_PTR)RemoveLock, 0, "remove lock %p is waited for at IRQL %u",
               RemoveLock, Irql);
    CheckRelease(RemoveLock, Tag, RemlockSize);
    IoReleaseRemoveLockAndWaitEx(RemoveLock, Tag, RemlockSize);
}
