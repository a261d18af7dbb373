/* vfp.h - what the verifier's sources share. */
#pragma once

#include <ke/dispatch.h>
#include <ke/irql.h>
#include <rtl/ntdef.h>
#include <rtl/stacktrace.h>
#include <vf/rules.h>

enum { VFP_PLACE_SIZE = 128 };

/* Where the driver called us: to be used in the routine that it calls, nowhere deeper. */
#define VFP_CALLER __builtin_return_address(0)

typedef struct _VFP_PLACE { char Text[VFP_PLACE_SIZE]; } VFP_PLACE;

/* An address of code or of a variable, as a person reads it. */
const char *VfpDescribe(VFP_PLACE *Place, const void *Address);

/* irql.c: called first by every routine that a driver is bound to. */
void VfpCheckCall(void);

/* locks.c: who holds what. A lock is known by its address. */
typedef enum _VFP_LOCK_KIND { VfpSpinLock, VfpMutex } VFP_LOCK_KIND;

KIRQL VfpEnter(void);                   /* the verifier's own lock, at HIGH_LEVEL */
void VfpLeave(KIRQL Irql);
KIRQL VfpCallerIrql(void);              /* that of the driver's call, also between the two */
void VfpAcquiring(PVOID Lock, VFP_LOCK_KIND Kind, PVOID Place);     /* it may wait for ever: may it? */
void VfpAcquired(PVOID Lock, VFP_LOCK_KIND Kind, PVOID Place);
void VfpReleasing(PVOID Lock, VFP_LOCK_KIND Kind);                  /* one level; stops if somebody else holds it */
void VfpForget(PVOID Lock);                                         /* whoever holds it does no more */
void VfpInitialized(PVOID Lock, VFP_LOCK_KIND Kind);
BOOLEAN VfpHoldsSpinLock(PVOID *Lock, PVOID *Place);                /* the current thread, whatever its IRQL */
ULONG VfpRegionsOfMutexes(void);        /* how many levels of critical region the current thread's mutexes make */
void VfpThreadEnds(void);
void VfpMemoryEnds(const void *Start, SIZE_T Size, PVOID Place);    /* locks in it are no more */

/* order.c: which lock was taken while which was held. Inside VfpEnter. */
typedef struct _VFP_HOLD { PVOID Lock, Place; UCHAR Kind; } VFP_HOLD;

void VfpInitializeOrder(void);
void VfpCheckOrder(const VFP_HOLD *Held, ULONG Count, const VFP_HOLD *Wanted);
void VfpForgetOrder(const void *Start, SIZE_T Size);
const char *VfpKindName(VFP_LOCK_KIND Kind);

/* memory.c, thread.c */
void VfpInitializeMemory(void);
void VfpInitializeThreads(void);
