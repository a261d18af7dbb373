/* wake.c - how a wait is ended: objects are locked, signals handed over, waits claimed.
 *
 * The protocol, and who may race whom in it, is wait.c's theory. This file is the signaller's half of it.
 * A signaller holds its object's lock while it walks the waiters in FIFO order. Each wait that the object alone
 * satisfies is claimed, and given its share of the signal there and then; the claimed threads are readied after the
 * unlock, because the object may lie on the stack of one of them.
 * A wait for all needs all its objects at one moment. Its signaller marks the thread WaitTested, lets go of its own
 * object, and takes the locks of all objects of the wait in the order of their addresses; then it satisfies the wait or
 * takes the mark off, both before any of these locks is free again. Nobody else ends the wait meanwhile, so its blocks
 * stay, and the object cannot vanish. Whoever signals another object of the wait and meets the mark goes on: if he has
 * that object's lock, the tester has yet to take it, and will see his signal.
 *
 *   CPU 0 signals A of a wait for {A, B}      CPU 1 signals B
 *   lock A; A := 1; mark; unlock A            lock B; B := 1; the mark is there: pass over; unlock B
 *   lock A, B: both are there: satisfied      (had CPU 1 come after CPU 0 had B, it would wait for B, find no mark,
 *                                             and test itself)
 *
 * While the lock is let go of, another may take what was signalled, and a waiter behind the wait for all is overtaken
 * by him. That is the price of testing without a lock that all objects share; only objects with such waits pay it.
 *
 * A walk past many waiters pauses: it lets go of the lock, and interrupts come in, with CR8 at DISPATCH_LEVEL, so that
 * nothing else runs here before the walk is over. Two blocks on the signaller's stack, of type Marker, keep his place
 * and show how far a signal that all waiters share reaches: who begins to wait during a pause is behind it. Every walk
 * passes over the markers of others. Nobody who was claimed is readied before the last pause of the walk; as they have
 * not left their waits, the object cannot vanish. A walk that has claimed nobody pauses only before the test of a wait
 * for all: the mark keeps that thread, and so the object, where it is. Readying pauses, too.
 * The units of a semaphore belong to those who are in line: during a pause its state is negative, so nobody takes what
 * is not his, and another release waits for the end of this one (semaphore.c). A signaller of another object who meets
 * it so passes by a wait for all; so if there are units left at the end, those waits are tested once more.
 * Objects that have but one taker pause before such tests only.
 *
 *   CPU 0 sets A, 40 wait                     CPU 1
 *   lock A; A := 1; claims 16; markers in     (spins on A, if it wants it)
 *   unlock A; interrupts; ...                 clears A; begins to wait for A: behind the marker
 *   lock A; goes on from its place            (sets A: claims who is left, and its own waiter)
 *   end marker: both out; unlock; readies */
#include "ki.h"

/* What satisfying a wait does to the object: the one place that asks an object's type. */
typedef enum _SIGNAL_RULE { NotWaitable, TakeNothing, TakeAll, TakeOne, TakeOwnership, TakeEntry } SIGNAL_RULE;

static const UCHAR Rules[HEADER_TYPE + 1] = {
    [EventNotificationObject] = TakeNothing, [EventSynchronizationObject] = TakeAll,
    [TimerNotificationObject] = TakeNothing, [TimerSynchronizationObject] = TakeAll,
    [ThreadObject] = TakeNothing,            [ProcessObject] = TakeNothing,
    [SemaphoreObject] = TakeOne,             [MutantObject] = TakeOwnership,
    [QueueObject] = TakeEntry,
};

static NOINLINE DECLSPEC_NORETURN void StopNoObject(PDISPATCHER_HEADER Object)
{
    ULONG Type = KeObjectType(Object);

    KeBugCheckWith(DRIVER_VERIFIER_DETECTED_VIOLATION, 0xED01, (ULONG_PTR)Object, Type, 0,
                   "object %p has type %u: not an object that this wait knows, or never initialised", Object, Type);
}

FORCEINLINE SIGNAL_RULE RuleOf(PDISPATCHER_HEADER Object)
{
    SIGNAL_RULE Rule = (SIGNAL_RULE)Rules[KeObjectType(Object)];

    if (UNLIKELY(Rule == NotWaitable))
        StopNoObject(Object);
    return Rule;
}

/* ---- An object's lock ---- */

NOINLINE void KiSpinForObject(PDISPATCHER_HEADER Object)
{
    ULONG64 Rounds = 0;

    RuleOf(Object);
    do {
        do {
            if (KiSpinsInVain(++Rounds))
                KeBugCheckWith(SPIN_LOCK_ALREADY_OWNED, (ULONG_PTR)Object, (ULONG)Object->Lock, 0, 0,
                               "the lock of object %p is held and nobody is left to release it", Object);
            ArchPause();
        } while (__atomic_load_n(&Object->Lock, __ATOMIC_RELAXED) & HEADER_LOCKED);
    } while (!KiTryLockObject(Object));
}

/* One that is there twice is locked once. */
void KiLockInOrder(PKWAIT_BLOCK Blocks, ULONG Count)
{
    PVOID Before = NULL;

    RtlAssert(KiThisPcr->ObjectsLocked == 0);
    for (ULONG At = 0; At < Count; At++) {
        PVOID Object = Blocks[Blocks[At].InOrder].Object;

        if (Object != Before)
            KiLockOneMore(Object);
        Before = Object;
    }
}

/* Object, which may be NULL, stays locked. */
void KiUnlockAllBut(PKWAIT_BLOCK Blocks, ULONG Count, PVOID Except)
{
    PVOID Before = NULL;

    for (ULONG At = 0; At < Count; At++) {
        PVOID Object = Blocks[Blocks[At].InOrder].Object;

        if (Object != Before && Object != Except)
            KiUnlockObject(Object);
        Before = Object;
    }
}

/* ---- What an object gives, its lock held ---- */

BOOLEAN KiIsMutant(PDISPATCHER_HEADER Object) { return RuleOf(Object) == TakeOwnership; }

BOOLEAN KiIsAvailable(PDISPATCHER_HEADER Object, PKTHREAD Thread)
{
    switch (RuleOf(Object)) {
    case TakeOwnership:
        return Object->SignalState > 0 || CONTAINING_RECORD(Object, KMUTANT, Header)->OwnerThread == Thread;
    case TakeEntry:
        return KiQueueHasEntry(Object);
    default:
        return Object->SignalState > 0;
    }
}

/* One more level for Thread; with the first one it is the owner, and inside a critical region if it is a KMUTEX. */
NTSTATUS KiTakeMutant(PKMUTANT Mutant, PKTHREAD Thread)
{
    if (--Mutant->Header.SignalState != 0)
        return STATUS_SUCCESS;
    Mutant->OwnerThread = Thread;
    KiLinkMutant(Thread, Mutant);
    Thread->KernelApcDisable -= Mutant->ApcDisable;
    if (LIKELY(!Mutant->Abandoned))
        return STATUS_SUCCESS;
    Mutant->Abandoned = FALSE;
    return STATUS_ABANDONED;
}

/* Returns: STATUS_SUCCESS, or STATUS_ABANDONED for a mutant left behind or a queue that is run down. */
FORCEINLINE NTSTATUS Satisfy(PDISPATCHER_HEADER Object, SIGNAL_RULE Rule, PKTHREAD Thread)
{
    switch (Rule) {
    case TakeAll: Object->SignalState = 0; return STATUS_SUCCESS;
    case TakeOne: Object->SignalState--; return STATUS_SUCCESS;
    case TakeOwnership: return KiTakeMutant(CONTAINING_RECORD(Object, KMUTANT, Header), Thread);
    case TakeEntry: return KiTakeQueueEntry(Object, Thread);
    default: return STATUS_SUCCESS;
    }
}

NTSTATUS KiSatisfy(PDISPATCHER_HEADER Object, PKTHREAD Thread) { return Satisfy(Object, RuleOf(Object), Thread); }

/* ---- Claiming a wait: the one step on StateWord ---- */

enum { STATE_OF = 0xFF, PRIORITY_AT = 8, PRIORITY_OF = 0xFF00, BOOSTED_OF = 0x10000 };

C_ASSERT(offsetof(KTHREAD, Priority) == offsetof(KTHREAD, StateWord) + 1);
C_ASSERT(offsetof(KTHREAD, Boosted) == offsetof(KTHREAD, StateWord) + 2);

/* Only dynamic threads are boosted, only one boost at a time, and never into the real-time range. */
static NOINLINE ULONG BoostWord(PKTHREAD Thread, ULONG Word, KPRIORITY Increment)
{
    KPRIORITY Current = (SCHAR)(Word >> PRIORITY_AT), Priority = Thread->BasePriority + Increment;

    if (Current >= LOW_REALTIME_PRIORITY || Thread->DisableBoost || (Word & BOOSTED_OF) || Priority <= Current)
        return Word;
    Priority = Priority < LOW_REALTIME_PRIORITY ? Priority : LOW_REALTIME_PRIORITY - 1;
    return (Word & ~PRIORITY_OF) | (ULONG)Priority << PRIORITY_AT | BOOSTED_OF;
}

FORCEINLINE BOOLEAN Exchange(PKTHREAD Thread, ULONG Old, ULONG New)
{
    return __atomic_compare_exchange_n(&Thread->StateWord, &Old, New, FALSE, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

/* From a state in which Thread waits to DeferredReady. WaitLooked passes quickly: who set it takes no lock. */
FORCEINLINE KI_CLAIM Claim(PKTHREAD Thread, UCHAR From, KPRIORITY Increment)
{
    ULONG Old = Thread->StateWord, New;

    for (;;) {
        if (UNLIKELY((UCHAR)Old != From)) {
            if ((UCHAR)Old != WaitLooked)
                return (UCHAR)Old == WaitTested ? KiClaimBusy : KiClaimLost;
            ArchPause();
            Old = __atomic_load_n(&Thread->StateWord, __ATOMIC_RELAXED);
            continue;
        }
        New = Old ^ (From ^ DeferredReady);
        if (UNLIKELY(Increment > 0))
            New = BoostWord(Thread, New, Increment);
        if (LIKELY(
                __atomic_compare_exchange_n(&Thread->StateWord, &Old, New, FALSE, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)))
            return KiClaimWon;
    }
}

KI_CLAIM KiTryClaimWait(PKTHREAD Thread, NTSTATUS Status, KPRIORITY Increment)
{
    KI_CLAIM Result = Claim(Thread, Waiting, Increment);

    if (Result == KiClaimWon)
        Thread->WaitStatus = Status;
    return Result;
}

BOOLEAN KiClaimWait(PKTHREAD Thread, NTSTATUS Status, KPRIORITY Increment)
{
    KI_CLAIM Result;

    while (UNLIKELY((Result = KiTryClaimWait(Thread, Status, Increment)) == KiClaimBusy))
        ArchPause();
    return Result == KiClaimWon;
}

/* ---- Pauses ---- */

enum { Marker = WaitAny + 1 };          /* KWAIT_BLOCK.WaitType: its thread does not wait */
/* Waiters between two pauses; one for a wait for all counts as often as it has objects. */
enum { STEPS = 12, STEPS_READY = 8, STEPS_HERE = 32 };

typedef struct _WALK {
    PDISPATCHER_HEADER Object;
    BOOLEAN InterruptsWereOn;
    PKTHREAD *Nobody;                   /* where the first claimed thread goes; NULL: no pause but before tests */
    BOOLEAN Hides;                      /* the units of a semaphore that are left, during pauses */
    BOOLEAN Bounded;                    /* End is in the list */
    LONG Left;                          /* steps until the next pause */
    KWAIT_BLOCK Place, End;
} WALK;

static BOOLEAN MayPause(const WALK *Walk, PKTHREAD *Last) { return Walk->Nobody != NULL && Last != Walk->Nobody; }

FORCEINLINE void InsertMarker(PKWAIT_BLOCK Block, PLIST_ENTRY Before)
{
    Block->Thread = KiCurrentThread();
    Block->WaitType = Marker;
    InsertTailList(Before, &Block->WaitListEntry);
}

/* Object is locked, and Entry, where the walk is, in its list. Returns: where it goes on. */
static NOINLINE PLIST_ENTRY Pause(WALK *Walk, PLIST_ENTRY Entry)
{
    PDISPATCHER_HEADER Object = Walk->Object;
    PLIST_ENTRY Place = &Walk->Place.WaitListEntry;
    LONG Hidden = Walk->Hides ? Object->SignalState : 0;

    InsertMarker(&Walk->Place, Entry);
    if (Hidden != 0)
        Object->SignalState = -Hidden;
    KiUnlockObject(Object);
    KiLetInterruptsIn();
    KiLockObject(Object);
    if (Hidden != 0)
        Object->SignalState = Hidden;
    Entry = Place->Flink;
    RemoveEntryList(Place);
    Walk->Left = STEPS;
    return Entry;
}

/* The same, where the signal is for all who have waited up to now, and for nobody later. */
static NOINLINE PLIST_ENTRY PauseBounded(WALK *Walk, PLIST_ENTRY Entry)
{
    if (!Walk->Bounded) {
        Walk->Bounded = TRUE;
        InsertMarker(&Walk->End, &Walk->Object->WaitListHead);
    }
    return Pause(Walk, Entry);
}

/* ---- Waits for all ---- */

static KI_CLAIM MarkTested(PKTHREAD Thread)
{
    UCHAR Old = Waiting;

    while (!__atomic_compare_exchange_n(&Thread->State, &Old, WaitTested, FALSE, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
        if (Old != Waiting && Old != WaitLooked)
            return Old == WaitTested ? KiClaimBusy : KiClaimLost;
        Old = Waiting;
        ArchPause();
    }
    return KiClaimWon;
}

static BOOLEAN AllAvailable(PKTHREAD Thread)
{
    for (ULONG At = 0; At < Thread->WaitCount; At++)
        if (!KiIsAvailable(Thread->WaitBlockList[At].Object, Thread))
            return FALSE;
    return TRUE;
}

/* Thread is marked and all its objects are locked. */
static void SatisfyAll(PKTHREAD Thread, KPRIORITY Increment)
{
    NTSTATUS Status = STATUS_SUCCESS;

    for (ULONG At = 0; At < Thread->WaitCount; At++) {
        PKWAIT_BLOCK Block = &Thread->WaitBlockList[At];

        Status |= KiSatisfy(Block->Object, Thread);
        if (Block->BlockState == BlockLinked)
            KiUnlinkBlock(Block);
    }
    Thread->WaitStatus = Status;
    Claim(Thread, WaitTested, Increment);
}

/* The object is locked, at the end as at the beginning; Block, of a wait for all, is in its list. Returns: the thread
 * if it has been satisfied, else NULL. Next: where the walk goes on. */
static NOINLINE PKTHREAD GiveAll(WALK *Walk, PKWAIT_BLOCK Block, KPRIORITY Increment, PLIST_ENTRY *Next)
{
    PDISPATCHER_HEADER Object = Walk->Object;
    PLIST_ENTRY Place = &Walk->Place.WaitListEntry;
    PKTHREAD Thread = Block->Thread;
    KI_CLAIM Mark = MarkTested(Thread);
    PKWAIT_BLOCK Blocks = Thread->WaitBlockList;
    ULONG Count = Thread->WaitCount;
    BOOLEAN Given;

    Walk->Left -= (LONG)Count;
    *Next = Block->WaitListEntry.Flink;
    if (Mark != KiClaimWon) {
        if (Mark == KiClaimLost)
            KiUnlinkBlock(Block);
        return NULL;
    }
    InsertMarker(&Walk->Place, *Next);
    KiUnlockObject(Object);
    if (Walk->Left < 0 && Walk->InterruptsWereOn) {
        KiLetInterruptsIn();
        Walk->Left = STEPS;
    }
    KiLockInOrder(Blocks, Count);
    *Next = Place->Flink;
    RemoveEntryList(Place);
    Given = AllAvailable(Thread);
    if (Given)
        SatisfyAll(Thread, Increment);
    else
        __atomic_store_n(&Thread->State, Waiting, __ATOMIC_RELEASE);
    KiUnlockAllBut(Blocks, Count, Object);
    return Given ? Thread : NULL;
}

/* ---- Waking ---- */

/* What is left of the signal goes to those waits for all that it completes. Nobody is woken by a signal that has been
 * taken back while the lock was let go of: he may have come later. */
static NOINLINE PKTHREAD *WakeWaitsForAll(WALK *Walk, KPRIORITY Increment, PKTHREAD *Last)
{
    PLIST_ENTRY Head = &Walk->Object->WaitListHead, Entry = Head->Flink;

    Walk->Hides = FALSE;
    while (Entry != Head && Walk->Object->SignalState > 0) {
        PKWAIT_BLOCK Block = CONTAINING_RECORD(Entry, KWAIT_BLOCK, WaitListEntry);
        PKTHREAD Thread;

        if (UNLIKELY(--Walk->Left < 0) && MayPause(Walk, Last)) {
            Entry = Pause(Walk, Entry);
        } else if (Block->WaitType != WaitAll) {
            Entry = Entry->Flink;
        } else if ((Thread = GiveAll(Walk, Block, Increment, &Entry)) != NULL) {
            *Last = Thread;
            Last = &Thread->WakeNext;
        }
    }
    return Last;
}

/* A signal that all share: to whom it satisfies alone, without a look at the state again: KeClearEvent stores without
 * the lock, and a set that came before it still owes every waiter its wake-up. A block whose wait has ended otherwise
 * is dropped. WaitsForAll: there are some. */
static PKTHREAD *WakeEach(WALK *Walk, KPRIORITY Increment, PKTHREAD *Last, BOOLEAN *WaitsForAll)
{
    PLIST_ENTRY Head = &Walk->Object->WaitListHead, Entry = Head->Flink, End = Head;

    while (Entry != End) {
        PKWAIT_BLOCK Block = CONTAINING_RECORD(Entry, KWAIT_BLOCK, WaitListEntry);

        if (UNLIKELY(--Walk->Left < 0) && MayPause(Walk, Last)) {
            Entry = PauseBounded(Walk, Entry);
            End = &Walk->End.WaitListEntry;
            continue;
        }
        Entry = Entry->Flink;
        if (LIKELY(Block->WaitType == WaitAny)) {
            PKTHREAD Thread = Block->Thread;
            KI_CLAIM Result = Claim(Thread, Waiting, Increment);
            NTSTATUS Key = Block->WaitKey;

            KiUnlinkBlock(Block);
            if (LIKELY(Result == KiClaimWon)) {
                Thread->WaitStatus = Key;
                *Last = Thread;
                Last = &Thread->WakeNext;
            }
        } else if (Block->WaitType == WaitAll) {
            *WaitsForAll = TRUE;
        }
    }
    if (Walk->Bounded)
        RemoveEntryList(&Walk->End.WaitListEntry);
    return Last;
}

/* A signal that is used up: first come, first served, while there is some left. A wait for all that lacks another
 * object is passed over and stays where it is. */
static PKTHREAD *WakeInTurn(WALK *Walk, SIGNAL_RULE Rule, KPRIORITY Increment, PKTHREAD *Last, BOOLEAN *WaitsForAll)
{
    PDISPATCHER_HEADER Object = Walk->Object;
    PLIST_ENTRY Head = &Object->WaitListHead, Entry = Head->Flink;

    while (Entry != Head && Object->SignalState > 0) {
        PKWAIT_BLOCK Block = CONTAINING_RECORD(Entry, KWAIT_BLOCK, WaitListEntry);
        PKTHREAD Thread = Block->Thread;

        if (UNLIKELY(--Walk->Left < 0) && MayPause(Walk, Last)) {
            Entry = Pause(Walk, Entry);
            *WaitsForAll = TRUE;
        } else if (LIKELY(Block->WaitType == WaitAny)) {
            KI_CLAIM Result = Claim(Thread, Waiting, Increment);
            NTSTATUS Key = Block->WaitKey;

            Entry = Entry->Flink;
            KiUnlinkBlock(Block);
            if (LIKELY(Result == KiClaimWon)) {
                Thread->WaitStatus = Key | Satisfy(Object, Rule, Thread);
                *Last = Thread;
                Last = &Thread->WakeNext;
            }
        } else if (Block->WaitType == Marker) {
            Entry = Entry->Flink;
        } else if ((Thread = GiveAll(Walk, Block, Increment, &Entry)) != NULL) {
            *Last = Thread;
            Last = &Thread->WakeNext;
        }
    }
    return Last;
}

PKTHREAD KiWakeWaiters(PDISPATCHER_HEADER Object, KPRIORITY Increment, ULONG64 Flags)
{
    SIGNAL_RULE Rule = RuleOf(Object);
    PKTHREAD First, *Last = &First;
    BOOLEAN WaitsForAll = FALSE;
    WALK Walk;

    KiAssertObjectLocked(Object);
    Walk.Object = Object;
    Walk.InterruptsWereOn = ArchInterruptsWereOn(Flags);
    Walk.Nobody = Walk.InterruptsWereOn && (Rule == TakeNothing || Rule == TakeOne) ? Last : NULL;
    Walk.Hides = Rule == TakeOne;
    Walk.Bounded = FALSE;
    Walk.Left = STEPS;
    if (Rule == TakeNothing)
        Last = WakeEach(&Walk, Increment, Last, &WaitsForAll);
    else
        Last = WakeInTurn(&Walk, Rule, Increment, Last, &WaitsForAll);
    if (UNLIKELY(WaitsForAll))
        Last = WakeWaitsForAll(&Walk, Increment, Last);
    *Last = NULL;
    return First;
}

void KiReadyWoken(PKTHREAD Thread, ULONG64 Flags)
{
    for (LONG Left = STEPS_READY; Thread != NULL; Left--) {
        PKTHREAD Next = Thread->WakeNext;

        if (UNLIKELY(Left == 0) && ArchInterruptsWereOn(Flags)) {
            KiLetInterruptsIn();
            Left = STEPS_READY;
        }
        if (UNLIKELY(Thread->Queue != NULL))
            KiResumeQueue(Thread);
        KiReadyThread(Thread, FALSE);
        Thread = Next;
    }
}

/* ---- Where there is one processor ---- */

/* It has no choice to make. If nobody is boosted either, a waiter goes in one step from its wait into the processor's
 * queue, or is the next to run if it is better than who runs. The ready lock is held from before that step until the
 * object is unlocked, so nobody runs before. */

/* Can Thread, whose StateWord was Old, go this way? Its block is satisfied by one object alone. */
FORCEINLINE BOOLEAN IsPlain(PKWAIT_BLOCK Block, PKTHREAD Thread, ULONG Old)
{
    return LIKELY((UCHAR)Old == Waiting) && LIKELY(Block->WaitType == WaitAny) && LIKELY(Thread->Queue == NULL);
}

/* It is better than who runs. */
FORCEINLINE BOOLEAN EndWaitNext(PKPCR Pcr, PKTHREAD Thread, ULONG Old)
{
    if (Pcr->NextThread != NULL || (PKTHREAD)Pcr->Cpu.CurrentThread == Pcr->IdleThread ||
        UNLIKELY(!Exchange(Thread, Old, Old ^ (Waiting ^ Standby))))
        return FALSE;
    Pcr->NextThread = Thread;
    Pcr->BestPriority = Thread->Priority;
    return TRUE;
}

/* It is not, and is the caller's to queue. */
FORCEINLINE BOOLEAN EndWaitReady(PKTHREAD Thread, ULONG Old)
{
    return LIKELY(Exchange(Thread, Old, Old ^ (Waiting ^ Ready)));
}

FORCEINLINE KPRIORITY PriorityIn(ULONG Word) { return (SCHAR)(Word >> PRIORITY_AT); }

/* All waiters of Object, which keeps its signal, in this way, as far as it goes. Where there is one processor, nobody
 * runs during a pause either, so the object stays locked and needs no markers. Returns: whether Object is unlocked and
 * all is done. */
static BOOLEAN WakeAllHere(PDISPATCHER_HEADER Object, PKPCR Pcr, ULONG64 Flags)
{
    PLIST_ENTRY Head = &Object->WaitListHead, Entry = Head->Flink;

    for (;;) {
        ULONG Left = STEPS_HERE;

        KiAcquireRawLock(&Pcr->ReadyLock);
        do {
            PKWAIT_BLOCK Block = CONTAINING_RECORD(Entry, KWAIT_BLOCK, WaitListEntry);
            PKTHREAD Thread = Block->Thread;
            ULONG Old = Thread->StateWord;

            if (!IsPlain(Block, Thread, Old))
                break;
            if (UNLIKELY(PriorityIn(Old) > Pcr->BestPriority)) {
                if (!EndWaitNext(Pcr, Thread, Old))
                    break;
            } else if (EndWaitReady(Thread, Old)) {
                KiEnqueue(Pcr, Thread, FALSE);
            } else {
                break;
            }
            Thread->WaitStatus = Block->WaitKey;
            Entry = Entry->Flink;
            Block->BlockState = BlockFree;
        } while (Entry != Head && --Left != 0);
        Head->Flink = Entry;
        Entry->Blink = Head;
        if (Entry == Head)
            KiUnlockObject(Object);
        KiReleaseRawLock(&Pcr->ReadyLock);
        if (Entry == Head || Left != 0)
            return Entry == Head;
        if (ArchInterruptsWereOn(Flags))
            KiLetInterruptsIn();
    }
}

static NOINLINE void WakeThoroughly(PDISPATCHER_HEADER Object, KPRIORITY Increment, ULONG64 Flags)
{
    PKTHREAD Woken = KiWakeWaiters(Object, Increment, Flags);

    KiUnlockObject(Object);
    KiReadyWoken(Woken, Flags);
}

void KiWakeAndLeave(PDISPATCHER_HEADER Object, KPRIORITY Increment, BOOLEAN Wait, ULONG64 Flags)
{
    if (KiProcessorCount != 1 || Increment > 0 || RuleOf(Object) != TakeNothing ||
        !WakeAllHere(Object, KiCurrentPcr(), Flags))
        WakeThoroughly(Object, Increment, Flags);
    if (UNLIKELY(Wait))
        KiLeaveRaised(Flags, KiCurrentThread());
    else
        KiLeave(Flags);
}

static NOINLINE LONG SetAndWake(PKEVENT Event, KPRIORITY Increment, ULONG64 Flags)
{
    LONG Previous = Event->Header.SignalState;

    Event->Header.SignalState = 1;
    KiWakeAndLeave(&Event->Header, Increment, FALSE, Flags);
    return Previous;
}

static NOINLINE LONG LeaveAndReturn(ULONG64 Flags)
{
    KiLeaveSlowly(Flags);
    return 0;
}

/* Event's signal is Block's, and is never seen: its state stays. */
FORCEINLINE void HandOver(PKEVENT Event, PKWAIT_BLOCK Block, PKTHREAD Thread)
{
    Thread->WaitStatus = Block->WaitKey;
    KiUnlinkBlock(Block);
    KiUnlockObject(&Event->Header);
}

/* Straight for the commonest: a synchronization event and its first waiter. As in wait_one.c, what is rare is called
 * last. */
LONG KiSetAwaitedEvent(PKEVENT Event, KPRIORITY Increment, ULONG64 Flags)
{
    PKWAIT_BLOCK Block = CONTAINING_RECORD(Event->Header.WaitListHead.Flink, KWAIT_BLOCK, WaitListEntry);
    PKTHREAD Thread = Block->Thread;
    PKPCR Pcr = KiCurrentPcr();
    ULONG Old;

    if (UNLIKELY(KiProcessorCount != 1) || UNLIKELY(Increment != 0) ||
        UNLIKELY(Event->Header.Type != (HEADER_LOCKED | EventSynchronizationObject)) ||
        UNLIKELY(!KiTryRawLock(&Pcr->ReadyLock)))
        return SetAndWake(Event, Increment, Flags);
    Old = Thread->StateWord;
    if (IsPlain(Block, Thread, Old)) {
        if (LIKELY(PriorityIn(Old) <= Pcr->BestPriority)) {
            if (EndWaitReady(Thread, Old)) {
                HandOver(Event, Block, Thread);
                KiEnqueue(Pcr, Thread, FALSE);
                KiReleaseRawLock(&Pcr->ReadyLock);
                ArchRestoreInterrupts(Flags);
                return 0;
            }
        } else if (EndWaitNext(Pcr, Thread, Old)) {
            HandOver(Event, Block, Thread);
            KiReleaseRawLock(&Pcr->ReadyLock);
            return LeaveAndReturn(Flags);
        }
    }
    KiReleaseRawLock(&Pcr->ReadyLock);
    return SetAndWake(Event, Increment, Flags);
}

/* Thread waits for a timer. If it is better than who runs, it is the next to run, also on an idle processor. */
FORCEINLINE BOOLEAN EndWaitOnTimer(PKPCR Pcr, PKTHREAD Thread, ULONG Old)
{
    if (PriorityIn(Old) <= Pcr->BestPriority) {
        if (!EndWaitReady(Thread, Old))
            return FALSE;
        KiEnqueue(Pcr, Thread, FALSE);
        return TRUE;
    }
    if (Pcr->NextThread != NULL || UNLIKELY(!Exchange(Thread, Old, Old ^ (Waiting ^ Standby))))
        return FALSE;
    Pcr->NextThread = Thread;
    Pcr->BestPriority = Thread->Priority;
    return TRUE;
}

static NOINLINE BOOLEAN WakeThoroughlyAndReturn(PDISPATCHER_HEADER Timer, ULONG64 Flags)
{
    WakeThoroughly(Timer, 0, Flags);
    return TRUE;
}

BOOLEAN KiWakeAndUnlock(PDISPATCHER_HEADER Timer, ULONG64 Flags)
{
    PKWAIT_BLOCK Block = CONTAINING_RECORD(Timer->WaitListHead.Flink, KWAIT_BLOCK, WaitListEntry);
    PKTHREAD Thread = Block->Thread;
    PKPCR Pcr = KiCurrentPcr();
    ULONG Old;

    if (UNLIKELY(KiProcessorCount != 1) || Timer->Type != (HEADER_LOCKED | TimerSynchronizationObject) ||
        UNLIKELY(!KiTryRawLock(&Pcr->ReadyLock)))
        return WakeThoroughlyAndReturn(Timer, Flags);
    Old = Thread->StateWord;
    if (UNLIKELY(!IsPlain(Block, Thread, Old)) || UNLIKELY(!EndWaitOnTimer(Pcr, Thread, Old))) {
        KiReleaseRawLock(&Pcr->ReadyLock);
        return WakeThoroughlyAndReturn(Timer, Flags);
    }
    Thread->WaitStatus = Block->WaitKey;
    KiUnlinkBlock(Block);
    Timer->SignalState = 0;
    KiUnlockObject(Timer);
    KiReleaseRawLock(&Pcr->ReadyLock);
    return (PKTHREAD)Pcr->Cpu.CurrentThread == Pcr->IdleThread ? KiEndOnlyIdle(Pcr) : TRUE;
}

/* Called by its timer queue. Busy is a wait for all that is being tested, by somebody who may need a timer's lock whose
 * holder wants this queue. */
BOOLEAN KiWaitTimedOut(KI_TIMER_QUEUE *Queue, KTIMER_ENTRY *Entry)
{
    PKTHREAD Thread = CONTAINING_RECORD(Entry, KTHREAD, Timeout);
    KI_CLAIM Result = KiTryClaimWait(Thread, STATUS_TIMEOUT, 0);

    if (Result == KiClaimBusy)
        return FALSE;
    KiUnlinkTimer(Entry);
    /* If the claim is lost, the thread may be gone after this. */
    __atomic_store_n(&Thread->TimeoutQueued, FALSE, __ATOMIC_RELEASE);
    KiReleaseRawLock(&Queue->Lock);
    if (Result == KiClaimWon)
        KiReadyOne(Thread);
    return TRUE;
}
