/* wait_at_dispatch_unverified.c - waits at DISPATCH_LEVEL for an event that is not set, and nobody verifies.
 * covers Wait.15
 *
 * fault: stop 0x0000000A IRQL_NOT_LESS_OR_EQUAL
 * log: a wait on object .* would block at IRQL 2
 * run: APPEND=verifier=off */
#include "rule.h"

static KEVENT Event;

static VOID Run(VOID)
{
    LARGE_INTEGER Timeout = { .QuadPart = -10000 };
    KIRQL OldIrql;

    KeInitializeEvent(&Event, NotificationEvent, FALSE);
#ifdef FAULT
    KeRaiseIrql(DISPATCH_LEVEL, &OldIrql);
#else
    KeRaiseIrql(APC_LEVEL, &OldIrql);
#endif
    KeWaitForSingleObject(&Event, Executive, KernelMode, FALSE, &Timeout);
    KeLowerIrql(OldIrql);
}
