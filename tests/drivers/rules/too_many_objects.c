/* too_many_objects.c - waits for four objects without an array of wait blocks.
 * covers KeWaitForMultipleObjects.1, trap 12
 *
 * fault: stop 0x0000000C MAXIMUM_WAIT_OBJECTS_EXCEEDED
 * log: a wait for 4 objects; 3 are possible */
#include "rule.h"

static KEVENT Events[4];

static VOID Run(VOID)
{
    PVOID Objects[4];

    for (ULONG i = 0; i < 4; i++) {
        KeInitializeEvent(&Events[i], NotificationEvent, TRUE);
        Objects[i] = &Events[i];
    }
#ifdef FAULT
    KeWaitForMultipleObjects(4, Objects, WaitAny, Executive, KernelMode, FALSE, NULL, NULL);
#else
    KeWaitForMultipleObjects(3, Objects, WaitAny, Executive, KernelMode, FALSE, NULL, NULL);
#endif
}
