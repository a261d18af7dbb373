/* resource_released_by_another.c - releases a resource that another thread owns.
 *
 * fault: 0x1004 RELEASED_BY_ANOTHER
 * log: resource [0-9A-F]+ is released for one who does not own it
 * log: it was taken by thread  */
#include "rule.h"

static ERESOURCE Resource;

static VOID NTAPI Stranger(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
#ifdef FAULT
    ExReleaseResourceLite(&Resource);
#endif
}

static VOID Run(VOID)
{
    ExInitializeResourceLite(&Resource);
    ExEnterCriticalRegionAndAcquireResourceShared(&Resource);
    InThread(Stranger, NULL);
    ExReleaseResourceAndLeaveCriticalRegion(&Resource);
    ExDeleteResourceLite(&Resource);
}
