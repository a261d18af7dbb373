/* fastmutex.h - fast mutexes, and guarded mutexes, which are the same lock in a guarded region. */
#pragma once

#include <ke/event.h>

struct _KTHREAD;

/* Bits of Count. LOCK is set while the mutex is free: the inline initialiser of the DDK stores 1. */
enum { FM_LOCK_BIT = 1, FM_LOCK_WAITER_WOKEN = 2, FM_LOCK_WAITER_INC = 4 };

typedef struct _FAST_MUTEX {
    volatile LONG Count;                /* the bits above; waiters in steps of FM_LOCK_WAITER_INC */
    struct _KTHREAD *Owner;             /* (owner) */
    ULONG Contention;                   /* acquisitions that did not succeed at once */
    KEVENT Event;                       /* one waiter is let through per signal */
    ULONG OldIrql;                      /* (owner) IRQL to go back to; untouched by the unsafe forms */
} FAST_MUTEX, *PFAST_MUTEX;

C_ASSERT(sizeof(FAST_MUTEX) == 0x38 && offsetof(FAST_MUTEX, Owner) == 8 && offsetof(FAST_MUTEX, Contention) == 0x10);
C_ASSERT(offsetof(FAST_MUTEX, Event) == 0x18 && offsetof(FAST_MUTEX, OldIrql) == 0x30);

typedef struct _KGATE { DISPATCHER_HEADER Header; } KGATE, *PKGATE;

typedef struct _KGUARDED_MUTEX {
    volatile LONG Count;
    struct _KTHREAD *Owner;
    ULONG Contention;
    KGATE Gate;
    union {
        struct { SHORT KernelApcDisable, SpecialApcDisable; };
        ULONG CombinedApcDisable;
    };
} KGUARDED_MUTEX, *PKGUARDED_MUTEX;

C_ASSERT(sizeof(KGUARDED_MUTEX) == sizeof(FAST_MUTEX));
C_ASSERT(offsetof(KGUARDED_MUTEX, Owner) == 8 && offsetof(KGUARDED_MUTEX, Contention) == 0x10);
C_ASSERT(offsetof(KGUARDED_MUTEX, Gate) == 0x18 && offsetof(KGUARDED_MUTEX, CombinedApcDisable) == 0x30);

/* As drivers have it inline: OldIrql stays as found. IRQL: <= DISPATCH_LEVEL. */
FORCEINLINE VOID ExInitializeFastMutex(PFAST_MUTEX FastMutex)
{
    FastMutex->Count = FM_LOCK_BIT;
    FastMutex->Owner = NULL;
    FastMutex->Contention = 0;
    KeInitializeEvent(&FastMutex->Event, SynchronizationEvent, FALSE);
}

VOID ExAcquireFastMutex(PFAST_MUTEX FastMutex);
BOOLEAN ExTryToAcquireFastMutex(PFAST_MUTEX FastMutex);
VOID ExReleaseFastMutex(PFAST_MUTEX FastMutex);
VOID ExAcquireFastMutexUnsafe(PFAST_MUTEX FastMutex);
VOID ExReleaseFastMutexUnsafe(PFAST_MUTEX FastMutex);
VOID ExEnterCriticalRegionAndAcquireFastMutexUnsafe(PFAST_MUTEX FastMutex);
VOID ExReleaseFastMutexUnsafeAndLeaveCriticalRegion(PFAST_MUTEX FastMutex);

VOID KeInitializeGuardedMutex(PKGUARDED_MUTEX Mutex);
VOID KeAcquireGuardedMutex(PKGUARDED_MUTEX Mutex);
BOOLEAN KeTryToAcquireGuardedMutex(PKGUARDED_MUTEX Mutex);
VOID KeReleaseGuardedMutex(PKGUARDED_MUTEX Mutex);
VOID KeAcquireGuardedMutexUnsafe(PKGUARDED_MUTEX Mutex);
VOID KeReleaseGuardedMutexUnsafe(PKGUARDED_MUTEX Mutex);
