/* thread_ends_with_resource.c - its thread ends and still owns a resource, which it may give away before.
 *
 * fault: 0x100A THREAD_ENDS_WITH_LOCK
 * log: started at thread_ends_with_resource.*Keeper.*, ends and holds resource */
#include "rule.h"

static ERESOURCE Resource;
static ULONG64 Storage;

static VOID NTAPI Keeper(PVOID Pointer)
{
    ExAcquireResourceSharedLite(&Resource, TRUE);
    ExAcquireResourceSharedLite(&Resource, TRUE);
#ifdef FAULT
    ExReleaseResourceLite(&Resource);
    UNREFERENCED_PARAMETER(Pointer);
#else
    ExSetResourceOwnerPointer(&Resource, Pointer);
#endif
}

static VOID Run(VOID)
{
    PVOID Pointer = (PVOID)((ULONG_PTR)&Storage | 3);

    ExInitializeResourceLite(&Resource);
    InThread(Keeper, Pointer);
    ExReleaseResourceForThreadLite(&Resource, (ERESOURCE_THREAD)Pointer);
    ExReleaseResourceForThreadLite(&Resource, (ERESOURCE_THREAD)Pointer);
    ExDeleteResourceLite(&Resource);
}
