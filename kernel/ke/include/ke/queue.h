/* queue.h - the queue object: entries for threads that serve them, no more at a time than it allows. */
#pragma once

#include <ke/dispatch.h>

typedef struct _KQUEUE {
    DISPATCHER_HEADER Header;           /* SignalState: entries queued */
    LIST_ENTRY EntryListHead;           /* (h) */
    volatile ULONG CurrentCount;        /* (h) its threads that are not blocked */
    ULONG MaximumCount;
    LIST_ENTRY ThreadListHead;          /* (h) threads that serve it */
} KQUEUE, *PKQUEUE, *PRKQUEUE;

C_ASSERT(sizeof(KQUEUE) == 0x40 && offsetof(KQUEUE, EntryListHead) == 0x18);
C_ASSERT(offsetof(KQUEUE, CurrentCount) == 0x28 && offsetof(KQUEUE, MaximumCount) == 0x2C);
C_ASSERT(offsetof(KQUEUE, ThreadListHead) == 0x30);

VOID KeInitializeQueue(PRKQUEUE Queue, ULONG Count);
LONG KeInsertQueue(PRKQUEUE Queue, PLIST_ENTRY Entry);
LONG KeInsertHeadQueue(PRKQUEUE Queue, PLIST_ENTRY Entry);
PLIST_ENTRY KeRemoveQueue(PRKQUEUE Queue, KPROCESSOR_MODE WaitMode, PLARGE_INTEGER Timeout);
PLIST_ENTRY KeRundownQueue(PRKQUEUE Queue);
LONG KeReadStateQueue(PRKQUEUE Queue);

/* Calls Entry for each entry of Queue, then Server for each thread that serves it, all at one instant: under the
 * queue's lock, so neither may do more than look. <= DISPATCH_LEVEL. */
void KeInspectQueue(PRKQUEUE Queue, void (*Entry)(PVOID Context, PLIST_ENTRY Entry),
                    void (*Server)(PVOID Context, struct _KTHREAD *Thread), PVOID Context);
