/* wait_one.c - a wait for one object, straight.
 *
 * Most waits are of few kinds: one object, KernelMode, not alertable, no timeout or a relative one, by a thread that
 * serves no queue or waits for that queue. They come here, and go through wait.c's protocol in one routine each;
 * whatever turns out to be different is passed to wait.c, by a call that does not come back. So nothing has to be kept
 * over a call, and of the registers only the switch saves any. Parameters stay in the places where
 * KeWaitForSingleObject has them.
 *   TakeSignalled  the object is signalled: one compare-and-exchange on its header takes what there is to take
 *   TakeMutant     the same for a mutant that is free, under its lock
 *   LookForMutant  and for one that will be in a moment, where there are several processors
 *   SleepOn        it is not: link, commit, switch to the first of this processor's queue
 *   KiSleepOnQueue the same for a thread that comes back to the queue that it serves
 * The steps are wait.c's in wait.c's order; what is left out is only what cannot be the case here. */
#include "ki.h"

/* ---- Asleep ---- */

/* This processor has adopted Next, which is of another process. */
static NOINLINE NTSTATUS SwitchAsUsual(PKPCR Pcr, PKTHREAD Thread, PKTHREAD Next, BOOLEAN Timed)
{
    KiSwitchTo(Pcr, Thread, Next);
    return KiFinishOne(Thread, Timed);
}

/* Next, chosen with the ready lock held, is what this processor runs until somebody ends the wait. */
FORCEINLINE NTSTATUS SwitchAndReturn(PKPCR Pcr, PKTHREAD Thread, PKTHREAD Next, BOOLEAN Timed)
{
    KiAdopt(Pcr, Next);
    if (UNLIKELY(Next->ApcState.Process != Thread->ApcState.Process))
        return SwitchAsUsual(Pcr, Thread, Next, Timed);
    Thread = KiSwitchStraight(Pcr, Thread, Next);
    if (UNLIKELY(Thread->WaitStatus != STATUS_SUCCESS) || (Timed && UNLIKELY(!KiTryRemoveTimeout(Thread))))
        return KiFinishOne(Thread, Timed);
    if (UNLIKELY(ArchReadIrql() != Thread->WaitIrql))
        ArchWriteIrql(Thread->WaitIrql);
    ArchEnableInterrupts();
    return STATUS_SUCCESS;
}

/* Ready lock held, nobody is ready. */
static NOINLINE NTSTATUS SwitchToIdle(PKPCR Pcr, PKTHREAD Thread, BOOLEAN Timed)
{
    return SwitchAndReturn(Pcr, Thread, KiFindIdleThread(Pcr), Timed);
}

/* Object is locked and the block linked: commit, and sleep until somebody ends the wait. Should the thread be readied
 * into this processor's queue before it is off, it is switched to like any other. */
FORCEINLINE NTSTATUS Sleep(PKTHREAD Thread, PDISPATCHER_HEADER Object, BOOLEAN Timed)
{
    PKPCR Pcr;

    KiCommitWait(Thread);
    KiUnlockObject(Object);
    Pcr = KiCurrentPcr();
    if (UNLIKELY(Thread->ApcState.KernelApcPending) || UNLIKELY(Pcr->Cpu.FpuLive) ||
        UNLIKELY(!KiTryRawLock(&Pcr->ReadyLock)))
        return KiSleepAsUsual(Thread, Timed);
    if (UNLIKELY(Pcr->NextThread != NULL)) {
        KiReleaseRawLock(&Pcr->ReadyLock);
        return KiSleepAsUsual(Thread, Timed);
    }
    if (UNLIKELY(Pcr->ReadySummary == 0))
        return SwitchToIdle(Pcr, Thread, Timed);
    return SwitchAndReturn(Pcr, Thread, KiDequeueFirst(Pcr, 31u - (ULONG)__builtin_clz(Pcr->ReadySummary)), Timed);
}

/* The block is the thread's first, which between waits keeps what is the same for all of these, as do the thread's
 * WaitMode and Alertable (wait.c, CleanUp). */
FORCEINLINE void LinkBlock(PKTHREAD Thread, PDISPATCHER_HEADER Object, KWAIT_REASON WaitReason, KIRQL Irql)
{
    PKWAIT_BLOCK Block = Thread->WaitBlock;

    Thread->WaitReason = (UCHAR)WaitReason;
    Thread->WaitIrql = Irql;
    Block->Object = Object;
    Block->BlockState = BlockLinked;
    InsertTailList(&Object->WaitListHead, &Block->WaitListEntry);
}

/* Thread's timeout is this processor's next one. */
static NOINLINE NTSTATUS ArmAndSleep(PKPCR Pcr, PKTHREAD Thread, PDISPATCHER_HEADER Object)
{
    KiArmClockEarlier(Pcr, Thread->Timeout.DueTime);
    return Sleep(Thread, Object, TRUE);
}

/* A mutant that looks free. FALSE: it is not, or not simply. */
FORCEINLINE BOOLEAN TakeMutant(PKMUTANT Mutant)
{
    ULONG64 Flags = ArchDisableInterrupts();
    PKTHREAD Thread = KiCurrentThread();

    if (UNLIKELY(!ArchInterruptsWereOn(Flags)))
        return FALSE;
    if (UNLIKELY(!KiTryLockObject(&Mutant->Header))) {
        ArchEnableInterrupts();
        return FALSE;
    }
    if (UNLIKELY(Mutant->Header.SignalState != 1) || UNLIKELY(Mutant->Abandoned) ||
        UNLIKELY(Thread->OneMutant != NULL)) {
        KiUnlockObject(&Mutant->Header);
        ArchEnableInterrupts();
        return FALSE;
    }
    Mutant->Header.SignalState = 0;
    Mutant->OwnerThread = Thread;
    Thread->OneMutant = Mutant;
    Thread->KernelApcDisable -= Mutant->ApcDisable;
    KiUnlockObject(&Mutant->Header);
    ArchEnableInterrupts();
    return TRUE;
}

/* Mutant is another's, on another processor maybe, and not for long; and nobody waits for it. Sleeping and being woken
 * costs many times what it is mostly held for, and once there is a line, each owner would pay that, since it is handed
 * over. So look for a moment, for less than an idle processor does. Who looks is not in line yet; nobody in line is
 * overtaken, since the mutant is not seen free then. */
static NOINLINE BOOLEAN LookForMutant(PKMUTANT Mutant)
{
    ULONG64 End = KiQueryTime() + KiLookTime / 2;

    do {
        if (Mutant->Header.SignalState == 1 && TakeMutant(Mutant))
            return TRUE;
        ArchPause();
    } while (IsListEmpty(&Mutant->Header.WaitListHead) && KiQueryTime() < End);
    return FALSE;
}

/* Interrupts are as they were. */
static NOINLINE NTSTATUS WaitAsUsual(PVOID Object, KWAIT_REASON WaitReason, PLARGE_INTEGER Timeout)
{
    if (KeObjectType(Object) == MutantObject && KiProcessorCount > 1 && Timeout == NULL &&
        ((PKMUTANT)Object)->OwnerThread != KiCurrentThread() && LookForMutant(Object))
        return STATUS_SUCCESS;
    return KiWaitForOne(Object, WaitReason, KernelMode, FALSE, Timeout);
}

/* What may be slept on, by its type while it is locked. A mutant may if it is not the caller's own; the first in line
 * looks for it before. */
enum { NotHere, Sleepable, IfAnothers };

static const UCHAR Sleepers[256] = {
    [HEADER_LOCKED | EventNotificationObject] = Sleepable, [HEADER_LOCKED | EventSynchronizationObject] = Sleepable,
    [HEADER_LOCKED | TimerNotificationObject] = Sleepable, [HEADER_LOCKED | TimerSynchronizationObject] = Sleepable,
    [HEADER_LOCKED | ThreadObject] = Sleepable,            [HEADER_LOCKED | ProcessObject] = Sleepable,
    [HEADER_LOCKED | SemaphoreObject] = Sleepable,         [HEADER_LOCKED | MutantObject] = IfAnothers,
};

FORCEINLINE BOOLEAN MaySleepOn(PDISPATCHER_HEADER Object, PKTHREAD Thread)
{
    UCHAR Kind = Sleepers[Object->Type];

    if (UNLIKELY(Object->SignalState > 0))
        return FALSE;
    return LIKELY(Kind == Sleepable) ||
           (Kind == IfAnothers && CONTAINING_RECORD(Object, KMUTANT, Header)->OwnerThread != Thread &&
            (KiProcessorCount == 1 || !IsListEmpty(&Object->WaitListHead)));
}

/* One object that is not available. */
FORCEINLINE NTSTATUS SleepOn(PDISPATCHER_HEADER Object, KWAIT_REASON WaitReason, PLARGE_INTEGER Timeout, BOOLEAN Timed)
{
    KIRQL Irql = ArchReadIrql();
    ULONG64 Flags = ArchDisableInterrupts();
    PKTHREAD Thread = KiCurrentThread();
    PKPCR Pcr = KiCurrentPcr();

    if (UNLIKELY(!ArchInterruptsWereOn(Flags)))
        return WaitAsUsual(Object, WaitReason, Timeout);
    if (UNLIKELY(Irql > APC_LEVEL) || UNLIKELY(!KiTryLockObject(Object))) {
        ArchEnableInterrupts();
        return WaitAsUsual(Object, WaitReason, Timeout);
    }
    if (UNLIKELY(!MaySleepOn(Object, Thread)) || (Timed && UNLIKELY(!KiTryRawLock(&Pcr->TimerQueue.Lock)))) {
        KiUnlockObject(Object);
        ArchEnableInterrupts();
        return WaitAsUsual(Object, WaitReason, Timeout);
    }
    LinkBlock(Thread, Object, WaitReason, Irql);
    if (Timed) {
        ULONG64 Due = KiQueryTime() - (ULONG64)Timeout->QuadPart;

        Thread->TimeoutQueued = TRUE;
        if (UNLIKELY(KiInsertAhead(Pcr, &Thread->Timeout, Due, TIMER_ENTRY_TIMEOUT)))
            return ArmAndSleep(Pcr, Thread, Object);
    }
    return Sleep(Thread, Object, Timed);
}

static NOINLINE NTSTATUS SleepOnOne(PVOID Object, KWAIT_REASON WaitReason)
{
    return SleepOn(Object, WaitReason, NULL, FALSE);
}

static NOINLINE NTSTATUS SleepOnOneTimed(PVOID Object, KWAIT_REASON WaitReason, KPROCESSOR_MODE WaitMode,
                                         BOOLEAN Alertable, PLARGE_INTEGER Timeout)
{
    UNREFERENCED_PARAMETER(WaitMode);
    UNREFERENCED_PARAMETER(Alertable);
    return SleepOn(Object, WaitReason, Timeout, TRUE);
}

/* For KeRemoveQueue, in KernelMode, at IRQL <= APC_LEVEL: Queue is locked and has nothing for Thread, which serves it
 * and has given its place away. Interrupts are off, and were on. */
NTSTATUS KiSleepOnQueue(PKTHREAD Thread, PDISPATCHER_HEADER Queue)
{
    LinkBlock(Thread, Queue, WrQueue, ArchReadIrql());
    return Sleep(Thread, Queue, FALSE);
}

/* The same for at most Timeout, which is relative. */
NTSTATUS KiSleepOnQueueTimed(PKTHREAD Thread, PDISPATCHER_HEADER Queue, PLARGE_INTEGER Timeout)
{
    LinkBlock(Thread, Queue, WrQueue, ArchReadIrql());
    KiQueueTimeout(Thread, KiQueryTime() - (ULONG64)Timeout->QuadPart, 0);
    return Sleep(Thread, Queue, TRUE);
}

/* ---- Taken at once ---- */

/* Object is as Word says, signalled and unlocked, and no mutant: one step takes what its type gives. FALSE: another was
 * there first, or it is not known here. */
FORCEINLINE BOOLEAN TakeSignalled(PDISPATCHER_HEADER Object, ULONG64 Word)
{
    const ULONG Keeps = 1u << EventNotificationObject | 1u << TimerNotificationObject | 1u << ThreadObject |
                        1u << ProcessObject;
    UCHAR Type = (UCHAR)Word;
    ULONG64 Rest;

    if ((Type & ~(EventSynchronizationObject ^ TimerSynchronizationObject)) == EventSynchronizationObject)
        Rest = (ULONG)Word;
    else if (Type == SemaphoreObject)
        Rest = Word - (1ull << 32);
    else
        return Type < MaximumDispatcherObject && (Keeps >> Type & 1);
    return LIKELY(__atomic_compare_exchange_n(&Object->LockAndState, &Word, Rest, FALSE, __ATOMIC_ACQ_REL,
                                              __ATOMIC_RELAXED));
}

/* ---- Public ---- */

/* KeWaitForSingleObject - wait until Object is signalled, and take what its type gives to a waiter.
 * Timeout: 100 ns, negative relative, positive absolute since 1601, 0 test only, NULL for ever.
 * IRQL: <= APC_LEVEL; DISPATCH_LEVEL with a zero timeout.
 * Returns: STATUS_SUCCESS, STATUS_ABANDONED_WAIT_0, STATUS_TIMEOUT, STATUS_ALERTED, STATUS_USER_APC.
 * Raises: STATUS_MUTANT_LIMIT_EXCEEDED when the owner of a mutant has taken it 2^31 times.
 * Errors: blocking at DISPATCH_LEVEL is 0xB8 in a DPC, else 0xA; an object of no known type is 0xC4.
 * Source: WDK nf-wdm-kewaitforsingleobject, Return value and Remarks. */
NTSTATUS KeWaitForSingleObject(PVOID Object, KWAIT_REASON WaitReason, KPROCESSOR_MODE WaitMode,
                               BOOLEAN Alertable, PLARGE_INTEGER volatile Timeout)
{
    PDISPATCHER_HEADER Header = Object;
    ULONG64 Word = __atomic_load_n(&Header->LockAndState, __ATOMIC_ACQUIRE);

    if (UNLIKELY(KiCurrentThread()->WaitNext))
        return KiWaitForOne(Object, WaitReason, WaitMode, Alertable, Timeout);
    if ((LONG64)Word > MAXULONG) {      /* signalled; a lock that is held is no known type */
        if ((UCHAR)Word == MutantObject) {
            if (LIKELY(TakeMutant(Object)))
                return STATUS_SUCCESS;
        } else if (LIKELY(TakeSignalled(Header, Word))) {
            return STATUS_SUCCESS;
        }
        if (((UCHAR)WaitMode | Alertable) == 0)
            return WaitAsUsual(Object, WaitReason, Timeout);
        return KiWaitForOne(Object, WaitReason, WaitMode, Alertable, Timeout);
    }
    if (UNLIKELY(((UCHAR)WaitMode | Alertable) != 0) || UNLIKELY(KiCurrentThread()->Queue != NULL))
        return KiWaitForOne(Object, WaitReason, WaitMode, Alertable, Timeout);
    if (LIKELY(Timeout == NULL))
        return SleepOnOne(Object, WaitReason);
    if (LIKELY(Timeout->QuadPart < 0))
        return SleepOnOneTimed(Object, WaitReason, WaitMode, Alertable, Timeout);
    return KiWaitForOne(Object, WaitReason, WaitMode, Alertable, Timeout);
}
