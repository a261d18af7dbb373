/* semaphore.h - the semaphore object: a count up to a limit. */
#pragma once

#include <ke/dispatch.h>

typedef struct _KSEMAPHORE {
    DISPATCHER_HEADER Header;
    LONG Limit;
} KSEMAPHORE, *PKSEMAPHORE, *PRKSEMAPHORE;

C_ASSERT(sizeof(KSEMAPHORE) == 0x20 && offsetof(KSEMAPHORE, Limit) == 0x18);

enum { SEMAPHORE_INCREMENT = 1 };

VOID KeInitializeSemaphore(PRKSEMAPHORE Semaphore, LONG Count, LONG Limit);
LONG KeReleaseSemaphore(PRKSEMAPHORE Semaphore, KPRIORITY Increment, LONG Adjustment, BOOLEAN Wait);
NTSTATUS KeTryToReleaseSemaphore(PRKSEMAPHORE Semaphore, KPRIORITY Increment, LONG Adjustment, PLONG Previous);
LONG KeReadStateSemaphore(PRKSEMAPHORE Semaphore);
