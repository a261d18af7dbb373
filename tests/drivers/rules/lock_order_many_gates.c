/* lock_order_many_gates.c - holds ten fast mutexes at once, taken in two orders, both times under the same resource.
 *
 * fault: 0x1001 LOCK_ORDER
 * log: now: +fast mutex */
#include "rule.h"

enum { MEMBERS = 10 };

static ERESOURCE Gate;
static FAST_MUTEX Members[MEMBERS];

static VOID Take(ULONG Count, BOOLEAN FromTheEnd)
{
    ULONG i;

    for (i = 0; i < Count; i++)
        ExAcquireFastMutexUnsafe(&Members[FromTheEnd ? Count - 1 - i : i]);
    for (i = 0; i < Count; i++)
        ExReleaseFastMutexUnsafe(&Members[i]);
}

static VOID Run(VOID)
{
    ULONG i;

    ExInitializeResourceLite(&Gate);
    for (i = 0; i < MEMBERS; i++)
        ExInitializeFastMutex(&Members[i]);
    KeEnterCriticalRegion();
    ExAcquireResourceExclusiveLite(&Gate, TRUE);
    Take(MEMBERS, FALSE);
    Take(MEMBERS, TRUE);
    ExReleaseResourceLite(&Gate);
#ifdef FAULT
    Take(2, FALSE);                             /* without the gate */
    Take(2, TRUE);
#endif
    KeLeaveCriticalRegion();
    ExDeleteResourceLite(&Gate);
}
