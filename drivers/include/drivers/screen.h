/* screen.h - what a person sees: the self-test as it runs, the verdict, the stop, and the way out. */
#pragma once

#include <rtl/ntdef.h>

/* What a self-test tells whoever shows it. All calls come from one thread, in this order: Begin, then
 * for each suite SuiteStart and its tests' TestEnd, with Failure before the TestEnd it belongs to, then
 * End. The strings are copied, but File, which stays in place. */
typedef struct _SELFTEST_VIEW {
    void (*Begin)(ULONG Total);
    void (*SuiteStart)(const char *Suite);
    void (*TestEnd)(const char *Suite, const char *Name, BOOLEAN Passed, ULONG Done, ULONG Total, ULONG Passes,
                    ULONG Failures);
    void (*Failure)(const char *File, int Line, const char *Text);
    void (*End)(ULONG Passes, ULONG Failures, ULONG Skips, ULONG64 Milliseconds);
} SELFTEST_VIEW;

/* Suites, progress, counts, failures as the self-test runs, and at its end the verdict. */
const SELFTEST_VIEW *ScreenSelftestView(void);

/* The whole screen for the log again, empty: after a self-test that is not the end of the run. */
void ScreenShowLog(void);

/* A verdict without a self-test before it (a run of drivers): the log stays readable above it. */
void ScreenShowVerdict(BOOLEAN Passed, const char *Detail);

/* The stop screen. ScreenEnterStop first, then all that is logged is laid out as a stop: a line that
 * starts in the first column opens a paragraph and is bright, one that is indented belongs to it. */
void ScreenEnterStop(void);

/* The end of the road: say which keys work, wait for one of them on the keyboard or on serial port 1.
 * In a thread it sleeps between looks; after a stop it polls. */
typedef enum _SCREEN_KEY { ScreenKeyRestart, ScreenKeyPowerOff } SCREEN_KEY;
SCREEN_KEY ScreenWaitForKey(void);
