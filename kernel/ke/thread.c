/* thread.c - the thread object: how one begins and ends, its priority.
 *
 * Who runs when is sched.c; what a thread waits for is wait.c. The memory of a thread and its stack belong to
 * the caller: ke only says, through the reaper, when nothing runs on them any more. */
#include "ki.h"

/* Threads are at home on one processor after the other. */
static ULONG NextIdealProcessor(void)
{
    static ULONG Turns;
    KAFFINITY Active = KiActiveProcessors;

    if (Active == 0)
        return ARCH_THIS_CPU->Number;   /* the first idle thread, before anybody is online */
    for (ULONG Left = __atomic_fetch_add(&Turns, 1, __ATOMIC_RELAXED) % RtlCountBits(Active); Left != 0; Left--)
        Active &= Active - 1;
    return (ULONG)__builtin_ctzll(Active);
}

void KeInitializeThread(PKTHREAD Thread, PKPROCESS Process, PVOID StackTop, SIZE_T StackSize,
                        void (*SystemRoutine)(PKSTART_ROUTINE, PVOID), PKSTART_ROUTINE StartRoutine, PVOID StartContext,
                        KPRIORITY Priority)
{
    Thread->Header.Type = ThreadObject;
    Thread->Header.Size = sizeof(KTHREAD) / sizeof(ULONG);
    Thread->Header.SignalState = 0;
    InitializeListHead(&Thread->Header.WaitListHead);
    InitializeListHead(&Thread->MutantListHead);
    Thread->OneMutant = NULL;
    KiInitializeWaitBlock(Thread);
    Thread->State = Initialized;
    Thread->Priority = Thread->BasePriority = (SCHAR)Priority;
    Thread->Quantum = 2;
    Thread->Affinity = Process->Affinity;
    Thread->NextProcessor = ARCH_THIS_CPU->Number;
    Thread->IdealProcessor = NextIdealProcessor();
    Thread->Process = Process;
    Thread->StackBase = Thread->OwnStackBase = StackTop;
    Thread->StackLimit = Thread->OwnStackLimit = (PUCHAR)StackTop - StackSize;
    Thread->SystemRoutine = SystemRoutine;
    Thread->StartRoutine = StartRoutine;
    Thread->CreatorRoutine = KiCurrentThread() != NULL ? KiCurrentThread()->StartRoutine : NULL;
    Thread->StartContext = StartContext;
    KiInitializeApcState(Thread, Process);
    ArchInitializeContext(&Thread->Context, StackTop, KiThreadStartup, Thread);
}

BOOLEAN KeStartThread(PKTHREAD Thread)
{
    ULONG64 Flags = ArchDisableInterrupts();
    BOOLEAN Joined = KiJoinProcess(Thread);

    if (Joined) {
        KiSetThreadState(Thread, DeferredReady);
        KiReadyThread(Thread, FALSE);
    }
    KiLeave(Flags);
    return Joined;
}

/* KeTerminateThread - end the current thread: its object is signalled for ever, its stack goes to the reaper. No APC is
 * queued to it from the first moment on; who waits for it may find it still on its processor, but the reaper, who has a
 * reference, does not. */
void KeTerminateThread(void)
{
    PKTHREAD Thread = KiCurrentThread();
    PKTHREAD Woken;

    KiLockPastApcs(Thread);
    KiCloseApcQueue(Thread);
    KiUnlockThread(Thread);
    KiAbandonMutants(Thread);
    KiForgetQueue(Thread);
    KiLeaveProcess(Thread);             /* who learns that the last thread has ended finds its process ended, too */
    KiLockObject(&Thread->Header);
    Thread->Header.SignalState = 1;
    Woken = KiWakeWaiters(&Thread->Header, 0, ~0ull);
    KiUnlockObject(&Thread->Header);
    KiReadyWoken(Woken, ~0ull);
    KiRetireThread(Thread);
    KiBlockThread(Thread);
    KeBugCheckWith(KEDGE_INTERNAL_ERROR, (ULONG_PTR)Thread, 0, 0, 0, "an ended thread ran again");
}

/* KeEnterExpandedStack, KeLeaveExpandedStack - the current thread's limits, as it goes to its second stack and comes
 * back: by a return or, through unwind.c, by an exception. */
void KeEnterExpandedStack(PVOID Top, PVOID Bottom)
{
    PKTHREAD Thread = KiCurrentThread();

    Thread->StackBase = Top;
    Thread->StackLimit = Bottom;
}

void KeLeaveExpandedStack(void)
{
    PKTHREAD Thread = KiCurrentThread();

    Thread->StackBase = Thread->OwnStackBase;
    Thread->StackLimit = Thread->OwnStackLimit;
}

/* ---- Public: KeGetCurrentThread, priorities, KeSetKernelStackSwapEnable, KeQueryRuntimeThread ---- */

/* KeGetCurrentThread - the thread this code runs in. IRQL: any. */
PKTHREAD KeGetCurrentThread(VOID) { return KiCurrentThread(); }

static KPRIORITY Clamp(KPRIORITY Value, KPRIORITY Low, KPRIORITY High)
{
    return Value < Low ? Low : Value > High ? High : Value;
}

/* KeSetPriorityThread - set Thread's current priority (1..31; 0 acts as 1). The base stays, so a dynamic value above it
 * fades like a boost; the quantum starts anew. IRQL: PASSIVE_LEVEL. Returns: the current priority before.
 * Source: WDK nf-wdm-kesetprioritythread. */
KPRIORITY KeSetPriorityThread(PKTHREAD Thread, KPRIORITY Priority)
{
    ULONG64 Flags = ArchDisableInterrupts();
    KPRIORITY Previous = Thread->Priority;

    Priority = Clamp(Priority, 1, HIGH_PRIORITY);
    Thread->Quantum = 2;
    KiSetPriority(Thread, Priority);
    KiLeave(Flags);
    return Previous;
}

/* KeQueryPriorityThread - Thread's current priority, boosts included. IRQL: <= DISPATCH_LEVEL. */
KPRIORITY KeQueryPriorityThread(PKTHREAD Thread) { return Thread->Priority; }

/* KeSetBasePriorityThread - base priority = the process's + Increment, within 1..15 for a dynamic process and
 * 16..31 for a real-time one; an Increment of +-16 and beyond goes to the end of the range. The current
 * priority becomes the new base. IRQL: PASSIVE_LEVEL. Returns: the increment before, +-16 if it was at an end
 * by saturation.
 * Source: WDK nf-ntddk-kesetbaseprioritythread. */
LONG KeSetBasePriorityThread(PKTHREAD Thread, LONG Increment)
{
    ULONG64 Flags = ArchDisableInterrupts();
    KPRIORITY ProcessBase = Thread->Process->BasePriority;
    BOOLEAN RealTime = ProcessBase >= LOW_REALTIME_PRIORITY;
    KPRIORITY Low = RealTime ? LOW_REALTIME_PRIORITY : 1, High = RealTime ? HIGH_PRIORITY : LOW_REALTIME_PRIORITY - 1;
    LONG Previous = Thread->Saturation != 0 ? Thread->Saturation * 16 : Thread->BasePriority - ProcessBase;
    KPRIORITY Base;

    Thread->Saturation = (SCHAR)(Increment >= 16 ? 1 : Increment <= -16 ? -1 : 0);
    Base = Thread->Saturation > 0 ? High : Thread->Saturation < 0 ? Low : Clamp(ProcessBase + Increment, Low, High);
    Thread->BasePriority = (SCHAR)Base;
    KiSetPriority(Thread, Base);
    KiLeave(Flags);
    return Previous;
}

/* KeSetDisableBoostThread - wake-ups and waits do not boost Thread any more, or do again; a boost in force fades.
 * IRQL: <= DISPATCH_LEVEL. Returns: whether they were disabled. Undocumented. */
BOOLEAN KeSetDisableBoostThread(PKTHREAD Thread, BOOLEAN Disable)
{
    return __atomic_exchange_n(&Thread->DisableBoost, Disable, __ATOMIC_ACQ_REL);
}

/* KeSetKernelStackSwapEnable - whether the current thread's stack may be paged out during its waits. Stacks are always
 * resident, so only the answer changes. IRQL: <= APC_LEVEL. Returns: what it was; TRUE at first.
 * Source: WDK nf-ntifs-kesetkernelstackswapenable. */
BOOLEAN KeSetKernelStackSwapEnable(BOOLEAN Enable)
{
    PKTHREAD Thread = KiCurrentThread();
    BOOLEAN Previous = !Thread->StackSwapDisabled;

    Thread->StackSwapDisabled = !Enable;
    return Previous;
}

/* KeQueryRuntimeThread - clock ticks that found Thread running (KeQueryTimeIncrement units each); none in user mode.
 * IRQL: any. Source: WDK nf-wdm-kequeryruntimethread. */
ULONG KeQueryRuntimeThread(PKTHREAD Thread, PULONG UserTime)
{
    *UserTime = 0;
    return Thread->KernelTime;
}
