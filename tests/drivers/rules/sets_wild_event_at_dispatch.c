/* sets_wild_event_at_dispatch.c - hands the kernel an event at an address where nothing is, at DISPATCH_LEVEL.
 *
 * fault: stop 0x0000000A IRQL_NOT_LESS_OR_EQUAL
 * log: address FFFF9000000000[0-9A-F]{2} was 
 * log: sets_wild_event_at_dispatch */
#include "rule.h"

static KEVENT Event;

static VOID Run(VOID)
{
    KIRQL OldIrql;

    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    KeRaiseIrql(DISPATCH_LEVEL, &OldIrql);
#ifdef FAULT
    KeSetEvent((PRKEVENT)0xFFFF900000000000ull, 0, FALSE);
#else
    KeSetEvent(&Event, 0, FALSE);
#endif
    KeLowerIrql(OldIrql);
}
