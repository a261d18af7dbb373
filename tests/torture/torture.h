/* torture.h - what the files of the torture suite share: a round, its objects, and the actors that fight for them.
 *
 * A round is a few thousand operations by many threads on a few objects, all drawn from one seed. Counters are kept
 * beside each object by whoever gives or takes; when everybody has stopped, they must agree with the object.
 * Letters: (a) anybody, interlocked  (o) the actor itself  (i) fixed before the actors start
 *          (1) on one processor: at DISPATCH_LEVEL, so nobody else runs */
#pragma once

#include <ke/apc.h>
#include <ke/dpc.h>
#include <ke/event.h>
#include <ke/mutant.h>
#include <ke/queue.h>
#include <ke/semaphore.h>
#include <ke/thread.h>
#include <ke/timer.h>

enum { TORTURE_OBJECTS = 24, TORTURE_ACTORS = 200, TORTURE_WAIT = 6, TORTURE_MILLISECOND = 10000 };

/* PulsedKind: a synchronization event that is also pulsed and cleared, which tells nobody what became of the signal. */
typedef enum _OBJECT_KIND {
    NotificationKind, SyncKind, PulsedKind, SemaphoreKind, MutantKind, MutexKind, TimerKind, SyncTimerKind, ObjectKinds
} OBJECT_KIND;

typedef struct _OBJECT {
    union {
        DISPATCHER_HEADER Header;
        KEVENT Event;
        KSEMAPHORE Semaphore;
        KMUTANT Mutant;
        KTIMER Timer;
    };
    OBJECT_KIND Kind;                   /* (i) */
    volatile LONG64 Given, Taken;       /* (a) signals in and out */
    struct _ACTOR *volatile Holder;     /* (a) of a mutant: who is inside */
    KDPC Dpc;                           /* of a timer */
    volatile LONG DpcRuns;              /* (a) */
} OBJECT;

/* An entry of the round's queue. */
typedef struct _TOKEN {
    LIST_ENTRY Entry;
    volatile LONG Queued;               /* (a) */
} TOKEN;

/* What an actor waits for; Count is 0 while it does not. */
typedef struct _WAIT {
    volatile ULONG Count;               /* (1) */
    WAIT_TYPE Type;
    OBJECT *Objects[TORTURE_WAIT];
    ULONG64 Ticket;                     /* (1) order in which the waits began */
    volatile BOOLEAN Moved;             /* an APC interrupted it: it stands at a tail now, the ticket is stale */
    BOOLEAN Alertable, Timed;
    LARGE_INTEGER Timeout;
    ULONG64 Due;                        /* interrupt time before which it may not time out */
} WAIT;

typedef struct _ACTOR {
    PKTHREAD Thread;                    /* (i) referenced */
    ULONG64 Random;                     /* (o) */
    WAIT Wait;                          /* (o), read by others (1) */
    KWAIT_BLOCK Blocks[TORTURE_WAIT];
    KEVENT Scratch;                     /* set with Wait=TRUE just to begin a wait at DISPATCH_LEVEL */
    KDPC Dpc;
    KAPC Apc;
    volatile LONG ApcBusy;              /* (a) Apc is queued or running somewhere */
    TOKEN Token;
} ACTOR;

typedef struct _ROUND {
    ULONG64 Seed;                       /* (i) */
    ULONG Actors, Objects, Budget;      /* (i) Budget: operations of each actor */
    BOOLEAN OneProcessor;               /* (i) everything happens on processor 0, so order can be foreseen */
    BOOLEAN RealTime;                   /* (i) long sleeps cost time */
    KEVENT Start, Gate;
    KQUEUE Queue;
    ULONG64 Tickets;                    /* (1) */
    volatile LONG64 Operations;         /* (a) done so far */
    volatile LONG Arrived;              /* (a) actors that have used up their budget */
    volatile LONG64 AlertsGiven, AlertsTaken, ApcsGiven, ApcsTaken, DpcsGiven, DpcsTaken;       /* (a) */
    volatile LONG64 EntriesGiven, EntriesTaken, AbandonsGiven, AbandonsTaken;                   /* (a) */
} ROUND;

extern ROUND TortureRound;
extern OBJECT TortureObjects[TORTURE_OBJECTS];
extern ACTOR TortureActors[TORTURE_ACTORS];

#define TORTURE_COUNT(Counter, Units) ((void)__atomic_fetch_add(&(Counter), (Units), __ATOMIC_RELAXED))

/* ---- random numbers: each drawer has a state of its own ---- */
ULONG64 TortureMix(ULONG64 Value);              /* Value well shaken: makes seeds from numbers in a row */
ULONG64 TortureRandom(ULONG64 *State);
FORCEINLINE ULONG TorturePick(ULONG64 *State, ULONG Below) { return (ULONG)((TortureRandom(State) >> 32) % Below); }

/* ---- model.c ---- */
void TortureInitializeObjects(ULONG64 *Random);
void TortureGive(OBJECT *Object, ULONG64 Random);       /* <= DISPATCH_LEVEL: some signal, or what takes one back */
void TortureFeed(OBJECT *Object);                       /* a signal for sure, unless it is a mutant's owner's to give */
void TortureTook(ACTOR *Self, OBJECT *Object);          /* a wait gave it to Self */
void TortureRelease(ACTOR *Self, OBJECT *Object);       /* Self took this mutant once */
void TortureCheckObjects(void);                         /* everybody has stopped */

/* ---- actor.c ---- */
void TortureActor(PVOID Actor);                         /* the actor's thread */
