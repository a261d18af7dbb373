/* rest.c - when is a driver done?
 *
 * A driver does not say. It has come to rest when nothing of it can run any more by itself: no thread of it is
 * ready or running or in a wait that time ends, none of its timers is armed, none of its DPCs or work items queued.
 * Threads that wait without a timeout are at rest: only DriverUnload can wake them, if anybody.
 * Many drivers never rest: a watchdog's timer fires for ever, a thread polls. What they do repeats, so the
 * run may end when it has been seen to repeat: after SETTLE_TIME, after everything that was armed at its end has
 * fired (a one-shot set for an hour is worth the wait, and in virtual time it costs nothing), and in
 * virtual time after SETTLE_EXPIRIES of repetition; but never while a thread is computing, and not while results
 * are missing that a TAP plan has announced. Real time is not free: where periodic timers alone are left, two
 * seconds and twenty expiries without a change or a printed line are repetition enough.
 * The waiting is a poll, with delays that grow: an idle moment's state is exact, and in between the drivers have the
 * machine to themselves. One quiet look may fall between two drivers that wake each other, so it takes two.
 * A call of DriverEntry or DriverUnload that waits while everything else is quiet will wait for ever. Virtual time
 * lets us see that: when HANG_TIME has passed so, the verdict need not wait for the launcher's timeout. */
#include "ldrp.h"
#include <ex/work.h>
#include <io/timer.h>
#include <ke/activity.h>
#include <ke/clock.h>
#include <rtl/status.h>
#include <rtl/string.h>

enum { MILLISECOND = 10000 };                           /* 100 ns */
#define SECOND (1000ull * MILLISECOND)
#define SETTLE_TIME (10 * SECOND)
#define STILL_TIME (2 * SECOND)
#define HANG_TIME (60 * SECOND)
#define PLAN_TIME (600 * SECOND)                        /* how long missing results are waited for */
enum { SETTLE_EXPIRIES = 1000, SETTLE_EXTENSIONS = 16, STILL_EXPIRIES = 20, QUIET_LOOKS = 2 };

/* Since when nothing but the expiry of periodic timers has been seen. */
typedef struct _STILL {
    ULONG64 Since, Expiries, Looks;
    ULONG Threads, Timers, Lines;
} STILL;

typedef struct _WATCH {
    LDR_IMAGE *const *Images;
    ULONG Count;
    const LDR_TIMES *Times;
    ULONG64 Start;
    ULONG64 Delay, DelayLimit;
    ULONG64 Looks;              /* each is a timer expiry of our own */
    KE_ACTIVITY Now;            /* the sum over Images at the last look */
    ULONG WorkItems;            /* queued, or on their way into a worker or out of it */
    STILL Still;
} WATCH;

static void BeginWatch(WATCH *W, LDR_IMAGE *const *Images, ULONG Count, const LDR_TIMES *Times)
{
    memset(W, 0, sizeof *W);
    W->Images = Images;
    W->Count = Count;
    W->Times = Times;
    W->Start = KeQueryInterruptTime();
    W->Delay = MILLISECOND;
}

static void Look(WATCH *W)
{
    memset(&W->Now, 0, sizeof W->Now);
    W->WorkItems = 0;
    for (ULONG i = 0; i < W->Count; i++) {
        ULONG64 Base = (ULONG64)(ULONG_PTR)W->Images[i]->Base;
        KE_ACTIVITY A, *Sum = &W->Now;
        EX_WORK_ACTIVITY Work;

        /* Work first: an item that is taken in between is seen twice, rather than not at all. */
        ExQueryWorkActivity(Base, Base + W->Images[i]->Layout.SizeOfImage, &Work);
        W->WorkItems += Work.Queued + Work.Between;
        KeQueryActivity(Base, Base + W->Images[i]->Layout.SizeOfImage, &A);
        Sum->Threads += A.Threads;
        Sum->ThreadsRunnable += A.ThreadsRunnable;
        Sum->ThreadsTimed += A.ThreadsTimed;
        Sum->ThreadsBlocked += A.ThreadsBlocked;
        Sum->TimersOneShot += A.TimersOneShot;
        Sum->TimersPeriodic += A.TimersPeriodic + IoCountTimersOf(Base, Base + W->Images[i]->Layout.SizeOfImage);
        Sum->Dpcs += A.Dpcs;
        Sum->Expiries = A.Expiries;
        if (A.LastDue > Sum->LastDue)
            Sum->LastDue = A.LastDue;
    }
}

/* Delays double, up to 100 ms; where waiting is free, up to an eighth of the time that has passed. */
static LARGE_INTEGER NextDelay(WATCH *W)
{
    ULONG64 Limit = 100 * MILLISECOND, Passed = KeQueryInterruptTime() - W->Start;
    LARGE_INTEGER Interval;

    if (W->Times->Virtual && Passed / 8 > Limit)
        Limit = Passed / 8;
    Interval.QuadPart = -(LONGLONG)W->Delay;
    W->Delay = W->Delay * 2 < Limit ? W->Delay * 2 : Limit;
    W->Looks++;
    return Interval;
}

static BOOLEAN IsQuiet(const WATCH *W)
{
    const KE_ACTIVITY *A = &W->Now;

    return A->ThreadsRunnable == 0 && A->ThreadsTimed == 0 && A->TimersOneShot == 0 && A->TimersPeriodic == 0 &&
           A->Dpcs == 0 && W->WorkItems == 0;
}

static BOOLEAN ResultsAreMissing(void)
{
    const LDR_TAP *Tap = LdrpTap();

    return Tap->HasPlan && !Tap->BailedOut && LdrpTapResults() < Tap->Plan;
}

/* What must still happen before repetition is taken as such. */
typedef struct _HORIZON {
    ULONG64 Time;
    ULONG64 Expiries;
    ULONG Extensions;
} HORIZON;

static BOOLEAN IsSteady(const WATCH *W, HORIZON *H)
{
    ULONG64 Now = KeQueryInterruptTime();

    if (Now < H->Time || W->Now.ThreadsRunnable != 0 || W->Now.Dpcs != 0 || W->WorkItems != 0)
        return FALSE;
    if (W->Times->Virtual && W->Now.Expiries - H->Expiries < SETTLE_EXPIRIES + W->Looks)
        return FALSE;
    if (W->Times->Virtual && H->Extensions < SETTLE_EXTENSIONS && W->Now.LastDue > Now) {
        H->Extensions++;
        H->Time = W->Now.LastDue;
        return FALSE;
    }
    return !ResultsAreMissing() || Now - W->Start >= PLAN_TIME;
}

static BOOLEAN OnlyPeriodicTimers(const WATCH *W)
{
    const KE_ACTIVITY *A = &W->Now;

    return A->ThreadsRunnable == 0 && A->ThreadsTimed == 0 && A->TimersOneShot == 0 && A->Dpcs == 0 &&
           W->WorkItems == 0;
}

static BOOLEAN IsStill(WATCH *W)
{
    STILL *Still = &W->Still;
    const KE_ACTIVITY *A = &W->Now;
    ULONG64 Now = KeQueryInterruptTime();

    if (W->Times->Virtual)
        return FALSE;
    if (!OnlyPeriodicTimers(W) || A->Threads != Still->Threads || A->TimersPeriodic != Still->Timers ||
        LdrpTap()->Lines != Still->Lines)
        *Still = (STILL){ Now, A->Expiries, W->Looks, A->Threads, A->TimersPeriodic, LdrpTap()->Lines };
    return Now - Still->Since >= STILL_TIME &&
           A->Expiries - Still->Expiries >= STILL_EXPIRIES + W->Looks - Still->Looks && !ResultsAreMissing();
}

/* ---- Shared: LdrpWaitForRest, LdrpWaitForThread ---- */

LDR_REST LdrpWaitForRest(LDR_IMAGE *const *Images, ULONG Count, const LDR_TIMES *Times)
{
    ULONG Quiet = 0;
    HORIZON Horizon;
    WATCH W;

    BeginWatch(&W, Images, Count, Times);
    Look(&W);
    Horizon = (HORIZON){ .Time = W.Start + SETTLE_TIME, .Expiries = W.Now.Expiries };
    if (W.Now.LastDue > Horizon.Time)
        Horizon.Time = W.Now.LastDue;
    for (;; Look(&W)) {
        LARGE_INTEGER Interval;

        if (Times->HasSettle && KeQueryInterruptTime() - W.Start >= Times->Settle)
            return LdrCutOff;
        Quiet = IsQuiet(&W) ? Quiet + 1 : 0;
        if (Quiet == QUIET_LOOKS)
            return LdrAtRest;
        if (!Times->HasSettle && Quiet == 0 && (IsSteady(&W, &Horizon) || IsStill(&W)))
            return LdrSteady;
        if (Quiet != 0)
            W.Delay = MILLISECOND;
        Interval = NextDelay(&W);
        KeDelayExecutionThread(KernelMode, FALSE, &Interval);
    }
}

BOOLEAN LdrpWaitForThread(PKTHREAD Thread, LDR_IMAGE *const *Images, ULONG Count, const LDR_TIMES *Times)
{
    ULONG64 QuietSince = 0;
    LARGE_INTEGER Interval;
    WATCH W;

    BeginWatch(&W, Images, Count, Times);
    for (;;) {
        Interval = NextDelay(&W);
        if (KeWaitForSingleObject(Thread, Executive, KernelMode, FALSE, &Interval) == STATUS_SUCCESS)
            return TRUE;
        Look(&W);
        if (!Times->Virtual || !IsQuiet(&W) || !LdrpCallIsBlocked())
            QuietSince = 0;
        else if (QuietSince == 0)
            QuietSince = KeQueryInterruptTime();
        else if (KeQueryInterruptTime() - QuietSince >= HANG_TIME)
            return FALSE;
    }
}
