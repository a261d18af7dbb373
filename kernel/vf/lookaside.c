/* lookaside.c - lookaside lists begin and end in order. All of them are on one list, so whether one is initialised is
 * known for certain. What is done with entries is the pool's to check: under the verifier none is kept. */
#include "vfp.h"
#include <rtl/status.h>
#include <vf/lookaside.h>

typedef struct _FIRST { PGENERAL_LOOKASIDE List; } FIRST;

static void TakeFirst(PVOID Context, PGENERAL_LOOKASIDE List)
{
    FIRST *First = Context;

    if (First->List == NULL)
        First->List = List;
}

static PGENERAL_LOOKASIDE FindIn(const void *Start, SIZE_T Size)
{
    FIRST First = { NULL };

    ExForEachLookasideOf((ULONG64)Start, (ULONG64)Start + Size, TakeFirst, &First);
    return First.List;
}

static void CheckNew(PVOID Lookaside)
{
    PGENERAL_LOOKASIDE List;
    VFP_PLACE Creator;

    VfpCheckCall();
    List = FindIn(Lookaside, sizeof(GENERAL_LOOKASIDE_POOL));
    if (List != NULL)
        VfStop(VF_LOOKASIDE_NOT_DELETED, (ULONG_PTR)List, (ULONG_PTR)List->Creator, 0,
               "lookaside list %p is initialised; it was before at %s,\n  and has not been deleted", List,
               VfpDescribe(&Creator, List->Creator));
}

/* ---- Shared inside vf ---- */

void VfpCheckLookasidesIn(const void *Start, SIZE_T Size, PVOID Freer)
{
    PGENERAL_LOOKASIDE List = FindIn(Start, Size);
    VFP_PLACE Place, Creator;

    if (List != NULL)
        VfStop(VF_LOOKASIDE_NOT_DELETED, (ULONG_PTR)List, (ULONG_PTR)Start, Size,
               "lookaside list %p, initialised at %s, lies in the %I64u bytes at %p,\n  which are freed at %s", List,
               VfpDescribe(&Creator, List->Creator), Size, Start, VfpDescribe(&Place, Freer));
}

/* ---- Public ---- */

VOID VfExInitializeNPagedLookasideList(PNPAGED_LOOKASIDE_LIST Lookaside, PALLOCATE_FUNCTION Allocate,
                                       PFREE_FUNCTION Free, ULONG Flags, SIZE_T Size, ULONG Tag, USHORT Depth)
{
    CheckNew(Lookaside);
    ExInitializeNPagedLookasideList(Lookaside, Allocate, Free, Flags, Size, Tag, Depth);
    Lookaside->L.Creator = VFP_CALLER;
}

VOID VfExInitializePagedLookasideList(PPAGED_LOOKASIDE_LIST Lookaside, PALLOCATE_FUNCTION Allocate,
                                      PFREE_FUNCTION Free, ULONG Flags, SIZE_T Size, ULONG Tag, USHORT Depth)
{
    CheckNew(Lookaside);
    ExInitializePagedLookasideList(Lookaside, Allocate, Free, Flags, Size, Tag, Depth);
    Lookaside->L.Creator = VFP_CALLER;
}

NTSTATUS VfExInitializeLookasideListEx(PLOOKASIDE_LIST_EX Lookaside, PALLOCATE_FUNCTION_EX Allocate,
                                       PFREE_FUNCTION_EX Free, POOL_TYPE PoolType, ULONG Flags, SIZE_T Size, ULONG Tag,
                                       USHORT Depth)
{
    NTSTATUS Status;

    CheckNew(Lookaside);
    Status = ExInitializeLookasideListEx(Lookaside, Allocate, Free, PoolType, Flags, Size, Tag, Depth);
    if (Status == STATUS_SUCCESS)
        Lookaside->L.Creator = VFP_CALLER;
    return Status;
}
