/* duplicate_in_wait.c - waits for two objects which are the same.
 *
 * fault: 0xED02 DUPLICATE_IN_WAIT
 * log: is number 0 and number 2 of 3 in a wait */
#include "rule.h"

static KEVENT Event, Other, Third;

static VOID Run(VOID)
{
    PVOID Objects[3] = { &Event, &Other, &Third };

    KeInitializeEvent(&Event, NotificationEvent, TRUE);
    KeInitializeEvent(&Other, NotificationEvent, TRUE);
    KeInitializeEvent(&Third, NotificationEvent, TRUE);
#ifdef FAULT
    Objects[2] = &Event;
#endif
    KeWaitForMultipleObjects(3, Objects, WaitAll, Executive, KernelMode, FALSE, NULL, NULL);
}
