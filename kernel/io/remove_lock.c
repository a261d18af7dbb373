/* remove_lock.c - remove locks.
 *
 * The count is 1 from the initialisation to the removal, and one more for each use. The removal gives up its own use
 * and that 1, refuses new uses from then on, and waits for the event that whoever counts to 0 sets. A use that is
 * refused has counted for a moment as well, so it looks for 0, too.
 * Drivers compiled with DBG have a longer lock: there each use is tracked with its tag and the place in the source
 * where it began, for the verifier (vf/remove_lock.c) and for a person who asks why a removal hangs. */
#include <io/remove_lock.h>

#include <ex/pool.h>
#include <ke/clock.h>
#include <ke/spinlock.h>
#include <rtl/status.h>
#include <rtl/string.h>

static BOOLEAN Tracks(ULONG Size) { return Size == sizeof(IO_REMOVE_LOCK); }

static ULONGLONG Ticks(void)
{
    LARGE_INTEGER Count;

    KeQueryTickCount(&Count);
    return (ULONGLONG)Count.QuadPart;
}

/* ---- Tracking ---- */

static void Track(PIO_REMOVE_LOCK Lock, PVOID Tag, PCSTR File, ULONG Line, PVOID Caller)
{
    PIO_REMOVE_LOCK_TRACKING_BLOCK Block =
        ExAllocatePoolFor(Caller, NonPagedPool, sizeof *Block, (ULONG)Lock->Dbg.AllocateTag);
    KIRQL Irql = KeAcquireSpinLockRaiseToDpc(&Lock->Dbg.Spin);

    if (Block == NULL) {
        Lock->Dbg.LowMemoryCount++;
    } else {
        *Block = (IO_REMOVE_LOCK_TRACKING_BLOCK){ .Next = Lock->Dbg.Blocks, .Tag = Tag, .File = File, .Line = Line,
                                                  .Since = Ticks() };
        Lock->Dbg.Blocks = Block;
    }
    KeReleaseSpinLock(&Lock->Dbg.Spin, Irql);
}

/* Under Spin. */
static PIO_REMOVE_LOCK_TRACKING_BLOCK *FindLink(PIO_REMOVE_LOCK Lock, PVOID Tag)
{
    PIO_REMOVE_LOCK_TRACKING_BLOCK *Link = &Lock->Dbg.Blocks;

    while (*Link != NULL && (*Link)->Tag != Tag)
        Link = &(*Link)->Next;
    return Link;
}

static void Untrack(PIO_REMOVE_LOCK Lock, PVOID Tag, PVOID Caller)
{
    KIRQL Irql = KeAcquireSpinLockRaiseToDpc(&Lock->Dbg.Spin);
    PIO_REMOVE_LOCK_TRACKING_BLOCK *Link = FindLink(Lock, Tag), Block = *Link;

    if (Block != NULL)
        *Link = Block->Next;
    else if (Lock->Dbg.LowMemoryCount > 0)
        Lock->Dbg.LowMemoryCount--;
    KeReleaseSpinLock(&Lock->Dbg.Spin, Irql);
    if (Block != NULL)
        ExFreePoolFor(Caller, Block);
}

BOOLEAN IoFindRemoveLockUse(PIO_REMOVE_LOCK RemoveLock, PVOID Tag, ULONG RemlockSize,
                            IO_REMOVE_LOCK_TRACKING_BLOCK *Use)
{
    PIO_REMOVE_LOCK_TRACKING_BLOCK Block;
    KIRQL Irql;

    if (!Tracks(RemlockSize))
        return FALSE;
    Irql = KeAcquireSpinLockRaiseToDpc(&RemoveLock->Dbg.Spin);
    Block = *FindLink(RemoveLock, Tag);
    if (Block != NULL)
        *Use = *Block;
    KeReleaseSpinLock(&RemoveLock->Dbg.Spin, Irql);
    return Block != NULL;
}

/* ---- Counting ---- */

static LONG CountDown(PIO_REMOVE_LOCK Lock)
{
    LONG Left = __atomic_sub_fetch(&Lock->Common.IoCount, 1, __ATOMIC_SEQ_CST);

    if (Left == 0)
        KeSetEvent(&Lock->Common.RemoveEvent, IO_NO_INCREMENT, FALSE);
    return Left;
}

NTSTATUS IoAcquireRemoveLockFor(PVOID Caller, PIO_REMOVE_LOCK RemoveLock, PVOID Tag, PCSTR File, ULONG Line,
                                ULONG RemlockSize)
{
    __atomic_fetch_add(&RemoveLock->Common.IoCount, 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&RemoveLock->Common.Removed, __ATOMIC_SEQ_CST)) {
        CountDown(RemoveLock);
        return STATUS_DELETE_PENDING;
    }
    if (Tracks(RemlockSize))
        Track(RemoveLock, Tag, File, Line, Caller);
    return STATUS_SUCCESS;
}

/* ---- Public ---- */

/* IoInitializeRemoveLockEx - Lock, RemlockSize bytes, may be used. AllocateTag: of the blocks that track uses.
 * MaxLockedMinutes, HighWatermark: how long and by how many it should be used, for the verifier; 0: no limit.
 * IRQL: PASSIVE_LEVEL. Source: WDK nf-wdm-ioinitializeremovelock. */
VOID IoInitializeRemoveLockEx(PIO_REMOVE_LOCK Lock, ULONG AllocateTag, ULONG MaxLockedMinutes, ULONG HighWatermark,
                              ULONG RemlockSize)
{
    if (Tracks(RemlockSize)) {
        memset(&Lock->Dbg, 0, sizeof Lock->Dbg);
        Lock->Dbg.Signature = IO_REMOVE_LOCK_SIGNATURE;
        Lock->Dbg.HighWatermark = (LONG)HighWatermark;
        Lock->Dbg.MaxLockedTicks = MaxLockedMinutes * 600000000ll / KeQueryTimeIncrement();
        Lock->Dbg.AllocateTag = (LONG)AllocateTag;
        Lock->Dbg.LockList.Flink = Lock->Dbg.LockList.Blink = &Lock->Dbg.LockList;
    }
    Lock->Common.Removed = FALSE;
    Lock->Common.IoCount = 1;
    KeInitializeEvent(&Lock->Common.RemoveEvent, SynchronizationEvent, FALSE);
}

/* IoAcquireRemoveLockEx - begin a use. Tag: told again when it ends. IRQL: <= DISPATCH_LEVEL. Returns: STATUS_SUCCESS,
 * or STATUS_DELETE_PENDING once the removal has begun: the device may not be used. Source: WDK
 * nf-wdm-ioacquireremovelock. */
NTSTATUS IoAcquireRemoveLockEx(PIO_REMOVE_LOCK RemoveLock, PVOID Tag, PCSTR File, ULONG Line, ULONG RemlockSize)
{
    return IoAcquireRemoveLockFor(__builtin_return_address(0), RemoveLock, Tag, File, Line, RemlockSize);
}

/* IoReleaseRemoveLockEx - end a use; the last one lets the removal go on. IRQL: <= DISPATCH_LEVEL. Source: WDK
 * nf-wdm-ioreleaseremovelock. */
VOID IoReleaseRemoveLockEx(PIO_REMOVE_LOCK RemoveLock, PVOID Tag, ULONG RemlockSize)
{
    if (Tracks(RemlockSize))
        Untrack(RemoveLock, Tag, __builtin_return_address(0));
    CountDown(RemoveLock);
}

/* IoReleaseRemoveLockAndWaitEx - end the caller's use, refuse new ones, and wait until all others have ended. Once in a
 * lock's life. IRQL: PASSIVE_LEVEL. Source: WDK nf-wdm-ioreleaseremovelockandwait. */
VOID IoReleaseRemoveLockAndWaitEx(PIO_REMOVE_LOCK RemoveLock, PVOID Tag, ULONG RemlockSize)
{
    __atomic_store_n(&RemoveLock->Common.Removed, TRUE, __ATOMIC_SEQ_CST);
    if (Tracks(RemlockSize))
        Untrack(RemoveLock, Tag, __builtin_return_address(0));
    CountDown(RemoveLock);
    if (CountDown(RemoveLock) > 0)
        KeWaitForSingleObject(&RemoveLock->Common.RemoveEvent, Executive, KernelMode, FALSE, NULL);
}
