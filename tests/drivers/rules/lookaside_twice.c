/* lookaside_twice.c - initialises a lookaside list that it has initialised before.
 *
 * fault: 0xED13 LOOKASIDE_NOT_DELETED
 * log: lookaside list .* is initialised; it was before at lookaside_twice */
#include "rule.h"

static NPAGED_LOOKASIDE_LIST List;

static VOID Run(VOID)
{
    ExInitializeNPagedLookasideList(&List, NULL, NULL, 0, 64, 'kooL', 0);
#ifndef FAULT
    ExDeleteNPagedLookasideList(&List);
#endif
    ExInitializeNPagedLookasideList(&List, NULL, NULL, 0, 64, 'kooL', 0);
    ExDeleteNPagedLookasideList(&List);
}
