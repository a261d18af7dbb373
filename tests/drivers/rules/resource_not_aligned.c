/* resource_not_aligned.c - has a resource at an odd address.
 *
 * fault: 0x3D RESOURCE_NOT_ALIGNED
 * log: resource .* is not aligned */
#include "rule.h"

static DECLSPEC_ALIGN(16) UCHAR Memory[sizeof(ERESOURCE) + 8];

static VOID Run(VOID)
{
#ifdef FAULT
    PERESOURCE Resource = (PERESOURCE)(Memory + 4);
#else
    PERESOURCE Resource = (PERESOURCE)(Memory + 8);
#endif

    ExInitializeResourceLite(Resource);
    ExDeleteResourceLite(Resource);
}
