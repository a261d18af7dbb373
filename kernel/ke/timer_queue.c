/* timer_queue.c - what is due when: one queue per processor, O(1) to set and to cancel.
 *
 * Promise: an entry expires at its due time to 100 ns as closely as the clock hardware fires, and setting or
 * cancelling one costs the same whether none or a hundred thousand are pending.
 * Method: due times are numbers to the base 64. An entry lies in the level of the highest digit in which its
 * due time differs from Current, in the slot of that digit's value. When time reaches a slot of level n > 0,
 * its entries are dealt out again to lower levels, where they belong now; a slot of level 0 holds entries of
 * one single due time. An entry so moves at most once per digit, and each level knows its first occupied
 * slot from a bit map.
 * Invariant: Current never passes the start of an occupied slot without emptying it; hence no entry's level
 * changes behind our back, and the first occupied slot of the lowest occupied level is always the next one.
 * NextDue is what the clock is armed for: never late, and exact unless a cancel made it early. It is found anew at
 * each expiry: in a slot of a higher level that holds few entries the earliest is looked up; one with many is dealt
 * out first, at its start.
 * Lock: the dispatcher lock guards every queue; a queue's clock is its own processor's, so entries are set on
 * the current processor only and may be removed from any.
 * Rejected: a heap (needs an array that cannot grow inside KeSetTimer); one list per tick (not exact). */
#include "ki.h"

enum { EXACT_LOOK = 8 };                /* entries of a slot that are looked through for the earliest */

static void (*Clients[2])(KTIMER_ENTRY *Entry);
static ULONG64 Expiries;                /* (d) since boot */

void KiSetTimerClients(void (*Timer)(KTIMER_ENTRY *), void (*Timeout)(KTIMER_ENTRY *))
{
    Clients[0] = Timer;
    Clients[1] = Timeout;
}

void KiInitializeTimerQueue(KI_TIMER_QUEUE *Queue, ULONG64 Now)
{
    Queue->Current = Now;
    Queue->NextDue = ~0ull;
    for (ULONG Level = 0; Level < TIMER_LEVELS; Level++)
        for (ULONG Slot = 0; Slot < TIMER_SLOTS; Slot++)
            InitializeListHead(&Queue->Slot[Level][Slot]);
}

/* floor(log64(Difference)) without a division. */
static ULONG LevelOf(ULONG64 Difference)
{
    return (((63u - (ULONG)__builtin_clzll(Difference | 1)) * 43) >> 8);
}

static void Link(KI_TIMER_QUEUE *Queue, KTIMER_ENTRY *Entry)
{
    ULONG64 Due = Entry->DueTime > Queue->Current ? Entry->DueTime : Queue->Current;
    ULONG Level = LevelOf(Due ^ Queue->Current);
    ULONG Slot = (ULONG)(Due >> (Level * TIMER_LEVEL_BITS)) % TIMER_SLOTS;

    InsertTailList(&Queue->Slot[Level][Slot], &Entry->TimerListEntry);
    Queue->Occupied[Level] |= 1ull << Slot;
    Queue->LevelSummary |= 1u << Level;
    if (Due < Queue->NextDue)
        Queue->NextDue = Due;
}

/* The slot that has run empty is known by its list head, which is all that is left in the list. */
static void NoteEmptySlot(KI_TIMER_QUEUE *Queue, PLIST_ENTRY Head)
{
    ULONG Index = (ULONG)(Head - &Queue->Slot[0][0]);
    ULONG Level = Index / TIMER_SLOTS;

    Queue->Occupied[Level] &= ~(1ull << (Index % TIMER_SLOTS));
    if (Queue->Occupied[Level] == 0)
        Queue->LevelSummary &= ~(1u << Level);
}

static void Unlink(KI_TIMER_QUEUE *Queue, KTIMER_ENTRY *Entry)
{
    PLIST_ENTRY After = Entry->TimerListEntry.Flink;

    if (RemoveEntryList(&Entry->TimerListEntry))
        NoteEmptySlot(Queue, After);
}

/* The next slot in time. LevelSummary is not 0. */
static void NextSlot(KI_TIMER_QUEUE *Queue, ULONG *Level, ULONG *Slot, ULONG64 *Start)
{
    ULONG Shift;

    *Level = (ULONG)__builtin_ctz(Queue->LevelSummary);
    *Slot = (ULONG)__builtin_ctzll(Queue->Occupied[*Level]);
    Shift = *Level * TIMER_LEVEL_BITS;
    *Start = (Queue->Current >> Shift >> TIMER_LEVEL_BITS << TIMER_LEVEL_BITS | *Slot) << Shift;
}

/* Bring Current to Now or to the first entry that is due, dealing out the slots on the way. Returns that
 * entry, unlinked, or NULL. */
static KTIMER_ENTRY *TakeDue(KI_TIMER_QUEUE *Queue, ULONG64 Now)
{
    ULONG Level, Slot;
    ULONG64 Start;

    while (Queue->LevelSummary != 0) {
        PLIST_ENTRY Head;

        NextSlot(Queue, &Level, &Slot, &Start);
        if (Start > Now)
            break;
        if (Start > Queue->Current)
            Queue->Current = Start;
        Head = &Queue->Slot[Level][Slot];
        if (Level == 0) {
            KTIMER_ENTRY *Entry = CONTAINING_RECORD(Head->Flink, KTIMER_ENTRY, TimerListEntry);

            Unlink(Queue, Entry);
            return Entry;
        }
        while (!IsListEmpty(Head)) {
            KTIMER_ENTRY *Entry = CONTAINING_RECORD(Head->Flink, KTIMER_ENTRY, TimerListEntry);

            Unlink(Queue, Entry);
            Link(Queue, Entry);
        }
    }
    if (Now > Queue->Current)
        Queue->Current = Now;
    return NULL;
}

/* The exact due time of the first entry, or a time shortly before it; ~0 if the queue is empty. */
static ULONG64 FindNextDue(KI_TIMER_QUEUE *Queue)
{
    ULONG Level, Slot, Looked = 0;
    ULONG64 Start, Earliest = ~0ull;
    PLIST_ENTRY Head;

    if (Queue->LevelSummary == 0)
        return ~0ull;
    NextSlot(Queue, &Level, &Slot, &Start);
    if (Level == 0)
        return Start;
    Head = &Queue->Slot[Level][Slot];
    for (PLIST_ENTRY Link = Head->Flink; Link != Head; Link = Link->Flink) {
        ULONG64 Due = CONTAINING_RECORD(Link, KTIMER_ENTRY, TimerListEntry)->DueTime;

        if (++Looked > EXACT_LOOK)
            return Start;
        if (Due < Earliest)
            Earliest = Due;
    }
    return Earliest;
}

/* ---- For timer.c, wait.c and clock.c ---- */

void KiInsertTimerEntry(KTIMER_ENTRY *Entry)
{
    PKPCR Pcr = KiCurrentPcr();

    KiAssertDispatcherHeld();
    Entry->Processor = (Entry->Processor & ~TIMER_ENTRY_PROCESSOR) | Pcr->Cpu.Number;
    Link(&Pcr->TimerQueue, Entry);
    KiArmClockEarlier(Pcr, Entry->DueTime);
}

ULONG64 KiTimerExpiries(void) { return Expiries; }

void KiRemoveTimerEntry(KTIMER_ENTRY *Entry)
{
    KiAssertDispatcherHeld();
    Unlink(&KiProcessorBlock[Entry->Processor & TIMER_ENTRY_PROCESSOR]->TimerQueue, Entry);
}

/* One entry per turn of the lock, so that interrupts are off only for as long as one expiry takes. */
void KiExpireTimers(PKPCR Pcr)
{
    ULONG64 Now = KiQueryTime();

    for (;;) {
        ULONG64 Flags = KiLockDispatcher();
        KTIMER_ENTRY *Entry = TakeDue(&Pcr->TimerQueue, Now);

        if (Entry != NULL) {
            Expiries++;
            Clients[(Entry->Processor & TIMER_ENTRY_TIMEOUT) != 0](Entry);
        } else {
            Pcr->TimerQueue.NextDue = FindNextDue(&Pcr->TimerQueue);
        }
        KiExitDispatcher(Flags);
        if (Entry == NULL)
            break;
    }
}

/* Due times of absolute entries end at MAXLONGLONG (clock.c), and so do they here. */
static ULONG64 Shifted(ULONG64 DueTime, LONG64 Delta)
{
    LONG64 Due;

    if (__builtin_sub_overflow((LONG64)DueTime, Delta, &Due))
        return MAXLONGLONG;
    return Due > 0 ? (ULONG64)Due : 0;
}

static void ShiftQueue(KI_TIMER_QUEUE *Queue, LONG64 Delta)
{
    LIST_ENTRY Moved;

    InitializeListHead(&Moved);
    for (ULONG Index = 0; Index < TIMER_LEVELS * TIMER_SLOTS; Index++) {
        PLIST_ENTRY Head = &Queue->Slot[0][0] + Index;

        for (PLIST_ENTRY Next, Link = Head->Flink; Link != Head; Link = Next) {
            KTIMER_ENTRY *Entry = CONTAINING_RECORD(Link, KTIMER_ENTRY, TimerListEntry);

            Next = Link->Flink;
            if (!(Entry->Processor & TIMER_ENTRY_ABSOLUTE))
                continue;
            Unlink(Queue, Entry);
            Entry->DueTime = Shifted(Entry->DueTime, Delta);
            InsertTailList(&Moved, &Entry->TimerListEntry);
        }
    }
    while (!IsListEmpty(&Moved)) {
        PLIST_ENTRY First = RemoveHeadList(&Moved);

        Link(Queue, CONTAINING_RECORD(First, KTIMER_ENTRY, TimerListEntry));
    }
}

/* The system time was set forward by Delta: absolute entries come due that much earlier. */
void KiShiftAbsoluteTimers(LONG64 Delta)
{
    KiAssertDispatcherHeld();
    for (ULONG Number = 0; Number < KiProcessorCount; Number++)
        ShiftQueue(&KiProcessorBlock[Number]->TimerQueue, Delta);
}

void KiForEachTimer(void (*Visit)(PVOID Context, KTIMER_ENTRY *Entry), PVOID Context)
{
    KiAssertDispatcherHeld();
    for (ULONG Number = 0; Number < KiProcessorCount; Number++) {
        KI_TIMER_QUEUE *Queue = &KiProcessorBlock[Number]->TimerQueue;

        for (ULONG Index = 0; Index < TIMER_LEVELS * TIMER_SLOTS; Index++) {
            PLIST_ENTRY Head = &Queue->Slot[0][0] + Index;

            for (PLIST_ENTRY Link = Head->Flink; Link != Head; Link = Link->Flink)
                Visit(Context, CONTAINING_RECORD(Link, KTIMER_ENTRY, TimerListEntry));
        }
    }
}
