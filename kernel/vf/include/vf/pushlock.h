/* pushlock.h - what drivers are bound to with the verifier on: push lock routines that check first. */
#pragma once

#include <ex/pushlock.h>

VOID VfExInitializePushLock(PEX_PUSH_LOCK PushLock);
VOID VfExAcquirePushLockExclusiveEx(PEX_PUSH_LOCK PushLock, ULONG Flags);
VOID VfExAcquirePushLockSharedEx(PEX_PUSH_LOCK PushLock, ULONG Flags);
BOOLEAN VfExTryAcquirePushLockExclusiveEx(PEX_PUSH_LOCK PushLock, ULONG Flags);
BOOLEAN VfExTryAcquirePushLockSharedEx(PEX_PUSH_LOCK PushLock, ULONG Flags);
VOID VfExReleasePushLockExclusiveEx(PEX_PUSH_LOCK PushLock, ULONG Flags);
VOID VfExReleasePushLockSharedEx(PEX_PUSH_LOCK PushLock, ULONG Flags);
VOID VfExReleasePushLockEx(PEX_PUSH_LOCK PushLock, ULONG Flags);
VOID VfExfAcquirePushLockExclusive(PEX_PUSH_LOCK PushLock);
VOID VfExfAcquirePushLockShared(PEX_PUSH_LOCK PushLock);
BOOLEAN VfExfTryAcquirePushLockShared(PEX_PUSH_LOCK PushLock);
VOID VfExfReleasePushLockExclusive(PEX_PUSH_LOCK PushLock);
VOID VfExfReleasePushLockShared(PEX_PUSH_LOCK PushLock);
VOID VfExfReleasePushLock(PEX_PUSH_LOCK PushLock);
