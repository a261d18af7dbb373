/* pool_slab.c - slabs: where the slots of the size classes come from.
 *
 * A slab is eight frames, naturally aligned, of one class. Its pages are divided each alone, so no slot
 * crosses a page and no block smaller than a page starts on one: what starts on a page is pool_large.c's,
 * without a lookup. The slab's own record takes the place of the first slots. When memory has no eight frames
 * in a row any more, single frames serve.
 * Classes are a page divided by 1 to 128, so that rounding up wastes a seventh at most above 128 bytes.
 * A map says of any address which slab it lies in. A class keeps one empty slab; others are given back.
 * Lock order: the class's lock, then mm's. One class at a time. */
#include "exp.h"

#include <ke/spinlock.h>
#include <mm/mm.h>

enum { SLAB_ORDER = 3, SLAB_PAGES = 1 << SLAB_ORDER, BATCH_BYTES = 8192, BATCH_MAX = 32, SLAB_RECORD = 64 };

C_ASSERT(SLAB_PAGES * PAGE_SIZE == 1 << POOL_SLAB_SHIFT && sizeof(POOL_SLAB) <= SLAB_RECORD);

typedef struct _POOL_CLASS {
    KSPIN_LOCK Lock;
    LIST_ENTRY Partial, Full;   /* Lock; slabs with and without a free slot */
    ULONG Empty;                /* Lock; of those in Partial, how many have nothing else */
    ULONG Slot, PerPage, Batch; /* fixed */
} __attribute__((aligned(64))) POOL_CLASS;

static const USHORT SlotSizes[POOL_CLASSES] = {
    32, 48, 64, 80, 96, 112, 128, 144, 160, 192, 224, 256, 288, 336, 368, 400, 448, 512, 576, 672, 816, 1024, 1360,
    2048, 4096
};

UCHAR ExpClassOf[PAGE_SIZE / 16 + 1];
static POOL_CLASS Classes[POOL_CLASSES];
POOL_SLAB_MAP ExpSlabMap;

/* ---- Internals, the class's lock held ---- */

static UCHAR *PlaceOf(const POOL_SLAB *Slab)
{
    return &ExpSlabMap.Bytes[((ULONG64)Slab - ExpSlabMap.DirectMap) >> POOL_SLAB_SHIFT];
}

FORCEINLINE UCHAR PageBit(const void *Address)
{
    return (UCHAR)(1u << ((ULONG64)Address >> PAGE_SHIFT & (SLAB_PAGES - 1)));
}

/* FALSE: the last of eight single pages, which would make them look like one slab. */
static BOOLEAN MarkSlab(const POOL_SLAB *Slab)
{
    UCHAR *Place = PlaceOf(Slab);
    UCHAR Bits = Slab->Pages == SLAB_PAGES ? POOL_WHOLE_SLAB : PageBit(Slab);

    if ((__atomic_fetch_or(Place, Bits, __ATOMIC_ACQ_REL) | Bits) != POOL_WHOLE_SLAB || Slab->Pages == SLAB_PAGES)
        return TRUE;
    __atomic_fetch_and(Place, (UCHAR)~Bits, __ATOMIC_ACQ_REL);
    return FALSE;
}

static void UnmarkSlab(const POOL_SLAB *Slab)
{
    UCHAR Bits = Slab->Pages == SLAB_PAGES ? POOL_WHOLE_SLAB : PageBit(Slab);

    __atomic_fetch_and(PlaceOf(Slab), (UCHAR)~Bits, __ATOMIC_ACQ_REL);
}

/* The slots before it lie under the slab's record. */
FORCEINLINE ULONG FirstSlot(const POOL_CLASS *Class) { return (SLAB_RECORD + Class->Slot - 1) / Class->Slot; }

FORCEINLINE POOL_FREE_BLOCK *SlotAt(const POOL_SLAB *Slab, const POOL_CLASS *Class, ULONG Index)
{
    return (POOL_FREE_BLOCK *)((PCHAR)Slab + Index / Class->PerPage * PAGE_SIZE + Index % Class->PerPage * Class->Slot);
}

static POOL_SLAB *MakeSlabOf(ULONG Number, ULONG Order)
{
    POOL_CLASS *Class = &Classes[Number];
    ULONG Slots = Class->PerPage << Order;
    ULONG64 Physical;
    POOL_SLAB *Slab;

    if (Slots <= FirstSlot(Class) || (Physical = MmAllocateFrames(Order)) == 0)
        return NULL;
    Slab = MmPhysicalToVirtual(Physical);
    Slab->Class = Number;
    Slab->Pages = 1u << Order;
    if (!MarkSlab(Slab)) {
        MmFreeFrames(Physical, Order);
        return NULL;
    }
    Slab->Free = NULL;
    for (ULONG i = Slots; i-- > FirstSlot(Class);) {
        POOL_FREE_BLOCK *Slot = SlotAt(Slab, Class, i);

        Slot->Header = (POOL_HEADER){ 0, 0, (UCHAR)Number, 0, ExpOwner(POOL_FREE, NULL) };
        Slot->Next = Slab->Free;
        Slab->Free = Slot;
    }
    Slab->FreeCount = Slab->Total = Slots - FirstSlot(Class);
    InsertTailList(&Class->Partial, &Slab->Link);
    Class->Empty++;
    return Slab;
}

static POOL_SLAB *MakeSlab(ULONG Number)
{
    POOL_SLAB *Slab = MakeSlabOf(Number, SLAB_ORDER);

    return Slab != NULL ? Slab : MakeSlabOf(Number, 0);
}

static void DestroySlab(POOL_CLASS *Class, POOL_SLAB *Slab)
{
    RemoveEntryList(&Slab->Link);
    Class->Empty--;
    UnmarkSlab(Slab);
    MmFreeFrameRun((ULONG64)Slab - ExpSlabMap.DirectMap, Slab->Pages);
}

static POOL_FREE_BLOCK *TakeFromSlab(POOL_CLASS *Class, POOL_SLAB *Slab)
{
    POOL_FREE_BLOCK *Slot = Slab->Free;

    if (Slab->FreeCount == Slab->Total)
        Class->Empty--;
    Slab->Free = Slot->Next;
    if (--Slab->FreeCount == 0) {
        RemoveEntryList(&Slab->Link);
        InsertTailList(&Class->Full, &Slab->Link);
    }
    return Slot;
}

/* Slabs in use stand at the front of Partial and are taken from first, so that others can run empty. */
static void ReturnToSlab(POOL_CLASS *Class, POOL_FREE_BLOCK *Slot)
{
    POOL_SLAB *Slab = ExpSlabOf(Slot);

    Slot->Next = Slab->Free;
    Slab->Free = Slot;
    if (Slab->FreeCount++ == 0) {
        RemoveEntryList(&Slab->Link);
        InsertHeadList(&Class->Partial, &Slab->Link);
    }
    if (Slab->FreeCount != Slab->Total)
        return;
    RemoveEntryList(&Slab->Link);
    InsertTailList(&Class->Partial, &Slab->Link);
    if (++Class->Empty > 1)
        DestroySlab(Class, Slab);
}

/* ---- Inside the pool ---- */

void ExpInitializeSlabs(void)
{
    ULONG Number = 0;

    ExpSlabMap.DirectMap = (ULONG64)MmPhysicalToVirtual(0);
    ExpSlabMap.Places = MmTopOfMemory() >> POOL_SLAB_SHIFT;
    ExpSlabMap.Bytes = MmAllocatePages(ExpSlabMap.Places);
    RtlRequire(ExpSlabMap.Bytes != NULL);
    for (ULONG i = 0; i < POOL_CLASSES; i++) {
        POOL_CLASS *Class = &Classes[i];

        KeInitializeSpinLock(&Class->Lock);
        InitializeListHead(&Class->Partial);
        InitializeListHead(&Class->Full);
        Class->Slot = SlotSizes[i];
        Class->PerPage = PAGE_SIZE / SlotSizes[i];
        Class->Batch = BATCH_BYTES / SlotSizes[i];
        if (Class->Batch > BATCH_MAX)
            Class->Batch = BATCH_MAX;
    }
    for (ULONG Units = 0; Units < RTL_NUMBER_OF(ExpClassOf); Units++) {
        while (SlotSizes[Number] < Units * 16)
            Number++;
        ExpClassOf[Units] = (UCHAR)Number;
    }
}

ULONG ExpSlotSize(ULONG Class) { return SlotSizes[Class]; }

ULONG ExpCacheLimit(ULONG Class) { return 2 * Classes[Class].Batch; }

/* Fill an empty list with a batch. DISPATCH_LEVEL. FALSE: not even one slot, memory is out. */
BOOLEAN ExpRefill(ULONG Number, POOL_CACHE *Cache)
{
    POOL_CLASS *Class = &Classes[Number];

    KeAcquireSpinLockAtDpcLevel(&Class->Lock);
    while (ExpCount(Cache) < Class->Batch) {
        POOL_FREE_BLOCK *Slot;

        if (IsListEmpty(&Class->Partial) && (ExpCount(Cache) != 0 || MakeSlab(Number) == NULL))
            break;
        Slot = TakeFromSlab(Class, CONTAINING_RECORD(Class->Partial.Flink, POOL_SLAB, Link));
        Slot->Next = Cache->Free;
        Cache->Free = Slot;
        Cache->Room--;
    }
    KeReleaseSpinLockFromDpcLevel(&Class->Lock);
    return ExpCount(Cache) != 0;
}

/* Give Count slots of a list back to their slabs. DISPATCH_LEVEL. */
void ExpDrain(ULONG Number, POOL_CACHE *Cache, ULONG Count)
{
    POOL_CLASS *Class = &Classes[Number];

    if (Count == 0)
        return;
    KeAcquireSpinLockAtDpcLevel(&Class->Lock);
    for (; Count != 0; Count--) {
        POOL_FREE_BLOCK *Slot = Cache->Free;

        Cache->Free = Slot->Next;
        Cache->Room++;
        ReturnToSlab(Class, Slot);
    }
    KeReleaseSpinLockFromDpcLevel(&Class->Lock);
}

/* DISPATCH_LEVEL. FALSE when there was none. */
BOOLEAN ExpReleaseEmptySlabs(void)
{
    BOOLEAN Released = FALSE;

    for (ULONG i = 0; i < POOL_CLASSES; i++) {
        POOL_CLASS *Class = &Classes[i];

        KeAcquireSpinLockAtDpcLevel(&Class->Lock);
        while (Class->Empty != 0) {
            DestroySlab(Class, CONTAINING_RECORD(Class->Partial.Blink, POOL_SLAB, Link));
            Released = TRUE;
        }
        KeReleaseSpinLockFromDpcLevel(&Class->Lock);
    }
    return Released;
}

POOL_SLAB *ExpSlabOf(const void *Address)
{
    UCHAR Place = ExpSlabPlace(Address);

    if (Place == POOL_WHOLE_SLAB)
        return ExpWholeSlabOf(Address);
    return Place & PageBit(Address) ? (POOL_SLAB *)((ULONG64)Address & ~(ULONG64)(PAGE_SIZE - 1)) : NULL;
}

/* The slot that Address lies in; NULL when in none. Any address may be asked about. */
POOL_HEADER *ExpSlotOf(const void *Address)
{
    const POOL_SLAB *Slab = ExpSlabOf(Address);
    const POOL_CLASS *Class;
    ULONG Offset, Index;

    if (Slab == NULL)
        return NULL;
    Class = &Classes[Slab->Class];
    Offset = (ULONG)((const char *)Address - (const char *)Slab);
    Index = Offset % PAGE_SIZE / Class->Slot;
    if (Index >= Class->PerPage)
        return NULL;
    Index += Offset / PAGE_SIZE * Class->PerPage;
    return Index < FirstSlot(Class) ? NULL : &SlotAt(Slab, Class, Index)->Header;
}

static BOOLEAN VisitSlabs(const POOL_CLASS *Class, const LIST_ENTRY *Head, BOOLEAN (*Visit)(PVOID, POOL_HEADER *),
                          PVOID Context)
{
    for (const LIST_ENTRY *Entry = Head->Flink; Entry != Head; Entry = Entry->Flink) {
        const POOL_SLAB *Slab = CONTAINING_RECORD(Entry, POOL_SLAB, Link);

        for (ULONG i = FirstSlot(Class); i < Class->PerPage * Slab->Pages; i++)
            if (!Visit(Context, &SlotAt(Slab, Class, i)->Header))
                return FALSE;
    }
    return TRUE;
}

void ExpForEachSlot(BOOLEAN (*Visit)(PVOID Context, POOL_HEADER *Slot), PVOID Context)
{
    BOOLEAN Go = TRUE;

    for (ULONG i = 0; Go && i < POOL_CLASSES; i++) {
        POOL_CLASS *Class = &Classes[i];
        KIRQL Irql = KeAcquireSpinLockRaiseToDpc(&Class->Lock);

        Go = VisitSlabs(Class, &Class->Full, Visit, Context) && VisitSlabs(Class, &Class->Partial, Visit, Context);
        KeReleaseSpinLock(&Class->Lock, Irql);
    }
}
