/* resource_reinitialized_while_held.c - reinitialises a resource that it owns.
 *
 * fault: 0x1005 INITIALIZED_WHILE_HELD
 * log: resource [0-9A-F]+ is reinitialised and owned or waited for */
#include "rule.h"

static ERESOURCE Resource;

static VOID Run(VOID)
{
    ExInitializeResourceLite(&Resource);
    ExEnterCriticalRegionAndAcquireResourceExclusive(&Resource);
#ifdef FAULT
    ExReinitializeResourceLite(&Resource);
#endif
    ExReleaseResourceAndLeaveCriticalRegion(&Resource);
    ExReinitializeResourceLite(&Resource);
    ExDeleteResourceLite(&Resource);
}
