/* dispatch.h - the header that every object one can wait on begins with, and the block that ties a
 * waiting thread to it. */
#pragma once

#include <rtl/ntdef.h>

struct _KTHREAD;

/* Header.Type. */
enum {
    EventNotificationObject = 0, EventSynchronizationObject = 1, MutantObject = 2, ProcessObject = 3,
    QueueObject = 4, SemaphoreObject = 5, ThreadObject = 6, GateObject = 7,
    TimerNotificationObject = 8, TimerSynchronizationObject = 9, MaximumDispatcherObject = 10,
    ApcObject = 0x12, DpcObject = 0x13
};

/* Beside the type, Header.Type has the object's lock. */
enum { HEADER_TYPE = 0x7F, HEADER_LOCKED = 0x80 };

/* Letter: (h) the header's own lock. The whole first quadword may change in one step while that lock is free: see
 * ke/wait.c. */
typedef struct _DISPATCHER_HEADER {
    union {
        struct {
            union {
                struct {
                    UCHAR Type;
                    union { UCHAR TimerControlFlags, Abandoned, Signalling; };
                    union { UCHAR Size, Hand, ThreadControlFlags; };
                    union {
                        UCHAR DpcActive, DebugActive, TimerMiscFlags;
                        struct { UCHAR Index : 6, Inserted : 1, Expired : 1; };
                    };
                };
                volatile LONG Lock;
            };
            volatile LONG SignalState;  /* (h) signalled when > 0 */
        };
        volatile ULONG64 LockAndState;
    };
    LIST_ENTRY WaitListHead;            /* (h) KWAIT_BLOCK.WaitListEntry, oldest first */
} DISPATCHER_HEADER, *PDISPATCHER_HEADER;

FORCEINLINE UCHAR KeObjectType(const DISPATCHER_HEADER *Object) { return Object->Type & HEADER_TYPE; }

C_ASSERT(sizeof(DISPATCHER_HEADER) == 0x18);
C_ASSERT(offsetof(DISPATCHER_HEADER, Size) == 2 && offsetof(DISPATCHER_HEADER, DpcActive) == 3);
C_ASSERT(offsetof(DISPATCHER_HEADER, SignalState) == 4 && offsetof(DISPATCHER_HEADER, WaitListHead) == 8);

typedef enum _WAIT_TYPE { WaitAll, WaitAny } WAIT_TYPE;

typedef enum _KWAIT_REASON {
    Executive, FreePage, PageIn, PoolAllocation, DelayExecution, Suspended, UserRequest,
    WrExecutive, WrFreePage, WrPageIn, WrPoolAllocation, WrDelayExecution, WrSuspended, WrUserRequest,
    WrEventPair, WrQueue, WrLpcReceive, WrLpcReply, WrVirtualMemory, WrPageOut, WrRendezvous,
    WrKeyedEvent, WrTerminated, WrProcessInSwap, WrCpuRateControl, WrCalloutStack, WrKernel,
    WrResource, WrPushLock, WrMutex, WrQuantumEnd, WrDispatchInt, WrPreempted, WrYieldExecution,
    WrFastMutex, WrGuardedMutex, WrRundown, MaximumWaitReason
} KWAIT_REASON;

C_ASSERT(WrQueue == 15 && WrResource == 27 && WrMutex == 29 && WrFastMutex == 34 && WrGuardedMutex == 35);

typedef struct _KWAIT_BLOCK {
    LIST_ENTRY WaitListEntry;   /* (h) in Object's WaitListHead, while BlockState is BlockLinked */
    struct _KTHREAD *Thread;
    PVOID Object;
    struct _KWAIT_BLOCK *NextWaitBlock;
    USHORT WaitKey;             /* what the wait returns if this block ends it */
    UCHAR WaitType;             /* WAIT_TYPE */
    volatile UCHAR BlockState;  /* (h) BLOCK_STATE; who made it BlockFree does not touch the block again */
    ULONG InOrder;              /* of a wait for several: index of the block whose object's address has this rank */
} KWAIT_BLOCK, *PKWAIT_BLOCK;

typedef enum _BLOCK_STATE { BlockFree, BlockLinked } BLOCK_STATE;

C_ASSERT(sizeof(KWAIT_BLOCK) == 0x30 && offsetof(KWAIT_BLOCK, WaitKey) == 0x28);

enum { THREAD_WAIT_OBJECTS = 3, MAXIMUM_WAIT_OBJECTS = 64 };

NTSTATUS KeWaitForSingleObject(PVOID Object, KWAIT_REASON WaitReason, KPROCESSOR_MODE WaitMode,
                               BOOLEAN Alertable, PLARGE_INTEGER Timeout);
NTSTATUS KeWaitForMultipleObjects(ULONG Count, PVOID Object[], WAIT_TYPE WaitType, KWAIT_REASON WaitReason,
                                  KPROCESSOR_MODE WaitMode, BOOLEAN Alertable, PLARGE_INTEGER Timeout,
                                  PKWAIT_BLOCK WaitBlockArray);
NTSTATUS KeDelayExecutionThread(KPROCESSOR_MODE WaitMode, BOOLEAN Alertable, PLARGE_INTEGER Interval);
