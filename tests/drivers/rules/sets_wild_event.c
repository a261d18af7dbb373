/* sets_wild_event.c - hands the kernel an event at an address where nothing is.
 *
 * fault: stop 0x00000050 PAGE_FAULT_IN_NONPAGED_AREA
 * log: address FFFF9000000000[0-9A-F]{2} was 
 * log: sets_wild_event */
#include "rule.h"

static KEVENT Event;

static VOID Run(VOID)
{
    KeInitializeEvent(&Event, NotificationEvent, FALSE);
#ifdef FAULT
    KeSetEvent((PRKEVENT)0xFFFF900000000000ull, 0, FALSE);
#else
    KeSetEvent(&Event, 0, FALSE);
#endif
}
