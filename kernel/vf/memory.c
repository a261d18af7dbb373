/* memory.c - what must not lie in memory that is freed: a timer that is armed, a DPC or a work item that is queued, a
 * lock that is held, a resource that is not deleted.
 *
 * The pool calls for each block under the verifier. A look at the block's own bytes finds what may be such an
 * object; whether it is one is then asked of those who keep timers, DPCs and work items, under their lock. So bytes
 * that only look like a timer are no fault, and a free costs little but the look. Resources are on a list. */
#include "vfp.h"
#include <ex/pool.h>
#include <ex/work.h>
#include <ke/activity.h>
#include <ke/bugcheck.h>
#include <ke/dpc.h>
#include <ke/timer.h>
#include <rtl/status.h>

enum { OBJECT_ALIGNMENT = 8, ASKED = 4, FREED_WHILE_QUEUED = 0 };

#define KERNEL_SPACE 0xFFFF800000000000ull

typedef struct _BLOCK { PUCHAR Start; SIZE_T Size; PVOID Freer; } BLOCK;

static BOOLEAN LooksArmed(const KTIMER *Timer)
{
    return (KeObjectType(&Timer->Header) & ~1) == TimerNotificationObject &&
           Timer->Header.Size == sizeof(KTIMER) / sizeof(ULONG) && Timer->Header.Inserted;
}

static BOOLEAN LooksQueued(const KDPC *Dpc)
{
    return Dpc->Type == DpcObject && Dpc->DpcData != NULL;
}

static BOOLEAN LooksLikeQueuedItem(const WORK_QUEUE_ITEM *Item)
{
    return (ULONG64)Item->List.Flink >= KERNEL_SPACE && (ULONG64)Item->List.Blink >= KERNEL_SPACE &&
           (ULONG64)(ULONG_PTR)Item->WorkerRoutine >= KERNEL_SPACE;
}

static BOOLEAN IsKnown(KE_OWNED_KIND Kind, PVOID Object, SIZE_T Size)
{
    KE_OWNED Found[ASKED];
    ULONG Count = KeListActivity((ULONG64)Object, (ULONG64)Object + Size, Found, ASKED);

    for (ULONG i = 0; i < Count && i < ASKED; i++)
        if (Found[i].Kind == Kind && Found[i].Object == Object)
            return TRUE;
    return FALSE;
}

static void CheckTimer(const BLOCK *Block, PKTIMER Timer)
{
    VFP_PLACE Freer, Routine;

    if (!LooksArmed(Timer) || !IsKnown(KeOwnedTimer, Timer, sizeof *Timer))
        return;
    VfStop(VF_ARMED_TIMER_FREED, (ULONG_PTR)Timer, Block->Size, (ULONG_PTR)Block->Start,
           "timer %p, with %s, is armed and lies in the %I64u bytes at %p,\n  which are freed at %s", Timer,
           Timer->Dpc == NULL ? "no DPC" : VfpDescribe(&Routine, (PVOID)Timer->Dpc->DeferredRoutine), Block->Size,
           Block->Start, VfpDescribe(&Freer, Block->Freer));
}

static void CheckDpc(const BLOCK *Block, PKDPC Dpc)
{
    VFP_PLACE Freer, Routine;

    if (!LooksQueued(Dpc) || !IsKnown(KeOwnedDpc, Dpc, sizeof *Dpc))
        return;
    KeBugCheckWith(TIMER_OR_DPC_INVALID, 1, (ULONG_PTR)Dpc, (ULONG_PTR)Block->Start, Block->Size,
                   "DPC %p of routine %s is queued and lies in the %I64u bytes at %p,\n  which are freed at %s", Dpc,
                   VfpDescribe(&Routine, (PVOID)Dpc->DeferredRoutine), Block->Size, Block->Start,
                   VfpDescribe(&Freer, Block->Freer));
}

static void CheckWorkItem(const BLOCK *Block, PWORK_QUEUE_ITEM Item)
{
    VFP_PLACE Freer, Routine;

    if (!LooksLikeQueuedItem(Item) || !VfpIsQueued(Item))
        return;
    KeBugCheckWith(WORKER_INVALID, FREED_WHILE_QUEUED, (ULONG_PTR)Item, (ULONG_PTR)Block->Start, Block->Size,
                   "work item %p of routine %s is queued and lies in the %I64u bytes at %p,\n  which are freed at %s",
                   Item, VfpDescribe(&Routine, (PVOID)Item->WorkerRoutine), Block->Size, Block->Start,
                   VfpDescribe(&Freer, Block->Freer));
}

static void CheckResources(const BLOCK *Block)
{
    PERESOURCE Resource = ExFindResourceIn(Block->Start, Block->Size);
    VFP_PLACE Freer;

    if (Resource != NULL)
        VfStop(VF_RESOURCE_FREED, (ULONG_PTR)Resource, (ULONG_PTR)Block->Start, Block->Size,
               "resource %p is not deleted and lies in the %I64u bytes at %p,\n  which are freed at %s", Resource,
               Block->Size, Block->Start, VfpDescribe(&Freer, Block->Freer));
}

static void CheckBlock(PVOID Start, SIZE_T Size, PVOID Freer)
{
    BLOCK Block = { Start, Size, Freer };

    for (SIZE_T At = 0; At + sizeof(WORK_QUEUE_ITEM) <= Size; At += OBJECT_ALIGNMENT) {
        if (At + sizeof(KTIMER) <= Size)
            CheckTimer(&Block, (PKTIMER)(Block.Start + At));
        if (At + sizeof(KDPC) <= Size)
            CheckDpc(&Block, (PKDPC)(Block.Start + At));
        CheckWorkItem(&Block, (PWORK_QUEUE_ITEM)(Block.Start + At));
    }
    VfpMemoryEnds(Start, Size, Freer);
    CheckResources(&Block);
    VfpCheckLookasidesIn(Start, Size, Freer);
}

void VfpInitializeMemory(void) { ExSetFreeHook(CheckBlock); }
