/* set_and_wait.c - signals with Wait=TRUE and waits, which is legal; raising by itself and waiting is not.
 *
 * fault: 0x122 TIMED_WAIT_AT_DISPATCH
 * log: with timeout -10000 at IRQL 2 */
#include "rule.h"

static KEVENT Event, Other;

/* After KeSetEvent(.., TRUE) the IRQL is raised, and the wait that follows is legal all the same. */
static VOID Run(VOID)
{
    LARGE_INTEGER Timeout = { .QuadPart = -10000 };

    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    KeInitializeEvent(&Other, NotificationEvent, FALSE);
    KeSetEvent(&Other, IO_NO_INCREMENT, TRUE);
    KeWaitForSingleObject(&Event, Executive, KernelMode, FALSE, &Timeout);
#ifdef FAULT
    KfRaiseIrql(DISPATCH_LEVEL);
    KeWaitForSingleObject(&Event, Executive, KernelMode, FALSE, &Timeout);
#endif
}
