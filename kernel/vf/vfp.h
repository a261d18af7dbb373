/* vfp.h - what the verifier's sources share. */
#pragma once

#include <ex/resource.h>
#include <ke/dispatch.h>
#include <ke/irql.h>
#include <rtl/ntdef.h>
#include <rtl/stacktrace.h>
#include <vf/rules.h>

enum { VFP_PLACE_SIZE = 128 };

/* Where the driver called us: to be used in the routine that it calls, nowhere deeper. */
#define VFP_CALLER __builtin_return_address(0)

typedef struct _VFP_PLACE { char Text[VFP_PLACE_SIZE]; } VFP_PLACE;

/* report.c: an address of code or of a variable, as a person reads it. */
const char *VfpDescribe(VFP_PLACE *Place, const void *Address);

/* irql.c: called first by every routine that a driver is bound to. */
void VfpCheckCall(void);

/* A lock is known by its address. */
typedef enum _VFP_LOCK_KIND {
    VfpSpinLock, VfpMutex,
    VfpFastMutex, VfpFastMutexUnsafe, VfpGuardedMutex, VfpGuardedMutexUnsafe,   /* as they were taken */
    VfpResource, VfpPushLock,                                                   /* exclusively */
    VfpResourceShared, VfpPushLockShared, VfpSpinLockShared,
    VfpResourceStarving                                                         /* shared, before who waits for it */
} VFP_LOCK_KIND;

FORCEINLINE BOOLEAN VfpIsSpinLock(VFP_LOCK_KIND Kind) { return Kind == VfpSpinLock || Kind == VfpSpinLockShared; }

FORCEINLINE BOOLEAN VfpIsFastMutex(VFP_LOCK_KIND Kind)
{
    return Kind >= VfpFastMutex && Kind <= VfpGuardedMutexUnsafe;
}

FORCEINLINE BOOLEAN VfpIsShared(VFP_LOCK_KIND Kind) { return Kind >= VfpResourceShared; }

/* held.c: who holds what */
enum { VFP_HELD_AT_ONCE = 1024, VFP_HELD_BY_ONE = 32 };

typedef struct _VFP_HELD {
    struct _VFP_HELD *Next;
    PVOID Lock, Place;
    struct _KTHREAD *Thread;    /* NULL: a DPC routine took it, or Pointer has it now */
    ERESOURCE_THREAD Pointer;   /* 0: no owner pointer */
    ULONG Processor;
    ULONG Levels;
    VFP_LOCK_KIND Kind;
} VFP_HELD;

/* Who is asking. */
typedef struct _VFP_HOLDER {
    struct _KTHREAD *Thread;
    ULONG Processor;
    BOOLEAN InDpc;
    KIRQL Irql;
} VFP_HOLDER;

typedef struct _VFP_HOLD { PVOID Lock, Place; UCHAR Kind; } VFP_HOLD;

KIRQL VfpEnter(void);                   /* the verifier's own lock, at HIGH_LEVEL */
void VfpLeave(KIRQL Irql);
KIRQL VfpCallerIrql(void);              /* that of the driver's call, also between the two */
const char *VfpKindName(VFP_LOCK_KIND Kind);
BOOLEAN VfpHoldsSpinLock(PVOID *Lock, PVOID *Place);    /* the current thread, whatever its IRQL */
ULONG VfpRegionsOfMutexes(void);        /* how many levels of critical region the current thread's mutexes make */
ULONG VfpRegionsOfGuardedMutexes(void); /* and of guarded region */
void VfpPrintHeld(void);                /* for the stop screen */

/* Inside VfpEnter: */
VFP_HOLDER VfpSelf(KIRQL Irql);
const VFP_HELD *VfpFirstHeld(void);
VFP_HELD *VfpFindHeld(const void *Lock);                                /* one entry of it; NULL: nobody holds it */
VFP_HELD *VfpFindMine(const void *Lock, const VFP_HOLDER *Who);
VFP_HELD *VfpFindOf(const void *Lock, ERESOURCE_THREAD Owner);          /* a thread or an owner pointer */
BOOLEAN VfpAddHeld(PVOID Lock, VFP_LOCK_KIND Kind, PVOID Place, const VFP_HOLDER *Who);    /* FALSE: one too many */
void VfpRemoveHeld(VFP_HELD *Held);
void VfpGiveBack(VFP_HELD *Held);                                       /* one level */
void VfpRemoveStale(const void *Lock, VFP_LOCK_KIND Kind);
ULONG VfpCollectHeld(const VFP_HOLDER *Who, VFP_HOLD *Holds);           /* VFP_HELD_BY_ONE at most */
BOOLEAN VfpGaveUp(void);                                                /* the list is not kept any more */
const char *VfpDescribeHolder(const VFP_HELD *Held, char *Text, SIZE_T Size);

BOOLEAN VfpIsOnStack(const void *Address);

/* locks.c: the rules */
void VfpAcquiring(PVOID Lock, VFP_LOCK_KIND Kind, PVOID Place);     /* it may wait for ever: may it? */
void VfpAcquired(PVOID Lock, VFP_LOCK_KIND Kind, PVOID Place);
void VfpReleasing(PVOID Lock, VFP_LOCK_KIND Kind);                  /* one level; stops if somebody else holds it */
void VfpReleasingFor(PVOID Lock, ERESOURCE_THREAD Owner);           /* one level of a thread or an owner pointer */
void VfpTransferring(PVOID Lock, ERESOURCE_THREAD Pointer);         /* the current thread's levels are Pointer's */
void VfpSharing(PVOID Lock);                                        /* who holds it exclusively only shares it now */
/* What: what is wrong with the resource; and who has it is told, if that is known. */
DECLSPEC_NORETURN void VfpStopHeld(ULONG Rule, PERESOURCE Lock, const char *What);
void VfpForget(PVOID Lock);                                         /* whoever holds it does no more */
void VfpInitialized(PVOID Lock, VFP_LOCK_KIND Kind);
void VfpFastMutexInitialized(PVOID Mutex);      /* or another event, where a fast mutex would have its own */
void VfpThreadEnds(void);
void VfpMemoryEnds(const void *Start, SIZE_T Size, PVOID Place);    /* locks in it are no more */

/* order.c: which lock was taken while which was held. Inside VfpEnter. */
void VfpInitializeOrder(void);
void VfpCheckOrder(const VFP_HOLD *Held, ULONG Count, const VFP_HOLD *Wanted);
void VfpForgetOrder(const void *Start, SIZE_T Size);
void VfpForgetFastMutex(const void *Mutex);     /* if what was known at that address is one */

/* work.c */
struct _WORK_QUEUE_ITEM;
BOOLEAN VfpIsQueued(struct _WORK_QUEUE_ITEM *Item);

/* lookaside.c */
void VfpCheckLookasidesIn(const void *Start, SIZE_T Size, PVOID Freer);

/* memory.c, thread.c */
void VfpInitializeMemory(void);
void VfpInitializeThreads(void);
