/* timer_queue.c - what is due when: one queue per processor, O(1) to set and to cancel.
 *
 * Promise: an entry expires at its due time to 100 ns as closely as the clock hardware fires, those of one due time in
 * the order in which they were set, and setting or cancelling one costs the same whether none or a hundred thousand are
 * pending.
 * Method: due times are numbers to the base 64. An entry lies in the level of the highest digit in which its due time
 * differs from Current, in the slot of that digit's value. When time reaches a slot, it is opened. In one of level 0
 * all entries are due; those of a higher level are dealt out to lower ones, where they belong now, unless all of them
 * are due at one time that has come. An entry so moves at most once per digit, a run of one due time as a whole.
 * Invariant: Current never passes the start of a slot that has entries without opening it, and none is opened before
 * the last one is empty; hence no entry's level changes behind our back, and the first slot of the lowest level is
 * always the next one.
 * A slot is marked by who links an entry; who takes the last one out leaves the mark, and whoever looks for the next
 * slot passes over it. So cancelling looks at nothing but the entry and its neighbours.
 * NextDue is what the clock is armed for: never late, and exact unless a cancel made it early. It is found anew at
 * each expiry: in a slot of a higher level that holds few entries the earliest is looked up; one with many is dealt
 * out first, at its start.
 * Lock: each queue has its own, interrupts off. Its processor alone puts entries in and moves them; others take them
 * out. So an expiry may let go of the lock wherever it likes, and does so after a bounded number of entries: nobody can
 * have put one where it has been. The lock's holder may hold the lock of the timer, or of the thread that the entry
 * belongs to. An entry that comes due is found from the queue, against that order: what it calls (a client) only tries,
 * and where it fails the queue is unlocked for whoever holds it up, who may be here to take the entry out.
 * Absolute entries are kept as interrupt time, by the queue's own Bias. Who sets the system time only tells all
 * processors; each moves its own entries before it expires the next one, and its Bias with them. One that is set in
 * between is kept by the old Bias, and is moved once like all others.
 * Rejected: a heap (needs an array that cannot grow inside KeSetTimer); one list per tick (not exact); a mark that is
 * always exact (every cancel would find out about its slot, for one look at a slot that is found empty). */
#include "ki.h"

enum { EXACT_LOOK = 8 };                /* entries of a slot that are looked through for the earliest */
enum { TURN = 160, STEP = 10 };         /* entries that a turn of the lock looks at; as many as a step costs, too */

static KI_TIMER_CLIENT *Clients[2];

void KiSetTimerClients(KI_TIMER_CLIENT *Timer, KI_TIMER_CLIENT *Timeout)
{
    Clients[0] = Timer;
    Clients[1] = Timeout;
}

void KiInitializeTimerQueue(KI_TIMER_QUEUE *Queue, ULONG64 Now)
{
    Queue->Current = Now;
    Queue->NextDue = ~0ull;
    Queue->Bias = KiSystemTimeBias();
    for (ULONG Index = 0; Index < TIMER_LISTS; Index++)
        InitializeListHead(&Queue->List[Index]);
    Queue->Opened = &Queue->List[TIMERS_KEPT];
}

static KTIMER_ENTRY *EntryOf(PLIST_ENTRY Link) { return CONTAINING_RECORD(Link, KTIMER_ENTRY, TimerListEntry); }

/* One entry, which may be overdue. */
static ULONG64 Link(KI_TIMER_QUEUE *Queue, KTIMER_ENTRY *Entry)
{
    ULONG64 Due = Entry->DueTime > Queue->Current ? Entry->DueTime : Queue->Current;

    KiLinkTimers(Queue, &Entry->TimerListEntry, &Entry->TimerListEntry, Due);
    if (Due < Queue->NextDue)
        Queue->NextDue = Due;
    return Due;
}

/* ---- Forward in time ---- */

/* How many of List, from its first on, are due at the same time; at most Most, at least 1. */
static ULONG LengthOfRun(PLIST_ENTRY List, ULONG Most, PLIST_ENTRY *Last)
{
    PLIST_ENTRY Link = List->Flink, After;
    ULONG64 Due = EntryOf(Link)->DueTime;
    ULONG Count = 1;

    while ((After = Link->Flink) != List && EntryOf(After)->DueTime == Due && Count < Most) {
        Link = After;
        Count++;
    }
    *Last = Link;
    return Count;
}

/* Slot is not empty. The time of its first entry, or Start if that would be much to look through. */
static ULONG64 EarliestOf(PLIST_ENTRY Slot, ULONG64 Start)
{
    ULONG64 Earliest = ~0ull;
    ULONG Looked = 0;

    for (PLIST_ENTRY Link = Slot->Flink; Link != Slot; Link = Link->Flink) {
        if (++Looked > EXACT_LOOK)
            return Start;
        if (EntryOf(Link)->DueTime < Earliest)
            Earliest = EntryOf(Link)->DueTime;
    }
    return Earliest;
}

/* List, which has entries of one due time, goes to a lower slot as a whole. */
static void LinkAll(KI_TIMER_QUEUE *Queue, PLIST_ENTRY List)
{
    PLIST_ENTRY First = List->Flink, Last = List->Blink;

    InitializeListHead(List);
    KiLinkTimers(Queue, First, Last, EntryOf(First)->DueTime);
}

/* The opened slot is empty: on to the next one, or over a mark of an empty one. FALSE: none is due; Current and NextDue
 * are up to date. */
static BOOLEAN OpenNext(KI_TIMER_QUEUE *Queue, ULONG64 Now)
{
    ULONG Level, Shift, Slot;
    PLIST_ENTRY Head;
    ULONG64 Start;

    if (!IsListEmpty(&Queue->List[TIMERS_HELD])) {
        LinkAll(Queue, &Queue->List[TIMERS_HELD]);
        return TRUE;
    }
    if (Queue->Levels == 0) {
        Queue->Current = Now;
        Queue->NextDue = ~0ull;
        return FALSE;
    }
    Level = (ULONG)__builtin_ctz(Queue->Levels);
    Slot = (ULONG)__builtin_ctzll(Queue->Occupied[Level]);
    Shift = Level * TIMER_LEVEL_BITS;
    Start = (Queue->Current >> Shift >> TIMER_LEVEL_BITS << TIMER_LEVEL_BITS | Slot) << Shift;
    Head = &Queue->List[Level * TIMER_SLOTS + Slot];
    if (Start > Now && !IsListEmpty(Head)) {
        Queue->Current = Now;
        Queue->NextDue = Level == 0 ? Start : EarliestOf(Head, Start);
        return FALSE;
    }
    Queue->Occupied[Level] &= Queue->Occupied[Level] - 1;
    if (Queue->Occupied[Level] == 0)
        Queue->Levels &= Queue->Levels - 1;
    if (IsListEmpty(Head))
        return TRUE;
    if (Start > Queue->Current)
        Queue->Current = Start;
    Queue->Opened = Head;
    Queue->Sorted = Level == 0 || (Head->Flink == Head->Blink && EntryOf(Head->Flink)->DueTime <= Now);
    return TRUE;
}

/* Have lower slots been given any of what was in Slot? When it was opened they were all empty. */
static BOOLEAN IsFirstOf(KI_TIMER_QUEUE *Queue, PLIST_ENTRY Slot)
{
    return (ULONG)__builtin_ctz(Queue->Levels | 1u << TIMER_LEVELS) >= (ULONG)(Slot - Queue->List) / TIMER_SLOTS;
}

/* The first of Slot, which is opened, and those after it that are due at the same time come out, and are held until it
 * is seen whether there are more of them. If nothing else was in Slot, and their time has come, they need not move on;
 * else they go to a lower slot, by the next call or by OpenNext. Returns: how many there were; at most Most. */
static ULONG Deal(KI_TIMER_QUEUE *Queue, PLIST_ENTRY Slot, ULONG64 Now, ULONG Most)
{
    PLIST_ENTRY Held = &Queue->List[TIMERS_HELD], First = Slot->Flink, Last;
    ULONG Count = LengthOfRun(Slot, Most, &Last);

    if (!IsListEmpty(Held) && EntryOf(Held->Flink)->DueTime != EntryOf(First)->DueTime)
        LinkAll(Queue, Held);
    Slot->Flink = Last->Flink;
    Last->Flink->Blink = Slot;
    First->Blink = Held->Blink;
    Held->Blink->Flink = First;
    Held->Blink = Last;
    Last->Flink = Held;
    if (IsListEmpty(Slot) && EntryOf(First)->DueTime <= Now && IsFirstOf(Queue, Slot)) {
        Queue->Opened = Held;
        Queue->Sorted = TRUE;
    }
    return Count;
}

/* As far to the first entry that is due as one turn of the lock goes. Returns: that entry, still linked, or NULL. Done:
 * there is none, and all is up to date. */
FORCEINLINE KTIMER_ENTRY *Advance(KI_TIMER_QUEUE *Queue, ULONG64 Now, BOOLEAN *Done)
{
    for (LONG Left = TURN; Left > 0; Left -= STEP) {
        PLIST_ENTRY Slot = Queue->Opened;

        if (!IsListEmpty(Slot)) {
            if (LIKELY(Queue->Sorted))
                return EntryOf(Slot->Flink);
            Left -= (LONG)Deal(Queue, Slot, Now, (ULONG)Left);
        } else if (!OpenNext(Queue, Now)) {
            Queue->Opened = &Queue->List[TIMERS_KEPT];  /* none: others may come to lie in the last one */
            *Done = TRUE;
            break;
        }
    }
    return NULL;
}

/* ---- Forward and back in system time ---- */

/* Due times of absolute entries end at MAXLONGLONG (clock.c), and so do they here. */
static ULONG64 Shifted(ULONG64 DueTime, LONG64 Delta)
{
    LONG64 Due;

    if (__builtin_sub_overflow((LONG64)DueTime, Delta, &Due))
        return MAXLONGLONG;
    return Due > 0 ? (ULONG64)Due : 0;
}

/* Some of Slot, from its first on: those that stay are put aside, and those that move, with their new time. */
static void TakeApart(KI_TIMER_QUEUE *Queue, PLIST_ENTRY Slot, LONG64 Delta)
{
    for (ULONG Left = TURN / STEP * 2; Left > 0 && !IsListEmpty(Slot); Left--) {
        KTIMER_ENTRY *Entry = EntryOf(RemoveHeadList(Slot));
        BOOLEAN Moves = (Entry->Processor & TIMER_ENTRY_ABSOLUTE) != 0;

        if (Moves)
            Entry->DueTime = Shifted(Entry->DueTime, Delta);
        InsertTailList(&Queue->List[Moves ? TIMERS_MOVED : TIMERS_KEPT], &Entry->TimerListEntry);
    }
}

static void PutBack(KI_TIMER_QUEUE *Queue, PLIST_ENTRY Slot)
{
    PLIST_ENTRY Kept = &Queue->List[TIMERS_KEPT];

    if (IsListEmpty(Kept))
        return;
    *Slot = *Kept;
    Slot->Flink->Blink = Slot;
    Slot->Blink->Flink = Slot;
    InitializeListHead(Kept);
}

static void LinkMoved(KI_TIMER_QUEUE *Queue)
{
    PLIST_ENTRY Moved = &Queue->List[TIMERS_MOVED];

    for (ULONG Left = TURN / STEP; Left > 0 && !IsListEmpty(Moved); Left--)
        Link(Queue, EntryOf(RemoveHeadList(Moved)));
}

static void Lock(KI_TIMER_QUEUE *Queue)
{
    ArchMaskInterrupts();
    KiAcquireRawLock(&Queue->Lock);
}

static void Unlock(KI_TIMER_QUEUE *Queue)
{
    KiReleaseRawLock(&Queue->Lock);
    ArchEnableInterrupts();
}

/* The system time has been set: the absolute entries move to where they belong. No slot is opened. In between others
 * take entries out, from wherever they are, and nobody puts any in. */
static NOINLINE void FollowSystemTime(KI_TIMER_QUEUE *Queue, LONG64 Bias)
{
    LONG64 Delta = Bias - Queue->Bias;

    Queue->Bias = Bias;
    for (PLIST_ENTRY Slot = Queue->List; Slot < &Queue->List[TIMERS_HELD]; Slot++) {
        while (!IsListEmpty(Slot)) {
            Lock(Queue);
            TakeApart(Queue, Slot, Delta);
            Unlock(Queue);
        }
        if (!IsListEmpty(&Queue->List[TIMERS_KEPT])) {
            Lock(Queue);
            PutBack(Queue, Slot);
            Unlock(Queue);
        }
    }
    while (!IsListEmpty(&Queue->List[TIMERS_MOVED])) {
        Lock(Queue);
        LinkMoved(Queue);
        Unlock(Queue);
    }
}

/* ---- For timer.c, wait.c and clock.c ---- */

void KiInsertTimerEntry(KTIMER_ENTRY *Entry)
{
    PKPCR Pcr = KiCurrentPcr();
    KI_TIMER_QUEUE *Queue = &Pcr->TimerQueue;
    ULONG64 Due;

    Entry->Processor = (Entry->Processor & ~TIMER_ENTRY_PROCESSOR) | Pcr->Cpu.Number;
    KiAcquireRawLock(&Queue->Lock);
    if (UNLIKELY(Entry->Processor & TIMER_ENTRY_ABSOLUTE))
        Entry->DueTime = Shifted(Entry->DueTime, Queue->Bias);
    Due = Link(Queue, Entry);
    KiReleaseRawLock(&Queue->Lock);
    KiArmClockEarlier(Pcr, Due);
}

ULONG64 KiTimerExpiries(void)
{
    ULONG64 Sum = 0;

    for (ULONG Number = 0; Number < KiProcessorCount; Number++)
        Sum += KiProcessorBlock[Number]->TimerQueue.Expiries;
    return Sum;
}

void KiRemoveTimerEntry(KTIMER_ENTRY *Entry)
{
    KI_TIMER_QUEUE *Queue = KiTimerQueueOf(Entry);

    KiAcquireRawLock(&Queue->Lock);
    KiUnlinkTimer(Entry);
    KiReleaseRawLock(&Queue->Lock);
}

void KiRemoveTimeout(PKTHREAD Thread)
{
    KI_TIMER_QUEUE *Queue = KiTimerQueueOf(&Thread->Timeout);

    KiAcquireRawLock(&Queue->Lock);
    if (Thread->TimeoutQueued)
        KiUnlinkTimer(&Thread->Timeout);
    Thread->TimeoutQueued = FALSE;
    KiReleaseRawLock(&Queue->Lock);
}

/* One entry per turn of the lock, so that interrupts are off only for as long as one expiry takes. */
void KiExpireTimers(PKPCR Pcr)
{
    KI_TIMER_QUEUE *Queue = &Pcr->TimerQueue;
    ULONG64 Now = KiQueryTime();
    LONG64 Bias = KiSystemTimeBias();
    BOOLEAN Done = FALSE;

    if (UNLIKELY(Bias != Queue->Bias))
        FollowSystemTime(Queue, Bias);
    do {
        KTIMER_ENTRY *Entry;

        Lock(Queue);
        Entry = Advance(Queue, Now, &Done);
        if (Entry == NULL) {
            KiReleaseRawLock(&Queue->Lock);
        } else if (LIKELY(Clients[(Entry->Processor & TIMER_ENTRY_TIMEOUT) != 0](Queue, Entry))) {
            Queue->Expiries++;
        } else {
            KiReleaseRawLock(&Queue->Lock);
            ArchPause();
        }
        ArchEnableInterrupts();
    } while (!Done);
    if (Pcr->DpcRoutineActive)
        KiEndRoutines(Pcr);
}

void KiForEachTimer(void (*Visit)(PVOID Context, KTIMER_ENTRY *Entry), PVOID Context)
{
    for (ULONG Number = 0; Number < KiProcessorCount; Number++) {
        KI_TIMER_QUEUE *Queue = &KiProcessorBlock[Number]->TimerQueue;

        KiAcquireRawLock(&Queue->Lock);
        for (ULONG Index = 0; Index < TIMER_LISTS; Index++) {
            PLIST_ENTRY Head = &Queue->List[Index];

            for (PLIST_ENTRY Link = Head->Flink; Link != Head; Link = Link->Flink)
                Visit(Context, EntryOf(Link));
        }
        KiReleaseRawLock(&Queue->Lock);
    }
}
