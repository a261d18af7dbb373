/* timer_object.c - timers behind handles, and the APC that one may bring to the thread that set it.
 *
 * A timer without an APC is a KTIMER. One with an APC is tied to the thread that set it, until the APC has run (if it
 * is not periodic), or somebody sets or cancels the timer, or the thread ends. While tied it is referenced, so closing
 * its handle does not stop it; it is in the thread's list, and the thread's end unties it, so Thread needs no
 * reference. Its way to the APC has two steps: the expiry queues the DPC, the DPC queues the APC, which has a reference
 * of its own until its kernel routine has run or it is taken back.
 *
 * Lock: ApcLock, over Thread, the lists, Due. Taken at DISPATCH_LEVEL by the DPC, by the APC's kernel routine, and by
 * who sets, cancels or ends. Who unties takes both steps back, DPC and APC; either may be past that point, about to
 * take the lock:
 *   a late DPC       finds the timer untied: nothing to do. Or tied anew: it looks at the clock, and before Due it is
 *                    not this setting's and goes. After Due it may as well be, since an APC is queued once.
 *   a late APC       runs in its thread, so that thread has not set the timer since: unless the timer is tied to just
 *                    this thread, the APC is not this setting's, and its normal routine is not called.
 * Nor does the memory go away under them: a late APC has its reference still, and the last reference goes to a worker
 * thread, which waits for the DPCs on all processors. */
#include "obp.h"

#include <ex/mode.h>
#include <ke/apc.h>
#include <ke/clock.h>
#include <ke/thread.h>
#include <ob/timer_object.h>
#include <rtl/status.h>

#define TIMER_ALL_ACCESS 0x001F0003

typedef struct _TIMER_OBJECT {
    KTIMER Timer;
    KDPC Dpc;
    KAPC Apc;
    PKTHREAD Thread;                    /* (ApcLock) tied to; NULL: untied */
    struct _TIMER_OBJECT *Next;         /* (ApcLock) in Thread's list */
    LARGE_INTEGER Due;                  /* (ApcLock) as the thread gave it, a relative one made interrupt time */
    BOOLEAN Absolute;                   /* (ApcLock) */
    BOOLEAN Periodic;                   /* (ApcLock) */
    BOOLEAN HadApc;                     /* ever: a DPC may be under way */
} TIMER_OBJECT;

static void DeleteTimer(PVOID Object);

static OBJECT_TYPE TimerType = {
    &TimerType, "Timer", DeleteTimer, TIMER_ALL_ACCESS, { 0x00020001, 0x00020002, 0x00120000, TIMER_ALL_ACCESS },
    .DeleteAtPassive = TRUE, .Wait = OB_WAITABLE
};

static KSPIN_LOCK ApcLock;

/* By a worker thread. It is untied. */
static void DeleteTimer(PVOID Object)
{
    TIMER_OBJECT *Timer = Object;

    KeCancelTimer(&Timer->Timer);
    if (Timer->HadApc)
        KeFlushQueuedDpcs();
}

/* ---- The tie to a thread; ApcLock held ---- */

static void Tie(TIMER_OBJECT *Timer, PKTHREAD Thread)
{
    Timer->Thread = Thread;
    Timer->Next = Thread->Timers;
    Thread->Timers = Timer;
    ObfReferenceObject(Timer);
}

/* Returns: FALSE if it was not tied; else the caller gives the tie's reference back, without the lock. */
static BOOLEAN Untie(TIMER_OBJECT *Timer)
{
    TIMER_OBJECT **At;

    if (Timer->Thread == NULL)
        return FALSE;
    for (At = &Timer->Thread->Timers; *At != Timer; At = &(*At)->Next)
        ;
    *At = Timer->Next;
    Timer->Thread = NULL;
    return TRUE;
}

/* Stop Timer, and take back what is on its way. Returns: as Untie. */
static BOOLEAN Stop(TIMER_OBJECT *Timer)
{
    BOOLEAN Tied = Untie(Timer);

    KeCancelTimer(&Timer->Timer);
    if (Tied) {
        KeRemoveQueueDpc(&Timer->Dpc);
        if (KeRemoveQueueApc(&Timer->Apc))
            ObfDereferenceObject(Timer);        /* the tie's is still there */
    }
    return Tied;
}

/* By the clock that expires timers, which the page that others read lags behind. */
static BOOLEAN IsDue(const TIMER_OBJECT *Timer)
{
    LARGE_INTEGER Now;
    ULONG64 Counter;

    if (!Timer->Absolute)
        return KeQueryInterruptTimePrecise(&Counter) >= (ULONG64)Timer->Due.QuadPart;
    KeQuerySystemTimePrecise(&Now);
    return Now.QuadPart >= Timer->Due.QuadPart;
}

/* ---- The way of an APC ---- */

static VOID QueueApc(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    TIMER_OBJECT *Timer = Context;
    LARGE_INTEGER Now;

    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    KeAcquireSpinLockAtDpcLevel(&ApcLock);
    if (Timer->Thread != NULL && IsDue(Timer)) {
        KeQuerySystemTimePrecise(&Now);
        if (KeInsertQueueApc(&Timer->Apc, (PVOID)(ULONG64)Now.LowPart, (PVOID)(LONG64)Now.HighPart, 0))
            ObfReferenceObject(Timer);          /* before TakeApc, which needs the lock */
    }
    KeReleaseSpinLockFromDpcLevel(&ApcLock);
}

/* The APC's kernel routine, in the thread. */
static VOID TakeApc(PKAPC Apc, PKNORMAL_ROUTINE *NormalRoutine, PVOID *NormalContext, PVOID *Argument1,
                    PVOID *Argument2)
{
    TIMER_OBJECT *Timer = CONTAINING_RECORD(Apc, TIMER_OBJECT, Apc);
    KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&ApcLock);
    BOOLEAN Done = FALSE;

    UNREFERENCED_PARAMETER(NormalContext);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    if (Timer->Thread != KeGetCurrentThread())
        *NormalRoutine = NULL;
    else if (!Timer->Periodic)
        Done = Untie(Timer);
    KeReleaseSpinLock(&ApcLock, OldIrql);
    if (Done)
        ObfDereferenceObject(Timer);
    ObfDereferenceObject(Timer);        /* the APC's */
}

void ObRundownTimers(void)
{
    PKTHREAD Thread = KeGetCurrentThread();
    TIMER_OBJECT *Timer;

    for (;;) {
        KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&ApcLock);

        Timer = Thread->Timers;
        if (Timer != NULL)
            Stop(Timer);
        KeReleaseSpinLock(&ApcLock, OldIrql);
        if (Timer == NULL)
            return;
        ObfDereferenceObject(Timer);
    }
}

/* ---- Setting ---- */

static PVOID CreateTimer(TIMER_TYPE Type)
{
    TIMER_OBJECT *Timer = ObCreateObject(&TimerType, sizeof *Timer);

    if (Timer == NULL)
        return NULL;
    KeInitializeTimerEx(&Timer->Timer, Type);
    KeInitializeDpc(&Timer->Dpc, QueueApc, Timer);
    return Timer;
}

/* The APC of Info for the current thread; lock held. */
static void TieToCaller(TIMER_OBJECT *Timer, const TIMER_SET_COALESCABLE_TIMER_INFO *Info, KPROCESSOR_MODE Mode)
{
    PKTHREAD Thread = KeGetCurrentThread();
    ULONG64 Counter;

    KeInitializeApc(&Timer->Apc, Thread, CurrentApcEnvironment, TakeApc, NULL,
                    (PKNORMAL_ROUTINE)(PVOID)Info->TimerApcRoutine, Mode, Info->TimerContext);
    Timer->Absolute = Info->DueTime.QuadPart >= 0;
    Timer->Due = Info->DueTime;
    if (!Timer->Absolute)
        Timer->Due.QuadPart = (LONGLONG)(KeQueryInterruptTimePrecise(&Counter) - (ULONG64)Info->DueTime.QuadPart);
    Timer->Periodic = Info->Period != 0;
    Timer->HadApc = TRUE;
    Tie(Timer, Thread);
}

static void SetTimer(TIMER_OBJECT *Timer, const TIMER_SET_COALESCABLE_TIMER_INFO *Info, KPROCESSOR_MODE Mode,
                     PBOOLEAN Previous)
{
    KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&ApcLock);
    BOOLEAN Tied = Stop(Timer);

    *Previous = KeReadStateTimer(&Timer->Timer);
    if (Info->TimerApcRoutine != NULL)
        TieToCaller(Timer, Info, Mode);
    KeSetTimerEx(&Timer->Timer, Info->DueTime, (LONG)Info->Period, Timer->Thread != NULL ? &Timer->Dpc : NULL);
    KeReleaseSpinLock(&ApcLock, OldIrql);
    if (Tied)
        ObfDereferenceObject(Timer);
}

/* Info is in memory of our own but for what it points to. */
static NTSTATUS Set(HANDLE Handle, const TIMER_SET_COALESCABLE_TIMER_INFO *Info)
{
    KPROCESSOR_MODE Mode = ExGetPreviousMode();
    NTSTATUS Status = STATUS_SUCCESS;
    BOOLEAN Previous;
    PVOID Timer;

    if (Info->PreviousState != NULL)
        Status = ExCheckOutput(Mode, Info->PreviousState, sizeof(BOOLEAN), 1);
    if (NT_SUCCESS(Status))
        Status = ObReferenceObjectByHandle(Handle, TIMER_MODIFY_STATE, &TimerType, Mode, &Timer, NULL);
    if (!NT_SUCCESS(Status))
        return Status;
    SetTimer(Timer, Info, Mode, &Previous);
    if (Info->PreviousState != NULL)
        Status = ExDeliver(Mode, Info->PreviousState, &Previous, sizeof Previous, 1);
    ObfDereferenceObject(Timer);
    return Status;
}

static NTSTATUS SetByTime(HANDLE Handle, PLARGE_INTEGER DueTime, TIMER_SET_COALESCABLE_TIMER_INFO *Info)
{
    NTSTATUS Status = ExCapture(ExGetPreviousMode(), &Info->DueTime, DueTime, sizeof *DueTime, sizeof(LONG));

    if (!NT_SUCCESS(Status))
        return Status;
    if ((LONG)Info->Period < 0)
        return STATUS_INVALID_PARAMETER_6;
    return Set(Handle, Info);
}

static NTSTATUS SetByClass(HANDLE Handle, ULONG Class, PVOID Information, ULONG Length)
{
    TIMER_SET_COALESCABLE_TIMER_INFO Info;
    NTSTATUS Status;

    if (Class != TimerSetCoalescableTimer)
        return STATUS_INVALID_INFO_CLASS;
    if (Length != sizeof Info)
        return STATUS_INFO_LENGTH_MISMATCH;
    Status = ExCapture(ExGetPreviousMode(), &Info, Information, sizeof Info, sizeof(PVOID));
    if (NT_SUCCESS(Status) && ((LONG)Info.Period < 0 || (LONG)Info.TolerableDelay < 0))
        Status = STATUS_INVALID_PARAMETER;
    return NT_SUCCESS(Status) ? Set(Handle, &Info) : Status;
}

static NTSTATUS Cancel(HANDLE Handle, PBOOLEAN CurrentState)
{
    KPROCESSOR_MODE Mode = ExGetPreviousMode();
    NTSTATUS Status = STATUS_SUCCESS;
    TIMER_OBJECT *Timer;
    BOOLEAN Tied, State;
    PVOID Object;
    KIRQL OldIrql;

    if (CurrentState != NULL)
        Status = ExCheckOutput(Mode, CurrentState, sizeof *CurrentState, 1);
    if (NT_SUCCESS(Status))
        Status = ObReferenceObjectByHandle(Handle, TIMER_MODIFY_STATE, &TimerType, Mode, &Object, NULL);
    if (!NT_SUCCESS(Status))
        return Status;
    Timer = Object;
    OldIrql = KeAcquireSpinLockRaiseToDpc(&ApcLock);
    Tied = Stop(Timer);
    State = KeReadStateTimer(&Timer->Timer);
    KeReleaseSpinLock(&ApcLock, OldIrql);
    if (Tied)
        ObfDereferenceObject(Timer);
    if (CurrentState != NULL)
        Status = ExDeliver(Mode, CurrentState, &State, sizeof State, 1);
    ObfDereferenceObject(Timer);
    return Status;
}

/* ---- Public ---- */

/* ZwCreateTimer - a timer that is not set, and a handle to it. IRQL: PASSIVE_LEVEL. Returns: STATUS_INVALID_PARAMETER_4
 * for a bad TimerType, else as ZwCreateEvent. Source: WDK nf-ntddk-zwcreatetimer. */
NTSTATUS ZwCreateTimer(PHANDLE TimerHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                       TIMER_TYPE Kind)
{
    KPROCESSOR_MODE Outer;
    NTSTATUS Status;

    if (Kind != NotificationTimer && Kind != SynchronizationTimer)
        return STATUS_INVALID_PARAMETER_4;
    Outer = ExEnterService();
    Status = ObpCreateService(__builtin_return_address(0), CreateTimer(Kind), TimerHandle, DesiredAccess,
                              ObjectAttributes);
    ExLeaveService(Outer);
    return Status;
}

/* ZwOpenTimer - a handle to the timer of that name. IRQL: PASSIVE_LEVEL. Returns: as ZwOpenEvent.
 * Source: WDK nf-ntddk-zwopentimer. */
NTSTATUS ZwOpenTimer(PHANDLE TimerHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes)
{
    KPROCESSOR_MODE Outer = ExEnterService();
    NTSTATUS Status = ObpOpenService(__builtin_return_address(0), &TimerType, 0, TimerHandle, DesiredAccess,
                                     ObjectAttributes);

    ExLeaveService(Outer);
    return Status;
}

/* ZwSetTimer - (re)start the timer as KeSetTimerEx does: DueTime in 100 ns, negative relative, else since 1601; Period
 * in ms, 0: once. TimerApcRoutine, if given, is called in the current thread with TimerContext and the system time in
 * two halves after each expiry, as a normal kernel APC: at PASSIVE_LEVEL, outside critical regions. What an earlier
 * setting has under way is taken back. PreviousState: NULL, or told whether the timer was signalled. IRQL:
 * PASSIVE_LEVEL. Returns: STATUS_SUCCESS; STATUS_TIMER_RESUME_IGNORED, and the timer is set, for ResumeTimer, since
 * nothing here sleeps; STATUS_INVALID_PARAMETER_6 for a negative Period, and what is wrong with TimerHandle.
 * Source: WDK nf-ntddk-zwsettimer. */
NTSTATUS ZwSetTimer(HANDLE TimerHandle, PLARGE_INTEGER DueTime, PTIMER_APC_ROUTINE TimerApcRoutine, PVOID TimerContext,
                    BOOLEAN ResumeTimer, LONG Period, PBOOLEAN PreviousState)
{
    TIMER_SET_COALESCABLE_TIMER_INFO Info = { .TimerApcRoutine = TimerApcRoutine, .TimerContext = TimerContext,
                                              .Period = (ULONG)Period, .PreviousState = PreviousState };
    KPROCESSOR_MODE Outer = ExEnterService();
    NTSTATUS Status = SetByTime(TimerHandle, DueTime, &Info);

    ExLeaveService(Outer);
    return Status == STATUS_SUCCESS && ResumeTimer ? STATUS_TIMER_RESUME_IGNORED : Status;
}

/* ZwSetTimerEx - the same with its parameters in a structure, TimerSetCoalescableTimer. TolerableDelay (ms) is leave to
 * expire late, which is not taken; WakeContext is not looked at. IRQL: PASSIVE_LEVEL. Returns: STATUS_SUCCESS,
 * STATUS_INVALID_INFO_CLASS, STATUS_INFO_LENGTH_MISMATCH, STATUS_INVALID_PARAMETER for a negative number, and what is
 * wrong with TimerHandle. Source: WDK nf-wdm-zwsettimerex. */
NTSTATUS ZwSetTimerEx(HANDLE TimerHandle, TIMER_SET_INFORMATION_CLASS TimerSetInformationClass,
                      PVOID TimerSetInformation, ULONG TimerSetInformationLength)
{
    KPROCESSOR_MODE Outer = ExEnterService();
    NTSTATUS Status = SetByClass(TimerHandle, (ULONG)TimerSetInformationClass, TimerSetInformation,
                                 TimerSetInformationLength);

    ExLeaveService(Outer);
    return Status;
}

/* ZwCancelTimer - stop the timer, and its APC even if it is queued already. Its state stays. CurrentState: NULL, or
 * told whether it is signalled. IRQL: PASSIVE_LEVEL. Returns: STATUS_SUCCESS, and what is wrong with TimerHandle.
 * Source: WDK nf-ntddk-zwcanceltimer. */
NTSTATUS ZwCancelTimer(HANDLE TimerHandle, PBOOLEAN CurrentState)
{
    KPROCESSOR_MODE Outer = ExEnterService();
    NTSTATUS Status = Cancel(TimerHandle, CurrentState);

    ExLeaveService(Outer);
    return Status;
}
