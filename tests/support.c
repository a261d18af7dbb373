/* support.c - what several suites need: helper threads, and waits for a state.
 *
 * A helper thread is created at the default priority but must not run a line of the test's code before it has
 * the priority that the test asked for, or on a processor that its creator is kept from: it first waits at a
 * gate, which opens once its creator has set both. A slot remembers each thread until it is joined; what is
 * left at the test's end is given a moment to finish what it is doing, and is otherwise a failure of the test.
 *
 * Waiting for a state means: look, and if it is not there, sleep a little. The sleep is not a guess of when the
 * state comes, only of how often to look; in virtual time it costs nothing. */
#include "ktest.h"
#include "ktestp.h"

#include <arch/arch.h>
#include <ke/apc.h>
#include <ke/clock.h>
#include <ke/event.h>
#include <ke/irql.h>
#include <ob/object.h>
#include <ps/system_thread.h>
#include <rtl/boot_info.h>
#include <rtl/status.h>
#include <rtl/string.h>

enum { MAX_HELPERS = 512 };

typedef struct _HELPER {
    PKTHREAD Thread;            /* referenced; NULL: the slot is free */
    void (*Routine)(PVOID);
    PVOID Context;
    KEVENT Gate;                /* set when Thread has its priority */
} HELPER;

static HELPER Helpers[MAX_HELPERS];
static volatile LONG HelperCount;       /* slots used by this test */
static BOOLEAN VirtualTime;
static const BOOT_INFO *Options;        /* NULL: none were given */

static LONG UsedSlots(void)
{
    return HelperCount < MAX_HELPERS ? HelperCount : MAX_HELPERS;
}

static ULONG64 PatienceEnd(void)
{
    return KeQueryInterruptTime() + KTEST_PATIENCE_SECONDS * 10000000ull;
}

/* Let others run before the next look: for 0.1 ms, or where one may not sleep for an instant. */
static void LetOthersRun(void)
{
    LARGE_INTEGER Interval = { .QuadPart = -1000 };

    if (KeGetCurrentIrql() <= APC_LEVEL)
        KeDelayExecutionThread(KernelMode, FALSE, &Interval);
    else
        ArchPause();
}

static VOID HelperThread(PVOID Context)
{
    HELPER *Helper = Context;

    KeLeaveCriticalRegion();
    KeWaitForSingleObject(&Helper->Gate, Executive, KernelMode, FALSE, NULL);
    Helper->Routine(Helper->Context);
    KTEST_COMPARE(KeGetCurrentIrql(), PASSIVE_LEVEL, ==, "the IRQL at a helper thread's end == PASSIVE_LEVEL", (void)0);
    KTEST_COMPARE(KeGetCurrentThread()->CombinedApcDisable, 0, ==,
                  "the APC-disable counts at a helper thread's end == 0", (void)0);
    KtestpCalmThread();
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static HELPER *FindHelper(PKTHREAD Thread)
{
    LONG At, Used = UsedSlots();

    for (At = 0; At < Used; At++)
        if (Helpers[At].Thread == Thread)
            return &Helpers[At];
    return NULL;
}

/* Whether Thread ends within Seconds. */
static BOOLEAN Ends(PKTHREAD Thread, LONG64 Seconds)
{
    LARGE_INTEGER Patience = { .QuadPart = Seconds * -10000000 };

    return KeWaitForSingleObject(Thread, Executive, KernelMode, FALSE, &Patience) != STATUS_TIMEOUT;
}

/* ---- For the runner ---- */

PKTHREAD KtestpCreateThread(PKSTART_ROUTINE Routine, PVOID Context)
{
    HANDLE Handle;
    PVOID Thread = NULL;

    if (!NT_SUCCESS(PsCreateSystemThread(&Handle, 0, NULL, NULL, NULL, Routine, Context)))
        return NULL;
    if (!NT_SUCCESS(ObReferenceObjectByHandle(Handle, 0, NULL, KernelMode, &Thread, NULL)))
        Thread = NULL;
    ZwClose(Handle);
    return Thread;
}

void KtestpReleaseThread(PKTHREAD Thread)
{
    ObfDereferenceObject(Thread);
}

ULONG KtestpSettleThreads(void)
{
    ULONG Running = 0;
    LONG At, Used = UsedSlots();

    for (At = 0; At < Used; At++) {
        HELPER *Helper = &Helpers[At];

        if (Helper->Thread == NULL)
            continue;
        if (Ends(Helper->Thread, 1)) {
            KtestpReleaseThread(Helper->Thread);
        } else {
            Running++;
            KtestFail(__FILE__, __LINE__, "a helper thread still runs at the test's end: its number, its routine", At,
                      (LONG_PTR)Helper->Routine);
        }
        Helper->Thread = NULL;
    }
    HelperCount = 0;
    return Running;
}

/* ---- Public ---- */

/* KtestThread - start Routine(Context) in a thread at Priority, on the processors the caller may run on. Fails
 * the test, and ends the calling thread, when there is no memory for it. IRQL: PASSIVE_LEVEL. */
struct _KTHREAD *KtestThread(void (*Routine)(PVOID), PVOID Context, KPRIORITY Priority)
{
    LONG Slot = __atomic_fetch_add(&HelperCount, 1, __ATOMIC_SEQ_CST);
    HELPER *Helper = &Helpers[Slot];

    REQUIRE_TRUE(Slot < MAX_HELPERS);
    Helper->Routine = Routine;
    Helper->Context = Context;
    KeInitializeEvent(&Helper->Gate, NotificationEvent, FALSE);
    Helper->Thread = KtestpCreateThread(HelperThread, Helper);
    REQUIRE_TRUE(Helper->Thread != NULL);
    KtestWaitBlocked(Helper->Thread, &Helper->Gate);
    KeSetAffinityThread(Helper->Thread, KeGetCurrentThread()->Affinity);
    KeSetPriorityThread(Helper->Thread, Priority);
    KeSetEvent(&Helper->Gate, IO_NO_INCREMENT, FALSE);
    return Helper->Thread;
}

/* KtestJoin - return once Thread, made by KtestThread, has ended. IRQL: PASSIVE_LEVEL. */
void KtestJoin(struct _KTHREAD *Thread)
{
    HELPER *Helper = FindHelper(Thread);

    REQUIRE_TRUE(Helper != NULL);
    while (!Ends(Thread, KTEST_PATIENCE_SECONDS))
        KtestFail(__FILE__, __LINE__, "a joined thread ends: its state, its routine", Thread->State,
                  (LONG_PTR)Helper->Routine);
    Helper->Thread = NULL;
    KtestpReleaseThread(Thread);
}

/* The thread may be woken between any two loads, so its block list is loaded once. */
static BOOLEAN IsBlocked(struct _KTHREAD *Thread, const void *Object)
{
    PKWAIT_BLOCK Block = *(PKWAIT_BLOCK volatile *)&Thread->WaitBlockList;

    return Thread->State == Waiting && (Object == NULL || (Block != NULL && Block->Object == Object));
}

/* KtestWaitBlocked - return once Thread sleeps in a wait for Object, or for anything if Object is NULL.
 * The states are read without a lock: a thread marked Waiting may still be on its way off
 * its processor, which nothing but the scheduler can tell. IRQL: <= DISPATCH_LEVEL; above APC_LEVEL only
 * where Thread has another processor to run on. */
void KtestWaitBlocked(struct _KTHREAD *Thread, const void *Object)
{
    ULONG64 End = PatienceEnd();

    while (!IsBlocked(Thread, Object)) {
        if (KeQueryInterruptTime() > End) {
            KtestFail(__FILE__, __LINE__, "a thread blocks: its state, the object", Thread->State, (LONG_PTR)Object);
            return;
        }
        LetOthersRun();
    }
}

/* KtestWaitFor - return TRUE once *Flag is not zero; FALSE, and the test has failed, if that takes too long.
 * IRQL: as KtestWaitBlocked. */
BOOLEAN KtestWaitFor(volatile LONG *Flag)
{
    ULONG64 End = PatienceEnd();

    while (*Flag == 0) {
        if (KeQueryInterruptTime() > End) {
            KtestFail(__FILE__, __LINE__, "a flag becomes set: its value, its address", *Flag, (LONG_PTR)Flag);
            return FALSE;
        }
        LetOthersRun();
    }
    return TRUE;
}

void KtestSetVirtualTime(BOOLEAN Virtual)
{
    VirtualTime = Virtual;
}

BOOLEAN KtestVirtualTime(void)
{
    return VirtualTime;
}

void KtestSetOptions(const struct _BOOT_INFO *Info)
{
    Options = Info;
}

/* KtestOptionIs - see ktest.h. IRQL: any. */
BOOLEAN KtestOptionIs(const char *Name, const char *Value)
{
    char Given[64];
    const char *Text = Options != NULL ? BootOption(Options, Name, Given, sizeof Given) : NULL;

    return Text != NULL && strcmp(Text, Value) == 0;
}

/* KtestNumber - see ktest.h. IRQL: any. */
ULONG64 KtestNumber(const char *Name, ULONG64 Default)
{
    char Value[24];
    const char *Digit = Options != NULL ? BootOption(Options, Name, Value, sizeof Value) : NULL;
    ULONG64 Number = 0;

    if (Digit == NULL || *Digit == '\0')
        return Default;
    for (; *Digit >= '0' && *Digit <= '9'; Digit++)
        Number = Number * 10 + (ULONG64)(*Digit - '0');
    return *Digit == '\0' ? Number : Default;
}
