/* slist.c - sequenced singly linked lists.
 *
 * The header's two words are one unit to the processor's 16-byte exchange: the first holds the number of entries and
 * a count of all changes, the second the first entry. How they are changed, and why a pop may read an entry that
 * somebody else has taken and freed meanwhile, is told in arch's slist.S. */
#include <arch/slist.h>
#include <ex/slist.h>
#include <ke/exception.h>

C_ASSERT(sizeof(ARCH_SLIST) == sizeof(SLIST_HEADER) && _Alignof(ARCH_SLIST) == _Alignof(SLIST_HEADER));
C_ASSERT(offsetof(ARCH_SLIST, First) == offsetof(SLIST_HEADER, Region));

/* ---- Public ---- */

/* InitializeSListHead - SListHead is empty. IRQL: any. Errors: a header that is not aligned to 16 bytes raises
 * STATUS_DATATYPE_MISALIGNMENT. Source: WDK nf-wdm-initializeslisthead. */
VOID InitializeSListHead(PSLIST_HEADER SListHead)
{
    if ((ULONG_PTR)SListHead % sizeof *SListHead != 0)
        ExRaiseDatatypeMisalignment();
    SListHead->Alignment = SListHead->Region = 0;
}

/* ExpInterlockedPushEntrySList - ListEntry, aligned to 16 bytes, becomes the first entry. IRQL: any.
 * Returns: the one that was the first before, or NULL. Source: WDK nf-wdm-exinterlockedpushentryslist. */
PSLIST_ENTRY ExpInterlockedPushEntrySList(PSLIST_HEADER ListHead, PSLIST_ENTRY ListEntry)
{
    return ArchPushSlist((ARCH_SLIST *)ListHead, ListEntry);
}

/* ExpInterlockedPopEntrySList - take the first entry away. Whoever else pops meanwhile may free what he got at once.
 * IRQL: any. Returns: the entry, or NULL if there is none. Source: WDK nf-wdm-exinterlockedpopentryslist. */
PSLIST_ENTRY ExpInterlockedPopEntrySList(PSLIST_HEADER ListHead) { return ArchPopSlist((ARCH_SLIST *)ListHead); }

/* ExpInterlockedFlushSList - take all entries away in one step. IRQL: any. Returns: the first, which leads to the
 * others, last pushed first; NULL if there is none. Source: WDK nf-wdm-exinterlockedflushslist. */
PSLIST_ENTRY ExpInterlockedFlushSList(PSLIST_HEADER ListHead) { return ArchFlushSlist((ARCH_SLIST *)ListHead); }

/* FirstEntrySList - the first entry, which may be gone already; NULL if there is none. IRQL: any. */
PSLIST_ENTRY FirstEntrySList(const SLIST_HEADER *ListHead)
{
    return (PSLIST_ENTRY)__atomic_load_n(&ListHead->Region, __ATOMIC_RELAXED);
}

/* ExQueryDepthSList - the number of entries, modulo 65536. IRQL: any. Source: WDK nf-wdm-exquerydepthslist. */
USHORT ExQueryDepthSList(PSLIST_HEADER ListHead)
{
    return (USHORT)__atomic_load_n(&ListHead->Alignment, __ATOMIC_RELAXED);
}
