/* frees_with_other_tag.c - frees a block with another tag than it allocated it with.
 *
 * fault: stop 0x000000C2 BAD_POOL_CALLER
 * log: was freed with another tag */
#include "rule.h"

static VOID Run(VOID)
{
    PVOID Block = ExAllocatePoolWithTag(NonPagedPool, 100, 'eulB');

    if (Block == NULL)
        return;
#ifdef FAULT
    ExFreePoolWithTag(Block, 'deR ');
#else
    ExFreePoolWithTag(Block, 'eulB');
#endif
}
