/* fastmutex.h - what drivers are bound to with the verifier on: fast and guarded mutexes, and the event inside them. */
#pragma once

#include <ex/fastmutex.h>

VOID VfKeInitializeEvent(PRKEVENT Event, EVENT_TYPE Type, BOOLEAN State);
VOID VfExAcquireFastMutex(PFAST_MUTEX FastMutex);
BOOLEAN VfExTryToAcquireFastMutex(PFAST_MUTEX FastMutex);
VOID VfExReleaseFastMutex(PFAST_MUTEX FastMutex);
VOID VfExAcquireFastMutexUnsafe(PFAST_MUTEX FastMutex);
VOID VfExReleaseFastMutexUnsafe(PFAST_MUTEX FastMutex);
VOID VfExEnterCriticalRegionAndAcquireFastMutexUnsafe(PFAST_MUTEX FastMutex);
VOID VfExReleaseFastMutexUnsafeAndLeaveCriticalRegion(PFAST_MUTEX FastMutex);
VOID VfKeInitializeGuardedMutex(PKGUARDED_MUTEX Mutex);
VOID VfKeAcquireGuardedMutex(PKGUARDED_MUTEX Mutex);
BOOLEAN VfKeTryToAcquireGuardedMutex(PKGUARDED_MUTEX Mutex);
VOID VfKeReleaseGuardedMutex(PKGUARDED_MUTEX Mutex);
VOID VfKeAcquireGuardedMutexUnsafe(PKGUARDED_MUTEX Mutex);
VOID VfKeReleaseGuardedMutexUnsafe(PKGUARDED_MUTEX Mutex);
