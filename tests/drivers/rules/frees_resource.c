/* frees_resource.c - frees memory with a resource in it that it has not deleted.
 *
 * fault: 0xD2 RESOURCE_FREED
 * log: resource .* is not deleted and lies in the .* bytes
 * log: which are freed at frees_resource.*(Run|DriverEntry) */
#include "rule.h"

typedef struct _EXTENSION { ULONG64 Size; ERESOURCE Resource; } EXTENSION;

static VOID Run(VOID)
{
    EXTENSION *Extension = ExAllocatePoolWithTag(NonPagedPool, sizeof *Extension, 'txEK');

    if (Extension == NULL)
        return;
    ExInitializeResourceLite(&Extension->Resource);
#ifndef FAULT
    ExDeleteResourceLite(&Extension->Resource);
#endif
    ExFreePoolWithTag(Extension, 'txEK');
}
