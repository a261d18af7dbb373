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
 * Lock: each queue has its own, interrupts off; a queue's clock is its own processor's, so entries are set on the
 * current processor only and may be removed from any. Its holder may hold the lock of the timer, or of the thread that
 * the entry belongs to. An entry that comes due is found from the queue, against that order: what it calls (a client)
 * only tries, and where it fails the queue is unlocked for whoever holds it up, who may be here to take the entry out.
 * Absolute entries are kept as interrupt time, by the queue's own Bias, which moves with them when the system time is
 * set; so one that is set at the same moment is moved once, whoever comes first.
 * Rejected: a heap (needs an array that cannot grow inside KeSetTimer); one list per tick (not exact). */
#include "ki.h"

enum { EXACT_LOOK = 8 };                /* entries of a slot that are looked through for the earliest */

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

void KiUnlinkTimerEntry(KI_TIMER_QUEUE *Queue, KTIMER_ENTRY *Entry)
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
 * entry, still linked, or NULL. */
static KTIMER_ENTRY *FindDue(KI_TIMER_QUEUE *Queue, ULONG64 Now)
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
        if (Level == 0)
            return CONTAINING_RECORD(Head->Flink, KTIMER_ENTRY, TimerListEntry);
        while (!IsListEmpty(Head)) {
            KTIMER_ENTRY *Entry = CONTAINING_RECORD(Head->Flink, KTIMER_ENTRY, TimerListEntry);

            KiUnlinkTimerEntry(Queue, Entry);
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

/* Due times of absolute entries end at MAXLONGLONG (clock.c), and so do they here. */
static ULONG64 Shifted(ULONG64 DueTime, LONG64 Delta)
{
    LONG64 Due;

    if (__builtin_sub_overflow((LONG64)DueTime, Delta, &Due))
        return MAXLONGLONG;
    return Due > 0 ? (ULONG64)Due : 0;
}

void KiInsertTimerEntry(KTIMER_ENTRY *Entry)
{
    PKPCR Pcr = KiCurrentPcr();
    KI_TIMER_QUEUE *Queue = &Pcr->TimerQueue;

    Entry->Processor = (Entry->Processor & ~TIMER_ENTRY_PROCESSOR) | Pcr->Cpu.Number;
    KiAcquireRawLock(&Queue->Lock);
    if (UNLIKELY(Entry->Processor & TIMER_ENTRY_ABSOLUTE))
        Entry->DueTime = Shifted(Entry->DueTime, Queue->Bias);
    Link(Queue, Entry);
    KiReleaseRawLock(&Queue->Lock);
    KiArmClockEarlier(Pcr, Entry->DueTime);
}

ULONG64 KiTimerExpiries(void)
{
    ULONG64 Sum = 0;

    for (ULONG Number = 0; Number < KiProcessorCount; Number++)
        Sum += KiProcessorBlock[Number]->TimerQueue.Expiries;
    return Sum;
}

FORCEINLINE KI_TIMER_QUEUE *QueueOf(KTIMER_ENTRY *Entry)
{
    return &KiProcessorBlock[Entry->Processor & TIMER_ENTRY_PROCESSOR]->TimerQueue;
}

void KiRemoveTimerEntry(KTIMER_ENTRY *Entry)
{
    KI_TIMER_QUEUE *Queue = QueueOf(Entry);

    KiAcquireRawLock(&Queue->Lock);
    KiUnlinkTimerEntry(Queue, Entry);
    KiReleaseRawLock(&Queue->Lock);
}

void KiRemoveTimeout(PKTHREAD Thread)
{
    KI_TIMER_QUEUE *Queue = QueueOf(&Thread->Timeout);

    KiAcquireRawLock(&Queue->Lock);
    if (Thread->TimeoutQueued)
        KiUnlinkTimerEntry(Queue, &Thread->Timeout);
    Thread->TimeoutQueued = FALSE;
    KiReleaseRawLock(&Queue->Lock);
}

/* One entry per turn of the lock, so that interrupts are off only for as long as one expiry takes. */
void KiExpireTimers(PKPCR Pcr)
{
    KI_TIMER_QUEUE *Queue = &Pcr->TimerQueue;
    ULONG64 Now = KiQueryTime();
    KTIMER_ENTRY *Entry;

    do {
        ULONG64 Flags = ArchDisableInterrupts();

        KiAcquireRawLock(&Queue->Lock);
        Entry = FindDue(Queue, Now);
        if (Entry == NULL) {
            Queue->NextDue = FindNextDue(Queue);
            KiReleaseRawLock(&Queue->Lock);
        } else if (Clients[(Entry->Processor & TIMER_ENTRY_TIMEOUT) != 0](Queue, Entry)) {
            Queue->Expiries++;
        } else {
            KiReleaseRawLock(&Queue->Lock);
            ArchPause();
        }
        KiLeave(Flags);
    } while (Entry != NULL);
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
            KiUnlinkTimerEntry(Queue, Entry);
            Entry->DueTime = Shifted(Entry->DueTime, Delta);
            InsertTailList(&Moved, &Entry->TimerListEntry);
        }
    }
    while (!IsListEmpty(&Moved)) {
        PLIST_ENTRY First = RemoveHeadList(&Moved);

        Link(Queue, CONTAINING_RECORD(First, KTIMER_ENTRY, TimerListEntry));
    }
}

/* One queue after the other. An absolute entry of one that the system time overtakes comes due that much earlier. */
void KiShiftAbsoluteTimers(LONG64 Bias)
{
    for (ULONG Number = 0; Number < KiProcessorCount; Number++) {
        KI_TIMER_QUEUE *Queue = &KiProcessorBlock[Number]->TimerQueue;

        KiAcquireRawLock(&Queue->Lock);
        ShiftQueue(Queue, Bias - Queue->Bias);
        Queue->Bias = Bias;
        KiReleaseRawLock(&Queue->Lock);
    }
}

void KiForEachTimer(void (*Visit)(PVOID Context, KTIMER_ENTRY *Entry), PVOID Context)
{
    for (ULONG Number = 0; Number < KiProcessorCount; Number++) {
        KI_TIMER_QUEUE *Queue = &KiProcessorBlock[Number]->TimerQueue;

        KiAcquireRawLock(&Queue->Lock);
        for (ULONG Index = 0; Index < TIMER_LEVELS * TIMER_SLOTS; Index++) {
            PLIST_ENTRY Head = &Queue->Slot[0][0] + Index;

            for (PLIST_ENTRY Link = Head->Flink; Link != Head; Link = Link->Flink)
                Visit(Context, CONTAINING_RECORD(Link, KTIMER_ENTRY, TimerListEntry));
        }
        KiReleaseRawLock(&Queue->Lock);
    }
}
