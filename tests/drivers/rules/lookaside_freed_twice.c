/* lookaside_freed_twice.c - frees an entry of a lookaside list twice.
 *
 * fault: stop 0x000000C2 BAD_POOL_CALLER
 * log: has been freed already */
#include "rule.h"

static NPAGED_LOOKASIDE_LIST List;

static VOID Run(VOID)
{
    PVOID Entry;

    ExInitializeNPagedLookasideList(&List, NULL, NULL, 0, 64, 'kooL', 0);
    Entry = ExAllocateFromNPagedLookasideList(&List);
    if (Entry != NULL) {
        ExFreeToNPagedLookasideList(&List, Entry);
#ifdef FAULT
        ExFreeToNPagedLookasideList(&List, Entry);
#endif
    }
    ExDeleteNPagedLookasideList(&List);
}
