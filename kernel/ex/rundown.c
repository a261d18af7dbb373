/* rundown.c - run-down protection in one word.
 *
 * Promise: a use is one locked instruction to begin and one to end; once the owner has begun to wait, nobody begins
 * a use any more, and he sleeps until the last one has ended.
 * Method: the word is the number of uses. The owner puts the address of a block on his stack in its place, with
 * EX_RUNDOWN_ACTIVE, and takes the number into the block; from then on uses that end are counted there.
 *
 *   word                      meaning
 *   2 * n                     n uses; more may begin
 *   ACTIVE | newest waiter    the oldest waiter's Uses is what is left
 *   ACTIVE                    run down
 *
 * Whoever ends the last use makes the word ACTIVE first and wakes then: the owner may free it. Waiting once more is
 * no error, at any time, so the waiters are a list. */
#include <ex/rundown.h>
#include <ke/bugcheck.h>
#include <ke/event.h>
#include <rtl/status.h>

typedef struct _WAITER {
    struct _WAITER *Older;
    volatile ULONG_PTR Uses;            /* in the oldest: uses that have not ended */
    KEVENT Event;
} WAITER;

FORCEINLINE BOOLEAN Swap(PEX_RUNDOWN_REF RunRef, ULONG_PTR *Seen, ULONG_PTR New)
{
    return __atomic_compare_exchange_n(&RunRef->Count, Seen, New, FALSE, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

FORCEINLINE ULONG_PTR Load(PEX_RUNDOWN_REF RunRef) { return __atomic_load_n(&RunRef->Count, __ATOMIC_ACQUIRE); }
FORCEINLINE WAITER *WaiterOf(ULONG_PTR Word) { return (WAITER *)(Word & ~(ULONG_PTR)EX_RUNDOWN_ACTIVE); }

FORCEINLINE BOOLEAN Acquire(PEX_RUNDOWN_REF RunRef, ULONG Uses)
{
    ULONG_PTR Seen = Load(RunRef);

    do {
        if (UNLIKELY(Seen & EX_RUNDOWN_ACTIVE))
            return FALSE;
    } while (!Swap(RunRef, &Seen, Seen + (ULONG_PTR)Uses * EX_RUNDOWN_COUNT_INC));
    return TRUE;
}

static DECLSPEC_NORETURN void StopNotProtected(PEX_RUNDOWN_REF RunRef, ULONG_PTR Left, ULONG Uses)
{
    KeBugCheckWith(REFERENCE_BY_POINTER, 0, (ULONG_PTR)RunRef, Left, Uses,
                   "run-down protection %p: %u uses end, and there are %I64u", RunRef, Uses, (ULONG64)Left);
}

/* A waiter's block is gone as soon as its event is set. */
static void WakeAll(WAITER *Waiter)
{
    while (Waiter != NULL) {
        WAITER *Older = Waiter->Older;

        KeSetEvent(&Waiter->Event, IO_NO_INCREMENT, FALSE);
        Waiter = Older;
    }
}

static NOINLINE void ReleaseToWaiter(PEX_RUNDOWN_REF RunRef, ULONG_PTR Word, ULONG Uses)
{
    WAITER *Oldest = WaiterOf(Word);
    ULONG_PTR Left;

    if (Oldest == NULL)
        StopNotProtected(RunRef, 0, Uses);
    while (Oldest->Older != NULL)
        Oldest = Oldest->Older;
    Left = __atomic_fetch_sub(&Oldest->Uses, Uses, __ATOMIC_ACQ_REL);
    if (Left < Uses)
        StopNotProtected(RunRef, Left, Uses);
    if (Left == Uses)
        WakeAll(WaiterOf(__atomic_exchange_n(&RunRef->Count, EX_RUNDOWN_ACTIVE, __ATOMIC_ACQ_REL)));
}

FORCEINLINE void Release(PEX_RUNDOWN_REF RunRef, ULONG Uses)
{
    ULONG_PTR Amount = (ULONG_PTR)Uses * EX_RUNDOWN_COUNT_INC, Seen = Load(RunRef);

    do {
        if (UNLIKELY(Seen & EX_RUNDOWN_ACTIVE)) {
            ReleaseToWaiter(RunRef, Seen, Uses);
            return;
        }
        if (UNLIKELY(Seen < Amount))
            StopNotProtected(RunRef, Seen / EX_RUNDOWN_COUNT_INC, Uses);
    } while (!Swap(RunRef, &Seen, Seen - Amount));
}

/* ---- Public ---- */

/* ExInitializeRundownProtection - the object of RunRef may be used, and nobody does yet. IRQL: any.
 * Source: WDK nf-wdm-exinitializerundownprotection. */
VOID ExInitializeRundownProtection(PEX_RUNDOWN_REF RunRef) { RunRef->Count = 0; }

/* ExReInitializeRundownProtection - RunRef, which is run down, stands for a new object that may be used. IRQL: <=
 * APC_LEVEL. Source: WDK nf-wdm-exreinitializerundownprotection. */
VOID ExReInitializeRundownProtection(PEX_RUNDOWN_REF RunRef)
{
    __atomic_store_n(&RunRef->Count, 0, __ATOMIC_RELEASE);
}

/* ExAcquireRundownProtection - begin a use. IRQL: <= DISPATCH_LEVEL. Returns: FALSE if the owner has begun to run the
 * object down: it may not be used. Source: WDK nf-wdm-exacquirerundownprotection. */
BOOLEAN ExAcquireRundownProtection(PEX_RUNDOWN_REF RunRef) { return Acquire(RunRef, 1); }

/* ExAcquireRundownProtectionEx - begin Count uses, or none. Source: WDK nf-wdm-exacquirerundownprotectionex. */
BOOLEAN ExAcquireRundownProtectionEx(PEX_RUNDOWN_REF RunRef, ULONG Count) { return Acquire(RunRef, Count); }

/* ExReleaseRundownProtection - end a use; the last one wakes the owner. IRQL: <= DISPATCH_LEVEL. Errors: a use that was
 * not begun stops with REFERENCE_BY_POINTER. Source: WDK nf-wdm-exreleaserundownprotection. */
VOID ExReleaseRundownProtection(PEX_RUNDOWN_REF RunRef) { Release(RunRef, 1); }

/* ExReleaseRundownProtectionEx - end Count uses. Source: WDK nf-wdm-exreleaserundownprotectionex. */
VOID ExReleaseRundownProtectionEx(PEX_RUNDOWN_REF RunRef, ULONG Count) { Release(RunRef, Count); }

/* ExWaitForRundownProtectionRelease - no use begins any more; returns when the last one has ended, at once if the
 * object is run down already. IRQL: <= APC_LEVEL. Source: WDK nf-wdm-exwaitforrundownprotectionrelease. */
VOID ExWaitForRundownProtectionRelease(PEX_RUNDOWN_REF RunRef)
{
    ULONG_PTR Seen = Load(RunRef);
    WAITER Waiter;

    KeInitializeEvent(&Waiter.Event, SynchronizationEvent, FALSE);
    do {
        if (Seen == EX_RUNDOWN_ACTIVE)
            return;
        Waiter.Older = Seen & EX_RUNDOWN_ACTIVE ? WaiterOf(Seen) : NULL;
        Waiter.Uses = Seen / EX_RUNDOWN_COUNT_INC;
    } while (!Swap(RunRef, &Seen, EX_RUNDOWN_ACTIVE | (Seen == 0 ? 0 : (ULONG_PTR)&Waiter)));
    if (Seen != 0)
        KeWaitForSingleObject(&Waiter.Event, WrRundown, KernelMode, FALSE, NULL);
}

/* ExRundownCompleted - the object has been run down: uses are refused, and waiting for their end returns at once.
 * IRQL: <= APC_LEVEL. Source: WDK nf-wdm-exrundowncompleted. */
VOID ExRundownCompleted(PEX_RUNDOWN_REF RunRef)
{
    __atomic_store_n(&RunRef->Count, EX_RUNDOWN_ACTIVE, __ATOMIC_RELEASE);
}
