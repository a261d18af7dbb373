/* stack.c - kernel stacks.
 *
 * A stack is a range in the stack arena: slots of 32 KiB, of which the lower 8 KiB are never mapped and the
 * upper 24 KiB are the stack. An overflow runs into the guard and faults; arithmetic on the address tells.
 * Freed stacks are kept mapped, the last one first in line since its lines are still in a cache, and linked
 * through their own top: making a thread costs no page-table work. More than CACHE_LIMIT are not kept. */
#include "mi.h"

#include <ke/bugcheck.h>
#include <ke/spinlock.h>
#include <rtl/print.h>
#include <rtl/status.h>

enum { CACHE_LIMIT = 64 };

/* The last bytes of a stack that is kept. */
typedef struct _KEPT_STACK {
    struct _KEPT_STACK *Next;
    MI_RANGE *Range;
} KEPT_STACK;

C_ASSERT(sizeof(KEPT_STACK) == 16 && MI_STACK_GUARD + MM_STACK_SIZE == MI_STACK_SLOT);

static KSPIN_LOCK StackLock;
static KEPT_STACK *Kept;        /* StackLock */
static ULONG KeptCount;         /* StackLock */

static KEPT_STACK *TakeKept(void)
{
    KIRQL Irql = KeAcquireSpinLockRaiseToDpc(&StackLock);
    KEPT_STACK *Stack = Kept;

    if (Stack != NULL) {
        Kept = Stack->Next;
        KeptCount--;
    }
    KeReleaseSpinLock(&StackLock, Irql);
    return Stack;
}

static BOOLEAN Keep(MI_RANGE *Range, PVOID Top)
{
    KEPT_STACK *Stack = (KEPT_STACK *)Top - 1;
    KIRQL Irql = KeAcquireSpinLockRaiseToDpc(&StackLock);
    BOOLEAN Room = KeptCount < CACHE_LIMIT;

    if (Room) {
        *Stack = (KEPT_STACK){ Kept, Range };
        Kept = Stack;
        KeptCount++;
    }
    KeReleaseSpinLock(&StackLock, Irql);
    return Room;
}

/* For the stop screen. */
static BOOLEAN NameGuard(ULONG64 Address, char *Text, SIZE_T Size)
{
    if (!MmIsStackGuard(Address))
        return FALSE;
    RtlFormat(Text, Size, "the guard below a kernel stack: stack overflow");
    return TRUE;
}

/* ---- Inside mm ---- */

void MiInitializeStacks(void)
{
    static KE_ADDRESS_NAMER Namer = { .Name = NameGuard };

    KeRegisterAddressNamer(&Namer);
}

/* ---- Public ---- */

/* MmAllocateStack - a stack of MM_STACK_SIZE bytes, content anything. IRQL: <= DISPATCH_LEVEL.
 * Returns: its top, page aligned; NULL when memory is out. */
PVOID MmAllocateStack(void)
{
    KEPT_STACK *Stack = TakeKept();
    MI_RANGE *Range;

    if (Stack != NULL)
        return Stack + 1;
    Range = MiMakeRange(MiStackRange, MM_STACK_SIZE >> PAGE_SHIFT);
    return Range == NULL ? NULL : (PVOID)(Range->Base + MM_STACK_SIZE);
}

/* MmFreeStack - give back a stack on which nothing runs any more. IRQL: <= DISPATCH_LEVEL.
 * Errors: an address that is no stack's top stops the machine. */
void MmFreeStack(PVOID Top)
{
    ULONG64 Base = (ULONG64)Top - MM_STACK_SIZE;
    MI_RANGE *Range = MiFindRange(MiStackRange, Base, MM_STACK_SIZE >> PAGE_SHIFT);

    if (Range == NULL)
        KeBugCheckWith(KEDGE_INTERNAL_ERROR, (ULONG_PTR)Top, 0, 0, 0, "%p was freed, but it is no stack's top", Top);
    if (Keep(Range, Top))
        return;
    MiTakeRange(MiStackRange, Base, MM_STACK_SIZE >> PAGE_SHIFT);
    MiUnmapRange(Range);
    MiRetireRange(Range);
}

/* MmIsStackGuard - does Address lie below a kernel stack, where an overflow lands? Any IRQL. */
BOOLEAN MmIsStackGuard(ULONG64 Address)
{
    return MmIsStack(Address) && Address % MI_STACK_SLOT < MI_STACK_GUARD;
}

/* MmIsStack - is Address on a kernel stack, whoever's? Any IRQL. */
BOOLEAN MmIsStack(ULONG64 Address) { return Address >= MI_STACK_ARENA && Address < MI_STACK_ARENA_END; }
