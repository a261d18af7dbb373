/* user_wait_on_stack.c - waits in UserMode for an event on its stack; in KernelMode it may.
 *
 * fault: 0x123 USER_WAIT_ON_STACK
 * log: a UserMode wait uses object .*, which lies on a stack */
#include "rule.h"

static VOID Run(VOID)
{
    KEVENT Event;

    KeInitializeEvent(&Event, NotificationEvent, TRUE);
#ifdef FAULT
    KeWaitForSingleObject(&Event, Executive, UserMode, FALSE, NULL);
#else
    KeWaitForSingleObject(&Event, Executive, KernelMode, FALSE, NULL);
#endif
}
