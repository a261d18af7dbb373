/* ktest.c - the runner of the in-kernel tests: chooses, runs, watches, reports.
 *
 * The linker puts every TEST of the kernel into one table, suite after suite. The runner takes those that
 * the selection names, in the order of their lines, and gives each a fresh system thread. It waits for the
 * test's word that it is done, not for the thread's end, because of this:
 *
 *   A test that gives up early may leave helper threads blocked on objects on its stack. If the stack went
 *   away, the next thread on it would find its locals on a wait list. So a test that leaves threads behind
 *   has failed, and its own thread parks for ever, keeping what the helpers wait on.
 *
 * Failures are recorded by any thread, DPC or interrupt of the test into a fixed array by an interlocked
 * index; only the runner, at PASSIVE_LEVEL, formats them. The runner's priority is above that of the tests,
 * so that one which spins cannot keep it from seeing that a minute has passed: it names the test and ends
 * the run. A test that spins with interrupts shut out on the only processor is caught by the launcher's
 * clock instead; the comment that precedes each test in the TAP stream tells which one it was.
 *
 * TAP 14, one result per test; a failure has a YAML block, a sequence with one entry per broken expectation:
 *   not ok 3 - ke.event.pulse_wakes_waiters
 *     ---
 *     - file: tests/ke/event_test.c
 *       line: 42
 *       expression: "State == 0"
 *       left: 1 (0x1)
 *       right: 0 (0x0)
 *     ... */
#include "ktest.h"
#include "ktestp.h"

#include <ke/apc.h>
#include <ke/bugcheck.h>
#include <ke/clock.h>
#include <ke/event.h>
#include <ke/irql.h>
#include <ps/system_thread.h>
#include <rtl/debug.h>
#include <rtl/print.h>
#include <rtl/status.h>
#include <rtl/string.h>

enum { MAX_TESTS = 4096, MAX_FAILURES = 16, NAME_SIZE = 160, LINE_SIZE = 512, RUNNER_PRIORITY = 30 };
enum { REPEAT_UNITS = 50000000 };       /* five seconds: what a test that repeats itself may take in real time */

extern const KTEST KtestTableStart[], KtestTableEnd[];

typedef struct _FAILURE {
    const char *File, *Expression;
    int Line;
    LONG64 Left, Right;
} FAILURE;

/* The test in progress. One runs at a time. (r) runner  (t) the test's thread  (a) anybody, interlocked */
static struct {
    const KTEST *Test;                  /* (r) */
    PKTHREAD Thread;                    /* (r) */
    ULONG64 Start;                      /* (r) interrupt time */
    KEVENT Done;
    FAILURE Failures[MAX_FAILURES];     /* (a) slot by slot */
    volatile LONG FailureCount;         /* (a) may exceed MAX_FAILURES */
    const char *volatile SkipReason;    /* (a) NULL: not skipped */
} Current;

static struct {
    const KTEST *Tests[MAX_TESTS];
    ULONG Total, Done, Passed, Failed, Skipped;
    ULONG SuitePassed, SuiteFailed, SuiteSkipped;
    char Suite[NAME_SIZE];              /* dotted name of the suite in progress */
    void (*Tap)(const char *Text, SIZE_T Length);
    const KTEST_VIEW *View;
} Run;

/* ---- Names and selection ---- */

static void DotSuite(char *Buffer, SIZE_T Size, const char *Suite)
{
    SIZE_T At;

    for (At = 0; Suite[At] != '\0' && At + 1 < Size; At++)
        Buffer[At] = Suite[At] == '_' ? '.' : Suite[At];
    Buffer[At] = '\0';
}

static void FullName(char *Buffer, SIZE_T Size, const KTEST *Test)
{
    char Suite[NAME_SIZE];

    DotSuite(Suite, sizeof Suite, Test->Suite);
    RtlFormat(Buffer, Size, "%s.%s", Suite, Test->Name);
}

/* A pattern selects a test whose whole name it matches, or that lies below the suite it names. Tests that
 * fail on purpose must be meant. */
static BOOLEAN PatternSelects(const char *Pattern, const char *Name)
{
    static const char OnPurpose[] = "negative.";
    SIZE_T Length = strlen(Pattern), Prefix = sizeof OnPurpose - 1;

    if (strncmp(Name, OnPurpose, Prefix) == 0 && strncmp(Pattern, OnPurpose, Prefix) != 0)
        return FALSE;
    return RtlMatchPattern(Pattern, Name) || (strncmp(Pattern, Name, Length) == 0 && Name[Length] == '.');
}

static BOOLEAN Selected(const char *Selection, const KTEST *Test)
{
    char Name[NAME_SIZE], Pattern[NAME_SIZE];
    SIZE_T Length;

    FullName(Name, sizeof Name, Test);
    if (*Selection == '\0')
        return PatternSelects("*", Name);
    for (; *Selection != '\0'; Selection += Length + (Selection[Length] == ',')) {
        const char *Comma = strchr(Selection, ',');

        Length = Comma != NULL ? (SIZE_T)(Comma - Selection) : strlen(Selection);
        RtlFormat(Pattern, sizeof Pattern, "%.*s", (int)Length, Selection);
        if (Length != 0 && PatternSelects(Pattern, Name))
            return TRUE;
    }
    return FALSE;
}

static BOOLEAN ComesBefore(const KTEST *A, const KTEST *B)
{
    int Order = strcmp(A->Suite, B->Suite);

    if (Order == 0)
        Order = strcmp(A->File, B->File);
    return Order != 0 ? Order < 0 : A->Line < B->Line;
}

/* The compiler emits the tests of a file in an order of its own, usually backwards: sort by insertion. */
static void ChooseTests(const char *Selection)
{
    const KTEST *Test;
    ULONG At;

    Run.Total = 0;
    for (Test = KtestTableStart; Test < KtestTableEnd; Test++) {
        if (!Selected(Selection, Test))
            continue;
        RtlRequire(Run.Total < MAX_TESTS);
        for (At = Run.Total++; At > 0 && ComesBefore(Test, Run.Tests[At - 1]); At--)
            Run.Tests[At] = Run.Tests[At - 1];
        Run.Tests[At] = Test;
    }
}

/* ---- Reporting ---- */

static void TapPrint(const char *Format, ...)
{
    char Text[LINE_SIZE];
    va_list Arguments;
    int Length;

    va_start(Arguments, Format);
    Length = RtlFormatV(Text, sizeof Text, Format, Arguments);
    va_end(Arguments);
    Run.Tap(Text, Length < (int)sizeof Text ? (SIZE_T)Length : sizeof Text - 1);
}

/* The text of Expression inside YAML's double quotes. */
static void Quote(char *Buffer, SIZE_T Size, const char *Expression)
{
    SIZE_T At = 0;

    for (; *Expression != '\0' && At + 2 < Size; Expression++) {
        if (*Expression == '"' || *Expression == '\\')
            Buffer[At++] = '\\';
        Buffer[At++] = *Expression == '\n' ? ' ' : *Expression;
    }
    Buffer[At] = '\0';
}

static void ReportFailure(const char *Name, const FAILURE *Failure)
{
    char Quoted[LINE_SIZE / 2], Text[LINE_SIZE];

    Quote(Quoted, sizeof Quoted, Failure->Expression);
    TapPrint("  - file: %s\n    line: %d\n    expression: \"%s\"\n", Failure->File, Failure->Line, Quoted);
    TapPrint("    left: %I64d (0x%I64x)\n    right: %I64d (0x%I64x)\n",
             Failure->Left, Failure->Left, Failure->Right, Failure->Right);
    RtlFormat(Text, sizeof Text, "%s: %s: left %I64d (0x%I64x), right %I64d (0x%I64x)", Name,
              Failure->Expression, Failure->Left, Failure->Left, Failure->Right, Failure->Right);
    LogPrint("%s:%d: FAILED %s\n", Failure->File, Failure->Line, Text);
    if (Run.View != NULL)
        Run.View->Failure(Failure->File, Failure->Line, Text);
}

static void ReportFailures(const char *Name)
{
    LONG Count = Current.FailureCount, At;

    TapPrint("  ---\n");
    for (At = 0; At < Count && At < MAX_FAILURES; At++)
        ReportFailure(Name, &Current.Failures[At]);
    if (Count > MAX_FAILURES)
        TapPrint("  # %d more are not shown\n", Count - MAX_FAILURES);
    TapPrint("  ...\n");
}

static void ReportTest(void)
{
    BOOLEAN Failed = Current.FailureCount != 0;
    char Name[NAME_SIZE];

    FullName(Name, sizeof Name, Current.Test);
    Run.Done++;
    if (Failed) {
        Run.Failed++, Run.SuiteFailed++;
        TapPrint("not ok %u - %s\n", Run.Done, Name);
        ReportFailures(Name);
    } else if (Current.SkipReason != NULL) {
        Run.Skipped++, Run.SuiteSkipped++;
        TapPrint("ok %u - %s # SKIP %s\n", Run.Done, Name, Current.SkipReason);
    } else {
        Run.Passed++, Run.SuitePassed++;
        TapPrint("ok %u - %s\n", Run.Done, Name);
    }
    if (Run.View != NULL)
        Run.View->TestEnd(Run.Suite, Current.Test->Name, !Failed, Run.Done, Run.Total, Run.Passed, Run.Failed);
}

static void EndSuite(void)
{
    if (Run.Suite[0] == '\0')
        return;
    LogPrint("%-28s %4u passed", Run.Suite, Run.SuitePassed);
    if (Run.SuiteSkipped != 0)
        LogPrint(", %u skipped", Run.SuiteSkipped);
    if (Run.SuiteFailed != 0)
        LogPrint(", %u FAILED", Run.SuiteFailed);
    LogPrint("\n");
}

static void EnterSuite(const char *Suite)
{
    char Name[NAME_SIZE];

    DotSuite(Name, sizeof Name, Suite);
    if (strcmp(Name, Run.Suite) == 0)
        return;
    EndSuite();
    RtlFormat(Run.Suite, sizeof Run.Suite, "%s", Name);
    Run.SuitePassed = Run.SuiteFailed = Run.SuiteSkipped = 0;
    if (Run.View != NULL)
        Run.View->SuiteStart(Run.Suite);
}

/* ---- One test ---- */

/* Whether the caller runs on its thread's own stack: DPCs do not, though they borrow the thread's name. */
static BOOLEAN OnThreadStack(void)
{
    ULONG_PTR Here = (ULONG_PTR)__builtin_frame_address(0);
    PKTHREAD Thread = KeGetCurrentThread();

    return Here >= (ULONG_PTR)Thread->StackLimit && Here < (ULONG_PTR)Thread->StackBase;
}

void KtestpCalmThread(void)
{
    KeLowerIrql(PASSIVE_LEVEL);
    KeGetCurrentThread()->CombinedApcDisable = 0;
}

/* The last act of a test's thread: see the theory above for why it may not return. */
static DECLSPEC_NORETURN void EndTest(void)
{
    KEVENT Never;

    KtestpCalmThread();
    if (KtestpSettleThreads() != 0) {
        KeInitializeEvent(&Never, NotificationEvent, FALSE);
        KeSetEvent(&Current.Done, IO_NO_INCREMENT, FALSE);
        for (;;)
            KeWaitForSingleObject(&Never, Executive, KernelMode, FALSE, NULL);
    }
    KeSetEvent(&Current.Done, IO_NO_INCREMENT, FALSE);
    PsTerminateSystemThread(STATUS_SUCCESS);
    KeBugCheck(KEDGE_INTERNAL_ERROR);
}

static VOID TestThread(PVOID Context)
{
    const KTEST *Test = Context;

    KeLeaveCriticalRegion();            /* every system thread starts in one */
    Test->Run();
    KTEST_COMPARE(KeGetCurrentIrql(), PASSIVE_LEVEL, ==, "the IRQL at the test's end == PASSIVE_LEVEL", (void)0);
    KTEST_COMPARE(KeGetCurrentThread()->CombinedApcDisable, 0, ==,
                  "the APC-disable counts at the test's end == 0", (void)0);
    EndTest();
}

static LONG_PTR WaitsFor(PKTHREAD Thread)
{
    return Thread->State == Waiting && Thread->WaitBlockList != NULL ? (LONG_PTR)Thread->WaitBlockList->Object : 0;
}

/* In virtual time a test may sleep for hours, and one that sleeps for ever is found as fast. The option
 * hang=SECONDS is for who expects hangs. */
static LONG HangSeconds(void)
{
    return (LONG)KtestNumber("hang", KtestVirtualTime() ? KTEST_VIRTUAL_HANG_SECONDS : KTEST_HANG_SECONDS);
}

/* Run Test to its end. Returns: FALSE if it does not come to one. */
static BOOLEAN RunTest(const KTEST *Test)
{
    LARGE_INTEGER Patience = { .QuadPart = HangSeconds() * -10000000ll };
    char Name[NAME_SIZE];
    BOOLEAN Ended;

    FullName(Name, sizeof Name, Test);
    TapPrint("# run %s\n", Name);
    Current.Test = Test;
    Current.FailureCount = 0;
    Current.SkipReason = NULL;
    Current.Start = KeQueryInterruptTime();
    KeInitializeEvent(&Current.Done, NotificationEvent, FALSE);
    Current.Thread = KtestpCreateThread(TestThread, (PVOID)Test);
    if (Current.Thread == NULL) {
        KtestFail(Test->File, Test->Line, "a thread for the test", 0, 1);
        ReportTest();
        return TRUE;
    }
    Ended = KeWaitForSingleObject(&Current.Done, Executive, KernelMode, FALSE, &Patience) != STATUS_TIMEOUT;
    if (!Ended)
        KtestFail(Test->File, Test->Line, "the test ends: its thread's state, what it waits for", Current.Thread->State,
                  WaitsFor(Current.Thread));
    ReportTest();
    if (Ended)
        KtestpReleaseThread(Current.Thread);
    return Ended;
}

static BOOLEAN RunAll(void)
{
    ULONG At;

    for (At = 0; At < Run.Total; At++) {
        EnterSuite(Run.Tests[At]->Suite);
        if (!RunTest(Run.Tests[At])) {
            TapPrint("Bail out! %s.%s does not end\n", Run.Suite, Run.Tests[At]->Name);
            LogPrint("%s.%s does not end within %d seconds: the run stops here\n", Run.Suite,
                     Run.Tests[At]->Name, HangSeconds());
            return FALSE;
        }
    }
    return TRUE;
}

/* ---- Public ---- */

/* KtestFail - record that the test in progress is broken. Any IRQL, any processor. */
void KtestFail(const char *File, int Line, const char *Expression, LONG64 Left, LONG64 Right)
{
    LONG Slot = __atomic_fetch_add(&Current.FailureCount, 1, __ATOMIC_SEQ_CST);

    if (Slot < MAX_FAILURES)
        Current.Failures[Slot] = (FAILURE){ File, Expression, Line, Left, Right };
}

/* KtestAbort - end the current thread, and with it the test if the thread is the test's own.
 * IRQL: any, but on the thread's own stack; elsewhere (a DPC) there is nothing to end, which is fatal. */
void KtestAbort(void)
{
    if (!OnThreadStack())
        KeBugCheckWith(KEDGE_INTERNAL_ERROR, (ULONG_PTR)Current.Test, Current.FailureCount, 0, 0,
                       "REQUIRE failed in a DPC or interrupt of the test %s.%s: %s", Current.Test->Suite,
                       Current.Test->Name, Current.Failures[0].Expression);
    if (KeGetCurrentThread() == Current.Thread)
        EndTest();
    KtestpCalmThread();
    PsTerminateSystemThread(STATUS_UNSUCCESSFUL);
    KeBugCheck(KEDGE_INTERNAL_ERROR);
}

/* KtestHasTime - see ktest.h. Any IRQL. */
BOOLEAN KtestHasTime(void) { return KtestVirtualTime() || KeQueryInterruptTime() - Current.Start < REPEAT_UNITS; }

/* KtestFailures - how many expectations of the test in progress are broken. Any IRQL. */
LONG KtestFailures(void) { return Current.FailureCount; }

/* KtestSkip - the test cannot be made here, for Reason. A failure recorded as well still counts. */
void KtestSkip(const char *Reason)
{
    Current.SkipReason = Reason;
}

/* KtestRun - see ktest.h. A selection that matches nothing is a failure: a mistyped name must not pass.
 * IRQL: PASSIVE_LEVEL. */
KTEST_RESULT KtestRun(const char *Selection, void (*Tap)(const char *Text, SIZE_T Length), const KTEST_VIEW *View)
{
    KPRIORITY OldPriority = KeSetPriorityThread(KeGetCurrentThread(), RUNNER_PRIORITY);
    ULONG64 Start = KeQueryInterruptTime(), Milliseconds;

    memset(&Run, 0, sizeof Run);
    Run.Tap = Tap;
    Run.View = View;
    ChooseTests(Selection);
    TapPrint("TAP version 14\n1..%u\n", Run.Total);
    if (View != NULL)
        View->Begin(Run.Total);
    if (Run.Total == 0) {
        Run.Failed = 1;
        TapPrint("Bail out! no test matches %s\n", Selection);
        LogPrint("no test matches %s\n", Selection);
    }
    if (!RunAll())
        LogPrint("%u of %u tests were not run\n", Run.Total - Run.Done, Run.Total);
    EndSuite();
    Milliseconds = (KeQueryInterruptTime() - Start) / 10000;
    LogPrint("%u skipped; %I64u.%03I64u s\n%u passed, %u failed\n", Run.Skipped, Milliseconds / 1000,
             Milliseconds % 1000, Run.Passed, Run.Failed);
    if (View != NULL)
        View->End(Run.Passed, Run.Failed, Run.Skipped, Milliseconds);
    KeSetPriorityThread(KeGetCurrentThread(), OldPriority);
    return (KTEST_RESULT){ Run.Passed, Run.Failed, Run.Skipped };
}
