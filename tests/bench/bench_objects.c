/* bench_objects.c - rows of events and locks that nobody has to wait for. */
#include "bench.h"

static VOID BenchEvents(VOID)
{
    KSPIN_LOCK Lock;
    KEVENT Event;
    KIRQL Irql;

    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    MEASURE("event.set", KeSetEvent(&Event, 0, FALSE));
    KeInitializeEvent(&Event, SynchronizationEvent, FALSE);
    MEASURE("event.set_wait", KeSetEvent(&Event, 0, FALSE);
            KeWaitForSingleObject(&Event, Executive, KernelMode, FALSE, NULL));
    KeInitializeSpinLock(&Lock);
    MEASURE("spinlock.pair", KeAcquireSpinLock(&Lock, &Irql); KeReleaseSpinLock(&Lock, Irql));
}

static VOID BenchLocks(VOID)
{
    static ERESOURCE Resource;
    FAST_MUTEX FastMutex;
    KSEMAPHORE Semaphore;
    KMUTEX Mutex;

    KeInitializeMutex(&Mutex, 0);
    MEASURE("mutex.pair", KeWaitForSingleObject(&Mutex, Executive, KernelMode, FALSE, NULL);
            KeReleaseMutex(&Mutex, FALSE));
    KeInitializeSemaphore(&Semaphore, 1, 1);
    MEASURE("semaphore.pair", KeWaitForSingleObject(&Semaphore, Executive, KernelMode, FALSE, NULL);
            KeReleaseSemaphore(&Semaphore, 0, 1, FALSE));
    ExInitializeFastMutex(&FastMutex);
    MEASURE("fastmutex.pair", ExAcquireFastMutex(&FastMutex); ExReleaseFastMutex(&FastMutex));
    KeEnterCriticalRegion();
    MEASURE("fastmutex.unsafe", ExAcquireFastMutexUnsafe(&FastMutex); ExReleaseFastMutexUnsafe(&FastMutex));
    ExInitializeResourceLite(&Resource);
    MEASURE("resource.shared", ExAcquireResourceSharedLite(&Resource, TRUE); ExReleaseResourceLite(&Resource));
    MEASURE("resource.exclusive", ExAcquireResourceExclusiveLite(&Resource, TRUE); ExReleaseResourceLite(&Resource));
    ExDeleteResourceLite(&Resource);
    KeLeaveCriticalRegion();
}

VOID BenchObjects(VOID)
{
    BenchEvents();
    BenchLocks();
}
