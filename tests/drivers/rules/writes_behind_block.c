/* writes_behind_block.c - writes behind the end of a pool block.
 *
 * fault: stop 0x000000C1 SPECIAL_POOL_DETECTED_MEMORY_CORRUPTION
 * log: was written to behind its end, first at offset 100, allocated by writes_behind_block */
#include "rule.h"

static VOID Run(VOID)
{
    PUCHAR Block = ExAllocatePoolWithTag(NonPagedPool, 100, 'eulB');

    if (Block == NULL)
        return;
#ifdef FAULT
    *(volatile UCHAR *)(Block + 100) = 1;
#else
    *(volatile UCHAR *)(Block + 99) = 1;
#endif
    ExFreePoolWithTag(Block, 'eulB');
}
