/* pushlock.c - push locks: shared and exclusive ownership in one word, without a lock of its own.
 *
 * Promise: taking a free one is one locked instruction, giving back one nobody waits for another; waiters are served
 * in the order they came, those for shared access that stand together all at once; nobody spins.
 * Method: who must wait pushes a block, on his own stack, onto a list that begins in the word, and sleeps. Whoever
 * gives the lock back while threads wait makes the oldest an owner before it wakes (hand-over): a woken thread never
 * looks at the word again, and a lock with waiters is never free.
 *
 *   word                          meaning
 *   0                             free
 *   LOCKED                        one exclusive owner
 *   LOCKED + n * SHARE            n shared owners
 *   LOCKED | WAITING | newest     threads wait; the oldest block's Sharers counts the shared owners, 0: exclusive
 *   WAITING | newest              an owner's own code has taken LOCKED away, and calls ExfTryToWakePushLock next
 *
 * Only newest -> oldest (Older) is linked by those who push. The one who hands over links Newer on his way to the
 * oldest, and leaves Oldest in the newest block for the next walk: each block is passed once, however many wait.
 * Who may change what: anybody pushes in front. What is behind belongs to the one who hands over, and there is one
 * at most: the exclusive owner, or the shared owner who counted Sharers down to 0.
 *
 *   CPU 0 hands over to the only waiter, A           CPU 1
 *   reads word = newest A
 *                                                    pushes B: word = newest B, B.Older = A
 *   exchange A -> LOCKED fails: reads newest B,
 *   links A.Newer = B, B.Sharers = 0, wakes A
 *
 * The word is not touched once somebody has been made an owner: he may free it.
 * Rejected: freeing the lock and waking (the resource of choice against convoys, as in fastmutex.c): readers that come
 * all the time would keep a writer out for ever. */
#include <ex/pushlock.h>
#include <ke/bugcheck.h>
#include <ke/event.h>
#include <ke/thread.h>
#include <rtl/status.h>

typedef struct _WAITER {
    struct _WAITER *Older;              /* fixed when pushed */
    struct _WAITER *Newer;              /* by who hands over */
    struct _WAITER *Oldest;             /* by who hands over; NULL: ask an older one */
    volatile ULONG_PTR Sharers;         /* in the oldest: shared owners of the lock */
    BOOLEAN Exclusive;
    KEVENT Event;                       /* set when it is an owner */
} __attribute__((aligned(PUSH_LOCK_SHARE))) WAITER;

typedef enum _MODE { Exclusive, Shared } MODE;

FORCEINLINE BOOLEAN Swap(PEX_PUSH_LOCK Lock, ULONG_PTR *Seen, ULONG_PTR New)
{
    return __atomic_compare_exchange_n(Lock, Seen, New, FALSE, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

FORCEINLINE ULONG_PTR Load(PEX_PUSH_LOCK Lock) { return __atomic_load_n(Lock, __ATOMIC_ACQUIRE); }
FORCEINLINE WAITER *Newest(ULONG_PTR Word) { return (WAITER *)(Word & ~(ULONG_PTR)PUSH_LOCK_BITS); }

static DECLSPEC_NORETURN NOINLINE void StopNotOwned(PEX_PUSH_LOCK Lock, const char *How)
{
    KeBugCheckWith(KERNEL_AUTO_BOOST_INVALID_LOCK_RELEASE, (ULONG_PTR)ARCH_THIS_CPU->CurrentThread, (ULONG_PTR)Lock, 0,
                   *Lock, "push lock %p (%I64x) is released, and nobody owns it%s", Lock, (ULONG64)*Lock, How);
}

static DECLSPEC_NORETURN NOINLINE void StopBadFlags(PEX_PUSH_LOCK Lock, ULONG Flags)
{
    KeBugCheckWith(INVALID_PUSH_LOCK_FLAGS, Flags, (ULONG_PTR)Lock, 0, 0, "push lock %p: there are no flags %x", Lock,
                   Flags);
}

FORCEINLINE void CheckFlags(PEX_PUSH_LOCK Lock, ULONG Flags)
{
    if (UNLIKELY(Flags & ~(ULONG)EX_PUSH_LOCK_FLAGS_KNOWN))
        StopBadFlags(Lock, Flags);
}

/* ---- Acquiring ---- */

/* Readers who come while anybody waits stand in line, so that a writer's turn comes. */
FORCEINLINE BOOLEAN MayEnter(ULONG_PTR Word, MODE Mode)
{
    if (Mode == Exclusive)
        return !(Word & PUSH_LOCK_LOCKED);
    return !(Word & PUSH_LOCK_WAITING) && Word != PUSH_LOCK_LOCKED;
}

FORCEINLINE ULONG_PTR Entered(ULONG_PTR Word, MODE Mode)
{
    return (Word | PUSH_LOCK_LOCKED) + (Mode == Shared ? PUSH_LOCK_SHARE : 0);
}

/* The word with Waiter as the newest. The first to wait is the oldest, and counts the owners that there are. */
static ULONG_PTR Pushed(WAITER *Waiter, ULONG_PTR Word)
{
    BOOLEAN First = !(Word & PUSH_LOCK_WAITING);

    Waiter->Older = First ? NULL : Newest(Word);
    Waiter->Oldest = First ? Waiter : NULL;
    Waiter->Sharers = First ? Word / PUSH_LOCK_SHARE : 0;
    return (ULONG_PTR)Waiter | PUSH_LOCK_WAITING | (Word & PUSH_LOCK_LOCKED);
}

static NOINLINE void AcquireSlowly(PEX_PUSH_LOCK Lock, MODE Mode)
{
    WAITER Waiter = { .Exclusive = Mode == Exclusive };
    ULONG_PTR Seen = Load(Lock);
    BOOLEAN Enters;

    KeInitializeEvent(&Waiter.Event, SynchronizationEvent, FALSE);
    do
        Enters = MayEnter(Seen, Mode);
    while (!Swap(Lock, &Seen, Enters ? Entered(Seen, Mode) : Pushed(&Waiter, Seen)));
    if (!Enters)
        KeWaitForSingleObject(&Waiter.Event, WrPushLock, KernelMode, FALSE, NULL);
}

FORCEINLINE void Acquire(PEX_PUSH_LOCK Lock, MODE Mode)
{
    ULONG_PTR Free = 0;

    if (UNLIKELY(!Swap(Lock, &Free, Entered(0, Mode))))
        AcquireSlowly(Lock, Mode);
}

FORCEINLINE BOOLEAN TryAcquire(PEX_PUSH_LOCK Lock, MODE Mode)
{
    ULONG_PTR Seen = 0;

    do {
        if (!MayEnter(Seen, Mode))
            return FALSE;
    } while (!Swap(Lock, &Seen, Entered(Seen, Mode)));
    return TRUE;
}

/* ---- Handing over ---- */

/* The walk of those who change nothing: the block that counts the owners. */
static WAITER *FindOldest(WAITER *From)
{
    while (From->Oldest == NULL)
        From = From->Older;
    return From->Oldest;
}

/* The same, and the way back is linked. */
static WAITER *LinkOldest(WAITER *From)
{
    WAITER *At = From;

    for (; At->Oldest == NULL; At = At->Older)
        At->Older->Newer = At;
    From->Oldest = At->Oldest;
    return From->Oldest;
}

/* From First, the oldest, on: who becomes an owner with it? Sharers: how many share; 0: one, exclusively.
 * Returns: the oldest of those who go on waiting; NULL: nobody does. */
static WAITER *FindRest(WAITER *First, const WAITER *Last, ULONG_PTR *Sharers)
{
    WAITER *At = First;

    *Sharers = 0;
    if (First->Exclusive)
        return First == Last ? NULL : First->Newer;
    for (; !At->Exclusive; At = At->Newer) {
        ++*Sharers;
        if (At == Last)
            return NULL;
    }
    return At;
}

/* A waiter's block is gone as soon as its event is set. */
static void Wake(WAITER *Waiter, const WAITER *Rest)
{
    while (Waiter != Rest) {
        WAITER *Next = Waiter->Newer;

        KeSetEvent(&Waiter->Event, IO_NO_INCREMENT, FALSE);
        Waiter = Next;
    }
}

/* The caller owns the lock alone and gives it to those who have waited longest. The newest one's Newer is NULL, so the
 * list ends there if it is taken as a whole. */
static NOINLINE void HandOver(PEX_PUSH_LOCK Lock, ULONG_PTR Seen)
{
    WAITER *First, *Rest;
    ULONG_PTR Sharers;

    do {
        First = LinkOldest(Newest(Seen));
        Rest = FindRest(First, Newest(Seen), &Sharers);
        if (Rest != NULL) {
            Rest->Sharers = Sharers;
            Newest(Seen)->Oldest = Rest;
            break;
        }
    } while (!Swap(Lock, &Seen, PUSH_LOCK_LOCKED + Sharers * PUSH_LOCK_SHARE));
    Wake(First, Rest);
}

/* ---- Releasing ---- */

static NOINLINE void ReleaseExclusiveSlowly(PEX_PUSH_LOCK Lock, ULONG_PTR Seen)
{
    if (!(Seen & PUSH_LOCK_LOCKED) || !(Seen & PUSH_LOCK_WAITING))
        StopNotOwned(Lock, " exclusively");
    if (FindOldest(Newest(Seen))->Sharers != 0)
        StopNotOwned(Lock, " exclusively, but others share it");
    HandOver(Lock, Seen);
}

FORCEINLINE void ReleaseExclusive(PEX_PUSH_LOCK Lock)
{
    ULONG_PTR Seen = PUSH_LOCK_LOCKED;

    if (UNLIKELY(!Swap(Lock, &Seen, 0)))
        ReleaseExclusiveSlowly(Lock, Seen);
}

static NOINLINE void ReleaseSharedSlowly(PEX_PUSH_LOCK Lock, ULONG_PTR Seen)
{
    WAITER *Oldest;

    while (!(Seen & PUSH_LOCK_WAITING)) {
        ULONG_PTR Left = Seen - PUSH_LOCK_SHARE;

        if (Seen <= PUSH_LOCK_SHARE)
            StopNotOwned(Lock, " for shared access");
        if (Swap(Lock, &Seen, Left == PUSH_LOCK_LOCKED ? 0 : Left))
            return;
    }
    Oldest = FindOldest(Newest(Seen));
    if (Oldest->Sharers == 0)
        StopNotOwned(Lock, " for shared access, but somebody exclusively");
    if (__atomic_sub_fetch(&Oldest->Sharers, 1, __ATOMIC_ACQ_REL) == 0)
        HandOver(Lock, Load(Lock));
}

FORCEINLINE void ReleaseShared(PEX_PUSH_LOCK Lock)
{
    ULONG_PTR Seen = PUSH_LOCK_LOCKED + PUSH_LOCK_SHARE;

    if (UNLIKELY(!Swap(Lock, &Seen, 0)))
        ReleaseSharedSlowly(Lock, Seen);
}

/* The caller is an owner of one kind or the other, and as long as he is the kind stays. */
static void ReleaseEither(PEX_PUSH_LOCK Lock)
{
    ULONG_PTR Seen = Load(Lock);
    BOOLEAN IsShared =
        Seen & PUSH_LOCK_WAITING ? FindOldest(Newest(Seen))->Sharers != 0 : Seen >= PUSH_LOCK_SHARE;

    if (IsShared)
        ReleaseShared(Lock);
    else
        ReleaseExclusive(Lock);
}

/* ---- Public ---- */

/* ExInitializePushLock - PushLock is free. IRQL: any. Source: WDK nf-wdm-exinitializepushlock. */
VOID ExInitializePushLock(PEX_PUSH_LOCK PushLock) { *PushLock = 0; }

/* ExAcquirePushLockExclusiveEx - own PushLock alone, waiting for it if need be. Not recursive. The caller has disabled
 * normal kernel APCs. Flags: EX_DEFAULT_PUSH_LOCK_FLAGS. IRQL: <= APC_LEVEL. Errors: unknown flags stop with
 * INVALID_PUSH_LOCK_FLAGS. Source: WDK nf-wdm-exacquirepushlockexclusive; bug check 0x152. */
VOID ExAcquirePushLockExclusiveEx(PEX_PUSH_LOCK PushLock, ULONG Flags)
{
    CheckFlags(PushLock, Flags);
    Acquire(PushLock, Exclusive);
}

/* ExAcquirePushLockSharedEx - own PushLock together with others who share it. Waits while somebody owns it alone, and
 * while anybody waits; so an owner may share it again only if nobody can be waiting. Otherwise as the exclusive form.
 * Source: WDK nf-wdm-exacquirepushlockshared. */
VOID ExAcquirePushLockSharedEx(PEX_PUSH_LOCK PushLock, ULONG Flags)
{
    CheckFlags(PushLock, Flags);
    Acquire(PushLock, Shared);
}

/* ExTryAcquirePushLockExclusiveEx - ExAcquirePushLockExclusiveEx if that needs no wait. Returns: TRUE if acquired.
 * Source: WDK nf-wdm-extryacquirepushlockexclusiveex. */
BOOLEAN ExTryAcquirePushLockExclusiveEx(PEX_PUSH_LOCK PushLock, ULONG Flags)
{
    CheckFlags(PushLock, Flags);
    return TryAcquire(PushLock, Exclusive);
}

/* ExTryAcquirePushLockSharedEx - ExAcquirePushLockSharedEx if that needs no wait. Returns: TRUE if acquired.
 * Source: WDK nf-wdm-extryacquirepushlocksharedex. */
BOOLEAN ExTryAcquirePushLockSharedEx(PEX_PUSH_LOCK PushLock, ULONG Flags)
{
    CheckFlags(PushLock, Flags);
    return TryAcquire(PushLock, Shared);
}

/* ExReleasePushLockExclusiveEx - give up exclusive ownership. IRQL: <= APC_LEVEL. Errors: a lock that is not owned so
 * stops with KERNEL_AUTO_BOOST_INVALID_LOCK_RELEASE. Source: WDK nf-wdm-exreleasepushlockexclusive; bug check 0x162. */
VOID ExReleasePushLockExclusiveEx(PEX_PUSH_LOCK PushLock, ULONG Flags)
{
    CheckFlags(PushLock, Flags);
    ReleaseExclusive(PushLock);
}

/* ExReleasePushLockSharedEx - give up one share. IRQL, errors: as the exclusive form.
 * Source: WDK nf-wdm-exreleasepushlockshared. */
VOID ExReleasePushLockSharedEx(PEX_PUSH_LOCK PushLock, ULONG Flags)
{
    CheckFlags(PushLock, Flags);
    ReleaseShared(PushLock);
}

/* ExReleasePushLockEx - give up whichever kind of ownership there is. IRQL, errors: as the exclusive form. */
VOID ExReleasePushLockEx(PEX_PUSH_LOCK PushLock, ULONG Flags)
{
    CheckFlags(PushLock, Flags);
    ReleaseEither(PushLock);
}

/* ---- Public: the older names, without flags ---- */

VOID ExfAcquirePushLockExclusive(PEX_PUSH_LOCK PushLock) { Acquire(PushLock, Exclusive); }
VOID ExfAcquirePushLockShared(PEX_PUSH_LOCK PushLock) { Acquire(PushLock, Shared); }
BOOLEAN ExfTryAcquirePushLockShared(PEX_PUSH_LOCK PushLock) { return TryAcquire(PushLock, Shared); }
VOID ExfReleasePushLockExclusive(PEX_PUSH_LOCK PushLock) { ReleaseExclusive(PushLock); }
VOID ExfReleasePushLockShared(PEX_PUSH_LOCK PushLock) { ReleaseShared(PushLock); }
VOID ExfReleasePushLock(PEX_PUSH_LOCK PushLock) { ReleaseEither(PushLock); }

/* ExfTryToWakePushLock - code that has taken PUSH_LOCK_LOCKED away by itself found threads waiting: they get the lock,
 * unless somebody has taken it in between, who will hand it over. IRQL: <= APC_LEVEL. */
VOID ExfTryToWakePushLock(PEX_PUSH_LOCK PushLock)
{
    ULONG_PTR Seen = Load(PushLock);

    do {
        if (!(Seen & PUSH_LOCK_WAITING) || (Seen & PUSH_LOCK_LOCKED))
            return;
    } while (!Swap(PushLock, &Seen, Seen | PUSH_LOCK_LOCKED));
    HandOver(PushLock, Seen | PUSH_LOCK_LOCKED);
}
