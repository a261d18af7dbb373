/* waits_above_dispatch.c - tests an event above DISPATCH_LEVEL.
 *
 * fault: 0x3B WAIT_AT_WRONG_IRQL
 * log: a wait for object .* at IRQL 5 */
#include "rule.h"

static KEVENT Event;

static VOID Run(VOID)
{
    LARGE_INTEGER Timeout = { .QuadPart = 0 };
    KIRQL OldIrql;

    KeInitializeEvent(&Event, NotificationEvent, TRUE);
#ifdef FAULT
    KeRaiseIrql(5, &OldIrql);
#else
    KeRaiseIrql(DISPATCH_LEVEL, &OldIrql);
#endif
    KeWaitForSingleObject(&Event, Executive, KernelMode, FALSE, &Timeout);
    KeLowerIrql(OldIrql);
}
