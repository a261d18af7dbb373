/* spin_lock_released_elsewhere.c - releases, in a DPC on another processor, the spin lock that its thread holds.
 *
 * fault: 0x1004 RELEASED_BY_ANOTHER
 * log: is released by a processor that does not hold it
 * log: it was taken by thread .*spin_lock_released_elsewhere.*Run */
#include "rule.h"

static KSPIN_LOCK Lock;
static KDPC Dpc;
static volatile LONG Done;

static VOID NTAPI Releaser(PKDPC D, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(D);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
#ifdef FAULT
    KeReleaseSpinLockFromDpcLevel(&Lock);
#endif
    Done = 1;
}

static VOID Run(VOID)
{
    KIRQL OldIrql;

    KeInitializeSpinLock(&Lock);
    KeSetSystemAffinityThread(1);
    KeAcquireSpinLock(&Lock, &OldIrql);
    KeInitializeDpc(&Dpc, Releaser, NULL);
    KeSetImportanceDpc(&Dpc, HighImportance);
    KeSetTargetProcessorDpc(&Dpc, 1);
    KeInsertQueueDpc(&Dpc, NULL, NULL);
    while (!Done)
        YieldProcessor();
    KeReleaseSpinLock(&Lock, OldIrql);
    KeRevertToUserAffinityThread();
}
