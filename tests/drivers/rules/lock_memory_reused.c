/* lock_memory_reused.c - takes locks in one order, frees one of them, and takes those at the same addresses in the other.
 *
 * fault: 0x1001 LOCK_ORDER
 * log: now: +spin lock */
#include "rule.h"

static KSPIN_LOCK Fixed;

static VOID Nest(PKSPIN_LOCK Outer, PKSPIN_LOCK Inner)
{
    KIRQL OldIrql;

    KeAcquireSpinLock(Outer, &OldIrql);
    KeAcquireSpinLockAtDpcLevel(Inner);
    KeReleaseSpinLockFromDpcLevel(Inner);
    KeReleaseSpinLock(Outer, OldIrql);
}

/* On a stack the next call's lock is at the same address, and is another one. */
static __attribute__((noinline)) VOID NestOnStack(BOOLEAN FixedIsOuter)
{
    KSPIN_LOCK Local;

    KeInitializeSpinLock(&Local);
    Nest(FixedIsOuter ? &Fixed : &Local, FixedIsOuter ? &Local : &Fixed);
}

static VOID Run(VOID)
{
    PKSPIN_LOCK Lock = ExAllocatePoolWithTag(NonPagedPool, 64, 'kcoL');

    KeInitializeSpinLock(&Fixed);
    NestOnStack(TRUE);
    NestOnStack(FALSE);
    for (ULONG i = 0; i < 5000 && Lock != NULL; i++) {
        KeInitializeSpinLock(Lock);
        Nest(i % 2 == 0 ? Lock : &Fixed, i % 2 == 0 ? &Fixed : Lock);
#ifndef FAULT
        ExFreePoolWithTag(Lock, 'kcoL');
        Lock = ExAllocatePoolWithTag(NonPagedPool, 64, 'kcoL');
#endif
    }
    if (Lock != NULL)
        ExFreePoolWithTag(Lock, 'kcoL');
}
