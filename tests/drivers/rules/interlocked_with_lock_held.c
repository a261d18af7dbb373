/* interlocked_with_lock_held.c - holds a spin lock and has it taken once more for a change of a list.
 *
 * fault: 0x1000 SELF_DEADLOCK
 * log: spin lock .* is acquired again by the processor that holds it */
#include "rule.h"

static KSPIN_LOCK Lock;
static LIST_ENTRY Head, Entry;

static VOID Run(VOID)
{
    KIRQL OldIrql;

    KeInitializeSpinLock(&Lock);
    InitializeListHead(&Head);
    KeAcquireSpinLock(&Lock, &OldIrql);
#ifndef FAULT
    KeReleaseSpinLock(&Lock, OldIrql);
#endif
    ExInterlockedInsertTailList(&Head, &Entry, &Lock);
#ifdef FAULT
    KeReleaseSpinLock(&Lock, OldIrql);
#endif
}
