/* duplicate_in_wait.c - waits for all of three objects, two of which are the same. Any of them may be the same.
 *
 * fault: 0xED02 DUPLICATE_IN_WAIT
 * log: is number 0 and number 2 of 3 in a wait for all */
#include "rule.h"

static KEVENT Event, Other, Third;

static VOID Run(VOID)
{
    PVOID Objects[3] = { &Event, &Other, &Third };

    KeInitializeEvent(&Event, NotificationEvent, TRUE);
    KeInitializeEvent(&Other, NotificationEvent, TRUE);
    KeInitializeEvent(&Third, NotificationEvent, TRUE);
    KeWaitForMultipleObjects(3, Objects, WaitAll, Executive, KernelMode, FALSE, NULL, NULL);
    Objects[2] = &Event;
#ifdef FAULT
    KeWaitForMultipleObjects(3, Objects, WaitAll, Executive, KernelMode, FALSE, NULL, NULL);
#else
    KeWaitForMultipleObjects(3, Objects, WaitAny, Executive, KernelMode, FALSE, NULL, NULL);
#endif
}
