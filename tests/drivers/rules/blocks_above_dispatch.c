/* blocks_above_dispatch.c - waits with a timeout above DISPATCH_LEVEL.
 *
 * fault: 0x120 BLOCK_ABOVE_DISPATCH
 * log: a wait for object .* at IRQL 5 */
#include "rule.h"

static KEVENT Event;

static VOID Run(VOID)
{
    LARGE_INTEGER Timeout = { .QuadPart = -10000 };
    KIRQL OldIrql;

    KeInitializeEvent(&Event, NotificationEvent, TRUE);
#ifdef FAULT
    KeRaiseIrql(5, &OldIrql);
#else
    KeRaiseIrql(APC_LEVEL, &OldIrql);
#endif
    KeWaitForSingleObject(&Event, Executive, KernelMode, FALSE, &Timeout);
    KeLowerIrql(OldIrql);
}
