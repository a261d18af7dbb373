/* range.c - stretches of kernel addresses, and which frames stand behind each.
 *
 * Promise: reserving and releasing take constant time, and addresses do not wear out: a hole is filled
 * again by a range of the same size class, whatever happened in between.
 * Method: requests are rounded up to size classes, four to each doubling, and a class keeps its released
 * slots in a queue; only a short queue takes fresh addresses from the end. Addresses are so plentiful (16
 * TiB for at most 512 GiB of memory) that rounding costs nothing real. A slot ends in at least one page
 * that is never mapped, and the arena begins with one, so every range has a guard on both sides. A slot
 * rests until RESTING others of its class have been released after it, and the one that rested longest goes
 * first: whoever still uses a freed range meets a hole, not its next owner.
 * Stacks have an arena of their own with slots of 32 KiB, guard first, so that an address alone tells
 * whether it lies in a guard.
 * A range remembers its frames itself (MI_RUN), in nodes taken when it is made: releasing needs no memory
 * and does not have to read the page tables.
 * Lock order: RangeLock, then FrameLock.
 * Rejected: a tree of free extents (merging, searching, and fragments that live as long as the machine). */
#include "mi.h"

#include <ke/bugcheck.h>
#include <ke/spinlock.h>
#include <rtl/print.h>
#include <rtl/status.h>

enum { BUCKETS = 1024, RESTING = 64, STACK_CLASS = 120, CLASSES, NODE_SIZE = sizeof(MI_RANGE) };

#define RANGE_ARENA 0xFFFFA00000000000ull
#define RANGE_ARENA_END 0xFFFFB00000000000ull

typedef struct _SLOT_QUEUE { MI_RANGE *First, *Last; ULONG Count; } SLOT_QUEUE;
typedef struct _NODE { struct _NODE *Next; } NODE;

static KSPIN_LOCK RangeLock;
static MI_RANGE *Live[BUCKETS];         /* RangeLock; by Base */
static SLOT_QUEUE Slots[CLASSES];       /* RangeLock; released slots, oldest first */
static NODE *FreeNodes;                 /* RangeLock */
static ULONG64 NextRange = RANGE_ARENA + PAGE_SIZE;     /* RangeLock; the first page is a guard */
static ULONG64 NextStack = MI_STACK_ARENA;              /* RangeLock */

/* ---- Internals, RangeLock held ---- */

static PVOID TakeNode(void)
{
    NODE *Node = FreeNodes;
    ULONG64 Frame;

    if (Node == NULL) {
        Frame = MmAllocateFrames(0);
        if (Frame == 0)
            return NULL;
        Node = MmPhysicalToVirtual(Frame);
        for (ULONG i = 0; i < PAGE_SIZE / NODE_SIZE; i++) {
            NODE *Each = (NODE *)((PCHAR)Node + i * NODE_SIZE);

            Each->Next = FreeNodes;
            FreeNodes = Each;
        }
        Node = FreeNodes;
    }
    FreeNodes = Node->Next;
    return Node;
}

static void FreeNode(PVOID Memory)
{
    NODE *Node = Memory;

    Node->Next = FreeNodes;
    FreeNodes = Node;
}

static MI_RANGE **Bucket(ULONG64 Base) { return &Live[(Base >> PAGE_SHIFT ^ Base >> 24) % BUCKETS]; }

/* The class of slots with Pages of data and a guard; SlotPages receives the slot's whole length. */
static ULONG ClassOf(ULONG64 Pages, ULONG64 *SlotPages)
{
    ULONG64 Needed = Pages + 1, Quarters;
    ULONG Shift;

    if (Needed <= 8) {
        *SlotPages = Needed;
        return (ULONG)Needed;
    }
    Shift = MiLog2(Needed - 1) - 2;
    Quarters = (Needed + (1ull << Shift) - 1) >> Shift;
    *SlotPages = Quarters << Shift;
    return 4 + Shift * 4 + (ULONG)Quarters - 4;
}

static BOOLEAN TakeFreshSlot(MI_RANGE *Range, ULONG64 SlotPages)
{
    if (Range->Kind == MiStackRange) {
        if (NextStack == MI_STACK_ARENA_END)
            return FALSE;
        Range->Base = NextStack + MI_STACK_GUARD;
        NextStack += MI_STACK_SLOT;
        return TRUE;
    }
    if (SlotPages << PAGE_SHIFT > RANGE_ARENA_END - NextRange)
        return FALSE;
    Range->Base = NextRange;
    NextRange += SlotPages << PAGE_SHIFT;
    return TRUE;
}

static MI_RANGE *MakeSlot(MI_KIND Kind, ULONG Class, ULONG64 SlotPages)
{
    MI_RANGE *Range = TakeNode();

    if (Range == NULL)
        return NULL;
    Range->Kind = (UCHAR)Kind;
    Range->Class = (UCHAR)Class;
    if (TakeFreshSlot(Range, SlotPages))
        return Range;
    FreeNode(Range);
    return NULL;
}

static MI_RANGE *ReuseSlot(MI_KIND Kind, SLOT_QUEUE *Queue)
{
    MI_RANGE *Range = Queue->First;

    if (Range == NULL)
        return NULL;
    Queue->First = Range->Next;
    Queue->Count--;
    Range->Kind = (UCHAR)Kind;
    return Range;
}

static MI_RANGE *TakeSlot(MI_KIND Kind, ULONG Class, ULONG64 SlotPages)
{
    MI_RANGE *Range = NULL;

    if (Slots[Class].Count <= RESTING)
        Range = MakeSlot(Kind, Class, SlotPages);
    if (Range == NULL)
        Range = ReuseSlot(Kind, &Slots[Class]);
    if (Range == NULL)
        LogPrint("memory: no kernel addresses or no memory to note them, %I64u pages wanted\n", SlotPages);
    return Range;
}

static void ReturnSlot(MI_RANGE *Range)
{
    SLOT_QUEUE *Queue = &Slots[Range->Class];

    Range->Next = NULL;
    if (Queue->First == NULL)
        Queue->First = Range;
    else
        Queue->Last->Next = Range;
    Queue->Last = Range;
    Queue->Count++;
}

static MI_RANGE **FindLive(MI_KIND Kind, ULONG64 Base, ULONG64 Pages)
{
    MI_RANGE **Link = Bucket(Base);

    while (*Link != NULL && ((*Link)->Base != Base || (*Link)->Pages != Pages || (*Link)->Kind != Kind))
        Link = &(*Link)->Next;
    return Link;
}

static BOOLEAN AddRun(MI_RANGE *Range, ULONG64 Block)
{
    MI_RUN *Run = Range->Runs;

    for (ULONG i = 0; Run != NULL && i < RTL_NUMBER_OF(Run->Block); i++)
        if (Run->Block[i] == 0) {
            Run->Block[i] = Block;
            return TRUE;
        }
    Run = TakeNode();
    if (Run == NULL)
        return FALSE;
    *Run = (MI_RUN){ Range->Runs, { Block } };
    Range->Runs = Run;
    return TRUE;
}

/* ---- Inside mm; all <= DISPATCH_LEVEL ---- */

/* Addresses for Pages of data, without frames. NULL when addresses or memory are out. */
MI_RANGE *MiReserveRange(MI_KIND Kind, ULONG64 Pages)
{
    ULONG64 SlotPages = 0;
    MI_RANGE *Range;
    ULONG Class;
    KIRQL Irql;

    if (Pages == 0 || Pages >= MAXULONG >> 4)
        return NULL;
    Class = Kind == MiStackRange ? STACK_CLASS : ClassOf(Pages, &SlotPages);
    Irql = KeAcquireSpinLockRaiseToDpc(&RangeLock);
    Range = TakeSlot(Kind, Class, SlotPages);
    if (Range != NULL) {
        MI_RANGE **Head = Bucket(Range->Base);

        Range->Pages = (ULONG)Pages;
        Range->Runs = NULL;
        Range->Next = *Head;
        *Head = Range;
    }
    KeReleaseSpinLock(&RangeLock, Irql);
    return Range;
}

/* The live range that is exactly this one, or NULL. It stays valid while its owner does not release it. */
MI_RANGE *MiFindRange(MI_KIND Kind, ULONG64 Base, ULONG64 Pages)
{
    KIRQL Irql = KeAcquireSpinLockRaiseToDpc(&RangeLock);
    MI_RANGE *Range = *FindLive(Kind, Base, Pages);

    KeReleaseSpinLock(&RangeLock, Irql);
    return Range;
}

/* The same, and it is no longer live: of two who free one range, one is stopped. */
MI_RANGE *MiTakeRange(MI_KIND Kind, ULONG64 Base, ULONG64 Pages)
{
    KIRQL Irql = KeAcquireSpinLockRaiseToDpc(&RangeLock);
    MI_RANGE **Link = FindLive(Kind, Base, Pages), *Range = *Link;

    if (Range != NULL)
        *Link = Range->Next;
    KeReleaseSpinLock(&RangeLock, Irql);
    if (Range == NULL)
        KeBugCheckWith(KEDGE_INTERNAL_ERROR, Base, Pages, Kind, 0,
                       "%I64u pages at %p were freed, but no such range is in use", Pages, (PVOID)Base);
    return Range;
}

/* Put frames behind a range, in blocks as large as there are. FALSE: memory is out, the range has what it
 * got so far. */
BOOLEAN MiFillRange(MI_RANGE *Range)
{
    ULONG64 Left = Range->Pages, Block;
    ULONG Order = MI_MAX_ORDER;
    BOOLEAN Noted;
    KIRQL Irql;

    while (Left != 0) {
        if (Order > MiLog2(Left))
            Order = MiLog2(Left);
        Block = MmAllocateFrames(Order);
        if (Block == 0) {
            if (Order-- == 0)
                return FALSE;
            continue;
        }
        Irql = KeAcquireSpinLockRaiseToDpc(&RangeLock);
        Noted = AddRun(Range, Block | Order);
        KeReleaseSpinLock(&RangeLock, Irql);
        if (!Noted) {
            MmFreeFrames(Block, Order);
            return FALSE;
        }
        Left -= 1ull << Order;
    }
    return TRUE;
}

/* Addresses and frames may be used by others from here on: no processor may still translate them. */
void MiReleaseRange(MI_RANGE *Range)
{
    KIRQL Irql = KeAcquireSpinLockRaiseToDpc(&RangeLock);
    MI_RUN *Run = Range->Runs, *Next;

    for (; Run != NULL; Run = Next) {
        Next = Run->Next;
        for (ULONG i = 0; i < RTL_NUMBER_OF(Run->Block) && Run->Block[i] != 0; i++)
            MmFreeFrames(Run->Block[i] & ~(ULONG64)(PAGE_SIZE - 1), (ULONG)(Run->Block[i] & (PAGE_SIZE - 1)));
        FreeNode(Run);
    }
    Range->Runs = NULL;
    ReturnSlot(Range);
    KeReleaseSpinLock(&RangeLock, Irql);
}
