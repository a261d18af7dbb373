/* resource_with_apcs.c - acquires a resource outside any critical region.
 *
 * fault: 0x37 RESOURCE_WITH_APCS
 * log: resource .* is acquired by thread .*, which is at IRQL 0 and in no critical region */
#include "rule.h"

static ERESOURCE Resource;

static VOID Run(VOID)
{
    ExInitializeResourceLite(&Resource);
#ifndef FAULT
    KeEnterCriticalRegion();
#endif
    if (ExAcquireResourceSharedLite(&Resource, FALSE))
        ExReleaseResourceLite(&Resource);
#ifndef FAULT
    KeLeaveCriticalRegion();
#endif
    ExDeleteResourceLite(&Resource);
}
