/* ke_negative_test.c - misuse of the dispatcher's objects that stops the machine, for tests/misuse.t. */
#include <ktest.h>

#include <ke/irql.h>
#include <ke/spinlock.h>

static KSPIN_LOCK Lock;

/* ---- Spin locks ---- */

TEST(negative, queued_spin_lock_taken_twice)
{
    KLOCK_QUEUE_HANDLE Outer, Inner;

    KeInitializeSpinLock(&Lock);
    KeAcquireInStackQueuedSpinLock(&Lock, &Outer);
    KeAcquireInStackQueuedSpinLock(&Lock, &Inner);
}
