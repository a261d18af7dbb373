/* mutant.h - the mutex object: owned, recursive, abandonable. */
#pragma once

#include <ke/dispatch.h>

struct _KTHREAD;

typedef struct _KMUTANT {
    DISPATCHER_HEADER Header;
    LIST_ENTRY MutantListEntry;         /* (d) in the owner's MutantListHead */
    struct _KTHREAD *OwnerThread;       /* (d) */
    BOOLEAN Abandoned;                  /* (d) */
    UCHAR ApcDisable;                   /* how much owning it lowers the owner's KernelApcDisable */
} KMUTANT, *PKMUTANT, *PRKMUTANT, KMUTEX, *PKMUTEX, *PRKMUTEX;

C_ASSERT(sizeof(KMUTANT) == 0x38 && offsetof(KMUTANT, MutantListEntry) == 0x18);
C_ASSERT(offsetof(KMUTANT, OwnerThread) == 0x28 && offsetof(KMUTANT, Abandoned) == 0x30);
C_ASSERT(offsetof(KMUTANT, ApcDisable) == 0x31);

enum { MUTANT_INCREMENT = 1 };

VOID KeInitializeMutant(PRKMUTANT Mutant, BOOLEAN InitialOwner);
VOID KeInitializeMutex(PRKMUTEX Mutex, ULONG Level);
LONG KeReleaseMutant(PRKMUTANT Mutant, KPRIORITY Increment, BOOLEAN Abandoned, BOOLEAN Wait);
LONG KeReleaseMutex(PRKMUTEX Mutex, BOOLEAN Wait);
LONG KeReadStateMutant(PRKMUTANT Mutant);
LONG KeReadStateMutex(PRKMUTEX Mutex);
NTSTATUS KeWaitForMutexObject(PVOID Mutex, KWAIT_REASON WaitReason, KPROCESSOR_MODE WaitMode, BOOLEAN Alertable,
                              PLARGE_INTEGER Timeout);

/* A mutex, not a mere mutant, that the current thread owns; NULL: it may end. */
PKMUTANT KeFindOwnedMutex(void);
