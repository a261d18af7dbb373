/* resource_not_held_unverified.c - releases a resource that nobody owns, and the kernel itself notices.
 *
 * fault: stop 0x000000E3 RESOURCE_NOT_OWNED
 * log: a release of resource .* which does not own it
 * run: APPEND=verifier=off */
#include "rule.h"

static ERESOURCE Resource;

static VOID Run(VOID)
{
    ExInitializeResourceLite(&Resource);
    ExEnterCriticalRegionAndAcquireResourceShared(&Resource);
    ExReleaseResourceAndLeaveCriticalRegion(&Resource);
#ifdef FAULT
    ExReleaseResourceLite(&Resource);
#endif
    ExDeleteResourceLite(&Resource);
}
