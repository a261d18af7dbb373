/* frees_paged_at_dispatch.c - frees paged pool at DISPATCH_LEVEL.
 *
 * fault: stop 0x000000C4 DRIVER_VERIFIER_DETECTED_VIOLATION
 * log: P1 0*11 
 * log: is paged pool and was freed above APC_LEVEL */
#include "rule.h"

static VOID Run(VOID)
{
    PVOID Block = ExAllocatePoolWithTag(PagedPool, 100, 'eulB');
    KIRQL OldIrql;

    if (Block == NULL)
        return;
#ifdef FAULT
    KeRaiseIrql(DISPATCH_LEVEL, &OldIrql);
#else
    KeRaiseIrql(APC_LEVEL, &OldIrql);
#endif
    ExFreePoolWithTag(Block, 'eulB');
    KeLowerIrql(OldIrql);
}
