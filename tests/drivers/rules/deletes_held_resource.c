/* deletes_held_resource.c - deletes a resource that it owns.
 *
 * fault: 0x100B FREED_WHILE_HELD
 * log: resource [0-9A-F]+ is deleted and owned or waited for
 * log: it was taken by thread .*deletes_held_resource */
#include "rule.h"

static ERESOURCE Resource;

static VOID Run(VOID)
{
    ExInitializeResourceLite(&Resource);
    ExEnterCriticalRegionAndAcquireResourceShared(&Resource);
#ifdef FAULT
    ExDeleteResourceLite(&Resource);
#endif
    ExReleaseResourceAndLeaveCriticalRegion(&Resource);
    ExDeleteResourceLite(&Resource);
}
