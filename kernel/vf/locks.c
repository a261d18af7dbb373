/* locks.c - who holds which lock.
 *
 * Every lock of a driver that has an owner has an entry in one list from the moment it is acquired until just
 * before it is released. A spin lock is held by a processor, a mutex by a thread. With that list it is known
 * when a lock is acquired by its holder, released by another, initialised, freed or left behind by its thread
 * while it is held; and what is held is what the order graph (order.c) is made of.
 * The list and the graph are under one lock at HIGH_LEVEL: a driver's code at any IRQL may come here, and
 * nothing that interrupts us may find the list half changed. It is a leaf.
 * The entries are many, but finite. When they are used up, locks are no longer looked at, and the log says so:
 * to go on with a list that has gaps would blame the innocent. */
#include "vfp.h"
#include <ke/bugcheck.h>
#include <ke/dpc.h>
#include <ke/init.h>
#include <ke/mutant.h>
#include <ke/spinlock.h>
#include <ke/thread.h>
#include <mm/mm.h>
#include <rtl/print.h>
#include <vf/verifier.h>

enum { HELD_AT_ONCE = 1024, HELD_BY_ONE = 32 };

typedef struct _HELD {
    struct _HELD *Next;
    PVOID Lock, Place;
    PKTHREAD Thread;            /* NULL: a DPC routine took it */
    ULONG Processor;
    ULONG Levels;
    VFP_LOCK_KIND Kind;
} HELD;

/* Who is asking. */
typedef struct _HOLDER {
    PKTHREAD Thread;
    ULONG Processor;
    BOOLEAN InDpc;
    KIRQL Irql;
} HOLDER;

static KSPIN_LOCK Guard;
static volatile ULONG GuardOwner;               /* processor + 1, or 0 */
static KIRQL GuardIrql;                         /* Guard: what its owner came with */
static HELD Entries[HELD_AT_ONCE];
static HELD *Free, *List;                       /* Guard */
static ULONG Used;                              /* Guard: entries ever taken */
static volatile ULONG SpinLocksHeld;            /* Guard to write */
static BOOLEAN GaveUp;                          /* Guard */

KIRQL VfpEnter(void)
{
    KIRQL Irql = KfRaiseIrql(HIGH_LEVEL);

    KeAcquireSpinLockAtDpcLevel(&Guard);
    GuardOwner = KeGetCurrentProcessorNumber() + 1;
    GuardIrql = Irql;
    return Irql;
}

void VfpLeave(KIRQL Irql)
{
    GuardOwner = 0;
    KeReleaseSpinLockFromDpcLevel(&Guard);
    KeLowerIrql(Irql);
}

KIRQL VfpCallerIrql(void)
{
    KIRQL Irql = KeGetCurrentIrql();

    return Irql == HIGH_LEVEL && GuardOwner == KeGetCurrentProcessorNumber() + 1 ? GuardIrql : Irql;
}

const char *VfpKindName(VFP_LOCK_KIND Kind) { return Kind == VfpSpinLock ? "spin lock" : "mutex"; }

/* ---- The list; inside VfpEnter ---- */

static HOLDER Self(KIRQL Irql)
{
    return (HOLDER){ .Thread = KeGetCurrentThread(), .Processor = KeGetCurrentProcessorNumber(),
                     .InDpc = KeQueryRunningDpc() != NULL, .Irql = Irql };
}

static HELD *FindHeld(const void *Lock)
{
    HELD *Held = List;

    while (Held != NULL && Held->Lock != Lock)
        Held = Held->Next;
    return Held;
}

/* A DPC routine runs on top of a thread, whose mutexes are not its own. */
static BOOLEAN IsHeldBy(const HELD *Held, const HOLDER *Who)
{
    if (Held->Kind == VfpSpinLock)
        return Who->Irql >= DISPATCH_LEVEL && Held->Processor == Who->Processor;
    return !Who->InDpc && Held->Thread == Who->Thread;
}

static void Remove(HELD *Held)
{
    HELD **Link = &List;

    while (*Link != Held)
        Link = &(*Link)->Next;
    *Link = Held->Next;
    SpinLocksHeld -= Held->Kind == VfpSpinLock;
    Held->Lock = NULL;
    Held->Next = Free;
    Free = Held;
}

static HELD *Take(void)
{
    HELD *Held = Free;

    if (Held != NULL)
        Free = Held->Next;
    else if (Used < HELD_AT_ONCE)
        Held = &Entries[Used++];
    return Held;
}

static void GiveUp(void)
{
    GaveUp = TRUE;
    List = NULL;
    SpinLocksHeld = 0;
}

static void Add(PVOID Lock, VFP_LOCK_KIND Kind, PVOID Place, const HOLDER *Who)
{
    HELD *Held = Take();

    if (Held == NULL) {
        GiveUp();
        return;
    }
    *Held = (HELD){ .Next = List, .Lock = Lock, .Place = Place, .Processor = Who->Processor, .Levels = 1, .Kind = Kind,
                    .Thread = Who->InDpc && Kind == VfpSpinLock ? NULL : Who->Thread };
    List = Held;
    SpinLocksHeld += Kind == VfpSpinLock;
}

/* "by thread X on processor 1, at driver.sys+0x1234" */
static const char *DescribeHolder(const HELD *Held, char *Text, SIZE_T Size)
{
    VFP_PLACE Place;

    VfpDescribe(&Place, Held->Place);
    if (Held->Thread == NULL)
        RtlFormat(Text, Size, "by a DPC routine on processor %u, at %s", Held->Processor, Place.Text);
    else
        RtlFormat(Text, Size, "by thread %p on processor %u, at %s", Held->Thread, Held->Processor, Place.Text);
    return Text;
}

static ULONG CollectHeld(const HOLDER *Who, VFP_HOLD *Holds)
{
    ULONG Count = 0;

    for (const HELD *Held = List; Held != NULL && Count < HELD_BY_ONE; Held = Held->Next)
        if (IsHeldBy(Held, Who))
            Holds[Count++] = (VFP_HOLD){ .Lock = Held->Lock, .Place = Held->Place, .Kind = (UCHAR)Held->Kind };
    return Count;
}

static void CheckNotMine(const HELD *Held, const HOLDER *Who)
{
    char By[2 * VFP_PLACE_SIZE];

    if (Held == NULL || Held->Kind != VfpSpinLock || !IsHeldBy(Held, Who))
        return;
    VfStop(VF_SELF_DEADLOCK, (ULONG_PTR)Held->Lock, (ULONG_PTR)Held->Place, 0,
           "spin lock %p is acquired again by the processor that holds it;\n  it was taken %s", Held->Lock,
           DescribeHolder(Held, By, sizeof By));
}

/* For the stop screen, without the lock: all others stand still. */
static void PrintHeld(void)
{
    char By[2 * VFP_PLACE_SIZE];
    VFP_PLACE Name;

    for (const HELD *Held = List; Held != NULL; Held = Held->Next)
        LogPrint("  held: %s %p (%s), taken %s\n", VfpKindName(Held->Kind), Held->Lock, VfpDescribe(&Name, Held->Lock),
                 DescribeHolder(Held, By, sizeof By));
}

/* ---- Shared inside vf ---- */

const char *VfpDescribe(VFP_PLACE *Place, const void *Address)
{
    RtlDescribeAddress((ULONG64)Address, Place->Text, sizeof Place->Text);
    return Place->Text;
}

/* A lock on a stack has no place in the graph: what lies at its address later is another lock. */
void VfpAcquiring(PVOID Lock, VFP_LOCK_KIND Kind, PVOID Place)
{
    VFP_HOLD Holds[HELD_BY_ONE], Wanted = { .Lock = Lock, .Place = Place, .Kind = (UCHAR)Kind };
    KIRQL Irql = VfpEnter();
    HOLDER Who = Self(Irql);

    CheckNotMine(FindHeld(Lock), &Who);
    if (List != NULL)
        VfpCheckOrder(Holds, CollectHeld(&Who, Holds), &Wanted);
    VfpLeave(Irql);
}

void VfpAcquired(PVOID Lock, VFP_LOCK_KIND Kind, PVOID Place)
{
    KIRQL Irql = VfpEnter();
    HOLDER Who = Self(Irql);
    BOOLEAN Before = GaveUp, After;
    HELD *Held = FindHeld(Lock);

    if (Held != NULL && Held->Kind == VfpMutex && Held->Thread == Who.Thread) {
        Held->Levels++;
    } else if (!GaveUp) {
        if (Held != NULL)
            Remove(Held);
        Add(Lock, Kind, Place, &Who);
    }
    After = GaveUp;
    VfpLeave(Irql);
    if (After && !Before)
        LogPrint("verifier: more than %u locks are held at once; from now on nobody looks at locks\n", HELD_AT_ONCE);
}

void VfpReleasing(PVOID Lock, VFP_LOCK_KIND Kind)
{
    KIRQL Irql = VfpEnter();
    HOLDER Who = Self(Irql);
    HELD *Held = FindHeld(Lock);
    char By[2 * VFP_PLACE_SIZE];

    if (Held != NULL && IsHeldBy(Held, &Who)) {
        if (--Held->Levels == 0)
            Remove(Held);
    } else if (!GaveUp && Kind == VfpSpinLock && Held != NULL) {
        VfStop(VF_RELEASED_BY_ANOTHER, (ULONG_PTR)Lock, (ULONG_PTR)Held->Thread, (ULONG_PTR)Held->Place,
               "spin lock %p is released by a processor that does not hold it;\n  it was taken %s", Lock,
               DescribeHolder(Held, By, sizeof By));
    } else if (!GaveUp && Kind == VfpSpinLock) {
        VfStop(VF_NOT_HELD, (ULONG_PTR)Lock, 0, 0, "spin lock %p is released by a processor that does not hold it",
               Lock);
    }
    VfpLeave(Irql);
}

void VfpForget(PVOID Lock)
{
    KIRQL Irql = VfpEnter();
    HELD *Held = FindHeld(Lock);

    if (Held != NULL)
        Remove(Held);
    VfpLeave(Irql);
}

void VfpInitialized(PVOID Lock, VFP_LOCK_KIND Kind)
{
    KIRQL Irql = VfpEnter();
    const HELD *Held = FindHeld(Lock);
    char By[2 * VFP_PLACE_SIZE];

    if (Held != NULL)
        VfStop(VF_INITIALIZED_WHILE_HELD, (ULONG_PTR)Lock, (ULONG_PTR)Held->Thread, (ULONG_PTR)Held->Place,
               "%s %p is initialised and held; it was taken\n  %s", VfpKindName(Kind), Lock,
               DescribeHolder(Held, By, sizeof By));
    VfpForgetOrder(Lock, 1);
    VfpLeave(Irql);
}

BOOLEAN VfpHoldsSpinLock(PVOID *Lock, PVOID *Place)
{
    PKTHREAD Thread = KeGetCurrentThread();
    const HELD *Held;
    KIRQL Irql;

    if (SpinLocksHeld == 0)
        return FALSE;
    Irql = VfpEnter();
    for (Held = List; Held != NULL && (Held->Kind != VfpSpinLock || Held->Thread != Thread); Held = Held->Next) {
    }
    if (Held != NULL) {
        *Lock = Held->Lock;
        *Place = Held->Place;
    }
    VfpLeave(Irql);
    return Held != NULL;
}

ULONG VfpRegionsOfMutexes(void)
{
    PKTHREAD Thread = KeGetCurrentThread();
    KIRQL Irql = VfpEnter();
    ULONG Levels = 0;

    for (const HELD *Held = List; Held != NULL; Held = Held->Next)
        if (Held->Kind == VfpMutex && Held->Thread == Thread)
            Levels += ((PKMUTANT)Held->Lock)->ApcDisable;
    VfpLeave(Irql);
    return Levels;
}

void VfpThreadEnds(void)
{
    PKTHREAD Thread = KeGetCurrentThread();
    char By[2 * VFP_PLACE_SIZE];
    VFP_PLACE Start;
    KIRQL Irql = VfpEnter();

    for (const HELD *Held = List; Held != NULL; Held = Held->Next)
        if (Held->Thread == Thread)
            VfStop(VF_THREAD_ENDS_WITH_LOCK, (ULONG_PTR)Held->Lock, (ULONG_PTR)Thread, (ULONG_PTR)Held->Place,
                   "thread %p, started at %s, ends and holds %s %p;\n  it was taken %s", Thread,
                   VfpDescribe(&Start, (PVOID)Thread->StartRoutine), VfpKindName(Held->Kind), Held->Lock,
                   DescribeHolder(Held, By, sizeof By));
    VfpLeave(Irql);
}

void VfpMemoryEnds(const void *Start, SIZE_T Size, PVOID Place)
{
    char By[2 * VFP_PLACE_SIZE];
    KIRQL Irql = VfpEnter();
    VFP_PLACE Name;

    for (const HELD *Held = List; Held != NULL; Held = Held->Next)
        if ((ULONG64)Held->Lock - (ULONG64)Start < Size)
            VfStop(VF_FREED_WHILE_HELD, (ULONG_PTR)Held->Lock, (ULONG_PTR)Held->Thread, (ULONG_PTR)Start,
                   "the %I64u bytes at %p are freed at %s,\n  and %s %p in them is held; it was taken %s", Size, Start,
                   VfpDescribe(&Name, Place), VfpKindName(Held->Kind), Held->Lock, DescribeHolder(Held, By, sizeof By));
    VfpForgetOrder(Start, Size);
    VfpLeave(Irql);
}

/* ---- Public ---- */

/* VfInitialize - check the drivers that are loaded from now on. Once, at PASSIVE_LEVEL. */
void VfInitialize(void)
{
    static BUGCHECK_SECTION Section = { .Print = PrintHeld };

    VfpInitializeOrder();
    VfpInitializeMemory();
    VfpInitializeThreads();
    KeRegisterBugCheckSection(&Section);
}

void VfForgetMemory(const void *Start, SIZE_T Size) { VfpMemoryEnds(Start, Size, NULL); }
