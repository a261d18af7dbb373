/* lookaside_used_after_free.c - writes to an entry of a lookaside list that it has freed.
 *
 * fault: stop 0x000000C1 SPECIAL_POOL_DETECTED_MEMORY_CORRUPTION
 * log: tag 'Look'.* was written to after it had been freed, .*, freed by lookaside_used_after_free */
#include <ntddk.h>

static VOID NTAPI Unload(PDRIVER_OBJECT DriverObject);
#define UNLOAD Unload
#include "rule.h"

static NPAGED_LOOKASIDE_LIST List;

static VOID Run(VOID)
{
    volatile LONG *Entry;

    ExInitializeNPagedLookasideList(&List, NULL, NULL, 0, 64, 'kooL', 0);
    Entry = ExAllocateFromNPagedLookasideList(&List);
    if (Entry == NULL)
        return;
    Entry[8] = 1;
    ExFreeToNPagedLookasideList(&List, (PVOID)Entry);
#ifdef FAULT
    Entry[8] = 2;
#endif
}

static VOID NTAPI Unload(PDRIVER_OBJECT DriverObject)
{
    UNREFERENCED_PARAMETER(DriverObject);
    ExDeleteNPagedLookasideList(&List);
}
