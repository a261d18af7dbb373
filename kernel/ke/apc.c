/* apc.c - asynchronous procedure calls: queued to a thread, run in its context.
 *
 * Three kinds: a special kernel APC (no normal routine) runs at APC_LEVEL whenever the thread is below APC_LEVEL and
 * not in a guarded region; a normal kernel APC runs at PASSIVE_LEVEL, and only outside critical regions and not inside
 * another normal one; a user APC ends a user-mode wait and is otherwise only kept, until the thread's end runs it down.
 * A thread has one list per mode, in its ApcState, under the thread's lock; while it is attached to another process,
 * those of its own lie aside (process.c), and what is queued there waits for the return. In the kernel list the
 * specials come first, FIFO within each kind, so delivery always looks at the head.
 * Delivery is the APC interrupt, which the processor takes when CR8 falls below APC_LEVEL, whoever lowers it. It is
 * requested by: an insert to the running thread; the switch to a thread with KernelApcPending; the end of a critical or
 * guarded region. A waiting thread that could take the APC is woken for it and waits again afterwards (wait.c).
 * The interrupt may come between any two instructions of the thread, so its SSE registers are set aside. */
#include "ki.h"

void KiInitializeApcState(PKTHREAD Thread, PKPROCESS Process)
{
    InitializeListHead(&Thread->ApcState.ApcListHead[KernelMode]);
    InitializeListHead(&Thread->ApcState.ApcListHead[UserMode]);
    Thread->ApcState.Process = Process;
    Thread->ApcState.KernelApcInProgress = FALSE;
    Thread->ApcState.KernelApcPending = FALSE;
    Thread->ApcState.UserApcPending = FALSE;
    Thread->ApcStatePointer[OriginalApcEnvironment] = &Thread->ApcState;
    Thread->ApcStatePointer[AttachedApcEnvironment] = NULL;
    Thread->ApcStateIndex = OriginalApcEnvironment;
}

/* Interrupts off and Thread locked. What is to be looked for in its lists after this is what cannot run: an APC that
 * another processor has just queued is on its way, and runs first. */
ULONG64 KiLockPastApcs(PKTHREAD Thread)
{
    for (;;) {
        ULONG64 Flags = ArchDisableInterrupts();

        KiLockThread(Thread);
        if (!Thread->ApcState.KernelApcPending || Thread->SpecialApcDisable != 0 || ArchReadIrql() >= APC_LEVEL ||
            !ArchInterruptsWereOn(Flags))
            return Flags;
        KiUnlockThread(Thread);
        ArchRestoreInterrupts(Flags);
        ArchPause();
    }
}

void KiCloseApcQueue(PKTHREAD Thread)
{
    PLIST_ENTRY Head = &Thread->ApcState.ApcListHead[KernelMode];

    if (!IsListEmpty(Head))
        KeBugCheckWith(KERNEL_APC_PENDING_DURING_EXIT,
                       (ULONG_PTR)CONTAINING_RECORD(Head->Flink, KAPC, ApcListEntry),
                       (ULONG)Thread->CombinedApcDisable, ArchReadIrql(), 0,
                       "thread %p ends with a kernel APC still queued to it", Thread);
    Thread->ApcsClosed = TRUE;
}

/* May Thread take the first APC of its kernel list, once it is below APC_LEVEL? */
static PKAPC Deliverable(PKTHREAD Thread)
{
    PLIST_ENTRY Head = &Thread->ApcState.ApcListHead[KernelMode];
    PKAPC Apc;

    if (IsListEmpty(Head) || Thread->SpecialApcDisable != 0)
        return NULL;
    Apc = CONTAINING_RECORD(Head->Flink, KAPC, ApcListEntry);
    if (Apc->NormalRoutine != NULL && (Thread->KernelApcDisable != 0 || Thread->ApcState.KernelApcInProgress))
        return NULL;
    return Apc;
}

/* The next one to run, out of the list; NULL when there is none. */
static PKAPC TakeApc(PKTHREAD Thread)
{
    ULONG64 Flags = ArchDisableInterrupts();
    PKAPC Apc;

    KiLockThread(Thread);
    Thread->ApcState.KernelApcPending = FALSE;
    Thread->KernelApcDisable += Thread->RegionsEnded;
    Thread->RegionsEnded = 0;
    Apc = Deliverable(Thread);
    if (Apc != NULL) {
        RemoveEntryList(&Apc->ApcListEntry);
        Apc->Inserted = FALSE;
    }
    KiUnlockThread(Thread);
    ArchRestoreInterrupts(Flags);
    return Apc;
}

/* The thread that an APC interrupts must find itself where it was. */
static void RequireSameProcess(PKTHREAD Thread, PKPROCESS Process, PVOID Routine)
{
    if (UNLIKELY(Thread->ApcState.Process != Process))
        KeBugCheckWith(INVALID_PROCESS_ATTACH_ATTEMPT, (ULONG_PTR)Process, (ULONG_PTR)Thread->ApcState.Process,
                       Thread->ApcStateIndex, 0, "routine %p of an APC returned attached to another process", Routine);
}

/* The APC object is the kernel routine's to free, so everything is copied out first. */
static void RunApc(PKTHREAD Thread, PKAPC Apc)
{
    PKKERNEL_ROUTINE KernelRoutine = Apc->KernelRoutine;
    PKNORMAL_ROUTINE Normal = Apc->NormalRoutine, Declared = Normal;
    PVOID Context = Apc->NormalContext, Argument1 = Apc->SystemArgument1, Argument2 = Apc->SystemArgument2;
    PKPROCESS Process = Thread->ApcState.Process;

    KernelRoutine(Apc, &Normal, &Context, &Argument1, &Argument2);
    RequireSameProcess(Thread, Process, KernelRoutine);
    if (UNLIKELY(ArchReadIrql() != APC_LEVEL))
        KeBugCheckWith(IRQL_UNEXPECTED_VALUE, (ULONG_PTR)ArchReadIrql() << 16 | APC_LEVEL << 8,
                       (ULONG_PTR)KernelRoutine, (ULONG_PTR)Apc, (ULONG_PTR)Declared,
                       "the kernel routine %p of an APC returned at IRQL %u", KernelRoutine, ArchReadIrql());
    if (Normal == NULL || Declared == NULL)
        return;
    Thread->ApcState.KernelApcInProgress = TRUE;
    ArchWriteIrql(PASSIVE_LEVEL);
    Normal(Context, Argument1, Argument2);
    RequireSameProcess(Thread, Process, Normal);
    if (UNLIKELY(ArchReadIrql() != PASSIVE_LEVEL))
        KeBugCheckWith(IRQL_UNEXPECTED_VALUE, (ULONG_PTR)ArchReadIrql() << 16 | PASSIVE_LEVEL << 8,
                       (ULONG_PTR)KernelRoutine, (ULONG_PTR)Apc, (ULONG_PTR)Normal,
                       "the normal routine %p of an APC returned at IRQL %u", Normal, ArchReadIrql());
    ArchWriteIrql(APC_LEVEL);
    Thread->ApcState.KernelApcInProgress = FALSE;
}

void KiDeliverApcs(void)
{
    PKTHREAD Thread = KiCurrentThread();
    ARCH_FPU *Outer = Thread->Context.Fpu;
    PKAPC Apc = TakeApc(Thread);
    ULONG64 Flags;
    ARCH_FPU Inner;

    if (Apc == NULL)
        return;
    ArchInitializeFpu(&Inner);
    Flags = ArchDisableInterrupts();
    Thread->Context.Fpu = &Inner;
    ArchSwitchFpu(&Inner);
    ArchRestoreInterrupts(Flags);
    do
        RunApc(Thread, Apc);
    while ((Apc = TakeApc(Thread)) != NULL);
    Flags = ArchDisableInterrupts();
    if (ARCH_THIS_CPU->FpuLive)
        ArchFpuDiscard();
    Thread->Context.Fpu = Outer;
    ArchSwitchFpu(Outer);
    ArchRestoreInterrupts(Flags);
}

/* A region ended: what it held back runs before the return if the IRQL allows, else as soon as it does. */
NOINLINE void KiDeliverHeldBack(PKTHREAD Thread)
{
    if (Thread->SpecialApcDisable != 0 || IsListEmpty(&Thread->ApcState.ApcListHead[KernelMode]))
        return;
    Thread->ApcState.KernelApcPending = TRUE;
    ArchRequestApc();
}

/* Wherever Thread, which is locked, is: its APC interrupt comes as soon as it is below APC_LEVEL; Wakes: also in the
 * middle of a wait. Returns: whether its wait has been ended for it. */
static BOOLEAN RequestApc(PKTHREAD Thread, BOOLEAN Wakes, KPRIORITY Increment)
{
    UCHAR State;

    Thread->ApcState.KernelApcPending = TRUE;
    if (Thread == KiCurrentThread()) {
        ArchRequestApc();
        return FALSE;
    }
    __atomic_thread_fence(__ATOMIC_SEQ_CST);    /* with wait.c, Commit, and with the switch */
    State = __atomic_load_n(&Thread->State, __ATOMIC_ACQUIRE);
    if (State == Running)
        ArchSendApc(Thread->NextProcessor);
    return KiIsWaiting(State) && Thread->WaitIrql == PASSIVE_LEVEL && Wakes &&
           KiClaimWait(Thread, STATUS_KERNEL_APC, Increment);
}

/* Thread, another than the current one, is out of Count critical regions that it did not leave itself. Its count of
 * them is written where it runs and nowhere else, so it is told to: its next APC interrupt does. Interrupts off, no
 * lock held that is above a thread's. */
void KiLeaveRegionsOf(PKTHREAD Thread, ULONG Count)
{
    BOOLEAN Claimed;

    KiLockThread(Thread);
    Thread->RegionsEnded += (SHORT)Count;
    Claimed = RequestApc(Thread, Thread->SpecialApcDisable == 0, 0);
    KiUnlockThread(Thread);
    if (Claimed)
        KiReadyOne(Thread);
}

/* Thread is locked, as it is when it begins a wait that this may end. */
static BOOLEAN NotifyUser(PKTHREAD Thread, KPRIORITY Increment)
{
    if (!KiIsWaiting(Thread->State) || Thread->WaitMode != UserMode ||
        !(Thread->Alertable || Thread->ApcState.UserApcPending) || !KiClaimWait(Thread, STATUS_USER_APC, Increment))
        return FALSE;
    Thread->ApcState.UserApcPending = TRUE;
    return TRUE;
}

static BOOLEAN Notify(PKTHREAD Thread, PKAPC Apc, KPRIORITY Increment)
{
    if (Apc->ApcMode == UserMode)
        return NotifyUser(Thread, Increment);
    return RequestApc(Thread, Deliverable(Thread) != NULL, Increment);
}

static void Link(PKAPC_STATE State, PKAPC Apc)
{
    PLIST_ENTRY Head = &State->ApcListHead[(int)Apc->ApcMode], Before = Head->Blink;

    /* Behind the last special; normals that stand there wait longer. */
    if (Apc->ApcMode == KernelMode && Apc->NormalRoutine == NULL)
        while (Before != Head && CONTAINING_RECORD(Before, KAPC, ApcListEntry)->NormalRoutine != NULL)
            Before = Before->Blink;
    InsertHeadList(Before, &Apc->ApcListEntry);
}

/* ---- Public: KeInitializeApc, KeInsertQueueApc, regions, KeAreApcsDisabled, alerts ---- */

/* KeInitializeApc - Apc calls KernelRoutine and then, if given, NormalRoutine(NormalContext, ...) in Thread. Without a
 * normal routine it is a special kernel APC, whatever ApcMode says. Environment: in which process: the thread's own
 * (Original), the one it is attached to (Attached), the one it is in now (Current) or when Apc is queued (Insert).
 * IRQL: any. Undocumented. */
VOID KeInitializeApc(PRKAPC Apc, PKTHREAD Thread, KAPC_ENVIRONMENT Environment, PKKERNEL_ROUTINE KernelRoutine,
                     PKRUNDOWN_ROUTINE RundownRoutine, PKNORMAL_ROUTINE NormalRoutine, KPROCESSOR_MODE ApcMode,
                     PVOID NormalContext)
{
    Apc->Type = ApcObject;
    Apc->Size = sizeof(KAPC);
    Apc->Thread = Thread;
    Apc->KernelRoutine = KernelRoutine;
    Apc->RundownRoutine = RundownRoutine;
    Apc->NormalRoutine = NormalRoutine;
    Apc->NormalContext = NormalRoutine != NULL ? NormalContext : NULL;
    Apc->ApcMode = NormalRoutine != NULL ? ApcMode : KernelMode;
    Apc->ApcStateIndex = (CHAR)(Environment == CurrentApcEnvironment ? Thread->ApcStateIndex : Environment);
    Apc->Inserted = FALSE;
}

/* Its thread is locked. The list that Apc belongs in; NULL: there is none, or none any more. */
static PKAPC_STATE StateFor(PKAPC Apc)
{
    PKTHREAD Thread = Apc->Thread;

    if (Apc->Inserted || Thread->ApcsClosed)
        return NULL;
    if (Apc->ApcStateIndex == InsertApcEnvironment)
        Apc->ApcStateIndex = (CHAR)Thread->ApcStateIndex;
    if (UNLIKELY((UCHAR)Apc->ApcStateIndex > AttachedApcEnvironment))
        return NULL;
    return Thread->ApcStatePointer[(int)Apc->ApcStateIndex];
}

/* KeInsertQueueApc - queue Apc to its thread; Increment boosts a thread that is woken for it. IRQL: <= DISPATCH_LEVEL.
 * Returns: FALSE if it is queued already, the thread has ended, or Apc is for a process that the thread is attached to,
 * and it is attached to none. Undocumented. */
BOOLEAN KeInsertQueueApc(PRKAPC Apc, PVOID SystemArgument1, PVOID SystemArgument2, KPRIORITY Increment)
{
    ULONG64 Flags = ArchDisableInterrupts();
    PKTHREAD Thread = Apc->Thread;
    BOOLEAN Queued, Claimed = FALSE;
    PKAPC_STATE State;

    KiLockThread(Thread);
    State = StateFor(Apc);
    Queued = State != NULL;
    if (Queued) {
        Apc->SystemArgument1 = SystemArgument1;
        Apc->SystemArgument2 = SystemArgument2;
        Apc->Inserted = TRUE;
        Link(State, Apc);
        if (State == &Thread->ApcState)
            Claimed = Notify(Thread, Apc, Increment);
    }
    KiUnlockThread(Thread);
    if (Claimed)
        KiReadyOne(Thread);
    KiLeave(Flags);
    return Queued;
}

/* KeRemoveQueueApc - take Apc out of its thread's list. IRQL: <= DISPATCH_LEVEL. Returns: FALSE if it is in none: it
 * was never queued, or its kernel routine runs or has run. Undocumented. */
BOOLEAN KeRemoveQueueApc(PRKAPC Apc)
{
    ULONG64 Flags = ArchDisableInterrupts();
    BOOLEAN Inserted;

    KiLockThread(Apc->Thread);
    Inserted = Apc->Inserted;
    if (Inserted) {
        RemoveEntryList(&Apc->ApcListEntry);
        Apc->Inserted = FALSE;
    }
    KiUnlockThread(Apc->Thread);
    ArchRestoreInterrupts(Flags);
    return Inserted;
}

/* KeTakeUserApc - for a thread that ends, itself: nothing can be queued to it from now on, and each call takes one user
 * APC that it has left, oldest first. Returns: NULL when there is none. */
PKAPC KeTakeUserApc(void)
{
    PKTHREAD Thread = KiCurrentThread();
    PLIST_ENTRY Head = &Thread->ApcState.ApcListHead[UserMode];
    ULONG64 Flags = ArchDisableInterrupts();
    PKAPC Apc = NULL;

    KiLockThread(Thread);
    Thread->ApcsClosed = TRUE;
    if (!IsListEmpty(Head)) {
        Apc = CONTAINING_RECORD(RemoveHeadList(Head), KAPC, ApcListEntry);
        Apc->Inserted = FALSE;
    }
    KiUnlockThread(Thread);
    ArchRestoreInterrupts(Flags);
    return Apc;
}

/* KeEnterCriticalRegion - hold back normal kernel APCs and user APCs of the current thread; nests.
 * IRQL: <= APC_LEVEL. Source: WDK nf-ntddk-keentercriticalregion. */
VOID KeEnterCriticalRegion(VOID) { KiCurrentThread()->KernelApcDisable--; }

/* KeLeaveCriticalRegion - undo one KeEnterCriticalRegion; after the outermost, held-back APCs run before the return at
 * PASSIVE_LEVEL, else when the IRQL falls. IRQL: <= APC_LEVEL. Source: WDK nf-ntddk-keleavecriticalregion. */
VOID KeLeaveCriticalRegion(VOID)
{
    PKTHREAD Thread = KiCurrentThread();

    if (++Thread->KernelApcDisable == 0)
        KiDeliverHeldBack(Thread);
}

/* KeEnterGuardedRegion - hold back all APCs of the current thread, special ones too; nests. IRQL: <= APC_LEVEL. */
VOID KeEnterGuardedRegion(VOID) { KiCurrentThread()->SpecialApcDisable--; }

/* KeLeaveGuardedRegion - undo one KeEnterGuardedRegion; delivery as KeLeaveCriticalRegion. IRQL: <= APC_LEVEL. */
VOID KeLeaveGuardedRegion(VOID)
{
    PKTHREAD Thread = KiCurrentThread();

    if (++Thread->SpecialApcDisable == 0)
        KiDeliverHeldBack(Thread);
}

/* KeAreApcsDisabled - is the current thread in a critical or guarded region? The IRQL does not count. IRQL: any.
 * Source: WDK nf-ntddk-keareapcsdisabled. */
BOOLEAN KeAreApcsDisabled(VOID) { return KiCurrentThread()->CombinedApcDisable != 0; }

/* KeAreAllApcsDisabled - is it in a guarded region, or at APC_LEVEL or above? IRQL: any.
 * Source: WDK nf-wdm-keareallapcsdisabled. */
BOOLEAN KeAreAllApcsDisabled(VOID) { return KiCurrentThread()->SpecialApcDisable != 0 || ArchReadIrql() >= APC_LEVEL; }

/* KeAlertThread - end Thread's alertable wait in AlertMode with STATUS_ALERTED, or mark it for the next one.
 * IRQL: <= DISPATCH_LEVEL. Returns: whether it was marked already. Undocumented. */
BOOLEAN KeAlertThread(PKTHREAD Thread, KPROCESSOR_MODE AlertMode)
{
    ULONG64 Flags = ArchDisableInterrupts();
    BOOLEAN Previous, Claimed = FALSE;

    KiLockThread(Thread);
    Previous = Thread->Alerted[(int)AlertMode];
    if (!Previous) {
        Claimed = KiIsWaiting(Thread->State) && Thread->Alertable && AlertMode <= Thread->WaitMode &&
                  KiClaimWait(Thread, STATUS_ALERTED, 2);
        Thread->Alerted[(int)AlertMode] = !Claimed;
    }
    KiUnlockThread(Thread);
    if (Claimed)
        KiReadyOne(Thread);
    KiLeave(Flags);
    return Previous;
}

/* KeTestAlertThread - take the current thread's mark for AlertMode. IRQL: <= APC_LEVEL. Returns: whether it was set; if
 * it was not, queued user APCs are marked for delivery. Undocumented. */
BOOLEAN KeTestAlertThread(KPROCESSOR_MODE AlertMode)
{
    PKTHREAD Thread = KiCurrentThread();
    ULONG64 Flags = ArchDisableInterrupts();
    BOOLEAN Previous;

    KiLockThread(Thread);
    Previous = Thread->Alerted[(int)AlertMode];
    if (Previous)
        Thread->Alerted[(int)AlertMode] = FALSE;
    else if (AlertMode == UserMode && !IsListEmpty(&Thread->ApcState.ApcListHead[UserMode]))
        Thread->ApcState.UserApcPending = TRUE;
    KiUnlockThread(Thread);
    ArchRestoreInterrupts(Flags);
    return Previous;
}
