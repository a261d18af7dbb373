/* lock_order_dpc_stack.c - a DPC routine takes two locks in two orders; but one of them lies on its stack, and is another
 * each time.
 *
 * fault: 0x1001 LOCK_ORDER
 * log: now: +spin lock .*, at .*Nest */
#include "rule.h"

static KSPIN_LOCK Shared, Kept __attribute__((unused));
static KDPC Dpc;

static __attribute__((noinline)) VOID Nest(PKSPIN_LOCK Outer, PKSPIN_LOCK Inner)
{
    KeAcquireSpinLockAtDpcLevel(Outer);
    KeAcquireSpinLockAtDpcLevel(Inner);
    KeReleaseSpinLockFromDpcLevel(Inner);
    KeReleaseSpinLockFromDpcLevel(Outer);
}

static VOID NTAPI InDpc(PKDPC Self, PVOID Context, PVOID SharedFirst, PVOID Unused)
{
    KSPIN_LOCK Own;
#ifdef FAULT
    PKSPIN_LOCK Lock = &Kept;
#else
    PKSPIN_LOCK Lock = &Own;
#endif

    UNREFERENCED_PARAMETER(Self);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Unused);
    KeInitializeSpinLock(&Own);
    Nest(SharedFirst != NULL ? &Shared : Lock, SharedFirst != NULL ? Lock : &Shared);
}

static VOID Run(VOID)
{
    CCHAR Processor;

    KeInitializeSpinLock(&Shared);
    KeInitializeSpinLock(&Kept);
    for (Processor = 0; Processor < 2; Processor++) {
        KeInitializeDpc(&Dpc, InDpc, NULL);
        KeSetTargetProcessorDpc(&Dpc, Processor);
        KeInsertQueueDpc(&Dpc, NULL, NULL);
        KeFlushQueuedDpcs();
        KeInsertQueueDpc(&Dpc, &Dpc, NULL);
        KeFlushQueuedDpcs();
    }
}
