/* interlocked.c - lists and numbers changed under a lock that the caller provides.
 *
 * Interrupts are off while the lock is held, and the IRQL is left alone: so an interrupt's routine may use the same
 * list as a thread, each holds the lock for a few instructions, and no interrupt can find its own processor holding
 * it. Whoever takes such a lock by another routine, at DISPATCH_LEVEL, gives that up.
 * (ExInterlockedAddLargeStatistic and ExInterlockedCompareExchange64 are single instructions in the driver.) */
#include <arch/ops.h>
#include <ex/interlocked.h>
#include <ke/spinlock.h>
#include <rtl/list.h>

/* Returns: the flags to restore. */
static ULONG64 Lock(PKSPIN_LOCK SpinLock)
{
    ULONG64 Flags = ArchDisableInterrupts();

    KeAcquireSpinLockAtDpcLevel(SpinLock);
    return Flags;
}

static void Unlock(PKSPIN_LOCK SpinLock, ULONG64 Flags)
{
    KeReleaseSpinLockFromDpcLevel(SpinLock);
    ArchRestoreInterrupts(Flags);
}

static PLIST_ENTRY EntryOrNull(PLIST_ENTRY ListHead, PLIST_ENTRY Entry) { return Entry == ListHead ? NULL : Entry; }

/* ---- Public ---- */

/* ExInterlockedInsertHeadList - ListEntry becomes the first of ListHead. Lock: held for the change and used for nothing
 * but these routines. IRQL: any. Returns: the one that was the first before, or NULL if the list was empty.
 * Source: WDK nf-wdm-exinterlockedinsertheadlist. */
PLIST_ENTRY ExInterlockedInsertHeadList(PLIST_ENTRY ListHead, PLIST_ENTRY ListEntry, PKSPIN_LOCK SpinLock)
{
    ULONG64 Flags = Lock(SpinLock);
    PLIST_ENTRY First = ListHead->Flink;

    InsertHeadList(ListHead, ListEntry);
    Unlock(SpinLock, Flags);
    return EntryOrNull(ListHead, First);
}

/* ExInterlockedInsertTailList - ListEntry becomes the last of ListHead. IRQL: any. Returns: the one that was the last
 * before, or NULL if the list was empty. Source: WDK nf-wdm-exinterlockedinserttaillist. */
PLIST_ENTRY ExInterlockedInsertTailList(PLIST_ENTRY ListHead, PLIST_ENTRY ListEntry, PKSPIN_LOCK SpinLock)
{
    ULONG64 Flags = Lock(SpinLock);
    PLIST_ENTRY Last = ListHead->Blink;

    InsertTailList(ListHead, ListEntry);
    Unlock(SpinLock, Flags);
    return EntryOrNull(ListHead, Last);
}

/* ExInterlockedRemoveHeadList - take the first entry of ListHead away. IRQL: any. Returns: the entry, or NULL if there
 * is none. Source: WDK nf-wdm-exinterlockedremoveheadlist. */
PLIST_ENTRY ExInterlockedRemoveHeadList(PLIST_ENTRY ListHead, PKSPIN_LOCK SpinLock)
{
    ULONG64 Flags = Lock(SpinLock);
    PLIST_ENTRY First = ListHead->Flink;

    if (First != ListHead)
        RemoveEntryList(First);
    Unlock(SpinLock, Flags);
    return EntryOrNull(ListHead, First);
}

/* ExInterlockedPushEntryList - ListEntry becomes the first of the singly linked ListHead. IRQL: any. Returns: the one
 * that was the first before, or NULL. Source: WDK nf-wdm-exinterlockedpushentrylist. */
PSINGLE_LIST_ENTRY ExInterlockedPushEntryList(PSINGLE_LIST_ENTRY ListHead, PSINGLE_LIST_ENTRY ListEntry,
                                              PKSPIN_LOCK SpinLock)
{
    ULONG64 Flags = Lock(SpinLock);
    PSINGLE_LIST_ENTRY First = ListHead->Next;

    ListEntry->Next = First;
    ListHead->Next = ListEntry;
    Unlock(SpinLock, Flags);
    return First;
}

/* ExInterlockedPopEntryList - take the first entry of the singly linked ListHead away. IRQL: any. Returns: the entry,
 * or NULL if there is none. Source: WDK nf-wdm-exinterlockedpopentrylist. */
PSINGLE_LIST_ENTRY ExInterlockedPopEntryList(PSINGLE_LIST_ENTRY ListHead, PKSPIN_LOCK SpinLock)
{
    ULONG64 Flags = Lock(SpinLock);
    PSINGLE_LIST_ENTRY First = ListHead->Next;

    if (First != NULL)
        ListHead->Next = First->Next;
    Unlock(SpinLock, Flags);
    return First;
}

/* ExInterlockedAddLargeInteger - add Increment to *Addend, as one step to whoever uses the same Lock. IRQL: any.
 * Returns: the value before. Source: WDK nf-wdm-exinterlockedaddlargeinteger. */
LARGE_INTEGER ExInterlockedAddLargeInteger(PLARGE_INTEGER Addend, LARGE_INTEGER Increment, PKSPIN_LOCK SpinLock)
{
    ULONG64 Flags = Lock(SpinLock);
    LARGE_INTEGER Before = *Addend;

    Addend->QuadPart = (LONGLONG)((ULONGLONG)Before.QuadPart + (ULONGLONG)Increment.QuadPart);
    Unlock(SpinLock, Flags);
    return Before;
}

/* ExInterlockedAddUlong - add Increment to *Addend, as one step to whoever uses the same Lock. IRQL: any.
 * Returns: the value before. Source: WDK nf-wdm-exinterlockedaddulong. */
ULONG ExInterlockedAddUlong(PULONG Addend, ULONG Increment, PKSPIN_LOCK SpinLock)
{
    ULONG64 Flags = Lock(SpinLock);
    ULONG Before = *Addend;

    *Addend = Before + Increment;
    Unlock(SpinLock, Flags);
    return Before;
}
