/* writes_before_block_unverified.c - writes over the header before a pool block, and nobody verifies.
 *
 * fault: stop 0x000000C2 BAD_POOL_CALLER
 * run: APPEND=verifier=off */
#include "rule.h"

static VOID Run(VOID)
{
    PULONG64 Block = ExAllocatePoolWithTag(NonPagedPool, 100, 'eulB');

    if (Block == NULL)
        return;
#ifdef FAULT
    *(volatile ULONG64 *)(Block - 1) = 0;
#endif
    ExFreePoolWithTag(Block, 'eulB');
}
