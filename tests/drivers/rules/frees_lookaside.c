/* frees_lookaside.c - frees the memory that a lookaside list lies in before the list is deleted.
 *
 * fault: 0xED13 LOOKASIDE_NOT_DELETED
 * log: lookaside list .*, initialised at frees_lookaside.*, lies in the 256 bytes at */
#include "rule.h"

static VOID Run(VOID)
{
    PLOOKASIDE_LIST_EX List = ExAllocatePoolWithTag(NonPagedPool, 256, 'kooL');

    if (List == NULL)
        return;
    if (!NT_SUCCESS(ExInitializeLookasideListEx(List, NULL, NULL, PagedPool, 0, 64, 'kooL', 0)))
        return;
#ifndef FAULT
    ExDeleteLookasideListEx(List);
#endif
    ExFreePoolWithTag(List, 'kooL');
}
