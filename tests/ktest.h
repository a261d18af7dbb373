/* ktest.h - the in-kernel tests: a table that the linker collects, and assertions that print both sides.
 *
 *   TEST(ke_event, set_wakes_waiters_in_fifo_order) { ... EXPECT_EQ(State, 0); }
 * names the test ke.event.set_wakes_waiters_in_fifo_order ('_' in the suite becomes '.', in the name not).
 * Each test runs in a fresh system thread at PASSIVE_LEVEL, outside any critical region. EXPECT records
 * a failure and goes on; REQUIRE ends the test. Both may be used from any thread or DPC of the test. */
#pragma once

#include <drivers/screen.h>
#include <rtl/ntdef.h>

typedef struct _KTEST {
    const char *Suite, *Name, *File;
    int Line;
    void (*Run)(void);
} KTEST;

#define TEST(SuiteName, TestName)                                                                   \
    static void SuiteName##_##TestName(void);                                                       \
    __attribute__((used, section(".ktest." #SuiteName), aligned(8)))                                \
    static const KTEST Test_##SuiteName##_##TestName = {                                            \
        #SuiteName, #TestName, __FILE__, __LINE__, SuiteName##_##TestName };                        \
    static void SuiteName##_##TestName(void)

/* Record a failure at File:Line. Operands are printed signed decimal and hex. */
void KtestFail(const char *File, int Line, const char *Expression, LONG64 Left, LONG64 Right);
DECLSPEC_NORETURN void KtestAbort(void);        /* ends the current thread, and the test if it is the test's own */
void KtestSkip(const char *Reason);             /* then return; counted apart, never as passed */
LONG KtestFailures(void);                       /* of the test in progress, up to now */

#define KTEST_COMPARE(Left, Right, Operator, Text, Then)                                            \
    do {                                                                                            \
        LONG64 KtestLeft = (LONG64)(Left), KtestRight = (LONG64)(Right);                            \
        if (!(KtestLeft Operator KtestRight)) {                                                     \
            KtestFail(__FILE__, __LINE__, Text, KtestLeft, KtestRight);                             \
            Then;                                                                                   \
        }                                                                                           \
    } while (0)

#define EXPECT_EQ(A, B) KTEST_COMPARE(A, B, ==, #A " == " #B, (void)0)
#define EXPECT_NE(A, B) KTEST_COMPARE(A, B, !=, #A " != " #B, (void)0)
#define EXPECT_GE(A, B) KTEST_COMPARE(A, B, >=, #A " >= " #B, (void)0)
#define EXPECT_LE(A, B) KTEST_COMPARE(A, B, <=, #A " <= " #B, (void)0)
#define EXPECT_GT(A, B) KTEST_COMPARE(A, B, >, #A " > " #B, (void)0)
#define EXPECT_LT(A, B) KTEST_COMPARE(A, B, <, #A " < " #B, (void)0)
#define EXPECT_TRUE(A) KTEST_COMPARE(!!(A), 1, ==, #A, (void)0)
#define EXPECT_FALSE(A) KTEST_COMPARE(!!(A), 0, ==, "!(" #A ")", (void)0)
#define REQUIRE_EQ(A, B) KTEST_COMPARE(A, B, ==, #A " == " #B, KtestAbort())
#define REQUIRE_TRUE(A) KTEST_COMPARE(!!(A), 1, ==, #A, KtestAbort())

/* ---- Helpers that several suites need (tests/support.c) ---- */
struct _KTHREAD;
/* A thread of the current test at Priority and with the caller's affinity, already started; the test's end
 * fails if it still runs. */
struct _KTHREAD *KtestThread(void (*Routine)(PVOID), PVOID Context, KPRIORITY Priority);
void KtestJoin(struct _KTHREAD *Thread);        /* wait for its end; once per thread */
/* Return once Thread is blocked in a wait on Object (NULL: any). Yields; never a guessed time. */
void KtestWaitBlocked(struct _KTHREAD *Thread, const void *Object);
/* Return once *Flag is not zero, letting other threads run meanwhile; fails the test after 30 s. */
BOOLEAN KtestWaitFor(volatile LONG *Flag);
BOOLEAN KtestVirtualTime(void);                 /* time jumps when idle (ACCEL=virtual) */
/* For a test that makes two processors meet as often as it can: go on? In real time for five seconds, since on a busy
 * host each meeting may take a turn of the host's scheduler; in virtual time always. */
BOOLEAN KtestHasTime(void);
void KtestSetVirtualTime(BOOLEAN Virtual);      /* by the roof, from the kernel option */
/* The number given by the kernel option Name, in decimal; Default if it was not given or is no number. */
ULONG64 KtestNumber(const char *Name, ULONG64 Default);
BOOLEAN KtestOptionIs(const char *Name, const char *Value);     /* was the kernel option Name=Value given? */
struct _BOOT_INFO;
void KtestSetOptions(const struct _BOOT_INFO *Info);    /* by the roof; Info stays */

/* What the runner tells whoever shows it (drivers/screen.c); all calls from one thread. */
typedef SELFTEST_VIEW KTEST_VIEW;

/* Run the tests that Selection matches ("", "ke.event.*", comma separated) and write TAP 14 through Tap.
 * Returns the number of failures. */
typedef struct _KTEST_RESULT { ULONG Passed, Failed, Skipped; } KTEST_RESULT;
KTEST_RESULT KtestRun(const char *Selection, void (*Tap)(const char *Text, SIZE_T Length), const KTEST_VIEW *View);
