/* pool_verify.c - what is wrong with a free, and the verifier's pool.
 *
 * Promise, always: no free of anything but a live block with its own tag goes through.
 * Promise, under the verifier: a write behind a block's exact size or in front of it is found when the block
 * is freed, and a write into freed memory while the memory is kept; both name offset, tag and allocator.
 * Method: a guarded block has a front zone and at least POOL_RED_ZONE bytes of pattern behind it. Freed, it
 * is filled with another pattern and waits in a queue (the quarantine), oldest out first; what leaves is
 * checked. Blocks of whole pages lie between unmapped pages and are unmapped when freed, so that a late
 * access faults at the culprit; a ring remembers the last of them by name.
 * New memory is filled as well: code that relies on zeroes meets POOL_NEW.
 * Faults are described first (POOL_FAULT) and stop in one place (pool_report.c), so that tests can look at each.
 * Lock order: KeptLock is a leaf. */
#include "exp.h"

#include <ke/bugcheck.h>
#include <ke/irql.h>
#include <ke/spinlock.h>
#include <mm/mm.h>
#include <rtl/print.h>
#include <rtl/string.h>

enum { FREED_LARGE = 256 };

#define KERNEL_SPACE 0xFFFF800000000000ull
#define KEPT_MIN 0x40000ull
#define KEPT_MAX 0x1000000ull

/* A freed block of whole pages, by name only. */
typedef struct _FREED { PCHAR Base; SIZE_T Size; ULONG64 Allocator, Freer; ULONG Tag; } FREED;

static KSPIN_LOCK KeptLock;
static POOL_FRONT_ZONE *OldestKept, *NewestKept;        /* KeptLock; the quarantine */
static ULONG64 KeptBytes, KeptLimit = KEPT_MIN;         /* KeptLock; the limit is fixed when switched on */
static FREED Freed[FREED_LARGE];                        /* KeptLock; a ring */
static ULONG NextFreed;                                 /* KeptLock */

/* ---- Layout of a guarded block ---- */

static const ULONG64 CANARY = 0xF0F1F2F3CBCBCBCBull;

FORCEINLINE POOL_HEADER *HeaderOf(const POOL_FRONT_ZONE *Front) { return (POOL_HEADER *)(Front + 1); }
FORCEINLINE PUCHAR BytesOf(const POOL_FRONT_ZONE *Front) { return (PUCHAR)(HeaderOf(Front) + 1); }

/* End of the slot; by the slab, since the header may be damaged. */
static PUCHAR EndOf(const POOL_FRONT_ZONE *Front) { return (PUCHAR)Front + ExpSlotSize(ExpSlabOf(Front)->Class); }

static const UCHAR *FindOther(const UCHAR *From, const UCHAR *End, UCHAR Pattern)
{
    while (From < End && *From == Pattern)
        From++;
    return From < End ? From : NULL;
}

/* ---- Faults ---- */

static BOOLEAN SetFault(POOL_FAULT *Fault, ULONG Code, ULONG_PTR P1, ULONG_PTR P2, ULONG_PTR P3, ULONG_PTR P4,
                        const char *What)
{
    Fault->Code = Code;
    Fault->Parameter[0] = P1;
    Fault->Parameter[1] = P2;
    Fault->Parameter[2] = P3;
    Fault->Parameter[3] = P4;
    Fault->What = What;
    return FALSE;
}

static void NameBlock(POOL_FAULT *Fault, SIZE_T Size, ULONG Tag, ULONG64 Allocator)
{
    Fault->HasBlock = TRUE;
    Fault->Size = Size;
    Fault->Tag = Tag;
    Fault->Allocator = Allocator;
}

static BOOLEAN SetWriteFault(POOL_FAULT *Fault, PVOID Block, const UCHAR *At, ULONG Reason, const char *What)
{
    Fault->HasOffset = TRUE;
    Fault->Offset = (LONG64)(At - (const UCHAR *)Block);
    return SetFault(Fault, SPECIAL_POOL_DETECTED_MEMORY_CORRUPTION, (ULONG_PTR)Block, (ULONG_PTR)At, *At, Reason, What);
}

static BOOLEAN SetHeaderFault(POOL_FAULT *Fault, const POOL_HEADER *Header)
{
    return SetFault(Fault, BAD_POOL_CALLER, 1, (ULONG_PTR)Header, *(const ULONG64 *)Header, 0,
                    "is no pool block, or its header was overwritten");
}

static BOOLEAN SetFreedFault(POOL_FAULT *Fault, ULONG64 Contents)
{
    return SetFault(Fault, BAD_POOL_CALLER, 7, 0, Contents, (ULONG_PTR)Fault->Block, "has been freed already");
}

/* What is true of every live block: its tag, and the IRQL of paged pool. */
static BOOLEAN CheckUse(POOL_FAULT *Fault, ULONG OwnTag, ULONG Tag, ULONG Kind)
{
    KIRQL Irql = KeGetCurrentIrql();

    if (Tag != 0 && Tag != OwnTag)
        return SetFault(Fault, BAD_POOL_CALLER, 0x0A, (ULONG_PTR)Fault->Block, OwnTag, Tag,
                        "was freed with another tag than its own");
    if (Kind & POOL_KIND_PAGED && Irql > APC_LEVEL && ExpFastLimit == 0)
        return SetFault(Fault, DRIVER_VERIFIER_DETECTED_VIOLATION, 0x11, Irql, POOL_KIND_PAGED, (ULONG_PTR)Fault->Block,
                        "is paged pool and was freed above APC_LEVEL");
    return TRUE;
}

static BOOLEAN CheckPlain(POOL_FAULT *Fault, const POOL_HEADER *Header, ULONG Tag)
{
    NameBlock(Fault, Header->Size, Header->Tag, ExpOwnerAddress(Header->Owner));
    if (Header->Class != ExpSlabOf(Header)->Class)
        return SetHeaderFault(Fault, Header);
    return CheckUse(Fault, Header->Tag, Tag, Header->Kind);
}

static BOOLEAN CheckFreeSlot(POOL_FAULT *Fault, const POOL_HEADER *Slot)
{
    NameBlock(Fault, Slot->Size, Slot->Tag, 0);
    Fault->Freer = ExpOwnerAddress(Slot->Owner);
    return SetFreedFault(Fault, *(const ULONG64 *)Slot);
}

static BOOLEAN CheckGuarded(POOL_FAULT *Fault, POOL_FRONT_ZONE *Front, ULONG Tag)
{
    const POOL_HEADER *Header = HeaderOf(Front);
    const UCHAR *Bad;

    if (ExpState(Header->Owner) != POOL_GUARDED || Header->Class != ExpSlabOf(Front)->Class ||
        Header->Size > EndOf(Front) - BytesOf(Front) - POOL_RED_ZONE)
        return SetHeaderFault(Fault, Header);
    NameBlock(Fault, Header->Size, Header->Tag, ExpOwnerAddress(Header->Owner));
    if (ExpState(Front->Owner) == POOL_GONE) {
        Fault->Freer = ExpOwnerAddress(Front->Owner);
        return SetFreedFault(Fault, *(const ULONG64 *)Header);
    }
    if (Front->Canary != CANARY || Front->Owner != ExpOwner(POOL_FRONT, Front))
        return SetWriteFault(Fault, Fault->Block, (const UCHAR *)Front, 0x23, "was written to in front of its start");
    Bad = FindOther(BytesOf(Front) + Header->Size, EndOf(Front), POOL_RED);
    if (Bad != NULL)
        return SetWriteFault(Fault, Fault->Block, Bad, 0x24, "was written to behind its end");
    return CheckUse(Fault, Header->Tag, Tag, Header->Kind);
}

/* A plain block lies one header into its slot, a guarded one two; the slot's state says which to expect. */
static BOOLEAN CheckSmall(POOL_FAULT *Fault, PVOID Block, ULONG Tag)
{
    POOL_HEADER *Slot = ExpSlotOf(Block);
    ULONG64 Into = Slot == NULL ? 0 : (ULONG64)Block - (ULONG64)Slot;
    ULONG State;

    if (Slot == NULL)
        return SetFault(Fault, BAD_POOL_CALLER, 0x42, (ULONG_PTR)Block, 0, 0, "lies in no pool block");
    State = ExpState(Slot->Owner);
    if (State == POOL_FREE && (Into == 16 || Into == 32))
        return CheckFreeSlot(Fault, Slot);
    if (State == POOL_LIVE && Into == 16)
        return CheckPlain(Fault, Slot, Tag);
    if (Into == 32 && (State == POOL_FRONT || State == POOL_GONE || ExpState(Slot[1].Owner) == POOL_GUARDED))
        return CheckGuarded(Fault, (POOL_FRONT_ZONE *)Slot, Tag);
    if (Into == 16)
        return SetHeaderFault(Fault, Slot);
    return SetFault(Fault, BAD_POOL_CALLER, 0x42, (ULONG_PTR)Block, 0, 0, "points into the middle of a pool block");
}

static BOOLEAN LookUpFreed(const void *Address, FREED *Copy)
{
    for (ULONG i = 0; i < FREED_LARGE; i++)
        if ((ULONG64)((const char *)Address - Freed[i].Base) < Freed[i].Size) {
            *Copy = Freed[i];
            return TRUE;
        }
    return FALSE;
}

static BOOLEAN FindFreed(const void *Address, FREED *Copy)
{
    KIRQL Irql = KeAcquireSpinLockRaiseToDpc(&KeptLock);
    BOOLEAN Found = LookUpFreed(Address, Copy);

    KeReleaseSpinLock(&KeptLock, Irql);
    return Found;
}

static BOOLEAN CheckPages(POOL_FAULT *Fault, PVOID Block, ULONG Tag)
{
    const UCHAR *End, *Bad;
    POOL_LARGE Large;
    FREED Before;

    if (ExpFindLarge(Block, &Large)) {
        NameBlock(Fault, Large.Size, Large.Tag, Large.Caller);
        End = (const UCHAR *)Block + ((Large.Size + PAGE_SIZE - 1) & ~(SIZE_T)(PAGE_SIZE - 1));
        Bad = Large.Guarded ? FindOther((const UCHAR *)Block + Large.Size, End, POOL_RED) : NULL;
        if (Bad != NULL)
            return SetWriteFault(Fault, Block, Bad, 0x24, "was written to behind its end");
        return CheckUse(Fault, Large.Tag, Tag, Large.Kind);
    }
    if (Block != NULL && FindFreed(Block, &Before) && Before.Base == (PCHAR)Block) {
        NameBlock(Fault, Before.Size, Before.Tag, Before.Allocator);
        Fault->Freer = Before.Freer;
        return SetFreedFault(Fault, 0);
    }
    return SetFault(Fault, BAD_POOL_CALLER, 0x46, (ULONG_PTR)Block, 0, 0,
                    "is no pool block, or has been freed already");
}

/* ---- Freed memory ---- */

/* TRUE: a block of the quarantine is as it was left. */
static BOOLEAN CheckKept(const POOL_FRONT_ZONE *Front, POOL_FAULT *Fault)
{
    const POOL_HEADER *Header = HeaderOf(Front);
    const UCHAR *Bad;

    *Fault = (POOL_FAULT){ .Block = BytesOf(Front) };
    NameBlock(Fault, Header->Size, Header->Tag, ExpOwnerAddress(Header->Owner));
    Fault->Freer = ExpOwnerAddress(Front->Owner);
    if (ExpState(Header->Owner) != POOL_GUARDED || ExpState(Front->Owner) != POOL_GONE)
        return SetWriteFault(Fault, Fault->Block, (const UCHAR *)Front, 0x23,
                             "was written to after it had been freed, in front of its start");
    Bad = FindOther(BytesOf(Front), EndOf(Front), POOL_POISON);
    return Bad == NULL || SetWriteFault(Fault, Fault->Block, Bad, 0x23, "was written to after it had been freed");
}

static POOL_FRONT_ZONE *TakeKept(ULONG64 Limit)
{
    KIRQL Irql = KeAcquireSpinLockRaiseToDpc(&KeptLock);
    POOL_FRONT_ZONE *Front = KeptBytes > Limit ? OldestKept : NULL;

    if (Front != NULL) {
        OldestKept = Front->Next;
        KeptBytes -= ExpSlotSize(ExpSlabOf(Front)->Class);
    }
    KeReleaseSpinLock(&KeptLock, Irql);
    return Front;
}

/* Let the oldest go until at most Limit bytes are kept. FALSE when nothing went. */
static BOOLEAN ReleaseKept(ULONG64 Limit)
{
    POOL_FRONT_ZONE *Front;
    BOOLEAN Any = FALSE;
    POOL_FAULT Fault;

    while ((Front = TakeKept(Limit)) != NULL) {
        POOL_FREE_BLOCK *Slot = (POOL_FREE_BLOCK *)Front;
        POOL_HEADER Header = *HeaderOf(Front);

        if (!CheckKept(Front, &Fault))
            ExpStop(&Fault);
        Header.Owner = ExpOwner(POOL_FREE, (PVOID)ExpOwnerAddress(Front->Owner));
        Slot->Header = Header;
        ExpReturnSlot(Slot);
        Any = TRUE;
    }
    return Any;
}

static void Keep(POOL_FRONT_ZONE *Front, PVOID Caller)
{
    KIRQL Irql;

    memset(BytesOf(Front), POOL_POISON, (SIZE_T)(EndOf(Front) - BytesOf(Front)));
    Front->Next = NULL;
    Front->Owner = ExpOwner(POOL_GONE, Caller);
    Irql = KeAcquireSpinLockRaiseToDpc(&KeptLock);
    if (OldestKept == NULL)
        OldestKept = Front;
    else
        NewestKept->Next = Front;
    NewestKept = Front;
    KeptBytes += ExpSlotSize(ExpSlabOf(Front)->Class);
    KeReleaseSpinLock(&KeptLock, Irql);
    ReleaseKept(KeptLimit);
}

static void RememberFreed(PVOID Block, PVOID Caller)
{
    POOL_LARGE Large;
    KIRQL Irql;

    if (!ExpFindLarge(Block, &Large) || !Large.Guarded)
        return;
    Irql = KeAcquireSpinLockRaiseToDpc(&KeptLock);
    Freed[NextFreed++ % FREED_LARGE] = (FREED){ Large.Base, Large.Size, Large.Caller, (ULONG64)Caller, Large.Tag };
    KeReleaseSpinLock(&KeptLock, Irql);
}

/* Addresses in use again are no longer freed memory. */
static void ForgetFreed(const void *Block, SIZE_T Size)
{
    KIRQL Irql = KeAcquireSpinLockRaiseToDpc(&KeptLock);

    for (ULONG i = 0; i < FREED_LARGE; i++)
        if (Freed[i].Base < (const char *)Block + Size && (const char *)Block < Freed[i].Base + Freed[i].Size)
            Freed[i].Size = 0;
    KeReleaseSpinLock(&KeptLock, Irql);
}

/* ---- Inside the pool ---- */

void ExpCheckAllocation(SIZE_T Size, ULONG Tag, ULONG Kind, PVOID Caller)
{
    KIRQL Irql = KeGetCurrentIrql();

    if (Kind & POOL_KIND_PAGED && Irql > APC_LEVEL)
        KeBugCheckWith(DRIVER_VERIFIER_DETECTED_VIOLATION, 1, Irql, Kind, Size,
                       "paged pool was allocated at IRQL %u; the highest allowed is 1", Irql);
    if (Tag == 0)
        KeBugCheckWith(BAD_POOL_CALLER, 0x9B, Kind, Size, (ULONG_PTR)Caller,
                       "pool was allocated with a tag of 0, which nobody can trace");
}

PVOID ExpAllocateGuarded(SIZE_T Size, ULONG Tag, ULONG Kind, PVOID Caller)
{
    POOL_FRONT_ZONE *Front;
    UCHAR Class;

    if (Size > POOL_GUARDED_MAX) {
        PVOID Block = ExpAllocateLarge(Size, Tag, Kind, TRUE, Caller);

        if (Block != NULL)
            ForgetFreed(Block, Size);
        return Block;
    }
    Front = (POOL_FRONT_ZONE *)ExpTakeSlot((ULONG)Size + POOL_GUARD);
    if (Front == NULL)
        return NULL;
    Class = ((POOL_HEADER *)Front)->Class;
    *HeaderOf(Front) = (POOL_HEADER){ Tag, (USHORT)Size, Class, (UCHAR)Kind, ExpOwner(POOL_GUARDED, Caller) };
    Front->Canary = CANARY;
    Front->Owner = ExpOwner(POOL_FRONT, Front);
    memset(BytesOf(Front), POOL_NEW, Size);
    memset(BytesOf(Front) + Size, POOL_RED, (SIZE_T)(EndOf(Front) - BytesOf(Front)) - Size);
    return BytesOf(Front);
}

BOOLEAN ExpCheckBlock(PVOID Block, ULONG Tag, POOL_FAULT *Fault)
{
    *Fault = (POOL_FAULT){ .Block = Block };
    if (Block != NULL && (ULONG64)Block < KERNEL_SPACE)
        return SetFault(Fault, BAD_POOL_CALLER, 0x40, (ULONG_PTR)Block, KERNEL_SPACE, 0, "is no kernel address");
    return (ULONG64)Block % PAGE_SIZE == 0 ? CheckPages(Fault, Block, Tag) : CheckSmall(Fault, Block, Tag);
}

void ExpFreeChecked(PVOID Block, PVOID Caller)
{
    POOL_HEADER *Header = (POOL_HEADER *)Block - 1;

    if ((ULONG64)Block % PAGE_SIZE == 0) {
        RememberFreed(Block, Caller);
        ExpFreeLarge(Block);
    } else if (ExpState(Header->Owner) == POOL_GUARDED) {
        Keep((POOL_FRONT_ZONE *)(Header - 1), Caller);
    } else {
        Header->Owner = ExpOwner(POOL_FREE, Caller);
        ExpReturnSlot((POOL_FREE_BLOCK *)Header);
    }
}

BOOLEAN ExpCheckQuarantine(POOL_FAULT *Fault)
{
    KIRQL Irql = KeAcquireSpinLockRaiseToDpc(&KeptLock);
    BOOLEAN Good = TRUE;

    for (const POOL_FRONT_ZONE *Front = OldestKept; Good && Front != NULL; Front = Front->Next)
        Good = CheckKept(Front, Fault);
    KeReleaseSpinLock(&KeptLock, Irql);
    return Good;
}

BOOLEAN ExpEmptyQuarantine(void) { return ReleaseKept(0); }

/* For the stop screen: an address that faulted lies in freed pages. Without the lock, which the processor that
 * faulted may hold. */
static BOOLEAN DescribeFault(ULONG64 Address, char *Text, SIZE_T Size)
{
    char Tag[5], Allocator[128], Freer[128];
    FREED Before;

    if (!LookUpFreed((PVOID)Address, &Before))
        return FALSE;
    ExpDescribeTag(Before.Tag, Tag);
    ExpDescribeOwner("allocated", Before.Allocator, Allocator, sizeof Allocator);
    ExpDescribeOwner("freed", Before.Freer, Freer, sizeof Freer);
    RtlFormat(Text, Size, "offset %I64u of a freed pool block (%I64u bytes, tag '%s'%s%s)",
              Address - (ULONG64)Before.Base, Before.Size, Tag, Allocator, Freer);
    return TRUE;
}

/* ---- Public ---- */

/* ExEnablePoolVerifier - guard every block allocated from now on; those before stay as they are. There is no
 * way back. Once. IRQL: <= DISPATCH_LEVEL. */
void ExEnablePoolVerifier(void)
{
    static KE_ADDRESS_NAMER Namer = { .Name = DescribeFault };

    KeRegisterAddressNamer(&Namer);
    KeptLimit = MmTotalFrameCount() * PAGE_SIZE / 32;
    if (KeptLimit < KEPT_MIN)
        KeptLimit = KEPT_MIN;
    if (KeptLimit > KEPT_MAX)
        KeptLimit = KEPT_MAX;
    __atomic_store_n(&ExpFastLimit, 0, __ATOMIC_RELEASE);
}

/* ExCheckFreedPool - look through the freed memory that is kept, and stop the machine if somebody wrote to
 * it. Before a verdict. IRQL: <= DISPATCH_LEVEL. */
void ExCheckFreedPool(void)
{
    POOL_FAULT Fault;

    if (!ExpCheckQuarantine(&Fault))
        ExpStop(&Fault);
}

/* ExIsFreedPool - does Address lie in a block that has been freed and not been given out again? Sure under
 * the verifier as long as the block is kept; blocks of whole pages are known under the verifier only.
 * IRQL: <= DISPATCH_LEVEL. */
BOOLEAN ExIsFreedPool(const void *Address)
{
    const POOL_HEADER *Slot = ExpSlotOf(Address);
    FREED Before;

    if (Slot != NULL)
        return ExpState(Slot->Owner) == POOL_FREE || ExpState(Slot->Owner) == POOL_GONE;
    return FindFreed(Address, &Before);
}
