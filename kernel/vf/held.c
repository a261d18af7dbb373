/* held.c - the list of who holds which lock; locks.c has the rules.
 *
 * Every lock of a driver that has an owner has an entry in one list from the moment it is acquired until just
 * before it is released. A spin lock is held by a processor, everything else by a thread, and a resource by as many
 * threads as share it, each with an entry of its own. Levels of a resource that were given to an owner pointer belong
 * to no thread.
 * The list and the order graph are under one lock at HIGH_LEVEL: a driver's code at any IRQL may come here, and
 * nothing that interrupts us may find the list half changed. It is a leaf.
 * The entries are many, but finite. When they are used up, locks are no longer looked at, and the log says so:
 * to go on with a list that has gaps would blame the innocent. */
#include "vfp.h"
#include <io/stack.h>
#include <ke/dpc.h>
#include <ke/init.h>
#include <ke/mutant.h>
#include <ke/spinlock.h>
#include <ke/thread.h>
#include <mm/mm.h>
#include <rtl/print.h>

enum { PRINTED = 16 };          /* of what is held, at a stop */

static KSPIN_LOCK Guard;
static volatile ULONG GuardOwner;               /* processor + 1, or 0 */
static KIRQL GuardIrql;                         /* Guard: what its owner came with */
static VFP_HELD Entries[VFP_HELD_AT_ONCE];
static VFP_HELD *Free, *List;                   /* Guard */
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

const char *VfpKindName(VFP_LOCK_KIND Kind)
{
    static const char *const Names[] = {
        [VfpSpinLock] = "spin lock", [VfpMutex] = "mutex",
        [VfpFastMutex] = "fast mutex", [VfpFastMutexUnsafe] = "fast mutex",
        [VfpGuardedMutex] = "guarded mutex", [VfpGuardedMutexUnsafe] = "guarded mutex",
        [VfpResource] = "resource", [VfpResourceShared] = "resource", [VfpResourceStarving] = "resource",
        [VfpPushLock] = "push lock", [VfpPushLockShared] = "push lock", [VfpSpinLockShared] = "spin lock",
    };

    return Names[Kind];
}

/* What is there now is gone when its routine returns. A thread's second stack and the boot processor's for DPCs are not
 * where the others are; they are asked for when they are run on. */
BOOLEAN VfpIsOnStack(const void *Address)
{
    return MmIsStack((ULONG64)Address) || IoWithinStackLimits((ULONG_PTR)Address, 1);
}

/* ---- The list; inside VfpEnter ---- */

VFP_HOLDER VfpSelf(KIRQL Irql)
{
    return (VFP_HOLDER){ .Thread = KeGetCurrentThread(), .Processor = KeGetCurrentProcessorNumber(),
                         .InDpc = KeQueryRunningDpc() != NULL, .Irql = Irql };
}

VFP_HELD *VfpFindHeld(const void *Lock)
{
    VFP_HELD *Held = List;

    while (Held != NULL && Held->Lock != Lock)
        Held = Held->Next;
    return Held;
}

/* A DPC routine runs on top of a thread, whose mutexes are not its own. */
static BOOLEAN IsHeldBy(const VFP_HELD *Held, const VFP_HOLDER *Who)
{
    if (VfpIsSpinLock(Held->Kind))
        return Who->Irql >= DISPATCH_LEVEL && Held->Processor == Who->Processor;
    return !Who->InDpc && Held->Thread == Who->Thread;
}

VFP_HELD *VfpFindMine(const void *Lock, const VFP_HOLDER *Who)
{
    VFP_HELD *Held = List;

    while (Held != NULL && (Held->Lock != Lock || !IsHeldBy(Held, Who)))
        Held = Held->Next;
    return Held;
}

/* What an owner of a resource, a thread or a pointer, has of it. */
VFP_HELD *VfpFindOf(const void *Lock, ERESOURCE_THREAD Owner)
{
    VFP_HELD *Held = List;

    while (Held != NULL &&
           (Held->Lock != Lock || (Held->Pointer != Owner && (ERESOURCE_THREAD)Held->Thread != Owner)))
        Held = Held->Next;
    return Held;
}

void VfpRemoveHeld(VFP_HELD *Held)
{
    VFP_HELD **Link = &List;

    while (*Link != Held)
        Link = &(*Link)->Next;
    *Link = Held->Next;
    SpinLocksHeld -= VfpIsSpinLock(Held->Kind);
    Held->Lock = NULL;
    Held->Next = Free;
    Free = Held;
}

void VfpGiveBack(VFP_HELD *Held)
{
    if (--Held->Levels == 0)
        VfpRemoveHeld(Held);
}

/* Lock has just been acquired, so it has no other holders but those that share it. */
void VfpRemoveStale(const void *Lock, VFP_LOCK_KIND Kind)
{
    VFP_HELD *Next;

    for (VFP_HELD *Held = List; Held != NULL; Held = Next) {
        Next = Held->Next;
        if (Held->Lock == Lock && !(VfpIsShared(Kind) && VfpIsShared(Held->Kind)))
            VfpRemoveHeld(Held);
    }
}

static VFP_HELD *Take(void)
{
    VFP_HELD *Held = Free;

    if (Held != NULL)
        Free = Held->Next;
    else if (Used < VFP_HELD_AT_ONCE)
        Held = &Entries[Used++];
    return Held;
}

static void GiveUp(void)
{
    GaveUp = TRUE;
    List = NULL;
    SpinLocksHeld = 0;
}

BOOLEAN VfpAddHeld(PVOID Lock, VFP_LOCK_KIND Kind, PVOID Place, const VFP_HOLDER *Who)
{
    VFP_HELD *Held = GaveUp ? NULL : Take();

    if (Held == NULL) {
        BOOLEAN Before = GaveUp;

        GiveUp();
        return Before;
    }
    *Held = (VFP_HELD){ .Next = List, .Lock = Lock, .Place = Place, .Processor = Who->Processor, .Levels = 1,
                        .Kind = Kind, .Thread = Who->InDpc && VfpIsSpinLock(Kind) ? NULL : Who->Thread };
    List = Held;
    SpinLocksHeld += VfpIsSpinLock(Kind);
    return TRUE;
}

const VFP_HELD *VfpFirstHeld(void) { return List; }

BOOLEAN VfpGaveUp(void) { return GaveUp; }

/* "by thread X on processor 1, at driver.sys+0x1234" */
const char *VfpDescribeHolder(const VFP_HELD *Held, char *Text, SIZE_T Size)
{
    VFP_PLACE Place;

    VfpDescribe(&Place, Held->Place);
    if (Held->Pointer != 0)
        RtlFormat(Text, Size, "at %s and given to owner pointer %p", Place.Text, (PVOID)Held->Pointer);
    else if (Held->Thread == NULL)
        RtlFormat(Text, Size, "by a DPC routine on processor %u, at %s", Held->Processor, Place.Text);
    else
        RtlFormat(Text, Size, "by thread %p on processor %u, at %s", Held->Thread, Held->Processor, Place.Text);
    return Text;
}

ULONG VfpCollectHeld(const VFP_HOLDER *Who, VFP_HOLD *Holds)
{
    ULONG Count = 0;

    for (const VFP_HELD *Held = List; Held != NULL && Count < VFP_HELD_BY_ONE; Held = Held->Next)
        if (IsHeldBy(Held, Who))
            Holds[Count++] = (VFP_HOLD){ .Lock = Held->Lock, .Place = Held->Place, .Kind = (UCHAR)Held->Kind };
    return Count;
}

BOOLEAN VfpHoldsSpinLock(PVOID *Lock, PVOID *Place)
{
    PKTHREAD Thread = KeGetCurrentThread();
    const VFP_HELD *Held;
    KIRQL Irql;

    if (SpinLocksHeld == 0)
        return FALSE;
    Irql = VfpEnter();
    for (Held = List; Held != NULL && (!VfpIsSpinLock(Held->Kind) || Held->Thread != Thread); Held = Held->Next) {
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

    for (const VFP_HELD *Held = List; Held != NULL; Held = Held->Next)
        if (Held->Kind == VfpMutex && Held->Thread == Thread)
            Levels += ((PKMUTANT)Held->Lock)->ApcDisable;
    VfpLeave(Irql);
    return Levels;
}

ULONG VfpRegionsOfGuardedMutexes(void)
{
    PKTHREAD Thread = KeGetCurrentThread();
    KIRQL Irql = VfpEnter();
    ULONG Count = 0;

    for (const VFP_HELD *Held = List; Held != NULL; Held = Held->Next)
        Count += Held->Kind == VfpGuardedMutex && Held->Thread == Thread;
    VfpLeave(Irql);
    return Count;
}

/* For the stop screen, without the lock: all others stand still. */
void VfpPrintHeld(void)
{
    char By[2 * VFP_PLACE_SIZE];
    VFP_PLACE Name;
    ULONG Count = 0;

    for (const VFP_HELD *Held = List; Held != NULL; Held = Held->Next)
        if (Count++ < PRINTED)
            LogPrint("  held: %s %p (%s), taken %s\n", VfpKindName(Held->Kind), Held->Lock,
                     VfpDescribe(&Name, Held->Lock), VfpDescribeHolder(Held, By, sizeof By));
    if (Count > PRINTED)
        LogPrint("  held: and %u more\n", Count - PRINTED);
}
