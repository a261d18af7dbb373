/* resource_initialized_twice.c - initialises a resource again without deleting it.
 *
 * fault: 0xD0 RESOURCE_INITIALIZED_TWICE
 * log: resource [0-9A-F]+ is initialised and has not been deleted */
#include "rule.h"

static ERESOURCE Resource;

static VOID Run(VOID)
{
    RtlFillMemory(&Resource, sizeof Resource, 0x55);
    ExInitializeResourceLite(&Resource);
#ifdef FAULT
    ExInitializeResourceLite(&Resource);
#endif
    ExReinitializeResourceLite(&Resource);
    ExDeleteResourceLite(&Resource);
    ExInitializeResourceLite(&Resource);
    ExDeleteResourceLite(&Resource);
}
