/* rundown_cache.c - run-down protection that processors count each for itself.
 *
 * A use is counted in the slot of the processor that begins it and taken off in the slot of the processor that ends
 * it, each in a cache line of its own: a slot may fall below zero, the sum is what counts. The owner takes all slots'
 * numbers away, one after the other, and marks them; what ends at a marked slot is taken off in Left:
 *
 *   owner                               user of another processor
 *   Left = 0                            begins at slot 1
 *   takes slot 0
 *                                       ends at slot 0: Left = -1, and not 0: it wakes nobody
 *   takes slot 1: the sum is 1
 *   Left = -1 + 1 = 0: nobody is left
 *
 * As long as the sum is not in it Left only falls, from 0: so it comes to 0 once, with the sum or with the last use
 * that ends after it, and whoever makes it 0 sets Completed. */
#include <ex/rundown.h>
#include <ke/event.h>
#include <ke/exception.h>
#include <ke/processor.h>
#include <rtl/status.h>
#include <rtl/string.h>

enum { CACHE_LINE = 64 };

typedef struct _SLOT {
    volatile ULONG_PTR Count;           /* in steps of EX_RUNDOWN_COUNT_INC, or EX_RUNDOWN_ACTIVE */
} __attribute__((aligned(CACHE_LINE))) SLOT;

typedef struct _EX_RUNDOWN_REF_CACHE_AWARE {
    SLOT *Slots;
    ULONG SlotCount;
    volatile LONG Waited;               /* somebody waits or has waited for the last use */
    volatile LONG64 Left;               /* uses that have not ended; before the sum is in it: minus those that have */
    KEVENT Completed;
} EX_RUNDOWN_REF_CACHE_AWARE;

typedef EX_RUNDOWN_REF_CACHE_AWARE *PREF;

/* Any of them would do: who moves to another processor meanwhile has only lost some speed. */
FORCEINLINE SLOT *OwnSlot(PREF Ref) { return &Ref->Slots[KeGetCurrentProcessorNumber() % Ref->SlotCount]; }

FORCEINLINE BOOLEAN Add(SLOT *Slot, ULONG_PTR Amount)
{
    ULONG_PTR Seen = __atomic_load_n(&Slot->Count, __ATOMIC_ACQUIRE);

    do {
        if (UNLIKELY(Seen & EX_RUNDOWN_ACTIVE))
            return FALSE;
    } while (!__atomic_compare_exchange_n(&Slot->Count, &Seen, Seen + Amount, FALSE, __ATOMIC_ACQ_REL,
                                          __ATOMIC_ACQUIRE));
    return TRUE;
}

static void AddLeft(PREF Ref, LONG64 Amount)
{
    if (__atomic_add_fetch(&Ref->Left, Amount, __ATOMIC_ACQ_REL) == 0)
        KeSetEvent(&Ref->Completed, IO_NO_INCREMENT, FALSE);
}

FORCEINLINE BOOLEAN Acquire(PREF Ref, ULONG Uses)
{
    return Add(OwnSlot(Ref), (ULONG_PTR)Uses * EX_RUNDOWN_COUNT_INC);
}

FORCEINLINE void Release(PREF Ref, ULONG Uses)
{
    if (UNLIKELY(!Add(OwnSlot(Ref), -((ULONG_PTR)Uses * EX_RUNDOWN_COUNT_INC))))
        AddLeft(Ref, -(LONG64)Uses);
}

static void Reset(PREF Ref, ULONG_PTR Count)
{
    Ref->Left = 0;
    Ref->Waited = Count == EX_RUNDOWN_ACTIVE;
    KeInitializeEvent(&Ref->Completed, NotificationEvent, Count == EX_RUNDOWN_ACTIVE);
    for (ULONG At = 0; At < Ref->SlotCount; At++)
        __atomic_store_n(&Ref->Slots[At].Count, Count, __ATOMIC_RELEASE);
}

/* ---- Public: where it lies ---- */

/* ExSizeOfRundownProtectionCacheAware - bytes for a slot for each processor. IRQL: any.
 * Source: WDK nf-wdm-exsizeofrundownprotectioncacheaware. */
SIZE_T ExSizeOfRundownProtectionCacheAware(VOID)
{
    return sizeof(EX_RUNDOWN_REF_CACHE_AWARE) + CACHE_LINE - 1 + (SIZE_T)KeNumberProcessors * sizeof(SLOT);
}

/* ExInitializeRundownProtectionCacheAware - the object of RunRefCacheAware, RunRefSize bytes of the caller's memory,
 * may be used, and nobody does yet. IRQL: any. Errors: memory without room for one slot raises STATUS_BUFFER_TOO_SMALL.
 * Source: WDK nf-wdm-exinitializerundownprotectioncacheaware. */
VOID ExInitializeRundownProtectionCacheAware(PEX_RUNDOWN_REF_CACHE_AWARE RunRefCacheAware, SIZE_T RunRefSize)
{
    ULONG_PTR End = (ULONG_PTR)RunRefCacheAware + RunRefSize;
    ULONG_PTR First = ((ULONG_PTR)(RunRefCacheAware + 1) + CACHE_LINE - 1) & ~(ULONG_PTR)(CACHE_LINE - 1);

    if (First + sizeof(SLOT) > End)
        ExRaiseStatus(STATUS_BUFFER_TOO_SMALL);
    RunRefCacheAware->Slots = (SLOT *)First;
    RunRefCacheAware->SlotCount = (ULONG)((End - First) / sizeof(SLOT));
    Reset(RunRefCacheAware, 0);
}

/* ExAllocateCacheAwareRundownProtection - a new one, of pool memory. IRQL: <= DISPATCH_LEVEL. Returns: NULL when memory
 * is out. Source: WDK nf-wdm-exallocatecacheawarerundownprotection. */
PEX_RUNDOWN_REF_CACHE_AWARE ExAllocateCacheAwareRundownProtection(POOL_TYPE PoolType, ULONG PoolTag)
{
    SIZE_T Size = ExSizeOfRundownProtectionCacheAware();
    PREF Ref = ExAllocatePoolFor(__builtin_return_address(0), PoolType, Size, PoolTag);

    if (Ref != NULL)
        ExInitializeRundownProtectionCacheAware(Ref, Size);
    return Ref;
}

/* ExFreeCacheAwareRundownProtection - its memory is freed; it is run down, or nobody can use it any more.
 * Source: WDK nf-wdm-exfreecacheawarerundownprotection. */
VOID ExFreeCacheAwareRundownProtection(PEX_RUNDOWN_REF_CACHE_AWARE RunRefCacheAware)
{
    ExFreePoolFor(__builtin_return_address(0), RunRefCacheAware);
}

/* ---- Public: the same as of rundown.c; contracts there ---- */

/* Source: WDK nf-wdm-exreinitializerundownprotectioncacheaware. */
VOID ExReInitializeRundownProtectionCacheAware(PEX_RUNDOWN_REF_CACHE_AWARE RunRefCacheAware)
{
    Reset(RunRefCacheAware, 0);
}

/* Source: WDK nf-wdm-exacquirerundownprotectioncacheaware. */
BOOLEAN ExAcquireRundownProtectionCacheAware(PEX_RUNDOWN_REF_CACHE_AWARE RunRefCacheAware)
{
    return Acquire(RunRefCacheAware, 1);
}

/* Source: WDK nf-wdm-exacquirerundownprotectioncacheawareex. */
BOOLEAN ExAcquireRundownProtectionCacheAwareEx(PEX_RUNDOWN_REF_CACHE_AWARE RunRefCacheAware, ULONG Count)
{
    return Acquire(RunRefCacheAware, Count);
}

/* Source: WDK nf-wdm-exreleaserundownprotectioncacheaware. */
VOID ExReleaseRundownProtectionCacheAware(PEX_RUNDOWN_REF_CACHE_AWARE RunRefCacheAware)
{
    Release(RunRefCacheAware, 1);
}

/* Source: WDK nf-wdm-exreleaserundownprotectioncacheawareex. */
VOID ExReleaseRundownProtectionCacheAwareEx(PEX_RUNDOWN_REF_CACHE_AWARE RunRefCacheAware, ULONG Count)
{
    Release(RunRefCacheAware, Count);
}

/* Source: WDK nf-wdm-exwaitforrundownprotectionreleasecacheaware. */
VOID ExWaitForRundownProtectionReleaseCacheAware(PEX_RUNDOWN_REF_CACHE_AWARE RunRefCacheAware)
{
    LONG64 Sum = 0;

    if (__atomic_exchange_n(&RunRefCacheAware->Waited, TRUE, __ATOMIC_ACQ_REL) == FALSE) {
        for (ULONG At = 0; At < RunRefCacheAware->SlotCount; At++)
            Sum += (LONG64)__atomic_exchange_n(&RunRefCacheAware->Slots[At].Count, EX_RUNDOWN_ACTIVE,
                                               __ATOMIC_ACQ_REL) / EX_RUNDOWN_COUNT_INC;
        AddLeft(RunRefCacheAware, Sum);
    }
    KeWaitForSingleObject(&RunRefCacheAware->Completed, WrRundown, KernelMode, FALSE, NULL);
}

/* Source: WDK nf-wdm-exrundowncompletedcacheaware. */
VOID ExRundownCompletedCacheAware(PEX_RUNDOWN_REF_CACHE_AWARE RunRefCacheAware)
{
    Reset(RunRefCacheAware, EX_RUNDOWN_ACTIVE);
}
