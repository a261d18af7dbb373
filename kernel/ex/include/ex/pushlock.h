/* pushlock.h - push locks: one exclusive or many shared owners, in one word. */
#pragma once

#include <rtl/ntdef.h>

typedef ULONG_PTR EX_PUSH_LOCK, *PEX_PUSH_LOCK;

/* Bits of the word; 0: free. Above them the number of shared owners, or while threads wait the youngest one's block. */
enum { PUSH_LOCK_LOCKED = 1, PUSH_LOCK_WAITING = 2, PUSH_LOCK_BITS = 15, PUSH_LOCK_SHARE = 16 };

/* No automatic boost is done here, so there is none to disable. */
enum { EX_DEFAULT_PUSH_LOCK_FLAGS = 0, EX_PUSH_LOCK_FLAGS_KNOWN = 3 };

VOID ExInitializePushLock(PEX_PUSH_LOCK PushLock);
VOID ExAcquirePushLockExclusiveEx(PEX_PUSH_LOCK PushLock, ULONG Flags);
VOID ExAcquirePushLockSharedEx(PEX_PUSH_LOCK PushLock, ULONG Flags);
BOOLEAN ExTryAcquirePushLockExclusiveEx(PEX_PUSH_LOCK PushLock, ULONG Flags);
BOOLEAN ExTryAcquirePushLockSharedEx(PEX_PUSH_LOCK PushLock, ULONG Flags);
VOID ExReleasePushLockExclusiveEx(PEX_PUSH_LOCK PushLock, ULONG Flags);
VOID ExReleasePushLockSharedEx(PEX_PUSH_LOCK PushLock, ULONG Flags);
VOID ExReleasePushLockEx(PEX_PUSH_LOCK PushLock, ULONG Flags);

VOID ExfAcquirePushLockExclusive(PEX_PUSH_LOCK PushLock);
VOID ExfAcquirePushLockShared(PEX_PUSH_LOCK PushLock);
BOOLEAN ExfTryAcquirePushLockShared(PEX_PUSH_LOCK PushLock);
VOID ExfReleasePushLockExclusive(PEX_PUSH_LOCK PushLock);
VOID ExfReleasePushLockShared(PEX_PUSH_LOCK PushLock);
VOID ExfReleasePushLock(PEX_PUSH_LOCK PushLock);
VOID ExfTryToWakePushLock(PEX_PUSH_LOCK PushLock);
