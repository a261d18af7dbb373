/* resource_deleted_twice.c - deletes a resource twice.
 *
 * fault: 0xD1 RESOURCE_NOT_INITIALIZED
 * log: resource .* is deleted */
#include "rule.h"

static ERESOURCE Resource;

static VOID Run(VOID)
{
    ExInitializeResourceLite(&Resource);
    ExDeleteResourceLite(&Resource);
#ifdef FAULT
    ExDeleteResourceLite(&Resource);
#endif
}
