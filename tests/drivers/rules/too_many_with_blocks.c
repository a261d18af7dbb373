/* too_many_with_blocks.c - waits for 65 objects; an array of wait blocks does not help.
 * covers KeWaitForMultipleObjects.2, trap 12
 *
 * fault: stop 0x0000000C MAXIMUM_WAIT_OBJECTS_EXCEEDED
 * log: a wait for 65 objects; 64 are possible */
#include "rule.h"

#ifdef FAULT
#define COUNT (MAXIMUM_WAIT_OBJECTS + 1)
#else
#define COUNT MAXIMUM_WAIT_OBJECTS
#endif

static KEVENT Events[COUNT];
static KWAIT_BLOCK Blocks[COUNT];

static VOID Run(VOID)
{
    PVOID Objects[COUNT];

    for (ULONG i = 0; i < COUNT; i++) {
        KeInitializeEvent(&Events[i], NotificationEvent, TRUE);
        Objects[i] = &Events[i];
    }
    KeWaitForMultipleObjects(COUNT, Objects, WaitAll, Executive, KernelMode, FALSE, NULL, Blocks);
}
