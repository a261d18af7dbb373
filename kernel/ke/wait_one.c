/* wait_one.c - a wait for one object, straight.
 *
 * Most waits are of few kinds: one object, KernelMode, not alertable, no timeout or a relative one, by a thread that
 * serves no queue or waits for that queue. They come here, and go through wait.c's protocol in one routine each;
 * whatever turns out to be different is passed to wait.c, by a call that does not come back. So nothing has to be kept
 * over a call, and of the registers only the switch saves any.
 *   TakeSignalled  the object is signalled: one compare-and-exchange on its header takes what there is to take
 *   WaitForMutant  the same for a mutant that is free
 *   SleepOn        it is not: link, commit, switch to the first of this processor's queue
 *   KiSleepOnQueue the same for a thread that comes back to the queue that it serves
 * The steps are wait.c's in wait.c's order; what is left out is only what cannot be the case here. */
#include "ki.h"

/* ---- Asleep ---- */

static NOINLINE NTSTATUS WaitInKernelMode(PVOID Object, KWAIT_REASON WaitReason, PLARGE_INTEGER Timeout)
{
    return KiWaitForOne(Object, WaitReason, KernelMode, FALSE, Timeout);
}

/* This processor has adopted Next. */
static NOINLINE NTSTATUS SwitchAsUsual(PKPCR Pcr, PKTHREAD Thread, PKTHREAD Next, BOOLEAN Timed)
{
    KiSwitchTo(Pcr, Thread, Next);
    return KiFinishOne(Thread, Timed);
}

/* Object is locked and the block linked: commit, and sleep until somebody ends the wait. */
FORCEINLINE NTSTATUS Sleep(PKTHREAD Thread, PDISPATCHER_HEADER Object, BOOLEAN Timed)
{
    PKTHREAD Next;
    PKPCR Pcr;

    KiCommitWait(Thread);
    KiUnlockObject(Object);
    Pcr = KiCurrentPcr();
    if (UNLIKELY(Thread->ApcState.KernelApcPending) || UNLIKELY(Pcr->Cpu.FpuLive) ||
        UNLIKELY(!KiTryRawLock(&Pcr->ReadyLock)))
        return KiSleepAsUsual(Thread, Timed);
    if (UNLIKELY(Pcr->NextThread != NULL) || UNLIKELY(Pcr->ReadySummary == 0)) {
        KiReleaseRawLock(&Pcr->ReadyLock);
        return KiSleepAsUsual(Thread, Timed);
    }
    Next = KiDequeueFirst(Pcr, 31u - (ULONG)__builtin_clz(Pcr->ReadySummary));
    KiAdopt(Pcr, Next);
    if (UNLIKELY(Next == Thread) || UNLIKELY(Next->ApcState.Process != Thread->ApcState.Process))
        return SwitchAsUsual(Pcr, Thread, Next, Timed);
    Pcr->ContextSwitches++;
    Next->ContextSwitches++;
    Pcr->Cpu.FpuArea = Next->Context.Fpu;
    ArchSwitchContext(&Thread->Context, &Next->Context);
    Thread = KiCurrentThread();
    if (UNLIKELY(Thread->ApcState.KernelApcPending))
        ArchRequestApc();
    if (UNLIKELY(Thread->WaitStatus != STATUS_SUCCESS) || UNLIKELY(ArchReadIrql() != Thread->WaitIrql))
        return KiFinishOne(Thread, Timed);
    if (Timed && UNLIKELY(!KiTryRemoveTimeout(Thread)))
        return KiFinishOne(Thread, Timed);
    ArchEnableInterrupts();
    return STATUS_SUCCESS;
}

FORCEINLINE void LinkBlock(PKTHREAD Thread, PDISPATCHER_HEADER Object, KWAIT_REASON WaitReason, KIRQL Irql)
{
    PKWAIT_BLOCK Block = Thread->WaitBlock;

    Thread->WaitTerms = KiWaitTerms(KernelMode, WaitReason, FALSE, Irql);
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

/* One object that is not available. The block is the thread's first, which between waits keeps what is the same for all
 * of these (KiInitializeWaitBlock). */
FORCEINLINE NTSTATUS SleepOn(PKTHREAD Thread, PDISPATCHER_HEADER Object, KWAIT_REASON WaitReason,
                             PLARGE_INTEGER Timeout, BOOLEAN Timed)
{
    const ULONG Waitable = ((1u << MaximumDispatcherObject) - 1) & ~(1u << QueueObject | 1u << GateObject);
    KIRQL Irql = ArchReadIrql();
    ULONG64 Flags = ArchDisableInterrupts();
    PKPCR Pcr = KiCurrentPcr();

    if (UNLIKELY(Irql > APC_LEVEL) || UNLIKELY(!ArchInterruptsWereOn(Flags)) || UNLIKELY(!KiTryLockObject(Object))) {
        ArchRestoreInterrupts(Flags);
        return WaitInKernelMode(Object, WaitReason, Timeout);
    }
    if (UNLIKELY(Object->SignalState > 0) || UNLIKELY(KeObjectType(Object) >= MaximumDispatcherObject) ||
        UNLIKELY(!(Waitable >> KeObjectType(Object) & 1)) ||
        (Timed && UNLIKELY(!KiTryRawLock(&Pcr->TimerQueue.Lock)))) {
        KiUnlockObject(Object);
        ArchEnableInterrupts();
        return WaitInKernelMode(Object, WaitReason, Timeout);
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

static NOINLINE NTSTATUS SleepOnOne(PKTHREAD Thread, PDISPATCHER_HEADER Object, KWAIT_REASON WaitReason)
{
    return SleepOn(Thread, Object, WaitReason, NULL, FALSE);
}

static NOINLINE NTSTATUS SleepOnOneTimed(PKTHREAD Thread, PDISPATCHER_HEADER Object, KWAIT_REASON WaitReason,
                                         PLARGE_INTEGER Timeout)
{
    return SleepOn(Thread, Object, WaitReason, Timeout, TRUE);
}

/* For KeRemoveQueue, in KernelMode and without a timeout, at IRQL <= APC_LEVEL: Queue is locked and has nothing for
 * Thread, which serves it and has given its place away. Interrupts are off, and were on. */
NTSTATUS KiSleepOnQueue(PKTHREAD Thread, PDISPATCHER_HEADER Queue)
{
    LinkBlock(Thread, Queue, WrQueue, ArchReadIrql());
    return Sleep(Thread, Queue, FALSE);
}

/* The caller's mode is KernelMode, it is not alertable and serves no queue. A free mutant is taken at once. */
static NOINLINE NTSTATUS WaitForMutant(PKTHREAD Thread, PKMUTANT Mutant, KWAIT_REASON WaitReason,
                                       PLARGE_INTEGER Timeout)
{
    ULONG64 Flags = ArchDisableInterrupts();

    if (LIKELY(KiTryLockObject(&Mutant->Header))) {
        if (LIKELY(Mutant->Header.SignalState == 1) && LIKELY(!Mutant->Abandoned) &&
            LIKELY(Thread->OneMutant == NULL)) {
            Mutant->Header.SignalState = 0;
            Mutant->OwnerThread = Thread;
            Thread->OneMutant = Mutant;
            Thread->KernelApcDisable -= Mutant->ApcDisable;
            KiUnlockObject(&Mutant->Header);
            ArchRestoreInterrupts(Flags);
            return STATUS_SUCCESS;
        }
        KiUnlockObject(&Mutant->Header);
    }
    ArchRestoreInterrupts(Flags);
    if (Timeout == NULL && Mutant->OwnerThread != Thread)
        return SleepOnOne(Thread, &Mutant->Header, WaitReason);
    return WaitInKernelMode(Mutant, WaitReason, Timeout);
}

/* The short way: an event, timer, thread, process or semaphore that is signalled, and no Wait=TRUE before. One load
 * tells; one step takes. While somebody has the lock the object is not settled, and is asked the long way. */
FORCEINLINE BOOLEAN TakeSignalled(PDISPATCHER_HEADER Object)
{
    const ULONG Keeps = 1u << EventNotificationObject | 1u << TimerNotificationObject | 1u << ThreadObject |
                        1u << ProcessObject;
    ULONG64 Word = __atomic_load_n(&Object->LockAndState, __ATOMIC_ACQUIRE);

    while ((LONG64)Word >> 32 > 0 && !(Word & HEADER_LOCKED)) {
        ULONG Type = Word & HEADER_TYPE;
        ULONG64 Rest;

        if ((Type & ~(ULONG)(EventSynchronizationObject ^ TimerSynchronizationObject)) == EventSynchronizationObject)
            Rest = (ULONG)Word;
        else if (Type == SemaphoreObject)
            Rest = Word - (1ull << 32);
        else
            return Type < MaximumDispatcherObject && (Keeps >> Type & 1);
        if (LIKELY(__atomic_compare_exchange_n(&Object->LockAndState, &Word, Rest, FALSE, __ATOMIC_ACQ_REL,
                                               __ATOMIC_ACQUIRE)))
            return TRUE;
    }
    return FALSE;
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
                               BOOLEAN Alertable, PLARGE_INTEGER Timeout)
{
    PKTHREAD Thread = KiCurrentThread();

    if (UNLIKELY(Thread->WaitNext))
        return KiWaitForOne(Object, WaitReason, WaitMode, Alertable, Timeout);
    if (TakeSignalled(Object))
        return STATUS_SUCCESS;
    if (LIKELY(((UCHAR)WaitMode | Alertable) == 0) && LIKELY(Thread->Queue == NULL)) {
        if (KeObjectType(Object) == MutantObject)
            return WaitForMutant(Thread, Object, WaitReason, Timeout);
        if (Timeout == NULL)
            return SleepOnOne(Thread, Object, WaitReason);
        if (Timeout->QuadPart < 0)
            return SleepOnOneTimed(Thread, Object, WaitReason, Timeout);
    }
    return KiWaitForOne(Object, WaitReason, WaitMode, Alertable, Timeout);
}
