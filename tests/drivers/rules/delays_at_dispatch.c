/* delays_at_dispatch.c - delays at DISPATCH_LEVEL.
 *
 * fault: 0x3B WAIT_AT_WRONG_IRQL
 * log: KeDelayExecutionThread is called at IRQL 2 */
#include "rule.h"

static KEVENT Event;

static VOID Run(VOID)
{
    LARGE_INTEGER Timeout = { .QuadPart = -10000 };
    KIRQL OldIrql;

    KeInitializeEvent(&Event, NotificationEvent, TRUE);
#ifdef FAULT
    KeRaiseIrql(DISPATCH_LEVEL, &OldIrql);
#else
    KeRaiseIrql(APC_LEVEL, &OldIrql);
#endif
    KeDelayExecutionThread(KernelMode, FALSE, &Timeout);
    KeLowerIrql(OldIrql);
}
